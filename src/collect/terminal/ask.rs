//! Asking a terminal itself: what comes back is the frames of an answer, or a cause.

use std::time::Duration;

use gdw1376::address::TerminalAddress;
use gdw1376::confirmation::Confirmation;
use gdw1376::dialogue::{Outcome, Timing};
use gdw1376::frame::Frame;
use gdw1376::identifier::FnNumber;
use gdw1376::message::Message;
use gdw1376::request::Request;
use gdw1376::unit::{self, Unit, Units};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::ask::Missed;
use crate::channel::Lane;
use crate::clock::Clock;
use crate::domain::{MissingCause, Moment};
use crate::terminal::{Ask, AskError, Terminals};

/// Asks one terminal.
#[derive(Clone, Debug)]
pub(super) struct TerminalAsker {
    pub(super) terminals: Terminals,
    pub(super) address: TerminalAddress,
    pub(super) clock: Clock,
    pub(super) lane: Lane,
    /// No question is begun from then on.
    pub(super) deadline: Instant,
    /// So long a question waits at most for its turn.
    pub(super) patience: Duration,
    /// No question is begun from then on either.
    pub(super) stop: CancellationToken,
}

/// What a terminal said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    /// The frames with data, in the order they came.
    pub(super) frames: Vec<Vec<u8>>,
    /// Every frame of the answer came.
    pub(super) is_complete: bool,
    /// When the question had left, by our clock.
    pub(super) asked_at: Moment,
    /// When the answer was there.
    pub(super) answered_at: Moment,
}

/// How much of an answer is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Every frame came and was read to its end: what such an answer leaves out the terminal did not tell.
    Whole,
    /// A frame was lost: what the answer leaves out may have stood in it.
    Lossy,
    /// A frame could not be read to its end: what is left out may stand behind that place.
    Unread,
}

impl TerminalAsker {
    /// Asks; `what` names it for people.
    pub(super) async fn ask(&self, what: &str, request: Request) -> Result<Answered, Missed> {
        if self.stop.is_cancelled() {
            return Err(Missed::new(MissingCause::Stopped, format!("{what}: the run was stopped")));
        }
        let until = self.deadline.min(Instant::now() + self.patience);
        let ask = Ask::new(request, self.lane.urgency(), Timing::STORED).until(until);
        let told = self.terminals.ask_unless(self.address, ask, &self.stop).await;
        let told = told.map_err(|error| Missed::new(cause_of(error), format!("{what}: {error}")))?;
        match told.outcome {
            Outcome::Answered { is_complete } if !told.frames.is_empty() => Ok(Answered {
                frames: told.frames,
                is_complete,
                asked_at: self.moment(told.asked_at),
                answered_at: self.moment(told.answered_at.unwrap_or_else(Instant::now)),
            }),
            Outcome::Answered { .. } | Outcome::Silent | Outcome::Unknown => {
                let nothing = format!("{what}: the terminal gave no answer that can be read");
                Err(Missed::new(MissingCause::TerminalSilent, nothing))
            }
            Outcome::Confirmed(Confirmation::None) => {
                Err(Missed::new(MissingCause::NoSuchData, format!("{what}: the terminal has none")))
            }
            Outcome::Confirmed(_) => {
                Err(Missed::new(MissingCause::Refused, format!("{what}: the terminal did not give it")))
            }
        }
    }

    fn moment(&self, at: Instant) -> Moment {
        self.clock.now().minus(at.elapsed())
    }
}

impl Answered {
    /// The units of the answer, each with the frame it stood in.
    pub(super) fn units(&self) -> Vec<(usize, Unit<'_>)> {
        let mut units = Vec::new();
        for (number, bytes) in self.frames.iter().enumerate() {
            let cut = cut(bytes).map(|cut| cut.units).unwrap_or_default();
            units.extend(cut.into_iter().map(|unit| (number, unit)));
        }
        units
    }

    /// Whether the answer says something of a point by each of these functions, be it that there is no value.
    pub(super) fn speaks_of(&self, point: u16, functions: &[FnNumber]) -> bool {
        let units = self.units();
        let is_there = |function: &FnNumber| {
            let mut of_point =
                units.iter().filter(|(_, unit)| unit.point.is_some_and(|of| of.number() == point));
            of_point.any(|(_, unit)| unit.function == Some(*function))
        };
        functions.iter().all(is_there)
    }

    /// How much of the answer is known.
    pub(super) fn reach(&self) -> Reach {
        let is_read = |bytes: &Vec<u8>| cut(bytes).is_some_and(|cut| cut.rest.is_none());
        match self.frames.iter().all(is_read) {
            false => Reach::Unread,
            true if self.is_complete => Reach::Whole,
            true => Reach::Lossy,
        }
    }

    /// Every frame came and was read to its end.
    pub(super) fn is_whole(&self) -> bool {
        self.reach() == Reach::Whole
    }

    /// The frames with these numbers, one behind the other.
    pub(super) fn frames_with(&self, numbers: impl IntoIterator<Item = usize>) -> Vec<u8> {
        let mut numbers: Vec<usize> = numbers.into_iter().collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().filter_map(|number| self.frames.get(number)).flatten().copied().collect()
    }
}

/// The units of a frame.
fn cut(bytes: &[u8]) -> Option<Units<'_>> {
    Some(unit::cut(&Message::of(&Frame::parse(bytes).ok()?).ok()?))
}

const fn cause_of(error: AskError) -> MissingCause {
    match error {
        AskError::NotConnected | AskError::Lost => MissingCause::TerminalOffline,
        AskError::Unknown => MissingCause::NoPath,
        AskError::Busy | AskError::OutOfTime => MissingCause::OutOfTime,
        AskError::Unfit(_) | AskError::TooLong { .. } => MissingCause::WrongForm,
        AskError::NotAllowed | AskError::Stopped => MissingCause::Stopped,
    }
}
