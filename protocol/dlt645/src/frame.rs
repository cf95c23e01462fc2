//! One frame: the check of its bytes, its plain form, and the encoder.
//!
//! ```text
//! 68 | A0 A1 A2 A3 A4 A5 | 68 | C | L | DATA (L bytes, each + 33H) | CS | 16
//!  0   1              6     7   8   9   10                          10+L  11+L
//! ```
//!
//! The offset of 33H and the checksum live here and nowhere else: everything above sees plain data. A frame is
//! found by its length byte, never by looking for 16H, which stands in addresses, data and checksums alike.
//! [645-2007 2] [645-1997 1]

use nom::Parser;
use nom::bytes::complete::{tag, take};
use nom::number::complete::u8 as byte;

use crate::address::AddressField;
use crate::control::Control;

/// The start byte.
pub const START: u8 = 0x68;
/// The end byte.
pub const END: u8 = 0x16;
/// The wake-up byte (前导字节) sent before a frame; it belongs to no frame. [645-2007 1]
pub const WAKE_UP: u8 = 0xFE;
/// What is added to every data byte on the wire.
pub const OFFSET: u8 = 0x33;
/// Bytes of a frame besides its data.
pub const OVERHEAD: usize = 12;
/// The most data bytes the length byte can announce. The standard ends at 200, makers do not. [645-2007 2]
pub const MAX_DATA: usize = 255;
/// The longest frame there can be.
pub const MAX_FRAME: usize = OVERHEAD + MAX_DATA;

/// A frame as it stands in a buffer, checked: start bytes, length, checksum and end byte fit.
///
/// ```
/// use dlt645::frame::{Frame, WireFrame};
/// let bytes = [0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, 0x11, 0x04,
///              0x33, 0x33, 0x34, 0x33, 0x68, 0x16];
/// let frame = WireFrame::parse(&bytes)?;
/// assert_eq!(frame.address().to_string(), "123456789012");
/// let mut plain = [0; 255];
/// assert_eq!(frame.unmask(&mut plain), [0x00, 0x00, 0x01, 0x00]);
/// # Ok::<(), dlt645::frame::Fault>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireFrame<'a> {
    address: AddressField,
    control: Control,
    masked: &'a [u8],
    bytes: &'a [u8],
}

/// Why the bytes at some place are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    /// No 68H here, or no second one seven bytes on.
    #[error("no frame starts here")]
    NoStart,
    /// The bytes end before the frame does.
    #[error("cut short by {missing} bytes")]
    Truncated {
        /// How many bytes are missing, counted by the length byte; at least one, and only a lower bound when the
        /// length byte itself is missing.
        missing: usize,
    },
    /// Everything fits but the checksum.
    #[error("checksum {found:02X}, should be {expected:02X}")]
    Checksum {
        /// What stands there.
        found: u8,
        /// What the bytes add up to.
        expected: u8,
    },
    /// Everything fits but the end byte.
    #[error("end byte {found:02X} where the length puts it, should be 16")]
    EndByte {
        /// What stands there.
        found: u8,
    },
    /// Neither checksum nor end byte stand where the length byte puts them.
    #[error("length {length} puts checksum and end byte where they are not")]
    Length {
        /// The length byte.
        length: u8,
    },
}

impl<'a> WireFrame<'a> {
    /// Checks the frame at the front of `bytes`; what follows it is not looked at.
    ///
    /// # Errors
    /// The [`Fault`] that makes it no frame; [`Fault::Truncated`] when more bytes could still make it one.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Fault> {
        let (rest, (address, control, length)) = header(bytes)?;
        let data = usize::from(length);
        let Some((body, [sum, end])) = rest.get(..data + 2).and_then(<[u8]>::split_last_chunk::<2>) else {
            return Err(Fault::Truncated { missing: data + 2 - rest.len() });
        };
        let whole = bytes.get(..data + OVERHEAD).unwrap_or_default();
        // The end byte first: it costs nothing, and most false starts fail on it.
        if *end != END {
            let fits = checksum(whole.get(..data + 10).unwrap_or_default()) == *sum;
            return Err(if fits { Fault::EndByte { found: *end } } else { Fault::Length { length } });
        }
        let expected = checksum(whole.get(..data + 10).unwrap_or_default());
        if expected != *sum {
            return Err(Fault::Checksum { found: *sum, expected });
        }
        Ok(Self { address, control, masked: body, bytes: whole })
    }

    /// The address field.
    #[must_use]
    pub const fn address(&self) -> AddressField {
        self.address
    }

    /// The control code.
    #[must_use]
    pub const fn control(&self) -> Control {
        self.control
    }

    /// The whole frame as on the wire, without wake-up bytes.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The data as on the wire, with 33H still added to each byte.
    #[must_use]
    pub const fn masked(&self) -> &'a [u8] {
        self.masked
    }

    /// Takes 33H off each data byte into `plain` and gives back the part that was filled.
    #[must_use]
    #[inline]
    pub fn unmask<'p>(&self, plain: &'p mut [u8; MAX_DATA]) -> &'p [u8] {
        let (plain, _) = plain.split_at_mut(self.masked.len().min(MAX_DATA));
        let (mut to, from) = (plain.chunks_exact_mut(8), self.masked.chunks_exact(8));
        let tail = from.remainder();
        for (to, from) in to.by_ref().zip(from) {
            to.copy_from_slice(&unmask_word(from));
        }
        for (to, from) in to.into_remainder().iter_mut().zip(tail) {
            *to = from.wrapping_sub(OFFSET);
        }
        plain
    }

    /// The frame with plain data, for which `plain` lends the room.
    #[must_use]
    #[inline]
    pub fn frame<'p>(&self, plain: &'p mut [u8; MAX_DATA]) -> Frame<'p> {
        Frame { address: self.address, control: self.control, data: self.unmask(plain) }
    }
}

/// Address, control code and length byte.
type Header = (AddressField, Control, u8);

/// The fixed part of a frame, up to and with the length byte.
#[inline]
fn header(bytes: &[u8]) -> Result<(&[u8], Header), Fault> {
    let parsed: Result<_, nom::Err<()>> =
        (tag(&[START][..]), take(6_usize), tag(&[START][..]), byte, byte).parse(bytes);
    match parsed {
        Ok((rest, (_, address, _, control, length))) => {
            let address = <[u8; 6]>::try_from(address).unwrap_or_default();
            Ok((rest, (AddressField::from_wire(address), Control(control), length)))
        }
        Err(_) if bytes.first().is_some_and(|byte| *byte != START) => Err(Fault::NoStart),
        Err(_) if bytes.get(7).is_some_and(|byte| *byte != START) => Err(Fault::NoStart),
        Err(_) => Err(Fault::Truncated { missing: OVERHEAD - bytes.len().min(OVERHEAD - 1) }),
    }
}

/// Eight bytes less 33H each, no borrow from one to the next.
#[inline]
fn unmask_word(bytes: &[u8]) -> [u8; 8] {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const OFFSETS: u64 = 0x3333_3333_3333_3333;
    let word = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
    // 33H has a clear top bit: set it in the word so that nothing borrows, then put the true top bits back.
    let low = (word | HIGH) - OFFSETS;
    (low ^ (!word & HIGH)).to_le_bytes()
}

/// The checksum over `bytes`: their sum modulo 256. [645-2007 2]
#[must_use]
#[inline]
pub fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte))
}

/// A frame with plain data: what is sent and what was understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// The address field.
    pub address: AddressField,
    /// The control code.
    pub control: Control,
    /// The data without the offset of 33H; at most [`MAX_DATA`] bytes can be sent.
    pub data: &'a [u8],
}

impl Frame<'_> {
    /// Appends the frame as it goes on the wire, without wake-up bytes.
    ///
    /// # Errors
    /// [`DataTooLong`], with nothing appended, above [`MAX_DATA`] bytes.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<(), DataTooLong> {
        let length = u8::try_from(self.data.len()).map_err(|_| DataTooLong { length: self.data.len() })?;
        let begin = out.len();
        out.reserve(self.data.len() + OVERHEAD);
        out.push(START);
        out.extend(self.address.wire());
        out.extend([START, self.control.0, length]);
        out.extend(self.data.iter().map(|byte| byte.wrapping_add(OFFSET)));
        let sum = checksum(out.get(begin..).unwrap_or_default());
        out.extend([sum, END]);
        Ok(())
    }

    /// The frame as it goes on the wire, without wake-up bytes.
    ///
    /// # Errors
    /// [`DataTooLong`] above [`MAX_DATA`] bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, DataTooLong> {
        let mut out = Vec::with_capacity(self.data.len() + OVERHEAD);
        self.emit(&mut out)?;
        Ok(out)
    }
}

/// More data than a length byte can count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame carries at most 255 data bytes, {length} were given")]
pub struct DataTooLong {
    /// How many were given.
    pub length: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: [u8; 16] =
        [0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, 0x11, 0x04, 0x33, 0x33, 0x34, 0x33, 0x68, 0x16];

    #[test]
    fn parse_and_emit_are_inverse() {
        let wire = WireFrame::parse(&READ).unwrap();
        let mut room = [0; MAX_DATA];
        let frame = wire.frame(&mut room);
        assert_eq!((frame.control.0, frame.data), (0x11, &[0, 0, 1, 0][..]));
        assert_eq!(frame.to_bytes().unwrap(), READ);
    }

    #[test]
    fn unmasking_is_right_for_every_byte_at_every_place() {
        let data: Vec<u8> = (0..=254).collect();
        for skip in 0..9 {
            let frame =
                Frame { address: AddressField::WILDCARD, control: Control(0x91), data: &data[skip..] };
            let bytes = frame.to_bytes().unwrap();
            let mut room = [0; MAX_DATA];
            assert_eq!(WireFrame::parse(&bytes).unwrap().unmask(&mut room), &data[skip..]);
        }
    }

    #[test]
    fn every_prefix_is_cut_short_and_says_by_how_much() {
        for cut in 0..READ.len() {
            let missing = if cut < 10 { 12 - cut } else { 16 - cut };
            assert_eq!(WireFrame::parse(&READ[..cut]), Err(Fault::Truncated { missing }), "{cut} bytes");
        }
    }

    #[test]
    fn each_broken_part_is_named() {
        let with = |place: usize, byte: u8| {
            let mut bytes = READ;
            bytes[place] = byte;
            WireFrame::parse(&bytes).map(|_| ()).unwrap_err()
        };
        assert_eq!(with(0, 0x69), Fault::NoStart);
        assert_eq!(with(7, 0x69), Fault::NoStart);
        assert_eq!(with(14, 0x69), Fault::Checksum { found: 0x69, expected: 0x68 });
        assert_eq!(with(15, 0x17), Fault::EndByte { found: 0x17 });
        assert_eq!(with(9, 0x03), Fault::Length { length: 3 });
        assert_eq!(with(9, 0x05), Fault::Truncated { missing: 1 });
    }

    #[test]
    fn data_beyond_the_length_byte_is_refused_with_nothing_sent() {
        let data = [0; 256];
        let frame = Frame { address: AddressField::WILDCARD, control: Control(0x91), data: &data };
        let mut out = vec![1];
        assert_eq!(frame.emit(&mut out), Err(DataTooLong { length: 256 }));
        assert_eq!(out, [1]);
        assert_eq!(Frame { data: &data[..255], ..frame }.to_bytes().unwrap().len(), MAX_FRAME);
    }
}
