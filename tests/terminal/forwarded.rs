//! Meters behind a terminal: frames are forwarded once, and only what belongs to the question comes back.

use std::time::Duration;

use chaobiao::channel::{
    Channel, ChannelHandle, ChannelSettings, End, Job, JobReport, Lane, LinePhase, Lines, Question,
};
use chaobiao::clock::Clock;
use chaobiao::config::Config;
use chaobiao::domain::Parity;
use chaobiao::link::{CaptureSettings, Captures, Dialler, Rate};
use chaobiao::terminal::{MeterPort, Urgency};
use dlt645::address::MeterAddress;
use dlt645::exchange::{LengthRule, Outcome, Reply, Timing};
use dlt645::meter_time::Civil;
use dlt645::password::{DigitOrder, Level, OperatorCode, Password};
use dlt645::relay::{Command, Deadline, Order};
use dlt645::request::Request;
use gdw1376::frame::Frame;
use gdw1376::request::Forward;
use tokio::time::Instant;

use crate::rig::*;

fn meter(number: u64) -> MeterAddress {
    MeterAddress::from_number(number).unwrap()
}

fn read(number: u64) -> Job {
    let request = Request::read(meter(number), "00010000".parse().unwrap());
    let question = Question::new(request).expecting(LengthRule::exact([4]));
    Job::new(question, Lane::OnDemand, Timing::serial(2400))
}

fn cut(number: u64) -> Job {
    let order = Request::relay(Order {
        meter: meter(number),
        command: Command::Trip,
        deadline: Deadline::at(Civil::new(2026, 11, 21, 17, 45, 0).unwrap()).unwrap(),
        password: Password::new(Level::CONTROL, "000000", DigitOrder::default()).unwrap(),
        operator: OperatorCode::from_wire([1, 0, 0, 0]),
    });
    Job::new(order, Lane::Control, Timing::serial(2400))
}

fn line(desk: &Desk) -> ChannelHandle {
    let carrier = desk.terminals.carrier(address()).unwrap();
    let dialler = Dialler::forwarded(carrier, SECOND * 10);
    let settings = ChannelSettings { slowest_answer: SECOND * 95, ..ChannelSettings::new("1100-3039") };
    Channel::spawn(settings, dialler, Box::new(()), &desk.tasks, desk.stop.clone())
}

/// What is forwarded by a request, and the meter it is for.
fn forwarded(request: &[u8]) -> (Forward, u64) {
    let body = Frame::parse(request).unwrap().body;
    let forward = Forward::read(&body[4..body.len() - 16]).unwrap();
    let digits = forward.frame[1..7].iter().rev();
    let number = digits.fold(0, |sum, byte| sum * 100 + u64::from(byte >> 4) * 10 + u64::from(byte & 15));
    (forward, number)
}

/// A frame of a meter.
fn of_meter(number: u64, control: u8, data: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x68];
    frame.extend(meter(number).field().wire());
    frame.extend([0x68, control, u8::try_from(data.len()).unwrap()]);
    frame.extend(data.iter().map(|byte| byte.wrapping_add(0x33)));
    frame.push(frame.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)));
    frame.push(0x16);
    frame
}

/// A register of so many hundredths of a kilowatt-hour.
fn register(number: u64, low: u8) -> Vec<u8> {
    of_meter(number, 0x91, &[0, 0, 1, 0, low, 0, 0, 0])
}

fn units(port: u8, frame: &[u8]) -> Vec<u8> {
    let length = u16::try_from(frame.len()).unwrap().to_le_bytes();
    [&[0, 0, 1, 0, port][..], &length, frame].concat()
}

/// What the meter answered.
fn value(report: &JobReport) -> Option<Vec<u8>> {
    let End::Done(Outcome::Answered(answer)) = &report.end else { return None };
    match &answer.reply {
        Reply::Data { payload, .. } => Some(payload.clone()),
        _ => Some(Vec::new()),
    }
}

// covers [1376 3.12] [1376 7] [1376 9]
#[tokio::test(start_paused = true)]
async fn a_read_is_forwarded_as_the_worked_frame_says_and_its_answer_comes_back() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    let line = line(&desk);
    let request = Request::read(meter(1), "04000503".parse().unwrap());
    let job = Job::new(Question::new(request), Lane::OnDemand, Timing::serial(2400));
    let answers = async {
        let request = peer.hear().await;
        // B9, the status word, under another number.
        let expected =
            hex("68 CA 00 CA 00 68 4B 00 11 39 30 02 10 60 00 00 01 00 1F 6B BC 0A 10 00 68 01 00 00 00 00
            00 68 11 04 36 38 33 37 BE 16 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 2A 16");
        assert_eq!(request, expected);
        peer.answer(&request, &units(31, &of_meter(1, 0x91, &[3, 5, 0, 4, 0x50, 0]))).await;
    };
    let (report, ()) = tokio::join!(line.ask(job), answers);
    assert!(value(&report.unwrap()).is_some());
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn each_meter_is_asked_by_its_port() {
    let desk = Desk::new();
    let rate = Rate { baud: 9600, parity: Parity::Even };
    desk.terminals.set_ports(address(), [(meter(2), MeterPort { port: Some(2), rate: Some(rate) })]);
    let mut peer = desk.log_in(5000).await;
    let line = line(&desk);
    for (number, head) in [(1, [0x1F, 0x6B, 0xBC, 0x0A]), (2, [0x02, 0xCB, 0x86, 0x32])] {
        let answers = async {
            let request = peer.hear().await;
            assert_eq!(request[18..22], head);
            peer.answer(&request, &units(head[0], &register(number, 5))).await;
        };
        let (report, ()) = tokio::join!(line.ask(read(number)), answers);
        assert!(value(&report.unwrap()).is_some());
        // And waited for as long as its port may take.
        let begin = Instant::now();
        let (report, _) = tokio::join!(line.ask(read(number)), peer.hear());
        assert!(matches!(report.unwrap().end, End::Done(Outcome::Silent(_))));
        assert_eq!(begin.elapsed().as_secs(), if number == 1 { 90 } else { 10 });
    }
    let status = desk.terminals.status(address()).unwrap();
    assert_eq!(
        (status.requests, status.silent, status.link.asked),
        (4, 2, 0),
        "meters are not the way to it"
    );
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_denial_and_an_empty_answer_end_the_wait_at_once() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    let line = line(&desk);
    for is_denied in [true, false] {
        let begin = Instant::now();
        let answers = async {
            let request = peer.hear().await;
            if is_denied {
                peer.deny(&request).await;
            } else {
                peer.answer(&request, &units(31, &[])).await;
            }
        };
        let (report, ()) = tokio::join!(line.ask(read(1)), answers);
        assert!(matches!(report.unwrap().end, End::Done(Outcome::Silent(_))));
        assert!(begin.elapsed() < SECOND, "{:?}", begin.elapsed());
    }
    // What is no frame goes up and is nothing to the meter's exchange; another meter's answer is not taken.
    for inside in [vec![1, 2, 3], register(2, 7)] {
        let answers = async {
            let request = peer.hear().await;
            peer.answer(&request, &units(31, &inside)).await;
        };
        let (report, ()) = tokio::join!(line.ask(read(1)), answers);
        assert!(matches!(report.unwrap().end, End::Done(Outcome::Silent(_))));
    }
    assert_eq!(line.status().phase, LinePhase::Up);
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn f24_a_forwarded_answer_that_comes_late_is_not_taken_for_a_newer_one() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    let line = line(&desk);
    let (report, old) = tokio::join!(line.ask(read(1)), peer.hear());
    assert!(matches!(report.unwrap().end, End::Done(Outcome::Silent(_))));
    let answers = async {
        let request = peer.hear().await;
        assert_ne!(number(&old), number(&request));
        peer.answer(&old, &units(31, &register(1, 0x11))).await;
        assert!(peer.is_quiet(SECOND * 5).await);
        peer.answer(&request, &units(31, &register(1, 0x22))).await;
    };
    let (report, ()) = tokio::join!(line.ask(read(1)), answers);
    assert_eq!(value(&report.unwrap()), Some(vec![0x22, 0, 0, 0]));
    assert_eq!(desk.terminals.status(address()).unwrap().late, 1);
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn f34_a_forwarded_cut_leaves_once_and_not_after_its_time() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    let line = line(&desk);
    // Silence, a denial, and a connection that goes: the outcome is unknown, and nothing leaves again.
    for way in 0..3 {
        let goes = async {
            let request = peer.hear().await;
            assert_eq!(request[31..33], [0x68, 0x1C]);
            if way == 1 {
                peer.deny(&request).await;
            }
            if way == 2 { Some(desk.log_in(5001).await) } else { None }
        };
        let (report, new) = tokio::join!(line.ask(cut(1).retried(3)), goes);
        let end = report.unwrap().end;
        assert!(matches!(end, End::Done(Outcome::Unknown(_))), "way {way}: {end:?}");
        if let Some(new) = new {
            peer = new;
        }
        assert!(peer.is_quiet(SECOND * 200).await, "way {way}: it left again");
    }
    // While the terminal is about something else the time of the order passes: it never leaves.
    let other = desk.terminals.ask(address(), clock_question(Urgency::Nightly));
    let late = async {
        tokio::task::yield_now().await;
        line.ask(cut(1).expiring(Instant::now() + SECOND * 5)).await
    };
    let hears = async {
        let first = peer.hear().await;
        tokio::time::sleep(SECOND * 20).await;
        peer.answer(&first, &clock_units()).await;
        peer.is_quiet(SECOND * 300).await
    };
    let (_, report, is_quiet) = tokio::join!(other, late, hears);
    assert!(is_quiet && matches!(report.unwrap().end, End::Expired));
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn an_order_overtakes_a_read_that_waits_for_its_turn() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    let line = line(&desk);
    let other = desk.terminals.ask(address(), clock_question(Urgency::OnDemand));
    let nightly = Job { lane: Lane::Nightly, ..read(1) };
    let nightly = async {
        tokio::time::sleep(SECOND).await;
        line.ask(nightly).await
    };
    let order = async {
        tokio::time::sleep(SECOND * 2).await;
        line.ask(cut(2)).await
    };
    let answers = async {
        let first = peer.hear().await;
        tokio::time::sleep(SECOND * 10).await;
        peer.answer(&first, &clock_units()).await;
        let second = peer.hear().await;
        assert_eq!(forwarded(&second).1, 2, "the order");
        peer.answer(&second, &units(31, &of_meter(2, 0x9C, &[]))).await;
        let third = peer.hear().await;
        assert_eq!(forwarded(&third).1, 1);
        peer.answer(&third, &units(31, &register(1, 5))).await;
    };
    let (_, nightly, order, ()) = tokio::join!(other, nightly, order, answers);
    assert!(value(&nightly.unwrap()).is_some() && value(&order.unwrap()).is_some());
    desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn i17_no_order_for_a_meter_is_forwarded_past_the_gates_of_its_line() {
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    let forward = |frame: Vec<u8>| Forward {
        port: 31,
        line: gdw1376::request::LineSettings::METER_2400,
        answer_within: gdw1376::request::Wait::Seconds(60),
        byte_timeout: 10,
        frame,
    };
    let timing = gdw1376::dialogue::Timing::FORWARDED;
    let ask = |frame| {
        let request = gdw1376::request::Request::Forward(forward(frame));
        desk.terminals.ask(address(), chaobiao::terminal::Ask::new(request, Urgency::Restore, timing))
    };
    let order = cut(1).question.request().unwrap().to_bytes();
    let refused = ask(order).await.unwrap_err();
    assert_eq!(refused.kind(), "not_allowed");
    let (told, ()) = tokio::join!(ask(read(1).question.request().unwrap().to_bytes()), async {
        let request = peer.hear().await;
        peer.deny(&request).await;
    });
    assert!(told.is_ok());
    assert_eq!(desk.terminals.status(address()).unwrap().requests, 1);
    desk.close().await;
}

/// Whatever the terminal does, at most one frame leaves for each order, and an answer is never another's.
#[tokio::test(start_paused = true)]
async fn f24_at_most_one_frame_leaves_for_an_order_in_any_schedule() {
    let (mut unknown, mut done, mut lost) = (0, 0, 0);
    for seed in 0..60_u64 {
        let desk = Desk::new();
        let mut peer = desk.log_in(5000).await;
        let line = line(&desk);
        let asks = async {
            let mut ends = Vec::new();
            for number in 1..=6 {
                let job = if number % 2 == 0 { cut(number) } else { read(number).retried(1) };
                let end = line.ask(job.until(Instant::now() + SECOND * 400)).await.unwrap().end;
                ends.push((number, end));
            }
            ends
        };
        let mut state = seed;
        let mut draw = move |most: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % most
        };
        let mut orders = Vec::new();
        let mut held: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let behaves = async {
            let mut sessions: u16 = 1;
            loop {
                let Some(request) = peer.hear_or_end().await else {
                    tokio::time::sleep(SECOND).await;
                    sessions += 1;
                    peer = desk.log_in(5000 + sessions).await;
                    continue;
                };
                let (forward, number) = forwarded(&request);
                let is_order = forward.frame[8] == 0x1C;
                if is_order {
                    orders.push(number);
                }
                let inner = if is_order { of_meter(number, 0x9C, &[]) } else { register(number, 5) };
                match draw(6) {
                    0 => {}
                    1 => held.push((request, units(31, &inner))),
                    2 => {
                        sessions += 1;
                        peer = desk.log_in(5000 + sessions).await;
                    }
                    3 => peer.deny(&request).await,
                    _ => {
                        for (old, late) in held.drain(..) {
                            peer.answer(&old, &late).await;
                        }
                        tokio::time::sleep(Duration::from_millis(draw(80_000))).await;
                        peer.answer(&request, &units(31, &inner)).await;
                        if draw(3) == 0 {
                            peer.answer(&request, &units(31, &inner)).await;
                        }
                    }
                }
            }
        };
        let ends = tokio::select! { ends = asks => ends, () = behaves => unreachable!() };
        let mut distinct = orders.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), orders.len(), "seed {seed}: an order left twice: {orders:?}");
        for (number, end) in ends {
            match end {
                End::Done(Outcome::Answered(_)) => done += 1,
                End::Done(Outcome::Unknown(_)) => {
                    assert!(number % 2 == 0);
                    unknown += 1;
                }
                _ => lost += 1,
            }
        }
        desk.close().await;
    }
    assert!(unknown > 10 && done > 100 && lost > 10, "{unknown} {done} {lost}");
}

#[tokio::test(start_paused = true)]
async fn the_line_behind_a_terminal_is_opened_when_it_is_used_and_closed_when_it_is_idle() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::new();
    let mut peer = desk.log_in(5000).await;
    let text = "[database]\npath = \"x.db\"\n";
    let config = Config::parse(std::path::Path::new("chaobiao.toml"), text).unwrap().config;
    let settings = CaptureSettings { directory: folder.path().to_owned(), file_size: 1 << 20, files: 2 };
    let captures = Captures::start(settings, Clock::system()).unwrap();
    let lines = Lines::default();
    let lines = lines.with_terminals(desk.terminals.clone(), &config, &captures, 7, &desk.tasks, &desk.stop);
    assert!(lines.get("nobody").is_none() && lines.get("1100-3040").is_none() && lines.is_empty());
    // By every form of its address it is the same line.
    for name in ["1100-3039", "110012345"] {
        let line = lines.get(name).unwrap();
        assert_eq!((line.name(), lines.len()), ("1100-3039", 1));
        let answers = async {
            let request = peer.hear().await;
            peer.answer(&request, &units(31, &register(1, 5))).await;
        };
        let (report, ()) = tokio::join!(line.ask(read(1)), answers);
        assert!(value(&report.unwrap()).is_some());
    }
    let held = lines.get("1100-3039").unwrap();
    tokio::time::sleep(SECOND * 7200).await;
    assert_eq!(lines.len(), 1, "somebody holds it");
    drop(held);
    tokio::time::sleep(SECOND * 3600).await;
    assert_eq!((lines.len(), lines.iter().count()), (0, 0));
    // Forgotten, it is none; adopted anew, it is another.
    let mut old = lines.get("1100-3039").unwrap().phases();
    desk.terminals.forget(address());
    assert!(lines.get("1100-3039").is_none());
    desk.terminals.adopt(address(), chaobiao::terminal::TerminalSettings::default());
    let _new = lines.get("1100-3039").unwrap();
    old.wait_for(|(phase, _)| *phase == LinePhase::Stopped).await.unwrap();
    desk.close().await;
}
