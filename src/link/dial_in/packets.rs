//! Takes what a device says about itself out of what the bus says.

/// A stream with packets in it.
///
/// A packet is known where it begins or ends what was read in one piece; one that comes in several pieces is put
/// together while nothing else stands in front of it. In the middle of a piece it is left alone, because a meter's data
/// may hold the same bytes; there the checksum of the frame tells.
#[derive(Clone, Debug)]
pub(super) struct Packets {
    known: Vec<Vec<u8>>,
    held: Vec<u8>,
    taken_out: u64,
}

impl Packets {
    /// Takes these out. Empty ones are none.
    pub(super) fn new(known: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let known = known.into_iter().filter(|packet| !packet.is_empty()).collect();
        Self { known, held: Vec::new(), taken_out: 0 }
    }

    /// What is left of the next piece, with what was held back before it.
    pub(super) fn strip(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend(piece);
        let mut front = 0;
        while let Some(length) = self.at(bytes.get(front..), <[u8]>::starts_with) {
            front += length;
        }
        bytes.drain(..front.min(bytes.len()));
        while let Some(length) = self.at(Some(&bytes), <[u8]>::ends_with) {
            bytes.truncate(bytes.len().saturating_sub(length));
        }
        if !bytes.is_empty() && self.known.iter().any(|packet| packet.starts_with(&bytes)) {
            self.held = bytes;
            return Vec::new();
        }
        bytes
    }

    /// The length of a packet that stands at the front or the end of `bytes`, taken out.
    fn at(&mut self, bytes: Option<&[u8]>, stands: fn(&[u8], &[u8]) -> bool) -> Option<usize> {
        let bytes = bytes?;
        let packet = self.known.iter().find(|packet| stands(bytes, packet))?;
        self.taken_out += 1;
        Some(packet.len())
    }

    /// True while what came last may be the beginning of a packet.
    pub(super) const fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// The rest of the packet did not come: it was none.
    pub(super) fn give_back(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    /// How many packets were taken out since this was asked last.
    pub(super) const fn count(&mut self) -> u64 {
        let count = self.taken_out;
        self.taken_out = 0;
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BEAT: &[u8] = b"@HB!";
    const FRAME: &[u8] = &[0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, 0x94, 0x00, 0x1A, 0x16];

    fn packets() -> Packets {
        Packets::new([BEAT.to_vec(), b"DTU-7".to_vec(), Vec::new()])
    }

    #[test]
    fn packets_go_from_front_and_end_and_the_bus_stays() {
        let mut packets = packets();
        for (piece, left) in [
            (FRAME.to_vec(), FRAME),
            (BEAT.to_vec(), &[]),
            ([BEAT, BEAT, FRAME, b"DTU-7", BEAT].concat(), FRAME),
            ([FRAME, BEAT].concat(), FRAME),
            ([&FRAME[..4], BEAT, &FRAME[4..]].concat(), &[&FRAME[..4], BEAT, &FRAME[4..]].concat()),
        ] {
            assert_eq!(packets.strip(&piece), left, "{piece:02X?}");
        }
        assert_eq!((packets.count(), packets.count()), (6, 0));
    }

    #[test]
    fn a_packet_in_pieces_is_put_together_and_half_of_one_is_given_back() {
        let mut packets = packets();
        assert!(packets.strip(b"@H").is_empty() && packets.is_holding());
        assert!(packets.strip(b"B!").is_empty() && !packets.is_holding());
        assert!(packets.strip(b"@").is_empty());
        assert_eq!(packets.strip(FRAME), [b"@", FRAME].concat(), "it was none");
        assert!(packets.strip(b"DTU").is_empty());
        assert_eq!(packets.give_back(), b"DTU");
        assert_eq!(packets.count(), 1);
    }

    proptest! {
        /// Frames with packets between them, cut anywhere: the frames come through whole.
        #[test]
        fn frames_come_through_however_the_stream_is_cut(
            kinds in proptest::collection::vec(0..3_u8, 0..8),
            cuts in proptest::collection::vec(1..6_usize, 0..40),
        ) {
            let mut packets = packets();
            let mut out = Vec::new();
            let mut frames = 0;
            for kind in kinds {
                let bytes = [FRAME, BEAT, b"DTU-7"][usize::from(kind)];
                frames += usize::from(kind == 0);
                let mut rest = bytes;
                for cut in &cuts {
                    let (piece, left) = rest.split_at((*cut).min(rest.len()));
                    out.extend(packets.strip(piece));
                    rest = left;
                }
                out.extend(packets.strip(rest));
            }
            prop_assert_eq!(out, FRAME.repeat(frames));
        }
    }
}
