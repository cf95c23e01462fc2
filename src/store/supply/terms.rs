//! The table of terms: a row is proposed by one person and holds once another one has confirmed it.

use std::time::Duration;

use super::{SupplyError, commit_with};
use crate::domain::access::{Acting, Action};
use crate::domain::supply::{DatedTerms, Objection, Terms};
use crate::domain::{AuditEntry, Coded, Day, Id, Moment};
use crate::store::error::{Refusal, StoreError};
use crate::store::sql::Cell;
use crate::store::transaction::Transaction;
use crate::store::{Store, code};

/// A row to be proposed.
pub type TermsEntry = DatedTerms;

/// A row as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermsRecord {
    /// Its number.
    pub id: Id<DatedTerms>,
    /// What holds, from when on, where and for whom.
    pub row: DatedTerms,
    /// Who proposed it.
    pub proposed_by: String,
    /// Who confirmed it; until then it does not hold.
    pub confirmed_by: Option<String>,
}

impl Store {
    /// Proposes a row.
    ///
    /// # Errors
    /// [`SupplyError`] when the role may not, or the database cannot.
    pub async fn propose_terms(
        &self,
        acting: &Acting,
        entry: &TermsEntry,
        now: Moment,
    ) -> Result<Id<DatedTerms>, SupplyError> {
        let proposed = async {
            if !acting.may(Action::ProposeLimits) {
                return Err(Objection::NoRight.into());
            }
            let id = self.numbers.next(now);
            let mut writing = self.change_supply("proposing terms").await?;
            let terms = &entry.terms;
            let seconds = [
                terms.notice_least,
                terms.notice_most,
                terms.second_least,
                terms.second_most,
                terms.arrears_least,
                terms.identity_most,
                terms.read_most,
            ]
            .map(|time| Cell::from(i64::try_from(time.as_secs()).unwrap_or(i64::MAX)));
            let mut args: Vec<Cell<'_>> =
                vec![id.into(), entry.from.into(), entry.area.into(), entry.class.map(Coded::code).into()];
            args.extend(seconds);
            args.extend([acting.person.into(), acting.name.as_str().into(), now.into()]);
            writing.execute(PROPOSE, &args).await?;
            let audit = AuditEntry::by(acting, now, "terms.propose", format!("terms {id}"));
            commit_with(
                writing,
                &audit.saying(serde_json::json!({ "row": format!("{entry:?}") }).to_string()),
            )
            .await?;
            Ok(Id::new(id))
        };
        self.ended(proposed.await, acting, "terms.propose", "terms".into(), now).await
    }

    /// Confirms a row that another person has proposed.
    ///
    /// # Errors
    /// [`SupplyError`] when the role may not, it is their own, there is none, or the database cannot.
    pub async fn confirm_terms(
        &self,
        acting: &Acting,
        id: Id<DatedTerms>,
        now: Moment,
    ) -> Result<(), SupplyError> {
        let confirmed = async {
            if !acting.may(Action::ConfirmLimits) {
                return Err(Objection::NoRight.into());
            }
            if now.since(acting.role_since) < super::halt::ROLE_LEAST {
                return Err(Objection::RoleTooNew.into());
            }
            let mut writing = self.change_supply("confirming terms").await?;
            let proposed: Option<(i64,)> = writing.row(PROPOSED, &[id.into()]).await?;
            let (person,) = proposed.ok_or(StoreError::Refused(Refusal::NotThere))?;
            if person == acting.person.number() {
                return Err(Objection::OwnOrder.into());
            }
            let args = [id.into(), acting.person.into(), acting.name.as_str().into(), now.into()];
            writing.execute(CONFIRM, &args).await?;
            let entry = AuditEntry::by(acting, now, "terms.confirm", format!("terms {id}"));
            Ok(commit_with(writing, &entry).await?)
        };
        self.ended(confirmed.await, acting, "terms.confirm", format!("terms {id}"), now).await
    }

    /// All rows, those that wait to be confirmed among them.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn terms(&self) -> Result<Vec<TermsRecord>, StoreError> {
        let mut reading = self.read("reading the terms of cuts").await?;
        let rows: Vec<Row> = reading.rows(ALL, &[]).await?;
        rows.into_iter().map(record).collect()
    }
}

/// The rows that were confirmed.
pub(super) async fn terms_in_force(reading: &mut Transaction) -> Result<Vec<DatedTerms>, StoreError> {
    let rows: Vec<Row> = reading.rows(ALL, &[]).await?;
    let records = rows.into_iter().map(record).collect::<Result<Vec<_>, _>>()?;
    Ok(records.into_iter().filter(|record| record.confirmed_by.is_some()).map(|record| record.row).collect())
}

type Row = (i64, i64, Option<i64>, Option<i64>, i64, i64, i64, i64, i64, i64, i64, String, Option<String>);

fn record(row: Row) -> Result<TermsRecord, StoreError> {
    let (id, from, area, class, first, most, second, second_most, arrears, identity, read, by, confirmed) =
        row;
    let time = |seconds: i64| Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let epoch = Day::of(Moment::from_micros(0));
    Ok(TermsRecord {
        id: Id::new(id),
        row: DatedTerms {
            from: epoch.plus(from - epoch.number()),
            area: area.map(Id::new),
            class: class.map(|class| code("class", class)).transpose()?,
            terms: Terms {
                notice_least: time(first),
                notice_most: time(most),
                second_least: time(second),
                second_most: time(second_most),
                arrears_least: time(arrears),
                identity_most: time(identity),
                read_most: time(read),
            },
        },
        proposed_by: by,
        confirmed_by: confirmed,
    })
}

const PROPOSE: &str = "INSERT INTO supply_terms (id, from_day, area_id, class, notice_least, notice_most, second_least, \
    second_most, arrears_least, identity_most, read_most, proposed_by, proposed_name, proposed_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";

const PROPOSED: &str = "SELECT proposed_by FROM supply_terms WHERE id = $1 AND confirmed_at IS NULL";

const CONFIRM: &str =
    "UPDATE supply_terms SET confirmed_by = $2, confirmed_name = $3, confirmed_at = $4 WHERE id = $1";

const ALL: &str = "SELECT id, from_day, area_id, class, notice_least, notice_most, second_least, second_most, \
    arrears_least, identity_most, read_most, proposed_name, confirmed_name FROM supply_terms ORDER BY from_day, id";
