//! How good the way to a terminal is, as it shows by its answers and logins.

use chaobiao::terminal::{LinkMeasured, LinkQuality, Urgency};
use gdw1376::dialogue::{Outcome, Timing};

use crate::rig::*;

fn link(desk: &Desk) -> LinkMeasured {
    desk.terminals.status(address()).unwrap().link
}

/// Asks and answers after so many seconds, when it is put the time with this number; `None` leaves it unanswered.
async fn exchange(desk: &Desk, peer: &mut Peer, after: u32, on: Option<u32>) {
    let ask = desk.terminals.ask(address(), clock_question(Urgency::OnDemand));
    let answers = async {
        for put in 1..=u32::from(Timing::STORED.repetitions) + 1 {
            let request = peer.hear().await;
            if on == Some(put) {
                tokio::time::sleep(SECOND * after).await;
                peer.answer(&request, &clock_units()).await;
                return;
            }
        }
    };
    let (told, ()) = tokio::join!(ask, answers);
    let is_answered = matches!(told.unwrap().outcome, Outcome::Answered { is_complete: true });
    assert_eq!(is_answered, on.is_some());
}

async fn exchanges(desk: &Desk, peer: &mut Peer, times: u32, after: u32) {
    for _ in 0..times {
        exchange(desk, peer, after, Some(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_way_that_delays_answers_gets_worse_and_recovers() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    assert_eq!(link(&desk).quality(), LinkQuality::Unknown);
    exchanges(&desk, &mut peer, 4, 1).await;
    let measured = link(&desk);
    assert_eq!((measured.asked, measured.unanswered, measured.logins), (4, 0, 1));
    assert_eq!((measured.answered_after, measured.quality()), (Some(SECOND), LinkQuality::Good));
    exchanges(&desk, &mut peer, 5, 6).await;
    assert_eq!((link(&desk).answered_after, link(&desk).quality()), (Some(SECOND * 6), LinkQuality::Fair));
    exchanges(&desk, &mut peer, 32, 16).await;
    assert_eq!((link(&desk).asked, link(&desk).quality()), (32, LinkQuality::Poor));
    exchanges(&desk, &mut peer, 17, 1).await;
    assert_eq!((link(&desk).answered_after, link(&desk).quality()), (Some(SECOND), LinkQuality::Good));
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_way_that_loses_requests_gets_worse_and_recovers() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    // Put three times: each went without an answer.
    exchange(&desk, &mut peer, 0, None).await;
    assert_eq!((link(&desk).asked, link(&desk).unanswered, link(&desk).quality()), (3, 3, LinkQuality::Poor));
    // Put twice: one of them did, and the time counts from the first.
    exchange(&desk, &mut peer, 2, Some(2)).await;
    let measured = link(&desk);
    assert_eq!((measured.asked, measured.unanswered, measured.answered_after), (5, 4, Some(SECOND * 32)));
    exchanges(&desk, &mut peer, 20, 1).await;
    assert_eq!(
        (link(&desk).asked, link(&desk).unanswered, link(&desk).quality()),
        (25, 4, LinkQuality::Fair)
    );
    exchanges(&desk, &mut peer, 12, 1).await;
    assert_eq!(
        (link(&desk).asked, link(&desk).unanswered, link(&desk).quality()),
        (32, 0, LinkQuality::Good)
    );
    // A denial has come by the same way.
    let ask = desk.terminals.ask(address(), clock_question(Urgency::OnDemand));
    let denies = async {
        let request = peer.hear().await;
        peer.deny(&request).await;
    };
    assert!(matches!(tokio::join!(ask, denies).0.unwrap().outcome, Outcome::Confirmed(_)));
    assert_eq!((link(&desk).unanswered, link(&desk).quality()), (0, LinkQuality::Good));
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_goes_under_a_question_has_lost_it_and_logins_again_and_again_tell() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    exchanges(&desk, &mut peer, 8, 1).await;
    let ask = desk.terminals.ask(address(), clock_question(Urgency::OnDemand));
    let goes = async {
        peer.hear().await;
        drop(peer);
    };
    let (told, ()) = tokio::join!(ask, goes);
    assert_eq!(told.unwrap().outcome, Outcome::Silent);
    assert_eq!((link(&desk).asked, link(&desk).unanswered), (9, 1));
    assert_eq!(link(&desk).quality(), LinkQuality::Good, "one alone says nothing");
    for (logins, expected) in [(6, LinkQuality::Good), (24, LinkQuality::Fair), (30, LinkQuality::Poor)] {
        while link(&desk).logins < logins {
            tokio::time::sleep(SECOND * 1200).await;
            drop(desk.log_in(5001).await);
            tokio::time::sleep(SECOND).await;
        }
        assert_eq!(link(&desk).quality(), expected, "{:?}", link(&desk));
    }
    let mut peer = desk.log_in(5002).await;
    assert_eq!((link(&desk).logins, desk.terminals.status(address()).unwrap().sessions), (31, 31));
    tokio::time::sleep(SECOND * 3600 * 25).await;
    // It had left by then without a heartbeat, and is back.
    assert_eq!(peer.hear_or_end().await, None);
    let _peer = desk.log_in(5003).await;
    assert_eq!((link(&desk).logins, link(&desk).quality()), (1, LinkQuality::Good));
    desk.close().await;
}
