//! Times of the clock of China in JSON: with their offset, so that a program needs to know nothing of where the meter is.

use dlt645::explain::ShownValue;
use serde::Serializer;

/// `2026-11-21 10:15` or `2026-11-21 10:15:07` as an instant; what is no time stays as it is.
fn with_offset(text: &str) -> String {
    match (text.split_once(' '), text.len()) {
        (Some((day, clock)), 16) => format!("{day}T{clock}:00+08:00"),
        (Some((day, clock)), 19) => format!("{day}T{clock}+08:00"),
        _ => text.to_owned(),
    }
}

pub(super) fn json<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&with_offset(text))
}

#[expect(clippy::ref_option, reason = "serde asks for it like this")]
pub(super) fn json_or_none<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    match text {
        Some(text) => json(text, serializer),
        None => serializer.serialize_none(),
    }
}

/// Values of a meter, with the times they hold at.
pub(super) fn values<S: Serializer>(values: &[ShownValue], serializer: S) -> Result<S::Ok, S::Error> {
    let at = |value: &ShownValue| value.at.as_deref().map(with_offset);
    serializer.collect_seq(values.iter().map(|value| ShownValue { at: at(value), ..value.clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Moment;

    #[test]
    fn a_time_of_china_is_an_instant_and_anything_else_stays() {
        for (text, instant) in [
            ("2026-11-21 10:15", "2026-11-21T10:15:00+08:00"),
            ("2026-11-21 10:15:07", "2026-11-21T10:15:07+08:00"),
        ] {
            assert_eq!(with_offset(text), instant);
            assert!(instant.parse::<Moment>().is_ok());
        }
        for text in ["11-21 10:15", "", "2026-11-21", "0 of 99"] {
            assert_eq!(with_offset(text), text);
        }
    }
}
