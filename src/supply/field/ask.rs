//! Asking the meter: a question through the lanes of its line, and what came back or why nothing did.

use std::time::Duration;

use dlt645::address::MeterAddress;
use dlt645::catalog::{self, Content, Value};
use dlt645::data_id::DataId;
use dlt645::edition::Edition;
use dlt645::exchange::{LengthRule, Outcome, Timing};
use dlt645::request::Request;
use dlt645::response::Refusal as MeterRefusal;
use tokio::time::Instant;

use super::before::Timed;
use crate::channel::{ChannelHandle, End, Job, JobReport, Lane, Question, Rate};
use crate::clock::Clock;
use crate::domain::{MeterProtocol, Moment};

/// Why something could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// The meter speaks no language in which it could be asked.
    #[error("meters of this protocol have no such thing")]
    Protocol,
    /// It did not answer.
    #[error("{id}: no answer")]
    Silent {
        /// What was asked for.
        id: DataId,
    },
    /// It refused.
    #[error("{id}: refused, {refusal}")]
    Refused {
        /// What was asked for.
        id: DataId,
        /// Why.
        refusal: MeterRefusal,
    },
    /// What it answered is no value.
    #[error("{id}: the answer holds no value")]
    NoValue {
        /// What was asked for.
        id: DataId,
    },
    /// No two answers in a row were the same with nothing else beside them.
    #[error("{id}: no two answers in a row were the same and undisturbed")]
    Unsteady {
        /// What was asked for.
        id: DataId,
    },
    /// The line is down, or does not stop talking.
    #[error("the line is down")]
    LineDown,
    /// Its turn did not come in time.
    #[error("its turn did not come in time")]
    OutOfTime,
    /// The line was closed.
    #[error("the line was closed")]
    Stopped,
}

impl Unread {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Protocol => "protocol",
            Self::Silent { .. } => "silent",
            Self::Refused { .. } => "refused",
            Self::NoValue { .. } => "no_value",
            Self::Unsteady { .. } => "unsteady",
            Self::LineDown => "line_down",
            Self::OutOfTime => "out_of_time",
            Self::Stopped => "stopped",
        }
    }
}

impl Unread {
    /// True when the meter was asked, and what it said or did not say is the reason.
    #[must_use]
    pub const fn is_of_meter(self) -> bool {
        matches!(
            self,
            Self::Silent { .. } | Self::Refused { .. } | Self::NoValue { .. } | Self::Unsteady { .. }
        )
    }
}

/// Asks one meter in one lane.
pub(super) struct Asker<'a> {
    pub(super) meter: MeterAddress,
    pub(super) protocol: MeterProtocol,
    pub(super) line: &'a ChannelHandle,
    pub(super) timing: Timing,
    pub(super) rate: Option<Rate>,
    pub(super) lane: Lane,
    pub(super) clock: &'a Clock,
    /// An answer that took longer than this may be one to another question, so that it tells no clock.
    pub(super) widest: Duration,
}

/// What the meter said.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) id: DataId,
    pub(super) payload: Vec<u8>,
    /// When it was asked, or when it had first been asked the same without an answer.
    pub(super) asked_at: Moment,
    pub(super) answered_at: Moment,
}

impl Asker<'_> {
    /// Reads an identifier until an answer comes beside which nothing else was heard that could have been one.
    pub(super) async fn read(&self, id: u32, lengths: &[usize]) -> Result<Heard, Unread> {
        let id = DataId::new_2007(id);
        for _ in 0..MOST_READS {
            let (heard, is_alone) = self.read_once(id, lengths).await?;
            if is_alone {
                return Ok(heard);
            }
        }
        Err(Unread::Unsteady { id })
    }

    /// Reads an identifier until two such answers in a row are the same.
    pub(super) async fn read_twice(&self, id: u32, lengths: &[usize]) -> Result<Heard, Unread> {
        let mut before = self.read(id, lengths).await?;
        for _ in 0..MOST_READS {
            let next = self.read(id, lengths).await?;
            if next.payload == before.payload {
                // What both say held when the first was asked.
                return Ok(Heard { asked_at: before.asked_at, ..next });
            }
            before = next;
        }
        Err(Unread::Unsteady { id: before.id })
    }

    async fn read_once(&self, id: DataId, lengths: &[usize]) -> Result<(Heard, bool), Unread> {
        if self.protocol != MeterProtocol::Dlt2007 || id.edition() != Edition::E2007 {
            return Err(Unread::Protocol);
        }
        let question = Question::new(Request::read(self.meter, id))
            .expecting(LengthRule::exact(lengths.iter().copied()));
        let question = match lengths.iter().max() {
            Some(most) => question.whole_at(*most),
            None => question,
        };
        let until = Instant::now() + PATIENCE;
        let mut job = Job::new(question, self.lane, self.timing).retried(RETRIES).until(until);
        job.rate = self.rate;
        let report = self.line.ask(job).await.map_err(|_| Unread::Stopped)?;
        self.heard(id, report)
    }

    fn heard(&self, id: DataId, report: JobReport) -> Result<(Heard, bool), Unread> {
        match report.end {
            End::Done(Outcome::Answered(ref answer)) => {
                let ended_at = Instant::from_std(answer.report.ended_at);
                let asked_at = report.perhaps_since.or(report.asked_at).unwrap_or(ended_at);
                let heard = Heard {
                    id,
                    payload: answer.payload().to_vec(),
                    asked_at: self.moment(asked_at),
                    answered_at: self.moment(report.answered_at.unwrap_or(ended_at)),
                };
                Ok((heard, report.is_undisturbed()))
            }
            End::Done(Outcome::Refused { refusal, .. }) => Err(Unread::Refused { id, refusal }),
            End::Done(Outcome::NotSent(_)) | End::LineDown | End::LineChatter => Err(Unread::LineDown),
            End::Done(_) | End::Registers(_) | End::MeterSilent => Err(Unread::Silent { id }),
            End::Doubtful => Err(Unread::Unsteady { id }),
            End::OutOfTime | End::Expired => Err(Unread::OutOfTime),
            End::Cancelled | End::Stopped | End::NotAllowed(_) | End::Broken { .. } => Err(Unread::Stopped),
        }
    }

    /// The moment by our clock of an instant that is past.
    fn moment(&self, at: Instant) -> Moment {
        self.clock.now().minus(at.elapsed())
    }
}

impl Heard {
    /// Something of the answer, with when it was asked for.
    pub(super) const fn timed<T>(&self, value: T) -> Timed<T> {
        Timed { value, at: self.asked_at }
    }

    pub(super) const fn no_value(&self) -> Unread {
        Unread::NoValue { id: self.id }
    }

    /// The first value of the answer, read by the catalogue.
    pub(super) fn value(&self) -> Result<Value<'_>, Unread> {
        value_of(self.id, &self.payload).ok_or_else(|| self.no_value())
    }

    /// The number of the answer, with so many decimals; `None` where the meter says that it has none.
    pub(super) fn number(&self, decimals: u8) -> Result<Option<i64>, Unread> {
        match self.value()? {
            Value::Number(number) => {
                let scaled = number.rescaled(decimals).map(|number| number.scaled());
                scaled.map(Some).ok_or_else(|| self.no_value())
            }
            Value::Absent(catalog::Absence::Filled | catalog::Absence::FilledEe) => Ok(None),
            _ => Err(self.no_value()),
        }
    }
}

/// The first value under an identifier, read by the catalogue.
pub(super) fn value_of(id: DataId, payload: &[u8]) -> Option<Value<'_>> {
    let Content::Values(mut values) = catalog::find(id)?.read(payload).ok()? else { return None };
    values.next().map(|reading| reading.value)
}

/// How often a silent meter is asked again at once.
const RETRIES: u8 = 2;
/// How often something is read until answers are steady.
const MOST_READS: u32 = 6;
/// How long a question waits at most for its turn.
const PATIENCE: Duration = Duration::from_secs(120);
