//! What makes a terminal.

use gdw1376::address::TerminalAddress;

use super::archive::{PROTOCOL_1997, PROTOCOL_2007, Record};
use super::fault::Plan;
use super::habits::Habits;
use super::lines::Wired;
use super::settings::Settings;
use crate::clock::Clock;
use crate::instant::At;
use crate::meter::Meter;
use crate::seed::Seed;
use crate::truth::installation::Wiring;

/// All that decides what a terminal does.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Its address.
    pub address: TerminalAddress,
    /// The world's time when the run begins.
    pub start: At,
    /// Everything that is drawn is drawn from this.
    pub seed: Seed,
    /// Times and sizes.
    pub settings: Settings,
    /// What its maker does differently.
    pub habits: Habits,
    /// Its clock.
    pub clock: Clock,
    /// Its archive.
    pub records: Vec<Record>,
    /// The meters on its lines.
    pub wired: Vec<Wired>,
    /// What goes wrong.
    pub faults: Plan,
}

impl Setup {
    /// A terminal without meters, with a right clock.
    #[must_use]
    pub fn new(address: TerminalAddress, start: At, seed: Seed) -> Self {
        Self {
            address,
            start,
            seed: Self::seed_of(address, seed),
            settings: Settings::default(),
            habits: Habits::default(),
            clock: Clock::right(At::START),
            records: Vec::new(),
            wired: Vec::new(),
            faults: Plan::default(),
        }
    }

    /// The seed of one terminal of a world.
    #[must_use]
    pub fn seed_of(address: TerminalAddress, world: Seed) -> Seed {
        world.named("terminal").numbered(u64::from(u32::from_le_bytes(address.wire())))
    }

    /// The same with meters on the power line, each in the archive as the next measuring point from 1 on. The habits are
    /// to be set before: makers number the port differently.
    #[must_use]
    pub fn with_meters(mut self, meters: impl IntoIterator<Item = Meter>) -> Self {
        let port = self.habits.plc_port;
        for meter in meters {
            let number = self.records.iter().map(|record| record.number).max().unwrap_or_default() + 1;
            self.records.push(Record::of(&meter, number, port));
            self.wired.push(Wired { meter, port });
        }
        self
    }

    /// The same with an archive that differs from what hangs on the lines: so many meters are missing from it, so many
    /// records are of meters that are not there, and so many pairs of points are exchanged.
    #[must_use]
    pub fn with_archive_errors(mut self, missing: usize, strange: u16, exchanged: usize) -> Self {
        let keep = self.records.len().saturating_sub(missing);
        self.records.truncate(keep);
        for pair in self.records.chunks_exact_mut(2).take(exchanged) {
            if let [one, other] = pair {
                std::mem::swap(&mut one.address, &mut other.address);
            }
        }
        let next = self.records.iter().map(|record| record.number).max().unwrap_or_default() + 1;
        let pattern = self.records.first().copied();
        for (number, pattern) in (next..next + strange).zip(pattern.into_iter().cycle()) {
            let [low, high] = number.to_le_bytes();
            // Nobody's address: 99 in front.
            let address = [low % 10, high % 10, number.to_le_bytes()[0] >> 4 & 7, 0, 0, 0x99];
            self.records.push(Record { number, point: number, address, ..pattern });
        }
        self
    }

    /// The same with a clock that is `offset` seconds fast at the start and gains `drift_ppm` seconds in a million.
    #[must_use]
    pub fn with_clock(mut self, offset: i64, drift_ppm: i32) -> Self {
        let gained = CLOCK_RUNS * i64::from(drift_ppm) / 1_000_000;
        self.clock = Clock::drifting(self.start.plus(-CLOCK_RUNS), offset - gained, drift_ppm);
        self
    }
}

impl Record {
    /// A record that fits a meter: record and point under one number.
    #[must_use]
    pub fn of(meter: &Meter, number: u16, port: u8) -> Self {
        let is_large = meter.truth().wiring() == Wiring::ThreePhase;
        Self {
            number,
            point: number,
            // 2400 baud.
            speed_and_port: 3 << 5 | port & 0x1F,
            protocol: if meter.editions().e2007 { PROTOCOL_2007 } else { PROTOCOL_1997 },
            address: meter.address().wire(),
            password: [0; 6],
            tariffs: 4,
            // Six digits and two decimals.
            digits: 0b1001,
            collector: [0; 6],
            class: if is_large { 0x30 } else { 0x50 },
        }
    }
}

/// A clock was last set so many seconds before the start, longer ago than anything that is stored.
const CLOCK_RUNS: i64 = 500 * 86_400;
