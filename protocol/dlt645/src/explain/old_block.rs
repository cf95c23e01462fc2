//! Blocks of several kinds of the 1997 edition: 90FF, the blocks 901F, 902F, .. with AAH between them; C01F, the parameters
//! C010, C011, .. one behind the other. [645-1997 4]

use super::data::{Part, understood};
use super::{Note, Shown};
use crate::catalog::{self, Entry, LengthRule};
use crate::data_id::DataId;
use crate::edition::Edition;

/// Between the kinds, where no digit can be it.
const SEPARATOR: u8 = 0xAA;
/// "All of them" in a place of an identifier.
const ALL: u32 = 0xF;

/// Reads the data of such a block, of which this is a part; `None` when `id` is none.
pub(super) fn read(id: DataId, data: &[u8], part: Part) -> Option<Shown> {
    let code = id.code();
    if id.edition() != Edition::E1997 || code & ALL != ALL || data.is_empty() {
        return None;
    }
    let is_of_kinds = code & 0xFF == 0xFF;
    let members = if is_of_kinds { kinds(code) } else { parameters(code) };
    if members.is_empty() {
        return None;
    }
    let body = data.strip_suffix(&[SEPARATOR]).unwrap_or(data);
    let pieces = match part {
        Part::Whole if is_of_kinds => parted(&members, body),
        Part::Whole => parted(&members, body).or_else(|| joined(&members, body)),
        Part::First | Part::FollowOn => None,
    };
    let mut shown = Shown::default();
    let Some(pieces) = pieces else {
        shown.notes.push(Note::new(
            "a block of several kinds, and nothing says where one ends: read them one by one",
            "多类数据块,无法确定各类的界限,请逐项抄读",
        ));
        shown.raw(data, "block of several kinds", "多类数据块");
        return Some(shown);
    };
    for (entry, piece) in pieces {
        shown.values.extend(understood(entry.id, piece, false, Part::Whole).values);
    }
    shown.notes.push(if is_of_kinds {
        Note::new(
            "a block of several kinds: read as those of this class one after the other, parted by AA",
            "多类数据块:按AA分隔依次解释",
        )
    } else {
        Note::new(
            "a block of several parameters: read as those of this class one after the other",
            "参数数据块:按同类各项依次解释",
        )
    });
    Some(shown)
}

/// The kinds of an xxFF.
fn kinds(code: u32) -> Vec<Entry> {
    (1..ALL).filter_map(|kind| find(code & 0xFF00 | kind << 4 | ALL)).collect()
}

/// The parameters of a CxnF; none where one of them has no width of its own.
fn parameters(code: u32) -> Vec<Entry> {
    if code >> 12 != 0xC {
        return Vec::new();
    }
    let members: Vec<Entry> = (0..ALL).filter_map(|member| find(code & 0xFFF0 | member)).collect();
    if members.iter().all(|entry| width(entry).is_some()) { members } else { Vec::new() }
}

fn find(code: u32) -> Option<Entry> {
    catalog::find(DataId::new_1997(u16::try_from(code).ok()?))
}

fn width(entry: &Entry) -> Option<usize> {
    match entry.lengths() {
        LengthRule::Exactly(width) if width > 0 => Some(width),
        _ => None,
    }
}

/// The members between marks. One alone, or without a mark, may be of any kind.
fn parted<'a>(members: &[Entry], body: &'a [u8]) -> Option<Vec<(Entry, &'a [u8])>> {
    let pieces: Vec<&[u8]> = body.split(|byte| *byte == SEPARATOR).collect();
    let fits = |(entry, piece): (&Entry, &&'a [u8])| entry.read(piece).is_ok().then_some((*entry, *piece));
    if pieces.len() < 2 || pieces.len() > members.len() {
        return None;
    }
    members.iter().zip(&pieces).map(fits).collect()
}

/// The members without a mark between them: all of them, or the first of a row that differ in their number only.
fn joined<'a>(members: &[Entry], body: &'a [u8]) -> Option<Vec<(Entry, &'a [u8])>> {
    let is_row = members.windows(2).all(|pair| matches!(pair, [a, b] if a.row.pattern == b.row.pattern));
    let mut rest = body;
    let mut pieces = Vec::new();
    for entry in members {
        if rest.is_empty() && is_row {
            break;
        }
        let (piece, behind) = rest.split_at_checked(width(entry)?)?;
        pieces.push((*entry, piece));
        rest = behind;
    }
    rest.is_empty().then_some(pieces)
}
