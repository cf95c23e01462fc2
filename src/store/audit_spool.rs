//! Entries that the audit log did not take (T26): they wait in a table beside it, and are entered once it takes entries again.
//!
//! What gives supply back, keeps it, or holds cuts back, and what has happened already, is kept with its entry whether the log
//! takes that or not. The entry waits in the same transaction, so that neither is there without the other, and is entered in one
//! that notes here under which number: none is lost or doubled wherever a process ends. Whatever takes supply away is refused
//! meanwhile. Nothing here is changed or deleted; it is bound to nothing until it is entered, and every entry is told in the log
//! of the program when it is put here.

use super::Store;
use super::access::{move_request, note_request};
use super::audit::{self, AuditHead, AuditRecord, chain};
use super::error::StoreError;
use super::transaction::Transaction;
use crate::domain::{AuditEntry, Moment};
use crate::telemetry::with_causes;

/// Entries that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spooled {
    /// How many.
    pub count: u64,
    /// When what the first of them tells of was done.
    pub since: Moment,
}

impl Store {
    /// Adds an entry by itself, whether the log takes it or not.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be kept at all.
    pub async fn audit_or_spool(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut writing = self.write("adding to the audit log").await?;
        append_or_spool(&mut writing, entry).await?;
        writing.commit().await
    }

    /// What waits to be entered in the log; `None` when nothing does.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn spooled(&self) -> Result<Option<Spooled>, StoreError> {
        let mut reading = self.read("reading what the audit log did not take").await?;
        let row: Option<(i64, Option<i64>)> = reading.row(WAITING, &[]).await?;
        Ok(row.and_then(|(count, since)| {
            Some(Spooled { count: u64::try_from(count).ok()?, since: Moment::from_micros(since?) })
        }))
    }

    /// Enters what waits, in the order in which it was done, with its own time and a mark of when it was entered. Says how many
    /// were.
    ///
    /// # Errors
    /// [`StoreError`] when the log does not take them: those that it has taken are entered, and the others go on waiting.
    pub async fn enter_spooled(&self, now: Moment) -> Result<u64, StoreError> {
        let mut entered = 0;
        while self.spooled().await?.is_some() {
            let mut writing = self.write("entering what the audit log did not take").await?;
            audit::take_turn(&mut writing).await?;
            entered += enter(&mut writing, now).await?;
            writing.commit().await?;
        }
        Ok(entered)
    }
}

/// Enters all that waits in front of what this transaction is about to enter.
pub(super) async fn enter_waiting(writing: &mut Transaction, now: Moment) -> Result<(), StoreError> {
    let waits: Option<(i64, Option<i64>)> = writing.row(WAITING, &[]).await?;
    if waits.is_none_or(|(count, _)| count == 0) {
        return Ok(());
    }
    let mut entered = async || {
        audit::take_turn(writing).await?;
        while enter(writing, now).await? > 0 {}
        Ok(())
    };
    let entered = entered().await;
    entered.map_err(|error| writing.tell_refused(error))
}

/// Enters the first of those that wait, and says how many.
async fn enter(writing: &mut Transaction, now: Moment) -> Result<u64, StoreError> {
    let rows: Vec<Row> = writing.rows(OLDEST, &[PORTION.into()]).await?;
    let mut entered = 0;
    for row in rows {
        let (id, record) = record(row);
        let AuditRecord { at, order, actor, source, action, object, result, detail, .. } = &record;
        let detail = marked(detail, now);
        let fields = [actor, source, action, object, result, &detail].map(String::as_str);
        let AuditHead { number, .. } = chain(writing, (*at, *order), fields).await?;
        move_request(writing, -id, number).await?;
        writing.execute(DONE, &[id.into(), number.into()]).await?;
        entered += 1;
    }
    Ok(entered)
}

/// Adds an entry to the log, or, where the log does not take it, to those that wait.
pub(super) async fn append_or_spool(writing: &mut Transaction, entry: &AuditEntry) -> Result<(), StoreError> {
    writing.script("SAVEPOINT audit_entry").await?;
    let number = match audit::append_alone(writing, entry).await {
        Ok(head) => {
            writing.script("RELEASE SAVEPOINT audit_entry").await?;
            head.number
        }
        Err(refused) => {
            // A transaction that has ended with it takes nothing more, and then what the log said is what is told.
            let Ok(id) = spool(writing, entry).await else { return Err(writing.tell_refused(refused)) };
            let AuditEntry { at, actor, action, object, result, .. } = entry;
            tracing::error!(
                %at, actor, action, object, result,
                "the audit log does not take an entry, which waits: {}", with_causes(&refused)
            );
            -id
        }
    };
    match &entry.request {
        Some(request) => note_request(writing, request, number, entry.at).await,
        None => Ok(()),
    }
}

async fn spool(writing: &mut Transaction, entry: &AuditEntry) -> Result<i64, StoreError> {
    writing.script("ROLLBACK TO SAVEPOINT audit_entry; RELEASE SAVEPOINT audit_entry").await?;
    let [actor, source, object, result, detail] = audit::storable(entry);
    let args = [
        entry.at.into(),
        actor.into(),
        source.into(),
        entry.action.into(),
        object.into(),
        result.into(),
        entry.order.into(),
        detail.into(),
    ];
    let added: Option<(i64,)> = writing.row(ADD, &args).await?;
    let id = added.map_or(0, |(id,)| id);
    writing.spools(id, entry.at);
    Ok(id)
}

/// The entry that waits under a number, which is below nothing.
pub(super) async fn waiting(
    reading: &mut Transaction,
    number: i64,
) -> Result<Option<AuditRecord>, StoreError> {
    let row: Option<Row> = reading.row(ONE, &[number.saturating_neg().into()]).await?;
    Ok(row.map(|row| record(row).1))
}

/// Details with the mark that they waited, and when they were entered.
fn marked(detail: &str, now: Moment) -> String {
    let mut details = match serde_json::from_str(detail) {
        Ok(serde_json::Value::Object(details)) => details,
        _ if detail.is_empty() => serde_json::Map::new(),
        _ => serde_json::Map::from_iter([("detail".to_owned(), detail.into())]),
    };
    details.insert("spooled_until".to_owned(), now.to_string().into());
    serde_json::Value::Object(details).to_string()
}

/// Number, time, actor, source, action, object, result, order, details.
type Row = (i64, i64, String, String, String, String, String, Option<i64>, String);

fn record((id, at, actor, source, action, object, result, order, detail): Row) -> (i64, AuditRecord) {
    let (at, hash) = (Moment::from_micros(at), String::new());
    (id, AuditRecord { number: -id, at, actor, source, action, object, result, order, detail, hash })
}

/// How many are entered in one transaction.
const PORTION: i64 = 200;

const WAITING: &str = "SELECT count(*), min(at) FROM audit_spool WHERE entered IS NULL";

const OLDEST: &str = "SELECT id, at, actor, source, action, object, result, order_id, detail FROM audit_spool \
    WHERE entered IS NULL ORDER BY id LIMIT $1";

const ONE: &str =
    "SELECT id, at, actor, source, action, object, result, order_id, detail FROM audit_spool WHERE id = $1";

const ADD: &str = "INSERT INTO audit_spool (at, actor, source, action, object, result, order_id, detail) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id";

const DONE: &str = "UPDATE audit_spool SET entered = $2 WHERE id = $1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t26_an_entry_that_waited_says_so_whatever_its_details_were() {
        let now = Moment::from_micros(1_795_278_330_000_000);
        let mark = format!("\"spooled_until\":\"{now}\"");
        assert_eq!(marked("", now), format!("{{{mark}}}"));
        assert_eq!(marked("{\"a\":1}", now), format!("{{\"a\":1,{mark}}}"));
        assert_eq!(marked("odd", now), format!("{{\"detail\":\"odd\",{mark}}}"));
    }
}
