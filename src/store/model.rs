//! Whether a file has all that the migrations make: what may be added and never changed is held by triggers, which whoever can
//! write the file can take away (T28, F42).

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection, Sqlite, SqliteConnection};

use super::engine::Engine;
use super::error::StoreError;
use super::sql::Dialect;
use super::{Store, migrate};

/// Tables, indexes, views and triggers: the text of a trigger by kind and name.
type Parts = BTreeMap<(String, String), Option<String>>;

impl Store {
    /// What the migrations have made and the file does not have, or has otherwise: a table, index, view or trigger by kind and
    /// name. Nothing of a server, whose accounts may not change them.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub async fn missing_parts(&self) -> Result<Vec<String>, StoreError> {
        let Engine::Sqlite { readers, .. } = &self.engine else { return Ok(Vec::new()) };
        let failed = |error| StoreError::of("comparing the tables with those of this version", error);
        let mut reading = readers.acquire().await.map_err(failed)?;
        missing(&mut reading).await.map_err(failed)
    }
}

/// As [`Store::missing_parts`], of a file that has the schema of this version.
pub(super) async fn missing(file: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let mut model = SqliteConnection::connect("sqlite::memory:").await?;
    for migration in migrate::all() {
        sqlx::raw_sql(AssertSqlSafe(migration.text(Dialect::Sqlite))).execute(&mut model).await?;
    }
    let (made, there) = (parts(&mut model).await?, parts(file).await?);
    model.close().await?;
    let is_there = |key: &(String, String), text: &Option<String>| there.get(key) == Some(text);
    let lacking = made.iter().filter(|(key, text)| !is_there(key, text));
    Ok(lacking.map(|((kind, name), _)| format!("{kind} {name}")).collect())
}

async fn parts(of: &mut SqliteConnection) -> Result<Parts, sqlx::Error> {
    let rows = sqlx::query_as::<Sqlite, (String, String, Option<String>)>(PARTS).fetch_all(of).await?;
    // Later versions of SQLite may write a table otherwise when a column is added; a trigger stays as it was given.
    let text = |kind: &str, text: Option<String>| {
        text.filter(|_| kind == "trigger").map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    Ok(rows
        .into_iter()
        .map(|(kind, name, sql)| {
            let sql = text(&kind, sql);
            ((kind, name), sql)
        })
        .collect())
}

const PARTS: &str =
    "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' AND name <> 'schema_version'";
