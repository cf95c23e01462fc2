//! Who is given billing values: known by name, what waits for each, and how it went last.

use super::outbox::{self, LeaseEnd, OutboxState};
use super::{KeyRow, lock};
use crate::domain::access::Acting;
use crate::domain::{AuditEntry, BillingKey, Day, Moment};
use crate::store::audit;
use crate::store::error::StoreError;
use crate::store::sql::Sql;
use crate::store::transaction::Transaction;
use crate::store::view::areas;
use crate::store::{Store, code};

/// A receiver, and how it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverStatus {
    /// Its name.
    pub name: String,
    /// What it is: `ledger`, `http`, `csv`; empty for one that was never introduced.
    pub kind: String,
    /// Whether the configuration names it; what waits for one that it does not name waits for ever.
    pub is_configured: bool,
    /// Versions that wait, those that are being offered among them.
    pub waiting: u64,
    /// Versions it took.
    pub delivered: u64,
    /// Versions that a later one replaced before they were taken.
    pub superseded: u64,
    /// Versions it refused, which wait for a person.
    pub parked: u64,
    /// The earliest day of which something waits.
    pub oldest_waiting: Option<Day>,
    /// When it last took something.
    pub last_success: Option<Moment>,
    /// When it last did not take something, and what was said then.
    pub last_error: Option<(Moment, String)>,
}

impl ReceiverStatus {
    /// One that the configuration names and that was never used.
    #[must_use]
    pub fn unused(name: &str, kind: &str) -> Self {
        let row = (name.to_owned(), kind.to_owned(), 1, None, None, None);
        status(row)
    }
}

/// Which refused versions are offered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryKeys<'a> {
    /// All of them.
    All,
    /// That of this key.
    One(&'a str),
}

impl Store {
    /// Makes receivers known, each with its kind, and says of those that are not named here that they are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn know_receivers(&self, named: &[(&str, &str)], now: Moment) -> Result<(), StoreError> {
        let mut writing = self.write("making receivers of billing known").await?;
        for (name, kind) in named {
            writing.execute(KNOWN, &[(*name).into(), (*kind).into(), now.into()]).await?;
        }
        let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
        let names = serde_json::Value::from(names).to_string();
        writing.execute(LEFT_OUT, &[names.into()]).await?;
        writing.commit().await
    }

    /// The first day whose older versions a receiver was given; `None` while it was given none.
    ///
    /// # Errors
    /// As [`Self::know_receivers`].
    pub async fn filled_from(&self, receiver: &str) -> Result<Option<Day>, StoreError> {
        let mut reading = self.read("reading what a receiver was given").await?;
        let ask = "SELECT filled_from FROM billing_receiver WHERE name = $1";
        let row: Option<(Option<i64>,)> = reading.row(ask, &[receiver.into()]).await?;
        Ok(row.and_then(|(day,)| day).and_then(Day::from_number))
    }

    /// Notes that a receiver was given the older versions from a day on.
    ///
    /// # Errors
    /// As [`Self::know_receivers`].
    pub async fn note_filled(&self, receiver: &str, from: Day) -> Result<(), StoreError> {
        let mut writing = self.write("noting what a receiver was given").await?;
        let note = "UPDATE billing_receiver SET filled_from = $2 WHERE name = $1";
        writing.execute(note, &[receiver.into(), from.into()]).await?;
        writing.commit().await
    }

    /// Whether a receiver was left out since it was last given what it had missed.
    ///
    /// # Errors
    /// As [`Self::know_receivers`].
    pub async fn was_left_out(&self, receiver: &str) -> Result<bool, StoreError> {
        let mut reading = self.read("reading whether a receiver was left out").await?;
        let ask = "SELECT was_left_out FROM billing_receiver WHERE name = $1";
        let row: Option<(i64,)> = reading.row(ask, &[receiver.into()]).await?;
        Ok(row.is_some_and(|(was_left_out,)| was_left_out != 0))
    }

    /// Notes that a receiver was given what it had missed while it was left out.
    ///
    /// # Errors
    /// As [`Self::know_receivers`].
    pub async fn note_back(&self, receiver: &str) -> Result<(), StoreError> {
        let mut writing = self.write("noting that a receiver is back").await?;
        let note = "UPDATE billing_receiver SET was_left_out = 0 WHERE name = $1";
        writing.execute(note, &[receiver.into()]).await?;
        writing.commit().await
    }

    /// Puts the newest versions of a day into the outbox of a receiver, as far as they are not there; says how many were
    /// added. What a receiver was never given is not taken back from it.
    ///
    /// # Errors
    /// As [`Self::know_receivers`]; what was added before stays, and doing it again adds the rest.
    pub async fn fill_outbox(&self, receiver: &str, day: Day, now: Moment) -> Result<u64, StoreError> {
        self.fill_with(LACKING, receiver, day, now).await
    }

    /// Puts the newest versions of a day into the outbox of a receiver that has earlier ones, or was to get them; says how
    /// many were added.
    ///
    /// # Errors
    /// As [`Self::fill_outbox`].
    pub async fn catch_up_outbox(&self, receiver: &str, day: Day, now: Moment) -> Result<u64, StoreError> {
        self.fill_with(BEHIND, receiver, day, now).await
    }

    async fn fill_with(
        &self,
        lacking: &'static str,
        receiver: &str,
        day: Day,
        now: Moment,
    ) -> Result<u64, StoreError> {
        let newest: Vec<KeyRow> = {
            let mut reading = self.read("reading what a receiver lacks").await?;
            reading.rows(lacking, &[day.start().into(), receiver.into()]).await?
        };
        let keys: Vec<[i64; 5]> = newest
            .into_iter()
            .map(|(point, item, kind, at, version)| [point, item, kind, at, version])
            .collect();
        let mut added = 0;
        for some in keys.chunks(AT_A_TIME) {
            let mut writing = self.write("filling the outbox of a receiver").await?;
            lock(&mut writing).await?;
            outbox::replace(&mut writing, some, receiver, now).await?;
            let mut args = writing.dialect().keys(some);
            args.extend([receiver.into(), now.into()]);
            added += writing.execute(FILL, &args).await?;
            writing.commit().await?;
        }
        Ok(added)
    }

    /// The first and the last day of which billing values are kept.
    ///
    /// # Errors
    /// As [`Self::know_receivers`].
    pub async fn billing_days(&self) -> Result<Option<(Day, Day)>, StoreError> {
        let mut reading = self.read("reading which days are billed").await?;
        let row: Option<(Option<i64>, Option<i64>)> =
            reading.row("SELECT min(at), max(at) FROM billing_value", &[]).await?;
        let day = |at: i64| Day::of(Moment::from_micros(at));
        Ok(row.and_then(|(first, last)| Some((day(first?), day(last?)))))
    }

    /// Leaves a receiver alone that failed as a whole, until the given instant.
    ///
    /// # Errors
    /// As [`Self::know_receivers`].
    pub async fn rest_receiver(&self, receiver: &str, until: Moment, now: Moment) -> Result<(), StoreError> {
        let mut writing = self.write("leaving a receiver of billing alone").await?;
        writing.execute(REST, &[receiver.into(), now.into(), until.into()]).await?;
        writing.commit().await
    }

    /// Every receiver that is known or has something in the outbox, by name.
    ///
    /// # Errors
    /// As [`Self::know_receivers`].
    pub async fn receiver_statuses(&self) -> Result<Vec<ReceiverStatus>, StoreError> {
        let mut reading = self.read("reading how receivers of billing do").await?;
        let known: Vec<ReceiverRow> = reading.rows(RECEIVERS, &[]).await?;
        let counts: Vec<(String, i64, i64, i64)> = reading.rows(COUNTS, &[]).await?;
        let mut all: Vec<ReceiverStatus> = known.into_iter().map(status).collect();
        for (receiver, state, count, first) in counts {
            let state: OutboxState = code("outbox_state", state)?;
            let place = all.iter().position(|status| status.name == receiver).unwrap_or_else(|| {
                all.push(status((receiver.clone(), String::new(), 0, None, None, None)));
                all.len() - 1
            });
            let Some(status) = all.get_mut(place) else { continue };
            let count = u64::try_from(count).unwrap_or(0);
            match state {
                OutboxState::Waiting | OutboxState::Leased => {
                    status.waiting += count;
                    let first = Day::of(Moment::from_micros(first));
                    status.oldest_waiting =
                        Some(status.oldest_waiting.map_or(first, |oldest| oldest.min(first)));
                }
                OutboxState::Delivered => status.delivered += count,
                OutboxState::Superseded => status.superseded += count,
                OutboxState::Parked => status.parked += count,
            }
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    /// Offers refused versions of points in their own regions again; says how many. Entered in the audit log.
    ///
    /// # Errors
    /// As [`Self::know_receivers`]; then nothing was changed.
    pub async fn retry_parked(
        &self,
        receiver: &str,
        keys: RetryKeys<'_>,
        acting: &Acting,
        now: Moment,
    ) -> Result<u64, StoreError> {
        let mut writing = self.write("offering refused billing values again").await?;
        lock(&mut writing).await?;
        let one = match keys {
            RetryKeys::All => None,
            RetryKeys::One(key) => Some(key),
        };
        let args = [receiver.into(), now.into(), one.into(), areas(&acting.regions).into()];
        let changed = writing.execute(RETRY, &args).await?;
        if changed > 0 {
            let detail = serde_json::json!({ "count": changed, "key": one }).to_string();
            let entry = AuditEntry::by(acting, now, "billing.retry", format!("receiver {receiver}"));
            audit::append(&mut writing, &entry.saying(detail)).await?;
        }
        writing.commit().await?;
        Ok(changed)
    }
}

/// Until when a receiver is left alone.
pub(super) async fn rest_until(reading: &mut Transaction, receiver: &str) -> Result<Option<i64>, StoreError> {
    let ask = "SELECT rest_until FROM billing_receiver WHERE name = $1";
    let row: Option<(Option<i64>,)> = reading.row(ask, &[receiver.into()]).await?;
    Ok(row.and_then(|(until,)| until))
}

/// Notes how a batch ended.
pub(super) async fn note(
    writing: &mut Transaction,
    receiver: &str,
    ends: &[(BillingKey, i64, LeaseEnd)],
    now: Moment,
) -> Result<(), StoreError> {
    if ends.iter().any(|(.., end)| *end == LeaseEnd::Delivered) {
        let note = "UPDATE billing_receiver SET last_success_at = $2 WHERE name = $1";
        writing.execute(note, &[receiver.into(), now.into()]).await?;
    }
    let error = ends.iter().find_map(|(.., end)| match end {
        LeaseEnd::Delivered => None,
        LeaseEnd::Again { error, .. } | LeaseEnd::Refused { error } => Some(error.as_str()),
    });
    if let Some(error) = error {
        let note = "UPDATE billing_receiver SET last_error = $2, last_error_at = $3 WHERE name = $1";
        writing.execute(note, &[receiver.into(), error.into(), now.into()]).await?;
    }
    Ok(())
}

type ReceiverRow = (String, String, i64, Option<i64>, Option<String>, Option<i64>);

fn status((name, kind, is_configured, success, error, error_at): ReceiverRow) -> ReceiverStatus {
    ReceiverStatus {
        name,
        kind,
        is_configured: is_configured != 0,
        waiting: 0,
        delivered: 0,
        superseded: 0,
        parked: 0,
        oldest_waiting: None,
        last_success: success.map(Moment::from_micros),
        last_error: error_at.map(Moment::from_micros).zip(error),
    }
}

const KNOWN: &str = "INSERT INTO billing_receiver (name, kind, since, is_configured) VALUES ($1, $2, $3, 1) \
    ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, is_configured = 1, \
        since = CASE WHEN billing_receiver.is_configured = 1 THEN billing_receiver.since ELSE excluded.since END";

const REST: &str = "INSERT INTO billing_receiver (name, kind, since, is_configured, rest_until) \
    VALUES ($1, '', $2, 1, $3) ON CONFLICT (name) DO UPDATE SET rest_until = excluded.rest_until";

/// Whoever is left out misses versions, which are found again when it is back.
const LEFT_OUT: Sql = Sql {
    sqlite: "UPDATE billing_receiver SET is_configured = 0, filled_from = NULL, was_left_out = 1 \
        WHERE name NOT IN (SELECT value FROM json_each($1))",
    postgres: "UPDATE billing_receiver SET is_configured = 0, filled_from = NULL, was_left_out = 1 \
        WHERE name NOT IN (SELECT jsonb_array_elements_text($1::jsonb))",
};

const RECEIVERS: &str = "SELECT name, kind, is_configured, last_success_at, last_error, last_error_at \
    FROM billing_receiver ORDER BY name";

/// Counted by triggers.
const COUNTS: &str = "SELECT receiver, state, CAST(sum(versions) AS bigint), min(at) FROM outbox_count \
    WHERE versions > 0 GROUP BY 1, 2 ORDER BY 1, 2";

/// The newest versions of a day that a receiver has not, by the outbox of the ledger, which has all.
const LACKING: &str = "SELECT o.point_id, o.item, o.kind, o.at, o.version FROM outbox o \
    WHERE o.at = $1 AND o.receiver = 'ledger' \
        AND NOT EXISTS (SELECT 1 FROM outbox n WHERE n.point_id = o.point_id AND n.item = o.item \
            AND n.kind = o.kind AND n.at = o.at AND n.version > o.version AND n.receiver = 'ledger') \
        AND NOT EXISTS (SELECT 1 FROM outbox h WHERE h.point_id = o.point_id AND h.item = o.item \
            AND h.kind = o.kind AND h.at = o.at AND h.version = o.version AND h.receiver = $2) \
        AND (EXISTS (SELECT 1 FROM billing_value b WHERE b.point_id = o.point_id AND b.item = o.item \
                AND b.kind = o.kind AND b.at = o.at AND b.version = o.version AND b.value IS NOT NULL) \
            OR EXISTS (SELECT 1 FROM outbox e WHERE e.point_id = o.point_id AND e.item = o.item \
                AND e.kind = o.kind AND e.at = o.at AND e.receiver = $2)) \
    ORDER BY o.point_id, o.item, o.kind";

/// The newest versions of a day of which a receiver has earlier ones in its outbox and not these, likewise.
const BEHIND: &str = "SELECT o.point_id, o.item, o.kind, o.at, o.version FROM outbox o \
    WHERE o.at = $1 AND o.receiver = 'ledger' \
        AND NOT EXISTS (SELECT 1 FROM outbox n WHERE n.point_id = o.point_id AND n.item = o.item \
            AND n.kind = o.kind AND n.at = o.at AND n.version > o.version AND n.receiver = 'ledger') \
        AND EXISTS (SELECT 1 FROM outbox e WHERE e.point_id = o.point_id AND e.item = o.item \
            AND e.kind = o.kind AND e.at = o.at AND e.receiver = $2) \
        AND NOT EXISTS (SELECT 1 FROM outbox h WHERE h.point_id = o.point_id AND h.item = o.item \
            AND h.kind = o.kind AND h.at = o.at AND h.version = o.version AND h.receiver = $2) \
    ORDER BY o.point_id, o.item, o.kind";

const FILL: Sql = Sql {
    sqlite: "INSERT INTO outbox (point_id, item, kind, at, version, receiver, key, state, next_at, tries) \
        SELECT o.point_id, o.item, o.kind, o.at, o.version, $2, o.key, 1, $3, 0 \
        FROM json_each($1) k CROSS JOIN outbox o \
        WHERE o.point_id = k.value ->> 0 AND o.item = k.value ->> 1 AND o.kind = k.value ->> 2 \
            AND o.at = k.value ->> 3 AND o.version = k.value ->> 4 AND o.receiver = 'ledger' \
        ON CONFLICT DO NOTHING",
    postgres: "INSERT INTO outbox (point_id, item, kind, at, version, receiver, key, state, next_at, tries) \
        SELECT o.point_id, o.item, o.kind, o.at, o.version, $6, o.key, 1, $7, 0 \
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) \
            AS k (point_id, item, kind, at, version) \
        JOIN outbox o USING (point_id, item, kind, at, version) WHERE o.receiver = 'ledger' \
        ON CONFLICT DO NOTHING",
};

const RETRY: &str = "UPDATE outbox SET state = 1, next_at = $2 \
    WHERE receiver = $1 AND state = 5 AND (CAST($3 AS text) IS NULL OR key = $3) \
        AND ($4 = '' OR EXISTS (SELECT 1 FROM metering_point p WHERE p.id = outbox.point_id \
            AND $4 LIKE '%,' || CAST(p.area_id AS text) || ',%'))";

/// How many are added in one transaction.
const AT_A_TIME: usize = 1000;
