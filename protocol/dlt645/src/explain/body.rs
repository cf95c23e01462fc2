//! Names every field of one frame.

use super::data::{Part, named_values, understood};
use super::order::{MAC_LENGTH, Seal};
use super::{FramePiece, Note, Shown, hint, order, refusal};
use crate::address::AddressField;
use crate::catalog;
use crate::catalog::Values;
use crate::catalog::body::BodyPart;
use crate::control::{Control, Function};
use crate::data_id::DataId;
use crate::edition::Edition;
use crate::frame::{MAX_DATA, OFFSET, WireFrame};

/// What some meters send unasked; no edition has it.
const METER_REPORT: Control = Control(0x9F);

/// True for an answer that goes on where another ended. [645-2007 4 subsequent] [645-1997 3]
pub(super) fn follows_on(control: Control) -> bool {
    let function = control.function();
    control.is_response()
        && (function == Function::READ_SUBSEQUENT || function == Function::READ_SUBSEQUENT_1997)
}

/// What can be told from the fixed part of a frame that is not sound, and from its identifier if it is there.
pub(super) fn header(bytes: &[u8], edition: Option<Edition>) -> FramePiece {
    let address = bytes.get(1..7).and_then(|address| <[u8; 6]>::try_from(address).ok());
    let control = bytes.get(8).map(|control| Control(*control));
    let plain: Vec<u8> =
        bytes.get(10..).unwrap_or_default().iter().map(|byte| byte.wrapping_sub(OFFSET)).collect();
    // The data without checksum and end byte, as far as they go by the length byte.
    let length = bytes.get(9).map_or(0, |length| usize::from(*length)).min(plain.len());
    let data = plain.get(..length).unwrap_or_default();
    let edition = edition_of(control.unwrap_or(Control(0x11)), data, edition);
    let mut piece = named(edition, address.map(AddressField::from_wire), control);
    piece.length = bytes.len();
    piece.bytes = bytes.to_vec();
    let parts = control.and_then(|control| catalog::body(edition, control, data.len()));
    let has_id = parts.is_some_and(|body| body.parts.first() == Some(&BodyPart::Id))
        || control
            .is_some_and(|control| control.function() == edition.read_function() && !control.is_refusal());
    if let (true, Some((id, _))) = (has_id, DataId::split(edition, data)) {
        identify(id, &mut piece);
    }
    piece
}

/// Notes the identifier and what it is called.
pub(super) fn identify(id: DataId, piece: &mut FramePiece) {
    let entry = catalog::find(id);
    piece.di = Some(id.to_string());
    piece.di_name = entry.map(|entry| entry.name_en());
    piece.di_name_zh = entry.map(|entry| entry.name_zh());
}

/// All of a sound frame.
pub(super) fn sound(frame: &WireFrame<'_>, edition: Option<Edition>) -> FramePiece {
    let mut room = [0; MAX_DATA];
    let data = frame.unmask(&mut room);
    let control = frame.control();
    let edition = edition_of(control, data, edition);
    let mut piece = named(edition, Some(frame.address()), Some(control));
    piece.ok = true;
    piece.length = frame.bytes().len();
    piece.bytes = frame.bytes().to_vec();
    if control.is_response() && control.is_refusal() {
        if data.len() == 2 && catalog::body(edition, control, 2).is_some() {
            parts(edition, control, data, &mut piece);
        }
        refusal::explain(edition, control, data, &mut piece);
    } else {
        parts(edition, control, data, &mut piece);
    }
    order::remark(edition, control, data, &mut piece);
    piece.notes.extend(hint::of_sound(frame, edition, data, &piece));
    piece
}

fn edition_of(control: Control, data: &[u8], given: Option<Edition>) -> Edition {
    Edition::of(control, data).or(given).unwrap_or(Edition::E2007)
}

fn named(edition: Edition, address: Option<AddressField>, control: Option<Control>) -> FramePiece {
    let names = control.map(|control| match control.function().names_in(edition) {
        Some(names) => names,
        None if control == METER_REPORT => ("report of the meter's own accord", "电表主动上报"),
        None => ("maker's own function", "厂家自定义功能"),
    });
    FramePiece {
        protocol: match edition {
            Edition::E1997 => "dlt645-1997",
            Edition::E2007 => "dlt645-2007",
        },
        offset: 0,
        length: 0,
        preamble: 0,
        direction: control.map(|control| if control.is_response() { "response" } else { "request" }),
        address: address.map(|address| address.to_string()),
        control: control.map(|control| control.to_string()),
        function: names.map(|(en, _)| en.to_owned()),
        function_zh: names.map(|(_, zh)| zh.to_owned()),
        ok: false,
        more: control.is_some_and(|control| control.is_response() && control.has_more()),
        sequence: None,
        di: None,
        di_name: None,
        di_name_zh: None,
        values: Vec::new(),
        records: Vec::new(),
        error: None,
        error_zh: None,
        error_code: None,
        notes: Vec::new(),
        bytes: Vec::new(),
    }
}

/// The data part by part, as the table of functions says.
fn parts(edition: Edition, control: Control, data: &[u8], piece: &mut FramePiece) {
    let Some(body) = catalog::body(edition, control, data.len()) else {
        unknown_body(edition, control, data, piece);
        return;
    };
    let mut rest = data;
    let mut id = None;
    if let (Some(BodyPart::Sequence), Some((sequence, front))) = (body.parts.last(), rest.split_last()) {
        piece.sequence = Some(*sequence);
        rest = front;
    }
    let has_authority = order::left_out(edition, control, data).is_none();
    let seal = order::seal(edition, control, data).filter(|_| has_authority);
    let mut is_authorised = false;
    for part in &body.parts {
        match part {
            _ if is_authorised && seal == Some(Seal::Cipher) => {
                raw(core::mem::take(&mut rest), "cipher text and MAC", "密文及MAC", piece);
            }
            BodyPart::Fields(_) if !has_authority => {}
            BodyPart::Id => match DataId::split(edition, rest) {
                Some((found, behind)) => {
                    id = Some(found);
                    identify(found, piece);
                    rest = behind;
                }
                None => {
                    if rest.is_empty() {
                        piece.notes.push(Note::new("no data, not even an identifier", "无数据域,缺数据标识"));
                    }
                    raw(rest, "data too short for an identifier", "数据不足,缺数据标识", piece);
                    return;
                }
            },
            BodyPart::Content | BodyPart::Write => {
                let is_write = *part == BodyPart::Write;
                let part = match (follows_on(control), piece.more) {
                    (true, _) => Part::FollowOn,
                    (false, true) => Part::First,
                    (false, false) => Part::Whole,
                };
                let (own, mac) = match (seal, rest.split_last_chunk::<MAC_LENGTH>()) {
                    (Some(Seal::Mac), Some((own, mac))) => (own, mac.as_slice()),
                    _ => (rest, [].as_slice()),
                };
                if let Some(id) = id {
                    content(id, own, is_write, part, piece);
                }
                raw(mac, "MAC", "MAC", piece);
                rest = &[];
            }
            BodyPart::Fields(layout) => {
                let Some((own, behind)) = rest.split_at_checked(layout.fixed) else {
                    raw(rest, "data too short", "数据不足", piece);
                    return;
                };
                piece.values.extend(named_values(Values::of_layout(None, layout, own)));
                is_authorised = true;
                rest = behind;
            }
            BodyPart::Rest if !rest.is_empty() => {
                raw(core::mem::take(&mut rest), "bytes without a known layout", "未知格式数据", piece);
            }
            BodyPart::Rest | BodyPart::Sequence => {}
        }
    }
}

/// Data where the function has no table line of that length.
fn unknown_body(edition: Edition, control: Control, data: &[u8], piece: &mut FramePiece) {
    if data.is_empty() {
        return;
    }
    if control.function().names_in(edition).is_some() {
        let (id_first, reads) = (DataId::split(edition, data), control.function());
        let carries_id = [Function::READ, Function::READ_SUBSEQUENT, Function::READ_SUBSEQUENT_1997];
        if let (true, Some((id, rest))) = (carries_id.contains(&reads), id_first) {
            identify(id, piece);
            raw(rest, "bytes that do not belong here", "多余数据", piece);
            return;
        }
        raw(data, "data of an unusual length", "数据长度异常", piece);
        return;
    }
    raw(data, "data of a maker's own function", "厂家自定义数据", piece);
}

pub(super) fn raw(bytes: &[u8], name: &str, name_zh: &str, piece: &mut FramePiece) {
    let mut shown = Shown::default();
    shown.raw(bytes, name, name_zh);
    piece.values.extend(shown.values);
}

/// What stands under an identifier.
fn content(id: DataId, data: &[u8], is_write: bool, part: Part, piece: &mut FramePiece) {
    let shown = understood(id, data, is_write, part);
    piece.values.extend(shown.values);
    piece.records.extend(shown.records);
    piece.notes.extend(shown.notes);
}

/// Joins follow-on frames to the answer they belong to and reads the whole under the last of them.
/// [645-2007 4 subsequent]
pub(super) fn join(frames: &[&FramePiece]) -> Option<FramePiece> {
    let last = frames.last()?;
    let mut data = Vec::new();
    let mut id = None;
    for frame in frames {
        let wire = WireFrame::parse(&frame.bytes).ok()?;
        let mut room = [0; MAX_DATA];
        let plain = wire.unmask(&mut room);
        let edition = edition_of(wire.control(), plain, None);
        let (own, mut rest) = DataId::split(edition, plain)?;
        if frame.sequence.is_some() {
            rest = rest.split_last()?.1;
        }
        id = Some(own);
        data.extend_from_slice(rest);
    }
    let mut whole =
        FramePiece { values: Vec::new(), records: Vec::new(), notes: Vec::new(), ..(*last).clone() };
    content(id?, &data, false, Part::Whole, &mut whole);
    whole.notes.push(Note::new(
        format!("the values are those of {} frames joined", frames.len()),
        format!("数值由{}帧拼接解析", frames.len()),
    ));
    Some(whole)
}
