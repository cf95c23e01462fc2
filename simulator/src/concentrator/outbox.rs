//! Bytes that wait for their moment, one frame behind the other even where frames go out in pieces.

use std::collections::BTreeMap;

use core::time::Duration;

use super::LinkId;
use crate::bus::moment::Moment;

/// What will be sent, by moment and order of entry.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    waiting: BTreeMap<(Moment, u64), Waiting>,
    entered: u64,
    /// The last piece of the frame before goes out then.
    busy_until: Moment,
}

#[derive(Clone, Debug)]
struct Waiting {
    link: LinkId,
    bytes: Vec<u8>,
    is_piece: bool,
}

impl Outbox {
    /// A frame is due at a moment.
    pub(super) fn put(&mut self, at: Moment, link: LinkId, bytes: Vec<u8>) {
        self.enter(at, Waiting { link, bytes, is_piece: false });
    }

    pub(super) fn next_at(&self) -> Option<Moment> {
        self.waiting.keys().next().map(|(at, _)| *at)
    }

    /// What is due next; with `piece` other than 0 a frame goes out in pieces of so many bytes.
    pub(super) fn pop_due(&mut self, now: Moment, piece: usize) -> Option<(LinkId, Vec<u8>)> {
        loop {
            let entry = self.waiting.first_entry().filter(|entry| entry.key().0 <= now)?;
            let due = entry.key().0;
            let waiting = entry.remove();
            if waiting.is_piece || piece == 0 && self.busy_until <= due {
                return Some((waiting.link, waiting.bytes));
            }
            let size =
                if piece == 0 { waiting.bytes.len().max(1) } else { piece.max(waiting.bytes.len() / 64 + 1) };
            let mut at = due.max(self.busy_until);
            for bytes in waiting.bytes.chunks(size) {
                self.enter(at, Waiting { link: waiting.link, bytes: bytes.to_vec(), is_piece: true });
                at = at.plus(PIECE_GAP);
            }
            self.busy_until = at;
        }
    }

    /// What a connection would still have sent is lost with it.
    pub(super) fn forget(&mut self, link: LinkId) {
        self.waiting.retain(|_, waiting| waiting.link != link);
        self.busy_until = Moment::START;
    }

    fn enter(&mut self, at: Moment, waiting: Waiting) {
        self.waiting.insert((at, self.entered), waiting);
        self.entered += 1;
    }
}

/// Between the pieces of a frame that is split.
const PIECE_GAP: Duration = Duration::from_millis(15);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn frames_in_pieces_do_not_mix() {
        let mut outbox = Outbox::default();
        outbox.put(at(10), LinkId(1), vec![1; 5]);
        outbox.put(at(10), LinkId(1), vec![2; 4]);
        let mut sent = Vec::new();
        while let Some(next) = outbox.next_at() {
            while let Some((_, bytes)) = outbox.pop_due(next, 2) {
                sent.push((next, bytes));
            }
        }
        let whole: Vec<u8> = sent.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        assert_eq!(whole, [1, 1, 1, 1, 1, 2, 2, 2, 2]);
        assert_eq!(sent.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [10, 25, 40, 55, 70].map(at));
    }

    #[test]
    fn a_lost_connection_takes_its_frames_with_it() {
        let mut outbox = Outbox::default();
        outbox.put(at(10), LinkId(1), vec![1]);
        outbox.put(at(20), LinkId(2), vec![2]);
        outbox.forget(LinkId(1));
        assert_eq!(outbox.pop_due(at(30), 0), Some((LinkId(2), vec![2])));
        assert_eq!(outbox.pop_due(at(30), 0), None);
    }
}
