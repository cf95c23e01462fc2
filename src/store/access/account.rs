//! Persons and their accounts.

use std::fmt;

use super::super::Store;
use super::super::alarm::raise;
use super::super::audit::append;
use super::super::error::{Refusal, StoreError};
use super::super::sql::Sql;
use super::super::transaction::Transaction;
use crate::domain::access::{Account, Acting, ONE_TIME_FOR, Person, Regions, Role};
use crate::domain::{Alarm, AlarmKind, AuditEntry, Coded, Id, Moment, TransformerArea};

/// The hash of a password in PHC form. Not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

/// The secret of a second factor in base32. Not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct FactorSecret(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

impl fmt::Debug for FactorSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FactorSecret(..)")
    }
}

/// A second factor (双因素): codes that change with the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactor {
    /// What codes are computed from.
    pub secret: FactorSecret,
    /// The last step of time whose code was used.
    pub last_step: i64,
}

/// An account as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// Its number.
    pub id: Id<Account>,
    /// Whose it is.
    pub person: Id<Person>,
    /// The name of that person.
    pub person_name: String,
    /// The name to sign in with.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Since when.
    pub role_since: Moment,
    /// Where.
    pub regions: Regions,
    /// Receivers whose pushes an account of a billing service sees, by name.
    pub receivers: Vec<String>,
    /// False when nobody can sign in with it.
    pub is_enabled: bool,
    /// What the password is checked against.
    pub password: PasswordHash,
    /// True until its owner has set a password of their own.
    pub must_set_password: bool,
    /// Until when the one-time password is good; `None` once its owner has set another.
    pub one_time_until: Option<Moment>,
    /// Its second factor, once it was set up.
    pub factor: Option<SecondFactor>,
    /// A role that waits to be confirmed, and who proposed it.
    pub proposed: Option<(Role, Id<Person>)>,
    /// False while no other person has confirmed that it may have its role at all: nobody can sign in with it until then (T17).
    pub is_confirmed: bool,
    /// Somebody had, and it was reset since: it is not given up without being asked about.
    pub was_confirmed: bool,
    /// Rises with every change.
    pub version: i64,
    /// Since when it is there.
    pub created_at: Moment,
}

impl AccountRecord {
    /// The account as somebody who acts from `source`.
    #[must_use]
    pub fn acting(&self, source: impl Into<String>) -> Acting {
        Acting {
            person: self.person,
            account: self.id,
            name: self.name.clone(),
            role: self.role,
            role_since: self.role_since,
            regions: self.regions.clone(),
            source: source.into(),
            request: None,
        }
    }

    /// Receivers whose pushes it sees and no others; `None` where it sees those of all.
    #[must_use]
    pub fn sees_receivers(&self) -> Option<&[String]> {
        (self.role == Role::Billing).then_some(self.receivers.as_slice())
    }

    /// True when its password was a one-time one, and nobody signs in with it any more.
    #[must_use]
    pub fn one_time_is_over(&self, now: Moment) -> bool {
        self.one_time_until.is_some_and(|until| now >= until)
    }

    /// True while its owner has to set a password or a second factor before anything else.
    #[must_use]
    pub const fn is_unfinished(&self) -> bool {
        self.must_set_password || (self.role.needs_second_factor() && self.factor.is_none())
    }
}

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewAccount<'a> {
    /// The name of the person; one of this name that is there already is the same person.
    pub person: &'a str,
    /// The name to sign in with.
    pub name: &'a str,
    /// What it may do.
    pub role: Role,
    /// Where.
    pub regions: &'a Regions,
    /// The hash of its one-time password.
    pub password: &'a PasswordHash,
    /// Who proposes the role, where another person has to confirm it; until then nobody can sign in.
    pub proposed_by: Option<Id<Person>>,
}

impl Store {
    /// Makes an account.
    ///
    /// # Errors
    /// [`Refusal::NameTaken`] and [`Refusal::RoleHeld`]; else when the database cannot.
    pub async fn add_account(
        &self,
        new: &NewAccount<'_>,
        entry: &AuditEntry,
    ) -> Result<Id<Account>, StoreError> {
        let mut writing = self.write("adding an account").await?;
        let taken: Option<(i64,)> =
            writing.row("SELECT id FROM account WHERE name = $1", &[new.name.into()]).await?;
        if taken.is_some() {
            return Err(StoreError::Refused(Refusal::NameTaken));
        }
        let now = entry.at;
        let person: Option<(i64,)> =
            writing.row("SELECT id FROM person WHERE name = $1", &[new.person.into()]).await?;
        let person = match person {
            Some((id,)) => id,
            None => {
                let id = next(&mut writing, "SELECT max(id) FROM person").await?;
                writing.execute(ADD_PERSON, &[id.into(), new.person.into(), now.into()]).await?;
                id
            }
        };
        let id = Id::new(next(&mut writing, "SELECT max(id) FROM account").await?);
        check_roles(&mut writing, Id::new(person), id, new.role).await?;
        let proposed = new.proposed_by.map(|_| new.role.code());
        let args = [
            id.into(),
            person.into(),
            new.name.into(),
            new.role.code().into(),
            now.into(),
            i64::from(*new.regions == Regions::All).into(),
            i64::from(new.proposed_by.is_none()).into(),
            new.password.0.as_str().into(),
            proposed.into(),
            new.proposed_by.into(),
            now.plus(ONE_TIME_FOR).into(),
        ];
        writing.execute(ADD, &args).await?;
        set_areas(&mut writing, id, new.regions).await?;
        tell_of_new(&mut writing, new, entry).await?;
        append(&mut writing, entry).await?;
        writing.commit().await?;
        Ok(id)
    }

    /// The account with this number.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn account(&self, id: Id<Account>) -> Result<Option<AccountRecord>, StoreError> {
        load(&mut self.read("reading an account").await?, id).await
    }

    /// The account with this name.
    ///
    /// # Errors
    /// As [`Self::account`].
    pub async fn account_named(&self, name: &str) -> Result<Option<AccountRecord>, StoreError> {
        let mut reading = self.read("reading an account").await?;
        let found: Option<(i64,)> =
            reading.row("SELECT id FROM account WHERE name = $1", &[name.into()]).await?;
        match found {
            Some((id,)) => load(&mut reading, Id::new(id)).await,
            None => Ok(None),
        }
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// As [`Self::account`].
    pub async fn accounts(&self) -> Result<Vec<AccountRecord>, StoreError> {
        let mut reading = self.read("reading the accounts").await?;
        let ids: Vec<(i64,)> = reading.rows("SELECT id FROM account ORDER BY name", &[]).await?;
        let mut accounts = Vec::with_capacity(ids.len());
        for (id,) in ids {
            accounts.extend(load(&mut reading, Id::new(id)).await?);
        }
        Ok(accounts)
    }

    /// True when there is an account at all.
    ///
    /// # Errors
    /// As [`Self::account`].
    pub async fn has_accounts(&self) -> Result<bool, StoreError> {
        let mut reading = self.read("looking for accounts").await?;
        let some: Option<(i64,)> = reading.row("SELECT id FROM account LIMIT 1", &[]).await?;
        Ok(some.is_some())
    }

    /// The transformer areas with these names, in their order; `None` when one of them is not there.
    ///
    /// # Errors
    /// As [`Self::account`].
    pub async fn areas_named(&self, names: &[&str]) -> Result<Option<Regions>, StoreError> {
        let mut reading = self.read("looking up transformer areas").await?;
        let mut areas = Vec::with_capacity(names.len());
        for name in names {
            let found: Option<(i64,)> =
                reading.row("SELECT id FROM transformer_area WHERE name = $1", &[(*name).into()]).await?;
            let Some((id,)) = found else { return Ok(None) };
            areas.push(Id::new(id));
        }
        Ok(Some(Regions::Areas(areas)))
    }

    /// The names of the transformer areas that an account may see and act in; empty where it is all of them.
    ///
    /// # Errors
    /// As [`Self::account`].
    pub async fn area_names(&self, id: Id<Account>) -> Result<Vec<String>, StoreError> {
        let mut reading = self.read("looking up transformer areas").await?;
        let names: Vec<(String,)> = reading.rows(AREA_NAMES, &[id.into()]).await?;
        Ok(names.into_iter().map(|(name,)| name).collect())
    }
}

/// Tells of an account that somebody who has signed in makes, unless it may look only.
async fn tell_of_new(
    writing: &mut Transaction,
    new: &NewAccount<'_>,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    match alarm_of(new.role).filter(|_| is_from_afar(entry)) {
        Some(kind) => tell(writing, kind, new.name, entry).await,
        None => Ok(()),
    }
}

/// What is told when somebody is given this role or a new password for it; nothing for who may look only (T17, T32).
pub(super) const fn alarm_of(role: Role) -> Option<AlarmKind> {
    match role {
        Role::Approver | Role::Admin => Some(AlarmKind::ApproverChanged),
        Role::Operator | Role::Auditor | Role::Billing => Some(AlarmKind::AccountChanged),
        Role::Viewer => None,
    }
}

/// Whether somebody does it who has signed in. Whoever has the machine itself needs no account, and sets up what is not
/// there yet.
pub(super) fn is_from_afar(entry: &AuditEntry) -> bool {
    entry.actor != AuditEntry::SYSTEM && entry.source != AuditEntry::COMMAND_LINE
}

/// Raises an alarm about an account.
pub(super) async fn tell(
    writing: &mut Transaction,
    kind: AlarmKind,
    name: &str,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let alarm = Alarm::new(kind, format!("account {name}"), entry.at);
    raise(writing, &alarm.saying(&entry.actor, &entry.actor)).await?;
    Ok(())
}

/// Refuses a second of the roles of which a person may hold one only (T17). Accounts that are disabled count as well: they
/// could be enabled again.
pub(super) async fn check_roles(
    writing: &mut Transaction,
    person: Id<Person>,
    besides: Id<Account>,
    role: Role,
) -> Result<(), StoreError> {
    // Of two that give the same person a role at once, the second sees what the first gave.
    let _held: Option<(i64,)> = writing.row(HOLD_PERSON, &[person.into()]).await?;
    let held: Vec<(i64, Option<i64>)> = writing.rows(HELD, &[person.into(), besides.into()]).await?;
    let held = held.into_iter().flat_map(|(role, proposed)| [Some(role), proposed]).flatten();
    for code in held {
        let held = super::super::code::<Role>("account_role", code)?;
        if held != role && held.excludes_others() && role.excludes_others() {
            return Err(StoreError::Refused(Refusal::RoleHeld));
        }
    }
    Ok(())
}

/// The number behind the largest one: small, since scripts of browsers hold no large ones exactly. Two that take the same
/// at once are told apart by the database.
pub(super) async fn next(writing: &mut Transaction, largest: &'static str) -> Result<i64, StoreError> {
    let largest: Option<(Option<i64>,)> = writing.row(largest, &[]).await?;
    Ok(largest.and_then(|(largest,)| largest).unwrap_or(0) + 1)
}

/// Writes where an account may see and act.
pub(super) async fn set_areas(
    writing: &mut Transaction,
    id: Id<Account>,
    regions: &Regions,
) -> Result<(), StoreError> {
    writing.execute("DELETE FROM account_area WHERE account_id = $1", &[id.into()]).await?;
    if let Regions::Areas(areas) = regions {
        for area in areas {
            let add = "INSERT INTO account_area (account_id, area_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            writing.execute(add, &[id.into(), (*area).into()]).await?;
        }
    }
    Ok(())
}

/// Writes whose pushes an account of a billing service sees.
pub(super) async fn set_receivers(
    writing: &mut Transaction,
    id: Id<Account>,
    receivers: &[String],
) -> Result<(), StoreError> {
    writing.execute("DELETE FROM account_receiver WHERE account_id = $1", &[id.into()]).await?;
    for receiver in receivers {
        let add =
            "INSERT INTO account_receiver (account_id, receiver) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        writing.execute(add, &[id.into(), receiver.as_str().into()]).await?;
    }
    Ok(())
}

/// Reads an account.
pub(super) async fn load(
    reading: &mut Transaction,
    id: Id<Account>,
) -> Result<Option<AccountRecord>, StoreError> {
    let Some(row) = reading.row::<Row>(ONE, &[id.into()]).await? else { return Ok(None) };
    let areas: Vec<(i64,)> = reading
        .rows("SELECT area_id FROM account_area WHERE account_id = $1 ORDER BY area_id", &[id.into()])
        .await?;
    let areas = areas.into_iter().map(|(area,)| Id::new(area)).collect();
    let mut account = record(row, areas)?;
    if account.role == Role::Billing {
        let receivers: Vec<(String,)> = reading
            .rows(
                "SELECT receiver FROM account_receiver WHERE account_id = $1 ORDER BY receiver",
                &[id.into()],
            )
            .await?;
        account.receivers = receivers.into_iter().map(|(receiver,)| receiver).collect();
    }
    Ok(Some(account))
}

type Row = (
    i64,
    i64,
    String,
    String,
    i64,
    i64,
    i64,
    i64,
    String,
    Option<i64>,
    Option<String>,
    i64,
    Option<i64>,
    Option<i64>,
    i64,
    i64,
);

fn record(row: Row, areas: Vec<Id<TransformerArea>>) -> Result<AccountRecord, StoreError> {
    let (id, person, person_name, name, role, role_since, all_areas, standing, password, one_time, ..) = &row;
    let (.., secret, last_step, proposed, proposed_by, version, created_at) = &row;
    let role_of = |code: i64| super::super::code::<Role>("account_role", code);
    let secret = secret.clone().map(FactorSecret);
    let proposed = match (proposed, proposed_by) {
        (Some(role), Some(by)) => Some((role_of(*role)?, Id::new(*by))),
        _ => None,
    };
    Ok(AccountRecord {
        id: Id::new(*id),
        person: Id::new(*person),
        person_name: person_name.clone(),
        name: name.clone(),
        role: role_of(*role)?,
        role_since: Moment::from_micros(*role_since),
        regions: if *all_areas == 0 { Regions::Areas(areas) } else { Regions::All },
        receivers: Vec::new(),
        is_enabled: standing & 1 != 0,
        password: PasswordHash(password.clone()),
        must_set_password: one_time.is_some(),
        one_time_until: one_time.map(Moment::from_micros),
        factor: secret.map(|secret| SecondFactor { secret, last_step: *last_step }),
        proposed,
        is_confirmed: standing >> 1 == 1,
        was_confirmed: standing >> 1 == 2,
        version: *version,
        created_at: Moment::from_micros(*created_at),
    })
}

const ADD_PERSON: &str = "INSERT INTO person (id, name, created_at) VALUES ($1, $2, $3)";

const ADD: &str = "INSERT INTO account (id, person_id, name, role, role_since, all_areas, is_enabled, password_hash, \
    must_set_password, factor_secret, factor_step, proposed_role, proposed_by, is_confirmed, version, created_at, \
    one_time_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, NULL, 0, $9, $10, $7, 1, $5, $11)";

const HOLD_PERSON: Sql = Sql {
    sqlite: "SELECT id FROM person WHERE id = $1",
    postgres: "SELECT id FROM person WHERE id = $1 FOR UPDATE",
};

const HELD: &str = "SELECT role, proposed_role FROM account WHERE person_id = $1 AND id <> $2";

const AREA_NAMES: &str = "SELECT t.name FROM account_area a JOIN transformer_area t ON t.id = a.area_id \
    WHERE a.account_id = $1 ORDER BY t.name";

const ONE: &str = "SELECT a.id, a.person_id, p.name, a.name, a.role, a.role_since, a.all_areas, \
    a.is_enabled + 2 * a.is_confirmed, a.password_hash, \
    CASE WHEN a.must_set_password = 0 THEN NULL ELSE coalesce(a.one_time_until, 0) END, a.factor_secret, a.factor_step, \
    a.proposed_role, a.proposed_by, a.version, a.created_at FROM account a JOIN person p ON p.id = a.person_id WHERE a.id = $1";
