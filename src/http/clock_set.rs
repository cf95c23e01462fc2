//! A clock that was set to the present, of a meter or of a terminal, for the API and the console.

use axum::http::StatusCode;

use super::Problem;
use crate::domain::{ClockOffset, Moment};

/// How a clock stood, and how it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockSet {
    /// Before it was set; `None` for one that showed no time.
    pub(super) before: Option<ClockOffset>,
    /// Now.
    pub(super) now: ClockOffset,
    /// It was set; else it was right and nothing was sent.
    pub(super) was_sent: bool,
}

impl ClockSet {
    /// One that was near enough and was left alone.
    pub(super) const fn not_needed(offset: ClockOffset) -> Self {
        Self { before: Some(offset), now: offset, was_sent: false }
    }
}

/// Nothing is set near midnight, when meters and terminals freeze.
pub(super) fn near_midnight(not_before: Moment) -> Problem {
    let at = not_before.in_china();
    let (en, zh) =
        (format!("too near to midnight: not before {at}"), format!("临近零点冻结，请在此后对时：{at}"));
    Problem::new(StatusCode::CONFLICT, "near_midnight", &en, &zh)
}
