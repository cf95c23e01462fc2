//! Draws a world file from a seed.

use dlt645::address::{AddressError, MeterAddress};

use super::file::{
    AbsentPhasesName, BusEntry, EditionName, EventEntry, EventName, Habits, LoadName, MeterEntry, Moment,
    WiringName, WorldFile,
};
use super::names;
use crate::instant::At;
use crate::load::profile::Profile;
use crate::load::shape::Shape;
use crate::seed::Seed;
use dlt645::meter_time::Civil;

/// What a drawn world has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How many meters.
    pub meters: usize,
    /// The seed.
    pub seed: u64,
    /// The address of the first meter; the others follow it.
    pub first_address: MeterAddress,
    /// The lines; the meters are spread evenly over them.
    pub lines: Vec<BusEntry>,
    /// Makers' habits, wrong clocks and the 1997 edition are mixed in; without it all meters are plain.
    pub is_varied: bool,
}

/// How many meters share a transformer area.
const AREA: usize = 64;

impl Plan {
    /// The file.
    ///
    /// # Errors
    /// [`AddressError`] when the addresses run past twelve digits.
    pub fn draw(&self) -> Result<WorldFile, AddressError> {
        let seed = Seed::new(self.seed);
        let lines = self.lines.len().max(1);
        let each = self.meters.div_ceil(lines).max(1);
        let meter = (0..self.meters).map(|number| {
            let step = u64::try_from(number).unwrap_or(u64::MAX);
            let address = MeterAddress::from_number(self.first_address.number().saturating_add(step))?;
            let bus = self.lines.get(number / each).map_or("bus-1", |line| line.name.as_str());
            Ok(self.meter(seed.named("draw").numbered(address.number()), address, bus, number))
        });
        Ok(WorldFile {
            seed: self.seed,
            bus: self.lines.clone(),
            terminal: Vec::new(),
            gateway: Vec::new(),
            meter: meter.collect::<Result<_, _>>()?,
            power_cut: Vec::new(),
        })
    }

    fn meter(&self, seed: Seed, address: MeterAddress, bus: &str, number: usize) -> MeterEntry {
        let mut entry = MeterEntry::new(address, bus);
        let draw = |name: &str, low: i64, high: i64| seed.named(name).between(0, low, high);
        entry.load = match draw("load", 1, 100) {
            ..=84 => LoadName::Household,
            85..=91 => LoadName::SolarHousehold,
            92..=97 => LoadName::Shop,
            _ => LoadName::Factory,
        };
        let is_large = matches!(entry.load, LoadName::Shop | LoadName::Factory);
        entry.wiring = if is_large { WiringName::Three } else { WiringName::Single };
        let days = draw("installed", 400, 3000);
        entry.installed_at = Moment(newest_installation().plus(-days * 86_400 + draw("hour", 8, 17) * 3600));
        if self.is_varied {
            vary(&mut entry, seed);
        }
        entry.event = first_weeks(entry.installed_at.0);
        self.customer(&mut entry, seed, number);
        entry
    }

    fn customer(&self, entry: &mut MeterEntry, seed: Seed, number: usize) {
        let customer = &mut entry.customer;
        customer.number = format!("{:010}", 6_100_000_000_u64 + u64::try_from(number).unwrap_or_default());
        customer.point = format!("P{:09}", number + 1);
        (customer.name, customer.class) = match entry.load {
            LoadName::Household | LoadName::SolarHousehold => (names::person(seed), "residential".into()),
            LoadName::Shop => (names::shop(seed), "commercial".into()),
            LoadName::Factory => (names::factory(seed), "industrial".into()),
        };
        let area = number / AREA + 1;
        customer.transformer_area =
            names::area(Seed::new(self.seed).numbered(u64::try_from(area).unwrap_or(0)), area);
        customer.feeder =
            format!("10kV{}线", ["城东", "城南", "城西", "城北"].get(area % 4).copied().unwrap_or("城东"));
        customer.route = format!("R{:04}", area);
        customer.reading_day = u8::try_from(area % 28 + 1).unwrap_or(1);
        let shape = Shape::from(entry.load);
        let meter_seed = Seed::new(self.seed).named("meter").numbered(entry.address.number());
        customer.multiplier = Profile::drawn(shape, meter_seed).multiplier;
    }
}

/// No drawn meter was installed after this.
fn newest_installation() -> At {
    Civil::new(2026, 1, 1, 0, 0, 0).map_or(At::START, At::from_civil)
}

/// What every meter has seen: the installer's test of relay, covers and parameters, and a first disturbance.
fn first_weeks(installed_at: At) -> Vec<EventEntry> {
    let day = 86_400;
    let event = |kind, after: i64, lasts: Option<i64>| EventEntry {
        kind,
        from: Moment(installed_at.plus(after)),
        to: lasts.map(|seconds| Moment(installed_at.plus(after + seconds))),
        seconds: 0,
    };
    vec![
        event(EventName::TerminalCoverOpen, 0, Some(1200)),
        event(EventName::CoverOpen, 60, Some(300)),
        event(EventName::Programming, 120, None),
        event(EventName::ClockSet, 180, None),
        event(EventName::RelayOpen, 600, Some(60)),
        event(EventName::PowerCut, 30 * day, Some(2400)),
        event(EventName::VoltageLoss, 45 * day, Some(600)),
    ]
}

/// What a field has besides plain meters.
fn vary(entry: &mut MeterEntry, seed: Seed) {
    let draw = |name: &str, low: i64, high: i64| seed.named(name).between(0, low, high);
    let small = |name: &str, low: i64, high: i64| u8::try_from(draw(name, low, high)).unwrap_or_default();
    entry.edition = match draw("edition", 1, 100) {
        ..=89 => EditionName::E2007,
        90..=96 => EditionName::E1997,
        _ => EditionName::Both,
    };
    entry.answer_delay_ms = u16::try_from(draw("delay", 20, 120)).unwrap_or(50);
    entry.wake_up_bytes = small("wake-up", 0, 4);
    entry.clock_offset_seconds = draw("offset", -20, 20);
    entry.clock_drift_ppm = i32::try_from(draw("drift", -6, 6)).unwrap_or_default();
    entry.habits = Habits {
        absent_phases: match draw("absent", 1, 3) {
            1 => AbsentPhasesName::Filled,
            2 => AbsentPhasesName::Zero,
            _ => AbsentPhasesName::LeftOut,
        },
        separates_freezes: draw("separators", 0, 1) == 1,
        ends_blocks_with_aa: draw("block ends", 0, 1) == 1,
        is_silent_on_unknown: draw("silent", 1, 10) == 1,
        flags_events: draw("flags", 1, 10) == 1,
        ..Habits::default()
    };
}
