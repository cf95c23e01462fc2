//! Terminals that run: each dials its master, in memory or over TCP, and dials anew by itself.

use core::fmt;
use core::future::Future;
use core::pin::Pin;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::Server;
use super::live::until;
use crate::bus::moment::Moment;
use crate::concentrator::{Act, Concentrator, LinkId};

/// A terminal that runs. Copies are the same terminal.
#[derive(Clone)]
pub struct LiveConcentrator {
    shared: Arc<Shared>,
}

struct Shared {
    inner: Mutex<Inner>,
    /// Something has changed, and the timer has to look again.
    changed: Notify,
    server: Server,
}

struct Inner {
    terminal: Concentrator,
    dialler: Option<Dialler>,
    links: BTreeMap<LinkId, mpsc::Sender<Order>>,
    /// Connections asked for before there was anything to dial.
    waiting: Vec<LinkId>,
    lost: u64,
}

/// A connection to a master.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

type Connecting = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>>;
type Dialler = Arc<dyn Fn() -> Connecting + Send + Sync>;

/// What a connection is to do.
enum Order {
    Write(Vec<u8>),
    /// Stay open and do nothing, until the other side closes.
    Leave,
}

impl fmt::Debug for LiveConcentrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiveConcentrator")
    }
}

impl Server {
    /// Lets a terminal run until the server is stopped; its moments count from the server's start. It dials once it is told
    /// whom ([`LiveConcentrator::dial`], [`LiveConcentrator::dial_with`], [`LiveConcentrator::memory`]). Needs a tokio
    /// runtime.
    pub fn concentrator(&self, terminal: Concentrator) -> LiveConcentrator {
        let inner = Inner { terminal, dialler: None, links: BTreeMap::new(), waiting: Vec::new(), lost: 0 };
        let shared = Shared { inner: Mutex::new(inner), changed: Notify::new(), server: self.clone() };
        let live = LiveConcentrator { shared: Arc::new(shared) };
        self.tasks.spawn(live.clone().keep_time());
        live
    }
}

impl LiveConcentrator {
    /// Dials a master at `HOST:PORT` over TCP, and again whenever the connection is lost.
    pub fn dial(&self, address: impl Into<String>) {
        let address: Arc<str> = address.into().into();
        self.dial_with(move || {
            let address = Arc::clone(&address);
            async move {
                let stream = TcpStream::connect(&*address).await?;
                stream.set_nodelay(true)?;
                Ok(stream)
            }
        });
    }

    /// Dials by a way of the caller's own: each call yields one connection to the master.
    pub fn dial_with<F, C, S>(&self, connect: F)
    where
        F: Fn() -> C + Send + Sync + 'static,
        C: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let dialler: Dialler = Arc::new(move || {
            let connecting = connect();
            Box::pin(async move {
                let stream: Box<dyn Stream> = Box::new(connecting.await?);
                Ok(stream)
            })
        });
        let mut inner = self.lock();
        inner.dialler = Some(dialler);
        let waiting = std::mem::take(&mut inner.waiting);
        waiting.into_iter().for_each(|link| self.begin(&mut inner, link));
        drop(inner);
        self.shared.changed.notify_one();
    }

    /// Dials a master in the same process; it works in paused time. Each connection comes out here; when the receiver is
    /// gone, dialling fails.
    #[must_use]
    pub fn memory(&self) -> mpsc::Receiver<DuplexStream> {
        let (give, take) = mpsc::channel(WAITING);
        self.dial_with(move || {
            let give = give.clone();
            async move {
                let (ours, theirs) = tokio::io::duplex(HOLDS);
                give.send(theirs).await.map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
                Ok(ours)
            }
        });
        take
    }

    /// Lets a judge look at the terminal, or change something about it, as it is now.
    pub fn with<T>(&self, look: impl FnOnce(&mut Concentrator) -> T) -> T {
        let mut inner = self.lock();
        let now = self.now();
        inner.terminal.advance(now);
        let seen = look(&mut inner.terminal);
        self.act(&mut inner);
        drop(inner);
        self.shared.changed.notify_one();
        seen
    }

    /// Takes the terminal's supply away.
    pub fn power_off(&self) {
        let now = self.now();
        self.with(|terminal| terminal.power_off(now));
    }

    /// Gives the supply back.
    pub fn power_on(&self) {
        let now = self.now();
        self.with(|terminal| terminal.power_on(now));
    }

    /// Drops the connection and dials anew; with `leaves_open` the old one stays open.
    pub fn reconnect(&self, leaves_open: bool) {
        let now = self.now();
        self.with(|terminal| terminal.reconnect(now, leaves_open));
    }

    /// The present of this world.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment::START.plus(Instant::now().duration_since(self.shared.server.start))
    }

    /// How many frames were lost because the master did not read.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Comes back to the terminal whenever it has something to do.
    async fn keep_time(self) {
        let server = self.shared.server.clone();
        loop {
            let next = {
                let mut inner = self.lock();
                let now = self.now();
                inner.terminal.advance(now);
                self.act(&mut inner);
                inner.terminal.next_at()
            };
            let fires = next.map(|next| server.start + next.since(Moment::START));
            tokio::select! {
                biased;
                () = server.stop.cancelled() => return,
                () = self.shared.changed.notified() => {}
                () = until(fires) => {}
            }
        }
    }

    /// Does what the terminal wants of the network.
    fn act(&self, inner: &mut Inner) {
        while let Some(act) = inner.terminal.poll_act() {
            match act {
                Act::Dial(link) => self.begin(inner, link),
                Act::Send { link, bytes } => {
                    let sender = inner.links.get(&link);
                    if sender.is_none_or(|sender| sender.try_send(Order::Write(bytes)).is_err()) {
                        inner.lost += 1;
                    }
                }
                // A connection whose orders can no longer come writes what it has and closes.
                Act::Close(link) => drop(inner.links.remove(&link)),
                Act::Leave(link) => {
                    if let Some(sender) = inner.links.remove(&link) {
                        let _ = sender.try_send(Order::Leave);
                    }
                }
            }
        }
    }

    /// Connects, or waits until there is somebody to connect to.
    fn begin(&self, inner: &mut Inner, link: LinkId) {
        let Some(dialler) = inner.dialler.clone() else {
            inner.waiting.push(link);
            return;
        };
        let (orders, told) = mpsc::channel(WAITING);
        inner.links.insert(link, orders);
        let live = self.clone();
        self.shared.server.tasks.spawn(async move {
            let stop = live.shared.server.stop.clone();
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = live.serve(dialler, link, told) => {}
            }
        });
    }

    /// One connection from its begin to its end.
    async fn serve(&self, dialler: Dialler, link: LinkId, mut told: mpsc::Receiver<Order>) {
        let connected = tokio::time::timeout(CONNECTS, dialler()).await;
        drop(dialler);
        if let Ok(Ok(mut stream)) = connected {
            self.tell(|terminal, now| terminal.connected(now, link));
            self.talk(&mut stream, link, &mut told).await;
        }
        self.tell(|terminal, now| terminal.lost(now, link));
        self.lock().links.remove(&link);
    }

    async fn talk(&self, stream: &mut Box<dyn Stream>, link: LinkId, told: &mut mpsc::Receiver<Order>) {
        let mut buffer = [0; 512];
        let mut is_left = false;
        loop {
            tokio::select! {
                biased;
                order = told.recv(), if !is_left => match order {
                    Some(Order::Write(bytes)) => {
                        if stream.write_all(&bytes).await.is_err() {
                            return;
                        }
                    }
                    Some(Order::Leave) => is_left = true,
                    None => return,
                },
                read = stream.read(&mut buffer) => match read {
                    Ok(read) if read > 0 => {
                        let bytes = buffer.get(..read).unwrap_or_default();
                        self.tell(|terminal, now| terminal.hear(now, link, bytes));
                    }
                    _ => return,
                },
            }
        }
    }

    /// Tells the terminal what the network did.
    fn tell(&self, what: impl FnOnce(&mut Concentrator, Moment)) {
        let mut inner = self.lock();
        let now = self.now();
        what(&mut inner.terminal, now);
        self.act(&mut inner);
        drop(inner);
        self.shared.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Frames that wait for a master to read, at most.
const WAITING: usize = 64;
/// Bytes that wait in a stream for the other side to read, at most.
const HOLDS: usize = 16_384;
/// The longest wait for a connection.
const CONNECTS: core::time::Duration = core::time::Duration::from_secs(20);

#[cfg(test)]
mod tests;
