//! The catalogue: what every item (AFN and Fn) is called, what points it has, what its data look like, and the one small
//! decoder that reads them.
//!
//! The rows are data: tab-separated tables in `src/catalog/data`, read once at first use. A data unit carries no length,
//! so each row either gives a layout that tells how far the data reach, or says that none is known, where reading has
//! to stop. [1376 1.6] [1376 3.4]
//!
//! | Column | Holds |
//! | --- | --- |
//! | `afn`, `fn` | hexadecimal AFN, decimal Fn |
//! | `points` | what Pn stands for: `p0`, `Pn` measuring point, `group`, `round`, `task`, `dcport`, `class`, `level` |
//! | `down`, `up` | layout of what the master and the terminal send: `-` nothing, `?` not known; alternatives stand between bars, and which it is follows from the length |
//! | `as_of` | the instant at which neutral items hold: `day`, `month`, `curve`, `read` or `none` |
//! | `bytes` | the length as the text gives it |
//! | `confidence` | `A` two sources, `B` one, `C` to be checked on a device |
//! | `name_en`, `name_zh`, `note` | names and remarks |
//!
//! A layout is a list of parts between commas: `key:FORMAT` a field, `{..}` parts that belong together, `*N` behind either
//! repeats it. `key=n:FORMAT` keeps the number as the count `n`. Counts are used as `*n`, `*M+1`, `*N-1`, `*ones(n)` (bits
//! that are set), `*low7(n)`, `*unless255(n)`, `*ring(a,b)` (from a on to b, modulo 256), `*hour(m)` (points in an hour at
//! density m), `*rest` (to the end of the data), and as the length of text and bytes: `HEX[k]`, `HEX[k-4]`, `HEX[*]`.
//! Formats: `A1` to `A27`, `BINn` and `HEXn` and `ASCIIn` with n bytes, `BSn` with n bits, `BCD1` an hour, `BCD2` a
//! region code. The keys are explained in `fields.tsv`.
//!
//! ```
//! use gdw1376::{afn::Afn, catalog};
//! let row = catalog::find(Afn::CLASS_2, 161).unwrap();
//! assert_eq!(row.name_en, "day freeze register: forward active");
//! assert_eq!(row.name_zh, "日冻结正向有功电能示值（总、费率1～M）");
//! ```

mod event;
mod field;
mod layout;
mod read;
mod table;
mod write;

use std::sync::OnceLock;

pub use self::event::{EventKind, event_kind, event_kinds};
pub use self::field::{Field, Item, ItemCode, Role, Width};
pub use self::layout::{Layout, Node, Times, minutes_of_density};
pub use self::read::{Decoded, Place, ReadError, read};
pub(crate) use self::read::{Read, read_filled, read_to_show};
pub use self::table::{AsOf, DataError, Row, Shape};
pub use self::write::write;
use crate::afn::Afn;
use crate::frame::LengthCode;

/// The tables of rows with their names.
const TABLES: [(&str, &str); 7] = [
    ("control", include_str!("data/control.tsv")),
    ("parameter", include_str!("data/parameter.tsv")),
    ("parameter_read", include_str!("data/parameter_read.tsv")),
    ("configuration", include_str!("data/configuration.tsv")),
    ("present", include_str!("data/present.tsv")),
    ("history", include_str!("data/history.tsv")),
    ("other", include_str!("data/other.tsv")),
];

/// The table of what the edition of 2005 has besides.
const OLD: (&str, &str) = ("edition_2005", include_str!("data/edition_2005.tsv"));

#[derive(Debug, Default)]
struct Catalog {
    /// Sorted by AFN and Fn.
    rows: Vec<Row>,
    /// What only the edition of 2005 has, sorted likewise.
    old: Vec<Row>,
    /// Sorted by event code.
    events: Vec<EventKind>,
}

fn load() -> Result<Catalog, DataError> {
    let fields = field::Fields::parse(include_str!("data/fields.tsv"))?;
    let mut rows = Vec::new();
    for (name, text) in TABLES {
        table::parse(text, name, &fields, &mut rows)?;
    }
    rows.sort_by_key(|row| (row.afn, row.function));
    let mut old = Vec::new();
    table::parse(OLD.1, OLD.0, &fields, &mut old)?;
    old.sort_by_key(|row| (row.afn, row.function));
    let events = event::parse(include_str!("data/events.tsv"), &fields)?;
    Ok(Catalog { rows, old, events })
}

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

/// All rows, by AFN and Fn.
#[must_use]
pub fn rows() -> &'static [Row] {
    &catalog().rows
}

/// What the catalogue knows of the item `Fn` under an AFN; `None` when it is in no table.
#[must_use]
pub fn find(afn: Afn, function: u16) -> Option<&'static Row> {
    find_among(rows(), afn, function)
}

/// The same under a length code: the edition of 2005 has items of its own, and otherwise those of the later ones are taken,
/// which may be laid out otherwise. [1376 1.2]
#[must_use]
pub fn find_in(code: LengthCode, afn: Afn, function: u16) -> Option<&'static Row> {
    let own = if code == LengthCode::GDW_130 { find_among(&catalog().old, afn, function) } else { None };
    own.or_else(|| find(afn, function))
}

fn find_among(rows: &'static [Row], afn: Afn, function: u16) -> Option<&'static Row> {
    let place = rows.binary_search_by_key(&(afn, function), |row| (row.afn, row.function)).ok()?;
    rows.get(place)
}

#[cfg(test)]
mod tests;
