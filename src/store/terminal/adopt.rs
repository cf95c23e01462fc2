//! Taking terminals in and letting them go, and when they were heard.

use gdw1376::address::TerminalAddress;

use crate::domain::access::{Acting, Action};
use crate::domain::{AuditEntry, Moment};
use crate::store::error::StoreError;
use crate::store::{Store, audit};

/// What became of somebody's wish to take a terminal in or to let it go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adoption {
    /// It was done.
    Done,
    /// The role may not.
    NotAllowed,
    /// It cannot be let go: the archive has meters behind it.
    HasMeters,
    /// There is no such terminal.
    NotThere,
}

impl Store {
    /// Takes a terminal in: from now on it may log in. Taking it in again changes its name.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn adopt_terminal(
        &self,
        acting: &Acting,
        terminal: TerminalAddress,
        name: Option<&str>,
        now: Moment,
    ) -> Result<Adoption, StoreError> {
        let entry = AuditEntry::by(acting, now, "terminal.adopt", format!("terminal {terminal}"));
        if !acting.role.may(Action::AdoptTerminal) {
            self.audit(&entry.ending("refused: not allowed")).await?;
            return Ok(Adoption::NotAllowed);
        }
        let mut writing = self.write("taking in a terminal").await?;
        let args = [terminal.to_string().into(), name.into(), now.into(), acting.name.as_str().into()];
        writing.execute(ADOPT, &args).await?;
        audit::append(&mut writing, &entry).await?;
        writing.commit().await?;
        Ok(Adoption::Done)
    }

    /// Lets a terminal go that the archive does not name.
    ///
    /// # Errors
    /// As [`Self::adopt_terminal`].
    pub async fn forget_terminal(
        &self,
        acting: &Acting,
        terminal: TerminalAddress,
        now: Moment,
    ) -> Result<Adoption, StoreError> {
        let entry = AuditEntry::by(acting, now, "terminal.forget", format!("terminal {terminal}"));
        if !acting.role.may(Action::AdoptTerminal) {
            self.audit(&entry.ending("refused: not allowed")).await?;
            return Ok(Adoption::NotAllowed);
        }
        let mut writing = self.write("letting a terminal go").await?;
        let args = [terminal.to_string().into()];
        let (meters,): (i64,) = writing.row(METERS, &args).await?.unwrap_or_default();
        if meters > 0 {
            return Ok(Adoption::HasMeters);
        }
        let [name] = args;
        if writing.execute(FORGET, &[name, now.into()]).await? == 0 {
            return Ok(Adoption::NotThere);
        }
        audit::append(&mut writing, &entry).await?;
        writing.commit().await?;
        Ok(Adoption::Done)
    }

    /// Notes when terminals were heard and when they logged in, the newest of each.
    ///
    /// # Errors
    /// As [`Self::adopt_terminal`].
    pub async fn terminals_heard(
        &self,
        heard: &[(TerminalAddress, Moment, Option<Moment>)],
    ) -> Result<(), StoreError> {
        if heard.is_empty() {
            return Ok(());
        }
        let mut writing = self.write("noting which terminals were heard").await?;
        for (terminal, heard_at, logged_in_at) in heard {
            let logged_in_at = logged_in_at.map(Moment::micros);
            let args = [terminal.to_string().into(), (*heard_at).into(), logged_in_at.into()];
            writing.execute(HEARD, &args).await?;
        }
        writing.commit().await
    }
}

const ADOPT: &str = "INSERT INTO terminal (address, name, adopted_at, adopted_by) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (address) DO UPDATE SET name = coalesce(excluded.name, terminal.name), forgotten_at = NULL, \
    adopted_at = coalesce(terminal.adopted_at, excluded.adopted_at), \
    adopted_by = coalesce(terminal.adopted_by, excluded.adopted_by)";

const METERS: &str = "SELECT count(*) FROM meter m JOIN installation i ON i.meter_id = m.id AND i.removed_at IS NULL \
    WHERE m.terminal = $1";

const FORGET: &str = "UPDATE terminal SET forgotten_at = $2, adopted_at = NULL, adopted_by = NULL \
    WHERE address = $1 AND adopted_at IS NOT NULL";

const HEARD: &str = "INSERT INTO terminal (address, heard_at, logged_in_at) VALUES ($1, $2, $3) \
    ON CONFLICT (address) DO UPDATE SET heard_at = excluded.heard_at, \
    logged_in_at = coalesce(excluded.logged_in_at, terminal.logged_in_at)";
