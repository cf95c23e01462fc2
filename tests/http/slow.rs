//! Clients that do not move, on the real port. (F21)

use std::time::Duration;

use chaobiao::config::Http;
use chaobiao::domain::access::{Regions, Role};
use chaobiao::http;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::rig::Rig;

/// What a slow client does.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Silent,
    HeadByByte,
    BodyByByte,
    NeverEndingHead,
}

/// Sends bytes as its manner is until it is closed; gives how long that took.
async fn slow(at: std::net::SocketAddr, manner: Manner) -> Duration {
    let began = Instant::now();
    let mut stream = TcpStream::connect(at).await.unwrap();
    let start = match manner {
        Manner::BodyByByte => {
            "POST /login HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 1000\r\n\r\n"
        }
        Manner::NeverEndingHead => "GET / HTTP/1.1\r\n",
        Manner::Silent | Manner::HeadByByte => "",
    };
    stream.write_all(start.as_bytes()).await.unwrap();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut answer = Vec::new();
    loop {
        let mut piece = [0; 1024];
        tokio::select! {
            read = stream.read(&mut piece) => match read {
                Ok(0) | Err(_) => return began.elapsed(),
                Ok(count) => answer.extend_from_slice(&piece[..count]),
            },
            _ = tick.tick() => {
                let next: &[u8] = match manner {
                    Manner::Silent => b"",
                    Manner::HeadByByte | Manner::BodyByByte => b"G",
                    Manner::NeverEndingHead => b"x-more: 1\r\n",
                };
                if stream.write_all(next).await.is_err() {
                    return began.elapsed();
                }
            }
        }
    }
}

/// A whole request of a client that behaves.
async fn asks(at: std::net::SocketAddr) -> (bool, Duration) {
    let began = Instant::now();
    let asking = async {
        let mut stream = TcpStream::connect(at).await.ok()?;
        stream.write_all(b"GET /login HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        answer.starts_with("HTTP/1.1 200").then_some(())
    };
    let answered = timeout(Duration::from_secs(5), asking).await;
    (matches!(answered, Ok(Some(()))), began.elapsed())
}

pub(crate) struct Port {
    pub(crate) at: std::net::SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

pub(crate) async fn open(rig: &Rig) -> Port {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let (services, ending, spawning) = (rig.services.clone(), stop.clone(), tasks.clone());
    tasks.spawn(async move { http::serve(services, listener, &spawning, &ending).await });
    Port { at, stop, tasks }
}

impl Port {
    pub(crate) async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        timeout(Duration::from_secs(10), self.tasks.wait()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f21_more_slow_clients_than_places_keep_nobody_out() {
    let rig = Rig::with(Http { most_connections: 64, requests_per_minute: 100_000, ..Http::default() }).await;
    let port = open(&rig).await;
    let mut slow_ones = Vec::new();
    for _ in 0..400 {
        let mut stream = TcpStream::connect(port.at).await.unwrap();
        stream.write_all(b"GET / HT").await.unwrap();
        slow_ones.push(stream);
    }
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        let (is_answered, took) = asks(port.at).await;
        assert!(is_answered, "after {took:?}");
        longest = longest.max(took);
    }
    println!("400 slow clients on 64 places; 20 others were answered within {longest:?}");
    drop(slow_ones);
    port.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half a minute: tests/check.sh ci"]
async fn f21_every_slow_client_is_closed_within_half_a_minute() {
    let rig =
        Rig::with(Http { requests_per_minute: 100_000, changes_per_minute: 100_000, ..Http::default() })
            .await;
    let port = open(&rig).await;
    let manners = [Manner::Silent, Manner::HeadByByte, Manner::BodyByByte, Manner::NeverEndingHead];
    let all = (0..400).map(|number| slow(port.at, manners[number % manners.len()]));
    let (took, asked) = tokio::join!(futures_util::future::join_all(all), async {
        let mut longest = Duration::ZERO;
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(800)).await;
            let (is_answered, took) = asks(port.at).await;
            assert!(is_answered);
            longest = longest.max(took);
        }
        longest
    });
    let longest = took.iter().max().unwrap();
    println!("400 slow clients, the last closed after {longest:?}; others were answered within {asked:?}");
    assert!(*longest < Duration::from_secs(30), "{longest:?}");
    port.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half a minute: tests/check.sh ci"]
async fn f21_a_client_that_never_reads_is_closed() {
    let rig = Rig::with(Http { requests_per_minute: 100_000, ..Http::default() }).await;
    let who = rig.somebody("li", Role::Viewer, Regions::All).await;
    let who = rig.sign_in(who).await;
    let port = open(&rig).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    let mut stream = socket.connect(port.at).await.unwrap();
    let request = format!("GET /api/openapi.json HTTP/1.1\r\nhost: x\r\ncookie: {}\r\n\r\n", who.cookie);
    let began = Instant::now();
    // Answers pile up until nothing more is taken; then it is closed.
    let closed = async {
        loop {
            if stream.write_all(request.as_bytes()).await.is_err() {
                return began.elapsed();
            }
        }
    };
    let took = timeout(Duration::from_secs(60), closed).await.unwrap();
    println!("a client that never reads was closed after {took:?}");
    assert!(took < Duration::from_secs(40), "{took:?}");
    port.close().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = taken.local_addr().unwrap();
    let error = http::listen(at).await.unwrap_err();
    assert_eq!(error.kind(), "address_in_use");
    assert!(error.to_string().contains(&at.to_string()));
}
