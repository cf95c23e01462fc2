//! The task that settles and pushes while the program runs.

use std::sync::Arc;
use std::time::Duration;

use chaobiao::billing::Receivers;
use chaobiao::clock::ManualClock;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{SETTINGS, freeze, install, ledger, rules, save};
use crate::readings::minutes;
use crate::{Fresh, midnight, on_both};

/// Returns when so many versions are in the ledger; the task is on its way there.
async fn until(fresh: &Fresh, count: usize) {
    for _ in 0..5000 {
        if ledger(fresh).await.len() >= count {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{:?} is all that came", ledger(fresh).await);
}

#[tokio::test]
async fn what_comes_in_is_handed_over_at_once_when_told_and_else_within_a_minute() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "1").await;
        let first = midnight("2026-11-20");
        let manual = ManualClock::still(first.plus(minutes(10)));
        let (stop, wake) = (CancellationToken::new(), Arc::new(Notify::new()));
        let (store, clock) = (fresh.store.clone(), manual.clock());
        save(&fresh.store, &[freeze(1, first, 0)], clock.now()).await;
        let receivers = Receivers::ledger_only(&store, &clock, SETTINGS);
        let task =
            chaobiao::billing::run(store, clock.clone(), rules(), receivers, stop.clone(), Arc::clone(&wake));
        let story = async {
            until(fresh, 1).await;
            save(&fresh.store, &[freeze(1, midnight("2026-11-21"), 100)], clock.now()).await;
            wake.notify_one();
            until(fresh, 3).await;
            // Nobody says that there is more.
            save(&fresh.store, &[freeze(1, midnight("2026-11-22"), 200)], clock.now()).await;
            while ledger(fresh).await.len() < 5 {
                manual.advance(Duration::from_secs(61));
                tokio::task::yield_now().await;
            }
            stop.cancel();
        };
        tokio::join!(task, story);
        assert_eq!(ledger(fresh).await.len(), 5);
    })
    .await;
}
