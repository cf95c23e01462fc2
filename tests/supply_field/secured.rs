//! Meters that take enciphered orders only, by the simulator's stand-in for a security module (T4).

use std::sync::Arc;
use std::time::Duration;

use chaobiao::channel::Lane;
use chaobiao::domain::relay::{CurrentEvidence, Expectation, Proof, Proven};
use chaobiao::store::SecretKind;
use chaobiao::supply::field::{CannotOrder, FieldOrder, Means, NotSent, Sent};
use chaobiao::supply::security::{Challenge, ModuleError, SecurityModule, Session};
use dlt645::meter_time::Civil;
use dlt645::relay::Command;
use simulator::esam;
use simulator::meter::chip::Chip;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::rig::{Home, Rig, told};
use crate::stand_in::StandIn;

/// A home whose meter takes enciphered orders only.
async fn home(module: StandIn, chip: Chip, word: bool) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "name = \"sealed\"\nabout = \"a test\"\nlike = \"645-2007-single-phase\"\n[relay]\norders = \"enciphered\"\n\
         execution_word = {word}\n"
    );
    std::fs::write(folder.path().join("sealed.toml"), text).unwrap();
    let more = format!("[profiles]\ndirectory = {:?}\n", folder.path());
    let security: Arc<dyn SecurityModule> = Arc::new(module);
    let home = Home {
        more,
        profile: Some("sealed".to_owned()),
        kept: None,
        security: Some(security),
        ..Home::default()
    };
    let rig = Rig::new(home).await;
    rig.meter.lock().unwrap().meter.set_chip(Some(chip));
    rig
}

/// What was sent that was no read: function and identifier, or just the function.
fn frames(rig: &Rig) -> Vec<(u8, String)> {
    let name = |(function, data): (u8, Vec<u8>)| {
        let id = if function == 0x03 {
            data[..4].iter().rev().map(|byte| format!("{byte:02X}")).collect()
        } else {
            String::new()
        };
        (function, id)
    };
    rig.orders().into_iter().map(name).collect()
}

fn chip<T>(rig: &Rig, see: impl FnOnce(&Chip) -> T) -> T {
    see(rig.meter.lock().unwrap().meter.chip().unwrap())
}

#[tokio::test]
async fn t04_an_enciphered_order_has_a_session_of_its_own_that_is_ended() {
    for word in [false, true] {
        let rig = home(StandIn::default(), Chip::default(), word).await;
        assert_eq!(rig.field.capability().await.means, Ok(Means::SecurityModule));
        let (before, sent) = rig.send(Command::Trip).await;
        let Sent::Accepted { word: told_word, .. } = sent else { panic!("{sent:?}") };
        let names: Option<Vec<_>> = told_word.map(|word| word.names().map(|(name, _)| name).collect());
        assert_eq!(names, word.then(|| vec!["trip at once"]));
        let session = |id: &str| (0x03, id.to_owned());
        let one = [session("070000FF"), (0x1C, String::new()), session("070002FF")];
        assert_eq!(frames(&rig), one);
        assert!(!before.status.value.is_authenticated());
        let look = rig.field.look(Lane::Control).await.unwrap();
        assert!(!look.status.is_authenticated(), "the session is ended");
        let (_, proof) = rig.watch((&before, told(&sent)), Expectation::Open, &[1, 61]).await;
        assert_eq!(proof, Proof::Proven(Proven::Open(CurrentEvidence::Fell)));
        // Supply is given back over the lane that is for that.
        let (_, sent) = rig.send(Command::CloseDirectly).await;
        assert_eq!(sent.kind(), "accepted");
        assert_eq!(frames(&rig), [one.clone(), one].concat());
        assert_eq!(chip(&rig, |chip| (chip.errors(), chip.ended())), (0, 2));
        assert!(!rig.is_open());
        // PA = 98H, no password, and the cipher text as long as the standard has it: L = 08H + 14H.
        let orders = rig.orders();
        let (_, data) = &orders[1];
        assert_eq!((data.len(), &data[..4]), (0x1C, &[0x98, 0, 0, u8::from(word)][..]));
        rig.close().await;
    }
}

#[tokio::test]
async fn t04_f52_a_chip_is_proven_to_before_an_intent_and_the_order_is_one_frame_behind_it() {
    let rig = home(StandIn::default(), Chip::default(), false).await;
    let before = rig.before().await;
    let (order, back) = (rig.order(Command::Trip, &before), CancellationToken::new());
    let (identify, cut, end) =
        ((0x03, "070000FF".to_owned()), (0x1C, String::new()), (0x03, "070002FF".to_owned()));
    // Something stands against it: the session is ended and nothing was ordered.
    let ready = rig.field.ready(&order, &back).await.unwrap();
    assert_eq!(frames(&rig), std::slice::from_ref(&identify));
    rig.field.let_go(&order, ready).await;
    assert_eq!(frames(&rig), [identify.clone(), end.clone()]);
    let ready = rig.field.ready(&order, &back).await.unwrap();
    // What gives supply back takes it back before its intent as well.
    let restore = rig.order(Command::CloseDirectly, &before);
    let restoring = rig.field.send(&restore);
    let taken_back = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let soon = FieldOrder { expires: Instant::now() + Duration::from_millis(1900), ..order.clone() };
        rig.field.send_ready(&soon, ready).await
    };
    let (restored, taken_back) = tokio::join!(restoring, taken_back);
    assert_eq!((restored.kind(), taken_back), ("accepted", Sent::NotSent(NotSent::TakenBack)));
    // And with nothing against it the order is the next frame.
    let so_far = frames(&rig).len();
    let ready = rig.field.ready(&order, &back).await.unwrap();
    let soon = FieldOrder { expires: Instant::now() + Duration::from_millis(1900), ..order.clone() };
    assert_eq!(rig.field.send_ready(&soon, ready).await.kind(), "accepted");
    assert_eq!(frames(&rig)[so_far..], [identify, cut, end]);
    assert_eq!(chip(&rig, Chip::errors), 0);
    rig.close().await;
}

#[tokio::test]
async fn t04_f48_a_cut_that_is_taken_back_proves_nothing_and_waits_for_no_turn() {
    let rig = home(StandIn::default(), Chip::default(), false).await;
    let before = rig.before().await;
    let (order, back) = (rig.order(Command::Trip, &before), CancellationToken::new());
    let limit = Duration::from_secs(60);
    let ready = rig.field.ready(&order, &CancellationToken::new()).await.unwrap();
    let so_far = frames(&rig).len();
    // Another has the turn of the meter.
    let waits = tokio::time::timeout(limit, rig.field.ready(&order, &back));
    let took_back = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        back.cancel();
        Instant::now()
    };
    let (waited, at) = tokio::join!(waits, took_back);
    assert_eq!(waited.unwrap().unwrap_err(), NotSent::TakenBack);
    assert!(at.elapsed() < Duration::from_secs(1));
    let soon = FieldOrder { expires: Instant::now() + Duration::from_secs(10), ..order.clone() };
    let late = tokio::time::timeout(limit, rig.field.ready(&soon, &CancellationToken::new())).await;
    assert_eq!(late.unwrap().unwrap_err(), NotSent::OutOfTime, "it waits no longer than it may");
    rig.field.let_go(&order, ready).await;
    assert_eq!(frames(&rig).len(), so_far + 1, "the end of the first session");
    let again = rig.field.ready(&order, &back).await;
    assert_eq!(again.unwrap_err(), NotSent::TakenBack);
    assert_eq!(frames(&rig).len(), so_far + 1, "a cut that is taken back asks the chip nothing");
    rig.close().await;
}

#[tokio::test]
async fn t04_a_session_is_ended_although_the_answer_to_its_order_came_when_no_order_may_leave_any_more() {
    let rig = home(StandIn::default(), Chip::default(), false).await;
    let before = rig.before().await;
    let order = rig.order(Command::Trip, &before);
    let ready = rig.field.ready(&order, &CancellationToken::new()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let soon = FieldOrder { expires: Instant::now() + Duration::from_millis(50), ..order };
    let began = Instant::now();
    assert_eq!(rig.field.send_ready(&soon, ready).await.kind(), "accepted");
    assert!(began.elapsed() > Duration::from_millis(50), "its answer is on the way for longer");
    assert_eq!(chip(&rig, |chip| (chip.errors(), chip.ended())), (0, 1));
    rig.close().await;
}

#[tokio::test]
async fn t04_a_proof_that_is_not_taken_is_not_tried_again_that_day() {
    let rig = home(StandIn::default(), Chip::default().keyed([7; 32]), false).await;
    let (_, sent) = rig.send(Command::CloseDirectly).await;
    assert_eq!(sent, Sent::NotSent(NotSent::NotProven));
    for command in [Command::CloseDirectly, Command::Trip, Command::SupplyHold] {
        let (_, sent) = rig.send(command).await;
        assert_eq!(sent, Sent::NotSent(NotSent::Cannot(CannotOrder::RefusedToday)));
    }
    assert_eq!(chip(&rig, Chip::errors), 1);
    let meter = rig.field.site().meter_id;
    assert!(rig.store.last_refused_secret(meter, SecretKind::Mac).await.unwrap().is_some());
    assert_eq!(rig.store.last_refused_secret(meter, SecretKind::Password).await.unwrap(), None);
    assert!(frames(&rig).iter().all(|(function, _)| *function == 0x03), "no order left");
    rig.close().await;
}

#[tokio::test]
async fn i18_a_wrong_mac_is_answered_once_a_day() {
    let module = StandIn { confuses: true, ..StandIn::default() };
    let rig = home(module, Chip::default(), false).await;
    let (_, sent) = rig.send(Command::CloseDirectly).await;
    assert!(matches!(sent, Sent::Refused { is_not_authorised: true, .. }), "{sent:?}");
    for _ in 0..3 {
        let (_, sent) = rig.send(Command::CloseDirectly).await;
        assert_eq!(sent, Sent::NotSent(NotSent::Cannot(CannotOrder::RefusedToday)));
    }
    assert_eq!(chip(&rig, |chip| (chip.errors(), chip.ended())), (1, 1), "and its session is ended");
    rig.close().await;
}

#[tokio::test]
async fn t04_a_random_number_is_not_used_twice() {
    let module = StandIn { repeats: true, ..StandIn::default() };
    let rig = home(module, Chip::default(), false).await;
    assert_eq!(rig.send(Command::CloseDirectly).await.1.kind(), "accepted");
    let sent = rig.send(Command::CloseDirectly).await.1;
    assert_eq!(sent, Sent::NotSent(NotSent::Module(ModuleError::Unfit)));
    assert_eq!(frames(&rig).len(), 3);
    rig.close().await;
}

#[tokio::test]
async fn t04_a_cut_does_not_pass_where_supply_is_given_back_nor_a_plain_password_at_such_a_meter() {
    let rig = home(StandIn::default(), Chip::default(), false).await;
    let before = rig.before().await;
    let mut order = rig.order(Command::Trip, &before);
    order.lane = Lane::Restore;
    assert_eq!(rig.field.send(&order).await, Sent::NotSent(NotSent::NotAllowed));
    assert!(rig.orders().is_empty());
    rig.close().await;
    let plain = Rig::new(Home::default()).await;
    plain.meter.lock().unwrap().meter.set_chip(Some(Chip::default()));
    let (_, sent) = plain.send(Command::CloseDirectly).await;
    assert!(matches!(sent, Sent::Refused { is_not_authorised: true, .. }), "{sent:?}");
    plain.close().await;
}

#[test]
fn t04_the_stand_in_says_what_it_is() {
    let module = StandIn::default();
    assert!(module.is_stand_in() && module.label().contains("NOT FOR PRODUCTION"));
    let usable = chaobiao::supply::security::usable(Some(Arc::new(StandIn::default())));
    assert_eq!(usable.is_some(), cfg!(feature = "simulator"));
}

#[test]
fn f34_the_enciphered_form_has_its_deadline_the_other_way_round() {
    let number = [0x20, 0x24, 0x11, 0x11, 0x00, 0x01];
    let challenge = esam::Challenge::new(&esam::TEST_KEY, number, [1; 8]);
    let key = challenge.session(&esam::TEST_KEY, [9, 8, 7, 6]).unwrap();
    let session = Session {
        meter: "202411110001".parse().unwrap(),
        challenge: Challenge { cipher: challenge.cipher, random: challenge.random, factor: challenge.factor },
        random: [9, 8, 7, 6],
        serial: [0; 8],
    };
    let deadline = Civil::new(2026, 11, 21, 10, 30, 15).unwrap();
    let module = StandIn::default();
    let cipher = futures_util::FutureExt::now_or_never(module.encipher(&session, Command::Trip, deadline));
    let opened = key.open(cipher.unwrap().unwrap().wire()).unwrap();
    assert_eq!(opened, [0x1A, 0x00, 0x26, 0x11, 0x21, 0x10, 0x30, 0x15], "YY MM DD hh mm ss");
    let plain = dlt645::request::Request::relay(dlt645::relay::Order {
        meter: session.meter,
        command: Command::Trip,
        deadline: dlt645::relay::Deadline::at(deadline).unwrap(),
        password: dlt645::password::Password::from_wire([2, 0, 0, 0]).unwrap(),
        operator: dlt645::password::OperatorCode::default(),
    });
    let mut room = Vec::new();
    let data = plain.frame(&mut room).data.to_vec();
    assert_eq!(data[8..], [0x1A, 0x00, 0x15, 0x30, 0x10, 0x21, 0x11, 0x26], "ss mm hh DD MM YY");
}
