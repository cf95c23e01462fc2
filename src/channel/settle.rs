//! What follows from a try: what is learned of meter and path, and whether the job has ended.

use dlt645::address::AddressField;
use dlt645::exchange::{Report, Unfit};
use metrics::counter;
use tokio::time::Instant;

use super::End;
use super::came::Came;
use super::converse::{Failure, Told};
use super::drive::{Driver, MOST_BREAKS};
use super::entry::{Entry, Times};
use super::meters::Standing;
use super::shared::Wanted;
use crate::telemetry;

/// What becomes of a job after a try.
enum Next {
    /// It has ended.
    End(End),
    /// It is the next one again: it made room, the path failed under it or was never quiet, or its answer is in doubt.
    First,
    /// It is tried again: at once, or behind the rest of its lane.
    Again(End),
}

impl Driver {
    /// Takes in what came of the job in hand.
    pub(super) fn settle(&mut self, told: Told<Came>) {
        let Some(mut entry) = self.asking.take() else { return };
        let wanted = self.shared.wanted();
        let function = (entry.job.question.function_name(), entry.job.timing.quiet_after_answer);
        self.shared.with_tally(|tally| tally.count(function, &told.outcome, &told.counters));
        let times = self.times(&entry, &told);
        self.learn(&entry, &told);
        let is_chattering = told.is_chattering;
        let next = self.judge(&mut entry, told, times, wanted);
        match next {
            Next::End(end) => self.finish(entry, end),
            Next::First => self.put_again("line", entry, false),
            // Its meter is dead now: it is not asked again, and neither is the rest.
            Next::Again(end) if entry.lane().is_automatic() && self.is_dead(&entry) => {
                entry.keep(end.clone(), times);
                self.finish(entry, end);
            }
            Next::Again(end) => {
                entry.tries_left = entry.tries_left.saturating_sub(1);
                entry.keep(end, times);
                let behind = entry.lane().is_automatic();
                self.put_again("silent", entry, behind);
            }
        }
        if is_chattering && self.path.open.is_some() {
            self.set_chattering();
        }
    }

    fn judge(&mut self, entry: &mut Entry, told: Told<Came>, times: Times, wanted: Wanted) -> Next {
        if told.has_yielded {
            entry.yielded = entry.yielded.saturating_add(1);
            return if wanted == Wanted::Cancelled { Next::End(End::Cancelled) } else { Next::First };
        }
        let (is_doubtful, is_lost) =
            (is_doubtful(entry, &told), matches!(told.failure, Some(Failure::Link(_))));
        match told.failure {
            Some(Failure::Blocked(blocked)) => {
                counter!(telemetry::BLOCKED, "reason" => blocked.kind()).increment(1);
                let name = &self.settings.name;
                tracing::error!(channel.name = %name, reason = blocked.kind(), "line {name}: {blocked}");
                return Next::End(End::NotAllowed(blocked));
            }
            Some(Failure::Link(error)) => self.lose(&error),
            None => {}
        }
        let is_over = entry.overdue(Instant::now()).is_some();
        if is_doubtful {
            entry.doubted += 1;
            entry.keep(End::Doubtful, Times::default());
            let may_repeat = entry.doubted <= MOST_DOUBTS && !is_over && wanted != Wanted::Cancelled;
            return if may_repeat { Next::First } else { Next::End(End::Doubtful) };
        }
        let may_repeat = told.outcome.is_open() && !entry.changes_meter() && wanted != Wanted::Cancelled;
        let end = told.outcome.end();
        if may_repeat && told.is_chattering && entry.broken == 0 {
            entry.broken += 1;
            entry.keep(End::LineChatter, times);
            return Next::First;
        }
        if may_repeat && is_lost && entry.broken < MOST_BREAKS {
            entry.broken += 1;
            entry.keep(end, times);
            return Next::First;
        }
        if may_repeat && !is_lost && entry.tries_left > 0 && !is_over {
            return Next::Again(end);
        }
        entry.keep(end.clone(), times);
        Next::End(end)
    }

    /// When it was asked and answered.
    fn times(&self, entry: &Entry, told: &Told<Came>) -> Times {
        let now = Instant::now();
        let asked_at = told.asked_at.map(Instant::from_std);
        // A unit that may owe registers is not asked for them.
        let request = entry.job.question.request();
        let owed_since = || self.shared.with_meters(|meters| meters.owed_since(entry.asked(), request?, now));
        Times {
            answer_delay: told.answer_delay,
            asked_at,
            answered_at: told.answered_at.map(Instant::from_std),
            perhaps_since: told.answered_at.and_then(|_| owed_since()),
            heard: told.counters,
        }
    }

    /// What the try says of the meter and of the path.
    fn learn(&mut self, entry: &Entry, told: &Told<Came>) {
        let (asked, now) = (entry.asked(), Instant::now());
        let report = told.outcome.report();
        let is_answer = told.outcome.is_answer();
        let is_lost = told.failure.is_some() || told.has_yielded;
        let question = &entry.job.question;
        // Nobody could be heard while the line talked on.
        let was_silent = !is_answer && !is_lost && !told.is_chattering && question.expects_answer();
        if is_answer {
            self.path.unproven.clear();
            self.path.open.iter_mut().for_each(|open| open.is_proven = true);
            self.shared.with_meters(|meters| meters.answered(asked, told.answer_delay, told.widest_gap, now));
            self.shared.with_queues(|queues| queues.unpark(asked));
        } else if was_silent {
            self.path.unproven.add(asked);
            self.shared.with_meters(|meters| meters.silent(asked, now));
        }
        // What is numbered is never taken for another.
        let is_numbered = self.path.open.as_ref().is_some_and(|open| open.link.numbers_answers());
        self.shared.with_meters(|meters| {
            let is_owed =
                !is_answer && !is_numbered && !question.changes_meter() && question.expects_answer();
            if let Some(request) = question.request().filter(|_| is_owed) {
                let asked_at = told.asked_at.map_or(now, Instant::from_std);
                meters.owes(asked, request, asked_at, now);
            }
            if was_silent && told.late_after.is_some() {
                meters.late(asked, told.late_after, now);
            }
            for address in others(report) {
                meters.late(address, None, now);
            }
        });
    }

    fn finish(&self, entry: Entry, end: End) {
        let (asked, is_automatic) = (entry.asked(), entry.lane().is_automatic());
        let is_silent = end.is_silence();
        let is_dead = self.is_dead(&entry);
        self.shared.asked();
        entry.end(end);
        if is_automatic && is_silent && is_dead {
            self.shared.with_queues(|queues| queues.end_automatic_of(asked));
        }
    }

    fn is_dead(&self, entry: &Entry) -> bool {
        let standing = self.shared.with_meters(|meters| meters.standing(entry.asked(), Instant::now()));
        standing == Standing::Dead
    }

    fn put_again(&self, reason: &'static str, entry: Entry, behind: bool) {
        counter!(telemetry::REQUEUED, "lane" => entry.lane().name(), "reason" => reason).increment(1);
        self.give_back(entry, behind);
    }
}

/// True when behind the answer another came to the same question: one of the two is an old one, or another meter's. (F6)
fn is_doubtful(entry: &Entry, told: &Told<Came>) -> bool {
    told.outcome.is_answer() && told.late_after.is_some() && !entry.changes_meter()
}

/// Whose answers were heard although they were not asked.
fn others(report: &Report) -> impl Iterator<Item = AddressField> + '_ {
    let frames = report.refused_frames.iter().filter(|(reason, _)| {
        matches!(reason, Unfit::ForeignAnswer | Unfit::Late | Unfit::Early | Unfit::OtherItem)
    });
    frames.filter_map(|(_, frame)| {
        let address = frame.get(1..7)?;
        Some(AddressField::from_wire(address.try_into().ok()?))
    })
}

/// So often a question is put again because two answers came.
const MOST_DOUBTS: u8 = 2;
