//! What may follow the data units of a message (附加信息域 AUX): message authentication code, event counters, time tag,
//! in that order. [1376 1.7]
//!
//! | part | bytes | there when |
//! | --- | --- | --- |
//! | PW (消息认证码) | 16, in the edition of 2005 2 | down, under the functions [`Afn::carries_password`] |
//! | EC (事件计数器) | 2 | up, with ACD set in the control byte |
//! | Tp (时间标签) | 6 | with TpV set in SEQ |

use core::fmt;

use crate::afn::Afn;
use crate::control::Control;
use crate::frame::LengthCode;
use crate::seq::Seq;
use crate::terminal_time::{TerminalTime, TimeFormat};

/// The message authentication code of a message down. Under scheme 0 it is sixteen zeros.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Password(pub [u8; Self::WIDTH]);

impl Password {
    /// How many bytes it has on the wire.
    pub const WIDTH: usize = 16;
    /// Scheme 0: no authentication.
    pub const NONE: Self = Self([0; Self::WIDTH]);
}

impl fmt::Debug for Password {
    /// Without its bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::NONE { "Password(none)" } else { "Password(..)" })
    }
}

/// The event counters EC1 and EC2: each counts to 255 and begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventCounters {
    /// EC1, important events.
    pub important: u8,
    /// EC2, ordinary events.
    pub ordinary: u8,
}

/// The time tag Tp of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeTag {
    /// PFC, the frame counter of whoever began: plus one for each new message, unchanged in a repetition.
    pub counter: u8,
    /// When it was sent: day of month and time, format A16.
    pub sent: TerminalTime,
    /// How many minutes later it may still be taken; 0 for ever.
    pub delay_minutes: u8,
}

impl TimeTag {
    /// How many bytes it has on the wire.
    pub const WIDTH: usize = 6;

    /// Takes the bytes in wire order.
    #[must_use]
    pub fn from_wire(wire: [u8; Self::WIDTH]) -> Self {
        let [counter, sent @ .., delay_minutes] = wire;
        // Four bytes are what the format has.
        let sent = TerminalTime::from_wire(TimeFormat::A16, &sent)
            .unwrap_or(const { TerminalTime::zero(TimeFormat::A16) });
        Self { counter, sent, delay_minutes }
    }

    /// The bytes in wire order.
    #[must_use]
    pub fn wire(&self) -> [u8; Self::WIDTH] {
        let mut wire = [0; Self::WIDTH];
        let bytes = [self.counter].into_iter().chain(self.sent.wire().iter().copied());
        wire.iter_mut().zip(bytes.chain([self.delay_minutes])).for_each(|(to, byte)| *to = byte);
        wire
    }
}

/// Everything behind the data units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Auxiliary<'a> {
    /// PW: sixteen bytes, in the edition of 2005 two.
    pub password: Option<&'a [u8]>,
    /// EC.
    pub events: Option<EventCounters>,
    /// Tp.
    pub tag: Option<TimeTag>,
}

/// Which parts follow the data units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) tag: bool,
    pub(crate) events: bool,
    /// How many bytes of PW.
    pub(crate) password: Option<usize>,
}

impl Parts {
    /// Those that a head announces.
    pub(crate) const fn announced(code: LengthCode, control: Control, afn: Afn, seq: Seq) -> Self {
        Self {
            tag: seq.has_time_tag(),
            events: control.has_events(),
            password: password_width(code, control, afn),
        }
    }
}

/// A message is too short for what should stand at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} bytes behind SEQ, but {part} alone needs {needed}")]
pub struct AuxiliaryError {
    /// What should be there.
    pub part: AuxiliaryPart,
    /// How many bytes it and what follows it need.
    pub needed: usize,
    /// How many there are for it.
    pub found: usize,
}

/// One part of the auxiliary field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuxiliaryPart {
    /// PW.
    Password,
    /// EC.
    Events,
    /// Tp.
    Tag,
}

impl AuxiliaryError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self.part {
            AuxiliaryPart::Password => "no_password",
            AuxiliaryPart::Events => "no_event_counters",
            AuxiliaryPart::Tag => "no_time_tag",
        }
    }
}

impl fmt::Display for AuxiliaryPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password => "the message authentication code (PW)",
            Self::Events => "the event counters (EC)",
            Self::Tag => "the time tag (Tp)",
        })
    }
}

impl<'a> Auxiliary<'a> {
    /// Cuts what stands behind SEQ into the data units and what follows them.
    ///
    /// # Errors
    /// [`AuxiliaryError`] when there are too few bytes for a part that should be there.
    pub fn split(
        code: LengthCode,
        control: Control,
        afn: Afn,
        seq: Seq,
        body: &'a [u8],
    ) -> Result<(&'a [u8], Self), AuxiliaryError> {
        Self::split_by(Parts::announced(code, control, afn, seq), body)
    }

    /// The same, with parts that the head may not announce.
    pub(crate) fn split_by(parts: Parts, body: &'a [u8]) -> Result<(&'a [u8], Self), AuxiliaryError> {
        let mut rest = body;
        let mut auxiliary = Self::default();
        if parts.tag {
            let (front, tag) = rest.split_last_chunk().ok_or(AuxiliaryError {
                part: AuxiliaryPart::Tag,
                needed: TimeTag::WIDTH,
                found: rest.len(),
            })?;
            (rest, auxiliary.tag) = (front, Some(TimeTag::from_wire(*tag)));
        }
        if parts.events {
            let (front, [important, ordinary]) = rest.split_last_chunk().ok_or(AuxiliaryError {
                part: AuxiliaryPart::Events,
                needed: 2,
                found: rest.len(),
            })?;
            let events = EventCounters { important: *important, ordinary: *ordinary };
            (rest, auxiliary.events) = (front, Some(events));
        }
        if let Some(width) = parts.password {
            let at = rest.len().checked_sub(width).ok_or(AuxiliaryError {
                part: AuxiliaryPart::Password,
                needed: width,
                found: rest.len(),
            })?;
            let (front, password) = rest.split_at(at);
            (rest, auxiliary.password) = (front, Some(password));
        }
        Ok((rest, auxiliary))
    }

    /// Appends it as it goes on the wire.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend(self.password.unwrap_or_default());
        out.extend(self.events.iter().flat_map(|events| [events.important, events.ordinary]));
        out.extend(self.tag.iter().flat_map(TimeTag::wire));
    }
}

/// How many bytes of PW a message with this head ends in; `None` for none. Two bytes in the edition of 2005 are by
/// hearsay. [1376 1.2]
#[must_use]
pub const fn password_width(code: LengthCode, control: Control, afn: Afn) -> Option<usize> {
    match (control.is_uplink(), afn.carries_password(), code) {
        (false, true, LengthCode::GDW_130) => Some(2),
        (false, true, _) => Some(Password::WIDTH),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(control: u8, afn: u8, seq: u8, body: &[u8]) -> Result<(&[u8], Auxiliary<'_>), AuxiliaryError> {
        Auxiliary::split(LengthCode::GDW_376, Control(control), Afn(afn), Seq(seq), body)
    }

    // covers [1376 1.7]
    #[test]
    fn each_part_is_cut_off_only_where_it_belongs() {
        let body: Vec<u8> = (1..=30).collect();
        for (control, afn, seq, data, password, events, tag) in [
            (0x4B, 0x0C, 0x60, 30, false, false, false),
            (0x4B, 0x0C, 0xE0, 24, false, false, true),
            (0x4A, 0x04, 0x70, 14, true, false, false),
            (0x4A, 0x04, 0xF0, 8, true, false, true),
            (0x7A, 0x04, 0x70, 14, true, false, false),
            (0x88, 0x04, 0x60, 30, false, false, false),
            (0xA8, 0x10, 0x60, 28, false, true, false),
            (0xA8, 0x10, 0xE0, 22, false, true, true),
            (0x6B, 0x0C, 0x60, 30, false, false, false),
        ] {
            let (units, auxiliary) = split(control, afn, seq, &body).unwrap();
            assert_eq!(units, &body[..data], "{control:02X} {afn:02X} {seq:02X}");
            let found = (auxiliary.password.is_some(), auxiliary.events.is_some(), auxiliary.tag.is_some());
            assert_eq!(found, (password, events, tag), "{control:02X} {afn:02X} {seq:02X}");
            let mut out = units.to_vec();
            auxiliary.emit(&mut out);
            assert_eq!(out, body);
        }
    }

    #[test]
    fn the_order_is_password_events_tag() {
        let body = [0x4F, 0x01, 0x06, 0x50, 0x23, 0x21, 0x05, 0x02];
        let (units, auxiliary) = split(0xA8, 0x10, 0xE0, &body).unwrap();
        assert!(units.is_empty());
        assert_eq!(auxiliary.events, Some(EventCounters { important: 0x4F, ordinary: 0x01 }));
        let tag = auxiliary.tag.unwrap();
        assert_eq!(
            (tag.counter, tag.delay_minutes, tag.sent.to_string().as_str()),
            (6, 2, "day 05 21:23:50")
        );
    }

    #[test]
    fn what_is_too_short_says_for_what() {
        let error = |control, afn, seq, len| split(control, afn, seq, &[0; 30][..len]).unwrap_err();
        assert_eq!(
            error(0x4B, 0x0C, 0xE0, 5),
            AuxiliaryError { part: AuxiliaryPart::Tag, needed: 6, found: 5 }
        );
        assert_eq!(error(0xA8, 0x0C, 0xE0, 7).part, AuxiliaryPart::Events);
        assert_eq!(
            error(0x4A, 0x05, 0xE0, 21),
            AuxiliaryError { part: AuxiliaryPart::Password, needed: 16, found: 15 }
        );
        assert_eq!(
            error(0x4A, 0x05, 0x60, 1).to_string(),
            "1 bytes behind SEQ, but the message authentication code (PW) alone needs 16"
        );
    }

    #[test]
    fn the_old_edition_has_two_bytes() {
        let body = [1, 2, 3, 4, 5];
        let (units, auxiliary) =
            Auxiliary::split(LengthCode::GDW_130, Control(0x4A), Afn(5), Seq(0x60), &body).unwrap();
        assert_eq!((units, auxiliary.password), (&body[..3], Some(&body[3..])));
        assert!(!format!("{:?}", Password([7; 16])).contains('7'), "a password is not printed");
    }
}
