//! `[intervals]`: load curves.

use std::time::Duration;

use toml::de::DeValue;

use super::collection::show_item;
use super::limit::Each;
use super::section::Section;
use super::setting::{Choice, Setting};
use super::words::Words;
use crate::domain::{Item, ItemKind, SlotsPerDay};

/// `[intervals]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intervals {
    /// How the values are come by.
    pub mode: IntervalMode,
    /// How many a day.
    pub slots: SlotsPerDay,
    /// What is measured.
    pub items: Vec<Item>,
    /// How many days back holes are filled from the meter's load record.
    pub repair_days: u8,
    /// After how many days values are dropped; `None` for never.
    pub keep_days: Option<u32>,
}

/// How load curves are come by (负荷曲线采集方式).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntervalMode {
    /// Not at all.
    Off,
    /// From the load record that the meter keeps, after midnight.
    LoadRecord,
    /// By asking the meter at every slot.
    Poll,
}

impl Choice for IntervalMode {
    fn choices() -> Vec<(Self, &'static str)> {
        vec![(Self::Off, "off"), (Self::LoadRecord, "load-record"), (Self::Poll, "poll")]
    }
}

impl Intervals {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let quarter = Period(SlotsPerDay::QUARTER_HOURS);
        Self {
            mode: section.value("mode", .., IntervalMode::LoadRecord),
            slots: section.value("period", .., quarter).0,
            items: section
                .value("items", Each(..), totals())
                .into_iter()
                .map(|measured| measured.0)
                .collect(),
            repair_days: section.value("repair_days", 0..=62, 7),
            keep_days: section.optional("keep_days", 62..=36_500),
        }
    }
}

/// The time from one slot to the next.
struct Period(SlotsPerDay);

impl Setting for Period {
    fn form() -> Words {
        Words::of("whole minutes that divide an hour such as \"15min\"", "能整除一小时的分钟数，如 \"15min\"")
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let period = Duration::read(value)?.as_secs();
        let divides_an_hour = period > 0 && 3600_u64.is_multiple_of(period);
        let slots = divides_an_hour.then(|| 86_400 / period)?;
        let read = SlotsPerDay::new(i64::try_from(slots).ok()?)?;
        // Fractions of a second were dropped above.
        (read.period() == Duration::read(value)?).then_some(Self(read))
    }

    fn show(&self) -> String {
        self.0.period().show()
    }
}

/// What a load curve can be of.
struct Measured(Item);

impl Setting for Measured {
    fn form() -> Words {
        Words::of(
            "an OBIS code of an energy, a demand or a value of the moment, such as \"1.8.0\" or \"32.7.0\"",
            "总电能、需量或瞬时量的 OBIS 代码，如 \"1.8.0\" 或 \"32.7.0\"",
        )
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let item = Item::parse(value.as_str()?)?;
        (item.kind() != ItemKind::MaximumDemand && item.tariff() == 0).then_some(Self(item))
    }

    fn show(&self) -> String {
        show_item(self.0)
    }
}

fn totals() -> Vec<Measured> {
    ["1.8.0", "2.8.0"].into_iter().filter_map(Item::parse).map(Measured).collect()
}
