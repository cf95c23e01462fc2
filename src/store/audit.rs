//! The audit log: entries are added in the transaction of what they tell of, so that neither is kept without the other.
//!
//! Entries are numbered without a gap and each is bound to the one before it ([`AuditHash`]). Two transactions that add
//! entries wait for each other from the first entry to their commit: an entry is added as the last thing before it.

use std::sync::LazyLock;

use super::Store;
use super::access::note_request;
use super::error::StoreError;
use super::sql::{Dialect, Sql};
use super::transaction::Transaction;
use crate::domain::{AuditEntry, AuditHash, Moment};

/// The last entry of the log, to be noted elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// Its number; 0 when there is none.
    pub number: i64,
    /// Its hash.
    pub hash: AuditHash,
}

/// An entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number, from 1.
    pub number: i64,
    /// When.
    pub at: Moment,
    /// Who.
    pub actor: String,
    /// From where.
    pub source: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub object: String,
    /// What came of it.
    pub result: String,
    /// The supply order it belongs to.
    pub order: Option<i64>,
    /// Before and after, as JSON.
    pub detail: String,
    /// What binds it to all before it, as it is kept.
    pub hash: String,
}

impl AuditRecord {
    /// The hash that it has when it is the one that follows `before`.
    #[must_use]
    pub fn hash_after(&self, before: AuditHash) -> AuditHash {
        let Self { actor, source, action, object, result, detail, .. } = self;
        before.of(self.number, self.at, self.order, [actor, source, action, object, result, detail])
    }
}

/// Which entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only those of this supply order.
    pub order: Option<i64>,
    /// Only those of this actor.
    pub actor: Option<String>,
    /// Only those with an action that begins so.
    pub action: Option<String>,
}

impl Store {
    /// Adds an entry by itself, for what changes nothing else in the database.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be kept.
    pub async fn audit(&self, entry: &AuditEntry) -> Result<AuditHead, StoreError> {
        let mut writing = self.write("adding to the audit log").await?;
        let head = append(&mut writing, entry).await?;
        writing.commit().await?;
        Ok(head)
    }

    /// The last entry.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        head(&mut self.read("reading the end of the audit log").await?).await
    }

    /// Entries with numbers above `after`, the oldest first, `most` at most: to verify and to export.
    ///
    /// # Errors
    /// As [`Self::audit_head`].
    pub async fn audit_after(&self, after: i64, most: u32) -> Result<Vec<AuditRecord>, StoreError> {
        let mut reading = self.read("reading the audit log").await?;
        let rows: Vec<Row> = reading.rows(AFTER, &[after.into(), i64::from(most).into()]).await?;
        Ok(rows.into_iter().map(record).collect())
    }

    /// Entries with numbers below `before`, the newest first, `most` at most: to look at.
    ///
    /// # Errors
    /// As [`Self::audit_head`].
    pub async fn audit_before(
        &self,
        filter: &AuditFilter,
        before: i64,
        most: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let mut reading = self.read("reading the audit log").await?;
        // Behind all that begins so.
        let behind = filter.action.as_ref().map(|action| format!("{action}\u{10ffff}"));
        let args = [
            before.into(),
            filter.order.into(),
            filter.actor.as_deref().into(),
            filter.action.as_deref().into(),
            behind.as_deref().into(),
            i64::from(most).into(),
        ];
        let asked = [filter.order.is_some(), filter.actor.is_some(), filter.action.is_some()];
        let rows: Vec<Row> = reading.rows(before_of(asked), &args).await?;
        Ok(rows.into_iter().map(record).collect())
    }
}

/// Adds an entry behind the last one. Others that add entries wait until this transaction ends.
pub(super) async fn append(writing: &mut Transaction, entry: &AuditEntry) -> Result<AuditHead, StoreError> {
    let head = append_alone(writing, entry).await.map_err(|error| writing.tell_refused(error))?;
    if let Some(request) = &entry.request {
        note_request(writing, request, head.number, entry.at).await?;
    }
    Ok(head)
}

/// The same, without the key of the request that was done by it.
pub(super) async fn append_alone(
    writing: &mut Transaction,
    entry: &AuditEntry,
) -> Result<AuditHead, StoreError> {
    let [actor, source, object, result, detail] = storable(entry);
    let fields = [&actor, &source, entry.action, &object, &result, &detail];
    chain(writing, (entry.at, entry.order), fields).await
}

/// Actor, source, object, result and details as they are kept: PostgreSQL keeps no NUL in a text.
pub(super) fn storable(entry: &AuditEntry) -> [String; 5] {
    let fields = [&entry.actor, &entry.source, &entry.object, &entry.result, &entry.detail];
    fields.map(|text| text.replace('\0', "\u{fffd}"))
}

/// Waits until others that add entries have ended, on a server.
pub(super) async fn take_turn(writing: &mut Transaction) -> Result<(), StoreError> {
    if writing.dialect() == Dialect::Postgres {
        writing.execute("SELECT pg_advisory_xact_lock(645200719970006)", &[]).await?;
    }
    Ok(())
}

/// Adds an entry with these fields: actor, source, action, object, result, details.
pub(super) async fn chain(
    writing: &mut Transaction,
    (at, order): (Moment, Option<i64>),
    fields: [&str; 6],
) -> Result<AuditHead, StoreError> {
    take_turn(writing).await?;
    // What is missing is found out before its places are taken by others.
    writing.is_audit_there().await?;
    let last = head(writing).await?;
    let number = last.number + 1;
    let hash = last.hash.of(number, at, order, fields);
    let [actor, source, action, object, result, detail] = fields;
    let args = [
        number.into(),
        at.into(),
        actor.into(),
        source.into(),
        action.into(),
        object.into(),
        result.into(),
        order.into(),
        detail.into(),
        hash.to_string().into(),
    ];
    let added = writing.execute(ADD, &args).await;
    added.map_err(StoreError::of_audit)?;
    let head = AuditHead { number, hash };
    writing.adds(head);
    Ok(head)
}

pub(super) async fn head(reading: &mut Transaction) -> Result<AuditHead, StoreError> {
    let last: Option<(i64, String)> = reading.row(HEAD, &[]).await?;
    let Some((number, hash)) = last else {
        return Ok(AuditHead { number: 0, hash: AuditHash::BEGINNING });
    };
    let unknown = || StoreError::Unknown { list: "hash", found: hash.clone() };
    Ok(AuditHead { number, hash: AuditHash::from_hex(&hash).ok_or_else(unknown)? })
}

type Row = (i64, i64, String, String, String, String, String, Option<i64>, String, String);

fn record((number, at, actor, source, action, object, result, order, detail, hash): Row) -> AuditRecord {
    let at = Moment::from_micros(at);
    AuditRecord { number, at, actor, source, action, object, result, order, detail, hash }
}

const HEAD: &str = "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1";

const ADD: &str = "INSERT INTO audit (number, at, actor, source, action, object, result, order_id, detail, hash) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

const AFTER: &str = "SELECT number, at, actor, source, action, object, result, order_id, detail, hash FROM audit \
    WHERE number > $1 ORDER BY number LIMIT $2";

/// The statement for what is asked for: a condition that is not asked for stands in the way of an index.
fn before_of(asked: [bool; 3]) -> Sql {
    let [order, actor, action] = asked.map(usize::from);
    BEFORE.get(order + 2 * actor + 4 * action).copied().unwrap_or_else(|| Sql::from(""))
}

static BEFORE: LazyLock<Vec<Sql>> = LazyLock::new(|| {
    (0..8).map(|asked| Sql::either(|dialect| before(dialect, [asked & 1, asked & 2, asked & 4]))).collect()
});

fn before(dialect: Dialect, [order, actor, action]: [u8; 3]) -> String {
    let collated = match dialect {
        Dialect::Sqlite => "action",
        Dialect::Postgres => "action COLLATE \"C\"",
    };
    let either = |is_asked: u8, given: String, number: u8, kind: &str| {
        if is_asked == 0 { format!("CAST(${number} AS {kind}) IS NULL") } else { given }
    };
    let order = either(order, "order_id = $2".to_owned(), 2, "bigint");
    let actor = either(actor, "actor = $3".to_owned(), 3, "text");
    let from = either(action, format!("{collated} >= $4"), 4, "text");
    let behind = either(action, format!("{collated} < $5"), 5, "text");
    format!(
        "SELECT number, at, actor, source, action, object, result, order_id, detail, hash FROM audit \
         WHERE number < $1 AND {order} AND {actor} AND {from} AND {behind} ORDER BY number DESC LIMIT $6"
    )
}
