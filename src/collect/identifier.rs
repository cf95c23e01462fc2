//! Which identifier a meter is asked for an item by.

use dlt645::catalog::{self, Shape};
use dlt645::data_id::DataId;
use dlt645::edition::Edition;

use crate::domain::Item;

/// A total, and the identifiers that give it with all its tariffs.
struct Row {
    c: u8,
    d: u8,
    /// The part of a daily freeze. [645-2007 11]
    freeze: u8,
    live_2007: u32,
    live_1997: u16,
}

const ROWS: [Row; 10] = [
    row(1, 8, 0x01, 0x0001_FF00, 0x901F),
    row(2, 8, 0x02, 0x0002_FF00, 0x902F),
    row(3, 8, 0x03, 0x0003_FF00, 0x911F),
    row(4, 8, 0x04, 0x0004_FF00, 0x912F),
    row(5, 8, 0x05, 0x0005_FF00, 0x913F),
    // The edition of 1997 counts the quadrants otherwise: 4 is the fourth, 5 and 6 the second and third.
    row(6, 8, 0x06, 0x0006_FF00, 0x915F),
    row(7, 8, 0x07, 0x0007_FF00, 0x916F),
    row(8, 8, 0x08, 0x0008_FF00, 0x914F),
    row(1, 6, 0x09, 0x0101_FF00, 0xA01F),
    row(2, 6, 0x0A, 0x0102_FF00, 0xA02F),
];

const fn row(c: u8, d: u8, freeze: u8, live_2007: u32, live_1997: u16) -> Row {
    Row { c, d, freeze, live_2007, live_1997 }
}

fn find(total: Item) -> Option<&'static Row> {
    let code = total.code();
    ROWS.iter().find(|row| (row.c, row.d, 0) == (code.c, code.d, code.e))
}

/// The part of the daily freeze `back` freezes ago (1 the newest) that holds an item and its tariffs.
pub(super) fn daily_freeze(total: Item, back: u8) -> Option<DataId> {
    let part = u32::from(find(total)?.freeze);
    Some(DataId::new_2007(DAILY | part << 8 | u32::from(back)))
}

/// When the daily freeze `back` freezes ago was taken.
pub(super) const fn daily_freeze_time(back: u8) -> DataId {
    // `From` is not const.
    #[expect(clippy::as_conversions, reason = "a byte fits")]
    DataId::new_2007(DAILY | back as u32)
}

/// An item and its tariffs as they stand now.
pub(super) fn live(total: Item, edition: Edition) -> Option<DataId> {
    let row = find(total)?;
    Some(match edition {
        Edition::E2007 => DataId::new_2007(row.live_2007),
        Edition::E1997 => DataId::new_1997(row.live_1997),
    })
}

/// An item as it stands now, by itself.
pub(super) fn single(item: Item, edition: Edition) -> Option<DataId> {
    let gives_it = |row: &&catalog::Row| match &row.shape {
        Shape::Fields(layout) => {
            let mut fields = layout.groups.iter().flat_map(|group| group.fields.iter());
            let only = fields.next().filter(|_| fields.next().is_none());
            only.and_then(|field| field.item).is_some_and(|code| Item::of(code.with_tariff(0)) == Some(item))
        }
        _ => false,
    };
    if let Some(block) = find(item) {
        return Some(match edition {
            Edition::E2007 => DataId::new_2007(block.live_2007 & !0xFF00),
            Edition::E1997 => DataId::new_1997(block.live_1997 & !0x000F),
        });
    }
    let rows = catalog::rows().iter().filter(|row| row.edition() == edition && is_variable(row.pattern));
    rows.filter(gives_it).find_map(|row| row.pattern.parse().ok())
}

/// Values of the moment: class 02, and B6 of 1997.
fn is_variable(pattern: &str) -> bool {
    (pattern.len() == 8 && pattern.starts_with("02")) || (pattern.len() == 4 && pattern.starts_with("B6"))
}

/// What a meter shows of its date and of its time.
pub(super) const fn clock(edition: Edition) -> (DataId, DataId) {
    match edition {
        Edition::E2007 => (DataId::new_2007(0x0400_0101), DataId::new_2007(0x0400_0102)),
        Edition::E1997 => (DataId::new_1997(0xC010), DataId::new_1997(0xC011)),
    }
}

/// Load records of one kind, 1 to 6, from a time on. [645-2007 12]
pub(super) fn load_record(kind: u8) -> DataId {
    DataId::new_2007(0x0600_0001 | u32::from(kind) << 16)
}

const DAILY: u32 = 0x0506_0000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identifier_gives_its_item_with_all_tariffs() {
        for total in
            ["1.8.0", "2.8.0", "3.8.0", "4.8.0", "5.8.0", "6.8.0", "7.8.0", "8.8.0", "1.6.0", "2.6.0"]
        {
            let total = Item::parse(total).unwrap();
            let ids = [
                daily_freeze(total, 1).unwrap(),
                daily_freeze(total, 62).unwrap(),
                live(total, Edition::E2007).unwrap(),
                live(total, Edition::E1997).unwrap(),
            ];
            for id in ids {
                let entry = catalog::find(id).unwrap_or_else(|| panic!("{id} is not in the catalogue"));
                let Shape::Fields(layout) = &entry.row.shape else { panic!("{id}") };
                let field = layout.groups[0].fields.first().unwrap();
                let item = field.item.unwrap();
                assert_eq!(Item::of(item.with_tariff(0)), Some(total), "{id}");
                assert_eq!(item.e, None, "{id} counts tariffs");
            }
        }
        let single =
            |item: &str, edition| single(Item::parse(item).unwrap(), edition).map(|id| id.to_string());
        for (item, of_2007, of_1997) in [
            ("1.8.0", "00010000", "9010"),
            ("2.8.0", "00020000", "9020"),
            ("32.7.0", "02010100", "B611"),
            ("71.7.0", "02020300", "B623"),
            ("16.7.0", "02030000", "B630"),
        ] {
            assert_eq!(single(item, Edition::E2007).as_deref(), Some(of_2007));
            assert_eq!(single(item, Edition::E1997).as_deref(), Some(of_1997));
        }
        assert!(catalog::find(daily_freeze_time(1)).unwrap().name_en().contains("time"));
        assert_eq!(
            live(Item::parse("1.8.1").unwrap(), Edition::E2007),
            None,
            "a tariff comes with its total"
        );
    }
}
