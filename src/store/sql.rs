//! Statements and the values bound to them, for both databases.
//!
//! Tables have the same columns in both, and all numbers are 64 bits wide, so most statements have one text. Where they
//! differ, [`Sql`] holds both. Many rows are inserted by one statement that is made from the description of the table.

use std::borrow::Cow;
use std::fmt::Write;

use crate::domain::{Day, Id, Item, Moment};

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite, a file of our own.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// A statement, with a text for each database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sql {
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

impl Sql {
    /// A statement that is made once, for each database as it is told.
    pub(super) fn either(text: impl Fn(Dialect) -> String) -> Self {
        let made = |dialect| &*text(dialect).leak();
        Self { sqlite: made(Dialect::Sqlite), postgres: made(Dialect::Postgres) }
    }
}

impl From<&'static str> for Sql {
    fn from(both: &'static str) -> Self {
        Self { sqlite: both, postgres: both }
    }
}

/// A value to bind.
#[derive(Clone, Debug)]
pub(super) enum Cell<'a> {
    Int(Option<i64>),
    Text(Option<Cow<'a, str>>),
    Bytes(Option<&'a [u8]>),
}

impl From<i64> for Cell<'_> {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Cell<'_> {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<Moment> for Cell<'_> {
    fn from(value: Moment) -> Self {
        value.micros().into()
    }
}

impl From<Day> for Cell<'_> {
    fn from(value: Day) -> Self {
        value.number().into()
    }
}

impl From<Item> for Cell<'_> {
    fn from(value: Item) -> Self {
        i64::from(value.key().number()).into()
    }
}

impl<T> From<Id<T>> for Cell<'_> {
    fn from(value: Id<T>) -> Self {
        value.number().into()
    }
}

impl<T> From<Option<Id<T>>> for Cell<'_> {
    fn from(value: Option<Id<T>>) -> Self {
        value.map(Id::number).into()
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Some(value.into()))
    }
}

impl<'a> From<Option<&'a str>> for Cell<'a> {
    fn from(value: Option<&'a str>) -> Self {
        Self::Text(value.map(Cow::from))
    }
}

impl From<String> for Cell<'_> {
    fn from(value: String) -> Self {
        Self::Text(Some(value.into()))
    }
}

impl From<Option<String>> for Cell<'_> {
    fn from(value: Option<String>) -> Self {
        Self::Text(value.map(Cow::from))
    }
}

impl<'a> From<&'a [u8]> for Cell<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(Some(value))
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Text,
    Bytes,
    /// Whole numbers with gaps: an array in PostgreSQL, JSON text in SQLite; bound as the text of [`Dialect::array`].
    Array,
}

/// What is inserted, and what becomes of a row that is there already.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
    /// What follows `ON CONFLICT`, such as `DO NOTHING`.
    pub(super) on_conflict: &'static str,
}

impl Table {
    fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// The statement for `rows` rows of SQLite; `returning` may be empty.
    pub(super) fn sqlite(&self, rows: usize, returning: &str) -> String {
        let width = self.columns.len();
        let text = format!("INSERT INTO {} ({}) VALUES ", self.name, self.names());
        // Without numbers: the library looks up the name of each, through all names.
        let row = format!("({})", vec!["?"; width].join(", "));
        text + &vec![row; rows].join(", ") + &self.ending(returning)
    }

    /// The statement for any number of rows of PostgreSQL, one array for each column.
    pub(super) fn postgres(&self, returning: &str) -> String {
        let name = |(name, kind): &(&str, Kind)| match kind {
            Kind::Array => format!("{name}::bigint[]"),
            _ => (*name).to_owned(),
        };
        let array = |(place, (_, kind)): (usize, &(&str, Kind))| match kind {
            Kind::Int => format!("${}::bigint[]", place + 1),
            Kind::Text | Kind::Array => format!("${}::text[]", place + 1),
            Kind::Bytes => format!("${}::bytea[]", place + 1),
        };
        let names = self.names();
        let values = self.columns.iter().map(name).collect::<Vec<_>>().join(", ");
        let arrays = self.columns.iter().enumerate().map(array).collect::<Vec<_>>().join(", ");
        let table = self.name;
        format!("INSERT INTO {table} ({names}) SELECT {values} FROM unnest({arrays}) AS given ({names})")
            + &self.ending(returning)
    }

    fn ending(&self, returning: &str) -> String {
        let conflict = if self.on_conflict.is_empty() { "" } else { " ON CONFLICT " };
        let returns = if returning.is_empty() { "" } else { " RETURNING " };
        format!("{conflict}{}{returns}{returning}", self.on_conflict)
    }
}

/// Rows to insert, one cell behind the other.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    width: usize,
    cells: Vec<Cell<'a>>,
}

impl<'a> Rows<'a> {
    pub(super) const fn new(table: &Table) -> Self {
        Self { width: table.columns.len(), cells: Vec::new() }
    }

    pub(super) fn push<const N: usize>(&mut self, row: [Cell<'a>; N]) {
        debug_assert_eq!(N, self.width, "a row has a cell for each column");
        self.cells.extend(row);
    }

    pub(super) fn len(&self) -> usize {
        self.cells.len() / self.width
    }

    /// Row after row in portions the database takes at once.
    pub(super) fn portions(&self, dialect: Dialect) -> impl Iterator<Item = &[Cell<'a>]> {
        let mut left = self.cells.as_slice();
        std::iter::from_fn(move || {
            let rows = dialect.portion(left.len() / self.width)?;
            let (portion, rest) = left.split_at_checked(rows * self.width)?;
            left = rest;
            Some(portion)
        })
    }

    pub(super) const fn width(&self) -> usize {
        self.width
    }
}

impl Dialect {
    /// How many of the rows that are left go into the next statement.
    fn portion(self, rows: usize) -> Option<usize> {
        let most = match self {
            // Powers of two, so that a table has nine statements at most. Even 31 columns stay under the limit of values.
            Self::Sqlite => 1 << rows.checked_ilog2()?,
            Self::Postgres => rows,
        };
        let limit = match self {
            Self::Sqlite => 256,
            Self::Postgres => 20_000,
        };
        Some(most.min(limit)).filter(|most| *most > 0)
    }

    /// A column with its Latin letters small: without a look at what other letters are, which costs twice the time.
    pub(super) fn lowered(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!("lower({column})"),
            Self::Postgres => format!("lower({column} COLLATE \"C\")"),
        }
    }

    /// The function that says where in its first text the second one begins, 0 for nowhere.
    pub(super) const fn within(self) -> &'static str {
        match self {
            Self::Sqlite => "instr",
            Self::Postgres => "strpos",
        }
    }

    /// Whole numbers with gaps, as the database reads and writes them.
    pub(super) fn array(self, numbers: impl Iterator<Item = Option<i64>>) -> String {
        let (open, gap, close) = match self {
            Self::Sqlite => ('[', "null", ']'),
            Self::Postgres => ('{', "NULL", '}'),
        };
        let mut text = String::from(open);
        for (place, number) in numbers.enumerate() {
            if place > 0 {
                text.push(',');
            }
            match number {
                // Writing into a string cannot fail.
                Some(number) => drop(write!(text, "{number}")),
                None => text.push_str(gap),
            }
        }
        text.push(close);
        text
    }
}

impl Dialect {
    /// Keys of several numbers, to be joined with: as many arrays as a key has numbers in PostgreSQL, in SQLite one JSON
    /// text of all keys.
    pub(super) fn keys<const N: usize>(self, keys: &[[i64; N]]) -> Vec<Cell<'static>> {
        match self {
            Self::Sqlite => {
                let rows = keys.iter().map(|key| self.array(key.iter().copied().map(Some)));
                vec![format!("[{}]", rows.collect::<Vec<_>>().join(",")).into()]
            }
            Self::Postgres => {
                let column = |place| keys.iter().map(move |key| key.get(place).copied());
                (0..N).map(|place| self.array(column(place)).into()).collect()
            }
        }
    }
}

/// The inverse of [`Dialect::array`]; `None` for any other text.
pub(super) fn parse_array(text: &str) -> Option<Vec<Option<i64>>> {
    let inside = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .or_else(|| text.strip_prefix('{').and_then(|text| text.strip_suffix('}')))?;
    if inside.is_empty() {
        return Some(Vec::new());
    }
    let number = |text: &str| match text {
        "null" | "NULL" => Some(None),
        number => number.parse().ok().map(Some),
    };
    inside.split(',').map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Table =
        Table { name: "t", columns: &[("a", Kind::Int), ("b", Kind::Array)], on_conflict: "(a) DO NOTHING" };

    #[test]
    fn a_table_makes_its_statements() {
        assert_eq!(
            TABLE.sqlite(2, ""),
            "INSERT INTO t (a, b) VALUES (?, ?), (?, ?) ON CONFLICT (a) DO NOTHING"
        );
        assert_eq!(
            TABLE.postgres("a"),
            "INSERT INTO t (a, b) SELECT a, b::bigint[] FROM unnest($1::bigint[], $2::text[]) AS given (a, b) \
             ON CONFLICT (a) DO NOTHING RETURNING a"
        );
    }

    #[test]
    fn rows_are_cut_into_portions_that_hold_them_all() {
        for count in [0_usize, 1, 2, 3, 255, 256, 257, 1000] {
            let mut rows = Rows::new(&TABLE);
            (0..count).for_each(|_| rows.push([Cell::from(1), Cell::from("[]")]));
            let portions: Vec<usize> =
                rows.portions(Dialect::Sqlite).map(|portion| portion.len() / rows.width()).collect();
            assert_eq!((rows.len(), portions.iter().sum::<usize>()), (count, count));
            assert!(portions.iter().all(|rows| rows.is_power_of_two() && *rows <= 256), "{portions:?}");
            assert_eq!(rows.portions(Dialect::Postgres).count(), count.min(1));
        }
    }

    #[test]
    fn arrays_are_written_and_read_back() {
        for numbers in [vec![], vec![Some(1)], vec![None, Some(-5), None, Some(i64::MAX)]] {
            for dialect in [Dialect::Sqlite, Dialect::Postgres] {
                let text = dialect.array(numbers.iter().copied());
                assert_eq!(parse_array(&text), Some(numbers.clone()), "{text}");
            }
        }
        for text in ["", "[", "[1", "[1,]", "[1.5]", "[a]", "1"] {
            assert_eq!(parse_array(text), None, "{text}");
        }
    }
}
