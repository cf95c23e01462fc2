//! The people of the demonstration: a station's staff, and customers of whom the rules of supply orders know something.
//!
//! All of it is entered through the same doors as at a station, by the operator's account, on the days of the history on
//! which it would have been: so that tonight, under the unchanged rules, two persons can cut the overdue customer and
//! nobody can cut the protected one.

use std::time::Duration;

use crate::cli::CliError;
use crate::cli::database::store_error;
use crate::clock::Clock;
use crate::domain::access::{Acting, ONE_TIME_FOR, Regions, Role};
use crate::domain::supply::{NoticeKind, ProtectionKind};
use crate::domain::{AuditEntry, Day, MeterProtocol, Moment};
use crate::http::auth::{Accounts, By, COMMAND_LINE, OneTimeLogin, Passwords, Wanted};
use crate::store::Store;
use crate::store::access::AccountChange;
use crate::store::archive::SiteMeter;
use crate::store::supply::{ArrearsEntry, IdentityEntry, NoticeEntry, ProtectionEntry, SupplyError};
use crate::telemetry::with_causes;

/// Somebody of the staff.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) role: Role,
    /// To be used once.
    pub(super) login: OneTimeLogin,
}

/// What people do in the history.
pub(super) struct People<'a> {
    pub(super) store: &'a Store,
    pub(super) clock: &'a Clock,
    /// The first day of the history.
    pub(super) first: Day,
    /// The day that comes after it.
    pub(super) today: Day,
}

impl People<'_> {
    /// The first day: an account of each role.
    pub(super) async fn begin(&self) -> Result<Vec<Login>, CliError> {
        let (store, clock, passwords) = (self.store, self.clock, &Passwords::default());
        let accounts = Accounts { store, clock, passwords, by: By::CommandLine(DEMO) };
        let mut logins = Vec::new();
        for (person, name, role) in STAFF {
            let wanted = Wanted { person, name, role: *role, regions: &Regions::All };
            let made = accounts.add(&wanted).await.map_err(|error| failed(&error))?;
            logins.push(Login { role: *role, login: made.login });
        }
        Ok(logins)
    }

    /// What is entered on a day of the history, or on its first day when it was due before.
    pub(super) async fn enter(&self, day: Day) -> Result<(), CliError> {
        let is_due = |days_ago: i64| self.today.plus(-days_ago).max(self.first) == day;
        let (sites, acting, now) = (self.cuttable().await?, self.operator().await?, self.clock.now());
        let [overdue, protected, ..] = sites.as_slice() else { return Ok(()) };
        if is_due(PROTECTED) {
            let entry = ProtectionEntry {
                point: protected.point_id,
                kind: ProtectionKind::Medical,
                reason: "家中有人使用呼吸机 (演示)".to_owned(),
                until: None,
            };
            let loaded = self.store.load_protections(&acting, &[entry], now).await;
            loaded.map_err(|error| failed(&error))?;
        }
        for (kind, days_ago) in [(NoticeKind::Reminder, REMINDED), (NoticeKind::Cut, NOTIFIED)] {
            if is_due(days_ago) {
                let given_at = self.today.plus(-days_ago).start().minus(AFTERNOON);
                enter_notice(self.store, &acting, overdue, (kind, given_at), now).await?;
            }
        }
        if is_due(CHECKED) {
            let verified_at = self.today.plus(-CHECKED).start().minus(AFTERNOON);
            let identity = |site: &SiteMeter| IdentityEntry {
                point: site.point_id,
                meter: site.meter_id,
                verified_at,
                is_crossed: false,
                verified_by: OPERATOR.to_owned(),
            };
            let identities: Vec<_> = sites.iter().map(identity).collect();
            let entered = self.store.enter_identities(&acting, &identities, now).await;
            entered.map_err(|error| failed(&error))?;
        }
        if is_due(LISTED) { self.enter_arrears(&acting, overdue, now).await } else { Ok(()) }
    }

    async fn enter_arrears(&self, acting: &Acting, overdue: &SiteMeter, now: Moment) -> Result<(), CliError> {
        let numbers = [overdue.point.customer.clone()];
        let found = self.store.customers_numbered(&numbers).await.map_err(|error| store_error(&error))?;
        let entry = |customer| ArrearsEntry {
            customer,
            since: self.today.plus(-IN_ARREARS).start(),
            amount_fen: 38_650,
            as_of: now,
        };
        let arrears: Vec<_> = found.into_iter().flatten().map(entry).collect();
        self.store.enter_arrears(acting, &arrears, now).await.map_err(|error| failed(&error))
    }

    /// Homes whose meters take orders: the first is overdue, the second protected.
    async fn cuttable(&self) -> Result<Vec<SiteMeter>, CliError> {
        cuttable(self.store).await
    }

    async fn operator(&self) -> Result<Acting, CliError> {
        operator(self.store).await
    }
}

/// The second notice to the overdue customer, an hour ago: it counts for a day.
pub(super) async fn notify_again(store: &Store, now: Moment) -> Result<(), CliError> {
    if let Some(overdue) = cuttable(store).await?.first() {
        let given_at = now.minus(Duration::from_secs(3600));
        let acting = operator(store).await?;
        enter_notice(store, &acting, overdue, (NoticeKind::Second, given_at), now).await?;
    }
    Ok(())
}

/// Lets the staff sign in from now on, and the billing service see what its receivers are given.
pub(super) async fn open(store: &Store, logins: &[Login], now: Moment) -> Result<(), CliError> {
    let receivers = store.receiver_statuses().await.map_err(|error| store_error(&error))?;
    let receivers: Vec<String> = receivers.into_iter().map(|receiver| receiver.name).collect();
    for Login { role, login } in logins {
        let account = store.account_named(&login.name).await.map_err(|error| store_error(&error))?;
        let Some(account) = account else { continue };
        let mut changes = vec![("account.one_time", AccountChange::KeepOneTime(now.plus(ONE_TIME_FOR)))];
        if *role == Role::Billing {
            changes.push(("account.receivers", AccountChange::SetReceivers(&receivers)));
        }
        for (action, change) in changes {
            let entry = AuditEntry::of_system(now, action, format!("account {}", login.name));
            let entry = AuditEntry { actor: DEMO.to_owned(), source: COMMAND_LINE.to_owned(), ..entry };
            let changed = store.change_account(account.id, None, &change, &entry).await;
            changed.map_err(|error| store_error(&error))?;
        }
    }
    Ok(())
}

/// Number of the overdue customer's point and of the protected one.
pub(super) async fn points(store: &Store) -> Result<Option<(String, String)>, CliError> {
    let sites = cuttable(store).await?;
    let [overdue, protected, ..] = sites.as_slice() else { return Ok(None) };
    Ok(Some((overdue.point.number.clone(), protected.point.number.clone())))
}

async fn cuttable(store: &Store) -> Result<Vec<SiteMeter>, CliError> {
    let sites = store.site_meters().await.map_err(|error| store_error(&error))?;
    let is_home =
        |site: &SiteMeter| site.meter.protocol == MeterProtocol::Dlt2007 && site.meter.profile.is_none();
    Ok(sites.into_iter().filter(is_home).collect())
}

async fn operator(store: &Store) -> Result<Acting, CliError> {
    let account = store.account_named(OPERATOR).await.map_err(|error| store_error(&error))?;
    let account = account.ok_or_else(|| CliError::Failed(format!("the account {OPERATOR} is gone")))?;
    Ok(account.acting(COMMAND_LINE))
}

async fn enter_notice(
    store: &Store,
    acting: &Acting,
    site: &SiteMeter,
    (kind, given_at): (NoticeKind, Moment),
    now: Moment,
) -> Result<(), CliError> {
    let notice = NoticeEntry {
        point: site.point_id,
        kind,
        given_at,
        how: "送达签收".to_owned(),
        given_by: OPERATOR.to_owned(),
    };
    let entered: Result<(), SupplyError> = store.enter_notices(acting, &[notice], now).await;
    entered.map_err(|error| failed(&error))
}

fn failed(error: &dyn std::error::Error) -> CliError {
    CliError::Failed(format!("the people of the demonstration: {}", with_causes(error)))
}

/// An account of each role; two approvers, since some things need two.
const STAFF: &[(&str, &str, Role)] = &[
    ("李敏", OPERATOR, Role::Operator),
    ("王强", "wang", Role::Approver),
    ("陈静", "chen", Role::Approver),
    ("赵磊", "zhao", Role::Admin),
    ("孙丽", "sun", Role::Auditor),
    ("周涛", "zhou", Role::Viewer),
    ("营销系统", "billing", Role::Billing),
];
const OPERATOR: &str = "li";
const DEMO: &str = "demo";
/// So many days before today: the customer stopped paying, was reminded, was told of the cut; the list of protected points
/// was loaded, meters were checked at their homes, and the list of arrears came.
const IN_ARREARS: i64 = 45;
const REMINDED: i64 = 14;
const NOTIFIED: i64 = 8;
const PROTECTED: i64 = 20;
const CHECKED: i64 = 10;
const LISTED: i64 = 1;
/// From ten in the morning to the midnight behind it.
const AFTERNOON: Duration = Duration::from_secs(14 * 3600);
