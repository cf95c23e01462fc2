//! A day without a receiver (F39): nothing is lost, the ledger goes on, and all is handed over in order afterwards.

use std::sync::Arc;

use chaobiao::billing::{Rules, run};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::receiver::{Receiver, Reply, takes};
use crate::rig::{Rig, day, http};

const POINTS: i64 = 20;

/// Lets time pass by the minute, with time in each for what is under way.
async fn pass(rig: &Rig, minutes: u32) {
    for _ in 0..minutes {
        rig.later(60);
        for _ in 0..4 {
            rig.store.next_outbox("marketing").await.unwrap();
        }
    }
}

#[tokio::test]
async fn f39_a_day_without_receiver_loses_nothing_and_is_handed_over_in_order_afterwards() {
    let address = Receiver::plain(takes()).await.address;
    // Nobody is there now.
    let away = Receiver::at(address, takes(), None).await;
    let receivers = format!("{}batch = 50\n", http(&away));
    drop(away);
    let rig = Rig::new(POINTS, 1, &receivers).await;
    let (stop, wake) = (CancellationToken::new(), Arc::new(Notify::new()));
    let rules = Rules::of(&rig.config());
    let task =
        run(rig.store.clone(), rig.manual.clock(), rules, rig.receivers(), stop.clone(), Arc::clone(&wake));
    let story = async {
        let _stop = stop.clone().drop_guard();
        // Nobody is there for twelve hours, then somebody who never answers; values come in all the time.
        let mut mute = None;
        for hour in 0..24 {
            if hour == 12 {
                mute = Some(Receiver::at(address, Box::new(|_, _| Reply::Cut), None).await);
            }
            pass(&rig, 60).await;
            rig.night(POINTS, hour + 1).await;
            wake.notify_one();
        }
        let keys = POINTS * (25 + 24);
        let status = rig.status("marketing").await;
        assert_eq!((status.waiting, status.delivered), (keys.unsigned_abs(), 0));
        assert_eq!(status.oldest_waiting, Some(day(crate::rig::FIRST)));
        let tries = mute.take().unwrap().heard();
        let largest = tries.iter().map(|heard| heard.keys().len()).max().unwrap();
        assert!(
            (12..=200).contains(&tries.len()) && largest <= 50,
            "{} tries of up to {largest}",
            tries.len()
        );
        let ledger = rig.status("ledger").await;
        assert!(
            ledger.delivered + ledger.waiting == keys.unsigned_abs() && ledger.delivered > 0,
            "{ledger:?}"
        );

        let back = Receiver::at(address, takes(), None).await;
        let mut minutes = 0;
        while back.effects() < usize::try_from(keys).unwrap() {
            pass(&rig, 1).await;
            minutes += 1;
            assert!(minutes < 3000, "{} of {keys} came", back.effects());
        }
        back.books(|books| {
            assert_eq!(books.contradicted, [""; 0]);
            let largest = books.heard.iter().map(|heard| heard.keys().len()).max().unwrap();
            assert!(largest <= 50, "{largest} at once");
            let days: Vec<&str> =
                books.order.iter().map(|key| key.split('/').nth(3).unwrap()).map(|at| &at[..10]).collect();
            let late = days.windows(2).find(|pair| pair[0] > pair[1]);
            assert_eq!(late, None, "a later day went out first");
        });
        while rig.status("marketing").await.waiting > 0 {
            pass(&rig, 1).await;
        }
        println!("{keys} keys after {minutes} minutes, {} tries while nobody answered", tries.len());
    };
    tokio::join!(task, story);
}

#[tokio::test]
async fn a_receiver_that_comes_later_is_given_what_is_older_from_its_day_on() {
    let receiver = Receiver::plain(takes()).await;
    let mut rig = Rig::new(2, 4, "").await;
    rig.name(&format!("{}from = \"2026-11-22\"\n", http(&receiver)));
    let filled = async |rig: &Rig| {
        rig.introduce().await;
        let count = rig.receivers().0[1].fill(&rig.store, rig.now()).await.unwrap();
        rig.push_all().await;
        count
    };
    // Registers of two midnights and the consumption between; the consumption of the last day is not made yet.
    assert_eq!((filled(&rig).await, receiver.effects()), (6, 6));
    assert_eq!(filled(&rig).await, 0, "once");
    rig.night(2, 4).await;
    rig.push_all().await;
    assert_eq!(receiver.effects(), 10);
    rig.name(&format!("{}from = \"2026-11-01\"\n", http(&receiver)));
    assert_eq!((filled(&rig).await, receiver.effects()), (8, 18), "an earlier day adds what is before");
    receiver.books(|books| assert_eq!((books.repeated, books.contradicted.len()), (0, 0)));
}

#[tokio::test]
async fn i05_a_receiver_that_was_left_out_is_given_what_took_the_place_of_what_it_has_or_waits_for() {
    let receiver = Receiver::plain(takes()).await;
    let mut rig = Rig::new(2, 2, &http(&receiver)).await;
    rig.push_all().await;
    let (third, fourth) = (day("2026-11-22").start(), day("2026-11-23").start());
    rig.later(86_400);
    rig.by_hand(1, third, 1_030_000).await;
    rig.by_hand(2, third, 1_030_000).await;
    let settled = async |rig: &Rig| {
        chaobiao::billing::settle_due(&rig.store, &Rules::of(&rig.config()), rig.now()).await.unwrap()
    };
    settled(&rig).await;
    rig.push_all().await;
    let before = receiver.effects();
    // A fourth midnight waits when the receiver is taken out of the configuration.
    rig.by_hand(1, fourth, 1_040_000).await;
    settled(&rig).await;
    rig.name("");
    rig.introduce().await;
    // Meanwhile both midnights turn out otherwise.
    rig.frozen(1, third, 1_020_000).await;
    rig.frozen(1, fourth, 1_041_000).await;
    settled(&rig).await;
    assert_eq!(rig.status("marketing").await.waiting, 2, "nothing takes the place of what waits for it");
    rig.name(&http(&receiver));
    rig.introduce().await;
    let missed = rig.receivers().0[1].fill(&rig.store, rig.now()).await.unwrap();
    // The registers of both midnights and the days around them, of point 1 alone.
    assert_eq!(missed, 4);
    rig.push_all().await;
    assert_eq!(receiver.effects(), before + 4, "none that was replaced");
    receiver.books(|books| assert_eq!((books.repeated, books.contradicted.len()), (0, 0)));
    for key in [
        "register/P1/1-0:1.8.0/2026-11-22T00:00:00+08:00/2",
        "register/P1/1-0:1.8.0/2026-11-23T00:00:00+08:00/2",
    ] {
        assert!(receiver.books(|books| books.effects.contains_key(key)), "{key}");
    }
    let status = rig.status("marketing").await;
    assert_eq!((status.waiting, status.superseded), (0, 2));
    assert_eq!(rig.receivers().0[1].fill(&rig.store, rig.now()).await.unwrap(), 0, "once");
}
