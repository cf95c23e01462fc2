//! A world: areas, lines and meters, from a file or drawn from a seed, and what a judge may ask of it.
//!
//! [`file::WorldFile`] is what stands in a TOML file; [`generate::Plan`] draws one; [`World::build`] makes the meters of
//! it. All meters of one load shape share one table, so a meter at rest takes less than 4 KiB.
//!
//! What it leaves to others: how lines carry bytes ([`crate::bus`]) and how they are reached ([`crate::serve`]).

pub mod file;
pub mod fitted;
pub mod generate;
pub mod names;
pub mod registers;
pub mod terminal;
#[cfg(test)]
mod tests;
pub mod told;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Clock;
use crate::instant::At;
use crate::load::Load;
use crate::load::profile::Profile;
use crate::load::shape::Shape;
use crate::load::table::LoadTable;
use crate::meter::relay::RelayKind;
use crate::meter::{AbsentPhases, Manners, Meter};
use crate::seed::Seed;
use crate::tariff::Schedule;
use crate::truth::Truth;
use crate::truth::event::{Event, EventKind};
use crate::truth::face::CAPACITY;
use crate::truth::installation::Installation;
use crate::truth::register::Phase;
use file::{BusEntry, EventEntry, EventName, GatewayEntry, MeterEntry, WorldFile};
use terminal::Neighbourhood;

/// The world as it begins: its lines, each with its meters.
#[derive(Debug)]
pub struct World {
    /// The seed everything is drawn from.
    pub seed: Seed,
    /// The lines in the order of the file.
    pub lines: Vec<Line>,
    /// The terminals in the order of the file.
    pub terminals: Vec<Neighbourhood>,
    /// The Modbus TCP gateways in the order of the file.
    pub gateways: Vec<Gateway>,
}

/// A Modbus TCP gateway with the meters behind it.
#[derive(Debug)]
pub struct Gateway {
    /// How it is reached.
    pub entry: GatewayEntry,
    /// Its meters, with the settings they were made by.
    pub meters: Vec<(MeterEntry, Meter)>,
}

/// One line (bus) with the meters on it.
#[derive(Debug)]
pub struct Line {
    /// How it is set and reached.
    pub entry: BusEntry,
    /// Its meters, with the settings they were made by.
    pub meters: Vec<(MeterEntry, Meter)>,
}

/// Why a world cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// A meter names a line that is not there.
    #[error("meter {meter} is on line {bus:?}, and there is no such line")]
    UnknownBus {
        /// Its address.
        meter: String,
        /// The name.
        bus: String,
    },
    /// Two lines have one name.
    #[error("two lines are called {bus:?}")]
    DoubledBus {
        /// The name.
        bus: String,
    },
    /// Two meters on one line have one address.
    #[error("two meters on line {bus:?} have the address {meter}")]
    DoubledAddress {
        /// The line.
        bus: String,
        /// The address.
        meter: String,
    },
    /// The last three digits of a Modbus meter are no unit number.
    #[error("meter {meter} speaks Modbus, and its last three digits are no unit number, 001 to 247")]
    NoUnit {
        /// Its address.
        meter: String,
    },
    /// Two Modbus meters of one line have one unit number.
    #[error("two Modbus meters on line {bus:?} have the unit number {unit:03}")]
    DoubledUnit {
        /// The line.
        bus: String,
        /// The number.
        unit: u8,
    },
    /// A register of something that no meter of a world has.
    #[error(
        "meter {meter}: {item:?} is no item that a simulated meter has in registers, such as 1.8.0 or 32.7.0"
    )]
    UnknownItem {
        /// Its address.
        meter: String,
        /// What stands there.
        item: String,
    },
    /// A meter of DL/T 645 behind a Modbus TCP gateway, or one of Modbus behind a terminal.
    #[error("meter {meter} cannot be at {bus:?}: gateways have Modbus meters behind them, terminals others")]
    WrongPlace {
        /// Its address.
        meter: String,
        /// Where it is said to be.
        bus: String,
    },
}

impl World {
    /// Makes the meters of a file.
    ///
    /// # Errors
    /// [`WorldError`] for names and addresses that do not fit together.
    pub fn build(file: &WorldFile) -> Result<Self, WorldError> {
        let seed = Seed::new(file.seed);
        let mut lines: Vec<Line> = Vec::new();
        for entry in &file.bus {
            if lines.iter().any(|line| line.entry.name == entry.name) {
                return Err(WorldError::DoubledBus { bus: entry.name.clone() });
            }
            lines.push(Line { entry: entry.clone(), meters: Vec::new() });
        }
        let mut terminals: Vec<Neighbourhood> = Vec::new();
        for entry in &file.terminal {
            if terminals.iter().any(|terminal| terminal.entry.address == entry.address) {
                return Err(WorldError::DoubledBus { bus: entry.address.to_string() });
            }
            terminals.push(Neighbourhood { entry: entry.clone(), meters: Vec::new() });
        }
        let mut gateways: Vec<Gateway> = Vec::new();
        for entry in &file.gateway {
            let is_taken = lines.iter().any(|line| line.entry.name == entry.name)
                || gateways.iter().any(|gateway| gateway.entry.name == entry.name);
            if is_taken {
                return Err(WorldError::DoubledBus { bus: entry.name.clone() });
            }
            gateways.push(Gateway { entry: entry.clone(), meters: Vec::new() });
        }
        let kinds = Kinds { lines: lines.len(), terminals: terminals.len() };
        let mut tables = Tables { seed, made: BTreeMap::new() };
        let named = lines.iter().map(|line| line.entry.name.clone());
        let named = named.chain(terminals.iter().map(|terminal| terminal.entry.address.to_string()));
        let named = named.chain(gateways.iter().map(|gateway| gateway.entry.name.clone()));
        let places: BTreeMap<String, usize> = named.enumerate().map(|(place, name)| (name, place)).collect();
        let mut hung = lines
            .iter_mut()
            .map(|line| &mut line.meters)
            .chain(terminals.iter_mut().map(|terminal| &mut terminal.meters))
            .chain(gateways.iter_mut().map(|gateway| &mut gateway.meters))
            .collect::<Vec<_>>();
        let mut taken = std::collections::BTreeSet::new();
        let mut units = std::collections::BTreeSet::new();
        for entry in &file.meter {
            let meter = entry.address.to_string();
            let place = places.get(&entry.bus).copied();
            let Some(meters) = place.and_then(|place| hung.get_mut(place)) else {
                return Err(WorldError::UnknownBus { meter, bus: entry.bus.clone() });
            };
            if !taken.insert((place, entry.address)) {
                return Err(WorldError::DoubledAddress { bus: entry.bus.clone(), meter });
            }
            let unit = kinds.check(entry, place.unwrap_or_default())?;
            if let Some(unit) = unit.filter(|unit| !units.insert((place, *unit))) {
                return Err(WorldError::DoubledUnit { bus: entry.bus.clone(), unit });
            }
            let mut meter = tables.meter(entry);
            let area = &entry.customer.transformer_area;
            for cut in file.power_cut.iter().filter(|cut| cut.transformer_area == *area) {
                let event =
                    Event { kind: EventKind::PowerCut, from: cut.from.0, to: Some(cut.to.0), operator: 0 };
                meter.truth_mut().insert(event);
            }
            meters.push((entry.clone(), meter));
        }
        Ok(Self { seed, lines, terminals, gateways })
    }

    /// All meters, line by line, terminal by terminal and gateway by gateway.
    pub fn meters(&self) -> impl Iterator<Item = &Meter> {
        let on_lines = self.lines.iter().map(|line| &line.meters);
        let behind = self.terminals.iter().map(|terminal| &terminal.meters);
        let over_tcp = self.gateways.iter().map(|gateway| &gateway.meters);
        on_lines.chain(behind).chain(over_tcp).flatten().map(|(_, meter)| meter)
    }

    /// Lets the registers of all meters stand still from an instant on.
    pub fn hold(&mut self, at: At) {
        let on_lines = self.lines.iter_mut().map(|line| &mut line.meters);
        let behind = self.terminals.iter_mut().map(|terminal| &mut terminal.meters);
        let over_tcp = self.gateways.iter_mut().map(|gateway| &mut gateway.meters);
        for (_, meter) in on_lines.chain(behind).chain(over_tcp).flatten() {
            meter.truth_mut().hold(at);
        }
    }
}

/// Which places of a world are lines, terminals and gateways: one kind behind the other.
struct Kinds {
    lines: usize,
    terminals: usize,
}

impl Kinds {
    /// Checks whether a meter can be at a place; gives the unit number of one that speaks Modbus.
    fn check(&self, entry: &MeterEntry, place: usize) -> Result<Option<u8>, WorldError> {
        let meter = entry.address.to_string();
        let (is_line, is_gateway) = (place < self.lines, place >= self.lines + self.terminals);
        let fits = if entry.modbus.is_some() { is_line || is_gateway } else { !is_gateway };
        if !fits {
            return Err(WorldError::WrongPlace { meter, bus: entry.bus.clone() });
        }
        let Some(map) = &entry.modbus else { return Ok(None) };
        if let Some(item) = map.unknown_item() {
            return Err(WorldError::UnknownItem { meter, item: item.to_owned() });
        }
        entry.unit().map(Some).ok_or(WorldError::NoUnit { meter })
    }
}

/// The load tables, one for each shape and number of tariffs.
struct Tables {
    seed: Seed,
    made: BTreeMap<(usize, u8), Arc<LoadTable>>,
}

impl Tables {
    fn table(&mut self, shape: Shape, tariffs: u8) -> Arc<LoadTable> {
        let place = Shape::ALL.iter().position(|have| *have == shape).unwrap_or_default();
        let area = self.seed.named("weather");
        let make = || Arc::new(LoadTable::new(shape, Schedule::default().within(tariffs), area));
        Arc::clone(self.made.entry((place, tariffs)).or_insert_with(make))
    }

    fn meter(&mut self, entry: &MeterEntry) -> Meter {
        let shape = Shape::from(entry.load);
        let seed = self.seed.named("meter").numbered(entry.address.number());
        let mut profile = Profile::drawn(shape, seed);
        if let Some(mean_day_wh) = entry.mean_day_wh {
            profile.mean_day_wh = mean_day_wh;
        }
        let load = Load::new(profile, self.table(shape, entry.habits.tariffs), seed);
        let installed_at = entry.installed_at.0;
        let mut installation = Installation::new(load, entry.wiring.into(), seed, installed_at);
        installation.clock = Clock::drifting(installed_at, entry.clock_offset_seconds, entry.clock_drift_ppm);
        if let Some(at) = entry.rolls_over_at {
            installation = installation.reaching(CAPACITY, at.0);
        }
        let mut truth = Truth::install(installation);
        entry.event.iter().for_each(|event| happen(&mut truth, event));
        let mut meter = Meter::new(entry.address, entry.edition.into(), manners(entry), truth);
        meter.relay_mut().set_kind(RelayKind {
            is_fitted: entry.relay.is_fitted,
            is_stuck: entry.relay.is_stuck,
            hold_above: entry.relay.hold_above_ma.into(),
            key_after: entry.relay.key_after_seconds.map(i64::from),
        });
        for password in &entry.password {
            let _ = meter.passwords_mut().set(password.level, password.digits.0);
        }
        meter
    }
}

/// Lets something of the file happen to a meter.
fn happen(truth: &mut Truth, event: &EventEntry) {
    let at = event.from.0;
    let kind = match event.kind {
        EventName::ClockJump => return truth.clock_mut().jump(at, event.seconds),
        EventName::ClockBatteryLost => return truth.clock_mut().lose_battery(at),
        EventName::ClockStops => return truth.clock_mut().drift(at, crate::clock::STOPPED_PPM),
        EventName::Programming => return truth.record(EventKind::Programming, at, 0),
        EventName::ClockSet => return truth.record(EventKind::ClockSet, at, 0),
        EventName::DemandClear => return truth.record(EventKind::DemandClear, at, 0),
        EventName::PowerCut => EventKind::PowerCut,
        EventName::Removed => EventKind::Removed,
        EventName::CoverOpen => EventKind::CoverOpen,
        EventName::TerminalCoverOpen => EventKind::TerminalCoverOpen,
        EventName::MagneticField => EventKind::MagneticField,
        EventName::RelayOpen => EventKind::RelayOpen,
        EventName::CurrentReversed => EventKind::CurrentReversed(Phase::A),
        EventName::VoltageLoss => EventKind::VoltageLoss(Phase::A),
    };
    truth.insert(Event { kind, from: at, to: event.to.map(|to| to.0), operator: 0 });
}

fn manners(entry: &MeterEntry) -> Manners {
    let habits = &entry.habits;
    Manners {
        absent_phases: match habits.absent_phases {
            file::AbsentPhasesName::Filled => AbsentPhases::Filled,
            file::AbsentPhasesName::Zero => AbsentPhases::Zero,
            file::AbsentPhasesName::LeftOut => AbsentPhases::LeftOut,
        },
        separates_freezes: habits.separates_freezes,
        ends_blocks_with_aa: habits.ends_blocks_with_aa,
        sends_tenth_volts: habits.sends_tenth_volts,
        has_daily_freeze: habits.has_daily_freeze,
        is_silent_on_unknown: habits.is_silent_on_unknown,
        answers_broadcast_reads: habits.answers_broadcast_reads,
        flags_events: habits.flags_events,
        tariffs: habits.tariffs,
        fills_reverse: habits.fills_reverse,
        deaf_to: &[],
        keeps_empty_freezes: habits.keeps_empty_freezes,
        spoils_records: habits.spoils_records,
    }
}
