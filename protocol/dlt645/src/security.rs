//! Frames of the security module (安全认证, ESAM): bytes from the utility's encryption machine, carried unopened.
//!
//! This module knows how long each of them has to be and nothing else: keys, cipher texts and MACs are made and
//! checked elsewhere. None of these frames is ever sent twice by itself. [645-2007 10]

use crate::data_id::DataId;
use crate::edition::Edition;

/// The most cipher text and MAC an order can carry beside its password and operator code.
pub const MAX_CIPHER: usize = crate::request::MAX_REQUEST_DATA - 8;

/// Cipher text with its MAC of four bytes, in wire order, as the encryption machine gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CipherText(Vec<u8>);

impl CipherText {
    /// Takes cipher text and MAC in wire order.
    ///
    /// # Errors
    /// [`SecurityError::CipherLength`] when there is nothing but the MAC or too much for a frame.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, SecurityError> {
        let bytes = bytes.into();
        let length = bytes.len();
        if (5..=MAX_CIPHER).contains(&length) {
            Ok(Self(bytes))
        } else {
            Err(SecurityError::CipherLength { length })
        }
    }

    /// The bytes in wire order.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.0
    }
}

/// The data of a security authentication frame after identifier and operator code: an identifier of class 07 and
/// bytes of the length that goes with it.
///
/// ```
/// use dlt645::security::SecurityData;
/// let status = SecurityData::new("078102FF".parse()?, [])?;
/// assert_eq!(status.answer_length(), Some(26));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityData {
    item: DataId,
    payload: Vec<u8>,
}

/// Identifier, length of the request's payload, length of the answer's where it is fixed.
const LENGTHS: [(u32, usize, Option<usize>); 11] = [
    (0x0700_00FF, 24, Some(12)),
    (0x0700_01FF, 6, Some(0)),
    (0x0700_02FF, 0, Some(18)),
    (0x0701_01FF, 22, Some(0)),
    (0x0701_02FF, 22, Some(0)),
    (0x0702_01FF, 40, Some(0)),
    (0x0702_02FF, 40, Some(0)),
    (0x0702_03FF, 40, Some(0)),
    (0x0702_04FF, 40, Some(0)),
    (0x0780_01FF, 8, None),
    (0x0781_02FF, 0, Some(26)),
];

impl SecurityData {
    /// Pairs an identifier of class 07 with its payload in wire order. A maker's identifier that the standard
    /// lacks may have any length.
    ///
    /// # Errors
    /// [`SecurityError::Class`] for another class, [`SecurityError::PayloadLength`] for another length than the
    /// identifier has.
    pub fn new(item: DataId, payload: impl Into<Vec<u8>>) -> Result<Self, SecurityError> {
        let payload = payload.into();
        let (length, data) = (payload.len(), Self { item, payload });
        if item.edition() != Edition::E2007 || item.di3() != 0x07 {
            return Err(SecurityError::Class { item });
        }
        match data.lengths() {
            Some((expected, _)) if expected != length => {
                Err(SecurityError::PayloadLength { item, length, expected })
            }
            None if length > MAX_CIPHER => Err(SecurityError::CipherLength { length }),
            _ => Ok(data),
        }
    }

    /// The identifier.
    #[must_use]
    pub const fn item(&self) -> DataId {
        self.item
    }

    /// The payload in wire order.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// How many bytes the answer has after its identifier; `None` where that varies or is not known.
    #[must_use]
    pub fn answer_length(&self) -> Option<usize> {
        self.lengths()?.1
    }

    fn lengths(&self) -> Option<(usize, Option<usize>)> {
        let row = LENGTHS.iter().find(|(code, ..)| *code == self.item.code())?;
        Some((row.1, row.2))
    }
}

/// Why bytes are no data of a security frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecurityError {
    /// An identifier of another class than 07.
    #[error("{item} is no identifier of security authentication, those are of class 07")]
    Class {
        /// The identifier given.
        item: DataId,
    },
    /// Not as long as the identifier asks for.
    #[error("{item} takes {expected} bytes, not {length}")]
    PayloadLength {
        /// The identifier.
        item: DataId,
        /// How many were given.
        length: usize,
        /// How many it takes.
        expected: usize,
    },
    /// Cipher text that is too short to hold anything or too long for a frame.
    #[error("{length} bytes are no cipher text with its MAC, or too many for a frame")]
    CipherLength {
        /// How many were given.
        length: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers [645-2007 10]
    #[test]
    fn payloads_have_the_length_of_their_identifier() {
        // L of the whole request: identifier 4, operator 4, payload.
        for (code, length) in [
            (0x0700_00FF, 0x20),
            (0x0700_01FF, 0x0E),
            (0x0701_01FF, 0x1E),
            (0x0702_04FF, 0x30),
            (0x0780_01FF, 0x10),
        ] {
            let item = DataId::new_2007(code);
            assert!(SecurityData::new(item, vec![0; length - 8]).is_ok(), "{item}");
            for wrong in [length - 9, length - 7] {
                assert!(SecurityData::new(item, vec![0; wrong]).is_err(), "{item} with {wrong}");
            }
        }
        let makers = DataId::new_2007(0x07FF_FFFF);
        assert!(SecurityData::new(makers, vec![0; MAX_CIPHER]).is_ok());
        assert!(SecurityData::new(makers, vec![0; MAX_CIPHER + 1]).is_err());
        let other = DataId::new_2007(0x0400_0101);
        assert_eq!(SecurityData::new(other, []), Err(SecurityError::Class { item: other }));
        assert_eq!(CipherText::new([0; 4]), Err(SecurityError::CipherLength { length: 4 }));
    }
}
