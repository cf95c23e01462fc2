//! The lanes of one line: what waits, in which order it is done, and what waits apart because its meter is dead.

use std::collections::VecDeque;

use dlt645::address::AddressField;
use tokio::time::Instant;

use super::entry::Entry;
use super::job::{JobId, Progress};
use super::meters::{Meters, Standing};
use super::{Capacities, End, Lane, WhenDead};

/// One lane.
#[derive(Debug, Default)]
struct Waiting {
    /// In the order they came.
    fresh: VecDeque<Entry>,
    /// To be tried again once nothing fresh is left, or held back because their meter was silent.
    again: VecDeque<Entry>,
}

impl Waiting {
    fn len(&self) -> usize {
        self.fresh.len() + self.again.len()
    }

    fn all(&self) -> impl Iterator<Item = &Entry> {
        self.fresh.iter().chain(&self.again)
    }
}

#[derive(Debug, Default)]
pub(super) struct Queues {
    lanes: [Waiting; Lane::ALL.len()],
    /// Jobs of dead meters, in the order they came.
    parked: Vec<Entry>,
    /// No job is due before this.
    earliest_due: Option<Instant>,
}

impl Queues {
    /// How many jobs of a lane wait.
    pub(super) fn depth(&self, lane: Lane) -> usize {
        let parked = self.parked.iter().filter(|entry| entry.lane() == lane).count();
        self.lanes.get(lane.place()).map_or(0, Waiting::len) + parked
    }

    pub(super) fn has_room(&self, lane: Lane, capacities: &Capacities) -> bool {
        self.depth(lane) < capacities.of(lane)
    }

    /// A new job.
    pub(super) fn push(&mut self, entry: Entry) {
        self.expect(&entry);
        if let Some(lane) = self.lane(entry.lane()) {
            lane.fresh.push_back(entry);
        }
    }

    /// A job that made room, or is tried again at once.
    pub(super) fn push_front(&mut self, entry: Entry) {
        self.expect(&entry);
        if let Some(lane) = self.lane(entry.lane()) {
            lane.fresh.push_front(entry);
        }
    }

    /// A job that is tried again behind all else of its lane.
    pub(super) fn push_again(&mut self, entry: Entry) {
        self.expect(&entry);
        if let Some(lane) = self.lane(entry.lane()) {
            lane.again.push_back(entry);
        }
    }

    /// The job to be done now. Ends on the way what is overdue, and holds back what would wait for a silent meter.
    pub(super) fn pop(&mut self, meters: &Meters, now: Instant, orders_only: bool) -> Option<Entry> {
        self.end_overdue(now);
        self.release(meters, now);
        let lanes = if orders_only { Lane::OnDemand.place() } else { self.lanes.len() };
        for lane in self.lanes.iter_mut().take(lanes) {
            loop {
                let (entry, is_fresh) = match lane.fresh.pop_front() {
                    Some(entry) => (entry, true),
                    None => match lane.again.pop_front() {
                        Some(entry) => (entry, false),
                        None => break,
                    },
                };
                if !entry.lane().is_automatic() {
                    return Some(entry);
                }
                match meters.standing(entry.asked(), now) {
                    Standing::Answers => return Some(entry),
                    // Its turn comes when every other meter has been tried once.
                    Standing::Silent if is_fresh => lane.again.push_back(entry),
                    Standing::Silent => return Some(entry),
                    Standing::Dead => match entry.job.when_dead {
                        WhenDead::Wait => self.parked.push(entry),
                        WhenDead::GiveUp => entry.end_or_last(End::MeterSilent),
                        WhenDead::Ask if is_fresh => lane.again.push_back(entry),
                        WhenDead::Ask => return Some(entry),
                    },
                }
            }
        }
        None
    }

    /// Lets one job of each dead meter whose time has come be tried.
    fn release(&mut self, meters: &Meters, now: Instant) {
        let mut at = 0;
        while let Some(entry) = self.parked.get(at) {
            let is_its_turn = meters.standing(entry.asked(), now) != Standing::Dead;
            let is_of_it = |other: &Entry| other.asked() == entry.asked();
            if is_its_turn && !self.lanes.iter().any(|lane| lane.again.iter().any(is_of_it)) {
                let entry = self.parked.remove(at);
                self.push_again(entry);
            } else {
                at += 1;
            }
        }
    }

    /// A meter has answered: what was parked for it goes back to its lane.
    pub(super) fn unpark(&mut self, meter: AddressField) {
        let back = self.take_parked_where(|entry| entry.asked() == meter);
        back.into_iter().for_each(|entry| self.push_again(entry));
    }

    /// A meter has used up its tries: what else is asked of it by itself ends as well.
    pub(super) fn end_automatic_of(&mut self, meter: AddressField) {
        for entry in self.take_where(|entry| entry.asked() == meter && entry.lane().is_automatic()) {
            entry.end_or_last(End::MeterSilent);
        }
    }

    /// Ends every job, or every one below the control lanes.
    pub(super) fn end_all(&mut self, end: &End, control_too: bool) {
        for entry in self.take_where(|entry| control_too || entry.lane() > Lane::Control) {
            entry.end_or_last(end.clone());
        }
    }

    /// Takes one job out.
    pub(super) fn cancel(&mut self, id: JobId) -> bool {
        let found = self.take_where(|entry| entry.id == id);
        let is_found = !found.is_empty();
        found.into_iter().for_each(|entry| entry.end(End::Cancelled));
        is_found
    }

    /// True when a job waits that is worth interrupting one of `lane`.
    pub(super) fn interrupts(&self, lane: Lane) -> bool {
        let waits = |other: &Lane| self.lanes.get(other.place()).is_some_and(|lane| lane.len() > 0);
        Lane::ALL.iter().filter(|other| other.interrupts(lane)).any(waits)
    }

    /// True when somebody waits for what is to be asked.
    pub(super) fn is_urgent(&self) -> bool {
        self.interrupts(Lane::Housekeeping)
    }

    /// When something happens by itself: a job is due, or a dead meter's turn comes.
    pub(super) fn next_at(&self, meters: &Meters) -> Option<Instant> {
        let probes = self.parked.iter().filter_map(|entry| meters.probe_at(entry.asked()));
        self.earliest_due.into_iter().chain(probes).min()
    }

    pub(super) fn progress(&self, id: JobId) -> Option<Progress> {
        if self.parked.iter().any(|entry| entry.id == id) {
            return Some(Progress::Parked);
        }
        let all = self.lanes.iter().flat_map(Waiting::all);
        all.map(|entry| entry.id).position(|other| other == id).map(|before| Progress::Waiting { before })
    }

    fn lane(&mut self, lane: Lane) -> Option<&mut Waiting> {
        self.lanes.get_mut(lane.place())
    }

    fn expect(&mut self, entry: &Entry) {
        self.earliest_due = self.earliest_due.into_iter().chain(entry.job.due()).min();
    }

    /// Ends what is overdue. Looks only when something is.
    pub(super) fn end_overdue(&mut self, now: Instant) {
        if self.earliest_due.is_none_or(|due| now < due) {
            return;
        }
        for entry in self.take_parked_where(|entry| entry.overdue(now).is_some()) {
            entry.end_or_last(End::MeterSilent);
        }
        for entry in self.take_where(|entry| entry.overdue(now).is_some()) {
            let end = entry.overdue(now).unwrap_or(End::OutOfTime);
            entry.end(end);
        }
        let all = self.lanes.iter().flat_map(Waiting::all).chain(&self.parked);
        self.earliest_due = all.filter_map(|entry| entry.job.due()).min();
    }

    fn take_where(&mut self, is_it: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let mut taken = Vec::new();
        for lane in &mut self.lanes {
            for queue in [&mut lane.fresh, &mut lane.again] {
                if queue.iter().any(&is_it) {
                    let (out, rest): (VecDeque<_>, _) = std::mem::take(queue).into_iter().partition(&is_it);
                    *queue = rest;
                    taken.extend(out);
                }
            }
        }
        taken.extend(self.take_parked_where(is_it));
        taken
    }

    fn take_parked_where(&mut self, is_it: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let (out, rest) = std::mem::take(&mut self.parked).into_iter().partition(is_it);
        self.parked = rest;
        out
    }
}
