//! Readings: what a meter said, for which instant, how it was come by and how far it may be trusted.

use super::archive::Meter;
use super::id::Id;
use super::item::Item;
use super::moment::Moment;
use super::quality::{Quality, Source};
use super::run::Run;

/// One exchange that brought values, with the frames of its answer: what every value leads back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Its number, unique for ever.
    pub id: Id<Self>,
    /// The meter that answered.
    pub meter: Id<Meter>,
    /// What it answered for.
    pub items: Vec<Item>,
    /// The first instant a value in it holds for.
    pub from: Moment,
    /// The last instant a value in it holds for, `from` itself for a single one.
    pub until: Moment,
    /// How the values were come by.
    pub source: Source,
    /// When the last byte came in, by our clock.
    pub collected_at: Moment,
    /// The frames as they came, one behind the other.
    pub frames: Vec<u8>,
    /// The run it was part of; `None` for what was asked outside one.
    pub run: Option<Id<Run>>,
}

/// The state of a register at an instant (示值).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterReading {
    /// The meter.
    pub meter: Id<Meter>,
    /// Which register, with its tariff.
    pub item: Item,
    /// The instant the value holds for. Never moved.
    pub as_of: Moment,
    /// The value, a whole number of the item's last decimal place.
    pub value: i64,
    /// The time the meter gave with it, digit by digit: its freeze time, or when a maximum demand occurred.
    pub meter_time: Option<String>,
    /// When it came in, by our clock.
    pub collected_at: Moment,
    /// How it was come by.
    pub source: Source,
    /// How far it may be trusted.
    pub quality: Quality,
    /// The exchange that brought it; `None` for what a person wrote down or a rule made.
    pub fetch: Option<Id<Fetch>>,
}

/// Which register at which instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RegisterKey {
    /// The meter.
    pub meter: Id<Meter>,
    /// Which register, with its tariff.
    pub item: Item,
    /// The instant.
    pub as_of: Moment,
}

impl RegisterReading {
    /// Which register at which instant it is of.
    #[must_use]
    pub const fn key(&self) -> RegisterKey {
        RegisterKey { meter: self.meter, item: self.item, as_of: self.as_of }
    }
}
