//! Changes that need two persons: proposed, then confirmed and made in one transaction.
//!
//! What a proposal says is compared with the archive when it is made and once more when it is confirmed; a change that no
//! longer fits is refused then and stays open, to be refused or taken back by a person.

use std::collections::BTreeSet;

use super::archive::Exchange;
use super::batch::save_offers;
use super::error::{Refusal, StoreError};
use super::ledger::Offer;
use super::review::{Decided, Review};
use super::sql::Sql;
use super::terminal::setting;
use super::transaction::Transaction;
use super::{Store, archive, audit, code, manual_read, numbered, review, supply};
use crate::config::profile::Profiles;
use crate::domain::access::{Acting, Regions};
use crate::domain::modbus::unit_of;
use crate::domain::proposal::{
    Change, ChangeFault, MayNot, MeterExchange, PROPOSAL_WAITS, Proposal, ProposalState, Shown,
};
use crate::domain::version::Decision;
use crate::domain::{
    AuditEntry, Coded, Day, Id, Item, Meter, MeterPath, MeterProtocol, MeteringPoint, Moment, Quality,
    RegisterReading, Source, TransformersFrom,
};

/// Why a proposal was not taken, or not decided.
#[derive(Debug, thiserror::Error)]
pub enum ProposalError {
    /// What it says cannot be.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Faults(Vec<ChangeFault>),
    /// This person may not, or not now.
    #[error(transparent)]
    MayNot(MayNot),
    /// There is no such proposal, point, meter or review within what the person may see.
    #[error("it is not there  不存在")]
    NotThere,
    /// It does not fit what the archive says by now.
    #[error("it does not fit the archive: {0}  与档案不符")]
    DoesNotFit(DoesNotFit),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What of the archive a change does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DoesNotFit {
    /// The meter taken out does not measure the point then.
    #[error("the meter taken out does not measure the point then")]
    Removed,
    /// The meter put in measures another point.
    #[error("the meter put in measures another point")]
    Installed,
    /// The meter put in speaks Modbus, and there is no register map of that name.
    #[error("there is no register map of that name")]
    Profile,
    /// The meter put in speaks Modbus, and another one of the line has its unit number.
    #[error("another Modbus meter of the line has that unit number")]
    Unit,
    /// The meter put in speaks Modbus, and the one taken out is read through a terminal.
    #[error("Modbus meters are not read through terminals")]
    BehindTerminal,
    /// The review is closed.
    #[error("the review is closed")]
    Review,
    /// A meter that was read was not there then.
    #[error("a meter that was read was not there then")]
    Read,
    /// A record names another meter at its point than the archive, or one of the archive would be taken away.
    #[error("the records do not fit the archive of the terminal")]
    TerminalArchive,
    /// Records that were confirmed before wait for the terminal, or what became of them is unknown.
    #[error("records that were confirmed before are not over")]
    SettingOpen,
    /// What became of the order at the point is known, or nothing was sent.
    #[error("what became of the order there is not unknown")]
    NotUnknown,
    /// What people found they found while the order might yet be obeyed.
    #[error("the order might yet have been obeyed then")]
    FoundTooEarly,
    /// The meter is said to be gone and measures the point.
    #[error("the meter measures the point by the archive")]
    StillThere,
    /// Supply was ordered back and found to be away.
    #[error("there is no supply: that is no end of an order that gives it back")]
    StillDark,
}

impl ProposalError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Faults(_) => "change_faulty",
            Self::MayNot(why) => why.kind(),
            Self::NotThere => "not_there",
            Self::DoesNotFit(_) => "does_not_fit",
            Self::Store(error) => error.kind(),
        }
    }
}

/// What the second person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Make the change.
    Confirm,
    /// Do not.
    Refuse,
    /// Who proposed it takes it back.
    Withdraw,
}

impl Store {
    /// Proposes a change; gives its number.
    ///
    /// # Errors
    /// [`ProposalError`] when the change cannot be, is out of this person's region, or the role may not.
    pub async fn propose(
        &self,
        change: &Change,
        reason: &str,
        acting: &Acting,
        now: Moment,
    ) -> Result<Id<Proposal>, ProposalError> {
        if !acting.may(change.proposing()) {
            return Err(ProposalError::MayNot(MayNot::Role));
        }
        let faults = change.faults(now);
        if !faults.is_empty() {
            return Err(ProposalError::Faults(faults));
        }
        let mut writing = self.write("proposing a change").await?;
        let site = find(&mut writing, change, acting).await?;
        match change {
            Change::SetTerminalArchive(archive) => setting::fits(&mut writing, archive).await?,
            Change::SettleOrder(settlement) => {
                supply::may_be_settled(&mut writing, settlement, site).await?;
            }
            _ => {}
        }
        let text = json(change)?;
        let args = [
            text.as_str().into(),
            reason.into(),
            acting.person.into(),
            acting.name.as_str().into(),
            now.into(),
            now.plus(PROPOSAL_WAITS).into(),
        ];
        let (id,): (i64,) = writing.row(ADD, &args).await?.ok_or(NOT_THERE)?;
        let entry = AuditEntry::by(acting, now, "proposal.propose", format!("proposal {id}")).saying(text);
        audit::append(&mut writing, &entry).await?;
        writing.commit().await?;
        Ok(Id::new(id))
    }

    /// Decides on a proposal; a confirmed change is made with it. What people have read is judged by the profiles of the
    /// meters, and a Modbus meter that is put in has one of them.
    ///
    /// # Errors
    /// [`ProposalError`] when this person may not, it was decided before, or the change does not fit any more; nothing
    /// has happened then.
    pub async fn decide_proposal(
        &self,
        id: Id<Proposal>,
        verdict: Verdict,
        acting: &Acting,
        profiles: &Profiles,
        now: Moment,
    ) -> Result<(), ProposalError> {
        let kept = self.proposal(id).await?.ok_or(ProposalError::NotThere)?;
        // Partitions are made beside, and would wait for the transaction.
        self.make_partitions(kept.change.instants().into_iter().map(Day::of)).await?;
        let mut writing = self.write("deciding on a proposed change").await?;
        // Two who decide at once wait for each other here.
        let args = [id.into()];
        let taken =
            writing.execute("UPDATE proposal SET state = state WHERE id = $1 AND state = 1", &args).await?;
        let row: Option<Row> = writing.row(ONE, &args).await?;
        let proposal = row.map(proposal).transpose()?.ok_or(ProposalError::NotThere)?;
        let (site, state, action) = match verdict {
            Verdict::Withdraw => {
                proposal.may_be_withdrawn_by(acting, now).map_err(ProposalError::MayNot)?;
                (None, ProposalState::Withdrawn, "proposal.withdraw")
            }
            Verdict::Confirm | Verdict::Refuse => {
                proposal.may_be_decided_by(acting, now).map_err(ProposalError::MayNot)?;
                let site = find(&mut writing, &proposal.change, acting).await?;
                match verdict {
                    Verdict::Confirm => (Some(site), ProposalState::Confirmed, "proposal.confirm"),
                    _ => (None, ProposalState::Refused, "proposal.refuse"),
                }
            }
        };
        if taken != 1 {
            return Err(ProposalError::MayNot(MayNot::Decided));
        }
        if let Some(site) = site {
            make(&mut writing, &proposal, site, (acting, profiles), now).await?;
        }
        let name = acting.name.as_str();
        let args = [id.into(), state.code().into(), acting.person.into(), name.into(), now.into()];
        writing.execute(DECIDE, &args).await?;
        let entry =
            AuditEntry::by(acting, now, action, format!("proposal {id}")).saying(json(&proposal.change)?);
        audit::append(&mut writing, &entry).await?;
        writing.commit().await?;
        Ok(())
    }

    /// A proposal.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn proposal(&self, id: Id<Proposal>) -> Result<Option<Proposal>, StoreError> {
        let mut reading = self.read("reading a proposed change").await?;
        let row: Option<Row> = reading.row(ONE, &[id.into()]).await?;
        row.map(proposal).transpose()
    }

    /// The newest proposals below a number, those that wait first; `most` at most.
    ///
    /// # Errors
    /// As [`Self::proposal`].
    pub async fn proposals(
        &self,
        only_open: bool,
        before: i64,
        most: u32,
    ) -> Result<Vec<Proposal>, StoreError> {
        let mut reading = self.read("reading proposed changes").await?;
        let args = [i64::from(only_open).into(), before.into(), i64::from(most).into()];
        let rows: Vec<Row> = reading.rows(LIST, &args).await?;
        rows.into_iter().map(proposal).collect()
    }

    /// Those of some proposals that are about points of these regions.
    ///
    /// # Errors
    /// As [`Self::proposal`].
    pub async fn proposals_within(
        &self,
        proposals: Vec<Proposal>,
        regions: &Regions,
    ) -> Result<Vec<Proposal>, StoreError> {
        if *regions == Regions::All {
            return Ok(proposals);
        }
        let mut reading = self.read("reading where proposed changes are").await?;
        let mut within = Vec::with_capacity(proposals.len());
        for proposal in proposals {
            let places = places(&mut reading, &proposal.change).await?;
            if is_within(&places, regions) {
                within.push(proposal);
            }
        }
        Ok(within)
    }
}

/// Finds the points that a change is about, all of them within what a person may see; gives the first.
async fn find(
    writing: &mut Transaction,
    change: &Change,
    acting: &Acting,
) -> Result<Id<MeteringPoint>, ProposalError> {
    let places = places(writing, change).await?;
    match places.first() {
        Some((point, _)) if is_within(&places, &acting.regions) => Ok(Id::new(*point)),
        _ => Err(ProposalError::NotThere),
    }
}

/// Whether there are points, and all of them in these regions.
fn is_within(places: &[(i64, Option<i64>)], regions: &Regions) -> bool {
    !places.is_empty() && places.iter().all(|(_, area)| regions.hold(area.map(Id::new)))
}

/// The points that a change is about, with their areas; none when one of them is not there.
async fn places(reading: &mut Transaction, change: &Change) -> Result<Vec<(i64, Option<i64>)>, StoreError> {
    match change {
        Change::ExchangeMeter(MeterExchange { point, .. }) => {
            reading.rows(POINT, &[point.as_str().into()]).await
        }
        Change::ChangeTransformers(change) => reading.rows(POINT, &[change.point.as_str().into()]).await,
        Change::DecideReview(decision) => reading.rows(REVIEWED, &[decision.review.into()]).await,
        Change::EnterReads(entered) => {
            let numbers: BTreeSet<&str> = entered.reads.iter().map(|read| read.point.as_str()).collect();
            let numbers: Vec<&str> = numbers.into_iter().collect();
            let found: Vec<(i64, Option<i64>)> =
                reading.rows(POINTS, &[numbered::list(&numbers).into()]).await?;
            Ok(if found.len() == numbers.len() { found } else { Vec::new() })
        }
        Change::SetTerminalArchive(archive) => setting::places(reading, archive).await,
        Change::SettleOrder(settlement) => {
            let args = [settlement.point.as_str().into(), settlement.order.into()];
            reading.rows(ORDERED, &args).await
        }
    }
}

async fn make(
    writing: &mut Transaction,
    proposal: &Proposal,
    site: Id<MeteringPoint>,
    (acting, profiles): (&Acting, &Profiles),
    now: Moment,
) -> Result<(), ProposalError> {
    match &proposal.change {
        Change::ExchangeMeter(exchange) => exchange_meter(writing, exchange, (site, profiles), now).await,
        Change::ChangeTransformers(change) => {
            let transformers =
                change.transformers().ok_or_else(|| ProposalError::Faults(vec![ChangeFault::Ratio]))?;
            let change = TransformersFrom { from: Moment::from_micros(change.from), transformers };
            Ok(archive::record_transformers(writing, site, change, now).await?)
        }
        Change::DecideReview(decision) => {
            let by = format!("{}, {}", proposal.proposed_as, acting.name);
            let decided = Decided {
                decision: if decision.accept { Decision::Accept } else { Decision::Reject },
                by: &by,
                note: &proposal.reason,
                now,
            };
            let review = Id::<Review>::new(decision.review);
            match review::decide(writing, review, decided).await? {
                Some(_) => Ok(()),
                None => Err(ProposalError::DoesNotFit(DoesNotFit::Review)),
            }
        }
        Change::EnterReads(entered) => {
            let by = format!("{}, {}", proposal.proposed_as, acting.name);
            manual_read::enter(writing, &entered.reads, profiles, &by, now).await
        }
        // It leaves behind this transaction, and what became of it is kept beside.
        Change::SetTerminalArchive(archive) => setting::enter(writing, proposal.id, archive, now).await,
        Change::SettleOrder(settlement) => {
            supply::settle_on_site(writing, settlement, (site, acting, &proposal.proposed_as), now).await
        }
    }
}

async fn exchange_meter(
    writing: &mut Transaction,
    exchange: &MeterExchange,
    (site, profiles): (Id<MeteringPoint>, &Profiles),
    now: Moment,
) -> Result<(), ProposalError> {
    let faulty = |fault| ProposalError::Faults(vec![fault]);
    let (removed, installed) = exchange.addresses().ok_or_else(|| faulty(ChangeFault::Address))?;
    let gone = || ProposalError::DoesNotFit(DoesNotFit::Removed);
    let old = archive::site_meter(writing, removed).await?.ok_or_else(gone)?;
    if old.point_id != site {
        return Err(gone());
    }
    let protocol = MeterProtocol::from_name(&exchange.protocol);
    let installed = Meter {
        address: installed,
        asset_number: exchange.asset_number.clone(),
        protocol: protocol.ok_or_else(|| faulty(ChangeFault::Protocol))?,
        profile: exchange.profile.clone(),
        path: old.meter.path.clone(),
    };
    let installed = fitted(writing, installed, &old.meter, profiles).await?;
    // As long as the meter is there: what cannot be is reviewed like any other suspect read, and not billed before (F16).
    let judged = manual_read::judged(writing, &exchange.closing_reads(), profiles).await?;
    let at = Moment::from_micros(exchange.at);
    let record = Exchange { point: site, removed, installed, at };
    let new = match archive::record_exchange(writing, &record).await {
        Err(StoreError::Refused(Refusal::NotThere)) => {
            return Err(ProposalError::DoesNotFit(DoesNotFit::Installed));
        }
        other => other?,
    };
    let mut readings = Vec::new();
    let closing = exchange.closing.iter().zip(judged);
    let closing = closing.map(|(shown, quality)| (old.meter_id, shown, quality));
    let opening = exchange.opening.iter().map(|shown| (new, shown, Quality::Good));
    for (meter, Shown { item, value }, quality) in closing.chain(opening) {
        let item = Item::parse(item).ok_or_else(|| faulty(ChangeFault::Item))?;
        readings.push(RegisterReading {
            meter,
            item,
            as_of: at,
            value: *value,
            meter_time: None,
            collected_at: now,
            source: Source::Manual,
            quality,
            fetch: None,
        });
    }
    let offers: Vec<Offer<'_>> = readings.iter().map(Offer::of).collect();
    save_offers(writing, &offers, now).await?.ok_or(StoreError::Refused(Refusal::Raced))?;
    Ok(())
}

/// A meter as it takes the place of another. Where one of the two speaks Modbus and the other does not, speed and parity are
/// those of its profile; and one that speaks Modbus has a register map, a line, and its unit number there for itself.
async fn fitted(
    writing: &mut Transaction,
    mut installed: Meter,
    removed: &Meter,
    profiles: &Profiles,
) -> Result<Meter, ProposalError> {
    let is_modbus = |meter: &Meter| meter.protocol == MeterProtocol::Modbus;
    if is_modbus(&installed) != is_modbus(removed) {
        let (MeterPath::Line { baud, parity, .. } | MeterPath::Terminal { baud, parity, .. }) =
            &mut installed.path;
        (*baud, *parity) = (None, None);
    }
    if !is_modbus(&installed) {
        return Ok(installed);
    }
    let does_not_fit = |what| Err(ProposalError::DoesNotFit(what));
    if profiles.of(installed.profile.as_deref(), installed.protocol).is_none() {
        return does_not_fit(DoesNotFit::Profile);
    }
    let MeterPath::Line { line, .. } = &installed.path else {
        return does_not_fit(DoesNotFit::BehindTerminal);
    };
    let unit = unit_of(installed.address).ok_or_else(|| ProposalError::Faults(vec![ChangeFault::Unit]))?;
    let removed = removed.address.to_string();
    let args = [line.as_str().into(), MeterProtocol::Modbus.code().into(), removed.into()];
    let others: Vec<(String,)> = writing.rows(MODBUS_OF_LINE, &args).await?;
    let others = others.iter().filter_map(|(address,)| address.parse().ok());
    let mut others = others.filter(|other| *other != installed.address);
    if others.any(|other| unit_of(other) == Some(unit)) {
        return does_not_fit(DoesNotFit::Unit);
    }
    Ok(installed)
}

fn json(change: &Change) -> Result<String, StoreError> {
    let unwritable = |_| StoreError::Unknown { list: "change", found: change.kind().to_owned() };
    serde_json::to_string(change).map_err(unwritable)
}

type Row = (i64, String, String, i64, i64, String, i64, i64, Option<String>, Option<i64>);

fn proposal(row: Row) -> Result<Proposal, StoreError> {
    let (id, change, reason, state, by, proposed_as, proposed_at, expires_at, decided_as, decided_at) = row;
    let unknown = |_| StoreError::Unknown { list: "change", found: id.to_string() };
    Ok(Proposal {
        id: Id::new(id),
        change: serde_json::from_str(&change).map_err(unknown)?,
        reason,
        state: code("proposal_state", state)?,
        proposed_by: Id::new(by),
        proposed_as,
        proposed_at: Moment::from_micros(proposed_at),
        expires_at: Moment::from_micros(expires_at),
        decided_as,
        decided_at: decided_at.map(Moment::from_micros),
    })
}

const NOT_THERE: StoreError = StoreError::Refused(Refusal::NotThere);

const ADD: &str = "INSERT INTO proposal (change, reason, proposed_by, proposed_as, proposed_at, expires_at) \
    VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";

const ONE: &str = "SELECT id, change, reason, state, proposed_by, proposed_as, proposed_at, expires_at, decided_as, \
    decided_at FROM proposal WHERE id = $1";

const LIST: &str = "SELECT id, change, reason, state, proposed_by, proposed_as, proposed_at, expires_at, decided_as, \
    decided_at FROM proposal WHERE ($1 = 0 OR state = 1) AND id < $2 ORDER BY id DESC LIMIT $3";

const DECIDE: &str = "UPDATE proposal SET state = $2, decided_by = $3, decided_as = $4, decided_at = $5 \
    WHERE id = $1 AND state = 1";

/// The Modbus meters of a line that are installed, but one.
const MODBUS_OF_LINE: &str = "SELECT m.address FROM meter m JOIN line l ON l.id = m.line_id \
    WHERE l.name = $1 AND m.protocol = $2 AND m.address <> $3 \
    AND EXISTS (SELECT 1 FROM installation n WHERE n.meter_id = m.id AND n.removed_at IS NULL)";

const POINT: &str = "SELECT id, area_id FROM metering_point WHERE number = $1";

/// A point of an order.
const ORDERED: &str = "SELECT p.id, p.area_id FROM metering_point p \
    JOIN supply_order_point o ON o.point_id = p.id AND o.order_id = $2 WHERE p.number = $1";

const POINTS: Sql = Sql {
    sqlite: "SELECT id, area_id FROM metering_point WHERE number IN (SELECT value FROM json_each($1)) ORDER BY id",
    postgres: "SELECT id, area_id FROM metering_point \
        WHERE number IN (SELECT json_array_elements_text(CAST($1 AS json))) ORDER BY id",
};

/// The point that a meter with a review measured, by the last installation at its instant.
const REVIEWED: &str = "SELECT p.id, p.area_id FROM review r \
    JOIN installation n ON n.meter_id = r.meter_id AND n.installed_at <= r.as_of \
    JOIN metering_point p ON p.id = n.point_id WHERE r.id = $1 ORDER BY n.installed_at DESC LIMIT 1";
