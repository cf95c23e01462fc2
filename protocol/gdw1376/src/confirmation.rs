//! Confirm and deny (确认/否认), AFN 00: all, or unit by unit; and the replies a master owes to what a terminal begins.
//! [1376 3.1] [1376 3.3] [1376 5]

use crate::afn::Afn;
use crate::auxiliary::Auxiliary;
use crate::control::Control;
use crate::format::Value;
use crate::identifier::{FnField, FnNumber, Identifier, PointField};
use crate::message::{Message, MessageError};
use crate::seq::Seq;
use crate::unit::{self, Stop};

/// What AFN 00 says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// F1: everything is accepted.
    All,
    /// F2: everything is refused; as the answer to a question, there are no such data.
    None,
    /// F3: unit by unit.
    Each {
        /// The function that is answered.
        afn: Afn,
        /// The units with what became of them, in wire order.
        units: Vec<(Identifier, UnitResult)>,
    },
    /// F4: the security module refuses; the byte is its error.
    Security(u8),
}

/// What became of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnitResult(pub u8);

impl UnitResult {
    /// Accepted.
    pub const RIGHT: Self = Self(0);
    /// Refused for a reason without a number.
    pub const OTHER_ERROR: Self = Self(1);
    /// The meter address is used by another record already.
    pub const ADDRESS_IN_USE: Self = Self(2);

    /// True for [`Self::RIGHT`].
    #[must_use]
    pub const fn is_right(self) -> bool {
        self.0 == 0
    }
}

/// A message that is no confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfirmationError {
    /// It has another function.
    #[error("AFN {0} is no confirmation")]
    Afn(Afn),
    /// It has no unit, or another than F1 to F4.
    #[error("a confirmation without F1 to F4")]
    NoUnit,
    /// Its unit cannot be read.
    #[error(transparent)]
    Unit(#[from] Stop),
}

impl ConfirmationError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Afn(_) => "no_confirmation",
            Self::NoUnit => "no_unit",
            Self::Unit(stop) => stop.kind(),
        }
    }
}

impl Confirmation {
    /// Reads the confirmation in a message. Where a master names F1 and F2 at once, which only a slip can do, it counts as
    /// confirmed. F1 and F2 have no data, so that stray bytes behind them, as counters that the head does not announce,
    /// change nothing; behind the list of F3 they do. [1376 10]
    ///
    /// # Errors
    /// [`ConfirmationError`] for a message that is none.
    pub fn of(message: &Message<'_>) -> Result<Self, ConfirmationError> {
        if message.afn != Afn::CONFIRM {
            return Err(ConfirmationError::Afn(message.afn));
        }
        let cut = unit::cut(message);
        let first = cut.units.first();
        let is_whole = first.is_some_and(|unit| matches!(unit.row.function, 1 | 2));
        if let Some(rest) = cut.rest.filter(|_| !is_whole) {
            return Err(rest.why.into());
        }
        let unit = first.ok_or(ConfirmationError::NoUnit)?;
        match unit.row.function {
            1 => Ok(Self::All),
            2 => Ok(Self::None),
            4 => Ok(Self::Security(unit.data.first().copied().unwrap_or_default())),
            _ => {
                let afn = unit.data.first().copied().map(Afn).ok_or(ConfirmationError::NoUnit)?;
                let mut units = Vec::new();
                for pair in unit.values.get(1..).unwrap_or_default().chunks_exact(2) {
                    let [identifier, error] = pair else { continue };
                    let (Value::Octets(wire), [error]) = (identifier.value, error.raw) else { continue };
                    let Some(wire) = wire.first_chunk() else { continue };
                    units.push((Identifier::from_wire(*wire), UnitResult(*error)));
                }
                Ok(Self::Each { afn, units })
            }
        }
    }

    /// The data unit.
    #[must_use]
    pub fn units(&self) -> Vec<u8> {
        let number = match self {
            Self::All => FnNumber::new(1),
            Self::None => FnNumber::new(2),
            Self::Each { .. } => FnNumber::new(3),
            Self::Security(_) => FnNumber::new(4),
        };
        let mut units = PointField::TERMINAL.0.to_vec();
        units.extend(number.iter().flat_map(|number| FnField::of(*number).0));
        match self {
            Self::All | Self::None => {}
            Self::Each { afn, units: list } => {
                units.push(afn.0);
                units.extend(
                    list.iter()
                        .flat_map(|(identifier, result)| identifier.wire().into_iter().chain([result.0])),
                );
            }
            Self::Security(error) => units.push(*error),
        }
        units
    }

    /// The bytes with which the master answers what a terminal began: a login, a heartbeat, a report. The address, A3
    /// included, is the terminal's own, and so is the number. [1376 3.3]
    ///
    /// ```
    /// use gdw1376::{confirmation::Confirmation, frame::Frame, message::Message};
    /// let login = [0x68, 0x32, 0x00, 0x32, 0x00, 0x68, 0xC9, 0x00, 0x02, 0x34, 0x12, 0x00, 0x02, 0x71,
    ///              0x00, 0x00, 0x01, 0x00, 0x85, 0x16];
    /// let login = Message::of(&Frame::parse(&login)?)?;
    /// assert_eq!(Confirmation::All.reply_to(&login)?,
    ///            [0x68, 0x32, 0x00, 0x32, 0x00, 0x68, 0x0B, 0x00, 0x02, 0x34, 0x12, 0x00, 0x00, 0x61,
    ///             0x00, 0x00, 0x01, 0x00, 0xB5, 0x16]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`MessageError`] when the frame cannot be sent.
    pub fn reply_to(&self, begun: &Message<'_>) -> Result<Vec<u8>, MessageError> {
        let control = if begun.afn == Afn::LINK { Control::LINK_REPLY } else { Control::REPORT_REPLY };
        self.message(begun, control, &self.units()).to_bytes()
    }

    /// The bytes with which a terminal answers an order or a question of the master.
    ///
    /// # Errors
    /// [`MessageError`] when the frame cannot be sent.
    pub fn answer_to(&self, asked: &Message<'_>) -> Result<Vec<u8>, MessageError> {
        let is_missing = *self == Self::None && asked.afn.is_query();
        let control = if is_missing { Control::NO_DATA } else { Control::ACKNOWLEDGE };
        self.message(asked, control, &self.units()).to_bytes()
    }

    fn message<'u>(&self, to: &Message<'_>, control: Control, units: &'u [u8]) -> Message<'u> {
        Message {
            code: to.code,
            control,
            address: to.address,
            afn: Afn::CONFIRM,
            seq: Seq::single(to.seq.number()),
            units,
            auxiliary: Auxiliary::default(),
        }
    }

    /// Item by item: confirms every unit of a message, as the text of 2009 asks for in answer to a login or heartbeat.
    #[must_use]
    pub fn each_right(begun: &Message<'_>) -> Self {
        let units = unit::cut(begun).units;
        let units = units.iter().map(|unit| (unit.identifier, UnitResult::RIGHT)).collect();
        Self::Each { afn: begun.afn, units }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;

    const HEARTBEAT: [u8; 20] = [
        0x68, 0x32, 0x00, 0x32, 0x00, 0x68, 0xC9, 0x20, 0x21, 0x07, 0x00, 0x00, 0x02, 0x71, 0x00, 0x00, 0x04,
        0x00, 0x88, 0x16,
    ];

    fn read(bytes: &[u8]) -> Message<'_> {
        Message::of(&Frame::parse(bytes).unwrap()).unwrap()
    }

    // covers [1376 3.1] [1376 3.3] [1376 9]
    #[test]
    fn a_heartbeat_is_confirmed_item_by_item_as_captured() {
        let heartbeat = read(&HEARTBEAT);
        let reply = Confirmation::each_right(&heartbeat).reply_to(&heartbeat).unwrap();
        assert_eq!(
            reply,
            [
                0x68, 0x4A, 0x00, 0x4A, 0x00, 0x68, 0x0B, 0x20, 0x21, 0x07, 0x00, 0x00, 0x00, 0x61, 0x00,
                0x00, 0x04, 0x00, 0x02, 0x00, 0x00, 0x04, 0x00, 0x00, 0xBE, 0x16
            ]
        );
        let identifier = Identifier::from_wire([0, 0, 4, 0]);
        let units = vec![(identifier, UnitResult::RIGHT)];
        assert_eq!(Confirmation::of(&read(&reply)), Ok(Confirmation::Each { afn: Afn::LINK, units }));
    }

    #[test]
    fn each_kind_reads_what_it_wrote() {
        let units = vec![
            (Identifier::from_wire([0, 0, 2, 1]), UnitResult::ADDRESS_IN_USE),
            (Identifier::from_wire([1, 1, 1, 3]), UnitResult::RIGHT),
        ];
        let kinds = [
            Confirmation::All,
            Confirmation::None,
            Confirmation::Each { afn: Afn::SET_PARAMETERS, units },
            Confirmation::Security(7),
        ];
        for confirmation in kinds {
            let bytes = confirmation.answer_to(&read(&HEARTBEAT)).unwrap();
            assert_eq!(Confirmation::of(&read(&bytes)), Ok(confirmation));
        }
    }

    #[test]
    fn a_denied_question_is_answered_with_no_data_and_a_denied_order_is_not() {
        let question = Message { control: Control::QUERY, afn: Afn::CLASS_2, ..read(&HEARTBEAT) };
        let bytes = Confirmation::None.answer_to(&question).unwrap();
        assert_eq!((read(&bytes).control, read(&bytes).seq), (Control::NO_DATA, Seq(0x61)));
        let order = Message { afn: Afn::CONTROL, ..question };
        assert_eq!(read(&Confirmation::None.answer_to(&order).unwrap()).control, Control::ACKNOWLEDGE);
        assert_eq!(read(&Confirmation::All.answer_to(&question).unwrap()).control, Control::ACKNOWLEDGE);
    }

    #[test]
    fn what_is_no_confirmation_says_why() {
        assert_eq!(Confirmation::of(&read(&HEARTBEAT)), Err(ConfirmationError::Afn(Afn::LINK)));
        let message = |units| Message { afn: Afn::CONFIRM, units, ..read(&HEARTBEAT) };
        assert_eq!(Confirmation::of(&message(&[])), Err(ConfirmationError::NoUnit));
        assert!(matches!(Confirmation::of(&message(&[0, 0, 16, 0])), Err(ConfirmationError::Unit(_))));
        assert_eq!(Confirmation::of(&message(&[0, 0, 3, 0])), Ok(Confirmation::All), "F1 and F2 by a slip");
    }

    #[test]
    fn stray_bytes_behind_all_or_none_change_nothing_and_behind_a_list_they_do() {
        let message = |units| Message { afn: Afn::CONFIRM, units, ..read(&HEARTBEAT) };
        // Event counters though the head says that there are none.
        assert_eq!(Confirmation::of(&message(&[0, 0, 1, 0, 0x11, 0x00])), Ok(Confirmation::All));
        assert_eq!(Confirmation::of(&message(&[0, 0, 2, 0, 0x11, 0x00])), Ok(Confirmation::None));
        let list = message(&[0, 0, 4, 0, 0x04, 0, 0, 2, 1, 0, 0x11, 0x00]);
        assert!(matches!(Confirmation::of(&list), Err(ConfirmationError::Unit(_))));
        // The head announces counters that are not there, and half of the identifier is taken for them.
        assert!(Confirmation::of(&message(&[0, 0])).is_err());
    }
}
