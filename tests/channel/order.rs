//! Who is asked when: lanes in their order, urgent work between two frames, and nobody behind a dead meter.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use chaobiao::channel::{Capacities, ChannelSettings, End, Job, Lane, Progress, Refusal};
use chaobiao::link::Ours;
use dlt645::control::{Control, Function};
use dlt645::exchange::{LengthRule, Outcome};
use dlt645::frame::Frame;
use simulator::station::Reply;
use tokio::time::Instant;

use crate::rig::{Plans, Rig, Scripted, TOTAL, asked, meters, ms, prompt, read, valued, values};

#[tokio::test(start_paused = true)]
async fn lanes_are_done_in_their_order() {
    let rig = Rig::new(meters(1..=30, 2400), Plans::default());
    // While the first is asked, all the others come, the least urgent first; three in each lane.
    let first = rig.offer(rig.job(read(30, TOTAL), Lane::Housekeeping));
    rig.until_asking().await;
    let jobs = Lane::ALL.into_iter().rev().flat_map(|lane| [lane; 3]).zip(1..);
    let all: Vec<_> = jobs.map(|(lane, number)| rig.offer(rig.job(read(number, TOTAL), lane))).collect();
    assert_eq!(all[0].progress(), Progress::Waiting { before: 18 });
    assert_eq!(all[18].progress(), Progress::Waiting { before: 0 });
    first.await;
    for job in all {
        assert!(values(&job.await).is_some());
    }
    let in_order = (0..7).rev().flat_map(|lane| lane * 3 + 1..lane * 3 + 4);
    let expected: Vec<u64> = [30].into_iter().chain(in_order).collect();
    assert_eq!(asked(&rig.crossings()), expected);
    rig.stop().await;
}

/// A meter whose answers have so many pieces, which it gives as often as it is asked.
fn talkative(baud: u32, pieces: u8) -> Scripted {
    Scripted::new(baud, move |number, request| match request.control.function() {
        Function::READ if number == 1 => {
            let data = [request.data, &[0x11; 100]].concat();
            let control = Control::answer_with_more(Function::READ);
            Reply::frame(&Frame { address: request.address, control, data: &data }, 0, ms(30)).ok()
        }
        Function::READ_SUBSEQUENT if number == 1 => {
            let sequence = *request.data.last()?;
            let data = [&request.data[..4], &[0x11; 100], &[sequence]].concat();
            let function = Function::READ_SUBSEQUENT;
            let is_last = sequence + 1 >= pieces;
            let control =
                if is_last { Control::answer(function) } else { Control::answer_with_more(function) };
            Reply::frame(&Frame { address: request.address, control, data: &data }, 0, ms(30)).ok()
        }
        Function::READ => valued(number, request, ms(30)),
        _ => None,
    })
}

#[tokio::test(start_paused = true)]
async fn urgent_work_waits_for_one_frame_of_a_long_answer() {
    let rig = Rig::new(vec![talkative(2400, 8)], Plans::default());
    let mut long = read(1, TOTAL);
    long.length = LengthRule::Any;
    let frame = rig.timing.wire_time(20 + 117 + 4) + ms(30 + 30 + 5);
    for (urgent, interrupts) in [
        (Lane::Restore, true),
        (Lane::Control, true),
        (Lane::OnDemand, true),
        (Lane::Reread, false),
        (Lane::Nightly, false),
    ] {
        let pending = rig.offer(rig.job(long.clone(), Lane::Nightly));
        rig.until_asking().await;
        tokio::time::sleep(frame * 3 + ms(100)).await;
        let begin = Instant::now();
        let report = rig.offer(rig.job(read(2, TOTAL), urgent)).await;
        let own = rig.timing.wire_time(20 + 20) + ms(30 + 30 + 5);
        assert_eq!(values(&report), Some(vec![2]));
        assert_eq!(begin.elapsed() <= frame + own, interrupts, "{urgent:?} took {:?}", begin.elapsed());
        let whole = pending.await;
        let End::Done(Outcome::Answered(answer)) = &whole.end else { panic!("{whole:?}") };
        assert_eq!((answer.payload().len(), whole.tries), (800, if interrupts { 2 } else { 1 }));
    }
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_long_answer_is_not_put_off_for_ever() {
    let rig = Rig::new(vec![talkative(9600, 8)], Plans { settings: prompt(9600), ..Plans::default() });
    let mut long = read(1, TOTAL);
    long.length = LengthRule::Any;
    let pending = rig.offer(rig.job(long, Lane::Nightly));
    let stop = tokio_util::sync::CancellationToken::new();
    let offers = async {
        while !stop.is_cancelled() {
            rig.read(2, TOTAL, Lane::OnDemand).await;
            tokio::time::sleep(ms(400)).await;
        }
    };
    let whole = async {
        let report = pending.await;
        stop.cancel();
        report
    };
    let (report, ()) = tokio::join!(whole, offers);
    assert_eq!((report.end.kind(), report.tries), ("answered", 4), "three times it makes room");
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_waits_behind_a_dead_meter() {
    // Meters 1 and 2 are dead. Each of ten has six jobs, those of the dead ones come first.
    let rig = Rig::new(meters(3..=10, 2400), Plans::default());
    let begin = Instant::now();
    let jobs = (1..=10).flat_map(|number| [number; 6]);
    let all: Vec<_> = jobs
        .map(|number| (number, rig.offer(rig.job(read(number, TOTAL), Lane::Nightly).retried(1))))
        .collect();
    let (mut living, mut dead) = (ms(0), Vec::new());
    for (number, job) in all.into_iter().rev() {
        let report = job.await;
        if number > 2 {
            assert_eq!(values(&report).map(|values| values.len()), Some(1), "{number}");
            living = living.max(begin.elapsed());
        } else {
            dead.push(report);
        }
    }
    // The living wait for each dead meter once at most.
    let exchange = rig.timing.wire_time(20 + 24) + ms(50 + 30 + 3);
    let silence = rig.timing.wire_time(20) + rig.timing.first_byte + ms(3);
    assert!(living <= exchange * 48 + silence * 2, "{living:?}");
    let order = asked(&rig.crossings());
    let last_living = order.iter().rposition(|number| *number > 2).unwrap();
    let before = order[..last_living].iter().filter(|number| **number <= 2).count();
    assert_eq!(before, 2, "{order:?}");
    // Three silences make a meter dead; the rest of what was asked of it ends with that.
    assert_eq!(order.len() - 48, 6, "{order:?}");
    let silent = dead.iter().filter(|report| report.end.kind() == "silent").count();
    let given_up = dead.iter().filter(|report| report.end == End::MeterSilent && report.tries == 0).count();
    assert!(silent >= 2 && silent + given_up == 12, "{dead:?}");

    // A person may ask it all the same; work that nobody waits for waits for its turn, or until it is over.
    assert_eq!(rig.read(1, TOTAL, Lane::OnDemand).await.tries, 1);
    let deadline = Instant::now() + ms(60_000);
    let late = rig.offer(rig.job(read(1, TOTAL), Lane::Nightly).until(deadline));
    tokio::time::sleep(ms(1000)).await;
    assert_eq!(late.progress(), Progress::Parked);
    let report = late.await;
    assert_eq!((report.end, report.tries, Instant::now() - deadline < ms(5)), (End::MeterSilent, 0, true));
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_meter_that_comes_back_is_found_by_one_question() {
    let lives = Arc::new(Mutex::new(false));
    let switch = Arc::clone(&lives);
    let station = Scripted::new(2400, move |number, request| {
        (*switch.lock().unwrap() || number > 1).then(|| valued(number, request, ms(40))).flatten()
    });
    let rig = Rig::new(vec![station], Plans::default());
    for _ in 0..3 {
        assert_eq!(rig.read(1, TOTAL, Lane::Nightly).await.end.kind(), "silent");
    }
    let parked: Vec<_> = (0..5).map(|_| rig.offer(rig.job(read(1, TOTAL), Lane::Nightly))).collect();
    tokio::time::sleep(ms(250_000)).await;
    assert_eq!(asked(&rig.crossings()).len(), 3, "five minutes are not over");
    assert!(parked.iter().all(|job| job.progress() == Progress::Parked));
    *lives.lock().unwrap() = true;
    for job in parked {
        assert_eq!(values(&job.await), Some(vec![1]));
    }
    assert_eq!(asked(&rig.crossings()).len(), 5);
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_full_lane_says_so_and_tells_when_there_is_room() {
    let capacities = Capacities::default().with(Lane::Nightly, 4);
    let channel = ChannelSettings { capacities, ..ChannelSettings::new("line") };
    let rig = Rig::new(meters(1..=9, 2400), Plans { channel, ..Plans::default() });
    let job = |number| rig.job(read(number, TOTAL), Lane::Nightly);
    let first = rig.offer(job(9));
    rig.until_asking().await;
    let four: Vec<_> = (1..=4).map(|number| rig.offer(job(number))).collect();
    let refused = rig.line.offer(job(5)).unwrap_err();
    assert_eq!((refused.reason, refused.job.lane), (Refusal::Busy, Lane::Nightly));
    let urgent = rig.offer(rig.job(read(6, TOTAL), Lane::OnDemand));
    assert_eq!(rig.line.status().depths, [0, 0, 1, 0, 4, 0, 0]);
    rig.line.room(Lane::Nightly).await;
    let fifth = rig.offer(job(5));
    assert!(four[3].cancel(), "one may be taken back");
    let mut ends = Vec::new();
    for pending in [vec![first], four, vec![urgent, fifth]].into_iter().flatten() {
        ends.push(pending.await.end.kind());
    }
    assert_eq!(ends, ["answered", "answered", "answered", "answered", "cancelled", "answered", "answered"]);
    assert_eq!(asked(&rig.crossings()), [9, 6, 1, 2, 3, 5]);
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn deadlines_and_expiry_are_kept() {
    let rig = Rig::new(meters(1..=9, 2400), Plans::default());
    let now = Instant::now();
    let job = |number| -> Job { rig.job(read(number, TOTAL), Lane::Nightly) };
    let busy: Vec<_> = (1..=5).map(|number| rig.offer(job(number))).collect();
    let late = rig.offer(job(6).until(now + ms(600)));
    let expired = rig.offer(job(7).expiring(now + ms(700)));
    let in_time = rig.offer(job(8).until(now + ms(60_000)));
    assert_eq!((late.await.end, now.elapsed() < ms(1000)), (End::OutOfTime, true));
    assert_eq!(expired.await.end, End::Expired);
    assert_eq!(values(&in_time.await).map(|values| values.len()), Some(1));
    drop(busy);
    assert_eq!(asked(&rig.crossings()), [1, 2, 3, 4, 5, 8]);

    // Silence until the deadline: what the last try gave is what counts.
    let silent =
        rig.offer(rig.job(read(50, TOTAL), Lane::OnDemand).retried(9).until(Instant::now() + ms(2000)));
    let report = silent.await;
    assert_eq!((report.end.kind(), report.tries), ("silent", 3));
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_closed_ends_its_work() {
    let rig = Rig::new(meters(1..=9, 2400), Plans::default());
    let all: Vec<_> = (1..=9).map(|number| rig.offer(rig.job(read(number, TOTAL), Lane::Nightly))).collect();
    rig.until_asking().await;
    let (line, job) = (rig.line.clone(), rig.job(read(1, TOTAL), Lane::Nightly));
    rig.stop().await;
    let mut ends = Vec::new();
    for pending in all {
        ends.push(pending.await.end.kind());
    }
    assert_eq!(
        (ends[0], &ends[1..]),
        ("answered", &["stopped"; 8][..]),
        "the exchange in hand is brought to its end"
    );
    assert_eq!(line.offer(job).unwrap_err().reason, Refusal::Stopped);
    line.room(Lane::Nightly).await;
    assert_eq!(line.status().phase.name(), "stopped");
}

#[tokio::test(start_paused = true)]
async fn f36_nothing_is_asked_on_a_line_while_the_site_may_be_anothers() {
    let rig = Rig::new(vec![talkative(2400, 8)], Plans::default());
    let is_ours = Arc::new(AtomicBool::new(true));
    let asks = Arc::clone(&is_ours);
    rig.line.only_while(Ours::when(move || asks.load(Ordering::Relaxed)));
    let mut long = read(1, TOTAL);
    long.length = LengthRule::Any;
    let pending = rig.offer(rig.job(long, Lane::Nightly));
    rig.until_asking().await;
    tokio::time::sleep(ms(1500)).await;
    is_ours.store(false, Ordering::Relaxed);
    tokio::time::sleep(ms(1500)).await;
    assert!(!asked(&rig.crossings()).is_empty());
    // An order is not asked either, and what has an end ends.
    let order = rig.offer(rig.job(read(2, TOTAL), Lane::Restore));
    let short = rig.job(read(2, TOTAL), Lane::OnDemand).until(Instant::now() + ms(5000));
    let begun = Instant::now();
    assert_eq!(rig.offer(short).await.end, End::OutOfTime);
    assert!((ms(5000)..ms(5500)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    tokio::time::sleep(ms(60_000)).await;
    assert_eq!(asked(&rig.crossings()), [0; 0], "not one frame more, neither of the long answer");
    is_ours.store(true, Ordering::Relaxed);
    assert_eq!(values(&order.await), Some(vec![2]));
    let whole = pending.await;
    assert_eq!((whole.end.kind(), whole.tries), ("answered", 2), "it goes on where it was held");
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn f52_a_line_that_is_kept_for_an_order_begins_nothing_else() {
    let rig = Rig::new(meters(1..=9, 2400), Plans::default());
    let kept = rig.line.keep(Instant::now() + ms(60_000));
    let nightly: Vec<_> =
        (1..=3).map(|number| rig.offer(rig.job(read(number, TOTAL), Lane::Nightly))).collect();
    let waiting = rig.offer(rig.job(read(4, TOTAL), Lane::OnDemand));
    tokio::time::sleep(ms(10_000)).await;
    assert_eq!(asked(&rig.crossings()), [0; 0]);
    assert!(values(&rig.read(9, TOTAL, Lane::Control).await).is_some());
    assert!(values(&rig.read(8, TOTAL, Lane::Restore).await).is_some());
    drop(kept);
    assert!(values(&waiting.await).is_some());
    for job in nightly {
        assert!(values(&job.await).is_some());
    }
    assert_eq!(asked(&rig.crossings()), [9, 8, 4, 1, 2, 3]);
    // Whoever forgets it keeps it for a while only.
    std::mem::forget(rig.line.keep(Instant::now() + ms(2000)));
    let begun = Instant::now();
    assert!(values(&rig.read(5, TOTAL, Lane::Nightly).await).is_some());
    assert!((ms(2000)..ms(3000)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    rig.stop().await;
}
