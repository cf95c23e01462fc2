//! What was injected, for the judge.

use core::fmt;

use dlt645::address::AddressField;
use dlt645::control::Control;
use dlt645::data_id::DataId;

use super::Kind;
use crate::bus::moment::Moment;

/// One fault that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What happened.
    pub kind: Kind,
    /// When the request was complete during which it happened.
    pub at: Moment,
    /// The number of that request on its bus, counted from 1.
    pub during: u64,
    /// The number of the request whose answer it is; smaller than `during` for what came late.
    pub request: u64,
    /// Whom that request was for.
    pub address: AddressField,
    /// Its control code.
    pub control: Control,
    /// What it asked for, if it named something.
    pub data_id: Option<DataId>,
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

    /// The sum over several buses.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
        self
    }

    pub(super) fn add(&mut self, kind: Kind) {
        if let Some(count) = self.0.get_mut(kind.place()) {
            *count += 1;
        }
    }
}

impl fmt::Display for Counts {
    /// `silence 3, late 1`: the kinds that happened.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = Kind::ALL.into_iter().filter(|kind| self.of(*kind) > 0);
        let told: Vec<_> = told.map(|kind| format!("{kind} {}", self.of(kind))).collect();
        f.write_str(if told.is_empty() { "none" } else { "" })?;
        f.write_str(&told.join(", "))
    }
}
