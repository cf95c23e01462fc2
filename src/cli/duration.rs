//! Durations on the command line: `500ms`, `2s`, `5min`.

use std::time::Duration;

/// Reads a whole number with a unit.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("{text:?} is no duration: expected a whole number with ms, s or min, such as 500ms");
    let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match unit.trim() {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "min" => number.checked_mul(60).map(Duration::from_secs).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units_and_nothing_else() {
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(parse("3 min"), Ok(Duration::from_secs(180)));
        for wrong in ["", "2", "s", "-1s", "1.5s", "2秒", "99999999999999999999s", "9999999999999999999min"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
