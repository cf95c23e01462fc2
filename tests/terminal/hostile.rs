//! Terminals that flood, never end, or are claimed by two: bounded, and told of (T5).

use std::time::Duration;

use gdw1376::control::Control;
use gdw1376::dialogue::Outcome;
use gdw1376::seq::Seq;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::rig::{Desk, LOGIN, SECOND, address, answer_to, clock_question, clock_units, hex, number};
use chaobiao::terminal::Urgency;

/// A heartbeat with this number.
pub(crate) fn heartbeat(number: u8) -> Vec<u8> {
    let mut frame = hex(LOGIN);
    frame[13] = 0x70 | number & 0x0F;
    frame[16] = 4;
    frame[18] = frame[6..18].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
    frame
}

#[tokio::test(start_paused = true)]
async fn t05_a_terminal_that_floods_is_hung_up_and_told_of() {
    let desk = Desk::new();
    let mut peer = desk.log_in(1).await;
    for number in 0..1200_u16 {
        // It may be hung up before all of it has left.
        let _ = peer.stream.write_all(&heartbeat(u8::try_from(number % 16).unwrap())).await;
    }
    let mut confirmed = 0;
    while peer.hear_or_end().await.is_some() {
        confirmed += 1;
    }
    assert!(confirmed <= 1001, "{confirmed}");
    let status = desk.terminals.status(address()).unwrap();
    assert_eq!((status.floods, status.is_online), (1, false));
    // It is let in again, and an honest pace is no flood.
    tokio::time::sleep(SECOND * 60).await;
    let mut peer = desk.log_in(2).await;
    for number in 0..200_u8 {
        peer.send(&heartbeat(number % 16)).await;
        peer.hear().await;
        tokio::time::sleep(SECOND).await;
    }
    assert_eq!(desk.terminals.status(address()).unwrap().floods, 1);
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn t05_a_claim_from_elsewhere_while_the_terminal_is_there_is_counted() {
    let desk = Desk::new();
    let _first = desk.log_in(1).await;
    tokio::time::sleep(SECOND).await;
    let _again = desk.log_in(2).await;
    assert_eq!(desk.terminals.status(address()).unwrap().claims, 0, "the same address comes anew");
    let mut other = desk.dial_from([10, 0, 0, 77], 3);
    other.send(&hex(LOGIN)).await;
    other.hear().await;
    assert_eq!(desk.terminals.status(address()).unwrap().claims, 1);
    // Behind a time in which it should have been heard, another address is a new way of the same terminal.
    tokio::time::sleep(SECOND * 400).await;
    let _moved = desk.log_in(4).await;
    assert_eq!(desk.terminals.status(address()).unwrap().claims, 1);
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn t05_an_answer_that_never_ends_is_broken_off() {
    let desk = Desk::new();
    let mut peer = desk.log_in(1).await;
    let begin = Instant::now();
    let terminals = desk.terminals.clone();
    let asked =
        desk.tasks.spawn(async move { terminals.ask(address(), clock_question(Urgency::Nightly)).await });
    let request = peer.hear().await;
    for step in 0..30_u8 {
        let seq = Seq::part(number(&request).wrapping_add(step) & 0x0F, step == 0, false);
        peer.send(&answer_to(&request, Control::DATA, None, seq, &clock_units())).await;
        tokio::time::sleep(SECOND * 20).await;
        if asked.is_finished() {
            break;
        }
    }
    let told = asked.await.unwrap().unwrap();
    assert_eq!(told.outcome, Outcome::Answered { is_complete: false });
    assert!(begin.elapsed() <= Duration::from_secs(220), "{:?}", begin.elapsed());
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_waits_for_is_not_put_again() {
    let desk = Desk::new();
    let mut peer = desk.log_in(1).await;
    let terminals = desk.terminals.clone();
    let ask = clock_question(Urgency::Nightly).until(Instant::now() + SECOND * 600);
    let asked = desk.tasks.spawn(async move { terminals.ask(address(), ask).await });
    peer.hear().await;
    asked.abort();
    drop(peer);
    tokio::time::sleep(SECOND).await;
    let mut peer = desk.log_in(2).await;
    assert!(peer.is_quiet(SECOND * 5).await);
    assert_eq!(desk.terminals.status(address()).unwrap().waiting, 0);
    desk.close().await;
}
