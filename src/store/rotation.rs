//! Rotations of meter passwords (密码轮换, T25): asked for by one person, approved by another, carried out meter by meter.
//!
//! The new password of a meter is made and kept beside the old one in the transaction of the intent, before any frame leaves;
//! what came of each frame is noted in one transaction with what follows from it. So a process that is killed anywhere leaves
//! a meter with one password that is known, or with two of which the next one finds out. The rules are those of
//! [`crate::domain::rotation`]; when something is sent is left to `supply`.

mod list;

use dlt645::password::{Level, Password};

use super::error::StoreError;
use super::proposal::{ProposalError, Verdict};
use super::secret::Candidates;
use super::transaction::Transaction;
use super::{SecretError, Store, Vault, alarm, audit, code};
use crate::config::profile::MeterProfile;
use crate::domain::access::{Acting, Action};
use crate::domain::proposal::MayNot;
use crate::domain::rotation::{
    CannotRotate, MOST_WRITES, Rotation, RotationState, RotationStep, Tries, WriteAnswer, may_decide,
};
use crate::domain::{Alarm, AlarmKind, AuditEntry, Coded, Day, Id, Meter, Moment};
use crate::store::archive::SiteMeter;

pub use list::{RotationMeter, RotationRecord};

/// A rotation to be asked for.
#[derive(Clone, Debug)]
pub struct NewRotation {
    /// Of which level.
    pub level: Level,
    /// Which meters were asked for, in words.
    pub selection: String,
    /// Why.
    pub reason: String,
    /// The meters, with why one cannot be rotated.
    pub meters: Vec<(Id<Meter>, Option<CannotRotate>)>,
}

/// A meter of a rotation with which something is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueRotation {
    /// The rotation.
    pub rotation: Id<Rotation>,
    /// The meter.
    pub meter: Id<Meter>,
    /// Its address (通信地址).
    pub address: String,
    /// Of which level.
    pub level: Level,
    /// Where it stands.
    pub step: RotationStep,
}

impl DueRotation {
    const fn key(&self) -> (Id<Meter>, Level) {
        (self.meter, self.level)
    }

    fn entry(&self, at: Moment, action: &'static str) -> AuditEntry {
        let detail = serde_json::json!({ "rotation": self.rotation.number(), "level": self.level.number() });
        AuditEntry::of_system(at, action, format!("meter {}", self.address)).saying(detail.to_string())
    }
}

impl Store {
    /// Asks for a rotation.
    ///
    /// # Errors
    /// [`ProposalError::MayNot`] when the role may not, or the database cannot.
    pub async fn ask_rotation(
        &self,
        acting: &Acting,
        new: &NewRotation,
        now: Moment,
    ) -> Result<Id<Rotation>, ProposalError> {
        if !acting.may(Action::RotateSecrets) {
            return Err(ProposalError::MayNot(MayNot::Role));
        }
        let id = self.numbers.next(now);
        let mut writing = self.write("asking for a rotation of passwords").await?;
        let level = i64::from(new.level.number());
        let args = [
            id.into(),
            level.into(),
            new.selection.as_str().into(),
            new.reason.as_str().into(),
            RotationState::Asked.code().into(),
            acting.person.into(),
            acting.name.as_str().into(),
            now.into(),
        ];
        writing.execute(ASK, &args).await?;
        let busy: Vec<(i64,)> = writing.rows(BUSY, &[level.into()]).await?;
        let busy: std::collections::HashSet<i64> = busy.into_iter().map(|(meter,)| meter).collect();
        let mut skipped = 0;
        for (meter, why) in &new.meters {
            let in_another = busy.contains(&meter.number()).then_some(CannotRotate::InAnother);
            let why = why.or(in_another);
            let step = why.map_or(RotationStep::Waiting, |_| RotationStep::Skipped);
            skipped += usize::from(why.is_some());
            let why = why.map_or("", Coded::name);
            let args = [id.into(), (*meter).into(), step.code().into(), now.into(), why.into()];
            writing.execute(ADD, &args).await?;
        }
        let detail = serde_json::json!({ "level": new.level.number(), "selection": new.selection,
            "reason": new.reason, "meters": new.meters.len(), "skipped": skipped });
        let entry = AuditEntry::by(acting, now, "secret.rotate.ask", format!("rotation {id}"));
        audit::append(&mut writing, &entry.saying(detail.to_string())).await?;
        writing.commit().await?;
        Ok(Id::new(id))
    }

    /// Approves a rotation, refuses it, or breaks it off: then nothing more is begun, and what is in doubt is still found
    /// out.
    ///
    /// # Errors
    /// [`ProposalError::MayNot`] says why this person may not, or not now; [`ProposalError::NotThere`]; the database.
    pub async fn decide_rotation(
        &self,
        id: Id<Rotation>,
        verdict: Verdict,
        acting: &Acting,
        now: Moment,
    ) -> Result<(), ProposalError> {
        let mut writing = self.write("deciding on a rotation of passwords").await?;
        // Two who decide at once wait for each other here.
        writing.execute("UPDATE secret_rotation SET state = state WHERE id = $1", &[id.into()]).await?;
        let row: Option<(i64, i64)> = writing.row(DECIDED, &[id.into()]).await?;
        let (asked_by, state) = row.ok_or(ProposalError::NotThere)?;
        let state: RotationState = code("rotation_state", state)?;
        let (next, action) = match verdict {
            Verdict::Confirm | Verdict::Refuse => {
                may_decide((asked_by, state), acting, now).map_err(ProposalError::MayNot)?;
                match verdict {
                    Verdict::Confirm => (RotationState::Approved, "secret.rotate.approve"),
                    _ => (RotationState::Refused, "secret.rotate.refuse"),
                }
            }
            Verdict::Withdraw => {
                if !acting.may(Action::RotateSecrets) && !acting.may(Action::ApproveRotation) {
                    return Err(ProposalError::MayNot(MayNot::Role));
                }
                if !matches!(state, RotationState::Asked | RotationState::Approved) {
                    return Err(ProposalError::MayNot(MayNot::Decided));
                }
                (RotationState::Ended, "secret.rotate.end")
            }
        };
        let name = acting.name.as_str();
        let args = [id.into(), next.code().into(), acting.person.into(), name.into(), now.into()];
        writing.execute(if verdict == Verdict::Withdraw { END } else { DECIDE }, &args).await?;
        finish(&mut writing, id, now).await?;
        let entry = AuditEntry::by(acting, now, action, format!("rotation {id}"));
        audit::append(&mut writing, &entry).await?;
        writing.commit().await?;
        Ok(())
    }

    /// Meters with which something is due, `most` at most. What was broken off is found out of, and not begun anew.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn due_rotations(&self, now: Moment, most: u32) -> Result<Vec<DueRotation>, StoreError> {
        let mut reading = self.read("reading which passwords are due").await?;
        let rows: Vec<(i64, i64, String, i64, i64)> =
            reading.rows(DUE, &[now.into(), i64::from(most).into()]).await?;
        let due = |(rotation, meter, address, level, step)| {
            Ok(DueRotation {
                rotation: Id::new(rotation),
                meter: Id::new(meter),
                address,
                level: level_of(level)?,
                step: code("rotation_step", step)?,
            })
        };
        rows.into_iter().map(due).collect()
    }

    /// What an earlier process was writing: nobody knows what came of it. Says of how many meters.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be kept.
    pub async fn recover_rotations(&self, now: Moment) -> Result<u64, StoreError> {
        let mut writing = self.write("finding passwords that were being written").await?;
        writing.execute(DOUBT_SENDING, &[]).await?;
        let found = writing.execute(RECOVER, &[now.into()]).await?;
        if found > 0 {
            let entry = AuditEntry::of_system(now, "secret.rotate.recover", format!("{found} meters"));
            audit::append(&mut writing, &entry.ending("unknown")).await?;
        }
        writing.commit().await?;
        Ok(found)
    }

    /// Keeps the intent to write a new password, with both candidates, before the frame leaves: the authority and the new
    /// one. `None` when it is not to be sent, or not now.
    ///
    /// # Errors
    /// [`SecretError`] when it could not be kept; then nothing may be sent.
    pub async fn begin_password_write(
        &self,
        vault: &Vault,
        due: &DueRotation,
        (site, profile): (&SiteMeter, &MeterProfile),
        now: Moment,
    ) -> Result<Option<[Password; 2]>, SecretError> {
        let mut writing = self.write("keeping the intent to write a password").await?;
        let Some(at) = taken(&mut writing, due, &[RotationStep::Waiting]).await? else { return Ok(None) };
        let today = Day::of(now);
        let refused: Option<(i64,)> = writing.row(REFUSED_ON, &[due.meter.into(), today.into()]).await?;
        let kept = Candidates::load(&mut writing, vault, due.key()).await?;
        let both = match kept {
            Some(both) => Some(both),
            None => Candidates::make(&mut writing, vault, (site, profile, due.level), now).await?,
        };
        let Some(both) = both else {
            let at = Stands { step: RotationStep::Skipped, why: CannotRotate::NoPassword.name(), ..at };
            keep(&mut writing, due, at, now).await?;
            finish(&mut writing, due.rotation, now).await?;
            writing.commit().await?;
            return Ok(None);
        };
        if both.is_doubtful && at.writes == 0 && at.proofs == 0 {
            // An earlier rotation has left it in doubt: that is found out first.
            keep(&mut writing, due, Stands { step: RotationStep::Unclear, next_at: now, ..at }, now).await?;
            writing.commit().await?;
            return Ok(None);
        }
        if refused.is_some() || (both.is_doubtful && both.doubted_day == Some(today.number())) {
            keep(&mut writing, due, Stands { next_at: tomorrow(now), ..at }, now).await?;
            writing.commit().await?;
            return Ok(None);
        }
        if both.is_doubtful {
            Candidates::note_doubt(&mut writing, due.key(), Some(today)).await?;
        }
        let at = Stands { step: RotationStep::Sending, writes: at.writes + 1, ..at };
        keep(&mut writing, due, at, now).await?;
        audit::append(&mut writing, &due.entry(now, "secret.rotate.write")).await?;
        writing.commit().await?;
        Ok(Some(both.passwords(due.level, profile.password_order)?))
    }

    /// Keeps the intent to have a meter show that it has the new password. `None` when that is not to be done now.
    ///
    /// # Errors
    /// As [`Self::begin_password_write`].
    pub async fn begin_password_proof(
        &self,
        vault: &Vault,
        due: &DueRotation,
        profile: &MeterProfile,
        now: Moment,
    ) -> Result<Option<Password>, SecretError> {
        let mut writing = self.write("keeping the intent to prove a password").await?;
        let steps = [RotationStep::Written, RotationStep::Unclear];
        let Some(at) = taken(&mut writing, due, &steps).await? else { return Ok(None) };
        let Some(both) = Candidates::load(&mut writing, vault, due.key()).await? else {
            // Somebody has taken them away by hand: nothing is left to be proven.
            keep(&mut writing, due, Stands { step: RotationStep::Stuck, why: "no_candidates", ..at }, now)
                .await?;
            finish(&mut writing, due.rotation, now).await?;
            writing.commit().await?;
            return Ok(None);
        };
        let today = Day::of(now);
        if both.doubted_day == Some(today.number()) {
            keep(&mut writing, due, Stands { next_at: tomorrow(now), ..at }, now).await?;
            writing.commit().await?;
            return Ok(None);
        }
        Candidates::note_doubt(&mut writing, due.key(), Some(today)).await?;
        let next_at = tomorrow(now);
        keep(&mut writing, due, Stands { proofs: at.proofs + 1, next_at, ..at }, now).await?;
        audit::append(&mut writing, &due.entry(now, "secret.rotate.proof")).await?;
        writing.commit().await?;
        let [_, new] = both.passwords(due.level, profile.password_order)?;
        Ok(Some(new))
    }

    /// Leaves a meter out that cannot be reached any more; one that may have its new password stays in doubt.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be kept.
    pub async fn skip_rotation(
        &self,
        due: &DueRotation,
        why: CannotRotate,
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut writing = self.write("leaving a meter out of a rotation").await?;
        let steps = [RotationStep::Waiting, RotationStep::Written, RotationStep::Unclear];
        let Some(at) = taken(&mut writing, due, &steps).await? else { return Ok(()) };
        let at = Stands { why: why.name(), ..at };
        let next = if at.step == RotationStep::Waiting && at.writes == 0 {
            Stands { step: RotationStep::Skipped, ..at }
        } else {
            Stands { next_at: tomorrow(now), ..at }
        };
        keep(&mut writing, due, next, now).await?;
        finish(&mut writing, due.rotation, now).await?;
        audit::append(&mut writing, &due.entry(now, "secret.rotate.skip").ending(why.name())).await?;
        writing.commit().await
    }

    /// Notes what a meter answered to a write or a proof, with all that follows from it. Says where it stands then.
    ///
    /// # Errors
    /// [`SecretError`] when it could not be kept: it is found out of again.
    pub async fn note_password_answer(
        &self,
        vault: &Vault,
        due: &DueRotation,
        answer: WriteAnswer,
        now: Moment,
    ) -> Result<RotationStep, SecretError> {
        let mut writing = self.write("noting what became of a password").await?;
        let steps = [RotationStep::Sending, RotationStep::Written, RotationStep::Unclear];
        let Some(at) = taken(&mut writing, due, &steps).await? else { return Ok(due.step) };
        let both = Candidates::load(&mut writing, vault, due.key()).await?;
        let is_doubtful = both.is_some_and(|both| both.is_doubtful);
        let tries = Tries { writes: at.writes, proofs: at.proofs, is_doubtful };
        let Some(step) = at.step.after(answer, tries) else { return Ok(at.step) };
        let mut next = Stands { step, why: words(answer), next_at: now, ..at };
        if answer == WriteAnswer::Taken {
            // It was right: the meter counts from the beginning again.
            Candidates::note_doubt(&mut writing, due.key(), None).await?;
            next.proofs = 0;
        }
        if at.step == RotationStep::Sending && answer == WriteAnswer::NotAuthorised {
            next.writes = MOST_WRITES;
        }
        if answer == WriteAnswer::NotSent {
            // It does not count.
            let is_proof = at.step.is_to_be_proven();
            next.proofs -= i64::from(is_proof);
            next.writes -= i64::from(!is_proof);
            next.next_at = now.plus(AGAIN);
            Candidates::note_doubt(&mut writing, due.key(), None).await?;
        } else {
            match step {
                RotationStep::Written => Candidates::note_likely(&mut writing, due.key(), true).await?,
                RotationStep::Unclear if at.step == RotationStep::Sending => {
                    let is_new = answer == WriteAnswer::NotAuthorised;
                    Candidates::note_likely(&mut writing, due.key(), is_new).await?;
                }
                RotationStep::Waiting => {
                    if answer == WriteAnswer::NotAuthorised {
                        Candidates::note_likely(&mut writing, due.key(), false).await?;
                    }
                    next.next_at = tomorrow(now);
                }
                _ => {}
            }
            if at.step.is_to_be_proven() && step.is_to_be_proven() {
                next.next_at = tomorrow(now);
            }
        }
        let subject = format!("meter {}", due.address);
        match step {
            RotationStep::Verified => {
                Candidates::settle(&mut writing, due.key(), Some(vault), now).await?;
                alarm::clear(&mut writing, AlarmKind::PasswordUnclear, &subject, now).await?;
            }
            RotationStep::Kept => Candidates::settle(&mut writing, due.key(), None, now).await?,
            RotationStep::Stuck => {
                alarm::raise(&mut writing, &Alarm::new(AlarmKind::PasswordUnclear, subject, now)).await?;
            }
            _ => {}
        }
        keep(&mut writing, due, next, now).await?;
        finish(&mut writing, due.rotation, now).await?;
        audit::append(&mut writing, &due.entry(now, action(step)).ending(words(answer))).await?;
        writing.commit().await?;
        Ok(step)
    }
}

/// Where a meter stands, as it is kept.
#[derive(Clone, Copy)]
struct Stands {
    step: RotationStep,
    writes: i64,
    proofs: i64,
    next_at: Moment,
    why: &'static str,
}

/// Locks the row of a meter, and says where it stands; `None` when it stands elsewhere by now, or may not be begun.
async fn taken(
    writing: &mut Transaction,
    due: &DueRotation,
    steps: &[RotationStep],
) -> Result<Option<Stands>, StoreError> {
    let args = [due.rotation.into(), due.meter.into()];
    writing.execute(LOCK, &args).await?;
    let row: Option<(i64, i64, i64, i64, i64)> = writing.row(STANDS, &args).await?;
    let Some((step, writes, proofs, next_at, state)) = row else { return Ok(None) };
    let step: RotationStep = code("rotation_step", step)?;
    let state: RotationState = code("rotation_state", state)?;
    let may_begin = step != RotationStep::Waiting || state == RotationState::Approved;
    let stands = Stands { step, writes, proofs, next_at: Moment::from_micros(next_at), why: "" };
    Ok((may_begin && steps.contains(&step)).then_some(stands))
}

async fn keep(
    writing: &mut Transaction,
    due: &DueRotation,
    at: Stands,
    now: Moment,
) -> Result<(), StoreError> {
    let args = [
        due.rotation.into(),
        due.meter.into(),
        at.step.code().into(),
        at.writes.into(),
        at.proofs.into(),
        at.next_at.into(),
        now.into(),
        at.why.into(),
    ];
    writing.execute(KEEP, &args).await?;
    Ok(())
}

/// Ends a rotation of which nothing is left.
async fn finish(writing: &mut Transaction, id: Id<Rotation>, now: Moment) -> Result<(), StoreError> {
    writing.execute(FINISH, &[id.into(), now.into()]).await?;
    Ok(())
}

fn level_of(number: i64) -> Result<Level, StoreError> {
    let level = u8::try_from(number).ok().and_then(|number| Level::new(number).ok());
    level.ok_or_else(|| StoreError::Unknown { list: "level", found: number.to_string() })
}

fn tomorrow(now: Moment) -> Moment {
    Day::of(now).plus(1).start()
}

const fn action(step: RotationStep) -> &'static str {
    match step {
        RotationStep::Verified => "secret.rotate.verified",
        RotationStep::Kept => "secret.rotate.kept",
        RotationStep::Stuck => "secret.rotate.stuck",
        RotationStep::Written => "secret.rotate.written",
        RotationStep::Unclear => "secret.rotate.unclear",
        _ => "secret.rotate.waiting",
    }
}

const fn words(answer: WriteAnswer) -> &'static str {
    match answer {
        WriteAnswer::Taken => "taken",
        WriteAnswer::NotAuthorised => "not_authorised",
        WriteAnswer::Refused => "refused",
        WriteAnswer::Silent => "unknown",
        WriteAnswer::NotSent => "not_sent",
    }
}

/// After how long is tried again what did not leave.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(60);

const ASK: &str = "INSERT INTO secret_rotation (id, level, selection, reason, state, asked_by, asked_name, asked_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const ADD: &str = "INSERT INTO secret_rotation_meter (rotation_id, meter_id, step, writes, proofs, next_at, changed_at, \
    why) VALUES ($1, $2, $3, 0, 0, $4, $4, $5) ON CONFLICT (rotation_id, meter_id) DO NOTHING";

/// Meters with which another rotation that was not broken off is under way, and those that it has left in doubt.
const BUSY: &str = "SELECT m.meter_id FROM secret_rotation_meter m JOIN secret_rotation r ON r.id = m.rotation_id \
    WHERE r.level = $1 AND ((r.state IN (1, 2) AND m.step IN (1, 2, 3, 4)) OR (r.state = 4 AND m.step IN (2, 3, 4)))";

const DECIDED: &str = "SELECT asked_by, state FROM secret_rotation WHERE id = $1";

const DECIDE: &str = "UPDATE secret_rotation SET state = $2, decided_by = $3, decided_name = $4, decided_at = $5 WHERE id = $1";

/// Who approved it stands as it is.
const END: &str = "UPDATE secret_rotation SET state = $2, decided_by = coalesce(decided_by, $3), \
    decided_name = coalesce(decided_name, $4), decided_at = coalesce(decided_at, $5), ended_at = $5 WHERE id = $1";

const DUE: &str = "SELECT m.rotation_id, m.meter_id, x.address, r.level, m.step FROM secret_rotation_meter m \
    JOIN secret_rotation r ON r.id = m.rotation_id JOIN meter x ON x.id = m.meter_id \
    WHERE m.next_at <= $1 AND m.step IN (1, 2, 3, 4) AND \
    ((m.step = 1 AND r.state = 2) OR (m.step IN (3, 4) AND r.state IN (2, 4))) \
    ORDER BY m.next_at, m.meter_id LIMIT $2";

const DOUBT_SENDING: &str = "UPDATE secret_candidate SET is_doubtful = 1 WHERE EXISTS (SELECT 1 \
    FROM secret_rotation_meter m JOIN secret_rotation r ON r.id = m.rotation_id \
    WHERE m.meter_id = secret_candidate.meter_id AND r.level = secret_candidate.level AND m.step = 2)";

const RECOVER: &str =
    "UPDATE secret_rotation_meter SET step = 4, next_at = $1, changed_at = $1 WHERE step = 2";

const LOCK: &str = "UPDATE secret_rotation_meter SET step = step WHERE rotation_id = $1 AND meter_id = $2";

const STANDS: &str = "SELECT m.step, m.writes, m.proofs, m.next_at, r.state FROM secret_rotation_meter m \
    JOIN secret_rotation r ON r.id = m.rotation_id WHERE m.rotation_id = $1 AND m.meter_id = $2";

const KEEP: &str = "UPDATE secret_rotation_meter SET step = $3, writes = $4, proofs = $5, next_at = $6, \
    changed_at = $7, why = $8 WHERE rotation_id = $1 AND meter_id = $2";

const REFUSED_ON: &str = "SELECT day FROM refused_secret WHERE meter_id = $1 AND day = $2 AND kind IN (1, 3)";

const FINISH: &str = "UPDATE secret_rotation SET state = 5, ended_at = $2 WHERE id = $1 AND state = 2 AND NOT EXISTS \
    (SELECT 1 FROM secret_rotation_meter m WHERE m.rotation_id = $1 AND m.step IN (1, 2, 3, 4))";
