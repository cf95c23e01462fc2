//! F1 to F3: noise, cuts and glued frames.

use super::*;
use proptest::prelude::*;

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
    }
    while let Some(frame) = decoder.quiet() {
        found.push(frame.wire.to_vec());
    }
    (found, decoder.dropped())
}

fn a_frame() -> impl Strategy<Value = Vec<u8>> {
    (any::<[u8; 6]>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..=255)).prop_map(
        |(address, control, data)| {
            let address = crate::address::AddressField::from_wire(address);
            Frame { address, control: crate::control::Control(control), data: &data }.to_bytes().unwrap()
        },
    )
}

proptest! {
    #[test]
    fn f02_any_split_gives_the_same_frames(
        pieces in proptest::collection::vec(
            prop_oneof![a_frame(), proptest::collection::vec(prop_oneof![Just(0x68_u8), Just(0x16), any::<u8>()], 0..40)],
            0..6,
        ),
        mut cuts in proptest::collection::vec(0..1500_usize, 0..20),
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
    fn f01_every_byte_is_given_out_or_counted(input in proptest::collection::vec(any::<u8>(), 0..600)) {
        let (found, dropped) = frames(&input, &[]);
        let given: usize = found.iter().map(Vec::len).sum();
        prop_assert_eq!(count(given) + dropped.noise_bytes + dropped.wake_up_bytes, count(input.len()));
    }

    #[test]
    fn f01_noise_in_front_never_loses_the_frame_once_the_line_is_quiet(
        noise in proptest::collection::vec(prop_oneof![Just(0x68_u8), Just(0xFE), any::<u8>()], 0..60),
        frame in a_frame(),
        tail in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let input = [&noise[..], &frame, &tail].concat();
        // A false start in the noise may claim bytes of the frame only if it is itself a whole frame by chance.
        let (found, _) = frames(&input, &[]);
        let claimed = found.iter().any(|other| *other != frame);
        prop_assert!(claimed || found.contains(&frame));
    }
}

// covers [645-2007 2 scanner]
#[test]
fn f03_glued_doubled_and_cut_frames() {
    let frame: Vec<u8> = vec![0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, 0x94, 0x00, 0x1A, 0x16];
    let other: Vec<u8> = vec![0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, 0xD4, 0x01, 0x37, 0x92, 0x16];
    let glued = [&frame[..], &other, &frame].concat();
    assert_eq!(frames(&glued, &[]).0, [frame.clone(), other.clone(), frame.clone()]);
    let doubled = [&[0x68][..], &frame].concat();
    assert_eq!(frames(&doubled, &[]).0, std::slice::from_ref(&frame));
    for cut in 0..other.len() {
        let cut_then_good = [&other[..cut], &frame[..]].concat();
        let (found, dropped) = frames(&cut_then_good, &[cut]);
        assert_eq!(found, std::slice::from_ref(&frame), "{cut} bytes of a frame in front");
        assert_eq!(dropped.noise_bytes, count(cut));
    }
}

/// In rubbish that begins a frame of the longest kind at three bytes of seven, each with its end byte in place, what is
/// held never runs over and every byte is counted, however it comes.
#[test]
fn f01_nested_false_starts_in_pieces_of_any_size() {
    let frame: Vec<u8> = vec![0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, 0x94, 0x00, 0x1A, 0x16];
    let rubbish: Vec<u8> =
        [0x68, 0x68, 0xFD, 0xFC, 0x68, 0x16, 0xF9].iter().copied().cycle().take(5000).collect();
    let input = [&rubbish[..], &frame].concat();
    let whole = frames(&input, &[]);
    assert_eq!(whole.0, [frame]);
    assert_eq!(whole.1.noise_bytes, 5000);
    assert!(whole.1.bad_checksums > 2000, "{:?}", whole.1);
    for size in [1, 2, 7, 64, 255, 266, 267, 268, 534, 535, 4999] {
        let cuts: Vec<usize> = (1..).map(|piece| piece * size).take_while(|cut| *cut < input.len()).collect();
        assert_eq!(frames(&input, &cuts), whole, "in pieces of {size}");
    }
}

#[test]
fn a_frame_waits_for_its_rest_and_then_is_given_up() {
    let mut decoder = Decoder::new();
    let mut input = &[0x68, 1, 2, 3, 4, 5, 6, 0x68, 0x91, 0xFF, 0x33][..];
    assert!(decoder.next_frame(&mut input).is_none());
    assert!(decoder.is_unfinished() && input.is_empty());
    assert!(decoder.quiet().is_none());
    assert!(!decoder.is_unfinished());
    assert_eq!(decoder.dropped(), Dropped { noise_bytes: 11, cut_short: 2, ..Dropped::default() });
}
