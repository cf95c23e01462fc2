//! A whole freeze (冻结数据块), class 05 with DI1 = FF: the items of the freeze in turn. [645-2007 11 blocks]
//!
//! Sources do not agree whether AAH stands behind each item. BCD cannot hold AAH, so where one is seen they are taken
//! as separators, an empty place as an item the meter does not freeze. Where none is seen, the number of tariffs
//! follows from the length. Anything else is refused: reading item by item is always safe.

use super::Entry;
use super::field::Format;
use super::table::Shape;
use super::value::{self, Value};
use super::values::Values;
use crate::data_id::DataId;
use crate::meter_time::TimeFormat;

/// Behind each item, where the meter uses separators.
const SEPARATOR: u8 = 0xAA;
/// DI1 of the items in the order they stand: time, six kinds of energy and more, two demands, the variables.
const ITEMS: [u8; 12] = [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x10];

/// A whole freeze, cut into its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreezeBlock<'a> {
    id: DataId,
    items: [Option<&'a [u8]>; ITEMS.len()],
}

impl<'a> FreezeBlock<'a> {
    /// Cuts the data of a whole freeze; `None` when the pieces are not as long as the items may be.
    pub(super) fn read(id: DataId, data: &'a [u8]) -> Option<Self> {
        let block =
            if data.contains(&SEPARATOR) { Self::separated(id, data) } else { Self::joined(id, data) };
        block.filter(Self::is_sound)
    }

    fn separated(id: DataId, data: &'a [u8]) -> Option<Self> {
        let mut items = [None; ITEMS.len()];
        let mut pieces = data.strip_suffix(&[SEPARATOR]).unwrap_or(data).split(|byte| *byte == SEPARATOR);
        for (item, piece) in items.iter_mut().zip(&mut pieces) {
            *item = (!piece.is_empty()).then_some(piece);
        }
        pieces.next().is_none().then_some(Self { id, items })
    }

    /// Without separators: 29 bytes of time and variables, and 48 for the total and each tariff.
    fn joined(id: DataId, data: &'a [u8]) -> Option<Self> {
        let rest = data.len().checked_sub(29).filter(|rest| rest.is_multiple_of(48) && *rest > 0)?;
        let tariffs = rest / 48;
        let mut items = [None; ITEMS.len()];
        let mut data = data;
        for (item, di1) in items.iter_mut().zip(ITEMS) {
            let width = match di1 {
                0x00 => 5,
                0x09 | 0x0A => 8 * tariffs,
                0x10 => 24,
                _ => 4 * tariffs,
            };
            let (piece, left) = data.split_at_checked(width)?;
            (*item, data) = (Some(piece), left);
        }
        Some(Self { id, items })
    }

    /// True when every piece has a length its item may have.
    fn is_sound(&self) -> bool {
        self.sections().all(|(entry, piece)| match &entry.row.shape {
            Shape::Fields(layout) => layout.repetitions(piece.len()).is_some(),
            _ => false,
        }) && self.sections().next().is_some()
    }

    /// The items that are there: the identifier each would be read by on its own, and its bytes.
    pub fn sections(&self) -> impl Iterator<Item = (Entry, &'a [u8])> + use<'a> {
        let id = self.id.code() & 0xFFFF_00FF;
        ITEMS.into_iter().zip(self.items).filter_map(move |(di1, piece)| {
            let entry = super::find(DataId::new_2007(id | u32::from(di1) << 8))?;
            Some((entry, piece?))
        })
    }

    /// When the freeze was taken, by the meter's clock, or why there is no time; `None` when the item is not there.
    #[must_use]
    pub fn time(&self) -> Option<Value<'a>> {
        let item = self.items.first().copied()??;
        Some(value::decode(Format::Time(TimeFormat::YYMMDDhhmm), item))
    }

    /// The values of the items that are there.
    pub fn values(&self) -> impl Iterator<Item = Values<'a>> + use<'a> {
        self.sections().filter_map(|(entry, piece)| match entry.read(piece) {
            Ok(super::Content::Values(values)) => Some(values),
            _ => None,
        })
    }
}
