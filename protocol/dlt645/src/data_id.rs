//! Data identifiers of both editions, as numbers.

use core::fmt;
use core::str::FromStr;

use crate::edition::Edition;

/// A data identifier (数据标识): DI3 DI2 DI1 DI0 in the 2007 edition, DI1 DI0 in that of 1997.
///
/// Any number is allowed; `catalog` knows which mean something.
///
/// ```
/// use dlt645::data_id::DataId;
/// let energy: DataId = "00010000".parse()?;
/// assert_eq!(energy, DataId::new_2007(0x0001_0000));
/// assert_eq!("9010".parse::<DataId>()?.to_string(), "9010");
/// # Ok::<(), dlt645::data_id::DataIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DataId {
    edition: Edition,
    code: u32,
}

impl DataId {
    /// A four-byte identifier, DI3 the highest byte.
    #[must_use]
    pub const fn new_2007(code: u32) -> Self {
        Self { edition: Edition::E2007, code }
    }

    /// A two-byte identifier, DI1 the higher byte.
    #[must_use]
    #[expect(clippy::as_conversions, reason = "widening; u32::from is not const")]
    pub const fn new_1997(code: u16) -> Self {
        Self { edition: Edition::E1997, code: code as u32 }
    }

    /// The edition it belongs to.
    #[must_use]
    pub const fn edition(self) -> Edition {
        self.edition
    }

    /// The number; below 65536 in the 1997 edition.
    #[must_use]
    pub const fn code(self) -> u32 {
        self.code
    }

    /// Takes the identifier off the front of plain data bytes; `None` when they are too few.
    #[must_use]
    #[inline]
    pub fn split(edition: Edition, data: &[u8]) -> Option<(Self, &[u8])> {
        match edition {
            Edition::E2007 => {
                let (id, rest) = data.split_first_chunk::<4>()?;
                Some((Self::new_2007(u32::from_le_bytes(*id)), rest))
            }
            Edition::E1997 => {
                let (id, rest) = data.split_first_chunk::<2>()?;
                Some((Self::new_1997(u16::from_le_bytes(*id)), rest))
            }
        }
    }

    /// The bytes DI0, DI1, .. in wire order (before +33H).
    pub fn wire(self) -> impl Iterator<Item = u8> + use<> {
        self.code.to_le_bytes().into_iter().take(self.edition.data_id_width())
    }

    /// DI0, the lowest byte.
    #[must_use]
    pub const fn di0(self) -> u8 {
        self.code.to_le_bytes()[0]
    }

    /// DI1.
    #[must_use]
    pub const fn di1(self) -> u8 {
        self.code.to_le_bytes()[1]
    }

    /// DI2; zero in the 1997 edition.
    #[must_use]
    pub const fn di2(self) -> u8 {
        self.code.to_le_bytes()[2]
    }

    /// DI3, the class; zero in the 1997 edition.
    #[must_use]
    pub const fn di3(self) -> u8 {
        self.code.to_le_bytes()[3]
    }
}

impl fmt::Display for DataId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.edition {
            Edition::E2007 => write!(f, "{:08X}", self.code),
            Edition::E1997 => write!(f, "{:04X}", self.code),
        }
    }
}

impl fmt::Debug for DataId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for DataId {
    type Err = DataIdError;

    /// Eight hexadecimal digits for the 2007 edition, four for that of 1997; blanks and hyphens between them are
    /// allowed.
    fn from_str(text: &str) -> Result<Self, DataIdError> {
        let mut code = 0_u32;
        let mut digits = 0;
        for letter in text.chars().filter(|letter| !matches!(letter, ' ' | '-')) {
            let digit = letter.to_digit(16).ok_or(DataIdError::NotHex { letter })?;
            if digits >= 8 {
                return Err(DataIdError::Length);
            }
            code = code << 4 | digit;
            digits += 1;
        }
        match (digits, u16::try_from(code)) {
            (8, _) => Ok(Self::new_2007(code)),
            (4, Ok(code)) => Ok(Self::new_1997(code)),
            _ => Err(DataIdError::Length),
        }
    }
}

/// Why a text is no data identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataIdError {
    /// A letter that is no hexadecimal digit.
    #[error("a data identifier has hexadecimal digits only, found {letter:?}")]
    NotHex {
        /// What stands there.
        letter: char,
    },
    /// Neither eight nor four digits.
    #[error("a data identifier has 8 hexadecimal digits (2007) or 4 (1997)")]
    Length,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_number_and_wire_agree() {
        let id: DataId = "04-00-05-03".parse().unwrap();
        assert_eq!(id.wire().collect::<Vec<_>>(), [0x03, 0x05, 0x00, 0x04]);
        assert_eq!(DataId::split(Edition::E2007, &[3, 5, 0, 4, 9]), Some((id, &[9_u8][..])));
        let old: DataId = "9010".parse().unwrap();
        assert_eq!(old.wire().collect::<Vec<_>>(), [0x10, 0x90]);
        assert_eq!(DataId::split(Edition::E1997, &[0x10]), None);
        for wrong in ["", "9", "90100", "000100000", "000100 0", "0001000G"] {
            assert!(wrong.parse::<DataId>().is_err(), "{wrong:?}");
        }
    }
}
