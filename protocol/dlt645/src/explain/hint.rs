//! What may have gone wrong: a wrong parity setting, 33H forgotten, an address turned round.

use super::{FramePiece, Note, Piece};
use crate::address::AddressField;
use crate::catalog;
use crate::data_id::DataId;
use crate::edition::Edition;
use crate::frame::{END, START, WireFrame};

/// Hints on a sound frame whose content is strange.
pub(super) fn of_sound(
    frame: &WireFrame<'_>,
    edition: Edition,
    data: &[u8],
    piece: &FramePiece,
) -> Vec<Note> {
    let mut notes = Vec::new();
    let known = |data: &[u8]| DataId::split(edition, data).is_some_and(|(id, _)| catalog::find(id).is_some());
    let strange = |data: &[u8]| match (edition, data) {
        (Edition::E2007, [_, _, _, class, ..]) => *class > 0x21,
        (Edition::E1997, [_, class, ..]) => !(0x90..=0xEF).contains(class),
        _ => false,
    };
    if piece.di.is_some() && strange(data) && known(frame.masked()) {
        notes.push(Note::new(
            "33H seems not to have been added to the data: without taking it off they make sense",
            "数据域似乎未加33H:不减33H时数据标识有效",
        ));
    }
    if let (Some(given), 6) = (piece.values.first().and_then(|value| value.value.as_deref()), data.len()) {
        let address = frame.address();
        let turned = address.reversed().to_string() == given && address.reversed() != address;
        if turned && piece.values.iter().any(|value| value.name == "communication address") {
            notes.push(Note::new(
                "the address in the data is the one in the frame turned round: one of them is in the wrong byte order",
                "数据中的地址与帧地址字节顺序相反:其一字节序有误",
            ));
        }
    }
    if piece.ok && piece.direction == Some("response") && frame.address() == AddressField::BROADCAST {
        notes.push(Note::new("an answer under the broadcast address", "应答使用了广播地址"));
    }
    if data.len() == 2
        && frame.control().function() == crate::control::Function::READ
        && !frame.control().is_response()
    {
        notes.push(Note::new(
            "two data bytes under 11H: an identifier of the 1997 edition, which is read with 01H",
            "11H下仅两字节数据:疑为1997版数据标识,应使用01H",
        ));
    }
    notes
}

/// Hints on a frame that is not sound.
pub(super) fn of_broken(bytes: &[u8]) -> Vec<Note> {
    let mut notes = Vec::new();
    if let Some(note) = parity(bytes) {
        notes.push(note);
    }
    notes
}

/// Hints on bytes of no frame.
pub(super) fn of_garbage(bytes: &[u8]) -> Vec<Note> {
    let mut notes = Vec::new();
    if let Some(note) = parity(bytes) {
        notes.push(note);
    } else if let Some(note) = misplaced_start(bytes) {
        notes.push(note);
    }
    notes
}

/// A second 68H one place off: an address with a byte too many or too few.
fn misplaced_start(bytes: &[u8]) -> Option<Note> {
    let begin = bytes.iter().position(|byte| *byte == START)?;
    let frame = bytes.get(begin..)?;
    let mut mended = frame.to_vec();
    if let Some(second) = mended.get_mut(7) {
        let found = core::mem::replace(second, START);
        // Whatever the damaged start byte was, the sender's checksum counted 68H.
        if WireFrame::parse(&mended).is_ok() {
            return Some(Note::new(
                format!("the second start byte is {found:02X}, should be 68; all else fits"),
                format!("第二个起始符为{found:02X},应为68,其余均符合"),
            ));
        }
    }
    if frame.get(8) == Some(&START) {
        return Some(Note::new("the address has one byte too many", "地址域多一字节"));
    }
    (frame.get(6) == Some(&START)).then(|| Note::new("the address has one byte too few", "地址域少一字节"))
}

/// Without its top bits this is a frame, and some top bits are wrong: the port that read it had no parity set.
fn parity(bytes: &[u8]) -> Option<Note> {
    let low = |byte: u8| byte & 0x7F;
    let starts = (0..bytes.len()).filter_map(|begin| bytes.get(begin..));
    let mut frames = starts.filter(|frame| {
        let two = [frame.first(), frame.get(7)].map(|byte| byte.copied().unwrap_or_default());
        two.map(low) == [START; 2] && two != [START; 2]
    });
    let frame = frames.next()?;
    let length = usize::from(low(*frame.get(9)?));
    let end = *frame.get(11 + length)?;
    (low(end) == END).then(|| {
        Note::new(
            "without their top bits these bytes are a frame: set the port to even parity (8E1)",
            "去掉最高位后为完整帧:请将串口设为偶校验(8E1)",
        )
    })
}

/// Hints that need more than one frame: the answer's address is the request's turned round.
pub(super) fn across(pieces: &mut [Piece]) {
    let mut asked: Option<String> = None;
    for piece in pieces {
        let Piece::Frame(frame) = piece else { continue };
        let address = frame.address.clone();
        if frame.direction == Some("request") {
            asked = address;
            continue;
        }
        let (Some(asked), Some(given)) = (asked.take(), address) else { continue };
        if asked != given && turned(&asked) == given {
            frame.notes.push(Note::new(
                "the address is the asked one turned round: one side has the wrong byte order",
                "地址与请求的字节顺序相反:其中一方字节序有误",
            ));
        }
    }
}

/// Twelve digits with their pairs in the opposite order.
fn turned(address: &str) -> String {
    let pairs: Vec<&str> = (0..6).filter_map(|place| address.get(place * 2..place * 2 + 2)).collect();
    pairs.into_iter().rev().collect()
}
