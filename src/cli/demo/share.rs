//! Which share of what the wires allow a night used.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use simulator::bus::moment::Moment;
use simulator::bus::witness::{Crossing, Talker, Witness};

/// Looks at one wire.
#[derive(Clone, Debug, Default)]
pub(super) struct Wire(Arc<Mutex<Seen>>);

/// What was seen on it.
#[derive(Debug, Default)]
struct Seen {
    /// When the first byte began and the last one ended.
    span: Option<(Moment, Moment)>,
    /// What the wire and the meters took: bytes, delays of answers, quiet behind them.
    used: Duration,
    /// When the last request ended that was not answered yet.
    asked: Option<Moment>,
}

impl Wire {
    /// A witness that tells this wire of everything.
    pub(super) fn witness(&self) -> Witness {
        let wire = self.clone();
        Witness::telling(Box::new(move |crossing| {
            wire.0.lock().unwrap_or_else(PoisonError::into_inner).see(crossing);
        }))
    }
}

impl Seen {
    fn see(&mut self, crossing: &Crossing) {
        let Crossing { talker, began, ended, .. } = crossing;
        let first = self.span.map_or(*began, |(first, _)| first);
        self.span = Some((first, *ended));
        self.used += ended.since(*began);
        match talker {
            Talker::Master(_) => self.asked = Some(*ended),
            Talker::Station(_) => {
                if let Some(asked) = self.asked.take() {
                    self.used += began.since(asked) + QUIET;
                }
            }
            Talker::Noise => {}
        }
    }
}

/// What the wires, the delays of the meters and the quiet behind their answers took, against the time from the first byte
/// to the last on each wire; in tenths of a percent.
pub(super) fn share(wires: &[Wire]) -> Option<u64> {
    let (mut used, mut had) = (Duration::ZERO, Duration::ZERO);
    for wire in wires {
        let seen = wire.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((first, last)) = seen.span else { continue };
        used += seen.used;
        had += last.since(first) + QUIET;
    }
    let share = (used.as_micros() * 1000).checked_div(had.as_micros())?;
    u64::try_from(share).ok()
}

/// The quiet time that meters need behind their answers belongs to the limit.
const QUIET: Duration = Duration::from_millis(30);
