//! Names what a refusal says.

use super::body::{identify, raw};
use super::{FramePiece, hex};
use crate::catalog;
use crate::control::{Control, Function};
use crate::data_id::DataId;
use crate::edition::Edition;

/// The error byte, or the two-byte error word of an order or of authentication: a set of bits. A refusal of another
/// length stays one, without a reason.
pub(super) fn explain(edition: Edition, control: Control, data: &[u8], piece: &mut FramePiece) {
    // Some makers put the identifier in front of the error byte.
    let data = match (control.function() == edition.read_function(), DataId::split(edition, data)) {
        (true, Some((id, error @ [_]))) => {
            identify(id, piece);
            error
        }
        _ => data,
    };
    let word = match (edition, control.function(), data) {
        (Edition::E1997, _, [_]) => "err_1997",
        (Edition::E2007, _, [_]) => "err_2007",
        (Edition::E2007, Function::RELAY, [_, _]) => "relay_error",
        (Edition::E2007, Function::SECURITY, [_, _]) => "serr",
        _ => {
            piece.error = Some("refused, the reason cannot be read".to_owned());
            piece.error_zh = Some("拒绝,原因无法识别".to_owned());
            raw(data, "error byte of an unusual length", "错误信息字长度异常", piece);
            return;
        }
    };
    let bits = data.iter().rev().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let fields = catalog::bit_fields_of(word).unwrap_or_default();
    let set = (0..16).filter(|bit| bits >> bit & 1 == 1);
    let (en, zh): (Vec<String>, Vec<String>) = set
        .map(|bit| match fields.iter().find(|field| field.bit == bit) {
            Some(field) => (field.name_en.to_owned(), field.name_zh.to_owned()),
            None => (format!("reserved bit {bit}"), format!("保留位{bit}")),
        })
        .unzip();
    let or =
        |names: Vec<String>, none: &str| if names.is_empty() { none.to_owned() } else { names.join("; ") };
    piece.error = Some(or(en, "refused without a reason"));
    piece.error_zh = Some(or(zh, "拒绝,未说明原因"));
    piece.error_code = Some(hex(&data.iter().rev().copied().collect::<Vec<u8>>()));
}
