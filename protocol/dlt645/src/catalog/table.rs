//! The rows of the catalogue and how an identifier finds its row.

use super::bits::Words;
use super::field::Item;
use super::layout::{Defaults, Layout, Layouts};
use crate::data_id::DataId;
use crate::edition::Edition;

/// One row: an identifier, or a range of them that differ in a settlement day, a tariff or a running number.
#[derive(Clone, Debug)]
pub struct Row {
    /// The identifiers as the standard writes them, with `ss`, `tt`, `nn` where they vary.
    pub pattern: &'static str,
    /// English name; `{tt}` and `{nn}` stand for the variable part.
    pub name_en: &'static str,
    /// Chinese name, likewise.
    pub name_zh: &'static str,
    /// What the data look like.
    pub shape: Shape,
    /// Other layouts that sources give for the same identifier; which one it is, the length tells.
    pub alternatives: Vec<Layout>,
    /// The data length as the standard gives it: a number, `4*(k+1)`, `var`.
    pub bytes: &'static str,
    /// Unit of the values, empty for none or several.
    pub unit: &'static str,
    /// Read, write or both.
    pub access: Access,
    /// How sure the row is: `A` two independent sources, `B` one, `C` to be checked on a meter.
    pub confidence: char,
    /// Remarks.
    pub note: &'static str,
    pub(super) edition: Edition,
    pub(super) low: u32,
    /// The variable byte (or nibble) parts: place in bits, first and last value.
    pub(super) variables: Vec<Variable>,
}

/// What may be done with an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read only.
    Read,
    /// Write only; a password never comes out.
    Write,
    /// Both.
    ReadWrite,
}

/// What the data of a row look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Fields one after the other.
    Fields(Layout),
    /// Fields of the request; the answer carries none or is not laid out here.
    Request(Layout),
    /// A whole freeze: the rows of the same kind in turn. See [`super::freeze`].
    Freeze,
    /// Load-record blocks of one kind 1 to 6, or of all kinds (0). See [`super::load_record`].
    LoadRecord(u8),
    /// Bytes whose layout is not known.
    Opaque,
    /// No data at all.
    Nothing,
}

/// A variable part of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The letter of the pattern: `s` settlement day, `t` tariff, others a running number.
    pub letter: char,
    /// The lowest value.
    pub first: u8,
    /// The highest.
    pub last: u8,
    pub(super) shift: u32,
    pub(super) mask: u32,
}

impl Variable {
    /// The value this part has in `code`.
    pub(super) fn value_in(self, code: u32) -> u8 {
        (code >> self.shift & self.mask).to_le_bytes()[0]
    }
}

impl Row {
    /// The edition the row belongs to.
    #[must_use]
    pub const fn edition(&self) -> Edition {
        self.edition
    }

    /// The variable parts of the pattern, high to low.
    #[must_use]
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// All identifiers of the row, lowest first. A row with a tariff and a settlement day has several hundred.
    pub fn ids(&self) -> impl Iterator<Item = DataId> + '_ {
        let outer = self.variables.first().copied();
        let inner = self.variables.get(1).copied();
        let values = |variable: Option<Variable>| match variable {
            Some(variable) => variable.first..=variable.last,
            None => 0..=0,
        };
        let place = |variable: Option<Variable>, value: u8| match variable {
            Some(variable) => u32::from(value) << variable.shift,
            None => 0,
        };
        values(outer).flat_map(move |high| {
            values(inner).map(move |low| self.id(self.low | place(outer, high) | place(inner, low)))
        })
    }

    fn id(&self, code: u32) -> DataId {
        match (self.edition, u16::try_from(code)) {
            (Edition::E1997, Ok(code)) => DataId::new_1997(code),
            _ => DataId::new_2007(code),
        }
    }
}

/// Why a table of the catalogue could not be read; a test sees to it that this never happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("catalogue table {table}, line {line}: {what} not understood")]
pub struct DataError {
    /// The table.
    pub table: &'static str,
    /// Counted from 1.
    pub line: usize,
    /// The column.
    pub what: &'static str,
}

/// The lines of a table with their numbers, comments and blank lines left out.
pub(super) fn lines(table: &'static str) -> impl Iterator<Item = (usize, &'static str)> {
    (1..).zip(table.lines()).filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty())
}

/// Reads one table of rows.
pub(super) fn parse(
    table: &'static str,
    name: &'static str,
    edition: Edition,
    layouts: &Layouts,
    words: &Words,
    rows: &mut Vec<Row>,
) -> Result<(), DataError> {
    for (number, line) in lines(table) {
        let wrong = |what| DataError { table: name, line: number, what };
        let mut columns = line.split('\t').chain(core::iter::repeat(""));
        let mut next = || columns.next().unwrap_or_default();
        let (pattern, vars, layout, bytes) = (next(), next(), next(), next());
        let (unit, item, access, confidence) = (next(), next(), next(), next());
        let (name_en, name_zh, note) = (next(), next(), next());
        let item = if item.is_empty() { None } else { Some(Item::parse(item).ok_or_else(|| wrong("item"))?) };
        let defaults = Defaults { unit, item };
        let mut texts = layout.split('|');
        let first = texts.next().unwrap_or_default();
        let shape = shape(first, defaults, layouts, words).ok_or_else(|| wrong("layout"))?;
        let alternatives: Option<_> = texts.map(|text| layouts.read(text, defaults, words)).collect();
        let variables = variables(pattern, vars).ok_or_else(|| wrong("vars"))?;
        let code: String = pattern.chars().map(|c| if c.is_ascii_lowercase() { '0' } else { c }).collect();
        let low = u32::from_str_radix(&code, 16).map_err(|_| wrong("di"))?;
        let access = match access {
            "r" => Access::Read,
            "w" => Access::Write,
            "rw" => Access::ReadWrite,
            _ => return Err(wrong("access")),
        };
        let confidence = confidence.chars().next().ok_or_else(|| wrong("confidence"))?;
        rows.push(Row {
            pattern,
            name_en,
            name_zh,
            shape,
            alternatives: alternatives.ok_or_else(|| wrong("layout"))?,
            bytes,
            unit,
            access,
            confidence,
            note,
            edition,
            low,
            variables,
        });
    }
    Ok(())
}

fn shape(text: &str, defaults: Defaults, layouts: &Layouts, words: &Words) -> Option<Shape> {
    Some(match text {
        "-" => Shape::Opaque,
        "none" => Shape::Nothing,
        "FREEZE" => Shape::Freeze,
        _ => {
            if let Some(kind) = text.strip_prefix("LR") {
                Shape::LoadRecord(kind.parse().ok().filter(|kind| *kind <= 6)?)
            } else if let Some(request) = text.strip_prefix("request:") {
                Shape::Request(layouts.read(request.trim(), defaults, words)?)
            } else {
                Shape::Fields(layouts.read(text, defaults, words)?)
            }
        }
    })
}

/// The variable parts of a pattern such as `0001ttss` with `tt=01-3F;ss=00-0C`, or `901t` with `t=1-E`.
fn variables(pattern: &str, vars: &str) -> Option<Vec<Variable>> {
    let mut variables = Vec::new();
    for part in vars.split(';').filter(|part| !part.is_empty()) {
        let (name, range) = part.trim().split_once('=')?;
        let (first, last) = range.split_once('-')?;
        let letter = name.chars().next()?;
        let place = pattern.find(name)?;
        let below = pattern.len() - place - name.len();
        variables.push(Variable {
            letter,
            first: u8::from_str_radix(first, 16).ok()?,
            last: u8::from_str_radix(last, 16).ok()?,
            shift: u32::try_from(below * 4).ok()?,
            mask: if name.len() == 2 { 0xFF } else { 0x0F },
        });
    }
    let letters = pattern.chars().filter(char::is_ascii_lowercase).count();
    let named: usize = variables.iter().map(|variable| if variable.mask == 0xFF { 2 } else { 1 }).sum();
    variables.sort_by_key(|variable| core::cmp::Reverse(variable.shift));
    (letters == named && variables.len() <= 2).then_some(variables)
}

/// Which row each identifier of one edition belongs to: pages of lists of runs. [645-2007 8 identifiers]
/// [645-1997 4 identifiers]
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The page of each DI3 and DI2, [`NONE`] where there is none; the 1997 edition has one page.
    pages: Vec<u16>,
    /// Where the list of each DI1 of a page begins.
    lists: Vec<[u16; 256]>,
    /// The lists one after the other, in each the runs by their DI0, and [`END`] behind them. An empty list comes first.
    runs: Vec<Run>,
}

/// Identifiers of one row that differ in DI0 only.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u8,
    last: u8,
    row: u16,
}

/// No page and no row.
const NONE: u16 = u16::MAX;
const END: Run = Run { first: 0xFF, last: 0xFF, row: NONE };

impl Index {
    /// The index of the rows of `edition`; `None` when they are too many for it.
    pub(super) fn of(edition: Edition, rows: &[Row]) -> Option<Self> {
        let mut runs: Vec<(u32, Run)> = Vec::new();
        for (row, place) in rows.iter().zip(0..).filter(|(row, _)| row.edition == edition) {
            for id in row.ids() {
                let (list, di0) = (id.code() >> 8, id.di0());
                match runs.last_mut() {
                    Some((last_list, run))
                        if *last_list == list && run.row == place && run.last.checked_add(1) == Some(di0) =>
                    {
                        run.last = di0;
                    }
                    _ => runs.push((list, Run { first: di0, last: di0, row: place })),
                }
            }
        }
        runs.sort_unstable_by_key(|(list, run)| (*list, run.first));
        let mut index = Self { pages: Vec::new(), lists: Vec::new(), runs: vec![END] };
        for of_list in runs.chunk_by(|(list, _), (next, _)| list == next) {
            let begin = u16::try_from(index.runs.len()).ok()?;
            index.runs.extend(of_list.iter().map(|(_, run)| *run).chain([END]));
            let [di1, page @ .., _] = of_list.first()?.0.to_le_bytes();
            *index.page(u16::from_le_bytes(page).into())?.get_mut(usize::from(di1))? = begin;
        }
        Some(index)
    }

    /// The page of this DI3 and DI2, made if it is not there.
    fn page(&mut self, high: usize) -> Option<&mut [u16; 256]> {
        if self.pages.len() <= high {
            self.pages.resize(high + 1, NONE);
        }
        let page = self.pages.get_mut(high)?;
        if *page == NONE {
            *page = u16::try_from(self.lists.len()).ok()?;
            self.lists.push([0; 256]);
        }
        self.lists.get_mut(usize::from(*page))
    }

    /// The place of the row that `id` belongs to.
    #[inline]
    pub(super) fn find(&self, id: DataId) -> Option<usize> {
        let [di0, di1, high @ ..] = id.code().to_le_bytes();
        let page = self.pages.get(usize::from(u16::from_le_bytes(high)))?;
        let begin = self.lists.get(usize::from(*page))?.get(usize::from(di1))?;
        let mut place = usize::from(*begin);
        loop {
            let run = self.runs.get(place)?;
            if di0 <= run.last {
                return (run.first <= di0).then_some(usize::from(run.row));
            }
            place += 1;
        }
    }
}
