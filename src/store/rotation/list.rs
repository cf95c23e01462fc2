//! Rotations as they are looked at: never a password, nor anything made of one.

use super::level_of;
use crate::domain::rotation::{Rotation, RotationState, RotationStep};
use crate::domain::{Id, Moment};
use crate::store::error::StoreError;
use crate::store::{Store, code};
use dlt645::password::Level;

/// A rotation as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationRecord {
    /// Its number.
    pub id: Id<Rotation>,
    /// Of which level.
    pub level: Level,
    /// Which meters were asked for, in words.
    pub selection: String,
    /// Why.
    pub reason: String,
    /// What became of it.
    pub state: RotationState,
    /// The person who asked for it.
    pub asked_by: i64,
    /// Their account.
    pub asked_as: String,
    /// When.
    pub asked_at: Moment,
    /// The account that approved or refused it.
    pub decided_as: Option<String>,
    /// When nothing was left of it, or it was broken off.
    pub ended_at: Option<Moment>,
    /// How many meters stand where.
    pub counts: Vec<(RotationStep, u64)>,
}

/// A meter of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationMeter {
    /// Its address (通信地址).
    pub address: String,
    /// Where it stands.
    pub step: RotationStep,
    /// How often the new password was sent.
    pub writes: i64,
    /// How often it was to be proven.
    pub proofs: i64,
    /// When something is due, while something is.
    pub next_at: Moment,
    /// Since when it stands there.
    pub changed_at: Moment,
    /// Why it cannot be rotated, or what it answered last: a short name.
    pub why: String,
}

impl Store {
    /// The newest rotations, `most` at most.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn rotations(&self, most: u32) -> Result<Vec<RotationRecord>, StoreError> {
        self.rotations_within(0, i64::MAX, most).await
    }

    /// A rotation.
    ///
    /// # Errors
    /// As [`Self::rotations`].
    pub async fn rotation(&self, id: Id<Rotation>) -> Result<Option<RotationRecord>, StoreError> {
        Ok(self.rotations_within(id.number(), id.number(), 1).await?.pop())
    }

    async fn rotations_within(
        &self,
        first: i64,
        last: i64,
        most: u32,
    ) -> Result<Vec<RotationRecord>, StoreError> {
        let mut reading = self.read("reading rotations of passwords").await?;
        let args = [first.into(), last.into(), i64::from(most).into()];
        let rows: Vec<Row> = reading.rows(NEWEST, &args).await?;
        let mut found = rows.into_iter().map(record).collect::<Result<Vec<_>, _>>()?;
        for record in &mut found {
            let counts: Vec<(i64, i64)> = reading.rows(COUNTS, &[record.id.into()]).await?;
            let counted = |(step, count): (i64, i64)| {
                Ok::<_, StoreError>((code("rotation_step", step)?, u64::try_from(count).unwrap_or(0)))
            };
            record.counts = counts.into_iter().map(counted).collect::<Result<_, _>>()?;
        }
        Ok(found)
    }

    /// The meters of a rotation by address, behind this one, `most` at most.
    ///
    /// # Errors
    /// As [`Self::rotations`].
    pub async fn rotation_meters(
        &self,
        id: Id<Rotation>,
        after: &str,
        most: u32,
    ) -> Result<Vec<RotationMeter>, StoreError> {
        let mut reading = self.read("reading the meters of a rotation").await?;
        let args = [id.into(), after.into(), i64::from(most).into()];
        let rows: Vec<(String, i64, i64, i64, i64, i64, String)> = reading.rows(METERS, &args).await?;
        let meter = |(address, step, writes, proofs, next_at, changed_at, why)| {
            Ok(RotationMeter {
                address,
                step: code("rotation_step", step)?,
                writes,
                proofs,
                next_at: Moment::from_micros(next_at),
                changed_at: Moment::from_micros(changed_at),
                why,
            })
        };
        rows.into_iter().map(meter).collect()
    }
}

type Row = (i64, i64, String, String, i64, i64, String, i64, Option<String>, Option<i64>);

fn record(row: Row) -> Result<RotationRecord, StoreError> {
    let (id, level, selection, reason, state, asked_by, asked_as, asked_at, decided_as, ended_at) = row;
    Ok(RotationRecord {
        id: Id::new(id),
        level: level_of(level)?,
        selection,
        reason,
        state: code("rotation_state", state)?,
        asked_by,
        asked_as,
        asked_at: Moment::from_micros(asked_at),
        decided_as,
        ended_at: ended_at.map(Moment::from_micros),
        counts: Vec::new(),
    })
}

const NEWEST: &str = "SELECT id, level, selection, reason, state, asked_by, asked_name, asked_at, decided_name, ended_at \
    FROM secret_rotation WHERE id >= $1 AND id <= $2 ORDER BY id DESC LIMIT $3";

const COUNTS: &str =
    "SELECT step, count(*) FROM secret_rotation_meter WHERE rotation_id = $1 GROUP BY step ORDER BY step";

const METERS: &str = "SELECT x.address, m.step, m.writes, m.proofs, m.next_at, m.changed_at, m.why \
    FROM secret_rotation_meter m JOIN meter x ON x.id = m.meter_id \
    WHERE m.rotation_id = $1 AND x.address > $2 ORDER BY x.address LIMIT $3";
