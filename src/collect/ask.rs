//! Asking one meter: a question goes through the line's lanes, and what comes back is an answer or a cause.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dlt645::catalog;
use dlt645::data_id::DataId;
use dlt645::edition::Edition;
use dlt645::exchange::{LengthRule, Outcome, Report, Timing, Unfit};
use dlt645::request::Request;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::channel::{
    self, ChannelHandle, End, Inquiry, Job, JobReport, Lane, NOISE, Question, Refusal, RegisterQuestion,
    Ticket, WhenDead,
};
use crate::clock::Clock;
use crate::config::profile::MeterProfile;
use crate::domain::{Id, MeterProtocol, MissingCause, Moment, Run};
use crate::store::StoreError;
use crate::store::archive::SiteMeter;
use crate::telemetry;

/// Asks one meter on its line.
#[derive(Debug)]
pub(super) struct Asker<'a> {
    pub(super) site: &'a SiteMeter,
    pub(super) profile: &'a MeterProfile,
    pub(super) line: &'a ChannelHandle,
    pub(super) timing: Timing,
    pub(super) rate: Option<channel::Rate>,
    pub(super) lane: Lane,
    pub(super) retries: u8,
    /// No question is begun from then on.
    pub(super) deadline: Instant,
    /// So long a question waits at most. The line leaves a dead meter alone for hours, and nobody waits for that (F11).
    pub(super) patience: Duration,
    pub(super) clock: &'a Clock,
    /// What becomes of a question when the meter is dead.
    pub(super) when_dead: WhenDead,
    /// The run that what it says belongs to.
    pub(super) run: Option<Id<Run>>,
    /// No question is begun from then on either.
    pub(super) stop: &'a CancellationToken,
    /// It has answered in this visit: what goes wrong now is worth another try at once.
    pub(super) is_there: AtomicBool,
    /// It may wait for late answers of others to be over: nobody waits for it.
    pub(super) waits_for_late: bool,
    /// Where the question of now can be looked at and taken back, if anybody wants to.
    pub(super) seat: Option<&'a Seat>,
}

/// The question that is being asked of a meter, for whoever looks on.
#[derive(Debug, Default)]
pub(super) struct Seat(Mutex<Option<(AskedFor, Ticket)>>);

/// What a meter is asked for, by the name that its protocol has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedFor {
    /// A data identifier.
    Data(DataId),
    /// Registers of a meter that speaks Modbus.
    Registers(RegisterQuestion),
}

impl From<DataId> for AskedFor {
    fn from(id: DataId) -> Self {
        Self::Data(id)
    }
}

impl fmt::Display for AskedFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(id) => id.fmt(f),
            Self::Registers(question) => question.fmt(f),
        }
    }
}

impl Seat {
    /// What is being asked, and where it stands.
    pub(super) fn now(&self) -> Option<(AskedFor, channel::Progress)> {
        self.held().as_ref().map(|(id, ticket)| (*id, ticket.progress()))
    }

    /// Takes back what is being asked.
    pub(super) fn cancel(&self) {
        if let Some((_, ticket)) = self.held().as_ref() {
            ticket.cancel();
        }
    }

    fn put(&self, now: Option<(AskedFor, Ticket)>) {
        *self.held() = now;
    }

    fn held(&self) -> MutexGuard<'_, Option<(AskedFor, Ticket)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a meter said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    /// The identifier asked for.
    pub(super) id: DataId,
    /// The data behind the identifier.
    pub(super) payload: Vec<u8>,
    /// The frames of the answer, one behind the other.
    pub(super) frames: Vec<u8>,
    /// When the question had left, by our clock.
    pub(super) asked_at: Moment,
    /// When the answer was there.
    pub(super) answered_at: Moment,
    /// Nothing else was heard, before or behind it, that could have been an answer too: then it is no old one (F6).
    pub(super) is_alone: bool,
    /// The same was not asked before without an answer. If it was, it may be that one's, and `asked_at` is when.
    pub(super) is_surely_new: bool,
}

/// Why there is no answer, or none that may be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missed {
    pub(super) cause: MissingCause,
    pub(super) detail: String,
}

impl Missed {
    pub(super) fn new(cause: MissingCause, detail: impl Into<String>) -> Self {
        Self { cause, detail: detail.into() }
    }

    /// What the database would not say, although it was waited for.
    pub(super) fn of_database(error: &StoreError) -> Self {
        let why = telemetry::with_causes(error);
        tracing::error!(kind = error.kind(), "the database does not say what is known of a meter: {why}");
        Self::new(MissingCause::Stopped, "the database does not answer")
    }

    /// True for what a bad moment of the line does.
    const fn may_pass(&self) -> bool {
        matches!(
            self.cause,
            MissingCause::Silent
                | MissingCause::Damaged
                | MissingCause::WrongAddress
                | MissingCause::WrongForm
        )
    }

    /// True when the meter answered: what it says of one thing is no reason not to ask it for the next.
    pub(super) const fn is_of_meter(&self) -> bool {
        matches!(
            self.cause,
            MissingCause::NoSuchData
                | MissingCause::Refused
                | MissingCause::NotAuthorised
                | MissingCause::NoValue
                | MissingCause::WrongForm
        )
    }

    /// True when the meter answered and does not have what was asked for: something else may be asked for instead.
    pub(super) const fn is_not_there(&self) -> bool {
        matches!(self.cause, MissingCause::NoSuchData)
    }
}

impl Asker<'_> {
    /// What the meter speaks.
    pub(super) const fn edition(&self) -> Edition {
        match self.profile.protocol {
            MeterProtocol::Dlt1997 => Edition::E1997,
            _ => Edition::E2007,
        }
    }

    /// Whether the meter has answered in this visit.
    pub(super) fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Relaxed)
    }

    /// Reads an identifier.
    pub(super) async fn read(&self, id: DataId, length: LengthRule) -> Result<Heard, Missed> {
        if self.profile.lacks(id) {
            let detail = format!("{id}: the profile {} says that it has none", self.profile.name);
            return Err(Missed::new(MissingCause::NoSuchData, detail));
        }
        let question = Question::new(Request::read(self.site.meter.address, id)).expecting(length);
        // An answer of the standard's length is whole even when its frame says that more follows. [645-2007 4]
        let whole = match catalog::find(id).map(|entry| entry.lengths()) {
            Some(catalog::LengthRule::Exactly(length)) => Some(length),
            _ => None,
        };
        self.ask(id, Question { whole_at: whole, ..question }).await
    }

    /// Asks a question about an identifier.
    pub(super) async fn ask(&self, id: DataId, question: Question) -> Result<Heard, Missed> {
        self.persist(|| self.ask_once(id, question.clone())).await
    }

    /// Asks until there is an answer. A meter that has answered others is asked again when the line was bad; one that has not
    /// is left to a later pass, so that no dead meter holds up the rest.
    pub(super) async fn persist<T, F>(&self, ask: impl Fn() -> F + Send + Sync) -> Result<T, Missed>
    where
        F: Future<Output = Result<T, Missed>> + Send,
    {
        let mut tries = 1;
        loop {
            match ask().await {
                Ok(heard) => {
                    self.is_there.store(true, Ordering::Relaxed);
                    return Ok(heard);
                }
                Err(missed) => {
                    let is_there = self.is_there.load(Ordering::Relaxed);
                    if !(is_there && missed.may_pass() && tries < MOST_TRIES) {
                        return Err(missed);
                    }
                    tries += 1;
                }
            }
        }
    }

    async fn ask_once(&self, id: DataId, question: Question) -> Result<Heard, Missed> {
        let report = self.put(id.into(), question.into()).await?;
        match report.end.clone() {
            End::Done(outcome) => self.outcome(id, outcome, &report),
            end => Err(Missed::new(cause_of(&end), format!("{id}: {}", end.kind()))),
        }
    }

    /// Gives the line a question and waits for what becomes of it. Only one that was asked is no error.
    pub(super) async fn put(&self, what: AskedFor, question: Inquiry) -> Result<JobReport, Missed> {
        let stopped = || Missed::new(MissingCause::Stopped, format!("{what}: the run was stopped"));
        if self.stop.is_cancelled() {
            return Err(stopped());
        }
        let until = self.deadline.min(Instant::now() + self.patience);
        let mut job = Job::new(question, self.lane, self.timing).retried(self.retries).until(until);
        job.rate = self.rate;
        job.when_dead = self.when_dead;
        let mut pending = loop {
            match self.line.offer(job) {
                Ok(pending) => break pending,
                Err(refused) if refused.reason == Refusal::Busy => {
                    job = *refused.job;
                    tokio::select! {
                        () = self.line.room(self.lane) => {}
                        () = self.stop.cancelled() => return Err(stopped()),
                    }
                }
                Err(refused) => {
                    return Err(Missed::new(MissingCause::Stopped, format!("{what}: {refused}")));
                }
            }
        };
        if let Some(seat) = self.seat {
            seat.put(Some((what, pending.ticket())));
        }
        let report = tokio::select! {
            biased;
            report = &mut pending => report,
            // What waits for its turn ends: it may be long in coming, or never come. What has begun comes to its end (F36).
            () = self.stop.cancelled() => {
                pending.cancel();
                pending.await
            }
        };
        self.seat.iter().for_each(|seat| seat.put(None));
        match &report.end {
            End::Done(_) | End::Registers(_) => Ok(report),
            // There is time left, and another pass may have more luck.
            End::OutOfTime if Instant::now() < self.deadline => {
                let waited = self.patience.as_secs();
                Err(Missed::new(MissingCause::Silent, format!("{what}: not its turn within {waited} s")))
            }
            end => Err(Missed::new(cause_of(end), format!("{what}: {}", end.kind().replace('_', " ")))),
        }
    }

    fn outcome(&self, id: DataId, outcome: Outcome, job: &JobReport) -> Result<Heard, Missed> {
        match outcome {
            Outcome::Answered(answer) => {
                let ended_at = Instant::from_std(answer.report.ended_at);
                Ok(Heard {
                    id,
                    payload: answer.payload().to_vec(),
                    frames: answer.report.frames.concat(),
                    asked_at: self.moment(job.perhaps_since.or(job.asked_at).unwrap_or(ended_at)),
                    answered_at: self.moment(job.answered_at.unwrap_or(ended_at)),
                    is_alone: job.is_undisturbed(),
                    is_surely_new: job.perhaps_since.is_none(),
                })
            }
            Outcome::Refused { refusal, .. } => {
                let cause = match refusal {
                    refusal if refusal.is_not_authorised() => MissingCause::NotAuthorised,
                    refusal if refusal.is_no_data() => MissingCause::NoSuchData,
                    _ => MissingCause::Refused,
                };
                Err(Missed::new(cause, format!("{id}: refused, {refusal}")))
            }
            Outcome::NotSent(_) => {
                Err(Missed::new(MissingCause::LineDown, format!("{id}: nothing was sent")))
            }
            Outcome::Incomplete { .. } => {
                Err(Missed::new(MissingCause::Damaged, format!("{id}: the answer broke off")))
            }
            Outcome::Silent(report) | Outcome::Unknown(report) | Outcome::Sent(report) => {
                Err(silence(id.into(), &report))
            }
        }
    }

    /// The moment by our clock of an instant that is past.
    pub(super) fn moment(&self, at: Instant) -> Moment {
        self.clock.now().minus(at.elapsed())
    }
}

/// Silence, and what was heard in it.
pub(super) fn silence(id: AskedFor, report: &Report) -> Missed {
    let heard = |reasons: &[Unfit]| reasons.iter().map(|reason| report.counters.of(*reason)).sum::<u32>();
    let others = heard(&[Unfit::ForeignAnswer, Unfit::Contradiction]);
    let wrong_form = heard(&[Unfit::WrongLength, Unfit::Malformed, Unfit::WrongSequence]);
    let dropped = report.counters.dropped;
    let broken = dropped.bad_checksums + dropped.bad_ends + dropped.cut_short;
    let (cause, what) = if wrong_form > 0 {
        (MissingCause::WrongForm, format!("{wrong_form} answers have not the length that they should"))
    } else if others > 0 {
        (MissingCause::WrongAddress, format!("{others} answers of another address"))
    } else if broken > 0 || dropped.noise_bytes > NOISE {
        (MissingCause::Damaged, format!("{broken} broken frames and {} bytes of noise", dropped.noise_bytes))
    } else {
        (MissingCause::Silent, format!("no answer in {} attempts", report.attempts))
    };
    Missed::new(cause, format!("{id}: {what}"))
}

const fn cause_of(end: &End) -> MissingCause {
    match end {
        End::LineDown => MissingCause::LineDown,
        End::LineChatter => MissingCause::LineChatter,
        End::MeterSilent => MissingCause::Silent,
        End::Doubtful => MissingCause::WrongAddress,
        End::OutOfTime | End::Expired => MissingCause::OutOfTime,
        End::Done(_)
        | End::Registers(_)
        | End::Cancelled
        | End::Stopped
        | End::NotAllowed(_)
        | End::Broken { .. } => MissingCause::Stopped,
    }
}

/// The monotonic instant at which our clock will show `moment`, if it is not set in between.
pub(super) fn instant_of(clock: &Clock, moment: Moment) -> Instant {
    let left = moment.since(clock.now()).min(FAR);
    Instant::now() + left
}

/// How often a meter that is there is asked one thing.
const MOST_TRIES: u32 = 4;
/// Nothing that is asked for lies farther ahead.
const FAR: Duration = Duration::from_secs(400 * 86_400);
