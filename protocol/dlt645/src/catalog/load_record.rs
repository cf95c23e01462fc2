//! Blocks of load records (负荷记录), class 06. [645-2007 12 blocks]
//!
//! ```text
//! A0 A0 | n | mm hh DD MM YY | kind 1 | AA | kind 2 | AA | .. | kind 6 | AA | sum | E5
//! ```
//!
//! E0 E0 in front marks a block the meter itself calls faulty: where its kinds do not stand as they should, its own count
//! says where it ends, so that the blocks behind it are not lost. A kind that is switched off leaves only its AA, and
//! some meters leave out the AAs of the missing kinds when one kind is asked for. The separators at their offsets and
//! the E5 decide; `n` and `sum` are advice, because makers compute them differently.

use super::Entry;
use super::field::Format;
use super::value::{self, Value};
use super::values::Values;
use crate::meter_time::{MeterTime, TimeFormat};

/// How many kinds there are.
const KIND_COUNT: usize = 6;
/// The names of the layouts of the kinds, in order.
pub(super) const KINDS: [&str; KIND_COUNT] = ["LOAD1", "LOAD2", "LOAD3", "LOAD4", "LOAD5", "LOAD6"];
/// The kinds of a block in the standard.
const STANDARD: [u8; KIND_COUNT] = [1, 2, 3, 4, 5, 6];
/// One digest of the standard leaves kind 5 out, its separator too.
const WITHOUT_QUADRANTS: [u8; KIND_COUNT - 1] = [1, 2, 3, 4, 6];
/// Separator behind each kind.
const SEPARATOR: u8 = 0xAA;
/// Last byte of a block.
const BLOCK_END: u8 = 0xE5;
/// Marks, count and time in front of the kinds.
const HEAD: usize = 8;
const TIME: Format = Format::Time(TimeFormat::YYMMDDhhmm);

/// One block: the records of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// When they were taken, by the meter's clock.
    pub at: MeterTime,
    /// The meter marked the block as faulty (E0 E0): its values must not be used.
    pub is_faulty: bool,
    /// The bytes of each kind, in order; `None` for a kind that is not recorded.
    pub kinds: [Option<&'a [u8]>; KIND_COUNT],
    /// Whether the count of bytes is what the standard says.
    pub count_fits: bool,
    /// Whether the sum is what the standard says.
    pub sum_fits: bool,
    /// The whole block.
    pub raw: &'a [u8],
}

impl<'a> Block<'a> {
    /// When it was taken, or why there is no time.
    #[must_use]
    pub fn time(&self) -> Value<'a> {
        value::decode(TIME, self.raw.get(3..HEAD).unwrap_or_default())
    }

    /// The values of one kind, 1 to 6, under `entry`; `None` when the kind is not in the block.
    #[must_use]
    pub fn values(&self, kind: u8, entry: Entry) -> Option<Values<'a>> {
        let data = (*self.kinds.get(usize::from(kind).checked_sub(1)?)?)?;
        Some(Values::of_layout(Some(entry), super::load_record_layout(kind)?, data))
    }
}

/// Bytes in the answer that are no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no load-record block at byte {offset}")]
pub struct NotABlock {
    /// Where, counted from the first byte behind the identifier.
    pub offset: usize,
}

/// Walks over the blocks of an answer; ends behind the first place that is no block.
#[derive(Clone, Debug)]
pub struct LoadRecords<'a> {
    kind: u8,
    data: &'a [u8],
    offset: usize,
    failed: bool,
}

impl<'a> LoadRecords<'a> {
    /// Answers to an identifier of one kind 1 to 6, or of all (0).
    #[must_use]
    pub const fn new(kind: u8, data: &'a [u8]) -> Self {
        Self { kind, data, offset: 0, failed: false }
    }
}

impl<'a> Iterator for LoadRecords<'a> {
    type Item = Result<Block<'a>, NotABlock>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.data.get(self.offset..).filter(|rest| !rest.is_empty() && !self.failed)?;
        let block = block(self.kind, rest);
        match block {
            Some(block) => self.offset += block.raw.len(),
            None => self.failed = true,
        }
        Some(block.ok_or(NotABlock { offset: self.offset }))
    }
}

/// The block at the front of `data`.
fn block(kind: u8, data: &[u8]) -> Option<Block<'_>> {
    let (head, body) = data.split_at_checked(HEAD)?;
    let is_faulty = match head {
        [0xA0, 0xA0, ..] => false,
        [0xE0, 0xE0, ..] => true,
        _ => return None,
    };
    let at = MeterTime::from_wire(TimeFormat::YYMMDDhhmm, head.get(3..)?)?;
    let (kinds, length) = all_kinds(kind, body, &STANDARD)
        .or_else(|| one_kind(kind, body))
        .or_else(|| all_kinds(kind, body, &WITHOUT_QUADRANTS))
        .or_else(|| counted(*head.get(2)?, body).filter(|_| is_faulty))?;
    let counted = head.len() - 3 + length;
    let (covered, [sum, _end]) = data.get(..HEAD + length + 2)?.split_last_chunk::<2>()?;
    Some(Block {
        at,
        is_faulty,
        kinds,
        count_fits: head.get(2).is_some_and(|count| usize::from(*count) == counted),
        sum_fits: crate::frame::checksum(covered) == *sum,
        raw: data.get(..HEAD + length + 2)?,
    })
}

type Kinds<'a> = [Option<&'a [u8]>; KIND_COUNT];

/// The standard's form: every kind of `order` has its separator, one or all of them are present.
fn all_kinds<'a>(asked: u8, body: &'a [u8], order: &[u8]) -> Option<(Kinds<'a>, usize)> {
    let mut kinds = [None; KIND_COUNT];
    let mut offset = 0;
    for (kind, place) in (1..).zip(&mut kinds).filter(|(kind, _)| order.contains(kind)) {
        if body.get(offset) != Some(&SEPARATOR) {
            if asked != 0 && asked != kind {
                return None;
            }
            let width = super::load_record_layout(kind)?.fixed;
            *place = Some(body.get(offset..offset + width)?);
            offset += width;
        }
        if body.get(offset) != Some(&SEPARATOR) {
            return None;
        }
        offset += 1;
    }
    (body.get(offset + 1) == Some(&BLOCK_END)).then_some((kinds, offset))
}

/// The short form some meters give for one kind: its bytes, with or without one separator.
fn one_kind(asked: u8, body: &[u8]) -> Option<(Kinds<'_>, usize)> {
    let width = super::load_record_layout(asked)?.fixed;
    let mut kinds = [None; KIND_COUNT];
    *kinds.get_mut(usize::from(asked).checked_sub(1)?)? = Some(body.get(..width)?);
    let separated = body.get(width) == Some(&SEPARATOR) && body.get(width + 2) == Some(&BLOCK_END);
    if separated {
        return Some((kinds, width + 1));
    }
    (body.get(width + 1) == Some(&BLOCK_END)).then_some((kinds, width))
}

/// A block of which only its count is to be trusted: no kind, and how long it is behind its head.
fn counted(count: u8, body: &[u8]) -> Option<(Kinds<'_>, usize)> {
    let length = usize::from(count).checked_sub(HEAD - 3)?;
    (body.get(length + 1) == Some(&BLOCK_END)).then_some(([None; KIND_COUNT], length))
}

/// Writes one block in the standard's form. `kinds` are plain wire bytes of each kind, each as long as its layout.
///
/// Gives false, with nothing written, when a kind has another length.
#[must_use]
pub fn encode(at: MeterTime, kinds: &[Option<&[u8]>; KIND_COUNT], out: &mut Vec<u8>) -> bool {
    let fits = (1..).zip(kinds).all(|(kind, bytes)| match (bytes, super::load_record_layout(kind)) {
        (Some(bytes), Some(layout)) => bytes.len() == layout.fixed,
        (Some(_), None) => false,
        (None, _) => true,
    });
    let length: usize = 5 + kinds.iter().map(|bytes| bytes.map_or(0, <[u8]>::len) + 1).sum::<usize>();
    let (true, Ok(count), 5) = (fits, u8::try_from(length), at.wire().len()) else { return false };
    let begin = out.len();
    out.extend([0xA0, 0xA0, count]);
    out.extend(at.wire());
    for bytes in kinds {
        out.extend(bytes.unwrap_or_default());
        out.push(SEPARATOR);
    }
    let sum = crate::frame::checksum(out.get(begin..).unwrap_or_default());
    out.extend([sum, BLOCK_END]);
    true
}
