//! Two instances on one server: one serves, the other waits; one that was away while the other took over writes nothing and
//! sends nothing any more (F36).

use std::time::Duration;

use chaobiao::clock::Clock;
use chaobiao::domain::{Alarm, AlarmKind};
use chaobiao::store::{Address, Migrations, Store, StoreError, Taken, Tenure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::night::Served;
use crate::proxy::{Manner, Proxy};
use crate::server::Server;

async fn ours(address: &Address, name: &str) -> Result<Tenure, chaobiao::store::Holder> {
    match Tenure::take(address, name, "1").await.unwrap() {
        Taken::Ours(tenure) => Ok(tenure),
        Taken::Held(holder) => Err(holder),
    }
}

async fn write(store: &Store) -> Result<(), StoreError> {
    let alarm = Alarm::new(AlarmKind::DiskFilling, "disk".to_owned(), Clock::system().now());
    store.raise_alarm(&alarm).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn f36_a_holder_that_was_away_sends_nothing_after_five_seconds_and_its_writes_are_refused() {
    let Some(server) = Server::start().await else { return };
    let proxy = Proxy::before(server.socket()).await;
    let through = Address::Postgres(proxy.url());
    let socket = server.socket().parent().unwrap().to_str().unwrap().replace('/', "%2F");
    let direct = Address::Postgres(format!("postgres://site@{socket}/site"));
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let keep = |tenure: &Tenure| {
        let (tenure, stop) = (tenure.clone(), stop.clone());
        tasks.spawn(async move { tenure.keep(&stop).await });
    };
    let opened = Store::open(&through, Migrations::Run).await.unwrap();
    let first = ours(&through, "first").await.unwrap();
    keep(&first);
    let stale = opened.holding(Some(first.clone()));
    write(&stale).await.unwrap();
    let held = ours(&direct, "second").await.unwrap_err();
    assert_eq!((held.name.as_str(), held.token), ("first", first.token()));
    assert!(stale.may_act());

    // The first hears and says nothing any more.
    proxy.behave(Manner::Swallow);
    let away = Instant::now();
    while stale.may_act() {
        assert!(away.elapsed() < Duration::from_secs(5), "it still sends");
        sleep(Duration::from_millis(20)).await;
    }
    let silent = away.elapsed();
    let second = loop {
        match ours(&direct, "second").await {
            Ok(tenure) => break tenure,
            Err(holder) => assert_eq!(holder.name, "first"),
        }
        assert!(!stale.may_act() && away.elapsed() < Duration::from_secs(15));
        sleep(Duration::from_millis(100)).await;
    };
    let taken = away.elapsed();
    assert!(silent < taken, "both could send");
    assert_eq!(second.token(), first.token() + 1);
    keep(&second);
    let fresh = Store::open(&direct, Migrations::Check).await.unwrap().holding(Some(second.clone()));
    write(&fresh).await.unwrap();

    // It wakes up and finds itself replaced.
    proxy.behave(Manner::Pass);
    let refused = loop {
        match write(&stale).await {
            Err(StoreError::Unavailable { .. }) => sleep(Duration::from_millis(100)).await,
            ended => break ended,
        }
    };
    assert!(matches!(refused, Err(StoreError::Overtaken)), "{refused:?}");
    first.overtaken().await;
    assert!(!stale.may_act() && fresh.may_act());
    assert_eq!(fresh.holder().await.unwrap().name, "second");
    println!("f36: silent after {silent:?}, taken over after {taken:?}");

    // Given up, it is free at once.
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    second.give_up().await;
    assert!(ours(&direct, "third").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: tests/check.sh ci"]
async fn f35_f36_of_two_that_serve_one_stands_by_takes_over_and_the_one_that_slept_ends() {
    let Some(server) = Server::start().await else { return };
    let proxy = Proxy::before(server.socket()).await;
    let mut first = Served::start(&server, &proxy).await;
    first.until_kept(1, &server).await;
    let mut second = first.another().await;
    second
        .ask_until("/readyz", 20, |answer| answer.contains("\"standby\"") && answer.contains("\"holder\""))
        .await;
    let signal = |served: &Served, signal| {
        kill(Pid::from_raw(i32::try_from(served.id()).unwrap()), signal).unwrap();
    };
    // The first sleeps for longer than its lease.
    signal(&first, Signal::SIGSTOP);
    let asleep = Instant::now();
    second.moved("metrics are at http://").await;
    second.ask_until("/readyz", 30, |answer| answer.starts_with("HTTP/1.1 200")).await;
    let taken = asleep.elapsed();
    assert!(taken < Duration::from_secs(30), "{taken:?}");
    signal(&first, Signal::SIGCONT);
    let awake = Instant::now();
    let code = first.ended().await;
    let ended = awake.elapsed();
    assert!(ended < Duration::from_secs(5), "{ended:?}");
    assert_eq!(code, Some(1));
    let keys = first.end().await;
    println!("f36: taken over after {taken:?}, ended {ended:?} after waking, {} keys once each", keys.len());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: tests/check.sh ci"]
async fn f31_f35_one_that_stands_by_waits_for_a_server_that_is_stopped() {
    let Some(mut server) = Server::start().await else { return };
    let proxy = Proxy::before(server.socket()).await;
    let mut first = Served::start(&server, &proxy).await;
    let mut second = first.another().await;
    second.ask_until("/readyz", 20, |answer| answer.contains("\"standby\"")).await;
    server.stop();
    // Longer than a connection is waited for.
    second.told("WARN standby: ").await;
    server.begin().await;
    kill(Pid::from_raw(i32::try_from(first.id()).unwrap()), Signal::SIGKILL).unwrap();
    assert_eq!(first.ended().await, None);
    second.moved("metrics are at http://").await;
    second.ask_until("/readyz", 30, |answer| answer.starts_with("HTTP/1.1 200")).await;
    second.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f33_f36_a_clock_of_the_server_that_is_set_makes_no_second_holder() {
    let Some(server) = Server::start().await else { return };
    let socket = server.socket().parent().unwrap().to_str().unwrap().replace('/', "%2F");
    let url = format!("postgres://amr@{socket}/site");
    let direct = Address::Postgres(url.clone());
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let opened = Store::open(&direct, Migrations::Run).await.unwrap();
    let first = ours(&direct, "first").await.unwrap();
    let (kept, until) = (first.clone(), stop.clone());
    tasks.spawn(async move { kept.keep(&until).await });
    let store = opened.holding(Some(first.clone()));
    let of_site = async |sql: &str| {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    };
    // Set back by an hour, the lease seems to last for an hour more; it is as short as ever once it was renewed.
    of_site("UPDATE site_tenure SET until = until + 3600000000").await;
    let began = Instant::now();
    loop {
        let sql = "SELECT (until - (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) / 1000000 FROM site_tenure";
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let (left,): (i64,) = sqlx::query_as(sql).fetch_one(&mut connection).await.unwrap();
        if left <= 10 {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{left} s are left");
        sleep(Duration::from_millis(50)).await;
    }
    assert!(store.may_act());
    write(&store).await.unwrap();
    // Set on by an hour, the lease seems to be over: whoever takes the site has it alone.
    let second = loop {
        of_site("UPDATE site_tenure SET until = until - 3600000000").await;
        if let Ok(second) = ours(&direct, "second").await {
            break second;
        }
    };
    assert!(
        matches!(write(&store).await, Err(StoreError::Overtaken)),
        "what it writes is refused from then on"
    );
    assert!(!store.may_act());
    first.overtaken().await;
    assert_eq!(second.token(), first.token() + 1);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}
