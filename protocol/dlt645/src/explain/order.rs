//! What is particular about orders: how they are sealed, whether a password is there, when a freeze is taken.

use super::{FramePiece, Note};
use crate::catalog::{self, Absence, LengthRule};
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

/// What should stand between the identifier of an order and its data, and does not: the data are just as long as the identifier
/// wants. Some meters of 1997 take a write so [645-1997 3]; one library leaves the operator code out. [645-2007 4]
pub(super) fn left_out(edition: Edition, control: Control, data: &[u8]) -> Option<LeftOut> {
    let order = match (edition, control.is_response(), control.function()) {
        (Edition::E1997, false, Function::WRITE_1997) => LeftOut::Password,
        (Edition::E2007, false, Function::WRITE) => LeftOut::Authority,
        (Edition::E2007, false, Function::SECURITY) => LeftOut::Operator,
        _ => return None,
    };
    let (id, rest) = DataId::split(edition, data)?;
    let entry = catalog::find(id)?;
    let wanted = match (order, entry.lengths()) {
        // The column of class 07 is the length of the request.
        (LeftOut::Operator, _) => entry.row.bytes.parse().ok()?,
        (_, LengthRule::Exactly(length)) if length > 0 => length,
        _ => return None,
    };
    let is_whole = rest.len().checked_sub(order.length()) == Some(wanted);
    (rest.len() == wanted && !is_whole).then_some(order)
}

/// What an order was sent without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeftOut {
    /// The password of 1997.
    Password,
    /// Password and operator code.
    Authority,
    /// The operator code alone.
    Operator,
}

impl LeftOut {
    /// How many bytes that would be.
    const fn length(self) -> usize {
        match self {
            Self::Password | Self::Operator => PASSWORD_LENGTH,
            Self::Authority => PASSWORD_LENGTH * 2,
        }
    }

    fn note(self) -> Note {
        match self {
            Self::Password => {
                Note::new("written without a password, as some meters allow", "写数据未带密码,部分电表允许")
            }
            Self::Authority => Note::new(
                "written without a password and an operator code: no meter of 2007 takes it",
                "写数据未带密码和操作者代码,2007版电表不接受",
            ),
            Self::Operator => Note::new(
                "there is no operator code, as one library sends it",
                "未带操作者代码,个别软件如此发送",
            ),
        }
    }
}

/// Remarks that say what the fields of an order amount to.
pub(super) fn remark(edition: Edition, control: Control, data: &[u8], piece: &mut FramePiece) {
    piece.notes.extend(left_out(edition, control, data).map(LeftOut::note));
    if (edition, control) == (Edition::E2007, Control::request(Function::RELAY)) {
        deadline(piece);
    }
    if let (Edition::E2007, true, [minute, hour, day, month]) =
        (edition, control == Control::request(Function::FREEZE), data)
    {
        piece.notes.push(freeze(*minute, *hour, *day, *month));
    }
}

/// A deadline of zeros or nines is none: the order holds until another comes.
fn deadline(piece: &mut FramePiece) {
    let is_none = |value: &&mut super::ShownValue| {
        value.name == DEADLINE && matches!(value.absent, Some(why) if NO_DEADLINE.contains(&why))
    };
    for value in piece.values.iter_mut().filter(is_none) {
        (value.absent, value.absent_zh) = (Some("no deadline"), Some("无截止时间"));
    }
}

/// What the deadline of an order is called, and what the catalogue says of one that is none.
const DEADLINE: &str = "valid until";
const NO_DEADLINE: [&str; 2] = [Absence::Never.reason(), Absence::Unused.reason()];

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
