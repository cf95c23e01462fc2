//! The archive and the configuration that fit a simulated world, so that it can be collected like any other site.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use simulator::instant::At;
use simulator::meter::Meter as Simulated;
use simulator::world::file::{BusEntry, EditionName, MeterEntry, WiringName, WorldFile};
use simulator::world::{World, told};

use super::CliError;
use crate::archive::{Encoding, Headings, write};
use crate::domain::{
    ArchiveEntry, Coded, Customer, CustomerClass, Item, Meter, MeterPath, MeterProtocol, MeteringPoint,
    Moment, PointRole, Ratio, Transformers,
};

/// The archive of a world; each line is named as its bus, each terminal by its address.
pub(in crate::cli) fn entries(world: &WorldFile) -> Result<Vec<ArchiveEntry>, CliError> {
    let built = World::build(world).map_err(|error| CliError::Usage(error.to_string()))?;
    let on_lines = built.lines.iter().flat_map(|line| &line.meters).map(|(entry, meter)| {
        let path = MeterPath::Line { line: entry.bus.clone(), baud: None, parity: None };
        archive_entry(entry, meter, path)
    });
    let over_tcp = built.gateways.iter().flat_map(|gateway| &gateway.meters).map(|(entry, meter)| {
        let path = MeterPath::Line { line: entry.bus.clone(), baud: None, parity: None };
        archive_entry(entry, meter, path)
    });
    let behind = built.terminals.iter().flat_map(|terminal| {
        let (address, port) = (terminal.entry.address, terminal.habits(built.seed).plc_port);
        (1..).zip(&terminal.meters).map(move |(measuring_point, (entry, meter))| {
            let terminal = address.to_string();
            let port = Some(port);
            let path = MeterPath::Terminal { terminal, measuring_point, port, baud: None, parity: None };
            archive_entry(entry, meter, path)
        })
    });
    Ok(on_lines.chain(over_tcp).chain(behind).collect())
}

/// Writes the archive file of a world.
pub(super) fn write_archive(world: &WorldFile, file: &Path) -> Result<(), CliError> {
    let entries = entries(world)?;
    // Everything can be written in UTF-8.
    let bytes = write(&entries, Headings::Chinese, Encoding::Utf8).unwrap_or_default();
    write_new(file, &bytes)
}

/// Writes a configuration with a line for each bus of a world.
pub(super) fn write_config(world: &WorldFile, file: &Path) -> Result<(), CliError> {
    write_new(file, config_text(world)?.as_bytes())
}

/// The text of a configuration with a line for each bus of a world.
pub(in crate::cli) fn config_text(world: &WorldFile) -> Result<String, CliError> {
    let mut text = CONFIG.to_owned();
    for bus in &world.bus {
        let (key, place) = match (&bus.tcp, &bus.pty) {
            (Some(tcp), _) => ("tcp", tcp),
            (None, Some(pty)) => ("serial", pty),
            (None, None) => {
                return Err(CliError::Usage(format!("line {} has neither tcp nor pty", bus.name)));
            }
        };
        if place.ends_with(":0") {
            return Err(CliError::Usage("--config needs ports that are known: give --first-port".into()));
        }
        let BusEntry { name, baud, .. } = bus;
        let (name, place) = (toml::Value::from(name.as_str()), toml::Value::from(place.as_str()));
        // Writing into a string cannot fail.
        let _ = write!(text, "\n[[line]]\nname = {name}\n{key} = {place}\nbaud = {baud}\n");
    }
    Ok(text)
}

/// Writes a file that is not there yet, so that nobody's own is lost.
fn write_new(file: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let made = std::fs::File::create_new(file).and_then(|mut made| made.write_all(bytes));
    made.map_err(|error| CliError::Failed(format!("{}: {error}", file.display())))
}

fn archive_entry(entry: &MeterEntry, simulated: &Simulated, path: MeterPath) -> ArchiveEntry {
    let said = &entry.customer;
    let filled = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let or_address =
        |text: &String, letter: &str| filled(text).unwrap_or_else(|| format!("{letter}{}", entry.address));
    let number = or_address(&said.number, "C");
    let installed_at = entry.installed_at.0;
    let area = filled(&said.transformer_area);
    let route = filled(&said.route);
    ArchiveEntry {
        feeder: filled(&said.feeder).filter(|_| area.is_some()),
        reading_day: Some(said.reading_day).filter(|day| *day > 0 && route.is_some()),
        customer: Customer {
            number: number.clone(),
            name: said.name.clone(),
            class: CustomerClass::from_name(&said.class),
        },
        point: MeteringPoint {
            number: or_address(&said.point, "P"),
            customer: number,
            role: PointRole::Customer,
            area,
            route,
            protection: None,
        },
        is_unprotected: false,
        meter: meter(entry, simulated, path),
        transformers: ratio(said.multiplier).map(|ct| Transformers { ct, vt: Ratio::ONE }),
        installed_at: moment(installed_at),
        first_reading: moment(installed_at).and_then(|_| shown(simulated, installed_at)),
    }
}

fn meter(entry: &MeterEntry, simulated: &Simulated, path: MeterPath) -> Meter {
    let protocol = match entry.edition {
        EditionName::E2007 | EditionName::Both => MeterProtocol::Dlt2007,
        EditionName::E1997 => MeterProtocol::Dlt1997,
    };
    let protocol = if entry.modbus.is_some() { MeterProtocol::Modbus } else { protocol };
    let is_large = entry.wiring == WiringName::Three && protocol == MeterProtocol::Dlt2007;
    Meter {
        address: entry.address,
        // Only this protocol has a place for it.
        asset_number: (protocol == MeterProtocol::Dlt2007).then(|| simulated.asset_number()),
        protocol,
        profile: match &entry.modbus {
            Some(map) => Some(map.profile.clone()).filter(|name| !name.is_empty()),
            None => is_large.then(|| "645-2007-three-phase".to_owned()),
        },
        path,
    }
}

/// 0 stands for nothing said.
fn ratio(multiplier: u32) -> Option<Ratio> {
    Some(multiplier).filter(|multiplier| *multiplier > 0)?.to_string().parse().ok()
}

fn moment(at: At) -> Option<Moment> {
    at.civil().map(Moment::from_civil)
}

/// What its forward total showed.
fn shown(simulated: &Simulated, at: At) -> Option<i64> {
    let total = told::registers(simulated, at).into_iter().next()?;
    Item::parse("1.8.0")?.scaled(total.value)
}

const CONFIG: &str = "\
# Fits a simulated world; `chaobiao config example` explains every key. 与仿真环境配套的配置。

[database]
path = \"chaobiao.db\"
";
