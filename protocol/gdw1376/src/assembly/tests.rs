use proptest::prelude::*;

use super::*;
use crate::address::{AddressField, TerminalAddress};
use crate::auxiliary::Auxiliary;
use crate::frame::LengthCode;

fn terminal() -> TerminalAddress {
    TerminalAddress::new(1100, 12345).unwrap()
}

fn frame(seq: Seq, units: &[u8]) -> Message<'_> {
    Message {
        code: LengthCode::GDW_376,
        control: Control::DATA,
        address: AddressField::single(terminal(), 1),
        afn: Afn::CLASS_2,
        seq,
        units,
        auxiliary: Auxiliary::default(),
    }
}

fn waiting(number: u8) -> Assembly {
    Assembly::begin(terminal(), Afn::CLASS_2, number, Assembly::DEFAULT_LIMIT)
}

/// The frames of an answer of so many, the first with this number.
fn answer(number: u8, frames: u8) -> Vec<(Seq, [u8; 1])> {
    (0..frames)
        .map(|place| (Seq::part(number.wrapping_add(place), place == 0, place + 1 == frames), [place]))
        .collect()
}

// covers [1376 5]
#[test]
fn frames_in_order_are_taken_over_the_end_of_the_numbers() {
    let mut assembly = waiting(14);
    for (place, (seq, units)) in answer(14, 20).iter().enumerate() {
        assert!(!assembly.is_complete());
        assert_eq!(assembly.take(&frame(*seq, units)), Step::Taken, "{place}");
    }
    assert!(assembly.is_complete() && assembly.has_ended());
    assert_eq!((assembly.frames(), assembly.missing()), (20, 0));
}

#[test]
fn a_single_frame_without_fir_is_an_answer_as_captured() {
    let mut assembly = waiting(2);
    assert_eq!(assembly.take(&frame(Seq(0x22), &[1])), Step::Taken);
    assert!(assembly.is_complete());
    let mut assembly = waiting(2);
    assert_eq!(assembly.take(&frame(Seq(0x02), &[1])), Step::Foreign, "the middle of another answer");
}

#[test]
fn what_comes_twice_is_told_and_what_is_lost_is_missed() {
    let frames = answer(3, 5);
    let [first, second, third, fourth, last] =
        [0, 1, 2, 3, 4].map(|place: usize| frame(frames[place].0, &frames[place].1));
    let mut assembly = waiting(3);
    assert_eq!(
        [first, first, second].map(|frame| assembly.take(&frame)),
        [Step::Taken, Step::Duplicate, Step::Taken]
    );
    assert_eq!([fourth, last].map(|frame| assembly.take(&frame)), [Step::Taken; 2]);
    assert!(assembly.has_ended() && !assembly.is_complete());
    assert_eq!(assembly.missing(), 1);
    assert_eq!([third, third].map(|frame| assembly.take(&frame)), [Step::Taken, Step::Duplicate]);
    assert!(assembly.is_complete());
    assert_eq!(assembly.take(&last), Step::Duplicate);
    assert_eq!(assembly.frames(), 5);
}

#[test]
fn stored_data_are_used_without_the_first_frame_and_nothing_else_is() {
    let frames = answer(15, 3);
    let [first, second, last] = [0, 1, 2].map(|place: usize| frame(frames[place].0, &frames[place].1));
    let mut assembly = waiting(15);
    assert_eq!([second, last].map(|frame| assembly.take(&frame)), [Step::Taken; 2]);
    assert!(assembly.has_ended() && !assembly.is_complete());
    assert_eq!((assembly.missing(), assembly.frames()), (1, 2));
    assert_eq!(assembly.take(&first), Step::Taken, "it comes late");
    assert!(assembly.is_complete());
    let mut assembly = waiting(15);
    assert_eq!(assembly.take(&last), Step::Taken);
    assert_eq!((assembly.missing(), assembly.is_complete()), (2, false));
    // Records of an archive may be those of before a setting, and a denial has no first frame.
    for afn in [Afn::CLASS_1, Afn::READ_PARAMETERS, Afn::CLASS_3, Afn::FORWARD] {
        let mut assembly = Assembly::begin(terminal(), afn, 15, Assembly::DEFAULT_LIMIT);
        assert_eq!(assembly.take(&Message { afn, ..second }), Step::Foreign, "{afn}");
    }
    let mut assembly = waiting(15);
    assert_eq!(assembly.take(&Message { afn: Afn::CONFIRM, ..last }), Step::Foreign);
    let other = Message { seq: Seq::part(0, true, false), ..second };
    assert_eq!(assembly.take(&other), Step::Foreign, "it begins another answer");
}

#[test]
fn a_number_that_comes_round_is_no_duplicate() {
    let mut assembly = waiting(0);
    for place in 0..40_u8 {
        let seq = Seq::part(place, place == 0, place == 39);
        // The same content each time: only the number and its place in the order tell.
        assert_eq!(assembly.take(&frame(seq, &[7])), Step::Taken, "{place}");
    }
    assert!(assembly.is_complete());
}

#[test]
fn a_lost_frame_is_not_made_good_by_the_one_that_has_its_number_later() {
    let mut assembly = waiting(0);
    for place in (0..30_u8).filter(|place| *place != 3) {
        let seq = Seq::part(place, place == 0, place == 29);
        assert_eq!(assembly.take(&frame(seq, &[place])), Step::Taken, "{place}");
        assert_eq!(assembly.take(&frame(seq, &[place])), Step::Duplicate, "{place}");
    }
    assert!(assembly.has_ended() && !assembly.is_complete());
    assert_eq!((assembly.missing(), assembly.frames()), (1, 29));
}

#[test]
fn frames_of_others_leave_the_wait_as_it_was() {
    let mut assembly = waiting(3);
    let good = frame(Seq::single(3), &[1]);
    let foreign = [
        Message { seq: Seq::single(2), ..good },
        Message { afn: Afn::CLASS_1, ..good },
        Message { control: Control::REPORT_TO_CONFIRM, ..good },
        Message { control: Control::REPORT, ..good },
        Message { control: Control::LINK_CHECK, ..good },
        Message { control: Control::QUERY, ..good },
        Message { address: AddressField::single(TerminalAddress::new(1100, 1).unwrap(), 1), ..good },
    ];
    for message in foreign {
        assert_eq!(assembly.take(&message), Step::Foreign, "{message:?}");
    }
    assert_eq!(assembly.frames(), 0);
    let odd = Message { control: Control(0xCB), address: AddressField::single(terminal(), 9), ..good };
    assert_eq!(assembly.take(&odd), Step::Taken, "another link function and A3 do not matter");
    assert_eq!(assembly.take(&Message { units: &[2], ..good }), Step::Foreign, "the answer has ended");
    let mut assembly = waiting(3);
    assert_eq!(assembly.take(&Message { afn: Afn::CONFIRM, ..good }), Step::Taken, "denied");
    assert!(assembly.is_complete());
}

#[test]
fn an_answer_without_end_is_given_up() {
    let mut assembly = Assembly::begin(terminal(), Afn::CLASS_2, 0, 3);
    let steps: Vec<Step> =
        (0..4).map(|place| assembly.take(&frame(Seq::part(place, place == 0, false), &[place]))).collect();
    assert_eq!(steps, [Step::Taken, Step::Taken, Step::Taken, Step::TooMany]);
}

#[test]
fn a_limit_parts_units_only_between_them() {
    let asked = Message { control: Control::QUERY, ..frame(Seq::single(15), &[]) };
    let units = [vec![1; 30], vec![2; 30], vec![3; 300], vec![4; 10]];
    let frames = split(&asked, Afn::CLASS_2, &units, 68).unwrap();
    let seqs: Vec<(u8, usize)> = frames.iter().map(|frame| (frame[13], frame.len() - 16)).collect();
    assert_eq!(seqs, [(0x4F, 60), (0x00, 300), (0x21, 10)]);
    let single = split(&asked, Afn::CLASS_2, &units[..1], 68).unwrap();
    assert_eq!(single[0][13], 0x6F);
    assert_eq!(split(&asked, Afn::CLASS_2, &[vec![0; 16_384]], 16_383).unwrap_err().kind(), "too_long");
}

proptest! {
    /// What one side cuts the other side takes, whole and in order, through the stream decoder.
    #[test]
    fn what_is_cut_is_put_together(
        number in 0..16_u8,
        units in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..60), 0..40),
        limit in 8..200_usize,
    ) {
        let asked = Message { control: Control::QUERY, ..frame(Seq::single(number), &[]) };
        let stream = split(&asked, Afn::CLASS_2, &units, limit).unwrap().concat();
        let (mut decoder, mut rest) = (crate::decoder::Decoder::new(), &stream[..]);
        let (mut assembly, mut together) = (waiting(number), Vec::new());
        while let Some(found) = decoder.next_frame(&mut rest) {
            prop_assert!(!assembly.is_complete());
            let message = Message::of(&found.frame).unwrap();
            prop_assert_eq!(assembly.take(&message), Step::Taken);
            prop_assert!(message.units.len() + 8 <= limit.max(68));
            together.extend_from_slice(message.units);
        }
        prop_assert!(assembly.is_complete());
        prop_assert_eq!(together, units.concat());
    }

    /// Whatever is lost, doubled or late by a little: the answer counts as complete exactly when every frame came.
    #[test]
    fn complete_exactly_when_every_frame_came(
        number in 0..16_u8,
        frames in 1..30_u8,
        lost in proptest::collection::vec(any::<prop::sample::Index>(), 0..3),
        doubled in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
        swapped in any::<Option<prop::sample::Index>>(),
    ) {
        let all = answer(number, frames);
        let mut order: Vec<usize> = (0..all.len()).collect();
        // The last ends the answer.
        if let Some(place) = swapped.filter(|_| all.len() > 2).map(|place| place.index(all.len() - 2)) {
            order.swap(place, place + 1);
        }
        let lost: Vec<usize> = lost.iter().map(|place| place.index(all.len())).collect();
        order.retain(|place| !lost.contains(place));
        for place in &doubled {
            if order.is_empty() {
                break;
            }
            let at = place.index(order.len());
            order.insert(at + 1, order[at]);
        }
        let mut assembly = waiting(number);
        let mut used = Vec::new();
        for place in &order {
            let (seq, units) = &all[*place];
            match assembly.take(&frame(*seq, units)) {
                Step::Taken => used.push(*place),
                Step::Duplicate => prop_assert!(used.contains(place)),
                step => prop_assert!(false, "{step:?}"),
            }
        }
        let mut distinct = used.clone();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), used.len(), "used twice");
        prop_assert_eq!(assembly.is_complete(), used.len() == all.len());
    }
}
