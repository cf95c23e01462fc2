//! Passwords that a meter does not take: once a day, and no more.

use std::time::Duration;

use chaobiao::channel::{Job, Lane, Question};
use chaobiao::domain::AuditEntry;
use chaobiao::store::{AuditFilter, NewSecret, SecretDigits, SecretKind, SecretScope};
use chaobiao::supply::field::{CannotOrder, NotSent, Sent};
use dlt645::exchange::Timing;
use dlt645::password::Level;
use dlt645::relay::Command;
use dlt645::request::Request;

use crate::rig::{Home, PASSWORD, Rig};

const REFUSED: Sent = Sent::NotSent(NotSent::Cannot(CannotOrder::RefusedToday));

#[tokio::test]
async fn i18_a_wrong_password_is_answered_once_a_day_whatever_is_ordered() {
    let rig = Rig::new(Home { kept: Some("111222"), ..Home::default() }).await;
    let (_, sent) = rig.send(Command::ClosePermit).await;
    let Sent::Refused { is_not_authorised: true, refusal, .. } = sent else { panic!("{sent:?}") };
    assert_eq!(refusal.to_string(), "wrong password or not authorised");
    for command in [Command::ClosePermit, Command::Trip, Command::CloseDirectly, Command::SupplyHold] {
        let (_, sent) = rig.send(command).await;
        assert_eq!(sent, REFUSED, "{command:?}");
    }
    assert_eq!((rig.orders().len(), rig.unauthorised()), (1, 1));
    // It is remembered by the store, and noted.
    let meter = rig.field.site().meter_id;
    assert!(rig.store.last_refused_secret(meter, SecretKind::Password).await.unwrap().is_some());
    let filter = AuditFilter { action: Some("secret.refused".to_owned()), ..AuditFilter::default() };
    assert_eq!(rig.store.audit_before(&filter, i64::MAX, 10).await.unwrap().len(), 1);
    // The next day it is tried once more; it is said before that it may be refused again.
    tokio::time::sleep(Duration::from_secs(5 * 3600)).await;
    assert!(rig.field.capability().await.refused_at.is_some());
    let (_, sent) = rig.send(Command::ClosePermit).await;
    assert_eq!(sent.kind(), "refused");
    assert_eq!(rig.send(Command::ClosePermit).await.1, REFUSED);
    assert_eq!(rig.unauthorised(), 2);
    // A password that was replaced may be right, and is tried on the day after.
    let vault = rig.store.open_vault(&rig.key, rig.clock.now()).await.unwrap();
    let digits = SecretDigits::new(PASSWORD.as_bytes()).unwrap();
    let secret = NewSecret { scope: SecretScope::Meter(meter), level: Level::CONTROL, digits };
    let entry = AuditEntry::of_system(rig.clock.now(), "secret.replace", "passwords");
    rig.store.replace_secrets(&vault, &[secret], &entry).await.unwrap();
    let capability = rig.field.capability().await;
    assert_eq!((capability.means, capability.refused_at), (Err(CannotOrder::RefusedToday), None));
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    assert_eq!(rig.send(Command::ClosePermit).await.1.kind(), "accepted");
    rig.close().await;
}

#[tokio::test]
async fn i18_two_orders_at_once_with_a_wrong_password_are_one_wrong_answer() {
    let rig = Rig::new(Home { kept: Some("111222"), ..Home::default() }).await;
    let before = rig.before().await;
    let mut order = rig.order(Command::SupplyHold, &before);
    order.lane = Lane::Control;
    let all = (0..5).map(|_| rig.field.send(&order));
    let all = futures_util::future::join_all(all).await;
    assert_eq!(all.iter().filter(|sent| sent.kind() == "refused").count(), 1, "{all:?}");
    assert_eq!(all.iter().filter(|sent| **sent == REFUSED).count(), 4, "{all:?}");
    assert_eq!(rig.unauthorised(), 1);
    rig.close().await;
}

#[tokio::test]
async fn i18_supply_given_back_twice_at_once_with_a_wrong_password_is_one_wrong_answer() {
    let rig = Rig::new(Home { kept: Some("111222"), ..Home::default() }).await;
    let before = rig.before().await;
    let hold = chaobiao::supply::field::FieldOrder {
        lane: Lane::Control,
        ..rig.order(Command::SupplyHold, &before)
    };
    let orders = [
        hold.clone(),
        rig.order(Command::ClosePermit, &before),
        rig.order(Command::CloseDirectly, &before),
        rig.order(Command::ClosePermit, &before),
        hold,
    ];
    let all = futures_util::future::join_all(orders.iter().map(|order| rig.field.send(order))).await;
    assert_eq!(all.iter().filter(|sent| sent.kind() == "refused").count(), 1, "{all:?}");
    assert_eq!(rig.unauthorised(), 1, "{all:?}");
    rig.close().await;
}

#[tokio::test]
async fn f36_nothing_that_changes_a_meter_leaves_once_the_site_may_be_anothers() {
    let rig = Rig::new(Home { is_leased: true, ..Home::default() }).await;
    // Nobody renews the lease, and asking takes longer than it lasts.
    for command in [Command::ClosePermit, Command::CloseDirectly, Command::SupplyHold, Command::Trip] {
        let (_, sent) = rig.send(command).await;
        assert_eq!(sent, Sent::NotSent(NotSent::OutOfTime), "{command:?}");
    }
    assert_eq!(rig.orders(), []);
    rig.close().await;
}

#[tokio::test]
async fn f36_i09_what_waited_while_the_machine_was_suspended_does_not_leave_when_it_wakes_up() {
    for (slept, kind) in [(60, "accepted"), (300, "not_sent")] {
        let rig = Rig::new(Home::default()).await;
        let before = rig.before().await;
        // It waits for its line, for four minutes at most. Steady time stands still meanwhile.
        let order = rig.order(Command::Trip, &before);
        let read = Request::read(rig.address, "04000401".parse().unwrap());
        let read = Job::new(Question::new(read), Lane::Control, Timing::serial(2400));
        let sleeps = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            rig.manual.suspend(Duration::from_secs(slept));
        };
        let (read, sent, ()) = tokio::join!(rig.line.ask(read), rig.field.send(&order), sleeps);
        assert_eq!(read.unwrap().tries, 1);
        assert_eq!(sent.kind(), kind, "{slept} s: {sent:?}");
        assert_eq!(rig.orders().len(), usize::from(kind == "accepted"));
        rig.close().await;
    }
}
