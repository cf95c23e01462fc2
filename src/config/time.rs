//! Times in the file: durations with their unit, and times of day.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use toml::de::DeValue;

use super::setting::Setting;
use super::words::Words;
use crate::domain::{Day, Moment};

/// A time of day (时刻), by the fixed UTC+8 of bills and meters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay {
    pub(super) hour: u8,
    pub(super) minute: u8,
}

impl TimeOfDay {
    /// The time with these hours and minutes; `None` for what no clock shows.
    #[must_use]
    pub const fn new(hour: u8, minute: u8) -> Option<Self> {
        if hour > 23 || minute > 59 { None } else { Some(Self { hour, minute }) }
    }

    /// This time on a day.
    #[must_use]
    pub fn on(self, day: Day) -> Moment {
        day.start().plus(Duration::from_secs(u64::from(self.hour) * 3600 + u64::from(self.minute) * 60))
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

/// Text that is no time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time of day is written as 00:05")]
pub struct NoTimeOfDay;

impl FromStr for TimeOfDay {
    type Err = NoTimeOfDay;

    fn from_str(text: &str) -> Result<Self, NoTimeOfDay> {
        let two = |part: &str| {
            let fits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            fits.then(|| part.parse::<u8>().ok())?
        };
        let (hour, minute) = text.split_once(':').ok_or(NoTimeOfDay)?;
        let (hour, minute) = two(hour).zip(two(minute)).ok_or(NoTimeOfDay)?;
        Self::new(hour, minute).ok_or(NoTimeOfDay)
    }
}

impl Setting for TimeOfDay {
    fn form() -> Words {
        Words::of("a time of day such as \"00:05\" (UTC+8)", "时刻，如 \"00:05\"（北京时间）")
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_str()?.parse().ok()
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Setting for Duration {
    fn form() -> Words {
        Words::of(
            "a time with its unit (ms, s, min, h, d) such as \"30ms\"",
            "带单位的时长（ms、s、min、h、d），如 \"30ms\"",
        )
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        duration(value.as_str()?).ok()
    }

    fn show(&self) -> String {
        let millis = self.as_millis();
        let fits = |unit: &&(&str, u64)| millis.is_multiple_of(unit.1.into());
        let largest = UNITS.iter().filter(|_| millis > 0).rev().find(fits);
        let (name, size) = largest.copied().unwrap_or(("ms", 1));
        format!("\"{}{name}\"", millis / u128::from(size))
    }
}

/// Text that is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a whole number with its unit (ms, s, min, h, d), such as 500ms")]
pub struct NoDuration;

/// Reads a whole number with a unit of time, `500ms`.
///
/// # Errors
/// [`NoDuration`] for anything else.
pub fn duration(text: &str) -> Result<Duration, NoDuration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or(NoDuration)?;
    let (number, unit) = text.split_at(digits);
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or(NoDuration)?;
    let millis = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*millis));
    millis.map(Duration::from_millis).ok_or(NoDuration)
}

/// Units of time with their milliseconds, from the smallest up.
const UNITS: &[(&str, u64)] = &[("ms", 1), ("s", 1000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_and_read_back() {
        for text in ["0ms", "30ms", "1500ms", "10s", "90s", "15min", "2h", "36h", "7d"] {
            assert_eq!(duration(text).unwrap().show(), format!("\"{text}\""));
        }
        assert_eq!(duration("24h").unwrap().show(), "\"1d\"");
        for text in
            ["", "5", "ms", "-1s", "1.5s", "2秒", "5m", "99999999999999999999s", "999999999999999999d"]
        {
            assert_eq!(duration(text), Err(NoDuration), "{text}");
        }
    }

    #[test]
    fn times_of_day_are_those_of_china() {
        let day: Day = "2026-11-21".parse().unwrap();
        let time: TimeOfDay = "00:05".parse().unwrap();
        assert_eq!(time.on(day).to_string(), "2026-11-20T16:05:00Z");
        assert_eq!(
            "23:59".parse::<TimeOfDay>().unwrap().on(day).in_china().to_string(),
            "2026-11-21 23:59:00"
        );
        for text in ["24:00", "00:60", "0:05", "00:5", "00:05:00", "+1:00", "", "0005"] {
            assert_eq!(text.parse::<TimeOfDay>(), Err(NoTimeOfDay), "{text}");
        }
    }
}
