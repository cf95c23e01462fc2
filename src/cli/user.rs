//! `chaobiao user`: accounts, on the machine itself, with the rules of the console.
//!
//! Whoever has the machine and its database needs no account; what they do is entered in the audit log under the name of
//! their user there. This is also the way back in when everybody is locked out.

use std::io::Write;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::CliError;
use super::database::{Place, store_error};
use super::who::at_the_machine;
use crate::clock::Clock;
use crate::domain::Coded;
use crate::domain::access::{Regions, Role};
use crate::http::auth::{Accounts, By, Made, ManageError, OneTimeLogin, Passwords, Wanted};
use crate::store::access::AccountRecord;
use crate::store::{Migrations, Refusal, Store, StoreError};

/// Accounts of the console and the API
#[derive(Debug, Args)]
pub(super) struct UserCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make an account; its one-time password is printed once
    Add(Add),
    /// List accounts
    List(List),
    /// Let nobody sign in with an account any more
    Disable(Named),
    /// Let somebody sign in with it again
    Enable(Named),
    /// Give an account a one-time password, take its second factor away and unlock it
    Reset(Named),
    /// Let an account be tried again at once, after too many failures
    Unlock(Named),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Roles: viewer 查看员, operator 值班员, approver 审批人, admin 管理员, auditor 审计员, \
billing 营销系统.\nTwo accounts with the same --person belong to the same person, who never approves what they asked for.\n\n\
Example: chaobiao user add -c chaobiao.toml li.na --person 李娜 --role operator --area 城东1号台区"
)]
struct Add {
    #[command(flatten)]
    place: Place,
    /// The name to sign in with
    name: String,
    /// Whose it is; the name of the account where it is not given
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// What it may do: viewer, operator, approver, admin, auditor, billing
    #[arg(long, value_parser = role)]
    role: Role,
    /// Only this transformer area; may be given several times
    #[arg(long, value_name = "AREA")]
    area: Vec<String>,
    /// The receiver whose pushes an account of a billing service sees; may be given several times
    #[arg(long, value_name = "RECEIVER")]
    receiver: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    place: Place,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Named {
    #[command(flatten)]
    place: Place,
    /// The name of the account
    name: String,
    /// Print one JSON object: the account as it is by now
    #[arg(long)]
    json: bool,
}

/// What is done with one account.
#[derive(Clone, Copy)]
enum Doing {
    Enable(bool),
    Reset,
    Unlock,
}

impl UserCommand {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        match self.what {
            What::Add(add) => add.run(out).await,
            What::List(list) => list.run(out).await,
            What::Disable(named) => named.run(out, Doing::Enable(false)).await,
            What::Enable(named) => named.run(out, Doing::Enable(true)).await,
            What::Reset(named) => named.run(out, Doing::Reset).await,
            What::Unlock(named) => named.run(out, Doing::Unlock).await,
        }
    }
}

impl Add {
    async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let store = open(&self.place).await?;
        let made = self.add(&store).await;
        store.close().await;
        let Made { account, login } = made?;
        if self.json {
            super::write_json(out, &Shown::given(&account, Some(&login)))?;
        } else {
            writeln!(out, "{}  {}", login.name, login.password)?;
        }
        talk_of(&login);
        Ok(())
    }

    async fn add(&self, store: &Store) -> Result<Made, CliError> {
        let regions = if self.area.is_empty() {
            Regions::All
        } else {
            let names: Vec<&str> = self.area.iter().map(String::as_str).collect();
            let regions = store.areas_named(&names).await.map_err(|error| store_error(&error))?;
            regions
                .ok_or_else(|| CliError::Unknown("there is no such transformer area  没有该台区".into()))?
        };
        let wanted = Wanted {
            person: self.person.as_deref().unwrap_or(&self.name),
            name: &self.name,
            role: self.role,
            regions: &regions,
        };
        let (clock, passwords, user) = (Clock::system(), Passwords::default(), at_the_machine());
        let accounts = Accounts { store, clock: &clock, passwords: &passwords, by: By::CommandLine(&user) };
        if !self.receiver.is_empty() && self.role != Role::Billing {
            return Err(CliError::Usage(
                "--receiver is for accounts with --role billing  --receiver 仅用于营销系统账号".into(),
            ));
        }
        let known = store.receiver_statuses().await.map_err(|error| store_error(&error))?;
        if let Some(name) = self.receiver.iter().find(|name| known.iter().all(|known| known.name != **name)) {
            return Err(CliError::Unknown(format!("there is no receiver {name}  没有接收方 {name}")));
        }
        let mut made = accounts.add(&wanted).await.map_err(|error| manage_error(&error))?;
        if !self.receiver.is_empty() {
            let bound = accounts.set_receivers(made.account.id, None, &self.receiver).await;
            made.account = bound.map_err(|error| manage_error(&error))?;
        }
        Ok(made)
    }
}

impl List {
    async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let store = there(&self.place).await?;
        let accounts = store.accounts().await;
        store.close().await;
        for account in accounts.map_err(|error| store_error(&error))? {
            if self.json {
                super::write_json(out, &Shown::of(&account))?;
            } else {
                let shown = Shown::of(&account);
                writeln!(out, "{}\t{}\t{}\t{}", shown.name, shown.role, shown.person, shown.state)?;
            }
        }
        Ok(())
    }
}

impl Named {
    async fn run(self, out: &mut impl Write, doing: Doing) -> Result<(), CliError> {
        let store = there(&self.place).await?;
        let done = self.act(&store, doing).await;
        let account = store.account_named(&self.name.to_lowercase()).await;
        store.close().await;
        let login = done?.map(|made| made.login);
        let account = account.map_err(|error| store_error(&error))?;
        match (&login, account.filter(|_| self.json)) {
            (login, Some(account)) => {
                super::write_json(out, &Shown::given(&account, login.as_ref()))?;
            }
            (Some(login), None) => writeln!(out, "{}  {}", login.name, login.password)?,
            (None, None) => super::talk("done  已完成"),
        }
        if let Some(login) = &login {
            talk_of(login);
        }
        Ok(())
    }

    async fn act(&self, store: &Store, doing: Doing) -> Result<Option<Made>, CliError> {
        let name = self.name.to_lowercase();
        let found = store.account_named(&name).await.map_err(|error| store_error(&error))?;
        let missing = || CliError::Unknown(format!("there is no account {name}  没有账号 {name}"));
        let id = found.ok_or_else(missing)?.id;
        let (clock, passwords, user) = (Clock::system(), Passwords::default(), at_the_machine());
        let accounts = Accounts { store, clock: &clock, passwords: &passwords, by: By::CommandLine(&user) };
        let done = match doing {
            Doing::Enable(is_enabled) => accounts.enable(id, is_enabled).await.map(|_| None),
            Doing::Reset => accounts.reset(id).await.map(Some),
            Doing::Unlock => accounts.unlock(id).await.map(|()| None),
        };
        done.map_err(|error| manage_error(&error))
    }
}

/// An account for programs.
#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    person: &'a str,
    role: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    one_time_password: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    one_time_password_until: Option<String>,
}

impl<'a> Shown<'a> {
    fn of(account: &'a AccountRecord) -> Self {
        let state = match (
            account.is_enabled,
            account.is_unfinished(),
            account.proposed.is_some() || !account.is_confirmed,
        ) {
            (_, _, true) => "waits for confirmation",
            (false, ..) => "disabled",
            (true, true, _) => "unfinished",
            (true, false, _) => "enabled",
        };
        let role = account.role.name();
        Self {
            name: &account.name,
            person: &account.person_name,
            role,
            state,
            one_time_password: None,
            one_time_password_until: None,
        }
    }
}

impl<'a> Shown<'a> {
    /// The same with the one-time password that was given, which is shown this once.
    fn given(account: &'a AccountRecord, login: Option<&'a OneTimeLogin>) -> Self {
        Self {
            one_time_password: login.map(|login| login.password.as_str()),
            one_time_password_until: login.map(|login| login.until.to_string()),
            ..Self::of(account)
        }
    }
}

/// Says what a one-time password is good for.
fn talk_of(login: &OneTimeLogin) {
    let until = login.until.in_china();
    super::talk(&format!(
        "this password is shown once, must be changed at the next login, and is good until {until}  \
         一次性密码，有效期至 {until}，登录后须修改"
    ));
}

/// The first account may be the first that is kept of a site.
async fn open(place: &Place) -> Result<Store, CliError> {
    place.find()?.open(Migrations::Run).await
}

async fn there(place: &Place) -> Result<Store, CliError> {
    place.there()?.open(Migrations::Run).await
}

fn role(text: &str) -> Result<Role, String> {
    Role::from_name(text)
        .ok_or_else(|| "one of viewer, operator, approver, admin, auditor, billing".to_owned())
}

fn manage_error(error: &ManageError) -> CliError {
    let zh = match error {
        ManageError::Name => "账号名须为 2 至 32 个字母、数字或 . - _",
        ManageError::PersonName => "人员姓名须为 1 至 64 个字符",
        ManageError::Account(crate::http::auth::AccountError::Store(StoreError::Refused(refusal))) => {
            match refusal {
                Refusal::NameTaken => "账号名已被使用",
                Refusal::RoleHeld => "该人员的其他账号已持有互斥角色",
                _ => "操作被拒绝",
            }
        }
        _ => "操作失败",
    };
    CliError::Failed(format!("{}  {zh}", super::with_causes(error)))
}
