//! What goes wrong with meters, lines, paths and the task itself, and what it costs the others.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaobiao::channel::{ChannelSettings, End, Job, Lane, LinePhase};
use chaobiao::link::{Direction, Tap};
use dlt645::meter_time::Civil;
use dlt645::password::{DigitOrder, Level, OperatorCode, Password};
use dlt645::relay::{Command, Deadline, Order};
use dlt645::request::Request;
use simulator::bus::settings::Settings;
use simulator::fault::{Kind, Plan, Share};
use simulator::seed::Seed;
use simulator::serve::Server;
use simulator::station::PlainMeter;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::rig::{
    BLOCK, Plans, Rig, Scripted, TOTAL, address, asked, meters, ms, one_request_at_a_time, prompt, rate,
    read, refused, valued, values,
};

fn order(number: u64, command: Command) -> Request {
    Request::relay(Order {
        meter: address(number),
        command,
        deadline: Deadline::at(Civil::new(2026, 11, 21, 17, 45, 0).unwrap()).unwrap(),
        password: Password::new(Level::CONTROL, "000000", DigitOrder::default()).unwrap(),
        operator: OperatorCode::from_wire([1, 0, 0, 0]),
    })
}

// --- refusals ---

#[tokio::test(start_paused = true)]
async fn f10_a_refusal_ends_the_job_and_a_wrong_password_is_never_tried_again() {
    // One bit of the error word after the other; the third is "password wrong or not authorised".
    for bit in 0..7 {
        let station = Scripted::new(2400, move |_, request| refused(1 << bit, request));
        let rig = Rig::new(vec![station], Plans::default());
        let commands = [(Command::Trip, Lane::Control), (Command::ClosePermit, Lane::Restore)];
        for (command, lane) in commands {
            let report = rig.offer(rig.job(order(1, command).into(), lane).retried(9)).await;
            assert_eq!((report.end.kind(), report.tries), ("refused", 1), "bit {bit}");
        }
        for lane in [Lane::Nightly, Lane::OnDemand] {
            let report = rig.offer(rig.job(read(1, TOTAL), lane).retried(9)).await;
            assert_eq!((report.end.kind(), report.tries), ("refused", 1), "bit {bit}");
        }
        assert_eq!(asked(&rig.crossings()).len(), 4, "bit {bit}: nothing was repeated");
        assert_eq!(rig.line.status().tally.refused, 4);
        rig.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_without_an_answer_is_unknown_and_is_not_given_twice() {
    let rig = Rig::new(meters([], 2400), Plans::default());
    for (command, lane) in [(Command::Trip, Lane::Control), (Command::ClosePermit, Lane::Restore)] {
        let report = rig.offer(rig.job(order(1, command).into(), lane).retried(9)).await;
        assert_eq!((report.end.kind(), report.tries), ("unknown", 1));
    }
    let wrong_lane = rig.line.offer(rig.job(order(1, Command::Trip).into(), Lane::Restore)).unwrap_err();
    assert_eq!(
        wrong_lane.reason.kind(),
        "not_allowed",
        "what takes supply does not leave where supply is given back"
    );
    assert_eq!(asked(&rig.crossings()).len(), 2);
    rig.stop().await;
}

// --- echoes and doubles ---

#[tokio::test(start_paused = true)]
async fn f04_an_adapter_that_echoes_changes_nothing() {
    let settings = Settings { echo: true, ..prompt(2400) };
    let rig = Rig::new(meters(1..=4, 2400), Plans { settings, ..Plans::default() });
    let begin = Instant::now();
    for number in (1..=4).cycle().take(40) {
        assert!(values(&rig.read(number, BLOCK, Lane::Nightly).await).is_some());
    }
    assert!(begin.elapsed() <= (ms(325) + ms(30 + 3)) * 40, "{:?}", begin.elapsed());
    let tally = rig.line.status().tally;
    assert_eq!((tally.echoes, tally.late, tally.foreign_requests), (40, 0, 0));
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn f12_two_meters_with_one_address_are_not_believed() {
    // They talk at once, or the second directly behind the first.
    let answer = ms(50) + rate(2400).span(40);
    for (delay, end) in [(ms(50), "silent"), (ms(70), "silent"), (answer + ms(10), "doubtful")] {
        let mut both = meters([1, 1], 2400);
        (both[1].delay, both[1].first_energy) = (delay, 77_777);
        let rig = Rig::new(both, Plans::default());
        let report = rig.offer(rig.job(read(1, BLOCK), Lane::OnDemand).retried(2)).await;
        assert_eq!((report.end.kind(), report.tries, report.answered_at), (end, 3, None), "{delay:?}");
        rig.stop().await;
    }
}

// --- silence ---

#[tokio::test(start_paused = true)]
async fn f11_a_silent_line_costs_a_bounded_time_for_each_job() {
    let rig = Rig::new(meters([], 2400), Plans::default());
    let begin = Instant::now();
    let all: Vec<_> =
        (1..=20).map(|number| rig.offer(rig.job(read(number, BLOCK), Lane::Nightly).retried(2))).collect();
    for job in all {
        let report = job.await;
        assert_eq!((report.end.kind(), report.tries), ("silent", 3));
    }
    // The request, then until the latest answer would have ended.
    let latest = rig.timing.first_byte.max(rig.timing.td_max + rig.timing.wire_time(40));
    let each = rig.timing.wire_time(20) * 2 + latest + ms(3);
    assert!(begin.elapsed() <= each * 60, "{:?} for {:?}", begin.elapsed(), each * 60);
    assert_eq!(one_request_at_a_time(&rig.crossings(), 40), 60);
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn f11_a_meter_at_another_rate_costs_only_itself() {
    let mut all = meters(1..=8, 2400);
    all[2].rate = rate(1200);
    all[5].rate = rate(9600);
    let rig = Rig::new(all, Plans::default());
    let jobs: Vec<_> = (1..=8)
        .map(|number| (number, rig.offer(rig.job(read(number, BLOCK), Lane::Nightly).retried(1))))
        .collect();
    for (number, job) in jobs {
        let report = job.await;
        assert_eq!(values(&report).is_some(), ![3, 6].contains(&number), "{number}: {report:?}");
    }
    assert_eq!(one_request_at_a_time(&rig.crossings(), 40), 10);
    rig.stop().await;
}

// --- chatter ---

#[tokio::test(start_paused = true)]
async fn f11_chatter_is_an_alarm_and_the_line_returns_by_itself() {
    let plan = Plan::new(Seed::new(11)).with(Kind::Chatter, Share::per_million(30_000));
    let rig = Rig::new(meters(1..=8, 2400), Plans { faults: Some(plan), ..Plans::default() });
    let phases = rig.line.phases();
    let (mut answered, mut lost) = (0, 0);
    for number in (1..=8).cycle().take(400) {
        match rig.offer(rig.job(read(number, BLOCK), Lane::Nightly).retried(1)).await.end {
            End::Done(outcome) if outcome.kind() == "answered" => answered += 1,
            _ => lost += 1,
        }
    }
    let (counts, tally) = (rig.every_fault_struck(), rig.line.status().tally);
    println!("{counts}; {answered} answered, {lost} lost, {} alarms", tally.chatters);
    // Each lasts for 2.5 to 6 seconds.
    let struck = counts.of(Kind::Chatter);
    assert!(tally.chatters > 0 && tally.chatters <= struck, "{tally:?}");
    assert!(answered >= 390, "what was not asked then is asked later: {lost} lost");
    assert_eq!((phases.borrow().0, tally.lost), (LinePhase::Up, 0));
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn f11_a_line_that_never_stops_talking_costs_only_its_own_meters() {
    let plan = Plan::new(Seed::new(12)).with(Kind::Chatter, Share::ALL);
    let stuck = Rig::new(meters(1..=4, 2400), Plans { faults: Some(plan), ..Plans::default() });
    let well = Rig::new(meters(1..=4, 2400), Plans::default());
    let begin = Instant::now();
    // Every question, whoever puts it, makes this bus talk on.
    let talking = async {
        let all: Vec<_> = (1..=4)
            .cycle()
            .take(40)
            .map(|number| stuck.offer(stuck.job(read(number, BLOCK), Lane::Nightly)))
            .collect();
        let mut ends = Vec::new();
        for job in all {
            ends.push(job.await.end.kind());
        }
        (ends, begin.elapsed())
    };
    let quiet = async {
        for number in (1..=4).cycle().take(400) {
            assert!(values(&well.read(number, BLOCK, Lane::Nightly).await).is_some());
        }
        begin.elapsed()
    };
    let ((ends, took), of_the_other) = tokio::join!(talking, quiet);
    assert!(
        ends.iter().all(|kind| ["answered", "silent", "line_chatter", "meter_silent"].contains(kind)),
        "{ends:?}"
    );
    assert!(took < Duration::from_secs(40 * 12), "{took:?}");
    assert!(of_the_other <= (ms(325) + ms(30 + 4)) * 400, "the other line has not noticed: {of_the_other:?}");
    assert!(stuck.line.status().tally.chatters > 0);
    assert_eq!(well.line.status().tally.chatters, 0);
    stuck.stop().await;
    well.stop().await;
}

#[tokio::test(start_paused = true)]
async fn f11_while_the_line_talks_orders_go_out_and_the_rest_ends() {
    // A path that says something all the time, whoever asks, until it is told to stop.
    let (talks, written) = (Arc::new(Mutex::new(true)), Arc::new(AtomicU32::new(0)));
    let (still, count) = (Arc::clone(&talks), Arc::clone(&written));
    let rig = Rig::over(ChannelSettings::new("line"), move || {
        let (near, far) = tokio::io::duplex(4096);
        let (still, count) = (Arc::clone(&still), Arc::clone(&count));
        #[expect(clippy::disallowed_methods, reason = "the other end of the line, which ends with the test")]
        tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let (mut reads, mut writes) = tokio::io::split(far);
            let talk = async {
                while *still.lock().unwrap() {
                    writes.write_all(&[0x55; 24]).await.unwrap();
                    tokio::time::sleep(ms(100)).await;
                }
                std::future::pending::<()>().await;
            };
            let hear = async {
                let mut room = [0; 64];
                while let Ok(read @ 1..) = reads.read(&mut room).await {
                    count.fetch_add(u32::try_from(read).unwrap(), Ordering::Relaxed);
                }
            };
            tokio::select! { () = talk => {} () = hear => {} }
        });
        Some(near)
    });
    tokio::time::sleep(ms(2500)).await;
    assert_eq!(rig.line.status().phase, LinePhase::Chattering, "noticed although nobody was asked");
    let begin = Instant::now();
    let night = rig.offer(rig.job(read(1, TOTAL), Lane::Nightly));
    let restore = rig.offer(rig.job(order(2, Command::ClosePermit).into(), Lane::Restore));
    let report = restore.await;
    assert_eq!((report.end.kind(), report.tries), ("unknown", 1));
    assert!(report.waited < ms(4000), "{:?}", report.waited);
    assert_eq!(written.load(Ordering::Relaxed), 32, "the order, and nothing else");
    let report = night.await;
    assert_eq!((report.end, report.tries), (End::LineChatter, 0));
    assert!(begin.elapsed() < ms(12_000), "{:?}", begin.elapsed());
    *talks.lock().unwrap() = false;
    tokio::time::sleep(ms(3000)).await;
    assert_eq!(rig.line.status().phase, LinePhase::Up);
    rig.stop().await;
}

// --- one request at a time ---

#[tokio::test(start_paused = true)]
async fn i16_one_request_is_open_on_a_line_whatever_goes_wrong() {
    let mut requests = 0;
    for (seed, reopens) in [(161, false), (162, true)] {
        let mut plan = Plan::new(Seed::new(seed));
        plan.add("all=2%").unwrap();
        // Answers at another rate, cut ones and chatter are judged by the time they take.
        let settings = Settings { packing: ms(10), ..prompt(9600) };
        let faults = Some(plan);
        let rig = Rig::new(meters(1..=9, 9600), Plans { settings, faults, reopens, ..Plans::default() });
        for round in 0..40 {
            let lanes = [Lane::Nightly, Lane::Nightly, Lane::Interval, Lane::OnDemand, Lane::Housekeeping];
            let jobs = (1..=10).zip(lanes.into_iter().cycle().skip(round % 5));
            let all: Vec<_> =
                jobs.map(|(number, lane)| rig.offer(rig.job(read(number, BLOCK), lane).retried(2))).collect();
            for job in all {
                job.await;
            }
            requests += one_request_at_a_time(&rig.crossings(), 40);
        }
        println!("seed {seed}: {}; {:?}", rig.every_fault_struck(), rig.line.status().tally);
        rig.stop().await;
    }
    println!("{requests} requests, none of them while another was open");
    assert!(requests > 800);
}

#[tokio::test(start_paused = true)]
async fn i16_the_judge_sees_a_request_that_did_not_wait() {
    use tokio::io::AsyncWriteExt;
    let server = Server::new();
    let bus = simulator::bus::Bus::new(prompt(2400), [PlainMeter::new(address(1))]);
    let bus = server.run(bus.with_witness(simulator::bus::witness::Witness::keeping(100)));
    let mut port = bus.memory();
    for pause in [ms(90), ms(1000)] {
        for number in [1, 2] {
            let bytes = Request::read(address(number), BLOCK.parse().unwrap()).to_bytes();
            port.write_all(&bytes).await.unwrap();
            tokio::time::sleep(pause).await;
        }
        tokio::time::sleep(ms(2000)).await;
        let crossings = bus.with(|bus| bus.witness_mut().take());
        let judged = std::panic::catch_unwind(|| one_request_at_a_time(&crossings, 40));
        assert_eq!(judged.is_err(), pause < ms(1000), "a pause of {pause:?}");
    }
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn t03_another_master_is_seen_and_let_finish() {
    use tokio::io::AsyncWriteExt;
    let rig = Rig::new(meters(1..=4, 2400), Plans::default());
    let mut other = rig.another();
    for round in 1..=10 {
        let bytes = Request::read(address(1), BLOCK.parse().unwrap()).to_bytes();
        other.write_all(&bytes).await.unwrap();
        // In the middle of its request, or of the answer to it, or when nobody is asked.
        tokio::time::sleep(ms(30 * round)).await;
        let report = rig.read(2, BLOCK, Lane::Nightly).await;
        assert!(values(&report).is_some(), "round {round}: {report:?}");
        assert_eq!(rig.line.status().tally.foreign_requests, round);
        tokio::time::sleep(ms(500)).await;
    }
    assert!(rig.crossings().iter().all(|crossing| !crossing.collided), "each lets the other finish");
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_taken_back_before_it_leaves_never_leaves() {
    use tokio::io::AsyncWriteExt;
    for pulls_the_path in [false, true] {
        let server = Server::new();
        let bus = server.run(simulator::bus::Bus::new(prompt(2400), meters(1..=2, 2400)));
        let (mut other, ends) = (bus.memory(), bus.clone());
        let (cut, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (path, pipes, mut is_first) = (cut.clone(), tasks.clone(), true);
        let rig = Rig::over(ChannelSettings::new("line"), move || {
            // The first path can be pulled out.
            let pulled = if std::mem::take(&mut is_first) { path.clone() } else { CancellationToken::new() };
            let ((near, mut middle), mut far) = (tokio::io::duplex(256), ends.memory());
            pipes.spawn(async move {
                pulled.run_until_cancelled(tokio::io::copy_bidirectional(&mut middle, &mut far)).await;
            });
            Some(near)
        });
        tokio::time::sleep(ms(10)).await;
        // Another master talks, so the order has to wait for it.
        other.write_all(&Request::read(address(1), BLOCK.parse().unwrap()).to_bytes()).await.unwrap();
        tokio::time::sleep(ms(30)).await;
        let cut_order = rig.offer(rig.job(order(2, Command::Trip).into(), Lane::Control));
        tokio::time::sleep(ms(20)).await;
        assert_eq!(rig.line.status().asking, Some(Lane::Control), "in hand, and nothing has left");
        assert!(cut_order.cancel());
        if pulls_the_path {
            cut.cancel();
        }
        let report = cut_order.await;
        assert_eq!((report.end, report.tries), (End::Cancelled, 0), "{pulls_the_path}");
        tokio::time::sleep(ms(20_000)).await;
        assert_eq!(bus.with(|bus| bus.requests()), 1, "none but the other's: {pulls_the_path}");
        rig.stop().await;
        tasks.close();
        tasks.wait().await;
        server.stop().await;
    }
}

// --- the path ---

#[tokio::test(start_paused = true)]
async fn a_line_without_a_path_ends_its_work_and_returns() {
    let server = Server::new();
    let bus = server.run(simulator::bus::Bus::new(prompt(2400), meters(1..=3, 2400)));
    let (is_there, dials) = (Arc::new(Mutex::new(false)), Arc::new(AtomicU32::new(0)));
    let (there, count) = (Arc::clone(&is_there), Arc::clone(&dials));
    let rig = Rig::over(ChannelSettings::new("line"), move || {
        count.fetch_add(1, Ordering::Relaxed);
        there.lock().unwrap().then(|| bus.memory())
    });
    let begin = Instant::now();
    let report = rig.read(1, TOTAL, Lane::Nightly).await;
    assert_eq!((report.end, report.tries), (End::LineDown, 0));
    assert!((ms(15_000)..ms(17_000)).contains(&begin.elapsed()), "patience: {:?}", begin.elapsed());
    assert_eq!(rig.line.status().phase, LinePhase::Down { reason: "closed" });
    let begin = Instant::now();
    assert_eq!(rig.read(1, TOTAL, Lane::OnDemand).await.end, End::LineDown);
    assert!(begin.elapsed() < ms(2), "once it is known to be down it says so at once");

    tokio::time::sleep(Duration::from_secs(3600)).await;
    let dialled = dials.load(Ordering::Relaxed);
    assert!((60..140).contains(&dialled), "an hour, at most a minute between: {dialled}");
    *is_there.lock().unwrap() = true;
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert!(values(&rig.read(1, TOTAL, Lane::OnDemand).await).is_some());
    rig.stop().await;
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn f06_a_connection_is_opened_anew_before_a_silent_meter_is_asked_again_and_when_all_are_silent() {
    for (reopens, expected) in [(true, [1, 2]), (false, [0, 0])] {
        let rig = Rig::new(meters([50], 2400), Plans { reopens, ..Plans::default() });
        // Asked again at once: on a new connection. Behind another's answer: nothing older can come.
        let at_once = rig.offer(rig.job(read(1, TOTAL), Lane::OnDemand).retried(1)).await;
        assert_eq!((at_once.end.kind(), at_once.tries), ("silent", 2));
        assert!(values(&rig.read(50, TOTAL, Lane::OnDemand).await).is_some());
        assert_eq!(rig.read(1, TOTAL, Lane::OnDemand).await.tries, 1);
        assert_eq!(rig.line.status().tally.reopened, expected[0]);
        assert!(values(&rig.read(50, TOTAL, Lane::OnDemand).await).is_some());
        // After sixteen silent ones the connection itself is in doubt.
        for number in 2..=18 {
            assert_eq!(rig.read(number, TOTAL, Lane::OnDemand).await.end.kind(), "silent");
        }
        assert_eq!(rig.line.status().tally.reopened, expected[1]);
        rig.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn f25_a_path_that_fails_at_once_is_no_busy_loop() {
    let dials = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&dials);
    // Every one opens, and is closed before anything can be said.
    let rig = Rig::over(ChannelSettings::new("line"), move || {
        count.fetch_add(1, Ordering::Relaxed);
        Some(tokio::io::duplex(64).0)
    });
    let report = rig.read(1, TOTAL, Lane::OnDemand).await;
    assert_eq!((&report.end, report.tries), (&End::LineDown, 0), "{report:?}");
    assert!((ms(14_000)..ms(32_000)).contains(&report.waited), "{report:?}");
    tokio::time::sleep(Duration::from_secs(600)).await;
    let dialled = dials.load(Ordering::Relaxed);
    assert!((10..40).contains(&dialled), "{dialled} in ten minutes");
    assert!(matches!(rig.line.status().phase, LinePhase::Down { .. } | LinePhase::Connecting));
    assert_eq!(u64::from(dialled), rig.line.status().tally.lost);
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn f25_a_path_that_takes_a_few_bytes_at_a_time_gets_them_all_and_one_that_takes_none_is_given_up() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (whole, opened) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU32::new(0)));
    let (heard, count) = (Arc::clone(&whole), Arc::clone(&opened));
    let rig = Rig::over(ChannelSettings::new("line"), move || {
        // Three bytes fit into it; the first one is never read.
        let (near, mut far) = tokio::io::duplex(3);
        let (heard, is_first) = (Arc::clone(&heard), count.fetch_add(1, Ordering::Relaxed) == 0);
        #[expect(clippy::disallowed_methods, reason = "the other end of the line, which ends with the test")]
        tokio::spawn(async move {
            let mut room = [0; 20];
            if is_first {
                return tokio::time::sleep(Duration::from_secs(3600)).await;
            }
            while far.read_exact(&mut room).await.is_ok() {
                heard.lock().unwrap().push(room.to_vec());
                let answer = Request::parse_wire(dlt645::edition::Edition::E2007, &room).unwrap();
                assert_eq!(answer, Request::read(address(1), TOTAL.parse().unwrap()));
                let frame = dlt645::frame::WireFrame::parse(&room[4..]).unwrap();
                let mut space = [0; 255];
                let reply = valued(1, &frame.frame(&mut space), ms(0)).unwrap();
                tokio::time::sleep(ms(100)).await;
                far.write_all(&reply.bytes).await.unwrap();
            }
        });
        Some(near)
    });
    let begin = Instant::now();
    let report = rig.offer(rig.job(read(1, TOTAL), Lane::OnDemand)).await;
    assert_eq!(values(&report), Some(vec![1]), "asked again on a new path: {report:?}");
    assert!((ms(5000)..ms(7000)).contains(&begin.elapsed()), "{:?}", begin.elapsed());
    assert_eq!((whole.lock().unwrap().len(), rig.line.status().tally.lost), (1, 1));
    rig.stop().await;
}

// --- the task itself ---

/// Breaks off when a frame for one of these meters is about to leave.
struct Tripwire(Vec<u8>);

impl Tap for Tripwire {
    fn bytes(&mut self, _: std::time::Instant, direction: Direction, bytes: &[u8]) {
        let number = bytes.get(5).copied().unwrap_or_default();
        assert!(direction == Direction::Received || !self.0.contains(&number), "a planted mistake");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_breaks_off_is_begun_anew_and_its_job_says_so() {
    let tap = Box::new(Tripwire(vec![3, 5]));
    let rig = Rig::new(meters(1..=8, 2400), Plans { tap, ..Plans::default() });
    let job = |number: u64| -> Job { rig.job(read(number, TOTAL), Lane::Nightly) };
    let all: Vec<_> = (1..=8).map(|number| (number, rig.offer(job(number)))).collect();
    for (number, pending) in all {
        let report = pending.await;
        if number == 3 || number == 5 {
            assert_eq!((report.end, report.tries), (End::Broken { may_have_left: false }, 2));
        } else {
            assert_eq!(values(&report).map(|values| values.len()), Some(1), "{number}");
        }
    }
    let report = rig.offer(rig.job(order(3, Command::Trip).into(), Lane::Control)).await;
    assert_eq!(
        (report.end, report.tries),
        (End::Broken { may_have_left: true }, 1),
        "once, and not known (R6)"
    );
    assert_eq!(rig.line.status().tally.panics, 5);
    assert!(values(&rig.read(1, TOTAL, Lane::OnDemand).await).is_some());
    rig.stop().await;
}
