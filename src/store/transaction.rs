//! One transaction on either database: the only place that tells them apart when a statement runs.

use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow, PgConnection, Sqlite};

use super::audit::AuditHead;
use super::engine::Engine;
use super::error::StoreError;
use super::fullness::Fullness;
use super::held_time::HeldTime;
use super::lent::Lent;
use super::sql::{Cell, Dialect, Kind, Rows, Sql, Table};
use super::tenure::{IS_OURS, Tenure};
use super::witness::{self, Known, Loss, Witness};
use crate::domain::Moment;
use crate::failpoint::{self, Side};

/// A row that both databases can give: a tuple of numbers, texts and bytes.
pub(super) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}
impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// A transaction. What was not committed when it is dropped is undone.
pub(super) struct Transaction {
    inner: Inner,
    /// What it is for, as errors tell.
    doing: &'static str,
    /// Keeps a paused clock from running ahead.
    held: Option<HeldTime>,
    /// Without it, or once somebody else has the site, nothing is committed.
    tenure: Option<Tenure>,
    /// Is told when the disk is full.
    fullness: Option<Fullness>,
    /// Knows the end of the audit log from elsewhere.
    witness: Option<Witness>,
    /// The entry of the audit log that it has added last.
    added: Option<AuditHead>,
    /// An entry that the audit log did not take waits beside it.
    spools: Option<(i64, Moment)>,
    /// It does what a request with a key asks for, and has noted the key.
    is_keyed: bool,
}

enum Inner {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(Lent),
}

/// Runs one expression on whichever database it is.
macro_rules! on_either {
    ($transaction:expr, $inner:ident => $run:expr) => {
        match &mut $transaction.inner {
            Inner::Sqlite(own) => {
                let $inner = &mut **own;
                $run
            }
            Inner::Postgres(lent) => lent.ask(async |$inner| $run).await,
        }
    };
}

impl Transaction {
    /// Begins to write. SQLite has one writer, which is waited for here.
    pub(super) async fn write(engine: &Engine) -> Result<Self, StoreError> {
        let begun = match engine {
            Engine::Sqlite { writer, .. } => writer.begin_with("BEGIN IMMEDIATE").await.map(Inner::Sqlite),
            Engine::Postgres { pool, patience, begins } => {
                Lent::begin(pool, *patience, begins, "BEGIN").await.map(Inner::Postgres)
            }
        };
        Self::begun(begun)
    }

    /// Begins to read: all statements see the same state.
    pub(super) async fn read(engine: &Engine) -> Result<Self, StoreError> {
        let begun = match engine {
            Engine::Sqlite { readers, .. } => readers.begin().await.map(Inner::Sqlite),
            Engine::Postgres { pool, patience, begins } => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                Lent::begin(pool, *patience, begins, begin).await.map(Inner::Postgres)
            }
        };
        Self::begun(begun)
    }

    fn begun(begun: Result<Inner, sqlx::Error>) -> Result<Self, StoreError> {
        let doing = "beginning a transaction";
        begun
            .map(|inner| Self {
                inner,
                doing,
                held: None,
                tenure: None,
                fullness: None,
                witness: None,
                added: None,
                spools: None,
                is_keyed: false,
            })
            .map_err(|error| StoreError::of(doing, error))
    }

    /// Says what the following statements are for.
    pub(super) const fn doing(mut self, doing: &'static str) -> Self {
        self.doing = doing;
        self
    }

    /// Holds time until it ends.
    pub(super) fn holding(mut self, held: Option<HeldTime>) -> Self {
        match &mut self.inner {
            Inner::Sqlite(_) => self.held = held,
            Inner::Postgres(lent) => lent.held = held,
        }
        self
    }

    /// Lets each of its statements on a server take so long, however long others may.
    pub(super) async fn take_up_to(&mut self, longest: Duration) -> Result<(), StoreError> {
        if let Inner::Postgres(lent) = &mut self.inner {
            lent.patience.statement = longest;
            self.script(&format!("SET LOCAL statement_timeout = '{}ms'", longest.as_millis())).await?;
        }
        Ok(())
    }

    /// Makes it one of the instance that serves the site.
    pub(super) fn of(mut self, tenure: Option<Tenure>) -> Self {
        self.tenure = tenure;
        self
    }

    /// Has it tell when the disk is full.
    pub(super) fn telling(mut self, fullness: Fullness) -> Self {
        self.fullness = Some(fullness);
        self
    }

    /// Has it compare the audit log with what is known of it, and make known what it adds.
    pub(super) fn witnessed(mut self, witness: Witness) -> Self {
        self.witness = Some(witness);
        self
    }

    /// Looks whether all of the audit log is there that is known to have been. To be asked of what writes: what only reads
    /// sees what was there when it began.
    pub(super) async fn is_audit_there(&mut self) -> Result<Option<Loss>, StoreError> {
        let Some(witness) = self.witness.clone() else { return Ok(None) };
        match witness.known() {
            Known { loss: Some(loss), .. } => Ok(Some(loss)),
            known => witness::compare(&witness, known, self).await,
        }
    }

    /// Tells that the audit log has not taken an entry, unless it may take it the next time.
    pub(super) fn tell_refused(&self, error: StoreError) -> StoreError {
        if matches!(error, StoreError::AuditRefused(_)) {
            self.witness.iter().for_each(Witness::refused);
        }
        error
    }

    /// What is missing of the audit log, as far as it was found out.
    pub(super) fn loss(&self) -> Option<Loss> {
        self.witness.as_ref().and_then(Witness::loss)
    }

    /// An entry was added to the audit log: once it is kept, it is known.
    pub(super) const fn adds(&mut self, head: AuditHead) {
        self.added = Some(head);
    }

    /// An entry waits that the audit log did not take: once that is kept, it is told.
    pub(super) const fn spools(&mut self, id: i64, at: Moment) {
        self.spools = Some((id, at));
    }

    /// It does what a request with a key asks for; says whether that is news.
    pub(super) const fn is_keyed_now(&mut self) -> bool {
        !std::mem::replace(&mut self.is_keyed, true)
    }

    fn failed(&self, error: sqlx::Error) -> StoreError {
        told(self.doing, error, self.fullness.as_ref())
    }

    pub(super) const fn dialect(&self) -> Dialect {
        match self.inner {
            Inner::Sqlite(_) => Dialect::Sqlite,
            Inner::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Makes durable what was done. After an error nobody knows whether it is: whoever repeats it must do so harmlessly, or
    /// look first (F32).
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        if let Some(tenure) = self.tenure.take() {
            let ours: Option<(i64,)> = self.row(IS_OURS, &[tenure.token().into()]).await?;
            if ours.is_none() {
                tenure.is_overtaken();
                return Err(StoreError::Overtaken);
            }
        }
        let Self { inner, doing, held: _held, fullness, witness, added, spools, .. } = self;
        let committed = async {
            failpoint::pass(Side::Before, doing).await?;
            match inner {
                Inner::Sqlite(inner) => inner.commit().await,
                Inner::Postgres(inner) => inner.commit().await,
            }?;
            failpoint::pass(Side::After, doing).await?;
            Ok(())
        };
        committed.await.map_err(|error| told(doing, error, fullness.as_ref()))?;
        if let Some(witness) = witness {
            added.into_iter().for_each(|head| witness.saw(head));
            if let Some((id, at)) = spools {
                witness.put_by(id, at);
            }
        }
        Ok(())
    }

    /// The rows a statement gives.
    pub(super) async fn rows<T: Row>(
        &mut self,
        sql: impl Into<Sql>,
        args: &[Cell<'_>],
    ) -> Result<Vec<T>, StoreError> {
        let text = self.text(sql);
        let rows = on_either!(self, inner => {
            let mut query = sqlx::query_as::<_, T>(text);
            for arg in args {
                query = match arg {
                    Cell::Int(value) => query.bind(*value),
                    Cell::Text(value) => query.bind(value.as_deref()),
                    Cell::Bytes(value) => query.bind(*value),
                };
            }
            query.fetch_all(inner).await
        });
        rows.map_err(|error| self.failed(error))
    }

    /// The first row a statement gives.
    pub(super) async fn row<T: Row>(
        &mut self,
        sql: impl Into<Sql>,
        args: &[Cell<'_>],
    ) -> Result<Option<T>, StoreError> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    /// How many rows a statement changed.
    pub(super) async fn execute(
        &mut self,
        sql: impl Into<Sql>,
        args: &[Cell<'_>],
    ) -> Result<u64, StoreError> {
        let text = self.text(sql);
        let changed = on_either!(self, inner => {
            let mut query = sqlx::query(text);
            for arg in args {
                query = match arg {
                    Cell::Int(value) => query.bind(*value),
                    Cell::Text(value) => query.bind(value.as_deref()),
                    Cell::Bytes(value) => query.bind(*value),
                };
            }
            query.execute(inner).await.map(|done| done.rows_affected())
        });
        changed.map_err(|error| self.failed(error))
    }

    /// Runs a script of several statements.
    pub(super) async fn script(&mut self, text: &str) -> Result<(), StoreError> {
        let script = || sqlx::raw_sql(AssertSqlSafe(text.to_owned()));
        let done = on_either!(self, inner => script().execute(inner).await.map(|_| ()));
        done.map_err(|error| self.failed(error))
    }

    /// Inserts rows; says how many were inserted or changed.
    pub(super) async fn insert(&mut self, table: &Table, rows: &Rows<'_>) -> Result<u64, StoreError> {
        let mut changed = 0;
        for chunk in rows.portions(self.dialect()) {
            let done = match &mut self.inner {
                Inner::Sqlite(inner) => {
                    let mut query = sqlx::query(AssertSqlSafe(table.sqlite(chunk.len() / rows.width(), "")));
                    for cell in chunk {
                        query = match cell {
                            Cell::Int(value) => query.bind(*value),
                            Cell::Text(value) => query.bind(value.as_deref()),
                            Cell::Bytes(value) => query.bind(*value),
                        };
                    }
                    query.execute(&mut **inner).await.map(|done| done.rows_affected())
                }
                Inner::Postgres(lent) => {
                    let mut query = sqlx::query(AssertSqlSafe(table.postgres("")));
                    for (place, (_, kind)) in table.columns.iter().enumerate() {
                        let column = chunk.iter().skip(place).step_by(rows.width());
                        query = match kind {
                            Kind::Int => query.bind(ints(column)),
                            Kind::Text | Kind::Array => query.bind(texts(column)),
                            Kind::Bytes => query.bind(bytes(column)),
                        };
                    }
                    let run = async |inner: &mut PgConnection| query.execute(inner).await;
                    lent.ask(run).await.map(|done| done.rows_affected())
                }
            };
            changed += done.map_err(|error| self.failed(error))?;
        }
        Ok(changed)
    }

    fn text(&self, sql: impl Into<Sql>) -> &'static str {
        let sql = sql.into();
        match self.inner {
            Inner::Sqlite(_) => sql.sqlite,
            Inner::Postgres(_) => sql.postgres,
        }
    }
}

/// An error of the database, noted where the disk is full.
fn told(doing: &'static str, error: sqlx::Error, fullness: Option<&Fullness>) -> StoreError {
    let error = StoreError::of(doing, error);
    if let Some(fullness) = fullness {
        fullness.note(doing, &error);
    }
    error
}

fn ints<'c, 'a: 'c>(column: impl Iterator<Item = &'c Cell<'a>>) -> Vec<Option<i64>> {
    column.map(|cell| if let Cell::Int(value) = cell { *value } else { None }).collect()
}

fn texts<'c, 'a: 'c>(column: impl Iterator<Item = &'c Cell<'a>>) -> Vec<Option<&'c str>> {
    column.map(|cell| if let Cell::Text(value) = cell { value.as_deref() } else { None }).collect()
}

fn bytes<'c, 'a: 'c>(column: impl Iterator<Item = &'c Cell<'a>>) -> Vec<Option<&'c [u8]>> {
    column.map(|cell| if let Cell::Bytes(value) = cell { *value } else { None }).collect()
}
