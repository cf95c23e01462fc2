//! Buses and terminals in real time, over TCP and pseudo-terminals, or in paused time in memory: the only part with I/O and timers.
//!
//! A [`Server`] owns the start of the world, the tasks and the stop signal; [`Server::run`] makes a [`LiveBus`] of a bus,
//! and masters reach it by [`LiveBus::listen`] (a serial server: each TCP client is a master of its own),
//! [`LiveBus::pty`] (a serial port) and [`LiveBus::memory`] (a pair of streams, which works in tokio's paused time, so
//! that a night passes in seconds and the same bytes come at the same moments).
//!
//! [`Server::gateway`] puts meters that speak Modbus behind a Modbus TCP port, without a bus.
//! [`Server::concentrator`] makes a [`LiveConcentrator`] of a terminal, which dials its master itself.
//!
//! - **Time.** A timer fires at its deadline or up to a millisecond and some later. Deadlines are the bus's own absolute
//!   moments, so nothing adds up; and by how much an answer came late is taken off when the master that waited for it
//!   writes next, because on a real line it would have written earlier by as much.
//! - **Memory.** A connection holds no buffer: bytes are read when its UART has room and written at once; what the
//!   other side does not take is lost, as in a serial server, and counted by [`LiveBus::lost`].
//! - **Stop.** [`Server::stop`] ends all tasks and waits for them.

mod gateway;
mod live;
mod memory;
mod port;
#[cfg(unix)]
mod pty;
mod tcp;
mod terminal;

#[cfg(test)]
mod tests;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bus::Bus;
use crate::station::Station;
pub use live::LiveBus;
#[cfg(unix)]
pub use pty::PtyError;
pub use terminal::LiveConcentrator;

/// Runs buses that count their time from one start.
#[derive(Clone, Debug)]
pub struct Server {
    start: Instant,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Server {
    /// A server whose world starts now.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now(), tasks: TaskTracker::new(), stop: CancellationToken::new() }
    }

    /// Lets a bus run until the server is stopped. Needs a tokio runtime.
    pub fn run<S: Station + Send + 'static>(&self, bus: Bus<S>) -> LiveBus<S> {
        LiveBus::start(bus, self.clone())
    }

    /// Ends all tasks and waits for them: listeners close, connections break, links of pseudo-terminals are removed.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}
