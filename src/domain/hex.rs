//! Bytes in hexadecimal: hashes, and what is kept sealed.

use std::fmt;

/// Writes bytes in small letters.
///
/// # Errors
/// When `to` cannot be written to.
pub fn write_hex(to: &mut impl fmt::Write, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(to, "{byte:02x}"))
}

/// Reads whole bytes, digits of either case and nothing else.
#[must_use]
pub fn read_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_and_read_back_and_nothing_else_is() {
        let mut text = String::new();
        write_hex(&mut text, &[0, 0x6A, 0xFF]).unwrap();
        assert_eq!(text, "006aff");
        assert_eq!(read_hex("006AfF"), Some(vec![0, 0x6A, 0xFF]));
        assert_eq!(read_hex(""), Some(vec![]));
        for text in ["0", "+f", "0g", " 00", "0x", "€€"] {
            assert_eq!(read_hex(text), None, "{text}");
        }
    }
}
