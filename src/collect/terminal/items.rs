//! By which function a terminal is asked for an item, and what it gives as a value of ours.

use dlt645::meter_time::Civil;
use dlt645::quantity::Quantity;
use gdw1376::afn::Afn;
use gdw1376::catalog::{self, AsOf};
use gdw1376::identifier::FnNumber;

use crate::domain::{Item, Moment};

/// The function that gives the daily freeze of a total with its tariffs. [1376 3.9]
pub(super) fn daily_freeze(total: Item) -> Option<FnNumber> {
    find(AsOf::Day, total)
}

/// The function that gives the curve of an item.
pub(super) fn curve(item: Item) -> Option<FnNumber> {
    find(AsOf::Curve, item)
}

/// The first function of history that gives this item and no other.
fn find(as_of: AsOf, item: Item) -> Option<FnNumber> {
    let gives_it = |row: &&catalog::Row| {
        let fields = row.up.layouts().first().into_iter().flat_map(catalog::Layout::fields);
        let mut items = fields.filter_map(|field| field.item);
        let only = items.next().filter(|_| items.next().is_none());
        only.is_some_and(|only| of(only.with_tariff(0)) == Some(item))
    };
    let mut rows = catalog::rows().iter().filter(|row| row.afn == Afn::CLASS_2 && row.as_of == as_of);
    FnNumber::new(rows.find(gives_it)?.function)
}

/// The item with a code of the protocol.
pub(super) fn of(code: catalog::ItemCode) -> Option<Item> {
    let catalog::ItemCode { c, d, e } = code;
    Item::of(dlt645::catalog::ItemCode { c, d, e })
}

/// A value in whole last decimal places of its item; `None` for one with more digits than the item has.
pub(super) fn scaled(item: Item, value: gdw1376::quantity::Quantity) -> Option<i64> {
    item.scaled(Quantity::new(value.scaled(), value.decimals()))
}

/// The moment that a terminal writes in China Standard Time.
pub(super) fn moment(civil: gdw1376::civil::Civil) -> Option<Moment> {
    let of_day = (civil.hour(), civil.minute(), civil.second());
    Civil::new(civil.year(), civil.month(), civil.day(), of_day.0, of_day.1, of_day.2).map(Moment::from_civil)
}

/// A moment as a terminal is told it.
pub(super) fn civil(at: Moment) -> Option<gdw1376::civil::Civil> {
    let civil = at.civil()?;
    let of_day = (civil.hour(), civil.minute(), civil.second());
    gdw1376::civil::Civil::new(civil.year(), civil.month(), civil.day(), of_day.0, of_day.1, of_day.2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Day;

    fn item(code: &str) -> Item {
        Item::parse(code).unwrap()
    }

    #[test]
    fn registers_are_asked_for_by_the_freeze_that_has_them_alone() {
        for (code, function) in
            [("1.8.0", 161), ("2.8.0", 163), ("5.8.0", 165), ("6.8.0", 166), ("7.8.0", 167), ("8.8.0", 168)]
        {
            assert_eq!(daily_freeze(item(code)).map(FnNumber::number), Some(function), "{code}");
        }
        assert_eq!(daily_freeze(item("32.7.0")), None, "a voltage is in no freeze");
    }

    #[test]
    fn curves_are_asked_for_by_item() {
        for (code, function) in
            [("1.8.0", 101), ("2.8.0", 103), ("32.7.0", 89), ("31.7.0", 92), ("16.7.0", 81)]
        {
            assert_eq!(curve(item(code)).map(FnNumber::number), Some(function), "{code}");
        }
        assert_eq!(curve(item("1.8.1")), None, "curves are of totals");
    }

    #[test]
    fn times_are_the_same_both_ways() {
        let midnight = Day::new(2024, 8, 21).unwrap().start();
        let shown = civil(midnight).unwrap();
        assert_eq!(shown.to_string(), "2024-08-21 00:00:00");
        assert_eq!(moment(shown), Some(midnight));
    }
}
