//! The catalogue: what every data identifier of both editions is called, what its data look like, and the one small
//! decoder that reads them.
//!
//! The rows are data: tab-separated tables in `src/catalog/data`, one per class, read once at first use. A row gives
//! names in Chinese and English, a layout, a unit, and for quantities that are billed, plotted or compared the
//! neutral item, an OBIS code. [`find`] leads from an identifier to its [`Entry`]; [`Entry::read`] walks over the
//! values in the data of an answer; [`Entry::encode`] is the inverse. No value is a float, and what the meter marks
//! as "no value" is [`Value::Absent`] and never zero.
//!
//! ```
//! use dlt645::catalog::{self, Content};
//! let entry = catalog::find("0001FF00".parse()?).unwrap();
//! let data = [0x56, 0x34, 0x12, 0x00, 0x00, 0x00, 0x01, 0x00];
//! let Ok(Content::Values(values)) = entry.read(&data) else { panic!() };
//! let shown: Vec<_> = values.map(|reading| format!("{} {}", reading.name_en(), reading.value)).collect();
//! assert_eq!(shown, ["forward active energy, total 1234.56", "forward active energy, tariff 1 100.00"]);
//! # Ok::<(), dlt645::data_id::DataIdError>(())
//! ```

pub mod bits;
pub mod body;
pub mod entry;
pub mod field;
pub mod freeze;
pub mod layout;
pub mod load_record;
pub mod range;
pub mod table;
pub mod value;
pub mod values;

use std::sync::OnceLock;

pub use self::entry::{Content, Deviation, Entry, LengthRule, Reading};
pub use self::field::{Field, Format, Item, ItemCode, Role};
pub use self::range::Range;
pub use self::table::{Access, DataError, Row, Shape};
pub use self::value::{Absence, EncodeError, Value};
pub use self::values::Values;
use crate::data_id::DataId;
use crate::edition::Edition;

#[derive(Debug, Default)]
struct Catalog {
    words: bits::Words,
    rows: Vec<Row>,
    new: table::Index,
    old: table::Index,
    load_kinds: Vec<layout::Layout>,
    bodies: Vec<body::Body>,
    ranges: range::Ranges,
}

/// Every table of rows with its name and edition.
const TABLES: [(&str, Edition, &str); 14] = [
    ("energy", Edition::E2007, include_str!("data/energy.tsv")),
    ("demand", Edition::E2007, include_str!("data/demand.tsv")),
    ("variable", Edition::E2007, include_str!("data/variable.tsv")),
    ("event", Edition::E2007, include_str!("data/event.tsv")),
    ("parameter", Edition::E2007, include_str!("data/parameter.tsv")),
    ("freeze", Edition::E2007, include_str!("data/freeze.tsv")),
    ("load_record", Edition::E2007, include_str!("data/load_record.tsv")),
    ("security", Edition::E2007, include_str!("data/security.tsv")),
    ("event_item", Edition::E2007, include_str!("data/event_item.tsv")),
    ("energy_1997", Edition::E1997, include_str!("data/energy_1997.tsv")),
    ("demand_1997", Edition::E1997, include_str!("data/demand_1997.tsv")),
    ("variable_1997", Edition::E1997, include_str!("data/variable_1997.tsv")),
    ("parameter_1997", Edition::E1997, include_str!("data/parameter_1997.tsv")),
    ("load_record_1997", Edition::E1997, include_str!("data/load_record_1997.tsv")),
];

fn load() -> Result<Catalog, DataError> {
    let words = bits::Words::parse(&[include_str!("data/bits.tsv"), include_str!("data/frame_bits.tsv")])?;
    let tables = [
        include_str!("data/layouts.tsv"),
        include_str!("data/load_kinds.tsv"),
        include_str!("data/frame_parts.tsv"),
    ];
    let layouts = layout::Layouts::parse(&tables, &words)?;
    let mut rows = Vec::new();
    for (name, edition, text) in TABLES {
        table::parse(text, name, edition, &layouts, &words, &mut rows)?;
    }
    let index = |edition| {
        table::Index::of(edition, &rows).ok_or(DataError { table: "index", line: rows.len(), what: "row" })
    };
    let (new, old) = (index(Edition::E2007)?, index(Edition::E1997)?);
    let load_kinds = load_record::KINDS.iter().filter_map(|name| layouts.named(name).cloned()).collect();
    let bodies = body::parse(include_str!("data/functions.tsv"), &layouts, &words)?;
    let ranges = range::Ranges::parse(include_str!("data/ranges.tsv"))?;
    Ok(Catalog { words, rows, new, old, load_kinds, bodies, ranges })
}

#[inline]
fn catalog() -> &'static Catalog {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    CATALOG.get_or_init(|| load().unwrap_or_default())
}

/// Reads all tables anew and says what is wrong with them; `Ok` in every released build.
///
/// # Errors
/// [`DataError`] names table, line and column of the first fault.
pub fn check() -> Result<(), DataError> {
    load().map(|_| ())
}

/// All rows, those of the 2007 edition first, in the order of their identifiers.
#[must_use]
pub fn rows() -> &'static [Row] {
    &catalog().rows
}

/// What the data of a frame with this control code and so many data bytes are made of.
#[must_use]
pub fn body(
    edition: Edition,
    control: crate::control::Control,
    length: usize,
) -> Option<&'static body::Body> {
    catalog().bodies.iter().find(|body| body.fits(edition, control, length))
}

/// The fields of one kind of load record, 1 to 6.
#[must_use]
pub fn load_record_layout(kind: u8) -> Option<&'static layout::Layout> {
    catalog().load_kinds.get(usize::from(kind).checked_sub(1)?)
}

/// The names of the bits of a word.
#[must_use]
pub fn bit_fields(word: bits::WordId) -> &'static [bits::BitField] {
    catalog().words.fields(word)
}

/// The bits of a word by its name in the tables, such as `err_2007`.
#[must_use]
pub fn bit_fields_of(name: &str) -> Option<&'static [bits::BitField]> {
    catalog().words.find(name).map(bit_fields)
}

/// What values a quantity can have; `None` where the digits of its format are all there is to say.
#[must_use]
pub fn range(code: ItemCode) -> Option<Range> {
    catalog().ranges.find(code)
}

/// What the catalogue knows of an identifier; `None` when it is not in any table.
#[must_use]
#[inline]
pub fn find(id: DataId) -> Option<Entry> {
    let catalog = catalog();
    let index = match id.edition() {
        Edition::E2007 => &catalog.new,
        Edition::E1997 => &catalog.old,
    };
    catalog.rows.get(index.find(id)?).map(|row| Entry { row, id })
}

/// The rows whose names, in either language, contain every word of `words` (letters of either case), or whose
/// pattern begins with the code given.
pub fn search(words: &str) -> impl Iterator<Item = &'static Row> {
    let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
    rows().iter().filter(move |row| {
        let name = row.name_en.to_lowercase();
        !words.is_empty()
            && words.iter().all(|word| {
                name.contains(word)
                    || row.name_zh.contains(word)
                    || row.pattern.to_lowercase().starts_with(word)
            })
    })
}

#[cfg(test)]
mod tests;
