//! The last gate before the line: no byte is written that did not pass it (T1, I17).
//!
//! [`Link::write`](super::Link::write) takes nothing but [`Cleared`] bytes, and only a [`Gate`] clears bytes: it reads
//! them as what they will be on the line, wake-up bytes and one frame, and lets them pass when the frame is one that the
//! typed constructors could have made and that is on the list for where it comes from. So a mistake further up, or
//! bytes from elsewhere, do not become an order on the line.
//!
//! | | [`Gate::READS`] | [`Gate::RESTORE`] | [`Gate::CONTROL`] |
//! | --- | --- | --- | --- |
//! | reads | yes | yes | yes |
//! | relay orders that give supply back, or hold it; security chip | | yes | yes |
//! | relay orders that may take supply; freezes; the clock of one meter | | | yes |
//! | a new password of a level under one of the same level, unless it is a factory one; 2007 only | | | yes |
//! | the clocks of all meters at once | | | [where asked for](Gate::with_broadcast_time) |
//!
//! To meters that speak Modbus nothing leaves but questions that read; there is no list on which they could be written to.
//!
//! On no list: clearing of any kind, line speeds, outputs, writes of anything but the clock; and addresses,
//! which are written by a commissioning tool with a type of its own and never pass here.

use dlt645::data_id::DataId;
use dlt645::edition::Edition;
use dlt645::relay::AnyOrder;
use dlt645::request::{Kind, Request, RequestError};

use super::modbus;
use crate::config::Framing;

/// Which frames may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    list: List,
    broadcast_time: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum List {
    Reads,
    Restore,
    Control,
}

impl Gate {
    /// Questions that change nothing.
    pub const READS: Self = Self { list: List::Reads, broadcast_time: false };
    /// Questions, and what gives supply back. An enciphered order says to nobody here what it does: whoever made it
    /// answers for sending it this way.
    pub const RESTORE: Self = Self { list: List::Restore, broadcast_time: false };
    /// Everything a head-end may send.
    pub const CONTROL: Self = Self { list: List::Control, broadcast_time: false };

    /// The same, and the clocks of all meters may be set at once: off unless somebody wants it. (F14)
    #[must_use]
    pub const fn with_broadcast_time(self) -> Self {
        Self { broadcast_time: true, ..self }
    }

    /// Lets the bytes pass, or says why not.
    ///
    /// # Errors
    /// [`Blocked`], and nothing may be sent.
    pub fn clear<'a>(&self, edition: Edition, bytes: &'a [u8]) -> Result<Cleared<'a>, Blocked> {
        let request = Request::parse_wire(edition, bytes)?;
        if self.admits(&request) {
            Ok(Cleared { bytes })
        } else {
            Err(Blocked::NotOnTheList { function: request.function().0 })
        }
    }

    /// Lets the bytes pass when they are a question for Modbus registers, or says why not. It changes nothing, so that it may
    /// leave by any gate.
    ///
    /// # Errors
    /// [`Blocked`], and nothing may be sent.
    pub fn clear_registers<'a>(&self, framing: Framing, bytes: &'a [u8]) -> Result<Cleared<'a>, Blocked> {
        if modbus::is_read(framing, bytes) { Ok(Cleared { bytes }) } else { Err(Blocked::NoRead) }
    }

    /// True when a request may leave by this gate; asked early, so that what cannot leave is not queued.
    #[must_use]
    pub fn admits(&self, request: &Request) -> bool {
        match request.kind() {
            Kind::Relay(AnyOrder::Plain(order)) if !order.command.is_cut_class() => {
                self.list >= List::Restore
            }
            Kind::Relay(AnyOrder::Enciphered(_)) | Kind::Security { .. } => self.list >= List::Restore,
            Kind::Relay(_) | Kind::Freeze { .. } => self.list == List::Control,
            Kind::Write { item, .. } => self.list == List::Control && CLOCK.contains(item),
            Kind::ChangePassword { authority, new } => {
                self.list == List::Control
                    && request.edition() == Edition::E2007
                    && authority.level() == new.level()
                    && !new.is_commonplace()
            }
            Kind::BroadcastTime { .. } => self.list == List::Control && self.broadcast_time,
            _ => !request.changes_meter(),
        }
    }
}

/// Bytes that may leave.
#[derive(Clone, Copy, Debug)]
pub struct Cleared<'a> {
    bytes: &'a [u8],
}

impl<'a> Cleared<'a> {
    /// What is left of them after `count` were written.
    #[must_use]
    pub fn rest(self, count: usize) -> Self {
        Self { bytes: self.bytes.get(count..).unwrap_or_default() }
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

/// Why bytes may not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// No request that could be built.
    #[error("what was to be sent is no request that may be: {0}")]
    NoRequest(#[from] RequestError),
    /// A request, but not from here.
    #[error("function {function:02X}H may not be sent from here")]
    NotOnTheList {
        /// Its function.
        function: u8,
    },
    /// No question that reads Modbus registers.
    #[error("what was to be sent is no question that reads Modbus registers")]
    NoRead,
}

impl Blocked {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::NoRequest(_) => "no_request",
            Self::NotOnTheList { .. } => "not_on_the_list",
            Self::NoRead => "no_read",
        }
    }
}

/// What may be written: date, time, and both together.
const CLOCK: &[DataId] = &[
    DataId::new_2007(0x0400_0101),
    DataId::new_2007(0x0400_0102),
    DataId::new_2007(0x0400_010C),
    DataId::new_1997(0xC010),
    DataId::new_1997(0xC011),
];

#[cfg(test)]
mod tests;
