//! The Modbus meters that the archive has on a line: each is asked under its own unit number, and no other number is tried,
//! because what a meter of DL/T 645 makes of a frame that it does not know nobody can say.

use std::collections::BTreeSet;
use std::time::Duration;

use dlt645::address::MeterAddress;
use dlt645::exchange::Timing;

use super::super::CliError;
use super::super::line::PLAIN;
use super::super::progress::status;
use super::super::registers::{How, RegisterLine};
use super::{Found, Scan, facts};
use crate::channel::{RegisterOutcome, RegisterQuestion};
use crate::config::profile::{MeterProfile, Profiles, Span};
use crate::config::{Framing, Pace};
use crate::domain::modbus::Table;
use crate::domain::{ArchiveEntry, Item, MeterPath, MeterProtocol};
use crate::link::Rate;

/// What is recorded of a line.
pub(super) struct Archived {
    pub(super) entries: Vec<ArchiveEntry>,
    pub(super) framing: Framing,
    /// How it is set, where the configuration has it.
    pub(super) pace: Option<Pace>,
    pub(super) profiles: Profiles,
}

/// Which Modbus meters were asked, and what those say that answer.
#[derive(Default)]
pub(super) struct Units {
    pub(super) asked: BTreeSet<MeterAddress>,
    pub(super) found: Vec<Found>,
}

/// A Modbus meter of the archive with all that is needed to ask it.
struct Unit<'a> {
    address: MeterAddress,
    rate: Rate,
    profile: Option<&'a MeterProfile>,
}

impl Archived {
    /// The Modbus meters of this line.
    fn units(&self, line: &str, usual: Rate) -> Vec<Unit<'_>> {
        let unit = |entry: &ArchiveEntry| {
            let MeterPath::Line { line: own, baud, parity } = &entry.meter.path else { return None };
            if own != line || entry.meter.protocol != MeterProtocol::Modbus {
                return None;
            }
            let profile = self.profiles.of(entry.meter.profile.as_deref(), MeterProtocol::Modbus);
            let baud =
                baud.or(profile.and_then(|profile| profile.baud)).or_else(|| self.pace.map(|pace| pace.baud));
            let parity = parity
                .or(profile.and_then(|profile| profile.parity))
                .or_else(|| self.pace.map(|pace| pace.parity));
            let rate = Rate { baud: baud.unwrap_or(usual.baud), parity: parity.unwrap_or(usual.parity) };
            Some(Unit { address: entry.meter.address, rate, profile })
        };
        self.entries.iter().filter_map(unit).collect()
    }
}

impl Scan {
    /// Asks the Modbus meters that are recorded on the line, one after the other.
    pub(super) async fn ask_units(
        &self,
        line: &str,
        archived: &Archived,
        units: &mut Units,
    ) -> Result<(), CliError> {
        let wanted = archived.units(line, PLAIN);
        let Some(first) = wanted.first() else { return Ok(()) };
        let place = self.path.place(first.rate);
        let registers = RegisterLine::open(place, archived.framing, self.trace).await?;
        let asked = self.ask_each(&registers, &wanted, archived.pace, units).await;
        registers.close().await;
        asked
    }

    async fn ask_each(
        &self,
        line: &RegisterLine,
        wanted: &[Unit<'_>],
        pace: Option<Pace>,
        units: &mut Units,
    ) -> Result<(), CliError> {
        for (place, unit) in wanted.iter().enumerate() {
            status(&format!("Modbus {}: {} of {}", unit.address, place + 1, wanted.len()));
            let how = How {
                rate: self.path.is_serial().then_some(unit.rate),
                timing: self.unit_timing(unit, pace),
                retries: self.retries,
            };
            let span = unit.span();
            let (table, start, count) =
                span.as_ref().map_or((Table::Holding, 0, 1), |span| (span.table, span.start, span.count));
            // A number of the archive is always one of a unit.
            let Some(question) = RegisterQuestion::new(unit.address, table, start, count) else { continue };
            let (outcome, _) = line.ask(question, how).await?;
            units.asked.insert(unit.address);
            units.found.extend(unit.found(span.as_ref(), &outcome));
        }
        Ok(())
    }

    fn unit_timing(&self, unit: &Unit<'_>, pace: Option<Pace>) -> Timing {
        let Rate { baud, parity } = unit.rate;
        let plain = Pace { baud, parity, quiet_after_answer: Duration::ZERO, path_delay: Duration::ZERO };
        let timing = match unit.profile {
            Some(profile) => profile.timing(pace.unwrap_or(plain), Some(baud)),
            None => Timing { wake_up_bytes: 0, first_byte: UNKNOWN_DELAY, ..Timing::serial(baud) },
        };
        let first_byte = self.timeout.unwrap_or(timing.first_byte);
        Timing { first_byte, td_max: timing.td_max.min(first_byte), ..timing }
    }
}

impl Unit<'_> {
    /// What it is asked for: the total of its energy where it has one.
    fn span(&self) -> Option<Span> {
        let map = &self.profile?.map;
        let total = energy();
        let mut spans = map.spans(|item| Some(item) == total);
        spans.extend(map.spans(|_| true));
        spans.into_iter().next()
    }

    /// What it says of itself, when it answers. A refusal is an answer, too.
    fn found(&self, span: Option<&Span>, outcome: &RegisterOutcome) -> Option<Found> {
        let words = match outcome {
            RegisterOutcome::Answered(registers) => registers.words.as_slice(),
            RegisterOutcome::Refused { .. } => &[],
            RegisterOutcome::Silent(_) | RegisterOutcome::NotAsked(..) | RegisterOutcome::NotSent(_) => {
                return None;
            }
        };
        let row =
            span.and_then(|span| Some((span, span.rows.iter().find(|row| Some(row.item) == energy())?)));
        let value = row.and_then(|(span, row)| {
            row.form.decode(span.words(row, words), row.item).ok().map(|value| (row, value))
        });
        Some(Found {
            address: self.address.to_string(),
            edition: "modbus",
            baud: self.rate.baud,
            parity: facts::bits(self.rate.parity).to_owned(),
            clock: None,
            fast_seconds: None,
            forward_active: value.map(|(row, value)| row.item.quantity(value).to_string()),
            unit: value.map(|(row, _)| row.item.unit()),
            asset_number: None,
            is_told: false,
        })
    }
}

/// Forward active energy, total.
fn energy() -> Option<Item> {
    Item::parse("1.8.0")
}

/// How long a meter may take that no profile is known of.
const UNKNOWN_DELAY: Duration = Duration::from_millis(1200);
