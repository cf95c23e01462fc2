//! One frame: the check of its bytes, its plain form, and the encoder.
//!
//! ```text
//! 68 | L L | L L | 68 | C | A1 A1 A2 A2 A3 | AFN | SEQ | data units, AUX | CS | 16
//!  0   1     3     5    6   7                 12    13    14               6+n  7+n
//! ```
//!
//! L stands twice, low byte first: the upper fourteen bits are n, the bytes from C to the one before CS; the lowest two
//! tell the edition ([`LengthCode`]). CS is the sum of these n bytes. There is no escaping. A frame is found by its
//! length, never by looking for 16H, which stands anywhere. [1376 1.1] [1376 1.2]

use core::fmt;

use crate::address::AddressField;
use crate::afn::Afn;
use crate::control::Control;
use crate::seq::Seq;

/// The start byte.
pub const START: u8 = 0x68;
/// The end byte.
pub const END: u8 = 0x16;
/// A byte that some send in front of a frame; it belongs to no frame.
pub const WAKE_UP: u8 = 0xFE;
/// Bytes of a frame besides the n that the length counts.
pub const OVERHEAD: usize = 8;
/// The fewest bytes the length can count: C, A, AFN and SEQ. With a data unit identifier there are twelve.
pub const MIN_COUNTED: usize = 8;
/// The most bytes the length can count.
pub const MAX_COUNTED: usize = 0x3FFF;
/// The longest frame there can be.
pub const MAX_FRAME: usize = MAX_COUNTED + OVERHEAD;
/// Bytes up to and with the second 68H.
const HEAD: usize = 6;

/// The lowest two bits of the length: the edition (协议标识).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LengthCode(u8);

impl LengthCode {
    /// 0: forbidden by the text. Taken when everything else fits, never sent.
    pub const FORBIDDEN: Self = Self(0);
    /// 1: Q/GDW 130-2005, the load control protocol (负控规约).
    pub const GDW_130: Self = Self(1);
    /// 2: Q/GDW 376.1-2009 and 1376.1-2013, which cannot be told apart by it.
    pub const GDW_376: Self = Self(2);
    /// 3: reserved, used by private variants. Taken, never sent.
    pub const RESERVED: Self = Self(3);

    /// The lowest two bits of the first length byte.
    #[must_use]
    pub const fn of(first: u8) -> Self {
        Self(first & 0x03)
    }

    /// The two bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// True for the two codes that may be sent and that a session takes.
    #[must_use]
    pub const fn is_standard(self) -> bool {
        matches!(self, Self::GDW_130 | Self::GDW_376)
    }
}

impl fmt::Debug for LengthCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LengthCode({:02b})", self.0)
    }
}

/// A frame, checked or about to be sent.
///
/// ```
/// use gdw1376::frame::Frame;
/// // A terminal logs in.
/// let bytes = [0x68, 0x32, 0x00, 0x32, 0x00, 0x68, 0xC9, 0x00, 0x02, 0x34, 0x12, 0x00, 0x02, 0x71,
///              0x00, 0x00, 0x01, 0x00, 0x85, 0x16];
/// let frame = Frame::parse(&bytes)?;
/// assert_eq!(frame.address.terminal.to_string(), "0200-1234");
/// assert_eq!((frame.afn.0, frame.seq.number()), (0x02, 1));
/// assert_eq!(frame.body, [0x00, 0x00, 0x01, 0x00]);
/// assert_eq!(frame.to_bytes().unwrap(), bytes);
/// # Ok::<(), gdw1376::frame::Fault>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The edition, by the length field.
    pub code: LengthCode,
    /// The control byte C.
    pub control: Control,
    /// The address A.
    pub address: AddressField,
    /// The application function.
    pub afn: Afn,
    /// The sequence byte.
    pub seq: Seq,
    /// Everything between SEQ and the checksum: data units and what follows them.
    pub body: &'a [u8],
}

/// Why the bytes at some place are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    /// No 68H here, or no second one five bytes on.
    #[error("no frame starts here")]
    NoStart,
    /// The two lengths differ.
    #[error("the lengths at offsets 1 and 3 differ: {first:04X} and {second:04X}")]
    LengthsDiffer {
        /// The first.
        first: u16,
        /// The second.
        second: u16,
    },
    /// Both lengths agree on fewer bytes than the head alone has.
    #[error("the length counts {counted} bytes, at least 8 are needed")]
    TooShort {
        /// How many it counts.
        counted: usize,
    },
    /// Both lengths agree on more bytes than are taken.
    #[error("the length counts {counted} bytes, at most {limit} are taken")]
    TooLong {
        /// How many it counts.
        counted: usize,
        /// How many may be.
        limit: usize,
    },
    /// The bytes end before the frame does.
    #[error("cut short by {missing} bytes")]
    Truncated {
        /// How many bytes are missing; only a lower bound when the length itself is missing.
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
    /// The byte where the length puts the end is another.
    #[error("end byte {found:02X} where the length puts it, should be 16")]
    EndByte {
        /// What stands there.
        found: u8,
    },
}

impl Fault {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::NoStart => "no_start",
            Self::LengthsDiffer { .. } => "lengths_differ",
            Self::TooShort { .. } => "too_short",
            Self::TooLong { .. } => "too_long",
            Self::Truncated { .. } => "truncated",
            Self::Checksum { .. } => "checksum",
            Self::EndByte { .. } => "end_byte",
        }
    }
}

impl<'a> Frame<'a> {
    /// Checks the frame at the front of `bytes`; what follows it is not looked at.
    ///
    /// # Errors
    /// The [`Fault`] that makes it no frame; [`Fault::Truncated`] when more bytes could still make it one.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Fault> {
        Self::split(bytes, MAX_COUNTED).map(|(frame, _)| frame)
    }

    /// The frame at the front of `bytes`, of at most `limit` counted bytes, and its length on the wire.
    pub(crate) fn split(bytes: &'a [u8], limit: usize) -> Result<(Self, usize), Fault> {
        let Some((head, behind)) = bytes.split_first_chunk::<HEAD>() else {
            return Err(short_head(bytes));
        };
        let [START, a, b, c, d, START] = *head else { return Err(Fault::NoStart) };
        let (first, second) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        if first != second {
            return Err(Fault::LengthsDiffer { first, second });
        }
        let counted = usize::from(first >> 2);
        if counted < MIN_COUNTED {
            return Err(Fault::TooShort { counted });
        }
        if counted > limit {
            return Err(Fault::TooLong { counted, limit });
        }
        let Some((user, [sum, end, ..])) = behind.split_at_checked(counted) else {
            return Err(Fault::Truncated { missing: counted + OVERHEAD - bytes.len() });
        };
        // The end byte first: it costs nothing, and most false starts fail on it.
        if *end != END {
            return Err(Fault::EndByte { found: *end });
        }
        let expected = checksum(user);
        if expected != *sum {
            return Err(Fault::Checksum { found: *sum, expected });
        }
        let [control, address @ .., afn, seq] = user.first_chunk::<MIN_COUNTED>().ok_or(Fault::NoStart)?;
        let frame = Self {
            code: LengthCode::of(a),
            control: Control(*control),
            address: AddressField::from_wire(*address),
            afn: Afn(*afn),
            seq: Seq(*seq),
            body: user.get(MIN_COUNTED..).unwrap_or_default(),
        };
        Ok((frame, counted + OVERHEAD))
    }

    /// Appends the frame as it goes on the wire.
    ///
    /// # Errors
    /// [`EmitError`], with nothing appended: nothing is sent under a length code that no edition has, nor more than
    /// the length can count.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<(), EmitError> {
        if !self.code.is_standard() {
            return Err(EmitError::LengthCode { code: self.code.bits() });
        }
        let counted = self.body.len() + MIN_COUNTED;
        let length = u16::try_from(counted).ok().filter(|_| counted <= MAX_COUNTED);
        let Some(length) = length else { return Err(EmitError::TooLong { counted }) };
        let [low, high] = (length << 2 | u16::from(self.code.bits())).to_le_bytes();
        out.reserve(counted + OVERHEAD);
        out.extend([START, low, high, low, high, START]);
        let begin = out.len();
        out.push(self.control.0);
        out.extend(self.address.wire());
        out.extend([self.afn.0, self.seq.0]);
        out.extend(self.body);
        let sum = checksum(out.get(begin..).unwrap_or_default());
        out.extend([sum, END]);
        Ok(())
    }

    /// The frame as it goes on the wire.
    ///
    /// # Errors
    /// See [`Self::emit`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, EmitError> {
        let mut out = Vec::new();
        self.emit(&mut out)?;
        Ok(out)
    }
}

/// Why a frame cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// The length code is no edition's.
    #[error("length code {code:02b} is no edition's; 10 and 01 may be sent")]
    LengthCode {
        /// The two bits.
        code: u8,
    },
    /// More bytes than the length can count.
    #[error("a frame counts at most 16383 bytes, this one {counted}")]
    TooLong {
        /// How many there are.
        counted: usize,
    },
}

impl EmitError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::LengthCode { .. } => "length_code",
            Self::TooLong { .. } => "too_long",
        }
    }
}

/// For bytes that end before the second start byte.
#[cold]
fn short_head(bytes: &[u8]) -> Fault {
    match *bytes {
        [] | [START] | [START, _] | [START, _, _] => {}
        // The second length is known to differ as soon as its first byte does.
        [START, a, _, c] if a == c => {}
        [START, a, b, c, d] if (a, b) == (c, d) => {}
        [START, a, b, c, ref rest @ ..] => {
            let second = u16::from_le_bytes([c, rest.first().copied().unwrap_or(b)]);
            return Fault::LengthsDiffer { first: u16::from_le_bytes([a, b]), second };
        }
        _ => return Fault::NoStart,
    }
    Fault::Truncated { missing: OVERHEAD + MIN_COUNTED - bytes.len() }
}

/// The sum of `bytes` modulo 256. [1376 1.1]
#[must_use]
pub fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: [u8; 20] = [
        0x68, 0x32, 0x00, 0x32, 0x00, 0x68, 0xC9, 0x71, 0x01, 0x22, 0x08, 0x00, 0x02, 0x78, 0x00, 0x00, 0x01,
        0x00, 0xE0, 0x16,
    ];

    // covers [1376 1.1] [1376 1.2]
    #[test]
    fn parse_and_emit_are_inverse() {
        let frame = Frame::parse(&LOGIN).unwrap();
        assert_eq!(frame.code, LengthCode::GDW_376);
        assert_eq!((frame.control, frame.afn, frame.seq), (Control(0xC9), Afn(2), Seq(0x78)));
        assert_eq!(frame.address.to_string(), "0171-0822 master 0");
        assert_eq!(frame.body, [0, 0, 1, 0]);
        assert_eq!(frame.to_bytes().unwrap(), LOGIN);
    }

    #[test]
    fn every_prefix_is_cut_short_and_says_by_how_much() {
        for cut in 0..LOGIN.len() {
            let missing = if cut < 6 { 16 - cut } else { 20 - cut };
            assert_eq!(Frame::parse(&LOGIN[..cut]), Err(Fault::Truncated { missing }), "{cut} bytes");
        }
    }

    #[test]
    fn each_broken_part_is_named() {
        let with = |place: usize, byte: u8| {
            let mut bytes = LOGIN;
            bytes[place] = byte;
            (Frame::parse(&bytes).unwrap_err(), Frame::parse(&bytes[..=place]).unwrap_err())
        };
        assert_eq!(with(0, 0x69).0, Fault::NoStart);
        assert_eq!(with(5, 0x69).0, Fault::NoStart);
        let differ = Fault::LengthsDiffer { first: 0x0032, second: 0x0033 };
        assert_eq!(with(3, 0x33), (differ, differ), "told as soon as it is known");
        let differ = Fault::LengthsDiffer { first: 0x0032, second: 0x0132 };
        assert_eq!(with(4, 0x01), (differ, differ));
        assert_eq!(with(18, 0x69).0, Fault::Checksum { found: 0x69, expected: 0xE0 });
        assert_eq!(with(10, 0x09).0, Fault::Checksum { found: 0xE0, expected: 0xE1 });
        assert_eq!(with(19, 0x17).0, Fault::EndByte { found: 0x17 });
    }

    #[test]
    fn lengths_out_of_bounds_are_refused() {
        let short = [0x68, 0x1E, 0x00, 0x1E, 0x00, 0x68];
        assert_eq!(Frame::parse(&short), Err(Fault::TooShort { counted: 7 }));
        let long = [0x68, 0xFE, 0xFF, 0xFE, 0xFF, 0x68];
        assert_eq!(Frame::parse(&long), Err(Fault::Truncated { missing: MAX_FRAME - 6 }));
        assert_eq!(Frame::split(&long, 1024), Err(Fault::TooLong { counted: 16383, limit: 1024 }));
    }

    #[test]
    fn all_length_codes_are_read_and_two_are_sent() {
        for bits in 0..=3_u8 {
            let mut bytes = LOGIN;
            (bytes[1], bytes[3]) = (0x30 | bits, 0x30 | bits);
            let frame = Frame::parse(&bytes).unwrap();
            assert_eq!(frame.code.bits(), bits);
            if frame.code.is_standard() {
                assert_eq!(frame.to_bytes().unwrap(), bytes);
            } else {
                assert_eq!(frame.to_bytes(), Err(EmitError::LengthCode { code: bits }));
            }
        }
    }

    #[test]
    fn the_longest_frame_goes_out_and_one_byte_more_does_not() {
        let body = vec![0x55; MAX_COUNTED - MIN_COUNTED + 1];
        let frame = Frame { body: &body[1..], ..Frame::parse(&LOGIN).unwrap() };
        let bytes = frame.to_bytes().unwrap();
        assert_eq!((bytes.len(), Frame::parse(&bytes)), (MAX_FRAME, Ok(frame)));
        let mut out = vec![1];
        let longer = Frame { body: &body, ..frame };
        assert_eq!(longer.emit(&mut out), Err(EmitError::TooLong { counted: 16384 }));
        assert_eq!(out, [1]);
    }
}
