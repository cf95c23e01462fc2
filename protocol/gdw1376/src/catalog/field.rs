//! One field of a layout: how its bytes are read, what it is called, what neutral item it is.

use core::fmt;

use super::table::{DataError, lines};
use crate::format::Format;

/// How many bytes a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Always so many.
    Fixed(usize),
    /// As many as a count before it says, and so many more or fewer.
    Counted {
        /// The letter of the count.
        count: char,
        /// What is added to it.
        add: i8,
    },
    /// All that is left of the data.
    Rest,
}

/// What a field is to its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It stands for itself.
    Value,
    /// Td_d: the date whose end is frozen.
    Day,
    /// Td_m: the month whose end is frozen.
    Month,
    /// Td_c: when a curve starts.
    Start,
    /// The density of a curve.
    Density,
    /// Td_h: the hour of an hourly freeze.
    Hour,
    /// When the terminal read the values from the meter.
    ReadAt,
    /// When a maximum beside it occurred.
    Occurred,
}

/// One field of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its key in the tables.
    pub key: &'static str,
    /// English name.
    pub name_en: &'static str,
    /// Chinese name.
    pub name_zh: &'static str,
    /// How its bytes are read.
    pub format: Format,
    /// How many bytes it has.
    pub width: Width,
    /// Unit, empty for none.
    pub unit: &'static str,
    /// The neutral item, for quantities that are billed, plotted or compared.
    pub item: Option<Item>,
    /// What it is to its neighbours.
    pub role: Role,
    /// The letter under which layouts use its number as a count.
    pub count: Option<char>,
}

/// A neutral item as the catalogue names it: the C, D and E groups of an OBIS code (IEC 62056-61), E open where the
/// tariff goes. A is 1 (electricity), B is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Item {
    /// Quantity, direction and phase.
    pub c: u8,
    /// Kind of measurement.
    pub d: u8,
    /// Tariff; `None` where the place in the row of values is the tariff.
    pub e: Option<u8>,
}

impl Item {
    /// The item code with its tariff.
    #[must_use]
    pub fn with_tariff(self, tariff: u8) -> ItemCode {
        ItemCode { c: self.c, d: self.d, e: self.e.unwrap_or(tariff) }
    }

    /// Reads `1.8.t` or `32.7.0`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut groups = text.split('.');
        let (c, d, e) = (groups.next()?, groups.next()?, groups.next()?);
        let e = if e == "t" { None } else { Some(e.parse().ok()?) };
        let item = Self { c: c.parse().ok()?, d: d.parse().ok()?, e };
        groups.next().is_none().then_some(item)
    }
}

/// A neutral item, complete: prints as `1-0:1.8.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemCode {
    /// Quantity, direction and phase.
    pub c: u8,
    /// Kind of measurement.
    pub d: u8,
    /// Tariff, 0 the total.
    pub e: u8,
}

impl fmt::Display for ItemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1-0:{}.{}.{}", self.c, self.d, self.e)
    }
}

/// What the keys of fields mean.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<Meaning>);

#[derive(Debug)]
pub(super) struct Meaning {
    pub(super) key: &'static str,
    pub(super) unit: &'static str,
    pub(super) item: Option<Item>,
    pub(super) role: Role,
    pub(super) name_en: &'static str,
    pub(super) name_zh: &'static str,
}

impl Fields {
    pub(super) fn parse(text: &'static str) -> Result<Self, DataError> {
        let mut fields = Vec::new();
        for (line, columns) in lines(text) {
            let fault = |what| DataError { table: "fields", line, what };
            let &[key, unit, item, role, name_en, name_zh] = columns.as_slice() else {
                return Err(fault("columns"));
            };
            let item = match item {
                "" => None,
                item => Some(Item::parse(item).ok_or_else(|| fault("item"))?),
            };
            let role = match role {
                "" => Role::Value,
                "day" => Role::Day,
                "month" => Role::Month,
                "start" => Role::Start,
                "density" => Role::Density,
                "hour" => Role::Hour,
                "read_at" => Role::ReadAt,
                "occurred" => Role::Occurred,
                _ => return Err(fault("role")),
            };
            fields.push(Meaning { key, unit, item, role, name_en, name_zh });
        }
        fields.sort_by_key(|meaning| meaning.key);
        Ok(Self(fields))
    }

    pub(super) fn find(&self, key: &str) -> Option<&Meaning> {
        self.0.get(self.0.binary_search_by_key(&key, |meaning| meaning.key).ok()?)
    }
}
