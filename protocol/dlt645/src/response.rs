//! What a meter answers: data, an address, "accepted", or a refusal with its reason. A refusal is data, no error.
//!
//! A [`Response`] says what one frame holds, in either edition and for either side: [`Response::parse`] reads it,
//! [`Response::emit`] writes it as a meter would. It does not know what was asked; whether the frame answers a
//! given request is judged by an exchange, and what the payload means by [`crate::catalog`].
//!
//! ```
//! use dlt645::edition::Edition;
//! use dlt645::frame::{MAX_DATA, WireFrame};
//! use dlt645::response::{Content, Response};
//!
//! let bytes = [0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, 0xD1, 0x01, 0x35, 0x8D, 0x16];
//! let mut room = [0; MAX_DATA];
//! let response = Response::parse(Edition::E2007, &WireFrame::parse(&bytes)?.frame(&mut room))?;
//! let Content::Refused(refusal) = response.content else { panic!("not refused") };
//! assert!(refusal.is_no_data());
//! assert_eq!(refusal.to_string(), "no requested data");
//! assert_eq!(refusal.names().next(), Some(("no requested data", "无请求数据")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod words;

use nom::Parser;

use crate::address::AddressField;
use crate::control::{Control, Function};
use crate::data_id::DataId;
use crate::edition::Edition;
use crate::frame::{DataTooLong, Frame};
use crate::password::{Password, PasswordError, SecretBytes};
use crate::request::fields::{array, byte, item, remainder, whole};

pub use words::{ErrorWord, ExecutionWord, Refusal, RelayErrorWord, SecurityErrorWord};

/// The answer that one frame holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// The edition it is written in.
    pub edition: Edition,
    /// Who answers, as the address field says it.
    pub address: AddressField,
    /// The function answered.
    pub function: Function,
    /// What the answer says.
    pub content: Content<'a>,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// The data of an identifier, or the first piece of it; in the 1997 edition any piece.
    Data {
        /// Which identifier.
        item: DataId,
        /// The data after the identifier, in wire order.
        payload: &'a [u8],
        /// More frames follow, or, from a meter with event reporting on, there are new events.
        /// [645-2007 4 event flag]
        more: bool,
    },
    /// A further piece, numbered: 92H and B2H.
    Piece {
        /// Which identifier.
        item: DataId,
        /// The data between identifier and number, in wire order.
        payload: &'a [u8],
        /// The number (SEQ) of the request it answers.
        sequence: u8,
        /// More frames follow.
        more: bool,
    },
    /// The meter's address.
    Address(AddressField),
    /// Done, or for a relay order merely accepted.
    Accepted {
        /// What a relay order led to, from meters of the fourth supplement.
        word: Option<ExecutionWord>,
    },
    /// The rate word of the new speed.
    Rate {
        /// One bit set; [`crate::request::Rate::from_word`] knows which.
        word: u8,
    },
    /// The new password, repeated.
    NewPassword(Password),
    /// The output chosen for the multifunction terminal.
    Output {
        /// The byte asked for; [`crate::request::Output::from_code`].
        code: u8,
    },
    /// The meter refuses.
    Refused(Refusal),
}

impl<'a> Response<'a> {
    /// Reads an answer of `edition`.
    ///
    /// # Errors
    /// The [`ResponseError`] that makes it none.
    pub fn parse(edition: Edition, frame: &Frame<'a>) -> Result<Self, ResponseError> {
        let control = frame.control;
        let function = control.function();
        let plausible = control.is_response() && !(control.is_refusal() && control.has_more());
        if !plausible {
            return Err(ResponseError::NotAnAnswer { control });
        }
        if control.has_more() && !may_have_more(edition, function) {
            return Err(ResponseError::UnknownFunction { edition, control });
        }
        let content = if control.is_refusal() {
            refused(edition, frame)?
        } else {
            match edition {
                Edition::E2007 => content_2007(frame)?,
                Edition::E1997 => content_1997(frame)?,
            }
        };
        Ok(Self { edition, address: frame.address, function, content })
    }

    /// The control code it goes under.
    #[must_use]
    pub const fn control(&self) -> Control {
        match &self.content {
            Content::Refused(_) => Control::refusal(self.function),
            Content::Data { more: true, .. } | Content::Piece { more: true, .. } => {
                Control::answer_with_more(self.function)
            }
            _ => Control::answer(self.function),
        }
    }

    /// Appends the answer as a meter sends it, without wake-up bytes.
    ///
    /// # Errors
    /// [`DataTooLong`], with nothing appended, when the payload does not fit one frame.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<(), DataTooLong> {
        let mut data = SecretBytes(Vec::with_capacity(crate::frame::MAX_DATA));
        self.put_data(&mut data.0);
        Frame { address: self.address, control: self.control(), data: &data.0 }.emit(out)
    }

    /// The answer as a meter sends it, without wake-up bytes.
    ///
    /// # Errors
    /// [`DataTooLong`] when the payload does not fit one frame.
    pub fn to_bytes(&self) -> Result<Vec<u8>, DataTooLong> {
        let mut out = Vec::new();
        self.emit(&mut out)?;
        Ok(out)
    }

    fn put_data(&self, out: &mut Vec<u8>) {
        match &self.content {
            Content::Data { item, payload, .. } => {
                out.extend(item.wire());
                out.extend(*payload);
            }
            Content::Piece { item, payload, sequence, .. } => {
                out.extend(item.wire());
                out.extend(*payload);
                out.push(*sequence);
            }
            Content::Address(address) => out.extend(address.wire()),
            Content::Accepted { word } => out.extend(word.iter().flat_map(|word| word.bits().to_le_bytes())),
            Content::Rate { word } => out.push(*word),
            Content::NewPassword(password) => out.extend(password.wire()),
            Content::Output { code } => out.push(*code),
            Content::Refused(Refusal::Error(word)) => out.push(word.bits()),
            Content::Refused(Refusal::Security(word)) => out.extend(word.bits().to_le_bytes()),
            Content::Refused(Refusal::Relay(word)) => out.extend(word.bits().to_le_bytes()),
            Content::Refused(Refusal::Unexplained) => {}
        }
    }
}

/// The functions whose answers may come in several frames. [645-2007 3] [645-1997 2]
const fn may_have_more(edition: Edition, function: Function) -> bool {
    match edition {
        Edition::E2007 => matches!(function, Function::READ | Function::READ_SUBSEQUENT | Function::SECURITY),
        Edition::E1997 => matches!(function.0, 0x01..=0x03),
    }
}

fn content_2007<'a>(frame: &Frame<'a>) -> Result<Content<'a>, ResponseError> {
    let data = frame.data;
    match frame.control.function() {
        Function::READ | Function::SECURITY => read(Edition::E2007, frame),
        Function::READ_SUBSEQUENT => piece(frame),
        Function::READ_ADDRESS => {
            fields(frame, array.map(|address| Content::Address(AddressField::from_wire(address))))
        }
        Function::WRITE
        | Function::WRITE_ADDRESS
        | Function::FREEZE
        | Function::CLEAR_DEMAND
        | Function::CLEAR_METER
        | Function::CLEAR_EVENTS => accepted(frame),
        Function::CHANGE_RATE => fields(frame, byte.map(|word| Content::Rate { word })),
        Function::CHANGE_PASSWORD => new_password(frame),
        // Later revisions may say more than two bytes: the order is accepted all the same.
        Function::RELAY => Ok(Content::Accepted { word: data.try_into().ok().map(ExecutionWord::from_wire) }),
        Function::MULTIFUNCTION_OUTPUT if data.is_empty() => accepted(frame),
        Function::MULTIFUNCTION_OUTPUT => fields(frame, byte.map(|code| Content::Output { code })),
        _ => unknown(Edition::E2007, frame),
    }
}

fn content_1997<'a>(frame: &Frame<'a>) -> Result<Content<'a>, ResponseError> {
    match frame.control.function() {
        Function::READ_1997 | Function::READ_SUBSEQUENT_1997 | Function::REREAD_1997 => {
            read(Edition::E1997, frame)
        }
        Function::WRITE_1997 | Function::WRITE_ADDRESS_1997 | Function::CLEAR_DEMAND_1997 => accepted(frame),
        Function::CHANGE_RATE_1997 => fields(frame, byte.map(|word| Content::Rate { word })),
        Function::CHANGE_PASSWORD_1997 => new_password(frame),
        _ => unknown(Edition::E1997, frame),
    }
}

fn unknown<'a>(edition: Edition, frame: &Frame<'a>) -> Result<Content<'a>, ResponseError> {
    Err(ResponseError::UnknownFunction { edition, control: frame.control })
}

/// The whole data of the frame, read by `parser`.
fn fields<'a, T>(
    frame: &Frame<'a>,
    parser: impl Parser<&'a [u8], Output = T, Error = ()>,
) -> Result<T, ResponseError> {
    whole(frame.data, parser)
        .ok_or(ResponseError::Length { control: frame.control, length: frame.data.len() })
}

fn read<'a>(edition: Edition, frame: &Frame<'a>) -> Result<Content<'a>, ResponseError> {
    let (item, payload) = fields(frame, (item(edition), remainder))?;
    Ok(Content::Data { item, payload, more: frame.control.has_more() })
}

fn piece<'a>(frame: &Frame<'a>) -> Result<Content<'a>, ResponseError> {
    let (item, rest) = fields(frame, (item(Edition::E2007), remainder))?;
    let (sequence, payload) = rest
        .split_last()
        .ok_or(ResponseError::Length { control: frame.control, length: frame.data.len() })?;
    Ok(Content::Piece { item, payload, sequence: *sequence, more: frame.control.has_more() })
}

fn accepted<'a>(frame: &Frame<'a>) -> Result<Content<'a>, ResponseError> {
    match frame.data {
        [] => Ok(Content::Accepted { word: None }),
        data => Err(ResponseError::Length { control: frame.control, length: data.len() }),
    }
}

fn new_password<'a>(frame: &Frame<'a>) -> Result<Content<'a>, ResponseError> {
    Ok(Content::NewPassword(Password::from_wire(fields(frame, array)?)?))
}

fn refused<'a>(edition: Edition, frame: &Frame<'a>) -> Result<Content<'a>, ResponseError> {
    let function = frame.control.function();
    Ok(Content::Refused(match *frame.data {
        [] => Refusal::Unexplained,
        [bits] => Refusal::Error(ErrorWord::new(edition, bits)),
        [low, high] if edition == Edition::E2007 && function == Function::SECURITY => {
            Refusal::Security(SecurityErrorWord::new(u16::from_le_bytes([low, high])))
        }
        [low, high] if edition == Edition::E2007 && function == Function::RELAY => {
            Refusal::Relay(RelayErrorWord::new(u16::from_le_bytes([low, high])))
        }
        _ => return Err(ResponseError::Length { control: frame.control, length: frame.data.len() }),
    }))
}

/// Why a frame is no answer of the edition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ResponseError {
    /// A request, or a refusal with more to follow.
    #[error("control code {control} is none of an answer")]
    NotAnAnswer {
        /// The control code.
        control: Control,
    },
    /// A function that the edition does not answer in this way.
    #[error("control code {control} is no answer in the {edition} edition")]
    UnknownFunction {
        /// The edition read in.
        edition: Edition,
        /// The control code.
        control: Control,
    },
    /// A length that the answer does not have.
    #[error("{length} data bytes do not fit control code {control}")]
    Length {
        /// The control code.
        control: Control,
        /// How many data bytes there are.
        length: usize,
    },
    /// A new password whose level is none.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

impl ResponseError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::NotAnAnswer { .. } => "not_an_answer",
            Self::UnknownFunction { .. } => "unknown_function",
            Self::Length { .. } => "length",
            Self::Password(_) => "password",
        }
    }
}

#[cfg(test)]
mod tests;
