//! Accounts: made, changed, confirmed and taken away, by an administrator or from the command line.
//!
//! Who gets the role of an approver or an administrator from the console, or a new password for such an account, has to be
//! confirmed by an approver who is neither the proposer nor the person of the account, as soon as there is one (T17, T32). The
//! account stays shut until then, whatever becomes of the proposal. Nobody changes their own account but for password and
//! second factor.

use std::time::Duration;

use super::first::{AccountError, OneTimeLogin, one_time_password};
use super::password::{Passwords, Weak, weakness};
use super::totp::Totp;
use crate::clock::Clock;
use crate::domain::access::{Account, Acting, Person, Regions, Role};
use crate::domain::{AuditEntry, Coded, Id};
use crate::store::access::{AccountChange, AccountRecord, NewAccount};
use crate::store::{Refusal, Store, StoreError};

/// Who manages.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// Somebody who has signed in.
    Acting(&'a Acting),
    /// Whoever has the machine and its database, by the name of their login there.
    CommandLine(&'a str),
}

/// Manages accounts for somebody.
#[derive(Clone, Copy, Debug)]
pub struct Accounts<'a> {
    /// Where they are kept.
    pub store: &'a Store,
    /// What time it is.
    pub clock: &'a Clock,
    /// Hashes passwords.
    pub passwords: &'a Passwords,
    /// For whom.
    pub by: By<'a>,
}

/// An account that somebody wants.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Whose.
    pub person: &'a str,
    /// The name to sign in with.
    pub name: &'a str,
    /// What it may do.
    pub role: Role,
    /// Where.
    pub regions: &'a Regions,
}

/// An account that was made or reset.
#[derive(Clone, Debug)]
pub struct Made {
    /// The account.
    pub account: AccountRecord,
    /// Its login, to be shown once.
    pub login: OneTimeLogin,
}

/// What becomes of a role that was proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is given.
    Confirm {
        /// The version of the account that whoever confirms has seen: a role or a region that changed since is not confirmed.
        seen: i64,
    },
    /// It is not.
    Refuse,
}

/// Why an account is not changed.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// The name holds what names do not.
    #[error("a name has 2 to 32 letters, digits, dots, dashes or underscores")]
    Name,
    /// The name of the person is empty or too long.
    #[error("the name of a person has 1 to 64 characters")]
    PersonName,
    /// It is the account of whoever asks.
    #[error("nobody changes their own account")]
    Own,
    /// The password is easy to guess.
    #[error("the password is too weak")]
    Weak(Weak),
    /// Whoever confirms has the role since less than a day.
    #[error("a role confirms others from its second day on")]
    TooNew,
    /// The code does not belong to the secret.
    #[error("the code is wrong")]
    Code,
    /// It could not be made.
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl ManageError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Name => "account_name",
            Self::PersonName => "person_name",
            Self::Own => "own_account",
            Self::Weak(_) => "weak_password",
            Self::TooNew => "role_too_new",
            Self::Code => "factor_refused",
            Self::Account(error) => error.kind(),
        }
    }
}

impl From<StoreError> for ManageError {
    fn from(error: StoreError) -> Self {
        Self::Account(error.into())
    }
}

impl Accounts<'_> {
    /// Makes an account with a one-time password.
    ///
    /// # Errors
    /// [`ManageError`]
    pub async fn add(&self, wanted: &Wanted<'_>) -> Result<Made, ManageError> {
        let name = wanted.name.trim().to_lowercase();
        if !is_name(&name) {
            return Err(ManageError::Name);
        }
        let person = wanted.person.trim();
        if person.is_empty() || person.chars().count() > 64 || person.chars().any(char::is_control) {
            return Err(ManageError::PersonName);
        }
        let password = one_time_password().map_err(AccountError::from)?;
        let hash = self.passwords.hash(&password).await.map_err(AccountError::from)?;
        let proposed_by = self.needs_confirmation(wanted.role, None).await?;
        let new = NewAccount {
            person,
            name: &name,
            role: wanted.role,
            regions: wanted.regions,
            password: &hash,
            proposed_by,
        };
        let entry = self.entry("account.add", &name).saying(detail(wanted.role, proposed_by.is_some()));
        let id = self.store.add_account(&new, &entry).await?;
        let account = self.load(id).await?;
        let login = login_of(&account, password);
        Ok(Made { account, login })
    }

    /// Lets nobody sign in with an account any more, or somebody again.
    ///
    /// # Errors
    /// [`ManageError`]
    pub async fn enable(&self, id: Id<Account>, is_enabled: bool) -> Result<AccountRecord, ManageError> {
        let account = self.others(id).await?;
        let action = if is_enabled { "account.enable" } else { "account.disable" };
        if is_enabled && !account.is_confirmed && matches!(self.by, By::CommandLine(_)) {
            // The way back in where there is nobody to confirm it.
            let confirmed = AccountChange::SetRole(account.role);
            let detail = format!(r#"{{"role":"{}"}}"#, account.role.name());
            self.change(&account, None, &confirmed, "account.confirm_role", detail).await?;
        }
        self.change(&account, None, &AccountChange::Enable(is_enabled), action, String::new()).await
    }

    /// Gives an account a one-time password and takes its second factor away. That of an approver or administrator stays shut
    /// until an approver has confirmed that it may have its role still.
    ///
    /// # Errors
    /// [`ManageError`]
    pub async fn reset(&self, id: Id<Account>) -> Result<Made, ManageError> {
        let account = self.others(id).await?;
        let password = one_time_password().map_err(AccountError::from)?;
        let hash = self.passwords.hash(&password).await.map_err(AccountError::from)?;
        let by = self.needs_confirmation(account.role, Some(account.person)).await?;
        let change = AccountChange::Reset { password: &hash, by };
        let detail = detail(account.role, by.is_some());
        let account = self.change(&account, None, &change, "account.reset", detail).await?;
        let login = login_of(&account, password);
        Ok(Made { account, login })
    }

    /// Gives an account another role, or proposes it where another person has to confirm.
    ///
    /// # Errors
    /// [`ManageError`]
    pub async fn set_role(
        &self,
        id: Id<Account>,
        version: Option<i64>,
        role: Role,
    ) -> Result<AccountRecord, ManageError> {
        let account = self.others(id).await?;
        // Nobody takes an approver away to be asked no more. Who was never confirmed is none.
        let is_grave = account.role.needs_second_factor() && (account.is_confirmed || account.was_confirmed);
        let graver = if is_grave { account.role } else { role };
        let (change, action) = match self.needs_confirmation(graver, None).await? {
            Some(by) => (AccountChange::ProposeRole { role, by }, "account.propose_role"),
            None => (AccountChange::SetRole(role), "account.role"),
        };
        let detail = format!(r#"{{"before":"{}","after":"{}"}}"#, account.role.name(), role.name());
        // By what was looked at here, it was decided who has to be asked.
        self.change(&account, version.or(Some(account.version)), &change, action, detail).await
    }

    /// Lets an account see and act elsewhere.
    ///
    /// # Errors
    /// [`ManageError`]
    pub async fn set_regions(
        &self,
        id: Id<Account>,
        version: Option<i64>,
        regions: &Regions,
    ) -> Result<AccountRecord, ManageError> {
        let account = self.others(id).await?;
        let change = AccountChange::SetRegions(regions);
        let shown = |regions: &Regions| match regions {
            Regions::All => "\"all\"".to_owned(),
            Regions::Areas(areas) => {
                let numbers: Vec<String> = areas.iter().map(Id::to_string).collect();
                format!("[{}]", numbers.join(","))
            }
        };
        let detail = format!(r#"{{"before":{},"after":{}}}"#, shown(&account.regions), shown(regions));
        self.change(&account, version, &change, "account.regions", detail).await
    }

    /// Lets an account of a billing service see the pushes of these receivers and of no others.
    ///
    /// # Errors
    /// [`ManageError`]
    pub async fn set_receivers(
        &self,
        id: Id<Account>,
        version: Option<i64>,
        receivers: &[String],
    ) -> Result<AccountRecord, ManageError> {
        let account = self.others(id).await?;
        let change = AccountChange::SetReceivers(receivers);
        let detail = serde_json::json!({ "before": account.receivers, "after": receivers }).to_string();
        self.change(&account, version, &change, "account.receivers", detail).await
    }

    /// Confirms the role that was proposed for an account, as whoever confirms has seen it, or refuses it.
    ///
    /// # Errors
    /// [`ManageError`]; for the proposer and the person of the account [`Refusal::SamePerson`].
    pub async fn decide_role(
        &self,
        id: Id<Account>,
        by: Id<Person>,
        decision: Decision,
    ) -> Result<AccountRecord, ManageError> {
        if let By::Acting(acting) = self.by
            && decision != Decision::Refuse
            && self.clock.now().since(acting.role_since) < ROLE_LEAST
        {
            return Err(ManageError::TooNew);
        }
        let account = self.load(id).await?;
        let role = account.proposed.map(|(role, _)| role).ok_or(StoreError::Refused(Refusal::NotThere))?;
        let detail = format!(r#"{{"role":"{}"}}"#, role.name());
        let (change, action) = match decision {
            Decision::Confirm { .. } => (AccountChange::ConfirmRole { by }, "account.confirm_role"),
            Decision::Refuse => (AccountChange::DropProposal, "account.refuse_role"),
        };
        // What is entered in the audit log was read before: it is what is decided on only if nothing has changed since.
        let version = match decision {
            Decision::Confirm { seen } if seen != account.version => {
                return Err(StoreError::Refused(Refusal::Stale).into());
            }
            _ => Some(account.version),
        };
        self.change(&account, version, &change, action, detail).await
    }

    /// Sets the password of an account, by its owner. All its sessions end.
    ///
    /// # Errors
    /// [`ManageError::Weak`]; else when the database cannot.
    pub async fn set_password(
        &self,
        account: &AccountRecord,
        password: &str,
    ) -> Result<AccountRecord, ManageError> {
        if let Some(weak) = weakness(password, &account.name) {
            return Err(ManageError::Weak(weak));
        }
        let hash = self.passwords.hash(password).await.map_err(AccountError::from)?;
        let change = AccountChange::SetPassword(&hash);
        self.change(account, None, &change, "account.password", String::new()).await
    }

    /// Sets up the second factor of an account, by its owner, who shows a code of it. All its sessions end.
    ///
    /// # Errors
    /// [`ManageError::Code`]; else when the database cannot.
    pub async fn set_factor(
        &self,
        account: &AccountRecord,
        totp: &Totp,
        code: &str,
    ) -> Result<AccountRecord, ManageError> {
        let step = totp.step_of(code, self.clock.now()).ok_or(ManageError::Code)?;
        let change = AccountChange::SetFactor { secret: &totp.secret(), step };
        self.change(account, None, &change, "account.factor", String::new()).await
    }

    /// Lets an account be tried again at once, after too many failures.
    ///
    /// # Errors
    /// [`ManageError`]
    pub async fn unlock(&self, id: Id<Account>) -> Result<(), ManageError> {
        let account = self.load(id).await?;
        Ok(self.store.unlock(&account.name, &self.entry("account.unlock", &account.name)).await?)
    }

    async fn change(
        &self,
        account: &AccountRecord,
        version: Option<i64>,
        change: &AccountChange<'_>,
        action: &'static str,
        detail: String,
    ) -> Result<AccountRecord, ManageError> {
        let entry = self.entry(action, &account.name).saying(detail);
        Ok(self.store.change_account(account.id, version, change, &entry).await?)
    }

    async fn load(&self, id: Id<Account>) -> Result<AccountRecord, ManageError> {
        let found = self.store.account(id).await?;
        Ok(found.ok_or(StoreError::Refused(Refusal::NotThere))?)
    }

    /// The account of somebody else.
    async fn others(&self, id: Id<Account>) -> Result<AccountRecord, ManageError> {
        let account = self.load(id).await?;
        match self.by {
            By::Acting(acting) if acting.person == account.person => Err(ManageError::Own),
            _ => Ok(account),
        }
    }

    /// Who proposes, where an approver has to confirm the role, other than this person. While there has never been another
    /// approver nobody could; one that is disabled or not set up yet was, and then only the command line helps.
    async fn needs_confirmation(
        &self,
        role: Role,
        other_than: Option<Id<Person>>,
    ) -> Result<Option<Id<Person>>, StoreError> {
        let By::Acting(acting) = self.by else { return Ok(None) };
        if !role.needs_second_factor() {
            return Ok(None);
        }
        let accounts = self.store.accounts().await?;
        let is_other = |account: &AccountRecord| {
            let is_left_out = account.person == acting.person || Some(account.person) == other_than;
            account.role == Role::Approver && !is_left_out
        };
        Ok(accounts.iter().any(is_other).then_some(acting.person))
    }

    fn entry(&self, action: &'static str, name: &str) -> AuditEntry {
        let now = self.clock.now();
        let object = format!("account {name}");
        match self.by {
            By::Acting(acting) => AuditEntry::by(acting, now, action, object),
            By::CommandLine(user) => AuditEntry {
                actor: user.to_owned(),
                source: COMMAND_LINE.to_owned(),
                ..AuditEntry::of_system(now, action, object)
            },
        }
    }
}

/// What is told of an account whose password was made just now.
fn login_of(account: &AccountRecord, password: String) -> OneTimeLogin {
    let until = account.one_time_until.unwrap_or(account.created_at);
    OneTimeLogin { name: account.name.clone(), password, until }
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    (2..=32).contains(&name.chars().count()) && name.chars().all(fits)
}

fn detail(role: Role, is_proposed: bool) -> String {
    format!(r#"{{"role":"{}","waits_for_confirmation":{is_proposed}}}"#, role.name())
}

/// How long somebody must have the role to confirm that of another.
const ROLE_LEAST: Duration = Duration::from_secs(86_400);

/// The source of what is done on the machine itself.
pub const COMMAND_LINE: &str = AuditEntry::COMMAND_LINE;
