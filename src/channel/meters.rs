//! What is known of the meters of a line: how long they take to answer, and which are silent or dead.

use std::collections::HashMap;
use std::time::Duration;

use dlt645::address::AddressField;
use dlt645::exchange::Timing;
use dlt645::request::Request;
use tokio::time::Instant;

use super::pace::Pace;

/// When a meter counts as dead and is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probing {
    /// How many questions in a row it leaves unanswered before it counts as dead. Default 3.
    pub dead_after: u32,
    /// When it is tried again; the time doubles with each try. Default 5 min.
    pub first: Duration,
    /// Up to here. Default 6 h.
    pub most: Duration,
}

impl Default for Probing {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self { dead_after: 3, first: minute * 5, most: minute * 360 }
    }
}

/// How a meter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing is known against it.
    Answers,
    /// It did not answer last time, or its turn to be tried again has come: it is asked behind the others.
    Silent,
    /// It is not asked before its turn.
    Dead,
}

#[derive(Debug)]
struct Meter {
    pace: Pace,
    silent_in_a_row: u32,
    /// When it is tried again, once it is dead.
    probe_at: Option<Instant>,
    probe_after: Duration,
    asked_at: Instant,
    /// Questions that it left unanswered lately.
    owes: Vec<Owed>,
}

/// A question that was left unanswered, and may be answered yet.
#[derive(Debug)]
struct Owed {
    request: Request,
    since: Instant,
    /// It is owed until then, and until so many questions have been put on the line.
    until: Instant,
    until_question: u64,
}

#[derive(Debug)]
pub(super) struct Meters {
    known: HashMap<AddressField, Meter>,
    probing: Probing,
    /// No answer is waited for longer than this, unless the job itself says so.
    slowest_answer: Duration,
    /// How many questions were put on the line.
    questions: u64,
}

impl Owed {
    fn is_over(&self, now: Instant, questions: u64) -> bool {
        now >= self.until && questions >= self.until_question
    }
}

impl Meters {
    pub(super) fn new(probing: Probing, slowest_answer: Duration) -> Self {
        Self { known: HashMap::new(), probing, slowest_answer, questions: 0 }
    }

    pub(super) fn standing(&self, address: AddressField, now: Instant) -> Standing {
        let Some(meter) = self.known.get(&address).filter(|meter| meter.silent_in_a_row > 0) else {
            return Standing::Answers;
        };
        let is_its_turn = meter.probe_at.is_none_or(|at| now >= at);
        if is_its_turn { Standing::Silent } else { Standing::Dead }
    }

    pub(super) fn probe_at(&self, address: AddressField) -> Option<Instant> {
        self.known.get(&address)?.probe_at
    }

    /// The times of an exchange with this meter, as it was seen to answer.
    pub(super) fn timing(&self, address: AddressField, timing: Timing) -> Timing {
        self.known.get(&address).map_or(timing, |meter| meter.pace.timing(timing, self.slowest_answer))
    }

    /// It is being asked.
    pub(super) fn asked(&mut self, address: AddressField, now: Instant) {
        self.questions = self.questions.wrapping_add(1);
        self.meter(address, now).asked_at = now;
    }

    /// It has answered. `delay` and `gap` are what was seen of its pace, where it was one frame.
    pub(super) fn answered(
        &mut self,
        address: AddressField,
        delay: Option<Duration>,
        gap: Duration,
        now: Instant,
    ) {
        let first = self.probing.first;
        let meter = self.meter(address, now);
        (meter.silent_in_a_row, meter.probe_at, meter.probe_after) = (0, None, first);
        if let Some(delay) = delay {
            meter.pace.took(delay, gap);
        }
    }

    /// It left this question unanswered, which was put at `asked_at`.
    pub(super) fn owes(&mut self, address: AddressField, request: &Request, asked_at: Instant, now: Instant) {
        let (questions, until) = (self.questions, now + OWED_FOR);
        let until_question = questions + OWED_QUESTIONS;
        let meter = self.meter(address, now);
        meter.owes.retain(|owed| !owed.is_over(now, questions));
        if let Some(owed) = meter.owes.iter_mut().find(|owed| owed.request == *request) {
            (owed.until, owed.until_question) = (until, until_question);
        } else if meter.owes.len() < MOST_OWED {
            meter.owes.push(Owed { request: request.clone(), since: asked_at, until, until_question });
        }
    }

    /// Since when an answer to this question may be under way.
    pub(super) fn owed_since(
        &self,
        address: AddressField,
        request: &Request,
        now: Instant,
    ) -> Option<Instant> {
        let owed = self.known.get(&address)?.owes.iter().find(|owed| owed.request == *request)?;
        (!owed.is_over(now, self.questions)).then_some(owed.since)
    }

    /// It has not answered, or not to the end.
    pub(super) fn silent(&mut self, address: AddressField, now: Instant) {
        let Probing { dead_after, most, .. } = self.probing;
        let meter = self.meter(address, now);
        meter.pace.missed();
        meter.silent_in_a_row = meter.silent_in_a_row.saturating_add(1);
        if meter.silent_in_a_row >= dead_after.max(1) {
            meter.probe_at = Some(now + meter.probe_after);
            meter.probe_after = meter.probe_after.saturating_mul(2).min(most);
        }
    }

    /// Its answer came when nobody waited for it any more, so long after the question; `None` when that is to be told
    /// from when it was asked.
    pub(super) fn late(&mut self, address: AddressField, delay: Option<Duration>, now: Instant) {
        let slowest = self.slowest_answer;
        let Some(meter) = self.known.get_mut(&address).filter(|meter| meter.silent_in_a_row > 0) else {
            return;
        };
        let delay = delay.unwrap_or_else(|| now.saturating_duration_since(meter.asked_at));
        if delay <= slowest {
            meter.pace.was_late(delay);
            // It is there, only slow.
            (meter.silent_in_a_row, meter.probe_at) = (1, None);
        }
    }

    fn meter(&mut self, address: AddressField, now: Instant) -> &mut Meter {
        if self.known.len() >= MOST && !self.known.contains_key(&address) {
            let oldest =
                self.known.iter().min_by_key(|(_, meter)| meter.asked_at).map(|(address, _)| *address);
            oldest.map(|oldest| self.known.remove(&oldest));
        }
        let probe_after = self.probing.first;
        self.known.entry(address).or_insert_with(|| Meter {
            pace: Pace::default(),
            silent_in_a_row: 0,
            probe_at: None,
            probe_after,
            asked_at: now,
            owes: Vec::new(),
        })
    }
}

/// So long an answer is looked for that did not come.
const OWED_FOR: Duration = Duration::from_secs(60);
/// And for so many questions: what a converter holds back comes with the traffic.
const OWED_QUESTIONS: u64 = 16;
/// So many questions of one meter are remembered.
const MOST_OWED: usize = 16;
/// Meters remembered at most; the one asked longest ago is forgotten.
const MOST: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;
    use dlt645::address::MeterAddress;

    fn address(number: u64) -> AddressField {
        MeterAddress::from_number(number).unwrap().field()
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_dead_meter_is_tried_again_at_growing_intervals_and_lives_when_it_answers() {
        let mut meters = Meters::new(Probing::default(), MINUTE);
        let meter = address(1);
        let mut now = Instant::now();
        assert_eq!(meters.standing(meter, now), Standing::Answers);
        for _ in 0..2 {
            meters.silent(meter, now);
            assert_eq!(meters.standing(meter, now), Standing::Silent);
        }
        let mut wait = MINUTE * 5;
        for _ in 0..10 {
            meters.silent(meter, now);
            assert_eq!(meters.standing(meter, now), Standing::Dead);
            assert_eq!(meters.probe_at(meter), Some(now + wait));
            now += wait;
            assert_eq!(meters.standing(meter, now), Standing::Silent);
            wait = (wait * 2).min(MINUTE * 360);
        }
        meters.answered(meter, None, Duration::ZERO, now);
        assert_eq!((meters.standing(meter, now), meters.probe_at(meter)), (Standing::Answers, None));
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded() {
        let mut meters = Meters::new(Probing::default(), MINUTE);
        for number in 0..5000 {
            meters.asked(address(number), Instant::now());
        }
        assert_eq!(meters.known.len(), MOST);
    }
}
