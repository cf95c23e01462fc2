//! Noise, cuts and glued frames.

use proptest::prelude::*;

use super::*;

const LOGIN: [u8; 20] = [
    0x68, 0x32, 0x00, 0x32, 0x00, 0x68, 0xC9, 0x71, 0x01, 0x22, 0x08, 0x00, 0x02, 0x78, 0x00, 0x00, 0x01,
    0x00, 0xE0, 0x16,
];
const CLOCK: [u8; 26] = [
    0x68, 0x4A, 0x00, 0x4A, 0x00, 0x68, 0xCB, 0x91, 0x91, 0x04, 0x00, 0x00, 0x0C, 0x64, 0x00, 0x00, 0x02,
    0x00, 0x00, 0x39, 0x07, 0x17, 0x43, 0x15, 0x12, 0x16,
];

/// All frames of `input`, handed over in pieces that end at `cuts`, then the line goes quiet.
fn frames(input: &[u8], cuts: &[usize]) -> (Vec<Vec<u8>>, Dropped) {
    let mut decoder = Decoder::new();
    let mut found = Vec::new();
    let mut begin = 0;
    for end in cuts.iter().copied().chain([input.len()]) {
        let mut piece = &input[begin..end.max(begin)];
        begin = end.max(begin);
        while let Some(frame) = decoder.next_frame(&mut piece) {
            found.push(frame.wire.to_vec());
        }
        assert!(piece.is_empty(), "all is taken");
    }
    while let Some(frame) = decoder.quiet() {
        found.push(frame.wire.to_vec());
    }
    assert!(!decoder.is_unfinished());
    (found, decoder.dropped())
}

fn a_frame() -> impl Strategy<Value = Vec<u8>> {
    let head = (1..=2_u8, any::<u8>(), any::<[u8; 5]>(), any::<[u8; 2]>());
    (head, proptest::collection::vec(prop_oneof![Just(0x68_u8), Just(0x16), any::<u8>()], 0..120)).prop_map(
        |((code, control, address, [afn, seq]), body)| {
            let frame = Frame {
                code: crate::frame::LengthCode::of(code),
                control: crate::control::Control(control),
                address: crate::address::AddressField::from_wire(address),
                afn: crate::afn::Afn(afn),
                seq: crate::seq::Seq(seq),
                body: &body,
            };
            frame.to_bytes().unwrap()
        },
    )
}

/// Bytes that look like the begin of a frame more often than chance would have it.
fn noise(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(0x68_u8), Just(0x16), Just(0x00), Just(0x32), Just(0xFE), any::<u8>()];
    let start = (0x22..=0xFF_u8).prop_map(|low| vec![0x68, low, 0x00, low, 0x00, 0x68]);
    prop_oneof![proptest::collection::vec(byte, 0..most), start]
}

proptest! {
    // covers [1376 1.8]
    #[test]
    fn any_split_gives_the_same_frames(
        pieces in proptest::collection::vec(prop_oneof![a_frame(), noise(40)], 0..6),
        mut cuts in proptest::collection::vec(0..800_usize, 0..20),
    ) {
        let input: Vec<u8> = pieces.concat();
        cuts.iter_mut().for_each(|cut| *cut = (*cut).min(input.len()));
        cuts.sort_unstable();
        let whole = frames(&input, &[]);
        prop_assert_eq!(frames(&input, &cuts), whole.clone());
        let bytewise: Vec<usize> = (1..input.len()).collect();
        prop_assert_eq!(frames(&input, &bytewise), whole);
    }

    #[test]
    fn every_byte_is_given_out_or_counted(input in proptest::collection::vec(any::<u8>(), 0..600)) {
        let (found, dropped) = frames(&input, &[]);
        let given: usize = found.iter().map(Vec::len).sum();
        prop_assert_eq!(count(given) + dropped.noise_bytes + dropped.wake_up_bytes, count(input.len()));
    }

    #[test]
    fn noise_never_loses_the_frame_once_the_line_is_quiet(
        front in noise(60),
        frame in a_frame(),
        tail in noise(20),
    ) {
        let input = [&front[..], &frame, &tail].concat();
        // A false start in the noise may claim bytes of the frame only if it is itself a whole frame by chance.
        let (found, _) = frames(&input, &[]);
        let claimed = found.iter().any(|other| *other != frame);
        prop_assert!(claimed || found.contains(&frame));
    }

    #[test]
    fn a_frame_broken_by_noise_does_not_swallow_the_next(
        broken in a_frame(),
        place in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
        cut in any::<bool>(),
        good in a_frame(),
    ) {
        let mut broken = broken;
        let place = place.index(broken.len());
        if cut {
            broken.truncate(place);
        } else {
            broken[place] ^= flip;
        }
        let (found, _) = frames(&[&broken[..], &good].concat(), &[]);
        let claimed = found.iter().any(|other| *other != good);
        prop_assert!(claimed || found.contains(&good), "{found:02X?}");
    }
}

#[test]
fn glued_doubled_and_cut_frames() {
    let (login, clock) = (LOGIN.to_vec(), CLOCK.to_vec());
    let glued = [&login[..], &clock, &login].concat();
    assert_eq!(frames(&glued, &[]).0, [login.clone(), clock.clone(), login.clone()]);
    let doubled = [&[0x68][..], &login].concat();
    assert_eq!(frames(&doubled, &[]).0, std::slice::from_ref(&login));
    for cut in 0..clock.len() {
        let cut_then_good = [&clock[..cut], &login[..]].concat();
        let (found, dropped) = frames(&cut_then_good, &[cut]);
        assert_eq!(found, std::slice::from_ref(&login), "{cut} bytes of a frame in front");
        assert_eq!(dropped.noise_bytes, count(cut));
    }
}

#[test]
fn each_reason_is_counted_apart() {
    let with = |changes: &[(usize, u8)]| {
        let mut bytes = LOGIN.to_vec();
        changes.iter().for_each(|(place, byte)| bytes[*place] = *byte);
        frames(&bytes, &[]).1
    };
    let none = Dropped { noise_bytes: 20, ..Dropped::default() };
    assert_eq!(with(&[(18, 0x00)]), Dropped { bad_checksums: 1, ..none });
    assert_eq!(with(&[(19, 0x17)]), Dropped { bad_ends: 1, ..none });
    assert_eq!(with(&[(1, 0x1E), (3, 0x1E)]), Dropped { bad_lengths: 1, ..none });
    assert_eq!(with(&[(3, 0x36)]), none, "no start at all");
    assert_eq!(with(&[(1, 0x36), (3, 0x36)]), Dropped { cut_short: 1, ..none });
    let dropped = frames(&[&[0xFE, 0xFE, 0x0D][..], &LOGIN].concat(), &[]).1;
    assert_eq!(dropped, Dropped { wake_up_bytes: 2, noise_bytes: 1, ..Dropped::default() });
}

#[test]
fn a_limit_lets_a_long_false_start_hold_up_nothing() {
    let input = [&[0x68, 0xFE, 0xFF, 0xFE, 0xFF, 0x68][..], &LOGIN].concat();
    let mut patient = Decoder::new();
    assert!(patient.next_frame(&mut &input[..]).is_none());
    assert!(patient.is_unfinished());
    assert_eq!(patient.quiet().unwrap().wire, LOGIN);
    let mut limited = Decoder::with_limit(2048);
    assert_eq!(limited.next_frame(&mut &input[..]).unwrap().wire, LOGIN);
    assert_eq!(limited.dropped().bad_lengths, 1);
}

/// In rubbish that begins a frame at one byte in six, each with its end byte in place, what is held never grows past a
/// frame, however it comes, and every byte is counted.
#[test]
fn nested_false_starts_stay_in_bounds() {
    // L = 1616H: 1413 counted bytes; six divides the distance to the end byte less one.
    let rubbish: Vec<u8> =
        [0x68, 0x16, 0x16, 0x16, 0x16, 0x68].iter().copied().cycle().take(12_000).collect();
    let input = [&rubbish[..], &LOGIN].concat();
    let whole = frames(&input, &[]);
    assert_eq!(whole.0, [LOGIN.to_vec()]);
    assert_eq!(whole.1.noise_bytes, 12_000);
    assert!(whole.1.bad_checksums > 1500, "{:?}", whole.1);
    for size in [1, 5, 6, 7, 1421, 4096] {
        let mut decoder = Decoder::new();
        let mut found = Vec::new();
        for mut piece in input.chunks(size) {
            while let Some(next) = decoder.next_frame(&mut piece) {
                found.push(next.wire.to_vec());
            }
            assert!(decoder.room.len() <= 2 * 1421, "{} bytes held", decoder.room.len());
        }
        while let Some(next) = decoder.quiet() {
            found.push(next.wire.to_vec());
        }
        assert_eq!((found, decoder.dropped()), whole, "in pieces of {size}");
    }
}

#[test]
fn clearing_counts_what_was_held_and_gives_back_room() {
    let mut decoder = Decoder::new();
    let start = [&[0x68, 0xFE, 0x3F, 0xFE, 0x3F, 0x68][..], &[0; 3000]].concat();
    assert!(decoder.next_frame(&mut &start[..]).is_none());
    decoder.clear();
    assert_eq!(decoder.dropped().noise_bytes, 3006);
    assert!(!decoder.is_unfinished());
    assert_eq!(decoder.next_frame(&mut &LOGIN[..]).unwrap().wire, LOGIN);
    assert!(decoder.next_frame(&mut &[][..]).is_none());
    assert!(decoder.room.capacity() <= KEPT_ROOM);
}
