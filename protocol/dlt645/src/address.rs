//! Meter addresses: the six address bytes of a frame, and the three things they can mean.
//!
//! | Type | Holds | May go where |
//! | --- | --- | --- |
//! | [`AddressField`] | any six bytes, as seen on the wire | reports, comparisons |
//! | [`MeterAddress`] | twelve decimal digits of one meter | every request |
//! | [`AddressPattern`] | leading digits wild (AAH) | reading only |
//!
//! A relay order, a write or a clear takes a [`MeterAddress`], so a wildcard or the broadcast address
//! cannot be given to it at all. What this module leaves to others: who may be asked what (`request`).

use core::fmt;
use core::str::FromStr;

use crate::bcd;

/// The six address bytes A0..A5 exactly as they stand on the wire, low byte first, whatever they hold.
///
/// Meters in the field answer with hexadecimal digits, with AAH kept from a wildcard, or under the broadcast
/// address; all of that can be held and shown here. [645-2007 2 address]
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressField([u8; 6]);

impl AddressField {
    /// The broadcast address 99 99 99 99 99 99 (广播地址). [645-2007 2 broadcast]
    pub const BROADCAST: Self = Self([0x99; 6]);
    /// The all-wild address AA AA AA AA AA AA. [645-2007 2 wildcards]
    pub const WILDCARD: Self = Self([0xAA; 6]);

    /// Takes the bytes in wire order, A0 first.
    #[must_use]
    pub const fn from_wire(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }

    /// The bytes in wire order, A0 first.
    #[must_use]
    pub const fn wire(self) -> [u8; 6] {
        self.0
    }

    /// True for the broadcast address.
    #[must_use]
    pub fn is_broadcast(self) -> bool {
        self == Self::BROADCAST
    }

    /// True when at least one byte is AAH.
    #[must_use]
    pub fn is_wild(self) -> bool {
        self.0.contains(&0xAA)
    }

    /// The meter address, when these are twelve decimal digits and not the broadcast address.
    #[must_use]
    #[inline]
    pub fn as_meter(self) -> Option<MeterAddress> {
        (bcd::is_decimal(word(self.0)) && !self.is_broadcast()).then_some(MeterAddress(self.0))
    }

    /// True when `other` may be the sender a request to `self` was meant for: equal byte by byte, an AAH in
    /// `self` standing for any byte. [645-2007 2 wildcards]
    #[must_use]
    pub fn admits(self, other: Self) -> bool {
        self.0.iter().zip(other.0).all(|(asked, given)| *asked == 0xAA || *asked == given)
    }

    /// The same bytes in the opposite order: what a tool that writes the address the wrong way round sends.
    #[must_use]
    pub const fn reversed(self) -> Self {
        let [a, b, c, d, e, f] = self.0;
        Self([f, e, d, c, b, a])
    }
}

impl fmt::Display for AddressField {
    /// Twelve digits, most significant first; hexadecimal digits where the bytes hold them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().rev().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for AddressField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The address of one meter (通信地址): twelve decimal digits, never a wildcard, never the broadcast address.
///
/// Written most significant digit first; a shorter number is padded with zeros on the high side. [645-2007 2 address]
///
/// ```
/// use dlt645::address::MeterAddress;
/// let meter: MeterAddress = "1234567".parse()?;
/// assert_eq!(meter.to_string(), "000001234567");
/// assert_eq!(meter.field().wire(), [0x67, 0x45, 0x23, 0x01, 0x00, 0x00]);
/// # Ok::<(), dlt645::address::AddressError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MeterAddress([u8; 6]);

impl MeterAddress {
    /// The address as it stands in a frame.
    #[must_use]
    pub const fn field(self) -> AddressField {
        AddressField(self.0)
    }

    /// The twelve digits as a number, 0 to 999 999 999 998.
    #[must_use]
    #[inline]
    pub const fn number(self) -> u64 {
        bcd::from_digits(word(self.0))
    }

    /// The address with this number, if it has at most twelve digits and is not the broadcast address.
    ///
    /// # Errors
    /// [`AddressError::TooLong`] above twelve digits, [`AddressError::Broadcast`] for 999999999999.
    pub fn from_number(number: u64) -> Result<Self, AddressError> {
        if number > 999_999_999_999 {
            return Err(AddressError::TooLong);
        }
        let mut rest = number;
        let mut bytes = [0_u8; 6];
        for byte in &mut bytes {
            *byte = bcd::from_two_digits(rest % 100);
            rest /= 100;
        }
        AddressField(bytes).as_meter().ok_or(AddressError::Broadcast)
    }
}

impl FromStr for MeterAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        let mut number = 0_u64;
        for (position, letter) in text.chars().enumerate() {
            let digit =
                letter.to_digit(10).ok_or(AddressError::NotADigit { position: position + 1, letter })?;
            if position >= 12 {
                return Err(AddressError::TooLong);
            }
            number = number * 10 + u64::from(digit);
        }
        Self::from_number(number)
    }
}

impl fmt::Display for MeterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.field(), f)
    }
}

impl fmt::Debug for MeterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An address with its upper digits left open, for reading only (缩位寻址): the high bytes are AAH, the low ones
/// are digits. All six open reaches the only meter on a line. [645-2007 2 wildcards]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressPattern(AddressField);

impl AddressPattern {
    /// AA AA AA AA AA AA: whoever is there.
    pub const ANY: Self = Self(AddressField::WILDCARD);

    /// Takes six bytes of which the low ones are decimal digit pairs and all the rest, at least one, AAH.
    ///
    /// # Errors
    /// [`AddressError::NotAPattern`] for anything else.
    pub fn from_field(field: AddressField) -> Result<Self, AddressError> {
        let digits = field.0.iter().take_while(|byte| **byte != 0xAA);
        let known = digits.clone().count();
        let decimal = digits.clone().all(|byte| byte & 0x0F <= 9 && byte >> 4 <= 9);
        let wild = field.0.iter().skip(known).all(|byte| *byte == 0xAA);
        if decimal && wild && known < 6 { Ok(Self(field)) } else { Err(AddressError::NotAPattern) }
    }

    /// The pattern that keeps the `digits` lowest digits of `meter`, an even number below twelve.
    ///
    /// # Errors
    /// [`AddressError::NotAPattern`] when `digits` is odd or above ten.
    pub fn keeping(meter: MeterAddress, digits: usize) -> Result<Self, AddressError> {
        if !digits.is_multiple_of(2) || digits > 10 {
            return Err(AddressError::NotAPattern);
        }
        let mut bytes = meter.0;
        bytes.iter_mut().skip(digits / 2).for_each(|byte| *byte = 0xAA);
        Ok(Self(AddressField(bytes)))
    }

    /// The pattern as it stands in a frame.
    #[must_use]
    pub const fn field(self) -> AddressField {
        self.0
    }
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Whom a read goes to: one meter, or a pattern on a line where only one meter can match.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// One meter by its full address.
    Meter(MeterAddress),
    /// Whoever matches; with several on the line their answers collide.
    Pattern(AddressPattern),
}

impl Target {
    /// The address bytes the request carries.
    #[must_use]
    pub const fn field(self) -> AddressField {
        match self {
            Self::Meter(meter) => meter.field(),
            Self::Pattern(pattern) => pattern.field(),
        }
    }
}

impl From<MeterAddress> for Target {
    fn from(meter: MeterAddress) -> Self {
        Self::Meter(meter)
    }
}

impl From<AddressPattern> for Target {
    fn from(pattern: AddressPattern) -> Self {
        Self::Pattern(pattern)
    }
}

impl FromStr for Target {
    type Err = AddressError;

    /// Twelve digits or fewer, or a pattern whose leading pairs are `AA` (in either case).
    fn from_str(text: &str) -> Result<Self, AddressError> {
        if !text.bytes().any(|letter| letter.eq_ignore_ascii_case(&b'a')) {
            return text.parse().map(Self::Meter);
        }
        if text.len() != 12 {
            return Err(AddressError::NotAPattern);
        }
        let mut bytes = [0_u8; 6];
        for (place, byte) in bytes.iter_mut().rev().enumerate() {
            let pair = text.get(place * 2..place * 2 + 2).ok_or(AddressError::NotAPattern)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| AddressError::NotAPattern)?;
        }
        AddressPattern::from_field(AddressField(bytes)).map(Self::Pattern)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.field(), f)
    }
}

/// The six bytes as a number of sixteen hexadecimal digits.
const fn word([a, b, c, d, e, f]: [u8; 6]) -> u64 {
    u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
}

/// Why a text or number is no meter address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing was given.
    #[error("an address needs 1 to 12 digits, nothing was given")]
    Empty,
    /// Something other than a decimal digit.
    #[error("an address has decimal digits only, position {position} holds {letter:?}")]
    NotADigit {
        /// Counted from 1.
        position: usize,
        /// What stands there.
        letter: char,
    },
    /// More than twelve digits.
    #[error("an address has at most 12 digits")]
    TooLong,
    /// The broadcast address is no meter's.
    #[error("999999999999 is the broadcast address, no meter has it")]
    Broadcast,
    /// Not low digits below leading AA pairs.
    #[error("a pattern is 12 places: AA pairs first, then decimal digit pairs")]
    NotAPattern,
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers [645-2007 2 address]
    #[test]
    fn number_and_text_agree() {
        let meter: MeterAddress = "202411110001".parse().unwrap();
        assert_eq!(meter.number(), 202_411_110_001);
        assert_eq!(MeterAddress::from_number(202_411_110_001).unwrap(), meter);
        assert_eq!(meter.field().wire(), [0x01, 0x00, 0x11, 0x11, 0x24, 0x20]);
    }

    // covers [645-2007 2 broadcast]
    #[test]
    fn refuses_what_is_no_meter() {
        assert_eq!("".parse::<MeterAddress>(), Err(AddressError::Empty));
        assert_eq!("999999999999".parse::<MeterAddress>(), Err(AddressError::Broadcast));
        assert_eq!("1234567890123".parse::<MeterAddress>(), Err(AddressError::TooLong));
        assert_eq!(
            "12３".parse::<MeterAddress>(),
            Err(AddressError::NotADigit { position: 3, letter: '３' }),
            "full-width digits are named, not swallowed"
        );
        assert!(AddressField::WILDCARD.as_meter().is_none());
        assert!(AddressField::from_wire([0x0A, 0, 0, 0, 0, 0]).as_meter().is_none());
    }

    // covers [645-2007 2 wildcards]
    #[test]
    fn a_pattern_is_wild_from_some_byte_upward() {
        let meter: MeterAddress = "123456789012".parse().unwrap();
        let pattern = AddressPattern::keeping(meter, 4).unwrap();
        assert_eq!(pattern.to_string(), "AAAAAAAA9012");
        assert!(pattern.field().admits(meter.field()));
        assert!(!pattern.field().admits(AddressField::from_wire([0x13, 0x90, 0, 0, 0, 0])));
        assert_eq!("AAAAAAAA9012".parse::<Target>().unwrap(), Target::Pattern(pattern));
        assert!("12AAAAAAAAAA".parse::<Target>().is_err(), "digits above the wild part");
        assert!(AddressPattern::from_field(meter.field()).is_err(), "nothing wild in it");
    }
}
