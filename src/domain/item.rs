//! Neutral items: what is measured, named by an OBIS code (IEC 62056-61) and never by the identifier of one protocol.
//!
//! The rows are data, in `items.tsv`. An [`Item`] has a small key that is stored with every value and never used again
//! for anything else, names in both languages, a unit and a scale: values are stored as whole numbers of its last
//! decimal place, energies in 0.0001 kWh whatever the digits of the meter. Which identifier of which protocol gives
//! which item is said in the catalogue of that protocol.

use std::collections::HashMap;
use std::sync::LazyLock;

use dlt645::catalog::ItemCode;
use dlt645::quantity::Quantity;

/// The key of an item in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemKey(i32);

impl ItemKey {
    /// The number.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }
}

/// A measured quantity (测量量), of one tariff where it has tariffs.
///
/// ```
/// use chaobiao::domain::Item;
/// use dlt645::quantity::Quantity;
/// let item = Item::parse("1-0:1.8.2").unwrap();
/// assert_eq!((item.name_en(), item.unit()), ("forward active energy, tariff 2".to_owned(), "kWh"));
/// // A meter shows 1234.56 kWh.
/// assert_eq!(item.scaled(Quantity::new(123456, 2)), Some(12345600));
/// assert_eq!(item.quantity(12345600).to_string(), "1234.5600");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Item {
    row: &'static Row,
    tariff: u8,
}

/// What kind of measurement an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// A register that counts energy (示值).
    Energy,
    /// The highest demand since it was last cleared, which has a time (最大需量).
    MaximumDemand,
    /// The demand of the running period (需量).
    Demand,
    /// A value of the moment (瞬时量).
    Instantaneous,
}

/// Which way the register of an energy moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// It only rises, and begins again at zero behind its last digit.
    Up,
    /// A sum with signs, which may fall.
    Both,
}

impl Item {
    /// The item with this code, if it is in the table.
    #[must_use]
    pub fn of(code: ItemCode) -> Option<Self> {
        ITEMS.by_code.get(&code).copied()
    }

    /// The item with this key, if there is one.
    #[must_use]
    pub fn with_key(number: i64) -> Option<Self> {
        ITEMS.by_key.get(&i32::try_from(number).ok()?).copied()
    }

    /// The item written as `1-0:1.8.0`, or short as `1.8.0`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut groups = text.strip_prefix("1-0:").unwrap_or(text).split('.');
        let mut group = || groups.next()?.parse().ok();
        let code = ItemCode { c: group()?, d: group()?, e: group()? };
        if groups.next().is_some() { None } else { Self::of(code) }
    }

    /// Every item, in the order of the table, tariffs one after the other.
    pub fn all() -> impl Iterator<Item = Self> {
        ITEMS.rows.iter().flat_map(Self::of_row)
    }

    fn of_row(row: &'static Row) -> impl Iterator<Item = Self> {
        let last = if row.e.is_none() { LAST_TARIFF } else { 0 };
        (0..=last).map(move |tariff| Self { row, tariff })
    }

    /// Its key in the store.
    #[must_use]
    pub fn key(self) -> ItemKey {
        ItemKey(self.row.key + i32::from(self.tariff))
    }

    /// Its OBIS code.
    #[must_use]
    pub fn code(self) -> ItemCode {
        ItemCode { c: self.row.c, d: self.row.d, e: self.row.e.unwrap_or(self.tariff) }
    }

    /// Its tariff (费率), 0 for the total and for what has none.
    #[must_use]
    pub const fn tariff(self) -> u8 {
        self.tariff
    }

    /// The same quantity under another tariff; `None` where it has none, or not so many.
    #[must_use]
    pub fn with_tariff(self, tariff: u8) -> Option<Self> {
        let fits = tariff == 0 || (self.row.e.is_none() && tariff <= LAST_TARIFF);
        fits.then_some(Self { tariff, ..self })
    }

    /// What kind of measurement it is.
    #[must_use]
    pub const fn kind(self) -> ItemKind {
        match self.row.d {
            8 => ItemKind::Energy,
            6 => ItemKind::MaximumDemand,
            4 => ItemKind::Demand,
            _ => ItemKind::Instantaneous,
        }
    }

    /// Which way its register moves; `None` for what is no register of energy.
    #[must_use]
    pub const fn way(self) -> Option<Way> {
        self.row.way
    }

    /// Its unit, empty for none.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        self.row.unit
    }

    /// How many decimals its stored numbers have.
    #[must_use]
    pub const fn decimals(self) -> u8 {
        self.row.decimals
    }

    /// Its English name.
    #[must_use]
    pub fn name_en(self) -> String {
        let name = self.row.name_en;
        match (self.row.e, self.tariff) {
            (Some(_), _) => name.to_owned(),
            (None, 0) => format!("{name}, total"),
            (None, tariff) => format!("{name}, tariff {tariff}"),
        }
    }

    /// Its Chinese name.
    #[must_use]
    pub fn name_zh(self) -> String {
        let name = self.row.name_zh;
        match (self.row.e, self.tariff) {
            (Some(_), _) => name.to_owned(),
            (None, 0) => format!("{name}(总)"),
            (None, tariff) => format!("{name}(费率{tariff})"),
        }
    }

    /// The number under which a quantity is stored; `None` when it has digits that the item does not keep.
    #[must_use]
    pub fn scaled(self, quantity: Quantity) -> Option<i64> {
        quantity.rescaled(self.decimals()).map(Quantity::scaled)
    }

    /// The quantity behind a stored number.
    #[must_use]
    pub const fn quantity(self, scaled: i64) -> Quantity {
        Quantity::new(scaled, self.row.decimals)
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl Eq for Item {}
impl std::hash::Hash for Item {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// One row of the table.
#[derive(Debug)]
struct Row {
    key: i32,
    c: u8,
    d: u8,
    /// Open where the tariff goes.
    e: Option<u8>,
    unit: &'static str,
    decimals: u8,
    way: Option<Way>,
    name_en: &'static str,
    name_zh: &'static str,
}

impl Row {
    fn parse(line: &'static str) -> Option<Self> {
        let mut columns = line.split('\t');
        let mut column = || columns.next();
        let key = column()?.parse().ok()?;
        let mut groups = column()?.split('.');
        let (c, d) = (groups.next()?.parse().ok()?, groups.next()?.parse().ok()?);
        let e = match groups.next()? {
            "t" => None,
            fixed => Some(fixed.parse().ok()?),
        };
        let unit = column()?;
        let decimals = column()?.parse().ok()?;
        let way = match column()? {
            "up" => Some(Way::Up),
            "both" => Some(Way::Both),
            "-" => None,
            _ => return None,
        };
        Some(Self { key, c, d, e, unit, decimals, way, name_en: column()?, name_zh: column()? })
    }
}

struct Items {
    rows: &'static [Row],
    by_code: HashMap<ItemCode, Item>,
    by_key: HashMap<i32, Item>,
}

static ITEMS: LazyLock<Items> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    let rows: &'static [Row] = lines.filter_map(Row::parse).collect::<Vec<_>>().leak();
    let all = || rows.iter().flat_map(Item::of_row);
    Items {
        rows,
        by_code: all().map(|item| (item.code(), item)).collect(),
        by_key: all().map(|item| (item.key().number(), item)).collect(),
    }
});

const TABLE: &str = include_str!("items.tsv");

/// As many as the 2007 edition has.
const LAST_TARIFF: u8 = 63;

#[cfg(test)]
mod tests {
    use super::*;
    use dlt645::catalog::{self, Field, Format, Shape};
    use std::collections::HashSet;

    #[test]
    fn every_line_of_the_table_is_a_row_of_its_own() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(ITEMS.rows.len(), lines);
        let all = Item::all().count();
        assert_eq!((ITEMS.by_code.len(), ITEMS.by_key.len()), (all, all));
        let names: HashSet<_> = Item::all().flat_map(|item| [item.name_en(), item.name_zh()]).collect();
        assert_eq!(names.len(), 2 * all);
        for row in ITEMS.rows {
            assert_eq!(row.key % 64, 0, "{row:?}");
            assert_eq!(row.way.is_some(), row.d == 8, "{row:?}");
        }
    }

    #[test]
    fn keys_that_were_given_out_stay() {
        for (code, key) in [
            ("1.8.0", 64),
            ("1.8.63", 127),
            ("2.8.4", 132),
            ("15.8.0", 192),
            ("1.6.0", 768),
            ("21.8.0", 1408),
            ("32.7.0", 5440),
            ("71.7.124", 7488),
        ] {
            let item = Item::parse(code).unwrap();
            assert_eq!(item.key().number(), key, "{code}");
            assert_eq!(Item::with_key(key.into()), Some(item));
        }
    }

    #[test]
    fn every_item_of_the_meter_catalogue_is_there_with_its_unit_and_its_digits() {
        let fields = |layout: &'static catalog::layout::Layout| {
            layout.groups.iter().flat_map(|group| group.fields.iter()).collect::<Vec<&Field>>()
        };
        let rows = catalog::rows().iter().flat_map(|row| match &row.shape {
            Shape::Fields(layout) | Shape::Request(layout) => fields(layout),
            _ => Vec::new(),
        });
        let records = (1..=6).filter_map(catalog::load_record_layout).flat_map(fields);
        let mut seen = HashSet::new();
        for field in rows.chain(records) {
            let Some(named) = field.item else { continue };
            for tariff in if named.e.is_none() { 0..=63 } else { 0..=0 } {
                let code = named.with_tariff(tariff);
                let item = Item::of(code).unwrap_or_else(|| panic!("{code} is not in items.tsv"));
                assert_eq!(item.code(), code);
                assert_eq!(item.unit(), field.unit, "{code}");
                let (Format::Number { decimals, .. } | Format::Binary { decimals, .. }) = field.format else {
                    panic!("{code} is {:?}", field.format)
                };
                assert!(item.decimals() >= decimals, "{code} would lose digits");
                seen.insert(item.row.key);
            }
        }
        assert_eq!(seen.len(), ITEMS.rows.len(), "a row that no meter gives");
    }

    #[test]
    fn what_is_no_item_is_not_found() {
        for text in ["", "1.8", "1.8.64", "1.8.0.0", "2-0:1.8.0", "1-0:1.8.x", "32.7.1"] {
            assert_eq!(Item::parse(text), None, "{text}");
        }
        for key in [0, 63, -1, 5441, 1_000_000, i64::MAX] {
            assert_eq!(Item::with_key(key), None, "{key}");
        }
    }
}
