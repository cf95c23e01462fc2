//! What came of a question, in whatever protocol it was put.

use dlt645::exchange::{Outcome, Report};

use super::End;
use super::modbus::RegisterOutcome;

#[derive(Debug)]
pub(super) enum Came {
    Frame(Outcome),
    Registers(RegisterOutcome),
}

impl Came {
    pub(super) const fn report(&self) -> &Report {
        match self {
            Self::Frame(outcome) => outcome.report(),
            Self::Registers(outcome) => outcome.report(),
        }
    }

    /// A short name from a closed set.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Frame(outcome) => outcome.kind(),
            Self::Registers(outcome) => outcome.kind(),
        }
    }

    /// The meter was heard, whatever it said.
    pub(super) const fn is_answer(&self) -> bool {
        matches!(
            self,
            Self::Frame(Outcome::Answered(_) | Outcome::Refused { .. })
                | Self::Registers(RegisterOutcome::Answered(_) | RegisterOutcome::Refused { .. })
        )
    }

    /// Nothing came, or not to the end.
    pub(super) const fn is_open(&self) -> bool {
        matches!(
            self,
            Self::Frame(Outcome::Silent(_) | Outcome::Incomplete { .. } | Outcome::NotSent(_))
                | Self::Registers(
                    RegisterOutcome::Silent(_) | RegisterOutcome::NotAsked(..) | RegisterOutcome::NotSent(_)
                )
        )
    }

    pub(super) fn end(self) -> End {
        match self {
            Self::Frame(outcome) => End::Done(outcome),
            Self::Registers(outcome) => End::Registers(outcome),
        }
    }
}

impl End {
    /// It was asked, and nobody answered.
    pub(super) const fn is_silence(&self) -> bool {
        matches!(
            self,
            Self::Done(Outcome::Silent(_))
                | Self::Registers(RegisterOutcome::Silent(_) | RegisterOutcome::NotAsked(..))
        )
    }
}
