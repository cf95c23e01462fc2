//! What a changing request carries to be obeyed: the password with its level, and the operator code.
//!
//! A [`Password`] never shows its digits, neither by `Debug` nor otherwise, and its memory is written over when it
//! goes. Where a password stands in a frame is told by [`secret_places`], so that a trace can cover it. What a
//! level may do is the meter's business.

use core::fmt;
use core::ops::Range;
use core::str::FromStr;

use crate::control::Control;
use crate::edition::Edition;

/// An access level (密级, PA): 0, the highest, to 9. [645-2007 5 levels] [645-1997 3 password]
///
/// 98H and 99H in its place belong to the security module and are no level: [`SecurityClass`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Level(u8);

impl Level {
    /// Level 0, above all others.
    pub const HIGHEST: Self = Self(0);
    /// Level 2: clearing and relay control, in the field.
    pub const CONTROL: Self = Self(2);
    /// Level 4: parameters, in the field.
    pub const PARAMETERS: Self = Self(4);

    /// The level with this number.
    ///
    /// # Errors
    /// [`PasswordError::Level`] above 9.
    pub const fn new(number: u8) -> Result<Self, PasswordError> {
        if number > 9 { Err(PasswordError::Level { found: number }) } else { Ok(Self(number)) }
    }

    /// The number, 0 to 9.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

/// What stands in the place of a level when a security module vouches for the order. [645-2007 5 classes]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecurityClass {
    /// 99H, class-1 parameters (一类参数): plain data and a MAC of four bytes.
    PlainWithMac,
    /// 98H, class-2 parameters (二类参数), control and clearing: cipher text and a MAC of four bytes.
    CipherWithMac,
}

impl SecurityClass {
    /// The byte in the place of PA.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::PlainWithMac => 0x99,
            Self::CipherWithMac => 0x98,
        }
    }

    /// The class with this byte in the place of PA.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0x99 => Some(Self::PlainWithMac),
            0x98 => Some(Self::CipherWithMac),
            _ => None,
        }
    }
}

/// Which way round the six written digits of a password stand on the wire; tools differ. [645-2007 14]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DigitOrder {
    /// Low byte first like every other value: 123456 goes out as 56 34 12.
    #[default]
    LowFirst,
    /// In the written order: 123456 goes out as 12 34 56.
    AsWritten,
}

/// A password (密码) with its level, PA P0 P1 P2 on the wire. [645-2007 5 password]
///
/// ```
/// use dlt645::password::{DigitOrder, Level, Password};
/// let password = Password::new(Level::CONTROL, "123456", DigitOrder::LowFirst)?;
/// assert_eq!(format!("{password:?}"), "Password(level 02, ******)");
/// # Ok::<(), dlt645::password::PasswordError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Password {
    level: Level,
    digits: [u8; 3],
}

impl Password {
    /// The password that people write as six digits.
    ///
    /// # Errors
    /// [`PasswordError::Digits`] unless there are six decimal digits.
    pub fn new(level: Level, written: &str, order: DigitOrder) -> Result<Self, PasswordError> {
        let six = written.len() == 6 && written.bytes().all(|letter| letter.is_ascii_digit());
        let number = written.parse().ok().filter(|_| six);
        let mut digits = [0; 3];
        if !crate::bcd::encode(number.ok_or(PasswordError::Digits)?, &mut digits) {
            return Err(PasswordError::Digits);
        }
        if order == DigitOrder::AsWritten {
            digits.reverse();
        }
        Ok(Self { level, digits })
    }

    /// Takes PA P0 P1 P2 as they stand on the wire, whatever digits P0 to P2 hold.
    ///
    /// # Errors
    /// [`PasswordError::Level`] when PA is none of 0 to 9.
    pub fn from_wire([level, digits @ ..]: [u8; 4]) -> Result<Self, PasswordError> {
        Ok(Self { level: Level::new(level)?, digits })
    }

    /// The level.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// True for what meters leave the factory with or people type first: six equal digits, or 123456 in either
    /// order of its bytes. (T25)
    #[must_use]
    pub fn is_commonplace(&self) -> bool {
        let [first, ..] = self.digits;
        let repeated = first >> 4 == first & 0x0F && self.digits == [first; 3];
        repeated || matches!(self.digits, [0x56, 0x34, 0x12] | [0x12, 0x34, 0x56])
    }

    /// PA P0 P1 P2 in wire order. Whoever takes them out answers for where they go.
    #[must_use]
    pub const fn wire(&self) -> [u8; 4] {
        let [low, middle, high] = self.digits;
        [self.level.0, low, middle, high]
    }
}

impl Drop for Password {
    /// Writes over the digits, as well as can be without unsafe code.
    fn drop(&mut self) {
        self.digits = [0; 3];
        core::hint::black_box(&mut self.digits);
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Password(level {}, ******)", self.level)
    }
}

/// Bytes that may hold a password, written over when they go.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SecretBytes(pub(crate) Vec<u8>);

impl Drop for SecretBytes {
    fn drop(&mut self) {
        self.0.fill(0);
        core::hint::black_box(&mut self.0);
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// An operator code (操作者代码, C0..C3): four bytes of free choice that the meter keeps in its logs. Written high
/// byte first as eight hexadecimal digits. [645-2007 5 operator]
///
/// ```
/// use dlt645::password::OperatorCode;
/// let operator: OperatorCode = "12345678".parse()?;
/// assert_eq!(operator.wire(), [0x78, 0x56, 0x34, 0x12]);
/// # Ok::<(), dlt645::password::PasswordError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OperatorCode([u8; 4]);

impl OperatorCode {
    /// Takes C0..C3 in wire order.
    #[must_use]
    pub const fn from_wire(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// C0..C3 in wire order.
    #[must_use]
    pub const fn wire(self) -> [u8; 4] {
        self.0
    }
}

impl FromStr for OperatorCode {
    type Err = PasswordError;

    fn from_str(text: &str) -> Result<Self, PasswordError> {
        let plain = text.len() == 8 && text.bytes().all(|letter| letter.is_ascii_hexdigit());
        let number = u32::from_str_radix(text, 16).ok().filter(|_| plain);
        Ok(Self(number.ok_or(PasswordError::Operator)?.to_le_bytes()))
    }
}

impl fmt::Display for OperatorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}", u32::from_le_bytes(self.0))
    }
}

/// What a changing request is signed with: a password and who used it. The 1997 edition has no operator code and
/// leaves it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The password.
    pub password: Password,
    /// Who acts; the meter's logs will say so.
    pub operator: OperatorCode,
}

/// Why something is no password, level or operator code. Never says what was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PasswordError {
    /// Not six decimal digits.
    #[error("a password is six decimal digits")]
    Digits,
    /// A level beyond 9.
    #[error("an access level is 0 to 9, not {found:02X}H")]
    Level {
        /// The byte in its place.
        found: u8,
    },
    /// Not eight hexadecimal digits.
    #[error("an operator code is eight hexadecimal digits")]
    Operator,
}

/// The places of a frame's plain data that hold passwords (PA P0 P1 P2), the operator code that stands beside one, and
/// a password that is written or read as a value, 04000Cnn; empty ranges where there are none. A trace covers these
/// bytes, on the wire and with the 33H taken off alike. [645-2007 5 password] [645-2007 5 operator]
#[must_use]
pub fn secret_places(edition: Edition, control: Control, data: &[u8]) -> [Range<usize>; 2] {
    use Edition::{E1997, E2007};
    let is_of_password = matches!(data, [_, 0x0C, 0x00, 0x04, ..]);
    let places = match (edition, control.function().0, control.is_response()) {
        (E2007, 0x11 | 0x12 | 0x14, _) if is_of_password => [4..data.len(), 0..0],
        (E2007, 0x14, false) => [4..12, 0..0],
        (E2007, 0x18, false) => [4..8, 8..12],
        (E2007, 0x19..=0x1C, false) => [0..8, 0..0],
        (E2007, 0x03, false) => [4..8, 0..0],
        (E2007, 0x18, true) => [0..4, 0..0],
        (E1997, 0x04, false) => [2..6, 0..0],
        (E1997, 0x0F, false) => [0..4, 4..8],
        (E1997, 0x10, false) | (E1997, 0x0F, true) => [0..4, 0..0],
        _ => [0..0, 0..0],
    };
    // A refusal carries its error word in the place of the password.
    places.map(|place| {
        if control.is_refusal() || place.start >= data.len() {
            0..0
        } else {
            place.start..place.end.min(data.len())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers [645-2007 5 password] [645-2007 5 levels]
    #[test]
    fn digits_go_low_byte_first_unless_told_otherwise() {
        let level = Level::CONTROL;
        let usual = Password::new(level, "123456", DigitOrder::default()).unwrap();
        assert_eq!(usual.wire(), [0x02, 0x56, 0x34, 0x12]);
        let other = Password::new(level, "123456", DigitOrder::AsWritten).unwrap();
        assert_eq!(other.wire(), [0x02, 0x12, 0x34, 0x56]);
        assert_eq!(Password::from_wire(usual.wire()).unwrap(), usual);
        for wrong in ["", "12345", "1234567", "12345a", "+12345", "１23"] {
            assert_eq!(Password::new(level, wrong, DigitOrder::LowFirst), Err(PasswordError::Digits));
        }
        assert_eq!(Password::from_wire([0x98, 0, 0, 0]), Err(PasswordError::Level { found: 0x98 }));
    }

    #[test]
    fn t24_nothing_printed_holds_a_digit() {
        let password = Password::new(Level::CONTROL, "987654", DigitOrder::LowFirst).unwrap();
        let credentials = Credentials { password, operator: OperatorCode::default() };
        let shown = format!("{credentials:?} {:?}", SecretBytes(vec![0x98, 0x76]));
        assert!(shown.contains("level 02") && !shown.contains("98") && !shown.contains("54"), "{shown}");
    }

    #[test]
    fn commonplace_passwords_are_known() {
        for (digits, expected) in
            [("000000", true), ("111111", true), ("123456", true), ("654321", false), ("121212", false)]
        {
            let password = Password::new(Level::CONTROL, digits, DigitOrder::LowFirst).unwrap();
            assert_eq!(password.is_commonplace(), expected, "{digits}");
        }
    }

    #[test]
    fn t24_secret_places_are_where_passwords_and_operator_codes_stand() {
        let of = |edition, code, length| secret_places(edition, Control(code), &[0xA5; 20][..length]);
        let places = |code, length| of(Edition::E2007, code, length);
        assert_eq!(places(0x14, 15), [4..12, 0..0]);
        assert_eq!(places(0x14, 6), [4..6, 0..0], "cut short");
        assert_eq!(places(0x18, 12), [4..8, 8..12]);
        assert_eq!(places(0x1C, 16), [0..8, 0..0]);
        assert_eq!(places(0x03, 16), [4..8, 0..0]);
        assert_eq!(places(0x98, 4), [0..4, 0..0]);
        assert_eq!(places(0xD8, 1), [0..0, 0..0]);
        assert_eq!(places(0x91, 8), [0..0, 0..0]);
        assert_eq!(of(Edition::E1997, 0x0F, 8), [0..4, 4..8]);
        let password = [0x03, 0x0C, 0x00, 0x04, 2, 0, 0, 0, 1, 2, 3, 4, 2, 0x66, 0x55, 0x44];
        let places = |code, length: usize| secret_places(Edition::E2007, Control(code), &password[..length]);
        assert_eq!(places(0x14, 16), [4..16, 0..0], "a new password as a value");
        assert_eq!(places(0x91, 8), [4..8, 0..0], "a meter that tells one");
        assert_eq!(places(0x11, 4), [0..0, 0..0]);
    }

    // covers [645-2007 5 operator]
    #[test]
    fn operator_codes_are_eight_digits() {
        assert_eq!("0000000A".parse::<OperatorCode>().unwrap().to_string(), "0000000A");
        for wrong in ["", "1234567", "123456789", "+1234567", "1234567g"] {
            assert_eq!(wrong.parse::<OperatorCode>(), Err(PasswordError::Operator));
        }
    }
}
