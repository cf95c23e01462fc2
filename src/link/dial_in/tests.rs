//! Devices that dial in over real sockets: who they are, who is newest, who is nobody.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;
use crate::link::{Gate, Link, LinkError};

struct Desk {
    address: SocketAddr,
    ends: Vec<DialledIn>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

async fn desk(lines: Vec<DialInLine>, settings: DialInSettings) -> Desk {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let here = "127.0.0.1:0".parse().unwrap();
    let (server, ends) = DialIn::listen(here, lines, settings, &tasks, stop.clone()).await.unwrap();
    Desk { address: server.address(), ends, tasks, stop }
}

impl Desk {
    async fn dial(&self, first: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(first).await.unwrap();
        stream
    }

    async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn line(name: &str, packet: &[u8]) -> DialInLine {
    let registration = Registration::Packet(packet.to_vec());
    DialInLine { name: name.to_owned(), registration, heart_beat: None, silent_within: None }
}

async fn read(link: &mut Link) -> Vec<u8> {
    let mut room = [0; 512];
    let count = link.read(&mut room).await.unwrap();
    room[..count].to_vec()
}

/// True once the other side has closed the connection.
async fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 8]).await, Ok(0) | Err(_))
}

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn devices_find_their_lines_and_only_the_bus_is_seen() {
    let first = DialInLine { heart_beat: Some(b"@HB!".to_vec()), ..line("east", b"DTU-E") };
    let mut desk = desk(vec![first, line("west", b"DTU-W")], DialInSettings::default()).await;

    let mut west = desk.dial(b"DTU-W\r\n").await;
    let mut east = desk.dial(b"DT").await;
    east.write_all(b"U-E").await.unwrap();
    let mut east_link = desk.ends[0].newest(SOON).await.unwrap();
    let mut west_link = desk.ends[1].newest(SOON).await.unwrap();

    // The packets of the device are not seen above; a request goes out as it is, an answer comes as it is.
    east.write_all(b"@HB!\x16\x68").await.unwrap();
    assert_eq!(read(&mut east_link).await, [0x16, 0x68]);
    west.write_all(b"\xFE\x68").await.unwrap();
    assert_eq!(read(&mut west_link).await, [0xFE, 0x68]);
    let request = dlt645::request::Request::read_address();
    let bytes = request.to_bytes();
    let cleared = Gate::READS.clear(request.edition(), &bytes).unwrap();
    assert_eq!(east_link.write(cleared).await.unwrap(), bytes.len());
    let mut sent = vec![0; bytes.len()];
    east.read_exact(&mut sent).await.unwrap();
    assert_eq!(sent, bytes);

    drop(west);
    assert!(matches!(west_link.read(&mut [0; 8]).await, Err(LinkError::Closed | LinkError::Failed(_))));
    desk.close().await;
}

#[tokio::test]
async fn a_device_is_known_by_its_address() {
    let registration = Registration::Source("127.0.0.1".parse().unwrap());
    let lines = vec![DialInLine { name: "here".into(), registration, heart_beat: None, silent_within: None }];
    let mut desk = desk(lines, DialInSettings::default()).await;
    let mut device = desk.dial(b"").await;
    let mut link = desk.ends[0].newest(SOON).await.unwrap();
    device.write_all(&[0x68]).await.unwrap();
    assert_eq!(read(&mut link).await, [0x68]);
    desk.close().await;
}

#[tokio::test]
async fn f22_the_newest_connection_wins_and_the_old_one_ends() {
    let mut desk = desk(vec![line("east", b"DTU-E")], DialInSettings::default()).await;
    // The peer of the first connection has vanished: it never closes it.
    let mut old = desk.dial(b"DTU-E").await;
    let mut old_link = desk.ends[0].newest(SOON).await.unwrap();
    let mut room = [0; 8];
    let (ended, mut new) = tokio::join!(old_link.read(&mut room), desk.dial(b"DTU-E"));
    assert_eq!(ended.unwrap_err().kind(), "replaced");
    let request = dlt645::request::Request::read_address();
    let bytes = request.to_bytes();
    let cleared = Gate::READS.clear(request.edition(), &bytes).unwrap();
    assert!(old_link.write(cleared).await.is_err(), "nothing more leaves on the old path");
    let mut new_link = desk.ends[0].newest(SOON).await.unwrap();
    new.write_all(&[0x68]).await.unwrap();
    assert_eq!(read(&mut new_link).await, [0x68]);
    drop(old_link);
    assert!(is_closed(&mut old).await);

    // Two that nobody has taken yet: the newer one is there, the older is closed.
    let mut third = desk.dial(b"DTU-E").await;
    assert_eq!(new_link.read(&mut [0; 8]).await.unwrap_err().kind(), "replaced");
    let mut fourth = desk.dial(b"DTU-E").await;
    assert!(is_closed(&mut third).await);
    let mut newest = desk.ends[0].newest(SOON).await.unwrap();
    fourth.write_all(&[0x16]).await.unwrap();
    assert_eq!(read(&mut newest).await, [0x16]);
    desk.close().await;
}

#[tokio::test]
async fn f22_a_heart_beat_that_stays_away_ends_the_connection() {
    let silent_within = Some(Duration::from_millis(80));
    let first = DialInLine { silent_within, ..line("east", b"DTU-E") };
    let mut desk = desk(vec![first], DialInSettings::default()).await;
    let _device = desk.dial(b"DTU-E").await;
    let mut link = desk.ends[0].newest(SOON).await.unwrap();
    assert_eq!(link.read(&mut [0; 8]).await.unwrap_err().kind(), "no_heart_beat");
    desk.close().await;
}

#[tokio::test]
async fn f21_who_says_nothing_or_nonsense_is_closed_and_harms_nobody() {
    let register_within = Duration::from_millis(300);
    let settings = DialInSettings { register_within, most_unregistered: 20, ..DialInSettings::default() };
    let mut desk = desk(vec![line("east", b"DTU-E")], settings).await;
    let mut stranger = desk.dial(b"GET / HTTP/1.1\r\n").await;
    assert!(is_closed(&mut stranger).await, "unknown: closed at once");
    let mut silent = Vec::new();
    for number in 0..60 {
        // Some say nothing, some begin and never end.
        silent.push(desk.dial(if number % 2 == 0 { b"" } else { b"DTU" }).await);
    }
    let mut device = desk.dial(b"DTU-E").await;
    let mut link = desk.ends[0].newest(SOON).await.unwrap();
    device.write_all(&[0x68]).await.unwrap();
    assert_eq!(read(&mut link).await, [0x68], "the device got through");
    for stream in &mut silent {
        assert!(is_closed(stream).await);
    }
    desk.close().await;
}

#[tokio::test]
async fn a_device_that_does_not_come_is_told_with_its_line() {
    let mut desk = desk(vec![line("east", b"DTU-E")], DialInSettings::default()).await;
    let error = desk.ends[0].newest(Duration::from_millis(10)).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().contains("east")), ("not_dialled_in", true));
    desk.close().await;
}
