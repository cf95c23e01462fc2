//! The port: takes connections, and keeps none that does not move.
//!
//! A client that is silent, sends its head or its body a byte at a time, or does not read what it asked for, is closed
//! within 30 s (F21). When all places are taken, the oldest connection that waits for its client gives way to a new one,
//! so that clients that hold places do not keep others out.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{io, mem};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::caller::Source;
use crate::telemetry;

/// Takes connections until `stop`; each is a task of its own, which ends when its request is answered.
pub(super) async fn accept(
    router: Router,
    listener: TcpListener,
    settings: Accepting,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let places = Places::new(settings.most_connections);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of handles, most likely: others have to end first.
                tracing::warn!("a connection of a browser could not be taken: {error}");
                sleep(BREATH).await;
                continue;
            }
        };
        let Some(place) = places.take() else {
            metrics::counter!(telemetry::HTTP_CLOSED, "reason" => "full").increment(1);
            continue;
        };
        let source = Trusted { peer: peer.ip(), proxies: Arc::clone(&settings.trusted_proxies) };
        tasks.spawn(serve_one(router.clone(), stream, source, place, stop.clone()));
    }
}

/// What the port has to know.
#[derive(Clone, Debug)]
pub(super) struct Accepting {
    pub(super) most_connections: usize,
    pub(super) trusted_proxies: Arc<Vec<IpAddr>>,
}

/// Opens the port.
pub(super) async fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(at).await
}

async fn serve_one(
    router: Router,
    stream: TcpStream,
    source: Trusted,
    place: Place,
    stop: CancellationToken,
) {
    // An answer is not to wait for the next one.
    let _ = stream.set_nodelay(true);
    let seat = place.seat();
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        let address = source.of(request.headers());
        request.extensions_mut().insert(Source(address));
        request.extensions_mut().insert(seat.clone());
        let (router, seat) = (router.clone(), seat.clone());
        async move {
            let answer = router.oneshot(request.map(Body::new)).await;
            seat.waits();
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_headers(MOST_HEADERS)
        .max_buf_size(MOST_HEAD)
        .serve_connection(TokioIo::new(Moving::new(stream)), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = place.gives_way.cancelled() => {
            metrics::counter!(telemetry::HTTP_CLOSED, "reason" => "gave_way").increment(1);
            return;
        }
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(LAST_ANSWER, connection).await.unwrap_or(Ok(()))
        }
    };
    if ended.is_err_and(|error| error.is_timeout()) {
        metrics::counter!(telemetry::HTTP_CLOSED, "reason" => "slow").increment(1);
    }
}

/// Where a request comes from: the peer, or what a proxy that is trusted says.
#[derive(Clone, Debug)]
struct Trusted {
    peer: IpAddr,
    proxies: Arc<Vec<IpAddr>>,
}

impl Trusted {
    /// The last address of `X-Forwarded-For` that is no proxy of ours: those before it are hearsay.
    fn of(&self, headers: &HeaderMap) -> String {
        // On a port for both families an address of the older one comes in the clothes of the newer.
        let mut address = self.peer.to_canonical();
        let named: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        for name in named.into_iter().rev() {
            let Some(next) = name.trim().parse().ok().filter(|_| self.is_ours(address)) else {
                break;
            };
            address = IpAddr::to_canonical(&next);
        }
        address.to_string()
    }

    fn is_ours(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|proxy| proxy.to_canonical() == address)
    }
}

/// The places for connections.
#[derive(Clone, Debug)]
struct Places(Arc<Mutex<Taken>>);

#[derive(Debug)]
struct Taken {
    most: usize,
    count: usize,
    next: u64,
    /// Connections that wait for their client, the one that waits longest first.
    waiting: BTreeMap<u64, CancellationToken>,
}

/// A place that is taken; given back when dropped.
#[derive(Debug)]
struct Place {
    seat: Seat,
    gives_way: CancellationToken,
}

/// Says of a connection whether it waits for its client.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    places: Places,
    number: Arc<Mutex<u64>>,
    gives_way: CancellationToken,
}

impl Places {
    fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Taken { most, count: 0, next: 0, waiting: BTreeMap::new() })))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place; `None` when all are taken by connections that are served.
    fn take(&self) -> Option<Place> {
        let mut taken = self.lock();
        if taken.count >= taken.most {
            taken.waiting.pop_first()?.1.cancel();
        }
        taken.count += 1;
        drop(taken);
        let gives_way = CancellationToken::new();
        let seat = Seat { places: self.clone(), number: Arc::default(), gives_way: gives_way.clone() };
        seat.waits();
        Some(Place { seat, gives_way })
    }
}

impl Place {
    fn seat(&self) -> Seat {
        self.seat.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.seat.is_served();
        let mut taken = self.seat.places.lock();
        taken.count = taken.count.saturating_sub(1);
    }
}

impl Seat {
    /// Its request is being worked on.
    pub(super) fn is_served(&self) {
        let number = mem::take(&mut *self.number.lock().unwrap_or_else(PoisonError::into_inner));
        self.places.lock().waiting.remove(&number);
    }

    /// It waits for its client.
    fn waits(&self) {
        self.is_served();
        let mut taken = self.places.lock();
        taken.next += 1;
        let number = taken.next;
        taken.waiting.insert(number, self.gives_way.clone());
        *self.number.lock().unwrap_or_else(PoisonError::into_inner) = number;
    }
}

/// A stream that fails when what is written is not taken for too long.
struct Moving {
    stream: TcpStream,
    stands: Option<Pin<Box<Sleep>>>,
}

impl Moving {
    const fn new(stream: TcpStream) -> Self {
        Self { stream, stands: None }
    }

    fn watch<T>(&mut self, context: &mut Context<'_>, moved: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if moved.is_ready() {
            self.stands = None;
            return moved;
        }
        let stands = self.stands.get_or_insert_with(|| Box::pin(sleep(WRITE_WITHIN)));
        ready!(stands.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Moving {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Moving {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, moved)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(context, moved)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// How long a head may take, and how long a connection may wait for its next request.
const HEAD_WITHIN: Duration = Duration::from_secs(20);
/// How long a client may take no byte of its answer.
const WRITE_WITHIN: Duration = Duration::from_secs(25);
/// How long the answers that are under way have when the port is closed.
const LAST_ANSWER: Duration = Duration::from_secs(5);
const BREATH: Duration = Duration::from_millis(100);
const MOST_HEADERS: usize = 64;
const MOST_HEAD: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_waits_gives_way_and_one_that_is_served_does_not() {
        let places = Places::new(2);
        let first = places.take().unwrap();
        let second = places.take().unwrap();
        first.seat().is_served();
        let third = places.take().unwrap();
        assert!(second.gives_way.is_cancelled() && !first.gives_way.is_cancelled());
        third.seat().is_served();
        drop(second);
        assert!(places.take().is_none(), "both are served");
        third.seat().waits();
        assert!(places.take().is_some() && third.gives_way.is_cancelled());
        drop((first, third));
        let left = places.lock();
        assert_eq!((left.count, left.waiting.len()), (0, 0));
    }

    #[test]
    fn only_a_trusted_proxy_says_where_a_request_comes_from() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "6.6.6.6, 10.1.1.1, 10.0.0.2".parse().unwrap());
        let of = |peer: &str, proxies: &[&str]| {
            let proxies = Arc::new(proxies.iter().map(|proxy| proxy.parse().unwrap()).collect());
            Trusted { peer: peer.parse().unwrap(), proxies }.of(&headers)
        };
        assert_eq!(of("10.0.0.9", &[]), "10.0.0.9");
        assert_eq!(of("10.0.0.9", &["10.0.0.1"]), "10.0.0.9");
        assert_eq!(of("10.0.0.1", &["10.0.0.1"]), "10.0.0.2");
        assert_eq!(of("10.0.0.1", &["10.0.0.1", "10.0.0.2"]), "10.1.1.1");
        // A port for both families.
        assert_eq!(of("::ffff:10.0.0.1", &["10.0.0.1"]), "10.0.0.2");
        assert_eq!(of("::ffff:10.0.0.9", &[]), "10.0.0.9");
    }
}
