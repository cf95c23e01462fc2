//! What a line's task and those who give it work have in common.
//!
//! One lock, held for a few instructions and never across a wait. It survives a task that broke off.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use metrics::counter;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use super::entry::Entry;
use super::job::{JobId, Progress};
use super::meters::Meters;
use super::queue::Queues;
use super::status::{LinePhase, LineStatus, Tally};
use super::{Capacities, End, Inquiry, Job, Lane, NotTaken, Pending, Refusal};
use crate::config::Framing;
use crate::link::Ours;
use crate::telemetry;

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    capacities: Capacities,
    framing: Framing,
    /// Work has come, or has been taken back.
    pub(super) work: Notify,
    /// A lane has room again.
    pub(super) room: Notify,
    pub(super) phase: watch::Sender<(LinePhase, Instant)>,
    /// Whether the site is ours, where another instance may have it.
    pub(super) ours: OnceLock<Ours>,
}

#[derive(Debug)]
struct State {
    queues: Queues,
    meters: Meters,
    tally: Tally,
    next_id: u64,
    asking: Option<Asking>,
    /// Until when the line is kept for orders, by number.
    kept: Vec<(u64, Instant)>,
}

/// The job that is being asked.
#[derive(Clone, Debug)]
struct Asking {
    id: JobId,
    lane: Lane,
    is_cancelled: Arc<AtomicBool>,
}

impl Shared {
    pub(super) fn new(capacities: Capacities, framing: Framing, meters: Meters) -> Self {
        let queues = Queues::default();
        let state =
            State { queues, meters, tally: Tally::default(), next_id: 0, asking: None, kept: Vec::new() };
        Self {
            state: Mutex::new(state),
            capacities,
            framing,
            work: Notify::new(),
            room: Notify::new(),
            phase: watch::Sender::new((LinePhase::Connecting, Instant::now())),
            ours: OnceLock::new(),
        }
    }

    // --- for those who give work ---

    pub(super) fn offer(self: &Arc<Self>, job: Job) -> Result<Pending, NotTaken> {
        let refused = |reason, job| Err(NotTaken { reason, job: Box::new(job) });
        let may_leave = match &job.question {
            Inquiry::Frame(question) => {
                self.framing == Framing::Bus && job.lane.gate().admits(&question.request)
            }
            Inquiry::Registers(_) => true,
        };
        if !may_leave {
            return refused(Refusal::NotAllowed, job);
        }
        let mut state = self.lock();
        // Within the lock, or a job could be left in a line that has just been closed.
        if self.phase.borrow().0 == LinePhase::Stopped {
            return refused(Refusal::Stopped, job);
        }
        if !state.queues.has_room(job.lane, &self.capacities) {
            counter!(telemetry::BUSY, "lane" => job.lane.name()).increment(1);
            return refused(Refusal::Busy, job);
        }
        let (sender, report) = oneshot::channel();
        let id = JobId(state.next_id);
        state.next_id += 1;
        state.queues.push(Entry::new(id, job, sender, Instant::now()));
        drop(state);
        self.work.notify_one();
        Ok(Pending { id, line: Arc::clone(self), report })
    }

    pub(super) fn has_room(&self, lane: Lane) -> bool {
        self.phase.borrow().0 == LinePhase::Stopped || self.lock().queues.has_room(lane, &self.capacities)
    }

    pub(super) fn cancel(&self, id: JobId) -> bool {
        let mut state = self.lock();
        let asking = state.asking.as_ref().filter(|asking| asking.id == id);
        if let Some(asking) = asking {
            asking.is_cancelled.store(true, Ordering::Relaxed);
            return true;
        }
        state.queues.cancel(id)
    }

    pub(super) fn progress(&self, id: JobId) -> Progress {
        let state = self.lock();
        if state.asking.as_ref().is_some_and(|asking| asking.id == id) {
            return Progress::Asking;
        }
        state.queues.progress(id).unwrap_or(Progress::Ended)
    }

    pub(super) fn status(&self) -> LineStatus {
        let state = self.lock();
        let (phase, since) = *self.phase.borrow();
        LineStatus {
            phase,
            since,
            depths: Lane::ALL.map(|lane| state.queues.depth(lane)),
            asking: state.asking.as_ref().map(|asking| asking.lane),
            tally: state.tally,
        }
    }

    /// Keeps the line for orders until then, and says by what number.
    pub(super) fn keep(&self, until: Instant) -> u64 {
        let mut state = self.lock();
        let number = state.next_id;
        state.next_id += 1;
        state.kept.push((number, until));
        number
    }

    /// Lets it go again.
    pub(super) fn let_go(&self, number: u64) {
        self.lock().kept.retain(|(kept, _)| *kept != number);
        self.work.notify_one();
    }

    // --- for the task ---

    /// Whether the site is ours to speak in.
    pub(super) fn is_ours(&self) -> bool {
        self.ours.get().is_none_or(Ours::is_so)
    }

    /// Ends what has waited for too long.
    pub(super) fn end_overdue(&self) {
        self.lock().queues.end_overdue(Instant::now());
        self.room.notify_waiters();
    }

    /// The job to be asked now.
    pub(super) fn next(&self) -> Option<Entry> {
        self.pop(false)
    }

    /// The order to be given now.
    pub(super) fn next_order(&self) -> Option<Entry> {
        self.pop(true)
    }

    fn pop(&self, orders_only: bool) -> Option<Entry> {
        let (mut state, now) = (self.lock(), Instant::now());
        let State { queues, meters, asking, kept, .. } = &mut *state;
        kept.retain(|(_, until)| now < *until);
        let entry = queues.pop(meters, now, orders_only || !kept.is_empty());
        *asking = entry.as_ref().map(|entry| Asking {
            id: entry.id,
            lane: entry.lane(),
            is_cancelled: Arc::default(),
        });
        drop(state);
        self.room.notify_waiters();
        entry
    }

    /// Whether the job that is being asked is still wanted, as far as others are concerned.
    pub(super) fn wanted(&self) -> Wanted {
        let state = self.lock();
        match &state.asking {
            Some(asking) if asking.is_cancelled.load(Ordering::Relaxed) => Wanted::Cancelled,
            Some(asking) if state.queues.interrupts(asking.lane) => Wanted::Later,
            _ => Wanted::Now,
        }
    }

    /// When something happens by itself.
    pub(super) fn next_at(&self) -> Option<Instant> {
        let state = self.lock();
        let let_go_at = state.kept.iter().map(|(_, until)| *until);
        state.queues.next_at(&state.meters).into_iter().chain(let_go_at).min()
    }

    pub(super) fn with_meters<T>(&self, act: impl FnOnce(&mut Meters) -> T) -> T {
        act(&mut self.lock().meters)
    }

    pub(super) fn with_queues<T>(&self, act: impl FnOnce(&mut Queues) -> T) -> T {
        act(&mut self.lock().queues)
    }

    pub(super) fn with_tally(&self, act: impl FnOnce(&mut Tally)) {
        act(&mut self.lock().tally);
    }

    /// The job in hand waits again, before or behind the rest of its lane; or comes back because it was taken back. One
    /// lock for both, or a job that is taken back between the two would be asked all the same.
    pub(super) fn give_back(&self, entry: Entry, behind: bool) -> Option<Entry> {
        let mut state = self.lock();
        let asking = state.asking.take();
        if asking.is_some_and(|asking| asking.is_cancelled.load(Ordering::Relaxed)) {
            return Some(entry);
        }
        if behind {
            state.queues.push_again(entry);
        } else {
            state.queues.push_front(entry);
        }
        None
    }

    /// Nothing is being asked any more.
    pub(super) fn asked(&self) {
        self.lock().asking = None;
    }

    /// Ends what waits because the line cannot do it.
    pub(super) fn end_all(&self, end: &End, control_too: bool) {
        self.lock().queues.end_all(end, control_too);
        self.room.notify_waiters();
    }

    /// The line is about something else now; true when that is new.
    pub(super) fn set_phase(&self, phase: LinePhase) -> bool {
        let _state = self.lock();
        self.phase.send_if_modified(|now| {
            let is_new = now.0 != phase;
            if is_new {
                *now = (phase, Instant::now());
            }
            is_new
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a job is still wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// It is.
    Now,
    /// Something more urgent waits.
    Later,
    /// It was taken back.
    Cancelled,
}
