//! Every line of a configuration, opened by one call, over real sockets.

use std::path::Path;
use std::time::Duration;

use chaobiao::channel::{ChannelHandle, Job, Lane, LinePhase, Lines};
use chaobiao::clock::Clock;
use chaobiao::config::Config;
use chaobiao::link::{CaptureSettings, Captures};
use dlt645::exchange::Timing;
use simulator::bus::Bus;
use simulator::serve::Server;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::rig::{BLOCK, meters, prompt, read, values};

async fn until_up(line: &ChannelHandle) {
    let mut phases = line.phases();
    let up = phases.wait_for(|(phase, _)| *phase == LinePhase::Up);
    tokio::time::timeout(Duration::from_secs(20), up).await.unwrap().unwrap();
}

#[tokio::test]
async fn all_lines_of_a_configuration_are_opened_together() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new();
    let bus = server.run(Bus::new(prompt(9600), meters(1..=2, 9600)));
    let here = "127.0.0.1:0".parse().unwrap();
    let meters_at = bus.listen(here, 4).await.unwrap();
    let text = format!(
        "[database]\npath = \"x.db\"\n[dtu]\nlisten = \"127.0.0.1:0\"\n\
         [[line]]\nname = \"tcp\"\ntcp = \"{meters_at}\"\nbaud = 9600\ncapture = true\n\
         [[line]]\nname = \"dtu\"\nregistration = \"DTU-0001\"\nheart_beat = \"@\"\nbaud = 9600\n\
         [[line]]\nname = \"serial\"\nserial = \"/nonexistent/adapter\"\n"
    );
    let config = Config::parse(Path::new("chaobiao.toml"), &text).unwrap().config;
    let directory = folder.path().to_owned();
    let settings = CaptureSettings { directory: directory.clone(), file_size: 1 << 20, files: 2 };
    let captures = Captures::start(settings, Clock::system()).unwrap();
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let lines = Lines::open(&config, &captures, 7, &tasks, &stop).await.unwrap();
    let names: Vec<String> = lines.iter().map(|line| line.name().to_owned()).collect();
    assert_eq!(
        (names, lines.len(), lines.get("nobody").is_none()),
        (["dtu", "serial", "tcp"].map(str::to_owned).to_vec(), 3, true)
    );

    // A DTU that dials in is a pipe to the same bus.
    let mut device = TcpStream::connect(lines.dial_in().unwrap()).await.unwrap();
    device.write_all(b"DTU-0001\r\n").await.unwrap();
    let mut pipe = TcpStream::connect(meters_at).await.unwrap();
    let forwards = async {
        let _ = tokio::io::copy_bidirectional(&mut device, &mut pipe).await;
    };
    let asks = async {
        for (name, number) in [("tcp", 1), ("dtu", 2), ("tcp", 2)] {
            let line = &lines.get(name).unwrap();
            until_up(line).await;
            let job = Job::new(read(number, BLOCK), Lane::OnDemand, Timing::serial(9600)).retried(5);
            let report = line.offer(job).unwrap().await;
            assert!(values(&report).is_some(), "{name}: {report:?}");
        }
    };
    tokio::select! { () = asks => {} () = forwards => panic!("the device was hung up") }
    assert_ne!(lines.get("serial").unwrap().status().phase, LinePhase::Up);
    assert_eq!(captures.switched_on(), ["tcp"]);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    captures.flush();
    let written = std::fs::read_dir(&directory).unwrap().count();
    assert_eq!(written, 1, "one line is captured");
    assert!(lines.iter().all(|line| line.status().phase == LinePhase::Stopped));
    server.stop().await;
}
