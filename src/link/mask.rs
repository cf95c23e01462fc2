//! Hexadecimal text of what passed over a line, with passwords and operator codes covered (T24).

use std::ops::Range;

use dlt645::control::Control;
use dlt645::edition::Edition;
use dlt645::explain::Piece;
use dlt645::password::secret_places;

/// Bytes as text; where `places` say so, `**` instead.
#[must_use]
pub fn hex_without(bytes: &[u8], places: &[Range<usize>]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 {
            text.push(' ');
        }
        if places.iter().any(|place| place.contains(&at)) {
            text.push_str("**");
        } else {
            text.push_str(&format!("{byte:02X}"));
        }
    }
    text
}

/// The places of `bytes` that hold passwords and operator codes, and the checksums that would betray them; `pieces` is what the bytes were
/// found to be.
#[must_use]
pub fn secrets(bytes: &[u8], pieces: &[Piece]) -> Vec<Range<usize>> {
    let frames = pieces.iter().filter_map(|piece| match piece {
        Piece::Frame(frame) => Some(frame.offset),
        Piece::Garbage(_) => None,
    });
    frames.flat_map(|offset| of_frame(bytes, offset)).collect()
}

/// The secret places of the frame at `offset`, sound or not.
fn of_frame(bytes: &[u8], offset: usize) -> Vec<Range<usize>> {
    let frame = bytes.get(offset..).unwrap_or_default();
    let (Some(control), Some(length)) = (frame.get(CONTROL_AT), frame.get(CONTROL_AT + 1)) else {
        return Vec::new();
    };
    let (control, length) = (Control(*control), usize::from(*length));
    let data: Vec<u8> = frame.iter().skip(DATA_AT).take(length).map(|byte| byte.wrapping_sub(0x33)).collect();
    let editions =
        Edition::of(control, &data).map_or_else(|| vec![Edition::E2007, Edition::E1997], |it| vec![it]);
    let places = editions.into_iter().flat_map(|edition| secret_places(edition, control, &data));
    let mut places: Vec<Range<usize>> = places
        .filter(|place| !place.is_empty())
        .map(|place| place.start + DATA_AT + offset..place.end + DATA_AT + offset)
        .collect();
    if !places.is_empty() {
        let checksum = offset + DATA_AT + length;
        places.push(checksum..checksum + 1);
    }
    places
}

const CONTROL_AT: usize = 8;
const DATA_AT: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use dlt645::explain::pieces;

    #[test]
    fn t24_a_password_an_operator_code_and_their_checksum_are_covered_and_nothing_else() {
        // Trip, password 000000 of level 02.
        let trip =
            "FE FE 68 12 90 78 56 34 12 68 1C 10 35 33 33 33 33 33 33 33 4D 33 33 78 4A 54 44 59 B2 16";
        let bytes: Vec<u8> = trip.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        let places = secrets(&bytes, &pieces(&bytes, None));
        assert_eq!(
            hex_without(&bytes, &places),
            "FE FE 68 12 90 78 56 34 12 68 1C 10 ** ** ** ** ** ** ** ** 4D 33 33 78 4A 54 44 59 ** 16"
        );
        // Cut short, so that it is no sound frame.
        let cut = &bytes[..16];
        let shown = hex_without(cut, &secrets(cut, &pieces(cut, None)));
        assert!(shown.ends_with("1C 10 ** ** ** **"), "{shown}");
        // A password of level 02 that is written as a value.
        let write = "68 12 90 78 56 34 12 68 14 10 36 3F 33 37 35 33 33 33 AB 89 67 45 35 99 88 77 14 16";
        let bytes: Vec<u8> = write.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        let covered = "** ".repeat(13);
        assert_eq!(
            hex_without(&bytes, &secrets(&bytes, &pieces(&bytes, None))),
            format!("68 12 90 78 56 34 12 68 14 10 36 3F 33 37 {covered}16")
        );
        let read = [0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, 0x11, 0x04, 0x33, 0x33, 0x34, 0x33, 0x68];
        assert!(secrets(&read, &pieces(&read, None)).is_empty());
    }
}
