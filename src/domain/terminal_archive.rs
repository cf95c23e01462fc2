//! Records of a terminal's own list of meters (终端档案) as one person proposes them and another confirms, and what became of
//! setting them.
//!
//! A change names what the terminal holds now and what it is to hold, so that what is confirmed is the exact difference. It
//! is compared once more with what the terminal holds when it is sent. The meter's password that a record holds besides is
//! no part of it (T24): it stays as it is, and is zeros in a new record.

use std::time::Duration;

use gdw1376::address::TerminalAddress;
use serde::{Deserialize, Serialize};

use super::coded::Coded;

/// Records to be set in a terminal's list of meters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminalArchive {
    /// The terminal, region and address, such as `1100-3039`.
    pub terminal: String,
    /// The records, each once.
    pub changes: Vec<RecordChange>,
}

/// One record as it is held and as it is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordChange {
    /// The number of the record (电能表序号), 1 to 2040.
    pub number: u16,
    /// What the terminal holds under it; `None` for nothing: the record is added.
    pub before: Option<MeterRecord>,
    /// What it is to hold; `None` for nothing: the record is removed.
    pub after: Option<MeterRecord>,
}

/// One meter of a terminal's list, without its number and its password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterRecord {
    /// The measuring point (测量点号), 1 to 2040.
    pub point: u16,
    /// Address of the meter, twelve digits.
    pub address: String,
    /// The terminal's port (端口), 1 to 31.
    pub port: u8,
    /// Bits a second on the port; 0 for what the terminal has set for it.
    pub baud: u16,
    /// What the meter speaks (通信规约): 1 DL/T 645-1997, 30 DL/T 645-2007, 31 the same by a narrow-band module, 2 the terminal's
    /// own measuring, 0 not to be read.
    pub protocol: u8,
    /// How many tariffs.
    pub tariffs: u8,
    /// Digits before the point, 4 to 7.
    pub integer_digits: u8,
    /// Digits behind it, 1 to 4.
    pub decimal_digits: u8,
    /// Address of the acquisition unit (采集器), twelve digits, zeros for none.
    pub collector: String,
    /// The class of the customer (大类号), 0 to 15.
    pub class: u8,
    /// The sub-class (小类号), 0 to 15.
    pub sub_class: u8,
}

/// What is wrong with records to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordFault {
    /// There is none.
    Nothing,
    /// There are more than one proposal takes.
    TooMany,
    /// A number is named twice, or two records are to have the same point or meter.
    Twice,
    /// A number, a point or another field is out of its range.
    Range,
    /// A record is to be what it is.
    Same,
}

impl TerminalArchive {
    /// The terminal's address; `None` when what is written is none.
    #[must_use]
    pub fn address(&self) -> Option<TerminalAddress> {
        self.terminal.parse().ok().filter(|address| *address != TerminalAddress::ANY)
    }

    /// Everything that is wrong with it in itself.
    #[must_use]
    pub fn faults(&self) -> Vec<RecordFault> {
        let mut found = Vec::new();
        if self.changes.is_empty() {
            found.push(RecordFault::Nothing);
        }
        if self.changes.len() > MOST_CHANGES {
            found.push(RecordFault::TooMany);
        }
        let is_twice = |place: usize, change: &RecordChange| {
            self.changes.iter().take(place).any(|other| {
                other.number == change.number
                    || other
                        .after
                        .as_ref()
                        .zip(change.after.as_ref())
                        .is_some_and(|(one, two)| one.point == two.point || one.address == two.address)
            })
        };
        if self.changes.iter().enumerate().any(|(place, change)| is_twice(place, change)) {
            found.push(RecordFault::Twice);
        }
        if !self.changes.iter().all(RecordChange::is_in_range) {
            found.push(RecordFault::Range);
        }
        if self.changes.iter().any(|change| change.before == change.after) {
            found.push(RecordFault::Same);
        }
        found
    }

    /// How many records are added, changed and removed.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |kind| self.changes.iter().filter(|change| change.kind() == kind).count();
        (count(ChangeKind::Added), count(ChangeKind::Changed), count(ChangeKind::Removed))
    }

    /// The points at which another meter is to stand than now, or none: what the terminal stores for them is not to be
    /// believed before the meter was asked.
    #[must_use]
    pub fn readdressed(&self) -> Vec<u16> {
        let at = |record: &Option<MeterRecord>| {
            record.as_ref().map(|record| (record.point, record.address.clone()))
        };
        let changed = self.changes.iter().filter(|change| at(&change.before) != at(&change.after));
        let points = changed.flat_map(|change| [&change.before, &change.after]).flatten();
        let mut points: Vec<u16> = points.map(|record| record.point).collect();
        points.sort_unstable();
        points.dedup();
        points
    }
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// There is none yet.
    Added,
    /// It becomes another.
    Changed,
    /// There is none any more.
    Removed,
}

impl ChangeKind {
    /// A short name from a closed set.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

impl RecordChange {
    /// What becomes of the record.
    #[must_use]
    pub const fn kind(&self) -> ChangeKind {
        match (&self.before, &self.after) {
            (None, _) => ChangeKind::Added,
            (Some(_), Some(_)) => ChangeKind::Changed,
            (Some(_), None) => ChangeKind::Removed,
        }
    }

    fn is_in_range(&self) -> bool {
        // What the terminal holds may be anything.
        NUMBERS.contains(&self.number) && self.after.as_ref().is_none_or(MeterRecord::is_in_range)
    }
}

impl MeterRecord {
    /// The speeds that a record can name, by their codes.
    pub const SPEEDS: [u16; 8] = [0, 600, 1200, 2400, 4800, 7200, 9600, 19_200];

    fn is_in_range(&self) -> bool {
        let is_number = |text: &str| text.len() == 12 && text.bytes().all(|digit| digit.is_ascii_digit());
        NUMBERS.contains(&self.point)
            && is_number(&self.address)
            && is_number(&self.collector)
            && (1..=31).contains(&self.port)
            && Self::SPEEDS.contains(&self.baud)
            && self.tariffs <= 63
            && (4..=7).contains(&self.integer_digits)
            && (1..=4).contains(&self.decimal_digits)
            && self.class <= 15
            && self.sub_class <= 15
    }
}

/// How the setting of a terminal's records stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SettingState {
    /// It was confirmed, and nothing of it has left.
    Waiting,
    /// It is being sent.
    Sending,
    /// The terminal was asked behind it and holds what it should.
    Verified,
    /// The terminal was asked behind it and does not.
    Differing,
    /// Something has left and was not answered, or the terminal could not be asked behind it.
    Unknown,
    /// The terminal refused all of it, and holds what it held.
    Refused,
    /// What the terminal holds is not what was proposed from: nothing was sent.
    Outdated,
    /// The terminal could not be reached in time: nothing was sent.
    Expired,
}

impl Coded for SettingState {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Waiting, 1, "waiting"),
        (Self::Sending, 2, "sending"),
        (Self::Verified, 3, "verified"),
        (Self::Differing, 4, "differing"),
        (Self::Unknown, 5, "unknown"),
        (Self::Refused, 6, "refused"),
        (Self::Outdated, 7, "outdated"),
        (Self::Expired, 8, "expired"),
    ];
}

impl SettingState {
    /// So long what was not answered may still be carried out.
    pub const MAY_COME: Duration = Duration::from_secs(3600);

    /// True when nothing more becomes of it.
    #[must_use]
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Waiting | Self::Sending | Self::Unknown)
    }
}

/// What a terminal said to one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordAnswer {
    /// It was not sent.
    NotSent,
    /// The terminal took it.
    Taken,
    /// It refused it, and why: 2 for an address that another record has. [1376 3.1]
    Refused(u8),
    /// It said nothing.
    Silent,
}

/// What became of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordResult {
    /// Its number.
    pub number: u16,
    /// What the terminal said.
    pub answer: RecordAnswer,
    /// Whether the terminal holds it as it should be; `None` before it was asked.
    pub holds: Option<bool>,
    /// The terminal was asked, and holds nothing where a record should be.
    #[serde(default)]
    pub lacks: bool,
}

/// How the setting of records stands by what was said and what is held.
#[must_use]
pub fn setting_state(results: &[RecordResult], is_late: bool) -> SettingState {
    if results.iter().any(|result| result.holds.is_none()) {
        return SettingState::Unknown;
    }
    let mut lacking = results.iter().filter(|result| result.holds != Some(true)).peekable();
    if lacking.peek().is_none() {
        return SettingState::Verified;
    }
    let is_untouched =
        |result: &RecordResult| matches!(result.answer, RecordAnswer::Refused(_) | RecordAnswer::NotSent);
    if results.iter().all(is_untouched) {
        return SettingState::Refused;
    }
    // What was not answered may still be carried out.
    if !is_late && lacking.any(|result| result.answer == RecordAnswer::Silent) {
        return SettingState::Unknown;
    }
    SettingState::Differing
}

/// So many records one proposal takes.
pub const MOST_CHANGES: usize = 512;
/// Numbers of records and of points. [1376 3.4]
const NUMBERS: std::ops::RangeInclusive<u16> = 1..=2040;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(point: u16, address: &str) -> MeterRecord {
        MeterRecord {
            point,
            address: address.to_owned(),
            port: 31,
            baud: 2400,
            protocol: 30,
            tariffs: 4,
            integer_digits: 6,
            decimal_digits: 2,
            collector: "000000000000".to_owned(),
            class: 5,
            sub_class: 0,
        }
    }

    fn archive(changes: Vec<RecordChange>) -> TerminalArchive {
        TerminalArchive { terminal: "1100-3039".to_owned(), changes }
    }

    const ONE: &str = "202411110001";
    const TWO: &str = "202411110002";

    #[test]
    fn faults_of_records_are_all_told() {
        let added = |number, record| RecordChange { number, before: None, after: Some(record) };
        assert_eq!(archive(Vec::new()).faults(), [RecordFault::Nothing]);
        assert_eq!(archive(vec![added(1, record(1, ONE)), added(2, record(2, TWO))]).faults(), []);
        for (one, two) in [
            (added(1, record(1, ONE)), added(1, record(2, TWO))),
            (added(1, record(1, ONE)), added(2, record(1, TWO))),
            (added(1, record(1, ONE)), added(2, record(2, ONE))),
        ] {
            assert_eq!(archive(vec![one, two]).faults(), [RecordFault::Twice]);
        }
        let wrong: [fn(&mut MeterRecord); 9] = [
            |record| record.point = 0,
            |record| record.point = 2041,
            |record| record.address = "99".to_owned(),
            |record| record.collector = "AA0000000000".to_owned(),
            |record| record.port = 0,
            |record| record.baud = 300,
            |record| record.tariffs = 64,
            |record| record.integer_digits = 8,
            |record| record.class = 16,
        ];
        for spoil in wrong {
            let mut spoilt = record(1, ONE);
            spoil(&mut spoilt);
            assert_eq!(archive(vec![added(1, spoilt.clone())]).faults(), [RecordFault::Range], "{spoilt:?}");
        }
        let same = RecordChange { number: 1, before: Some(record(1, ONE)), after: Some(record(1, ONE)) };
        assert_eq!(archive(vec![same]).faults(), [RecordFault::Same]);
        let many = (1..=600).map(|n| added(n, record(n, &format!("{n:012}")))).collect();
        assert_eq!(archive(many).faults(), [RecordFault::TooMany]);
    }

    #[test]
    fn points_of_another_meter_are_told_and_those_of_another_port_are_not() {
        let other_port = MeterRecord { port: 2, ..record(3, TWO) };
        let changes = vec![
            RecordChange { number: 1, before: Some(record(1, ONE)), after: Some(record(1, TWO)) },
            RecordChange { number: 3, before: Some(record(3, TWO)), after: Some(other_port) },
            RecordChange { number: 4, before: Some(record(4, ONE)), after: None },
            RecordChange { number: 5, before: None, after: Some(record(9, ONE)) },
        ];
        let archive = archive(changes);
        assert_eq!((archive.readdressed(), archive.counts()), (vec![1, 4, 9], (1, 2, 1)));
    }

    #[test]
    fn f19_what_was_not_answered_is_unknown_until_the_terminal_holds_it_or_its_time_is_over() {
        use RecordAnswer::{NotSent, Refused, Silent, Taken};
        let one = |answer, holds| RecordResult { number: 1, answer, holds, lacks: false };
        for (results, is_late, state) in [
            (vec![one(Taken, Some(true))], false, SettingState::Verified),
            (vec![one(Silent, Some(true))], false, SettingState::Verified),
            (vec![one(Taken, Some(false))], false, SettingState::Differing),
            (vec![one(Taken, None)], true, SettingState::Unknown),
            (vec![one(Silent, Some(false))], false, SettingState::Unknown),
            (vec![one(Silent, Some(false))], true, SettingState::Differing),
            (vec![one(Silent, Some(true)), one(NotSent, Some(false))], false, SettingState::Differing),
            (vec![one(Refused(2), Some(false))], false, SettingState::Refused),
            (vec![one(Refused(1), Some(false)), one(Taken, Some(true))], false, SettingState::Differing),
        ] {
            assert_eq!(setting_state(&results, is_late), state, "{results:?} {is_late}");
        }
    }

    #[test]
    fn states_have_names() {
        super::super::coded::check::<SettingState>(8);
    }
}
