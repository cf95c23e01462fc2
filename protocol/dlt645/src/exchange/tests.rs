//! The exchange against scripted lines and against little meters of its own.

mod faults;
mod model;
mod pieces;
mod schedules;

use std::time::{Duration, Instant};

use super::*;
use crate::address::AddressPattern;
use crate::commissioning::OneMeterOnLine;
use crate::edition::Edition;
use crate::password::{Credentials, OperatorCode, Password};
use crate::relay::{Command, Deadline, Order};
use crate::request::{Freeze, Output, Rate};
use crate::response::Refusal;

use model::{METER, OTHER, framed};

const ENERGY: [u8; 4] = [0x00, 0x00, 0x01, 0x00];

#[expect(clippy::disallowed_methods, reason = "an instant can be had in no other way; nothing waits for it")]
fn epoch() -> Instant {
    Instant::now()
}

/// At least so many cases; more where PROPTEST_CASES asks for them.
fn cases(least: u32) -> proptest::test_runner::Config {
    let usual = proptest::test_runner::Config::default();
    proptest::test_runner::Config { cases: usual.cases.max(least), failure_persistence: None, ..usual }
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Without preamble and with short drains, so that figures are easy to see.
fn timing() -> Timing {
    Timing { wake_up_bytes: 0, first_byte: ms(600), retries: 0, ..Timing::serial(9600) }
}

fn meter() -> crate::address::MeterAddress {
    crate::address::AddressField::from_wire(METER).as_meter().unwrap()
}

fn credentials() -> Credentials {
    Credentials {
        password: Password::from_wire([2, 0x56, 0x34, 0x12]).unwrap(),
        operator: OperatorCode::default(),
    }
}

fn read(item: &str) -> Request {
    Request::read(meter(), item.parse().unwrap())
}

fn energy() -> Request {
    read("00010000")
}

fn trip() -> Request {
    let moment = crate::meter_time::Civil::new(2026, 11, 21, 10, 30, 0).unwrap();
    Request::relay(Order {
        meter: meter(),
        command: Command::Trip,
        deadline: Deadline::at(moment).unwrap(),
        password: credentials().password,
        operator: OperatorCode::default(),
    })
}

/// The answer to [`energy`], 1234.56 kWh.
fn energy_answer() -> Vec<u8> {
    framed(METER, 0x91, &[0x00, 0x00, 0x01, 0x00, 0x56, 0x34, 0x12, 0x00])
}

/// What comes of a request whose last byte left at the given time: bytes, each so long after it.
type Answering<'a> = &'a mut dyn FnMut(&[u8], Instant) -> Vec<(Duration, Vec<u8>)>;

/// A line in simulated time: what comes when, and the exchange on it.
struct Line {
    exchange: Exchange,
    now: Instant,
    /// What is under way to the master.
    coming: Vec<(Instant, Vec<u8>)>,
    /// Every request that was sent, with the time its last byte left.
    sent: Vec<(Instant, Vec<u8>)>,
}

impl Line {
    fn new(request: Request, timing: Timing) -> Self {
        Self::at(epoch(), request, timing)
    }

    fn at(now: Instant, request: Request, timing: Timing) -> Self {
        Self { exchange: Exchange::begin(request, timing, now), now, coming: Vec::new(), sent: Vec::new() }
    }

    fn expecting(mut self, lengths: &[usize]) -> Self {
        self.exchange = self.exchange.expecting(LengthRule::exact(lengths.iter().copied()));
        self
    }

    /// Sends what is to be sent; `answer` says what comes of it, each after so long.
    fn send(&mut self, answer: Answering<'_>) {
        let Some(bytes) = self.exchange.poll_transmit().map(<[u8]>::to_vec) else { return };
        self.now += self.exchange.talk.timing.wire_time(bytes.len());
        self.exchange.transmitted(self.now);
        let came = answer(&bytes, self.now).into_iter().map(|(after, bytes)| (self.now + after, bytes));
        self.coming.extend(came.collect::<Vec<_>>());
        self.coming.sort_by_key(|(at, _)| *at);
        self.sent.push((self.now, bytes));
    }

    /// The next thing that happens before `until`; false when nothing does.
    fn step(&mut self, until: Option<Instant>) -> bool {
        let due = self.exchange.poll_timeout();
        let comes = self.coming.first().map(|(at, _)| *at);
        let Some(next) = due.into_iter().chain(comes).min() else { return false };
        if until.is_some_and(|until| next > until) {
            return false;
        }
        self.now = self.now.max(next);
        if comes == Some(next) {
            let (_, bytes) = self.coming.remove(0);
            self.exchange.handle_bytes(&bytes, self.now);
        } else {
            self.exchange.handle_timeout(self.now);
        }
        true
    }

    /// Runs to the outcome.
    fn run(&mut self, answer: Answering<'_>) -> Outcome {
        for _ in 0..100_000 {
            self.send(answer);
            if let Some(outcome) = self.exchange.poll() {
                return outcome;
            }
            assert!(self.step(None), "the exchange neither sends nor waits nor ends");
        }
        panic!("the exchange does not end");
    }

    /// Lets time pass until the line is free.
    fn rest(&mut self) {
        while self.step(self.exchange.poll_quiet_until()) {}
        self.now = self.now.max(self.exchange.poll_quiet_until().unwrap());
        self.exchange.handle_timeout(self.now);
    }

    fn count(&self, reason: Unfit) -> u32 {
        self.exchange.counters().of(reason)
    }
}

/// The outcome when `coming` arrives after the only request, and the line afterwards.
fn hear(request: Request, coming: Vec<(Duration, Vec<u8>)>) -> (Outcome, Line) {
    let mut line = Line::new(request, timing());
    let outcome = line.run(&mut |_, _| coming.clone());
    (outcome, line)
}

/// Its payload, when it is an answer.
fn payload(outcome: &Outcome) -> Option<&[u8]> {
    match outcome {
        Outcome::Answered(answer) => Some(answer.payload()),
        _ => None,
    }
}

// covers [645-2007 3] [645-1997 2]
#[test]
fn each_kind_of_request_takes_its_own_answer() {
    let new = Password::from_wire([2, 0x66, 0x55, 0x44]).unwrap();
    let item = || "04000102".parse().unwrap();
    let cases = [
        (energy(), 0x91, vec![0, 0, 1, 0, 0x56, 0x34, 0x12, 0]),
        (Request::read_address(), 0x93, METER.to_vec()),
        (Request::write(meter(), item(), credentials(), [0x30, 0x15, 0x10]).unwrap(), 0x94, vec![]),
        (Request::freeze(meter(), Freeze::Now).unwrap(), 0x96, vec![]),
        (Request::change_rate(Edition::E2007, meter(), Rate::B9600).unwrap(), 0x97, vec![0x20]),
        (
            Request::change_password(Edition::E2007, meter(), credentials().password, new),
            0x98,
            vec![2, 0x66, 0x55, 0x44],
        ),
        (Request::clear_demand(Edition::E2007, meter(), credentials()), 0x99, vec![]),
        (Request::clear_meter(meter(), credentials()), 0x9A, vec![]),
        (trip(), 0x9C, vec![]),
        (trip(), 0x9C, vec![4, 0]),
        (Request::multifunction_output(meter(), Output::DemandPeriod), 0x9D, vec![1]),
        (Request::multifunction_output(meter(), Output::DemandPeriod), 0x9D, vec![]),
        (Request::read(meter(), "9010".parse().unwrap()), 0x81, vec![0x10, 0x90, 1, 0, 0, 0]),
        (Request::reread(meter()), 0x83, vec![0x10, 0x90, 1, 0, 0, 0]),
        (Request::clear_demand(Edition::E1997, meter(), credentials()), 0x90, vec![]),
    ];
    for (request, control, data) in cases {
        let shown = format!("{request:?}");
        let (outcome, line) = hear(request, vec![(ms(50), framed(METER, control, &data))]);
        assert_eq!(outcome.kind(), "answered", "{shown}");
        assert_eq!(outcome.report().attempts, 1);
        assert_eq!(outcome.report().first_byte_delay, Some(ms(50)));
        assert_eq!(line.exchange.poll_quiet_until(), Some(outcome.report().ended_at + ms(30)));
        assert!(line.exchange.poll_timeout().is_none());
    }
}

#[test]
fn f08_a_confirmation_of_something_else_is_no_answer() {
    let new = Password::from_wire([2, 0x66, 0x55, 0x44]).unwrap();
    let cases = [
        (Request::change_rate(Edition::E2007, meter(), Rate::B9600).unwrap(), 0x97, vec![0x10]),
        (
            Request::change_password(Edition::E2007, meter(), credentials().password, new),
            0x98,
            vec![2, 0, 0, 0],
        ),
        (Request::multifunction_output(meter(), Output::DemandPeriod), 0x9D, vec![0]),
    ];
    for (request, control, data) in cases {
        let (outcome, line) = hear(request, vec![(ms(50), framed(METER, control, &data))]);
        assert_eq!(outcome.kind(), "unknown");
        assert_eq!(line.count(Unfit::Contradiction), 1);
    }
    let (outcome, line) = hear(Request::read_address(), vec![(ms(50), framed(METER, 0x93, &OTHER))]);
    assert_eq!(
        (outcome.kind(), line.count(Unfit::Contradiction)),
        ("silent", 1),
        "two addresses in one answer"
    );
    let (outcome, _) = hear(Request::read_address(), vec![(ms(50), framed([0xAA; 6], 0x93, &METER))]);
    assert_eq!(outcome.kind(), "answered", "a meter that keeps AA in the address field");
}

#[test]
fn a_wildcard_takes_who_answers_first_and_names_it() {
    let request = Request::read(AddressPattern::ANY, "00010000".parse().unwrap());
    let (outcome, mut line) = hear(
        request,
        vec![(ms(50), energy_answer()), (ms(60), framed(OTHER, 0x91, &[0, 0, 1, 0, 1, 0, 0, 0]))],
    );
    let Outcome::Answered(answer) = outcome else { panic!("{outcome:?}") };
    assert_eq!(answer.address.wire(), METER);
    line.rest();
    assert_eq!(line.count(Unfit::ForeignAnswer), 1);
    let pattern = AddressPattern::keeping(meter(), 4).unwrap();
    let request = Request::read(pattern, "00010000".parse().unwrap());
    let (outcome, line) = hear(request, vec![(ms(50), framed(OTHER, 0x91, &[0, 0, 1, 0, 1, 0, 0, 0]))]);
    assert_eq!((outcome.kind(), line.count(Unfit::ForeignAnswer)), ("silent", 1), "not among those asked");
}

#[test]
fn a_broadcast_is_sent_and_nobody_is_waited_for() {
    let (outcome, mut line) = hear(Request::freeze_all(Freeze::Now).unwrap(), vec![]);
    assert_eq!(outcome.kind(), "sent");
    assert_eq!(line.exchange.poll_quiet_until(), Some(line.now + ms(600)), "as after silence");
    let echo = line.sent[0].1.clone();
    line.exchange.handle_bytes(&echo, line.now + ms(10));
    assert_eq!((line.count(Unfit::Echo), line.count(Unfit::ForeignRequest)), (1, 0));
}

// covers [645-2007 4 write address] [645-2007 13]
#[test]
fn a_meter_confirms_its_address_under_the_new_one() {
    let order = WriteAddress::new(Edition::E2007, meter(), OneMeterOnLine::promised());
    let now = epoch();
    for (from, kind) in [(METER, "answered"), (OTHER, "unknown")] {
        let exchange = Exchange::begin_commissioning(order, timing(), now);
        let mut line = Line { exchange, now, coming: vec![], sent: vec![] };
        let outcome = line.run(&mut |_, _| vec![(ms(40), framed(from, 0x95, &[]))]);
        assert_eq!((outcome.kind(), outcome.report().attempts), (kind, 1));
    }
}

#[test]
fn security_frames_bring_their_length_along() {
    let data = crate::security::SecurityData::new("070000FF".parse().unwrap(), [0; 24]).unwrap();
    let request = Request::security(meter(), OperatorCode::default(), data);
    let mut answer = vec![0xFF, 0, 0, 7];
    answer.extend([1; 12]);
    let (outcome, _) = hear(request.clone(), vec![(ms(40), framed(METER, 0x83, &answer))]);
    assert_eq!(payload(&outcome), Some(&[1; 12][..]));
    let (outcome, line) = hear(request.clone(), vec![(ms(40), framed(METER, 0x83, &answer[..15]))]);
    assert_eq!((outcome.kind(), line.count(Unfit::WrongLength)), ("unknown", 1));
    let (outcome, _) = hear(request, vec![(ms(40), framed(METER, 0xC3, &[8, 0]))]);
    let Outcome::Refused { refusal, .. } = outcome else { panic!("{outcome:?}") };
    assert!(matches!(refusal, Refusal::Security(_)) && refusal.is_not_authorised());
}

#[test]
fn t24_no_password_stands_in_a_report() {
    let secret = [0x71, 0x62, 0x53];
    let new = Password::from_wire([2, 0x71, 0x62, 0x53]).unwrap();
    let request = Request::change_password(Edition::E2007, meter(), new.clone(), new);
    let other = Request::clear_meter(
        crate::address::AddressField::from_wire(OTHER).as_meter().unwrap(),
        Credentials {
            password: Password::from_wire([2, 0x71, 0x62, 0x53]).unwrap(),
            operator: OperatorCode::default(),
        },
    );
    let coming = vec![(ms(20), other.to_bytes()), (ms(50), framed(METER, 0x98, &[2, 0x71, 0x62, 0x53]))];
    let (outcome, line) = hear(request, coming);
    let report = outcome.report();
    assert_eq!((outcome.kind(), report.frames.len(), report.refused_frames.len()), ("answered", 1, 1));
    for frame in report.frames.iter().chain(report.refused_frames.iter().map(|(_, frame)| frame)) {
        let masked = secret.map(|byte: u8| byte.wrapping_add(0x33));
        assert!(!frame.windows(3).any(|bytes| bytes == secret || bytes == masked), "{frame:02X?}");
    }
    let shown = format!("{outcome:?} {:?}", line.exchange);
    assert!(!shown.contains("113, 98, 83") && !shown.contains("164, 149, 134"), "{shown}");
}
