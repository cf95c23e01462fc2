//! Which night it is: when its run begins and ends.

use crate::config::TimeOfDay;
use crate::domain::{Day, Moment};

/// The run of one day: it reads the midnight with which the day begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Night {
    /// The day.
    pub day: Day,
    /// When the run begins.
    pub start: Moment,
    /// When it ends.
    pub deadline: Moment,
}

impl Night {
    /// Whether the clock shows no time of it: its deadline has come, or the clock was set back before its start.
    #[must_use]
    pub fn is_over(&self, now: Moment) -> bool {
        now < self.start || now >= self.deadline
    }
}

/// The night of a day.
#[must_use]
pub fn night_of(day: Day, start: TimeOfDay, deadline: TimeOfDay) -> Night {
    Night { day, start: start.on(day), deadline: deadline.on(day) }
}

/// The night that goes on now, or else the next one. Whether its run was done already is for the run's own key to say
/// (F35), so that a step of the clock neither skips a night nor doubles one (F33).
#[must_use]
pub fn night_to_come(now: Moment, start: TimeOfDay, deadline: TimeOfDay) -> Night {
    let today = night_of(Day::of(now), start, deadline);
    if now < today.deadline { today } else { night_of(Day::of(now).next(), start, deadline) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn night(now: &str, seconds: u64) -> Night {
        let now = now.parse::<Day>().unwrap().start().plus(Duration::from_secs(seconds));
        let (start, deadline) = (TimeOfDay::new(0, 5).unwrap(), TimeOfDay::new(6, 0).unwrap());
        night_to_come(now, start, deadline)
    }

    #[test]
    fn f33_a_night_lasts_from_its_start_to_its_deadline_and_none_is_left_out() {
        for (seconds, day) in
            [(0, "2026-12-31"), (300, "2026-12-31"), (21_599, "2026-12-31"), (21_600, "2027-01-01")]
        {
            assert_eq!(night("2026-12-31", seconds).day, day.parse().unwrap(), "{seconds} s");
        }
        let night = night("2028-02-28", 80_000);
        assert_eq!(night.day.to_string(), "2028-02-29");
        assert_eq!(night.start.to_string(), "2028-02-28T16:05:00Z");
        assert_eq!(night.deadline.to_string(), "2028-02-28T22:00:00Z");
    }
}
