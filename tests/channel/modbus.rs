//! Meters that speak Modbus, on a bus of their own and among others: what is read is what was asked, whatever comes late.

use std::time::Duration;

use chaobiao::channel::{
    ChannelSettings, End, Inquiry, Job, JobReport, Lane, LinePhase, RegisterOutcome, RegisterQuestion,
};
use chaobiao::domain::modbus::Table;
use dlt645::frame::Frame;
use simulator::bus::moment::Moment;
use simulator::bus::rate::Rate;
use simulator::bus::settings::Settings;
use simulator::bus::witness::{Crossing, Talker};
use simulator::fault::{Kind, Plan, Share};
use simulator::seed::Seed;
use simulator::station::{ModbusMeter, PlainMeter, Reply, Station, rtu_frame};
use tokio::time::Instant;

use crate::rig::{Plans, Rig, TOTAL, address, ms, prompt, rate, read, values};

/// The number of a unit in the archive: its last three digits count.
fn named(unit: u8) -> u64 {
    70_000 + u64::from(unit)
}

fn question(unit: u8, table: Table, start: u16, count: u16) -> RegisterQuestion {
    RegisterQuestion::new(address(named(unit)), table, start, count).unwrap()
}

fn holding(unit: u8, start: u16, count: u16) -> Inquiry {
    question(unit, Table::Holding, start, count).into()
}

fn words(report: &JobReport) -> Option<&[u16]> {
    match &report.end {
        End::Registers(RegisterOutcome::Answered(registers)) => Some(&registers.words),
        _ => None,
    }
}

fn meter(unit: u8, baud: u32) -> ModbusMeter {
    let words = (0..8).map(|place| u16::from(unit) << 8 | place);
    ModbusMeter::new(unit, rate(baud)).with(3, 0x100, words).with(4, 0, [2301, 2302, 2303])
}

/// What masters sent, without the signs of life.
fn sent(crossings: &[Crossing]) -> Vec<Vec<u8>> {
    let masters = crossings.iter().filter(|crossing| matches!(crossing.talker, Talker::Master(_)));
    masters.map(|crossing| crossing.bytes.clone()).filter(|bytes| !matches!(bytes[1], 1 | 2)).collect()
}

// --- what is read ---

#[tokio::test(start_paused = true)]
async fn registers_are_read_on_a_bus_and_say_when() {
    let rig =
        Rig::new(vec![meter(1, 9600), meter(2, 9600)], Plans { settings: prompt(9600), ..Plans::default() });
    for unit in [1, 2, 1] {
        let report = rig.offer(Job::new(holding(unit, 0x101, 2), Lane::OnDemand, rig.timing)).await;
        let own = u16::from(unit) << 8;
        assert_eq!(words(&report), Some(&[own | 1, own | 2][..]), "{report:?}");
        let (asked, answered) = (report.asked_at.unwrap(), report.answered_at.unwrap());
        let delay = answered - asked;
        assert!(delay >= ms(50) && delay <= ms(52), "{delay:?}");
        assert!(report.is_undisturbed() && report.perhaps_since.is_none());
        let End::Registers(outcome) = &report.end else { panic!("{report:?}") };
        let frames = &outcome.report().frames;
        assert_eq!(frames[0], rtu_frame(unit, &[3, 1, 1, 0, 2]));
        assert_eq!(frames[1].len(), 9);
    }
    let input = rig.offer(Job::new(question(2, Table::Input, 0, 3), Lane::Nightly, rig.timing)).await;
    assert_eq!(words(&input), Some(&[2301, 2302, 2303][..]));
    let none = rig.offer(Job::new(holding(2, 0x107, 2), Lane::Nightly, rig.timing)).await;
    let End::Registers(RegisterOutcome::Refused { refusal, .. }) = none.end else { panic!("{none:?}") };
    assert!(refusal.is_no_data(), "{refusal}");
    let silent = rig.offer(Job::new(holding(9, 0x100, 2), Lane::OnDemand, rig.timing)).await;
    assert_eq!((silent.end.kind(), silent.tries), ("silent", 1));
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn i17_nothing_but_questions_that_read_is_ever_sent() {
    let stations = (1..=3).map(|unit| meter(unit, 9600)).collect();
    let rig = Rig::new(stations, Plans { settings: prompt(9600), ..Plans::default() });
    for (number, lane) in (0..60_u8).zip(Lane::ALL.iter().cycle()) {
        rig.offer(Job::new(holding(number % 4 + 1, 0x100, 2), *lane, rig.timing)).await;
    }
    let crossings = rig.crossings();
    let masters = crossings.iter().filter(|crossing| matches!(crossing.talker, Talker::Master(_)));
    let functions: Vec<u8> = masters.map(|crossing| crossing.bytes[1]).collect();
    assert!(functions.len() >= 60 && functions.iter().all(|function| (1..=4).contains(function)));
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn meters_of_both_kinds_share_a_bus() {
    let plain = |number| PlainMeter { rate: rate(2400), ..PlainMeter::new(address(number)) };
    let stations: Vec<Box<dyn Station + Send>> =
        vec![Box::new(plain(1)), Box::new(meter(1, 2400)), Box::new(plain(2)), Box::new(meter(2, 2400))];
    let rig = Rig::new(stations, Plans::default());
    let mut waiting = Vec::new();
    for number in 1..=2_u8 {
        waiting.push((true, rig.offer(Job::new(read(number.into(), TOTAL), Lane::Nightly, rig.timing))));
        waiting.push((false, rig.offer(Job::new(holding(number, 0x100, 4), Lane::Nightly, rig.timing))));
    }
    for (is_plain, job) in waiting {
        let report = job.await;
        let came = if is_plain { values(&report).is_some() } else { words(&report).is_some() };
        assert!(came, "{report:?}");
    }
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_urgent_waits_for_one_frame_only() {
    let rig =
        Rig::new(vec![meter(1, 9600), meter(2, 9600)], Plans { settings: prompt(9600), ..Plans::default() });
    let nightly = rig.offer(Job::new(holding(1, 0x100, 2), Lane::Nightly, rig.timing));
    rig.until_asking().await;
    let urgent = rig.offer(Job::new(holding(2, 0x100, 2), Lane::OnDemand, rig.timing));
    assert!(words(&urgent.await).is_some() && words(&nightly.await).is_some());
    let crossings = rig.crossings();
    let masters = crossings.iter().filter(|crossing| matches!(crossing.talker, Talker::Master(_)));
    let asked: Vec<(u8, u8)> = masters.map(|crossing| (crossing.bytes[0], crossing.bytes[1])).collect();
    assert_eq!(asked, [(1, 2), (2, 2), (2, 3), (1, 3)], "its sign of life, and it makes room");
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_meter_with_a_rate_of_its_own_and_one_that_is_busy_are_told() {
    let busy = ModbusMeter { refuses_with: Some(6), ..meter(1, 9600) };
    let rig = Rig::new(vec![busy], Plans { settings: prompt(9600), ..Plans::default() });
    let report = rig.offer(Job::new(holding(1, 0x100, 2), Lane::OnDemand, rig.timing)).await;
    let End::Registers(RegisterOutcome::Refused { refusal, .. }) = report.end else { panic!("{report:?}") };
    assert!(!refusal.is_no_data());
    assert_eq!(refusal.to_string(), "exception 06, it is busy");
    rig.stop().await;
}

// --- what comes late ---

/// A meter that answers one question after the other, some of them far too late, and says in each answer who answers, what
/// was asked and when: nothing can be mistaken for anything else.
struct Slow {
    unit: u8,
    rate: Rate,
    seed: Seed,
    drawn: u64,
    /// It is about its earlier answers until then.
    busy_until: u64,
    /// One answer in so many is late.
    one_in: i64,
    /// It does not refuse what it does not have.
    is_silent_on_bits: bool,
}

impl Slow {
    fn new(unit: u8, seed: Seed) -> Self {
        let (rate, seed) = (rate(9600), seed.named(&format!("unit {unit}")));
        Self { unit, rate, seed, drawn: 0, busy_until: 0, one_in: 6, is_silent_on_bits: false }
    }

    fn delay(&mut self, now: Moment) -> Duration {
        self.drawn += 1;
        let late = self.seed.between(self.drawn * 2, 1, self.one_in) == 1;
        let (least, most) = if late { (600, 4000) } else { (10, 120) };
        let millis = u64::try_from(self.seed.between(self.drawn * 2 + 1, least, most)).unwrap();
        let begins = (now.nanos() + millis * 1_000_000).max(self.busy_until);
        // As long as its answer takes.
        self.busy_until = begins + 20_000_000;
        Duration::from_nanos(begins - now.nanos())
    }
}

impl Station for Slow {
    fn hear(&mut self, _: Moment, _: &Frame<'_>) -> Option<Reply> {
        None
    }

    fn hear_rtu(&mut self, now: Moment, question: &[u8]) -> Option<Reply> {
        let [unit, function, start_high, start_low, 0, count, ..] = *question else { return None };
        if unit != self.unit {
            return None;
        }
        let said = match function {
            3 | 4 => {
                let millis = u32::try_from(now.nanos() / 1_000_000).unwrap().to_be_bytes();
                let mut said = vec![function, count * 2, unit, function, start_high, start_low];
                said.extend(millis);
                said.resize(2 + usize::from(count) * 2, 0);
                said
            }
            _ if self.is_silent_on_bits => return None,
            _ => vec![function | 0x80, 1],
        };
        Some(Reply::new(rtu_frame(unit, &said), self.delay(now)))
    }

    fn rate(&self, _: Moment) -> Rate {
        self.rate
    }
}

#[derive(Debug, Default)]
struct Judged {
    jobs: u64,
    answered: u64,
    silent: u64,
    doubtful: u64,
    wrong: u64,
    old: u64,
}

impl Judged {
    /// Whoever answered, what, and when: it has to be what was asked, and true while it was asked.
    fn judge(&mut self, asked: (u8, Table, u16), report: &JobReport, start: Instant) {
        self.jobs += 1;
        match &report.end {
            End::Registers(RegisterOutcome::Answered(registers)) => {
                self.answered += 1;
                let [who, place, high, low] = *registers.words else { panic!("{report:?}") };
                let own = u16::from(asked.0) << 8 | u16::from(asked.1.function());
                if (who, place) != (own, asked.2) {
                    self.wrong += 1;
                    println!("asked {asked:?}, got {:?}", registers.words);
                }
                let at = start + ms(u64::from(high) << 16 | u64::from(low));
                let asked_at = report.asked_at.unwrap();
                // An old one is older than any limit; the bus dates a write back by some milliseconds.
                if at + ms(50) < asked_at {
                    self.old += 1;
                    println!(
                        "asked {asked:?} at {:?}, got what held {:?} before",
                        asked_at - start,
                        asked_at - at
                    );
                }
            }
            End::Registers(RegisterOutcome::Silent(_) | RegisterOutcome::NotAsked(..)) | End::MeterSilent => {
                self.silent += 1;
            }
            End::Doubtful => self.doubtful += 1,
            other => panic!("{other:?}"),
        }
    }
}

/// Asks slow meters for registers of one length until so many answers came too late, and judges all that was taken.
async fn late_answers(seed: u64, faults: &[(Kind, u32)], one_in: i64, reopens: bool, late: u64) -> Judged {
    let plan = faults.iter().fold(Plan::new(Seed::new(seed)), |plan, (kind, per_mille)| {
        plan.with(*kind, Share::per_million(per_mille * 1000))
    });
    let settings = Settings { rate: rate(9600), packing: ms(5), ..Settings::default() };
    let stations = (1..=4).map(|unit| Slow { one_in, ..Slow::new(unit, Seed::new(seed)) }).collect();
    let rig = Rig::new(stations, Plans { settings, reopens, faults: Some(plan), ..Plans::default() });
    let (start, numbers) = (Instant::now(), Seed::new(seed).named("questions"));
    let (mut judged, mut drawn) = (Judged::default(), 0);
    let mut draw = |most: i64| {
        drawn += 1;
        u8::try_from(numbers.between(drawn, 0, most)).unwrap()
    };
    while rig.line.status().tally.late < late {
        let mut waiting = Vec::new();
        for _ in 0..32 {
            let table = if draw(3) == 0 { Table::Input } else { Table::Holding };
            let asked = (draw(3) + 1, table, u16::from(draw(4)) * 0x10);
            let lane = if draw(3) == 0 { Lane::OnDemand } else { Lane::Nightly };
            let inquiry = question(asked.0, asked.1, asked.2, 4);
            waiting.push((asked, rig.offer(Job::new(inquiry, lane, rig.timing).retried(draw(3)))));
        }
        for (asked, pending) in waiting {
            judged.judge(asked, &pending.await, start);
        }
        assert_eq!(rig.line.status().phase, LinePhase::Up);
    }
    let tally = rig.line.status().tally;
    if !faults.is_empty() {
        rig.every_fault_struck();
    }
    println!("seed {seed}, reopens {reopens}: {} late; {judged:?}", tally.late);
    rig.stop().await;
    judged
}

/// How many late answers there are to be; more than the usual ones take minutes.
fn schedules() -> u64 {
    std::env::var("CHAOBIAO_LATE_ANSWERS").map_or(2_000, |number| number.parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn f05_f06_late_registers_are_never_taken_for_others_of_the_same_length() {
    for (seed, reopens) in [(71, false), (72, true)] {
        let judged = late_answers(seed, &[], 6, reopens, schedules() / 2).await;
        assert_eq!((judged.wrong, judged.old), (0, 0), "{judged:?}");
        assert!(judged.answered * 2 > judged.jobs && judged.silent > 0, "{judged:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn f05_f07_f08_late_registers_among_noise_silence_copies_and_answers_of_others() {
    let kinds = [
        (Kind::Silence, 30),
        (Kind::NoiseBefore, 20),
        (Kind::NoiseBehind, 20),
        (Kind::Flip, 20),
        (Kind::Cut, 20),
        (Kind::LostByte, 20),
        (Kind::Duplicate, 20),
    ];
    let judged = late_answers(73, &kinds, 8, false, schedules() / 2).await;
    assert_eq!((judged.wrong, judged.old), (0, 0), "{judged:?}");
    assert!(judged.answered * 2 > judged.jobs, "{judged:?}");
}

/// Tells how one answer that came too late is met: during the next question, for other registers of the same length.
#[tokio::test(start_paused = true)]
async fn f05_one_late_answer_meets_the_next_question_and_is_dropped() {
    /// Its second answer takes 1.2 s, and what is asked in the meantime is answered behind that.
    struct Once(Slow, u64);
    impl Station for Once {
        fn hear(&mut self, _: Moment, _: &Frame<'_>) -> Option<Reply> {
            None
        }
        fn hear_rtu(&mut self, now: Moment, question: &[u8]) -> Option<Reply> {
            let reply = self.0.hear_rtu(now, question)?;
            let takes = if self.0.drawn == 2 { 1_200_000_000 } else { 20_000_000 };
            let begins = (now.nanos() + takes).max(self.1);
            self.1 = begins + 20_000_000;
            Some(Reply { delay: Duration::from_nanos(begins - now.nanos()), ..reply })
        }
        fn rate(&self, now: Moment) -> Rate {
            self.0.rate(now)
        }
    }
    let once = Once(Slow::new(1, Seed::new(1)), 0);
    let rig = Rig::new(vec![once], Plans { settings: prompt(9600), ..Plans::default() });
    let ask = |start| Job::new(question(1, Table::Holding, start, 4), Lane::OnDemand, rig.timing);
    let (first, second) = (rig.offer(ask(0x10)), rig.offer(ask(0x20)));
    let (first, second) = (first.await, second.await);
    assert_eq!(first.end.kind(), "silent", "{first:?}");
    // The sign of life in front of the second is where the late answer was heard.
    assert_eq!(words(&second).map(|words| words[1]), Some(0x20), "{second:?}");
    assert!(rig.line.status().tally.late >= 1);
    let functions: Vec<u8> = rig
        .crossings()
        .iter()
        .filter(|crossing| matches!(crossing.talker, Talker::Master(_)))
        .map(|crossing| crossing.bytes[1])
        .collect();
    assert_eq!(
        functions,
        [2, 3, 2, 3],
        "a sign of life, a question that stays open, another sign, the next question"
    );
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn f06_a_meter_that_answers_no_sign_of_life_is_left_alone_for_a_minute() {
    let slow = Slow { one_in: 1_000_000, is_silent_on_bits: true, ..Slow::new(1, Seed::new(1)) };
    let rig = Rig::new(vec![slow], Plans { settings: prompt(9600), ..Plans::default() });
    let ask = || rig.offer(Job::new(question(1, Table::Holding, 0, 4), Lane::OnDemand, rig.timing));
    let begun = Instant::now();
    let mut ends = Vec::new();
    while !ends.contains(&"answered") {
        ends.push(ask().await.end.kind());
        tokio::time::sleep(ms(5000)).await;
    }
    let took = begun.elapsed();
    assert!(took >= ms(60_000) && took < ms(75_000), "{took:?}: {ends:?}");
    assert_eq!(ask().await.end.kind(), "answered", "and from then on at once");
    assert_eq!(sent(&rig.crossings()).len(), 2);
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_offered_in_the_wrong_framing_is_refused() {
    let channel =
        ChannelSettings { framing: chaobiao::config::Framing::ModbusTcp, ..ChannelSettings::new("line") };
    let rig = Rig::new(vec![meter(1, 9600)], Plans { settings: prompt(9600), channel, ..Plans::default() });
    let refused = rig.line.offer(Job::new(read(1, TOTAL), Lane::OnDemand, rig.timing)).unwrap_err();
    assert_eq!(refused.reason.kind(), "not_allowed");
    rig.stop().await;
}
