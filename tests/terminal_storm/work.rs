//! What people want goes on in a storm of terminals that come back: reads, the API, and a restore within its promise (F20).

use std::time::Duration;

use chaobiao::collect::on_demand::ReadRequest;
use chaobiao::domain::supply::Reason;
use chaobiao::domain::{ReadGroup, ReadState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::crowd::all_log_in;
use crate::ready::acting;
use crate::site::Served;
use crate::{ALONE, resident};

const COUNT: u16 = 2000;
const SECOND: Duration = Duration::from_secs(1);
/// A restore is at its meter within this (F20, F48), and a read is done.
const PROMISED: Duration = Duration::from_secs(10);
/// What the API takes at most in 99 of 100 cases.
const API: Duration = Duration::from_secs(1);
/// Whatever the build and the machine: supply is given back within two minutes (F48).
const AT_MOST: Duration = Duration::from_secs(120);
/// What a page takes an optimised build that has nothing else to do on two cores.
const AT_REST: Duration = Duration::from_millis(5);
const PAGES: [&str; 3] = ["/api/v1/meters?limit=50", "/api/v1/terminals?limit=50", "/api/v1/session"];

/// What is promised of an optimised build, and as many times as much of one that is not as its pages take longer when nothing
/// goes on: what the storm costs is judged in either.
#[derive(Clone, Copy, Debug)]
struct Limits {
    slower: u32,
}

impl Limits {
    async fn of(served: &Served) -> Self {
        let mut took = Vec::new();
        for path in PAGES.into_iter().cycle().take(60) {
            took.push(ask(served, path).await);
        }
        took.sort_unstable();
        let middle = took[took.len() / 2];
        println!("a page takes {middle:?} at rest");
        let slower = u32::try_from(middle.as_micros() / AT_REST.as_micros()).unwrap();
        Self { slower: if cfg!(debug_assertions) { slower.clamp(1, 20) } else { 1 } }
    }

    fn promised(self) -> Duration {
        (PROMISED * self.slower).min(AT_MOST)
    }

    fn api(self) -> Duration {
        API * self.slower
    }
}

/// Asks the API for a page over a connection of its own.
async fn ask(served: &Served, path: &str) -> Duration {
    let begin = Instant::now();
    let mut stream = TcpStream::connect(served.console).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nConnection: close\r\n\r\n",
        served.console, served.cookie
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{path}: {}", String::from_utf8_lossy(&answer));
    begin.elapsed()
}

/// Reads the homes one after the other until it is told to end; how long each read took.
async fn reads(served: &Served, end: &CancellationToken) -> Vec<Duration> {
    let (service, mut took) = (&served.site.on_demand, Vec::new());
    for (_, meter) in served.homes.iter().skip(1).cycle() {
        if end.is_cancelled() {
            break;
        }
        let by = acting("li", served.site.services().clock.now());
        let (meters, groups) = (vec![*meter], vec![ReadGroup::Instantaneous]);
        let request = ReadRequest { meters, groups, expires_after: None, key: None };
        let begin = Instant::now();
        let job = service.submit(&by, &request).await.unwrap().job.id;
        while !service.job(&by, job).await.unwrap().state.has_ended() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        took.push(begin.elapsed());
        let ended = service.job(&by, job).await.unwrap();
        assert!(matches!(ended.state, ReadState::Done | ReadState::Partly), "{ended:?}");
        let told = service.meters(&by, job, (0, 10)).await.unwrap();
        let answers = service.answers(&by, job, told[0].read.meter).await.unwrap();
        assert!(answers.iter().any(|answer| answer.given.is_some()), "{answers:?}");
    }
    took
}

/// Asks the API again and again until it is told to end; how long each answer took, in order.
async fn api(served: &Served, end: &CancellationToken) -> Vec<Duration> {
    let mut took = Vec::new();
    while !end.is_cancelled() {
        for path in PAGES {
            took.push(ask(served, path).await);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    took.sort_unstable();
    took
}

/// The orders for the relay of the first home that have reached it.
fn orders(served: &Served) -> usize {
    served.live.with(|c| c.reached().iter().filter(|one| one.control() == Some(0x1C)).count())
}

/// Gives the first home its supply back; how long it took until the order was at the meter.
async fn restore(served: &Served, limits: Limits) -> Duration {
    let by = acting("li", served.site.services().clock.now());
    let point = served.homes[0].0.point;
    let begin = Instant::now();
    let note = Some("somebody is at home");
    served.site.supply.restore(&by, &[point], Reason::Settled, note).await.unwrap();
    while orders(served) == 0 {
        assert!(begin.elapsed() < limits.promised(), "no order has reached the meter");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    begin.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "real time: wants the machine for itself"]
async fn f20_reads_the_api_and_a_restore_go_on_while_two_thousand_terminals_come_back() {
    let _alone = ALONE.lock().await;
    let served = Served::start(12, COUNT).await;
    let limits = Limits::of(&served).await;
    println!("{limits:?}");
    let before = resident();
    let end = CancellationToken::new();
    let storm = async {
        let mut streams = Vec::new();
        for _ in 0..3 {
            let begin = Instant::now();
            // Nobody has told that the old connections are gone.
            let new = all_log_in(served.terminals, COUNT, SECOND * 2).await;
            println!("{COUNT} back in {:?}", begin.elapsed());
            assert!(begin.elapsed() < SECOND * 120);
            streams = new;
        }
        assert_eq!(served.online(), usize::from(COUNT) + 1);
        // The order is the last to be late.
        while orders(&served) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        end.cancel();
        streams
    };
    let (streams, reads, api, restored) =
        tokio::join!(storm, reads(&served, &end), api(&served, &end), restore(&served, limits));
    let most = api[(api.len() * 99).div_ceil(100) - 1];
    println!("{} reads, the longest {:?}", reads.len(), reads.iter().max());
    println!(
        "{} answers of the API, 99 of 100 within {most:?}; the restore was there in {restored:?}",
        api.len()
    );
    assert!(reads.len() > 1 && reads.iter().all(|took| *took < limits.promised()), "{reads:?}");
    assert!(most < limits.api(), "{most:?}");
    // What has left once does not leave again: the meter has closed, and that is read.
    tokio::time::sleep(SECOND * 2).await;
    assert_eq!(orders(&served), 1);
    let is_open = served.live.with(|c| {
        let at = c.at();
        let meter = &mut c.wired_mut()[0].meter;
        meter.advance(at);
        meter.relay().is_open()
    });
    assert!(!is_open, "the order was obeyed");
    let grown = resident().saturating_sub(before);
    assert!(grown < 128 << 20, "{grown} bytes for 2,000 terminals on both sides");
    drop(streams);
    served.close().await;
}
