//! What keeps all cuts back: STOP, a clock that jumped, ceilings that were made stricter; and how it is lifted.

use super::{SupplyError, commit_in_any_case, commit_with};
use crate::domain::access::{Acting, Action};
use crate::domain::supply::{Ceilings, HaltKind, Objection};
use crate::domain::{Alarm, AlarmKind, AuditEntry, Coded, Moment, detail_zh};
use crate::store::alarm::{clear, raise};
use crate::store::error::{Refusal, StoreError};
use crate::store::transaction::Transaction;
use crate::store::{Store, billing, code};

/// Something that keeps all cuts back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaltRecord {
    /// What.
    pub kind: HaltKind,
    /// Since when.
    pub since: Moment,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Approvers who want it lifted.
    pub lifted_by: Vec<String>,
}

/// How far the lifting of something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifting {
    /// It is lifted.
    Lifted,
    /// A second approver is needed.
    NeedsSecond,
}

impl Store {
    /// Stops all cuts (F52). Pressed again, it takes back what approvers had said of lifting it. A reason is shortened, and never
    /// refused.
    ///
    /// # Errors
    /// [`SupplyError`] when the role may not, or the database cannot.
    pub async fn press_stop(&self, acting: &Acting, reason: &str, now: Moment) -> Result<(), SupplyError> {
        let pressed = async {
            if !acting.may(Action::PressStop) {
                return Err(Objection::NoRight.into());
            }
            let entry = AuditEntry::by(acting, now, "stop.press", "stop");
            Ok(self.halt(HaltKind::Stop, (&acting.name, &shortened(reason)), entry, now).await?)
        };
        self.ended(pressed.await, acting, "stop.press", "stop".into(), now).await
    }

    /// The same by a user of the machine itself, who needs no account: stopping harms nobody. (T27)
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn press_stop_at_machine(
        &self,
        user: &str,
        reason: &str,
        now: Moment,
    ) -> Result<(), StoreError> {
        let entry = AuditEntry {
            actor: user.to_owned(),
            source: AuditEntry::COMMAND_LINE.to_owned(),
            ..AuditEntry::of_system(now, "stop.press", "stop")
        };
        self.halt(HaltKind::Stop, (user, &shortened(reason)), entry, now).await
    }

    /// Keeps all cuts back because of what the program itself has seen: a file, or a clock that jumped.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn halt_cuts(&self, kind: HaltKind, reason: &str, now: Moment) -> Result<(), StoreError> {
        let mut reading = self.read("reading what keeps cuts back").await?;
        let is_held = halts_in_force(&mut reading).await?.contains(&kind);
        drop(reading);
        if is_held {
            return Ok(());
        }
        let entry = AuditEntry::of_system(now, "stop.press", kind.name());
        self.halt(kind, (AuditEntry::SYSTEM, reason), entry, now).await
    }

    /// Lets cuts go on, when as many approvers want it as it takes.
    ///
    /// # Errors
    /// [`SupplyError`] when the role may not, nothing of this kind keeps cuts back, or the database cannot.
    pub async fn lift_halt(
        &self,
        acting: &Acting,
        kind: HaltKind,
        now: Moment,
    ) -> Result<Lifting, SupplyError> {
        let lifted = async {
            if !acting.may(kind.lifted_by()) {
                return Err(Objection::NoRight.into());
            }
            let mut writing = self.change_supply("letting cuts go on").await?;
            if !halts_in_force(&mut writing).await?.contains(&kind) {
                return Err(StoreError::Refused(Refusal::NotThere).into());
            }
            let subject = subject(kind);
            let is_lifted = lift(&mut writing, acting, &subject, kind.persons_to_lift(), now).await?;
            if is_lifted {
                let args = [kind.code().into(), now.into(), acting.name.as_str().into()];
                writing.execute(END, &args).await?;
                let (pressed, over) = alarms(kind);
                clear(&mut writing, pressed, &subject, now).await?;
                if let Some(over) = over {
                    raise(&mut writing, &Alarm::new(over, subject.clone(), now)).await?;
                }
            }
            let result = if is_lifted { "done" } else { "a second approver is needed" };
            let entry = AuditEntry::by(acting, now, "stop.lift", kind.name()).ending(result);
            let is_loss = is_lifted && kind == HaltKind::DatabaseBehind;
            if is_loss {
                // More may have been lost since it was found out.
                billing::raise_floor(&mut writing, now).await?;
                // While others wait for this: nobody finds it again. What keeps cuts back until the commit is in the database.
                self.witness.forget();
            }
            commit_with(writing, &entry).await?;
            if is_loss {
                self.witness.tell();
            }
            Ok(if is_lifted { Lifting::Lifted } else { Lifting::NeedsSecond })
        };
        self.ended(lifted.await, acting, "stop.lift", kind.name().into(), now).await
    }

    /// What keeps all cuts back.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn halts(&self) -> Result<Vec<HaltRecord>, StoreError> {
        let mut reading = self.read("reading what keeps cuts back").await?;
        let rows: Vec<(i64, i64, String, String)> = reading.rows(IN_FORCE, &[]).await?;
        let mut halts = Vec::with_capacity(rows.len());
        for (kind, since, by, reason) in rows {
            let kind: HaltKind = code("halt_kind", kind)?;
            let names: Vec<(String,)> = reading.rows(WANTED, &[subject(kind).into()]).await?;
            let lifted_by = names.into_iter().map(|(name,)| name).collect();
            halts.push(HaltRecord { kind, since: Moment::from_micros(since), by, reason, lifted_by });
        }
        Ok(halts)
    }

    /// Makes ceilings stricter; one that is looser than what holds changes nothing.
    ///
    /// # Errors
    /// [`SupplyError`] when the role may not, or the database cannot.
    pub async fn tighten_ceilings(
        &self,
        acting: &Acting,
        ceilings: Ceilings,
        now: Moment,
    ) -> Result<(), SupplyError> {
        let tightened = async {
            if !(acting.may(Action::ConfirmLimits) || acting.may(Action::ProposeLimits)) {
                return Err(Objection::NoRight.into());
            }
            let mut writing = self.change_supply("making ceilings stricter").await?;
            let Ceilings { order, hour, day, area_percent, total_percent } = ceilings;
            let [order, hour, day, area, total] =
                [order, hour, day, area_percent, total_percent].map(i64::from);
            let args = [
                self.numbers.next(now).into(),
                order.into(),
                hour.into(),
                day.into(),
                area.into(),
                total.into(),
                now.into(),
                acting.name.as_str().into(),
            ];
            writing.execute(TIGHTEN, &args).await?;
            // Whoever wanted an earlier one taken away has not seen this one.
            writing.execute(FORGET, &[CEILINGS_SUBJECT.into()]).await?;
            let entry = AuditEntry::by(acting, now, "ceiling.tighten", "ceilings");
            let detail = serde_json::json!({
                "order": order, "hour": hour, "day": day, "area_percent": area, "total_percent": total,
            });
            Ok(commit_with(writing, &entry.saying(detail.to_string())).await?)
        };
        self.ended(tightened.await, acting, "ceiling.tighten", "ceilings".into(), now).await
    }

    /// Takes away all that was made stricter, when a second approver wants it, too: the ceilings of the configuration hold
    /// again.
    ///
    /// # Errors
    /// [`SupplyError`] when the role may not, or the database cannot.
    pub async fn loosen_ceilings(&self, acting: &Acting, now: Moment) -> Result<Lifting, SupplyError> {
        let loosened = async {
            if !acting.may(Action::ConfirmLimits) {
                return Err(Objection::NoRight.into());
            }
            let mut writing = self.change_supply("taking stricter ceilings away").await?;
            let is_lifted = lift(&mut writing, acting, CEILINGS_SUBJECT, 2, now).await?;
            if is_lifted {
                writing.execute(LOOSEN, &[now.into(), acting.name.as_str().into()]).await?;
            }
            let result = if is_lifted { "done" } else { "a second approver is needed" };
            let entry = AuditEntry::by(acting, now, "ceiling.loosen", "ceilings").ending(result);
            commit_with(writing, &entry).await?;
            Ok(if is_lifted { Lifting::Lifted } else { Lifting::NeedsSecond })
        };
        self.ended(loosened.await, acting, "ceiling.loosen", "ceilings".into(), now).await
    }

    /// The ceilings that hold besides those of the configuration.
    ///
    /// # Errors
    /// As [`Self::halts`].
    pub async fn ceilings(&self) -> Result<Ceilings, StoreError> {
        ceilings_in_force(&mut self.read("reading the ceilings").await?).await
    }

    /// Approvers who want what was made stricter taken away; one is not enough.
    ///
    /// # Errors
    /// As [`Self::halts`].
    pub async fn wanting_looser_ceilings(&self, now: Moment) -> Result<Vec<String>, StoreError> {
        let mut reading = self.read("reading who wants ceilings loosened").await?;
        let args = [CEILINGS_SUBJECT.into(), now.minus(WANTED_FOR).into()];
        let names: Vec<(String,)> = reading.rows(LIFTERS, &args).await?;
        Ok(names.into_iter().map(|(name,)| name).collect())
    }

    async fn halt(
        &self,
        kind: HaltKind,
        (by, reason): (&str, &str),
        entry: AuditEntry,
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut writing = self.change_supply("stopping all cuts").await?;
        let args = [self.numbers.next(now).into(), kind.code().into(), now.into(), by.into(), reason.into()];
        // Whoever wanted an earlier one lifted has not seen this one.
        writing.execute(FORGET, &[subject(kind).into()]).await?;
        if writing.execute(HALT, &args).await? > 0 {
            let alarm = Alarm::new(alarms(kind).0, subject(kind), now);
            let alarm = match kind {
                HaltKind::Clock => alarm.saying(&detail_zh(reason), reason),
                // What somebody types is for those who may see it where it is kept.
                _ => alarm,
            };
            raise(&mut writing, &alarm).await?;
        }
        let detail = serde_json::json!({ "reason": reason }).to_string();
        commit_in_any_case(writing, &entry.saying(detail)).await
    }
}

/// What keeps all cuts back.
pub(in crate::store) async fn halts_in_force(reading: &mut Transaction) -> Result<Vec<HaltKind>, StoreError> {
    let rows: Vec<(i64, i64, String, String)> = reading.rows(IN_FORCE, &[]).await?;
    rows.into_iter().map(|(kind, ..)| code("halt_kind", kind)).collect()
}

/// The strictest of what was entered.
pub(super) async fn ceilings_in_force(reading: &mut Transaction) -> Result<Ceilings, StoreError> {
    let rows: Vec<(i64, i64, i64, i64, i64)> = reading.rows(CEILINGS, &[]).await?;
    let number = |number: i64| u32::try_from(number).unwrap_or(0);
    let ceilings = rows.into_iter().map(|(order, hour, day, area, total)| Ceilings {
        order: number(order),
        hour: number(hour),
        day: number(day),
        area_percent: number(area),
        total_percent: number(total),
    });
    Ok(ceilings.fold(Ceilings::BUILT_IN, Ceilings::stricter))
}

/// Notes that this person wants something taken away; true when as many persons do as it takes, within [`WANTED_FOR`] and still
/// in the roles that they had, and then all of them are forgotten.
pub(super) async fn lift(
    writing: &mut Transaction,
    acting: &Acting,
    subject: &str,
    persons: usize,
    now: Moment,
) -> Result<bool, SupplyError> {
    if now.since(acting.role_since) < ROLE_LEAST {
        return Err(Objection::RoleTooNew.into());
    }
    let args = [subject.into(), acting.person.into(), acting.name.as_str().into(), now.into()];
    writing.execute(WANT, &args).await?;
    let names: Vec<(String,)> =
        writing.rows(LIFTERS, &[subject.into(), now.minus(WANTED_FOR).into()]).await?;
    if names.len() < persons {
        return Ok(false);
    }
    writing.execute(FORGET, &[subject.into()]).await?;
    Ok(true)
}

/// A reason as every page can show it: a line of text of bounded length, whatever was typed.
fn shortened(reason: &str) -> String {
    let letters = reason.trim().chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut text: String = letters.clone().take(LONGEST_REASON).collect();
    if letters.count() > LONGEST_REASON {
        text.push('…');
    }
    text
}

pub(super) fn subject(kind: HaltKind) -> String {
    format!("halt {}", kind.name())
}

/// What is told when it begins and when it is lifted.
const fn alarms(kind: HaltKind) -> (AlarmKind, Option<AlarmKind>) {
    match kind {
        HaltKind::Stop | HaltKind::StopFile => (AlarmKind::StopPressed, Some(AlarmKind::StopLifted)),
        HaltKind::Clock => (AlarmKind::ClockStep, None),
        HaltKind::DatabaseBehind => (AlarmKind::DatabaseBehind, None),
    }
}

/// What whoever wants ceilings loosened wants.
const CEILINGS_SUBJECT: &str = "ceilings";

/// How long somebody must have the role to lift anything, or to confirm what others propose.
pub(super) const ROLE_LEAST: std::time::Duration = std::time::Duration::from_secs(86_400);

/// Letters of a reason that are kept.
const LONGEST_REASON: usize = 500;

/// How long a wish to lift something waits for another one.
const WANTED_FOR: std::time::Duration = std::time::Duration::from_secs(86_400);

pub(super) const HALT: &str = "INSERT INTO supply_halt (id, kind, since, by_name, reason) \
    SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT 1 FROM supply_halt WHERE kind = $2 AND ended_at IS NULL)";

const END: &str = "UPDATE supply_halt SET ended_at = $2, ended_by = $3 WHERE kind = $1 AND ended_at IS NULL";

const IN_FORCE: &str =
    "SELECT kind, since, by_name, reason FROM supply_halt WHERE ended_at IS NULL ORDER BY kind";

const WANT: &str = "INSERT INTO supply_lift (subject, person_id, name, at) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (subject, person_id) DO UPDATE SET at = excluded.at";

/// Whoever was disabled or given another role since does not count.
const LIFTERS: &str = "SELECT l.name FROM supply_lift l WHERE l.subject = $1 AND l.at >= $2 \
    AND NOT EXISTS (SELECT 1 FROM account a WHERE a.name = l.name AND (a.is_enabled = 0 OR a.role_since > l.at)) \
    ORDER BY l.at, l.person_id";

const WANTED: &str = "SELECT name FROM supply_lift WHERE subject = $1 ORDER BY at, person_id";

const FORGET: &str = "DELETE FROM supply_lift WHERE subject = $1";

const TIGHTEN: &str = "INSERT INTO supply_ceiling (id, in_order, in_hour, in_day, area_percent, total_percent, entered_at, \
    entered_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const LOOSEN: &str = "UPDATE supply_ceiling SET ended_at = $1, ended_by = $2 WHERE ended_at IS NULL";

const CEILINGS: &str = "SELECT in_order, in_hour, in_day, area_percent, total_percent FROM supply_ceiling \
    WHERE ended_at IS NULL";
