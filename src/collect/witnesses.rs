//! Whether the meters of a site bear out the clock of this machine (F33).
//!
//! What a meter shows now is kept with the instant at which our clock says that it was read. So a clock of ours that was set
//! wrong would date registers wrong, and nothing in the answer would show it. The clocks that the meters show in their
//! sessions do: a meter whose clock is right bears ours out, and most of them being off by the same amount tells that it is
//! ours that is off.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{ClockOffset, Id, Meter, Moment};

/// What the clocks of meters have shown lately. That goes on with time which cannot jump: a step of our clock is seen by the
/// next verdict, whoever was heard before it.
#[derive(Debug, Default)]
pub(super) struct Witnesses(Mutex<Heard>);

#[derive(Debug, Default)]
struct Heard {
    /// What each showed, and when that was.
    shown: HashMap<Id<Meter>, (Instant, Moment)>,
    told_at: Option<Instant>,
    last: Option<Judged>,
}

/// What was said last, of very many.
#[derive(Clone, Copy, Debug)]
struct Judged {
    at: Instant,
    now: Moment,
    verdict: Verdict,
}

/// What they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Some meter's clock shows the time of ours, and most do not contradict it.
    BornOut,
    /// Nobody knows.
    Unknown,
    /// Most meters show another time, and all of these the same: ours is slow by so many microseconds.
    Contradicted {
        /// Negative when ours is fast.
        slow_us: i64,
        /// How many meters say so.
        by: usize,
        /// Of how many.
        of: usize,
    },
}

impl Witnesses {
    /// Notes how the clock of a meter stood. One that has lost its time says nothing of ours (F14).
    pub(super) fn hear(&self, meter: Id<Meter>, offset: ClockOffset) {
        let shown = Moment::from_micros(offset.at.micros().saturating_add(offset.fast_us));
        if shown >= EARLIEST {
            self.heard().shown.insert(meter, (Instant::now(), shown));
        }
    }

    /// What the meters heard within the hour say of our clock, which shows `now`; a clock is right within `tolerance`.
    pub(super) fn verdict(&self, now: Moment, tolerance: Duration) -> Verdict {
        let mut heard = self.heard();
        if let Some(judged) = heard.last.filter(|judged| judged.holds(now)) {
            return judged.verdict;
        }
        let offsets = heard.offsets(now);
        let is_many = offsets.len() >= MANY;
        let verdict = said(offsets, tolerance);
        heard.last = is_many.then(|| Judged { at: Instant::now(), now, verdict });
        verdict
    }

    /// As [`Self::verdict`], by a tolerance of its own.
    pub(super) fn verdict_within(&self, now: Moment, tolerance: Duration) -> Verdict {
        said(self.heard().offsets(now), tolerance)
    }

    /// True once in an hour: whoever is told of a contradiction need not be told for every meter.
    pub(super) fn is_to_be_told(&self) -> bool {
        let mut heard = self.heard();
        let is_new = heard.told_at.is_none_or(|at| at.elapsed() >= LATELY);
        if is_new {
            heard.told_at = Some(Instant::now());
        }
        is_new
    }

    /// It could not be told.
    pub(super) fn was_not_told(&self) {
        self.heard().told_at = None;
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    /// How far those who were heard lately are ahead of our clock, which shows `now`.
    fn offsets(&mut self, now: Moment) -> Vec<i64> {
        self.shown.retain(|_, (at, _)| at.elapsed() < LATELY);
        let shown = self.shown.values().map(|(at, shown)| shown.plus(at.elapsed()).micros_since(now));
        shown.collect()
    }
}

impl Judged {
    /// Whether it still says what would be said now: a step of our clock shows at once.
    fn holds(&self, now: Moment) -> bool {
        let passed = self.at.elapsed();
        let stepped = now.micros_since(self.now.plus(passed)).unsigned_abs();
        passed < FRESH && u128::from(stepped) < FRESH.as_micros()
    }
}

/// What offsets of clocks from ours say of it, in microseconds.
fn said(mut offsets: Vec<i64>, tolerance: Duration) -> Verdict {
    offsets.sort_unstable();
    let within = |one: i64, other: i64, of: Duration| u128::from(one.abs_diff(other)) <= of.as_micros();
    let is_near = |one: i64, other: i64| within(one, other, tolerance);
    let of = offsets.len();
    let Some(middle) = offsets.get(of / 2).copied() else { return Verdict::Unknown };
    // The further ours is off, the less it matters how far each of them has drifted.
    let same = Duration::from_micros(middle.unsigned_abs() / 10).clamp(SAME, tolerance.max(SAME));
    let by = offsets.iter().filter(|offset| within(**offset, middle, same)).count();
    if !is_near(middle, 0) && by >= LEAST && by * 2 > of {
        return Verdict::Contradicted { slow_us: middle, by, of };
    }
    // Where two of three and more are off to one side, the others may have drifted to where ours is.
    let far = |is_fast: bool| {
        offsets.iter().filter(|offset| !is_near(**offset, 0) && (**offset > 0) == is_fast).count()
    };
    let most = far(true).max(far(false));
    let is_one_sided = most >= LEAST && most * 3 >= of * 2;
    if !is_one_sided && offsets.iter().any(|offset| is_near(*offset, 0)) {
        Verdict::BornOut
    } else {
        Verdict::Unknown
    }
}

/// So many are not gone through for each meter that is asked.
const MANY: usize = 256;
/// How long what was said of so many holds.
const FRESH: Duration = Duration::from_secs(1);
/// A clock that shows a time before this has lost it, as with an empty battery: no meter was read by this program before.
/// It is the beginning of 2020 in China.
const EARLIEST: Moment = Moment::from_micros(1_577_808_000_000_000);
/// What was heard longer ago says nothing of now.
const LATELY: Duration = Duration::from_secs(3600);
/// Clocks that are right show the same time but for so much, or a tenth of what ours is off. Those that were left to drift for
/// years may be within some minutes of each other by chance, and prove nothing of ours.
const SAME: Duration = Duration::from_secs(30);
/// So many meters have to show the same for them to be believed against our clock: two may by chance.
const LEAST: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: Duration = Duration::from_secs(300);
    const NOW: Moment = Moment::from_micros(1_795_278_330_000_000);
    const HOUR: i64 = 3600;

    fn heard(seconds: &[i64]) -> Witnesses {
        let witnesses = Witnesses::default();
        for (number, seconds) in (1..).zip(seconds) {
            let fast_us = seconds * 1_000_000;
            witnesses.hear(Id::new(number), ClockOffset { at: NOW, fast_us, uncertainty: Duration::ZERO });
        }
        witnesses
    }

    fn against(seconds: i64, by: usize, of: usize) -> Verdict {
        Verdict::Contradicted { slow_us: seconds * 1_000_000, by, of }
    }

    #[tokio::test(start_paused = true)]
    async fn f33_most_meters_together_contradict_our_clock_and_a_few_do_not() {
        let said = |seconds: &[i64]| heard(seconds).verdict(NOW, TOLERANCE);
        assert_eq!(said(&[]), Verdict::Unknown);
        assert_eq!(said(&[0]), Verdict::BornOut);
        assert_eq!(said(&[300, -600]), Verdict::BornOut);
        assert_eq!(said(&[HOUR, HOUR]), Verdict::Unknown, "two are too few");
        assert_eq!(said(&[HOUR, HOUR + 20, -HOUR]), Verdict::Unknown, "and so they are beside a third");
        assert_eq!(said(&[HOUR, HOUR + 20, HOUR - 25]), against(HOUR, 3, 3));
        // Each has drifted for years, some by nearly as much as others.
        assert_eq!(said(&[-444, -390, -528]), Verdict::Unknown);
        assert_eq!(said(&[-444, -310, -528, 317, 290]), Verdict::BornOut);
        assert_eq!(said(&[-HOUR, -HOUR, -HOUR, 0, 12]), against(-HOUR, 3, 5));
        assert_eq!(said(&[HOUR, HOUR, 0, 12]), Verdict::BornOut, "half is not most");
        // Each is off in its own way: nobody looked after them.
        assert_eq!(said(&[HOUR, 2 * HOUR, -HOUR, 900, -900]), Verdict::Unknown);
        assert_eq!(said(&[HOUR, 2 * HOUR, -HOUR, 900, -200]), Verdict::BornOut);
    }

    #[tokio::test(start_paused = true)]
    async fn f33_clocks_that_have_drifted_apart_show_all_the_same_that_ours_is_wrong() {
        let said = |seconds: &[i64]| heard(seconds).verdict(NOW, TOLERANCE);
        let drifted = [-180, -120, -60, 0, 50, 100, 170];
        let by = |off: i64| drifted.map(|seconds| seconds + off);
        assert_eq!(said(&drifted), Verdict::BornOut);
        assert_eq!(said(&by(HOUR)), against(HOUR, 7, 7));
        assert_eq!(said(&by(-HOUR)), against(-HOUR, 7, 7));
        // Seven minutes are within what clocks drift by: the one that is near ours bears nothing out.
        assert_eq!(said(&by(420)), Verdict::Unknown);
        assert_eq!(said(&by(-420)), Verdict::Unknown);
        assert_eq!(said(&[600, 700, 0, -10]), Verdict::BornOut, "half are right");
    }

    #[tokio::test(start_paused = true)]
    async fn f14_clocks_that_have_lost_their_time_say_nothing_of_ours() {
        let lost = -26 * 365 * 24 * HOUR;
        assert_eq!(heard(&[lost, lost + 60, lost - 60]).verdict(NOW, TOLERANCE), Verdict::Unknown);
        assert_eq!(heard(&[lost, lost, lost, 0]).verdict(NOW, TOLERANCE), Verdict::BornOut);
        // It is ours that has lost its time.
        let ours = NOW.minus(Duration::from_secs(26 * 365 * 86_400));
        assert!(matches!(heard(&[0, 1, 2]).verdict(ours, TOLERANCE), Verdict::Contradicted { by: 3, .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn f33_what_very_many_say_is_gone_through_once_a_second_and_a_step_is_seen_at_once() {
        let witnesses = heard(&vec![0; MANY]);
        assert_eq!(witnesses.verdict(NOW, TOLERANCE), Verdict::BornOut);
        let verdict = |now| witnesses.verdict(now, TOLERANCE);
        let hour = Duration::from_secs(3600);
        assert!(
            matches!(verdict(NOW.plus(hour)), Verdict::Contradicted { by: MANY, .. }),
            "our clock was set"
        );
        assert_eq!(verdict(NOW), Verdict::BornOut, "and set back");
        for number in 0..=MANY {
            let offset = ClockOffset { at: NOW, fast_us: HOUR * 1_000_000, uncertainty: Duration::ZERO };
            witnesses.hear(Id::new(1_000 + i64::try_from(number).unwrap()), offset);
        }
        assert_eq!(verdict(NOW), Verdict::BornOut, "it was said just now");
        tokio::time::advance(FRESH).await;
        assert!(matches!(verdict(NOW.plus(FRESH)), Verdict::Contradicted { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn f33_a_step_is_seen_by_what_was_heard_before_it() {
        let (witnesses, ten) = (heard(&[0, 2, -2]), Duration::from_secs(600));
        tokio::time::advance(ten).await;
        assert_eq!(witnesses.verdict(NOW.plus(ten), TOLERANCE), Verdict::BornOut);
        let day = Duration::from_secs(86_400);
        assert_eq!(witnesses.verdict(NOW.plus(ten).plus(day), TOLERANCE), against(-86_400, 3, 3));
        assert_eq!(witnesses.verdict(NOW.plus(ten).minus(day), TOLERANCE), against(86_400, 3, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn f33_what_was_heard_an_hour_ago_bears_nothing_out_and_is_told_again() {
        let (witnesses, second) = (heard(&[0]), Duration::from_secs(1));
        assert!(witnesses.is_to_be_told() && !witnesses.is_to_be_told());
        tokio::time::advance(LATELY - second).await;
        assert_eq!(witnesses.verdict(NOW.plus(LATELY - second), TOLERANCE), Verdict::BornOut);
        assert!(!witnesses.is_to_be_told());
        tokio::time::advance(second).await;
        assert_eq!(witnesses.verdict(NOW.plus(LATELY), TOLERANCE), Verdict::Unknown);
        assert!(witnesses.is_to_be_told());
        witnesses.was_not_told();
        assert!(witnesses.is_to_be_told());
    }
}
