//! A bus that runs: its timer, and what connections do to it.

use core::fmt;
use core::mem;
use core::time::Duration;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::Instant;

use super::Server;
use super::port::Port;
use crate::bus::Bus;
use crate::bus::moment::Moment;
use crate::bus::rate::Rate;
use crate::bus::settings::Pace;
use crate::bus::witness::MasterId;
use crate::station::Station;

/// A bus that runs. Copies are the same bus.
pub struct LiveBus<S> {
    shared: Arc<Shared<S>>,
}

struct Shared<S> {
    inner: Mutex<Inner<S>>,
    /// The timer has to look again.
    changed: Notify,
    /// Somebody who waits for room has to look again.
    room: Arc<Notify>,
    server: Server,
}

struct Inner<S> {
    bus: Bus<S>,
    ports: Vec<Connected>,
    lost: u64,
    /// When the timer fires.
    timer: Option<Moment>,
    waits_for_room: bool,
}

struct Connected {
    master: MasterId,
    port: Port,
    /// By how much the last bytes were handed on too late.
    late: Duration,
}

/// What became of bytes that a master has for the bus.
pub(super) enum Room {
    /// So many may be written.
    Bytes(usize),
    /// None, until this is over.
    After(OwnedNotified),
}

impl<S> Clone for LiveBus<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S> fmt::Debug for LiveBus<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiveBus")
    }
}

impl<S: Station + Send + 'static> LiveBus<S> {
    /// Lets a judge look at the bus, or change something on it, as it is now.
    pub fn with<T>(&self, look: impl FnOnce(&mut Bus<S>) -> T) -> T {
        let mut inner = self.lock();
        inner.move_on(self.now());
        let seen = look(&mut inner.bus);
        self.wake_timer(&inner);
        seen
    }

    /// The present of this world.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment::START.plus(Instant::now().duration_since(self.shared.server.start))
    }

    /// How many masters are connected.
    #[must_use]
    pub fn masters(&self) -> usize {
        self.lock().ports.len()
    }

    /// How many bytes were lost because the master they were for did not read.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }

    pub(super) fn start(bus: Bus<S>, server: Server) -> Self {
        let inner = Inner { bus, ports: Vec::new(), lost: 0, timer: None, waits_for_room: false };
        let (changed, room) = (Notify::new(), Arc::new(Notify::new()));
        let live = Self { shared: Arc::new(Shared { inner: Mutex::new(inner), changed, room, server }) };
        live.server().tasks.spawn(live.clone().keep_time());
        live
    }

    pub(super) fn server(&self) -> &Server {
        &self.shared.server
    }

    pub(super) fn join(&self, port: Port) -> MasterId {
        let mut inner = self.lock();
        let now = self.now();
        inner.move_on(now);
        let master = inner.bus.join(now);
        inner.ports.push(Connected { master, port, late: Duration::ZERO });
        self.wake_timer(&inner);
        master
    }

    pub(super) fn leave(&self, master: MasterId) {
        let mut inner = self.lock();
        inner.bus.leave(master);
        inner.ports.retain(|connected| connected.master != master);
    }

    pub(super) fn room(&self, master: MasterId) -> Room {
        let mut inner = self.lock();
        match inner.bus.room(master) {
            0 => {
                inner.waits_for_room = true;
                Room::After(Arc::clone(&self.shared.room).notified_owned())
            }
            bytes => Room::Bytes(bytes),
        }
    }

    /// A master wrote something; not more than it has room for.
    pub(super) fn write(&self, master: MasterId, bytes: &[u8]) {
        self.write_at(master, None, bytes);
    }

    /// A master wrote something, its port being set to a certain speed.
    pub(super) fn write_at(&self, master: MasterId, baud: Option<u32>, bytes: &[u8]) {
        let mut inner = self.lock();
        let now = self.now();
        inner.move_on(now);
        let late = inner.connected(master).map_or(Duration::ZERO, |connected| mem::take(&mut connected.late));
        let at = Moment::START.plus(now.since(Moment::START).saturating_sub(late));
        let parity = inner.bus.settings().rate.parity();
        if let Some(Ok(rate)) = baud.map(|baud| Rate::new(baud, parity)) {
            inner.bus.set_rate(at, master, rate);
        }
        inner.bus.write(at, master, bytes);
        inner.move_on(now);
        self.wake_timer(&inner);
    }

    /// Comes back to the bus whenever it has something to do.
    async fn keep_time(self) {
        let server = self.server().clone();
        loop {
            let next = {
                let mut inner = self.lock();
                inner.move_on(self.now());
                if mem::take(&mut inner.waits_for_room) {
                    self.shared.room.notify_waiters();
                }
                inner.timer = inner.bus.next_at();
                inner.timer
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

    fn wake_timer(&self, inner: &Inner<S>) {
        let next = inner.bus.next_at();
        if next.is_some_and(|next| inner.timer.is_none_or(|timer| next < timer)) {
            self.shared.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<S>> {
        self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Station> Inner<S> {
    /// Lets the bus do what was due by `now` and hands on what came of it. The bus itself stands still between its
    /// own moments, so that a write can be dated back to when it would have come.
    fn move_on(&mut self, now: Moment) {
        let is_paced = self.bus.settings().pace == Pace::Paced;
        while let Some(at) = self.bus.next_at().filter(|at| !is_paced || *at <= now) {
            self.bus.advance(at);
            while let Some(handed) = self.bus.poll_handed() {
                let Some(connected) = self.connected(handed.master) else { continue };
                connected.late = now.since(handed.at);
                let taken = connected.port.hand(&handed.bytes);
                self.lost += u64::try_from(handed.bytes.len() - taken).unwrap_or_default();
            }
        }
    }

    fn connected(&mut self, master: MasterId) -> Option<&mut Connected> {
        self.ports.iter_mut().find(|connected| connected.master == master)
    }
}

/// Never, if there is no moment.
pub(super) async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => core::future::pending().await,
    }
}
