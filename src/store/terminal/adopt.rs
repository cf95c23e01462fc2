//! Taking terminals in and letting them go, and when they were heard.

use std::time::Duration;

use gdw1376::address::TerminalAddress;

use crate::domain::access::{Acting, Action};
use crate::domain::{AuditEntry, Moment};
use crate::store::clock_step::surely_past;
use crate::store::error::StoreError;
use crate::store::sql::Dialect;
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
    /// Takes a terminal in: from now on it may log in. Taking it in again changes its name, and lets it come with another
    /// certificate than before.
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

impl Store {
    /// The certificates that terminals come with, each as SHA-256 in hexadecimal.
    ///
    /// # Errors
    /// As [`Self::adopt_terminal`].
    pub async fn terminal_certificates(&self) -> Result<Vec<(TerminalAddress, String)>, StoreError> {
        let mut reading = self.read("reading the certificates of terminals").await?;
        let rows: Vec<(String, String)> = reading.rows(CERTIFICATES, &[]).await?;
        Ok(rows.into_iter().filter_map(|(text, own)| Some((text.parse().ok()?, own))).collect())
    }

    /// Notes the certificate that a terminal came with, where none is known yet.
    ///
    /// # Errors
    /// As [`Self::adopt_terminal`].
    pub async fn note_certificate(&self, terminal: TerminalAddress, own: &str) -> Result<(), StoreError> {
        let mut writing = self.write("noting the certificate of a terminal").await?;
        writing.execute(CERTIFIED, &[terminal.to_string().into(), own.into()]).await?;
        writing.commit().await
    }

    /// Takes back that points of a terminal are verified: somebody else may have been it since `claimed_at`. Those that were
    /// verified anew since then are so only from there on.
    ///
    /// # Errors
    /// As [`Self::adopt_terminal`].
    pub async fn doubt_points(
        &self,
        terminal: TerminalAddress,
        claimed_at: Moment,
    ) -> Result<u64, StoreError> {
        let mut writing = self.write("taking back that points are verified").await?;
        let args = [terminal.to_string().into(), claimed_at.into()];
        let gone = writing.execute(DOUBTED, &args).await?;
        writing.execute(SINCE, &args).await?;
        writing.commit().await?;
        Ok(gone)
    }

    /// Lets go what is noted of terminals and tells nothing any more: clocks and events that are older than they are kept. A clock
    /// that runs ahead lets none go (F33).
    ///
    /// # Errors
    /// As [`Self::adopt_terminal`].
    pub async fn forget_old_of_terminals(
        &self,
        now: Moment,
        (clocks_kept, events_kept): (Duration, Duration),
    ) -> Result<u64, StoreError> {
        let mut writing = self.write("letting old notes of terminals go").await?;
        let edge = |past: Option<Moment>, kept| past.map_or(Moment::from_micros(0), |past| past.minus(kept));
        let clocks = edge(surely_past(&mut writing, NEWEST_CLOCK, now).await?, clocks_kept);
        let events = edge(surely_past(&mut writing, NEWEST_EVENT, now).await?, events_kept);
        let gone = if writing.dialect() == Dialect::Postgres {
            let gone: Option<(i64,)> = writing.row(LET_GO, &[clocks.into(), events.into()]).await?;
            u64::try_from(gone.map_or(0, |(gone,)| gone)).unwrap_or(0)
        } else {
            let gone = writing.execute(OLD_CLOCKS, &[clocks.into()]).await?;
            gone + writing.execute(OLD_EVENTS, &[events.into()]).await?
        };
        writing.commit().await?;
        Ok(gone)
    }
}

const CERTIFICATES: &str = "SELECT address, certificate FROM terminal WHERE certificate IS NOT NULL";

const CERTIFIED: &str = "INSERT INTO terminal (address, certificate) VALUES ($1, $2) \
    ON CONFLICT (address) DO UPDATE SET certificate = coalesce(terminal.certificate, excluded.certificate)";

const NEWEST_CLOCK: &str = "SELECT max(at) FROM terminal_clock WHERE at <= $1";

const NEWEST_EVENT: &str = "SELECT max(collected_at) FROM terminal_event WHERE collected_at <= $1";

const DOUBTED: &str = "DELETE FROM terminal_point WHERE terminal = $1 AND verified_at <= $2";

const SINCE: &str = "UPDATE terminal_point SET verified_since = verified_at WHERE terminal = $1 \
    AND (verified_since IS NULL OR verified_since <= $2)";

const LET_GO: &str = "SELECT let_notes_go($1, $2)";

const OLD_CLOCKS: &str = "DELETE FROM terminal_clock WHERE at < $1";

const OLD_EVENTS: &str = "DELETE FROM terminal_event WHERE collected_at < $1";

const ADOPT: &str = "INSERT INTO terminal (address, name, adopted_at, adopted_by) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (address) DO UPDATE SET name = coalesce(excluded.name, terminal.name), forgotten_at = NULL, \
    adopted_at = coalesce(terminal.adopted_at, excluded.adopted_at), \
    adopted_by = coalesce(terminal.adopted_by, excluded.adopted_by), certificate = NULL";

const METERS: &str = "SELECT count(*) FROM meter m JOIN installation i ON i.meter_id = m.id AND i.removed_at IS NULL \
    WHERE m.terminal = $1";

const FORGET: &str = "UPDATE terminal SET forgotten_at = $2, adopted_at = NULL, adopted_by = NULL, certificate = NULL \
    WHERE address = $1 AND adopted_at IS NOT NULL";

const HEARD: &str = "INSERT INTO terminal (address, heard_at, logged_in_at) VALUES ($1, $2, $3) \
    ON CONFLICT (address) DO UPDATE SET heard_at = excluded.heard_at, \
    logged_in_at = coalesce(excluded.logged_in_at, terminal.logged_in_at)";
