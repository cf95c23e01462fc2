//! Sessions that come, go and are replaced.

use chaobiao::terminal::{Ask, AskError, Urgency};
use gdw1376::civil::Civil;
use gdw1376::dialogue::{Outcome, Timing};
use gdw1376::request::Request;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::rig::*;

fn set_clock() -> Ask {
    let civil = Civil::date(2024, 8, 21).unwrap();
    Ask::new(Request::SetClock(civil), Urgency::Control, Timing::STORED)
}

#[tokio::test(start_paused = true)]
async fn f19_the_newest_session_wins_and_an_open_question_goes_on() {
    let desk = Desk::new();
    let mut old = desk.log_in(5000).await;
    let until = Instant::now() + SECOND * 600;
    let ask = desk.terminals.ask(address(), clock_question(Urgency::Nightly).until(until));
    let comes_back = async {
        let first = old.hear().await;
        // Twice, with the old sockets still open.
        let mut second = desk.log_in(5001).await;
        assert_eq!(old.hear_or_end().await, None, "the old one is closed");
        let again = second.hear().await;
        let mut third = desk.log_in(5002).await;
        assert_eq!(second.hear_or_end().await, None);
        let last = third.hear().await;
        let numbers = [&first, &again, &last].map(|request| number(request));
        assert_eq!(numbers, [0, 1, 2], "old answers could still come");
        third.answer(&first, &hex("00 00 02 00 00 00 00 01 21 23")).await;
        third.answer(&last, &clock_units()).await;
        third
    };
    let (told, _third) = tokio::join!(ask, comes_back);
    let told = told.unwrap();
    assert_eq!(told.outcome, Outcome::Answered { is_complete: true });
    assert!(told.frames[0].windows(6).any(|window| window == hex("30 05 12 20 48 24")));
    let status = desk.terminals.status(address()).unwrap();
    assert_eq!((status.sessions, status.is_online, status.late), (3, true, 1));
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn f19_an_open_order_is_unknown_and_is_not_sent_again() {
    let desk = Desk::new();
    let mut old = desk.log_in(5000).await;
    let until = Instant::now() + SECOND * 600;
    let ask = desk.terminals.ask(address(), set_clock().until(until));
    let comes_back = async {
        let _order = old.hear().await;
        desk.log_in(5001).await
    };
    let (told, mut new) = tokio::join!(ask, comes_back);
    assert_eq!(told.unwrap().outcome, Outcome::Unknown);
    assert!(new.is_quiet(SECOND * 200).await, "the order does not leave again");
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn f19_what_waits_for_its_turn_goes_on_the_next_session_and_what_waits_too_long_ends() {
    let desk = Desk::new();
    let peer = desk.log_in(5000).await;
    drop(peer);
    tokio::time::sleep(SECOND).await;
    // An order that has not left yet may wait for the terminal.
    let ask = desk.terminals.ask(address(), set_clock());
    let comes_back = async {
        tokio::time::sleep(SECOND * 30).await;
        let mut new = desk.log_in(5001).await;
        let order = new.hear().await;
        new.deny(&order).await;
        new
    };
    let (told, new) = tokio::join!(ask, comes_back);
    assert!(matches!(told.unwrap().outcome, Outcome::Confirmed(_)));
    let gone = Instant::now();
    drop(new);
    tokio::time::sleep(SECOND).await;
    let told = desk.terminals.ask(address(), set_clock()).await;
    assert_eq!(told.unwrap_err(), AskError::NotConnected);
    assert_eq!(gone.elapsed().as_secs(), 120);
    let at_once = Instant::now();
    assert_eq!(desk.terminals.ask(address(), set_clock()).await.unwrap_err(), AskError::NotConnected);
    assert_eq!(at_once.elapsed().as_secs(), 0);
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn f19_a_question_without_an_end_is_silent_when_its_connection_goes() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    let ask = desk.terminals.ask(address(), clock_question(Urgency::OnDemand));
    let goes = async {
        peer.hear().await;
        drop(peer);
    };
    let (told, ()) = tokio::join!(ask, goes);
    assert_eq!(told.unwrap().outcome, Outcome::Silent);
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn f22_a_terminal_that_vanished_is_given_up_after_three_heartbeats() {
    let desk = Desk::with("heartbeat = \"1min\"\n");
    let mut peer = desk.log_in(5000).await;
    let begin = Instant::now();
    assert_eq!(peer.hear_or_end().await, None);
    assert_eq!(begin.elapsed().as_secs(), 180);
    // One that beats more seldom than was thought is known after four of its beats.
    let heartbeat = hex("68 32 00 32 00 68 C9 00 11 39 30 00 02 71 00 00 04 00 BA 16");
    let mut peer = desk.log_in(5001).await;
    for _ in 0..5 {
        tokio::time::sleep(SECOND * 150).await;
        peer.send(&heartbeat).await;
        peer.hear().await;
    }
    assert_eq!(desk.terminals.status(address()).unwrap().heartbeat.unwrap().as_secs(), 150);
    let begin = Instant::now();
    assert_eq!(peer.hear_or_end().await, None);
    assert_eq!(begin.elapsed().as_secs(), 450);
    assert!(!desk.terminals.status(address()).unwrap().is_online);
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn f21_who_says_nothing_or_too_slowly_or_nonsense_is_closed_in_time() {
    let desk = Desk::new();
    let begin = Instant::now();
    let mut silent = desk.dial(5000);
    assert_eq!(silent.hear_or_end().await, None);
    assert_eq!(begin.elapsed().as_secs(), 10);

    let mut slow = desk.dial(5001);
    let begin = Instant::now();
    for byte in hex(LOGIN) {
        if slow.stream.write_all(&[byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(SECOND * 10).await;
    }
    assert!(begin.elapsed() < SECOND * 30, "a login of one byte in ten seconds");

    for nonsense in [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"DTU-0001\r\n".to_vec(),
        b"AT+CSQ\r\nOK\r\n".to_vec(),
        vec![0xFE; 64],
        hex(
            "68 1E 00 81 05 01 00 00 00 00 00 00 D2 B6 01 00 00 01 2C 07 E6 02 17 03 08 06 38 03 22 1C BC 16",
        ),
    ] {
        // It harms nobody: a login behind it still counts.
        let mut peer = desk.dial(5002);
        peer.send(&nonsense).await;
        peer.send(&hex(LOGIN)).await;
        assert_eq!(peer.hear().await, hex(LOGIN_ANSWER), "{nonsense:X?}");
        let mut only = desk.dial(5003);
        only.send(&nonsense).await;
        let begin = Instant::now();
        assert_eq!(only.hear_or_end().await, None);
        assert!(begin.elapsed() <= SECOND * 10);
    }
    let mut much = desk.dial(5004);
    let begin = Instant::now();
    let _ = much.stream.write_all(&vec![0x55; 8192]).await;
    assert_eq!(much.hear_or_end().await, None);
    assert_eq!(begin.elapsed().as_secs(), 0, "much noise is not listened to");
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn f21_a_terminal_that_never_reads_is_hung_up() {
    let desk = Desk::new();
    let (ours, mut theirs) = tokio::io::duplex(64);
    desk.terminals.attach(ours, ([10, 0, 0, 9], 5000).into());
    let begin = Instant::now();
    while theirs.write_all(&hex(LOGIN)).await.is_ok() {}
    assert!(begin.elapsed() <= SECOND * 11, "{:?}", begin.elapsed());
    assert!(!desk.terminals.status(address()).unwrap().is_online);
    desk.close().await;
}

/// The same frame under another length code.
fn under(code: u8, frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    for place in [1, 3] {
        frame[place] = frame[place] & 0xFC | code;
    }
    frame
}

// covers [1376 1.2]
#[tokio::test(start_paused = true)]
async fn what_comes_under_a_length_code_of_no_edition_is_no_terminals() {
    let desk = Desk::new();
    let mut reports = desk.terminals.reports().unwrap();
    for code in [0, 3] {
        let mut peer = desk.dial(5000);
        peer.send(&under(code, &hex(LOGIN))).await;
        assert!(peer.is_quiet(SECOND * 3).await);
        assert!(!desk.terminals.status(address()).unwrap().is_online, "{code}");
    }
    let mut peer = desk.log_in(5001).await;
    let event =
        hex("68 86 00 86 00 68 CA 00 11 39 30 00 0E 71 00 00 01 00 BE 00 BD BE 2E 0F 52 00 05 08 19 01 00 00
                     00 03 00 00 63 02 01 00 16");
    let sum = event[6..event.len() - 2].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
    let event: Vec<u8> = [&event[..event.len() - 2], &[sum, 0x16]].concat();
    for code in [0, 3] {
        peer.send(&under(code, &event)).await;
        assert!(peer.is_quiet(SECOND * 3).await);
        assert!(reports.try_recv().is_err(), "{code}");
    }
    // Nor is it an answer.
    let ask = desk.terminals.ask(address(), clock_question(Urgency::OnDemand));
    let answers = async {
        let request = peer.hear().await;
        let wrong = hex("00 00 02 00 00 00 00 01 21 23");
        let seq = gdw1376::seq::Seq::single(number(&request));
        let frame = answer_to(&request, gdw1376::control::Control::DATA, None, seq, &wrong);
        peer.send(&under(3, &frame)).await;
        tokio::time::sleep(SECOND).await;
        peer.answer(&request, &clock_units()).await;
    };
    let (told, ()) = tokio::join!(ask, answers);
    assert!(told.unwrap().frames[0].windows(6).any(|window| window == hex("30 05 12 20 48 24")));
    assert_eq!(desk.terminals.status(address()).unwrap().foreign, 3);
    desk.close().await;
}

// covers [1376 1.2]
#[tokio::test(start_paused = true)]
async fn a_terminal_is_asked_under_the_code_of_its_own_edition() {
    let desk = Desk::new();
    let mut peer = desk.dial(5000);
    peer.send(&under(1, &hex(LOGIN))).await;
    assert_eq!(peer.hear().await, under(1, &hex(LOGIN_ANSWER)));
    let code = async |peer: &mut Peer, request: Vec<u8>| {
        peer.answer(&request, &clock_units()).await;
        request[1] & 3
    };
    let ask = desk.terminals.ask(address(), clock_question(Urgency::OnDemand));
    let (told, first) = tokio::join!(ask, async {
        let request = peer.hear().await;
        code(&mut peer, request).await
    });
    assert_eq!((told.unwrap().outcome, first), (Outcome::Answered { is_complete: true }, 1));
    // It has answered under the code of the later one: that is what it speaks.
    let ask = desk.terminals.ask(address(), set_clock());
    let (_, second) = tokio::join!(ask, async {
        let request = peer.hear().await;
        assert_eq!(request.len(), 6 + 8 + 4 + 6 + 16 + 2, "with sixteen bytes of PW");
        code(&mut peer, request).await
    });
    assert_eq!(second, 2);
    desk.close().await;
}
