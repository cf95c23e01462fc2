//! Takes what a device says about itself out of what the bus says.

/// A stream with packets in it.
///
/// A packet that is so short that a frame holds its bytes now and then is one only where no frame is under way.
///
/// A packet is known where it begins or ends what was read in one piece; one that comes in several pieces is put
/// together while nothing else stands in front of it. In the middle of a piece it is left alone, because a meter's data
/// may hold the same bytes; there the checksum of the frame tells.
#[derive(Clone, Debug)]
pub(super) struct Packets {
    known: Vec<Vec<u8>>,
    held: Vec<u8>,
    /// What has come of a frame that is not whole yet.
    under_way: UnderWay,
    taken_out: u64,
}

/// The beginning of a frame of DL/T 645 that is not whole yet. [645-2007 5]
#[derive(Clone, Debug, Default)]
struct UnderWay(Vec<u8>);

impl UnderWay {
    const fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    fn hear(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0.push(*byte);
            while self.is_over() {
                // Another may begin behind what was none.
                let next = self.0.iter().skip(1).position(|byte| *byte == START);
                self.0.drain(..next.map_or(self.0.len(), |next| next + 1));
            }
        }
    }

    /// Whether it is whole, which ends it, or no frame.
    fn is_over(&mut self) -> bool {
        let is = |place: usize, byte: u8| self.0.get(place).is_none_or(|found| *found == byte);
        if self.0.is_empty() {
            return false;
        }
        if !(is(0, START) && is(7, START)) {
            return true;
        }
        let Some(data) = self.0.get(9) else { return false };
        let whole = usize::from(*data) + 12;
        if self.0.len() < whole {
            return false;
        }
        if is(whole - 1, END) {
            self.0.clear();
            return false;
        }
        true
    }
}

impl Packets {
    /// Takes these out. Empty ones are none.
    pub(super) fn new(known: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let known = known.into_iter().filter(|packet| !packet.is_empty()).collect();
        Self { known, held: Vec::new(), under_way: UnderWay::default(), taken_out: 0 }
    }

    /// What is left of the next piece, with what was held back before it.
    pub(super) fn strip(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend(piece);
        let mut front = 0;
        let may_be_short = self.under_way.is_none();
        let front_of =
            |bytes: &[u8], packet: &[u8]| (may_be_short || is_long(packet)) && bytes.starts_with(packet);
        while let Some(length) = self.at(bytes.get(front..), front_of) {
            front += length;
        }
        bytes.drain(..front.min(bytes.len()));
        let before = self.under_way.clone();
        let end_of = |bytes: &[u8], packet: &[u8]| {
            let Some(in_front) = bytes.strip_suffix(packet) else { return false };
            is_long(packet) || {
                let mut under_way = before.clone();
                under_way.hear(in_front);
                under_way.is_none()
            }
        };
        while let Some(length) = self.at(Some(&bytes), end_of) {
            bytes.truncate(bytes.len().saturating_sub(length));
        }
        let may_begin = |packet: &Vec<u8>| (may_be_short || is_long(packet)) && packet.starts_with(&bytes);
        if !bytes.is_empty() && self.known.iter().any(may_begin) {
            self.held = bytes;
            return Vec::new();
        }
        self.under_way.hear(&bytes);
        bytes
    }

    /// The length of a packet that stands at the front or the end of `bytes`, taken out.
    fn at(&mut self, bytes: Option<&[u8]>, stands: impl Fn(&[u8], &[u8]) -> bool) -> Option<usize> {
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
        let held = std::mem::take(&mut self.held);
        self.under_way.hear(&held);
        held
    }

    /// How many packets were taken out since this was asked last.
    pub(super) const fn count(&mut self) -> u64 {
        let count = self.taken_out;
        self.taken_out = 0;
        count
    }
}

/// No frame holds these bytes by chance.
const fn is_long(packet: &[u8]) -> bool {
    packet.len() >= 4
}

/// What a frame begins with, and what stands behind its address.
const START: u8 = 0x68;
/// What it ends with.
const END: u8 = 0x16;

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
        /// A heart-beat of one byte, of two or of three that every frame has in it, and frames in pieces of any size.
        #[test]
        fn f23_frames_lose_nothing_to_a_short_heart_beat(
            beat in proptest::sample::select(vec![&FRAME[9..10], &FRAME[10..11], &FRAME[3..5], &FRAME[8..10], &FRAME[2..5]]),
            kinds in proptest::collection::vec(any::<bool>(), 0..8),
            cut in 1..13_usize,
        ) {
            let mut packets = Packets::new([beat.to_vec()]);
            let (mut out, mut frames) = (Vec::new(), 0);
            for is_frame in kinds {
                let bytes = if is_frame { FRAME } else { beat };
                frames += usize::from(is_frame);
                bytes.chunks(cut).for_each(|piece| out.extend(packets.strip(piece)));
            }
            prop_assert_eq!(out, FRAME.repeat(frames));
        }

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
