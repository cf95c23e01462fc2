//! A job for a line, and how it ended.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use dlt645::exchange::{Counters, Outcome, Timing, Unfit};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::modbus::RegisterOutcome;
use super::shared::Shared;
use super::{Inquiry, Lane};
use crate::clock::Awake;
use crate::link::{Blocked, Rate};

/// One question to one meter, and when it is worth asking.
#[derive(Clone, Debug)]
pub struct Job {
    /// What is asked.
    pub question: Inquiry,
    /// How urgent it is.
    pub lane: Lane,
    /// The times of such a meter on this line: wake-up bytes, quiet time, delay of the path. Its number of repetitions
    /// is not used; see [`Job::retries`].
    pub timing: Timing,
    /// Speed and parity of the meter, where they differ from those of the line.
    pub rate: Option<Rate>,
    /// How often it is asked again after silence: work that nobody waits for at the tail of its lane, after all else was
    /// tried once, the rest at once. What changes a meter is never asked again.
    pub retries: u8,
    /// No try begins from then on; what the last one gave is what counts.
    pub deadline: Option<Instant>,
    /// The question itself is of no use any more: nothing of it leaves from then on.
    pub expires_at: Option<Instant>,
    /// Time in which the machine was suspended counts towards that.
    pub awake: Option<Box<Awake>>,
    /// What becomes of work that nobody waits for when its meter is dead.
    pub when_dead: WhenDead,
}

/// What becomes of work that nobody waits for when its meter has left several questions unanswered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenDead {
    /// It waits until the meter is tried again, or answers somebody else.
    #[default]
    Wait,
    /// It is asked once all meters that answer were: each night tries every meter.
    Ask,
    /// It ends as [`End::MeterSilent`] at once: later it would be of no use.
    GiveUp,
}

impl Job {
    /// A job with one try and no end.
    #[must_use]
    pub fn new(question: impl Into<Inquiry>, lane: Lane, timing: Timing) -> Self {
        Self {
            question: question.into(),
            lane,
            timing,
            rate: None,
            retries: 0,
            deadline: None,
            expires_at: None,
            awake: None,
            when_dead: WhenDead::Wait,
        }
    }

    /// The same, asked again so often after silence.
    #[must_use]
    pub fn retried(self, retries: u8) -> Self {
        Self { retries, ..self }
    }

    /// The same with a deadline.
    #[must_use]
    pub fn until(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// The same, of no use from `at` on.
    #[must_use]
    pub fn expiring(self, at: Instant) -> Self {
        Self { expires_at: Some(at), ..self }
    }

    /// The same, with time counted in which the machine has been suspended since `awake`.
    #[must_use]
    pub fn while_awake(self, awake: Awake) -> Self {
        Self { awake: Some(Box::new(awake)), ..self }
    }

    /// Whether it is of no use any more.
    pub(super) fn is_expired(&self, now: Instant) -> bool {
        let slept = || self.awake.as_ref().map_or(Duration::ZERO, |awake| awake.slept());
        self.expires_at.is_some_and(|at| now >= at || now + slept() >= at)
    }

    /// When it ends at the latest, unless it is being done then.
    pub(super) fn due(&self) -> Option<Instant> {
        [self.deadline, self.expires_at].into_iter().flatten().min()
    }
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It was asked, and this came of it.
    Done(Outcome),
    /// Registers were asked for, and this came of it.
    Registers(RegisterOutcome),
    /// The line is down: it was not asked, or its last try broke off and the line did not come back.
    LineDown,
    /// The line does not stop talking: it was not asked.
    LineChatter,
    /// Each time it was asked two different answers came: one is an old one, or two meters have one address. (F6, F12)
    Doubtful,
    /// Its meter has left other questions unanswered, often enough not to be asked this one.
    MeterSilent,
    /// The deadline came before its turn.
    OutOfTime,
    /// It was of no use any more before its turn.
    Expired,
    /// It was taken back.
    Cancelled,
    /// The line was closed.
    Stopped,
    /// The last gate did not let it pass: a mistake in the program.
    NotAllowed(Blocked),
    /// The task of the line broke off. With `may_have_left` it is not known whether a meter was changed (R6).
    Broken {
        /// Bytes of a request that changes a meter may have left.
        may_have_left: bool,
    },
}

impl End {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Done(outcome) => outcome.kind(),
            Self::Registers(outcome) => outcome.kind(),
            Self::LineDown => "line_down",
            Self::LineChatter => "line_chatter",
            Self::Doubtful => "doubtful",
            Self::MeterSilent => "meter_silent",
            Self::OutOfTime => "out_of_time",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Stopped => "stopped",
            Self::NotAllowed(_) => "not_allowed",
            Self::Broken { .. } => "broken",
        }
    }
}

/// How a job went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobReport {
    /// How it ended.
    pub end: End,
    /// How often it was asked.
    pub tries: u32,
    /// How long it waited before its first byte left, or before it ended without.
    pub waited: Duration,
    /// How long the meter took to answer, from the last byte of the request on the line to the first of the answer.
    pub answer_delay: Option<Duration>,
    /// When the last byte of the last question had passed over the line.
    pub asked_at: Option<Instant>,
    /// When the first byte of its answer came. What the answer says held between the two.
    pub answered_at: Option<Instant>,
    /// The same question was put before and left unanswered, and a meter that is slow beyond all limits may have
    /// answered that one: then what the answer says held since this moment, no later than `asked_at`. A clock is not to
    /// be judged by such an answer. (F6)
    pub perhaps_since: Option<Instant>,
    /// What else was heard during the last try and the quiet time behind it, and not taken.
    pub heard: Counters,
}

impl JobReport {
    /// True when nothing was heard beside the answer but our own words and a few stray bytes: then it is no old one (F6).
    #[must_use]
    pub fn is_undisturbed(&self) -> bool {
        let others = self.heard.iter().filter(|(reason, _)| *reason != Unfit::Echo);
        let frames: u32 = others.map(|(_, count)| count).sum();
        let dropped = self.heard.dropped;
        frames == 0
            && dropped.bad_checksums + dropped.bad_ends + dropped.cut_short == 0
            && dropped.noise_bytes <= NOISE
    }
}

/// So few stray bytes are no attempt at an answer.
pub const NOISE: u64 = 4;

/// A job that was taken. Waiting for it gives its report; dropping it does not take the job back.
pub struct Pending {
    pub(super) id: JobId,
    pub(super) line: Arc<Shared>,
    pub(super) report: oneshot::Receiver<Box<JobReport>>,
}

/// The number of a job on its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub(super) u64);

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many jobs are done before it, if nothing more urgent comes.
    Waiting {
        /// How many.
        before: usize,
    },
    /// Its meter does not answer; it is asked when its turn comes to be tried again.
    Parked,
    /// It is being asked.
    Asking,
    /// It has ended.
    Ended,
}

impl Pending {
    /// Its number on its line.
    #[must_use]
    pub const fn id(&self) -> JobId {
        self.id
    }

    /// Takes the job back. One that is being asked is given up between two frames, if it has several and changes
    /// nothing; otherwise it ends as it would have. False when it had ended.
    pub fn cancel(&self) -> bool {
        self.line.cancel(self.id)
    }

    /// Where it stands.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.line.progress(self.id)
    }

    /// A way to look at it and to take it back while somebody else waits for it.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        Ticket { id: self.id, line: Arc::clone(&self.line) }
    }
}

/// Looks at a job that somebody else waits for, and takes it back. Cheap to clone.
#[derive(Clone)]
pub struct Ticket {
    id: JobId,
    line: Arc<Shared>,
}

impl Ticket {
    /// Takes the job back, as [`Pending::cancel`] does.
    pub fn cancel(&self) -> bool {
        self.line.cancel(self.id)
    }

    /// Where it stands.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.line.progress(self.id)
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ticket").field(&self.id).finish()
    }
}

impl Future for Pending {
    type Output = JobReport;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<JobReport> {
        // A job that is dropped reports before it goes; if even that failed, nothing is known.
        let lost = || JobReport {
            end: End::Broken { may_have_left: true },
            tries: 0,
            waited: Duration::ZERO,
            answer_delay: None,
            asked_at: None,
            answered_at: None,
            perhaps_since: None,
            heard: Counters::default(),
        };
        Pin::new(&mut self.report)
            .poll(context)
            .map(|report| report.map_or_else(|_| lost(), |report| *report))
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pending").field(&self.id).finish()
    }
}
