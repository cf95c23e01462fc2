//! What is answered when a clock was set, of a meter or of a terminal.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::ClockOffset;
use crate::http::clock_set::ClockSet;

/// How a clock stood before it was set, and stands now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClockSetAnswer {
    /// How many seconds it was fast, negative when it was slow; `null` for a clock that showed no time.
    fast_seconds_before: Option<i64>,
    /// How many seconds it is fast now.
    fast_seconds_now: i64,
    /// Whether anything was sent: nothing is to a clock that is right.
    was_sent: bool,
}

impl From<ClockSet> for ClockSetAnswer {
    fn from(set: ClockSet) -> Self {
        let seconds = |offset: ClockOffset| offset.fast_us / 1_000_000;
        Self {
            fast_seconds_before: set.before.map(seconds),
            fast_seconds_now: seconds(set.now),
            was_sent: set.was_sent,
        }
    }
}
