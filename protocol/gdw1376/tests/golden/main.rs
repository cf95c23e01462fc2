//! Walks over the golden cases below `fixtures/`: what each frame says, the same bytes again, and faults of the stream on
//! every one of them.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a case that does not hold must end its test")]

mod cases;

use std::collections::BTreeMap;

use cases::{Case, hex, load};
use gdw1376::decoder::{Decoder, Dropped};
use gdw1376::dlt698;
use gdw1376::explain::{self, Piece};
use gdw1376::frame::{Frame, START, WAKE_UP};
use gdw1376::message::Message;
use gdw1376::unit;

// covers [1376 9] [1376 10] [1376 1.2]
#[test]
fn golden_frames_say_what_their_case_says() {
    let mut counts = BTreeMap::new();
    let mut values = 0;
    for case in load("gdw1376") {
        check_form(&case);
        let bytes = case.frame();
        let frame = Frame::parse(bytes).unwrap_or_else(|fault| panic!("{}: {fault}", case.name));
        check_head(&case, &frame);
        let message = Message::of(&frame).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        values += check_units(&case, &message);
        check_auxiliary(&case, &message);
        if case.unsent {
            assert_eq!(message.to_bytes().unwrap_err().kind(), "length_code", "{}", case.name);
        } else {
            assert_eq!(message.to_bytes().unwrap(), bytes, "{}: other bytes when written again", case.name);
        }
        let (found, dropped) = frames(&[&case.wire.0]);
        assert_eq!(found, [bytes], "{}: what the decoder finds", case.name);
        let wake_up_bytes = u64::try_from(case.expect.preamble).unwrap();
        assert_eq!(dropped, Dropped { wake_up_bytes, ..Dropped::default() }, "{}", case.name);
        *counts.entry(case.folder()).or_insert(0) += 1;
    }
    println!("frames: {}, values: {values}: {counts:?}", counts.values().sum::<usize>());
    assert!(counts.values().sum::<usize>() >= 68 && counts.len() >= 12, "{counts:?}");
    assert!(values >= 287, "{values}");
}

#[test]
fn malformed_cases_are_refused_for_the_stated_reason() {
    for case in load("gdw1376-malformed") {
        let fault = Frame::parse(&case.wire.0).unwrap_err();
        assert_eq!(Some(fault.kind()), case.refused.as_deref(), "{}: {fault}", case.name);
        assert_eq!(frames(&[&case.wire.0]).0, [[0; 0]; 0], "{}", case.name);
        let pieces = explain::pieces(&case.wire.0);
        assert!(matches!(&pieces[..], [Piece::Frame(frame)] if !frame.ok), "{}: {pieces:?}", case.name);
    }
}

#[test]
fn streams_give_exactly_their_frames() {
    for case in load("gdw1376-streams") {
        let expected: Vec<&[u8]> = case.frames.iter().map(|frame| &frame.0[..]).collect();
        assert!(!expected.is_empty(), "{}", case.name);
        assert_eq!(frames(&[&case.wire.0]).0, expected, "{}", case.name);
        let bytewise: Vec<&[u8]> = case.wire.0.chunks(1).collect();
        assert_eq!(frames(&bytewise).0, expected, "{} byte by byte", case.name);
    }
}

// covers [1376 11]
#[test]
fn frames_of_the_other_protocol_are_told_apart() {
    let cases = load("dlt698");
    assert_eq!(cases.len(), 23);
    for case in &cases {
        let frame =
            dlt698::Frame::parse(&case.wire.0).unwrap_or_else(|fault| panic!("{}: {fault}", case.name));
        assert_eq!(Some(frame.server.to_string()), case.expect.address, "{}", case.name);
        assert_eq!(Some(frame.control.to_string()), case.expect.control, "{}", case.name);
        assert_eq!(Some(hex(&frame.plain_link())), case.expect.link.as_ref().map(|link| hex(&link.0)));
        assert!(frame.service().and_then(dlt698::Service::names).is_some(), "{}", case.name);
        assert_eq!(frame.to_bytes().as_ref(), Some(&case.wire.0), "{}", case.name);
        assert!(frames(&[&case.wire.0]).0.is_empty(), "{}: taken for the wrong protocol", case.name);
        let pieces = explain::pieces(&case.wire.0);
        let named = matches!(&pieces[..], [Piece::Frame(frame)] if frame.protocol == "dlt698.45" && frame.ok);
        assert!(named, "{}: {pieces:?}", case.name);
    }
    for case in load("gdw1376") {
        assert!(dlt698::Frame::parse(case.frame()).is_err(), "{}", case.name);
    }
}

#[test]
fn noise_around_a_golden_frame_never_loses_it() {
    let noises: [&[u8]; 5] = [
        b"+++\r\nOK\r\n",
        &[START],
        &[WAKE_UP, WAKE_UP, 0xAA],
        &[START, 0x32, 0x00, 0x32, 0x00, START, 0xC9],
        &[START, 0xFE, 0x03, 0xFE, 0x03, START, START, 0x16],
    ];
    for case in load("gdw1376") {
        for noise in noises {
            let (found, _) = frames(&[noise, case.frame(), noise]);
            assert_eq!(found, [case.frame()], "{} in noise {noise:02X?}", case.name);
        }
    }
}

#[test]
fn no_prefix_of_a_golden_frame_is_a_frame() {
    for case in load("gdw1376") {
        for cut in 0..case.frame().len() {
            let (found, counts) = frames(&[&case.frame()[..cut]]);
            assert_eq!(found, [[0; 0]; 0], "{} cut after {cut} bytes", case.name);
            let all = u64::try_from(cut).unwrap();
            assert_eq!(counts.noise_bytes + counts.wake_up_bytes, all, "{}", case.name);
        }
    }
}

#[test]
fn golden_frames_doubled_glued_and_behind_a_cut_one() {
    let all = load("gdw1376");
    for (case, other) in all.iter().zip(all.iter().cycle().skip(1)) {
        let (frame, other, name) = (case.frame(), other.frame(), &case.name);
        assert_eq!(frames(&[&[frame, other, frame].concat()]).0, [frame, other, frame], "{name} glued");
        let (cut, _) = frame.split_at(frame.len() / 2);
        assert_eq!(frames(&[&[cut, other].concat()]).0, [other], "{name} cut, another behind");
        let mut bad = frame.to_vec();
        let sum = bad.len() - 2;
        bad[sum] = bad[sum].wrapping_add(1);
        assert_eq!(frames(&[&[&bad, other].concat()]).0, [other], "{name} bad, another behind");
    }
}

/// All frames of `pieces`, handed over one after the other before the line goes quiet, and what was dropped.
fn frames(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Dropped) {
    let mut decoder = Decoder::new();
    let mut found = Vec::new();
    for piece in pieces {
        let mut rest = *piece;
        while let Some(frame) = decoder.next_frame(&mut rest) {
            found.push(frame.wire.to_vec());
        }
    }
    while let Some(frame) = decoder.quiet() {
        found.push(frame.wire.to_vec());
    }
    (found, decoder.dropped())
}

/// What must hold for the file of a valid frame whatever its bytes are.
fn check_form(case: &Case) {
    let name = &case.name;
    assert!(case.frames.is_empty() && case.refused.is_none(), "{name}: of another kind");
    assert!(case.source.starts_with("captured: ") || case.source.starts_with("made: "), "{name}: source");
    assert!(!case.about.is_empty() && !case.about.ends_with('.'), "{name}: about");
}

fn check_head(case: &Case, frame: &Frame<'_>) {
    let (name, expect) = (&case.name, &case.expect);
    assert_eq!(Some(format!("{:02b}", frame.code.bits())), expect.code, "{name}: length code");
    assert_eq!(Some(frame.address.terminal.to_string()), expect.address, "{name}: address");
    assert_eq!(Some(format!("{:02X}", frame.address.a3)), expect.a3, "{name}: A3");
    assert_eq!(Some(frame.control.to_string()), expect.control, "{name}: control");
    assert_eq!(Some(frame.afn.to_string()), expect.afn, "{name}: function");
    assert_eq!(Some(frame.seq.to_string()), expect.seq, "{name}: sequence");
    let direction = if frame.control.is_uplink() { "response" } else { "request" };
    assert_eq!(case.direction.as_deref(), Some(direction), "{name}: direction");
    assert_eq!(
        frame.address.terminal.to_string().parse(),
        Ok(frame.address.terminal),
        "{name}: address again"
    );
}

fn check_auxiliary(case: &Case, message: &Message<'_>) {
    let (name, expect, auxiliary) = (&case.name, &case.expect, message.auxiliary);
    assert_eq!(auxiliary.password.map(hex), expect.password, "{name}: password");
    assert_eq!(
        auxiliary.events.map(|events| [events.important, events.ordinary]),
        expect.events,
        "{name}: EC"
    );
    let tag = auxiliary.tag.map(|tag| format!("{} {} +{}", tag.counter, tag.sent, tag.delay_minutes));
    assert_eq!(tag, expect.tag, "{name}: Tp");
}

/// The data units, and how the explanation shows their values; gives how many there are.
fn check_units(case: &Case, message: &Message<'_>) -> usize {
    let name = &case.name;
    let cut = unit::cut(message);
    let found: Vec<_> = cut
        .units
        .iter()
        .map(|unit| {
            let values = unit.values.iter().map(|decoded| format!("{} {}", decoded.field.key, decoded.value));
            let point =
                unit.point.map_or_else(|| unit.identifier.points.to_string(), |point| point.to_string());
            (point, unit.function.unwrap().to_string(), values.collect::<Vec<_>>())
        })
        .collect();
    let expected: Vec<_> = case
        .expect
        .units
        .iter()
        .map(|unit| (unit.point.clone(), unit.function.clone(), unit.values.clone()))
        .collect();
    assert_eq!(found, expected, "{name}: units");
    assert_eq!(cut.rest.map(|rest| rest.why.kind().to_owned()), case.expect.stop, "{name}: stop");
    assert_eq!(cut.rest.map(|rest| hex(rest.bytes)), case.expect.rest, "{name}: rest");
    let pieces = explain::pieces(&case.wire.0);
    let [Piece::Frame(frame)] = &pieces[..] else { panic!("{name}: {pieces:?}") };
    assert!(frame.ok && frame.preamble == case.expect.preamble, "{name}: {frame:?}");
    let values: usize = found.iter().map(|(.., values)| values.len()).sum();
    let is_event = message.afn == gdw1376::afn::Afn::CLASS_3;
    let shown = frame.lines.iter().filter(|line| line.level > 0 && line.name != "not taken apart").count();
    assert!(shown == values || is_event && shown >= values, "{name}: {shown} of {values} values are shown");
    values
}
