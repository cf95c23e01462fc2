//! Orders that the meter takes, and what its status and currents prove afterwards.

use std::sync::Arc;
use std::time::Duration;

use chaobiao::channel::Lane;
use chaobiao::domain::relay::{CurrentEvidence, Doubt, Expectation, Failure, Proof, Proven, Told, Wait};
use chaobiao::supply::field::{AssetCheck, MeterClock, NotSent, Sent, Unclear};
use dlt645::relay::{Command, Delay};
use simulator::meter::relay::RelayKind;
use tokio::time::Instant;

use crate::rig::{Cut, Home, MINUTE, Meddling, Rig, told};

#[tokio::test]
async fn f46_a_trip_is_proven_by_its_status_and_two_looks_without_a_current() {
    let rig = Rig::new(Home::default()).await;
    let (before, sent) = rig.send(Command::Trip).await;
    let flowed = before.currents.unwrap().value.largest().unwrap();
    assert!(flowed >= 20, "{before:?}");
    assert!(before.power.unwrap().value > 0 && before.energy.unwrap().value > 0, "{before:?}");
    assert!(!before.status.value.is_open() && before.trip_delay.unwrap().value.is_zero(), "{before:?}");
    let Sent::Accepted { carried, word: None } = sent else { panic!("{sent:?}") };
    let (_, proof) = rig.watch((&before, carried.told), Expectation::Open, &[5]).await;
    assert!(matches!(proof, Proof::Waiting(Wait::SecondLook(_))), "accepted is not cut: {proof:?}");
    let (looks, proof) = rig.watch((&before, carried.told), Expectation::Open, &[1, 61]).await;
    assert_eq!(proof, Proof::Proven(Proven::Open(CurrentEvidence::Fell)), "{looks:?}");
    assert!(rig.is_open());
    let orders = rig.orders();
    assert_eq!(orders.len(), 1, "one frame");
    // N3..N8 are the meter's clock and five minutes: ss mm hh DD MM YY. [645-2007 6 deadline]
    let [.., second, minute, hour, day, month, year] = orders[0].1[..] else { panic!("{orders:?}") };
    assert_eq!((hour, day, month, year), (0x19, 0x21, 0x11, 0x26));
    let deadline = carried.deadline.to_string();
    assert!(deadline.ends_with(&format!("{minute:02X}:{second:02X}")), "{deadline}");
    assert!((0x05..=0x06).contains(&minute), "{minute:02X}");
    rig.close().await;
}

#[tokio::test]
async fn f46_a_stuck_relay_is_in_doubt_and_never_cut() {
    let rig = Rig::new(Home::default()).await;
    rig.relay(RelayKind { is_stuck: true, ..RelayKind::default() });
    let (before, sent) = rig.send(Command::Trip).await;
    assert_eq!(sent.kind(), "accepted");
    let (_, early) = rig.watch((&before, told(&sent)), Expectation::Open, &[5]).await;
    assert_eq!(early, Proof::Waiting(Wait::TripDelay));
    let (_, late) = rig.watch((&before, told(&sent)), Expectation::Open, &[40, 70]).await;
    assert_eq!(late, Proof::Unknown(Doubt::Disagreement));
    assert!(!rig.is_open());
    rig.close().await;
}

#[tokio::test]
async fn f46_the_trip_delay_that_the_meter_tells_is_waited_for() {
    let rig = Rig::new(Home::default()).await;
    rig.set("04001401", &[0x10, 0x00]);
    let (before, sent) = rig.send(Command::Trip).await;
    assert_eq!(before.trip_delay.unwrap().value, MINUTE * 10);
    let (looks, proof) = rig.watch((&before, told(&sent)), Expectation::Open, &[5, 400]).await;
    assert_eq!(proof, Proof::Waiting(Wait::TripDelay));
    assert!(looks.iter().all(|look| look.status.is_about_to_trip()), "{looks:?}");
    let (_, proof) = rig.watch((&before, told(&sent)), Expectation::Open, &[240, 70]).await;
    assert_eq!(proof, Proof::Proven(Proven::Open(CurrentEvidence::Fell)));
    rig.close().await;
}

#[tokio::test]
async fn f46_a_relay_that_waits_for_a_large_current_is_waited_for() {
    let rig = Rig::new(Home::default()).await;
    let before = rig.before().await;
    let flows = before.currents.unwrap().value.largest().unwrap();
    // What flows is large for it, and stays so until late in the night.
    rig.relay(RelayKind { hold_above: i64::try_from(flows / 2).unwrap(), ..RelayKind::default() });
    let sent = rig.field.send(&rig.order(Command::Trip, &before)).await;
    tokio::time::sleep(MINUTE).await;
    let look = rig.field.look(Lane::Control).await.unwrap();
    assert!(look.status.is_ordered_open() && !look.status.is_open(), "{look:?}");
    let mut rules = rig.field.rules(before.trip_delay.map(|delay| delay.value));
    assert_eq!(rules.large_current, 30_000);
    rules.large_current = flows / 2;
    let judged = |looks: &[_]| {
        let before = before.look();
        chaobiao::domain::relay::judge(before.as_ref(), looks, Expectation::Open, told(&sent), &rules)
    };
    assert_eq!(judged(&[look]), Proof::Waiting(Wait::LargeCurrent));
    rules.large_current = 30_000;
    let before_look = before.look();
    let proof =
        chaobiao::domain::relay::judge(before_look.as_ref(), &[look], Expectation::Open, told(&sent), &rules);
    assert_eq!(
        proof,
        Proof::Waiting(Wait::TripDelay),
        "a small current is no reason, but the meter says that it will"
    );
    rig.close().await;
}

#[tokio::test]
async fn f46_a_closed_meter_that_refused_or_missed_the_order_has_failed_after_the_deadline_only() {
    let rig = Rig::new(Home::default()).await;
    let (before, _) = rig.send(Command::SupplyHold).await;
    let (_, held) = rig.send(Command::Trip).await;
    let Sent::Refused { refusal, is_not_authorised: false, carried } = held else { panic!("{held:?}") };
    assert_eq!(refusal.to_string(), "other error");
    let (looks, proof) = rig.watch((&before, carried.told), Expectation::Open, &[60]).await;
    assert_eq!(proof, Proof::Waiting(Wait::Expiry));
    assert!(looks[0].status.is_held());
    let (_, proof) = rig.watch((&before, carried.told), Expectation::Open, &[300]).await;
    assert_eq!(proof, Proof::Failed(Failure::StillClosed));
    assert!(!rig.is_open());
    rig.close().await;
}

#[tokio::test]
async fn f46_a_hold_and_its_end_are_proven_by_their_bit() {
    let rig = Rig::new(Home::default()).await;
    for (command, expectation, proven) in [
        (Command::SupplyHold, Expectation::Held, Proven::Held),
        (Command::SupplyHoldEnd, Expectation::NotHeld, Proven::NotHeld),
    ] {
        let (before, sent) = rig.send(command).await;
        let (_, proof) = rig.watch((&before, told(&sent)), expectation, &[2]).await;
        assert_eq!(proof, Proof::Proven(proven));
    }
    let (before, sent) = rig.send(Command::Alarm).await;
    let (_, proof) = rig.watch((&before, told(&sent)), Expectation::AlarmOn, &[2]).await;
    assert_eq!(proof, Proof::Unknown(Doubt::NotShown));
    rig.close().await;
}

#[tokio::test]
async fn f46_a_permit_waits_for_the_key_and_is_then_a_closed_relay() {
    let rig = Rig::new(Home::default()).await;
    rig.send(Command::TripThenPermit { delay: Delay::from_minutes(1275).unwrap() }).await;
    tokio::time::sleep(MINUTE).await;
    assert!(rig.is_open());
    // On this lane no more is read than giving supply back needs.
    let before = rig.field.before(Lane::Restore).await.unwrap();
    assert!(before.status.value.is_open() && before.identity.is_none() && before.currents.is_none());
    let sent = rig.field.send(&rig.order(Command::ClosePermit, &before)).await;
    let (_, proof) = rig.watch((&before, told(&sent)), Expectation::Permitted, &[5]).await;
    assert_eq!(proof, Proof::Proven(Proven::Permitted));
    assert!(rig.is_open(), "permitted is not closed");
    let (_, proof) = rig.watch((&before, told(&sent)), Expectation::Permitted, &[130]).await;
    assert_eq!(proof, Proof::Proven(Proven::Closed), "the customer has pressed the key");
    rig.close().await;
}

#[tokio::test]
async fn f28_silence_after_the_frame_is_unknown_and_settled_by_looking() {
    let rig = Rig::new(Home::default()).await;
    rig.meddle([Meddling::Lost]);
    let (before, sent) = rig.send(Command::Trip).await;
    let Sent::Unknown { why: Unclear::NoAnswer, carried } = sent else { panic!("{sent:?}") };
    assert!(!carried.told.is_accepted);
    let (_, proof) = rig.watch((&before, carried.told), Expectation::Open, &[5, 61]).await;
    assert_eq!(proof, Proof::Proven(Proven::Open(CurrentEvidence::Fell)), "it had been obeyed");
    assert_eq!(rig.orders().len(), 1, "never sent again");
    rig.close().await;
}

#[tokio::test]
async fn f28_a_path_that_breaks_at_any_byte_of_the_frame_leaves_no_second_one_and_no_false_not_sent() {
    let (mut unknown, mut not_sent, mut obeyed) = (0, 0, 0);
    // Four wake-up bytes and the frame of 28; then the path holds.
    for bytes in 0..=33 {
        let cut = Cut::default();
        let rig = Rig::new(Home { cut: Some(Arc::clone(&cut)), ..Home::default() }).await;
        let before = rig.before().await;
        *cut.lock().unwrap() = Some(bytes);
        let sent = rig.field.send(&rig.order(Command::Trip, &before)).await;
        *cut.lock().unwrap() = None;
        tokio::time::sleep(MINUTE * 10).await;
        let orders = rig.orders().len();
        assert_eq!(orders, usize::from(bytes >= 32), "cut after {bytes} bytes: {sent:?}");
        match sent {
            Sent::NotSent(_) => not_sent += 1,
            Sent::Unknown { .. } => unknown += 1,
            Sent::Accepted { .. } => assert!(bytes >= 32, "{bytes}"),
            Sent::Refused { .. } => panic!("{sent:?}"),
        }
        assert!(orders == 0 || !matches!(sent, Sent::NotSent(_)), "obeyed, and told as not sent");
        // Whatever is known, looking settles it.
        let told = sent
            .carried()
            .map_or(Told { at: before.status.at, until: before.status.at, is_accepted: false }, |it| it.told);
        let (_, proof) = rig.watch((&before, told), Expectation::Open, &[1, 61]).await;
        assert_eq!(proof.kind(), if rig.is_open() { "proven" } else { "failed" }, "{bytes}: {proof:?}");
        obeyed += usize::from(rig.is_open());
        rig.close().await;
    }
    println!("{unknown} unknown, {not_sent} not sent, {obeyed} obeyed");
    assert!(unknown >= 30 && obeyed == 2, "{unknown} unknown, {not_sent} not sent, {obeyed} obeyed");
}

#[tokio::test]
async fn f28_an_answer_that_comes_too_late_is_unknown_and_is_taken_for_nothing_else() {
    for seconds in [2, 4, 8] {
        let rig = Rig::new(Home::default()).await;
        rig.meddle([Meddling::Late(Duration::from_secs(seconds))]);
        let (before, sent) = rig.send(Command::CloseDirectly).await;
        assert_eq!(sent.kind(), "unknown", "{sent:?}");
        // While its answer is on the way the meter hears nothing; what is asked then is not answered by it.
        let mut silences = 0;
        while let Err(unread) = rig.field.look(Lane::Control).await {
            assert!(matches!(unread.kind(), "silent" | "unsteady"), "{unread}");
            silences += 1;
            assert!(silences < 10, "{seconds} s");
        }
        let (looks, proof) = rig.watch((&before, told(&sent)), Expectation::Closed, &[0, 10]).await;
        assert_eq!(proof, Proof::Proven(Proven::Closed), "{looks:?}");
        assert_eq!(rig.orders().len(), 1);
        rig.close().await;
    }
}

#[tokio::test]
async fn f34_a_wrong_clock_keeps_a_cut_back_and_a_restore_goes_by_it() {
    for offset in [-3600, -301, 301, 86_400] {
        let rig = Rig::new(Home { offset_seconds: offset, ..Home::default() }).await;
        let (before, sent) = rig.send(Command::Trip).await;
        let MeterClock::Off(measured) = before.clock else { panic!("{before:?}") };
        assert!((measured.fast_us / 1_000_000 - offset).abs() <= 1, "{measured:?}");
        assert!(matches!(sent, Sent::NotSent(NotSent::ClockOff { .. })), "{offset}: {sent:?}");
        assert!(rig.orders().is_empty(), "nothing left");
        let (_, sent) = rig.send(Command::CloseDirectly).await;
        let Sent::Accepted { carried, .. } = sent else { panic!("{offset}: {sent:?}") };
        // The deadline is five minutes ahead of the wrong clock; by ours it ends in five minutes.
        let ours = rig.clock.now().civil().unwrap().seconds_since_2000();
        let ahead = i64::from(carried.deadline.seconds_since_2000()) - i64::from(ours);
        assert!((ahead - offset - 300).abs() <= 3, "{ahead}");
        assert!(carried.told.until.since(rig.clock.now()) <= MINUTE * 5 + Duration::from_secs(3));
        rig.close().await;
    }
}

#[tokio::test]
async fn f34_a_clock_within_five_minutes_is_good_for_a_cut_and_an_old_reading_of_it_is_not() {
    let rig = Rig::new(Home { offset_seconds: -290, ..Home::default() }).await;
    let before = rig.before().await;
    tokio::time::sleep(MINUTE * 11).await;
    let sent = rig.field.send(&rig.order(Command::Trip, &before)).await;
    assert_eq!(sent, Sent::NotSent(NotSent::ClockStale));
    let mut absurd = rig.order(Command::Trip, &before);
    absurd.clock = MeterClock::Absurd { at: rig.clock.now() };
    assert_eq!(rig.field.send(&absurd).await, Sent::NotSent(NotSent::NoClock));
    assert!(rig.orders().is_empty());
    let (_, sent) = rig.send(Command::Trip).await;
    assert_eq!(sent.kind(), "accepted", "{sent:?}");
    rig.close().await;
}

#[tokio::test]
async fn f34_an_order_that_is_late_or_taken_back_never_leaves() {
    let rig = Rig::new(Home::default()).await;
    let before = rig.before().await;
    let mut late = rig.order(Command::Trip, &before);
    late.expires = Instant::now();
    assert_eq!(rig.field.send(&late).await, Sent::NotSent(NotSent::OutOfTime));
    // Taken back while something else is being asked.
    let order = rig.order(Command::Trip, &before);
    let (looking, dropped) = tokio::join!(rig.field.look(Lane::Restore), async {
        tokio::time::timeout(Duration::from_millis(5), rig.field.send(&order)).await
    });
    assert!(looking.is_ok() && dropped.is_err());
    tokio::time::sleep(MINUTE * 6).await;
    assert!(rig.orders().is_empty(), "nothing left: {:?}", rig.orders());
    // What may take supply away does not pass where supply is given back.
    let mut misplaced = rig.order(Command::Trip, &rig.before().await);
    misplaced.lane = Lane::Restore;
    assert_eq!(rig.field.send(&misplaced).await, Sent::NotSent(NotSent::NotAllowed));
    assert!(rig.orders().is_empty() && !rig.is_open());
    rig.close().await;
}

#[tokio::test]
async fn f53_who_the_meter_says_it_is_stands_in_what_was_read_before() {
    for (archived, check) in [
        (None, AssetCheck::AddressOnly),
        (Some("SIM-202411110001"), AssetCheck::Same),
        (Some("sim-202411110001 "), AssetCheck::Same),
        (Some("202411110001"), AssetCheck::Same),
        (Some("SIM-202411110002"), AssetCheck::OtherAsset),
    ] {
        let rig = Rig::new(Home { asset: archived.map(str::to_owned), ..Home::default() }).await;
        let identity = rig.before().await.identity.unwrap().value;
        assert_eq!(identity.check, check, "{archived:?} {identity:?}");
        assert_eq!(identity.check.is_other(), check == AssetCheck::OtherAsset);
        assert_eq!(identity.address, Some(rig.address));
        assert_eq!(identity.asset.as_deref(), Some("SIM-202411110001"));
        rig.close().await;
    }
}
