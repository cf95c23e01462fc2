//! Terminals that log in and say nothing more, as many as are wanted.

use std::net::SocketAddr;
use std::time::Duration;

use gdw1376::address::TerminalAddress;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::TaskTracker;

/// The address of one of them.
pub(crate) fn of(number: u16) -> TerminalAddress {
    TerminalAddress::new(1200, number + 1).unwrap()
}

/// The login of a terminal.
fn login(number: u16) -> Vec<u8> {
    let head = [0x68, 0x32, 0x00, 0x32, 0x00, 0x68, 0xC9];
    let body = [&of(number).wire()[..], &[0x00, 0x02, 0x70, 0x00, 0x00, 0x01, 0x00]].concat();
    let mut frame = [&head[..], &body].concat();
    let sum = frame[6..].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
    frame.extend([sum, 0x16]);
    frame
}

/// Logs in, however often it takes.
pub(crate) async fn log_in(to: SocketAddr, number: u16) -> TcpStream {
    loop {
        let Ok(mut stream) = TcpStream::connect(to).await else { continue };
        if stream.write_all(&login(number)).await.is_err() {
            continue;
        }
        let mut reply = [0; 20];
        if stream.read_exact(&mut reply).await.is_ok() {
            assert_eq!((reply[12], reply[16]), (0, 1), "confirmed");
            return stream;
        }
    }
}

/// All of them within a time.
pub(crate) async fn all_log_in(to: SocketAddr, count: u16, within: Duration) -> Vec<TcpStream> {
    let (tracker, begin) = (TaskTracker::new(), Instant::now());
    let come = |number| {
        let at = begin + within * u32::from(number) / u32::from(count);
        tracker.spawn(async move {
            sleep_until(at).await;
            log_in(to, number).await
        })
    };
    let tasks: Vec<_> = (0..count).map(come).collect();
    let mut streams = Vec::new();
    for task in tasks {
        streams.push(task.await.unwrap());
    }
    streams
}
