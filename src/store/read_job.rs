//! Jobs of on-demand reads and the meters in them: what a service that was killed goes on with, and what each ended as.
//!
//! What has ended stays as it is: whoever comes later changes nothing. A job ends in the transaction in which the last of
//! its meters does (I19). What the meters said is in [`super::read_answer`].

use std::time::Duration;

use super::clock_step::surely_past;
use super::error::{Refusal, StoreError};
use super::sql::{Cell, Dialect, Kind, Rows, Sql, Table};
use super::transaction::Transaction;
use super::view::areas;
use super::{Store, audit, code};
use crate::domain::access::{Account, Acting, Regions};
use crate::domain::{
    AuditEntry, Coded, Id, Meter, MeterRead, MissingCause, Moment, ReadGroup, ReadJob, ReadState,
};
use dlt645::address::MeterAddress;

/// A job to be begun.
#[derive(Clone, Debug)]
pub struct NewReads<'a> {
    /// Who asks.
    pub by: &'a Acting,
    /// The name the asker gives the job: the same again is the same job.
    pub key: Option<&'a str>,
    /// What is asked, so that something else under the same key is found out.
    pub fingerprint: &'a str,
    /// What is read.
    pub groups: &'a [ReadGroup],
    /// Of which meters, each once.
    pub meters: &'a [(Id<Meter>, MeterAddress)],
    /// Nothing is asked from then on.
    pub expires_at: Moment,
    /// So many meters may wait in all jobs together.
    pub most_waiting: u32,
}

/// What became of a job that was to be begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// It is there now.
    New(ReadJob),
    /// The same account asked for the same under this key before.
    Same(ReadJob),
    /// The same account asked for something else under this key.
    OtherUnderKey,
    /// Too many meters wait already.
    Busy,
}

impl Store {
    /// Begins a job, or gives the one that the same account asked for under the same key.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn submit_reads(&self, new: &NewReads<'_>, now: Moment) -> Result<Submitted, StoreError> {
        let mut writing = self.write("beginning an on-demand read").await?;
        if writing.dialect() == Dialect::Postgres {
            writing.execute("LOCK TABLE read_job IN SHARE ROW EXCLUSIVE MODE", &[]).await?;
        }
        let account = new.by.account.into();
        if let Some(key) = new.key
            && let Some((id, fingerprint)) =
                writing.row::<(i64, String)>(OF_KEY, &[account, key.into()]).await?
        {
            let is_same = fingerprint == new.fingerprint;
            let job = one(&mut writing, Id::new(id)).await?;
            return Ok(job.filter(|_| is_same).map_or(Submitted::OtherUnderKey, Submitted::Same));
        }
        let (waiting,): (i64,) = writing.row(ALL_WAITING, &[]).await?.unwrap_or_default();
        let count = i64::try_from(new.meters.len()).unwrap_or(i64::MAX);
        if waiting.saturating_add(count) > i64::from(new.most_waiting) {
            return Ok(Submitted::Busy);
        }
        let id = Id::new(self.numbers.next(now));
        add(&mut writing, id, new, now).await?;
        let job = one(&mut writing, id).await?.ok_or(StoreError::Refused(Refusal::NotThere))?;
        audit::append(&mut writing, &submitted(new, id, now)).await?;
        writing.commit().await?;
        Ok(Submitted::New(job))
    }

    /// Ends a meter of a job as `state`, for this cause. Gives the job as it stands then; `None` when the meter had ended.
    ///
    /// # Errors
    /// As [`Self::submit_reads`].
    pub async fn end_read(
        &self,
        job: Id<ReadJob>,
        meter: Id<Meter>,
        (state, missing): (ReadState, Option<&(MissingCause, String)>),
        now: Moment,
    ) -> Result<Option<ReadJob>, StoreError> {
        let mut writing = self.write("ending an on-demand read").await?;
        let (cause, detail) = missing.map(|(cause, detail)| (cause.code(), detail.as_str())).unzip();
        let args = [job.into(), meter.into(), state.code().into(), cause.into(), detail.into(), now.into()];
        let ended = writing.execute(END_ONE, &args).await?;
        if ended == 0 {
            return Ok(None);
        }
        let job = fewer(&mut writing, job, ended, now).await?;
        writing.commit().await?;
        Ok(job)
    }

    /// Ends all meters of a job that have not ended: taken back by somebody, or because its time is over. Of a meter that
    /// has answered something that stays. Gives the job as it stands then; `None` when it had ended.
    ///
    /// # Errors
    /// As [`Self::submit_reads`].
    pub async fn end_reads(
        &self,
        job: Id<ReadJob>,
        cancelled_by: Option<&Acting>,
        now: Moment,
    ) -> Result<Option<ReadJob>, StoreError> {
        let mut writing = self.write("ending on-demand reads").await?;
        let (state, cause) = match cancelled_by {
            Some(_) => (ReadState::Cancelled, MissingCause::Stopped),
            None => (ReadState::Expired, MissingCause::OutOfTime),
        };
        let of_answered = if cancelled_by.is_some() { ReadState::Cancelled } else { ReadState::Partly };
        let args =
            [job.into(), state.code().into(), of_answered.code().into(), cause.code().into(), now.into()];
        let ended = writing.execute(END_ALL, &args).await?;
        if ended == 0 {
            return Ok(None);
        }
        let job = fewer(&mut writing, job, ended, now).await?;
        if let (Some(by), Some(job)) = (cancelled_by, &job) {
            let entry = AuditEntry::by(by, now, "read.cancel", format!("read job {}", job.id));
            audit::append(&mut writing, &entry).await?;
        }
        writing.commit().await?;
        Ok(job)
    }

    /// A job.
    ///
    /// # Errors
    /// As [`Self::submit_reads`].
    pub async fn read_job(&self, id: Id<ReadJob>) -> Result<Option<ReadJob>, StoreError> {
        one(&mut self.read("reading an on-demand read").await?, id).await
    }

    /// Jobs with numbers below `before`, the newest first, `most` at most; with an account, only those that it asked for.
    ///
    /// # Errors
    /// As [`Self::submit_reads`].
    pub async fn read_jobs(
        &self,
        account: Option<Id<Account>>,
        before: i64,
        most: u32,
    ) -> Result<Vec<ReadJob>, StoreError> {
        let mut reading = self.read("reading on-demand reads").await?;
        let most = i64::from(most).into();
        let rows: Vec<Row> = match account {
            Some(account) => reading.rows(NEWEST_OF, &[account.into(), before.into(), most]).await?,
            None => reading.rows(NEWEST, &[before.into(), most]).await?,
        };
        rows.into_iter().map(job).collect()
    }

    /// Jobs that have not ended, the oldest first.
    ///
    /// # Errors
    /// As [`Self::submit_reads`].
    pub async fn unfinished_reads(&self) -> Result<Vec<ReadJob>, StoreError> {
        let mut reading = self.read("reading unfinished on-demand reads").await?;
        let rows: Vec<Row> = reading.rows(UNFINISHED, &[]).await?;
        rows.into_iter().map(job).collect()
    }

    /// The meters of a job with numbers above `after`, in the order of their numbers, `most` at most.
    ///
    /// # Errors
    /// As [`Self::submit_reads`].
    pub async fn meters_of_read(
        &self,
        job: Id<ReadJob>,
        after: i64,
        most: u32,
    ) -> Result<Vec<MeterRead>, StoreError> {
        let mut reading = self.read("reading the meters of an on-demand read").await?;
        let args = [job.into(), after.into(), i64::from(most).into()];
        let rows: Vec<MeterRow> = reading.rows(METERS, &args).await?;
        rows.into_iter().map(meter_read).collect()
    }

    /// The same of the meters that were within the regions when the job was asked for.
    ///
    /// # Errors
    /// As [`Self::submit_reads`].
    pub async fn meters_of_read_within(
        &self,
        job: Id<ReadJob>,
        regions: &Regions,
        (after, most): (i64, u32),
    ) -> Result<Vec<MeterRead>, StoreError> {
        let mut reading = self.read("reading the meters of an on-demand read").await?;
        let args = [job.into(), after.into(), i64::from(most).into(), areas(regions).into()];
        let rows: Vec<MeterRow> = reading.rows(METERS_WITHIN, &args).await?;
        rows.into_iter().map(meter_read).collect()
    }

    /// The jobs with this meter below `before`, the newest first, with what became of the meter in them.
    ///
    /// # Errors
    /// As [`Self::submit_reads`].
    pub async fn reads_of_meter(
        &self,
        meter: Id<Meter>,
        before: i64,
        most: u32,
    ) -> Result<Vec<(Id<ReadJob>, MeterRead)>, StoreError> {
        let mut reading = self.read("reading the on-demand reads of a meter").await?;
        let args = [meter.into(), before.into(), i64::from(most).into()];
        let rows: Vec<MeterOfJobRow> = reading.rows(OF_METER, &args).await?;
        let of_job = |(job, meter, address, state, cause, detail, changed_at)| {
            Ok((Id::new(job), meter_read((meter, address, state, cause, detail, changed_at))?))
        };
        rows.into_iter().map(of_job).collect()
    }

    /// Forgets jobs that ended longer ago than they are kept, `most` at a time; says how many. A clock that runs ahead lets none
    /// go (F33).
    ///
    /// # Errors
    /// As [`Self::submit_reads`].
    pub async fn forget_reads(&self, now: Moment, kept: Duration, most: u32) -> Result<u64, StoreError> {
        let mut writing = self.write("forgetting on-demand reads").await?;
        let Some(past) = surely_past(&mut writing, NEWEST_MADE, now).await? else { return Ok(0) };
        let before = past.minus(kept);
        let old: Vec<(i64,)> = writing.rows(OLD, &[before.into(), i64::from(most).into()]).await?;
        let arg = [Cell::from(writing.dialect().array(old.iter().map(|(id,)| Some(*id))))];
        for forget in FORGET {
            writing.execute(forget, &arg).await?;
        }
        writing.commit().await?;
        Ok(u64::try_from(old.len()).unwrap_or(0))
    }
}

/// Whether a meter of a job has not ended; nobody ends it until this transaction is over.
pub(super) async fn is_waiting(
    writing: &mut Transaction,
    job: Id<ReadJob>,
    meter: Id<Meter>,
) -> Result<bool, StoreError> {
    let row: Option<(i64,)> = writing.row(STATE, &[job.into(), meter.into()]).await?;
    Ok(row.is_some_and(|(state,)| state == ReadState::Waiting.code()))
}

async fn add(
    writing: &mut Transaction,
    id: Id<ReadJob>,
    new: &NewReads<'_>,
    now: Moment,
) -> Result<(), StoreError> {
    let count = i64::try_from(new.meters.len()).unwrap_or(i64::MAX);
    let groups = new.groups.iter().map(|group| group.code().to_string()).collect::<Vec<_>>().join(",");
    let mut rows = Rows::new(&JOB);
    rows.push([
        id.into(),
        new.by.account.into(),
        new.by.name.as_str().into(),
        new.key.into(),
        new.fingerprint.into(),
        groups.into(),
        ReadState::Waiting.code().into(),
        count.into(),
        count.into(),
        now.into(),
        new.expires_at.into(),
    ]);
    writing.insert(&JOB, &rows).await?;
    let mut rows = Rows::new(&METER);
    for (meter, address) in new.meters {
        let state = ReadState::Waiting.code().into();
        rows.push([id.into(), (*meter).into(), address.to_string().into(), state, now.into()]);
    }
    writing.insert(&METER, &rows).await?;
    Ok(())
}

fn submitted(new: &NewReads<'_>, id: Id<ReadJob>, now: Moment) -> AuditEntry {
    let groups: Vec<&str> = new.groups.iter().map(|group| group.name()).collect();
    let addresses: Vec<String> =
        new.meters.iter().take(NAMED).map(|(_, address)| address.to_string()).collect();
    let detail = serde_json::json!({ "groups": groups, "meters": new.meters.len(), "addresses": addresses });
    AuditEntry::by(new.by, now, "read.submit", format!("read job {id}")).saying(detail.to_string())
}

/// Counts meters of a job that have just ended, and ends the job with the last of them.
async fn fewer(
    writing: &mut Transaction,
    id: Id<ReadJob>,
    ended: u64,
    now: Moment,
) -> Result<Option<ReadJob>, StoreError> {
    let ended = i64::try_from(ended).unwrap_or(i64::MAX);
    let left: Option<(i64,)> = writing.row(FEWER, &[id.into(), ended.into()]).await?;
    if left == Some((0,)) {
        let states: Vec<(i64,)> = writing.rows(STATES, &[id.into()]).await?;
        let states: Result<Vec<ReadState>, _> =
            states.into_iter().map(|(state,)| code("read_state", state)).collect();
        let state = ReadState::of_meters(&states?);
        writing.execute(END_JOB, &[id.into(), state.code().into(), now.into()]).await?;
    }
    one(writing, id).await
}

async fn one(reading: &mut Transaction, id: Id<ReadJob>) -> Result<Option<ReadJob>, StoreError> {
    reading.row::<Row>(ONE, &[id.into()]).await?.map(job).transpose()
}

type Row = (i64, i64, String, String, i64, i64, i64, i64, i64, Option<i64>);
type MeterRow = (i64, String, i64, Option<i64>, Option<String>, i64);
/// The number of the job, and the meter.
type MeterOfJobRow = (i64, i64, String, i64, Option<i64>, Option<String>, i64);

fn job(row: Row) -> Result<ReadJob, StoreError> {
    let (id, account, asked_by, groups, state, meters, waiting, created_at, expires_at, ended_at) = row;
    let group = |text: &str| {
        let number = text.parse().unwrap_or(-1);
        code::<ReadGroup>("read_group", number)
    };
    Ok(ReadJob {
        id: Id::new(id),
        account: Id::new(account),
        asked_by,
        groups: groups.split(',').map(group).collect::<Result<_, _>>()?,
        state: code("read_state", state)?,
        meters: u32::try_from(meters).unwrap_or(u32::MAX),
        waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
        created_at: Moment::from_micros(created_at),
        expires_at: Moment::from_micros(expires_at),
        ended_at: ended_at.map(Moment::from_micros),
    })
}

fn meter_read((meter, address, state, cause, detail, changed_at): MeterRow) -> Result<MeterRead, StoreError> {
    let address =
        address.parse().map_err(|_| StoreError::Unknown { list: "address", found: address.clone() })?;
    Ok(MeterRead {
        meter: Id::new(meter),
        address,
        state: code("read_state", state)?,
        cause: cause.map(|cause| code("cause", cause)).transpose()?,
        detail,
        changed_at: Moment::from_micros(changed_at),
    })
}

/// So many meters are named in the audit log; all of them stand in the job.
const NAMED: usize = 20;

const JOB: Table = Table {
    name: "read_job",
    columns: &[
        ("id", Kind::Int),
        ("account_id", Kind::Int),
        ("asked_by", Kind::Text),
        ("idempotency_key", Kind::Text),
        ("fingerprint", Kind::Text),
        ("read_groups", Kind::Text),
        ("state", Kind::Int),
        ("meters", Kind::Int),
        ("waiting", Kind::Int),
        ("created_at", Kind::Int),
        ("expires_at", Kind::Int),
    ],
    on_conflict: "",
};

const METER: Table = Table {
    name: "read_meter",
    columns: &[
        ("job_id", Kind::Int),
        ("meter_id", Kind::Int),
        ("address", Kind::Text),
        ("state", Kind::Int),
        ("changed_at", Kind::Int),
    ],
    on_conflict: "",
};

const OF_KEY: &str = "SELECT id, fingerprint FROM read_job WHERE account_id = $1 AND idempotency_key = $2";

const ALL_WAITING: &str =
    "SELECT CAST(coalesce(sum(waiting), 0) AS bigint) FROM read_job WHERE ended_at IS NULL";

const ONE: &str = "SELECT id, account_id, asked_by, read_groups, state, meters, waiting, created_at, expires_at, ended_at \
    FROM read_job WHERE id = $1";

const NEWEST: &str = "SELECT id, account_id, asked_by, read_groups, state, meters, waiting, created_at, expires_at, ended_at \
    FROM read_job WHERE id < $1 ORDER BY id DESC LIMIT $2";

const NEWEST_OF: &str = "SELECT id, account_id, asked_by, read_groups, state, meters, waiting, created_at, expires_at, \
    ended_at FROM read_job WHERE account_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";

const UNFINISHED: &str = "SELECT id, account_id, asked_by, read_groups, state, meters, waiting, created_at, expires_at, \
    ended_at FROM read_job WHERE ended_at IS NULL ORDER BY id";

const METERS: &str = "SELECT meter_id, address, state, cause, detail, changed_at FROM read_meter \
    WHERE job_id = $1 AND meter_id > $2 ORDER BY meter_id LIMIT $3";

/// A meter was where it measured then, whatever became of it since.
const METERS_WITHIN: &str = "SELECT r.meter_id, r.address, r.state, r.cause, r.detail, r.changed_at FROM read_meter r \
    JOIN read_job j ON j.id = r.job_id WHERE r.job_id = $1 AND r.meter_id > $2 AND ($4 = '' OR EXISTS ( \
        SELECT 1 FROM installation i JOIN metering_point p ON p.id = i.point_id WHERE i.meter_id = r.meter_id \
            AND i.installed_at <= j.created_at AND (i.removed_at IS NULL OR i.removed_at > j.created_at) \
            AND $4 LIKE '%,' || CAST(p.area_id AS text) || ',%')) \
    ORDER BY r.meter_id LIMIT $3";

const OF_METER: &str = "SELECT job_id, meter_id, address, state, cause, detail, changed_at FROM read_meter \
    WHERE meter_id = $1 AND job_id < $2 ORDER BY job_id DESC LIMIT $3";

const STATE: Sql = Sql {
    sqlite: "SELECT state FROM read_meter WHERE job_id = $1 AND meter_id = $2",
    postgres: "SELECT state FROM read_meter WHERE job_id = $1 AND meter_id = $2 FOR UPDATE",
};

const STATES: &str = "SELECT DISTINCT state FROM read_meter WHERE job_id = $1";

const END_ONE: &str = "UPDATE read_meter SET state = $3, cause = $4, detail = $5, changed_at = $6 \
    WHERE job_id = $1 AND meter_id = $2 AND state = 1";

const END_ALL: &str = "UPDATE read_meter SET cause = $4, changed_at = $5, state = CASE WHEN EXISTS ( \
        SELECT 1 FROM read_answer a WHERE a.job_id = read_meter.job_id AND a.meter_id = read_meter.meter_id \
            AND a.cause IS NULL) THEN $3 ELSE $2 END \
    WHERE job_id = $1 AND state = 1";

const FEWER: &str = "UPDATE read_job SET waiting = waiting - $2 WHERE id = $1 RETURNING waiting";

const END_JOB: &str = "UPDATE read_job SET state = $2, ended_at = $3 WHERE id = $1";

const NEWEST_MADE: &str = "SELECT max(created_at) FROM read_job WHERE created_at <= $1";

const OLD: &str = "SELECT id FROM read_job WHERE ended_at < $1 ORDER BY ended_at LIMIT $2";

const FORGET: [Sql; 3] = [
    Sql {
        sqlite: "DELETE FROM read_answer WHERE job_id IN (SELECT value FROM json_each($1))",
        postgres: "DELETE FROM read_answer WHERE job_id IN (SELECT unnest($1::bigint[]))",
    },
    Sql {
        sqlite: "DELETE FROM read_meter WHERE job_id IN (SELECT value FROM json_each($1))",
        postgres: "DELETE FROM read_meter WHERE job_id IN (SELECT unnest($1::bigint[]))",
    },
    Sql {
        sqlite: "DELETE FROM read_job WHERE id IN (SELECT value FROM json_each($1))",
        postgres: "DELETE FROM read_job WHERE id IN (SELECT unnest($1::bigint[]))",
    },
];
