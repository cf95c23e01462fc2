//! Who may not be cut: protected points, and days without cuts (F54).

use std::collections::HashMap;

use super::halt::lift;
use super::{SupplyError, commit_with};
use crate::domain::access::{Acting, Action};
use crate::domain::supply::{CalendarKind, Objection, Protection, ProtectionKind, ProtectionList};
use crate::domain::{AuditEntry, Coded, CustomerClass, Day, Id, MeteringPoint, Moment, TransformerArea};
use crate::store::error::{Refusal, StoreError};
use crate::store::sql::{Kind, Rows, Table};
use crate::store::transaction::Transaction;
use crate::store::{Store, code};

/// A point that is to be protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectionEntry {
    /// Which.
    pub point: Id<MeteringPoint>,
    /// Why.
    pub kind: ProtectionKind,
    /// Why, in words.
    pub reason: String,
    /// Until when; `None` until somebody ends it.
    pub until: Option<Moment>,
}

/// A protection as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectionRecord {
    /// Its number.
    pub id: Id<Protection>,
    /// What was entered.
    pub entry: ProtectionEntry,
    /// When.
    pub entered_at: Moment,
    /// By whom.
    pub entered_by: String,
    /// When two approvers ended it.
    pub ended_at: Option<Moment>,
}

/// A day on which nobody is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalendarEntry {
    /// Which.
    pub day: Day,
    /// Where; `None` for everywhere.
    pub area: Option<Id<TransformerArea>>,
    /// Why.
    pub kind: CalendarKind,
}

impl CalendarEntry {
    /// What whoever wants it taken away wants.
    #[must_use]
    pub fn subject(&self) -> String {
        let Self { day, area, kind } = self;
        format!("calendar {day} {} {}", area.map_or(EVERYWHERE, Id::number), kind.name())
    }
}

impl Store {
    /// Protects points. What is protected for the same reason already stays as it is.
    ///
    /// # Errors
    /// [`SupplyError`] when the role may not, or the database cannot.
    pub async fn add_protections(
        &self,
        acting: &Acting,
        entries: &[ProtectionEntry],
        now: Moment,
    ) -> Result<(), SupplyError> {
        let action = "protection.add";
        let added = async {
            may(acting, Action::AddProtection)?;
            let mut writing = self.change_supply("protecting points").await?;
            self.add(&mut writing, acting, entries, now).await?;
            Ok(commit_with(writing, &entered(acting, action, entries, now)).await?)
        };
        self.ended(added.await, acting, action, "protections".into(), now).await
    }

    /// Loads the list of protected points. It only adds: what is not on it stays protected until two approvers end it. An
    /// empty list never means that nobody is protected, and is refused.
    ///
    /// # Errors
    /// [`SupplyError`] when the role may not, the list is empty, or the database cannot.
    pub async fn load_protections(
        &self,
        acting: &Acting,
        entries: &[ProtectionEntry],
        now: Moment,
    ) -> Result<(), SupplyError> {
        let action = "protection.load";
        if entries.is_empty() {
            self.protections_failed(acting, now).await?;
        }
        let loaded = async {
            may(acting, Action::AddProtection)?;
            if entries.is_empty() {
                return Err(Objection::NoProtectionList.into());
            }
            let mut writing = self.change_supply("loading the list of protected points").await?;
            self.add(&mut writing, acting, entries, now).await?;
            let rows = i64::try_from(entries.len()).unwrap_or(i64::MAX);
            writing.execute(LOADED, &[now.into(), rows.into()]).await?;
            Ok(commit_with(writing, &entered(acting, action, entries, now)).await?)
        };
        self.ended(loaded.await, acting, action, "protections".into(), now).await
    }

    /// Notes that the list of protected points could not be loaded: nobody is cut until it is.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn protections_failed(&self, acting: &Acting, now: Moment) -> Result<(), StoreError> {
        let mut writing =
            self.change_supply("noting that the list of protected points was not loaded").await?;
        writing.execute(FAILED, &[now.into()]).await?;
        let entry = AuditEntry::by(acting, now, "protection.load", "protections");
        commit_with(writing, &entry.ending("failed")).await
    }

    /// Ends a protection when a second approver wants it, too. Says whether it has ended.
    ///
    /// # Errors
    /// [`SupplyError`] when the role may not, there is none, or the database cannot.
    pub async fn end_protection(
        &self,
        acting: &Acting,
        id: Id<Protection>,
        now: Moment,
    ) -> Result<bool, SupplyError> {
        let action = "protection.end";
        let object = format!("{SUBJECT}{id}");
        let ended = async {
            may(acting, Action::RemoveProtection)?;
            let mut writing = self.change_supply("ending a protection").await?;
            let there: Option<(i64,)> = writing.row(OPEN, &[id.into()]).await?;
            there.ok_or(StoreError::Refused(Refusal::NotThere))?;
            let has_ended = lift(&mut writing, acting, &object, 2, now).await?;
            if has_ended {
                writing.execute(END, &[id.into(), now.into(), acting.name.as_str().into()]).await?;
            }
            let result = if has_ended { "done" } else { "a second approver is needed" };
            let entry = AuditEntry::by(acting, now, action, object.clone()).ending(result);
            commit_with(writing, &entry).await?;
            Ok(has_ended)
        };
        self.ended(ended.await, acting, action, object.clone(), now).await
    }

    /// The protections that were entered, those in force only or all, by point.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn protections(&self, in_force: Option<Moment>) -> Result<Vec<ProtectionRecord>, StoreError> {
        let mut reading = self.read("reading the protected points").await?;
        let rows: Vec<Row> = reading.rows(ALL, &[in_force.map(Moment::micros).into()]).await?;
        rows.into_iter().map(record).collect()
    }

    /// Approvers who want a protection ended that are not enough yet, by its number.
    ///
    /// # Errors
    /// As [`Self::protections`].
    pub async fn protection_ends(&self) -> Result<HashMap<Id<Protection>, Vec<String>>, StoreError> {
        let mut reading = self.read("reading who wants protections ended").await?;
        let rows: Vec<(String, String)> = reading.rows(ENDS, &[]).await?;
        let mut ends: HashMap<Id<Protection>, Vec<String>> = HashMap::new();
        for (subject, name) in rows {
            let number = subject.strip_prefix(SUBJECT).and_then(|number| number.parse().ok());
            if let Some(number) = number {
                ends.entry(Id::new(number)).or_default().push(name);
            }
        }
        Ok(ends)
    }

    /// How the list of protected points stands.
    ///
    /// # Errors
    /// As [`Self::protections`].
    pub async fn protection_list(&self) -> Result<ProtectionList, StoreError> {
        list_in_force(&mut self.read("reading how the list of protected points stands").await?).await
    }

    /// Enters days on which nobody is cut.
    ///
    /// # Errors
    /// [`SupplyError`] when the role may not, or the database cannot.
    pub async fn enter_calendar(
        &self,
        acting: &Acting,
        days: &[CalendarEntry],
        now: Moment,
    ) -> Result<(), SupplyError> {
        let action = "calendar.add";
        let added = async {
            may(acting, Action::AddProtection)?;
            let mut writing = self.change_supply("entering days without cuts").await?;
            let mut rows = Rows::new(&CALENDAR);
            for CalendarEntry { day, area, kind } in days {
                let area = area.map_or(EVERYWHERE, Id::number);
                let by = acting.name.as_str().into();
                rows.push([(*day).into(), area.into(), kind.code().into(), now.into(), by]);
            }
            writing.insert(&CALENDAR, &rows).await?;
            let entry = AuditEntry::by(acting, now, action, format!("{} days", days.len()));
            Ok(commit_with(writing, &entry).await?)
        };
        self.ended(added.await, acting, action, "calendar".into(), now).await
    }

    /// Takes days away again that were entered by mistake: by who has entered them, within a few minutes, and before they come.
    /// Says how many there were; `None`, and nothing is changed, when one of them is not such a day.
    ///
    /// # Errors
    /// [`SupplyError`] when the role may not, or the database cannot.
    pub async fn undo_calendar(
        &self,
        acting: &Acting,
        days: &[CalendarEntry],
        now: Moment,
    ) -> Result<Option<u64>, SupplyError> {
        let action = "calendar.remove";
        let undone = async {
            may(acting, Action::AddProtection)?;
            let mut writing = self.change_supply("taking days without cuts away").await?;
            for CalendarEntry { day, area, kind } in days {
                let args = [(*day).into(), area.map_or(EVERYWHERE, Id::number).into(), kind.code().into()];
                let entered: Option<(i64, String)> = writing.row(ENTERED, &args).await?;
                let is_mistake = |(at, by): &(i64, String)| {
                    let at = Moment::from_micros(*at);
                    *by == acting.name && at <= now && now.since(at) < MISTAKE && *day > Day::of(now)
                };
                if !entered.as_ref().is_none_or(is_mistake) {
                    return Ok(None);
                }
            }
            let mut gone = 0;
            for day in days {
                gone += remove(&mut writing, day).await?;
            }
            let entry = AuditEntry::by(acting, now, action, format!("{gone} days"));
            commit_with(writing, &entry.saying(told(days))).await?;
            Ok(Some(gone))
        };
        self.ended(undone.await, acting, action, "calendar".into(), now).await
    }

    /// Takes days away on which nobody was to be cut, when a second approver wants it, too; what is not there stays so. Says how
    /// many are gone, and how many wait for the second approver.
    ///
    /// # Errors
    /// [`SupplyError`] when the role may not, or the database cannot.
    pub async fn remove_calendar(
        &self,
        acting: &Acting,
        days: &[CalendarEntry],
        now: Moment,
    ) -> Result<(u64, u64), SupplyError> {
        let action = "calendar.remove";
        let removed = async {
            may(acting, Action::RemoveProtection)?;
            let mut writing = self.change_supply("taking days without cuts away").await?;
            let (mut gone, mut waiting) = (0, 0);
            for day in days {
                let args =
                    [day.day.into(), day.area.map_or(EVERYWHERE, Id::number).into(), day.kind.code().into()];
                if writing.row::<(i64, String)>(ENTERED, &args).await?.is_none() {
                    continue;
                }
                if lift(&mut writing, acting, &day.subject(), 2, now).await? {
                    gone += remove(&mut writing, day).await?;
                } else {
                    waiting += 1;
                }
            }
            let result = if waiting == 0 { "done" } else { "a second approver is needed" };
            let entry = AuditEntry::by(acting, now, action, format!("{gone} days")).ending(result);
            commit_with(writing, &entry.saying(told(days))).await?;
            Ok((gone, waiting))
        };
        self.ended(removed.await, acting, action, "calendar".into(), now).await
    }

    /// Approvers who want a day without cuts taken away that are not enough yet, by what the day is called there.
    ///
    /// # Errors
    /// As [`Self::protections`].
    pub async fn calendar_ends(&self) -> Result<HashMap<String, Vec<String>>, StoreError> {
        let mut reading = self.read("reading who wants days without cuts taken away").await?;
        let rows: Vec<(String, String)> = reading.rows(DAY_ENDS, &[]).await?;
        let mut ends: HashMap<String, Vec<String>> = HashMap::new();
        for (subject, name) in rows {
            ends.entry(subject).or_default().push(name);
        }
        Ok(ends)
    }

    /// The days from this one on, on which nobody is cut.
    ///
    /// # Errors
    /// As [`Self::protections`].
    pub async fn calendar(&self, from: Day) -> Result<Vec<CalendarEntry>, StoreError> {
        let mut reading = self.read("reading days without cuts").await?;
        let rows: Vec<(i64, i64, i64)> = reading.rows(DAYS, &[from.into()]).await?;
        let entry = |(day, area, kind)| {
            Ok(CalendarEntry {
                day: from.plus(day - from.number()),
                area: (area != EVERYWHERE).then(|| Id::new(area)),
                kind: code("calendar_kind", kind)?,
            })
        };
        rows.into_iter().map(entry).collect()
    }

    async fn add(
        &self,
        writing: &mut Transaction,
        acting: &Acting,
        entries: &[ProtectionEntry],
        now: Moment,
    ) -> Result<(), StoreError> {
        for ProtectionEntry { point, kind, reason, until } in entries {
            let args = [
                self.numbers.next(now).into(),
                (*point).into(),
                kind.code().into(),
                reason.as_str().into(),
                until.map(Moment::micros).into(),
                now.into(),
                acting.name.as_str().into(),
            ];
            writing.execute(ADD, &args).await?;
        }
        Ok(())
    }
}

async fn remove(writing: &mut Transaction, entry: &CalendarEntry) -> Result<u64, StoreError> {
    let CalendarEntry { day, area, kind } = entry;
    let args = [(*day).into(), area.map_or(EVERYWHERE, Id::number).into(), kind.code().into()];
    writing.execute(REMOVE_DAY, &args).await
}

/// Days as the audit log tells them.
fn told(days: &[CalendarEntry]) -> String {
    let told: Vec<_> = days
        .iter()
        .take(MOST_TOLD)
        .map(|entry| {
            let area = entry.area.map_or(EVERYWHERE, Id::number);
            serde_json::json!([entry.day.to_string(), area, entry.kind.name()])
        })
        .collect();
    serde_json::Value::from(told).to_string()
}

/// How the list of protected points stands.
pub(super) async fn list_in_force(reading: &mut Transaction) -> Result<ProtectionList, StoreError> {
    let row: Option<(Option<i64>, i64, Option<i64>)> = reading.row(LIST, &[]).await?;
    Ok(match row {
        Some((Some(_), rows, None)) if rows > 0 => ProtectionList::Loaded,
        _ => ProtectionList::Missing,
    })
}

/// Why a point is protected: by its class, by the archive, or because it was entered.
pub(super) async fn protections_of(
    reading: &mut Transaction,
    point: Id<MeteringPoint>,
    (class, archived): (Option<CustomerClass>, Option<&str>),
    now: Moment,
) -> Result<Vec<ProtectionKind>, StoreError> {
    let rows: Vec<(i64,)> = reading.rows(OF_POINT, &[point.into(), now.into()]).await?;
    let mut found: Vec<ProtectionKind> =
        rows.into_iter().map(|(kind,)| code("protection_kind", kind)).collect::<Result<_, _>>()?;
    if class == Some(CustomerClass::Important) || archived.is_some() {
        found.push(ProtectionKind::Important);
    }
    Ok(found)
}

/// Why nobody is cut on some of these days, everywhere or in one of these areas.
pub(super) async fn no_cut_days(
    reading: &mut Transaction,
    (first, last): (Day, Day),
    areas: &[Id<TransformerArea>],
) -> Result<Vec<CalendarKind>, StoreError> {
    let rows: Vec<(i64, i64)> = reading.rows(BETWEEN, &[first.into(), last.into()]).await?;
    let applies = |area: i64| area == EVERYWHERE || areas.iter().any(|known| known.number() == area);
    let rows = rows.into_iter().filter(|(area, _)| applies(*area));
    rows.map(|(_, kind)| code("calendar_kind", kind)).collect()
}

fn may(acting: &Acting, action: Action) -> Result<(), SupplyError> {
    if acting.may(action) { Ok(()) } else { Err(Objection::NoRight.into()) }
}

fn entered(acting: &Acting, action: &'static str, entries: &[ProtectionEntry], now: Moment) -> AuditEntry {
    let of: Vec<_> = entries
        .iter()
        .take(MOST_TOLD)
        .map(|entry| serde_json::json!([entry.point.number(), entry.kind.name()]))
        .collect();
    let entry = AuditEntry::by(acting, now, action, format!("{} points", entries.len()));
    entry.saying(serde_json::Value::from(of).to_string())
}

type Row = (i64, i64, i64, String, Option<i64>, i64, String, Option<i64>);

fn record(row: Row) -> Result<ProtectionRecord, StoreError> {
    let (id, point, kind, reason, until, entered_at, entered_by, ended_at) = row;
    Ok(ProtectionRecord {
        id: Id::new(id),
        entry: ProtectionEntry {
            point: Id::new(point),
            kind: code("protection_kind", kind)?,
            reason,
            until: until.map(Moment::from_micros),
        },
        entered_at: Moment::from_micros(entered_at),
        entered_by,
        ended_at: ended_at.map(Moment::from_micros),
    })
}

/// How many points the audit log names.
const MOST_TOLD: usize = 1000;
/// How long whoever has entered a day may take it away as a mistake.
const MISTAKE: std::time::Duration = std::time::Duration::from_secs(15 * 60);
/// The area of a day that holds everywhere.
const EVERYWHERE: i64 = 0;

/// What whoever wants a protection ended wants, in front of its number.
const SUBJECT: &str = "protection ";

const ENDS: &str =
    "SELECT subject, name FROM supply_lift WHERE subject LIKE 'protection %' ORDER BY subject, at, person_id";

const LIST: &str = "SELECT loaded_at, rows, failed_at FROM supply_list WHERE name = 'protection'";

const LOADED: &str = "INSERT INTO supply_list (name, loaded_at, rows, failed_at) VALUES ('protection', $1, $2, NULL) \
    ON CONFLICT (name) DO UPDATE SET loaded_at = excluded.loaded_at, rows = excluded.rows, failed_at = NULL";

const FAILED: &str = "INSERT INTO supply_list (name, loaded_at, rows, failed_at) VALUES ('protection', NULL, 0, $1) \
    ON CONFLICT (name) DO UPDATE SET failed_at = excluded.failed_at";

const OPEN: &str = "SELECT id FROM supply_protection WHERE id = $1 AND ended_at IS NULL";

const ADD: &str = "INSERT INTO supply_protection (id, point_id, kind, reason, until_at, entered_at, entered_by) \
    SELECT $1, $2, $3, $4, $5, $6, $7 WHERE NOT EXISTS (SELECT 1 FROM supply_protection WHERE point_id = $2 AND kind = $3 \
        AND reason = $4 AND coalesce(until_at, -1) = coalesce(CAST($5 AS bigint), -1) AND ended_at IS NULL)";

const END: &str =
    "UPDATE supply_protection SET ended_at = $2, ended_by = $3 WHERE id = $1 AND ended_at IS NULL";

const OF_POINT: &str = "SELECT kind FROM supply_protection WHERE point_id = $1 AND ended_at IS NULL \
    AND (until_at IS NULL OR until_at > $2) ORDER BY kind";

const ALL: &str = "SELECT id, point_id, kind, reason, until_at, entered_at, entered_by, ended_at FROM supply_protection \
    WHERE CAST($1 AS bigint) IS NULL OR (ended_at IS NULL AND (until_at IS NULL OR until_at > $1)) ORDER BY point_id, id";

const BETWEEN: &str =
    "SELECT area_id, kind FROM supply_calendar WHERE day BETWEEN $1 AND $2 ORDER BY day, area_id, kind";

const DAYS: &str =
    "SELECT day, area_id, kind FROM supply_calendar WHERE day >= $1 ORDER BY day, area_id, kind";

const ENTERED: &str =
    "SELECT entered_at, entered_by FROM supply_calendar WHERE day = $1 AND area_id = $2 AND kind = $3";

const DAY_ENDS: &str =
    "SELECT subject, name FROM supply_lift WHERE subject LIKE 'calendar %' ORDER BY subject, at, person_id";

const REMOVE_DAY: &str = "DELETE FROM supply_calendar WHERE day = $1 AND area_id = $2 AND kind = $3";

const CALENDAR: Table = Table {
    name: "supply_calendar",
    columns: &[
        ("day", Kind::Int),
        ("area_id", Kind::Int),
        ("kind", Kind::Int),
        ("entered_at", Kind::Int),
        ("entered_by", Kind::Text),
    ],
    on_conflict: "DO NOTHING",
};
