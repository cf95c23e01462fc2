//! Hexadecimal text as serial tools print it, to bytes.

/// What is wrong with the text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HexError {
    #[error("line {line}, column {column}: {letter:?} is no hexadecimal digit")]
    NotHex { line: usize, column: usize, letter: char },
    #[error("line {line}, column {column}: a digit is missing, bytes have two")]
    OddDigits { line: usize, column: usize },
}

/// Takes digits pairwise; blanks, commas, semicolons, colons, hyphens, brackets, quotes and line breaks separate, and
/// `0x`, `\x` or `$` in front of a byte and `H` behind one are passed over. A single digit between separators counts
/// as one byte, as `0x0` or `A` do in some tools.
pub(super) fn parse(text: &str) -> Result<Vec<u8>, HexError> {
    let mut bytes = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut column = 1;
        for token in line.split(is_separator) {
            let place = |offset: usize| (number + 1, column + offset);
            token_bytes(token, place, &mut bytes)?;
            column += token.chars().count() + 1;
        }
    }
    Ok(bytes)
}

fn is_separator(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(
            letter,
            ',' | ';'
                | ':'
                | '-'
                | '|'
                | '['
                | ']'
                | '{'
                | '}'
                | '('
                | ')'
                | '<'
                | '>'
                | '"'
                | '\''
                | '，'
                | '、'
        )
        || matches!(letter, '\u{feff}' | '\u{200b}' | '\0')
}

/// The bytes of one stretch of text without separators.
fn token_bytes(
    token: &str,
    place: impl Fn(usize) -> (usize, usize),
    bytes: &mut Vec<u8>,
) -> Result<(), HexError> {
    let mut digits: Vec<u32> = Vec::new();
    let mut prefixed = false;
    let mut letters = token.chars().enumerate().peekable();
    while let Some((offset, letter)) = letters.next() {
        let next = letters.peek().map(|(_, letter)| *letter);
        let is_prefix = (letter == '0' || letter == '\\') && matches!(next, Some('x' | 'X')) || letter == '$';
        if is_prefix {
            flush(&mut digits, prefixed, place(offset), bytes)?;
            if letter != '$' {
                letters.next();
            }
            prefixed = true;
        } else if matches!(letter, 'h' | 'H') && !digits.is_empty() {
            flush(&mut digits, true, place(offset), bytes)?;
        } else if let Some(digit) = letter.to_digit(16).or_else(|| full_width_digit(letter)) {
            digits.push(digit);
        } else {
            let (line, column) = place(offset);
            return Err(HexError::NotHex { line, column, letter });
        }
    }
    let alone = digits.len() == 1 && token.chars().count() == 1;
    flush(&mut digits, prefixed || alone, place(token.chars().count().saturating_sub(1)), bytes)
}

/// Digits to bytes; a single digit is one byte where `short` allows it.
fn flush(
    digits: &mut Vec<u32>,
    short: bool,
    at: (usize, usize),
    bytes: &mut Vec<u8>,
) -> Result<(), HexError> {
    if digits.len() == 1 && short {
        digits.insert(0, 0);
    }
    if !digits.len().is_multiple_of(2) {
        return Err(HexError::OddDigits { line: at.0, column: at.1 });
    }
    for pair in digits.chunks_exact(2) {
        let byte = pair.iter().fold(0, |byte, digit| byte << 4 | digit);
        bytes.push(u8::try_from(byte).unwrap_or_default());
    }
    digits.clear();
    Ok(())
}

/// `６８` as office software turns digits out.
fn full_width_digit(letter: char) -> Option<u32> {
    let narrow = u32::from(letter).checked_sub(0xFEE0).and_then(char::from_u32)?;
    narrow.to_digit(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_serial_tools_print() {
        let frame = vec![0x68, 0x12, 0xAB, 0x16];
        for text in [
            "6812AB16",
            "68 12 ab 16",
            "0x68,0x12,0xAB,0x16",
            "0x68 0X12\n0xAB\r\n0x16\n",
            "[68 12]: AB-16",
            "68H 12H ABH 16H",
            "\\x68\\x12\\xAB\\x16",
            "６８ １２ ＡＢ １６",
            "{0x68, 0x12, 0xAB, 0x16};",
            "\u{feff}68 12 AB 16",
        ] {
            assert_eq!(parse(text).as_ref(), Ok(&frame), "{text:?}");
        }
        assert_eq!(parse("0x0, 0x1, A"), Ok(vec![0, 1, 10]));
        assert_eq!(parse("  \n "), Ok(vec![]));
    }

    #[test]
    fn says_where_it_is_wrong() {
        assert_eq!(parse("68\n 1G"), Err(HexError::NotHex { line: 2, column: 3, letter: 'G' }));
        assert_eq!(parse("68 123"), Err(HexError::OddDigits { line: 1, column: 6 }));
    }
}
