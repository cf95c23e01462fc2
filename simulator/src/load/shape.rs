//! Load shapes: how the energy of a customer spreads over the hours, the days of the week and the weather.
//!
//! A shape is data: weights by the hour, to which warm and cold weather add and a roof of solar cells takes away.
//! A weight below zero flows to the grid. Weights have no unit; [`crate::load::table`] scales them.

use crate::instant::SLOTS_A_DAY;
use crate::load::weather::DayWeather;

/// What kind of customer a meter serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A flat: morning and evening peaks, busier at noon on days of rest.
    Household,
    /// A shop open from nine to ten in the evening, every day.
    Shop,
    /// A factory of two shifts that rests on Sundays.
    Factory,
    /// A household that feeds the surplus of its roof to the grid (余电上网).
    SolarHousehold,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Household, Self::Shop, Self::Factory, Self::SolarHousehold];
}

/// How a day is lived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DayKind {
    /// Monday to Friday.
    Working,
    /// Saturday.
    Saturday,
    /// Sunday and public holidays.
    Rest,
}

/// Weights of one shape for each slot of a day.
#[derive(Clone, Debug)]
pub struct Template {
    working: [i64; SLOTS_A_DAY],
    saturday: [i64; SLOTS_A_DAY],
    rest: [i64; SLOTS_A_DAY],
    cooling: [i64; SLOTS_A_DAY],
    heating: [i64; SLOTS_A_DAY],
    generation: [i64; SLOTS_A_DAY],
}

/// What a day does to every slot of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayFacts {
    kind: DayKind,
    cooling_tenths: i16,
    heating_tenths: i16,
    sun: i16,
}

impl DayFacts {
    /// A day of this kind in this weather; cooling starts above 24 degrees, heating below 12.
    #[must_use]
    pub fn new(kind: DayKind, weather: DayWeather) -> Self {
        let narrow = |number: i64| i16::try_from(number.max(0)).unwrap_or(i16::MAX);
        Self {
            kind,
            cooling_tenths: narrow(weather.temperature_tenths - 240),
            heating_tenths: narrow(120 - weather.temperature_tenths),
            sun: narrow(weather.sun),
        }
    }
}

impl Template {
    /// The template of a shape.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let [working, saturday, rest, cooling, heating, generation] = match shape {
            Shape::Household => [HOME, HOME_REST, HOME_REST, HOME_COOLING, HOME_HEATING, NOTHING],
            Shape::Shop => [SHOP, SHOP_REST, SHOP_REST, SHOP_COOLING, SHOP_HEATING, NOTHING],
            Shape::Factory => [FACTORY, FACTORY_SATURDAY, FACTORY_REST, FACTORY_COOLING, NOTHING, NOTHING],
            Shape::SolarHousehold => [HOME, HOME_REST, HOME_REST, HOME_COOLING, HOME_HEATING, ROOF],
        }
        .map(by_slot);
        Self { working, saturday, rest, cooling, heating, generation }
    }

    /// The weight of each slot of a day, never zero; below zero the slot flows to the grid.
    pub fn weights(&self, facts: DayFacts) -> impl Iterator<Item = i64> {
        let base = match facts.kind {
            DayKind::Working => &self.working,
            DayKind::Saturday => &self.saturday,
            DayKind::Rest => &self.rest,
        };
        let [cool, heat, sun] = [facts.cooling_tenths, facts.heating_tenths, facts.sun].map(i64::from);
        let weather = self.cooling.iter().zip(&self.heating).zip(&self.generation);
        base.iter().zip(weather).map(move |(base, ((cooling, heating), generation))| {
            let weight = base + (cool * cooling + heat * heating) / 10 - sun * generation / 256;
            if weight == 0 { 1 } else { weight }
        })
    }
}

/// Twenty-four hourly weights drawn out to quarters of an hour, each hour's weight standing at its middle.
fn by_slot(hours: [i64; 24]) -> [i64; SLOTS_A_DAY] {
    let mut slots = [0; SLOTS_A_DAY];
    let last = hours.last().copied().unwrap_or_default();
    let first = hours.first().copied().unwrap_or_default();
    let before = core::iter::once(last).chain(hours);
    let after = hours.into_iter().skip(1).chain([first]);
    let quarters = slots.chunks_exact_mut(4);
    for (quarters, ((before, here), after)) in quarters.zip(before.zip(hours).zip(after)) {
        let mixed = [3 * before + 5 * here, before + 7 * here, 7 * here + after, 5 * here + 3 * after];
        quarters.iter_mut().zip(mixed).for_each(|(slot, mixed)| *slot = mixed / 8);
    }
    slots
}

// Weights by the hour, 0 to 23.
const NOTHING: [i64; 24] = [0; 24];
const HOME: [i64; 24] =
    [44, 37, 33, 31, 31, 38, 72, 108, 88, 64, 58, 84, 92, 68, 56, 56, 70, 116, 172, 204, 206, 176, 118, 68];
const HOME_REST: [i64; 24] = [
    54, 43, 36, 33, 32, 34, 50, 78, 98, 106, 110, 136, 142, 116, 104, 104, 112, 136, 172, 198, 202, 180, 132,
    84,
];
/// For each degree above 24.
const HOME_COOLING: [i64; 24] =
    [11, 10, 9, 8, 7, 6, 4, 3, 2, 2, 3, 6, 9, 9, 8, 8, 8, 9, 12, 15, 17, 18, 16, 13];
/// For each degree below 12.
const HOME_HEATING: [i64; 24] = [2, 2, 2, 2, 2, 3, 7, 7, 4, 2, 2, 3, 3, 2, 2, 2, 3, 5, 8, 9, 9, 8, 6, 3];
/// A clear midsummer day on the roof.
const ROOF: [i64; 24] =
    [0, 0, 0, 0, 0, 8, 40, 110, 200, 290, 360, 405, 420, 400, 350, 270, 180, 85, 22, 0, 0, 0, 0, 0];
const SHOP: [i64; 24] = [
    26, 25, 25, 25, 25, 26, 30, 42, 76, 122, 134, 138, 140, 136, 134, 134, 136, 142, 152, 158, 152, 118, 56,
    30,
];
const SHOP_REST: [i64; 24] = [
    28, 26, 25, 25, 25, 26, 30, 44, 84, 142, 160, 168, 170, 168, 168, 170, 172, 176, 184, 186, 178, 140, 64,
    33,
];
const SHOP_COOLING: [i64; 24] =
    [1, 1, 1, 1, 1, 1, 1, 2, 6, 10, 12, 13, 14, 14, 14, 14, 13, 12, 12, 12, 11, 8, 3, 1];
const SHOP_HEATING: [i64; 24] = [1, 1, 1, 1, 1, 1, 1, 2, 5, 7, 7, 6, 6, 5, 5, 5, 6, 6, 7, 7, 6, 4, 2, 1];
const FACTORY: [i64; 24] = [
    46, 42, 40, 40, 42, 48, 72, 118, 160, 172, 174, 166, 120, 162, 174, 172, 166, 142, 122, 126, 124, 112,
    84, 56,
];
const FACTORY_SATURDAY: [i64; 24] =
    [46, 42, 40, 40, 42, 46, 62, 92, 122, 130, 130, 122, 86, 116, 122, 118, 106, 76, 52, 44, 40, 38, 36, 34];
const FACTORY_REST: [i64; 24] =
    [33, 32, 32, 32, 32, 32, 34, 36, 40, 42, 42, 42, 40, 42, 42, 42, 40, 36, 34, 34, 34, 34, 34, 36];
const FACTORY_COOLING: [i64; 24] = [1, 1, 1, 1, 1, 1, 2, 3, 5, 6, 6, 6, 5, 6, 7, 7, 6, 5, 4, 3, 3, 3, 2, 1];

#[cfg(test)]
mod tests {
    use super::*;

    fn day(shape: Shape, kind: DayKind, temperature_tenths: i64, sun: i64) -> Vec<i64> {
        let facts = DayFacts::new(kind, DayWeather { temperature_tenths, sun });
        Template::new(shape).weights(facts).collect()
    }

    fn sum(weights: &[i64]) -> i64 {
        weights.iter().sum()
    }

    #[test]
    fn weather_and_week_bend_a_day() {
        let mild = day(Shape::Household, DayKind::Working, 180, 200);
        assert!(sum(&day(Shape::Household, DayKind::Working, 320, 200)) > sum(&mild) * 3 / 2);
        assert!(sum(&day(Shape::Household, DayKind::Working, -20, 100)) > sum(&mild) * 5 / 4);
        assert!(sum(&day(Shape::Household, DayKind::Rest, 180, 200)) > sum(&mild) * 11 / 10);
        let rest = day(Shape::Factory, DayKind::Rest, 180, 200);
        assert!(sum(&rest) * 5 / 2 < sum(&day(Shape::Factory, DayKind::Working, 180, 200)));
    }

    #[test]
    fn a_roof_feeds_the_grid_at_noon_only_when_the_sun_shines() {
        let clear = day(Shape::SolarHousehold, DayKind::Working, 180, 256);
        assert!(clear[48] < -200 && clear[0] > 30 && clear[80] > 150, "{clear:?}");
        assert!(day(Shape::SolarHousehold, DayKind::Working, 180, 20).iter().all(|weight| *weight > 0));
        let zeros = |sun| day(Shape::SolarHousehold, DayKind::Working, 180, sun).contains(&0);
        assert!(!(0..=256).any(zeros));
    }
}
