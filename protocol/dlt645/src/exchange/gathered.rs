//! The pieces of an answer, joined in the order they were asked for.

use core::num::NonZeroU8;

use super::outcome::MAX_KEPT_FRAMES;
use crate::address::AddressField;
use crate::data_id::DataId;

#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Who answered first; nobody else is listened to afterwards.
    pub(super) address: Option<AddressField>,
    item: Option<DataId>,
    payload: Vec<u8>,
    pieces: u16,
    last_piece_at: usize,
    pub(super) frames: Vec<Vec<u8>>,
    pub(super) frames_left_out: u32,
    last_frame: Vec<u8>,
}

impl Gathered {
    pub(super) const fn is_empty(&self) -> bool {
        self.pieces == 0
    }

    pub(super) const fn is_one(&self) -> bool {
        self.pieces == 1
    }

    /// The pieces so far, joined.
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    pub(super) fn add(&mut self, item: DataId, piece: &[u8]) {
        self.item = Some(item);
        self.last_piece_at = self.payload.len();
        self.payload.extend(piece);
        self.pieces = self.pieces.saturating_add(1);
    }

    /// The number of the next piece: the first has none, the second is 1. `None` past 255.
    pub(super) fn next_sequence(&self) -> Option<NonZeroU8> {
        NonZeroU8::new(u8::try_from(self.pieces).ok()?)
    }

    /// True when this is the last piece once more, or one just like it.
    pub(super) fn repeats_last(&self, piece: &[u8]) -> bool {
        self.payload.get(self.last_piece_at..) == Some(piece)
    }

    pub(super) fn keep_frame(&mut self, wire: Vec<u8>) {
        if self.frames.len() < MAX_KEPT_FRAMES {
            self.frames.push(wire.clone());
        } else {
            self.frames_left_out = self.frames_left_out.saturating_add(1);
        }
        self.last_frame = wire;
    }

    pub(super) fn has_frame(&self, wire: &[u8]) -> bool {
        self.last_frame == wire || self.frames.iter().any(|frame| frame == wire)
    }

    /// The identifier that was read and its whole data.
    pub(super) fn take(&mut self) -> Option<(DataId, Vec<u8>)> {
        Some((self.item?, core::mem::take(&mut self.payload)))
    }

    /// Forgets the pieces and their frames, but not who answered.
    pub(super) fn clear(&mut self) {
        *self = Self { address: self.address, ..Self::default() };
    }
}
