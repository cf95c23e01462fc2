//! The archive in memory, while entries are compared with it.

use std::collections::HashMap;

use super::guarded::Guarded;
use super::kept::Kept;
use super::sites::Sites;
use super::zeros::{Zeros, lacks_zeros};
use crate::domain::modbus::unit_of;
use crate::domain::{
    ArchiveEntry, ArchiveProblem, Coded, Customer, Meter, MeterPath, MeterProtocol, Moment, Numbered,
    RegisterReading,
};
use crate::store::error::StoreError;
use crate::store::sql::{Cell, Kind, Rows, Table};
use crate::store::transaction::Transaction;

/// Everything that entries may add to or correct.
pub(super) struct Known {
    customers: Kept<(String, Option<i64>)>,
    feeders: Kept<()>,
    areas: Kept<Option<i64>>,
    routes: Kept<Option<i64>>,
    lines: Kept<()>,
    points: Kept<PointRow>,
    meters: Kept<MeterRow>,
    sites: Sites,
    guarded: Guarded,
    zeros: AllZeros,
}

/// What was recorded with zeros before it.
struct AllZeros {
    customers: Zeros,
    points: Zeros,
    areas: Zeros,
    routes: Zeros,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Taken {
    Same,
    Changed,
    Added,
}

#[derive(Clone, PartialEq)]
struct PointRow {
    customer: i64,
    role: i64,
    area: Option<i64>,
    route: Option<i64>,
    protection: Option<String>,
}

#[derive(Clone, PartialEq)]
struct MeterRow {
    asset_number: Option<String>,
    protocol: i64,
    profile: Option<String>,
    line: Option<i64>,
    terminal: Option<String>,
    measuring_point: Option<i64>,
    terminal_port: Option<i64>,
    baud: Option<i64>,
    parity: Option<i64>,
}

impl MeterRow {
    /// The line and the unit number there of a meter that speaks Modbus.
    fn unit_on_line(&self, address: &str) -> Option<(i64, u8)> {
        let is_modbus = self.protocol == MeterProtocol::Modbus.code();
        let unit = unit_of(address.parse().ok().filter(|_| is_modbus)?)?;
        Some((self.line?, unit))
    }
}

impl Known {
    pub(super) async fn load(reading: &mut Transaction) -> Result<Self, StoreError> {
        let customers: Vec<(i64, String, String, Option<i64>)> =
            reading.rows("SELECT id, number, name, class FROM customer", &[]).await?;
        let feeders: Vec<(i64, String)> = reading.rows("SELECT id, name FROM feeder", &[]).await?;
        let areas: Vec<(i64, String, Option<i64>)> =
            reading.rows("SELECT id, name, feeder_id FROM transformer_area", &[]).await?;
        let routes: Vec<(i64, String, Option<i64>)> =
            reading.rows("SELECT id, name, reading_day FROM reading_route", &[]).await?;
        let lines: Vec<(i64, String)> = reading.rows("SELECT id, name FROM line", &[]).await?;
        type Point = (i64, String, i64, i64, Option<i64>, Option<i64>, Option<String>);
        let points: Vec<Point> = reading
            .rows(
                "SELECT id, number, customer_id, role, area_id, route_id, protection FROM metering_point",
                &[],
            )
            .await?;
        let point = |(id, number, customer, role, area, route, protection): Point| {
            (id, number, PointRow { customer, role, area, route, protection })
        };
        let meters = meters(reading).await?;
        let customer = |(id, number, name, class)| (id, number, (name, class));
        let named = |(id, name)| (id, name, ());
        let customers = Kept::of(customers.into_iter().map(customer));
        let points = Kept::of(points.into_iter().map(point));
        let (areas, routes) = (Kept::of(areas.into_iter()), Kept::of(routes.into_iter()));
        let zeros = AllZeros {
            customers: Zeros::of(&customers),
            points: Zeros::of(&points),
            areas: Zeros::of(&areas),
            routes: Zeros::of(&routes),
        };
        Ok(Self {
            customers,
            feeders: Kept::of(feeders.into_iter().map(named)),
            areas,
            routes,
            lines: Kept::of(lines.into_iter().map(named)),
            points,
            zeros,
            meters: Kept::of(meters.into_iter()),
            sites: Sites::load(reading).await?,
            guarded: Guarded::load(reading).await?,
        })
    }

    pub(super) fn meter_count(&self) -> usize {
        self.sites.count()
    }

    /// What stands against an entry.
    pub(super) fn problems(&self, entry: &ArchiveEntry, now: Moment) -> Vec<ArchiveProblem> {
        let mut found = self.sites.problems(entry, now);
        let point = &entry.point.number;
        let is_protected = self.points.held(point).is_some_and(|row| row.protection.is_some());
        let becomes = self.customers.held(&entry.customer.number).and_then(|(_, class)| *class);
        if (entry.is_unprotected && is_protected) || self.guarded.loses(entry, becomes) {
            found.push(ArchiveProblem::Protected);
        }
        found.extend(self.lost_zeros(entry));
        found
    }

    /// Numbers without the zeros that are recorded before them.
    fn lost_zeros(&self, entry: &ArchiveEntry) -> Vec<ArchiveProblem> {
        let (zeros, number) = (&self.zeros, &entry.customer.number);
        let of_point = || {
            let row = self.points.held(&entry.point.number)?;
            zeros.customers.lost_from(row.customer, number)
        };
        let customer = zeros.customers.lost(&self.customers, number).or_else(of_point);
        let point = zeros.points.lost(&self.points, &entry.point.number);
        let area = entry.point.area.as_ref().and_then(|name| zeros.areas.lost(&self.areas, name));
        let route = entry.point.route.as_ref().and_then(|name| zeros.routes.lost(&self.routes, name));
        let held = || self.meters.held(&entry.meter.address.to_string())?.asset_number.as_deref();
        let asset = entry.meter.asset_number.as_deref().zip(held());
        let asset = asset.filter(|(told, held)| lacks_zeros(told, held)).map(|(_, held)| held);
        let found = [
            (Numbered::Customer, customer),
            (Numbered::Point, point),
            (Numbered::Asset, asset),
            (Numbered::Area, area),
            (Numbered::Route, route),
        ];
        let problem = |(of, known): (Numbered, Option<&str>)| {
            known.map(|known| ArchiveProblem::OtherZeros { of, known: known.to_owned() })
        };
        found.into_iter().filter_map(problem).collect()
    }

    /// Of all that was taken over, what another installed meter has as well. Asked at the end, since a list may move
    /// things from one meter to another.
    pub(super) fn rivals(&self, entries: &[ArchiveEntry]) -> Vec<(usize, ArchiveProblem)> {
        let mut terminals: HashMap<(&str, i64), Vec<&str>> = HashMap::new();
        let mut units: HashMap<(i64, u8), Vec<&str>> = HashMap::new();
        let mut assets: HashMap<&str, Vec<&str>> = HashMap::new();
        for (address, row) in self.meters.all().filter(|(address, _)| self.sites.is_installed(address)) {
            if let (Some(terminal), Some(place)) = (&row.terminal, row.measuring_point) {
                terminals.entry((terminal, place)).or_default().push(address);
            }
            if let Some(unit) = row.unit_on_line(address) {
                units.entry(unit).or_default().push(address);
            }
            if let Some(asset) = &row.asset_number {
                assets.entry(asset).or_default().push(address);
            }
        }
        let mut found = Vec::new();
        for (place, entry) in entries.iter().enumerate() {
            let own = entry.meter.address.to_string();
            let other = |all: Option<&Vec<&str>>| {
                all.and_then(|all| all.iter().find(|address| **address != own))
                    .map(|other| (*other).to_owned())
            };
            let Some(row) = self.meters.held(&own) else { continue };
            let path = row.terminal.as_deref().zip(row.measuring_point);
            if let Some(address) = other(path.and_then(|path| terminals.get(&path))) {
                found.push((place, ArchiveProblem::MeasuringPointTaken { address }));
            }
            if let Some(address) = other(row.unit_on_line(&own).and_then(|unit| units.get(&unit))) {
                found.push((place, ArchiveProblem::UnitTaken { address }));
            }
            let asset = row.asset_number.as_deref();
            if let Some(address) = other(asset.and_then(|asset| assets.get(asset))) {
                found.push((place, ArchiveProblem::AssetTaken { address }));
            }
        }
        found
    }

    /// What the meters that were installed showed then.
    pub(super) fn first_readings(&self, now: Moment) -> Vec<RegisterReading> {
        self.sites.first_readings(now)
    }

    /// Takes over an entry that nothing stands against. What it does not say stays as it was.
    pub(super) fn take(&mut self, entry: &ArchiveEntry, now: Moment) -> Taken {
        let (customer_id, customer) = self.take_customer(&entry.customer);
        let feeder = entry.feeder.as_ref().map(|name| self.feeders.put(name, ()).0);
        let area = entry.point.area.as_ref().map(|name| {
            let feeder = feeder.or_else(|| self.areas.held(name).copied().flatten());
            self.areas.put(name, feeder)
        });
        let route = entry.point.route.as_ref().map(|name| {
            let day = entry.reading_day.map(i64::from);
            let day = day.or_else(|| self.routes.held(name).copied().flatten());
            self.routes.put(name, day)
        });
        let held = self.points.held(&entry.point.number).cloned();
        let row = PointRow {
            customer: customer_id,
            role: entry.point.role.code(),
            area: area.map(|(id, _)| id).or_else(|| held.as_ref()?.area),
            route: route.map(|(id, _)| id).or_else(|| held.as_ref()?.route),
            protection: entry.point.protection.clone().or_else(|| held.as_ref()?.protection.clone()),
        };
        let (point_id, point) = self.points.put(&entry.point.number, row);
        let (meter_id, meter) = self.take_meter(&entry.meter);
        let address = entry.meter.address.to_string();
        let is_installed = self.sites.is_installed(&address);
        if !is_installed {
            self.sites.install(entry, (point_id, meter_id), now);
        }
        let beside = [customer, point, area.map_or(Taken::Same, |(_, taken)| taken)];
        let changed = beside.into_iter().chain([route.map_or(Taken::Same, |(_, taken)| taken), meter]);
        match changed.max() {
            _ if !is_installed => Taken::Added,
            Some(Taken::Same) | None => Taken::Same,
            Some(_) => Taken::Changed,
        }
    }

    fn take_customer(&mut self, customer: &Customer) -> (i64, Taken) {
        let held = self.customers.held(&customer.number).cloned().unwrap_or_default();
        let name = if customer.name.is_empty() { held.0 } else { customer.name.clone() };
        let class = customer.class.map(Coded::code).or(held.1);
        self.customers.put(&customer.number, (name, class))
    }

    fn take_meter(&mut self, meter: &Meter) -> (i64, Taken) {
        let address = meter.address.to_string();
        let asset_number = meter.asset_number.clone();
        let held = |known: &Self| known.meters.held(&address)?.asset_number.clone();
        let mut row = MeterRow {
            asset_number: asset_number.or_else(|| held(self)),
            protocol: meter.protocol.code(),
            profile: meter.profile.clone(),
            line: None,
            terminal: None,
            measuring_point: None,
            terminal_port: None,
            baud: None,
            parity: None,
        };
        let (MeterPath::Line { baud, parity, .. } | MeterPath::Terminal { baud, parity, .. }) = &meter.path;
        row.baud = baud.map(i64::from);
        row.parity = parity.map(Coded::code);
        match &meter.path {
            MeterPath::Line { line, .. } => row.line = Some(self.lines.put(line, ()).0),
            MeterPath::Terminal { terminal, measuring_point, port, .. } => {
                row.terminal = Some(terminal.clone());
                row.measuring_point = Some((*measuring_point).into());
                row.terminal_port = port.map(i64::from);
            }
        }
        self.meters.put(&address, row)
    }

    /// Takes in a meter that nothing is said of but itself; gives its number.
    pub(super) fn take_only_meter(&mut self, meter: &Meter) -> i64 {
        self.take_meter(meter).0
    }

    /// Writes what is new or differs.
    pub(super) async fn save(&self, writing: &mut Transaction, now: Moment) -> Result<(), StoreError> {
        let mut rows = Rows::new(&CUSTOMER);
        for (id, number, (name, class)) in self.customers.changed() {
            rows.push([id.into(), number.into(), name.as_str().into(), (*class).into()]);
        }
        writing.insert(&CUSTOMER, &rows).await?;
        for (table, kept) in [(&FEEDER, &self.feeders), (&LINE, &self.lines)] {
            let mut rows = Rows::new(table);
            kept.changed().for_each(|(id, name, ())| rows.push([id.into(), name.into()]));
            writing.insert(table, &rows).await?;
        }
        for (table, kept) in [(&AREA, &self.areas), (&ROUTE, &self.routes)] {
            let mut rows = Rows::new(table);
            kept.changed().for_each(|(id, name, with)| rows.push([id.into(), name.into(), (*with).into()]));
            writing.insert(table, &rows).await?;
        }
        let mut rows = Rows::new(&POINT);
        for (id, number, row) in self.points.changed() {
            let protection = Cell::from(row.protection.as_deref());
            let (customer, area, route) = (row.customer.into(), row.area.into(), row.route.into());
            rows.push([id.into(), number.into(), customer, row.role.into(), area, route, protection]);
        }
        writing.insert(&POINT, &rows).await?;
        let mut rows = Rows::new(&METER);
        for (id, address, row) in self.meters.changed() {
            rows.push([
                id.into(),
                address.into(),
                row.asset_number.as_deref().into(),
                row.protocol.into(),
                row.profile.as_deref().into(),
                row.line.into(),
                row.terminal.as_deref().into(),
                row.measuring_point.into(),
                row.terminal_port.into(),
                row.baud.into(),
                row.parity.into(),
            ]);
        }
        writing.insert(&METER, &rows).await?;
        self.sites.save(writing, now).await
    }
}

type NameRow = (i64, String, Option<String>, i64, Option<String>);
type PathRow = (Option<i64>, Option<String>, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

async fn meters(reading: &mut Transaction) -> Result<Vec<(i64, String, MeterRow)>, StoreError> {
    let names = "SELECT id, address, asset_number, protocol, profile FROM meter ORDER BY id";
    let names: Vec<NameRow> = reading.rows(names, &[]).await?;
    let paths =
        "SELECT line_id, terminal, measuring_point, terminal_port, baud, parity FROM meter ORDER BY id";
    let paths: Vec<PathRow> = reading.rows(paths, &[]).await?;
    let meter = |(name, path): (NameRow, PathRow)| {
        let (id, address, asset_number, protocol, profile) = name;
        let (line, terminal, measuring_point, terminal_port, baud, parity) = path;
        let row = MeterRow {
            asset_number,
            protocol,
            profile,
            line,
            terminal,
            measuring_point,
            terminal_port,
            baud,
            parity,
        };
        (id, address, row)
    };
    Ok(names.into_iter().zip(paths).map(meter).collect())
}

const CUSTOMER: Table = Table {
    name: "customer",
    columns: &[("id", Kind::Int), ("number", Kind::Text), ("name", Kind::Text), ("class", Kind::Int)],
    on_conflict: "(id) DO UPDATE SET name = excluded.name, class = excluded.class",
};

const FEEDER: Table =
    Table { name: "feeder", columns: &[("id", Kind::Int), ("name", Kind::Text)], on_conflict: "" };

const LINE: Table =
    Table { name: "line", columns: &[("id", Kind::Int), ("name", Kind::Text)], on_conflict: "" };

const AREA: Table = Table {
    name: "transformer_area",
    columns: &[("id", Kind::Int), ("name", Kind::Text), ("feeder_id", Kind::Int)],
    on_conflict: "(id) DO UPDATE SET feeder_id = excluded.feeder_id",
};

const ROUTE: Table = Table {
    name: "reading_route",
    columns: &[("id", Kind::Int), ("name", Kind::Text), ("reading_day", Kind::Int)],
    on_conflict: "(id) DO UPDATE SET reading_day = excluded.reading_day",
};

const POINT: Table = Table {
    name: "metering_point",
    columns: &[
        ("id", Kind::Int),
        ("number", Kind::Text),
        ("customer_id", Kind::Int),
        ("role", Kind::Int),
        ("area_id", Kind::Int),
        ("route_id", Kind::Int),
        ("protection", Kind::Text),
    ],
    on_conflict: "(id) DO UPDATE SET customer_id = excluded.customer_id, role = excluded.role, \
        area_id = excluded.area_id, route_id = excluded.route_id, protection = excluded.protection",
};

const METER: Table = Table {
    name: "meter",
    columns: &[
        ("id", Kind::Int),
        ("address", Kind::Text),
        ("asset_number", Kind::Text),
        ("protocol", Kind::Int),
        ("profile", Kind::Text),
        ("line_id", Kind::Int),
        ("terminal", Kind::Text),
        ("measuring_point", Kind::Int),
        ("terminal_port", Kind::Int),
        ("baud", Kind::Int),
        ("parity", Kind::Int),
    ],
    on_conflict: "(id) DO UPDATE SET asset_number = excluded.asset_number, protocol = excluded.protocol, \
        profile = excluded.profile, line_id = excluded.line_id, terminal = excluded.terminal, \
        measuring_point = excluded.measuring_point, terminal_port = excluded.terminal_port, \
        baud = excluded.baud, parity = excluded.parity",
};
