//! What a head-end asks and orders, typed: each request knows its function, its data units and how it is addressed.
//!
//! A request changes nothing unless [`Request::changes`] says so; what changes something carries a message
//! authentication code and wants a confirmation, and must not be repeated blindly after silence. [1376 3] [1376 5]

mod archive;
mod forward;
mod history;
mod read;

pub use self::archive::{ArchiveRecord, Speed, UserClass};
pub use self::forward::{Forward, LineSettings, Parity, Wait};
pub use self::history::{Curve, Density, Freeze, Period};

use crate::address::AddressField;
use crate::afn::Afn;
use crate::auxiliary::{Auxiliary, Password, TimeTag, password_width};
use crate::catalog;
use crate::civil::Civil;
use crate::control::Control;
use crate::format::EncodeError;
use crate::frame::LengthCode;
use crate::identifier::{FnField, FnNumber, Identifier, Point, PointField};
use crate::message::{Message, MessageError};
use crate::seq::Seq;
use crate::terminal_time::{TerminalTime, TimeFormat};

/// Everything of a frame that is not the request itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The terminal, and the number of this master station.
    pub address: AddressField,
    /// The edition that the terminal speaks: one of 2005 is asked under its own code.
    pub code: LengthCode,
    /// PSEQ, 0 to 15: one more for each new request, unchanged when it is repeated.
    pub number: u8,
    /// The frame count bit, for terminals that count; most masters leave it out.
    pub count_bit: Option<bool>,
    /// A time tag, for terminals that should drop a late request.
    pub tag: Option<TimeTag>,
    /// The message authentication code of requests that carry one.
    pub password: Password,
}

impl Envelope {
    /// Without counting, time tag and authentication, as most masters send.
    #[must_use]
    pub const fn new(address: AddressField, number: u8) -> Self {
        let (code, number) = (LengthCode::GDW_376, number & 0x0F);
        Self { address, code, number, count_bit: None, tag: None, password: Password::NONE }
    }
}

/// A request of the master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The terminal's clock, AFN 0C F2.
    ReadClock,
    /// Sets the terminal's clock, AFN 05 F31. The terminal sets its meters itself. [1376 3.5]
    SetClock(Civil),
    /// What terminal it is, AFN 09 F1.
    ReadVersion,
    /// Its ports and how long frames may be, AFN 09 F2.
    ReadPorts,
    /// How far reading the meters has come, AFN 0C F11.
    ReadProgress,
    /// Its event counters, AFN 0C F7.
    ReadEventCounters,
    /// Parameters that need no selector, AFN 0A, for instance F25, the basics of measuring points.
    ReadParameters {
        /// Whose; p0 for those of the terminal itself.
        points: Vec<Point>,
        /// Which items.
        functions: Vec<FnNumber>,
    },
    /// Archive records by their numbers, AFN 0A F10.
    ReadArchive(Vec<u16>),
    /// Sets archive records, AFN 04 F10.
    WriteArchive(Vec<ArchiveRecord>),
    /// Present values of measuring points, AFN 0C.
    ReadPresent {
        /// Whose.
        points: Vec<Point>,
        /// Which items, for instance F129.
        functions: Vec<FnNumber>,
    },
    /// Freezes of a day or a month, AFN 0D.
    ReadFreeze(Freeze),
    /// A curve, AFN 0D.
    ReadCurve(Curve),
    /// Event records from `from` to before `to`, modulo 256, AFN 0E.
    ReadEvents {
        /// F1 important events, or F2 ordinary ones.
        important: bool,
        /// Pm, the first.
        from: u8,
        /// Pn, behind the last: the counter itself reads all that are new.
        to: u8,
    },
    /// A frame for a meter, carried as it is, AFN 10 F1.
    Forward(Forward),
}

/// Why a request cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It names nothing to ask for.
    #[error("the request names no {0}")]
    Nothing(&'static str),
    /// The catalogue has no such item to ask for.
    #[error("AFN {afn} {function} cannot be asked for by {period}")]
    NoSuchItem {
        /// The application function.
        afn: Afn,
        /// The item.
        function: FnNumber,
        /// What it was to be asked for by: day, month, start of a curve, or the present.
        period: &'static str,
    },
    /// A value does not fit.
    #[error(transparent)]
    Value(#[from] EncodeError),
    /// The message cannot be sent.
    #[error(transparent)]
    Message(#[from] MessageError),
}

impl RequestError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Nothing(_) => "nothing",
            Self::NoSuchItem { .. } => "no_such_item",
            Self::Value(error) => error.kind(),
            Self::Message(error) => error.kind(),
        }
    }
}

impl Request {
    /// The application function.
    #[must_use]
    pub const fn afn(&self) -> Afn {
        match self {
            Self::ReadClock | Self::ReadProgress | Self::ReadEventCounters | Self::ReadPresent { .. } => {
                Afn::CLASS_1
            }
            Self::SetClock(_) => Afn::CONTROL,
            Self::ReadVersion | Self::ReadPorts => Afn::CONFIGURATION,
            Self::ReadArchive(_) | Self::ReadParameters { .. } => Afn::READ_PARAMETERS,
            Self::WriteArchive(_) => Afn::SET_PARAMETERS,
            Self::ReadFreeze(_) | Self::ReadCurve(_) => Afn::CLASS_2,
            Self::ReadEvents { .. } => Afn::CLASS_3,
            Self::Forward(_) => Afn::FORWARD,
        }
    }

    /// True when it changes the terminal, or may change a meter: silence after it does not mean that nothing happened.
    #[must_use]
    pub const fn changes(&self) -> bool {
        matches!(self, Self::SetClock(_) | Self::WriteArchive(_) | Self::Forward(_))
    }

    /// The data units.
    ///
    /// # Errors
    /// [`RequestError`] when it names nothing, or a value does not fit.
    pub fn units(&self) -> Result<Vec<u8>, RequestError> {
        match self {
            Self::ReadClock => Ok(terminal(2)),
            Self::ReadVersion => Ok(terminal(1)),
            Self::ReadPorts => Ok(terminal(2)),
            Self::ReadProgress => Ok(terminal(11)),
            Self::ReadEventCounters => Ok(terminal(7)),
            Self::SetClock(civil) => {
                let mut units = terminal(31);
                units.extend(TerminalTime::of(TimeFormat::A1, *civil).wire());
                Ok(units)
            }
            Self::ReadArchive(numbers) => {
                let mut units = terminal(10);
                archive::ask(numbers, &mut units)?;
                Ok(units)
            }
            Self::WriteArchive(records) => {
                let mut units = terminal(10);
                archive::set(records, &mut units)?;
                Ok(units)
            }
            Self::ReadPresent { points, functions } => plain(self.afn(), "the present", points, functions),
            Self::ReadParameters { points, functions } => {
                plain(self.afn(), "parameters without a selector", points, functions)
            }
            Self::ReadFreeze(freeze) => freeze.units(),
            Self::ReadCurve(curve) => curve.units(),
            Self::ReadEvents { important, from, to } => {
                let mut units = terminal(if *important { 1 } else { 2 });
                units.extend([*from, *to]);
                Ok(units)
            }
            Self::Forward(forward) => {
                let mut units = terminal(1);
                forward.emit(&mut units)?;
                Ok(units)
            }
        }
    }

    /// The frame as it goes on the wire.
    ///
    /// ```
    /// use gdw1376::address::{AddressField, TerminalAddress};
    /// use gdw1376::request::{Envelope, Request};
    /// let terminal = TerminalAddress::new(1100, 12345).unwrap();
    /// let envelope = Envelope::new(AddressField::single(terminal, 1), 6);
    /// let events = Request::ReadEvents { important: true, from: 5, to: 7 };
    /// assert_eq!(events.to_bytes(&envelope)?,
    ///            [0x68, 0x3A, 0x00, 0x3A, 0x00, 0x68, 0x4B, 0x00, 0x11, 0x39, 0x30, 0x02, 0x0E, 0x66,
    ///             0x00, 0x00, 0x01, 0x00, 0x05, 0x07, 0x48, 0x16]);
    /// # Ok::<(), gdw1376::request::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// [`RequestError`] when it names nothing, a value does not fit, or the frame becomes too long.
    pub fn to_bytes(&self, envelope: &Envelope) -> Result<Vec<u8>, RequestError> {
        let units = self.units()?;
        let afn = self.afn();
        // Set and control want a confirmation; forwarding is answered with data.
        let is_command = matches!(afn, Afn::SET_PARAMETERS | Afn::CONTROL);
        let control = if is_command { Control::COMMAND } else { Control::QUERY };
        let control = envelope.count_bit.map_or(control, |bit| control.with_frame_count_bit(bit));
        let password = password_width(envelope.code, control, afn);
        let seq = Seq::single(envelope.number).with_time_tag(envelope.tag.is_some());
        let message = Message {
            code: envelope.code,
            control,
            address: envelope.address,
            afn,
            seq: if is_command { seq.to_confirm() } else { seq },
            units: &units,
            auxiliary: Auxiliary {
                password: password.and_then(|width| envelope.password.0.get(..width)),
                events: None,
                tag: envelope.tag,
            },
        };
        Ok(message.to_bytes()?)
    }
}

/// Item `function` of the terminal itself.
fn terminal(function: u16) -> Vec<u8> {
    let function = FnNumber::new(function);
    function.iter().flat_map(|function| Identifier::of(Point::TERMINAL, *function).wire()).collect()
}

/// Identifiers and nothing else, of items that are asked for so.
fn plain(
    afn: Afn,
    period: &'static str,
    points: &[Point],
    functions: &[FnNumber],
) -> Result<Vec<u8>, RequestError> {
    let is_plain = |function: &&FnNumber| {
        catalog::find(afn, function.number())
            .is_some_and(|row| row.down.is_nothing() && !row.up.layouts().is_empty())
    };
    if let Some(function) = functions.iter().find(|function| !is_plain(function)).copied() {
        return Err(RequestError::NoSuchItem { afn, function, period });
    }
    Ok(identifiers(points, functions)?.iter().flat_map(|identifier| identifier.wire()).collect())
}

/// Names every item of every point, in as few identifiers as there are groups of both.
fn identifiers(points: &[Point], functions: &[FnNumber]) -> Result<Vec<Identifier>, RequestError> {
    if points.is_empty() {
        return Err(RequestError::Nothing("point"));
    }
    if functions.is_empty() {
        return Err(RequestError::Nothing("item"));
    }
    let functions = FnField::cover(functions);
    let of_points =
        |points| functions.iter().map(move |functions| Identifier { points, functions: *functions });
    Ok(PointField::cover(points).into_iter().flat_map(of_points).collect())
}

#[cfg(test)]
mod tests;
