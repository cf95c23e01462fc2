//! Clocks of meters that somebody sets (F14): only when it is called for and may be, each frame once and in the audit log
//! (I23), and right by what the clock shows afterwards.

use std::time::Duration;

use chaobiao::domain::AuditEntry;
use chaobiao::domain::supply::HaltKind;
use chaobiao::store::{AuditFilter, NewSecret, SecretDigits, SecretScope};
use chaobiao::supply::field::CannotSetClock;
use chaobiao::supply::{MeterClockSet, Supply};
use dlt645::password::Level;

use crate::ready::acting;
use crate::rig::{Fate, Street};

const DIGITS: &str = "204816";

/// Two homes whose meters have this password for parameters, and what the store keeps for them.
async fn street(kept: &str) -> Street {
    let street = Street::new(2).await;
    let mut secrets = Vec::new();
    for house in &street.houses {
        let digits: [u8; 3] = [0x16, 0x48, 0x20];
        house.meter.lock().unwrap().meter.passwords_mut().set(4, digits);
        secrets.push(NewSecret {
            scope: SecretScope::Meter(house.home.meter),
            level: Level::PARAMETERS,
            digits: SecretDigits::new(kept.as_bytes()).unwrap(),
        });
    }
    let entry = AuditEntry::of_system(street.clock.now(), "secret.replace", "passwords");
    street.store.replace_secrets(&street.vault().await, &secrets, &entry).await.unwrap();
    street
}

async fn set(street: &Street, supply: &Supply, place: usize) -> MeterClockSet {
    let address = street.houses[place].meter.lock().unwrap().meter.address().as_meter().unwrap();
    let site = street.store.site_meter(address).await.unwrap().unwrap();
    supply.set_meter_clock(&acting("li", street.clock.now()), site).await.unwrap()
}

/// Results of the entries of frames, the oldest first, and that of the last whole attempt.
async fn entered(street: &Street) -> (Vec<String>, String) {
    let all = street.store.audit_before(&AuditFilter::default(), i64::MAX, 500).await.unwrap();
    let of = |action: &str| {
        let found = all.iter().rev().filter(|record| record.action == action);
        found.map(|record| record.result.clone()).collect::<Vec<String>>()
    };
    (of("meter.frame"), of("meter.set_clock").pop().unwrap_or_default())
}

fn times(street: &Street, place: usize) -> usize {
    street.with(place, |heard| heard.times)
}

#[tokio::test]
async fn f14_i23_a_clock_is_set_once_and_each_frame_is_entered_before_it_leaves() {
    let street = street(DIGITS).await;
    let head_end = street.head_end().await;
    let supply = &head_end.supply;
    street.set_clock_off(0, 480);
    let MeterClockSet::Done(Some(before), after) = set(&street, supply, 0).await else { panic!("not set") };
    assert!(before.fast_us.abs_diff(480_000_000) < 2_000_000, "{before:?}");
    assert!(after.is_within(Duration::from_secs(2)), "{after:?}");
    assert_eq!(times(&street, 0), 1, "the day was right: the time is all that is written");
    assert_eq!(
        entered(&street).await,
        (vec!["intended".to_owned(), "accepted".to_owned()], "done".to_owned())
    );
    let kept = street.store.clocks_of(street.houses[0].home.meter).await.unwrap();
    let sessions: Vec<i64> = kept.iter().map(|session| session.offset.fast_us).collect();
    assert_eq!(sessions, [before.fast_us, after.fast_us]);
    assert!(matches!(set(&street, supply, 0).await, MeterClockSet::NotNeeded(_)));
    assert_eq!((times(&street, 0), entered(&street).await.1), (1, "not_needed".to_owned()));
    // Days off: date and time.
    street.set_clock_off(1, -3 * 86_400 + 100);
    let MeterClockSet::Done(_, after) = set(&street, supply, 1).await else { panic!("not set") };
    assert!(after.is_within(Duration::from_secs(2)), "{after:?}");
    assert_eq!(times(&street, 1), 2);
    assert_eq!(entered(&street).await.0.len(), 6, "two entries for each frame on the bus");
    head_end.close().await;
}

#[tokio::test]
async fn f14_r6_what_a_lost_frame_or_answer_did_is_what_the_clock_shows_and_nothing_is_sent_twice() {
    let street = street(DIGITS).await;
    let head_end = street.head_end().await;
    let supply = &head_end.supply;
    for (place, fate) in [(0, Fate::AnswerLost), (1, Fate::FrameLost)] {
        street.set_clock_off(place, -200);
        street.with(place, |heard| heard.fates.push_back(fate));
        let set = set(&street, supply, place).await;
        assert_eq!(matches!(set, MeterClockSet::Done(..)), fate == Fate::AnswerLost, "{set:?}");
        assert_eq!(set == MeterClockSet::Unknown, fate == Fate::FrameLost, "{set:?}");
        assert_eq!(times(&street, place), 1);
    }
    let (frames, last) = entered(&street).await;
    assert_eq!(frames, ["intended", "unknown", "intended", "unknown"]);
    assert_eq!(last, "unknown");
    head_end.close().await;
}

#[tokio::test]
async fn f14_i18_a_refused_password_is_not_tried_again_that_day_and_orders_go_on_with_theirs() {
    let street = street("111112").await;
    let head_end = street.head_end().await;
    let supply = &head_end.supply;
    street.set_clock_off(0, 300);
    assert_eq!(set(&street, supply, 0).await, MeterClockSet::PasswordRefused);
    assert_eq!(set(&street, supply, 0).await, MeterClockSet::Cannot(CannotSetClock::RefusedToday));
    assert_eq!(times(&street, 0), 1);
    assert_eq!(supply.can_order(street.houses[0].home.point).await.unwrap(), Ok(()));
    head_end.close().await;
}

#[tokio::test]
async fn f14_f33_no_clock_is_set_near_midnight_or_by_a_clock_that_nobody_trusts() {
    let street = street(DIGITS).await;
    let head_end = street.head_end().await;
    let supply = &head_end.supply;
    // By the clock of this meter it is five to midnight.
    street.set_clock_off(1, 5 * 3600 - 300);
    assert!(matches!(set(&street, supply, 1).await, MeterClockSet::NotBefore(_)));
    street.set_clock_off(0, 60);
    street.store.halt_cuts(HaltKind::Clock, "it jumped", street.clock.now()).await.unwrap();
    assert_eq!(set(&street, supply, 0).await, MeterClockSet::Cannot(CannotSetClock::OwnClockDoubted));
    assert_eq!((times(&street, 0), times(&street, 1)), (0, 0));
    head_end.close().await;
}
