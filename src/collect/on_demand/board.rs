//! What waits on which line, and what is being asked: all that a kill may take, since the store knows what has ended.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use dlt645::address::MeterAddress;
use tokio_util::sync::CancellationToken;

use super::super::ask::Seat;
use super::{Asking, LiveRead};
use crate::domain::{Id, Meter, ReadGroup, ReadJob};

/// A job that has not ended.
#[derive(Debug)]
pub(super) struct OpenJob {
    pub(super) job: ReadJob,
    /// It was taken back, has expired or has ended: no question of it is begun from then on.
    pub(super) over: CancellationToken,
    asking: Mutex<HashMap<Id<Meter>, Arc<Now>>>,
}

/// A meter that is being asked.
#[derive(Debug)]
pub(super) struct Now {
    pub(super) seat: Seat,
    /// The group, how many of its questions are done, and how many it has.
    pub(super) step: Mutex<Option<(ReadGroup, usize, usize)>>,
}

/// A meter of a job that waits for its turn.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) open: Arc<OpenJob>,
    pub(super) meter: Id<Meter>,
    pub(super) address: MeterAddress,
}

/// The meters that wait, line by line.
#[derive(Debug, Default)]
pub(super) struct Board {
    lines: BTreeMap<String, LineQueue>,
    jobs: HashMap<Id<ReadJob>, Arc<OpenJob>>,
}

/// The meters that wait for a line. Jobs take turns, so that a large one does not hold up a small one.
#[derive(Debug, Default)]
struct LineQueue {
    turns: VecDeque<(Id<ReadJob>, VecDeque<Work>)>,
    workers: usize,
}

impl OpenJob {
    pub(super) fn new(job: ReadJob, over: CancellationToken) -> Self {
        Self { job, over, asking: Mutex::default() }
    }

    /// A meter of it is being asked from now on.
    pub(super) fn begin(&self, meter: Id<Meter>) -> Arc<Now> {
        let now = Arc::new(Now { seat: Seat::default(), step: Mutex::new(None) });
        self.asking().insert(meter, Arc::clone(&now));
        now
    }

    /// A meter of it is not asked any more.
    pub(super) fn end(&self, meter: Id<Meter>) {
        self.asking().remove(&meter);
    }

    /// Nothing of it is begun from now on, and what waits in a line is taken back.
    pub(super) fn stop(&self) {
        self.over.cancel();
        self.asking().values().for_each(|now| now.seat.cancel());
    }

    fn asking(&self) -> std::sync::MutexGuard<'_, HashMap<Id<Meter>, Arc<Now>>> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Board {
    /// Takes in a job with its meters by line. Says how many workers are to be started for each line.
    pub(super) fn add(
        &mut self,
        open: &Arc<OpenJob>,
        waiting: BTreeMap<String, Vec<(Id<Meter>, MeterAddress)>>,
    ) -> Vec<(String, usize)> {
        self.jobs.insert(open.job.id, Arc::clone(open));
        let mut to_start = Vec::new();
        for (line, meters) in waiting {
            let queue = self.lines.entry(line.clone()).or_default();
            let work = |(meter, address)| Work { open: Arc::clone(open), meter, address };
            queue.turns.push_back((open.job.id, meters.into_iter().map(work).collect()));
            let wanted = queue.turns.iter().map(|(_, works)| works.len()).sum::<usize>().min(AT_ONCE);
            let new = wanted.saturating_sub(queue.workers);
            queue.workers += new;
            to_start.push((line, new));
        }
        to_start
    }

    /// The next meter for a line. When there is none, its worker ends.
    pub(super) fn next(&mut self, line: &str) -> Option<Work> {
        self.lines.get_mut(line)?.next()
    }

    /// A worker of a line has ended.
    pub(super) fn worker_ended(&mut self, line: &str) {
        let Some(queue) = self.lines.get_mut(line) else { return };
        queue.workers = queue.workers.saturating_sub(1);
        if queue.workers == 0 && queue.turns.is_empty() {
            self.lines.remove(line);
        }
    }

    /// A worker may be started for a line that has work and too few.
    pub(super) fn lacks_worker(&mut self, line: &str) -> bool {
        let Some(queue) = self.lines.get_mut(line) else { return false };
        let lacks = !queue.turns.is_empty() && queue.workers == 0;
        queue.workers += usize::from(lacks);
        lacks
    }

    /// Takes a job out with all that waits of it.
    pub(super) fn remove(&mut self, job: Id<ReadJob>) -> Option<Arc<OpenJob>> {
        for queue in self.lines.values_mut() {
            queue.turns.retain(|(other, _)| *other != job);
        }
        self.jobs.remove(&job)
    }

    /// A job that has not ended.
    pub(super) fn job(&self, job: Id<ReadJob>) -> Option<&Arc<OpenJob>> {
        self.jobs.get(&job)
    }

    /// Where the meters of a job stand that have not ended.
    pub(super) fn live(&self, job: Id<ReadJob>) -> HashMap<Id<Meter>, LiveRead> {
        let waiting = self.lines.values().flat_map(|queue| queue.positions(job));
        let mut live: HashMap<_, _> =
            waiting.map(|(meter, before)| (meter, LiveRead::Waiting { before })).collect();
        let Some(open) = self.jobs.get(&job) else { return live };
        for (meter, now) in open.asking().iter() {
            let step = *now.step.lock().unwrap_or_else(PoisonError::into_inner);
            let question = now.seat.now();
            live.insert(*meter, LiveRead::Asking(Asking { step, question }));
        }
        live
    }
}

impl LineQueue {
    fn next(&mut self) -> Option<Work> {
        let (job, mut works) = self.turns.pop_front()?;
        let work = works.pop_front();
        if !works.is_empty() {
            self.turns.push_back((job, works));
        }
        work
    }

    /// For each waiting meter of a job: how many have their turn before it.
    fn positions(&self, job: Id<ReadJob>) -> Vec<(Id<Meter>, usize)> {
        let Some(place) = self.turns.iter().position(|(other, _)| *other == job) else { return Vec::new() };
        let Some((_, own)) = self.turns.get(place) else { return Vec::new() };
        let before = |index: usize| {
            let others = self.turns.iter().enumerate().filter(|(other, _)| *other != place);
            let turns = others.map(|(other, (_, works))| works.len().min(index + usize::from(other < place)));
            index + turns.sum::<usize>()
        };
        own.iter().enumerate().map(|(index, work)| (work.meter, before(index))).collect()
    }
}

/// How many meters of a line are asked at once: one has the line, the others have their next question ready.
const AT_ONCE: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Moment, ReadState};

    fn open(id: i64) -> Arc<OpenJob> {
        let at = Moment::from_micros(0);
        let job = ReadJob {
            id: Id::new(id),
            account: Id::new(1),
            asked_by: "li".to_owned(),
            groups: vec![ReadGroup::Clock],
            state: ReadState::Waiting,
            meters: 1,
            waiting: 1,
            created_at: at,
            expires_at: at,
            ended_at: None,
        };
        Arc::new(OpenJob::new(job, CancellationToken::new()))
    }

    fn meters(numbers: std::ops::Range<i64>) -> BTreeMap<String, Vec<(Id<Meter>, MeterAddress)>> {
        let address = MeterAddress::from_number(1).unwrap();
        let meters = numbers.map(|number| (Id::new(number), address)).collect();
        BTreeMap::from([("L1".to_owned(), meters)])
    }

    #[test]
    fn jobs_take_turns_and_every_meter_knows_its_place() {
        let mut board = Board::default();
        assert_eq!(board.add(&open(1), meters(0..4)), [("L1".to_owned(), 3)]);
        assert_eq!(board.add(&open(2), meters(10..12)), [("L1".to_owned(), 0)]);
        let mut expected: Vec<(i64, usize)> = Vec::new();
        for job in [1, 2] {
            for (meter, live) in board.live(Id::new(job)) {
                let LiveRead::Waiting { before } = live else { panic!("{live:?}") };
                expected.push((meter.number(), before));
            }
        }
        expected.sort_by_key(|(_, before)| *before);
        let order: Vec<i64> =
            std::iter::from_fn(|| board.next("L1")).map(|work| work.meter.number()).collect();
        assert_eq!(order, [0, 10, 1, 11, 2, 3]);
        let told: Vec<(i64, usize)> = order.iter().copied().zip(0..).collect();
        assert_eq!(expected, told);
    }

    #[test]
    fn a_job_that_is_taken_out_leaves_nothing_behind() {
        let mut board = Board::default();
        board.add(&open(1), meters(0..2));
        board.add(&open(2), meters(5..6));
        assert!(board.remove(Id::new(1)).is_some() && board.remove(Id::new(1)).is_none());
        assert_eq!(board.next("L1").map(|work| work.meter.number()), Some(5));
        assert!(board.next("L1").is_none());
        assert!(!board.lacks_worker("L1"), "nothing waits");
        (0..3).for_each(|_| board.worker_ended("L1"));
        board.add(&open(3), meters(0..1));
        board.worker_ended("L1");
        assert!(board.lacks_worker("L1") && !board.lacks_worker("L1"));
    }
}
