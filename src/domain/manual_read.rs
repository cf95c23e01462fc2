//! Registers as people read them, at the office or in front of the meter (人工抄表, 现场抄表).
//!
//! What a person wrote down is compared with what the meter said and never takes its place: what differs waits for a
//! review, and a freeze that comes in later counts instead. The reads of one file are proposed and confirmed together.

use std::collections::HashSet;

use dlt645::address::MeterAddress;
use serde::{Deserialize, Serialize};

use super::archive::{Meter, MeterProtocol, TransformerArea};
use super::coded::Coded;
use super::id::Id;
use super::item::{Item, Way};
use super::moment::Moment;
use super::quality::{Quality, Suspicion};
use super::reading::RegisterKey;
use super::register::{self, RegisterLimits, State};

/// Reads that are proposed together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManualReads {
    /// The file they came in; empty for none.
    pub file: String,
    /// The reads.
    pub reads: Vec<ManualRead>,
}

/// What a person read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManualRead {
    /// Number of the point.
    pub point: String,
    /// Address of the meter that was there then.
    pub meter: String,
    /// The code of the item, such as `1-0:1.8.0`.
    pub item: String,
    /// A whole number of the item's last decimal place.
    pub value: i64,
    /// When it was read, microseconds UTC.
    pub at: i64,
    /// Who read it.
    pub read_by: String,
    /// How: a name of [`ReadKind`].
    pub kind: String,
    /// What they wrote beside it; may be empty.
    pub remark: String,
}

/// How a person came by a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadKind {
    /// Told or written down, such as by the customer (人工抄录).
    Manual,
    /// Read in front of the meter (现场抄表).
    OnSite,
}

impl Coded for ReadKind {
    const TABLE: &'static [(Self, i64, &'static str)] =
        &[(Self::Manual, 1, "manual"), (Self::OnSite, 2, "on-site")];
}

/// A meter as a list names it, at an instant: by its point, its address or its asset number, of which any that are given
/// must agree.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReadPlace {
    /// Number of the point.
    pub point: Option<String>,
    /// Address of the meter, twelve digits.
    pub meter: Option<String>,
    /// Asset number of the meter.
    pub asset: Option<String>,
    /// When.
    pub at: Moment,
}

/// The meter that measured a point at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedMeter {
    /// The meter.
    pub id: Id<Meter>,
    /// Its address, twelve digits.
    pub meter: String,
    /// Number of the point.
    pub point: String,
    /// Transformer area of the point.
    pub area: Option<Id<TransformerArea>>,
    /// What it speaks.
    pub protocol: MeterProtocol,
    /// Its profile, where the archive names one.
    pub profile: Option<String>,
}

/// How a read stands to what is known from the meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compared {
    /// Nothing is known around it.
    Alone,
    /// It lies between the values before and behind it, as far as there are such.
    Between,
    /// The value of the same instant is the same.
    Agrees,
    /// The value of the same instant is another one.
    Differs,
    /// It lies below the value before it or above the one behind, or farther from them than the connection can carry.
    Outside,
}

impl Compared {
    /// A short name from a closed set.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::Between => "between",
            Self::Agrees => "agrees",
            Self::Differs => "differs",
            Self::Outside => "outside",
        }
    }

    /// Whether a review follows when it is confirmed.
    #[must_use]
    pub const fn is_doubtful(self) -> bool {
        matches!(self, Self::Differs | Self::Outside)
    }
}

/// The accepted values around a read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// The one of the same instant.
    pub same: Option<i64>,
    /// The last one before.
    pub before: Option<State>,
    /// The first one behind.
    pub after: Option<State>,
    /// How far the register can move, as its meter's profile says.
    pub limits: Option<RegisterLimits>,
}

/// What is wrong with reads in themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ReadFault {
    Empty,
    TooMany,
    InTheFuture,
    Address,
    Item,
    Negative,
    Twice,
    Kind,
}

impl ManualReads {
    /// Everything that is wrong with them, whatever the archive holds; each once.
    pub(super) fn faults(&self, now: Moment) -> Vec<ReadFault> {
        let mut found = Vec::new();
        let mut note = |is_wrong: bool, fault: ReadFault| {
            if is_wrong && !found.contains(&fault) {
                found.push(fault);
            }
        };
        note(self.reads.is_empty(), ReadFault::Empty);
        note(self.reads.len() > MOST_READS, ReadFault::TooMany);
        let mut seen = HashSet::new();
        for read in &self.reads {
            note(Moment::from_micros(read.at) > now, ReadFault::InTheFuture);
            note(read.meter.parse::<MeterAddress>().is_err(), ReadFault::Address);
            note(read.register().is_none(), ReadFault::Item);
            note(read.value < 0, ReadFault::Negative);
            note(ReadKind::from_name(&read.kind).is_none(), ReadFault::Kind);
            note(!seen.insert((&read.meter, &read.item, read.at)), ReadFault::Twice);
        }
        found
    }
}

impl ManualRead {
    /// The register that was read: only those of energy are.
    #[must_use]
    pub fn register(&self) -> Option<Item> {
        Item::parse(&self.item).filter(|item| item.way().is_some())
    }

    /// Which register of a meter at which instant it is of.
    #[must_use]
    pub fn key(&self, meter: Id<Meter>) -> Option<RegisterKey> {
        Some(RegisterKey { meter, item: self.register()?, as_of: Moment::from_micros(self.at) })
    }

    /// The meter as it is named.
    #[must_use]
    pub fn place(&self) -> ReadPlace {
        ReadPlace {
            point: Some(self.point.clone()),
            meter: Some(self.meter.clone()),
            asset: None,
            at: Moment::from_micros(self.at),
        }
    }

    /// How it stands to what is known around it.
    #[must_use]
    pub fn compared(&self, around: &Around) -> Compared {
        match (around.same, around.before, around.after) {
            (Some(same), ..) if same == self.value => Compared::Agrees,
            (Some(_), ..) => Compared::Differs,
            (None, None, None) => Compared::Alone,
            _ if self.judged(around).is_accepted() => Compared::Between,
            _ => Compared::Outside,
        }
    }

    /// What is to be thought of it. Another value of the same instant is dealt with where it is booked.
    #[must_use]
    pub fn quality(&self, around: &Around) -> Quality {
        match self.compared(around) {
            Compared::Outside => self.judged(around),
            _ => Quality::Good,
        }
    }

    /// By the values before and behind, as a read of the meter itself is (F15); of a meter whose profile is not known
    /// only whether it lies between them.
    fn judged(&self, around: &Around) -> Quality {
        let Around { before, after, limits, .. } = *around;
        let new = State { at: Moment::from_micros(self.at), value: self.value };
        if let Some(limits) = limits {
            return register::judge(new, before, after, limits);
        }
        let only_rises = self.register().and_then(Item::way) == Some(Way::Up);
        if only_rises && before.is_some_and(|before| before.value > self.value) {
            Quality::Suspect(Suspicion::BackwardStep)
        } else if only_rises && after.is_some_and(|after| after.value < self.value) {
            Quality::Suspect(Suspicion::LargeStep)
        } else {
            Quality::Good
        }
    }
}

/// How many reads are proposed together at most.
pub const MOST_READS: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Day, coded};
    use std::time::Duration;

    fn noon() -> Moment {
        "2026-11-22".parse::<Day>().unwrap().start().plus(Duration::from_secs(43_200))
    }

    pub(crate) fn read(value: i64) -> ManualRead {
        ManualRead {
            point: "P1".to_owned(),
            meter: "000000000001".to_owned(),
            item: "1-0:1.8.0".to_owned(),
            value,
            at: noon().micros(),
            read_by: "张三".to_owned(),
            kind: "on-site".to_owned(),
            remark: String::new(),
        }
    }

    #[test]
    fn kinds_have_their_own_codes() {
        coded::check::<ReadKind>(2);
    }

    #[test]
    fn a_read_lies_between_what_the_meter_said_or_is_doubted() {
        let state =
            |hours: u64, value| Some(State { at: noon().plus(Duration::from_secs(3600 * hours)), value });
        let around = |same, before, after| Around { same, before, after, limits: None };
        let (low, high) = (state(0, 100), state(9, 200));
        for (value, around, compared, quality) in [
            (150, around(None, low, high), Compared::Between, Quality::Good),
            (100, around(None, low, high), Compared::Between, Quality::Good),
            (200, around(None, low, None), Compared::Between, Quality::Good),
            (99, around(None, low, high), Compared::Outside, Quality::Suspect(Suspicion::BackwardStep)),
            (201, around(None, low, high), Compared::Outside, Quality::Suspect(Suspicion::LargeStep)),
            (201, around(None, None, high), Compared::Outside, Quality::Suspect(Suspicion::LargeStep)),
            (150, around(None, None, None), Compared::Alone, Quality::Good),
            (150, around(Some(150), low, high), Compared::Agrees, Quality::Good),
            (150, around(Some(151), low, high), Compared::Differs, Quality::Good),
        ] {
            let read = read(value);
            assert_eq!((read.compared(&around), read.quality(&around)), (compared, quality), "{value}");
        }
        // Ten kilowatts and six digits: a figure too many, a figure too few, and the register's end.
        let kwh = |whole: i64| whole * 10_000;
        let limits = RegisterLimits::new(Item::parse("1.8.0").unwrap(), 6, 10_000);
        let within = |before, after| Around { before, after, limits, ..Around::default() };
        let (first, last) = (state(0, kwh(90_000)), state(9, kwh(90_090)));
        for (value, around, quality) in [
            (kwh(90_089), within(first, last), Quality::Suspect(Suspicion::LargeStep)),
            (kwh(90_000), within(first, last), Quality::Good),
            (kwh(900_000), within(first, None), Quality::Suspect(Suspicion::LargeStep)),
            (kwh(9_000), within(None, last), Quality::Suspect(Suspicion::LargeStep)),
            (kwh(9_000), within(first, None), Quality::Suspect(Suspicion::BackwardStep)),
            (kwh(10), within(state(0, kwh(999_999)), None), Quality::Suspect(Suspicion::BackwardStep)),
        ] {
            assert_eq!(read(value).quality(&around), quality, "{value}");
        }
        let both_ways = ManualRead { item: "1-0:15.8.0".to_owned(), ..read(99) };
        assert_eq!(both_ways.compared(&around(None, low, high)), Compared::Between);
    }

    #[test]
    fn f38_reads_that_cannot_be_are_refused_with_every_reason() {
        let reads = |reads: Vec<ManualRead>| ManualReads { file: String::new(), reads }.faults(noon());
        assert_eq!(reads(vec![read(1)]), []);
        assert_eq!(reads(vec![]), [ReadFault::Empty]);
        assert_eq!(reads(vec![read(1), read(2)]), [ReadFault::Twice]);
        let wrong = ManualRead {
            meter: "x".to_owned(),
            // A demand is no register of energy.
            item: "1-0:1.6.0".to_owned(),
            at: noon().micros() + 1,
            kind: "guess".to_owned(),
            ..read(-1)
        };
        use ReadFault::{Address, InTheFuture, Kind, Negative};
        assert_eq!(reads(vec![wrong]), [InTheFuture, Address, ReadFault::Item, Negative, Kind]);
        let many: Vec<_> =
            (0..=2000).map(|number| ManualRead { at: noon().micros() - number, ..read(1) }).collect();
        assert_eq!(reads(many), [ReadFault::TooMany]);
    }
}
