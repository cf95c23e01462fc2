//! Terminals of a world: concentrators with the meters behind them.

use std::time::Duration;

use gdw1376::address::TerminalAddress;
use serde::{Deserialize, Serialize};

use super::World;
use super::file::{BusEntry, MeterEntry, WorldFile};
use crate::concentrator::Setup;
use crate::concentrator::habits::Habits;
use crate::concentrator::settings::Settings;
use crate::instant::At;
use crate::meter::Meter;
use crate::seed::Seed;

/// One terminal; the meters whose `bus` is its address hang behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminalEntry {
    /// Region and terminal, `1100-3039`.
    #[serde(with = "address")]
    pub address: TerminalAddress,
    /// What its maker does differently is drawn from the seed; otherwise it does as the text says.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_varied: bool,
    /// How fast its clock is when the world begins; negative is slow.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clock_offset_seconds: i64,
    /// How many seconds its clock gains in a million.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clock_drift_ppm: i32,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero<T: PartialEq + Default>(value: &T) -> bool {
    *value == T::default()
}

/// One terminal with its meters, in the order of their measuring points from 1 on.
#[derive(Debug)]
pub struct Neighbourhood {
    /// How it is set.
    pub entry: TerminalEntry,
    /// Its meters, with the settings they were made by.
    pub meters: Vec<(MeterEntry, Meter)>,
}

impl TerminalEntry {
    /// A plain terminal.
    #[must_use]
    pub const fn new(address: TerminalAddress) -> Self {
        Self { address, is_varied: false, clock_offset_seconds: 0, clock_drift_ppm: 0 }
    }
}

impl WorldFile {
    /// The same world with its lines taken away and a terminal in the place of each: the first has the address `first`, the
    /// others follow it. `None` when the addresses run out.
    #[must_use]
    pub fn behind_terminals(mut self, first: TerminalAddress, is_varied: bool) -> Option<Self> {
        let lines = std::mem::take(&mut self.bus);
        for (number, BusEntry { name, .. }) in (0_u16..).zip(&lines) {
            let terminal = first.terminal().checked_add(number)?;
            let address = TerminalAddress::new(first.region()?, terminal)?;
            let behind = self.meter.iter_mut().filter(|meter| meter.bus == *name);
            behind.for_each(|meter| meter.bus = address.to_string());
            self.terminal.push(TerminalEntry { is_varied, ..TerminalEntry::new(address) });
        }
        Some(self)
    }
}

impl Neighbourhood {
    /// What makes the terminal; it is given power at `start`. A varied one has habits of its own.
    #[must_use]
    pub fn setup(self, world: Seed, start: At, settings: Settings) -> Setup {
        let habits = self.habits(world);
        let Self { entry, meters } = self;
        let mut setup = Setup::new(entry.address, start, world);
        (setup.settings, setup.habits) = (settings, habits);
        if entry.is_varied {
            // Makers differ in how much they send at once.
            let sends = setup.seed.named("sends").between(0, 1, 3);
            setup.settings.sends = u16::try_from(sends * 512).unwrap_or(settings.sends);
            setup.settings.heartbeat =
                Duration::from_secs(60 * setup.seed.named("beats").between(0, 1, 5).unsigned_abs());
        }
        setup = setup.with_clock(entry.clock_offset_seconds, entry.clock_drift_ppm);
        setup.with_meters(meters.into_iter().map(|(_, meter)| meter))
    }

    /// What its maker does differently, in a world of this seed.
    #[must_use]
    pub fn habits(&self, world: Seed) -> Habits {
        if self.entry.is_varied {
            Habits::drawn(Setup::seed_of(self.entry.address, world))
        } else {
            Habits::default()
        }
    }
}

impl World {
    /// What makes the terminals of this world, in the order of the file.
    #[must_use]
    pub fn setups(&mut self, start: At, settings: Settings) -> Vec<Setup> {
        let seed = self.seed;
        let terminals = std::mem::take(&mut self.terminals);
        terminals.into_iter().map(|terminal| terminal.setup(seed, start, settings)).collect()
    }
}

/// A terminal's address as text.
mod address {
    use gdw1376::address::TerminalAddress;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        address: &TerminalAddress,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(address)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<TerminalAddress, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use crate::world::generate::Plan;

    fn drawn(terminals: usize, meters: usize) -> WorldFile {
        let line = |number: usize| BusEntry {
            name: format!("line {number}"),
            tcp: None,
            pty: None,
            baud: 2400,
            echo: false,
        };
        let plan = Plan {
            meters: terminals * meters,
            seed: 5,
            first_address: "202411110001".parse().unwrap(),
            lines: (0..terminals).map(line).collect(),
            is_varied: true,
        };
        plan.draw().unwrap().behind_terminals("1100-0001".parse().unwrap(), true).unwrap()
    }

    #[test]
    fn terminals_stand_in_the_file_and_have_their_meters_behind_them() {
        let file = drawn(3, 7);
        assert_eq!(WorldFile::parse(&file.to_text().unwrap()).unwrap(), file);
        let mut world = World::build(&file).unwrap();
        assert_eq!((world.lines.len(), world.meters().count()), (0, 21));
        let setups = world.setups(sample::at(2026, 11, 21, 10, 0), Settings::default());
        let addresses: Vec<_> = setups.iter().map(|setup| setup.address.to_string()).collect();
        assert_eq!(addresses, ["1100-0001", "1100-0002", "1100-0003"]);
        let second = &setups[1];
        assert_eq!(
            second.records.iter().map(|record| record.point).collect::<Vec<_>>(),
            [1, 2, 3, 4, 5, 6, 7]
        );
        assert_eq!(second.wired[0].meter.address().to_string(), "202411110008");
        assert_ne!(setups[0].seed, setups[1].seed);
    }

    #[test]
    fn an_address_that_is_none_is_told_with_its_place() {
        let text = "seed = 1\n[[terminal]]\naddress = \"1100\"\n";
        let error = WorldFile::parse(text).unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("1100-3039"), "{error}");
        let twice =
            "seed = 1\n[[terminal]]\naddress = \"1100-0001\"\n[[terminal]]\naddress = \"1100-0001\"\n";
        assert!(World::build(&WorldFile::parse(twice).unwrap()).is_err());
    }
}
