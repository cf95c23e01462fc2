//! A meter's clock: how far it is off, whether a freeze it dated may be believed, and when it may be set (F14).
//!
//! An offset is measured in a session and kept with it. A freeze carries a date by the meter's own clock, so the date
//! alone proves nothing: the clock must have been right in the session before and in the session after the freeze.

use std::time::Duration;

use dlt645::meter_time::{Civil, MeterTime};

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

/// What was kept of a session (会话) with a meter's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockSession {
    /// How far the clock was from ours.
    pub offset: ClockOffset,
    /// Nothing bore out the clock of this machine then: it may have been ours that was off.
    pub is_doubted: bool,
}

/// What a clock shows whose date and time of day are two answers; `None` for what no calendar has.
#[must_use]
pub fn shown(date: MeterTime, of_day: MeterTime) -> Option<Civil> {
    use dlt645::meter_time::Part;
    let year = 2000 + u16::from(date.part(Part::Year)?);
    Civil::new(
        year,
        date.part(Part::Month)?,
        date.part(Part::Day)?,
        of_day.part(Part::Hour)?,
        of_day.part(Part::Minute)?,
        of_day.part(Part::Second)?,
    )
}

/// Whether a freeze that the meter dates `dated` claims to be that of the instant `as_of`.
#[must_use]
pub fn claims(dated: Civil, as_of: Moment, tolerance: Duration) -> bool {
    let off = Moment::from_civil(dated).micros_since(as_of).unsigned_abs();
    Duration::from_micros(off) <= tolerance
}

/// The sessions that tell how a clock was from `from` up to `until`: the last one before, if there was one, those between,
/// and the first one behind; none where nothing is known from behind. `sessions` are in order of time.
#[must_use]
pub fn witnesses(sessions: &[ClockOffset], (from, until): (Moment, Moment)) -> &[ClockOffset] {
    let is_known = sessions.last().is_some_and(|last| last.at >= until);
    if is_known { known_until(sessions, (from, until)) } else { &[] }
}

/// As [`witnesses`], also where nothing is known from behind: then up to the last session, which may be the one before.
#[must_use]
pub fn known_until(sessions: &[ClockOffset], (from, until): (Moment, Moment)) -> &[ClockOffset] {
    let first = sessions.partition_point(|session| session.at <= from).saturating_sub(1);
    let behind = sessions.partition_point(|session| session.at < until).min(sessions.len().saturating_sub(1));
    sessions.get(first.min(behind)..=behind).unwrap_or_default()
}

/// Whether the meter's clock was right from `from` up to `until`: it is believed when it was right in every session that
/// tells of it. That it is right now proves nothing, if a session in between saw it wrong.
#[must_use]
pub fn was_right(sessions: &[ClockOffset], span: (Moment, Moment), tolerance: Duration) -> bool {
    let told = witnesses(sessions, span);
    !told.is_empty() && told.iter().all(|session| session.is_within(tolerance))
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
        let (before, after, later) = (-80_000, 600, 90_000);
        let at_midnight = |sessions: &[ClockOffset]| was_right(sessions, (midnight(), midnight()), TOLERANCE);
        assert!(at_midnight(&[right(before), right(after)]));
        assert!(at_midnight(&[right(after)]));
        assert!(!at_midnight(&[wrong(before), right(after)]), "set in between");
        assert!(!at_midnight(&[right(before), wrong(after)]));
        assert!(!at_midnight(&[right(before)]), "nothing is known from afterwards");
        assert!(!at_midnight(&[]));
        assert!(!at_midnight(&[right(before), wrong(after), right(later)]), "set after it was seen wrong");
        assert!(at_midnight(&[wrong(before - 86_400), right(before), right(after), wrong(later)]));
        assert!(at_midnight(&[right(0), wrong(later)]), "a session at midnight");
    }

    #[test]
    fn f14_a_day_is_believed_when_every_session_around_and_within_it_was_right() {
        let day = (seconds(-86_400), midnight());
        let right = |at| fast(seconds(at), 12);
        let wrong = |at| fast(seconds(at), -301);
        assert!(was_right(&[right(-86_000), right(600)], day, TOLERANCE));
        assert!(was_right(&[right(-90_000), right(-40_000), right(600), wrong(700)], day, TOLERANCE));
        assert!(!was_right(&[right(-90_000), wrong(-40_000), right(600)], day, TOLERANCE));
        assert!(!was_right(&[right(-90_000), right(-40_000)], day, TOLERANCE));
        let seen = [wrong(-200_000), right(-90_000), wrong(-40_000), right(-20_000)];
        assert_eq!(known_until(&seen, day), &seen[1..], "those within, though none is behind");
        assert_eq!(known_until(&seen[..2], day), &seen[1..2]);
        assert_eq!((known_until(&[], day), witnesses(&seen, day)), (&[][..], &[][..]));
    }
}
