//! Many terminals: storms of reconnecting, and what an idle one costs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use chaobiao::clock::Clock;
use chaobiao::terminal::{TerminalSettings, Terminals, WhatChanged};
use gdw1376::address::TerminalAddress;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::rig::{configured, hex};

fn of(number: u32) -> TerminalAddress {
    let region = u16::try_from(1100 + number / 10_000).unwrap();
    TerminalAddress::new(region, u16::try_from(number % 10_000 + 1).unwrap()).unwrap()
}

/// A link check of a terminal: item 1 is a login, 4 a heartbeat.
fn check(number: u32, item: u8) -> Vec<u8> {
    let mut frame = hex("68 32 00 32 00 68 C9 00 00 00 00 00 02 70 00 00 00 00 00 16");
    frame[7..11].copy_from_slice(&of(number).wire());
    frame[16] = item;
    frame[18] = frame[6..18].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
    frame
}

struct Port {
    terminals: Terminals,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Port {
    async fn open(count: u32, settings: &TerminalSettings) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let config = configured("listen = \"127.0.0.1:0\"\n");
        let terminals = Terminals::open(&config, Clock::system(), 7, &tasks, &stop).await.unwrap();
        (0..count).for_each(|number| terminals.adopt(of(number), settings.clone()));
        Self { terminals, tasks, stop }
    }

    fn online(&self) -> usize {
        self.terminals.all().iter().filter(|status| status.is_online).count()
    }

    async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn log_in(to: SocketAddr, number: u32) -> tokio::net::TcpStream {
    loop {
        let Ok(mut stream) = tokio::net::TcpStream::connect(to).await else { continue };
        stream.write_all(&check(number, 1)).await.unwrap();
        let mut reply = [0; 20];
        if stream.read_exact(&mut reply).await.is_ok() {
            assert_eq!((reply[12], reply[16]), (0, 1), "confirmed");
            return stream;
        }
    }
}

async fn all_log_in(to: SocketAddr, count: u32) -> Vec<tokio::net::TcpStream> {
    let tasks: Vec<_> = {
        let tracker = TaskTracker::new();
        (0..count).map(|number| tracker.spawn(log_in(to, number))).collect()
    };
    let mut streams = Vec::new();
    for task in tasks {
        streams.push(task.await.unwrap());
    }
    streams
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f20_two_thousand_that_come_back_three_times_are_all_back_soon() {
    const COUNT: u32 = 2000;
    let heartbeat = Duration::from_secs(2);
    let settings = TerminalSettings { heartbeat: Some(heartbeat), ..TerminalSettings::default() };
    let port = Port::open(COUNT, &settings).await;
    let to = port.terminals.listening().unwrap();
    let before = resident();
    let mut streams = Vec::new();
    for round in 0..3 {
        let begin = Instant::now();
        // The old sockets stay open: nobody has told that they are gone.
        let new = all_log_in(to, COUNT).await;
        assert_eq!(port.online(), 2000);
        println!("round {round}: {COUNT} back in {:?}", begin.elapsed());
        assert!(begin.elapsed() < Duration::from_secs(120));
        streams = new;
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes for 2,000 terminals on both sides");
    // Three in ten fall silent, and only they are given up.
    let silent = (0..COUNT).filter(|number| number % 10 < 3).count();
    let begin = Instant::now();
    while begin.elapsed() < heartbeat * 3 + Duration::from_millis(500) {
        for (number, stream) in (0..COUNT).zip(&mut streams) {
            if number % 10 >= 3 {
                stream.write_all(&check(number, 4)).await.unwrap();
            }
        }
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    assert_eq!(port.online(), 2000 - silent);
    // And they come back.
    let mut back = Vec::new();
    for number in (0..COUNT).filter(|number| number % 10 < 3) {
        back.push(log_in(to, number).await);
    }
    assert_eq!(port.online(), 2000);
    port.close().await;
}

/// What one idle terminal costs this process, its state included. The other side is a process of its own.
async fn idle(count: u32) {
    let before_any = resident();
    let port = Port::open(count, &TerminalSettings::default()).await;
    let to = port.terminals.listening().unwrap();
    let before = resident();
    let mut changes = port.terminals.changes();
    let begin = Instant::now();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "many::the_other_side", "--nocapture"])
        .env("CHAOBIAO_TEST_TERMINALS", format!("{to} {count}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // Counting what is there would cost more than letting it in.
    let mut seen = 0;
    while seen < u64::from(count) {
        match changes.recv().await {
            Ok(change) => seen += u64::from(change.what == WhatChanged::LoggedIn),
            Err(RecvError::Lagged(missed)) => seen += missed,
            Err(RecvError::Closed) => panic!("closed"),
        }
    }
    let took = begin.elapsed();
    assert_eq!(port.online(), usize::try_from(count).unwrap());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (state, sessions) = (before - before_any, resident() - before);
    let each = |bytes: u64| bytes / u64::from(count);
    println!(
        "{count} idle terminals: all in after {took:?}; {} bytes each for what is known, {} bytes for the session",
        each(state),
        each(sessions)
    );
    assert!(each(state + sessions) <= 8 << 10);
    drop(child.stdin.take());
    child.wait().unwrap();
    port.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "5,000 connections between two processes: a measurement"]
async fn f20_what_an_idle_terminal_costs() {
    idle(5000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "19,000 connections between two processes: a measurement"]
async fn f20_nineteen_thousand_at_once() {
    idle(19_000).await;
}

#[test]
#[ignore = "the other side of the measurements"]
fn the_other_side() {
    let Ok(text) = std::env::var("CHAOBIAO_TEST_TERMINALS") else { return };
    let (to, count) = text.split_once(' ').unwrap();
    let (to, count): (SocketAddr, u32) = (to.parse().unwrap(), count.parse().unwrap());
    let mut streams = Vec::new();
    for number in 0..count {
        let mut stream = TcpStream::connect(to).unwrap();
        stream.write_all(&check(number, 1)).unwrap();
        streams.push(stream);
    }
    for stream in &mut streams {
        stream.read_exact(&mut [0; 20]).unwrap();
    }
    // Until the measurement is over.
    let _ = std::io::stdin().read(&mut [0; 1]);
}
