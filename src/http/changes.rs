//! Wakes whoever watches when something of a kind has changed.

use std::sync::Arc;

use tokio::sync::watch;

/// What may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// A run of a night.
    Run,
    /// An on-demand read.
    Read,
    /// A supply order, or STOP.
    Order,
    /// An alarm.
    Alarm,
    /// A terminal has come or gone, or was taken in.
    Terminal,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Run, Self::Read, Self::Order, Self::Alarm, Self::Terminal];

    /// Its name in events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Read => "read",
            Self::Order => "order",
            Self::Alarm => "alarm",
            Self::Terminal => "terminal",
        }
    }
}

/// How often each kind of thing has changed. Clones share it.
#[derive(Clone, Debug)]
pub struct Changes(Arc<watch::Sender<Counts>>);

/// Counts by topic, in the order of [`Topic::ALL`].
pub type Counts = [u64; 5];

impl Default for Changes {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new([0; 5])))
    }
}

impl Changes {
    /// Something of this kind has changed.
    pub fn tell(&self, topic: Topic) {
        self.0.send_modify(|counts| {
            for (count, _) in counts.iter_mut().zip(Topic::ALL).filter(|(_, listed)| *listed == topic) {
                *count += 1;
            }
        });
    }

    /// Follows all kinds.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Counts> {
        self.0.subscribe()
    }
}
