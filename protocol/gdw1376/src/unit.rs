//! Data units (数据单元): the bytes behind SEQ cut into `identifier, data`, over and over.
//!
//! What the data of an item are, only the [`catalog`] knows; where it does not, cutting stops, and the rest of the
//! message stays as bytes with the reason ([`Rest`]). In a question the data behind an identifier are a selector for
//! all that it names; elsewhere each point and item has its own, lowest point first. [1376 1.6]

use crate::afn::Afn;
use crate::catalog::{self, Decoded, Layout, ReadError, Row, Shape};
use crate::identifier::{FnNumber, Identifier, Named, Point};
use crate::message::Message;

/// What the data units of a message are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Units<'a> {
    /// The units that could be cut off, in wire order.
    pub units: Vec<Unit<'a>>,
    /// What is left where cutting had to stop.
    pub rest: Option<Rest<'a>>,
}

/// One data unit: in an answer the data of one item of one point, in a question an identifier with its selector.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit<'a> {
    /// The identifier under which it stands.
    pub identifier: Identifier,
    /// Where the identifier stands, from the begin of the units.
    pub identifier_at: usize,
    /// Its point; `None` when it is of several.
    pub point: Option<Point>,
    /// Its item; `None` when it is of several.
    pub function: Option<FnNumber>,
    /// What the catalogue knows of its item, of several the lowest.
    pub row: &'static Row,
    /// Its data.
    pub data: &'a [u8],
    /// Where the data stand, from the begin of the units.
    pub data_at: usize,
    /// What the data say.
    pub values: Vec<Decoded<'a>>,
}

/// Bytes behind the last unit that could be cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest<'a> {
    /// Where they begin, from the begin of the units.
    pub offset: usize,
    /// The identifier they stand under: in front of them, when data under it were cut off already, else at their begin.
    pub identifier: Option<Identifier>,
    /// The bytes.
    pub bytes: &'a [u8],
    /// Why cutting stopped.
    pub why: Stop,
}

/// Why no further data unit could be cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// Fewer than four bytes are left.
    #[error("{left} bytes are left, an identifier needs 4")]
    ShortIdentifier {
        /// How many are left.
        left: usize,
    },
    /// DA names no point, or in an answer all of them.
    #[error("{0} names no point that data could be of")]
    NoPoint(Identifier),
    /// DT names no item.
    #[error("{0} names no item")]
    NoItem(Identifier),
    /// The catalogue does not know the item.
    #[error("AFN {afn} {function} is not in the catalogue")]
    UnknownItem {
        /// The application function.
        afn: Afn,
        /// The item.
        function: FnNumber,
    },
    /// The catalogue knows no layout for the item.
    #[error("the layout of AFN {afn} {function} is not known")]
    NoLayout {
        /// The application function.
        afn: Afn,
        /// The item.
        function: FnNumber,
    },
    /// Several layouts fit.
    #[error("more than one layout of AFN {afn} {function} fits")]
    Ambiguous {
        /// The application function.
        afn: Afn,
        /// The item.
        function: FnNumber,
    },
    /// The data do not follow the layout.
    #[error("AFN {afn} {function}: {error}")]
    Data {
        /// The application function.
        afn: Afn,
        /// The item.
        function: FnNumber,
        /// Where they leave it.
        error: ReadError,
    },
}

impl Stop {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ShortIdentifier { .. } => "short_identifier",
            Self::NoPoint(_) => "no_point",
            Self::NoItem(_) => "no_item",
            Self::UnknownItem { .. } => "unknown_item",
            Self::NoLayout { .. } => "no_layout",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Data { .. } => "data",
        }
    }
}

/// Cuts the data units of a message.
///
/// ```
/// use gdw1376::{frame::Frame, message::Message, unit};
/// // The clock of a terminal.
/// let bytes = [0x68, 0x4A, 0x00, 0x4A, 0x00, 0x68, 0xCB, 0x91, 0x91, 0x04, 0x00, 0x00, 0x0C, 0x64, 0x00, 0x00,
///              0x02, 0x00, 0x00, 0x39, 0x07, 0x17, 0x43, 0x15, 0x12, 0x16];
/// let units = unit::cut(&Message::of(&Frame::parse(&bytes)?)?);
/// let [clock] = units.units.as_slice() else { panic!() };
/// assert_eq!(clock.row.name_en, "terminal clock");
/// assert_eq!(clock.values[0].value.to_string(), "2015-03-17 07:39:00");
/// assert_eq!(units.rest, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn cut<'a>(message: &Message<'a>) -> Units<'a> {
    let is_up = message.control.is_uplink();
    let mut cutter = Cutter { afn: message.afn, is_up, bytes: message.units, offset: 0, units: Vec::new() };
    let rest = cutter.run().err().map(|(offset, identifier, why)| {
        let bytes = message.units.get(offset..).unwrap_or_default();
        Rest { offset, identifier, bytes, why }
    });
    Units { units: cutter.units, rest }
}

struct Cutter<'a> {
    afn: Afn,
    is_up: bool,
    bytes: &'a [u8],
    offset: usize,
    units: Vec<Unit<'a>>,
}

impl<'a> Cutter<'a> {
    /// Cuts off units until nothing is left. The error tells where the rest begins and under which identifier it stands.
    fn run(&mut self) -> Result<(), (usize, Option<Identifier>, Stop)> {
        while let rest @ [_, ..] = self.rest() {
            let at = self.offset;
            let short = Stop::ShortIdentifier { left: rest.len() };
            let wire = rest.first_chunk::<{ Identifier::WIDTH }>().ok_or((at, None, short))?;
            let identifier = Identifier::from_wire(*wire);
            self.offset += Identifier::WIDTH;
            let before = self.units.len();
            let cut = if self.is_shared(identifier) {
                self.shared(identifier, at)
            } else {
                self.each(identifier, at)
            };
            // Units of the same identifier stay: what was read of them is sure.
            let begin = if self.units.len() == before { at } else { self.offset };
            cut.map_err(|why| (begin, Some(identifier), why))?;
        }
        Ok(())
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.offset..).unwrap_or_default()
    }

    /// True when what follows the identifier is one selector for all it names, or nothing for any of it.
    fn is_shared(&self, identifier: Identifier) -> bool {
        let nothing = |function| self.row(function).is_ok_and(|row| self.shape(row).is_nothing());
        (!self.is_up && self.afn.is_query()) || identifier.functions.functions().all(nothing)
    }

    fn shared(&mut self, identifier: Identifier, at: usize) -> Result<(), Stop> {
        if identifier.points.named() == Named::Nothing {
            return Err(Stop::NoPoint(identifier));
        }
        let mut functions = identifier.functions.functions();
        let first = functions.next().ok_or(Stop::NoItem(identifier))?;
        let row = self.row(first)?;
        for other in functions {
            // A selector that is not the same for all would have to be repeated, and no text says how.
            if self.shape(self.row(other)?) != self.shape(row) {
                return Err(Stop::Ambiguous { afn: self.afn, function: other });
            }
        }
        let single = identifier.functions.functions().nth(1).is_none();
        let mut points = identifier.points.points();
        let point = points.next().filter(|_| points.next().is_none());
        self.push(identifier, at, point, single.then_some(first), row, 0)
    }

    fn each(&mut self, identifier: Identifier, at: usize) -> Result<(), Stop> {
        let pairs: Vec<_> = identifier.pairs().collect();
        if pairs.is_empty() {
            let is_item = identifier.functions.functions().next().is_some();
            return Err(if is_item { Stop::NoPoint(identifier) } else { Stop::NoItem(identifier) });
        }
        for (place, (point, function)) in pairs.iter().enumerate() {
            let row = self.row(*function)?;
            let later = pairs.len() - place - 1;
            self.push(identifier, at, Some(*point), Some(*function), row, later)?;
        }
        Ok(())
    }

    fn row(&self, function: FnNumber) -> Result<&'static Row, Stop> {
        let unknown = Stop::UnknownItem { afn: self.afn, function };
        catalog::find(self.afn, function.number()).ok_or(unknown)
    }

    const fn shape(&self, row: &'static Row) -> &'static Shape {
        if self.is_up { &row.up } else { &row.down }
    }

    /// Cuts off the data of one unit; `later` more follow under the same identifier.
    fn push(
        &mut self,
        identifier: Identifier,
        identifier_at: usize,
        point: Option<Point>,
        function: Option<FnNumber>,
        row: &'static Row,
        later: usize,
    ) -> Result<(), Stop> {
        let (afn, named) = (self.afn, function.or_else(|| identifier.functions.functions().next()));
        let named = named.ok_or(Stop::NoItem(identifier))?;
        let rest = self.rest();
        let (values, length) = match self.shape(row).layouts() {
            [] => return Err(Stop::NoLayout { afn, function: named }),
            [only] => {
                catalog::read(only, rest).map_err(|error| Stop::Data { afn, function: named, error })?
            }
            several => self.choose(several, rest, later, named)?,
        };
        let data = rest.get(..length).unwrap_or_default();
        let data_at = self.offset;
        self.offset += length;
        self.units.push(Unit { identifier, identifier_at, point, function, row, data, data_at, values });
        Ok(())
    }

    /// Of several layouts the one that uses up the message; else the only one behind which an identifier that the
    /// catalogue knows follows; else the only one that fits at all.
    fn choose(
        &self,
        layouts: &'static [Layout],
        rest: &'a [u8],
        later: usize,
        function: FnNumber,
    ) -> Result<(Vec<Decoded<'a>>, usize), Stop> {
        let afn = self.afn;
        let mut best: Option<(Fit, Vec<Decoded<'a>>, usize)> = None;
        let (mut is_tied, mut error) = (false, None);
        for layout in layouts {
            match catalog::read(layout, rest) {
                Ok((values, length)) => {
                    let fit = self.fit(rest.get(length..).unwrap_or_default(), later);
                    let known = best.as_ref().map(|(fit, ..)| *fit);
                    is_tied = known == Some(fit) || is_tied && known > Some(fit);
                    if known < Some(fit) {
                        best = Some((fit, values, length));
                    }
                }
                Err(wrong) => error = error.or(Some(wrong)),
            }
        }
        match best {
            Some((_, values, length)) if !is_tied => Ok((values, length)),
            Some(_) => Err(Stop::Ambiguous { afn, function }),
            None => Err(error.map_or(Stop::NoLayout { afn, function }, |error| Stop::Data {
                afn,
                function,
                error,
            })),
        }
    }

    /// How well a layout fits that leaves `behind`, when `later` units more stand under the same identifier.
    fn fit(&self, behind: &[u8], later: usize) -> Fit {
        match (later, behind) {
            (0, []) => Fit::Exact,
            (0, behind) if self.is_known(behind) => Fit::Followed,
            _ => Fit::Loose,
        }
    }

    /// True when `bytes` begin with an identifier all of whose items the catalogue knows.
    fn is_known(&self, bytes: &[u8]) -> bool {
        let Some(wire) = bytes.first_chunk() else { return false };
        let identifier = Identifier::from_wire(*wire);
        let mut functions = identifier.functions.functions().peekable();
        identifier.points.points().next().is_some()
            && functions.peek().is_some()
            && functions.all(|function| self.row(function).is_ok())
    }
}

/// How well a layout fits, the best last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// The data are long enough.
    Loose,
    /// Behind them stands an identifier that the catalogue knows.
    Followed,
    /// They end where the message does.
    Exact,
}

#[cfg(test)]
mod tests;
