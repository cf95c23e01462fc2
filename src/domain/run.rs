//! Runs: a night's collection as a whole, and what became of each meter in it (I19).

use super::archive::Meter;
use super::cause::MissingCause;
use super::coded::Coded;
use super::day::Day;
use super::id::Id;
use super::moment::Moment;

/// One run (采集任务): there is one for each scope, day and kind (F35).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub id: Id<Self>,
    /// Which meters: `site` for all.
    pub scope: String,
    /// The day whose beginning is read.
    pub day: Day,
    /// What for.
    pub kind: RunKind,
    /// How it stands.
    pub state: RunState,
    /// How many meters it was planned for.
    pub planned: u32,
    /// When it began.
    pub started_at: Moment,
    /// When it ends, whatever is missing then.
    pub deadline: Moment,
    /// When it ended.
    pub ended_at: Option<Moment>,
}

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunKind {
    /// The registers of a midnight, the curves of the day before, and gaps of earlier days.
    Nightly,
}

impl Coded for RunKind {
    const TABLE: &'static [(Self, i64, &'static str)] = &[(Self::Nightly, 1, "nightly")];
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunState {
    /// It goes on, or was cut off and will be resumed.
    Running,
    /// Every meter was read.
    Done,
    /// It has ended, and each missing meter has a cause.
    Partial,
}

impl Coded for RunState {
    const TABLE: &'static [(Self, i64, &'static str)] =
        &[(Self::Running, 1, "running"), (Self::Done, 2, "done"), (Self::Partial, 3, "partial")];
}

/// What became of a meter in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunOutcome {
    /// It was not its turn yet.
    Waiting,
    /// Everything planned is there and accepted.
    Read,
    /// Something is missing.
    Missing(MissingCause),
}

impl RunOutcome {
    /// Whether everything planned is there.
    #[must_use]
    pub const fn is_read(self) -> bool {
        matches!(self, Self::Read)
    }
}

/// A meter of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunMeter {
    /// The run.
    pub run: Id<Run>,
    /// The meter.
    pub meter: Id<Meter>,
    /// What became of its registers.
    pub outcome: RunOutcome,
    /// What more is to be said of it.
    pub detail: Option<String>,
    /// How many slots of its curves of the day before are missing, and why; `None` before they were asked for.
    pub holes: Option<(u32, Option<MissingCause>)>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::coded;

    #[test]
    fn codes_and_names_are_their_own() {
        coded::check::<RunKind>(1);
        coded::check::<RunState>(3);
    }
}
