//! What can be wrong on a line, one fault at a time.

use super::model::{Meter, mend};
use super::*;
use crate::request::tests::hex;
use crate::response::{ErrorWord, Refusal};

/// A request of every kind of answer, with an answer to it.
fn conversations() -> Vec<(Request, Vec<u8>)> {
    let write =
        Request::write(meter(), "04000102".parse().unwrap(), credentials(), [0x30, 0x15, 0x10]).unwrap();
    let new = Password::from_wire([2, 0x66, 0x55, 0x44]).unwrap();
    let mut tariffs = vec![0x00, 0xFF, 0x01, 0x00];
    tariffs.extend([0x11; 20]);
    vec![
        (energy(), energy_answer()),
        (read("0001FF00"), framed(METER, 0x91, &tariffs)),
        (Request::read_address(), framed(METER, 0x93, &METER)),
        (write.clone(), framed(METER, 0x94, &[])),
        (write, framed(METER, 0xD4, &[4])),
        (energy(), framed(METER, 0xD1, &[2])),
        (
            Request::change_password(Edition::E2007, meter(), credentials().password, new),
            framed(METER, 0x98, &[2, 0x66, 0x55, 0x44]),
        ),
        (trip(), framed(METER, 0x9C, &[4, 0])),
        (Request::read(meter(), "9010".parse().unwrap()), framed(METER, 0x81, &[0x10, 0x90, 1, 2, 3, 4])),
        // 68H and 16H wherever they can stand.
        (energy(), framed(METER, 0x91, &[0, 0, 1, 0, 0x35, 0x35, 0xE3, 0xE3])),
    ]
}

fn ends(kind: &str) -> bool {
    matches!(kind, "answered" | "refused")
}

#[test]
fn f02_every_prefix_with_pauses_gives_no_partial_value() {
    let mut cases = 0;
    for (request, answer) in conversations() {
        for cut in 0..answer.len() {
            let (front, back) = answer.split_at(cut);
            // Cut off for good.
            let (outcome, line) = hear(request.clone(), vec![(ms(50), front.to_vec())]);
            assert!(matches!(outcome.kind(), "silent" | "unknown"), "{} after {cut} bytes", outcome.kind());
            assert_eq!(line.exchange.counters().dropped.cut_short > 0, cut > 0);
            // A pause just short of the limit, and at the limit.
            for (pause, whole) in [(ms(499), true), (ms(500), cut == 0)] {
                let coming = vec![(ms(50), front.to_vec()), (ms(50) + pause, back.to_vec())];
                let (outcome, _) = hear(request.clone(), coming);
                assert_eq!(ends(outcome.kind()), whole, "{} after {cut} bytes and {pause:?}", outcome.kind());
                cases += 1;
            }
        }
        // A pause between any two bytes.
        let slowly = answer
            .iter()
            .enumerate()
            .map(|(place, byte)| (ms(50 + 40 * place as u64), vec![*byte]))
            .collect();
        let (outcome, _) = hear(request, slowly);
        assert!(ends(outcome.kind()), "{}", outcome.kind());
    }
    assert!(cases > 300, "{cases}");
}

#[test]
fn f03_the_expected_frame_is_found_between_others() {
    let foreign = framed(OTHER, 0x91, &[0, 0, 1, 0, 9, 9, 9, 0]);
    let mut bad = energy_answer();
    bad[12] ^= 1;
    let junk = hex("FE FE AA AA 68 0D 0A");
    for order in
        [vec![&foreign, &bad, &junk], vec![&junk, &bad], vec![&bad, &foreign], vec![&foreign, &foreign]]
    {
        let mut glued: Vec<u8> = order.into_iter().flatten().copied().collect();
        glued.extend(energy_answer());
        glued.extend(hex("16 FF FF"));
        let (outcome, line) = hear(energy(), vec![(ms(50), glued.clone())]);
        assert_eq!(payload(&outcome), Some(&[0x56, 0x34, 0x12, 0][..]), "{glued:02X?}");
        assert!(line.count(Unfit::ForeignAnswer) > 0 || line.exchange.counters().dropped.bad_checksums > 0);
    }
}

#[test]
fn f04_an_echo_is_dropped_whole_or_in_part() {
    let (mut whole, mut partial) = (0, 0);
    for (request, answer) in conversations() {
        let mut sent = vec![0xFE; 4];
        sent.extend(request.to_bytes());
        for cut in 0..=sent.len() {
            let (front, back) = sent.split_at(cut);
            for echo in [front, back] {
                for apart in [false, true] {
                    let mut coming = vec![(ms(0), echo.to_vec()), (ms(60), answer.clone())];
                    if !apart {
                        coming = vec![(ms(60), [echo, &answer[..]].concat())];
                    }
                    let (outcome, line) = hear(request.clone(), coming);
                    assert!(ends(outcome.kind()), "{} with {echo:02X?} echoed", outcome.kind());
                    let echoes = line.count(Unfit::Echo);
                    whole += echoes;
                    partial += u32::from(echoes == 0 && !echo.is_empty());
                    assert_eq!(line.count(Unfit::ForeignRequest), 0);
                }
            }
        }
    }
    assert!(whole > 50 && partial > 500, "{whole} whole, {partial} partial");
    // While it is still being sent.
    let mut line = Line::new(energy(), timing());
    let sent = line.exchange.poll_transmit().unwrap().to_vec();
    line.exchange.handle_bytes(&sent[..9], line.now);
    line.exchange.transmitted(line.now + ms(20));
    line.exchange.handle_bytes(&sent[9..], line.now + ms(21));
    line.exchange.handle_bytes(&energy_answer(), line.now + ms(60));
    assert_eq!(line.exchange.poll().unwrap().kind(), "answered");
    assert_eq!(line.count(Unfit::Echo), 1);
}

#[test]
fn f05_late_answers_of_other_questions_are_refused_and_counted() {
    let cases = [
        (framed(METER, 0x91, &[0, 0, 2, 0, 1, 2, 3, 4]), Unfit::OtherItem),
        (framed(OTHER, 0x91, &[0, 0, 1, 0, 1, 2, 3, 4]), Unfit::ForeignAnswer),
        (framed(METER, 0x94, &[]), Unfit::OtherFunction),
        (framed(METER, 0x93, &METER), Unfit::OtherFunction),
        (framed(METER, 0x81, &[0x10, 0x90, 1, 2, 3, 4]), Unfit::OtherFunction),
        (framed(METER, 0x92, &[0, 0, 1, 0, 1, 2, 3, 4, 1]), Unfit::OtherFunction),
        (framed(METER, 0x9F, &[1, 2, 3]), Unfit::Unasked),
        (framed(OTHER, 0x9F, &[1, 2, 3]), Unfit::Unasked),
        (framed(OTHER, 0x11, &[0, 0, 1, 0]), Unfit::ForeignRequest),
        (framed(METER, 0xD4, &[1]), Unfit::OtherFunction),
    ];
    for (late, reason) in cases {
        let (outcome, line) = hear(energy(), vec![(ms(50), late.clone()), (ms(599), energy_answer())]);
        assert_eq!(payload(&outcome), Some(&[0x56, 0x34, 0x12, 0][..]), "the wait goes on to its own limit");
        assert_eq!(line.count(reason), 1, "{reason}");
        assert_eq!(outcome.report().refused_frames, [(reason, late.clone())]);
        let (outcome, line) = hear(energy(), vec![(ms(50), late)]);
        assert_eq!((outcome.kind(), line.count(reason)), ("silent", 1));
        assert_eq!(outcome.report().duration().as_millis() / 100, 6, "and not beyond");
    }
}

#[test]
fn f06_the_line_is_quiet_until_the_latest_answer_would_have_ended() {
    // 16 bytes of request, an answer of at most 4 + 12 + 9 bytes, at 11 bits.
    let narrow = Timing { first_byte: ms(100), retries: 1, ..timing() };
    let mut line = Line::new(energy(), narrow).expecting(&[4]);
    let mut number = 0;
    let outcome = line.run(&mut |_, _| {
        number += 1;
        let mut value = vec![0, 0, 1, 0, number, 0, 0, 0];
        value[4] = number;
        // The first answer is late, but within what the standard allows a meter.
        vec![(if number == 1 { ms(480) } else { ms(50) }, framed(METER, 0x91, &value))]
    });
    assert_eq!(payload(&outcome), Some(&[2, 0, 0, 0][..]), "the answer to the repetition");
    assert_eq!((line.count(Unfit::Late), outcome.report().counters.silences), (1, 1));
    let (first, second) = (line.sent[0].0, line.sent[1].0);
    assert_eq!(second - first, ms(480) + ms(500) + narrow.wire_time(16), "the gap after the late answer");
    // With nothing heard at all it is the latest answer that counts.
    let mut line = Line::new(energy(), narrow).expecting(&[4]);
    let outcome = line.run(&mut |_, _| vec![]);
    assert_eq!(outcome.kind(), "silent");
    assert_eq!(
        line.sent[1].0 - line.sent[0].0,
        ms(500) + narrow.wire_time(4 + 12 + 9) + narrow.wire_time(16)
    );
    assert_eq!(
        line.exchange.poll_quiet_until(),
        Some(line.sent[1].0 + ms(500) + narrow.wire_time(4 + 12 + 9))
    );
    // An answer to a repetition may be the one to the first question: the line is drained all the same.
    let mut line = Line::new(energy(), narrow).expecting(&[4]);
    let mut number = 0;
    let outcome = line.run(&mut |_, _| {
        number += 1;
        if number == 1 { vec![] } else { vec![(ms(50), energy_answer())] }
    });
    assert_eq!(outcome.kind(), "answered");
    let sent = line.sent[1].0;
    assert_eq!(line.exchange.poll_quiet_until(), Some(sent + ms(500) + narrow.wire_time(4 + 12 + 9)));
}

#[test]
fn f06_a_frame_that_began_before_the_request_left_is_an_old_one() {
    let answer = energy_answer();
    for cut in 1..=answer.len() {
        let mut line = Line::new(energy(), timing());
        let now = line.now;
        assert!(line.exchange.poll_transmit().is_some());
        line.exchange.handle_bytes(&answer[..cut], now);
        line.exchange.transmitted(now + ms(20));
        line.exchange.handle_bytes(&answer[cut..], now + ms(21));
        assert!(line.exchange.poll().is_none(), "{cut} bytes before");
        assert_eq!(line.count(Unfit::Early), 1);
        line.exchange.handle_bytes(&answer, now + ms(90));
        assert_eq!(line.exchange.poll().unwrap().kind(), "answered");
    }
}

/// Behind an old answer the right one breaks off: that something more was said is known once the line is quiet.
#[test]
fn f06_what_breaks_off_behind_an_answer_is_counted() {
    for cut in 1..energy_answer().len() {
        let coming = vec![(ms(50), energy_answer()), (ms(55), energy_answer()[..cut].to_vec())];
        let (outcome, mut line) = hear(energy(), coming);
        assert_eq!(outcome.kind(), "answered");
        line.rest();
        let dropped = line.exchange.counters().dropped;
        assert_eq!((dropped.cut_short > 0, line.count(Unfit::Duplicate)), (true, 0), "{cut} bytes");
    }
    // A whole one behind a false start that is seen to be one only then.
    let behind = [&[0x68, 0, 0, 0][..], &energy_answer()].concat();
    let (outcome, mut line) = hear(energy(), vec![(ms(50), energy_answer()), (ms(55), behind)]);
    assert_eq!(outcome.kind(), "answered");
    line.rest();
    assert_eq!(line.count(Unfit::Duplicate), 1);
}

#[test]
fn f07_copies_of_an_answer_are_one_answer() {
    for copies in 1..=5 {
        for gap in [0, 1, 20] {
            let coming = (0..=copies).map(|place| (ms(50 + gap * place), energy_answer())).collect();
            let (outcome, mut line) = hear(energy(), coming);
            assert_eq!(outcome.kind(), "answered");
            assert!(line.exchange.poll().is_none(), "once");
            line.rest();
            assert_eq!(u64::from(line.count(Unfit::Duplicate)), copies);
            assert!(line.exchange.poll().is_none(), "and not again");
        }
    }
    // All in one read.
    let (outcome, line) = hear(energy(), vec![(ms(50), energy_answer().repeat(6))]);
    assert_eq!((outcome.kind(), line.count(Unfit::Duplicate)), ("answered", 5));
}

#[test]
fn f08_wrong_lengths_are_refused() {
    for length in 0..=251_usize {
        let mut data = ENERGY.to_vec();
        data.extend(vec![0x11; length]);
        let mut line = Line::new(energy(), timing()).expecting(&[4]);
        let outcome = line.run(&mut |_, _| vec![(ms(50), framed(METER, 0x91, &data))]);
        assert_eq!(outcome.kind(), if length == 4 { "answered" } else { "silent" }, "{length} bytes");
        assert_eq!(line.count(Unfit::WrongLength), u32::from(length != 4));
    }
    for (data, reason) in [(&[][..], Unfit::Malformed), (&[0, 0, 1][..], Unfit::Malformed)] {
        let (outcome, line) = hear(energy(), vec![(ms(50), framed(METER, 0x91, data))]);
        assert_eq!((outcome.kind(), line.count(reason)), ("silent", 1));
    }
    let (outcome, line) = hear(energy(), vec![(ms(50), framed(METER, 0xB1, &ENERGY))]);
    assert_eq!((outcome.kind(), line.count(Unfit::WrongLength)), ("silent", 1), "more of nothing");
    let (outcome, line) = hear(energy(), vec![(ms(50), framed(METER, 0xD1, &[2, 0]))]);
    assert_eq!((outcome.kind(), line.count(Unfit::Malformed)), ("silent", 1), "a word of two bytes");
}

#[test]
fn f08_a_flipped_bit_with_a_right_checksum_is_caught_or_in_the_value() {
    let good = energy_answer();
    let (mut refused, mut taken) = (0, 0);
    for place in 1..good.len() - 2 {
        for bit in 0..8 {
            let mut frame = good.clone();
            frame[place] ^= 1 << bit;
            mend(&mut frame);
            let mut line = Line::new(energy(), timing()).expecting(&[4]);
            let outcome = line.run(&mut |_, _| vec![(ms(50), frame.clone())]);
            // In the value nobody can see it here; with nothing longer possible, "more follows" means events.
            let is_seen = !(14..18).contains(&place) && (place, bit) != (8, 5);
            assert_eq!(
                outcome.kind(),
                if is_seen { "silent" } else { "answered" },
                "byte {place}, bit {bit}"
            );
            if is_seen { refused += 1 } else { taken += 1 }
        }
    }
    assert_eq!((refused, taken), (103, 33));
}

#[test]
fn f08_a_length_byte_longer_than_the_frame_takes_nothing() {
    for length in 9..=255_u8 {
        let mut frame = energy_answer();
        frame[9] = length;
        let (outcome, _) = hear(energy(), vec![(ms(50), frame.clone())]);
        assert_eq!(outcome.kind(), "silent", "L = {length}");
        // With the right answer behind it, once the line has paused.
        let (outcome, _) = hear(energy(), vec![(ms(50), [frame, energy_answer()].concat())]);
        assert_eq!(outcome.kind(), "answered", "L = {length}");
    }
}

#[test]
fn f10_a_refusal_ends_it_and_is_never_tried_again() {
    let write = Request::write(meter(), "04000102".parse().unwrap(), credentials(), [1]).unwrap();
    for (request, control) in [(energy(), 0xD1), (write, 0xD4), (trip(), 0xDC)] {
        for bit in 0..8 {
            let mut line = Line::new(request.clone(), Timing { retries: 5, ..timing() });
            let outcome = line.run(&mut |_, _| vec![(ms(50), framed(METER, control, &[1 << bit]))]);
            let Outcome::Refused { address, refusal, report } = outcome else { panic!("{outcome:?}") };
            assert_eq!((address.wire(), report.attempts), (METER, 1));
            assert_eq!(refusal, Refusal::Error(ErrorWord::new(Edition::E2007, 1 << bit)));
            assert_eq!(refusal.is_not_authorised(), bit == 2, "04H, 37H on the line, is the password");
        }
    }
    let (outcome, _) = hear(trip(), vec![(ms(50), framed(METER, 0xDC, &[0x20, 0]))]);
    let Outcome::Refused { refusal, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(refusal.to_string(), "trip failed: supply hold");
}

#[test]
fn f11_a_silent_line_costs_a_bounded_time() {
    let timing = Timing { first_byte: ms(700), retries: 2, ..Timing::serial(1200) };
    let mut line = Line::new(energy(), timing);
    let outcome = line.run(&mut |_, _| vec![]);
    assert_eq!(
        (outcome.kind(), outcome.report().attempts, outcome.report().counters.silences),
        ("silent", 3, 3)
    );
    let each = timing.wire_time(20) + timing.td_max + timing.wire_time(216);
    assert!(outcome.report().duration() <= each * 3, "{:?}", outcome.report().duration());
    assert!(!outcome.report().is_chattering);
}

#[test]
fn f11_a_line_that_never_stops_talking_costs_a_bounded_time() {
    let noise: Vec<u8> = (0..=255_u8).map(|byte| byte.wrapping_mul(89) ^ 0x5A).collect();
    let talks = [
        noise,
        vec![0x68],
        vec![0xFE],
        framed(OTHER, 0x91, &[0, 0, 1, 0, 1, 2, 3, 4]),
        framed(METER, 0x91, &[0, 0, 2, 0, 1, 2, 3, 4]),
        [&[0x68], &METER[..], &[0x68, 0x91, 0xFF]].concat(),
    ];
    for talk in talks {
        for request in [energy(), trip()] {
            let timing = Timing { retries: 2, ..timing() };
            let expected = if request.changes_meter() { "unknown" } else { "silent" };
            let mut line = Line::new(request, timing);
            let began = line.now;
            // Ten minutes of it, a piece every 10 ms.
            let talk = |_: &[u8]| (1..60_000).map(|place| (ms(10 * place), talk.clone())).collect();
            let mut first = true;
            let outcome = line.run(&mut |request, _| {
                let talk = if first { talk(request) } else { vec![] };
                first = false;
                talk
            });
            assert_eq!(outcome.kind(), expected);
            line.rest();
            assert!(line.exchange.is_chattering());
            assert!(line.now - began < timing.answer_limit + ms(6000), "{:?}", line.now - began);
        }
    }
}

#[test]
fn f13_the_limit_is_sharp_whoever_calls_first() {
    let limit = timing().first_byte;
    for (request, answer) in conversations() {
        for (at, in_time) in [(limit - ms(1), true), (limit, false), (limit + ms(1), false)] {
            for timer_first in [false, true] {
                let mut line = Line::new(request.clone(), timing());
                line.send(&mut |_, _| vec![]);
                assert_eq!(line.exchange.poll_timeout(), Some(line.now + limit));
                if timer_first {
                    line.exchange.handle_timeout(line.now + at);
                }
                line.exchange.handle_bytes(&answer, line.now + at);
                let kind = line.exchange.poll().map_or("none", |outcome| outcome.kind());
                assert_eq!(ends(kind), in_time, "{kind} at {at:?}");
                assert_eq!(line.count(Unfit::Late), u32::from(!in_time));
            }
        }
        // A whole frame of another meter just before the limit does not move it.
        for (after, in_time) in [(ms(0), true), (ms(2), false)] {
            let foreign = framed(OTHER, 0x91, &[0, 0, 1, 0, 9, 9, 9, 0]);
            let coming = vec![(limit - ms(1), foreign), (limit - ms(1) + after, answer.clone())];
            let (outcome, _) = hear(request.clone(), coming);
            assert_eq!(ends(outcome.kind()), in_time, "{}", outcome.kind());
        }
        // The first byte in time is enough; wake-up bytes count.
        let slow = vec![(limit - ms(1), vec![0xFE]), (limit + ms(300), answer)];
        let (outcome, _) = hear(request, slow);
        assert!(ends(outcome.kind()), "{}", outcome.kind());
    }
}

#[test]
fn i09_what_changes_a_meter_is_sent_once() {
    let write = Request::write(meter(), "04000102".parse().unwrap(), credentials(), [1]).unwrap();
    for request in [trip(), write, Request::clear_meter(meter(), credentials())] {
        let mut line = Line::new(request, Timing { retries: 9, ..timing() });
        let outcome = line.run(&mut |_, _| vec![]);
        assert_eq!((outcome.kind(), outcome.report().attempts, line.sent.len()), ("unknown", 1, 1));
    }
}

#[test]
fn f28_given_up_after_k_bytes_it_is_not_sent_or_unknown() {
    for (request, after_any) in [(trip(), "unknown"), (energy(), "silent")] {
        let length = request.to_bytes().len();
        for left in 0..=length {
            let mut line = Line::new(request.clone(), timing());
            assert!(line.exchange.poll_transmit().is_some());
            line.exchange.abandon(left, line.now);
            let kind = line.exchange.poll().unwrap().kind();
            assert_eq!(kind, if left == 0 { "not_sent" } else { after_any }, "{left} bytes");
            assert!(line.exchange.poll_transmit().is_none() && line.exchange.poll_quiet_until().is_some());
        }
        let mut line = Line::new(request.clone(), timing());
        line.exchange.abandon(0, line.now);
        assert_eq!(line.exchange.poll().unwrap().kind(), "not_sent", "never handed out");
        let mut line = Line::new(request, timing());
        line.send(&mut |_, _| vec![]);
        line.exchange.abandon(0, line.now);
        assert_eq!(line.exchange.poll().unwrap().kind(), after_any, "all of it left");
        line.exchange.abandon(0, line.now);
        assert!(line.exchange.poll().is_none());
    }
}

#[test]
fn the_model_meter_itself_answers() {
    let mut meter = Meter::new(METER, &[(&ENERGY, vec![0x56, 0x34, 0x12, 0])]);
    assert_eq!(meter.answer(&energy().to_bytes()), Some(energy_answer()));
    assert_eq!(meter.answer(&read("00020000").to_bytes()), Some(framed(METER, 0xD1, &[2])));
    meter.address = OTHER;
    assert_eq!(meter.answer(&energy().to_bytes()), None);
}
