//! How much a customer uses: the shape, the size and the ratio of the transformers in front of the meter.

use crate::load::shape::Shape;
use crate::seed::Seed;

/// The size of one customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// How the load spreads over time.
    pub shape: Shape,
    /// Import of a mean day in watt-hours, as the customer uses it.
    pub mean_day_wh: u32,
    /// Multiplier (倍率): the ratio of the instrument transformers; the meter counts the load divided by it.
    pub multiplier: u32,
}

impl Profile {
    /// A customer of believable size: flats 4 to 14 kWh a day, shops 25 to 75, factories 700 to 4,000 behind
    /// transformers that keep the meter within what its display can show.
    #[must_use]
    pub fn drawn(shape: Shape, seed: Seed) -> Self {
        // The product of two even draws leaves many small customers and a few large ones.
        let draw = |low: i64, high: i64| {
            let part = |index| seed.named("size").between(index, 0, 1000);
            low + (high - low) * part(0) * part(1) / 1_000_000
        };
        let (low, high) = match shape {
            Shape::Household | Shape::SolarHousehold => (4_000, 14_000),
            Shape::Shop => (25_000, 75_000),
            Shape::Factory => (700_000, 4_000_000),
        };
        let mean_day_wh = u32::try_from(draw(low, high)).unwrap_or_default();
        let multiplier = match (shape, mean_day_wh) {
            (Shape::Factory, ..1_200_000) => 40,
            (Shape::Factory, ..2_400_000) => 80,
            (Shape::Factory, _) => 120,
            _ => 1,
        };
        Self { shape, mean_day_wh, multiplier }
    }

    /// A mean day as the meter counts it, in milliwatt-hours.
    #[must_use]
    pub fn mean_day_on_the_meter(self) -> i64 {
        i64::from(self.mean_day_wh) * 1000 / i64::from(self.multiplier.max(1))
    }

    /// Reactive to active energy in each quadrant, in parts of 1024. Where nothing is fed to the grid the export side
    /// mirrors the import side, for that is what a current turned round shows.
    #[must_use]
    pub const fn reactive_ratios(self) -> [i64; 4] {
        match self.shape {
            Shape::Household => [330, 24, 330, 24],
            Shape::Shop => [400, 18, 400, 18],
            Shape::Factory => [500, 30, 500, 30],
            Shape::SolarHousehold => [340, 70, 40, 30],
        }
    }

    /// How much one slot differs from the next, of 64.
    pub(crate) const fn roughness(self) -> i64 {
        match self.shape {
            Shape::Household | Shape::SolarHousehold => 40,
            Shape::Shop => 16,
            Shape::Factory => 9,
        }
    }
}
