//! How many requests of a minute were taken, by all instances together (T19).

use super::super::Store;
use super::super::error::StoreError;

/// Some of the requests that a minute holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portion<'a> {
    /// Of whom: an account, or a source that has not signed in.
    pub who: &'a str,
    /// Of what kind.
    pub kind: &'static str,
    /// In which minute, since 1970.
    pub minute: i64,
    /// How many the minute holds.
    pub most: u32,
    /// How many are taken at once.
    pub wanted: u32,
}

impl Store {
    /// Takes a portion of a minute; says how many there were left of it, none when all were taken.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn take_requests(&self, portion: &Portion<'_>) -> Result<u32, StoreError> {
        let Portion { who, kind, minute, most, wanted } = *portion;
        let mut writing = self.write("taking requests of a minute").await?;
        writing.execute("DELETE FROM request_rate WHERE minute < $1", &[(minute - KEPT).into()]).await?;
        let args = [who.into(), kind.into(), minute.into(), i64::from(wanted).into()];
        let taken: Option<(i64,)> = writing.row(TAKE, &args).await?;
        writing.commit().await?;
        let before = taken.map_or(0, |(taken,)| taken).saturating_sub(i64::from(wanted));
        let left = i64::from(most).saturating_sub(before).clamp(0, i64::from(wanted));
        Ok(u32::try_from(left).unwrap_or(0))
    }
}

/// Minutes that are remembered.
const KEPT: i64 = 2;

const TAKE: &str = "INSERT INTO request_rate (who, kind, minute, taken) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (who, kind, minute) DO UPDATE SET taken = request_rate.taken + excluded.taken RETURNING taken";
