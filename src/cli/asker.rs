//! Asks over one line, one question after the other, and opens the line anew when it breaks. Where a running service has the
//! line it is asked through the service, and changed by nobody but the service.

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
use crate::channel::{Failure, Question, Speaker, Timer, Told};
use crate::clock::Clock;
use crate::domain::Moment;
use crate::link::{Gate, Lent, Link, LinkError, Place, Rate};

pub(super) mod service;

/// A meter on a line that a service has is changed by nobody else.
pub(super) fn served() -> CliError {
    CliError::Failed(
        "nothing was sent: `chaobiao serve` has this line and is its only master. Supply orders go through the console or \
         `chaobiao orders`, clocks are set on the page of the meter; for anything else that changes a meter stop the service \
         first  未发送：该线路由 chaobiao serve 独占。停复电请用控制台或 chaobiao orders，对时请在该表页面；其他改变电表的操作须先停止服务"
            .into(),
    )
}

/// Asks over one line.
pub(super) struct Asker {
    place: Place,
    timing: Timing,
    link: Option<Link>,
    /// Why the line is not open any more.
    lost: Option<String>,
    /// How the service has the line set, where one has it. Then it is never opened by us.
    lent: Option<Rate>,
    is_traced: bool,
    trace: Trace,
    clock: Clock,
}

impl Asker {
    /// Opens the line.
    pub(super) async fn open(args: &AskArgs) -> Result<Self, CliError> {
        let asker = Self::open_at(args.place(), args.timing(), args.trace).await?;
        if let Some(rate) = asker.lent.filter(|rate| !args.fits(*rate)) {
            super::talk(&format!(
                "chaobiao: the service has this line at {rate}, and that is how it is asked  该线路由服务占用，按 {rate} 询问"
            ));
        }
        Ok(asker)
    }

    /// Opens the line to change a meter on it, which a service that has the line is alone to do.
    pub(super) async fn open_to_change(args: &AskArgs) -> Result<Self, CliError> {
        let asker = Self::open(args).await?;
        asker.is_ours().map(|()| asker)
    }

    pub(super) async fn open_at(place: Place, timing: Timing, trace: bool) -> Result<Self, CliError> {
        let mut asker = Self {
            place,
            timing,
            link: None,
            lost: None,
            lent: None,
            is_traced: trace,
            trace: Trace::new(trace),
            clock: Clock::system(),
        };
        asker.link = Some(asker.dial().await?);
        Ok(asker)
    }

    /// The same over a path that is open already.
    #[cfg(test)]
    pub(super) fn over(link: Link, timing: Timing, clock: Clock) -> Self {
        let place = Place::Tcp("memory".into());
        let trace = Trace::new(false);
        Self { place, timing, link: Some(link), lost: None, lent: None, is_traced: false, trace, clock }
    }

    /// How the service has the line set, where one has it: then no other rate can be tried.
    pub(super) const fn lent_at(&self) -> Option<Rate> {
        self.lent
    }

    /// Nothing but a service that has the line changes a meter on it.
    fn is_ours(&self) -> Result<(), CliError> {
        if self.lent.is_none() {
            return Ok(());
        }
        Err(served())
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
        tuned.map_err(|error| CliError::Failed(in_both(&error)))
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
            let told = Trouble::of_anybody(&told.outcome, target)
                .unwrap_or_else(|| Trouble::new("no address", "无地址"));
            CliError::Failed(format!(
                "{pattern}: {}; scan tells who is there  {}，可用 scan 搜表",
                told.en, told.zh
            ))
        })
    }

    /// Gives an order. Whatever becomes of it is told in the outcome; an error says that nothing was sent.
    pub(super) async fn order(&mut self, request: Request) -> Result<Told, CliError> {
        self.is_ours()?;
        self.say(&request.into(), Gate::CONTROL).await
    }

    async fn say(&mut self, question: &Question, gate: Gate) -> Result<Told, CliError> {
        let mut link = match self.link.take() {
            Some(link) => link,
            None => self.dial().await?,
        };
        if matches!(link, Link::Lent(_)) {
            // The line may have been ours when this began.
            if gate != Gate::READS {
                self.is_ours()?;
            }
            let told = service::ask(&mut link, question, self.timing, &mut self.trace).await;
            // One that was not asked says so; one whose service is gone says it again.
            self.link = Some(link);
            return told;
        }
        let speaker = Speaker { link: &mut link, gate, tap: &mut self.trace, timer: &mut Timer::default() };
        let told = speaker.converse(question, self.timing, &|| true).await;
        match &told.failure {
            Some(Failure::Link(error)) => self.lost = Some(in_both(error)),
            _ => self.link = Some(link),
        }
        Ok(told)
    }

    async fn dial(&mut self) -> Result<Link, CliError> {
        if self.lent.is_some() {
            // The line is not opened beside a service that may be on its way back.
            return Err(service::gone());
        }
        let found = Lent::seek(&self.place).await.map_err(|error| CliError::Failed(in_both(&error)))?;
        if let Some(lent) = found {
            self.lent = Some(lent.rate());
            if self.is_traced {
                let line = lent.line();
                super::talk(&format!(
                    "asked through `chaobiao serve`, which has this as line {line}: times include waiting for a turn  \
                     经 chaobiao serve 询问（线路 {line}），时间含排队"
                ));
            }
            return Ok(Link::Lent(Box::new(lent)));
        }
        let limit = self.timing.first_byte.max(Duration::from_secs(5));
        let opened = Link::open(&self.place, limit).await;
        opened.map_err(|error| match &self.lost {
            Some(lost) => CliError::Failed(format!("{lost}; then  随后 {}", in_both(&error))),
            None => CliError::Failed(in_both(&error)),
        })
    }

    /// Between which moments of our clock the meter answered: after the end of the request, before the first byte of
    /// the answer.
    pub(super) fn answered_between(&self, told: &Told) -> (Moment, Moment) {
        let (now, instant) = (self.clock.now(), monotonic());
        let report = told.outcome.report();
        let answered_at = told.answered_at.or(report.sent_at).unwrap_or(report.ended_at);
        let answered = now.minus(instant.saturating_duration_since(answered_at));
        (answered.minus(told.answer_delay.unwrap_or_default()), answered)
    }
}

/// What is wrong with a line, in both languages.
pub(super) fn in_both(error: &LinkError) -> String {
    format!("{}  {}", error.with_causes(), error.zh()).trim_end().to_owned()
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
