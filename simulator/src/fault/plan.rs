//! Which faults happen how often.

use core::fmt;
use core::str::FromStr;

use super::Kind;
use crate::seed::Seed;

/// How much of something: parts in a million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

/// Why a text is no share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// Not written as a number.
    #[error("a share is written 0.01 or 1%")]
    NotANumber,
    /// More than everything.
    #[error("a share is at most 1, or 100%")]
    OverOne,
    /// Finer than one in a million.
    #[error("a share is told in millionths: at most six decimals, or four of a percentage")]
    TooFine,
}

impl Share {
    /// None at all.
    pub const NONE: Self = Self(0);
    /// Everything.
    pub const ALL: Self = Self(MILLION);

    /// So many parts in a million, at most all of them.
    #[must_use]
    pub const fn per_million(parts: u32) -> Self {
        Self(if parts > MILLION { MILLION } else { parts })
    }

    /// Parts in a million.
    #[must_use]
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// True for this share of the places of a sequence.
    pub(crate) fn strikes(self, seed: Seed, index: u64) -> bool {
        ((seed.number(index) >> 32) * u64::from(MILLION)) >> 32 < u64::from(self.0)
    }
}

impl FromStr for Share {
    type Err = ShareError;

    /// `0.01`, `1%`, `1`; exact to the millionth and never rounded.
    fn from_str(text: &str) -> Result<Self, ShareError> {
        let (number, places) = text.strip_suffix('%').map_or((text, 6), |number| (number, 4));
        let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
        if whole.len() + decimals.len() == 0
            || !(whole.bytes().chain(decimals.bytes())).all(|c| c.is_ascii_digit())
        {
            return Err(ShareError::NotANumber);
        }
        let decimals = decimals.trim_end_matches('0');
        if decimals.len() > places {
            return Err(ShareError::TooFine);
        }
        let digits = format!("{}{decimals:0<places$}", whole.trim_start_matches('0'));
        let parts = digits.parse().map_err(|_| ShareError::OverOne)?;
        if parts > MILLION { Err(ShareError::OverOne) } else { Ok(Self(parts)) }
    }
}

impl fmt::Display for Share {
    /// In percent: `0.5%`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 10_000, self.0 % 10_000);
        let text = format!("{whole}.{rest:04}");
        write!(f, "{}%", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// Which faults happen how often on one bus, and the seed that decides when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    seed: Seed,
    shares: [Share; Kind::ALL.len()],
}

/// Why a text does not add to a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No `=` in it.
    #[error("a fault is given as KIND=SHARE, such as silence=1%, not {given:?}")]
    NoShare {
        /// What was given.
        given: String,
    },
    /// No kind has this name.
    #[error("no fault is called {given:?}; there are {}, noise and all", names())]
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
    /// A plan without faults.
    #[must_use]
    pub const fn new(seed: Seed) -> Self {
        Self { seed, shares: [Share::NONE; Kind::ALL.len()] }
    }

    /// The same plan for the `index`-th of many buses, which draws numbers of its own.
    #[must_use]
    pub fn of_bus(&self, index: u64) -> Self {
        Self { seed: self.seed.named("bus").numbered(index), shares: self.shares }
    }

    /// The same plan with this share of one kind.
    #[must_use]
    pub fn with(mut self, kind: Kind, share: Share) -> Self {
        self.set(kind, share);
        self
    }

    /// Takes `KIND=SHARE`, where the kind may be a group such as `noise`.
    ///
    /// # Errors
    /// [`PlanError`], with nothing changed.
    pub fn add(&mut self, text: &str) -> Result<(), PlanError> {
        let Some((name, share)) = text.split_once('=') else {
            return Err(PlanError::NoShare { given: text.to_owned() });
        };
        let (name, share) = (name.trim(), share.trim());
        let kinds = Kind::named(name);
        if kinds.is_empty() {
            return Err(PlanError::UnknownKind { given: name.to_owned() });
        }
        let share = share.parse().map_err(|source| PlanError::Share { kind: name.to_owned(), source })?;
        kinds.into_iter().for_each(|kind| self.set(kind, share));
        Ok(())
    }

    /// How often a kind happens.
    #[must_use]
    pub fn share(&self, kind: Kind) -> Share {
        self.shares.get(kind.place()).copied().unwrap_or_default()
    }

    /// The kinds that happen at all.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> + '_ {
        Kind::ALL.into_iter().filter(|kind| self.share(*kind) > Share::NONE)
    }

    /// The sequence of numbers for one kind.
    pub(super) fn seed(&self, kind: Kind) -> Seed {
        self.seed.named(kind.name())
    }

    /// Whether a kind is meant to happen at this place.
    pub(super) fn strikes(&self, kind: Kind, index: u64) -> bool {
        self.share(kind) > Share::NONE && self.share(kind).strikes(self.seed(kind), index)
    }

    fn set(&mut self, kind: Kind, share: Share) {
        if let Some(old) = self.shares.get_mut(kind.place()) {
            *old = share;
        }
    }
}

fn names() -> String {
    Kind::ALL.map(Kind::name).join(", ")
}

const MILLION: u32 = 1_000_000;
