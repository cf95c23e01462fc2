//! The pool: what is asked of a server that fell silent ends in time, and leaves no place in the pool taken.

use std::time::Duration;

use chaobiao::clock::Clock;
use chaobiao::config::Config;
use chaobiao::domain::access::Regions;
use chaobiao::domain::{Alarm, AlarmKind};
use chaobiao::store::alarm::AlarmFilter;
use chaobiao::store::{Migrations, Remedy, Store, StoreError};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::proxy::{Manner, Proxy};
use crate::server::Server;

const CONNECTIONS: u32 = 4;

async fn open(proxy: &Proxy) -> Store {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("url"), proxy.url()).unwrap();
    let text =
        format!("[database]\nurl_file = \"url\"\nconnections = {CONNECTIONS}\nanswers_within = \"3s\"\n");
    let config = Config::parse(&folder.path().join("chaobiao.toml"), &text);
    let config = config.map_err(|error| error.to_string()).unwrap().config;
    Store::open_configured(&config.database, Migrations::Run).await.unwrap()
}

/// Asks as many questions at once, and says how each ended and how long all took.
async fn ask(store: &Store, count: u32) -> (Vec<Result<(), StoreError>>, Duration) {
    let (mut asking, began) = (JoinSet::new(), Instant::now());
    for _ in 0..count {
        let store = store.clone();
        asking.spawn(async move { store.ready().await });
    }
    let ended = timeout(Duration::from_secs(60), asking.join_all()).await.unwrap();
    (ended, began.elapsed())
}

/// Everything is as it was: every place in the pool can be used at once.
async fn is_whole(store: &Store) {
    let began = Instant::now();
    loop {
        let (ended, took) = ask(store, CONNECTIONS * 10).await;
        let now = Clock::system().now();
        if ended.iter().all(Result::is_ok) && store.service_facts(now).await.is_ok() {
            println!("full service {:?} after the return, {took:?} for all", began.elapsed() - took);
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{ended:?}");
    }
    // What goes back does so in its own time.
    for _ in 0..100 {
        let found = store.connections();
        if found.open == found.idle {
            assert!(found.open <= found.most && found.most == CONNECTIONS, "{found:?}");
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}: a connection is still lent", store.connections());
}

fn reasons(ended: &[Result<(), StoreError>]) -> Vec<&'static str> {
    let mut reasons: Vec<_> = ended
        .iter()
        .map(|ended| {
            let error = ended.as_ref().unwrap_err();
            assert_eq!(error.remedy(), Remedy::Retry, "{error:?}");
            error.reason()
        })
        .collect();
    reasons.sort_unstable();
    reasons.dedup();
    reasons
}

async fn silent_for(wait: Duration) {
    let Some(server) = Server::start().await else { return };
    let proxy = Proxy::before(server.socket()).await;
    let store = open(&proxy).await;
    is_whole(&store).await;
    proxy.behave(Manner::Swallow);
    let began = Instant::now();
    let mut rounds = 0;
    while rounds == 0 || began.elapsed() < wait {
        let (ended, took) = ask(&store, CONNECTIONS * 3).await;
        assert!(took < Duration::from_secs(12), "{took:?}");
        let reasons = reasons(&ended);
        assert!(
            reasons.iter().all(|reason| ["database_hangs", "database_busy"].contains(reason)),
            "{reasons:?}"
        );
        rounds += 1;
    }
    println!("f22: silent for {:?}, {rounds} rounds of {} questions", began.elapsed(), CONNECTIONS * 3);
    proxy.behave(Manner::Pass);
    is_whole(&store).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f22_a_server_that_falls_silent_with_every_connection_in_use_costs_no_permit() {
    silent_for(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes more than a minute: tests/check.sh nightly"]
async fn f22_a_server_that_is_silent_for_a_minute_costs_no_permit() {
    silent_for(Duration::from_secs(60)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f31_a_server_that_is_slow_read_only_crowded_or_gone_says_which_and_is_whole_afterwards() {
    let Some(mut server) = Server::start().await else { return };
    let proxy = Proxy::before(server.socket()).await;
    let store = open(&proxy).await;

    // Slow: late, and still in time.
    proxy.behave(Manner::Late(Duration::from_millis(500)));
    // One at a time: several would wait for the same row longer than a lock is waited for.
    let (ended, took) = ask(&store, 1).await;
    assert!(ended.iter().all(Result::is_ok) && took > Duration::from_millis(900), "{ended:?} {took:?}");
    proxy.behave(Manner::Pass);
    is_whole(&store).await;

    // It takes no writes any more.
    server.tell("ALTER DATABASE site SET default_transaction_read_only = on").await;
    server
        .tell("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chaobiao'")
        .await;
    let mut read_only = Vec::new();
    for _ in 0..20 {
        let (ended, _) = ask(&store, 1).await;
        if let Err(error) = &ended[0] {
            read_only.push(error.reason());
        }
        if read_only.contains(&"database_read_only") {
            break;
        }
    }
    assert!(read_only.contains(&"database_read_only"), "{read_only:?}");
    store.service_facts(Clock::system().now()).await.unwrap();
    server.tell("ALTER DATABASE site RESET default_transaction_read_only").await;
    server
        .tell("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chaobiao'")
        .await;
    is_whole(&store).await;

    // Others have all its connections.
    server.tell("ALTER DATABASE site CONNECTION LIMIT 0").await;
    server.stop();
    let (ended, took) = ask(&store, CONNECTIONS).await;
    let gone = reasons(&ended);
    assert!(took < Duration::from_secs(12), "{took:?}");
    assert!(
        gone.iter()
            .all(|reason| ["database_unreachable", "database_busy", "database_hangs"].contains(reason)),
        "{gone:?}"
    );
    server.begin().await;
    let (ended, _) = ask(&store, 1).await;
    assert_eq!(reasons(&ended), ["database_connections"], "{ended:?}");
    server.tell("ALTER DATABASE site CONNECTION LIMIT -1").await;
    is_whole(&store).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f32_a_write_without_an_answer_is_an_error_and_may_be_repeated() {
    let Some(server) = Server::start().await else { return };
    let proxy = Proxy::before(server.socket()).await;
    let store = open(&proxy).await;
    let alarm = Alarm::new(AlarmKind::DiskFilling, "disk".to_owned(), Clock::system().now());
    let mut unanswered = 0;
    // It falls silent at one moment of the transaction after the other.
    for after in 0..12 {
        proxy.behave(Manner::Late(Duration::from_millis(100)));
        let (writing, raised) = (store.clone(), alarm.clone());
        let write =
            tokio_util::task::TaskTracker::new().spawn(async move { writing.raise_alarm(&raised).await });
        sleep(Duration::from_millis(100) * after).await;
        proxy.behave(Manner::Swallow);
        match timeout(Duration::from_secs(8), write).await.unwrap().unwrap() {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.remedy(), Remedy::Retry, "{error:?}");
                unanswered += 1;
            }
        }
        proxy.behave(Manner::Pass);
        is_whole(&store).await;
        store.raise_alarm(&alarm).await.unwrap();
    }
    let filter = AlarmFilter { is_open: true, ..AlarmFilter::default() };
    let open = store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap();
    assert_eq!(open.len(), 1, "the same alarm is one, however often it is raised");
    assert!(unanswered > 3, "{unanswered} writes were not answered");
    store.close().await;
}
