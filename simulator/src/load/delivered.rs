//! Energy that passed a metering point, by direction and tariff.

use crate::tariff::Tariff;

/// Which way energy flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the grid to the customer.
    Import,
    /// From the customer to the grid.
    Export,
}

/// One of the eight sums that are kept apart: a direction under a tariff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Channel {
    /// Which way.
    pub direction: Direction,
    /// Under which tariff.
    pub tariff: Tariff,
}

impl Channel {
    /// All eight, imports first.
    pub const ALL: [Self; 8] = {
        let [import, export] = [Direction::Import, Direction::Export];
        let [sharp, peak, flat, valley] = Tariff::ALL;
        [
            Self { direction: import, tariff: sharp },
            Self { direction: import, tariff: peak },
            Self { direction: import, tariff: flat },
            Self { direction: import, tariff: valley },
            Self { direction: export, tariff: sharp },
            Self { direction: export, tariff: peak },
            Self { direction: export, tariff: flat },
            Self { direction: export, tariff: valley },
        ]
    };
}

/// A sum for each channel. Energies are whole milliwatt-hours, a ten-thousandth of the last digit a meter shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    import: [i64; 4],
    export: [i64; 4],
}

impl Delivered {
    /// Asks for each channel in turn.
    pub fn from_fn(mut sum: impl FnMut(Channel) -> i64) -> Self {
        let mut delivered = Self::default();
        Channel::ALL.into_iter().for_each(|channel| *delivered.of_mut(channel) = sum(channel));
        delivered
    }

    /// The sum of a channel.
    #[must_use]
    pub const fn of(&self, channel: Channel) -> i64 {
        let [sharp, peak, flat, valley] = match channel.direction {
            Direction::Import => self.import,
            Direction::Export => self.export,
        };
        match channel.tariff {
            Tariff::Sharp => sharp,
            Tariff::Peak => peak,
            Tariff::Flat => flat,
            Tariff::Valley => valley,
        }
    }

    /// The place of a channel.
    pub const fn of_mut(&mut self, channel: Channel) -> &mut i64 {
        let [sharp, peak, flat, valley] = match channel.direction {
            Direction::Import => &mut self.import,
            Direction::Export => &mut self.export,
        };
        match channel.tariff {
            Tariff::Sharp => sharp,
            Tariff::Peak => peak,
            Tariff::Flat => flat,
            Tariff::Valley => valley,
        }
    }

    /// The four tariffs of a direction, in the order of their numbers.
    #[must_use]
    pub const fn tariffs(&self, direction: Direction) -> [i64; 4] {
        match direction {
            Direction::Import => self.import,
            Direction::Export => self.export,
        }
    }

    /// All tariffs of a direction together.
    #[must_use]
    pub fn total(&self, direction: Direction) -> i64 {
        self.tariffs(direction).iter().sum()
    }

    /// Import and export exchanged.
    #[must_use]
    pub const fn turned(&self) -> Self {
        Self { import: self.export, export: self.import }
    }

    /// What was added since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self::from_fn(|channel| self.of(channel) - earlier.of(channel))
    }
}
