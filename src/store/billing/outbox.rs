//! The outbox: which version is with which receiver.
//!
//! A batch is leased, offered, and its receipts taken; a lease that runs out makes its rows wait again under the same
//! keys, so that whatever became of the batch, each takes effect once at a receiver that knows its keys. A version is
//! never leased while an earlier one is on its way, and no more once there is a later one.

use std::collections::HashMap;

use super::receiver::{note, rest_until};
use super::{DAMAGED, content, key, lock, numbers};
use crate::domain::{BillingContent, BillingKey, Coded, Moment};
use crate::store::Store;
use crate::store::damage::{self, Damage};
use crate::store::error::StoreError;
use crate::store::number::numbered_from;
use crate::store::partition::Large;
use crate::store::sql::{Kind, Rows, Sql, Table};
use crate::store::transaction::Transaction;

/// How far a version is with a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutboxState {
    /// It waits to be offered.
    Waiting,
    /// It is being offered; what became of it is not known yet.
    Leased,
    /// The receiver has said that it took it.
    Delivered,
    /// A later version took its place.
    Superseded,
    /// The receiver refused it; a person must look.
    Parked,
}

impl Coded for OutboxState {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Waiting, 1, "waiting"),
        (Self::Leased, 2, "leased"),
        (Self::Delivered, 3, "delivered"),
        (Self::Superseded, 4, "superseded"),
        (Self::Parked, 5, "parked"),
    ];
}

/// A version as a receiver is offered it; offered again, it is the same to the last byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRecord {
    /// The text under which it takes effect once.
    pub text: String,
    /// What it is of.
    pub key: BillingKey,
    /// Number of the point, as people know it.
    pub point_number: String,
    /// Which version.
    pub version: i64,
    /// What it says.
    pub content: BillingContent,
    /// How often it was offered, this time with it.
    pub tries: u32,
    /// The batch in which it was first offered: a number that rises and stays.
    pub batch: i64,
    /// The lease under which it is offered this time.
    pub lease: i64,
}

/// A batch that is nobody else's until its lease runs out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Shows that it is still ours.
    pub token: i64,
    /// In the order in which they are to be taken.
    pub records: Vec<OutboxRecord>,
}

/// What became of an offered version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LeaseEnd {
    /// The receiver took it, or had taken it before.
    Delivered,
    /// Not known to be taken: offer it again from then on.
    Again {
        /// From when on.
        next_at: Moment,
        /// Why.
        error: String,
    },
    /// The receiver refused it.
    Refused {
        /// Why.
        error: String,
    },
}

/// A row to be put into the outbox.
pub(super) struct Row {
    pub(super) numbers: [i64; 5],
    pub(super) text: String,
}

/// Puts versions in, in place of older ones that wait for the same receivers. What waits for one that is left out waits on:
/// nothing takes its place there.
pub(super) async fn put(
    writing: &mut Transaction,
    versions: &[Row],
    receivers: &[&str],
    now: Moment,
) -> Result<(), StoreError> {
    let later: Vec<[i64; 5]> =
        versions.iter().map(|row| row.numbers).filter(|[.., version]| *version > 1).collect();
    if !later.is_empty() {
        for receiver in receivers {
            replace(writing, &later, receiver, now).await?;
        }
    }
    let mut rows = Rows::new(&OUTBOX);
    for Row { numbers: [point, item, kind, at, version], text } in versions {
        for receiver in receivers {
            rows.push([
                (*point).into(),
                (*item).into(),
                (*kind).into(),
                (*at).into(),
                (*version).into(),
                (*receiver).into(),
                text.as_str().into(),
                OutboxState::Waiting.code().into(),
                now.into(),
                0.into(),
            ]);
        }
    }
    writing.insert(&OUTBOX, &rows).await?;
    Ok(())
}

/// Supersedes what waits, or is parked, for a receiver of earlier versions than these.
pub(super) async fn replace(
    writing: &mut Transaction,
    later: &[[i64; 5]],
    receiver: &str,
    now: Moment,
) -> Result<(), StoreError> {
    let mut args = writing.dialect().keys(later);
    args.extend([now.into(), receiver.into()]);
    writing.execute(REPLACED, &args).await?;
    Ok(())
}

impl Store {
    /// Leases at most so many versions for a receiver, until the given instant, the oldest days first. None that is not
    /// the newest, none before an earlier version of it is settled, and none while the receiver rests.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn lease_outbox(
        &self,
        receiver: &str,
        at_most: u32,
        until: Moment,
        now: Moment,
    ) -> Result<Lease, StoreError> {
        let mut writing = self.write("leasing a billing batch").await?;
        lock(&mut writing).await?;
        let token = self.numbers.next(now);
        if rest_until(&mut writing, receiver).await?.is_some_and(|until| until > now.micros()) {
            return Ok(Lease { token, records: Vec::new() });
        }
        loop {
            let args = [receiver.into(), now.into(), i64::from(at_most).into()];
            let rows: Vec<RecordRow> = writing.rows(READY, &args).await?;
            let (newest, old): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(.., later)| *later == 0);
            // What was on its way when a later version came.
            let key = |(point, item, kind, at, version, ..): RecordRow| [point, item, kind, at, version];
            let old: Vec<[i64; 5]> = old.into_iter().map(key).collect();
            if !old.is_empty() {
                let mut args = writing.dialect().keys(&old);
                args.extend([receiver.into(), now.into()]);
                writing.execute(SUPERSEDED, &args).await?;
                if newest.is_empty() {
                    continue;
                }
            }
            let records = newest.into_iter().map(|row| record(row, token)).collect::<Result<Vec<_>, _>>()?;
            let (records, spoilt): (Vec<_>, Vec<_>) =
                records.into_iter().partition(|record| record.content.lineage != DAMAGED);
            if !spoilt.is_empty() {
                set_aside(&mut writing, receiver, &spoilt, now).await?;
                if records.is_empty() {
                    continue;
                }
            }
            if !records.is_empty() {
                let keys: Vec<[i64; 5]> =
                    records.iter().map(|record| numbers(record.key, record.version)).collect();
                let mut args = writing.dialect().keys(&keys);
                args.extend([receiver.into(), token.into(), until.into()]);
                writing.execute(LEASED, &args).await?;
            }
            writing.commit().await?;
            return Ok(Lease { token, records });
        }
    }

    /// Takes what became of leased versions. What is no longer under this lease stays as it is; says how many were
    /// delivered.
    ///
    /// # Errors
    /// As [`Self::lease_outbox`]; then they are offered again when the lease has run out.
    pub async fn end_lease(
        &self,
        receiver: &str,
        token: i64,
        ends: &[(BillingKey, i64, LeaseEnd)],
        now: Moment,
    ) -> Result<u64, StoreError> {
        let mut writing = self.write("taking receipts of billing").await?;
        lock(&mut writing).await?;
        note(&mut writing, receiver, ends, now).await?;
        let mut alike: HashMap<&LeaseEnd, Vec<[i64; 5]>> = HashMap::new();
        for (key, version, end) in ends {
            alike.entry(end).or_default().push(numbers(*key, *version));
        }
        let mut delivered = 0;
        for (end, keys) in alike {
            let mut args = writing.dialect().keys(&keys);
            args.extend([receiver.into(), token.into()]);
            let (state, next_at, error) = match end {
                LeaseEnd::Delivered => {
                    args.push(now.into());
                    delivered = writing.execute(TAKEN, &args).await?;
                    continue;
                }
                LeaseEnd::Again { next_at, error } => (OutboxState::Waiting, *next_at, error),
                LeaseEnd::Refused { error } => (OutboxState::Parked, now, error),
            };
            args.extend([state.code().into(), next_at.into(), error.as_str().into()]);
            writing.execute(NOT_TAKEN, &args).await?;
        }
        writing.commit().await?;
        Ok(delivered)
    }

    /// When the next version for a receiver is to be offered; `None` when none waits.
    ///
    /// # Errors
    /// As [`Self::lease_outbox`].
    pub async fn next_outbox(&self, receiver: &str) -> Result<Option<Moment>, StoreError> {
        let mut reading = self.read("reading the outbox").await?;
        let next: Option<(Option<i64>,)> = reading.row(NEXT, &[receiver.into()]).await?;
        let rest = rest_until(&mut reading, receiver).await?;
        let next = next.and_then(|(next,)| next);
        Ok(next.map(|next| Moment::from_micros(rest.map_or(next, |rest| rest.max(next)))))
    }

    /// How many versions are with a receiver, by state.
    ///
    /// # Errors
    /// As [`Self::lease_outbox`].
    pub async fn outbox_counts(&self, receiver: &str) -> Result<Vec<(OutboxState, u64)>, StoreError> {
        let mut reading = self.read("counting the outbox").await?;
        let rows: Vec<(i64, i64)> = reading.rows(COUNTS, &[receiver.into()]).await?;
        let count = |(state, count)| {
            Ok((crate::store::code("outbox_state", state)?, u64::try_from(count).unwrap_or(0)))
        };
        rows.into_iter().map(count).collect()
    }
}

impl Store {
    /// How many versions each receiver has refused that wait for a person; receivers without any are left out.
    ///
    /// # Errors
    /// As [`Self::lease_outbox`].
    pub async fn parked_billing(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let mut reading = self.read("counting what billing refused").await?;
        let rows: Vec<(String, i64)> = reading.rows(PARKED, &[]).await?;
        let count = |(receiver, count)| (receiver, u64::try_from(count).unwrap_or(0));
        Ok(rows.into_iter().map(count).collect())
    }
}

impl Store {
    /// How many versions each receiver was offered first before an instant and has not settled yet; receivers without any
    /// are left out.
    ///
    /// # Errors
    /// As [`Self::lease_outbox`].
    pub async fn billing_offered_before(&self, at: Moment) -> Result<Vec<(String, u64)>, StoreError> {
        let mut reading = self.read("counting what billing leaves untaken").await?;
        let rows: Vec<(String, i64)> = reading.rows(OFFERED_BEFORE, &[numbered_from(at).into()]).await?;
        let count = |(receiver, count)| (receiver, u64::try_from(count).unwrap_or(0));
        Ok(rows.into_iter().map(count).collect())
    }
}

type RecordRow = (
    i64,
    i64,
    i64,
    i64,
    i64,
    String,
    i64,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    String,
    String,
    Option<i64>,
    Option<i64>,
    i64,
);

/// Versions that are not as they were written are offered to nobody (F42): they are parked, and what they say is computed anew
/// from the readings.
async fn set_aside(
    writing: &mut Transaction,
    receiver: &str,
    spoilt: &[OutboxRecord],
    now: Moment,
) -> Result<(), StoreError> {
    let keys: Vec<[i64; 5]> = spoilt.iter().map(|record| numbers(record.key, record.version)).collect();
    let mut args = writing.dialect().keys(&keys);
    args.push(receiver.into());
    writing.execute(SPOILT, &args).await?;
    let ends: Vec<[i64; 2]> = spoilt
        .iter()
        .map(|OutboxRecord { key, .. }| [key.point.number(), key.day.start().micros()])
        .collect();
    let args = writing.dialect().keys(&ends);
    writing.execute(DUE_AGAIN, &args).await?;
    let damaged = |OutboxRecord { key, .. }: &OutboxRecord| Damage {
        table: Large::BillingValues,
        day: key.day,
        of: key.point.number(),
    };
    damage::tell(writing, &spoilt.iter().map(damaged).collect::<Vec<_>>(), now).await
}

/// What is offered under a lease; its first batch is that of the lease where it had none.
fn record(row: RecordRow, token: i64) -> Result<OutboxRecord, StoreError> {
    let (point, item, kind, at, version, text, tries, value, quality, read_at, lineage, number, ..) = row;
    let (.., batch, seal, _) = row;
    let numbers = (point, item, kind, at, version);
    let (key, version) = key(numbers)?;
    let content = content(numbers, [value, quality, read_at], lineage, seal)?;
    let tries = u32::try_from(tries + 1).unwrap_or(u32::MAX);
    let batch = batch.unwrap_or(token);
    Ok(OutboxRecord { text, key, point_number: number, version, content, tries, batch, lease: token })
}

/// The number of a batch tells when it was first offered.
const OFFERED_BEFORE: &str = "SELECT receiver, count(*) FROM outbox \
    WHERE state IN (1, 2) AND batch < $1 GROUP BY receiver ORDER BY receiver";

const OUTBOX: Table = Table {
    name: "outbox",
    columns: &[
        ("point_id", Kind::Int),
        ("item", Kind::Int),
        ("kind", Kind::Int),
        ("at", Kind::Int),
        ("version", Kind::Int),
        ("receiver", Kind::Text),
        ("key", Kind::Text),
        ("state", Kind::Int),
        ("next_at", Kind::Int),
        ("tries", Kind::Int),
    ],
    on_conflict: "",
};

/// Earlier versions that wait or are parked. What is leased is known only when its lease has ended.
const REPLACED: Sql = Sql {
    sqlite: "UPDATE outbox SET state = 4, done_at = $2 FROM json_each($1) k \
        WHERE outbox.point_id = k.value ->> 0 AND outbox.item = k.value ->> 1 AND outbox.kind = k.value ->> 2 \
            AND outbox.at = k.value ->> 3 AND outbox.version < k.value ->> 4 AND outbox.receiver = $3 \
            AND outbox.state IN (1, 5)",
    postgres: "UPDATE outbox SET state = 4, done_at = $6 \
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) \
            AS k (point_id, item, kind, at, version) \
        WHERE outbox.point_id = k.point_id AND outbox.item = k.item AND outbox.kind = k.kind \
            AND outbox.at = k.at AND outbox.version < k.version AND outbox.receiver = $7 AND outbox.state IN (1, 5)",
};

const SUPERSEDED: Sql = Sql {
    sqlite: "UPDATE outbox SET state = 4, lease = NULL, done_at = $3 FROM json_each($1) k \
        WHERE outbox.point_id = k.value ->> 0 AND outbox.item = k.value ->> 1 AND outbox.kind = k.value ->> 2 \
            AND outbox.at = k.value ->> 3 AND outbox.version = k.value ->> 4 AND outbox.receiver = $2",
    postgres: "UPDATE outbox SET state = 4, lease = NULL, done_at = $7 \
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) \
            AS k (point_id, item, kind, at, version) \
        WHERE outbox.point_id = k.point_id AND outbox.item = k.item AND outbox.kind = k.kind \
            AND outbox.at = k.at AND outbox.version = k.version AND outbox.receiver = $6",
};

/// What may be offered, and how many later versions of it there are.
const READY: &str = "SELECT o.point_id, o.item, o.kind, o.at, o.version, o.key, o.tries, \
        b.value, b.quality, b.read_at, b.lineage, p.number, o.batch, b.seal, \
        (SELECT count(*) FROM outbox n WHERE n.point_id = o.point_id AND n.item = o.item AND n.kind = o.kind \
            AND n.at = o.at AND n.version > o.version AND n.receiver = o.receiver) \
    FROM (SELECT * FROM outbox c WHERE c.receiver = $1 AND c.state IN (1, 2) AND +c.next_at <= $2 \
            AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.point_id = c.point_id AND e.item = c.item \
                AND e.kind = c.kind AND e.at = c.at AND e.version < c.version AND e.receiver = c.receiver \
                AND e.state = 2 AND e.next_at > $2) \
        ORDER BY c.at LIMIT $3) o \
    JOIN billing_value b ON b.point_id = o.point_id AND b.item = o.item AND b.kind = o.kind AND b.at = o.at \
        AND b.version = o.version \
    JOIN metering_point p ON p.id = o.point_id \
    ORDER BY o.at, o.point_id, o.item, o.kind, o.version";

const LEASED: Sql = Sql {
    sqlite: "UPDATE outbox SET state = 2, lease = $3, next_at = $4, tries = tries + 1, \
            batch = coalesce(batch, $3) FROM json_each($1) k \
        WHERE outbox.point_id = k.value ->> 0 AND outbox.item = k.value ->> 1 AND outbox.kind = k.value ->> 2 \
            AND outbox.at = k.value ->> 3 AND outbox.version = k.value ->> 4 AND outbox.receiver = $2",
    postgres: "UPDATE outbox SET state = 2, lease = $7, next_at = $8, tries = tries + 1, \
            batch = coalesce(batch, $7) \
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) \
            AS k (point_id, item, kind, at, version) \
        WHERE outbox.point_id = k.point_id AND outbox.item = k.item AND outbox.kind = k.kind \
            AND outbox.at = k.at AND outbox.version = k.version AND outbox.receiver = $6",
};

const TAKEN: Sql = Sql {
    sqlite: "UPDATE outbox SET state = 3, lease = NULL, last_error = NULL, done_at = $4 FROM json_each($1) k \
        WHERE outbox.point_id = k.value ->> 0 AND outbox.item = k.value ->> 1 AND outbox.kind = k.value ->> 2 \
            AND outbox.at = k.value ->> 3 AND outbox.version = k.value ->> 4 AND outbox.receiver = $2 \
            AND outbox.state = 2 AND outbox.lease = $3",
    postgres: "UPDATE outbox SET state = 3, lease = NULL, last_error = NULL, done_at = $8 \
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) \
            AS k (point_id, item, kind, at, version) \
        WHERE outbox.point_id = k.point_id AND outbox.item = k.item AND outbox.kind = k.kind \
            AND outbox.at = k.at AND outbox.version = k.version AND outbox.receiver = $6 \
            AND outbox.state = 2 AND outbox.lease = $7",
};

const NOT_TAKEN: Sql = Sql {
    sqlite: "UPDATE outbox SET state = $4, lease = NULL, next_at = $5, last_error = $6 FROM json_each($1) k \
        WHERE outbox.point_id = k.value ->> 0 AND outbox.item = k.value ->> 1 AND outbox.kind = k.value ->> 2 \
            AND outbox.at = k.value ->> 3 AND outbox.version = k.value ->> 4 AND outbox.receiver = $2 \
            AND outbox.state = 2 AND outbox.lease = $3",
    postgres: "UPDATE outbox SET state = $8, lease = NULL, next_at = $9, last_error = $10 \
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) \
            AS k (point_id, item, kind, at, version) \
        WHERE outbox.point_id = k.point_id AND outbox.item = k.item AND outbox.kind = k.kind \
            AND outbox.at = k.at AND outbox.version = k.version AND outbox.receiver = $6 \
            AND outbox.state = 2 AND outbox.lease = $7",
};

const SPOILT: Sql = Sql {
    sqlite: "UPDATE outbox SET state = 5, lease = NULL, last_error = 'the kept value is damaged' FROM json_each($1) k \
        WHERE outbox.point_id = k.value ->> 0 AND outbox.item = k.value ->> 1 AND outbox.kind = k.value ->> 2 \
            AND outbox.at = k.value ->> 3 AND outbox.version = k.value ->> 4 AND outbox.receiver = $2",
    postgres: "UPDATE outbox SET state = 5, lease = NULL, last_error = 'the kept value is damaged' \
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) \
            AS k (point_id, item, kind, at, version) \
        WHERE outbox.point_id = k.point_id AND outbox.item = k.item AND outbox.kind = k.kind \
            AND outbox.at = k.at AND outbox.version = k.version AND outbox.receiver = $6",
};

/// The meters that measured these points at these instants.
const DUE_AGAIN: Sql = Sql {
    sqlite: "INSERT INTO billing_due (meter_id, as_of, notes) \
        SELECT DISTINCT n.meter_id, k.value ->> 1, 1 FROM json_each($1) k CROSS JOIN installation n \
        WHERE n.point_id = k.value ->> 0 AND n.installed_at <= k.value ->> 1 \
            AND (n.removed_at IS NULL OR n.removed_at >= k.value ->> 1) \
        ON CONFLICT (meter_id, as_of) DO UPDATE SET notes = billing_due.notes + 1",
    postgres: "INSERT INTO billing_due (meter_id, as_of, notes) \
        SELECT DISTINCT n.meter_id, k.at, 1 FROM unnest($1::bigint[], $2::bigint[]) AS k (point_id, at) \
        JOIN installation n ON n.point_id = k.point_id AND n.installed_at <= k.at \
            AND (n.removed_at IS NULL OR n.removed_at >= k.at) \
        ORDER BY 1, 2 \
        ON CONFLICT (meter_id, as_of) DO UPDATE SET notes = billing_due.notes + 1",
};

const NEXT: &str = "SELECT min(next_at) FROM outbox WHERE receiver = $1 AND state IN (1, 2)";

const PARKED: &str =
    "SELECT receiver, count(*) FROM outbox WHERE state = 5 GROUP BY receiver ORDER BY receiver";

/// Counted by triggers.
const COUNTS: &str = "SELECT state, CAST(sum(versions) AS bigint) FROM outbox_count \
    WHERE receiver = $1 AND versions > 0 GROUP BY state ORDER BY state";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Coded;

    #[test]
    fn codes_and_names_are_their_own() {
        for (place, (state, code, name)) in OutboxState::TABLE.iter().enumerate() {
            assert_eq!(i64::try_from(place).unwrap() + 1, *code);
            assert_eq!((state.code(), OutboxState::from_name(name)), (*code, Some(*state)));
        }
        assert_eq!(OutboxState::TABLE.len(), 5);
    }
}
