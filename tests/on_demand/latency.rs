//! PERFORMANCE goal 13: how long an on-demand read takes while a whole night is under way.

use std::time::Duration;

use chaobiao::domain::{Moment, ReadGroup, RunState};
use dlt645::address::MeterAddress;
use dlt645::exchange::Timing;

use crate::desk::{Desk, addresses, file, today};
use crate::rig::{Town, TownPlan, config, set_clocks, world};

/// What reads took, in order.
struct Took(Vec<Duration>);

impl Took {
    fn share(&self, hundredths: usize) -> Duration {
        let place = (self.0.len() * hundredths).div_ceil(100).max(1) - 1;
        self.0.get(place).copied().unwrap()
    }
}

/// The longest exchange of a night at this rate, and that of the command: request and answer on the wire, with wake-up
/// bytes, the time the meter takes to answer, and the quiet behind it.
fn exchange(baud: u32, request: usize, answer: usize) -> Duration {
    let timing = Timing::serial(baud);
    timing.wire_time(request + 4 + answer + 4) + MOST_DELAY + timing.quiet_after_answer
}

/// Runs a night on so many buses and asks meters meanwhile, on ten buses at once.
async fn measure(buses: usize, reads: usize) -> Took {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(buses * 4, buses, BAUD, 421, false);
    set_clocks(&mut world);
    let config = config(&world, "[collection]\nrepair_days = 1\n[intervals]\nrepair_days = 1");
    let town = Town::new(TownPlan::new(world, config, today(), file(&folder))).await;
    let head_end = town.head_end();
    let desk = Desk::new(&town, &head_end);
    let meters = addresses(&town);
    let begun = head_end.collector.night(today()).start.plus(Duration::from_secs(5));
    let asking = async {
        town.clock.sleep_until(begun).await;
        let mut took = Vec::new();
        for round in 0..reads / AT_ONCE {
            // Meters of different buses, of which there are four on each.
            let meter = |number: usize| meters[(round * AT_ONCE + number) * 37 % buses * 4 + round % 4];
            let asked = (0..AT_ONCE).map(|number| ask(&desk, meter(number)));
            took.extend(futures_util::future::join_all(asked).await);
        }
        let progress = head_end.collector.progress().borrow().clone();
        (took, progress, town.clock.now())
    };
    let (night, (mut took, progress, at)) = tokio::join!(town.night(&head_end, today()), asking);
    assert_eq!(night.run.state, RunState::Done, "{:?}", night.progress);
    let (done, steps) = progress.steps;
    println!(
        "{reads} reads on {buses} buses in {:?}; {done} of {steps} steps of the night done",
        at.since(begun)
    );
    assert!(done < steps, "the night was under way: {progress:?}");
    took.sort_unstable();
    drop(desk);
    head_end.close().await;
    town.close().await;
    Took(took)
}

/// From the click to the answer of the one question.
async fn ask(desk: &Desk, meter: MeterAddress) -> Duration {
    let (job, told) = desk.read(&[meter], &[ReadGroup::Instantaneous]).await;
    let first = told.first().and_then(|(_, answers)| answers.first()).unwrap();
    let answered: Moment = first.given.unwrap().1;
    answered.since(job.created_at)
}

fn judge(took: &Took) {
    // A night asks for load records of 196 bytes at most; the command for a block of voltages.
    let (others, own) = (exchange(BAUD, 26, 212), exchange(BAUD, 16, 22));
    let limit = others + own + OVERHEAD;
    let (half, most) = (took.share(50), took.share(99));
    println!(
        "{} reads: half within {half:?}, 99 of 100 within {most:?}, all within {:?}; allowed {limit:?}",
        took.0.len(),
        took.share(100)
    );
    assert!(most <= limit, "{most:?} is more than {limit:?}");
}

#[tokio::test]
async fn goal_13_an_on_demand_read_waits_for_one_exchange_at_most_while_a_night_runs() {
    let took = measure(20, 100).await;
    judge(&took);
}

#[tokio::test]
#[ignore = "a night on 1,000 buses takes minutes"]
async fn goal_13_an_on_demand_read_waits_for_one_exchange_at_most_on_a_thousand_buses() {
    let took = measure(1000, 300).await;
    judge(&took);
}

const BAUD: u32 = 2400;
/// So many people ask at once.
const AT_ONCE: usize = 10;
/// A simulated meter takes no longer to begin its answer.
const MOST_DELAY: Duration = Duration::from_millis(120);
const OVERHEAD: Duration = Duration::from_millis(50);
