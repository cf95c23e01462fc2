//! What lines and nights reach beside a bare exchange of the same bytes, in the same run (PERFORMANCE goals 5, 6 and 15), and how long a
//! read on demand takes meanwhile (goal 13).
//!
//! `CHAOBIAO_TEST_PG_FOLDER=/var/tmp cargo bench --bench lines` (a folder on a disk, since a database in memory commits for
//! nothing). Needs PostgreSQL. `CHAOBIAO_PEER_PYTHON` names a Python that has the package `dlt645`, for the comparison with
//! it; a word behind `--` (`exchanges`, `one_line`, `durable`, `on_demand`) takes one part of it. Meters are simulated in the same process, behind TCP; all that is compared takes turns, five times.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a bench measures real time, and a step that fails must end it"
)]

mod bare;
mod head_end;
mod on_demand;
mod peer;
#[path = "../../tests/support/postgres.rs"]
mod postgres;
#[path = "../../tests/night/rig.rs"]
#[allow(dead_code, reason = "the nights of the tests need more of it")]
mod rig;
mod town;

use std::time::Duration;

use town::Town;

const ROUNDS: usize = 5;
/// Meters on each line.
pub(crate) const METERS: usize = 8;
/// Questions to each line in a round without a night, and how many times that on a line alone.
pub(crate) const QUESTIONS: usize = 150;
const LONGER: usize = 20;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let only = std::env::args().skip(1).find(|word| !word.starts_with('-'));
        let is_wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
        if is_wanted("exchanges") {
            exchanges(set("CHAOBIAO_BENCH_LINES", 256)).await;
        }
        if is_wanted("one_line") {
            one_line().await;
        }
        if is_wanted("durable") {
            durable().await;
        }
        if is_wanted("on_demand") {
            asked().await;
        }
    });
}

/// A number from the environment, for a smaller run.
fn set(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |number| number.parse().unwrap())
}

/// Goal 5.
async fn exchanges(lines: usize) {
    let town = Town::unpaced(lines).await;
    let [mut bare, mut asked, mut night] = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        bare.push(bare::exchanges(&town, 1).await);
        asked.push(head_end::questions(&town, 1).await);
        if let Some(cluster) = postgres::Cluster::shared() {
            night.push(head_end::night(&town, cluster).await.exchanges);
        }
    }
    println!("# Exchanges a second, {lines} connections without line times, meters in the same process");
    let bare = tell("bare: bytes out, bytes in", &mut bare, None);
    tell("lines: queued, checked, decoded (goal 0.50)", &mut asked, Some(bare));
    if !night.is_empty() {
        tell("a night with PostgreSQL (goal 0.30)", &mut night, Some(bare));
    }
    println!();
}

/// Goal 6.
async fn one_line() {
    let town = Town::unpaced(1).await;
    let [mut bare, mut ours, mut theirs] = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        bare.push(bare::exchanges(&town, LONGER).await);
        ours.push(head_end::questions(&town, LONGER).await);
        theirs.extend(peer::reads(&town, LONGER));
    }
    println!("# Reads a second, one connection");
    let of = tell("bare: bytes out, bytes in", &mut bare, None);
    let ours = tell("product", &mut ours, Some(of));
    if theirs.is_empty() {
        println!("the Python package dlt645 was not measured: CHAOBIAO_PEER_PYTHON names no Python");
    } else {
        let theirs = tell("Python package dlt645", &mut theirs, Some(of));
        println!("product by Python {} (goal 4)", hundredths(ours * 100 / theirs.max(1)));
    }
    println!();
}

/// Goal 15.
async fn durable() {
    let Some(cluster) = postgres::Cluster::shared() else { return };
    // Before this nothing is counted, as in what it is compared with.
    let recorder = chaobiao::telemetry::Recorder::start().unwrap();
    let (lines, baud) = (set("CHAOBIAO_BENCH_PACED", 300), set("CHAOBIAO_BENCH_BAUD", 115_200));
    let town = Town::at(baud.try_into().unwrap(), lines, 2).await;
    let night = head_end::night(&town, cluster).await;
    println!("# From what a visit brought to durable, {lines} lines at {baud} in their night, PostgreSQL");
    let commits = hundredths(night.commits);
    println!("readings {} a second, commits {commits} a second (goal: at most 10)", night.readings);
    let kept = head_end::kept_within(&recorder.render());
    let all = kept.last().unwrap().1;
    for (edge, count) in kept.iter().take_while(|(_, count)| *count < all) {
        println!("within {edge} s: {} of 100 (goal 99 within 0.25)", hundredths(count * 10_000 / all));
    }
    let [half, most, all, each] = night.durable;
    println!("from the last answer that is kept of a visit, which asks on and is judged meanwhile:");
    println!("half within {half} ms, 99 of 100 within {most} ms, all within {all} ms");
    println!("the answer that waited longest for the rest of its visit: {each} ms");
}

/// Goal 13.
async fn asked() {
    let Some(cluster) = postgres::Cluster::shared() else { return };
    let (lines, reads) = (set("CHAOBIAO_BENCH_ASKED", 1000), 300);
    let town = Town::at(ASKED_BAUD, lines, 4).await;
    let took = on_demand::measure(&town, cluster, reads).await;
    println!("# Reads on demand, {lines} lines at {ASKED_BAUD} in their night, PostgreSQL, ten at once");
    println!("meanwhile {} exchanges a second, {} steps of the night left", took.exchanges, took.steps_left);
    for (name, took) in [("the meter had answered", &took.answered), ("that was kept and told", &took.told)] {
        let share = |of: usize| took[(took.len() * of).div_ceil(100) - 1].as_millis();
        println!(
            "{name}: half within {} ms, 99 of 100 within {} ms, all within {} ms",
            share(50),
            share(99),
            share(100)
        );
    }
    println!("allowed, 99 of 100: {} ms", on_demand::allowed(ASKED_BAUD).as_millis());
    println!();
}

const ASKED_BAUD: u32 = 2400;

/// Prints the median with what is around it, and which part it is of the limit; gives the median.
fn tell(name: &str, rates: &mut [u64], limit: Option<u64>) -> u64 {
    rates.sort_unstable();
    let (low, median, high) = (rates[0], rates[rates.len() / 2], rates[rates.len() - 1]);
    let share =
        limit.map(|limit| format!(", {} of it", hundredths(median * 100 / limit))).unwrap_or_default();
    println!("{name:<46} {median:>7} ({low} to {high}){share}");
    median
}

fn hundredths(number: u64) -> String {
    format!("{}.{:02}", number / 100, number % 100)
}

/// So many in this time, a second.
pub(crate) fn a_second(count: usize, time: Duration) -> u64 {
    u64::try_from(count).unwrap() * 1_000_000 / u64::try_from(time.as_micros()).unwrap().max(1)
}
