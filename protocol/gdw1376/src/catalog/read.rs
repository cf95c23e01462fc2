//! The walk over data by a layout: bytes to values.

use super::field::{Field, Width};
use super::layout::{Layout, Node, Times, minutes_of_density};
use crate::format::{Value, decode};

/// The value of one field at one place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decoded<'a> {
    /// The field.
    pub field: &'static Field,
    /// Its value.
    pub value: Value<'a>,
    /// Its bytes.
    pub raw: &'a [u8],
    /// Where they begin, from the begin of the data.
    pub offset: usize,
    /// Which of its repetitions it is.
    pub place: Place,
}

/// The numbers of the repetitions a field stands in, from 0, the outermost first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    numbers: [u16; Self::DEPTH],
    depth: usize,
}

impl Place {
    const DEPTH: usize = 3;

    /// The numbers, the outermost first.
    #[must_use]
    pub fn numbers(&self) -> &[u16] {
        self.numbers.get(..self.depth).unwrap_or_default()
    }

    /// The number in the innermost repetition.
    #[must_use]
    pub fn innermost(&self) -> Option<u16> {
        self.numbers().last().copied()
    }

    fn inside(mut self, number: u16) -> Self {
        if let Some(place) = self.numbers.get_mut(self.depth) {
            *place = number;
            self.depth += 1;
        }
        self
    }
}

/// Data that do not follow the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The data end inside a field.
    #[error("{field} at byte {offset} needs {needed} bytes, {left} are left")]
    Truncated {
        /// The key of the field.
        field: &'static str,
        /// Where it begins.
        offset: usize,
        /// How many bytes it needs.
        needed: usize,
        /// How many there are.
        left: usize,
    },
    /// A count is missing, is no number, or gives no sensible number of repetitions or bytes.
    #[error("the count {count} before byte {offset} is not usable")]
    Count {
        /// The letter of the count.
        count: char,
        /// Where it is used.
        offset: usize,
    },
}

/// Reads the front of `data` by a layout; gives the values in wire order and how many bytes they are.
///
/// # Errors
/// [`ReadError`] says where the data leave the layout.
pub fn read<'a>(layout: &'static Layout, data: &'a [u8]) -> Result<(Vec<Decoded<'a>>, usize), ReadError> {
    let mut reader = Reader { data, offset: 0, counts: Counts::default(), found: Vec::new() };
    reader.nodes(&layout.nodes, Place::default())?;
    Ok((reader.found, reader.offset))
}

/// The counts met so far; the latest of a letter is the one that holds.
#[derive(Default)]
pub(super) struct Counts(Vec<(char, Option<u64>)>);

impl Counts {
    /// Keeps a count, if the field is one.
    pub(super) fn keep(&mut self, field: &Field, value: &Value<'_>) {
        let Some(letter) = field.count else { return };
        let number = match value {
            Value::Number(number) => u64::try_from(number.scaled()).ok(),
            Value::Bits { word, .. } => Some(*word),
            _ => None,
        };
        match self.0.iter_mut().find(|(have, _)| *have == letter) {
            Some((_, kept)) => *kept = number,
            None => self.0.push((letter, number)),
        }
    }

    fn of(&self, letter: char) -> Option<u64> {
        self.0.iter().find(|(have, _)| *have == letter)?.1
    }

    fn sum(&self, letter: char, add: i8) -> Option<usize> {
        usize::try_from(self.of(letter)?.checked_add_signed(add.into())?).ok()
    }

    /// How often nodes stand; `None` for to the end of the data. The error is the letter of the count at fault.
    pub(super) fn times(&self, times: Times) -> Result<Option<usize>, char> {
        let (letter, number) = match times {
            Times::Rest => return Ok(None),
            Times::Exactly(number) => return Ok(Some(number.into())),
            Times::Counted { count, add } => (count, self.sum(count, add)),
            Times::Ones(count) => {
                (count, self.of(count).and_then(|word| usize::try_from(word.count_ones()).ok()))
            }
            Times::LowSeven(count) => {
                (count, self.of(count).and_then(|number| usize::try_from(number & 0x7F).ok()))
            }
            Times::UnlessAllOnes(count) => {
                (count, self.sum(count, 0).map(|number| if number == 0xFF { 0 } else { number }))
            }
            Times::Ring(from, to) => {
                let steps = self.of(from).zip(self.of(to)).map(|(from, to)| to.wrapping_sub(from) & 0xFF);
                (from, steps.and_then(|steps| usize::try_from(steps).ok()))
            }
            Times::Hour(count) => {
                let density = self.of(count).and_then(|number| u8::try_from(number).ok());
                let points = match density {
                    Some(0) => Some(0),
                    density => density.and_then(minutes_of_density).map(|minutes| usize::from(60 / minutes)),
                };
                (count, points)
            }
        };
        number.map(Some).ok_or(letter)
    }

    /// How many bytes a field has when `left` are left. The error is the letter of the count at fault.
    pub(super) fn width(&self, width: Width, left: usize) -> Result<usize, char> {
        match width {
            Width::Fixed(width) => Ok(width),
            Width::Counted { count, add } => self.sum(count, add).ok_or(count),
            Width::Rest => Ok(left),
        }
    }
}

struct Reader<'a> {
    data: &'a [u8],
    offset: usize,
    counts: Counts,
    found: Vec<Decoded<'a>>,
}

impl Reader<'_> {
    fn nodes(&mut self, nodes: &'static [Node], place: Place) -> Result<(), ReadError> {
        for node in nodes {
            match node {
                Node::Field(field) => self.field(field, place)?,
                Node::Repeat { body, times } => self.repeat(body, *times, place)?,
            }
        }
        Ok(())
    }

    fn repeat(&mut self, body: &'static [Node], times: Times, place: Place) -> Result<(), ReadError> {
        let times =
            self.counts.times(times).map_err(|count| ReadError::Count { count, offset: self.offset })?;
        let mut number = 0_u16;
        while times.map_or(self.offset < self.data.len(), |times| usize::from(number) < times) {
            let before = self.offset;
            self.nodes(body, place.inside(number))?;
            // No layout repeats what takes no bytes; were there one, this ends it. Nor are there 65535 in a frame.
            if self.offset == before || number == u16::MAX {
                break;
            }
            number += 1;
        }
        Ok(())
    }

    fn field(&mut self, field: &'static Field, place: Place) -> Result<(), ReadError> {
        let rest = self.data.get(self.offset..).unwrap_or_default();
        let needed = self
            .counts
            .width(field.width, rest.len())
            .map_err(|count| ReadError::Count { count, offset: self.offset })?;
        let Some((raw, _)) = rest.split_at_checked(needed) else {
            let (offset, left) = (self.offset, rest.len());
            return Err(ReadError::Truncated { field: field.key, offset, needed, left });
        };
        let value = decode(field.format, raw);
        self.counts.keep(field, &value);
        self.found.push(Decoded { field, value, raw, offset: self.offset, place });
        self.offset += needed;
        Ok(())
    }
}
