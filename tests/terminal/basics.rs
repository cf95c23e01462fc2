//! Login, heartbeat, logout, questions and who is known.

use chaobiao::terminal::{AskError, TerminalSettings, Urgency, WhatChanged};
use gdw1376::confirmation::Confirmation;
use gdw1376::dialogue::Outcome;

use crate::rig::*;

// covers [1376 3.3] [1376 9]
#[tokio::test(start_paused = true)]
async fn login_heartbeat_and_logout_are_confirmed_as_the_worked_frames_say() {
    let desk = Desk::new();
    let mut changes = desk.terminals.changes();
    let mut peer = desk.log_in(5000).await;
    assert_eq!(changes.recv().await.unwrap().what, WhatChanged::LoggedIn);
    peer.send(&hex("68 4A 00 4A 00 68 C9 00 11 39 30 00 02 71 00 00 04 00 30 05 12 20 48 24 8D 16")).await;
    assert_eq!(peer.hear().await, hex("68 32 00 32 00 68 0B 00 11 39 30 00 00 61 00 00 01 00 E7 16"));
    let status = desk.terminals.status(address()).unwrap();
    assert!(status.is_online && status.last_heartbeat_at.is_some() && status.sessions == 1);
    peer.send(&hex("68 32 00 32 00 68 C9 00 11 39 30 00 02 72 00 00 02 00 B9 16")).await;
    assert_eq!(peer.hear().await, hex("68 32 00 32 00 68 0B 00 11 39 30 00 00 62 00 00 01 00 E8 16"));
    assert_eq!(peer.hear_or_end().await, None, "the session is over");
    assert_eq!(changes.recv().await.unwrap().what, WhatChanged::LoggedOut);
    desk.close().await;
}

// covers [1376 3.3] [1376 9]
#[tokio::test(start_paused = true)]
async fn each_item_is_confirmed_where_the_configuration_says_so() {
    let desk = Desk::with("confirm = \"each\"\n");
    let mut peer = desk.dial(5000);
    // B1: the heartbeat of a terminal that does not log in before.
    peer.send(&hex("68 4A 00 4A 00 68 C9 00 11 39 30 00 02 71 00 00 04 00 30 05 12 20 48 24 8D 16")).await;
    let confirmed = hex("68 4A 00 4A 00 68 0B 00 11 39 30 00 00 61 00 00 04 00 02 00 00 04 00 00 F0 16");
    assert_eq!(peer.hear().await, confirmed);
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_question_is_answered_and_a_denial_is_told() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    let ask = desk.terminals.ask(address(), clock_question(Urgency::OnDemand));
    let answers = async {
        let request = peer.hear().await;
        assert_eq!(request, hex("68 32 00 32 00 68 4B 00 11 39 30 02 0C 60 00 00 02 00 35 16"));
        peer.answer(&request, &clock_units()).await;
    };
    let (told, ()) = tokio::join!(ask, answers);
    let told = told.unwrap();
    assert_eq!(told.outcome, Outcome::Answered { is_complete: true });
    assert_eq!((told.frames.len(), told.sent_bytes, told.received_bytes), (1, 20, 26));
    let ask = desk.terminals.ask(address(), clock_question(Urgency::OnDemand));
    let answers = async {
        let request = peer.hear().await;
        assert_eq!(number(&request), 1, "the next number");
        peer.deny(&request).await;
    };
    let (told, ()) = tokio::join!(ask, answers);
    assert_eq!(told.unwrap().outcome, Outcome::Confirmed(Confirmation::None));
    let status = desk.terminals.status(address()).unwrap();
    assert_eq!((status.requests, status.answers, status.silent, status.waiting), (2, 2, 0, 0));
    desk.close().await;
}

// covers [1376 3.3]
#[tokio::test(start_paused = true)]
async fn a_stranger_is_refused_and_listed_and_let_in_when_it_is_adopted() {
    let desk = Desk::new();
    desk.terminals.forget(address());
    for _ in 0..2 {
        let mut peer = desk.dial(5000);
        peer.send(&hex(LOGIN)).await;
        let refused = hex("68 32 00 32 00 68 0B 00 11 39 30 00 00 60 00 00 02 00 E7 16");
        assert_eq!(peer.hear().await, refused);
        assert_eq!(peer.hear_or_end().await, None);
    }
    let [stranger] = desk.terminals.unknown().try_into().unwrap();
    assert_eq!((stranger.address, stranger.times, stranger.from.port()), (address(), 2, 5000));
    let nobody = desk.terminals.ask(address(), clock_question(Urgency::OnDemand)).await;
    assert_eq!(nobody.unwrap_err(), AskError::Unknown);
    desk.terminals.adopt(address(), TerminalSettings::default());
    let mut peer = desk.log_in(5001).await;
    assert!(desk.terminals.unknown().is_empty());
    desk.terminals.forget(address());
    assert_eq!(peer.hear_or_end().await, None, "hung up");
    desk.close().await;
}
