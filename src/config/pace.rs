//! How the way to a meter speaks, and how long it takes.

use std::time::Duration;

use super::line::Line;
use super::terminal::Terminals;
use crate::domain::{MeterPath, Parity};

/// How the way to a meter speaks, where neither archive nor profile say otherwise, and how long it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Bits a second.
    pub baud: u32,
    /// Parity.
    pub parity: Parity,
    /// How long it stays quiet after an answer.
    pub quiet_after_answer: Duration,
    /// What the way adds at most to the delay of every answer.
    pub path_delay: Duration,
}

impl Line {
    /// How it speaks.
    #[must_use]
    pub const fn pace(&self) -> Pace {
        let Self { baud, parity, quiet_after_answer, path_delay, .. } = *self;
        Pace { baud, parity, quiet_after_answer, path_delay }
    }
}

impl Terminals {
    /// How the way through a terminal speaks. What the terminal adds to the delay of an answer the line behind it knows by
    /// its port, and the terminal itself keeps its own line quiet.
    #[must_use]
    pub const fn pace() -> Pace {
        let none = Duration::ZERO;
        Pace { baud: 2400, parity: Parity::Even, quiet_after_answer: none, path_delay: none }
    }
}

/// How the way to a meter speaks; `None` when it hangs on a line that is not configured.
#[must_use]
pub fn pace_of(lines: &[Line], path: &MeterPath) -> Option<Pace> {
    match path {
        MeterPath::Line { line, .. } => lines.iter().find(|known| known.name == *line).map(Line::pace),
        MeterPath::Terminal { .. } => Some(Terminals::pace()),
    }
}
