//! Killed at any step of a push by HTTP, each key has its effect once at the receiver (F27).

use std::time::Duration;

use chaobiao::billing::{BillingSink, Receivers, push_once};
use chaobiao::store::{Address, Migrations, Store};

use crate::killed::killed_after;
use crate::receiver::{Receiver, Reply, takes};
use crate::rig::{Rig, http};

/// How a push is ended before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Killed {
    /// The batch is leased, and nothing sent.
    BeforeSend,
    /// The receiver has entered it, and has not answered.
    AfterSend,
    /// The answer is there, and not marked.
    AfterAnswer,
}

async fn kill(rig: &Rig, receiver: &Receiver, step: Killed) {
    let Receivers(mut receivers) = rig.receivers();
    let last = receivers.last_mut().unwrap();
    match step {
        Killed::BeforeSend => {
            let until = rig.now().plus(last.settings.lease);
            let lease = rig.store.lease_outbox("marketing", 500, until, rig.now()).await.unwrap();
            assert!(!lease.records.is_empty());
        }
        Killed::AfterSend => {
            receiver.behave(Box::new(|books, heard| {
                books.take(heard);
                Reply::Silence
            }));
            let before = receiver.heard().len();
            let entered = async {
                while receiver.heard().len() == before {
                    tokio::task::yield_now().await;
                }
            };
            let push = push_once(&rig.store, &mut last.sink, &last.settings, rig.now());
            tokio::select! { () = entered => {} pushed = push => panic!("it ended: {pushed:?}") }
            receiver.behave(takes());
        }
        Killed::AfterAnswer => {
            let until = rig.now().plus(last.settings.lease);
            let lease = rig.store.lease_outbox("marketing", 500, until, rig.now()).await.unwrap();
            let receipts = last.sink.push(&lease.records).await.unwrap();
            assert_eq!(receipts.len(), lease.records.len());
        }
    }
}

/// All that is in the outbox for the receiver took effect once, and is marked.
async fn is_whole(rig: &Rig, receiver: &Receiver, keys: usize) {
    let status = rig.status("marketing").await;
    assert_eq!((status.waiting, status.parked), (0, 0));
    assert_eq!(usize::try_from(status.delivered).unwrap(), keys, "lost");
    receiver.books(|books| {
        assert_eq!(books.contradicted, [""; 0], "came again with other bytes");
        assert_eq!((books.effects.len(), books.order.len()), (keys, keys), "lost or doubled");
    });
}

#[tokio::test]
async fn f27_killed_before_send_after_send_or_after_the_answer_each_key_has_its_effect_once() {
    for step in [Killed::BeforeSend, Killed::AfterSend, Killed::AfterAnswer] {
        let receiver = Receiver::plain(takes()).await;
        let mut rig = Rig::new(3, 3, &http(&receiver)).await;
        kill(&rig, &receiver, step).await;
        let repeated = if step == Killed::BeforeSend { 0 } else { 15 };
        // It is begun again, and the values are as the killed one left them.
        rig.store =
            Store::open(&Address::Sqlite(rig.folder.path().join("store.db")), Migrations::Run).await.unwrap();
        assert_eq!(rig.push().await.offered, 0, "{step:?}: nobody else takes it while its lease runs");
        rig.later(60);
        rig.push_all().await;
        is_whole(&rig, &receiver, 15).await;
        assert_eq!(receiver.books(|books| books.repeated), repeated, "{step:?}");
    }
}

#[tokio::test]
async fn f27_killed_after_any_number_of_steps_each_key_has_its_effect_once() {
    let receiver = Receiver::plain(takes()).await;
    let rig = Rig::new(2, 1, &http(&receiver)).await;
    let (mut kills, mut ends, mut night) = (0, 0, 0);
    // A push ends after now so many steps and now so many; it has ended often enough when it did ten times in a row.
    while ends < 10 {
        night += 1;
        assert!(night < 400, "a push does not end");
        rig.later(86_400);
        rig.night(2, night).await;
        let Receivers(mut receivers) = rig.receivers();
        let last = receivers.last_mut().unwrap();
        let steps = usize::try_from(night).unwrap();
        let push = push_once(&rig.store, &mut last.sink, &last.settings, rig.now());
        match killed_after(steps, push).await {
            None => (kills, ends) = (kills + 1, 0),
            Some(_) => ends += 1,
        }
        rig.later(61);
        rig.push_all().await;
    }
    is_whole(&rig, &receiver, usize::try_from(2 * (2 * night + 1)).unwrap()).await;
    assert!(kills > 5, "{kills} kills are too few");
    println!("{kills} kills in {night} nights, {} keys came again", receiver.books(|books| books.repeated));
    tokio::time::timeout(Duration::from_secs(5), rig.store.close()).await.unwrap();
}
