//! Clocks of meters that somebody sets (F14): only when it is called for and may be, each frame once and in the audit log
//! (I23), and right by what the clock shows afterwards.

use std::time::Duration;

use chaobiao::domain::AuditEntry;
use chaobiao::domain::supply::{HaltKind, OrderKind, OrderState};
use chaobiao::domain::{ClockOffset, Day, Moment};
use chaobiao::store::{Address, Batch, NewSecret, SecretDigits, SecretScope, StoreError};
use chaobiao::supply::field::{CannotOrder, CannotSetClock};
use chaobiao::supply::{CannotServe, MeterClockSet, Supply};
use dlt645::password::Level;
use tokio::time::Instant;

use crate::orders::{MINUTE, PERMIT, approved, opened, restored};
use crate::ready::{acting, cut, run};
use crate::rig::heard::Fate;
use crate::rig::{Street, entered};

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
    try_to_set(street, supply, place).await.unwrap()
}

async fn try_to_set(street: &Street, supply: &Supply, place: usize) -> Result<MeterClockSet, StoreError> {
    let address = street.houses[place].meter.lock().unwrap().meter.address().as_meter().unwrap();
    let site = street.store.site_meter(address).await.unwrap().unwrap();
    supply.set_meter_clock(&acting("li", street.clock.now()), site).await
}

/// Keeps how far the clocks of all meters were off yesterday.
async fn keep_clocks(street: &Street, seconds: i64) {
    let at = street.clock.now().minus(Duration::from_secs(86_400));
    let offset = ClockOffset { at, fast_us: seconds * 1_000_000, uncertainty: Duration::ZERO };
    let mut batch = Batch::default();
    batch.notes.clocks = street.houses.iter().map(|house| (house.home.meter, offset)).collect();
    street.store.save(&batch, at).await.unwrap();
}

/// What is kept of the clock of a meter: how far it was off in seconds, to the nearest ten, and whether ours was in doubt.
async fn kept(street: &Street, place: usize) -> Vec<(i64, bool)> {
    let kept = street.store.clocks_of(street.houses[place].home.meter).await.unwrap();
    let seconds = |offset: ClockOffset| (offset.fast_us + 5_000_000).div_euclid(10_000_000) * 10;
    kept.iter().map(|session| (seconds(session.offset), session.is_doubted)).collect()
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
        entered(&street, "meter.set_clock").await,
        (vec!["intended".to_owned(), "accepted".to_owned()], "done".to_owned())
    );
    let sessions = street.store.clocks_of(street.houses[0].home.meter).await.unwrap();
    let sessions: Vec<i64> = sessions.iter().map(|session| session.offset.fast_us).collect();
    assert_eq!(sessions, [before.fast_us, after.fast_us]);
    assert!(matches!(set(&street, supply, 0).await, MeterClockSet::NotNeeded(_)));
    assert_eq!(
        (times(&street, 0), entered(&street, "meter.set_clock").await.1),
        (1, "not_needed".to_owned())
    );
    // Days off: date and time.
    street.set_clock_off(1, -3 * 86_400 + 100);
    let MeterClockSet::Done(_, after) = set(&street, supply, 1).await else { panic!("not set") };
    assert!(after.is_within(Duration::from_secs(2)), "{after:?}");
    assert_eq!(times(&street, 1), 2);
    assert_eq!(entered(&street, "meter.set_clock").await.0.len(), 6, "two entries for each frame on the bus");
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
    let (frames, last) = entered(&street, "meter.set_clock").await;
    assert_eq!(frames, ["intended", "unknown", "intended", "unknown"]);
    assert_eq!(last, "unknown");
    head_end.close().await;
}

#[tokio::test]
async fn f14_i18_a_refused_password_is_not_tried_again_that_day_and_no_other_but_to_give_supply_back() {
    let street = street("111112").await;
    keep_clocks(&street, 300).await;
    let head_end = street.head_end().await;
    let (supply, point) = (&head_end.supply, street.houses[0].home.point);
    head_end.during(opened(&street, &head_end, 0)).await;
    street.set_clock_off(0, 300);
    assert_eq!(set(&street, supply, 0).await, MeterClockSet::PasswordRefused);
    assert_eq!(set(&street, supply, 0).await, MeterClockSet::Cannot(CannotSetClock::RefusedToday));
    assert_eq!(times(&street, 0), 1);
    // Three wrong ones may shut the meter, whatever their level. A cut can wait for tomorrow, and supply cannot.
    let can = async |kind| supply.can_order(point, kind).await.unwrap();
    assert_eq!(can(OrderKind::ClosePermit).await, Ok(()));
    assert_eq!(
        can(OrderKind::Cut).await,
        Err(CannotServe::Cannot(CannotOrder::RefusedToday)),
        "it says so before"
    );
    street.set_clock_off(1, 300);
    assert_eq!(set(&street, supply, 1).await, MeterClockSet::PasswordRefused);
    let now = street.clock.now();
    let mut wanted = cut(&[street.houses[1].home], now);
    wanted.window.until = now.plus(MINUTE * 20);
    let asked = supply.ask(&acting("li", now), &wanted).await;
    let is_taken = asked.as_ref().is_ok_and(|asked| asked.refused.is_empty());
    assert!(!is_taken, "{asked:?}");
    let given_back = async {
        let id = restored(&street, &head_end, 0).await;
        street.until(id, &[OrderState::VerifiedClosed]).await
    };
    assert_eq!(head_end.during(given_back).await, OrderState::VerifiedClosed);
    assert_eq!(street.orders(0).last(), Some(&PERMIT));
    head_end.close().await;
}

#[tokio::test]
async fn f14_i18_a_refusal_that_the_database_cannot_keep_is_remembered() {
    let street = street("111112").await;
    let head_end = street.head_end().await;
    let address = Address::Sqlite(street.folder.path().join("store.db"));
    let breaks = "CREATE TRIGGER away BEFORE INSERT ON audit WHEN NEW.result = 'password refused' \
        OR NEW.action = 'secret.refused' BEGIN SELECT RAISE(ABORT, 'away'); END";
    run(&address, breaks).await;
    street.set_clock_off(0, 300);
    assert!(try_to_set(&street, &head_end.supply, 0).await.is_err(), "what came of it is not kept");
    run(&address, "DROP TRIGGER away").await;
    let again = set(&street, &head_end.supply, 0).await;
    assert_eq!(again, MeterClockSet::Cannot(CannotSetClock::RefusedToday));
    assert_eq!((times(&street, 0), street.with(0, |heard| heard.unauthorised)), (1, 1));
    head_end.close().await;
}

#[tokio::test]
async fn f14_r6_a_clock_of_which_the_date_was_written_is_never_told_as_left_alone() {
    let street = street(DIGITS).await;
    let head_end = street.head_end().await;
    street.set_clock_off(0, -3 * 86_400 + 100);
    street.with(0, |heard| heard.fates.push_back(Fate::OtherPassword));
    assert_eq!(set(&street, &head_end.supply, 0).await, MeterClockSet::Unknown);
    let all = ["intended", "accepted", "intended", "password refused"];
    assert_eq!(
        entered(&street, "meter.set_clock").await,
        (all.map(str::to_owned).to_vec(), "unknown".to_owned())
    );
    assert_eq!(kept(&street, 0).await, [(-3 * 86_400 + 100, false), (100, false)]);
    let again = set(&street, &head_end.supply, 0).await;
    assert_eq!(again, MeterClockSet::Cannot(CannotSetClock::RefusedToday));
    head_end.close().await;
}

#[tokio::test]
async fn f14_each_frame_is_judged_against_midnight_when_it_leaves() {
    let street = street(DIGITS).await;
    let head_end = street.head_end().await;
    let today = Day::of(street.clock.now());
    for step in 0..40_u32 {
        // Each day it is begun a little earlier before ten to midnight.
        let ten_to = today.plus(step.into()).next().start().minus(MINUTE * 10);
        let early = Duration::from_millis(500) + Duration::from_millis(200) * step;
        tokio::time::sleep(ten_to.minus(early).since(street.clock.now())).await;
        street.set_clock_off(0, -3 * 86_400);
        set(&street, &head_end.supply, 0).await;
    }
    let set_to = street.with(0, |heard| std::mem::take(&mut heard.set_to));
    assert!(set_to.len() > 5, "{set_to:02X?}");
    let late: Vec<_> = set_to.iter().filter(|[hour, minute, _]| (*hour, *minute) >= (0x23, 0x50)).collect();
    assert!(late.is_empty(), "{late:02X?}");
    head_end.close().await;
}

#[tokio::test]
async fn f14_f33_a_clock_is_set_where_others_or_its_own_past_bear_ours_out_and_else_by_nobody() {
    const OFF: i64 = -8 * 3600;
    let street = street(DIGITS).await;
    let head_end = street.head_end().await;
    let supply = &head_end.supply;
    // Our clock was taken for that of another zone, and nothing was heard of any meter before.
    (0..2).for_each(|place| street.set_clock_off(place, OFF));
    let doubted = MeterClockSet::Cannot(CannotSetClock::OwnClockDoubted);
    assert_eq!(set(&street, supply, 0).await, doubted);
    assert_eq!((times(&street, 0), kept(&street, 0).await), (0, vec![(OFF, true)]));
    // They were right yesterday: it is not they that have changed.
    keep_clocks(&street, 0).await;
    assert_eq!(set(&street, supply, 0).await, doubted);
    // A person has compared our clock with the time: the meters are off.
    supply_confirmed(&street).await;
    assert!(matches!(set(&street, supply, 0).await, MeterClockSet::Done(..)));
    assert_eq!(times(&street, 0), 1);
    // That one has changed by as much as it was set: it bears nothing out that it did not before.
    let (last, second) = (kept(&street, 0).await, set(&street, supply, 1).await);
    assert_eq!(last.last(), Some(&(0, false)));
    assert!(matches!(second, MeterClockSet::Done(..)), "{second:?}");
    head_end.close().await;
    street.close().await;
    let street = self::street(DIGITS).await;
    let head_end = street.head_end().await;
    (0..2).for_each(|place| street.set_clock_off(place, 480));
    keep_clocks(&street, 478).await;
    assert!(matches!(set(&street, &head_end.supply, 0).await, MeterClockSet::Done(..)), "as yesterday");
    head_end.close().await;
}

async fn supply_confirmed(street: &Street) {
    let now: Moment = street.clock.now();
    street.store.confirm_clock(&acting("wang", now), "compared", now).await.unwrap();
}

#[tokio::test]
async fn f14_f48_a_cut_and_the_setting_of_the_same_clock_do_not_wait_for_each_other() {
    let street = street(DIGITS).await;
    let head_end = street.head_end().await;
    let supply = &head_end.supply;
    let longest = head_end
        .during(async {
            let id = approved(&street, &head_end, &[0]).await;
            let mut longest = Duration::ZERO;
            while street.view(id).await.attempts.is_empty() {
                street.set_clock_off(0, 30);
                let began = Instant::now();
                let set = set(&street, supply, 0).await;
                longest = longest.max(began.elapsed());
                assert!(matches!(set, MeterClockSet::Done(..)), "{set:?}");
            }
            street.until(id, &[OrderState::VerifiedOpen]).await;
            longest
        })
        .await;
    assert!(longest < MINUTE / 2, "{longest:?}");
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
