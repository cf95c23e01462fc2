//! Values that have another form than the catalogue says.

use dlt645::data_id::DataId;
use dlt645::edition::Edition;
use toml::de::DeValue;

use crate::config::section::Section;
use crate::config::setting::Setting;
use crate::config::words::Words;

/// How the values under some identifiers differ (格式偏差).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Under which.
    pub id: IdPattern,
    /// How many bytes each value has.
    pub bytes: u8,
    /// How many decimals; `None` for those of the catalogue.
    pub decimals: Option<u8>,
}

impl Difference {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            id: section.required("id", ..).unwrap_or(IdPattern { edition: Edition::E2007, mask: 0, code: 0 }),
            bytes: section.required("bytes", 1..=16).unwrap_or(1),
            decimals: section.optional("decimals", 0..=6),
        }
    }
}

/// Data identifiers that agree in all digits but those written as x: `0001xx00`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct IdPattern {
    edition: Edition,
    /// The bits that must agree.
    mask: u32,
    code: u32,
}

impl IdPattern {
    /// Whether the identifier is one of them.
    #[must_use]
    pub fn matches(self, id: DataId) -> bool {
        id.edition() == self.edition && id.code() & self.mask == self.code
    }

    /// The edition they are of.
    #[must_use]
    pub const fn edition(self) -> Edition {
        self.edition
    }

    fn parse(text: &str) -> Option<Self> {
        let edition = match text.len() {
            8 => Edition::E2007,
            4 => Edition::E1997,
            _ => return None,
        };
        let mut pattern = Self { edition, mask: 0, code: 0 };
        for letter in text.chars() {
            let (mask, digit) = match letter {
                'x' => (0, 0),
                letter => (0xF, letter.to_digit(16)?),
            };
            pattern.mask = pattern.mask << 4 | mask;
            pattern.code = pattern.code << 4 | digit;
        }
        Some(pattern)
    }
}

impl std::fmt::Display for IdPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = self.edition.data_id_width() * 2;
        (0..digits).rev().try_for_each(|place| {
            if self.mask >> (place * 4) & 0xF == 0 {
                f.write_str("x")
            } else {
                write!(f, "{:X}", self.code >> (place * 4) & 0xF)
            }
        })
    }
}

impl std::fmt::Debug for IdPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Setting for IdPattern {
    fn form() -> Words {
        Words::of(
            "a data identifier of 8 digits (4 in 1997), x for any digit, such as \"0001xx00\"",
            "8 位（1997 版 4 位）数据标识，x 代表任意一位，如 \"0001xx00\"",
        )
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        Self::parse(value.as_str()?)
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_stands_for_any_digit() {
        let pattern = IdPattern::parse("0506xxxx").unwrap();
        for (id, expected) in [("05060101", true), ("0506FFFF", true), ("05070101", false), ("9010", false)] {
            assert_eq!(pattern.matches(id.parse().unwrap()), expected, "{id}");
        }
        for text in ["0001xx00", "xxxxxxxx", "9xxF", "00010000"] {
            assert_eq!(IdPattern::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "0001", "000100", "0001000G", "0001XX00", "00０10000"] {
            assert!(text == "0001" || IdPattern::parse(text).is_none(), "{text}");
        }
    }
}
