//! Blocks of several kinds of the 1997 edition, such as 90FF: the blocks 901F, 902F, .. with AAH between them.

use super::data::understood;
use super::{Note, Shown};
use crate::catalog;
use crate::data_id::DataId;
use crate::edition::Edition;

/// Between the kinds, where no digit can be it.
const SEPARATOR: u8 = 0xAA;

/// Reads the data of such a block; `None` when `id` is none, or the data do not divide into its kinds. One source
/// shows the separators, so nothing is guessed without them. [645-1997 4]
pub(super) fn read(id: DataId, data: &[u8]) -> Option<Shown> {
    let code = id.code();
    if id.edition() != Edition::E1997 || code & 0xFF != 0xFF || data.is_empty() {
        return None;
    }
    let kinds = (1..=0xE).map(|kind| code & 0xFF00 | kind << 4 | 0xF);
    let kinds = kinds.filter_map(|code| catalog::find(DataId::new_1997(u16::try_from(code).ok()?)));
    let pieces = data.strip_suffix(&[SEPARATOR]).unwrap_or(data).split(|byte| *byte == SEPARATOR);
    let mut shown = Shown::default();
    let mut kinds = kinds.peekable();
    kinds.peek()?;
    for piece in pieces {
        let entry = kinds.next()?;
        entry.read(piece).ok()?;
        shown.values.extend(understood(entry.id, piece, false, false).values);
    }
    shown.notes.push(Note::new(
        "a block of several kinds: read as those of this class one after the other, parted by AA",
        "多类数据块:按AA分隔依次解释",
    ));
    Some(shown)
}
