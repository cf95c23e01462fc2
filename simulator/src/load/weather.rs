//! The weather of an area: what all its meters feel on the same day.

use dlt645::meter_time::Civil;

use crate::instant::At;
use crate::seed::Seed;

/// The weather of one area, a function of its seed and the day.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    spells: Seed,
    days: Seed,
    clouds: Seed,
}

/// The weather of one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayWeather {
    /// Mean temperature of the day in tenths of a degree Celsius.
    pub temperature_tenths: i64,
    /// How much sun reaches the ground, 256 for a clear midsummer day.
    pub sun: i64,
}

impl Weather {
    /// The weather that belongs to a seed; meters of one area share it.
    #[must_use]
    pub fn new(area: Seed) -> Self {
        Self { spells: area.named("spell"), days: area.named("day"), clouds: area.named("cloud") }
    }

    /// The weather of the day that begins at `date`.
    #[must_use]
    pub fn day(&self, date: Civil) -> DayWeather {
        let day = At::from_civil(date).day();
        let season = |table: [i64; 12]| {
            let month = usize::from(date.month() - 1);
            let here = table.get(month).copied().unwrap_or_default();
            let next = table.get((month + 1) % 12).copied().unwrap_or_default();
            here + (next - here) * i64::from(date.day() - 1) / 31
        };
        // A warm or cold spell swings over SPELL days; on top each day has its own whim.
        let (spell, into) = (u64::from(day / SPELL), i64::from(day % SPELL));
        let node = |index| self.spells.between(index, -45, 45);
        let swing = node(spell) + (node(spell + 1) - node(spell)) * into / i64::from(SPELL);
        let whim = self.days.between(day.into(), -20, 20);
        let clear = match self.clouds.between(u64::from(day) * 2, 0, 99) {
            0..45 => (210, 256),
            45..80 => (100, 210),
            _ => (25, 100),
        };
        let clear = self.clouds.between(u64::from(day) * 2 + 1, clear.0, clear.1);
        DayWeather {
            temperature_tenths: season(TEMPERATURE) + swing + whim,
            sun: season(DAYLIGHT) * clear / 256,
        }
    }
}

/// Days from one turn of the weather to the next.
const SPELL: u32 = 8;
/// Usual temperature at the start of each month, tenths of a degree: the lower Yangtze.
const TEMPERATURE: [i64; 12] = [40, 42, 78, 130, 186, 232, 270, 292, 262, 208, 148, 82];
/// Sun of a clear day at the start of each month, 256 at its best.
const DAYLIGHT: [i64; 12] = [138, 150, 178, 208, 236, 254, 256, 246, 222, 190, 160, 140];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summers_are_hot_winters_cold_and_days_differ() {
        let weather = Weather::new(Seed::new(3));
        let month = |month| -> Vec<DayWeather> {
            (1..=28).map(|day| weather.day(Civil::new(2026, month, day, 0, 0, 0).unwrap())).collect()
        };
        let mean = |days: &[DayWeather]| days.iter().map(|day| day.temperature_tenths).sum::<i64>() / 28;
        let (january, july) = (month(1), month(7));
        assert!((0..90).contains(&mean(&january)), "{january:?}");
        assert!((240..330).contains(&mean(&july)), "{july:?}");
        assert!(july.iter().any(|day| day.sun > 200) && july.iter().any(|day| day.sun < 110), "{july:?}");
        assert!(july.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
