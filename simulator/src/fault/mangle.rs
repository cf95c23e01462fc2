//! Faults of the bytes of one answer: each takes the bytes as they would be sent and changes them.

use dlt645::frame::{END, OVERHEAD, START, WAKE_UP, WireFrame, checksum};

use super::draw::Draw;

/// Where the frame begins behind its wake-up bytes.
fn frame_at(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| **byte == WAKE_UP).count()
}

/// Keeps the start byte and at least drops the end byte.
pub(super) fn cut(bytes: &mut Vec<u8>, draw: &mut Draw) {
    let begin = frame_at(bytes);
    let kept = draw.between(begin + 1, bytes.len().saturating_sub(1));
    bytes.truncate(kept);
}

pub(super) fn noise_before(bytes: &mut Vec<u8>, draw: &mut Draw) {
    insert(bytes, 0, &noise(draw));
}

pub(super) fn noise_behind(bytes: &mut Vec<u8>, draw: &mut Draw) {
    bytes.extend(noise(draw));
}

pub(super) fn noise_within(bytes: &mut Vec<u8>, draw: &mut Draw) {
    let place = draw.between(frame_at(bytes) + 1, bytes.len().saturating_sub(1));
    insert(bytes, place, &noise(draw));
}

/// Flips one to three bits of the frame; of several that would make up for each other only the first.
pub(super) fn flip(bytes: &mut [u8], draw: &mut Draw) {
    let begin = frame_at(bytes);
    let first = draw.between(begin, bytes.len().saturating_sub(1));
    flip_bit(bytes, first, draw);
    let with_one = bytes.to_vec();
    for _ in 0..draw.below(3) {
        let place = draw.between(begin, bytes.len().saturating_sub(1));
        flip_bit(bytes, place, draw);
    }
    if WireFrame::parse(bytes.get(begin..).unwrap_or_default()).is_ok() {
        bytes.copy_from_slice(&with_one);
    }
}

/// Flips a bit of address, control code, length or data and mends the checksum.
pub(super) fn flip_mended(bytes: &mut [u8], draw: &mut Draw) {
    let begin = frame_at(bytes);
    let frame = bytes.get_mut(begin..).unwrap_or_default();
    let Some(data) = frame.len().checked_sub(OVERHEAD) else { return };
    // Of the 8 + data bytes that are no start byte, checksum or end byte.
    let place = draw.below(8 + data);
    let place = if place < 6 { place + 1 } else { place + 2 };
    flip_bit(frame, place, draw);
    let (summed, rest) = frame.split_at_mut(data + 10);
    if let Some(sum) = rest.first_mut() {
        *sum = checksum(summed);
    }
}

pub(super) fn lose_byte(bytes: &mut Vec<u8>, draw: &mut Draw) {
    let place = draw.between(frame_at(bytes), bytes.len().saturating_sub(1));
    if place < bytes.len() {
        bytes.remove(place);
    }
}

pub(super) fn double_start(bytes: &mut Vec<u8>) {
    insert(bytes, frame_at(bytes), &[START]);
}

pub(super) fn stray_end(bytes: &mut Vec<u8>, draw: &mut Draw) {
    let place = if draw.coin() { frame_at(bytes) } else { bytes.len() };
    insert(bytes, place, &[END]);
}

/// The same answer as another meter would give it: another address, other data, a right checksum.
pub(super) fn of_another(bytes: &[u8], draw: &mut Draw) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let begin = frame_at(&bytes);
    let frame = bytes.get_mut(begin..).unwrap_or_default();
    if let Some(digits) = frame.get_mut(1) {
        *digits = if *digits == 0x01 { 0x02 } else { 0x01 };
    }
    let Some(summed) = frame.len().checked_sub(2) else { return bytes };
    let (summed, rest) = frame.split_at_mut(summed);
    if let Some(last) = summed.get_mut(10..).and_then(<[u8]>::last_mut) {
        // Another digit on the wire: 33H to 3CH.
        *last = 0x33 + u8::try_from(draw.below(9)).unwrap_or_default();
    }
    if let Some(sum) = rest.first_mut() {
        *sum = checksum(summed);
    }
    bytes
}

/// One to sixteen bytes of anything.
fn noise(draw: &mut Draw) -> Vec<u8> {
    let length = draw.between(1, 16);
    draw.bytes(length)
}

fn flip_bit(bytes: &mut [u8], place: usize, draw: &mut Draw) {
    let bit = draw.below(8);
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 1 << bit;
    }
}

fn insert(bytes: &mut Vec<u8>, place: usize, more: &[u8]) {
    let place = place.min(bytes.len());
    bytes.splice(place..place, more.iter().copied());
}
