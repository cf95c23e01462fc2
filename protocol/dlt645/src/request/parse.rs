//! Bytes to requests: what a meter understands, and what the last gate before the line lets through.

use core::num::NonZeroU8;

use super::fields::{array, byte, item, operator, remainder, time, whole};
use super::{Authority, Blocks, Clearing, Events, Freeze, Output, Rate, Request, RequestError, one_meter};
use crate::address::{AddressField, AddressPattern, MeterAddress, Target};
use crate::bcd::two_digits;
use crate::edition::Edition;
use crate::frame::{Frame, MAX_DATA, WAKE_UP, WireFrame};
use crate::meter_time::TimeFormat;
use crate::password::{Credentials, OperatorCode, Password, SecurityClass};
use crate::relay;
use crate::security::{CipherText, SecurityData};

/// What every parser below gives.
type Parse = Result<Request, RequestError>;

impl Request {
    /// Reads a request of `edition`. What comes out could have been built by the constructors, and emits the same
    /// bytes; everything else is refused, the writing of addresses included (T1).
    ///
    /// ```
    /// use dlt645::edition::Edition;
    /// use dlt645::frame::{Frame, MAX_DATA, WireFrame};
    /// use dlt645::request::Request;
    ///
    /// let clock_set = [0x68, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x68, 0x08, 0x06,
    ///                  0x63, 0x48, 0x43, 0x54, 0x44, 0x59, 0x53, 0x16];
    /// let mut room = [0; MAX_DATA];
    /// let request = Request::parse(Edition::E2007, &WireFrame::parse(&clock_set)?.frame(&mut room))?;
    /// assert!(request.changes_meter() && !request.expects_answer());
    ///
    /// let mut data = Vec::new();
    /// let address_write = Frame { control: dlt645::control::Control(0x15), ..request.frame(&mut data) };
    /// assert!(Request::parse(Edition::E2007, &address_write).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The [`RequestError`] that makes it none.
    pub fn parse(edition: Edition, frame: &Frame<'_>) -> Result<Self, RequestError> {
        let length = frame.data.len();
        if length > super::MAX_REQUEST_DATA {
            return Err(RequestError::Length { control: frame.control, length });
        }
        match edition {
            Edition::E2007 => parse_2007(frame),
            Edition::E1997 => parse_1997(frame),
        }
    }

    /// Reads what is about to be written to a line, wake-up bytes and one frame and nothing else: the question that
    /// the last gate before the line puts (T1).
    ///
    /// # Errors
    /// [`RequestError::Frame`] and [`RequestError::Trailing`] when it is not that, otherwise as [`Self::parse`].
    pub fn parse_wire(edition: Edition, bytes: &[u8]) -> Result<Self, RequestError> {
        let wake_up = bytes.iter().take_while(|byte| **byte == WAKE_UP).count();
        let bytes = bytes.get(wake_up..).unwrap_or_default();
        let wire = WireFrame::parse(bytes)?;
        let length = bytes.len() - wire.bytes().len();
        if length > 0 {
            return Err(RequestError::Trailing { length });
        }
        Self::parse(edition, &wire.frame(&mut [0; MAX_DATA]))
    }

    /// Reads a write of the 1997 edition that carries no password: a setting of some models, which the bytes
    /// cannot tell. [645-1997 3 bare write]
    ///
    /// # Errors
    /// The [`RequestError`] that makes it none.
    pub fn parse_unprotected_write(frame: &Frame<'_>) -> Result<Self, RequestError> {
        if frame.control.0 != 0x04 {
            return not_allowed(Edition::E1997, frame);
        }
        let meter = one_meter(frame.address)?;
        let (item, value) = fields(frame, (item(Edition::E1997), remainder))?;
        Self::write_unprotected(meter, item, value)
    }
}

fn parse_2007(frame: &Frame<'_>) -> Parse {
    match frame.control.0 {
        0x03 => security(frame),
        0x08 => broadcast_time(Edition::E2007, frame),
        0x11 => read_2007(frame),
        0x12 => read_subsequent_2007(frame),
        0x13 => match frame.data {
            [] => Ok(Request::read_address_of(target(frame.address)?)),
            _ => Err(wrong_length(frame)),
        },
        0x14 => write_2007(frame),
        0x16 => freeze(frame),
        0x17 => change_rate(Edition::E2007, frame),
        0x18 => change_password_2007(frame),
        0x19 => clear(Clearing::Demand, frame),
        0x1A => clear(Clearing::Meter, frame),
        0x1B => clear(Clearing::Events, frame),
        0x1C => Ok(Request::relay(relay::parse(frame)?)),
        0x1D => multifunction_output(frame),
        _ => not_allowed(Edition::E2007, frame),
    }
}

fn parse_1997(frame: &Frame<'_>) -> Parse {
    let edition = Edition::E1997;
    let identifier = || fields(frame, item(edition));
    match frame.control.0 {
        0x01 => Ok(Request::read(target(frame.address)?, identifier()?)),
        0x02 => Ok(Request::read_subsequent(target(frame.address)?, identifier()?, NonZeroU8::MIN)),
        0x03 => match frame.data {
            [] => Ok(Request::reread(target(frame.address)?)),
            _ => Err(wrong_length(frame)),
        },
        0x04 => write_1997(frame),
        0x08 => broadcast_time(edition, frame),
        0x0C => change_rate(edition, frame),
        0x0F => change_password_1997(frame),
        0x10 => clear_demand_1997(frame),
        _ => not_allowed(edition, frame),
    }
}

fn not_allowed(edition: Edition, frame: &Frame<'_>) -> Parse {
    Err(RequestError::NotAllowed { edition, control: frame.control })
}

const fn wrong_length(frame: &Frame<'_>) -> RequestError {
    RequestError::Length { control: frame.control, length: frame.data.len() }
}

/// The whole data of the frame, read by `parser`.
fn fields<'a, T>(
    frame: &Frame<'a>,
    parser: impl nom::Parser<&'a [u8], Output = T, Error = ()>,
) -> Result<T, RequestError> {
    whole(frame.data, parser).ok_or_else(|| wrong_length(frame))
}

/// Whom a read goes to.
fn target(address: AddressField) -> Result<Target, RequestError> {
    let pattern = || AddressPattern::from_field(address).map(Target::Pattern);
    address
        .as_meter()
        .map_or_else(pattern, |meter| Ok(Target::Meter(meter)))
        .map_err(|_| RequestError::ReadAddress { address })
}

fn read_2007(frame: &Frame<'_>) -> Parse {
    let target = target(frame.address)?;
    let (item, arguments) = fields(frame, (item(Edition::E2007), remainder))?;
    let blocks =
        |found: &u8| two_digits(*found).and_then(Blocks::new).ok_or(RequestError::Blocks { found: *found });
    match arguments {
        [] => Ok(Request::read(target, item)),
        [number] => Request::read_blocks(target, item, blocks(number)?),
        [number, since @ ..] => {
            let since = whole(since, time(TimeFormat::YYMMDDhhmm)).ok_or_else(|| wrong_length(frame))?;
            Request::read_since(target, item, blocks(number)?, since.ok_or(RequestError::Time)?)
        }
    }
}

fn read_subsequent_2007(frame: &Frame<'_>) -> Parse {
    let target = target(frame.address)?;
    let (item, sequence) = fields(frame, (item(Edition::E2007), byte))?;
    let sequence = NonZeroU8::new(sequence).ok_or(RequestError::Sequence)?;
    Ok(Request::read_subsequent(target, item, sequence))
}

fn write_2007(frame: &Frame<'_>) -> Parse {
    let meter = one_meter(frame.address)?;
    let (item, signature, operator, value) =
        fields(frame, (item(Edition::E2007), array, operator, remainder))?;
    let authority = match Signature::from_wire(signature)? {
        Signature::Password(password) => Authority::Password { password, operator: Some(operator) },
        Signature::SecurityModule(class) => Authority::SecurityModule { class, operator },
    };
    Request::writing(meter, item, authority, value.to_vec())
}

fn write_1997(frame: &Frame<'_>) -> Parse {
    let meter = one_meter(frame.address)?;
    let (item, password, value) = fields(frame, (item(Edition::E1997), array, remainder))?;
    let password = Password::from_wire(password)?;
    Request::write(meter, item, Credentials { password, operator: OperatorCode::default() }, value)
}

fn broadcast_time(edition: Edition, frame: &Frame<'_>) -> Parse {
    if !frame.address.is_broadcast() {
        return Err(RequestError::NotBroadcast { address: frame.address });
    }
    let time = fields(frame, time(TimeFormat::YYMMDDhhmmss))?;
    Ok(Request::broadcast_time(edition, time.ok_or(RequestError::Time)?))
}

fn freeze(frame: &Frame<'_>) -> Parse {
    let wire = fields(frame, array)?;
    let moment = Freeze::from_wire(wire).ok_or(RequestError::FreezeMoment)?;
    if frame.address.is_broadcast() {
        return Request::freeze_all(moment);
    }
    Request::freeze(one_meter(frame.address)?, moment)
}

fn change_rate(edition: Edition, frame: &Frame<'_>) -> Parse {
    let meter = one_meter(frame.address)?;
    let word = fields(frame, byte)?;
    let rate = Rate::from_word(edition, word).ok_or(RequestError::Rate { edition })?;
    Request::change_rate(edition, meter, rate)
}

fn change_password_2007(frame: &Frame<'_>) -> Parse {
    let meter = one_meter(frame.address)?;
    let (item, authority, new) = fields(frame, (item(Edition::E2007), array, array))?;
    let (authority, new) = (Password::from_wire(authority)?, Password::from_wire(new)?);
    if super::emit::password_item(&new) != item {
        return Err(RequestError::PasswordSlot { item });
    }
    Ok(Request::change_password(Edition::E2007, meter, authority, new))
}

fn change_password_1997(frame: &Frame<'_>) -> Parse {
    let meter = one_meter(frame.address)?;
    let (authority, new) = fields(frame, (array, array))?;
    let (authority, new) = (Password::from_wire(authority)?, Password::from_wire(new)?);
    Ok(Request::change_password(Edition::E1997, meter, authority, new))
}

fn clear(what: Clearing, frame: &Frame<'_>) -> Parse {
    let meter = one_meter(frame.address)?;
    let (signature, operator, rest) = fields(frame, (array, operator, remainder))?;
    match Signature::from_wire(signature)? {
        Signature::Password(password) => {
            clear_plainly(what, frame, meter, Credentials { password, operator })
        }
        Signature::SecurityModule(SecurityClass::CipherWithMac) => {
            Ok(Request::clear_secured(meter, what, operator, CipherText::new(rest)?))
        }
        Signature::SecurityModule(SecurityClass::PlainWithMac) => Err(RequestError::SecurityModule),
    }
}

fn clear_plainly(what: Clearing, frame: &Frame<'_>, meter: MeterAddress, credentials: Credentials) -> Parse {
    match (what, frame.data.get(8..).unwrap_or_default()) {
        (Clearing::Demand, []) => Ok(Request::clear_demand(Edition::E2007, meter, credentials)),
        (Clearing::Meter, []) => Ok(Request::clear_meter(meter, credentials)),
        (Clearing::Events, kinds) => {
            let wire = whole(kinds, array).ok_or_else(|| wrong_length(frame))?;
            let events = Events::from_wire(wire).ok_or(RequestError::Events)?;
            Request::clear_events(meter, credentials, events)
        }
        _ => Err(wrong_length(frame)),
    }
}

fn clear_demand_1997(frame: &Frame<'_>) -> Parse {
    let meter = one_meter(frame.address)?;
    let password = Password::from_wire(fields(frame, array)?)?;
    let credentials = Credentials { password, operator: OperatorCode::default() };
    Ok(Request::clear_demand(Edition::E1997, meter, credentials))
}

fn multifunction_output(frame: &Frame<'_>) -> Parse {
    let meter = one_meter(frame.address)?;
    let found = fields(frame, byte)?;
    let output = Output::from_code(found).ok_or(RequestError::Output { found })?;
    Ok(Request::multifunction_output(meter, output))
}

fn security(frame: &Frame<'_>) -> Parse {
    let meter = one_meter(frame.address)?;
    let (item, operator, payload) = fields(frame, (item(Edition::E2007), operator, remainder))?;
    Ok(Request::security(meter, operator, SecurityData::new(item, payload)?))
}

/// PA P0 P1 P2.
enum Signature {
    Password(Password),
    SecurityModule(SecurityClass),
}

impl Signature {
    fn from_wire(wire: [u8; 4]) -> Result<Self, RequestError> {
        let [level, rest @ ..] = wire;
        match SecurityClass::from_code(level) {
            Some(class) if rest == [0; 3] => Ok(Self::SecurityModule(class)),
            Some(_) => Err(RequestError::SecurityModule),
            None => Ok(Self::Password(Password::from_wire(wire)?)),
        }
    }
}
