//! One frame: the check of its bytes, its plain form, and the encoder.
//!
//! ```text
//! 68 | A0 A1 A2 A3 A4 A5 | 68 | C | L | DATA (L bytes, each + 33H) | CS | 16
//!  0   1              6     7   8   9   10                          10+L  11+L
//! ```
//!
//! The offset of 33H and the checksum live here and nowhere else: everything above sees plain data. A frame is
//! found by its length byte, never by looking for 16H, which stands in addresses, data and checksums alike.
//! [645-2007 2 frame] [645-1997 1]

use crate::address::AddressField;
use crate::control::Control;

/// The start byte.
pub const START: u8 = 0x68;
/// The end byte.
pub const END: u8 = 0x16;
/// The wake-up byte (前导字节) sent before a frame; it belongs to no frame. [645-2007 1 wake-up]
pub const WAKE_UP: u8 = 0xFE;
/// What is added to every data byte on the wire.
pub const OFFSET: u8 = 0x33;
/// Bytes up to and with the length byte.
const HEAD: usize = 10;
/// Bytes of a frame besides its data.
pub const OVERHEAD: usize = 12;
/// The most data bytes the length byte can announce. The standard ends at 200, makers do not. [645-2007 2 frame]
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
    head: &'a [u8; HEAD],
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
        Self::split(bytes).map(|(frame, _)| frame).map_err(|miss| miss.fault(bytes))
    }

    /// The frame at the front of `bytes`, and what follows it. Of a fault no more is found out than was needed to see
    /// that there is one: false starts in rubbish must not cost more than they have to.
    #[inline]
    pub(crate) fn split(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Miss> {
        let Some((head, body)) = bytes.split_first_chunk::<HEAD>() else {
            return Err(Miss::short_head(bytes));
        };
        let [START, .., START, _, length] = *head else { return Err(Miss::NoStart) };
        let data = usize::from(length);
        let Some((whole, rest)) = bytes.split_at_checked(data + OVERHEAD) else {
            return Err(Miss::Truncated { missing: data + OVERHEAD - bytes.len() });
        };
        let Some((summed, [sum, end])) = whole.split_last_chunk::<2>() else { return Err(Miss::NoStart) };
        // The end byte first: it costs nothing, and most false starts fail on it.
        if *end != END {
            return Err(Miss::End);
        }
        if checksum(summed) != *sum {
            return Err(Miss::Checksum);
        }
        let masked = body.get(..data).unwrap_or_default();
        Ok((Self { head, masked, bytes: whole }, rest))
    }

    /// The address field.
    #[must_use]
    #[inline]
    pub const fn address(&self) -> AddressField {
        let [_, address @ .., _, _, _] = *self.head;
        AddressField::from_wire(address)
    }

    /// The control code.
    #[must_use]
    #[inline]
    pub const fn control(&self) -> Control {
        let [.., control, _] = *self.head;
        Control(control)
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
        unmask(self.masked, plain);
        let [.., length] = *self.head;
        plain.split_at(usize::from(length)).0
    }

    /// The frame with plain data, for which `plain` lends the room.
    #[must_use]
    #[inline]
    pub fn frame<'p>(&self, plain: &'p mut [u8; MAX_DATA]) -> Frame<'p> {
        Frame { address: self.address(), control: self.control(), data: self.unmask(plain) }
    }
}

/// Why bytes are no frame, as far as that is known at no cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Miss {
    /// No two start bytes.
    NoStart,
    /// So many bytes are missing at least.
    Truncated { missing: usize },
    /// Another end byte, whatever the checksum.
    End,
    /// Another checksum, with the end byte in its place.
    Checksum,
}

impl Miss {
    /// For bytes that end before the length byte does.
    #[cold]
    fn short_head(bytes: &[u8]) -> Self {
        let is_start = |place: usize| bytes.get(place).is_none_or(|byte| *byte == START);
        if is_start(0) && is_start(7) {
            Self::Truncated { missing: OVERHEAD - bytes.len().min(HEAD) }
        } else {
            Self::NoStart
        }
    }

    /// All that can be told about it.
    #[cold]
    fn fault(self, bytes: &[u8]) -> Fault {
        let length = bytes.get(HEAD - 1).copied().unwrap_or_default();
        let (summed, behind) = bytes.split_at_checked(HEAD + usize::from(length)).unwrap_or_default();
        let (found, end) = behind.first_chunk::<2>().map_or((0, 0), |[sum, end]| (*sum, *end));
        match self {
            Self::NoStart => Fault::NoStart,
            Self::Truncated { missing } => Fault::Truncated { missing },
            Self::Checksum => Fault::Checksum { found, expected: checksum(summed) },
            Self::End if checksum(summed) == found => Fault::EndByte { found: end },
            Self::End => Fault::Length { length },
        }
    }
}

#[inline(never)] // only where it knows the two apart does the compiler take many bytes at a time
fn unmask(masked: &[u8], plain: &mut [u8; MAX_DATA]) {
    let (eights, rest) = masked.as_chunks::<8>();
    let (to_eights, _) = plain.as_chunks_mut::<8>();
    for (to, eight) in to_eights.iter_mut().zip(eights) {
        to.iter_mut().zip(eight).for_each(|(to, masked)| *to = masked.wrapping_sub(OFFSET));
    }
    if !rest.is_empty() {
        let to_rest = plain.get_mut(masked.len() - rest.len()..).unwrap_or_default();
        to_rest.iter_mut().zip(rest).for_each(|(to, masked)| *to = masked.wrapping_sub(OFFSET));
    }
}

/// The checksum over `bytes`: their sum modulo 256. [645-2007 2 frame]
#[must_use]
#[inline]
pub fn checksum(bytes: &[u8]) -> u8 {
    if bytes.len() > 64 {
        return long_sum(bytes);
    }
    let (eights, rest) = bytes.as_chunks::<8>();
    eights.iter().fold(short_sum(rest), |total, eight| total.wrapping_add(short_sum(eight)))
}

/// Of many bytes the compiler adds up 32 at a time; kept apart so that short frames do without the preparations.
#[cold]
fn long_sum(bytes: &[u8]) -> u8 {
    short_sum(bytes)
}

#[inline]
fn short_sum(bytes: &[u8]) -> u8 {
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

    // covers [645-2007 2 frame]
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
