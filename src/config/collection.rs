//! `[collection]`: the nightly run.

use std::time::Duration;

use toml::de::DeValue;

use super::fault::FaultKind;
use super::limit::Each;
use super::section::Section;
use super::setting::Setting;
use super::time::TimeOfDay;
use super::words::Words;
use crate::domain::{Item, ItemKind};

/// `[collection]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// When the run of a day begins.
    pub start: TimeOfDay,
    /// When it ends, whatever is missing then.
    pub deadline: TimeOfDay,
    /// What is read of every meter, by its total; all tariffs come with it.
    pub registers: Vec<Item>,
    /// Whether events and status words are read once a day.
    pub events: bool,
    /// How long in a night the meters behind one terminal are asked for theirs; nothing for not at all.
    pub forwarded_events: Duration,
    /// How many days back gaps are filled.
    pub repair_days: u8,
    /// How often a question is repeated at once after silence.
    pub retries: u8,
    /// How often what is missing is read again with the same pause; nothing for not at all.
    pub passes: u8,
    /// Whether it is read again behind those, too, with growing pauses until the deadline: so it is unless somebody waits.
    pub until_deadline: bool,
    /// How long to wait before such a pass. A question waits as long for its turn: what it would wait longer for is better left to
    /// the next pass.
    pub pass_pause: Duration,
    /// How many questions in a row a meter leaves unanswered before it counts as dead.
    pub dead_after: u8,
    /// When a dead meter is tried again; the time doubles with each try.
    pub probe_first: Duration,
    /// Up to here.
    pub probe_most: Duration,
    /// How far the time of a freeze may be from midnight for it to be the freeze of that midnight.
    pub freeze_tolerance: Duration,
}

impl Collection {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let second = Duration::from_secs(1);
        let (minute, hour) = (second * 60, second * 3600);
        let collection = Self {
            start: section.value("start", .., TimeOfDay { hour: 0, minute: 5 }),
            deadline: section.value("deadline", .., TimeOfDay { hour: 6, minute: 0 }),
            registers: section
                .value("registers", Each(..), totals())
                .into_iter()
                .map(|total| total.0)
                .collect(),
            events: section.value("events", .., true),
            forwarded_events: section.value("forwarded_events", Duration::ZERO..=hour * 6, minute * 20),
            repair_days: section.value("repair_days", 0..=62, 7),
            retries: section.value("retries", 0..=5, 0),
            passes: section.value("passes", 0..=20, 3),
            until_deadline: true,
            pass_pause: section.value("pass_pause", second..=hour * 6, minute * 10),
            dead_after: section.value("dead_after", 1..=20, 3),
            probe_first: section.value("probe_first", second * 10..=hour, minute * 5),
            probe_most: section.value("probe_most", minute..=hour * 24, hour * 6),
            freeze_tolerance: section.value("freeze_tolerance", second..=minute * 5, minute * 5),
        };
        section.check(
            collection.start < collection.deadline,
            &["start", "deadline"],
            FaultKind::NotAfter("start"),
        );
        section.check(
            collection.probe_first <= collection.probe_most,
            &["probe_first", "probe_most"],
            FaultKind::NotAfter("probe_first"),
        );
        collection
    }
}

/// An item of the freeze of a day, without its tariffs.
struct Total(Item);

impl Setting for Total {
    fn form() -> Words {
        Words::of(
            "an OBIS code of what meters freeze daily, \"1.8.0\" to \"8.8.0\", \"1.6.0\" or \"2.6.0\"",
            "日冻结数据的 OBIS 代码，\"1.8.0\" 至 \"8.8.0\"、\"1.6.0\" 或 \"2.6.0\"",
        )
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let item = Item::parse(value.as_str()?)?;
        let is_frozen = match item.kind() {
            ItemKind::Energy => item.code().c <= 8,
            ItemKind::MaximumDemand => item.code().c <= 2,
            ItemKind::Demand | ItemKind::Instantaneous => false,
        };
        (is_frozen && item.tariff() == 0).then_some(Self(item))
    }

    fn show(&self) -> String {
        show_item(self.0)
    }
}

/// An item as the file has it: its code without the medium and channel that all share.
pub(super) fn show_item(item: Item) -> String {
    let code = item.code();
    format!("\"{}.{}.{}\"", code.c, code.d, code.e)
}

fn totals() -> Vec<Total> {
    ["1.8.0", "2.8.0"].into_iter().filter_map(Item::parse).map(Total).collect()
}
