//! Takes jobs, tells how they stand, takes them back, and goes on with those that a kill left behind.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dlt645::address::MeterAddress;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::board::{Board, OpenJob};
use super::request::{ReadError, ReadRequest, Submission};
use super::{LiveRead, MeterStatus};
use crate::clock::Clock;
use crate::collect::Collector;
use crate::config;
use crate::domain::access::{Acting, Regions};
use crate::domain::{Day, Id, Meter, MissingCause, ReadAnswer, ReadJob, ReadState};
use crate::store::archive::SiteMeter;
use crate::store::{NewReads, Store, StoreError, Submitted};
use crate::telemetry;

/// Reads meters on demand. Cheap to clone.
#[derive(Clone, Debug)]
pub struct OnDemand {
    pub(super) inner: Arc<Service>,
}

#[derive(Debug)]
pub(super) struct Service {
    pub(super) collector: Collector,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
    settings: config::OnDemand,
    board: Mutex<Board>,
    changes: broadcast::Sender<Id<ReadJob>>,
}

/// A meter that has not ended, and how it is reached, if it is.
type Waiting = (Id<Meter>, MeterAddress, Result<String, String>);

impl OnDemand {
    /// Reads on the lines of a collector. Its tasks belong to `tasks`; what has not ended at `stop` goes on with the next
    /// start.
    #[must_use]
    pub fn new(
        collector: Collector,
        settings: config::OnDemand,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let (changes, _) = broadcast::channel(CHANGES);
        let (tasks, board) = (tasks.clone(), Mutex::default());
        Self { inner: Arc::new(Service { collector, tasks, stop, settings, board, changes }) }
    }

    /// Goes on with what a kill left behind, then forgets what is old, day by day, until it is stopped.
    pub async fn run(&self, stop: &CancellationToken) {
        let mut wait = FIRST_WAIT;
        while let Err(error) = self.resume().await {
            let why = telemetry::with_causes(&error);
            tracing::warn!(kind = error.kind(), "unfinished on-demand reads cannot be taken up: {why}");
            tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(wait) => {} }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        loop {
            let now = self.clock().now();
            let kept = DAY * self.inner.settings.keep_days;
            let forgotten = self.store().forget_reads(now, kept, FORGOTTEN_AT_ONCE).await;
            if forgotten.is_ok_and(|count| count >= u64::from(FORGOTTEN_AT_ONCE)) {
                continue;
            }
            let next = Day::of(now).next().start();
            tokio::select! { () = stop.cancelled() => return, () = self.clock().sleep_until(next) => {} }
        }
    }

    /// Takes up the jobs that have not ended; those that have expired end. Says how many go on.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not say which there are.
    pub async fn resume(&self) -> Result<usize, StoreError> {
        let mut going_on = 0;
        for job in self.store().unfinished_reads().await? {
            let now = self.clock().now();
            if self.board().job(job.id).is_some() {
                continue;
            }
            if now >= job.expires_at {
                self.store().end_reads(job.id, None, now).await?;
                self.changed(job.id);
                continue;
            }
            let meters = self.store().meters_of_read(job.id, 0, job.meters).await?;
            let waiting = meters.into_iter().filter(|read| !read.state.has_ended());
            let meters: Vec<_> = waiting.map(|read| (read.meter, read.address)).collect();
            let addresses: Vec<_> = meters.iter().map(|(_, address)| *address).collect();
            let sites = self.store().site_meters_with(&addresses).await?;
            self.begin(job, self.reached(meters, &sites));
            going_on += 1;
        }
        Ok(going_on)
    }

    /// Begins a job, or gives the one that was begun under the same key.
    ///
    /// # Errors
    /// [`ReadError`] when it is not allowed, makes no sense, or there is no room for it.
    pub async fn submit(&self, by: &Acting, request: &ReadRequest) -> Result<Submission, ReadError> {
        let settings = &self.inner.settings;
        let checked = request.check(by, settings.most_meters)?;
        let sites = self.store().site_meters_with(&checked.meters).await?;
        let sites: Vec<_> = sites.into_iter().filter(|site| by.regions.hold(site.area_id)).collect();
        let numbers: HashMap<MeterAddress, Id<Meter>> =
            sites.iter().map(|site| (site.meter.address, site.meter_id)).collect();
        let number = |address: &MeterAddress| {
            let number = numbers.get(address).copied().ok_or(ReadError::NoSuchMeter(*address))?;
            Ok((number, *address))
        };
        let meters = checked.meters.iter().map(number).collect::<Result<Vec<_>, ReadError>>()?;
        let now = self.clock().now();
        let new = NewReads {
            by,
            key: request.key.as_deref(),
            fingerprint: &checked.fingerprint,
            groups: &checked.groups,
            meters: &meters,
            expires_at: now.plus(request.expires_after.unwrap_or(settings.expiry)),
            most_waiting: settings.most_waiting,
        };
        match self.store().submit_reads(&new, now).await? {
            Submitted::New(job) => {
                self.begin(job.clone(), self.reached(meters, &sites));
                Ok(Submission { job, is_new: true })
            }
            Submitted::Same(job) => Ok(Submission { job, is_new: false }),
            Submitted::OtherUnderKey => Err(ReadError::OtherUnderKey),
            Submitted::Busy => Err(ReadError::Busy),
        }
    }

    /// Takes a job back: what has not ended ends as cancelled. One that has ended stays as it is.
    ///
    /// # Errors
    /// [`ReadError::NotThere`] for a job that there is not for whoever asks; else as [`Self::submit`].
    pub async fn cancel(&self, by: &Acting, job: Id<ReadJob>) -> Result<ReadJob, ReadError> {
        let known = self.job(by, job).await?;
        if !by.may(crate::domain::access::Action::ReadOnDemand) {
            return Err(ReadError::NotAllowed);
        }
        match self.store().end_reads(job, Some(by), self.clock().now()).await? {
            Some(ended) => {
                self.close(job);
                Ok(ended)
            }
            None => Ok(known),
        }
    }

    /// A job. An account sees what it asked for itself, and one that sees every region sees all.
    ///
    /// # Errors
    /// [`ReadError::NotThere`] for a job that there is not for whoever asks.
    pub async fn job(&self, by: &Acting, job: Id<ReadJob>) -> Result<ReadJob, ReadError> {
        let job = self.store().read_job(job).await?;
        job.filter(|job| may_see(by, job)).ok_or(ReadError::NotThere)
    }

    /// The jobs that somebody sees with numbers below `before`, the newest first.
    ///
    /// # Errors
    /// [`ReadError::Store`] when the database does not answer.
    pub async fn jobs(&self, by: &Acting, before: i64, most: u32) -> Result<Vec<ReadJob>, ReadError> {
        let account = (by.regions != Regions::All).then_some(by.account);
        Ok(self.store().read_jobs(account, before, most).await?)
    }

    /// The meters of a job with numbers above `after`, with where they stand just now: those in the regions that whoever asks sees,
    /// even where these were others when the job was begun (T16).
    ///
    /// # Errors
    /// As [`Self::job`].
    pub async fn meters(
        &self,
        by: &Acting,
        job: Id<ReadJob>,
        (after, most): (i64, u32),
    ) -> Result<Vec<MeterStatus>, ReadError> {
        self.job(by, job).await?;
        let mut live: HashMap<Id<Meter>, LiveRead> = self.board().live(job);
        let reads = self.store().meters_of_read_within(job, &by.regions, (after, most)).await?;
        let status = |read: crate::domain::MeterRead| {
            let live = live.remove(&read.meter).filter(|_| !read.state.has_ended());
            MeterStatus { read, live }
        };
        Ok(reads.into_iter().map(status).collect())
    }

    /// What a meter of a job has answered so far.
    ///
    /// # Errors
    /// As [`Self::job`].
    pub async fn answers(
        &self,
        by: &Acting,
        job: Id<ReadJob>,
        meter: Id<Meter>,
    ) -> Result<Vec<ReadAnswer>, ReadError> {
        self.job(by, job).await?;
        let before = (meter.number().saturating_sub(1), 1);
        let found = self.store().meters_of_read_within(job, &by.regions, before).await?;
        if found.first().is_none_or(|read| read.meter != meter) {
            return Err(ReadError::NotThere);
        }
        Ok(self.store().read_answers(job, meter).await?)
    }

    /// Tells of every job in which something has changed.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Id<ReadJob>> {
        self.inner.changes.subscribe()
    }

    /// Puts the meters of a job before their lines.
    fn begin(&self, job: ReadJob, waiting: Vec<Waiting>) {
        let open = Arc::new(OpenJob::new(job, self.inner.stop.child_token()));
        let mut by_line: BTreeMap<String, Vec<_>> = BTreeMap::new();
        let mut unreachable = Vec::new();
        for (meter, address, line) in waiting {
            match line {
                Ok(line) => by_line.entry(line).or_default().push((meter, address)),
                Err(why) => unreachable.push((meter, why)),
            }
        }
        let to_start = self.board().add(&open, by_line);
        self.start_workers(to_start);
        let this = self.clone();
        self.inner.tasks.spawn(async move {
            for (meter, why) in unreachable {
                let missing = Some((MissingCause::NoPath, why));
                this.end(open.job.id, meter, (ReadState::Failed, missing)).await;
            }
            tokio::select! {
                () = open.over.cancelled() => {}
                () = this.clock().rest(open.job.expires_at.since(this.clock().now())) => this.expire(&open.job).await,
            }
        });
    }

    /// How each meter is reached.
    fn reached(&self, meters: Vec<(Id<Meter>, MeterAddress)>, sites: &[SiteMeter]) -> Vec<Waiting> {
        let sites: HashMap<Id<Meter>, &SiteMeter> = sites.iter().map(|site| (site.meter_id, site)).collect();
        let reach = |(meter, address)| {
            let line = match sites.get(&meter) {
                Some(site) => self.inner.collector.line_of(site),
                None => Err("the meter was taken out of the archive".to_owned()),
            };
            (meter, address, line)
        };
        meters.into_iter().map(reach).collect()
    }

    /// The time of a job is over.
    async fn expire(&self, job: &ReadJob) {
        let act = || self.store().end_reads(job.id, None, self.clock().now());
        if self.until_kept(act).await.is_some() {
            self.close(job.id);
        }
    }

    /// Ends a meter of a job, and forgets the job with its last one.
    pub(super) async fn end(
        &self,
        job: Id<ReadJob>,
        meter: Id<Meter>,
        (state, missing): (ReadState, Option<(MissingCause, String)>),
    ) {
        let act = || self.store().end_read(job, meter, (state, missing.as_ref()), self.clock().now());
        match self.until_kept(act).await.flatten() {
            Some(job) if job.state.has_ended() => self.close(job.id),
            _ => self.changed(job),
        }
    }

    /// Does something in the database, again and again while trying again may help; `None` when it could not be done.
    pub(super) async fn until_kept<T, F>(&self, act: impl Fn() -> F + Send) -> Option<T>
    where
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        let mut wait = FIRST_WAIT;
        loop {
            let error = match act().await {
                Ok(done) => return Some(done),
                Err(error) => error,
            };
            let why = telemetry::with_causes(&error);
            if error.remedy() != crate::store::Remedy::Retry || self.inner.stop.is_cancelled() {
                tracing::error!(kind = error.kind(), "an on-demand read could not be kept: {why}");
                return None;
            }
            tracing::warn!(kind = error.kind(), "the database does not take an on-demand read: {why}");
            tokio::select! { () = tokio::time::sleep(wait) => {} () = self.inner.stop.cancelled() => {} }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Nothing is done for a job any more.
    fn close(&self, job: Id<ReadJob>) {
        let open = self.board().remove(job);
        open.iter().for_each(|open| open.stop());
        self.changed(job);
    }

    pub(super) fn changed(&self, job: Id<ReadJob>) {
        // Nobody may be looking.
        let _ = self.inner.changes.send(job);
    }

    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        self.inner.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn store(&self) -> &Store {
        &self.inner.collector.inner.store
    }

    fn clock(&self) -> &Clock {
        &self.inner.collector.inner.clock
    }
}

/// Whether somebody sees a job. The meters of another region are not to be found out by counting.
fn may_see(by: &Acting, job: &ReadJob) -> bool {
    job.account == by.account || by.regions == Regions::All
}

/// So many changes are remembered for whoever looks on.
const CHANGES: usize = 1024;
const DAY: Duration = Duration::from_secs(86_400);
const FORGOTTEN_AT_ONCE: u32 = 100;
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
