//! Loads and meters for the tests.

use std::sync::{Arc, LazyLock};

use dlt645::meter_time::Civil;
use proptest::prelude::*;

use crate::instant::At;
use crate::load::Load;
use crate::load::profile::Profile;
use crate::load::shape::Shape;
use crate::load::table::LoadTable;
use crate::seed::Seed;
use crate::tariff::Schedule;
use crate::truth::Truth;
use crate::truth::installation::{Installation, Wiring};

/// One table for each shape, shared by all tests.
static TABLES: LazyLock<Vec<Arc<LoadTable>>> = LazyLock::new(|| {
    let table = |shape| Arc::new(LoadTable::new(shape, Schedule::default(), Seed::new(1)));
    Shape::ALL.into_iter().map(table).collect()
});

/// The load of a customer drawn from a seed.
pub(crate) fn load(shape: Shape, seed: u64) -> Load {
    let seed = Seed::new(seed);
    let table = TABLES.iter().find(|table| table.shape() == shape).unwrap();
    Load::new(Profile::drawn(shape, seed), Arc::clone(table), seed)
}

/// A new meter for that customer, of three phases where the load is large.
pub(crate) fn installation(shape: Shape, seed: u64, installed_at: At) -> Installation {
    let wiring = match shape {
        Shape::Household | Shape::SolarHousehold => Wiring::SinglePhase,
        Shape::Shop | Shape::Factory => Wiring::ThreePhase,
    };
    Installation::new(load(shape, seed), wiring, Seed::new(seed).named("meter"), installed_at)
}

/// That meter, installed on 2024-05-06 at 10:20.
pub(crate) fn meter(shape: Shape, seed: u64) -> Truth {
    Truth::install(installation(shape, seed, at(2024, 5, 6, 10, 20)))
}

/// Any shape.
pub(crate) fn shapes() -> impl Strategy<Value = Shape> {
    prop::sample::select(Shape::ALL.to_vec())
}

/// A minute of the calendar.
pub(crate) fn at(year: u16, month: u8, day: u8, hour: u8, minute: u8) -> At {
    At::from_civil(Civil::new(year, month, day, hour, minute, 0).unwrap())
}

/// A day of the calendar.
pub(crate) fn day(year: u16, month: u8, day: u8) -> u32 {
    at(year, month, day, 0, 0).day()
}
