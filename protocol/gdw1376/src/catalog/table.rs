//! The rows of the catalogue and how they are read from the tables.

use super::field::{Fields, Role};
use super::layout::Layout;
use crate::afn::Afn;

/// What the catalogue knows of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The application function.
    pub afn: Afn,
    /// The number of the item, Fn.
    pub function: u16,
    /// What a point number stands for: `p0`, `Pn` a measuring point, `group`, `round`, `task`, `dcport`, `class`, `level`.
    pub points: &'static str,
    /// What the master sends.
    pub down: Shape,
    /// What the terminal sends.
    pub up: Shape,
    /// When neutral items hold.
    pub as_of: AsOf,
    /// The length as the text gives it.
    pub bytes: &'static str,
    /// How sure the row is: `A` two independent sources, `B` one, `C` to be checked on a device.
    pub confidence: char,
    /// English name.
    pub name_en: &'static str,
    /// Chinese name.
    pub name_zh: &'static str,
    /// Remarks.
    pub note: &'static str,
}

/// What the data of an item look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Not known: reading has to stop here, and the rest of the message stays as bytes.
    Unknown,
    /// One layout, or several that sources give for the same item; which one it is follows from the length.
    Known(Vec<Layout>),
}

impl Shape {
    /// The layouts; none when it is not known.
    #[must_use]
    pub fn layouts(&self) -> &[Layout] {
        match self {
            Self::Unknown => &[],
            Self::Known(layouts) => layouts,
        }
    }

    /// True when it is known that there are no data.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        matches!(self.layouts(), [only] if only.is_empty())
    }
}

/// The instant at which the neutral items of a row hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// The end of the day that Td_d names: 00:00 of the next date.
    Day,
    /// The end of the month that Td_m names: 00:00 of the first of the next.
    Month,
    /// The points of a curve.
    Curve,
    /// When the terminal read the meter.
    Read,
    /// The answer does not tell it.
    Untold,
}

/// A fault in one of the built-in tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("table {table}, line {line}: {what}")]
pub struct DataError {
    /// Which table.
    pub table: &'static str,
    /// Its line, from 1.
    pub line: usize,
    /// Which column.
    pub what: &'static str,
}

/// The lines of a table with their numbers, cut into columns; comments and empty lines are left out.
pub(super) fn lines(text: &'static str) -> impl Iterator<Item = (usize, Vec<&'static str>)> {
    let numbered = text.lines().enumerate().map(|(place, line)| (place + 1, line));
    numbered
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| (number, line.split('\t').collect()))
}

pub(super) fn parse(
    text: &'static str,
    table: &'static str,
    fields: &Fields,
    rows: &mut Vec<Row>,
) -> Result<(), DataError> {
    for (line, columns) in lines(text) {
        let fault = |what| DataError { table, line, what };
        let &[afn, function, points, down, up, as_of, bytes, confidence, name_en, name_zh, note] =
            columns.as_slice()
        else {
            return Err(fault("columns"));
        };
        let as_of = match as_of {
            "day" => AsOf::Day,
            "month" => AsOf::Month,
            "curve" => AsOf::Curve,
            "read" => AsOf::Read,
            "none" => AsOf::Untold,
            _ => return Err(fault("as_of")),
        };
        let row = Row {
            afn: u8::from_str_radix(afn, 16).map(Afn).map_err(|_| fault("afn"))?,
            function: function.parse().map_err(|_| fault("fn"))?,
            points,
            down: shape(down, fields).ok_or_else(|| fault("down"))?,
            up: shape(up, fields).ok_or_else(|| fault("up"))?,
            as_of,
            bytes,
            confidence: confidence.parse().map_err(|_| fault("confidence"))?,
            name_en,
            name_zh,
            note,
        };
        if !dates(&row) {
            return Err(fault("as_of without its date"));
        }
        rows.push(row);
    }
    Ok(())
}

fn shape(text: &'static str, fields: &Fields) -> Option<Shape> {
    if text == "?" {
        return Some(Shape::Unknown);
    }
    text.split('|').map(|layout| Layout::parse(layout, fields)).collect::<Option<_>>().map(Shape::Known)
}

/// True when every layout has the date that `as_of` speaks of.
fn dates(row: &Row) -> bool {
    let role = match row.as_of {
        AsOf::Day => Role::Day,
        AsOf::Month => Role::Month,
        AsOf::Curve => Role::Start,
        AsOf::Read => Role::ReadAt,
        AsOf::Untold => return true,
    };
    let has = |layout: &Layout| layout.fields().any(|field| field.role == role);
    !row.up.layouts().is_empty() && row.up.layouts().iter().all(has)
}
