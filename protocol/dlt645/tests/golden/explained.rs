//! What explaining says of a case: the same as its file, for sound frames, streams and malformed ones.

use dlt645::explain::{self, FramePiece, Piece, ShownValue};

use crate::cases::{Case, Direction, Expect, Refused};

/// A valid frame is one sound piece with every field of its case.
pub(crate) fn check_frame(case: &Case) {
    let name = case.path.display();
    // The tool must find out the edition by itself wherever the bytes tell it.
    let pieces = explain::pieces(&case.wire.0, case.edition_hint.then(|| case.edition()));
    let [Piece::Frame(shown)] = pieces.as_slice() else { panic!("{name}: explained as {pieces:?}") };
    assert!(shown.ok, "{name}: {:?}", shown.error);
    assert_eq!(shown.protocol, format!("dlt645-{}", case.edition), "{name}: protocol");
    let direction = case.direction.map(|direction| match direction {
        Direction::Request => "request",
        Direction::Response => "response",
    });
    assert_eq!(shown.direction, direction, "{name}: direction explained");
    check_fields(case, shown);
    assert_eq!(shown.more, case.expect.more, "{name}: more explained");
    assert_eq!(shown.sequence, case.expect.sequence, "{name}: sequence number explained");
    let Expect { error_byte, error_word, values, .. } = &case.expect;
    let code = shown.error_code.as_ref().map(|code| code.to_uppercase());
    assert_eq!(&code, error_byte.as_ref().map_or(error_word, |_| error_byte), "{name}: refusal explained");
    let is_answer = case.direction == Some(Direction::Response);
    let records = shown.records.iter().flat_map(|record| &record.values);
    let said: Vec<&ShownValue> = shown.values.iter().chain(records).collect();
    for expected in values.iter().filter(|_| is_answer && shown.di.is_some()) {
        let is_said = |value: &ShownValue| match &expected.value {
            Some(text) => value.value.as_ref() == Some(text) && value.unit == expected.unit.as_deref(),
            None => value.value.is_none() && value.absent.is_some(),
        };
        let is_time = said.iter().any(|value| value.at.is_some() && value.at == expected.value)
            || shown.records.iter().any(|record| record.at.is_some() && record.at == expected.value);
        assert!(
            is_time || said.iter().any(|value| is_said(value)),
            "{name}: {expected:?} is not in {said:?}"
        );
    }
    let is_remarked = shown.values.iter().any(|value| value.raw.is_some()) || !shown.notes.is_empty();
    assert!(case.deviation.is_none() || is_remarked, "{name}: the deviation is not remarked");
}

/// A malformed frame is told as one that is not sound, or as no frame at all, with whatever can be read.
pub(crate) fn check_malformed(case: &Case) {
    let name = case.path.display();
    let pieces = explain::pieces(&case.wire.0, None);
    let sound = pieces.iter().any(|piece| matches!(piece, Piece::Frame(frame) if frame.ok));
    assert!(!sound, "{name}: explained as sound");
    let frame = pieces.iter().find_map(|piece| match piece {
        Piece::Frame(frame) => Some(frame),
        Piece::Garbage(_) => None,
    });
    match (case.refused, frame) {
        (Some(Refused::NoFrame), _) => {}
        (_, Some(frame)) => {
            assert!(frame.error.is_some(), "{name}: no reason told");
            check_fields(case, frame);
        }
        (_, None) => panic!("{name}: explained as garbage only"),
    }
}

fn check_fields(case: &Case, shown: &FramePiece) {
    let name = case.path.display();
    assert_eq!(shown.preamble, case.expect.preamble, "{name}: wake-up bytes explained");
    assert_eq!(shown.address, case.expect.address, "{name}: address explained");
    assert_eq!(shown.control, case.expect.control, "{name}: control code explained");
    assert_eq!(shown.di, case.expect.di, "{name}: identifier explained");
}
