//! How much weight each day of the century has, summed up so that any two days differ by one subtraction.
//!
//! A table belongs to a shape, a schedule and the weather of an area, and is shared by all the meters that have
//! them in common: about 2.7 MB each, whatever the number of meters. A mean day of import weighs [`MEAN_DAY`].

use dlt645::meter_time::Civil;

use crate::instant::{At, DAYS, place};
use crate::load::delivered::{Channel, Delivered, Direction};
use crate::load::shape::{DayFacts, DayKind, Shape, Template};
use crate::load::weather::Weather;
use crate::seed::Seed;
use crate::tariff::{DayTable, Schedule, Tariff};

/// What a mean day of import weighs in the sums of a table, as a power of two.
pub const MEAN_DAY_BITS: u32 = 20;
/// What a mean day of import weighs in the sums of a table.
pub const MEAN_DAY: i64 = 1 << MEAN_DAY_BITS;

/// The days of one shape under one schedule in one area's weather.
#[derive(Debug)]
pub struct LoadTable {
    shape: Shape,
    template: Template,
    schedule: Schedule,
    weather: Weather,
    days: Vec<Day>,
    sums: Vec<Delivered>,
}

/// What is kept of each day.
#[derive(Clone, Copy, Debug)]
struct Day {
    facts: DayFacts,
    season: u8,
}

impl LoadTable {
    /// Works the century out once; `area` decides its weather.
    #[must_use]
    pub fn new(shape: Shape, schedule: Schedule, area: Seed) -> Self {
        let (template, weather) = (Template::new(shape), Weather::new(area));
        let day = |date| Day {
            facts: DayFacts::new(day_kind(date), weather.day(date)),
            season: schedule.season(date),
        };
        let days = (0..DAYS).filter_map(|day| At::midnight(day).civil()).map(day).collect();
        let mut table =
            Self { shape, template, schedule, weather, days, sums: Vec::with_capacity(place(DAYS) + 1) };
        let mut sum = Delivered::default();
        table.sums.push(sum);
        for day in 0..DAYS {
            table.slots(day).for_each(|(channel, weight)| *sum.of_mut(channel) += weight);
            table.sums.push(sum);
        }
        let whole = i128::from(sum.total(Direction::Import).max(1));
        let scale = i128::from(MEAN_DAY) * i128::from(DAYS);
        let scaled = |sum: i64| i64::try_from(i128::from(sum) * scale / whole).unwrap_or(i64::MAX);
        table.sums.iter_mut().for_each(|sum| *sum = Delivered::from_fn(|channel| scaled(sum.of(channel))));
        table
    }

    /// The shape.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// The weather of the area.
    #[must_use]
    pub const fn weather(&self) -> Weather {
        self.weather
    }

    /// The schedule.
    #[must_use]
    pub const fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The weight of all days before this one; days past the century add nothing.
    #[must_use]
    pub fn before(&self, day: u32) -> Delivered {
        self.sums.get(place(day)).or_else(|| self.sums.last()).copied().unwrap_or_default()
    }

    /// The channel and the weight of each slot of a day; the weight is above zero and on no common scale with
    /// [`LoadTable::before`].
    pub fn slots(&self, day: u32) -> impl Iterator<Item = (Channel, i64)> {
        let facts = self.day(day).map(|day| self.template.weights(day.facts));
        let weighed = facts.into_iter().flatten().zip(self.tariffs(day).slots());
        weighed.map(|(weight, tariff)| (channel(weight, *tariff), weight.abs()))
    }

    /// The tariffs of a day.
    #[must_use]
    pub fn tariffs(&self, day: u32) -> &DayTable {
        self.schedule.of_season(self.day(day).map_or(0, |day| day.season))
    }

    fn day(&self, day: u32) -> Option<&Day> {
        self.days.get(place(day)).or_else(|| self.days.last())
    }
}

fn channel(weight: i64, tariff: Tariff) -> Channel {
    let direction = if weight < 0 { Direction::Export } else { Direction::Import };
    Channel { direction, tariff }
}

/// Public holidays with a fixed date are days of rest, and so are Sundays.
fn day_kind(date: Civil) -> DayKind {
    match (date.month(), date.day(), date.weekday()) {
        (1, 1, _) | (5, 1..=3, _) | (10, 1..=7, _) | (_, _, 0) => DayKind::Rest,
        (_, _, 6) => DayKind::Saturday,
        _ => DayKind::Working,
    }
}
