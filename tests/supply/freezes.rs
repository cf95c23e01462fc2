//! Meters that somebody tells to freeze: once, with the frame in the audit log before it leaves (I23), and proven by the freeze that
//! the meter has behind it.

use chaobiao::domain::Moment;
use chaobiao::supply::{MeterFreeze, Supply};

use crate::ready::acting;
use crate::rig::heard::Fate;
use crate::rig::{Street, entered};

async fn freeze(street: &Street, supply: &Supply, place: usize) -> MeterFreeze {
    let address = street.houses[place].meter.lock().unwrap().meter.address().as_meter().unwrap();
    let site = street.store.site_meter(address).await.unwrap().unwrap();
    supply.order_freeze(&acting("li", street.clock.now()), site).await.unwrap()
}

fn times(street: &Street, place: usize) -> usize {
    street.with(place, |heard| heard.freezes)
}

/// The minute that a clock which is right shows.
fn minute(at: Moment) -> String {
    at.in_china().to_string().get(..16).unwrap().to_owned()
}

#[tokio::test]
async fn i23_a_meter_freezes_once_and_the_frame_is_entered_before_it_leaves() {
    let street = Street::new(2).await;
    let head_end = street.head_end().await;
    let supply = &head_end.supply;
    let began = minute(street.clock.now());
    let MeterFreeze::Done(at) = freeze(&street, supply, 0).await else { panic!("not frozen") };
    assert!((began..=minute(street.clock.now())).contains(&at), "{at}");
    assert_eq!((times(&street, 0), times(&street, 1)), (1, 0));
    let both = vec!["intended".to_owned(), "accepted".to_owned()];
    assert_eq!(entered(&street, "meter.freeze").await, (both, "done".to_owned()));
    // Of two in a minute the second has the time of the first, and is told by the clock of the meter.
    assert!(matches!(freeze(&street, supply, 0).await, MeterFreeze::Done(_)));
    assert_eq!(times(&street, 0), 2);
    head_end.close().await;
}

#[tokio::test]
async fn what_a_lost_frame_or_answer_did_is_read_and_nothing_is_sent_twice() {
    let street = Street::new(2).await;
    let head_end = street.head_end().await;
    let supply = &head_end.supply;
    for (place, fate) in [(0, Fate::AnswerLost), (1, Fate::FrameLost)] {
        street.with(place, |heard| heard.fates.push_back(fate));
        let came = freeze(&street, supply, place).await;
        assert_eq!(matches!(came, MeterFreeze::Done(_)), fate == Fate::AnswerLost, "{came:?}");
        assert_eq!(came == MeterFreeze::Unknown, fate == Fate::FrameLost, "{came:?}");
        assert_eq!(times(&street, place), 1);
    }
    let (frames, last) = entered(&street, "meter.freeze").await;
    assert_eq!(frames, ["intended", "unknown", "intended", "unknown"]);
    assert_eq!(last, "unknown");
    head_end.close().await;
}

#[tokio::test]
async fn a_meter_that_does_not_answer_is_told_nothing() {
    let street = Street::new(1).await;
    let head_end = street.head_end().await;
    street.with(0, |heard| heard.is_dead = true);
    let came = freeze(&street, &head_end.supply, 0).await;
    assert!(matches!(came, MeterFreeze::NotRead(_)), "{came:?}");
    assert_eq!(
        (times(&street, 0), entered(&street, "meter.freeze").await),
        (0, (Vec::new(), "not_read".to_owned()))
    );
    head_end.close().await;
}
