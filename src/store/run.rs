//! Runs and the meters in them: what a run that was killed goes on with (F26), and why a meter is missing (I19).

use std::collections::BTreeMap;

use super::error::{Refusal, StoreError};
use super::sql::{Kind, Rows, Table};
use super::transaction::Transaction;
use super::{Store, code};
use crate::domain::{
    Coded, Day, Id, Meter, MissingCause, Moment, Run, RunKind, RunMeter, RunOutcome, RunState,
};

/// A run to be begun.
#[derive(Clone, Debug)]
pub struct RunPlan<'a> {
    /// Which meters, in words.
    pub scope: &'a str,
    /// The day whose beginning is read.
    pub day: Day,
    /// What for.
    pub kind: RunKind,
    /// The meters.
    pub meters: &'a [Id<Meter>],
    /// When it ends.
    pub deadline: Moment,
}

impl Store {
    /// Begins the run of this scope, day and kind, or gives the one that is there; one that ended with something missing,
    /// or before these meters were all there, goes on from there (F35).
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn begin_run(&self, plan: &RunPlan<'_>, now: Moment) -> Result<Run, StoreError> {
        let mut writing = self.write("beginning a run").await?;
        let key = [plan.scope.into(), plan.day.into(), plan.kind.code().into()];
        if writing.dialect() == super::Dialect::Postgres {
            writing.execute("LOCK TABLE run IN SHARE ROW EXCLUSIVE MODE", &[]).await?;
        }
        if let Some(row) = writing.row::<Row>(OF_KEY, &key).await? {
            let begun = run(row)?;
            let begun = go_on(&mut writing, begun, plan, now).await?;
            writing.commit().await?;
            return Ok(begun);
        }
        let id = self.numbers.next(now);
        let planned = i64::try_from(plan.meters.len()).unwrap_or(i64::MAX);
        let mut rows = Rows::new(&RUN);
        rows.push([
            id.into(),
            plan.scope.into(),
            plan.day.into(),
            plan.kind.code().into(),
            RunState::Running.code().into(),
            planned.into(),
            now.into(),
            plan.deadline.into(),
        ]);
        writing.insert(&RUN, &rows).await?;
        add(&mut writing, Id::new(id), plan.meters, now).await?;
        let begun = writing.row::<Row>(OF_KEY, &key).await?;
        writing.commit().await?;
        begun.map(run).transpose()?.ok_or(StoreError::Refused(Refusal::NotThere))
    }

    /// The run of this scope, day and kind, if it was begun.
    ///
    /// # Errors
    /// As [`Self::begin_run`].
    pub async fn run_of(&self, scope: &str, day: Day, kind: RunKind) -> Result<Option<Run>, StoreError> {
        let mut reading = self.read("reading a run").await?;
        let row: Option<Row> = reading.row(OF_KEY, &[scope.into(), day.into(), kind.code().into()]).await?;
        row.map(run).transpose()
    }

    /// The run with this number.
    ///
    /// # Errors
    /// As [`Self::begin_run`].
    pub async fn run_with(&self, id: Id<Run>) -> Result<Option<Run>, StoreError> {
        let mut reading = self.read("reading a run").await?;
        let row: Option<Row> = reading.row(OF_ID, &[id.into()]).await?;
        row.map(run).transpose()
    }

    /// The newest runs, the last day first.
    ///
    /// # Errors
    /// As [`Self::begin_run`].
    pub async fn newest_runs(&self, at_most: u32) -> Result<Vec<Run>, StoreError> {
        let mut reading = self.read("reading the newest runs").await?;
        let rows: Vec<Row> = reading.rows(NEWEST, &[i64::from(at_most).into()]).await?;
        rows.into_iter().map(run).collect()
    }

    /// Runs before the one of a day with a number, the last day first, `most` at most.
    ///
    /// # Errors
    /// As [`Self::begin_run`].
    pub async fn runs_before(&self, (day, id): (i64, i64), most: u32) -> Result<Vec<Run>, StoreError> {
        let mut reading = self.read("reading runs").await?;
        let args = [day.into(), id.into(), i64::from(most).into()];
        let rows: Vec<Row> = reading.rows(BEFORE, &args).await?;
        rows.into_iter().map(run).collect()
    }

    /// The run with a number.
    ///
    /// # Errors
    /// As [`Self::begin_run`].
    pub async fn run(&self, id: Id<Run>) -> Result<Option<Run>, StoreError> {
        let mut reading = self.read("reading a run").await?;
        reading.row::<Row>(ONE, &[id.into()]).await?.map(run).transpose()
    }

    /// The runs that were begun and have not ended.
    ///
    /// # Errors
    /// As [`Self::begin_run`].
    pub async fn unfinished_runs(&self) -> Result<Vec<Run>, StoreError> {
        let mut reading = self.read("reading unfinished runs").await?;
        let rows: Vec<Row> = reading.rows(UNFINISHED, &[RunState::Running.code().into()]).await?;
        rows.into_iter().map(run).collect()
    }

    /// The last day up to this one in whose run some meter was read.
    ///
    /// # Errors
    /// As [`Self::begin_run`].
    pub async fn last_day_read(&self, up_to: Day) -> Result<Option<Day>, StoreError> {
        let mut reading = self.read("reading the last day that was read").await?;
        let row: Option<(i64,)> = reading.row(LAST_READ, &[up_to.into()]).await?;
        Ok(row.and_then(|(day,)| Day::from_number(day)))
    }

    /// The meters of a run, in the order of their numbers.
    ///
    /// # Errors
    /// As [`Self::begin_run`].
    pub async fn run_meters(&self, run: Id<Run>) -> Result<Vec<RunMeter>, StoreError> {
        let mut reading = self.read("reading the meters of a run").await?;
        let rows: Vec<MeterRow> = reading.rows(METERS, &[run.into()]).await?;
        rows.into_iter().map(|row| run_meter(run, row)).collect()
    }

    /// Ends a run: what is still waiting gets this cause. Says how it stands then.
    ///
    /// # Errors
    /// As [`Self::begin_run`].
    pub async fn end_run(
        &self,
        run: Id<Run>,
        cause_of_rest: MissingCause,
        now: Moment,
    ) -> Result<RunState, StoreError> {
        let mut writing = self.write("ending a run").await?;
        writing.execute(REST, &[run.into(), cause_of_rest.code().into(), now.into()]).await?;
        let (missing,): (i64,) = writing.row(COUNT_MISSING, &[run.into()]).await?.unwrap_or_default();
        let state = if missing == 0 { RunState::Done } else { RunState::Partial };
        writing.execute(END, &[run.into(), state.code().into(), now.into()]).await?;
        writing.commit().await?;
        Ok(state)
    }
}

/// Keeps what became of meters. What was read stays read.
pub(super) async fn save_outcomes(
    writing: &mut Transaction,
    outcomes: &[RunMeter],
    now: Moment,
) -> Result<(), StoreError> {
    let mut rows = Rows::new(&OUTCOME);
    for RunMeter { run, meter, outcome, detail, holes } in last_of_each(outcomes) {
        let (number, cause) = match outcome {
            RunOutcome::Waiting => (0_i64, None),
            RunOutcome::Read => (1, None),
            RunOutcome::Missing(cause) => (2, Some(cause.code())),
        };
        rows.push([
            meter.into(),
            run.into(),
            number.into(),
            cause.into(),
            detail.into(),
            holes.map(|(count, _)| i64::from(count)).into(),
            holes.and_then(|(_, cause)| cause).map(Coded::code).into(),
            now.into(),
        ]);
    }
    writing.insert(&OUTCOME, &rows).await?;
    Ok(())
}

/// What was said last of each meter of each run, since one statement may change a row once only. What was read, and the
/// holes that were counted, are not forgotten for something later.
fn last_of_each(outcomes: &[RunMeter]) -> impl Iterator<Item = RunMeter> {
    let mut last: BTreeMap<(i64, i64), RunMeter> = BTreeMap::new();
    for outcome in outcomes {
        let key = (outcome.run.number(), outcome.meter.number());
        let Some(earlier) = last.insert(key, outcome.clone()) else { continue };
        if let Some(merged) = last.get_mut(&key) {
            merged.holes = merged.holes.or(earlier.holes);
            if earlier.outcome.is_read() {
                (merged.outcome, merged.detail) = (earlier.outcome, earlier.detail);
            }
        }
    }
    last.into_values()
}

type Row = (i64, String, i64, i64, i64, i64, i64, i64, Option<i64>);
type MeterRow = (i64, i64, Option<i64>, Option<String>, Option<i64>, Option<i64>);

fn run(row: Row) -> Result<Run, StoreError> {
    let (id, scope, day, kind, state, planned, started_at, deadline, ended_at) = row;
    let day =
        Day::from_number(day).ok_or_else(|| StoreError::Unknown { list: "day", found: day.to_string() })?;
    Ok(Run {
        id: Id::new(id),
        scope,
        day,
        kind: code("run_kind", kind)?,
        state: code("run_state", state)?,
        planned: u32::try_from(planned).unwrap_or(u32::MAX),
        started_at: Moment::from_micros(started_at),
        deadline: Moment::from_micros(deadline),
        ended_at: ended_at.map(Moment::from_micros),
    })
}

fn run_meter(run: Id<Run>, row: MeterRow) -> Result<RunMeter, StoreError> {
    let (meter, outcome, cause, detail, holes, hole_cause) = row;
    let cause = cause.map(|cause| code("cause", cause)).transpose()?;
    let outcome = match (outcome, cause) {
        (0, _) => RunOutcome::Waiting,
        (1, _) => RunOutcome::Read,
        (_, Some(cause)) => RunOutcome::Missing(cause),
        (other, None) => return Err(StoreError::Unknown { list: "run outcome", found: other.to_string() }),
    };
    let hole_cause = hole_cause.map(|cause| code("cause", cause)).transpose()?;
    let holes = holes.map(|count| (u32::try_from(count).unwrap_or(u32::MAX), hole_cause));
    Ok(RunMeter { run, meter: Id::new(meter), outcome, detail, holes })
}

/// Takes a run that was begun up again: with the meters that came to the site since, and anew when there is something left
/// to be read.
async fn go_on(
    writing: &mut Transaction,
    begun: Run,
    plan: &RunPlan<'_>,
    now: Moment,
) -> Result<Run, StoreError> {
    let mut begun = begun;
    let new = add(writing, begun.id, plan.meters, now).await?;
    if new > 0 {
        begun.planned = begun.planned.saturating_add(u32::try_from(new).unwrap_or(u32::MAX));
        writing.execute(PLAN_MORE, &[begun.id.into(), i64::from(begun.planned).into()]).await?;
    }
    // One that was cut off and whose time is over has as long as one that is begun now.
    let was_cut_off = begun.state == RunState::Running && begun.deadline <= now;
    if was_cut_off || begun.state == RunState::Partial || (begun.state == RunState::Done && new > 0) {
        writing.execute(REOPEN, &[begun.id.into(), plan.deadline.into()]).await?;
        begun = Run { state: RunState::Running, deadline: plan.deadline, ended_at: None, ..begun };
    }
    Ok(begun)
}

/// Says how many were not there before.
async fn add(
    writing: &mut Transaction,
    run: Id<Run>,
    meters: &[Id<Meter>],
    now: Moment,
) -> Result<u64, StoreError> {
    let mut rows = Rows::new(&PLANNED);
    for meter in meters {
        rows.push([(*meter).into(), run.into(), now.into()]);
    }
    writing.insert(&PLANNED, &rows).await
}

const RUN: Table = Table {
    name: "run",
    columns: &[
        ("id", Kind::Int),
        ("scope", Kind::Text),
        ("day", Kind::Int),
        ("kind", Kind::Int),
        ("state", Kind::Int),
        ("planned", Kind::Int),
        ("started_at", Kind::Int),
        ("deadline", Kind::Int),
    ],
    on_conflict: "",
};

const PLANNED: Table = Table {
    name: "run_meter",
    columns: &[("meter_id", Kind::Int), ("run_id", Kind::Int), ("changed_at", Kind::Int)],
    on_conflict: "DO NOTHING",
};

const OUTCOME: Table = Table {
    name: "run_meter",
    columns: &[
        ("meter_id", Kind::Int),
        ("run_id", Kind::Int),
        ("outcome", Kind::Int),
        ("cause", Kind::Int),
        ("detail", Kind::Text),
        ("holes", Kind::Int),
        ("hole_cause", Kind::Int),
        ("changed_at", Kind::Int),
    ],
    on_conflict: "(meter_id, run_id) DO UPDATE SET \
        outcome = CASE WHEN run_meter.outcome = 1 THEN 1 ELSE excluded.outcome END, \
        cause = CASE WHEN run_meter.outcome = 1 THEN NULL ELSE excluded.cause END, \
        detail = CASE WHEN run_meter.outcome = 1 THEN run_meter.detail ELSE excluded.detail END, \
        holes = coalesce(excluded.holes, run_meter.holes), \
        hole_cause = CASE WHEN excluded.holes IS NULL THEN run_meter.hole_cause ELSE excluded.hole_cause END, \
        changed_at = excluded.changed_at",
};

const OF_KEY: &str = "SELECT id, scope, day, kind, state, planned, started_at, deadline, ended_at FROM run \
    WHERE scope = $1 AND day = $2 AND kind = $3";

const OF_ID: &str =
    "SELECT id, scope, day, kind, state, planned, started_at, deadline, ended_at FROM run WHERE id = $1";

const NEWEST: &str = "SELECT id, scope, day, kind, state, planned, started_at, deadline, ended_at FROM run \
    ORDER BY day DESC, started_at DESC LIMIT $1";

const BEFORE: &str = "SELECT id, scope, day, kind, state, planned, started_at, deadline, ended_at FROM run \
    WHERE (day, id) < ($1, $2) ORDER BY day DESC, id DESC LIMIT $3";

const ONE: &str =
    "SELECT id, scope, day, kind, state, planned, started_at, deadline, ended_at FROM run WHERE id = $1";

const UNFINISHED: &str = "SELECT id, scope, day, kind, state, planned, started_at, deadline, ended_at FROM run \
    WHERE state = $1 ORDER BY day, id";

const LAST_READ: &str = "SELECT day FROM run r WHERE day <= $1 \
    AND EXISTS (SELECT 1 FROM run_meter m WHERE m.run_id = r.id AND m.outcome = 1) ORDER BY day DESC LIMIT 1";

const REOPEN: &str = "UPDATE run SET state = 1, deadline = $2, ended_at = NULL WHERE id = $1";

const PLAN_MORE: &str = "UPDATE run SET planned = $2 WHERE id = $1";

const METERS: &str = "SELECT meter_id, outcome, cause, detail, holes, hole_cause FROM run_meter WHERE run_id = $1 ORDER BY meter_id";

const REST: &str =
    "UPDATE run_meter SET outcome = 2, cause = $2, changed_at = $3 WHERE run_id = $1 AND outcome = 0";

const COUNT_MISSING: &str = "SELECT count(*) FROM run_meter WHERE run_id = $1 AND outcome <> 1";

const END: &str = "UPDATE run SET state = $2, ended_at = $3 WHERE id = $1";
