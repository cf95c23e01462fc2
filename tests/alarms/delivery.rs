//! Each alarm gets through once, or is told again on purpose: receivers that fail, and kills.

use std::collections::BTreeMap;
use std::task::Poll;
use std::time::Duration;

use chaobiao::domain::AlarmKind;
use chaobiao::domain::access::Regions;
use chaobiao::store::alarm::AlarmFilter;
use serde_json::Value;

use crate::receiver::{Manner, Receiver};
use crate::site::{Site, li};

const TAKEN: Manner = Manner::Answers(200, r#"{"errcode":0}"#);

/// How often a program was told each message, and what it told.
fn told(receiver: &Receiver) -> BTreeMap<String, (usize, String)> {
    let mut told: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for heard in receiver.heard() {
        let body: Value = serde_json::from_str(&heard.body).unwrap();
        for alarm in body["alarms"].as_array().unwrap() {
            let key = alarm["key"].as_str().unwrap().to_owned();
            let entry = told.entry(key).or_default();
            entry.0 += 1;
            entry.1 = alarm["tells"].as_str().unwrap().to_owned();
        }
    }
    told
}

#[tokio::test]
async fn nothing_is_lost_while_a_receiver_is_down_and_each_alarm_comes_once_afterwards() {
    let receiver = Receiver::http(Manner::Answers(503, ""));
    let site = Site::with_robot("json", &receiver).await;
    for line in 0..25 {
        site.raise(AlarmKind::LineDown, &format!("line {line}")).await;
        site.work(60).await;
    }
    let refused = receiver.heard().len();
    assert!(refused > 10, "{refused} tries");
    let down = AlarmFilter { kind: Some(AlarmKind::ChannelDown), is_open: true, ..AlarmFilter::default() };
    let open = site.store.alarms(&down, &Regions::All, i64::MAX, 10).await.unwrap();
    assert_eq!(open.iter().map(|alarm| alarm.subject.as_str()).collect::<Vec<_>>(), ["channel duty"]);
    assert!(site.waiting().await.0 >= 25);
    let before = told(&receiver);
    receiver.behave(Manner::Answers(204, ""));
    site.work(3600).await;
    assert_eq!(site.waiting().await, (0, None));
    assert!(site.store.alarms(&down, &Regions::All, i64::MAX, 10).await.unwrap().is_empty());
    let after = told(&receiver);
    for alarm in 1..=25 {
        let key = after.keys().filter(|key| key.split('.').next() == Some(&alarm.to_string())).count();
        assert!(key >= 1, "alarm {alarm} in {after:?}");
    }
    let count = |told: &BTreeMap<String, (usize, String)>, key: &str| told.get(key).map_or(0, |told| told.0);
    for (key, _) in after.iter().filter(|(_, (_, tells))| tells == "raised") {
        assert_eq!(count(&after, key), count(&before, key) + 1, "{key} was taken once");
    }
    let posts = receiver.heard().len() - refused;
    assert!(posts <= 5, "{posts} messages for 27 alarms");
    assert!(refused < 25 * 60 / 4, "a receiver that is down is asked more and more seldom");
}

#[tokio::test]
async fn a_message_of_which_nobody_knows_is_sent_again_under_its_number() {
    let receiver = Receiver::http(Manner::Mute);
    let site = Site::with_robot("json", &receiver).await;
    site.raise(AlarmKind::LineDown, "line east").await;
    site.work(10).await;
    let silent = receiver.heard().len();
    assert!(silent >= 1);
    receiver.behave(Manner::Answers(200, ""));
    site.work(600).await;
    assert_eq!(told(&receiver)["1.1"].0, silent + 1);
    assert_eq!(told(&receiver).len(), 1);
}

/// Drops work where it stands after so many steps: before the lease, while it sends, before the receipt.
async fn killed_after(steps: usize, working: impl Future<Output = ()>) {
    let mut working = std::pin::pin!(working);
    let mut left = steps;
    std::future::poll_fn(|context| {
        if left == 0 || working.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        left -= 1;
        Poll::Pending
    })
    .await;
}

#[tokio::test]
async fn killed_at_any_time_every_alarm_gets_through() {
    let receiver = Receiver::http(Manner::Answers(200, ""));
    let site = Site::with_robot("json", &receiver).await;
    let mut kills = 0;
    for alarm in 0..60_u64 {
        site.raise(AlarmKind::LineDown, &format!("line {alarm}")).await;
        let stop = tokio_util::sync::CancellationToken::new();
        let working = chaobiao::alarm::run(&site.store, &site.clock, &site.alarms, &stop);
        killed_after(usize::try_from(alarm).unwrap(), working).await;
        kills += 1;
    }
    assert_eq!(kills, 60);
    site.work(3600).await;
    assert_eq!(site.waiting().await, (0, None));
    let told = told(&receiver);
    assert_eq!(told.len(), 60);
    for alarm in 1..=60 {
        assert!(told.contains_key(&format!("{alarm}.1")), "{alarm}");
    }
}

#[tokio::test]
async fn a_critical_alarm_is_told_again_more_and_more_seldom_until_somebody_takes_note() {
    let receiver = Receiver::http(TAKEN);
    let channel =
        "[[alarm_webhook]]\nname = \"duty\"\nrobot = \"json\"\nurl_file = \"url\"\nrepeat_after = \"5min\"";
    let site = Site::new(channel, &[("url", &receiver.url())]).await;
    let unknown = site.raise(AlarmKind::OrderUnknown, "order 17").await;
    site.raise(AlarmKind::LineDown, "line east").await;
    let mut when = Vec::new();
    for minute in 0..45 {
        site.work(60).await;
        let count = told(&receiver).keys().filter(|key| key.starts_with("1.")).count();
        if count > when.len() {
            when.push(minute);
        }
    }
    // At once, after five minutes, ten more, twenty more.
    assert_eq!(when.len(), 4, "{when:?}");
    for (minute, expected) in when.iter().zip([0, 5, 15, 35]) {
        assert!((expected..expected + 3).contains(minute), "{when:?}");
    }
    assert!(site.store.acknowledge_alarm(unknown, &li(), "去看", site.now()).await.unwrap());
    site.work(7200).await;
    let told_now = told(&receiver);
    assert_eq!(told_now.len(), 5, "a warning is told once, and nothing after the note: {told_now:?}");
    site.store.clear_alarm(AlarmKind::OrderUnknown, "order 17", site.now()).await.unwrap();
    site.work(60).await;
    assert_eq!(told(&receiver)["1.5"], (1, "ended".to_owned()));
}

#[tokio::test]
async fn each_channel_is_told_from_its_severity_on() {
    let (duty, boss) = (Receiver::http(TAKEN), Receiver::http(TAKEN));
    let channel = |name: &str, least: &str| {
        format!(
            "[[alarm_webhook]]\nname = \"{name}\"\nrobot = \"json\"\nurl_file = \"{name}\"\nleast = \"{least}\"\n"
        )
    };
    let channels = channel("duty", "warning") + &channel("boss", "critical");
    let site = Site::new(&channels, &[("duty", &duty.url()), ("boss", &boss.url())]).await;
    site.raise(AlarmKind::LineDown, "line east").await;
    site.raise(AlarmKind::StopPressed, "site").await;
    site.work(30).await;
    assert_eq!(told(&duty).keys().collect::<Vec<_>>(), ["1.1", "2.1"]);
    assert_eq!(told(&boss).keys().collect::<Vec<_>>(), ["2.1"]);
}

const MAILBOXES: &str = "from = \"amr@site.example\"\nto = [\"duty@site.example\", \"gone@site.example\"]\n";

async fn site_with_mail(receiver: &Receiver) -> Site {
    let server = receiver.address;
    let channel =
        format!("[[alarm_mail]]\nname = \"mail\"\nserver = \"{server}\"\nencryption = \"none\"\n{MAILBOXES}");
    Site::new(&channel, &[]).await
}

/// The alarms about channels, the newest first: what each says, and whether it is open.
async fn channels_down(site: &Site) -> Vec<(String, bool)> {
    let down = AlarmFilter { kind: Some(AlarmKind::ChannelDown), ..AlarmFilter::default() };
    let found = site.store.alarms(&down, &Regions::All, i64::MAX, 10).await.unwrap();
    found.into_iter().map(|alarm| (alarm.detail, alarm.ended_at.is_none())).collect()
}

#[tokio::test]
async fn a_mailbox_that_is_no_more_keeps_nobody_else_from_being_told() {
    let receiver = Receiver::mail();
    receiver.behave(Manner::Refuses(&["gone@site.example"]));
    let site = site_with_mail(&receiver).await;
    site.raise(AlarmKind::OrderUnknown, "order 17").await;
    site.work(60).await;
    assert_eq!(site.waiting().await, (0, None));
    let heard = receiver.heard();
    assert!(heard.iter().all(|heard| heard.head == "RCPT TO:<duty@site.example>"), "{heard:?}");
    assert_eq!(heard.len(), 2, "the alarm, and who was not told of it");
    for line in 0..3 {
        site.raise(AlarmKind::LineDown, &format!("line {line}")).await;
        site.work(60).await;
    }
    let said = "no letter is taken for gone@site.example (permanent error (550): no such user here)";
    assert_eq!(channels_down(&site).await, [(said.to_owned(), true)]);
    let heard = receiver.heard();
    assert!(heard.iter().all(|heard| heard.head == "RCPT TO:<duty@site.example>"), "{heard:?}");
    assert_eq!(heard.len(), 5, "the mailbox is told of once");
    // Somebody else has the mailbox now, or it was taken out.
    receiver.behave(Manner::Answers(250, ""));
    site.raise(AlarmKind::LineDown, "line east").await;
    site.work(60).await;
    assert_eq!(channels_down(&site).await, [(said.to_owned(), false)]);
    assert!(receiver.heard().last().unwrap().head.contains("gone@site.example"));
}

#[tokio::test]
async fn a_letter_that_is_taken_for_nobody_is_sent_again() {
    let receiver = Receiver::mail();
    receiver.behave(Manner::Refuses(&["duty@site.example", "gone@site.example"]));
    let site = site_with_mail(&receiver).await;
    site.raise(AlarmKind::LineDown, "line east").await;
    site.work(600).await;
    assert!(receiver.heard().is_empty());
    let (waiting, why) = site.waiting().await;
    assert_eq!(waiting, 2, "the alarm, and that the channel is down");
    let why = why.unwrap();
    assert!(
        why.contains("duty@site.example (permanent error (550)") && why.contains("gone@site.example"),
        "{why}"
    );
    let down = channels_down(&site).await;
    assert!(down.len() == 1 && down[0].0.starts_with("the mail server takes letters for nobody"), "{down:?}");
    receiver.behave(Manner::Answers(250, ""));
    site.work(1800).await;
    assert_eq!(site.waiting().await, (0, None));
    assert!(
        receiver.heard().iter().any(|heard| heard.head.contains("duty@") && heard.head.contains("gone@"))
    );
    assert!(!channels_down(&site).await[0].1);
}

/// Many warnings of one kind, and a critical alarm behind them.
async fn flooded(robot: &str) -> (Receiver, Site) {
    let receiver = Receiver::http(TAKEN);
    let site = Site::with_robot(robot, &receiver).await;
    for line in 1..=299 {
        site.raise(AlarmKind::LineDown, &format!("line {line}")).await;
    }
    site.raise(AlarmKind::RestoreRefused, "order 17").await;
    (receiver, site)
}

#[tokio::test]
async fn f48_a_critical_alarm_leaves_before_all_warnings_and_a_flood_of_them_goes_in_one() {
    let (receiver, site) = flooded("wecom").await;
    site.work(3).await;
    let text = |heard: &crate::receiver::Heard| {
        let body: Value = serde_json::from_str(&heard.body).unwrap();
        body["text"]["content"].as_str().unwrap().to_owned()
    };
    let first = text(&receiver.heard()[0]);
    assert!(first.starts_with("【严重】电表拒绝复电命令 工单17"), "{first}");
    site.work(60).await;
    assert_eq!(site.waiting().await, (0, None));
    let heard = receiver.heard();
    assert_eq!(heard.len(), 2, "{heard:?}");
    let told = first.matches("【警告】").count();
    let flood = text(&heard[1]);
    assert!(
        flood.starts_with(&format!("【警告】线路中断 共{}条：线路{}、", 299 - told, told + 1)),
        "{flood}"
    );
    for line in 1..=299 {
        site.store.clear_alarm(AlarmKind::LineDown, &format!("line {line}"), site.now()).await.unwrap();
    }
    site.work(60).await;
    assert_eq!(site.waiting().await, (0, None));
    let heard = receiver.heard();
    assert_eq!(heard.len(), 3);
    assert!(text(&heard[2]).starts_with("【已恢复】线路中断 共299条"), "{}", text(&heard[2]));
}

#[tokio::test]
async fn a_program_is_told_each_alarm_of_a_flood_and_the_critical_one_first() {
    let (receiver, site) = flooded("json").await;
    site.work(60).await;
    assert_eq!(site.waiting().await, (0, None));
    let told = told(&receiver);
    assert_eq!((told.len(), told.values().filter(|(times, _)| *times == 1).count()), (300, 300));
    let heard = receiver.heard();
    assert!(heard.len() <= 4, "{} messages", heard.len());
    let first: Value = serde_json::from_str(&heard[0].body).unwrap();
    assert_eq!(first["alarms"][0]["key"], "300.1");
}

#[tokio::test]
async fn f31_that_the_database_is_away_is_told_once_from_memory() {
    let receiver = Receiver::http(TAKEN);
    let site = Site::with_robot("wecom", &receiver).await;
    site.store.close().await;
    site.work(3600).await;
    let heard = receiver.heard();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].body.contains("数据库不可用"), "{}", heard[0].body);
}

#[tokio::test]
async fn f33_a_step_of_the_clock_is_an_alarm() {
    let receiver = Receiver::http(TAKEN);
    let site = Site::with_robot("json", &receiver).await;
    let lines = chaobiao::channel::Lines::default();
    for (by, steps) in [(Duration::from_secs(59), 0), (Duration::from_secs(3600), 1)] {
        let stop = tokio_util::sync::CancellationToken::new();
        let watching = chaobiao::alarm::watch(&site.store, &site.clock, (&lines, None), &site.alarms, &stop);
        let step = async {
            tokio::time::sleep(Duration::from_secs(25)).await;
            site.step_the_clock(by);
            tokio::time::sleep(Duration::from_secs(25)).await;
            stop.cancel();
        };
        tokio::join!(watching, step);
        let found = site.store.alarms(&AlarmFilter::default(), &Regions::All, i64::MAX, 10).await.unwrap();
        assert_eq!(found.len(), steps, "{found:?}");
        assert!(found.iter().all(|alarm| alarm.detail == "by +3600 seconds"), "{found:?}");
    }
}
