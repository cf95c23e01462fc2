//! Wall time: the only place that asks what time it is.
//!
//! [`Clock`] is passed to whoever needs the present; plans and rules get a [`Moment`] as an argument. A task that waits
//! for a time of day waits here, and is woken when the clock is set past it, so that a step of the clock skips nothing
//! (F33). Durations are not measured with it: they come from tokio's clock, which no step can make negative.
//!
//! That clock stands still while the machine is suspended. Who has a right that ends, such as that to send, asks [`Clock::awake`]
//! how long that was (F36).
//!
//! A test, a simulation and a demonstration hold a [`ManualClock`]. It stands still, or runs on from a chosen moment
//! with tokio's clock; in a test with paused time a month then passes as fast as its work is done.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::domain::Moment;

/// Tells the time. Cheap to clone; clones of a manual clock are set together.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(watch::Receiver<Setting>),
}

/// What a manual clock was last set to.
#[derive(Clone, Copy, Debug)]
struct Setting {
    moment: Moment,
    /// When it was set, if it runs on from there.
    running_since: Option<Instant>,
    /// How long the machine was suspended in all.
    suspended: Duration,
}

/// Knows how long the machine has been suspended since this was made.
#[derive(Clone, Debug)]
pub struct Awake {
    clock: Clock,
    suspended: Duration,
}

impl Awake {
    /// How long it was; what is shorter than a second does not count.
    #[must_use]
    pub fn slept(&self) -> Duration {
        let slept = self.clock.suspended().saturating_sub(self.suspended);
        if slept < SHORTEST_SLEEP { Duration::ZERO } else { slept }
    }
}

impl Clock {
    /// The clock of the machine.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Moment {
        match &self.0 {
            Source::System => system_now(),
            Source::Manual(setting) => setting.borrow().now(),
        }
    }

    /// From now on.
    #[must_use]
    pub fn awake(&self) -> Awake {
        Awake { clock: self.clone(), suspended: self.suspended() }
    }

    fn suspended(&self) -> Duration {
        match &self.0 {
            Source::System => system_suspended(),
            Source::Manual(setting) => setting.borrow().suspended,
        }
    }

    /// Returns when the clock shows `at` or later, also when it is set there, and at once when it does already.
    pub async fn sleep_until(&self, at: Moment) {
        loop {
            let left = at.since(self.now());
            if left.is_zero() {
                return;
            }
            // In slices, because a clock that is set forward does not shorten a sleep.
            self.changed_within(left.min(SLICE)).await;
        }
    }

    /// Returns after so long, however the clock is set meanwhile; earlier where it is set behind that. A clock that stands
    /// still is waited for.
    pub async fn rest(&self, wait: Duration) {
        let shown = self.sleep_until(self.now().plus(wait));
        if self.stands_still() {
            return shown.await;
        }
        tokio::select! { () = shown => {} () = sleep(wait) => {} }
    }

    /// Returns when the clock shows a time before `from`, or `until` or later; at once when it does already.
    pub async fn leaves(&self, (from, until): (Moment, Moment)) {
        loop {
            let now = self.now();
            if now < from || now >= until {
                return;
            }
            self.changed_within(until.since(now).min(SLICE)).await;
        }
    }

    fn stands_still(&self) -> bool {
        matches!(&self.0, Source::Manual(setting) if setting.borrow().running_since.is_none())
    }

    /// Returns when the clock is set, or after `left` if it runs.
    async fn changed_within(&self, left: Duration) {
        let Source::Manual(setting) = &self.0 else { return sleep(left).await };
        let mut setting = setting.clone();
        let runs = setting.borrow_and_update().running_since.is_some();
        let set = async {
            if setting.changed().await.is_err() {
                // Nobody is left who could set it.
                std::future::pending::<()>().await;
            }
        };
        if runs {
            tokio::select! { () = set => {} () = sleep(left) => {} }
        } else {
            set.await;
        }
    }
}

/// Sets the clocks it gave out.
#[derive(Debug)]
pub struct ManualClock(watch::Sender<Setting>);

impl ManualClock {
    /// Stands still at `moment` until it is set.
    #[must_use]
    pub fn still(moment: Moment) -> Self {
        Self(watch::Sender::new(Setting { moment, running_since: None, suspended: Duration::ZERO }))
    }

    /// Shows `moment` now and runs on with tokio's clock.
    #[must_use]
    pub fn running(moment: Moment) -> Self {
        let running_since = Some(Instant::now());
        Self(watch::Sender::new(Setting { moment, running_since, suspended: Duration::ZERO }))
    }

    /// A clock that shows what this one is set to.
    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock(Source::Manual(self.0.subscribe()))
    }

    /// Sets the clock, forward or back; it stands still or runs on as before.
    pub fn set(&self, moment: Moment) {
        self.0.send_modify(|setting| setting.move_to(moment));
    }

    /// Lets the machine be suspended for so long: the clock goes on meanwhile, and tokio's stands still.
    pub fn suspend(&self, by: Duration) {
        self.0.send_modify(|setting| {
            setting.move_to(setting.now().plus(by));
            setting.suspended += by;
        });
    }

    /// Sets the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|setting| setting.move_to(setting.now().plus(by)));
    }
}

impl Setting {
    fn now(&self) -> Moment {
        match self.running_since {
            Some(since) => self.moment.plus(since.elapsed()),
            None => self.moment,
        }
    }

    fn move_to(&mut self, moment: Moment) {
        self.moment = moment;
        self.running_since = self.running_since.map(|_| Instant::now());
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
fn system_now() -> Moment {
    let epoch = std::time::SystemTime::UNIX_EPOCH;
    match std::time::SystemTime::now().duration_since(epoch) {
        Ok(since) => Moment::from_micros(0).plus(since),
        Err(error) => Moment::from_micros(0).minus(error.duration()),
    }
}

/// What the clock that runs on while the machine is suspended is ahead of the one that does not, since the machine was started.
fn system_suspended() -> Duration {
    let read = |clock| clock_gettime(clock).map_or(Duration::ZERO, Duration::from);
    // In this order, so that what is between the two looks is never taken for sleep.
    let boot = read(ClockId::CLOCK_BOOTTIME);
    boot.saturating_sub(read(ClockId::CLOCK_MONOTONIC))
}

/// The two clocks are not looked at in the same instant.
const SHORTEST_SLEEP: Duration = Duration::from_secs(1);

/// How long a step of the machine's clock may go unnoticed by a task that waits.
const SLICE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Day;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn the_machine_has_a_plausible_time() {
        let now = Clock::system().now();
        assert!(now > day("2025-01-01").start(), "{now}");
    }

    #[test]
    fn f36_a_machine_that_is_awake_has_not_slept_and_one_that_was_suspended_has() {
        assert_eq!(Clock::system().awake().slept(), Duration::ZERO);
        let manual = ManualClock::still(day("2026-11-21").start());
        let awake = manual.clock().awake();
        manual.advance(Duration::from_secs(60));
        assert_eq!(awake.slept(), Duration::ZERO, "it was set");
        manual.suspend(Duration::from_secs(60));
        assert_eq!(awake.slept(), Duration::from_secs(60));
        assert_eq!(manual.clock().awake().slept(), Duration::ZERO, "that was before");
    }

    #[tokio::test(start_paused = true)]
    async fn a_month_of_nights_passes_in_paused_time() {
        let manual = ManualClock::running(day("2027-12-31").start());
        let clock = manual.clock();
        let mut nights = Vec::new();
        let mut next = day("2028-01-01");
        while next < day("2028-03-02") {
            clock.sleep_until(next.start().plus(Duration::from_secs(300))).await;
            assert_eq!(Day::of(clock.now()), next);
            nights.push(next);
            next = next.next();
        }
        assert_eq!(nights.len(), 31 + 29 + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn f33_a_step_forward_ends_the_wait_and_a_step_back_prolongs_it() {
        let start = day("2026-11-21").start();
        let hour = Duration::from_secs(3600);
        let manual = ManualClock::running(start);
        let clock = manual.clock();
        let began = Instant::now();
        let wait = clock.sleep_until(start.plus(hour));
        let set = async {
            sleep(Duration::from_secs(60)).await;
            manual.set(start.minus(hour));
            sleep(Duration::from_secs(60)).await;
            assert_eq!(manual.clock().now(), start.minus(hour).plus(Duration::from_secs(60)));
            manual.set(start.plus(hour));
        };
        tokio::join!(wait, set);
        assert_eq!(began.elapsed(), Duration::from_secs(120));
    }

    #[tokio::test(start_paused = true)]
    async fn f33_a_rest_is_as_long_as_it_was_meant_and_a_span_is_left_at_either_end() {
        let start = day("2026-11-21").start();
        let (hour, minute) = (Duration::from_secs(3600), Duration::from_secs(60));
        let manual = ManualClock::running(start);
        let clock = manual.clock();
        for step in [Duration::ZERO, hour, hour * 24, hour * 24 * 365] {
            let began = Instant::now();
            let set = async {
                sleep(minute / 2).await;
                manual.set(clock.now().minus(step));
            };
            tokio::join!(clock.rest(minute), set);
            assert_eq!(began.elapsed(), minute, "set back by {step:?}");
        }
        manual.set(start);
        for (to, after) in
            [(start.minus(hour), 30), (start.plus(hour * 3), 30), (start.plus(hour), 3600 + 30)]
        {
            manual.set(start.plus(hour));
            let began = Instant::now();
            let set = async {
                sleep(minute / 2).await;
                manual.set(to);
            };
            tokio::join!(clock.leaves((start, start.plus(hour * 2))), set);
            assert_eq!(began.elapsed().as_secs(), after, "set to {to}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_stands_still_moves_only_by_hand() {
        let start = day("2026-11-21").start();
        let manual = ManualClock::still(start);
        let clock = manual.clock();
        sleep(Duration::from_secs(86_400)).await;
        assert_eq!(clock.now(), start);
        let wait = tokio::time::timeout(Duration::from_secs(1), clock.sleep_until(start.plus(SLICE)));
        assert!(wait.await.is_err());
        manual.advance(SLICE);
        clock.sleep_until(start.plus(SLICE)).await;
    }
}
