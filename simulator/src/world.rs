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
use file::{BusEntry, EventEntry, EventName, MeterEntry, WorldFile};
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
        let mut tables = Tables { seed, made: BTreeMap::new() };
        let named = lines.iter().map(|line| line.entry.name.clone());
        let named = named.chain(terminals.iter().map(|terminal| terminal.entry.address.to_string()));
        let places: BTreeMap<String, usize> = named.enumerate().map(|(place, name)| (name, place)).collect();
        let mut hung = lines
            .iter_mut()
            .map(|line| &mut line.meters)
            .chain(terminals.iter_mut().map(|terminal| &mut terminal.meters))
            .collect::<Vec<_>>();
        let mut taken = std::collections::BTreeSet::new();
        for entry in &file.meter {
            let meter = entry.address.to_string();
            let place = places.get(&entry.bus).copied();
            let Some(meters) = place.and_then(|place| hung.get_mut(place)) else {
                return Err(WorldError::UnknownBus { meter, bus: entry.bus.clone() });
            };
            if !taken.insert((place, entry.address)) {
                return Err(WorldError::DoubledAddress { bus: entry.bus.clone(), meter });
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
        Ok(Self { seed, lines, terminals })
    }

    /// All meters, line by line and terminal by terminal.
    pub fn meters(&self) -> impl Iterator<Item = &Meter> {
        let on_lines = self.lines.iter().map(|line| &line.meters);
        let behind = self.terminals.iter().map(|terminal| &terminal.meters);
        on_lines.chain(behind).flatten().map(|(_, meter)| meter)
    }

    /// Lets the registers of all meters stand still from an instant on.
    pub fn hold(&mut self, at: At) {
        let on_lines = self.lines.iter_mut().map(|line| &mut line.meters);
        let behind = self.terminals.iter_mut().map(|terminal| &mut terminal.meters);
        for (_, meter) in on_lines.chain(behind).flatten() {
            meter.truth_mut().hold(at);
        }
    }
}

/// The load tables, one for each shape.
struct Tables {
    seed: Seed,
    made: BTreeMap<u8, Arc<LoadTable>>,
}

impl Tables {
    fn table(&mut self, shape: Shape) -> Arc<LoadTable> {
        let place = Shape::ALL.iter().position(|have| *have == shape).unwrap_or_default();
        let area = self.seed.named("weather");
        let make = || Arc::new(LoadTable::new(shape, Schedule::default(), area));
        Arc::clone(self.made.entry(u8::try_from(place).unwrap_or_default()).or_insert_with(make))
    }

    fn meter(&mut self, entry: &MeterEntry) -> Meter {
        let shape = Shape::from(entry.load);
        let seed = self.seed.named("meter").numbered(entry.address.number());
        let mut profile = Profile::drawn(shape, seed);
        if let Some(mean_day_wh) = entry.mean_day_wh {
            profile.mean_day_wh = mean_day_wh;
        }
        let load = Load::new(profile, self.table(shape), seed);
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
    }
}
