//! F25: a port that is pulled out and put in again, in real time, over a pseudo-terminal.

use std::time::Duration;

use chaobiao::channel::{Channel, ChannelHandle, ChannelSettings, End, Job, Lane, LinePhase};
use chaobiao::domain::Parity;
use chaobiao::link::{Dialler, Place, Rate};
use dlt645::exchange::Timing;
use simulator::bus::Bus;
use simulator::bus::settings::Settings;
use simulator::serve::Server;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::rig::{BLOCK, meters, ms, rate, read, values};

const BAUD: u32 = 9600;

/// Plugs an adapter in: a bus with one meter behind a port of this name.
fn plug(name: &std::path::Path) -> Server {
    let server = Server::new();
    let settings = Settings { rate: rate(BAUD), ..Settings::default() };
    server.run(Bus::new(settings, meters([1], BAUD))).pty(name).unwrap();
    server
}

async fn until(line: &ChannelHandle, is_it: impl Fn(LinePhase) -> bool) {
    let mut phases = line.phases();
    let reached = phases.wait_for(|(phase, _)| is_it(*phase));
    tokio::time::timeout(Duration::from_secs(20), reached).await.unwrap().unwrap();
}

/// How long this thread has been computing.
fn computed() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn f25_an_adapter_that_is_pulled_out_returns_by_its_stable_name() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("usb-adapter-1");
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let place = Place::Serial {
        device: name.to_string_lossy().into_owned(),
        rate: Rate { baud: BAUD, parity: Parity::Even },
    };
    let settings = ChannelSettings {
        patience: ms(400),
        redial_first: ms(50),
        redial_most: ms(200),
        ..ChannelSettings::new("line")
    };
    let mut adapter = plug(&name);
    let dialler = Dialler::to(place, ms(1000));
    let line = Channel::spawn(settings, dialler, Box::new(()), &tasks, stop.clone());
    let job = || Job::new(read(1, BLOCK), Lane::OnDemand, Timing::serial(BAUD)).retried(2);
    for round in 0..3 {
        until(&line, |phase| phase == LinePhase::Up).await;
        assert!(values(&line.offer(job()).unwrap().await).is_some(), "round {round}");

        // Pulled out in the middle of a question.
        let asked = line.offer(job()).unwrap();
        tokio::task::yield_now().await;
        adapter.stop().await;
        until(&line, |phase| matches!(phase, LinePhase::Down { .. })).await;
        let end = asked.await.end;
        assert!(!matches!(&end, End::Broken { .. }), "{end:?}");
        assert_eq!(line.offer(job()).unwrap().await.end, End::LineDown);

        // Nobody runs in circles while it is away.
        let (before, begin) = (computed(), Instant::now());
        tokio::time::timeout(ms(1000), std::future::pending::<()>()).await.unwrap_err();
        let (spent, passed) = (computed() - before, begin.elapsed());
        assert!(spent * 20 < passed, "{spent:?} of {passed:?}");
        adapter = plug(&name);
    }
    until(&line, |phase| phase == LinePhase::Up).await;
    assert_eq!(line.status().tally.lost, 3);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    adapter.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn meters_of_other_speeds_are_asked_at_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("usb-adapter-2");
    let server = Server::new();
    let settings = Settings { rate: rate(9600), ..Settings::default() };
    let all = [meters([1], 9600), meters([2], 4800), meters([3], 19_200)].concat();
    server.run(Bus::new(settings, all)).pty(&name).unwrap();
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let device = name.to_string_lossy().into_owned();
    let of_the_line = Rate { baud: 9600, parity: Parity::Even };
    let dialler = Dialler::to(Place::Serial { device, rate: of_the_line }, ms(1000));
    let settings = ChannelSettings { rate: Some(of_the_line), ..ChannelSettings::new("line") };
    let line = Channel::spawn(settings, dialler, Box::new(()), &tasks, stop.clone());
    for (number, baud) in [(1, 9600), (2, 4800), (1, 9600), (3, 19_200), (2, 4800), (3, 19_200), (1, 9600)] {
        let mut job = Job::new(read(number, BLOCK), Lane::OnDemand, Timing::serial(baud)).retried(2);
        job.rate = (number > 1).then_some(Rate { baud, ..of_the_line });
        let report = line.offer(job).unwrap().await;
        assert!(values(&report).is_some(), "{number} at {baud}: {report:?}");
    }
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    server.stop().await;
}
