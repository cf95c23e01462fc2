//! A receiver that takes nothing, or leaves something untaken, is an alarm; so is who is not known as it.

use std::sync::Arc;
use std::time::Duration;

use chaobiao::alarm::watch;
use chaobiao::billing::{Rules, run};
use chaobiao::channel::Lines;
use chaobiao::domain::AlarmKind;
use chaobiao::domain::access::Regions;
use chaobiao::store::alarm::AlarmFilter;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::answers::takes_all_but;
use crate::receiver::{Receiver, answers, takes};
use crate::rig::{Rig, ca, http, https};

/// An alarm: of what, what it says, and whether it is open.
type Told = (String, String, bool);

/// The alarms of a kind, the newest first.
async fn alarms(rig: &Rig, kind: AlarmKind) -> Vec<Told> {
    let filter = AlarmFilter { kind: Some(kind), ..AlarmFilter::default() };
    let found = rig.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap();
    found.into_iter().map(|alarm| (alarm.subject, alarm.detail, alarm.ended_at.is_none())).collect()
}

/// Has somebody look after the site for so long, as a process does that was just started; no time passes on the clock.
async fn watched(rig: &Rig, seconds: u64) -> Vec<Told> {
    let (alarms_, stop) = (rig.config().alarms, CancellationToken::new());
    let (store, clock, lines) = (rig.store.clone().in_simulated_time(), rig.manual.clock(), Lines::default());
    tokio::time::pause();
    let watching = watch(&store, &clock, (&lines, None), &alarms_, &stop);
    let _ = tokio::time::timeout(Duration::from_secs(seconds), watching).await;
    tokio::time::resume();
    alarms(rig, AlarmKind::BillingBehind).await
}

#[tokio::test]
async fn f39_a_receiver_that_takes_nothing_for_an_hour_is_told_until_it_takes_something() {
    let receiver = Receiver::plain(answers(401, "", "")).await;
    let rig = Rig::new(2, 2, &http(&receiver)).await;
    assert_eq!(watched(&rig, 4000).await, [], "nothing was offered yet");
    rig.push().await;
    assert_eq!(watched(&rig, 3500).await, [], "not yet");
    let told = watched(&rig, 3700).await;
    let said = "6 values wait; the receiver answers with status 401";
    assert_eq!(told, [("receiver marketing".to_owned(), said.to_owned(), true)]);
    rig.later(900);
    rig.push().await;
    assert_eq!(watched(&rig, 60).await, told, "a new process knows of it, and it goes on");
    receiver.behave(takes());
    rig.later(900);
    rig.push_all().await;
    assert_eq!(watched(&rig, 60).await, [("receiver marketing".to_owned(), said.to_owned(), false)]);
}

#[tokio::test]
async fn f39_a_value_that_is_left_untaken_for_six_hours_is_told_though_others_are_taken() {
    let receiver = Receiver::plain(takes_all_but("/P2/", 409, false)).await;
    let rig = Rig::new(4, 1, &http(&receiver)).await;
    rig.push().await;
    for hour in 1..=6 {
        assert_eq!(watched(&rig, 900).await, [], "{hour}");
        rig.later(3600);
        rig.night(4, hour).await;
        rig.push().await;
        assert!(
            rig.status("marketing").await.last_success
                >= rig.status("marketing").await.last_error.map(|(at, _)| at)
        );
    }
    rig.later(1);
    let told = watched(&rig, 900).await;
    assert_eq!(told.len(), 1, "{told:?}");
    let (subject, said, is_open) = &told[0];
    assert!(subject == "receiver marketing" && *is_open);
    assert!(said.contains("1 of them were first offered more than 6 hours ago"), "{said}");
    receiver.behave(takes());
    rig.later(900);
    rig.push_all().await;
    assert!(!watched(&rig, 60).await[0].2);
}

#[tokio::test]
async fn t22_who_is_not_known_as_the_receiver_is_told_at_once_and_until_the_receiver_takes_something() {
    let receiver = Receiver::encrypted("stranger", takes()).await;
    let mut rig = Rig::new(1, 1, &https(&receiver, &ca())).await;
    let strangers = async |rig: &Rig| alarms(rig, AlarmKind::BillingStranger).await;
    let served = async |rig: &Rig, until: &dyn Fn(&[Told]) -> bool| {
        let (stop, wake) = (CancellationToken::new(), Arc::new(Notify::new()));
        let (store, clock, rules) = (rig.store.clone(), rig.manual.clock(), Rules::of(&rig.config()));
        let task = run(store, clock, rules, rig.receivers(), stop.clone(), wake);
        let story = async {
            let _stop = stop.clone().drop_guard();
            for _ in 0..500 {
                if until(&strangers(rig).await) {
                    return;
                }
                rig.later(10);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            unreachable!("it does not come about: {:?}", strangers(rig).await)
        };
        tokio::join!(task, story);
    };
    served(&rig, &|told| !told.is_empty()).await;
    let told = strangers(&rig).await;
    assert_eq!((told.len(), told[0].0.as_str(), told[0].2), (1, "receiver marketing", true));
    assert!(told[0].1.contains("certificate"), "{told:?}");
    assert_eq!(receiver.effects(), 0);
    // The receiver itself is back.
    let known = Receiver::encrypted("server", takes()).await;
    rig.name(&https(&known, &ca()));
    rig.later(900);
    served(&rig, &|told| !told[0].2).await;
    assert_eq!((known.effects(), strangers(&rig).await.len()), (1, 1));
}
