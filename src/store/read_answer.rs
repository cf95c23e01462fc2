//! What meters answered to on-demand reads. It belongs to its job alone: registers, curves and bills know nothing of it.

use super::error::StoreError;
use super::read_job::is_waiting;
use super::sql::{Kind, Rows, Table};
use super::{Store, code};
use crate::domain::{Coded, Id, Meter, MissingCause, Moment, ReadAnswer, ReadJob, ReadValue};

impl Store {
    /// Adds answers behind those that a meter of a job has; false when the meter had ended, and nothing was kept.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn add_read_answers(
        &self,
        job: Id<ReadJob>,
        meter: Id<Meter>,
        answers: &[ReadAnswer],
    ) -> Result<bool, StoreError> {
        let mut writing = self.write("keeping answers of an on-demand read").await?;
        if !is_waiting(&mut writing, job, meter).await? {
            return Ok(false);
        }
        let (last,): (i64,) = writing.row(LAST, &[job.into(), meter.into()]).await?.unwrap_or_default();
        let mut rows = Rows::new(&ANSWER);
        for (number, answer) in (last + 1..).zip(answers) {
            let content = serde_json::to_string(&answer.values).unwrap_or_default();
            let (cause, detail) =
                answer.missing.as_ref().map(|(cause, detail)| (cause.code(), detail.as_str())).unzip();
            rows.push([
                job.into(),
                meter.into(),
                number.into(),
                answer.group.code().into(),
                answer.data_id.as_str().into(),
                answer.given.map(|(from, _)| from.micros()).into(),
                answer.given.map(|(_, until)| until.micros()).into(),
                i64::from(answer.is_doubtful).into(),
                answer.frames.as_slice().into(),
                content.into(),
                cause.into(),
                detail.into(),
            ]);
        }
        writing.insert(&ANSWER, &rows).await?;
        writing.commit().await?;
        Ok(true)
    }

    /// The answers of a meter of a job, in the order in which they came.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn read_answers(
        &self,
        job: Id<ReadJob>,
        meter: Id<Meter>,
    ) -> Result<Vec<ReadAnswer>, StoreError> {
        let mut reading = self.read("reading answers of an on-demand read").await?;
        let rows: Vec<Row> = reading.rows(OF_METER, &[job.into(), meter.into()]).await?;
        rows.into_iter().map(answer).collect()
    }
}

type Row = (i64, String, Option<i64>, Option<i64>, i64, Vec<u8>, String, Option<i64>, Option<String>);

fn answer(row: Row) -> Result<ReadAnswer, StoreError> {
    let (group, data_id, from, until, is_doubtful, frames, content, cause, detail) = row;
    let mut values: Vec<ReadValue> = serde_json::from_str(&content)
        .map_err(|_| StoreError::Unknown { list: "values of an answer", found: content })?;
    // The first version kept the filling of what the meter marked as none.
    values.iter_mut().filter(|value| value.absent.is_some()).for_each(|value| value.value = None);
    let cause: Option<MissingCause> = cause.map(|cause| code("cause", cause)).transpose()?;
    Ok(ReadAnswer {
        group: code("read_group", group)?,
        data_id,
        given: from.map(Moment::from_micros).zip(until.map(Moment::from_micros)),
        is_doubtful: is_doubtful != 0,
        frames,
        values,
        missing: cause.map(|cause| (cause, detail.unwrap_or_default())),
    })
}

const ANSWER: Table = Table {
    name: "read_answer",
    columns: &[
        ("job_id", Kind::Int),
        ("meter_id", Kind::Int),
        ("number", Kind::Int),
        ("read_group", Kind::Int),
        ("data_id", Kind::Text),
        ("given_from", Kind::Int),
        ("given_until", Kind::Int),
        ("is_doubtful", Kind::Int),
        ("frames", Kind::Bytes),
        ("content", Kind::Text),
        ("cause", Kind::Int),
        ("detail", Kind::Text),
    ],
    on_conflict: "",
};

const LAST: &str = "SELECT coalesce(max(number), 0) FROM read_answer WHERE job_id = $1 AND meter_id = $2";

const OF_METER: &str = "SELECT read_group, data_id, given_from, given_until, is_doubtful, frames, content, cause, detail \
    FROM read_answer WHERE job_id = $1 AND meter_id = $2 ORDER BY number";
