//! People, and homes that nothing stands against cutting.

use std::time::Duration;

use chaobiao::domain::access::{Acting, Regions, Role};
use chaobiao::domain::supply::{NoticeKind, OrderKind, ProtectionKind, Reason, Window};
use chaobiao::domain::{Coded, Customer, Id, Meter, MeteringPoint, Moment};
use chaobiao::store::supply::{ArrearsEntry, IdentityEntry, NewOrder, NoticeEntry, ProtectionEntry};
use chaobiao::store::{Address, Store};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// Account, person, name, role.
const PEOPLE: [(i64, i64, &str, Role); 7] = [
    (11, 1, "li", Role::Operator),
    (12, 2, "wang", Role::Approver),
    (13, 3, "zhao", Role::Approver),
    (14, 4, "admin", Role::Admin),
    (15, 2, "wang-at-the-desk", Role::Operator),
    (16, 5, "auditor", Role::Auditor),
    (17, 6, "billing", Role::Billing),
];

/// Runs SQL as another program would.
pub(crate) async fn run(address: &Address, sql: &str) {
    let script = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    match address {
        Address::Sqlite(path) => {
            let options = SqliteConnectOptions::new().filename(path).foreign_keys(true);
            script.execute(&mut SqliteConnection::connect_with(&options).await.unwrap()).await.unwrap();
        }
        Address::Postgres(url) => {
            script.execute(&mut PgConnection::connect(url).await.unwrap()).await.unwrap();
        }
    }
}

/// Makes the accounts; each has its role for a month.
pub(crate) async fn make_people(address: &Address, now: Moment) {
    let since = now.minus(DAY * 30).micros();
    for (account, person, name, role) in PEOPLE {
        let role = role.code();
        run(
            address,
            &format!(
                "INSERT INTO person (id, name, created_at) VALUES ({person}, 'person {person}', {since}) \
                 ON CONFLICT DO NOTHING; \
                 INSERT INTO account (id, person_id, name, role, role_since, all_areas, is_enabled, password_hash, \
                     must_set_password, factor_step, version, created_at) \
                 VALUES ({account}, {person}, '{name}', {role}, {since}, 1, 1, '', 0, 0, 1, {since})"
            ),
        )
        .await;
    }
}

/// The person with this account name.
pub(crate) fn acting(name: &str, now: Moment) -> Acting {
    let (account, person, name, role) = *PEOPLE.iter().find(|row| row.2 == name).unwrap();
    Acting {
        person: Id::new(person),
        account: Id::new(account),
        name: name.to_owned(),
        role,
        role_since: now.minus(DAY * 30),
        regions: Regions::All,
        source: "test".to_owned(),
        request: None,
    }
}

/// A home.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home {
    pub(crate) point: Id<MeteringPoint>,
    pub(crate) meter: Id<Meter>,
    pub(crate) customer: Id<Customer>,
}

/// All homes of the archive, in the order of their points.
pub(crate) async fn homes(store: &Store, address: &Address) -> Vec<Home> {
    let mut found = Vec::new();
    let customers: Vec<(i64, i64)> = {
        let sql = "SELECT id, customer_id FROM metering_point";
        match address {
            Address::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
                sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap()
            }
            Address::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap()
            }
        }
    };
    for site in store.site_meters().await.unwrap() {
        let customer = customers.iter().find(|(point, _)| *point == site.point_id.number()).unwrap().1;
        found.push(Home { point: site.point_id, meter: site.meter_id, customer: Id::new(customer) });
    }
    found.sort_by_key(|home| home.point);
    found
}

/// Makes homes ready to be cut for arrears: nothing stands against it.
pub(crate) async fn make_ready(store: &Store, address: &Address, homes: &[Home], now: Moment) {
    let li = acting("li", now);
    let arrears: Vec<_> = homes
        .iter()
        .map(|home| ArrearsEntry {
            customer: home.customer,
            since: now.minus(DAY * 40),
            amount_fen: 12_345,
            as_of: now.minus(DAY),
        })
        .collect();
    store.enter_arrears(&li, &arrears, now).await.unwrap();
    let mut notices = Vec::new();
    let mut identities = Vec::new();
    let mut sql = String::new();
    for home in homes {
        for (kind, ago) in
            [(NoticeKind::Reminder, DAY * 20), (NoticeKind::Cut, DAY * 10), (NoticeKind::Second, HOUR * 2)]
        {
            let (how, given_by) = ("by hand".to_owned(), "Li".to_owned());
            notices.push(NoticeEntry { point: home.point, kind, given_at: now.minus(ago), how, given_by });
        }
        identities.push(IdentityEntry {
            point: home.point,
            meter: home.meter,
            verified_at: now.minus(DAY * 5),
            is_crossed: false,
            verified_by: "Li".to_owned(),
        });
        let (meter, at) = (home.meter.number(), now.minus(HOUR * 6).micros());
        sql.push_str(&format!(
            "INSERT INTO latest (meter_id, item, at, value, quality, source, collected_at) \
             VALUES ({meter}, 1, {at}, 1, 1, 1, {at}) ON CONFLICT DO NOTHING;"
        ));
    }
    run(address, &sql).await;
    store.enter_notices(&li, &notices, now).await.unwrap();
    store.enter_identities(&li, &identities, now).await.unwrap();
}

/// Loads a list that protects this one home.
pub(crate) async fn protect(store: &Store, home: Home, now: Moment) {
    let entry = ProtectionEntry {
        point: home.point,
        kind: ProtectionKind::PublicSafety,
        reason: "医院".to_owned(),
        until: None,
    };
    store.load_protections(&acting("li", now), &[entry], now).await.unwrap();
}

/// A cut of these homes, within the next hours.
pub(crate) fn cut(homes: &[Home], now: Moment) -> NewOrder {
    NewOrder {
        kind: OrderKind::Cut,
        reason: Reason::Arrears,
        text: String::new(),
        window: Window { from: now, until: now.plus(HOUR * 4) },
        points: homes.iter().map(|home| home.point).collect(),
    }
}

/// Supply for these homes.
pub(crate) fn restore(homes: &[Home], now: Moment) -> NewOrder {
    NewOrder { kind: OrderKind::ClosePermit, reason: Reason::Settled, ..cut(homes, now) }
}
