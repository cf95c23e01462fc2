//! Waits for devices to dial in, and asks each who it is.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::registry::{LONGEST, Registry, Who};
use super::stream::Slot;
use super::{DialInError, DialInLine, DialledIn};
use crate::config::Dtu;
use crate::link::tcp::{self, Liveness};
use crate::telemetry;

/// How connections are treated until they have said who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DialInSettings {
    /// How long one may take to say so. Default 10 s.
    pub register_within: Duration,
    /// How many may be waiting; when there are more the oldest is closed. Default 1024.
    pub most_unregistered: usize,
    /// How a device that vanished is noticed.
    pub liveness: Liveness,
}

impl Default for DialInSettings {
    fn default() -> Self {
        Self {
            register_within: Duration::from_secs(10),
            most_unregistered: 1024,
            liveness: Liveness::default(),
        }
    }
}

impl DialInSettings {
    /// As the configuration has it.
    #[must_use]
    pub fn of(dtu: &Dtu) -> Self {
        let most_unregistered = usize::try_from(dtu.most_unregistered).unwrap_or(usize::MAX);
        Self { register_within: dtu.register_within, most_unregistered, ..Self::default() }
    }
}

/// The port that devices dial.
#[derive(Debug)]
pub struct DialIn {
    address: SocketAddr,
}

impl DialIn {
    /// Listens for the devices of these lines until `stop`, and gives for each line the end at which its device is found.
    ///
    /// # Errors
    /// [`DialInError`] when the port is taken or the devices cannot be told apart.
    pub async fn listen(
        address: SocketAddr,
        lines: Vec<DialInLine>,
        settings: DialInSettings,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<(Self, Vec<DialledIn>), DialInError> {
        let registry = Registry::new(lines)?;
        let failed = |source| DialInError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let slots: Vec<Slot> = registry.lines().iter().map(|_| Slot::new()).collect();
        let ends = registry.lines().iter().zip(&slots);
        let ends = ends.map(|(line, slot)| DialledIn::new(line.clone(), slot.clone())).collect();
        let desk = Arc::new(Desk { registry, slots, settings });
        let (all, tasks_of_all) = (desk, tasks.clone());
        tasks.spawn(async move {
            stop.run_until_cancelled(accept_all(listener, all, tasks_of_all)).await;
        });
        Ok((Self { address }, ends))
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Where devices register.
struct Desk {
    registry: Registry,
    slots: Vec<Slot>,
    settings: DialInSettings,
}

async fn accept_all(listener: TcpListener, desk: Arc<Desk>, tasks: TaskTracker) {
    let mut waiting = Waiting::default();
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file handles, most likely: others must end first.
                tracing::warn!(error = %error, "no connection of a device can be accepted now");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        tcp::watch_over(&stream, desk.settings.liveness);
        if let Who::Line(place) = desk.registry.by_source(from.ip()) {
            desk.enter(place, stream, from);
            continue;
        }
        let desk_here = Arc::clone(&desk);
        let task = tasks.spawn(async move { desk_here.register(stream, from).await });
        waiting.add(task.abort_handle(), desk.settings.most_unregistered);
    }
}

/// Connections that have not said who they are.
#[derive(Default)]
struct Waiting(VecDeque<AbortHandle>);

impl Waiting {
    fn add(&mut self, task: AbortHandle, most: usize) {
        self.0.retain(|task| !task.is_finished());
        while self.0.len() >= most.max(1) {
            if let Some(oldest) = self.0.pop_front() {
                oldest.abort();
                count("displaced");
            }
        }
        self.0.push_back(task);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

impl Desk {
    async fn register(&self, mut stream: TcpStream, from: SocketAddr) {
        let limit = self.settings.register_within;
        let mut heard = Vec::new();
        match tokio::time::timeout(limit, self.ask(&mut stream, &mut heard)).await {
            Ok(Who::Line(place)) => self.enter(place, stream, from),
            Ok(Who::Nobody | Who::NotYet) => {
                let sent = shown(&heard);
                tracing::info!(peer = %from, "{from} dialled in and is no device that is known: it sent {sent}");
                count("unknown");
            }
            Err(_) => count("timed_out"),
        }
    }

    /// Reads until it is clear who it is, and no further than a packet is long.
    async fn ask(&self, stream: &mut TcpStream, heard: &mut Vec<u8>) -> Who {
        loop {
            let mut room = [0; LONGEST * 2];
            let left = room.get_mut(heard.len()..).unwrap_or_default();
            match stream.read(left).await {
                Ok(0) | Err(_) => return Who::Nobody,
                Ok(count) => heard.extend(left.iter().take(count)),
            }
            match self.registry.by_packet(heard) {
                Who::NotYet => {}
                who => return who,
            }
        }
    }

    fn enter(&self, place: usize, stream: TcpStream, from: SocketAddr) {
        let (Some(slot), Some(line)) = (self.slots.get(place), self.registry.lines().get(place)) else {
            return;
        };
        let is_back = slot.put(stream);
        count(if is_back { "registered_anew" } else { "registered" });
        tracing::info!(line.name = %line.name, peer = %from, "the device of line {} has dialled in", line.name);
    }
}

/// The beginning of what a stranger sent, as text and bytes, so that it can be named in the configuration. Nothing in it
/// reaches the log as it is. (T13)
fn shown(heard: &[u8]) -> String {
    if heard.is_empty() {
        return "nothing".to_owned();
    }
    let some = heard.get(..heard.len().min(SHOWN)).unwrap_or_default();
    let bytes: Vec<_> = some.iter().map(|byte| format!("{byte:02X}")).collect();
    let more = if heard.len() > SHOWN { " ..." } else { "" };
    format!("\"{}\" ({}{more})", some.escape_ascii(), bytes.join(" "))
}

fn count(outcome: &'static str) {
    counter!(telemetry::DIALLED_IN, "outcome" => outcome).increment(1);
}

/// How much of what a stranger sent is told.
const SHOWN: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t13_what_a_stranger_sent_is_told_inert() {
        assert_eq!(shown(b"DTU-7"), "\"DTU-7\" (44 54 55 2D 37)");
        assert_eq!(shown(b"\x1b[2J\n"), "\"\\x1b[2J\\n\" (1B 5B 32 4A 0A)");
        assert_eq!(shown(b""), "nothing");
        assert!(shown(&[0x41; 100]).ends_with("41 41 ...)"));
    }
}
