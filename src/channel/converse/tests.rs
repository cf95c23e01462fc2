//! Exchanges over memory, in paused time: what arrives, what does not, and what a broken path makes of it.

use dlt645::address::MeterAddress;
use dlt645::control::Control;
use dlt645::exchange::Timing;
use dlt645::frame::Frame;
use dlt645::meter_time::Civil;
use dlt645::password::{DigitOrder, Level, OperatorCode, Password};
use dlt645::relay::{Command, Deadline, Order};
use dlt645::request::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::*;

const ANSWER: &[u8] = &[
    0xFE, 0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, 0x91, 0x08, 0x33, 0x33, 0x34, 0x33, 0x89, 0x67,
    0x45, 0x33, 0x54, 0x16,
];

fn meter() -> MeterAddress {
    "123456789012".parse().unwrap()
}

fn energy() -> Question {
    Request::read(meter(), "00010000".parse().unwrap()).into()
}

async fn ask(link: &mut Link, question: Question, timing: Timing) -> Told {
    Speaker { link, gate: Gate::CONTROL, tap: &mut (), timer: &mut Timer::default() }
        .converse(&question, timing, &|| true)
        .await
}

fn trip() -> Question {
    let order = Order {
        meter: meter(),
        command: Command::Trip,
        deadline: Deadline::at(Civil::new(2026, 11, 21, 17, 45, 0).unwrap()).unwrap(),
        password: Password::new(Level::CONTROL, "000000", DigitOrder::default()).unwrap(),
        operator: OperatorCode::from_wire([1, 0, 0, 0]),
    };
    Request::relay(order).into()
}

/// The request at the far end of the line.
async fn request(far: &mut DuplexStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    far.read_exact(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test(start_paused = true)]
async fn a_question_is_answered_in_pieces_and_the_line_rests_afterwards() {
    let (near, mut far) = tokio::io::duplex(1024);
    let mut link = Link::Memory(near);
    let side = async {
        request(&mut far, 20).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        far.write_all(&ANSWER[..9]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(9)).await;
        far.write_all(&ANSWER[9..]).await.unwrap();
        // Rubbish in the quiet time behind the answer is not the next exchange's business.
        far.write_all(&[0x00, 0xFF]).await.unwrap();
        far
    };
    let begin = now();
    let (told, mut far) = tokio::join!(ask(&mut link, energy(), Timing::serial(9600)), side);
    let Outcome::Answered(answer) = told.outcome else { panic!("{:?}", told.outcome) };
    assert_eq!((answer.payload(), told.failure.is_none()), (&[0x56, 0x34, 0x12, 0x00][..], true));
    let on_the_wire = Timing::serial(9600).wire_time(20);
    assert_eq!(told.answer_delay, Some(Duration::from_millis(50) - on_the_wire));
    assert_eq!(told.widest_gap, Duration::from_millis(9));
    assert!(now() - begin >= Duration::from_millis(50 + 9 + 30), "the line was kept quiet");
    far.write_all(&[0x16]).await.unwrap();
    let mut room = [0; 8];
    assert_eq!(link.read(&mut room).await.unwrap(), 1, "the rubbish was swallowed, the next byte was not");
}

#[tokio::test(start_paused = true)]
async fn f06_what_breaks_off_behind_an_answer_is_told() {
    for cut in 0..ANSWER.len() {
        let (near, mut far) = tokio::io::duplex(1024);
        let mut link = Link::Memory(near);
        let side = async {
            request(&mut far, 20).await;
            far.write_all(ANSWER).await.unwrap();
            far.write_all(&ANSWER[..cut]).await.unwrap();
        };
        let (told, ()) = tokio::join!(ask(&mut link, energy(), Timing::serial(9600)), side);
        assert_eq!(told.outcome.kind(), "answered");
        // The first byte wakes up.
        assert_eq!(told.counters.dropped.cut_short > 0, cut > 1, "{cut} bytes");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_ends_in_time_and_a_cut_is_sent_once() {
    let (near, mut far) = tokio::io::duplex(1024);
    let mut link = Link::Memory(near);
    let Told { outcome, .. } = ask(&mut link, trip(), Timing::serial(9600)).await;
    assert!(
        matches!(outcome, Outcome::Unknown(_)),
        "silence after a cut is not \"not done\" (R6): {outcome:?}"
    );
    drop(link);
    let mut sent = Vec::new();
    far.read_to_end(&mut sent).await.unwrap();
    assert_eq!(sent.len(), 4 + 28, "one frame");
}

#[tokio::test(start_paused = true)]
async fn a_path_that_breaks_leaves_no_doubt_about_what_left() {
    let (near, far) = tokio::io::duplex(1024);
    drop(far);
    let mut link = Link::Memory(near);
    let Told { outcome, failure, .. } = ask(&mut link, trip(), Timing::serial(9600)).await;
    assert!(matches!(outcome, Outcome::NotSent(_)), "nothing left: {outcome:?}");
    assert!(failure.is_some());

    let (near, mut far) = tokio::io::duplex(1024);
    let mut link = Link::Memory(near);
    let side = async move {
        request(&mut far, 10).await;
        drop(far);
    };
    let (Told { outcome, failure, .. }, ()) =
        tokio::join!(ask(&mut link, trip(), Timing::serial(9600)), side);
    assert!(matches!(outcome, Outcome::Unknown(_)), "bytes have left: {outcome:?}");
    assert!(failure.is_some());
}

#[tokio::test(start_paused = true)]
async fn f11_a_line_that_never_stops_talking_is_left_in_bounded_time() {
    let (near, mut far) = tokio::io::duplex(1024);
    let mut link = Link::Memory(near);
    let chatter = async {
        loop {
            if far.write_all(&[0x00; 8]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(8)).await;
        }
    };
    let begin = now();
    let timing = Timing { retries: 0, ..Timing::serial(9600) };
    let outcome = tokio::select! {
        told = ask(&mut link, energy(), timing) => told.outcome,
        () = chatter => panic!("the line ended"),
    };
    assert!(!matches!(outcome, Outcome::Answered(_)));
    assert!(now() - begin < Duration::from_secs(15), "{:?}", now() - begin);
}

/// The link is told what it may not send: nothing leaves, and the path is as good as before.
#[tokio::test(start_paused = true)]
async fn t01_the_gate_stands_at_the_writer() {
    let (near, mut far) = tokio::io::duplex(1024);
    let mut link = Link::Memory(near);
    let mut timer = Timer::default();
    let speaker = Speaker { link: &mut link, gate: Gate::READS, tap: &mut (), timer: &mut timer };
    let told = speaker.converse(&trip(), Timing::serial(9600), &|| true).await;
    assert!(matches!(told.outcome, Outcome::NotSent(_)), "{:?}", told.outcome);
    assert!(matches!(told.failure, Some(Failure::Blocked(_))));
    drop(link);
    let mut sent = Vec::new();
    far.read_to_end(&mut sent).await.unwrap();
    assert!(sent.is_empty());
}

/// A long answer is given up between two frames, and never within one.
#[tokio::test(start_paused = true)]
async fn an_exchange_yields_between_frames_only() {
    let (near, mut far) = tokio::io::duplex(1024);
    let mut link = Link::Memory(near);
    let first = Frame {
        address: meter().field(),
        control: Control(0xB1),
        data: &[&[0, 0, 1, 0][..], &[7; 196]].concat(),
    };
    let first = first.to_bytes().unwrap();
    let side = async {
        request(&mut far, 20).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        far.write_all(&first).await.unwrap();
        far
    };
    let mut timer = Timer::default();
    let speaker = Speaker { link: &mut link, gate: Gate::READS, tap: &mut (), timer: &mut timer };
    let question = energy();
    let (told, mut far) = tokio::join!(speaker.converse(&question, Timing::serial(9600), &|| false), side);
    assert!(told.has_yielded && told.failure.is_none());
    assert!(matches!(told.outcome, Outcome::Incomplete { .. }), "{:?}", told.outcome);
    drop(link);
    let mut sent = Vec::new();
    far.read_to_end(&mut sent).await.unwrap();
    assert!(sent.is_empty(), "the next piece was not asked for");
}
