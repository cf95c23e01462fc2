//! The right to send ends while the machine is suspended. (F36)

use std::time::Duration;

use chaobiao::clock::ManualClock;
use chaobiao::store::{Taken, Tenure};

use crate::{midnight, on_both};

#[tokio::test]
async fn f36_a_machine_that_was_suspended_for_longer_than_its_lease_sends_nothing() {
    on_both(async |fresh| {
        let manual = ManualClock::running(midnight("2026-11-22"));
        let taken = Tenure::take_by(&fresh.address, ("one", "1"), manual.clock()).await.unwrap();
        let Taken::Ours(tenure) = taken else { panic!("{taken:?}") };
        let store = fresh.store.clone().holding(Some(tenure));
        assert!(store.may_act());
        // Steady time does not go on meanwhile.
        manual.suspend(Duration::from_secs(60));
        assert!(!store.may_act());
    })
    .await;
}
