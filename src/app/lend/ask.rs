//! One frame that a command wants asked: whether it may leave, as a job of the line, and what came of it.

use std::collections::VecDeque;
use std::time::Duration;

use dlt645::edition::Edition;
use dlt645::exchange::{Outcome, Timing, Unfit};
use dlt645::request::{Kind, Request};
use tokio::time::Instant;

use super::Lender;
use crate::channel::{End, Job, JobReport, Lane, Question, Refusal};
use crate::link::{Gate, Heard, MOST_TURN, Reply, Terms, Wish};

/// What of a long answer the command has not asked for yet: we have followed it on already.
#[derive(Debug, Default)]
pub(super) struct Asking(Option<Rest>);

#[derive(Debug)]
struct Rest {
    frames: VecDeque<Vec<u8>>,
    /// No more was to be had than these.
    is_all: bool,
}

/// Why a frame was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAsked {
    /// It changes a meter, or is no frame that may be sent at all. (T1)
    ChangesMeter,
    /// The line cannot be reached.
    LineDown,
    /// The line does not stop talking. (F11)
    Chatter,
    /// Its turn did not come.
    NoTurn,
    /// We end.
    Stopping,
}

impl NotAsked {
    /// Why, in English and in Chinese.
    pub(super) fn words(self) -> (String, String) {
        let (en, zh) = match self {
            Self::ChangesMeter => (
                "nothing was sent: a service has the line and is its only master; through it meters are read, not changed",
                "未发送：该线路由服务独占，经服务只能读表，不能改变电表",
            ),
            Self::LineDown => {
                ("the service that has the line cannot reach it", "占用该线路的服务无法连通线路")
            }
            Self::Chatter => {
                ("the line does not stop talking: nothing was asked", "线路上一直有数据，未询问")
            }
            Self::NoTurn => (
                "the line was about other work for too long: nothing was asked",
                "线路一直忙于其他任务，未询问",
            ),
            Self::Stopping => ("the service that has the line is stopping", "占用该线路的服务正在停止"),
        };
        (en.to_owned(), zh.to_owned())
    }
}

impl Lender {
    /// Asks one frame in its turn.
    pub(super) async fn ask(&self, wish: Wish, asking: &mut Asking) -> Result<Reply, NotAsked> {
        let Wish { frame, terms } = wish;
        let edition = if terms.edition == 1997 { Edition::E1997 } else { Edition::E2007 };
        let request =
            Gate::READS.clear(edition, &frame).ok().and_then(|_| Request::parse_wire(edition, &frame).ok());
        let request = request.ok_or(NotAsked::ChangesMeter)?;
        if let (Kind::ReadSubsequent { .. }, Some(rest)) = (request.kind(), &mut asking.0) {
            let frame = rest.frames.pop_front();
            if frame.is_some() || rest.is_all {
                return Ok(Reply::Heard(Heard { frame, tries: 1, ..Heard::default() }));
            }
        }
        asking.0 = None;
        let retries = terms.retries.min(MOST_RETRIES);
        let job = Job::new(self.question(request, &terms), Lane::OnDemand, self.timing(&terms))
            .retried(retries)
            .until(Instant::now() + MOST_TURN);
        let report = self.line.ask(job).await.map_err(|refusal| match refusal {
            Refusal::Busy => NotAsked::NoTurn,
            Refusal::Stopped => NotAsked::Stopping,
            Refusal::NotAllowed => NotAsked::ChangesMeter,
        })?;
        let mut frames = frames(&report)?;
        let frame = frames.pop_front();
        let is_all = match &report.end {
            End::Done(outcome) => outcome.report().frames_left_out == 0,
            _ => true,
        };
        asking.0 = frame.is_some().then_some(Rest { frames, is_all });
        Ok(Reply::Heard(heard(&report, frame)))
    }

    fn question(&self, request: Request, terms: &Terms) -> Question {
        let question = Question::new(request).expecting(terms.lengths.clone().into());
        match terms.whole_at {
            Some(length) => question.whole_at(length),
            None => question,
        }
    }

    /// The times of the line, and how long the command waits.
    fn timing(&self, terms: &Terms) -> Timing {
        let own = self.timing;
        let path = own.td_max.saturating_sub(Timing::serial(own.baud).td_max);
        let first_byte = terms.first_byte.min(LONGEST_WAIT) + path;
        Timing {
            first_byte,
            answer_limit: own.answer_limit.max(first_byte + own.wire_time(own.longest_answer) * 2),
            quiet_after_answer: own.quiet_after_answer.max(terms.quiet.min(LONGEST_QUIET)),
            ..own
        }
    }
}

/// The frames of the answer, none after silence; or why it was not asked.
fn frames(report: &JobReport) -> Result<VecDeque<Vec<u8>>, NotAsked> {
    match &report.end {
        End::Done(Outcome::NotSent(_)) | End::LineDown | End::Broken { .. } | End::Registers(_) => {
            Err(NotAsked::LineDown)
        }
        End::Done(outcome) => Ok(outcome.report().frames.iter().cloned().collect()),
        End::Doubtful | End::MeterSilent => Ok(VecDeque::new()),
        End::LineChatter => Err(NotAsked::Chatter),
        End::OutOfTime | End::Expired => Err(NotAsked::NoTurn),
        End::Cancelled | End::Stopped => Err(NotAsked::Stopping),
        End::NotAllowed(_) => Err(NotAsked::ChangesMeter),
    }
}

fn heard(report: &JobReport, frame: Option<Vec<u8>>) -> Heard {
    let now = Instant::now();
    let mut counters = report.heard;
    if report.end == End::Doubtful {
        // Each time a second answer came: neither is to be believed.
        counters.add(Unfit::Late);
    }
    let since = report.perhaps_since.zip(report.answered_at);
    let since = since.map(|(since, answered)| answered.saturating_duration_since(since));
    Heard {
        frame,
        tries: report.tries,
        answered_ago: report.answered_at.map(|at| now.saturating_duration_since(at)),
        answer_delay: since.or(report.answer_delay),
        beside: counters.into(),
    }
}

/// More repetitions are not for one command to ask for.
const MOST_RETRIES: u8 = 10;
/// Nobody has a line to themselves for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Nor keeps it quiet for longer.
const LONGEST_QUIET: Duration = Duration::from_secs(2);
