//! A meter's clock: how far it is off, whether a freeze it dated may be believed, and when it may be set (F14).
//!
//! An offset is measured in a session and kept with it. A freeze carries a date by the meter's own clock, so the date
//! alone proves nothing: the clock must have been right in the session before and in the session after the freeze.

use std::time::Duration;

use dlt645::meter_time::Civil;

use super::day::Day;
use super::moment::{Moment, SECOND};

/// How far a meter's clock was off (时钟偏差), measured in one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockOffset {
    /// When it was measured, by our clock.
    pub at: Moment,
    /// Microseconds that the meter was fast; negative when it was slow.
    pub fast_us: i64,
    /// How far the measurement itself may be wrong.
    pub uncertainty: Duration,
}

impl ClockOffset {
    /// The offset of a clock that showed `shown` at some moment between the end of the request and the beginning of the
    /// answer: half the round trip is taken off, and half a second added, since the meter drops fractions.
    #[must_use]
    pub fn measured(shown: Civil, asked: Moment, answered: Moment) -> Self {
        let half = answered.since(asked) / 2;
        let at = asked.plus(half);
        let fast_us = Moment::from_civil(shown).micros_since(at).saturating_add(SECOND / 2);
        Self { at, fast_us, uncertainty: half + HALF_SECOND }
    }

    /// How far it was off, whichever way.
    #[must_use]
    pub const fn magnitude(self) -> Duration {
        Duration::from_micros(self.fast_us.unsigned_abs())
    }

    /// Whether it was right within a tolerance.
    #[must_use]
    pub fn is_within(self, tolerance: Duration) -> bool {
        self.magnitude() <= tolerance
    }
}

/// Whether a freeze that the meter dates `dated` claims to be that of the instant `as_of`.
#[must_use]
pub fn claims(dated: Civil, as_of: Moment, tolerance: Duration) -> bool {
    let off = Moment::from_civil(dated).micros_since(as_of).unsigned_abs();
    Duration::from_micros(off) <= tolerance
}

/// Whether the meter's clock can have been wrong at `as_of`: it is believed when it was right in the last session before,
/// if there was one, and in the first session after.
#[must_use]
pub fn was_right(
    as_of: Moment,
    before: Option<ClockOffset>,
    after: ClockOffset,
    tolerance: Duration,
) -> bool {
    let is_right = |offset: ClockOffset| offset.is_within(tolerance);
    after.at >= as_of && is_right(after) && before.is_none_or(|before| before.at <= as_of && is_right(before))
}

/// What should be done about a clock (校时建议). Only a person, or a rule that a person has switched on, does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Correction {
    /// Nothing: it is near enough.
    NotNeeded,
    /// It should be set, but not before this moment: too near to midnight, when meters freeze and settle.
    NotBefore(Moment),
    /// It may be set now. Broadcast would do: meters take up to five minutes, once a day.
    ByBroadcast,
    /// It may be set now, by a write with a password: a broadcast cannot move it so far.
    ByWrite,
}

/// What should be done now about a clock that is off by so much. [645-2007 4]
#[must_use]
pub fn correction(offset: ClockOffset, now: Moment, allowed: Duration) -> Correction {
    if offset.is_within(allowed.max(offset.uncertainty)) {
        return Correction::NotNeeded;
    }
    // Both the true midnight and that of the meter's clock, before it is set and after.
    let shown = Moment::from_micros(now.micros().saturating_add(offset.fast_us));
    let waits = [now, shown].map(near_midnight);
    match waits.into_iter().max() {
        Some(wait) if !wait.is_zero() => Correction::NotBefore(now.plus(wait)),
        _ if offset.is_within(BROADCAST) => Correction::ByBroadcast,
        _ => Correction::ByWrite,
    }
}

/// How long until `at` is far enough behind a midnight; zero when it is not near one.
fn near_midnight(at: Moment) -> Duration {
    let midnight = Day::of(at.plus(MIDNIGHT)).start();
    let clear = midnight.plus(MIDNIGHT);
    if at.plus(MIDNIGHT) >= midnight && at < clear { clear.since(at) } else { Duration::ZERO }
}

const HALF_SECOND: Duration = Duration::from_millis(500);
/// No clock is set so near to midnight.
const MIDNIGHT: Duration = Duration::from_secs(600);
/// The most that a broadcast moves a clock.
const BROADCAST: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOLERANCE: Duration = Duration::from_secs(300);

    fn midnight() -> Moment {
        "2026-11-21".parse::<Day>().unwrap().start()
    }

    fn seconds(seconds: i64) -> Moment {
        Moment::from_micros(midnight().micros() + seconds * SECOND)
    }

    fn fast(at: Moment, seconds: i64) -> ClockOffset {
        ClockOffset { at, fast_us: seconds * SECOND, uncertainty: HALF_SECOND }
    }

    proptest! {
        #[test]
        fn f14_the_true_offset_is_within_the_uncertainty(
            fast_ms in -86_400_000_i64..86_400_000, there_ms in 0_u32..5_000, back_ms in 0_u32..20_000, at in 0_i64..86_400,
        ) {
            let asked = seconds(at);
            let taken = Moment::from_micros(asked.micros() + i64::from(there_ms) * 1000);
            let answered = Moment::from_micros(taken.micros() + i64::from(back_ms) * 1000);
            let shown = Moment::from_micros(taken.micros() + fast_ms * 1000).civil().unwrap();
            let offset = ClockOffset::measured(shown, asked, answered);
            let wrong = Duration::from_micros((offset.fast_us - fast_ms * 1000).unsigned_abs());
            prop_assert!(wrong <= offset.uncertainty, "{:?} for {} ms", offset, fast_ms);
        }

        #[test]
        fn f14_no_clock_is_set_near_a_midnight(at in 0_i64..172_800, fast_s in -90_000_i64..90_000) {
            let now = seconds(at);
            let shown = seconds(at + fast_s);
            let far = |moment: Moment| {
                let of_day = moment.since(Day::of(moment).start()).as_secs();
                (600..=86_400 - 600).contains(&of_day)
            };
            match correction(fast(now, fast_s), now, Duration::from_secs(30)) {
                Correction::NotNeeded => prop_assert!(fast_s.abs() <= 30),
                Correction::NotBefore(until) => prop_assert!(until > now && !(far(now) && far(shown))),
                Correction::ByBroadcast => prop_assert!(far(now) && far(shown) && fast_s.abs() <= 300),
                Correction::ByWrite => prop_assert!(far(now) && far(shown) && fast_s.abs() > 300),
            }
        }
    }

    #[test]
    fn f14_a_freeze_claims_the_instant_within_the_tolerance_and_no_other() {
        let dated = |moment: Moment| moment.civil().unwrap();
        for (off, expected) in [
            (0, true),
            (299, true),
            (-300, true),
            (300, true),
            (301, false),
            (86_400, false),
            (-86_400, false),
        ] {
            assert_eq!(claims(dated(seconds(off)), midnight(), TOLERANCE), expected, "{off} s");
        }
    }

    #[test]
    fn f14_a_clock_is_believed_when_it_was_right_before_and_after() {
        let right = |at| fast(seconds(at), 12);
        let wrong = |at| fast(seconds(at), 86_400);
        let (before, after) = (-80_000, 600);
        assert!(was_right(midnight(), Some(right(before)), right(after), TOLERANCE));
        assert!(was_right(midnight(), None, right(after), TOLERANCE));
        assert!(!was_right(midnight(), Some(wrong(before)), right(after), TOLERANCE), "set in between");
        assert!(!was_right(midnight(), Some(right(before)), wrong(after), TOLERANCE));
        assert!(!was_right(midnight(), None, right(before), TOLERANCE), "nothing is known from afterwards");
    }
}
