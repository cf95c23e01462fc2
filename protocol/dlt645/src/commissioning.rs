//! Giving a meter its address (写通信地址): a job of its own, done once, with one meter on the line.
//!
//! The order goes to the all-wild address by its nature and every meter that hears it takes the new address. So it
//! is no [`Request`](crate::request::Request): nothing that sends requests can send it, and
//! [`Request::parse`](crate::request::Request::parse) refuses its frames. Whoever makes one states that a single
//! meter hears it and, for a meter of 1997, that its programming key has been pressed.
//! [645-2007 4 write address] [645-1997 3 write address]

use crate::address::{AddressField, MeterAddress};
use crate::control::{Control, Function};
use crate::edition::Edition;
use crate::frame::{Frame, MAX_FRAME};

/// Says that exactly one meter can hear what is sent. Making it is the promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OneMeterOnLine {
    _promised: (),
}

impl OneMeterOnLine {
    /// The promise of a person who has looked.
    #[must_use]
    pub const fn promised() -> Self {
        Self { _promised: () }
    }
}

/// The order to take a new address.
///
/// ```
/// use dlt645::commissioning::{OneMeterOnLine, WriteAddress};
/// use dlt645::edition::Edition;
///
/// let order = WriteAddress::new(Edition::E2007, "123456789012".parse()?, OneMeterOnLine::promised());
/// assert_eq!(order.to_bytes()[..10], [0x68, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0x68, 0x15, 0x06]);
/// # Ok::<(), dlt645::address::AddressError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WriteAddress {
    edition: Edition,
    new: MeterAddress,
}

impl WriteAddress {
    /// Gives the address `new` to the one meter on the line.
    #[must_use]
    pub const fn new(edition: Edition, new: MeterAddress, _on_line: OneMeterOnLine) -> Self {
        Self { edition, new }
    }

    /// The edition it is written in.
    #[must_use]
    pub const fn edition(self) -> Edition {
        self.edition
    }

    /// The new address; the answer comes under it.
    #[must_use]
    pub const fn address(self) -> MeterAddress {
        self.new
    }

    /// The function: 15H, or 0AH in the 1997 edition.
    #[must_use]
    pub const fn function(self) -> Function {
        match self.edition {
            Edition::E2007 => Function::WRITE_ADDRESS,
            Edition::E1997 => Function::WRITE_ADDRESS_1997,
        }
    }

    /// The order as it goes on the wire, without wake-up bytes.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let data = self.new.field().wire();
        let control = Control::request(self.function());
        let mut out = Vec::with_capacity(MAX_FRAME);
        // Six data bytes always fit.
        let emitted = Frame { address: AddressField::WILDCARD, control, data: &data }.emit(&mut out);
        debug_assert!(emitted.is_ok());
        out
    }

    /// Reads the order, as a meter does.
    #[must_use]
    pub fn parse(edition: Edition, frame: &Frame<'_>) -> Option<Self> {
        let new = AddressField::from_wire(frame.data.try_into().ok()?).as_meter()?;
        let order = Self { edition, new };
        let to_all = frame.address == AddressField::WILDCARD
            || (edition == Edition::E1997 && frame.address.is_broadcast());
        (frame.control == Control::request(order.function()) && to_all).then_some(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;

    // covers [645-2007 4 write address] [645-1997 3 write address] [645-2007 13]
    #[test]
    fn t01_writing_an_address_is_no_request() {
        for edition in [Edition::E1997, Edition::E2007] {
            let new = "123456789012".parse().unwrap();
            let order = WriteAddress::new(edition, new, OneMeterOnLine::promised());
            let bytes = order.to_bytes();
            let mut room = [0; crate::frame::MAX_DATA];
            let frame = crate::frame::WireFrame::parse(&bytes).unwrap().frame(&mut room);
            assert_eq!(WriteAddress::parse(edition, &frame), Some(order));
            for edition in [Edition::E1997, Edition::E2007] {
                assert!(Request::parse(edition, &frame).is_err());
            }
        }
        let golden = [
            0x68, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0x68, 0x15, 0x06, 0x45, 0xC3, 0xAB, 0x89, 0x67, 0x45,
            0xCF, 0x16,
        ];
        let new = "123456789012".parse().unwrap();
        assert_eq!(WriteAddress::new(Edition::E2007, new, OneMeterOnLine::promised()).to_bytes(), golden);
    }
}
