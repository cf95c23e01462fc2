//! What goes wrong between a terminal and its master, and the lies a terminal tells; each drawn from the seed, counted by
//! kind. (Lost and late exchanges with meters are no faults but how [`super::plc`] is.)

use core::fmt;

use crate::bus::moment::Moment;
use crate::fault::{Share, ShareError};
use crate::seed::Seed;

/// One kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A request gets no answer.
    Silence,
    /// An answer comes one to five minutes late.
    Late,
    /// An answer comes behind the next one.
    Reorder,
    /// One bit of an answer is wrong, and the checksum tells.
    Flip,
    /// An answer breaks off.
    Cut,
    /// An answer is sent twice.
    Duplicate,
    /// One frame of an answer in several is lost.
    LostFrame,
    /// The connection ends at a request, and the terminal dials anew.
    Reconnect,
    /// The terminal dials anew and leaves the old connection open.
    HalfOpen,
    /// Stored data of the day before, under their own old time mark.
    OldData,
    /// Stored data of another measuring point under the identifier that was asked for.
    WrongPoint,
    /// A forwarded relay order is kept and carried out one to six hours later.
    Buffered,
    /// A forwarded frame reaches the meter twice.
    Doubled,
}

impl Kind {
    /// All kinds, in the order in which they are told.
    pub const ALL: [Self; 13] = [
        Self::Silence,
        Self::Late,
        Self::Reorder,
        Self::Flip,
        Self::Cut,
        Self::Duplicate,
        Self::LostFrame,
        Self::Reconnect,
        Self::HalfOpen,
        Self::OldData,
        Self::WrongPoint,
        Self::Buffered,
        Self::Doubled,
    ];

    /// The name on the command line and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Silence => "terminal-silence",
            Self::Late => "terminal-late",
            Self::Reorder => "terminal-reorder",
            Self::Flip => "terminal-flip",
            Self::Cut => "terminal-cut",
            Self::Duplicate => "terminal-duplicate",
            Self::LostFrame => "lost-frame",
            Self::Reconnect => "reconnect",
            Self::HalfOpen => "half-open",
            Self::OldData => "old-data",
            Self::WrongPoint => "wrong-point",
            Self::Buffered => "buffered-order",
            Self::Doubled => "doubled-order",
        }
    }

    /// What it does, in English and in Chinese.
    #[must_use]
    pub const fn help(self) -> (&'static str, &'static str) {
        match self {
            Self::Silence => ("the terminal does not answer", "终端不应答"),
            Self::Late => ("the terminal answers minutes later", "终端应答迟到数分钟"),
            Self::Reorder => ("its answer comes behind the next one", "终端应答次序颠倒"),
            Self::Flip => ("one bit of its answer is wrong", "终端应答有一位翻转"),
            Self::Cut => ("its answer breaks off", "终端应答中途截断"),
            Self::Duplicate => ("its answer comes twice", "终端应答重复"),
            Self::LostFrame => ("one frame of an answer in several is lost", "终端多帧应答丢失一帧"),
            Self::Reconnect => ("it drops the line and dials anew", "终端断线重连"),
            Self::HalfOpen => ("it dials anew, the old connection stays", "终端重连而旧连接未断"),
            Self::OldData => ("it sends data of the day before", "终端以前一日数据应答"),
            Self::WrongPoint => ("it sends data of another point", "终端以其他测量点数据应答"),
            Self::Buffered => ("a relay order is carried out hours later", "终端积压控制命令数小时后执行"),
            Self::Doubled => ("a forwarded frame reaches the meter twice", "终端重复转发"),
        }
    }

    /// What `--help` shows: one line for each kind, in both languages.
    #[must_use]
    pub fn list() -> String {
        Self::ALL
            .iter()
            .map(|kind| {
                let (english, chinese) = kind.help();
                format!("{:<18} {english} ({chinese})\n", kind.name())
            })
            .collect()
    }

    /// The kind with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    fn place(self) -> usize {
        Self::ALL.iter().position(|kind| *kind == self).unwrap_or_default()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How often each kind happens: a share of the requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    shares: [Share; Kind::ALL.len()],
}

/// Why a text does not add to a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No `=` in it.
    #[error("a fault is given as KIND=SHARE, such as reconnect=1%, not {given:?}")]
    NoShare {
        /// What was given.
        given: String,
    },
    /// No kind has this name.
    #[error("no fault of terminals is called {given:?}; there are {}", Kind::ALL.map(Kind::name).join(", "))]
    UnknownKind {
        /// What was given.
        given: String,
    },
    /// The share cannot be read.
    #[error("the share of {kind}: {source}")]
    Share {
        /// Whose share.
        kind: String,
        /// Why.
        source: ShareError,
    },
}

impl Plan {
    /// The same plan with this share of one kind.
    #[must_use]
    pub fn with(mut self, kind: Kind, share: Share) -> Self {
        self.set(kind, share);
        self
    }

    /// Takes `KIND=SHARE`.
    ///
    /// # Errors
    /// [`PlanError`], with nothing changed.
    pub fn add(&mut self, text: &str) -> Result<(), PlanError> {
        let Some((name, share)) = text.split_once('=') else {
            return Err(PlanError::NoShare { given: text.to_owned() });
        };
        let (name, share) = (name.trim(), share.trim());
        let Some(kind) = Kind::named(name) else {
            return Err(PlanError::UnknownKind { given: name.to_owned() });
        };
        let share = share.parse().map_err(|source| PlanError::Share { kind: name.to_owned(), source })?;
        self.set(kind, share);
        Ok(())
    }

    /// How often a kind happens.
    #[must_use]
    pub fn share(&self, kind: Kind) -> Share {
        self.shares.get(kind.place()).copied().unwrap_or_default()
    }

    fn set(&mut self, kind: Kind, share: Share) {
        if let Some(old) = self.shares.get_mut(kind.place()) {
            *old = share;
        }
    }
}

/// One fault that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What happened.
    pub kind: Kind,
    /// When.
    pub at: Moment,
    /// The number of the request, counted from 0.
    pub request: u64,
}

/// How often each kind happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([u64; Kind::ALL.len()]);

impl Counts {
    /// How often this kind happened.
    #[must_use]
    pub fn of(&self, kind: Kind) -> u64 {
        self.0.get(kind.place()).copied().unwrap_or_default()
    }

    /// How many faults happened.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The sum over several terminals.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
        self
    }
}

impl fmt::Display for Counts {
    /// `reconnect 3, old-data 1`: the kinds that happened.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = Kind::ALL.into_iter().filter(|kind| self.of(*kind) > 0);
        let told: Vec<_> = told.map(|kind| format!("{kind} {}", self.of(kind))).collect();
        f.write_str(if told.is_empty() { "none" } else { "" })?;
        f.write_str(&told.join(", "))
    }
}

/// Lets faults happen and keeps a record of them.
#[derive(Clone, Debug)]
pub struct Faults {
    plan: Plan,
    seed: Seed,
    counts: Counts,
    hits: Vec<Hit>,
}

impl Faults {
    pub(super) fn new(plan: Plan, seed: Seed) -> Self {
        Self { plan, seed: seed.named("terminal faults"), counts: Counts::default(), hits: Vec::new() }
    }

    /// How often each kind happened.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The last of them, oldest first.
    #[must_use]
    pub fn hits(&self) -> &[Hit] {
        &self.hits
    }

    /// Changes how often faults happen from now on.
    pub fn set_plan(&mut self, plan: Plan) {
        self.plan = plan;
    }

    /// Whether a kind happens at this request; counts it then.
    pub(super) fn strike(&mut self, kind: Kind, request: u64, at: Moment) -> bool {
        let share = self.plan.share(kind);
        let strikes = share > Share::NONE && share.strikes(self.seed.named(kind.name()), request);
        if strikes {
            if let Some(count) = self.counts.0.get_mut(kind.place()) {
                *count += 1;
            }
            if self.hits.len() >= KEPT {
                self.hits.drain(..KEPT / 2);
            }
            self.hits.push(Hit { kind, at, request });
        }
        strikes
    }

    /// A number that belongs to one fault, from `low` to `high`.
    pub(super) fn number(&self, kind: Kind, request: u64, low: i64, high: i64) -> i64 {
        self.seed.named(kind.name()).named("number").between(request, low, high)
    }
}

/// So many hits are kept at the most.
const KEPT: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept_and_counted() {
        let mut plan = Plan::default();
        plan.add("reconnect=10%").unwrap();
        let mut faults = Faults::new(plan, Seed::new(4));
        let struck = (0..10_000).filter(|n| faults.strike(Kind::Reconnect, *n, Moment::START)).count();
        assert!(struck.abs_diff(1_000) < 150, "{struck}");
        assert_eq!(faults.counts().of(Kind::Reconnect), u64::try_from(struck).unwrap());
        assert!(!faults.strike(Kind::Silence, 0, Moment::START));
        assert_eq!(faults.counts().to_string(), format!("reconnect {struck}"));
    }

    #[test]
    fn texts_that_are_no_faults_say_why() {
        let mut plan = Plan::default();
        assert_eq!(
            plan.add("silence").unwrap_err().to_string(),
            "a fault is given as KIND=SHARE, such as reconnect=1%, not \"silence\""
        );
        assert!(plan.add("noise=1%").unwrap_err().to_string().contains("half-open"));
        assert!(matches!(plan.add("reconnect=2"), Err(PlanError::Share { .. })));
        assert_eq!(plan, Plan::default());
        assert_eq!(Kind::list().lines().count(), Kind::ALL.len());
    }
}
