//! Rights of the account that serves, given by the one that owns the tables (T28).

use super::Store;
use super::error::StoreError;

impl Store {
    /// Gives the account that serves its rights, as the owner of the tables; false where there is no such account, or the
    /// database is a file.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot, or the account does not own the tables.
    pub async fn give_rights(&self) -> Result<bool, StoreError> {
        if !self.is_server() {
            return Ok(false);
        }
        let mut writing = self.write("giving the service its rights").await?;
        let found: Option<(i64,)> = writing.row(HAS_SERVICE, &[]).await?;
        if found.is_none_or(|(found,)| found == 0) {
            return Ok(false);
        }
        writing.script(GRANTS).await?;
        writing.commit().await?;
        Ok(true)
    }
}

const HAS_SERVICE: &str = "SELECT count(*) FROM pg_roles WHERE rolname = 'chaobiao_service'";
const GRANTS: &str = include_str!("../../deploy/grants.sql");
