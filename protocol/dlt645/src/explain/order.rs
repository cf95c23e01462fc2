//! What is particular about orders: how they are sealed, whether a password is there, when a freeze is taken.

use super::{FramePiece, Note};
use crate::catalog::{self, LengthRule};
use crate::control::{Control, Function};
use crate::data_id::DataId;
use crate::edition::Edition;

/// Bytes of a message authentication code.
pub(super) const MAC_LENGTH: usize = 4;
/// Bytes of an access level and a password.
const PASSWORD_LENGTH: usize = 4;

/// How the data of an order are protected, told by the access level. [645-2007 5]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seal {
    /// Level 98H: cipher text, then a MAC.
    Cipher,
    /// Level 99H: plain data, then a MAC.
    Mac,
}

pub(super) fn seal(edition: Edition, control: Control, data: &[u8]) -> Option<Seal> {
    let place = match (edition, control.is_response(), control.function()) {
        (Edition::E2007, false, Function::WRITE) => edition.data_id_width(),
        (
            Edition::E2007,
            false,
            Function::CLEAR_DEMAND | Function::CLEAR_METER | Function::CLEAR_EVENTS | Function::RELAY,
        ) => 0,
        _ => return None,
    };
    match data.get(place)? {
        0x98 => Some(Seal::Cipher),
        0x99 if control.function() == Function::WRITE => Some(Seal::Mac),
        _ => None,
    }
}

/// False for a write of the 1997 edition whose data are just as long as the identifier wants: some meters take it
/// without a password. [645-1997 3]
pub(super) fn has_password(edition: Edition, control: Control, data: &[u8]) -> bool {
    if edition != Edition::E1997 || control != Control::request(Function::WRITE_1997) {
        return true;
    }
    let Some((id, rest)) = DataId::split(edition, data) else { return true };
    let lengths = catalog::find(id).map(|entry| entry.lengths());
    let fits = |length: usize| lengths == Some(LengthRule::Exactly(length));
    !fits(rest.len()) || rest.len().checked_sub(PASSWORD_LENGTH).is_some_and(fits)
}

/// Remarks that say what the fields of an order amount to.
pub(super) fn remark(edition: Edition, control: Control, data: &[u8], piece: &mut FramePiece) {
    if !has_password(edition, control, data) {
        piece.notes.push(Note::new(
            "written without a password, as some meters allow",
            "写数据未带密码,部分电表允许",
        ));
    }
    if let (Edition::E2007, true, [minute, hour, day, month]) =
        (edition, control == Control::request(Function::FREEZE), data)
    {
        piece.notes.push(freeze(*minute, *hour, *day, *month));
    }
}

/// When a freeze order takes effect; 99 is a wild card. [645-2007 4]
fn freeze(minute: u8, hour: u8, day: u8, month: u8) -> Note {
    match (minute, hour, day, month) {
        (0x99, 0x99, 0x99, 0x99) => Note::new("freeze at once", "瞬时冻结"),
        (_, 0x99, 0x99, 0x99) => Note::new(
            format!("freeze every hour at minute {minute:02X}"),
            format!("每小时{minute:02X}分冻结"),
        ),
        (_, _, 0x99, 0x99) => Note::new(
            format!("freeze every day at {hour:02X}:{minute:02X}"),
            format!("每日{hour:02X}:{minute:02X}冻结"),
        ),
        (_, _, _, 0x99) => Note::new(
            format!("freeze every month on day {day:02X} at {hour:02X}:{minute:02X}"),
            format!("每月{day:02X}日{hour:02X}:{minute:02X}冻结"),
        ),
        _ => Note::new(
            format!("freeze on {month:02X}-{day:02X} at {hour:02X}:{minute:02X}"),
            format!("{month:02X}月{day:02X}日{hour:02X}:{minute:02X}冻结"),
        ),
    }
}
