//! Long answers: follow-on frames of both editions, and the event flag that looks like one.

use super::model::Meter;
use super::*;

const RECORD: [u8; 4] = [0x01, 0x02, 0x30, 0x03];

fn numbered(length: usize) -> Vec<u8> {
    (0..length).map(|place| u8::try_from(place % 251).unwrap()).collect()
}

fn record(length: usize) -> (Meter, Request) {
    (Meter::new(METER, &[(&RECORD, numbered(length))]), read("03300201"))
}

fn old_meter(value: Vec<u8>, piece: usize) -> (Meter, Request) {
    let mut meter = Meter::new(METER, &[(&[0x1F, 0x90], value)]);
    meter.piece = piece;
    (meter, Request::read(super::meter(), "901F".parse().unwrap()))
}

fn with_retries(retries: u8) -> Timing {
    Timing { retries, ..timing() }
}

/// Runs with a meter behind a line that loses what `lose` says: by number of the request, the request or answer.
fn run(line: &mut Line, meter: &mut Meter, lose_request: &[usize], lose_answer: &[usize]) -> Outcome {
    let mut number = 0;
    line.run(&mut |request, _| {
        let this = number;
        number += 1;
        if lose_request.contains(&this) {
            return vec![];
        }
        let answer = meter.answer(request).unwrap();
        if lose_answer.contains(&this) { vec![] } else { vec![(ms(40), answer)] }
    })
}

// covers [645-2007 4 subsequent]
#[test]
fn f08_pieces_are_joined_by_number() {
    for length in [1, 195, 196, 197, 202, 392, 393, 1026] {
        let (mut meter, request) = record(length);
        let mut line = Line::new(request, timing()).expecting(&[length]);
        let outcome = run(&mut line, &mut meter, &[], &[]);
        assert_eq!(payload(&outcome), Some(&numbered(length)[..]), "{length} bytes");
        let pieces = length.div_ceil(196);
        assert_eq!((line.sent.len(), outcome.report().frames.len()), (pieces, pieces));
        for (number, (_, request)) in line.sent.iter().enumerate().skip(1) {
            let (_, control, data) = model::unframed(request);
            assert_eq!((control, data[4]), (0x12, u8::try_from(number).unwrap()));
        }
    }
}

#[test]
fn f08_a_lost_piece_is_asked_for_by_its_number_again() {
    for lost in 0..3 {
        for (requests, answers) in [(vec![lost], vec![]), (vec![], vec![lost])] {
            let (mut meter, request) = record(500);
            let mut line = Line::new(request, with_retries(1)).expecting(&[500]);
            let outcome = run(&mut line, &mut meter, &requests, &answers);
            assert_eq!(payload(&outcome), Some(&numbered(500)[..]));
            assert_eq!(outcome.report().counters.silences, 1);
        }
        let (mut meter, request) = record(500);
        let mut line = Line::new(request, with_retries(1)).expecting(&[500]);
        let outcome = run(&mut line, &mut meter, &[lost, lost + 1], &[]);
        let expected = if lost == 0 { "silent" } else { "incomplete" };
        assert_eq!(outcome.kind(), expected, "all or nothing, request {lost} lost twice");
    }
}

#[test]
fn f08_repeated_missing_and_misnumbered_pieces_are_refused() {
    let piece = |number: u8, last: bool, bytes: &[u8]| {
        let data = [&RECORD[..], bytes, &[number]].concat();
        framed(METER, if last { 0x92 } else { 0xB2 }, &data)
    };
    let first = || framed(METER, 0xB1, &[&RECORD[..], &[1, 2]].concat());
    let cases: [(&str, Vec<Vec<u8>>, Unfit, u32); 5] = [
        ("the first frame again", vec![first(), piece(1, true, &[3])], Unfit::Duplicate, 1),
        ("a number ahead", vec![piece(2, true, &[9]), piece(1, true, &[3])], Unfit::WrongSequence, 1),
        ("number nought", vec![piece(0, true, &[9]), piece(1, true, &[3])], Unfit::WrongSequence, 1),
        (
            "another identifier",
            vec![framed(METER, 0x92, &[9, 9, 9, 9, 9, 1]), piece(1, true, &[3])],
            Unfit::OtherItem,
            1,
        ),
        (
            "an ordinary answer",
            vec![framed(METER, 0x91, &[&RECORD[..], &[9]].concat()), piece(1, true, &[3])],
            Unfit::OtherFunction,
            1,
        ),
    ];
    for (what, second, reason, count) in cases {
        let mut line = Line::new(read("03300201"), timing());
        let mut number = 0;
        let outcome = line.run(&mut |_, _| {
            number += 1;
            match number {
                1 => vec![(ms(40), first())],
                _ => second
                    .iter()
                    .enumerate()
                    .map(|(place, bytes)| (ms(40 + place as u64), bytes.clone()))
                    .collect(),
            }
        });
        assert_eq!(payload(&outcome), Some(&[1, 2, 3][..]), "{what}");
        assert_eq!(line.count(reason), count, "{what}");
    }
}

#[test]
fn f08_pieces_that_do_not_add_up_are_nothing() {
    let (mut meter, request) = record(500);
    let mut line = Line::new(request, timing()).expecting(&[499, 501]);
    let outcome = run(&mut line, &mut meter, &[], &[]);
    assert_eq!((outcome.kind(), line.count(Unfit::WrongLength)), ("incomplete", 1));
    let (mut meter, request) = record(500);
    let mut line = Line::new(request, timing()).expecting(&[300]);
    let outcome = run(&mut line, &mut meter, &[], &[]);
    assert_eq!((outcome.kind(), line.sent.len()), ("incomplete", 2), "given up when too long already");
}

#[test]
fn f11_an_answer_without_end_ends() {
    let mut line =
        Line::new(read("03300201"), Timing { exchange_limit: Duration::from_secs(9999), ..timing() });
    let mut number = 0_u8;
    let outcome = line.run(&mut |_, _| {
        let data =
            if number == 0 { [&RECORD[..], &[7]].concat() } else { [&RECORD[..], &[7, number]].concat() };
        let control = if number == 0 { 0xB1 } else { 0xB2 };
        number = number.wrapping_add(1);
        vec![(ms(20), framed(METER, control, &data))]
    });
    assert_eq!((outcome.kind(), line.sent.len()), ("incomplete", 256));
    let report = outcome.report();
    assert_eq!((report.frames.len(), report.frames_left_out), (MAX_KEPT_FRAMES, 256 - 32));
    let mut short = Line::new(read("03300201"), Timing { exchange_limit: ms(500), ..timing() });
    let mut number = 0_u8;
    let outcome = short.run(&mut |_, _| {
        number += 1;
        let tail: &[u8] = if number == 1 { &[7] } else { &[7, number - 1] };
        vec![(ms(100), framed(METER, if number == 1 { 0xB1 } else { 0xB2 }, &[&RECORD[..], tail].concat()))]
    });
    assert_eq!(outcome.kind(), "incomplete");
    assert!(outcome.report().duration() <= ms(700), "{:?}", outcome.report().duration());
}

// covers [645-2007 4 event flag]
#[test]
fn the_event_flag_is_no_second_frame() {
    let mut meter = Meter::new(METER, &[(&ENERGY, vec![1, 2, 3, 4])]);
    meter.flags_events = true;
    // Nothing longer is possible: not even asked.
    let mut line = Line::new(energy(), timing()).expecting(&[4]);
    let outcome = run(&mut line, &mut meter, &[], &[]);
    let Outcome::Answered(answer) = &outcome else { panic!("{outcome:?}") };
    assert!(answer.has_events && answer.payload() == [1, 2, 3, 4] && line.sent.len() == 1);
    // Longer is possible: asked, refused, kept.
    let mut line = Line::new(energy(), timing()).expecting(&[4, 5]);
    let outcome = run(&mut line, &mut meter, &[], &[]);
    let Outcome::Answered(answer) = &outcome else { panic!("{outcome:?}") };
    assert!(answer.has_events && answer.payload() == [1, 2, 3, 4] && line.sent.len() == 2);
    // The same with silence instead of a refusal.
    let mut line = Line::new(energy(), timing()).expecting(&[4, 5]);
    let outcome = run(&mut line, &mut meter, &[1], &[]);
    assert!(matches!(&outcome, Outcome::Answered(answer) if answer.has_events), "{outcome:?}");
    // The caller knows that this meter has no more tariffs.
    let now = epoch();
    let rule = LengthRule::Multiple { of: 4, at_least: 1, at_most: 64 };
    let exchange = Exchange::begin(energy(), timing(), now).expecting(rule.clone()).whole_at(4);
    let mut line = Line { exchange, now, coming: vec![], sent: vec![] };
    let outcome = run(&mut line, &mut meter, &[], &[]);
    assert!(matches!(&outcome, Outcome::Answered(answer) if answer.has_events), "{outcome:?}");
    // Nobody knows: nothing is guessed, but the frame and the meter's word are there to see.
    let exchange = Exchange::begin(energy(), timing(), now).expecting(rule);
    let mut line = Line { exchange, now, coming: vec![], sent: vec![] };
    let outcome = run(&mut line, &mut meter, &[], &[]);
    let Outcome::Incomplete { refusal: Some(refusal), report } = &outcome else { panic!("{outcome:?}") };
    assert!(refusal.is_no_data() && !report.frames.is_empty());
    // A long answer of a meter that flags events on its last frame too.
    let (mut meter, request) = record(250);
    meter.flags_events = true;
    let mut line = Line::new(request, timing()).expecting(&[250]);
    let outcome = run(&mut line, &mut meter, &[], &[]);
    assert!(
        matches!(&outcome, Outcome::Answered(answer) if answer.has_events && answer.payload().len() == 250)
    );
}

/// Blocks of any number of tariffs, of some phases, of one of several forms: nobody has said how long the answer is.
// covers [645-2007 4 subsequent]
#[test]
fn f08_a_block_of_a_meter_with_events_is_whole_when_its_identifier_can_have_that_length() {
    let answered = |id: &str, wire: [u8; 4], value: Vec<u8>, lose: &[usize]| {
        let mut meter = Meter::new(METER, &[(&wire, value)]);
        meter.flags_events = true;
        let mut line = Line::new(read(id), with_retries(1));
        run(&mut line, &mut meter, lose, &[])
    };
    for (id, wire, length) in [
        ("0001FF00", [0x00, 0xFF, 0x01, 0x00], 20),
        ("0201FF00", [0x00, 0xFF, 0x01, 0x02], 2),
        ("040005FF", [0xFF, 0x05, 0x00, 0x04], 16),
        ("020A01FF", [0xFF, 0x01, 0x0A, 0x02], 42),
    ] {
        for lose in [&[][..], &[1, 2]] {
            let outcome = answered(id, wire, numbered(length), lose);
            let is_whole = matches!(&outcome, Outcome::Answered(answer) if answer.has_events);
            assert!(is_whole && payload(&outcome) == Some(&numbered(length)[..]), "{id}: {outcome:?}");
        }
    }
    // No length of the identifier, a full frame and then silence, an identifier that says nothing of its length: not believed.
    let energies = [0x00, 0xFF, 0x01, 0x00];
    assert_eq!(answered("0001FF00", energies, numbered(19), &[]).kind(), "incomplete");
    assert_eq!(answered("0001FF00", energies, numbered(300), &[1, 2]).kind(), "incomplete");
    assert_eq!(answered("03300F01", [0x01, 0x0F, 0x30, 0x03], numbered(20), &[]).kind(), "incomplete");
}

// covers [645-1997 3 subsequent]
#[test]
fn f08_the_old_edition_joins_without_numbers() {
    for length in [1, 196, 197, 600] {
        let (mut meter, request) = old_meter(numbered(length), 196);
        let mut line = Line::new(request, timing()).expecting(&[length]);
        let outcome = run(&mut line, &mut meter, &[], &[]);
        assert_eq!(payload(&outcome), Some(&numbered(length)[..]));
        assert!(line.sent.iter().skip(1).all(|(_, request)| model::unframed(request).1 == 0x02));
    }
}

// covers [645-1997 3 re-read]
#[test]
fn f08_the_old_edition_asks_for_the_last_answer_again() {
    // The answer to the second or third request is lost: 03H brings it.
    for lost in [1, 2] {
        let (mut meter, request) = old_meter(numbered(500), 196);
        let mut line = Line::new(request, with_retries(1)).expecting(&[500]);
        let outcome = run(&mut line, &mut meter, &[], &[lost]);
        assert_eq!(payload(&outcome), Some(&numbered(500)[..]), "answer {lost} lost");
        let codes: Vec<u8> = line.sent.iter().map(|(_, request)| model::unframed(request).1).collect();
        assert_eq!(codes, if lost == 1 { [1, 2, 3, 2] } else { [1, 2, 2, 3] });
    }
    // The request is lost: 03H brings the piece before, which is known by being the same, and all starts anew.
    for lost in [1, 2] {
        let (mut meter, request) = old_meter(numbered(500), 196);
        let mut line = Line::new(request, with_retries(1)).expecting(&[500]);
        let outcome = run(&mut line, &mut meter, &[lost], &[]);
        assert_eq!(payload(&outcome), Some(&numbered(500)[..]), "request {lost} lost");
        assert_eq!(line.count(Unfit::Duplicate), 1);
        assert_eq!(line.sent.len(), lost + 2 + 3);
    }
}

#[test]
fn f08_like_pieces_of_the_old_edition_are_never_taken_twice() {
    // All pieces but the last are alike; whatever is lost, the result is whole or nothing.
    let mut value = vec![0; 40];
    value.push(1);
    for lost in 0..6 {
        for is_request in [false, true] {
            let (mut meter, request) = old_meter(value.clone(), 8);
            let mut line = Line::new(request, with_retries(2));
            let lost = [lost];
            let (requests, answers) = if is_request { (&lost[..], &[][..]) } else { (&[][..], &lost[..]) };
            let outcome = run(&mut line, &mut meter, requests, answers);
            assert!(payload(&outcome).is_none_or(|payload| payload == value), "{outcome:?}");
        }
    }
}

#[test]
fn f07_a_duplicate_between_pieces_is_counted_and_not_joined() {
    let (mut meter, request) = old_meter(numbered(500), 196);
    let mut line = Line::new(request, timing()).expecting(&[500]);
    let outcome = line.run(&mut |request, _| {
        let answer = meter.answer(request).unwrap();
        vec![(ms(40), answer.clone()), (ms(50), answer.clone()), (ms(60), answer)]
    });
    assert_eq!(payload(&outcome), Some(&numbered(500)[..]));
    line.rest();
    assert_eq!(line.count(Unfit::Duplicate), 6);
}

#[test]
fn a_piece_under_a_wildcard_is_asked_for_by_name() {
    let (mut meter, _) = record(300);
    let request = Request::read(AddressPattern::ANY, "03300201".parse().unwrap());
    let mut line = Line::new(request, timing());
    let outcome = run(&mut line, &mut meter, &[], &[]);
    assert_eq!(payload(&outcome).map(<[u8]>::len), Some(300));
    let asked: Vec<[u8; 6]> = line.sent.iter().map(|(_, request)| model::unframed(request).0).collect();
    assert_eq!(asked, [[0xAA; 6], METER]);
}
