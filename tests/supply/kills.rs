//! The head-end is killed at every step of a cut and begun again (F28): one frame at most reaches the meter for an attempt,
//! what became of it is unknown until it is read, and in the end it is known.

use std::time::Duration;

use chaobiao::domain::supply::OrderState;

use crate::orders::approved;
use crate::rig::Street;

/// Bytes of a cut on the line, wake-up bytes counted in: 4 and 28.
const FRAME: usize = 32;

/// N1 of a trip.
const TRIP: u8 = 0x1A;

#[tokio::test]
async fn f28_killed_after_any_byte_of_a_cut_it_is_sent_once_and_ends_known() {
    let mut ends = (0, 0);
    for after in [0, 1, FRAME / 2, FRAME - 1, FRAME] {
        match killed_after(after).await {
            OrderState::VerifiedOpen => ends.0 += 1,
            _ => ends.1 += 1,
        }
    }
    println!("f28: {} cut, {} not", ends.0, ends.1);
    assert!(ends.0 > 0);
}

#[tokio::test]
#[ignore = "long: every byte"]
async fn f28_killed_after_each_byte_of_a_cut() {
    for after in 0..=FRAME {
        killed_after(after).await;
    }
}

/// Kills it after so many bytes of the cut, begins it again, and says how it ends.
async fn killed_after(after: usize) -> OrderState {
    let street = Street::new(1).await;
    let first = street.head_end().await;
    street.cutter.set(after);
    let id = first
        .during(async {
            let id = approved(&street, &first, &[0]).await;
            street.cutter.cut().await;
            id
        })
        .await;
    first.kill(&street).await;
    let view = street.view(id).await;
    assert_eq!(view.points[0].state, OrderState::Sending, "{after}");
    assert_eq!(view.attempts.len(), 1, "the intent is kept before the first byte");
    let heard = street.orders(0);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let second = street.head_end().await;
    let end = second
        .during(async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            assert_ne!(
                street.view(id).await.points[0].state,
                OrderState::Sending,
                "{after}: not shown in time"
            );
            let ends = [OrderState::VerifiedOpen, OrderState::VerifiedClosed, OrderState::Failed];
            street.until(id, &ends).await
        })
        .await;
    second.close().await;
    let view = street.view(id).await;
    assert!(heard.len() <= 1 && heard.iter().all(|order| *order == TRIP), "{after}: {heard:?}");
    assert!(street.orders(0).len() <= view.attempts.len() && view.attempts.len() <= 2, "{after}: {view:?}");
    assert_eq!(end == OrderState::VerifiedOpen, street.is_open(0), "{after}: {view:?}");
    street.close().await;
    end
}

#[tokio::test]
async fn f28_killed_at_any_moment_of_a_cut_it_is_sent_once_for_an_attempt() {
    let mut states = std::collections::HashSet::new();
    for quarter_seconds in (0..48).step_by(8) {
        let street = Street::new(1).await;
        let first = street.head_end().await;
        let id = first
            .during(async {
                let id = approved(&street, &first, &[0]).await;
                street.until(id, &[OrderState::Armed]).await;
                let due = street.view(id).await.points[0].due_at;
                street.clock.sleep_until(due.minus(Duration::from_secs(1))).await;
                tokio::time::sleep(Duration::from_millis(250) * quarter_seconds).await;
                id
            })
            .await;
        first.kill(&street).await;
        let view = street.view(id).await;
        states.insert(view.points[0].state);
        let attempts = view.attempts.len();
        assert!(street.orders(0).len() <= attempts, "{quarter_seconds}: a frame without its intent");
        let second = street.head_end().await;
        let ends = [OrderState::VerifiedOpen, OrderState::VerifiedClosed, OrderState::Failed];
        let end = second.during(street.until(id, &ends)).await;
        second.close().await;
        assert!(street.orders(0).len() <= street.view(id).await.attempts.len(), "{quarter_seconds}");
        assert_eq!(end == OrderState::VerifiedOpen, street.is_open(0), "{quarter_seconds}");
        street.close().await;
    }
    println!("f28: killed while {states:?}");
    assert!(states.len() >= 2, "{states:?}");
}
