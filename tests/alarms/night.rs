//! Nights and lines raise alarms, and end them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chaobiao::alarm::{NightEnd, night_ended, night_failed, watch};
use chaobiao::channel::{Channel, ChannelSettings, Lines};
use chaobiao::config::{Alarms, Collection, Line};
use chaobiao::domain::access::Regions;
use chaobiao::domain::{AlarmKind, MissingCause};
use chaobiao::link::Dialler;
use chaobiao::store::alarm::{AlarmFilter, AlarmRecord};
use sqlx::Connection;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::site::{Site, configured};

async fn all(site: &Site) -> Vec<AlarmRecord> {
    site.store.alarms(&AlarmFilter::default(), &Regions::All, i64::MAX, 10).await.unwrap()
}

#[tokio::test]
async fn a_night_that_fails_and_then_succeeds_in_part_is_told() {
    let site = Site::new("", &[]).await;
    let day = "2026-11-22".parse().unwrap();
    night_failed(&site.store, day, "store", site.now()).await.unwrap();
    assert_eq!(all(&site).await[0].kind, AlarmKind::NightFailed);
    let missing = BTreeMap::from([(MissingCause::Silent, 3)]);
    let end = NightEnd { day, planned: 100, read: 97, missing: &missing };
    night_ended(&site.store, &end, 2, site.now()).await.unwrap();
    let found = all(&site).await;
    assert_eq!((found[0].kind, found[0].ended_at), (AlarmKind::NightPartial, None));
    assert!(found[1].ended_at.is_some());
    let end = NightEnd { day, planned: 100, read: 100, missing: &BTreeMap::new() };
    night_ended(&site.store, &end, 2, site.now()).await.unwrap();
    assert_eq!(all(&site).await.len(), 2);
}

#[tokio::test]
async fn what_the_database_refuses_of_one_line_keeps_no_other_from_being_told() {
    let site = Site::new("", &[]).await;
    let lines = "[[line]]\nname = \"east\"\ntcp = \"127.0.0.1:7001\"\n[[line]]\nname = \"west\"\ntcp = \"127.0.0.1:7002\"\n";
    let config = configured(site.folder.path(), lines);
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let spawn = |line: &Line| {
        let settings = ChannelSettings::of(line, &config.collection, 1);
        let dial = Dialler::memory(|| None, true);
        Channel::spawn(settings, dial, Box::new(()), &tasks, stop.clone())
    };
    let lines = Lines::of(config.lines.iter().map(spawn));
    let mut beside = sqlx::SqliteConnection::connect(&format!(
        "sqlite://{}",
        site.folder.path().join("site.db").display()
    ))
    .await
    .unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON alarm WHEN NEW.subject = 'line east' \
                  BEGIN SELECT RAISE(ABORT, 'refused'); END";
    sqlx::raw_sql(refuse).execute(&mut beside).await.unwrap();
    let watching = watch(&site.store, &site.clock, (&lines, None), &config.alarms, &stop);
    let looking = async {
        tokio::time::sleep(Duration::from_secs(900)).await;
        let found = all(&site).await;
        assert_eq!(found.iter().map(|alarm| alarm.subject.as_str()).collect::<Vec<_>>(), ["line west"]);
        sqlx::raw_sql("DROP TRIGGER refuse").execute(&mut beside).await.unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
        let found = all(&site).await;
        assert_eq!(
            found.iter().map(|alarm| alarm.subject.as_str()).collect::<Vec<_>>(),
            ["line east", "line west"]
        );
        stop.cancel();
    };
    tokio::join!(watching, looking);
    tasks.close();
    tasks.wait().await;
}

#[tokio::test]
async fn f25_a_line_that_is_down_for_long_is_an_alarm_that_ends_with_it() {
    let site = Site::new("", &[]).await;
    let config = configured(site.folder.path(), "[[line]]\nname = \"east\"\ntcp = \"127.0.0.1:7001\"\n");
    let alarms: &Alarms = &config.alarms;
    let collection: &Collection = &config.collection;
    let is_cut = Arc::new(AtomicBool::new(true));
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let cut = Arc::clone(&is_cut);
    let mut far_ends = Vec::new();
    let dial = move || {
        let (near, far) = tokio::io::duplex(64);
        far_ends.push(far);
        (!cut.load(Ordering::Relaxed)).then_some(near)
    };
    let settings = ChannelSettings::of(&config.lines[0], collection, 1);
    let line = Channel::spawn(settings, Dialler::memory(dial, true), Box::new(()), &tasks, stop.clone());
    let lines = Lines::of([line]);
    let look = async |seconds| {
        let watching = watch(&site.store, &site.clock, (&lines, None), alarms, &stop);
        let _ = tokio::time::timeout(Duration::from_secs(seconds), watching).await;
        all(&site).await
    };
    assert!(look(500).await.is_empty(), "not yet");
    let found = look(900).await;
    assert_eq!((found[0].kind, found[0].subject.as_str()), (AlarmKind::LineDown, "line east"));
    assert_eq!((found.len(), found[0].count), (1, 1), "told once");
    is_cut.store(false, Ordering::Relaxed);
    let found = look(300).await;
    assert_eq!((found.len(), found[0].ended_at.is_some()), (1, true));
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}
