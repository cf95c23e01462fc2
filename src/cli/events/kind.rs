//! The kinds of events, as the catalogue has them: where each is counted and where its records are. [645-2007 9]

use dlt645::catalog::{self, Row};
use dlt645::data_id::DataId;

/// One kind of event.
pub(super) struct Kind {
    pub(super) name: String,
    pub(super) name_zh: String,
    /// What holds its count.
    pub(super) count: DataId,
    /// Which of the counts there, where several stand together.
    pub(super) place: usize,
    /// The record 1 back.
    newest: DataId,
}

impl Kind {
    /// The record so many back.
    pub(super) fn record(&self, back: u8) -> Option<DataId> {
        let id = DataId::new_2007(self.newest.code() - 1 + u32::from(back));
        catalog::find(id).map(|_| id)
    }

    /// True when a name has every word.
    pub(super) fn is_named(&self, words: &str) -> bool {
        let name = self.name.to_lowercase();
        words
            .split_whitespace()
            .all(|word| name.contains(&word.to_lowercase()) || self.name_zh.contains(word))
    }
}

/// Every kind that has a count and records, in the order of the identifiers; last the relay's trips and closes.
pub(super) fn all() -> Vec<Kind> {
    let of_class_3 = catalog::rows().iter().filter(|row| row.pattern.starts_with("03"));
    let mut kinds: Vec<Kind> = of_class_3.filter_map(of_row).collect();
    kinds.extend(SWITCHES.iter().map(|(count, newest, name, name_zh)| Kind {
        name: (*name).to_owned(),
        name_zh: (*name_zh).to_owned(),
        count: DataId::new_2007(*count),
        place: 0,
        newest: DataId::new_2007(*newest),
    }));
    kinds
}

/// The kind that a row of records belongs to; `None` for other rows.
fn of_row(row: &'static Row) -> Option<Kind> {
    let is_record = row.variables().iter().any(|variable| variable.letter == 'n');
    let newest = row.ids().next().filter(|_| is_record)?;
    let code = newest.code();
    // A count of its own (`033004` under 03300400), or one of several that stand together (`030102` under 03010000).
    let (count, place) = match (code & 0xFFFF_FF00, code & 0xFFFF_0000) {
        (own, _) if is_count(own) => (own, 0),
        (_, together) if is_count(together) => (together, usize::from(newest.di1()).checked_sub(1)?),
        _ => return None,
    };
    Some(Kind {
        name: row.name_en.trim_end_matches(", {nn} back").replace(" record", ""),
        name_zh: {
            let name = row.name_zh.trim_start_matches("(上{nn}次)");
            // Some rows name their fields: the kind is what stands in front of the first time.
            name.split("发生时刻").next().unwrap_or(name).trim_end_matches("记录").to_owned()
        },
        count: DataId::new_2007(count),
        place,
        newest,
    })
}

/// True for an identifier that holds counts and nothing that varies.
fn is_count(code: u32) -> bool {
    catalog::find(DataId::new_2007(code)).is_some_and(|entry| entry.row.variables().is_empty())
}

/// Trips and closes of the relay, which the supplement put in classes of their own.
const SWITCHES: [(u32, u32, &str, &str); 2] =
    [(0x1D00_0001, 0x1D00_FF01, "trip", "跳闸"), (0x1E00_0001, 0x1E00_FF01, "close", "合闸")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_count_and_ten_records() {
        let kinds = all();
        assert!(kinds.len() >= 50, "{}", kinds.len());
        for kind in &kinds {
            assert!(kind.record(10).is_some() && kind.record(11).is_none(), "{}", kind.name);
            assert!(
                !kind.name.contains('{') && !kind.name_zh.contains('{'),
                "{} {}",
                kind.name,
                kind.name_zh
            );
        }
        let find = |name: &str| {
            let kind = kinds.iter().find(|kind| kind.name == name);
            kind.map(|kind| (kind.count.to_string(), kind.place, kind.record(1).unwrap().to_string()))
        };
        let of = |count: &str, place, record: &str| Some((count.to_owned(), place, record.to_owned()));
        assert_eq!(find("voltage loss, phase B"), of("03010000", 1, "03010201"));
        assert_eq!(find("power-down"), of("03110000", 0, "03110001"));
        assert_eq!(find("clock set"), of("03300400", 0, "03300401"));
        assert_eq!(find("quadrant 4 reactive demand over limit"), of("03120000", 5, "03120601"));
        assert_eq!(find("trip"), of("1D000001", 0, "1D00FF01"));
    }

    #[test]
    fn kinds_are_found_by_words_of_both_languages() {
        let named = |words: &str| all().iter().filter(|kind| kind.is_named(words)).count();
        assert_eq!((named("Voltage loss"), named("失压"), named("开表盖")), (4, 4, 1));
        assert_eq!((named("no such thing"), named("")), (0, all().len()));
    }
}
