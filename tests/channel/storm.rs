//! Everything at once, from a seed: every job ends in one report, and the line is in order afterwards.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaobiao::channel::{Capacities, Channel, ChannelSettings, Job, Lane, LinePhase, Pending};
use chaobiao::link::{Dialler, Direction, Tap};
use dlt645::edition::Edition;
use dlt645::exchange::Timing;
use dlt645::meter_time::Civil;
use dlt645::password::{Credentials, DigitOrder, Level, OperatorCode, Password};
use dlt645::relay::{Command, Deadline, Order};
use dlt645::request::{Events, Freeze, Output, Request};
use simulator::bus::Bus;
use simulator::bus::settings::Settings;
use simulator::bus::witness::{Crossing, Talker, Witness};
use simulator::fault::{Injector, Plan};
use simulator::seed::Seed;
use simulator::serve::{LiveBus, Server};
use simulator::station::PlainMeter;
use tokio::io::DuplexStream;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::rig::{BLOCK, Plans, Rig, TOTAL, address, meters, ms, prompt, rate, read};

/// A way to a bus that can be cut and mended.
struct Wire {
    bus: LiveBus<PlainMeter>,
    is_there: Arc<AtomicBool>,
    cut: Arc<Mutex<CancellationToken>>,
    tasks: TaskTracker,
}

impl Wire {
    fn open(&self) -> Option<DuplexStream> {
        if !self.is_there.load(Ordering::Relaxed) {
            return None;
        }
        let (near, mut middle) = tokio::io::duplex(256);
        let (mut far, cut) = (self.bus.memory(), self.cut.lock().unwrap().clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = cut.cancelled() => {}
                _ = tokio::io::copy_bidirectional(&mut middle, &mut far) => {}
            }
        });
        Some(near)
    }

    /// Cuts the path that is open; none can be opened before it is mended.
    fn cut(&self) {
        self.is_there.store(false, Ordering::Relaxed);
        std::mem::take(&mut *self.cut.lock().unwrap()).cancel();
    }

    fn mend(&self) {
        self.is_there.store(true, Ordering::Relaxed);
    }
}

/// Breaks off now and then.
struct Unsteady(Arc<AtomicU32>);

impl Tap for Unsteady {
    fn bytes(&mut self, _: std::time::Instant, _: Direction, _: &[u8]) {
        let left = self.0.load(Ordering::Relaxed);
        if left > 0 {
            self.0.store(left - 1, Ordering::Relaxed);
            assert!(left > 1, "a planted mistake");
        }
    }
}

async fn storm(seed: u64, ends: &mut BTreeMap<&'static str, u64>) {
    let mut plan = Plan::new(Seed::new(seed));
    plan.add("all=1%").unwrap();
    let server = Server::new();
    let settings = Settings { rate: rate(9600), packing: ms(10), ..Settings::default() };
    let bus = Bus::new(settings, meters(1..=6, 9600)).with_faults(Injector::new(plan));
    let tasks = TaskTracker::new();
    let wire = Arc::new(Wire {
        bus: server.run(bus),
        is_there: Arc::new(AtomicBool::new(true)),
        cut: Arc::default(),
        tasks: tasks.clone(),
    });
    let (ways, mistakes, stop) = (Arc::clone(&wire), Arc::new(AtomicU32::new(0)), CancellationToken::new());
    let channel = ChannelSettings {
        capacities: Capacities::default().with(Lane::Nightly, 40),
        redial_most: ms(4000),
        ..ChannelSettings::new("line")
    };
    let dialler = Dialler::memory(move || ways.open(), seed.is_multiple_of(2));
    let tap = Box::new(Unsteady(Arc::clone(&mistakes)));
    let line = Channel::spawn(channel, dialler, tap, &tasks, stop.clone());
    let numbers = Seed::new(seed).named("storm");
    let mut drawn = 0;
    let mut draw = |most: i64| {
        drawn += 1;
        numbers.between(drawn, 0, most).unsigned_abs()
    };
    let (mut waiting, mut offered, mut busy): (Vec<Pending>, u64, u64) = (Vec::new(), 0, 0);
    for _ in 0..120 {
        sleep(ms(draw(1500))).await;
        match draw(11) {
            0 => wire.cut(),
            1..=3 => wire.mend(),
            4 => mistakes.store(u32::try_from(draw(20)).unwrap(), Ordering::Relaxed),
            5 => waiting.iter().rev().take(3).for_each(|job| {
                job.cancel();
            }),
            _ => {}
        }
        for _ in 0..draw(6) {
            let lane = Lane::ALL[usize::try_from(draw(6)).unwrap()];
            let question = read(draw(8) + 1, if draw(1) == 0 { TOTAL } else { BLOCK });
            let mut job =
                Job::new(question, lane, Timing::serial(9600)).retried(u8::try_from(draw(2)).unwrap());
            job.deadline = (draw(3) == 0).then(|| Instant::now() + ms(draw(20_000)));
            job.expires_at = (draw(5) == 0).then(|| Instant::now() + ms(draw(20_000)));
            match line.offer(job) {
                Ok(pending) => waiting.push(pending),
                Err(refused) => {
                    assert_eq!(refused.reason.kind(), "busy");
                    busy += 1;
                }
            }
            offered += 1;
        }
    }
    wire.mend();
    mistakes.store(0, Ordering::Relaxed);
    // Dead meters are tried again after hours at most.
    for pending in waiting {
        let report = tokio::time::timeout(Duration::from_secs(86_400), pending).await;
        let report = report.unwrap_or_else(|_| panic!("seed {seed}: a job has no end: {:?}", line.status()));
        *ends.entry(report.end.kind()).or_default() += 1;
    }
    sleep(ms(60_000)).await;
    let status = line.status();
    assert_eq!((status.depths, status.asking), ([0; 7], None), "seed {seed}");
    assert_eq!(status.phase, LinePhase::Up, "seed {seed}: {status:?}");
    *ends.entry("(refused as busy)").or_default() += busy;
    *ends.entry("(offered)").or_default() += offered;
    *ends.entry("(paths lost)").or_default() += status.tally.lost;
    *ends.entry("(tasks broken off)").or_default() += status.tally.panics;
    *ends.entry("(alarms)").or_default() += status.tally.chatters;
    stop.cancel();
    tasks.close();
    wire.cut();
    tasks.wait().await;
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn every_job_ends_in_one_report_whatever_happens() {
    let mut ends = BTreeMap::new();
    let storms = std::env::var("CHAOBIAO_STORMS").map_or(30, |number| number.parse().unwrap());
    for seed in 0..storms {
        storm(seed, &mut ends).await;
    }
    println!("{storms} seeds: {ends:?}");
    let counted: u64 = ends.iter().filter(|(kind, _)| !kind.starts_with('(')).map(|(_, count)| count).sum();
    assert_eq!(counted + ends["(refused as busy)"], ends["(offered)"], "each has one end");
    for kind in [
        "answered",
        "silent",
        "line_down",
        "line_chatter",
        "meter_silent",
        "out_of_time",
        "expired",
        "cancelled",
        "broken",
        "(refused as busy)",
        "(paths lost)",
        "(tasks broken off)",
        "(alarms)",
    ] {
        assert!(ends.get(kind).is_some_and(|count| *count > 0), "{kind} never happened: {ends:?}");
    }
}

// --- what leaves ---

/// Every kind of request there is.
fn every_request() -> Vec<Request> {
    let (meter, noon) = (address(1), Civil::new(2026, 11, 21, 12, 0, 0).unwrap());
    let password = || Password::new(Level::CONTROL, "000000", DigitOrder::default()).unwrap();
    let signed = || Credentials { password: password(), operator: OperatorCode::default() };
    let commands = [
        Command::Trip,
        Command::ClosePermit,
        Command::CloseDirectly,
        Command::SupplyHold,
        Command::SupplyHoldEnd,
        Command::AlarmEnd,
    ];
    let deadline = Deadline::at(noon).unwrap();
    let orders = commands.map(|command| {
        let operator = OperatorCode::default();
        Request::relay(Order { meter, command, deadline, password: password(), operator })
    });
    let others = [
        Request::read(meter, TOTAL.parse().unwrap()),
        Request::read_address(),
        Request::freeze(meter, Freeze::Now).unwrap(),
        Request::freeze_all(Freeze::Now).unwrap(),
        Request::write(meter, "0400010C".parse().unwrap(), signed(), [1, 2, 3, 4, 5, 6, 7]).unwrap(),
        Request::write(meter, "04000401".parse().unwrap(), signed(), [1, 2, 3, 4, 5, 6]).unwrap(),
        Request::broadcast_time(Edition::E2007, noon),
        Request::clear_demand(Edition::E2007, meter, signed()),
        Request::clear_meter(meter, signed()),
        Request::clear_events(meter, signed(), Events::All).unwrap(),
        Request::change_password(Edition::E2007, meter, password(), password()),
        Request::multifunction_output(meter, Output::ClockSecond),
    ];
    orders.into_iter().chain(others).collect()
}

#[tokio::test(start_paused = true)]
async fn i17_what_the_far_end_of_a_line_hears_is_on_the_list_of_its_lane() {
    let rig = Rig::new(meters(1..=2, 2400), Plans { settings: prompt(2400), ..Plans::default() });
    let (mut left, mut refused) = (0, 0);
    for lane in Lane::ALL {
        for request in every_request() {
            let changes = request.changes_meter();
            let report = match rig.line.offer(rig.job(request.into(), lane)) {
                Ok(pending) => pending.await,
                Err(not_taken) => {
                    assert_eq!(not_taken.reason.kind(), "not_allowed");
                    refused += 1;
                    assert!(changes, "reads leave by every lane");
                    continue;
                }
            };
            assert_ne!(report.end.kind(), "not_allowed");
            left += 1;
        }
        // The judge reads what crossed the wire, with its own list.
        for crossing in rig.crossings().iter().filter(|crossing| matches!(crossing.talker, Talker::Master(_)))
        {
            assert!(may_pass(lane, crossing), "{lane:?}: {:02X?}", crossing.bytes);
        }
    }
    println!("{left} left, {refused} were refused");
    assert!(left > 25 && refused > 80);
    rig.stop().await;
}

/// Reads by every lane; by the control lanes orders of the relay, and by the lower one of them what may take supply,
/// freezes and the clock of one meter. To all meters goes nothing but a freeze.
fn may_pass(lane: Lane, crossing: &Crossing) -> bool {
    crossing.frames().iter().all(|frame| {
        let (to, function) = (&frame[1..7], frame[8]);
        let data: Vec<u8> = frame[10..frame.len() - 2].iter().map(|byte| byte.wrapping_sub(0x33)).collect();
        let is_to_all = to == [0x99; 6];
        match function {
            0x11 | 0x13 => true,
            0x1C if is_to_all => false,
            // 1BH and 1CH close, 2BH ends an alarm, 3AH holds supply.
            0x1C if matches!(data[8], 0x1B | 0x1C | 0x2B | 0x3A) => lane <= Lane::Control,
            0x1C => lane == Lane::Control,
            0x14 => lane == Lane::Control && data[..4] == [0x0C, 0x01, 0x00, 0x04],
            0x16 => lane == Lane::Control,
            _ => false,
        }
    })
}

#[test]
fn i17_the_judge_sees_what_is_not_on_the_list() {
    let mut bus = Bus::new(prompt(2400), meters(1..=1, 2400)).with_witness(Witness::keeping(10));
    let master = bus.join(simulator::bus::moment::Moment::START);
    for (request, lane) in [
        (Request::clear_demand(Edition::E2007, address(1), signed()), Lane::Control),
        (Request::freeze(address(1), Freeze::Now).unwrap(), Lane::Restore),
        (Request::multifunction_output(address(1), Output::ClockSecond), Lane::Control),
    ] {
        let now = bus.now();
        bus.write(now, master, &request.to_bytes());
        while let Some(at) = bus.next_at() {
            bus.advance(at);
        }
        let crossings = bus.witness_mut().take();
        let heard = crossings.iter().filter(|crossing| matches!(crossing.talker, Talker::Master(_)));
        assert_eq!(
            heard.map(|crossing| may_pass(lane, crossing)).collect::<Vec<_>>(),
            [false],
            "{request:?}"
        );
    }
}

fn signed() -> Credentials {
    let password = Password::new(Level::CONTROL, "000000", DigitOrder::default()).unwrap();
    Credentials { password, operator: OperatorCode::default() }
}
