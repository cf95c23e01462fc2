//! What a value can be at all: a reading outside is a maker's own form or a damaged one, and not to be booked as it stands.
//!
//! The ranges are those of the standard's formats, by quantity and not by identifier, so that they hold for both editions, for
//! single values, blocks, load records and curves alike. Harmonics (an E group above 120) share their quantity and not its
//! range. [645-2007 8 formats] [645-1997 4]

use super::field::ItemCode;
use super::table::{DataError, lines};
use crate::quantity::Quantity;

/// The lowest and the highest value of a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The lowest.
    pub low: Quantity,
    /// The highest.
    pub high: Quantity,
}

impl Range {
    /// Whether the quantity can have this value.
    #[must_use]
    pub fn contains(self, value: Quantity) -> bool {
        let at_scale = |quantity: Quantity| {
            let steps = u32::from(MOST_DECIMALS.saturating_sub(quantity.decimals()));
            i128::from(quantity.scaled()) * 10_i128.pow(steps)
        };
        value.decimals() > MOST_DECIMALS
            || (at_scale(self.low)..=at_scale(self.high)).contains(&at_scale(value))
    }
}

/// The ranges, by the C and D groups of their items.
#[derive(Debug, Default)]
pub(super) struct Ranges(Vec<(u8, u8, Range)>);

impl Ranges {
    pub(super) fn parse(table: &'static str) -> Result<Self, DataError> {
        let mut ranges = Vec::new();
        for (number, line) in lines(table) {
            let wrong = |what| DataError { table: "ranges", line: number, what };
            let mut columns = line.split('\t').chain(core::iter::repeat(""));
            let mut next = || columns.next().unwrap_or_default();
            let (quantity, low, high) = (next(), next(), next());
            let groups = quantity.split_once('.').and_then(|(c, d)| Some((c.parse().ok()?, d.parse().ok()?)));
            let (c, d) = groups.ok_or_else(|| wrong("quantity"))?;
            let low = decimal(low).ok_or_else(|| wrong("lowest"))?;
            let high = decimal(high).ok_or_else(|| wrong("highest"))?;
            ranges.push((c, d, Range { low, high }));
        }
        Ok(Self(ranges))
    }

    pub(super) fn find(&self, code: ItemCode) -> Option<Range> {
        let is_of = |(c, d, _): &&(u8, u8, Range)| (*c, *d) == (code.c, code.d) && code.e < FIRST_HARMONIC;
        self.0.iter().find(is_of).map(|(.., range)| *range)
    }
}

fn decimal(text: &str) -> Option<Quantity> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let decimals = u8::try_from(fraction.len()).ok().filter(|decimals| *decimals <= MOST_DECIMALS)?;
    Some(Quantity::new(format!("{whole}{fraction}").parse().ok()?, decimals))
}

/// Finer than any format.
const MOST_DECIMALS: u8 = 9;
/// From there on E says which harmonic.
const FIRST_HARMONIC: u8 = 120;

#[cfg(test)]
mod tests {
    use super::super::{find, range};
    use super::*;
    use crate::catalog::{Content, Value};

    fn code(c: u8, d: u8, e: u8) -> ItemCode {
        ItemCode { c, d, e }
    }

    // covers [645-2007 8 formats] [645-1997 4 identifiers]
    #[test]
    fn f08_a_value_outside_the_range_of_its_format_is_told_apart() {
        for (id, data, is_inside) in [
            ("B611", [0x20, 0x02].as_slice(), true),
            ("B611", &[0x01, 0x22], false),
            ("B630", &[0x23, 0x05, 0x00], true),
            ("B630", &[0x23, 0x05, 0x80], false),
            ("B650", &[0x87, 0x09], true),
            ("B650", &[0x00, 0x10], true),
            ("B650", &[0x87, 0x89], false),
            ("02060000", &[0x00, 0x90], true),
            ("02060000", &[0x00, 0x15], false),
            ("02060000", &[0x00, 0x95], false),
            ("02070100", &[0x00, 0x36], true),
            ("02070100", &[0x99, 0x99], false),
            ("02010100", &[0x99, 0x99], true),
            ("02080100", &[0x99, 0x99], true),
            ("00010000", &[0x99, 0x99, 0x99, 0x99], true),
        ] {
            let entry = find(id.parse().unwrap()).unwrap();
            let Ok(Content::Values(mut values)) = entry.read(data) else { panic!("{id}") };
            let reading = values.next().unwrap();
            assert!(matches!(reading.value, Value::Number(_)), "{id}");
            assert_eq!(reading.is_in_range(), is_inside, "{id} {data:02X?}");
        }
    }

    #[test]
    fn both_ends_belong_to_a_range_whatever_the_decimals() {
        let factor = range(code(13, 7, 0)).unwrap();
        for (scaled, decimals, is_inside) in
            [(1, 0, true), (-1000, 3, true), (1001, 3, false), (-2, 0, false), (1, 200, true)]
        {
            assert_eq!(factor.contains(Quantity::new(scaled, decimals)), is_inside, "{scaled} {decimals}");
        }
        assert_eq!(range(code(32, 7, 124)), None, "a distortion is no voltage");
        assert_eq!(range(code(1, 8, 0)), None);
    }
}
