//! Changes of an account.

use super::super::Store;
use super::super::audit::append;
use super::super::error::{Refusal, StoreError};
use super::super::transaction::Transaction;
use super::account::{
    AccountRecord, FactorSecret, PasswordHash, alarm_of, check_roles, is_from_afar, load, set_areas,
    set_receivers, tell,
};
use crate::domain::access::{Account, ONE_TIME_FOR, Person, Regions, Role};
use crate::domain::{AlarmKind, AuditEntry, Coded, Id, Moment};

/// What is to become of an account.
#[derive(Clone, Debug)]
pub enum AccountChange<'a> {
    /// Nobody can sign in any more, or somebody can again.
    Enable(bool),
    /// Its owner sets a password.
    SetPassword(&'a PasswordHash),
    /// Its owner sets up a second factor, whose code of this step of time was used for it.
    SetFactor {
        /// What codes are computed from.
        secret: &'a FactorSecret,
        /// The step.
        step: i64,
    },
    /// Somebody else gives it a one-time password and takes its second factor away. Its role counts as new from now on,
    /// so that whoever holds that password approves nothing for a while (T17).
    Reset {
        /// The hash of the one-time password.
        password: &'a PasswordHash,
        /// Who wants it, where another person has to confirm that the account may have its role still; until then nobody can
        /// sign in with it.
        by: Option<Id<Person>>,
    },
    /// Its one-time password is good until then, as long as its owner has set no other: that of a demonstration, whose accounts are
    /// older than its beginning.
    KeepOneTime(Moment),
    /// Another role, from now on; nobody has to confirm it.
    SetRole(Role),
    /// Another role, once another person has confirmed it.
    ProposeRole {
        /// Which.
        role: Role,
        /// Who proposes it.
        by: Id<Person>,
    },
    /// The role that was proposed, from now on; the account can be used.
    ConfirmRole {
        /// Who confirms: neither who proposed it nor whose account it is.
        by: Id<Person>,
    },
    /// The role that was proposed is not given. An account that nobody has confirmed yet stays shut.
    DropProposal,
    /// Another part of the network.
    SetRegions(&'a Regions),
    /// Other receivers whose pushes it sees, of an account of a billing service.
    SetReceivers(&'a [String]),
}

impl Store {
    /// Changes an account, where `version` is given only if it has that version still. Ends its sessions. Says what it is
    /// then.
    ///
    /// # Errors
    /// [`Refusal::NotThere`], [`Refusal::Stale`], [`Refusal::RoleHeld`] and [`Refusal::SamePerson`]; else when the
    /// database cannot.
    pub async fn change_account(
        &self,
        id: Id<Account>,
        version: Option<i64>,
        change: &AccountChange<'_>,
        entry: &AuditEntry,
    ) -> Result<AccountRecord, StoreError> {
        let mut writing = self.write("changing an account").await?;
        // Locks the row on PostgreSQL.
        writing.execute("UPDATE account SET version = version + 1 WHERE id = $1", &[id.into()]).await?;
        let found = load(&mut writing, id).await?.ok_or(StoreError::Refused(Refusal::NotThere))?;
        if version.is_some_and(|version| version + 1 != found.version) {
            return Err(StoreError::Refused(Refusal::Stale));
        }
        apply(self, &mut writing, &found, change, entry.at).await?;
        writing.execute("DELETE FROM login_session WHERE account_id = $1", &[id.into()]).await?;
        let mut entry = entry.clone();
        if ends_tokens(change) {
            let end = "UPDATE api_token SET ended_at = $2 WHERE account_id = $1 AND ended_at IS NULL";
            let ended = writing.execute(end, &[id.into(), entry.at.into()]).await?;
            if ended > 0 && entry.detail.is_empty() {
                entry.detail = format!(r#"{{"tokens_ended":{ended}}}"#);
            }
        }
        let changed = load(&mut writing, id).await?.ok_or(StoreError::Refused(Refusal::NotThere))?;
        if let Some(kind) = told_of(change, found.role, changed.role, &entry) {
            tell(&mut writing, kind, &found.name, &entry).await?;
        }
        append(&mut writing, &entry).await?;
        writing.commit().await?;
        Ok(changed)
    }

    /// Notes that the code of a step was used. False when that step or a later one was used before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn use_factor_step(&self, id: Id<Account>, step: i64) -> Result<bool, StoreError> {
        let mut writing = self.write("noting a code as used").await?;
        let used = "UPDATE account SET factor_step = $2 WHERE id = $1 AND factor_step < $2";
        let is_new = writing.execute(used, &[id.into(), step.into()]).await? > 0;
        writing.commit().await?;
        Ok(is_new)
    }
}

async fn apply(
    store: &Store,
    writing: &mut Transaction,
    found: &AccountRecord,
    change: &AccountChange<'_>,
    now: Moment,
) -> Result<(), StoreError> {
    let id = found.id;
    match change {
        AccountChange::Enable(is_enabled) => {
            // Whatever has become of the proposal since: nobody has confirmed it.
            if *is_enabled && !found.is_confirmed {
                return Err(StoreError::Refused(Refusal::SamePerson));
            }
            let set = "UPDATE account SET is_enabled = $2 WHERE id = $1";
            writing.execute(set, &[id.into(), i64::from(*is_enabled).into()]).await?;
        }
        AccountChange::SetPassword(hash) => {
            let set = "UPDATE account SET password_hash = $2, must_set_password = 0, one_time_until = NULL WHERE id = $1";
            writing.execute(set, &[id.into(), hash.0.as_str().into()]).await?;
        }
        AccountChange::SetFactor { secret, step } => {
            let set = "UPDATE account SET factor_secret = $2, factor_step = $3 WHERE id = $1";
            let kept = store.kept_factor(id, secret)?;
            writing.execute(set, &[id.into(), kept.as_str().into(), (*step).into()]).await?;
        }
        AccountChange::Reset { password, by } => {
            let set = "UPDATE account SET password_hash = $2, must_set_password = 1, factor_secret = NULL, \
                role_since = $3, one_time_until = $4 WHERE id = $1";
            let until = now.plus(ONE_TIME_FOR);
            writing.execute(set, &[id.into(), password.0.as_str().into(), now.into(), until.into()]).await?;
            if let Some(by) = by {
                let set = "UPDATE account SET is_enabled = 0, proposed_role = role, \
                    is_confirmed = CASE WHEN is_confirmed = 0 THEN 0 ELSE 2 END, \
                    proposed_by = $2 WHERE id = $1";
                writing.execute(set, &[id.into(), (*by).into()]).await?;
            }
            super::attempt::forget_all(writing, &found.name).await?;
        }
        AccountChange::KeepOneTime(until) => {
            let set = "UPDATE account SET one_time_until = $2 WHERE id = $1 AND must_set_password = 1";
            writing.execute(set, &[id.into(), (*until).into()]).await?;
        }
        AccountChange::SetRole(role) => set_role(writing, found, *role, now).await?,
        AccountChange::ProposeRole { role, by } => {
            check_roles(writing, found.person, id, *role).await?;
            let set = "UPDATE account SET proposed_role = $2, proposed_by = $3 WHERE id = $1";
            writing.execute(set, &[id.into(), role.code().into(), (*by).into()]).await?;
        }
        AccountChange::ConfirmRole { by } => {
            let (role, proposed_by) = found.proposed.ok_or(StoreError::Refused(Refusal::NotThere))?;
            if *by == proposed_by || *by == found.person {
                return Err(StoreError::Refused(Refusal::SamePerson));
            }
            set_role(writing, found, role, now).await?;
            writing.execute("UPDATE account SET is_enabled = 1 WHERE id = $1", &[id.into()]).await?;
        }
        AccountChange::DropProposal => {
            let set = "UPDATE account SET proposed_role = NULL, proposed_by = NULL WHERE id = $1";
            writing.execute(set, &[id.into()]).await?;
        }
        AccountChange::SetRegions(regions) => {
            let set = "UPDATE account SET all_areas = $2 WHERE id = $1";
            writing.execute(set, &[id.into(), i64::from(**regions == Regions::All).into()]).await?;
            set_areas(writing, id, regions).await?;
        }
        AccountChange::SetReceivers(receivers) => set_receivers(writing, id, receivers).await?,
    }
    Ok(())
}

async fn set_role(
    writing: &mut Transaction,
    found: &AccountRecord,
    role: Role,
    now: Moment,
) -> Result<(), StoreError> {
    check_roles(writing, found.person, found.id, role).await?;
    let set = "UPDATE account SET role = $2, role_since = $3, proposed_role = NULL, proposed_by = NULL, \
        is_confirmed = 1 WHERE id = $1";
    writing.execute(set, &[found.id.into(), role.code().into(), now.into()]).await?;
    Ok(())
}

/// What is told of a change, so that nobody becomes somebody else, or an approver goes, without it being seen (T17, T32).
fn told_of(change: &AccountChange<'_>, before: Role, after: Role, entry: &AuditEntry) -> Option<AlarmKind> {
    let shuts = matches!(change, AccountChange::Enable(false));
    let resets = matches!(change, AccountChange::Reset { .. });
    if before == Role::Approver && (shuts || resets) {
        return Some(AlarmKind::ApproverChanged);
    }
    let gives = matches!(
        change,
        AccountChange::Enable(true) | AccountChange::SetRole(_) | AccountChange::ConfirmRole { .. }
    );
    let graver = if before.needs_second_factor() { before } else { after };
    alarm_of(graver).filter(|_| (gives || resets) && is_from_afar(entry))
}

/// Tokens do not outlive what they were made for, nor a password that somebody else may have had: they may be theirs (T11).
const fn ends_tokens(change: &AccountChange<'_>) -> bool {
    matches!(
        change,
        AccountChange::Enable(false)
            | AccountChange::SetPassword(_)
            | AccountChange::Reset { .. }
            | AccountChange::SetRole(_)
            | AccountChange::ConfirmRole { .. }
    )
}
