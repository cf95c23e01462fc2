//! Records that two persons want set in a terminal's own list of meters, and what became of them.
//!
//! One that was confirmed waits here. Before its first frame leaves that is noted, together with the points of which the
//! meter has to be asked anew; so a kill can only leave one that is unknown, and never one that is sent twice.

use gdw1376::address::TerminalAddress;

use crate::domain::proposal::{Change, Proposal};
use crate::domain::terminal_archive::{MeterRecord, RecordResult, SettingState, TerminalArchive};
use crate::domain::{AuditEntry, Coded, Id, Moment};
use crate::store::error::StoreError;
use crate::store::proposal::{DoesNotFit, ProposalError};
use crate::store::transaction::Transaction;
use crate::store::{Store, audit, code};

/// Records to be set in a terminal, and what became of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveSetting {
    /// The proposal that was confirmed.
    pub proposal: Id<Proposal>,
    /// The terminal.
    pub terminal: TerminalAddress,
    /// The records.
    pub archive: TerminalArchive,
    /// How it stands.
    pub state: SettingState,
    /// When the second person confirmed it.
    pub confirmed_at: Moment,
    /// When a frame of it left, the first, or the last that had to wait for what the terminal does.
    pub sent_at: Option<Moment>,
    /// When the terminal was last asked what it holds.
    pub looked_at: Option<Moment>,
    /// When it was over.
    pub ended_at: Option<Moment>,
    /// What became of each record.
    pub results: Vec<RecordResult>,
    /// What is to be said of it besides.
    pub detail: String,
}

impl Store {
    /// What was confirmed and is not over, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn open_settings(&self) -> Result<Vec<ArchiveSetting>, StoreError> {
        let mut reading = self.read("reading what is to be set in terminals").await?;
        let rows: Vec<Row> = reading.rows(OPEN, &[]).await?;
        rows.into_iter().map(setting).collect()
    }

    /// What became of a confirmed proposal; `None` when it set nothing in a terminal, or was not confirmed.
    ///
    /// # Errors
    /// As [`Self::open_settings`].
    pub async fn setting_of(&self, proposal: Id<Proposal>) -> Result<Option<ArchiveSetting>, StoreError> {
        let mut reading = self.read("reading what became of a setting").await?;
        let row: Option<Row> = reading.row(ONE, &[proposal.into()]).await?;
        row.map(setting).transpose()
    }

    /// The newest ones of a terminal, so many at most.
    ///
    /// # Errors
    /// As [`Self::open_settings`].
    pub async fn settings_of(
        &self,
        terminal: TerminalAddress,
        most: u32,
    ) -> Result<Vec<ArchiveSetting>, StoreError> {
        let mut reading = self.read("reading what was set in a terminal").await?;
        let rows: Vec<Row> =
            reading.rows(OF_TERMINAL, &[terminal.to_string().into(), i64::from(most).into()]).await?;
        rows.into_iter().map(setting).collect()
    }

    /// Notes that a setting is about to leave: false when it does not wait any more. What the terminal stores for points of
    /// which the meter changes is not believed from now on.
    ///
    /// # Errors
    /// [`StoreError`] when that could not be kept; nothing may leave then.
    pub async fn begin_setting(&self, setting: &ArchiveSetting, now: Moment) -> Result<bool, StoreError> {
        let mut writing = self.write("beginning to set records in a terminal").await?;
        if writing.execute(BEGIN, &[setting.proposal.into(), now.into()]).await? != 1 {
            return Ok(false);
        }
        let terminal = setting.terminal.to_string();
        for point in setting.archive.readdressed() {
            let args = [terminal.as_str().into(), i64::from(point).into()];
            writing.execute(UNVERIFIED, &args).await?;
        }
        let entry = AuditEntry::of_system(now, "terminal.archive_send", format!("terminal {terminal}"));
        let detail = serde_json::json!({ "proposal": setting.proposal.number() }).to_string();
        audit::append(&mut writing, &entry.saying(detail)).await?;
        writing.commit().await?;
        Ok(true)
    }

    /// Notes that what is left of a setting is about to leave; false when it is over.
    ///
    /// # Errors
    /// [`StoreError`] when that could not be kept; nothing may leave then.
    pub async fn go_on_with_setting(
        &self,
        setting: &ArchiveSetting,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let mut writing = self.write("going on with records set in a terminal").await?;
        if writing.execute(GO_ON, &[setting.proposal.into(), now.into()]).await? != 1 {
            return Ok(false);
        }
        let terminal = setting.terminal;
        let entry = AuditEntry::of_system(now, "terminal.archive_send", format!("terminal {terminal}"));
        let detail = serde_json::json!({ "proposal": setting.proposal.number(), "rest": true }).to_string();
        audit::append(&mut writing, &entry.saying(detail)).await?;
        writing.commit().await?;
        Ok(true)
    }

    /// Keeps what became of a setting. One of which nothing has left may wait again.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be kept.
    pub async fn settle_setting(&self, setting: &ArchiveSetting, now: Moment) -> Result<(), StoreError> {
        let mut writing = self.write("keeping what became of records set in a terminal").await?;
        let results = serde_json::to_string(&setting.results).unwrap_or_default();
        let ended_at = setting.state.is_over().then_some(now.micros());
        let args = [
            setting.proposal.into(),
            setting.state.code().into(),
            setting.sent_at.map(Moment::micros).into(),
            setting.looked_at.map(Moment::micros).into(),
            ended_at.into(),
            results.as_str().into(),
            setting.detail.as_str().into(),
        ];
        writing.execute(SETTLE, &args).await?;
        if setting.state.is_over() || setting.state == SettingState::Unknown {
            let terminal = setting.terminal;
            let entry = AuditEntry::of_system(now, "terminal.archive_settle", format!("terminal {terminal}"));
            let detail = serde_json::json!({
                "proposal": setting.proposal.number(), "results": setting.results, "detail": setting.detail,
            });
            let entry = entry.ending(setting.state.name()).saying(detail.to_string());
            audit::append(&mut writing, &entry).await?;
        }
        writing.commit().await
    }

    /// Notes that a terminal was looked at and that nothing is known anew.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be kept.
    pub async fn looked_at_setting(&self, proposal: Id<Proposal>, now: Moment) -> Result<(), StoreError> {
        let mut writing = self.write("noting that a setting was looked at").await?;
        writing.execute(LOOKED, &[proposal.into(), now.into()]).await?;
        writing.commit().await
    }
}

/// Enters what was confirmed.
pub(in crate::store) async fn enter(
    writing: &mut Transaction,
    proposal: Id<Proposal>,
    archive: &TerminalArchive,
    now: Moment,
) -> Result<(), ProposalError> {
    fits(writing, archive).await?;
    let terminal = canonical(archive);
    let since = now.minus(SettingState::MAY_COME);
    let (open,): (i64,) =
        writing.row(STILL_OPEN, &[terminal.as_str().into(), since.into()]).await?.unwrap_or_default();
    if open > 0 {
        return Err(ProposalError::DoesNotFit(DoesNotFit::SettingOpen));
    }
    writing.execute(ENTER, &[proposal.into(), terminal.as_str().into(), now.into()]).await?;
    Ok(())
}

/// Whether our archive has the meters at their points, and none of ours is taken away from its own.
pub(in crate::store) async fn fits(
    writing: &mut Transaction,
    archive: &TerminalArchive,
) -> Result<(), ProposalError> {
    let rows: Vec<(i64, String)> = writing.rows(OURS, &[canonical(archive).as_str().into()]).await?;
    let is_ours = |record: &MeterRecord| {
        rows.iter().any(|(point, address)| *point == i64::from(record.point) && *address == record.address)
    };
    let all_fit = archive.changes.iter().all(|change| match (&change.before, &change.after) {
        (_, Some(after)) => is_ours(after),
        (Some(before), None) => !is_ours(before),
        (None, None) => false,
    });
    if all_fit { Ok(()) } else { Err(ProposalError::DoesNotFit(DoesNotFit::TerminalArchive)) }
}

/// The points of the meters behind the terminal, with their areas.
pub(in crate::store) async fn places(
    reading: &mut Transaction,
    archive: &TerminalArchive,
) -> Result<Vec<(i64, Option<i64>)>, StoreError> {
    reading.rows(PLACES, &[canonical(archive).as_str().into()]).await
}

/// The terminal as the archive writes it; nothing for what is no address.
fn canonical(archive: &TerminalArchive) -> String {
    archive.address().map(|address| address.to_string()).unwrap_or_default()
}

type Row = (i64, String, i64, i64, Option<i64>, Option<i64>, Option<i64>, String, String, String);

fn setting(row: Row) -> Result<ArchiveSetting, StoreError> {
    let (id, terminal, state, confirmed_at, sent_at, looked_at, ended_at, results, detail, change) = row;
    let unknown = || StoreError::Unknown { list: "change", found: id.to_string() };
    let Ok(Change::SetTerminalArchive(archive)) = serde_json::from_str(&change) else {
        return Err(unknown());
    };
    let moment = |at: Option<i64>| at.map(Moment::from_micros);
    Ok(ArchiveSetting {
        proposal: Id::new(id),
        terminal: terminal.parse().map_err(|_| unknown())?,
        archive,
        state: code("setting_state", state)?,
        confirmed_at: Moment::from_micros(confirmed_at),
        sent_at: moment(sent_at),
        looked_at: moment(looked_at),
        ended_at: moment(ended_at),
        results: serde_json::from_str(&results).map_err(|_| unknown())?,
        detail,
    })
}

const OPEN: &str = "SELECT s.proposal_id, s.terminal, s.state, s.confirmed_at, s.sent_at, s.looked_at, s.ended_at, \
    s.results, s.detail, p.change FROM terminal_setting s JOIN proposal p ON p.id = s.proposal_id \
    WHERE s.state IN (1, 2, 5) ORDER BY s.confirmed_at, s.proposal_id";

const ONE: &str = "SELECT s.proposal_id, s.terminal, s.state, s.confirmed_at, s.sent_at, s.looked_at, s.ended_at, \
    s.results, s.detail, p.change FROM terminal_setting s JOIN proposal p ON p.id = s.proposal_id \
    WHERE s.proposal_id = $1";

const OF_TERMINAL: &str = "SELECT s.proposal_id, s.terminal, s.state, s.confirmed_at, s.sent_at, s.looked_at, s.ended_at, \
    s.results, s.detail, p.change FROM terminal_setting s JOIN proposal p ON p.id = s.proposal_id \
    WHERE s.terminal = $1 ORDER BY s.confirmed_at DESC, s.proposal_id DESC LIMIT $2";

const BEGIN: &str =
    "UPDATE terminal_setting SET state = 2, sent_at = $2 WHERE proposal_id = $1 AND state = 1";

const SETTLE: &str = "UPDATE terminal_setting SET state = $2, sent_at = $3, looked_at = $4, ended_at = $5, results = $6, \
    detail = $7 WHERE proposal_id = $1 AND state IN (1, 2, 5)";

const LOOKED: &str = "UPDATE terminal_setting SET looked_at = $2 WHERE proposal_id = $1 AND state = 5";

const GO_ON: &str = "UPDATE terminal_setting SET sent_at = $2 WHERE proposal_id = $1 AND state IN (2, 5)";

const UNVERIFIED: &str = "DELETE FROM terminal_point WHERE terminal = $1 AND point = $2";

/// Those that wait or are sent, and those that are unknown since so lately that they may still be carried out.
const STILL_OPEN: &str = "SELECT count(*) FROM terminal_setting WHERE terminal = $1 \
    AND (state IN (1, 2) OR (state = 5 AND sent_at > $2))";

const ENTER: &str = "INSERT INTO terminal_setting (proposal_id, terminal, confirmed_at) VALUES ($1, $2, $3)";

const OURS: &str = "SELECT m.measuring_point, m.address FROM meter m \
    JOIN installation i ON i.meter_id = m.id AND i.removed_at IS NULL WHERE m.terminal = $1";

const PLACES: &str = "SELECT p.id, p.area_id FROM meter m \
    JOIN installation i ON i.meter_id = m.id AND i.removed_at IS NULL \
    JOIN metering_point p ON p.id = i.point_id WHERE m.terminal = $1 ORDER BY p.id";
