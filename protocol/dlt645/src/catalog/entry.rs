//! An identifier with its row: names, lengths, and the walk over the values of an answer.

use core::fmt;

use super::field::{Field, Format, ItemCode};
use super::freeze::FreezeBlock;
use super::layout::{Counter, Group, Layout, Times};
use super::load_record::LoadRecords;
use super::table::{Row, Shape, Variable};
use super::value::{self, EncodeError, Value};
use super::values::Values;
use crate::data_id::DataId;
use crate::edition::Edition;

/// An identifier the catalogue knows.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its row.
    pub row: &'static Row,
    /// The identifier itself.
    pub id: DataId,
}

/// What the data of an identifier turned out to hold.
#[derive(Clone, Debug)]
pub enum Content<'a> {
    /// Values, one after the other.
    Values(Values<'a>),
    /// A whole freeze.
    Freeze(FreezeBlock<'a>),
    /// Blocks of load records.
    LoadRecords(LoadRecords<'a>),
    /// Bytes whose layout is not known.
    Opaque(&'a [u8]),
    /// Nothing, as it should be.
    Nothing,
}

/// The data are not as long as the layout says. The values, if any, must not be booked; a maker's deviation is
/// something a meter profile has to allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} data bytes where {expected} are expected")]
pub struct Deviation {
    /// How many there are.
    pub found: usize,
    /// How many there should be.
    pub expected: LengthRule,
}

/// Which data lengths (without the identifier) an identifier's answer may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthRule {
    /// Exactly so many.
    Exactly(usize),
    /// A fixed part and one or more steps.
    Steps {
        /// The fixed part.
        fixed: usize,
        /// One repetition.
        step: usize,
    },
    /// At most so many, ending behind a field.
    UpTo(usize),
    /// Unknown.
    Any,
}

impl fmt::Display for LengthRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(length) => write!(f, "{length}"),
            Self::Steps { fixed: 0, step } => write!(f, "a multiple of {step}"),
            Self::Steps { fixed, step } => write!(f, "{fixed} and a multiple of {step}"),
            Self::UpTo(length) => write!(f, "up to {length}"),
            Self::Any => write!(f, "any number"),
        }
    }
}

impl Entry {
    /// The value of the variable part with this letter: `s` settlement day, `t` tariff, `n` running number.
    #[must_use]
    pub fn variable(&self, letter: char) -> Option<u8> {
        let variable = self.row.variables.iter().find(|variable| variable.letter == letter)?;
        Some(variable.value_in(self.id.code()))
    }

    /// The tariff the identifier names, 0 when it names none.
    #[must_use]
    #[inline]
    pub fn tariff(&self) -> u8 {
        if self.row.variables.is_empty() { 0 } else { self.variable('t').unwrap_or(0) }
    }

    /// The name in English, with the variable parts filled in.
    #[must_use]
    pub fn name_en(&self) -> String {
        let mut name = self.fill(self.row.name_en);
        if let Some(back @ 1..) = self.variable('s') {
            name.push_str(&format!(", settlement day {back} back"));
        }
        name
    }

    /// The name in Chinese as the standard has it, likewise: a quantity with settlement days says of now that it is.
    #[must_use]
    pub fn name_zh(&self) -> String {
        match self.variable('s') {
            Some(0) => format!("(当前){}", self.value_name_zh()),
            _ => self.value_name_zh(),
        }
    }

    /// The name in Chinese of a value under this identifier: what is measured now needs no word for it.
    #[must_use]
    pub fn value_name_zh(&self) -> String {
        match self.variable('s') {
            Some(back @ 1..) => format!("(上{back}结算日){}", self.fill(self.row.name_zh)),
            _ => self.fill(self.row.name_zh),
        }
    }

    fn fill(&self, name: &str) -> String {
        let mut filled = name.to_owned();
        for Variable { letter, mask, .. } in self.row.variables.iter().copied() {
            let length = if mask == 0xFF { 2 } else { 1 };
            let placeholder = format!("{{{}}}", letter.to_string().repeat(length));
            let number = self.variable(letter).unwrap_or(0);
            filled = filled.replace(&placeholder, &number.to_string());
        }
        filled
    }

    /// True when data of this length can be read: by the layout, by one of its alternatives, or as a block that ends
    /// early or with AAH.
    #[must_use]
    pub fn admits_length(&self, length: usize) -> bool {
        match &self.row.shape {
            Shape::Fields(layout) => {
                let admits =
                    |layout: &Layout| layout.repetitions(length).is_some() || layout.ends_early_at(length);
                let separated = self.id.edition() == Edition::E1997 && layout.is_block() && length > 0;
                admits(layout)
                    || self.row.alternatives.iter().any(admits)
                    || (separated && admits_before_separator(layout, length))
            }
            Shape::Nothing => length == 0,
            Shape::Freeze | Shape::LoadRecord(_) => length > 0,
            Shape::Opaque | Shape::Request(_) => true,
        }
    }

    /// True when the first number of its data has a sign in the top bit of its last byte.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        let Shape::Fields(layout) = &self.row.shape else { return false };
        let mut fields = layout.groups.iter().flat_map(|group| &group.fields);
        let signed = fields.find_map(|field| match field.format {
            Format::Number { signed, .. } => Some(signed),
            _ => None,
        });
        signed.unwrap_or(false)
    }

    /// The data length the standard gives, where there is one rule; see [`Self::admits_length`] for all that can be
    /// read.
    #[must_use]
    pub fn lengths(&self) -> LengthRule {
        self.row.lengths()
    }

    /// Reads plain answer data, the identifier already taken off.
    ///
    /// # Errors
    /// [`Deviation`] when the length fits no reading of the layout.
    #[inline]
    pub fn read<'a>(&self, data: &'a [u8]) -> Result<Content<'a>, Deviation> {
        match &self.row.shape {
            Shape::Fields(layout) => self.read_layout(layout, data).map(Content::Values),
            Shape::Freeze => {
                FreezeBlock::read(self.id, data).map(Content::Freeze).ok_or_else(|| self.deviation(data))
            }
            Shape::LoadRecord(kind) => Ok(Content::LoadRecords(LoadRecords::new(*kind, data))),
            Shape::Nothing if data.is_empty() => Ok(Content::Nothing),
            Shape::Nothing => Err(self.deviation(data)),
            Shape::Opaque | Shape::Request(_) => Ok(Content::Opaque(data)),
        }
    }

    /// Reads the data of a request that carries some, as a write does.
    ///
    /// # Errors
    /// [`Deviation`] as [`Self::read`].
    pub fn read_request<'a>(&self, data: &'a [u8]) -> Result<Content<'a>, Deviation> {
        match &self.row.shape {
            Shape::Request(layout) => self.read_layout(layout, data).map(Content::Values),
            _ => self.read(data),
        }
    }

    #[inline]
    fn read_layout<'a>(&self, layout: &'static Layout, data: &'a [u8]) -> Result<Values<'a>, Deviation> {
        let (layout, repetitions, data) = match layout.repetitions(data.len()) {
            Some(repetitions) => (layout, repetitions, data),
            None => fit_otherwise(self.row, layout, data).ok_or_else(|| self.deviation(data))?,
        };
        Ok(Values::new(Some(*self), layout, repetitions, data))
    }

    fn deviation(&self, data: &[u8]) -> Deviation {
        Deviation { found: data.len(), expected: self.row.lengths() }
    }

    /// The data these values make, the inverse of [`Self::read`] for rows made of fields: as many values as the
    /// layout has places; a group repeated by length takes what is left over.
    ///
    /// # Errors
    /// [`EncodeError`] when a value does not fit its field or their number fits no length.
    pub fn encode(&self, values: &[Value<'_>]) -> Result<Vec<u8>, EncodeError> {
        let (Shape::Fields(layout) | Shape::Request(layout)) = &self.row.shape else {
            return Err(EncodeError::NoLayout);
        };
        let places = |group: &Group, times: usize| group.fields.len() * times;
        let fixed: usize = layout
            .groups
            .iter()
            .map(|group| if let Times::Exactly(times) = group.times { places(group, times) } else { 0 })
            .sum();
        let left = values.len().checked_sub(fixed);
        let mut values = values.iter();
        let mut out = Vec::new();
        for group in &layout.groups {
            let times = match (group.times, left) {
                (Times::Exactly(times), _) => times,
                (Times::ByLength, Some(left)) => left.checked_div(group.fields.len()).unwrap_or(0),
                (Times::ByLength, None) => 0,
            };
            for field in core::iter::repeat_n(&group.fields, times).flatten() {
                let Some(value) = values.next() else {
                    let early = layout.may_end_early && !out.is_empty();
                    return if early { Ok(out) } else { Err(EncodeError::WrongCount) };
                };
                value::encode(field.format, *value, &mut out)?;
            }
        }
        let complete = values.next().is_none() && (layout.step == 0 || out.len() > layout.fixed);
        if complete { Ok(out) } else { Err(EncodeError::WrongCount) }
    }
}

impl Row {
    fn lengths(&self) -> LengthRule {
        match &self.shape {
            Shape::Fields(layout) if layout.may_end_early => LengthRule::UpTo(layout.fixed),
            Shape::Fields(layout) if layout.step > 0 => {
                LengthRule::Steps { fixed: layout.fixed, step: layout.step }
            }
            Shape::Fields(layout) => LengthRule::Exactly(layout.fixed),
            Shape::Nothing => LengthRule::Exactly(0),
            _ => LengthRule::Any,
        }
    }
}

/// Another reading of data that are not as long as the layout says: which layout, how often its group repeated by
/// length stands, and the data without the mark that ends a block.
#[cold]
fn fit_otherwise<'a>(
    row: &'static Row,
    layout: &'static Layout,
    data: &'a [u8],
) -> Option<(&'static Layout, usize, &'a [u8])> {
    if layout.ends_early_at(data.len()) {
        return Some((layout, 0, data));
    }
    let fits =
        |other: &&'static Layout| other.repetitions(data.len()).is_some() && other.separators_stand(data);
    if let Some(other) = row.alternatives.iter().find(fits) {
        return Some((other, other.repetitions(data.len())?, data));
    }
    // A block of the 1997 edition may end with a lone AAH, which no BCD digit pair can be.
    // [645-1997 4 blocks]
    let (Edition::E1997, true, Some((0xAA, rest))) = (row.edition, layout.is_block(), data.split_last())
    else {
        return None;
    };
    match layout.repetitions(rest.len()) {
        Some(repetitions) => Some((layout, repetitions, rest)),
        None => layout.ends_early_at(rest.len()).then_some((layout, 0, rest)),
    }
}

fn admits_before_separator(layout: &Layout, length: usize) -> bool {
    layout.repetitions(length - 1).is_some() || layout.ends_early_at(length - 1)
}

/// One value with what it is.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The identifier it came under; `None` for the fixed fields of a frame.
    pub entry: Option<Entry>,
    /// Its field.
    pub field: &'static Field,
    /// What the repetitions of its group count.
    pub counter: Counter,
    /// Which repetition it is, from 0.
    pub repetition: usize,
    /// Its bytes in wire order.
    pub raw: &'a [u8],
    /// Its value.
    pub value: Value<'a>,
}

impl Reading<'_> {
    /// The tariff the value is of, 0 for the total; `None` where tariffs have no place.
    #[must_use]
    pub fn tariff(&self) -> Option<u8> {
        let place = u8::try_from(self.repetition).ok();
        match self.counter {
            Counter::TotalAndTariffs => place,
            Counter::Tariffs => place.and_then(|place| place.checked_add(1)),
            _ => self.variable('t').or_else(|| self.field.item.filter(|item| item.e.is_none()).map(|_| 0)),
        }
    }

    /// How many settlement days back the value is of, 0 for now; `None` where there are none.
    #[must_use]
    pub fn settlement_day(&self) -> Option<u8> {
        match self.counter {
            Counter::SettlementDays => u8::try_from(self.repetition).ok(),
            _ => self.variable('s'),
        }
    }

    fn variable(&self, letter: char) -> Option<u8> {
        self.entry.as_ref()?.variable(letter)
    }

    /// The neutral item with its tariff, where the field has one.
    #[must_use]
    pub fn item(&self) -> Option<ItemCode> {
        Some(self.field.item?.with_tariff(self.tariff().unwrap_or(0)))
    }

    /// False for a number that the quantity cannot have. [645-2007 8 formats]
    #[must_use]
    pub fn is_in_range(&self) -> bool {
        let Value::Number(value) = self.value else { return true };
        self.item().and_then(super::range).is_none_or(|range| range.contains(value))
    }

    /// The name in English.
    #[must_use]
    pub fn name_en(&self) -> String {
        self.name(Entry::name_en, self.field.name_en, |text, number| match text {
            Part::Total => ", total".to_owned(),
            Part::Tariff => format!(", tariff {number}"),
            Part::Now => ", now".to_owned(),
            Part::SettlementDay => format!(", settlement day {number} back"),
            Part::Point | Part::Entry => format!(" {number}"),
            Part::Harmonic => format!(", harmonic {number}"),
        })
    }

    /// The name in Chinese.
    #[must_use]
    pub fn name_zh(&self) -> String {
        self.name(Entry::value_name_zh, self.field.name_zh, |text, number| match text {
            Part::Total => "(总)".to_owned(),
            Part::Tariff => format!("(费率{number})"),
            Part::Now => "(当前)".to_owned(),
            Part::SettlementDay => format!("(上{number}结算日)"),
            Part::Point | Part::Entry => format!("({number})"),
            Part::Harmonic => format!("({number}次)"),
        })
    }

    fn name(&self, of_row: fn(&Entry) -> String, field: &str, say: impl Fn(Part, usize) -> String) -> String {
        let place = self.repetition;
        let base = match &self.entry {
            Some(entry) if field.is_empty() => strip_block(&of_row(entry)).to_owned(),
            _ => field.to_owned(),
        };
        let part = match self.counter {
            Counter::None => return base,
            Counter::TotalAndTariffs if place == 0 => Part::Total,
            Counter::TotalAndTariffs => Part::Tariff,
            Counter::SettlementDays if place == 0 => Part::Now,
            Counter::SettlementDays => Part::SettlementDay,
            Counter::Tariffs => Part::Tariff,
            Counter::Points => Part::Point,
            Counter::Harmonics => Part::Harmonic,
            Counter::Entries => Part::Entry,
        };
        let from_zero = matches!(self.counter, Counter::TotalAndTariffs | Counter::SettlementDays);
        base + &say(part, if from_zero { place } else { place + 1 })
    }
}

/// What the number behind a name is.
#[derive(Clone, Copy)]
enum Part {
    Total,
    Tariff,
    Now,
    SettlementDay,
    Point,
    Harmonic,
    Entry,
}

/// The name of a block without the words that say it is one.
fn strip_block(name: &str) -> &str {
    let ends = [", total and all tariffs", ", now and 12 settlement days", "数据块"];
    ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}
