//! Clients that connect to the port of terminals and never say anything (F21).

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use crate::crowd::log_in;
use crate::site::Served;
use crate::{ALONE, resident};

const SILENT: usize = 5000;
/// How many may be connected that have not logged in, as it is without a configuration.
const PLACES: usize = 1024;

/// Sockets that this process has open.
fn sockets() -> usize {
    let links = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| entry.unwrap().path().read_link().ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f21_five_thousand_that_say_nothing_cost_a_bounded_number_of_places_and_keep_no_terminal_out() {
    let _alone = ALONE.lock().await;
    let served = Served::start(2, 50).await;
    let to = served.terminals;
    let (memory, before) = (resident(), sockets());
    let tracker = TaskTracker::new();
    let tasks: Vec<_> = (0..SILENT).map(|_| tracker.spawn(TcpStream::connect(to))).collect();
    let mut silent = Vec::new();
    for task in tasks {
        silent.push(task.await.unwrap().unwrap());
    }
    let begin = Instant::now();
    let mut terminals = Vec::new();
    for number in 0..50 {
        terminals.push(log_in(to, number).await);
    }
    println!("50 terminals are in after {:?}", begin.elapsed());
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    // Ours are those of the terminals, and those of who has a place.
    let ours = sockets().saturating_sub(before + silent.len() + terminals.len());
    assert!(ours <= PLACES + terminals.len() + 16, "{ours} sockets");
    let grown = resident().saturating_sub(memory);
    println!("{ours} sockets on our side, {grown} bytes more on both");
    assert!(grown < 64 << 20, "{grown} bytes");
    // Everybody who says nothing is closed.
    for mut stream in silent {
        let ended = timeout(Duration::from_secs(30), stream.read(&mut [0; 8])).await.unwrap();
        assert!(matches!(ended, Ok(0) | Err(_)));
    }
    assert_eq!(served.online(), 51, "a session gives way to nobody");
    drop(terminals);
    served.close().await;
}
