//! Numbers of nineteen digits: JSON programs that know floating numbers only would round them, so they are text.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One of them: written as text, read as text or as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LongNumber(pub(super) i64);

impl Serialize for LongNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for LongNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = LongNumber;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number, as text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<LongNumber, E> {
                let number = text.parse().ok().filter(|number| *number > 0);
                number.map(LongNumber).ok_or_else(|| E::custom(format_args!("{text:?} is no number")))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<LongNumber, E> {
                Ok(LongNumber(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<LongNumber, E> {
                i64::try_from(number).map(LongNumber).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_number_is_text_and_is_read_either_way() {
        let number = LongNumber(1_839_130_159_820_216_322);
        let text = serde_json::to_string(&number).unwrap();
        assert_eq!(text, "\"1839130159820216322\"");
        for given in [text.as_str(), "1839130159820216322"] {
            assert_eq!(serde_json::from_str::<LongNumber>(given).unwrap(), number, "{given}");
        }
        for bad in ["\"12x\"", "\"-1\"", "\"\"", "1.5", "null", "18446744073709551615"] {
            assert!(serde_json::from_str::<LongNumber>(bad).is_err(), "{bad}");
        }
    }
}
