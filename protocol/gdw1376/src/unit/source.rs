//! What is cut into units: the bytes, and what tells how to read them. Every way in which the catalogue lets data be read is
//! given; which of them it is, others choose.

use core::cell::Cell;

use super::Stop;
use crate::afn::Afn;
use crate::catalog::{self, Decoded, Layout, Read, ReadError, Row, Shape};
use crate::format::Value;
use crate::frame::LengthCode;
use crate::identifier::{FnNumber, Identifier, Named};
use crate::message::Message;

/// What was spent on looking for the ways to read one message. A frame may be made so that there are very many of them; the work on
/// it stays within bounds whatever it holds.
#[derive(Debug, Default)]
pub(super) struct Work(Cell<usize>);

impl Work {
    /// So many values are looked at in one message, besides those that it has: many times what any terminal in order needs.
    pub(super) const MOST: usize = 1 << 18;

    /// Counts values that were looked at; false when these were too many.
    pub(super) fn spend(&self, values: usize) -> bool {
        self.0.set(self.0.get().saturating_add(values));
        !self.is_spent()
    }

    pub(super) const fn is_spent(&self) -> bool {
        self.0.get() > Self::MOST
    }

    #[cfg(test)]
    pub(super) const fn spent(&self) -> usize {
        self.0.get()
    }
}

/// The units of one message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) code: LengthCode,
    pub(super) afn: Afn,
    pub(super) is_up: bool,
    pub(super) bytes: &'a [u8],
    /// Event records are read as far as they go, whatever the places in front of them say.
    pub(super) takes_all_records: bool,
}

/// One way to read the data of a unit.
#[derive(Clone, Debug)]
pub(super) struct Way<'a> {
    pub(super) values: Vec<Decoded<'a>>,
    pub(super) length: usize,
    /// What the data themselves do not tell, where a count is filled with EE: the length is taken from what stands behind.
    pub(super) filled: Option<ReadError>,
}

impl Way<'_> {
    /// True when no value is what no terminal in order sends.
    pub(super) fn is_clean(&self) -> bool {
        let is_corrupt =
            |decoded: &Decoded<'_>| matches!(decoded.value, Value::Absent(absence) if absence.is_corrupt());
        !self.values.iter().any(is_corrupt)
    }
}

impl<'a> Source<'a> {
    pub(super) const fn of(message: &Message<'a>) -> Self {
        let is_up = message.control.is_uplink();
        Self { code: message.code, afn: message.afn, is_up, bytes: message.units, takes_all_records: false }
    }

    pub(super) fn from(&self, offset: usize) -> &'a [u8] {
        self.bytes.get(offset..).unwrap_or_default()
    }

    pub(super) fn identifier(&self, offset: usize) -> Option<Identifier> {
        self.from(offset).first_chunk().map(|wire| Identifier::from_wire(*wire))
    }

    /// What is known of an item.
    pub(super) fn row(&self, function: FnNumber) -> Result<&'static Row, Stop> {
        let unknown = Stop::UnknownItem { afn: self.afn, function };
        catalog::find_in(self.code, self.afn, function.number()).ok_or(unknown)
    }

    const fn shape(&self, row: &'static Row) -> &'static Shape {
        if self.is_up { &row.up } else { &row.down }
    }

    /// True when what follows the identifier is one selector for all it names, or nothing for any of it.
    pub(super) fn is_shared(&self, identifier: Identifier) -> bool {
        let nothing = |function| self.row(function).is_ok_and(|row| self.shape(row).is_nothing());
        (!self.is_up && self.afn.is_query()) || identifier.functions.functions().all(nothing)
    }

    /// The row of the selector that stands for all that an identifier names.
    pub(super) fn shared_row(&self, identifier: Identifier) -> Result<&'static Row, Stop> {
        if identifier.points.named() == Named::Nothing {
            return Err(Stop::NoPoint(identifier));
        }
        let mut functions = identifier.functions.functions();
        let row = self.row(functions.next().ok_or(Stop::NoItem(identifier))?)?;
        for other in functions {
            // A selector that is not the same for all would have to be repeated, and no text says how.
            if self.shape(self.row(other)?) != self.shape(row) {
                return Err(Stop::Ambiguous { afn: self.afn, function: other });
            }
        }
        Ok(row)
    }

    /// Every way to read the data at `offset` as those of an item; at least one.
    pub(super) fn ways(
        &self,
        row: &'static Row,
        function: FnNumber,
        offset: usize,
        work: &Work,
    ) -> Result<Vec<Way<'a>>, Stop> {
        let (afn, rest) = (self.afn, self.from(offset));
        type Reads<'a> = fn(&'static Layout, &'a [u8]) -> Result<Read<'a>, ReadError>;
        let read: Reads<'a> = if self.takes_all_records { catalog::read_to_show } else { catalog::read };
        let (mut ways, mut wrong) = (Vec::new(), None);
        for layout in self.shape(row).layouts() {
            match read(layout, rest) {
                Ok((values, length)) => {
                    work.spend(values.len());
                    ways.push(Way { values, length, filled: None });
                }
                Err(error @ ReadError::Filled { .. }) => {
                    let filled = catalog::read_filled(layout, rest, &mut |steps| work.spend(steps));
                    let filled = filled.into_iter();
                    ways.extend(filled.map(|(values, length)| Way { values, length, filled: Some(error) }));
                    wrong = wrong.or(Some(error));
                }
                Err(error) => wrong = wrong.or(Some(error)),
            }
        }
        match (ways.is_empty(), wrong) {
            (false, _) => Ok(ways),
            (true, Some(error)) => Err(Stop::Data { afn, function, error }),
            (true, None) => Err(Stop::NoLayout { afn, function }),
        }
    }

    /// True when an identifier stands at `offset` all of whose items are known.
    pub(super) fn is_known(&self, offset: usize) -> bool {
        let Some(identifier) = self.identifier(offset) else { return false };
        let mut functions = identifier.functions.functions().peekable();
        identifier.points.0 != FILLED
            && identifier.points.points().next().is_some()
            && functions.peek().is_some()
            && functions.all(|function| self.row(function).is_ok())
    }
}

/// What is filled with EE looks like six points of the last groups, and names none.
pub(super) const FILLED: [u8; 2] = [0xEE; 2];
