//! Passwords and operator codes inside a terminal's frame, and the checksums that would betray them (T24).

use std::ops::Range;

use dlt645::explain::{self, Note, Piece, ShownValue};
use gdw1376::explain::{FramePiece, Line};

use crate::link::secrets;

/// What is shown instead.
const COVER: &str = "**";
/// Why, in both languages.
const UNSHOWN: (&str, &str) = ("not shown", "不显示");
/// A checksum told wrong would betray what is covered.
const WRONG_SUM: (&str, &str) =
    ("checksum does not fit; it is covered with the password", "校验和不符(随密码一并隐去)");

/// Covers the secrets of a meter's frame; returns their places in its bytes.
pub(crate) fn meter(piece: &mut Piece) -> Vec<Range<usize>> {
    let Piece::Frame(frame) = piece else { return Vec::new() };
    let places = places(frame);
    if places.is_empty() {
        return places;
    }
    for value in frame.values.iter_mut().filter(|value| is_secret(&value.name)) {
        cover_value(value);
    }
    for note in frame.notes.iter_mut().filter(|note| note.en.starts_with("checksum is")) {
        *note = Note { en: WRONG_SUM.0.to_owned(), zh: WRONG_SUM.1.to_owned() };
    }
    places
}

/// Covers the secrets of a terminal's frame beside those of the frames it carries; returns the places of all.
pub(crate) fn terminal(piece: &mut FramePiece, inner: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut places = inner;
    for line in &piece.lines {
        let span = line.offset..line.offset + line.length;
        if is_secret(&line.name) {
            places.push(span);
        } else if OPAQUE.contains(&line.name.as_str()) {
            let bytes = piece.bytes.get(span).unwrap_or_default();
            places
                .extend(of_opaque(bytes).into_iter().map(|it| it.start + line.offset..it.end + line.offset));
        }
    }
    places.retain(|place| !place.is_empty());
    if places.is_empty() {
        return places;
    }
    if let Some(sum) = piece.lines.iter().find(|line| line.name == "checksum").map(|line| line.offset) {
        places.push(sum..sum + 1);
    }
    let bytes = &piece.bytes;
    for line in &mut piece.lines {
        cover_line(line, bytes, &places);
    }
    if piece.error_kind == Some("checksum") {
        (piece.error, piece.error_zh) = (Some(WRONG_SUM.0.to_owned()), Some(WRONG_SUM.1.to_owned()));
    }
    places
}

/// Hexadecimal digits, small letters, nothing between; `**` at the places that are not shown.
pub(crate) fn hex(bytes: &[u8], offset: usize, places: &[Range<usize>]) -> String {
    let is_covered = |at: usize| places.iter().any(|place| place.contains(&(at + offset)));
    let shown =
        |(at, byte): (usize, &u8)| if is_covered(at) { COVER.to_owned() } else { format!("{byte:02x}") };
    bytes.iter().enumerate().map(shown).collect()
}

/// Lines of bytes whose meaning is not known.
const OPAQUE: [&str; 2] = ["bytes", "not taken apart"];

fn is_secret(name: &str) -> bool {
    name.contains("password")
        || name.ends_with(" PW")
        || name.ends_with("access level")
        || name == "operator code"
}

fn cover_value(value: &mut ShownValue) {
    value.value = Some(COVER.to_owned());
    value.raw = None;
    value.absent = None;
    value.absent_zh = None;
    value.bits.clear();
}

fn cover_line(line: &mut Line, bytes: &[u8], places: &[Range<usize>]) {
    let span = line.offset..line.offset + line.length;
    if !places.iter().any(|place| place.start < span.end && span.start < place.end) {
        return;
    }
    if line.is_meter_frame || OPAQUE.contains(&line.name.as_str()) {
        line.value = Some(hex(bytes.get(span).unwrap_or_default(), line.offset, places));
    } else {
        line.value = None;
        (line.meaning, line.meaning_zh) = (UNSHOWN.0.to_owned(), UNSHOWN.1.to_owned());
    }
}

/// What looks like a meter's frame among bytes that could not be taken apart.
fn of_opaque(bytes: &[u8]) -> Vec<Range<usize>> {
    let pieces = explain::pieces(bytes, None);
    let frames = pieces.iter().filter_map(|piece| match piece {
        Piece::Frame(frame) => Some(frame),
        Piece::Garbage(_) => None,
    });
    let moved = |offset: usize| move |place: Range<usize>| place.start + offset..place.end + offset;
    frames.flat_map(|frame| places(frame).into_iter().map(moved(frame.offset))).collect()
}

/// The secret places of a meter's frame: passwords, operator codes, and the checksum.
fn places(frame: &explain::FramePiece) -> Vec<Range<usize>> {
    let own = Piece::Frame(Box::new(explain::FramePiece { offset: 0, ..frame.clone() }));
    let length = frame.bytes.len();
    let places = secrets(&frame.bytes, &[own]).into_iter();
    places.map(|place| place.start..place.end.min(length)).filter(|place| !place.is_empty()).collect()
}
