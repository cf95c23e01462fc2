//! F5 and F6: answers that come late, old ones, those of others. None is booked as what it is not.

use std::time::Duration;

use chaobiao::channel::{End, Job, JobReport, Lane, LinePhase, Question};
use dlt645::control::{Control, Function};
use dlt645::exchange::{LengthRule, Outcome};
use dlt645::frame::Frame;
use dlt645::request::Request;
use simulator::bus::moment::Moment;
use simulator::bus::rate::Rate;
use simulator::bus::settings::Settings;
use simulator::fault::{Kind, Plan, Share};
use simulator::seed::Seed;
use simulator::station::{Reply, Station};
use tokio::time::Instant;

use crate::rig::{Plans, Rig, address, ms, one_request_at_a_time, rate};

/// A meter whose answers say who gave them, to what, and when: nothing can be mistaken for anything else.
struct Witnessed {
    number: u8,
    rate: Rate,
    delay: Duration,
}

const ITEMS: [u8; 3] = [1, 2, 3];

impl Station for Witnessed {
    fn hear(&mut self, now: Moment, request: &Frame<'_>) -> Option<Reply> {
        let field = address(self.number.into()).field();
        let [item, 0, 1, 0] = *request.data else { return None };
        if request.address != field || request.control.function() != Function::READ {
            return None;
        }
        let millis = now.nanos() / 1_000_000;
        let data = [request.data, &[self.number, item], &millis.to_le_bytes()].concat();
        let frame = Frame { address: field, control: Control::answer(Function::READ), data: &data };
        Reply::frame(&frame, 4, self.delay).ok()
    }

    fn rate(&self, _: Moment) -> Rate {
        self.rate
    }
}

fn question(number: u8, item: u8) -> Question {
    let id = format!("000100{item:02}").parse().unwrap();
    Question::new(Request::read(address(number.into()), id)).expecting(LengthRule::exact([10]))
}

#[derive(Debug, Default)]
struct Judged {
    jobs: u64,
    answered: u64,
    perhaps_old: u64,
    old: u64,
    doubtful: u64,
    silent: u64,
}

impl Judged {
    /// Whoever answered, what, and when: it has to be what was asked, and true while it was asked.
    fn judge(&mut self, asked: (u8, u8), report: &JobReport, start: Instant) {
        self.jobs += 1;
        let answer = match &report.end {
            End::Done(Outcome::Answered(answer)) => answer,
            End::Done(Outcome::Silent(_)) => return self.silent += 1,
            End::MeterSilent => return self.silent += 1,
            End::Doubtful => return self.doubtful += 1,
            other => panic!("{other:?}"),
        };
        self.answered += 1;
        let [number, item, at @ ..] = answer.payload() else { panic!("{answer:?}") };
        assert_eq!((*number, *item), asked, "a value crossed over: {report:?}");
        let at = start + ms(u64::from_le_bytes(at.try_into().unwrap()));
        let (asked_at, answered_at) = (report.asked_at.unwrap(), report.answered_at.unwrap());
        let since = report.perhaps_since.unwrap_or(asked_at);
        assert!(since <= asked_at && asked_at <= answered_at);
        self.perhaps_old += u64::from(report.perhaps_since.is_some());
        self.old += u64::from(at + ms(2) < asked_at);
        assert!(since <= at + ms(2) && at <= answered_at, "of {at:?}, not since {since:?}: {report:?}");
    }
}

/// Runs until so many answers of these kinds came, and judges every value that was taken.
async fn late_answers(seed: u64, faults: &[(Kind, u32)], reopens: bool, schedules: u64) -> Judged {
    let plan = faults.iter().fold(Plan::new(Seed::new(seed)), |plan, (kind, per_mille)| {
        plan.with(*kind, Share::per_million(per_mille * 1000))
    });
    let settings = Settings { rate: rate(9600), packing: ms(10), ..Settings::default() };
    let stations = (1..=4).map(|number| Witnessed { number, rate: rate(9600), delay: ms(20) }).collect();
    let rig = Rig::new(stations, Plans { settings, reopens, faults: Some(plan), ..Plans::default() });
    let (start, numbers) = (Instant::now(), Seed::new(seed).named("questions"));
    let (mut judged, mut drawn) = (Judged::default(), 0);
    let mut draw = |most: i64| {
        drawn += 1;
        u8::try_from(numbers.between(drawn, 0, most)).unwrap()
    };
    let came = |rig: &Rig<_>| {
        let counts = rig.with(|bus| *bus.faults().unwrap().counts());
        faults.iter().map(|(kind, _)| counts.of(*kind)).sum::<u64>()
    };
    while came(&rig) < schedules {
        let mut waiting = Vec::new();
        for _ in 0..32 {
            let asked = (draw(3) + 1, ITEMS[usize::from(draw(2))]);
            let lane = if draw(3) == 0 { Lane::OnDemand } else { Lane::Nightly };
            let job: Job = rig.job(question(asked.0, asked.1), lane).retried(draw(3));
            waiting.push((asked, rig.offer(job)));
        }
        for (asked, pending) in waiting {
            judged.judge(asked, &pending.await, start);
        }
        one_request_at_a_time(&rig.crossings(), 32);
        assert_eq!(rig.line.status().phase, LinePhase::Up);
    }
    let counts = rig.every_fault_struck();
    println!("seed {seed}, reopens {reopens}: {counts}; {judged:?}");
    rig.stop().await;
    judged
}

/// How many late, old and foreign answers there are to be; more than the usual ones take minutes.
fn schedules() -> u64 {
    std::env::var("CHAOBIAO_LATE_ANSWERS").map_or(10_000, |number| number.parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn f05_late_and_foreign_answers_cross_neither_meters_nor_items() {
    let share = schedules() / 4;
    for (seed, reopens) in [(51, false), (52, true)] {
        let kinds = [(Kind::Late, 80), (Kind::Foreign, 80)];
        let judged = late_answers(seed, &kinds, reopens, share).await;
        assert!(judged.answered * 2 > judged.jobs, "{judged:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn f06_a_late_answer_to_the_same_question_says_how_old_it_may_be() {
    let share = schedules() / 4;
    for (seed, reopens) in [(61, false), (62, true)] {
        let judged = late_answers(seed, &[(Kind::Late, 200)], reopens, share / 2).await;
        assert!(judged.old > 0 && judged.perhaps_old > judged.old, "some were old and said so: {judged:?}");
        let judged = late_answers(seed, &[(Kind::Stale, 100)], reopens, share / 2).await;
        assert_eq!((judged.old, judged.perhaps_old), (0, 0), "none that was old was taken: {judged:?}");
    }
}
