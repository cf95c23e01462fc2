//! The walk over data by a layout: bytes to values.

use super::field::{Field, Role, Width};
use super::layout::{Layout, Node, Times, minutes_of_density};
use crate::format::{Absence, Format, Value, decode};

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
    is_tariff: bool,
    record: Option<u16>,
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

    /// The tariff, 0 the total, where the innermost repetition is a row of a total and its tariffs.
    #[must_use]
    pub fn tariff(&self) -> Option<u16> {
        self.innermost().filter(|_| self.is_tariff)
    }

    /// The number of the record, from 0, where the outermost repetition is one of several fields that belong together and no
    /// row of tariffs.
    #[must_use]
    pub const fn record(&self) -> Option<u16> {
        self.record
    }

    fn inside(mut self, number: u16, body: &[Node], times: Times) -> Self {
        self.is_tariff = times == Times::Counted { count: TARIFFS, add: 1 };
        if self.depth == 0 && body.len() > 1 && !self.is_tariff {
            self.record = Some(number);
        }
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
    /// A count is filled with EE as what it counts is, so that the data do not tell how long they are. [1376 1.9]
    #[error("the count {count} at byte {offset} is filled with EE")]
    Filled {
        /// The letter of the count.
        count: char,
        /// Where it stands.
        offset: usize,
    },
}

/// The values of data in wire order, and how many bytes they are.
pub(crate) type Read<'a> = (Vec<Decoded<'a>>, usize);

/// Reads the front of `data` by a layout; gives the values in wire order and how many bytes they are.
///
/// # Errors
/// [`ReadError`] says where the data leave the layout.
pub fn read<'a>(layout: &'static Layout, data: &'a [u8]) -> Result<(Vec<Decoded<'a>>, usize), ReadError> {
    Reader::of(data).run(layout)
}

/// As [`read()`], for showing: of a ring of records as many as are there, whatever the places in front of them say.
pub(crate) fn read_to_show<'a>(layout: &'static Layout, data: &'a [u8]) -> Result<Read<'a>, ReadError> {
    Reader { takes_all_records: true, ..Reader::of(data) }.run(layout)
}

/// The ways to read data of which a count is filled with EE: with each number for which everything behind the count is EE,
/// too. Without the bytes behind the data nobody can tell which it is. Each value that is looked at on the way is one step of
/// `steps`; where they are used up, no more ways are looked for.
pub(crate) fn read_filled<'a>(
    layout: &'static Layout,
    data: &'a [u8],
    steps: &mut impl FnMut(usize) -> bool,
) -> Vec<Read<'a>> {
    let mut ways: Vec<Read<'a>> = Vec::new();
    for number in 0..=u64::from(u8::MAX) {
        let mut reader = Reader { filled: Some(number), ..Reader::of(data) };
        let read = reader.nodes(&layout.nodes, Place::default());
        if !steps(reader.found.len() + 1) {
            break;
        }
        if read.is_err() {
            // What is too long, or not all filled, with so many tariffs is so with more.
            if reader.filled_at.is_some_and(|(letter, _)| letter == TARIFFS) {
                break;
            }
            continue;
        }
        let Reader { filled_at, offset, found, .. } = reader;
        let counted = filled_at.and_then(|(_, at)| data.get(at..offset)).unwrap_or_default();
        let is_new = ways.iter().all(|(_, length)| *length != offset);
        if is_new && !counted.is_empty() && counted.iter().all(|byte| *byte == FILLING) {
            ways.push((found, offset));
        }
    }
    ways
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
        // No meter has more tariffs: what says so is no count.
        self.set(letter, number.filter(|number| letter != TARIFFS || *number <= MOST_TARIFFS));
    }

    fn set(&mut self, letter: char, number: Option<u64>) {
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
    /// The number to be taken for a count that is filled with EE.
    filled: Option<u64>,
    /// The letter of such a count, and where it stands.
    filled_at: Option<(char, usize)>,
    takes_all_records: bool,
}

impl<'a> Reader<'a> {
    fn of(data: &'a [u8]) -> Self {
        Self {
            data,
            offset: 0,
            counts: Counts::default(),
            found: Vec::new(),
            filled: None,
            filled_at: None,
            takes_all_records: false,
        }
    }

    fn run(mut self, layout: &'static Layout) -> Result<Read<'a>, ReadError> {
        self.nodes(&layout.nodes, Place::default())?;
        Ok((self.found, self.offset))
    }

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
        if self.takes_all_records && matches!(times, Times::Ring(..)) {
            self.all_records(body, times, place);
            return Ok(());
        }
        let kind = times;
        let times =
            self.counts.times(times).map_err(|count| ReadError::Count { count, offset: self.offset })?;
        let mut number = 0_u16;
        while times.map_or(self.offset < self.data.len(), |times| usize::from(number) < times) {
            let before = self.offset;
            self.nodes(body, place.inside(number, body, kind))?;
            // No layout repeats what takes no bytes; were there one, this ends it. Nor are there 65535 in a frame.
            if self.offset == before || number == u16::MAX {
                break;
            }
            number += 1;
        }
        Ok(())
    }

    /// Records to the end of the data, or to the first that does not fit or has no code.
    fn all_records(&mut self, body: &'static [Node], times: Times, place: Place) {
        let mut number = 0_u16;
        while self.data.get(self.offset).is_some_and(|code| *code != 0) && number < u16::MAX {
            let (offset, found) = (self.offset, self.found.len());
            if self.nodes(body, place.inside(number, body, times)).is_err() || self.offset == offset {
                self.offset = offset;
                self.found.truncate(found);
                return;
            }
            number += 1;
        }
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
        // What a filled count counts is filled, too: with any other byte it was another number.
        if let Some((count, offset)) = self.filled_at
            && raw.iter().any(|byte| *byte != FILLING)
        {
            return Err(ReadError::Filled { count, offset });
        }
        let mut value = decode(field.format, raw);
        self.counts.keep(field, &value);
        if let Some(count) = self.filled_count(field, raw) {
            let number = self.filled.ok_or(ReadError::Filled { count, offset: self.offset })?;
            self.filled_at = self.filled_at.or(Some((count, self.offset)));
            self.counts.set(count, Some(number).filter(|number| count != TARIFFS || *number <= MOST_TARIFFS));
            value = Value::Absent(Absence::Missing);
        }
        self.found.push(Decoded { field, value, raw, offset: self.offset, place });
        self.offset += needed;
        Ok(())
    }

    /// The letter of a count that is EE like all around it. One byte of EE may be the number 238 elsewhere; so many tariffs or
    /// harmonics there are not, nor points behind a density that is filled, nor things counted of which the first is filled.
    fn filled_count(&self, field: &Field, raw: &[u8]) -> Option<char> {
        let letter = field.count?;
        if raw.is_empty() || raw.iter().any(|byte| *byte != FILLING) {
            return None;
        }
        let is_filled = |place: Option<usize>| place.and_then(|place| self.data.get(place)) == Some(&FILLING);
        let before = is_filled(self.offset.checked_sub(1));
        let is_hourly = self.found.last().is_some_and(|last| last.field.role == Role::Hour);
        let is_known = match (letter, field.key) {
            (TARIFFS | HARMONICS, _) => true,
            (_, "points") => before,
            (_, "density") => before && is_hourly,
            (_, "count") => is_filled(Some(self.offset + raw.len())),
            _ => false,
        };
        let is_number = matches!(field.format, Format::Binary { .. });
        (is_known && is_number).then_some(letter)
    }
}

/// The letter of the number of tariffs, M.
const TARIFFS: char = 'M';
/// The most there are. [1376 3.4]
const MOST_TARIFFS: u64 = 48;
/// The letter of the number of harmonics.
const HARMONICS: char = 'N';
/// What stands in each byte of what the terminal does not have.
const FILLING: u8 = 0xEE;
