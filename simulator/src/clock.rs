//! A meter's clock: what it shows at each instant of the world, and when it showed something.
//!
//! A clock is a sparse list of turns (set, jump, new drift, lost battery), between which it runs evenly; all of it
//! whole numbers. Between turns it never runs back; over a turn it may skip a time, show it twice or start again at
//! 2000-01-01. A freeze or a settlement falls on a [`Mark`]: the instant at which the running clock comes to a
//! certain time.

use crate::instant::At;

/// A meter's clock over its whole life, the past included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    first: Turn,
    turns: Vec<Turn>,
}

/// From `from` on the clock shows `shown` and runs with this drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    from: At,
    shown: At,
    drift_ppm: i32,
    /// The clock came to `shown` by running and not by being set.
    by_running: bool,
}

/// An instant at which a running clock came to a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When, in the world.
    pub at: At,
    /// What the clock was waited for to show. A fast clock may skip that very second and stand past it.
    pub shown: At,
}

impl Clock {
    /// A clock that is right and stays so.
    #[must_use]
    pub const fn right(since: At) -> Self {
        let first = Turn { from: since, shown: since, drift_ppm: 0, by_running: false };
        Self { first, turns: Vec::new() }
    }

    /// A clock that starts `offset` seconds fast and gains `drift_ppm` seconds in a million; negative is slow.
    #[must_use]
    pub fn drifting(since: At, offset: i64, drift_ppm: i32) -> Self {
        let mut clock = Self::right(since);
        clock.first.shown = since.plus(offset);
        clock.first.drift_ppm = drift_ppm.max(STOPPED_PPM);
        clock
    }

    /// What the clock shows.
    #[must_use]
    pub fn shown(&self, at: At) -> At {
        self.turn_at(at).shown(at)
    }

    /// How many seconds the clock is fast; negative is slow.
    #[must_use]
    pub fn offset(&self, at: At) -> i64 {
        self.shown(at).since(at)
    }

    /// Sets the clock. As with every turn, what was foreseen for later instants is forgotten.
    pub fn set(&mut self, at: At, shown: At) {
        let drift_ppm = self.turn_at(at).drift_ppm;
        self.turn(Turn { from: at, shown, drift_ppm, by_running: false });
    }

    /// Moves the clock by so many seconds.
    pub fn jump(&mut self, at: At, seconds: i64) {
        self.set(at, self.shown(at).plus(seconds));
    }

    /// Starts the clock again at 2000-01-01 00:00:00, as after a power cut with an empty battery.
    pub fn lose_battery(&mut self, at: At) {
        self.set(at, At::START);
    }

    /// Lets the clock gain `drift_ppm` seconds in a million from now on; [`STOPPED_PPM`] stops it.
    pub fn drift(&mut self, at: At, drift_ppm: i32) {
        let shown = self.shown(at);
        self.turn(Turn { from: at, shown, drift_ppm: drift_ppm.max(STOPPED_PPM), by_running: true });
    }

    /// The first instant, not before `after`, at which the clock comes to `shown` by running.
    #[must_use]
    pub fn when_showing(&self, shown: At, after: At) -> Option<At> {
        let nexts = self.turns.iter().map(Some).chain([None]);
        let mut spans = core::iter::once(&self.first).chain(&self.turns).zip(nexts);
        spans.find_map(|(turn, next)| {
            let until = next.map_or(At::END, Turn::end_of_the_one_before);
            turn.reaches(shown).filter(|at| *at >= after && *at <= until)
        })
    }

    /// The marks up to and including `at`, newest first. `latest` says which times are marked: the latest one that
    /// is not after the time given. So [`midnight`] marks the starts of days.
    pub fn marks_before<F>(&self, at: At, latest: F) -> impl Iterator<Item = Mark>
    where
        F: Fn(At) -> Option<At> + Copy,
    {
        self.spans_back_from(at).flat_map(move |(turn, until)| {
            let marked =
                core::iter::successors(latest(turn.shown(until)), move |later| latest(later.plus(-1)));
            let in_this_turn = marked.take_while(move |shown| *shown > turn.shown);
            in_this_turn.filter_map(move |shown| turn.reaches(shown).map(|at| Mark { at, shown }))
        })
    }

    /// The turns begun by `at`, newest first, each with the last instant it holds for.
    fn spans_back_from(&self, at: At) -> impl Iterator<Item = (Turn, At)> {
        let begun = self.turns.partition_point(|turn| turn.from <= at);
        let turns = self.turns.iter().take(begun).rev().copied().chain([self.first]);
        let mut until = at;
        turns.filter(move |turn| turn.from <= at).map(move |turn| {
            let span = (turn, until);
            until = turn.end_of_the_one_before();
            span
        })
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.turns.capacity() * size_of::<Turn>()
    }

    fn turn_at(&self, at: At) -> &Turn {
        let begun = self.turns.partition_point(|turn| turn.from <= at);
        begun.checked_sub(1).and_then(|place| self.turns.get(place)).unwrap_or(&self.first)
    }

    fn turn(&mut self, turn: Turn) {
        self.turns.retain(|earlier| earlier.from < turn.from);
        if turn.from <= self.first.from {
            self.first = turn;
        } else {
            self.turns.push(turn);
        }
    }
}

impl Turn {
    fn shown(&self, at: At) -> At {
        let run = at.since(self.from) * (MILLION + i64::from(self.drift_ppm));
        self.shown.plus(run.div_euclid(MILLION))
    }

    /// The last instant of the turn before: a clock that runs on through the turn still comes to a time with it.
    fn end_of_the_one_before(&self) -> At {
        if self.by_running { self.from } else { self.from.plus(-1) }
    }

    /// The first instant after the turn at which it shows `shown` or has just passed it.
    fn reaches(&self, shown: At) -> Option<At> {
        let rate = MILLION + i64::from(self.drift_ppm);
        let run = shown.since(self.shown);
        if run <= 0 || rate == 0 {
            return None;
        }
        let seconds = (run * MILLION + rate - 1) / rate;
        (seconds <= At::END.since(self.from)).then(|| self.from.plus(seconds))
    }
}

/// Marks the start of each day, for [`Clock::marks_before`].
#[must_use]
pub fn midnight(shown: At) -> Option<At> {
    Some(At::midnight(shown.day()))
}

/// Marks the start of each hour.
#[must_use]
pub fn hour(shown: At) -> Option<At> {
    Some(At::from_seconds(shown.seconds() - shown.seconds() % 3600))
}

/// The drift of a clock that stands still.
pub const STOPPED_PPM: i32 = -1_000_000;
const MILLION: i64 = 1_000_000;

#[cfg(test)]
mod tests;
