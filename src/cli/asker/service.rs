//! Asking through the service that has the line: what comes of a question is what would have come of it on the line itself.

use std::time::Duration;

use dlt645::edition::Edition;
use dlt645::exchange::{Counters, Outcome, Timing};

use super::super::CliError;
use super::super::trace::Trace;
use super::{in_both, monotonic};
use crate::channel::{Failure, Question, Speaker, Timer, Told};
use crate::link::{Gate, Heard, Lengths, Lent, Link, LinkError, Place, Terms};

/// Asks something that changes nothing. An error says that it was not asked, and why.
pub(super) async fn ask(
    link: &mut Link,
    question: &Question,
    timing: Timing,
    trace: &mut Trace,
) -> Result<Told, CliError> {
    if let Link::Lent(lent) = &mut *link {
        lent.ask_by(terms(question, timing));
    }
    // The service repeats and waits; what comes has come whole.
    let timing = Timing { retries: 0, exchange_limit: NO_LIMIT, ..timing };
    let speaker = Speaker { link: &mut *link, gate: Gate::READS, tap: trace, timer: &mut Timer::default() };
    let mut told = speaker.converse(question, timing, &|| true).await;
    match told.failure.take() {
        Some(Failure::Link(LinkError::ServiceEnded)) => return Err(gone()),
        Some(Failure::Link(error)) => return Err(CliError::Failed(in_both(&error))),
        Some(Failure::Blocked(blocked)) => return Err(CliError::Failed(blocked.to_string())),
        None => {}
    }
    if let Link::Lent(lent) = link
        && let Some(heard) = lent.take_heard()
    {
        bring_in(&mut told, &heard);
    }
    Ok(told)
}

/// How the service is to ask it.
fn terms(question: &Question, timing: Timing) -> Terms {
    Terms {
        edition: match question.request.edition() {
            Edition::E1997 => 1997,
            Edition::E2007 => 2007,
        },
        lengths: Lengths::from(&question.length),
        whole_at: question.whole_at,
        first_byte: timing.first_byte,
        quiet: timing.quiet_after_answer,
        retries: timing.retries,
    }
}

/// What the service knows better: when the meter answered, how often it was asked, and what else was heard.
fn bring_in(told: &mut Told, heard: &Heard) {
    let counters = Counters::from(&heard.beside);
    told.counters = counters;
    if let Some(ago) = heard.answered_ago {
        told.answered_at = monotonic().checked_sub(ago);
        told.answer_delay = heard.answer_delay;
    }
    if let Outcome::Silent(report) = &mut told.outcome {
        report.attempts = heard.tries;
        report.counters = counters;
    }
}

/// The service that had the line is gone.
pub(super) fn gone() -> CliError {
    CliError::Failed(
        "the service that had the line has ended: nothing more is asked, and the line is not opened beside one that may come \
         back; run this again when it serves, or when it is stopped for good  占用该线路的服务已结束，命令中止；请待服务恢复或确认停用后重试"
            .into(),
    )
}

/// Refuses what cannot be asked through a service that has the line.
pub(in super::super) async fn refuse_served(place: &Place) -> Result<(), CliError> {
    match Lent::seek(place).await {
        Ok(None) => Ok(()),
        Ok(Some(lent)) => Err(CliError::Failed(format!(
            "`chaobiao serve` has this as line {0}: meters that speak Modbus are read in its console  \
             该线路由 chaobiao serve 占用（线路 {0}），Modbus 表请在控制台召测",
            lent.line()
        ))),
        Err(error) => Err(CliError::Failed(in_both(&error))),
    }
}

/// Turns that are waited for are bounded by the service.
const NO_LIMIT: Duration = Duration::from_secs(86_400);
