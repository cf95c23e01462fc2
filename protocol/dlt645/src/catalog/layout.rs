//! Layouts: the sequence of fields an identifier's data has, read from a small language.
//!
//! ```text
//! XXXXXX.XX   packed decimal digits, ± in front when the top bit is a sign
//! YYMMDDhhmm  a time                    IDn      n bytes of digits that are a name
//! ASCIIn      text of n bytes           HEXn     n bytes without a meaning
//! BITSn:word  a word of named bits      OP       an operator code
//! DI4 DI2     a data identifier         BINn.d   binary, d decimals
//! at:TIME     the time at which the values beside it hold
//! A,B   one after the other             @NAME    a named layout
//! (A,B)*3     a group three times       *13      now and 12 settlement days
//! *k+1        total, then tariffs, as many as the length gives
//! A|B         A, or B where the length tells so
//! AA          a separator, the byte AAH
//! *k *N *h *p tariffs from 1, points, harmonics, entries, likewise
//! ```
//!
//! [645-2007 8 formats]

use super::bits::Words;
use super::field::{Field, Format, Item, Role};
use crate::meter_time::TimeFormat;

/// What a repeated group counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Nothing: the fields have their own names.
    None,
    /// 0 the total, then tariff 1, 2, ..
    TotalAndTariffs,
    /// Tariff 1, 2, ..
    Tariffs,
    /// 0 now, then 1 to 12 settlement days back.
    SettlementDays,
    /// Points of a curve, from 1.
    Points,
    /// Harmonics, from 1.
    Harmonics,
    /// Table entries, from 1.
    Entries,
}

/// How often a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// So many times.
    Exactly(usize),
    /// As often as the data are long, at least once.
    ByLength,
}

impl Times {
    /// The number of times, when the group repeated by length stands `by_length` times.
    #[inline]
    pub(super) const fn count(self, by_length: usize) -> usize {
        match self {
            Self::Exactly(times) => times,
            Self::ByLength => by_length,
        }
    }
}

/// Fields that repeat together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The fields in wire order.
    pub fields: Vec<Field>,
    /// How often.
    pub times: Times,
    /// What the repetitions are.
    pub counter: Counter,
    /// Bytes of one repetition.
    pub width: usize,
}

/// The fields of an identifier's data.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Layout {
    /// Groups in wire order; at most one is repeated by length.
    pub groups: Vec<Group>,
    /// The data may end early, behind any field: a single-phase meter leaves phases B and C out.
    pub may_end_early: bool,
    /// Bytes of all groups repeated a fixed number of times.
    pub fixed: usize,
    /// Bytes of one repetition of the group repeated by length; zero when there is none.
    pub step: usize,
}

impl Layout {
    /// How often the group repeated by length stands in data of this length, or `None` when the length does not fit.
    #[must_use]
    #[inline]
    pub fn repetitions(&self, length: usize) -> Option<usize> {
        let rest = length.checked_sub(self.fixed)?;
        if self.step == 0 {
            return (rest == 0).then_some(0);
        }
        (rest >= self.step && rest.is_multiple_of(self.step)).then(|| rest / self.step)
    }

    /// True when the data end behind a field, for layouts that allow it.
    #[must_use]
    pub fn ends_early_at(&self, length: usize) -> bool {
        let mut end = 0;
        self.may_end_early
            && self.groups.iter().flat_map(|group| &group.fields).any(|field| {
                end += field.format.width();
                end == length
            })
    }

    /// True for several values of one kind, or a row of kinds.
    #[must_use]
    pub fn is_block(&self) -> bool {
        self.step > 0
            || self.may_end_early
            || self.groups.iter().any(|group| group.times != Times::Exactly(1))
    }

    /// True when AAH stands wherever the layout has a separator.
    #[must_use]
    pub(super) fn separators_stand(&self, data: &[u8]) -> bool {
        let by_length = self.repetitions(data.len()).unwrap_or(1);
        let mut end = 0;
        self.groups.iter().all(|group| {
            core::iter::repeat_n(&group.fields, group.times.count(by_length)).flatten().all(|field| {
                let begin = end;
                end += field.format.width();
                field.format != Format::Separator || data.get(begin) == Some(&0xAA)
            })
        })
    }

    /// The layout of one number or other single field.
    pub(super) fn push(&mut self, group: Group) {
        match group.times {
            Times::Exactly(times) => self.fixed += group.width * times,
            Times::ByLength => self.step = group.width,
        }
        self.groups.push(group);
    }
}

impl Defaults {
    pub(super) const NONE: Self = Self { unit: "", item: None };
}

/// The named layouts, and how a text becomes a layout.
#[derive(Debug, Default)]
pub(super) struct Layouts {
    named: Vec<(&'static str, Layout)>,
}

/// Unit, item and whether that is all: what a row gives to fields that have no names of their own.
#[derive(Clone, Copy)]
pub(super) struct Defaults {
    pub(super) unit: &'static str,
    pub(super) item: Option<Item>,
}

impl Layouts {
    /// Reads the tables of named layouts.
    pub(super) fn parse(tables: &[&'static str], words: &Words) -> Result<Self, super::DataError> {
        let mut layouts = Self::default();
        for (number, line) in tables.iter().flat_map(|table| super::table::lines(table)) {
            let wrong = |what| super::DataError { table: "layouts", line: number, what };
            let mut columns = line.split('\t').chain(core::iter::repeat(""));
            let mut next = || columns.next().unwrap_or_default();
            let (name, format, unit, item) = (next(), next(), next(), next());
            let (name_en, name_zh, role) = (next(), next(), next());
            if layouts.named.last().is_none_or(|(last, _)| *last != name) {
                if layouts.named(name).is_some() {
                    return Err(wrong("name that stands elsewhere already"));
                }
                layouts.named.push((name, Layout::default()));
            }
            let Some((_, layout)) = layouts.named.last_mut() else { continue };
            if format == "short" {
                layout.may_end_early = true;
                continue;
            }
            let format = atom(format, words).ok_or_else(|| wrong("format"))?;
            let item =
                if item.is_empty() { None } else { Some(Item::parse(item).ok_or_else(|| wrong("item"))?) };
            let role = match role {
                "" => Role::Value,
                "at" => Role::At,
                "start" => Role::Start,
                "end" => Role::End,
                _ => return Err(wrong("role")),
            };
            let is_plain_four = format.is_plain_four();
            let field = Field { name_en, name_zh, format, unit, item, role, is_plain_four };
            layout.push(Group {
                width: format.width(),
                fields: vec![field],
                times: Times::Exactly(1),
                counter: Counter::None,
            });
        }
        layouts.named.iter_mut().for_each(|(_, layout)| merge_single(layout));
        Ok(layouts)
    }

    /// The layout of this name.
    pub(super) fn named(&self, name: &str) -> Option<&Layout> {
        self.named.iter().find(|(have, _)| *have == name).map(|(_, layout)| layout)
    }

    /// Reads a layout text; `None` when it is not of the language.
    pub(super) fn read(&self, text: &str, defaults: Defaults, words: &Words) -> Option<Layout> {
        let mut layout = Layout::default();
        for part in split_top(text) {
            for group in self.read_part(part, defaults, words, &mut layout.may_end_early)? {
                layout.push(group);
            }
        }
        merge_single(&mut layout);
        let by_length = layout.groups.iter().filter(|group| group.times == Times::ByLength).count();
        (by_length <= 1 && !layout.groups.is_empty()).then_some(layout)
    }

    fn read_part(
        &self,
        part: &str,
        defaults: Defaults,
        words: &Words,
        may_end_early: &mut bool,
    ) -> Option<Vec<Group>> {
        let (body, repeat) = match part.rsplit_once('*') {
            Some((body, repeat)) if !repeat.contains(')') => (body, Some(repeat)),
            _ => (part, None),
        };
        let inner = body.strip_prefix('(').and_then(|body| body.strip_suffix(')'));
        let mut groups = if let Some(inner) = inner {
            let nested = self.read(inner, defaults, words)?;
            *may_end_early |= nested.may_end_early;
            nested.groups
        } else if let Some(name) = body.strip_prefix('@') {
            let named = self.named(name)?;
            *may_end_early |= named.may_end_early;
            named.groups.clone()
        } else {
            let (text, role) = body.strip_prefix("at:").map_or((body, Role::Value), |time| (time, Role::At));
            let format = atom(text, words)?;
            let Defaults { unit, item } = if role == Role::At { Defaults::NONE } else { defaults };
            let is_plain_four = format.is_plain_four();
            let field = Field { name_en: "", name_zh: "", format, unit, item, role, is_plain_four };
            vec![Group {
                width: format.width(),
                fields: vec![field],
                times: Times::Exactly(1),
                counter: Counter::None,
            }]
        };
        if let Some(repeat) = repeat {
            let (times, counter) = repetition(repeat)?;
            if groups.iter().any(|group| group.times != Times::Exactly(1)) {
                return None;
            }
            let fields: Vec<Field> = groups.drain(..).flat_map(|group| group.fields).collect();
            let width = fields.iter().map(|field| field.format.width()).sum();
            groups = vec![Group { fields, times, counter, width }];
        }
        Some(groups)
    }
}

/// Neighbouring groups that stand once become one.
fn merge_single(layout: &mut Layout) {
    let mut merged: Vec<Group> = Vec::new();
    for group in layout.groups.drain(..) {
        match merged.last_mut() {
            Some(last) if last.times == Times::Exactly(1) && group.times == Times::Exactly(1) => {
                last.width += group.width;
                last.fields.extend(group.fields);
            }
            _ => merged.push(group),
        }
    }
    layout.groups = merged;
}

fn repetition(text: &str) -> Option<(Times, Counter)> {
    Some(match text {
        "k+1" | "(k+1)" => (Times::ByLength, Counter::TotalAndTariffs),
        "k" => (Times::ByLength, Counter::Tariffs),
        "N" => (Times::ByLength, Counter::Points),
        "h" => (Times::ByLength, Counter::Harmonics),
        "p" | "m" => (Times::ByLength, Counter::Entries),
        "13" => (Times::Exactly(13), Counter::SettlementDays),
        other => (Times::Exactly(other.parse().ok()?), Counter::Entries),
    })
}

/// Splits at commas outside brackets.
fn split_top(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    text.split(move |letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    })
}

fn atom(text: &str, words: &Words) -> Option<Format> {
    let (signed, digits) = match text.strip_prefix('±') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    if digits.starts_with('X') {
        return number(digits, signed);
    }
    let count = |prefix: &str| text.strip_prefix(prefix)?.parse::<u8>().ok();
    let format = match text {
        "YYMMDDhhmmss" => Format::Time(TimeFormat::YYMMDDhhmmss),
        "YYMMDDhhmm" => Format::Time(TimeFormat::YYMMDDhhmm),
        "YYMMDDWWhhmmss" => Format::Time(TimeFormat::YYMMDDWWhhmmss),
        "YYMMDDWW" => Format::Time(TimeFormat::YYMMDDWW),
        "YYMMDD" => Format::Time(TimeFormat::YYMMDD),
        "MMDDhhmm" => Format::Time(TimeFormat::MMDDhhmm),
        "MMDD" => Format::Time(TimeFormat::MMDD),
        "DDhh" => Format::Time(TimeFormat::DDhh),
        "DDhhmm" => Format::Time(TimeFormat::DDhhmm),
        "hhmmss" => Format::Time(TimeFormat::hhmmss),
        "hhmm" => Format::Time(TimeFormat::hhmm),
        "OP" => Format::Operator,
        "AA" => Format::Separator,
        "DI4" => Format::DataId { bytes: 4 },
        "DI2" => Format::DataId { bytes: 2 },
        _ => {
            if let Some(bytes) = count("ID") {
                Format::Digits { bytes }
            } else if let Some(bytes) = count("ASCII") {
                Format::Text { bytes }
            } else if let Some(bytes) = count("HEX") {
                Format::Octets { bytes }
            } else if let Some(rest) = text.strip_prefix("BITS") {
                let (bytes, word) = rest.split_once(':')?;
                Format::Bits {
                    bytes: bytes.parse().ok().filter(|n| (1..=8).contains(n))?,
                    word: words.find(word)?,
                }
            } else {
                let rest = text.strip_prefix("BIN")?;
                let (bytes, decimals) = rest.split_once('.').unwrap_or((rest, "0"));
                Format::Binary {
                    bytes: bytes.parse().ok().filter(|n| (1..=7).contains(n))?,
                    decimals: decimals.parse().ok()?,
                }
            }
        }
    };
    (format.width() > 0).then_some(format)
}

fn number(digits: &str, signed: bool) -> Option<Format> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let count = whole.len() + fraction.len();
    let all_x = whole.bytes().chain(fraction.bytes()).all(|letter| letter == b'X');
    if !all_x || count > 16 {
        return None;
    }
    Some(Format::Number {
        bytes: u8::try_from(count.div_ceil(2)).ok()?,
        decimals: u8::try_from(fraction.len()).ok()?,
        signed,
    })
}
