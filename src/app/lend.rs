//! Lends the lines that are served to commands that ask a meter directly, so that a line has one master (F11, T3).
//!
//! For each line of a bus that is a serial port or is dialled, a socket of this machine waits under the
//! [names](crate::link::names) of its place. Whoever comes is asked for by us, in the lane of reads that somebody waits for, one
//! frame at a time: nothing leaves that changes a meter, and what was asked is in the audit log (T27). Lines are lent while the
//! site is served, and by no instance that stands by.

mod ask;
mod talk;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use dlt645::exchange::Timing;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::Site;
use crate::channel::ChannelHandle;
use crate::clock::Clock;
use crate::config::{Framing, Line};
use crate::link::{self, Place, Rate};
use crate::store::Store;

/// One line that is lent.
pub(super) struct Lender {
    line: ChannelHandle,
    rate: Rate,
    /// The times of the line.
    timing: Timing,
    store: Store,
    clock: Clock,
    seats: Arc<Semaphore>,
    /// Who serves.
    own: u32,
}

impl Site {
    /// Lends the lines until `stop`, or until what this gives is dropped.
    pub(super) fn lend(&self, stop: &CancellationToken) -> DropGuard {
        let until = stop.child_token();
        for line in self.config.lines.iter().filter(|line| line.framing == Framing::Bus) {
            let (Some(place), Some(handle)) = (Place::of(line), self.lines.get(&line.name)) else { continue };
            let lender = Arc::new(Lender::new(line, handle, self.store.clone(), self.clock.clone()));
            let (tasks, until) = (self.tasks.clone(), until.clone());
            self.tasks.spawn(async move {
                until.run_until_cancelled(lender.wait(place, &tasks, &until)).await;
            });
        }
        until.drop_guard()
    }
}

impl Lender {
    fn new(line: &Line, handle: ChannelHandle, store: Store, clock: Clock) -> Self {
        let pace = line.pace();
        let timing = Timing::serial(pace.baud).with_path_delay(pace.path_delay);
        Self {
            line: handle,
            rate: Rate { baud: pace.baud, parity: pace.parity },
            timing: Timing {
                quiet_after_answer: timing.quiet_after_answer.max(pace.quiet_after_answer),
                ..timing
            },
            store,
            clock,
            seats: Arc::new(Semaphore::new(MOST_AT_ONCE)),
            own: nix::unistd::geteuid().as_raw(),
        }
    }

    /// Waits under the names of the place, which change: an adapter is put in anew, a name leads elsewhere.
    async fn wait(self: Arc<Self>, place: Place, tasks: &TaskTracker, until: &CancellationToken) {
        let mut open: BTreeMap<String, Option<CancellationToken>> = BTreeMap::new();
        loop {
            let names = link::names(&place).await;
            open.retain(|name, stop| {
                let stays = names.contains(name);
                if !stays {
                    stop.iter().for_each(CancellationToken::cancel);
                }
                stays
            });
            for name in names {
                if open.get(&name).is_some_and(Option::is_some) {
                    continue;
                }
                let bound = link::bind(&name);
                let is_news = !open.contains_key(&name);
                let stop = bound.map_err(|error| self.tell(&error, is_news)).ok().map(|listener| {
                    let (lender, stop) = (Arc::clone(&self), until.child_token());
                    let (own, seen) = (tasks.clone(), stop.clone());
                    tasks.spawn(async move {
                        seen.run_until_cancelled(lender.accept(listener, &own, &seen)).await;
                    });
                    stop
                });
                open.insert(name, stop);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn tell(&self, error: &io::Error, is_news: bool) {
        if !is_news {
            return;
        }
        let name = self.line.name();
        if error.kind() == io::ErrorKind::AddrInUse {
            tracing::error!(channel.name = %name, "line {name}: another service of this machine has it, too: a line has one master");
        } else {
            tracing::warn!(channel.name = %name, "line {name} cannot be lent to commands: {error}");
        }
    }

    async fn accept(self: Arc<Self>, listener: UnixListener, tasks: &TaskTracker, until: &CancellationToken) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let (lender, until) = (Arc::clone(&self), until.clone());
                    tasks.spawn(async move { lender.meet(stream, &until).await });
                }
                Err(error) => {
                    tracing::warn!("a command cannot be heard: {error}");
                    tokio::time::sleep(BREATHE).await;
                }
            }
        }
    }

    async fn meet(&self, stream: UnixStream, until: &CancellationToken) {
        match stream.peer_cred() {
            Ok(peer) => self.converse(stream, peer.uid(), until).await,
            Err(error) => tracing::warn!("who asks for a line cannot be told: {error}"),
        }
    }
}

/// So many commands ask at once on one line.
const MOST_AT_ONCE: usize = 8;
/// How often it is looked what the names of a place are.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// After an error of the system.
const BREATHE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
