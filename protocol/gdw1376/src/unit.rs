//! Data units (数据单元): the bytes behind SEQ cut into `identifier, data`, over and over.
//!
//! What the data of an item are, only the [`catalog`](crate::catalog) knows; where it does not, cutting stops, and the rest of the
//! message stays as bytes with the reason ([`Rest`]). In a question the data behind an identifier are a selector for
//! all that it names; elsewhere each point and item has its own, lowest point first. [1376 1.6]

use crate::afn::Afn;
use crate::catalog::{Decoded, ReadError, Row};
use crate::identifier::{FnNumber, Identifier, Point};
use crate::message::Message;

mod choose;
mod source;

use self::choose::{Reaches, State};
use self::source::{Source, Way};

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
    cut_from(Source::of(message))
}

/// As [`cut`], for showing: of a ring of event records as many as are there, whatever the places in front of them say.
pub(crate) fn cut_to_show<'a>(message: &Message<'a>) -> Units<'a> {
    cut_from(Source { takes_all_records: true, ..Source::of(message) })
}

fn cut_from(source: Source<'_>) -> Units<'_> {
    let mut cutter = Cutter::of(source);
    let rest = cutter.run().err().map(|(offset, identifier, why)| {
        let bytes = source.from(offset);
        Rest { offset, identifier, bytes, why }
    });
    Units { units: cutter.units, rest }
}

struct Cutter<'a> {
    source: Source<'a>,
    offset: usize,
    units: Vec<Unit<'a>>,
    reaches: Reaches,
}

impl<'a> Cutter<'a> {
    fn of(source: Source<'a>) -> Self {
        Self { source, offset: 0, units: Vec::new(), reaches: Reaches::default() }
    }

    /// Cuts off units until nothing is left. The error tells where the rest begins and under which identifier it stands.
    fn run(&mut self) -> Result<(), (usize, Option<Identifier>, Stop)> {
        while let rest @ [_, ..] = self.source.from(self.offset) {
            let at = self.offset;
            let short = Stop::ShortIdentifier { left: rest.len() };
            let identifier = self.source.identifier(at).ok_or((at, None, short))?;
            self.offset += Identifier::WIDTH;
            let before = self.units.len();
            let cut = if self.source.is_shared(identifier) {
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

    fn shared(&mut self, identifier: Identifier, at: usize) -> Result<(), Stop> {
        let row = self.source.shared_row(identifier)?;
        let single = identifier.functions.functions().nth(1).is_none();
        let function = identifier.functions.functions().next().filter(|_| single);
        let mut points = identifier.points.points();
        let point = points.next().filter(|_| points.next().is_none());
        let behind = State::identifier;
        self.push(Heading { identifier, at, point, function, row }, behind)
    }

    fn each(&mut self, identifier: Identifier, at: usize) -> Result<(), Stop> {
        let pairs: Vec<_> = identifier.pairs().collect();
        if pairs.is_empty() {
            let is_item = identifier.functions.functions().next().is_some();
            return Err(if is_item { Stop::NoPoint(identifier) } else { Stop::NoItem(identifier) });
        }
        for (place, (point, function)) in pairs.iter().enumerate() {
            let row = self.source.row(*function)?;
            let is_last = place + 1 == pairs.len();
            let behind = |offset| {
                if is_last {
                    State::identifier(offset)
                } else {
                    State { offset, identifier_at: at, place: place + 1 }
                }
            };
            self.push(
                Heading { identifier, at, point: Some(*point), function: Some(*function), row },
                behind,
            )?;
        }
        Ok(())
    }

    /// Cuts off the data of one unit; `behind` tells what stands behind data that end at an offset.
    fn push(&mut self, named: Heading, behind: impl Fn(usize) -> State) -> Result<(), Stop> {
        let Heading { identifier, at, point, row, .. } = named;
        let named_item = named.function.or_else(|| identifier.functions.functions().next());
        let (afn, function) = (self.source.afn, named_item.ok_or(Stop::NoItem(identifier))?);
        let data_at = self.offset;
        let ways = self.source.ways(row, function, data_at, &self.reaches.work)?;
        let filled =
            ways.iter().find_map(|way| way.filled).filter(|_| ways.iter().all(|way| way.filled.is_some()));
        let way = self.reaches.choose(&self.source, ways, |length| behind(data_at + length));
        let Way { values, length, .. } = way.ok_or(match filled {
            Some(error) => Stop::Data { afn, function, error },
            None => Stop::Ambiguous { afn, function },
        })?;
        let data = self.source.from(data_at).get(..length).unwrap_or_default();
        self.offset += length;
        let function = named.function;
        self.units.push(Unit { identifier, identifier_at: at, point, function, row, data, data_at, values });
        Ok(())
    }
}

/// What a unit is called and where that stands.
struct Heading {
    identifier: Identifier,
    at: usize,
    point: Option<Point>,
    function: Option<FnNumber>,
    row: &'static Row,
}

#[cfg(test)]
mod tests;
