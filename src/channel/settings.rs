//! How a line is treated.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use super::{Capacities, Probing};
use crate::config::{Collection, Framing, Line, LinePlace, Terminals};
use crate::link::Rate;

/// How a line is treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelSettings {
    /// Its name, for people.
    pub name: Arc<str>,
    /// How frames stand on it. Default as on a bus.
    pub framing: Framing,
    /// Speed and parity for meters that say nothing else; `None` where they are not ours to set.
    pub rate: Option<Rate>,
    /// How many jobs may wait.
    pub capacities: Capacities,
    /// When a meter counts as dead.
    pub probing: Probing,
    /// The longest that a meter heard to answer late is waited for. Default 5 s.
    pub slowest_answer: Duration,
    /// How long jobs wait for a path that cannot be opened before they end as line down. Default 15 s.
    pub patience: Duration,
    /// How long jobs wait for a line that does not stop talking. Default 10 s.
    pub chatter_patience: Duration,
    /// How long to wait before dialling again at first. Default 500 ms.
    pub redial_first: Duration,
    /// And at most. Default 60 s.
    pub redial_most: Duration,
    /// Whether the clocks of all meters may be set at once. Default no. (F14)
    pub broadcast_time: bool,
    /// Decides how waits are drawn. Lines that failed together should not have the same.
    pub seed: u64,
}

impl ChannelSettings {
    /// The defaults for a line of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let second = Duration::from_secs(1);
        Self {
            name: name.into(),
            framing: Framing::Bus,
            rate: None,
            capacities: Capacities::default(),
            probing: Probing::default(),
            slowest_answer: second * 5,
            patience: second * 15,
            chatter_patience: second * 10,
            redial_first: second / 2,
            redial_most: second * 60,
            broadcast_time: false,
            seed: hasher.finish(),
        }
    }

    /// For the lines behind terminals, before they have a name. Their jobs wait as long for the terminal as what it is asked
    /// itself.
    #[must_use]
    pub(super) fn behind_terminal(terminals: &Terminals, collection: &Collection) -> Self {
        let defaults = Self::new("");
        Self {
            probing: probing(collection),
            slowest_answer: defaults.slowest_answer + terminals.rs485_within.max(terminals.plc_within),
            patience: terminals.return_within,
            ..defaults
        }
    }

    /// The same for the line of this name.
    #[must_use]
    pub(super) fn named(self, name: &str, seed: u64) -> Self {
        let Self { name, seed: own, .. } = Self::new(name);
        Self { name, seed: own ^ seed, ..self }
    }

    /// As the configuration has it. Lines of one seed draw different waits all the same.
    #[must_use]
    pub fn of(line: &Line, collection: &Collection, seed: u64) -> Self {
        let defaults = Self::new(&line.name);
        let is_ours = matches!(line.place, LinePlace::Serial(_));
        Self {
            framing: line.framing,
            rate: is_ours.then_some(Rate { baud: line.baud, parity: line.parity }),
            probing: probing(collection),
            slowest_answer: defaults.slowest_answer + line.path_delay,
            redial_most: line.redial_most,
            seed: defaults.seed ^ seed,
            ..defaults
        }
    }
}

fn probing(collection: &Collection) -> Probing {
    Probing {
        dead_after: u32::from(collection.dead_after),
        first: collection.probe_first,
        most: collection.probe_most,
    }
}
