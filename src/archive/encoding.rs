//! Bytes to text: UTF-8 and GBK told apart, and what is no text of a table refused.

use std::borrow::Cow;

use encoding_rs::GB18030;

use super::fault::{Fault, FaultKind, Faults};
use super::table::line_at;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a mark at the beginning.
    Utf8,
    /// GBK, with all of GB 18030.
    Gbk,
}

impl Encoding {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Gbk => "GBK",
        }
    }
}

/// How large a file may be: some two million meters.
pub const MOST_BYTES: usize = 512 << 20;

pub(super) fn decode(bytes: &[u8], told: Option<Encoding>) -> Result<(Cow<'_, str>, Encoding), Faults> {
    if bytes.len() > MOST_BYTES {
        return Err(FaultKind::TooLarge.into());
    }
    if WORKBOOKS.iter().any(|begin| bytes.starts_with(begin)) {
        return Err(FaultKind::Workbook.into());
    }
    if UTF_16.iter().any(|begin| bytes.starts_with(begin)) {
        return Err(FaultKind::Utf16.into());
    }
    if let Some(offset) = bytes.iter().position(|byte| *byte == 0) {
        return Err(Fault::of_line(line_at(bytes, offset), FaultKind::Nul).into());
    }
    let marked = bytes.strip_prefix(MARK);
    // The mark is certain, whatever was told.
    let told = marked.map(|_| Encoding::Utf8).or(told);
    let bytes = marked.unwrap_or(bytes);
    let as_utf8 = || std::str::from_utf8(bytes).map_err(|error| line_at(bytes, error.valid_up_to()));
    match told {
        Some(Encoding::Utf8) => match as_utf8() {
            Ok(text) => Ok((text.into(), Encoding::Utf8)),
            Err(line) => Err(Fault::of_line(line, FaultKind::NotUtf8).into()),
        },
        Some(Encoding::Gbk) => as_gbk(bytes).map(|text| (text, Encoding::Gbk)),
        None => match as_utf8() {
            Ok(text) if could_be_gbk(text) => {
                let offset = bytes.iter().position(|byte| !byte.is_ascii()).unwrap_or(0);
                Err(Fault::of_line(line_at(bytes, offset), FaultKind::EitherEncoding).into())
            }
            Ok(text) => Ok((text.into(), Encoding::Utf8)),
            Err(_) => as_gbk(bytes).map(|text| (text, Encoding::Gbk)),
        },
    }
}

fn as_gbk(bytes: &[u8]) -> Result<Cow<'_, str>, Faults> {
    GB18030.decode_without_bom_handling_and_without_replacement(bytes).ok_or_else(|| {
        // In portions, to find the line; the decoder gives no place.
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let sound =
            |line: &&[u8]| GB18030.decode_without_bom_handling_and_without_replacement(line).is_some();
        let before: usize = lines.take_while(sound).map(<[u8]>::len).sum();
        Fault::of_line(line_at(bytes, before), FaultKind::NeitherEncoding).into()
    })
}

/// Text in the encoding; `None` when it would not be read back as it is.
pub(super) fn encode(text: &str, encoding: Encoding) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Utf8 => Some([MARK, text.as_bytes()].concat()),
        Encoding::Gbk => {
            let (bytes, _, has_lost) = GB18030.encode(text);
            let back = GB18030.decode_without_bom_handling_and_without_replacement(&bytes);
            (!has_lost && back.as_deref() == Some(text)).then(|| bytes.into_owned())
        }
    }
}

/// Whether sound UTF-8 could be GBK as well: every sign outside ASCII is a pair of bytes, as no Chinese is in UTF-8,
/// and the pairs are Chinese in GBK.
fn could_be_gbk(text: &str) -> bool {
    !text.is_ascii()
        && text.chars().all(|c| c.len_utf8() <= 2)
        && GB18030.decode_without_bom_handling_and_without_replacement(text.as_bytes()).is_some()
}

const MARK: &[u8] = b"\xEF\xBB\xBF";
/// XLSX and XLS.
const WORKBOOKS: [&[u8]; 2] = [b"PK\x03\x04", b"\xD0\xCF\x11\xE0"];
const UTF_16: [&[u8]; 2] = [b"\xFF\xFE", b"\xFE\xFF"];

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Result<(String, Encoding), &'static str> {
        decode(bytes, None)
            .map(|(text, encoding)| (text.into_owned(), encoding))
            .map_err(|faults| faults.iter().next().unwrap().kind())
    }

    #[test]
    fn encodings_are_told_apart_by_the_bytes() {
        let text = "户号,户名\n1,客户\n";
        for encoding in [Encoding::Utf8, Encoding::Gbk] {
            assert_eq!(decoded(&encode(text, encoding).unwrap()), Ok((text.to_owned(), encoding)));
        }
        assert_eq!(decoded(text.as_bytes()), Ok((text.to_owned(), Encoding::Utf8)));
        assert_eq!(decoded(b"a,b\n"), Ok(("a,b\n".to_owned(), Encoding::Utf8)));
        // Four bytes of GB 18030, which GBK does not have.
        assert_eq!(decoded(b"\x81\x39\xEE\x39,\xBB\xA7"), Ok(("㐀,户".to_owned(), Encoding::Gbk)));
    }

    #[test]
    fn what_could_be_either_is_refused_until_it_is_told() {
        let cow = b"name\n\xC5\xA3\n";
        assert_eq!(decoded(cow), Err("either encoding"));
        assert_eq!(decode(cow, Some(Encoding::Gbk)).unwrap().0, "name\n牛\n");
        assert_eq!(decode(cow, Some(Encoding::Utf8)).unwrap().0, "name\nţ\n");
        assert_eq!(
            decode("\u{FEFF}ţ".as_bytes(), Some(Encoding::Gbk)).unwrap().0,
            "ţ",
            "the mark is certain"
        );
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_line() {
        let line = |bytes: &[u8]| {
            decode(bytes, None)
                .map_err(|faults| faults.iter().map(|fault| (fault.kind(), fault.line)).next())
                .unwrap_err()
                .unwrap()
        };
        assert_eq!(line(b"a\nb\xFF\xFF\n"), ("neither encoding", Some(2)));
        assert_eq!(line(b"\xEF\xBB\xBFa\nb\nc\xBB\xA7\n"), ("not UTF-8", Some(3)));
        assert_eq!(line(b"a\r\nb\r\n\0"), ("NUL", Some(3)));
        assert_eq!(line(b"PK\x03\x04rest"), ("workbook", None));
        assert_eq!(line(b"\xFF\xFEa\0"), ("UTF-16", None));
    }
}
