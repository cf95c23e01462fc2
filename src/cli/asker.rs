//! Asks over one line, one question after the other, and opens the line anew when it breaks.

use std::time::{Duration, Instant};

use dlt645::address::Target;
use dlt645::catalog::{self, LengthRule};
use dlt645::data_id::DataId;
use dlt645::exchange::{LengthRule as Lengths, Outcome, Timing};
use dlt645::request::Request;

use super::CliError;
use super::line::AskArgs;
use super::trace::Trace;
use super::trouble::Trouble;
use crate::channel::{Failure, Question, Speaker, Told};
use crate::clock::Clock;
use crate::domain::Moment;
use crate::link::{Gate, Link, Place, Rate};

/// Asks over one line.
pub(super) struct Asker {
    place: Place,
    timing: Timing,
    link: Option<Link>,
    /// Why the line is not open any more.
    lost: Option<String>,
    trace: Trace,
    clock: Clock,
}

impl Asker {
    /// Opens the line.
    pub(super) async fn open(args: &AskArgs) -> Result<Self, CliError> {
        Self::open_at(args.place(), args.timing(), args.trace).await
    }

    pub(super) async fn open_at(place: Place, timing: Timing, trace: bool) -> Result<Self, CliError> {
        let mut asker =
            Self { place, timing, link: None, lost: None, trace: Trace::new(trace), clock: Clock::system() };
        asker.link = Some(asker.dial().await?);
        Ok(asker)
    }

    /// The same over a path that is open already.
    #[cfg(test)]
    pub(super) fn over(link: Link, timing: Timing, clock: Clock) -> Self {
        let place = Place::Tcp("memory".into());
        Self { place, timing, link: Some(link), lost: None, trace: Trace::new(false), clock }
    }

    /// Where the line is.
    pub(super) const fn place(&self) -> &Place {
        &self.place
    }

    /// The clock that answers are compared with.
    pub(super) const fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) const fn timing(&self) -> Timing {
        self.timing
    }

    pub(super) const fn set_timing(&mut self, timing: Timing) {
        self.timing = timing;
    }

    /// Sets the line to another rate, where that is ours to set.
    pub(super) fn tune(&mut self, rate: Rate) -> Result<(), CliError> {
        if let Place::Serial { rate: own, .. } = &mut self.place {
            *own = rate;
        }
        let tuned = self.link.as_mut().map_or(Ok(()), |link| link.tune(rate));
        tuned.map_err(|error| CliError::Failed(error.with_causes()))
    }

    /// Asks something that changes nothing.
    pub(super) async fn ask(&mut self, question: impl Into<Question>) -> Result<Told, CliError> {
        let told = self.say(&question.into(), Gate::READS).await?;
        match told.failure {
            Some(Failure::Blocked(blocked)) => Err(CliError::Failed(blocked.to_string())),
            _ => Ok(told),
        }
    }

    /// Whom a question of 2007 goes to: where a pattern was given, the one meter that answers it, so that nobody else is
    /// taken for it afterwards.
    pub(super) async fn the_one(&mut self, target: Target) -> Result<Target, CliError> {
        let Target::Pattern(pattern) = target else { return Ok(target) };
        let told = self.ask(tolerant(target, ENERGY)).await?;
        let address = match &told.outcome {
            Outcome::Answered(answer) => answer.address.as_meter(),
            Outcome::Refused { address, .. } => address.as_meter(),
            _ => None,
        };
        address.map(Target::Meter).ok_or_else(|| {
            let told = Trouble::of(&told.outcome).unwrap_or_else(|| Trouble::new("no address", "无地址"));
            CliError::Failed(format!(
                "{pattern}: {}; scan tells who is there  {}，可用 scan 搜表",
                told.en, told.zh
            ))
        })
    }

    /// Gives an order. Whatever becomes of it is told in the outcome; an error says that nothing was sent.
    pub(super) async fn order(&mut self, request: Request) -> Result<Told, CliError> {
        self.say(&request.into(), Gate::CONTROL).await
    }

    async fn say(&mut self, question: &Question, gate: Gate) -> Result<Told, CliError> {
        let mut link = match self.link.take() {
            Some(link) => link,
            None => self.dial().await?,
        };
        let speaker = Speaker { link: &mut link, gate, tap: &mut self.trace };
        let told = speaker.converse(question, self.timing, &|| true).await;
        match &told.failure {
            Some(Failure::Link(error)) => self.lost = Some(error.with_causes()),
            _ => self.link = Some(link),
        }
        Ok(told)
    }

    async fn dial(&self) -> Result<Link, CliError> {
        let limit = self.timing.first_byte.max(Duration::from_secs(5));
        let opened = Link::open(&self.place, limit).await;
        opened.map_err(|error| match &self.lost {
            Some(lost) => CliError::Failed(format!("{lost}; then {}", error.with_causes())),
            None => CliError::Failed(error.with_causes()),
        })
    }

    /// Between which moments of our clock the meter answered: after the end of the request, before the first byte of
    /// the answer.
    pub(super) fn answered_between(&self, told: &Told) -> (Moment, Moment) {
        let (now, instant) = (self.clock.now(), monotonic());
        let report = told.outcome.report();
        let sent_at = report.sent_at.unwrap_or(report.ended_at);
        let answered_at = sent_at + report.first_byte_delay.unwrap_or_default();
        let answered = now.minus(instant.saturating_duration_since(answered_at));
        (answered.minus(told.answer_delay.unwrap_or_default()), answered)
    }
}

/// The question for one identifier. An answer of the standard's length is whole even when its frame says "more
/// follows"; any other length is taken as well, to be explained. [645-2007 4]
pub(super) fn tolerant(target: impl Into<Target>, item: DataId) -> Question {
    whole(Request::read(target, item).into(), item)
}

/// The same where values are to be relied on: answers of a length that the identifier does not have are refused. (F8)
pub(super) fn strict(target: impl Into<Target>, item: DataId) -> Question {
    let question = tolerant(target, item);
    match catalog::find(item).map(|entry| entry.lengths()) {
        Some(LengthRule::Exactly(length)) => question.expecting(Lengths::exact([length])),
        Some(LengthRule::Steps { fixed, step }) => {
            let lengths = (fixed + step..=LONGEST_PIECE).step_by(step.max(1));
            question.expecting(Lengths::exact(lengths))
        }
        _ => question,
    }
}

/// Adds to a question what is known of the length of its answer.
pub(super) fn whole(question: Question, item: DataId) -> Question {
    match catalog::find(item).map(|entry| entry.lengths()) {
        Some(LengthRule::Exactly(length)) => question.whole_at(length),
        _ => question,
    }
}

/// The data of an answer, or `None` for any other outcome.
pub(super) fn payload(outcome: &Outcome) -> Option<&[u8]> {
    match outcome {
        Outcome::Answered(answer) => Some(answer.payload()),
        _ => None,
    }
}

/// The monotonic time of tokio's clock.
pub(super) fn monotonic() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// What every meter has.
const ENERGY: DataId = DataId::new_2007(0x0001_0000);
/// Data bytes behind the identifier that one frame holds. [645-2007 2]
const LONGEST_PIECE: usize = 196;
