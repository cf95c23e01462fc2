//! Which units may still answer what they were asked before (F5, F6).
//!
//! A unit answers one question after the other, and no path changes their order. So each has a row of what it was asked and
//! may yet answer; an answer takes out of it what was asked before, up to the oldest question of the same function, since it
//! may be that one's. What is real is only asked when nothing in the row could be taken for its answer. Where something
//! could, the unit is asked for a single bit first: function 01 or 02, which are used for nothing else.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::Function;

/// The units of a line.
#[derive(Debug, Default)]
pub(in crate::channel) struct Units(HashMap<u8, Vec<Owed>>);

/// What a unit may yet answer.
#[derive(Clone, Copy, Debug)]
struct Owed {
    /// By which function; `None` where it may be any.
    function: Option<Function>,
    until: Instant,
}

impl Units {
    /// It is being asked.
    pub(in crate::channel) fn ask(&mut self, unit: u8, function: Function, now: Instant) {
        self.owe(unit, Some(function), now);
    }

    /// It has answered by this function: nothing that was asked before can be answered any more.
    pub(in crate::channel) fn answered(&mut self, unit: u8, function: Function, now: Instant) {
        let row = self.row(unit, now);
        if let Some(place) = row.iter().position(|owed| owed.function == Some(function)) {
            row.drain(..=place);
        }
    }

    /// It was heard when it should have been quiet.
    pub(in crate::channel) fn doubt(&mut self, unit: u8, now: Instant) {
        self.owe(unit, None, now);
    }

    /// Something was heard that any unit may have said.
    pub(in crate::channel) fn doubt_all(&mut self, now: Instant) {
        let units: Vec<u8> = self.0.keys().copied().collect();
        units.into_iter().for_each(|unit| self.doubt(unit, now));
    }

    /// Whether an answer may come that would be taken for one by this function.
    pub(in crate::channel) fn owes(&mut self, unit: u8, function: Function, now: Instant) -> bool {
        let row = self.row(unit, now);
        row.iter().any(|owed| owed.function.is_none_or(|owed| owed == function))
    }

    /// How long yet such an answer may come.
    pub(in crate::channel) fn owes_for(&mut self, unit: u8, function: Function, now: Instant) -> Duration {
        let row = self.row(unit, now);
        let owed = row.iter().filter(|owed| owed.function.is_none_or(|owed| owed == function));
        owed.map(|owed| owed.until - now).max().unwrap_or_default()
    }

    /// By which function it is asked for its sign of life: the one that was used longer ago.
    pub(in crate::channel) fn sign_of_life(&mut self, unit: u8, now: Instant) -> Function {
        let row = self.row(unit, now);
        let last = row.iter().rev().find_map(|owed| {
            owed.function.filter(|function| matches!(function, Function::Coils | Function::Bits))
        });
        if last == Some(Function::Bits) { Function::Coils } else { Function::Bits }
    }

    fn owe(&mut self, unit: u8, function: Option<Function>, now: Instant) {
        let until = now + OWED_FOR;
        let row = self.row(unit, now);
        // What may be any answer settles nothing more by being there twice.
        match row.iter_mut().find(|owed| function.is_none() && owed.function.is_none()) {
            Some(owed) => owed.until = until,
            None => row.push(Owed { function, until }),
        }
    }

    /// What a unit may yet answer. Of one that was never asked before nothing is known: the last process may have asked it.
    fn row(&mut self, unit: u8, now: Instant) -> &mut Vec<Owed> {
        let unknown = || vec![Owed { function: None, until: now + OWED_FOR }];
        let row = self.0.entry(unit).or_insert_with(unknown);
        row.retain(|owed| now < owed.until);
        row
    }
}

/// So long an answer is looked for that did not come. A meter that answers no question for a bit is left alone for so long
/// after each silence.
const OWED_FOR: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use Function::{Bits, Coils, Holding, Input};

    #[tokio::test(start_paused = true)]
    async fn f05_an_answer_settles_what_was_asked_before_and_nothing_behind() {
        let (mut units, now) = (Units::default(), Instant::now());
        assert!(units.owes(1, Holding, now) && units.owes(1, Input, now), "nobody knows who asked before");
        assert_eq!(units.sign_of_life(1, now), Bits);
        units.ask(1, Bits, now);
        units.answered(1, Bits, now);
        assert!(!units.owes(1, Holding, now));
        assert!(units.owes(2, Holding, now), "of another nothing is known yet");

        units.ask(1, Holding, now);
        assert!(units.owes(1, Holding, now) && !units.owes(1, Input, now));
        // Three signs of life are asked for; the answer to one may be that to the first.
        for function in [Bits, Coils, Bits] {
            assert_eq!(units.sign_of_life(1, now), function);
            units.ask(1, function, now);
        }
        units.answered(1, Coils, now);
        assert!(!units.owes(1, Holding, now), "it was asked before any of them");
        units.ask(1, Holding, now);
        units.answered(1, Bits, now);
        assert!(units.owes(1, Holding, now), "this may be the answer to the third, which was before it");
        units.ask(1, Bits, now);
        units.answered(1, Bits, now);
        assert!(!units.owes(1, Holding, now));
    }

    #[tokio::test(start_paused = true)]
    async fn f11_i22_what_a_line_says_all_the_time_is_one_doubt_of_each_unit() {
        let (mut units, now) = (Units::default(), Instant::now());
        units.ask(1, Bits, now);
        (0..10_000).for_each(|_| units.doubt_all(now + OWED_FOR / 2));
        assert_eq!(units.0.values().map(Vec::len).sum::<usize>(), 2, "{units:?}");
        assert!(units.owes(1, Holding, now + OWED_FOR), "as long as the last of them says");
    }

    #[tokio::test(start_paused = true)]
    async fn f06_a_doubt_is_settled_by_an_answer_or_by_time() {
        let (mut units, now) = (Units::default(), Instant::now());
        let later = now + OWED_FOR;
        units.ask(1, Holding, now);
        assert!(units.owes(1, Input, now) && !units.owes(1, Input, later));
        units.doubt_all(later);
        assert!(units.owes(1, Input, later) && units.owes(1, Holding, later));
        units.ask(1, Coils, later);
        units.answered(1, Coils, later);
        assert!(!units.owes(1, Input, later) && !units.owes(1, Holding, later));
        units.doubt(1, later);
        assert!(units.owes(1, Input, later));
    }
}
