//! A frame taken apart into what the application sees: data units and the parts that follow them, and the inverse.
//!
//! A [`Message`] still does not know what its data units mean: a data unit carries no length, so that cutting it off needs
//! the [`crate::catalog`]. [1376 1.7] [1376 3]

use crate::address::AddressField;
use crate::afn::Afn;
use crate::auxiliary::{Auxiliary, AuxiliaryError, password_width};
use crate::control::Control;
use crate::frame::{EmitError, Frame, LengthCode};
use crate::seq::Seq;

/// One frame's worth of a message.
///
/// ```
/// use gdw1376::{frame::Frame, message::Message};
/// // A terminal confirms; it has events, and sends its counters and a time tag behind the data.
/// let bytes = [0x68, 0x52, 0x00, 0x52, 0x00, 0x68, 0xA0, 0x00, 0x02, 0x34, 0x12, 0x04, 0x00, 0xE0, 0x00, 0x00,
///              0x01, 0x00, 0x11, 0x00, 0x00, 0x27, 0x52, 0x13, 0x07, 0x05, 0x76, 0x16];
/// let message = Message::of(&Frame::parse(&bytes)?)?;
/// assert_eq!(message.units, [0x00, 0x00, 0x01, 0x00]);
/// assert_eq!(message.auxiliary.events.unwrap().important, 0x11);
/// assert_eq!(message.auxiliary.tag.unwrap().delay_minutes, 5);
/// assert_eq!(message.to_bytes()?, bytes);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The edition, by the length field.
    pub code: LengthCode,
    /// The control byte.
    pub control: Control,
    /// The address.
    pub address: AddressField,
    /// The application function.
    pub afn: Afn,
    /// The sequence byte.
    pub seq: Seq,
    /// The data units: `{ DA DT data }`, over and over.
    pub units: &'a [u8],
    /// What follows them.
    pub auxiliary: Auxiliary<'a>,
}

impl<'a> Message<'a> {
    /// Takes a frame apart.
    ///
    /// # Errors
    /// [`AuxiliaryError`] when the frame is too short for a part that its head announces.
    pub fn of(frame: &Frame<'a>) -> Result<Self, AuxiliaryError> {
        let Frame { code, control, address, afn, seq, body } = *frame;
        let (units, auxiliary) = Auxiliary::split(code, control, afn, seq, body)?;
        Ok(Self { code, control, address, afn, seq, units, auxiliary })
    }

    /// The frame as it goes on the wire.
    ///
    /// # Errors
    /// [`MessageError`] when the head announces other parts behind the data than there are, or the frame cannot be
    /// sent.
    pub fn to_bytes(&self) -> Result<Vec<u8>, MessageError> {
        let part = |announced, part| MessageError::Part { part, announced };
        let Auxiliary { password, events, tag } = self.auxiliary;
        let width = password_width(self.code, self.control, self.afn);
        if password.map(<[u8]>::len) != width {
            return Err(MessageError::Password {
                found: password.map_or(0, <[u8]>::len),
                expected: width.unwrap_or(0),
            });
        }
        if events.is_some() != self.control.has_events() {
            return Err(part(self.control.has_events(), "EC"));
        }
        if tag.is_some() != self.seq.has_time_tag() {
            return Err(part(self.seq.has_time_tag(), "Tp"));
        }
        let mut body = self.units.to_vec();
        self.auxiliary.emit(&mut body);
        let Self { code, control, address, afn, seq, .. } = *self;
        Ok(Frame { code, control, address, afn, seq, body: &body }.to_bytes()?)
    }
}

/// Why a message cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The message authentication code is of another length than this function has.
    #[error("{found} bytes of PW where {expected} belong")]
    Password {
        /// How many there are, 0 for none.
        found: usize,
        /// How many belong there.
        expected: usize,
    },
    /// A part is there that the head does not announce, or the reverse.
    #[error("{part} is {}", if *announced { "announced, but missing" } else { "there, but not announced" })]
    Part {
        /// EC or Tp.
        part: &'static str,
        /// Whether the head announces it.
        announced: bool,
    },
    /// The frame cannot be sent.
    #[error(transparent)]
    Frame(#[from] EmitError),
}

impl MessageError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Password { .. } => "password",
            Self::Part { .. } => "part",
            Self::Frame(error) => error.kind(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auxiliary::{EventCounters, Password};

    fn message() -> Message<'static> {
        Message {
            code: LengthCode::GDW_376,
            control: Control::COMMAND,
            address: AddressField::from_wire([0x00, 0x11, 0x39, 0x30, 0x02]),
            afn: Afn::CONTROL,
            seq: Seq::single(5).to_confirm(),
            units: &[0, 0, 0x40, 3, 0, 0, 0x12, 0x21, 0x68, 0x24],
            auxiliary: Auxiliary { password: Some(&Password::NONE.0), events: None, tag: None },
        }
    }

    #[test]
    fn the_built_clock_order_is_written_as_in_the_text() {
        let bytes = message().to_bytes().unwrap();
        assert_eq!(
            bytes[..18],
            [0x68, 0x8A, 0, 0x8A, 0, 0x68, 0x4A, 0, 0x11, 0x39, 0x30, 2, 5, 0x75, 0, 0, 0x40, 3]
        );
        assert_eq!(bytes[bytes.len() - 2..], [0x42, 0x16]);
        assert_eq!(Message::of(&Frame::parse(&bytes).unwrap()), Ok(message()));
    }

    #[test]
    fn parts_that_the_head_does_not_announce_are_not_sent() {
        let of = |change: fn(&mut Message<'static>)| {
            let mut message = message();
            change(&mut message);
            message.to_bytes().unwrap_err()
        };
        assert_eq!(of(|m| m.auxiliary.password = None), MessageError::Password { found: 0, expected: 16 });
        assert_eq!(of(|m| m.afn = Afn::CLASS_1), MessageError::Password { found: 16, expected: 0 });
        assert_eq!(of(|m| m.code = LengthCode::GDW_130), MessageError::Password { found: 16, expected: 2 });
        let events = Some(EventCounters { important: 1, ordinary: 2 });
        let error = of(|m| m.auxiliary.events = Some(EventCounters { important: 1, ordinary: 2 }));
        assert_eq!(error.to_string(), "EC is there, but not announced");
        assert_eq!(of(|m| m.seq = Seq(0xF5)).to_string(), "Tp is announced, but missing");
        let up = Message {
            control: Control::DATA.with_events(),
            auxiliary: Auxiliary { events, ..Auxiliary::default() },
            ..message()
        };
        assert_eq!(Message::of(&Frame::parse(&up.to_bytes().unwrap()).unwrap()), Ok(up));
        assert_eq!(of(|m| m.code = LengthCode::RESERVED).kind(), "length_code");
    }
}
