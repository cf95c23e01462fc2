//! Reports: confirmed when they are kept, known when they come again.

use chaobiao::terminal::Urgency;
use gdw1376::dialogue::Outcome;

use crate::rig::*;

/// C14 of the worked frames with the address of B1: an event that wants to be confirmed.
fn event(body: u8) -> Vec<u8> {
    let mut frame =
        hex("68 86 00 86 00 68 CA 00 11 39 30 00 0E 71 00 00 01 00 BE 00 BD BE 2E 0F 52 00 05 08 19 01 00 00
                         00 03 00 00 63 02 01 00 16");
    let end = frame.len() - 2;
    frame[end - 1] = body;
    frame[end] = frame[6..end].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
    frame
}

fn confirmed() -> Vec<u8> {
    hex("68 32 00 32 00 68 00 00 11 39 30 00 00 61 00 00 01 00 DC 16")
}

// covers [1376 5] [1376 9]
#[tokio::test(start_paused = true)]
async fn i01_a_report_is_confirmed_when_it_is_kept_and_not_before() {
    let desk = Desk::new();
    let mut reports = desk.terminals.reports().unwrap();
    assert!(desk.terminals.reports().is_none(), "taken once");
    let mut peer = desk.log_in(5000).await;
    peer.send(&event(1)).await;
    let report = reports.recv().await.unwrap();
    assert_eq!((report.terminal, &report.frame), (address(), &event(1)));
    assert!(peer.is_quiet(SECOND * 3).await, "not kept yet");
    // It comes again meanwhile, and is not handed on again.
    peer.send(&event(1)).await;
    assert!(peer.is_quiet(SECOND * 3).await);
    report.kept.send(()).unwrap();
    assert_eq!(peer.hear().await, confirmed());
    // The confirmation got lost: it is confirmed again, on another session too.
    peer.send(&event(1)).await;
    assert_eq!(peer.hear().await, confirmed());
    let mut peer = desk.log_in(5001).await;
    peer.send(&event(1)).await;
    assert_eq!(peer.hear().await, confirmed());
    assert!(reports.try_recv().is_err(), "handed on once");
    // Another one under the same number is another one.
    peer.send(&event(2)).await;
    assert_eq!(reports.recv().await.unwrap().frame, event(2));
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn i01_a_report_that_is_not_kept_is_not_confirmed_and_comes_again() {
    let desk = Desk::new();
    let mut reports = desk.terminals.reports().unwrap();
    let mut peer = desk.log_in(5000).await;
    peer.send(&event(1)).await;
    drop(reports.recv().await.unwrap());
    assert!(peer.is_quiet(SECOND * 30).await);
    peer.send(&event(1)).await;
    reports.recv().await.unwrap().kept.send(()).unwrap();
    assert_eq!(peer.hear().await, confirmed());
    // Nobody takes reports any more.
    drop(reports);
    peer.send(&event(2)).await;
    assert!(peer.is_quiet(SECOND * 30).await);
    assert_eq!(desk.terminals.status(address()).unwrap().reports, 3);
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_report_that_is_kept_late_is_confirmed_when_it_comes_again() {
    let desk = Desk::with("kept_within = \"10s\"\n");
    let mut reports = desk.terminals.reports().unwrap();
    let mut peer = desk.log_in(5000).await;
    peer.send(&event(1)).await;
    let report = reports.recv().await.unwrap();
    assert!(peer.is_quiet(SECOND * 20).await);
    report.kept.send(()).unwrap();
    assert!(peer.is_quiet(SECOND * 5).await, "nobody waits for it any more");
    peer.send(&event(1)).await;
    assert_eq!(peer.hear().await, confirmed());
    assert!(reports.try_recv().is_err());
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_report_in_the_middle_of_a_question_is_no_answer() {
    let desk = Desk::new();
    let mut reports = desk.terminals.reports().unwrap();
    let mut peer = desk.log_in(5000).await;
    let ask = desk.terminals.ask(address(), clock_question(Urgency::OnDemand));
    let answers = async {
        let request = peer.hear().await;
        // The clock, by task and under the number of the question.
        let mut report = hex("68 4A 00 4A 00 68 C4 00 11 39 30 00 0C 60 00 00 02 00 00 00 00 01 21 23 00 16");
        let end = report.len() - 2;
        report[end] = report[6..end].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
        peer.send(&report).await;
        let handed = reports.recv().await.unwrap();
        handed.kept.send(()).unwrap();
        assert!(peer.is_quiet(SECOND * 5).await, "it wants no confirmation");
        peer.answer(&request, &clock_units()).await;
        handed.frame == report
    };
    let (told, is_handed) = tokio::join!(ask, answers);
    let told = told.unwrap();
    assert!(is_handed && told.outcome == Outcome::Answered { is_complete: true });
    assert!(told.frames[0].windows(6).any(|window| window == hex("30 05 12 20 48 24")));
    desk.close().await;
}
