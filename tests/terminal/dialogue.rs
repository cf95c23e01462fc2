//! What a terminal is asked: in which order, one at a time, and which answer belongs to what.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chaobiao::link::Ours;
use chaobiao::terminal::{Ask, AskError, TerminalSettings, Urgency};
use gdw1376::address::{AddressField, TerminalAddress};
use gdw1376::civil::Civil;
use gdw1376::control::Control;
use gdw1376::dialogue::{Outcome, Timing};
use gdw1376::identifier::{FnNumber, Point};
use gdw1376::request::{Freeze, Period, Request};
use gdw1376::seq::Seq;
use tokio::time::Instant;

use crate::rig::*;

#[tokio::test(start_paused = true)]
async fn one_question_at_a_time_and_the_most_urgent_next() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    let terminals = desk.terminals.clone();
    desk.tasks.spawn(async move { terminals.ask(address(), clock_question(Urgency::Reread)).await });
    let first = peer.hear().await;
    let begun =
        [Urgency::Nightly, Urgency::Housekeeping, Urgency::Control, Urgency::OnDemand, Urgency::Restore];
    let numbers = begun.map(|urgency| {
        let terminals = desk.terminals.clone();
        desk.tasks.spawn(async move {
            let told = terminals.ask(address(), clock_question(urgency)).await.unwrap();
            (told.asked_at, urgency, told.outcome)
        })
    });
    assert!(peer.is_quiet(SECOND * 20).await, "one is open");
    peer.answer(&first, &clock_units()).await;
    for _ in 0..begun.len() {
        let request = peer.hear().await;
        assert!(peer.is_quiet(SECOND * 20).await, "nothing else is asked");
        peer.answer(&request, &clock_units()).await;
    }
    let mut told = Vec::new();
    for number in numbers {
        told.push(number.await.unwrap());
    }
    told.sort_by_key(|(asked_at, ..)| *asked_at);
    let order: Vec<_> = told.iter().map(|(_, urgency, _)| *urgency).collect();
    assert!(order.is_sorted(), "{order:?}");
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_over_before_its_turn_is_not_sent() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    let first = desk.terminals.ask(address(), clock_question(Urgency::Nightly));
    let late = clock_question(Urgency::OnDemand).until(Instant::now() + SECOND * 10);
    let second = async {
        tokio::task::yield_now().await;
        desk.terminals.ask(address(), late).await
    };
    let answers = async {
        let request = peer.hear().await;
        tokio::time::sleep(SECOND * 15).await;
        peer.answer(&request, &clock_units()).await;
        assert!(peer.is_quiet(SECOND * 60).await, "the second never leaves");
    };
    let (first, second, ()) = tokio::join!(first, second, answers);
    assert_eq!(first.unwrap().outcome, Outcome::Answered { is_complete: true });
    assert_eq!(second.unwrap_err(), AskError::OutOfTime);
    desk.close().await;
}

// covers [1376 5] [1376 9]
#[tokio::test(start_paused = true)]
async fn an_answer_in_two_frames_is_whole_and_a_heartbeat_in_between_is_confirmed() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    let freeze = Request::ReadFreeze(Freeze {
        points: (1..=8).filter_map(Point::new).collect(),
        functions: FnNumber::new(161).into_iter().collect(),
        period: Period::Day(Civil::date(2024, 8, 20).unwrap()),
    });
    let ask = Ask::new(freeze, Urgency::Nightly, Timing::STORED);
    let ask = desk.terminals.ask(address(), ask);
    let also = async {
        tokio::task::yield_now().await;
        desk.terminals.ask(address(), clock_question(Urgency::Restore)).await
    };
    let answers = async {
        let request = peer.hear().await;
        let units = hex(
            "01 01 01 14 20 08 24 15 00 21 08 24 04 00 56 34 12 00 60 45 23 01 00 80 36 70 03 00 40 82 93
                         04 00 20 91 46 02 00",
        );
        peer.send(&answer_to(&request, Control::DATA, None, Seq::part(0, true, false), &units)).await;
        peer.send(&hex("68 4A 00 4A 00 68 C9 00 11 39 30 00 02 71 00 00 04 00 30 05 12 20 48 24 8D 16"))
            .await;
        assert_eq!(peer.hear().await, hex("68 32 00 32 00 68 0B 00 11 39 30 00 00 61 00 00 01 00 E7 16"));
        assert!(peer.is_quiet(SECOND * 5).await, "no other question before the last frame");
        let units = hex(
            "04 01 01 14 20 08 24 EE EE EE EE EE 04 EE EE EE EE EE EE EE EE EE EE EE EE EE EE EE EE EE EE EE
                         EE EE EE EE EE EE",
        );
        peer.send(&answer_to(&request, Control::DATA, None, Seq::part(1, false, true), &units)).await;
        let request = peer.hear().await;
        assert_eq!(number(&request), 2, "the numbers of both frames are passed over");
        peer.answer(&request, &clock_units()).await;
    };
    let (told, clock, ()) = tokio::join!(ask, also, answers);
    let told = told.unwrap();
    assert_eq!((told.outcome, told.frames.len()), (Outcome::Answered { is_complete: true }, 2));
    assert_eq!(clock.unwrap().frames.len(), 1);
    desk.close().await;
}

// covers [1376 1.5]
#[tokio::test(start_paused = true)]
async fn f06_a_late_answer_is_counted_and_never_taken_for_that_of_a_newer_question() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    let quick = Timing { answer: SECOND, repetitions: 0, ..Timing::STORED };
    let question = |urgency| Ask { timing: quick, ..clock_question(urgency) };
    let mut unanswered = Vec::new();
    for _ in 0..12 {
        let ask = desk.terminals.ask(address(), question(Urgency::OnDemand));
        let (told, request) = tokio::join!(ask, peer.hear());
        assert_eq!(told.unwrap().outcome, Outcome::Silent);
        unanswered.push(request);
    }
    let mut asked = 0;
    for late in &unanswered {
        let ask = desk.terminals.ask(address(), question(Urgency::OnDemand));
        let answers = async {
            let request = peer.hear().await;
            assert!(
                unanswered.iter().all(|old| number(old) != number(&request)),
                "a number that is still open"
            );
            peer.answer(late, &hex("00 00 02 00 00 00 00 01 21 23")).await;
            peer.answer(&request, &clock_units()).await;
        };
        let (told, ()) = tokio::join!(ask, answers);
        let told = told.unwrap();
        assert!(told.frames[0].windows(6).any(|window| window == hex("30 05 12 20 48 24")), "the old one");
        asked += 1;
    }
    let status = desk.terminals.status(address()).unwrap();
    assert_eq!((status.late, status.silent, status.answers), (12, 12, asked));
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn the_frames_of_a_late_answer_are_no_begin_of_another() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    let quick = Timing { answer: SECOND, repetitions: 0, ..Timing::STORED };
    let question = || Ask { timing: quick, ..clock_question(Urgency::OnDemand) };
    let (told, old) = tokio::join!(desk.terminals.ask(address(), question()), peer.hear());
    assert_eq!(told.unwrap().outcome, Outcome::Silent);
    let ask = desk.terminals.ask(address(), question());
    let answers = async {
        let request = peer.hear().await;
        assert_eq!((number(&old), number(&request)), (0, 1));
        let old_units = hex("00 00 02 00 00 00 00 01 21 23");
        peer.send(&answer_to(&old, Control::DATA, None, Seq::part(0, true, false), &old_units)).await;
        // Its last frame has the number of the new question.
        peer.send(&answer_to(&old, Control::DATA, None, Seq::part(1, false, true), &old_units)).await;
        peer.answer(&request, &clock_units()).await;
    };
    let (told, ()) = tokio::join!(ask, answers);
    let told = told.unwrap();
    assert_eq!(told.frames.len(), 1);
    assert!(told.frames[0].windows(6).any(|window| window == hex("30 05 12 20 48 24")));
    assert_eq!(desk.terminals.status(address()).unwrap().late, 2);
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_another_terminal_says_on_the_connection_is_not_taken() {
    let desk = Desk::new();
    let other = TerminalAddress::new(1100, 7).unwrap();
    desk.terminals.adopt(other, TerminalSettings::default());
    let mut peer = desk.log_in(5000).await;
    let ask = desk.terminals.ask(address(), clock_question(Urgency::OnDemand));
    let answers = async {
        let request = peer.hear().await;
        let mut foreign = answer_to(&request, Control::DATA, None, Seq::single(0), &clock_units());
        foreign[7..12].copy_from_slice(&AddressField::single(other, 1).wire());
        let end = foreign.len() - 2;
        foreign[end] = foreign[6..end].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
        peer.send(&foreign).await;
        assert!(peer.is_quiet(SECOND).await);
        peer.deny(&request).await;
    };
    let (told, ()) = tokio::join!(ask, answers);
    assert!(matches!(told.unwrap().outcome, Outcome::Confirmed(_)));
    assert_eq!(desk.terminals.status(address()).unwrap().foreign, 1);
    desk.close().await;
}

// covers [1376 3.7]
#[tokio::test(start_paused = true)]
async fn requests_are_no_longer_than_the_terminal_takes() {
    let desk = Desk::with("most_request = 64\n");
    let _peer = desk.log_in(5000).await;
    let long = Request::ReadArchive((1..=40).collect());
    let ask = Ask::new(long.clone(), Urgency::Nightly, Timing::STORED);
    let refused = desk.terminals.ask(address(), ask.clone()).await.unwrap_err();
    assert!(matches!(refused, AskError::TooLong { most: 64, .. }), "{refused}");
    let settings = TerminalSettings { most_request: Some(256), ..TerminalSettings::default() };
    desk.terminals.adopt(address(), settings);
    let sent = desk.terminals.ask(address(), ask);
    assert!(tokio::time::timeout(Duration::from_secs(1), sent).await.is_err(), "it has left");
    assert_eq!(desk.terminals.status(address()).unwrap().requests, 1);
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn f36_a_terminal_is_asked_nothing_while_the_site_may_be_anothers() {
    let desk = Desk::new();
    let is_ours = Arc::new(AtomicBool::new(true));
    let asks = Arc::clone(&is_ours);
    desk.terminals.only_while(Ours::when(move || asks.load(Ordering::Relaxed)));
    let mut peer = desk.log_in(5000).await;
    let asked = |ask| {
        let terminals = desk.terminals.clone();
        desk.tasks.spawn(async move { terminals.ask(address(), ask).await })
    };
    let first = asked(clock_question(Urgency::Nightly));
    peer.hear().await;
    // What is not answered is not asked again, and nothing else is.
    is_ours.store(false, Ordering::Relaxed);
    let second = asked(clock_question(Urgency::Restore));
    let third = asked(clock_question(Urgency::OnDemand).until(Instant::now() + SECOND * 10));
    assert!(peer.is_quiet(SECOND * 600).await, "nothing is said");
    assert_eq!(first.await.unwrap().unwrap().outcome, Outcome::Silent);
    assert_eq!(third.await.unwrap().unwrap_err(), AskError::OutOfTime);
    is_ours.store(true, Ordering::Relaxed);
    let request = peer.hear().await;
    peer.answer(&request, &clock_units()).await;
    assert_eq!(second.await.unwrap().unwrap().outcome, Outcome::Answered { is_complete: true });
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn f52_a_terminal_that_is_kept_for_an_order_is_asked_nothing_else() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    let carrier = desk.terminals.carrier(address()).unwrap();
    let number = carrier.keep(Instant::now() + SECOND * 60);
    let asked = |urgency| {
        let terminals = desk.terminals.clone();
        desk.tasks.spawn(async move { terminals.ask(address(), clock_question(urgency)).await })
    };
    let nightly = asked(Urgency::Nightly);
    assert!(peer.is_quiet(SECOND * 10).await, "it is kept");
    let control = asked(Urgency::Control);
    let request = peer.hear().await;
    peer.answer(&request, &clock_units()).await;
    assert!(control.await.unwrap().is_ok());
    assert!(peer.is_quiet(SECOND * 10).await, "it is kept still");
    carrier.let_go(number);
    let request = peer.hear().await;
    peer.answer(&request, &clock_units()).await;
    assert!(nightly.await.unwrap().is_ok());
    // Whoever forgets it keeps it for a while only.
    carrier.keep(Instant::now() + SECOND * 5);
    let begun = Instant::now();
    let nightly = asked(Urgency::Nightly);
    let request = peer.hear().await;
    assert_eq!(begun.elapsed().as_secs(), 5);
    peer.answer(&request, &clock_units()).await;
    assert!(nightly.await.unwrap().is_ok());
    desk.close().await;
}

/// AFN 09 F2 of a terminal that takes so much, with one port.
fn ports(takes: u16) -> Vec<u8> {
    let takes = takes.to_le_bytes();
    let head = hex("00 00 02 00 00 02 00 00 08 00");
    let rest = hex("00 04 02 00 00 00 00 01 01 1F 00 60 09 00 00 00 04 00 02 00 02");
    [head, takes.to_vec(), rest].concat()
}

#[tokio::test(start_paused = true)]
async fn what_a_terminal_said_earlier_of_its_longest_request_holds_until_it_says_otherwise() {
    let desk = Desk::with("most_request = 512\n");
    assert_eq!(desk.terminals.status(address()).unwrap().most_request, 512);
    desk.terminals.set_takes(address(), 256);
    assert_eq!(desk.terminals.status(address()).unwrap().most_request, 256);
    let ask = Ask::new(Request::ReadArchive((1..=200).collect()), Urgency::Nightly, Timing::STORED);
    let refused = desk.terminals.ask(address(), ask).await.unwrap_err();
    assert!(matches!(refused, AskError::TooLong { most: 256, .. }), "{refused}");
    // What it says itself counts, and no older word against it.
    let mut peer = desk.log_in(5000).await;
    let ask = desk.terminals.ask(address(), Ask::new(Request::ReadPorts, Urgency::Nightly, Timing::STORED));
    let answers = async {
        let request = peer.hear().await;
        peer.answer(&request, &ports(1024)).await;
    };
    let (told, ()) = tokio::join!(ask, answers);
    assert_eq!(told.unwrap().outcome, Outcome::Answered { is_complete: true });
    assert_eq!(desk.terminals.status(address()).unwrap().most_request, 1024);
    desk.terminals.set_takes(address(), 256);
    assert_eq!(desk.terminals.status(address()).unwrap().most_request, 1024);
    desk.close().await;
}

/// Supply is not kept waiting for a question to be put a second and a third time.
#[tokio::test(start_paused = true)]
async fn f48_a_question_that_is_left_unanswered_is_not_put_again_while_supply_waits() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    let (terminals, others) = (desk.terminals.clone(), desk.terminals.clone());
    let first =
        desk.tasks.spawn(async move { terminals.ask(address(), clock_question(Urgency::Nightly)).await });
    let asked = peer.hear().await;
    let begin = Instant::now();
    desk.tasks.spawn(async move { others.ask(address(), clock_question(Urgency::Restore)).await });
    let second = peer.hear().await;
    assert!(begin.elapsed() <= SECOND * 31, "{:?}", begin.elapsed());
    assert_ne!(number(&second), number(&asked), "another question");
    assert_eq!(first.await.unwrap().unwrap().outcome, Outcome::Silent);
    // What comes of the first is known as its own.
    peer.answer(&asked, &clock_units()).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(desk.terminals.status(address()).unwrap().late, 1);
    desk.close().await;
}

fn freeze_question() -> Ask {
    let freeze = Request::ReadFreeze(Freeze {
        points: (1..=8).filter_map(Point::new).collect(),
        functions: FnNumber::new(161).into_iter().collect(),
        period: Period::Day(Civil::date(2024, 8, 20).unwrap()),
    });
    let timing = Timing { answer: SECOND, next_frame: SECOND, repetitions: 0, ..Timing::STORED };
    Ask::new(freeze, Urgency::Nightly, timing)
}

/// The freeze of point 1.
fn freeze_units() -> Vec<u8> {
    hex("01 01 01 14 20 08 24 15 00 21 08 24 00 00 56 34 12 00")
}

/// A frame in the middle of an answer is not waited for any more when its end has come: it is no part of a later answer.
#[tokio::test(start_paused = true)]
async fn f24_a_frame_that_an_answer_lacked_is_none_of_a_newer_answer() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    let part = |request: &[u8], number, is_first, is_last| {
        answer_to(request, Control::DATA, None, Seq::part(number, is_first, is_last), &freeze_units())
    };
    let answers = async {
        let request = peer.hear().await;
        peer.send(&part(&request, 0, true, false)).await;
        peer.send(&part(&request, 2, false, true)).await;
        request
    };
    let (told, old) = tokio::join!(desk.terminals.ask(address(), freeze_question()), answers);
    assert_eq!(told.unwrap().outcome, Outcome::Answered { is_complete: false });
    // The numbers go round, and the one of the frame that did not come is left out.
    let mut numbers = Vec::new();
    for _ in 0..13 {
        let ask = desk.terminals.ask(address(), clock_question(Urgency::Nightly));
        let answers = async {
            let request = peer.hear().await;
            peer.answer(&request, &clock_units()).await;
            number(&request)
        };
        let (told, number) = tokio::join!(ask, answers);
        assert_eq!(told.unwrap().outcome, Outcome::Answered { is_complete: true });
        numbers.push(number);
    }
    assert_eq!(numbers, [(3..16).collect::<Vec<u8>>()].concat());
    let answers = async {
        let request = peer.hear().await;
        assert_eq!(number(&request), 0);
        peer.send(&part(&old, 1, false, false)).await;
        peer.send(&part(&request, 0, true, true)).await;
    };
    let (told, ()) = tokio::join!(desk.terminals.ask(address(), freeze_question()), answers);
    let told = told.unwrap();
    assert_eq!((told.outcome, told.frames.len()), (Outcome::Answered { is_complete: true }, 1));
    assert_eq!(desk.terminals.status(address()).unwrap().late, 1);
    desk.close().await;
}

/// The end of a late answer whose first frame was lost may be the answer of a terminal that leaves FIR out: it is used for what it
/// holds, and is not known to be whole.
#[tokio::test(start_paused = true)]
async fn f24_the_end_of_a_late_answer_without_its_first_frame_is_no_whole_answer() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    let (told, old) = tokio::join!(desk.terminals.ask(address(), freeze_question()), peer.hear());
    assert_eq!(told.unwrap().outcome, Outcome::Silent);
    let part = |number, is_last| {
        answer_to(&old, Control::DATA, None, Seq::part(number, false, is_last), &freeze_units())
    };
    let ask = || desk.terminals.ask(address(), freeze_question());
    let answers = async {
        let request = peer.hear().await;
        assert_eq!(number(&request), 1);
        peer.send(&part(1, true)).await;
    };
    let (told, ()) = tokio::join!(ask(), answers);
    assert_eq!(told.unwrap().outcome, Outcome::Answered { is_complete: false });
    // A terminal of which nothing is open is believed to leave FIR out.
    tokio::time::sleep(SECOND * 16 * 60).await;
    let mut peer = desk.log_in(5001).await;
    let answers = async {
        let request = peer.hear().await;
        peer.send(&part(number(&request), true)).await;
    };
    let (told, ()) = tokio::join!(ask(), answers);
    assert_eq!(told.unwrap().outcome, Outcome::Answered { is_complete: true });
    desk.close().await;
}
