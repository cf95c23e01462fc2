//! What asking for the truth costs: `cargo bench -p simulator --bench truth`. Prints the median of five runs.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use simulator::instant::At;
use simulator::load::Load;
use simulator::load::profile::Profile;
use simulator::load::shape::Shape;
use simulator::load::table::LoadTable;
use simulator::seed::Seed;
use simulator::tariff::Schedule;
use simulator::truth::Truth;
use simulator::truth::installation::{Installation, Wiring};
use simulator::truth::register::{Energy, Register};

const NEWEST: u32 = 848_000_000;

fn main() {
    let area = Seed::new(1);
    let table = |shape| LoadTable::new(shape, Schedule::default(), area);
    measure("table of a shape", 3, |_| {
        black_box(table(Shape::SolarHousehold));
    });
    for shape in [Shape::Household, Shape::SolarHousehold] {
        let meter = meter(shape, Arc::new(table(shape)));
        let total = Register::total(Energy::ForwardActive);
        let reactive = Register::total(Energy::CombinedReactive1);
        let at = |round: u32| At::from_seconds(NEWEST - (round * 7_919) % 60_000_000);
        println!("{shape:?}");
        measure("one register at one instant", 20_000, |round| {
            black_box(meter.shown(total, at(round)));
        });
        measure("a combined reactive register", 20_000, |round| {
            black_box(meter.shown(reactive, at(round)));
        });
        measure("the curve of a day, 96 ends", 2_000, |round| {
            black_box(meter.load().slot_ends(at(round).day()).count());
        });
        measure("all instantaneous values", 2_000, |round| {
            black_box(meter.instantaneous(at(round)));
        });
        measure("demand of a full month", 100, |_| {
            black_box(meter.settled_demand(total, 1, At::from_seconds(NEWEST)));
        });
        measure("reactive demand of a full month", 100, |_| {
            black_box(meter.settled_demand(reactive, 1, At::from_seconds(NEWEST)));
        });
    }
}

fn meter(shape: Shape, table: Arc<LoadTable>) -> Truth {
    let seed = Seed::new(7);
    let load = Load::new(Profile::drawn(shape, seed), table, seed);
    let installed_at = At::from_seconds(NEWEST - 70_000_000);
    Truth::install(Installation::new(load, Wiring::SinglePhase, seed, installed_at))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn measure(what: &str, rounds: u32, mut work: impl FnMut(u32)) {
    let mut runs = [0; 5].map(|_: u32| {
        let start = Instant::now();
        (0..rounds).for_each(&mut work);
        start.elapsed().as_nanos() / u128::from(rounds)
    });
    runs.sort_unstable();
    let [fastest, _, median, _, slowest] = runs;
    println!("  {what:32} {median:>10} ns ({fastest} to {slowest})");
}
