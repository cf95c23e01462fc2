//! Reading the archive.

use std::collections::{BTreeSet, HashMap};

use dlt645::address::MeterAddress;

use super::sites::first_readings_of;
use crate::domain::{
    ArchiveEntry, Customer, Feeder, Id, Installation, Line, Meter, MeterPath, MeteringPoint, Moment,
    ReadingRoute, TransformerArea, Transformers, TransformersFrom,
};
use crate::store::error::StoreError;
use crate::store::sql::{Cell, Dialect, Sql};
use crate::store::transaction::Transaction;
use crate::store::{Store, code};

/// A meter that is installed, and the point it measures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteMeter {
    /// The number of the meter.
    pub meter_id: Id<Meter>,
    /// The number of the point.
    pub point_id: Id<MeteringPoint>,
    /// The meter.
    pub meter: Meter,
    /// The point.
    pub point: MeteringPoint,
    /// The number of the point's transformer area.
    pub area_id: Option<Id<TransformerArea>>,
    /// Since when the meter is there.
    pub installed_at: Moment,
}

/// Which meters measured a point, and behind which transformers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PointHistory {
    /// In order of time.
    pub installations: Vec<Installation>,
    /// In order of time; before the first there were none.
    pub transformers: Vec<TransformersFrom>,
}

impl Store {
    /// All installed meters, in the order of their numbers.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn site_meters(&self) -> Result<Vec<SiteMeter>, StoreError> {
        site_meters(&mut self.read("reading the installed meters").await?, None).await
    }

    /// Whether any meter is installed.
    ///
    /// # Errors
    /// As [`Self::site_meters`].
    pub async fn has_meters(&self) -> Result<bool, StoreError> {
        let mut reading = self.read("reading whether there are meters").await?;
        let row: Option<(i64,)> = reading.row(ANY_METER, &[]).await?;
        Ok(row.is_some())
    }

    /// The installed meter with this address.
    ///
    /// # Errors
    /// As [`Self::site_meters`].
    pub async fn site_meter(&self, address: MeterAddress) -> Result<Option<SiteMeter>, StoreError> {
        site_meter(&mut self.read("reading an installed meter").await?, address).await
    }

    /// The installed meters with these addresses, in the order of their numbers; an address that none has is left out.
    ///
    /// # Errors
    /// As [`Self::site_meters`].
    pub async fn site_meters_with(&self, addresses: &[MeterAddress]) -> Result<Vec<SiteMeter>, StoreError> {
        let mut reading = self.read("reading some installed meters").await?;
        site_meters(&mut reading, Some(addresses)).await
    }

    /// What happened at these points.
    ///
    /// # Errors
    /// As [`Self::site_meters`].
    pub async fn point_histories(
        &self,
        points: &[Id<MeteringPoint>],
    ) -> Result<HashMap<Id<MeteringPoint>, PointHistory>, StoreError> {
        histories(&mut self.read("reading the history of points").await?, points).await
    }

    /// What a file of the archive says: one entry for each installed meter, with what it showed then
    /// where that is known.
    ///
    /// # Errors
    /// As [`Self::site_meters`].
    pub async fn archive_entries(&self) -> Result<Vec<ArchiveEntry>, StoreError> {
        entries_of(&mut self.read("reading the archive").await?).await
    }

    /// All transformer areas, by name.
    ///
    /// # Errors
    /// As [`Self::site_meters`].
    pub async fn transformer_areas(&self) -> Result<Vec<TransformerArea>, StoreError> {
        areas(&mut self.read("reading the transformer areas").await?).await
    }

    /// All feeders, by name.
    ///
    /// # Errors
    /// As [`Self::site_meters`].
    pub async fn feeders(&self) -> Result<Vec<Feeder>, StoreError> {
        let mut reading = self.read("reading the feeders").await?;
        let names: Vec<(String,)> = reading.rows("SELECT name FROM feeder ORDER BY name", &[]).await?;
        Ok(names.into_iter().map(|(name,)| Feeder { name }).collect())
    }

    /// All reading routes, by name.
    ///
    /// # Errors
    /// As [`Self::site_meters`].
    pub async fn reading_routes(&self) -> Result<Vec<ReadingRoute>, StoreError> {
        routes(&mut self.read("reading the reading routes").await?).await
    }

    /// All lines that meters hang on, by name.
    ///
    /// # Errors
    /// As [`Self::site_meters`].
    pub async fn lines(&self) -> Result<Vec<Line>, StoreError> {
        let mut reading = self.read("reading the lines").await?;
        let names: Vec<(String,)> = reading.rows("SELECT name FROM line ORDER BY name", &[]).await?;
        Ok(names.into_iter().map(|(name,)| Line { name }).collect())
    }
}

/// One entry for each installed meter; see [`Store::archive_entries`].
pub(super) async fn entries_of(reading: &mut Transaction) -> Result<Vec<ArchiveEntry>, StoreError> {
    let meters = site_meters(reading, None).await?;
    let points: Vec<_> = meters.iter().map(|site| site.point_id).collect();
    let histories = histories(reading, &points).await?;
    let customers = customers(reading).await?;
    // In the order of versions, so that the last one stays.
    let shown: HashMap<String, i64> = first_readings_of(reading).await?.into_iter().collect();
    let feeders: HashMap<String, Option<String>> =
        areas(reading).await?.into_iter().map(|area| (area.name, area.feeder)).collect();
    let days: HashMap<String, Option<u8>> =
        routes(reading).await?.into_iter().map(|route| (route.name, route.reading_day)).collect();
    let entry = |site: SiteMeter| {
        let last = histories.get(&site.point_id).and_then(|history| history.transformers.last());
        let customer = customers.get(&site.point.customer)?.clone();
        let first_reading = shown.get(&site.meter.address.to_string()).copied();
        Some(ArchiveEntry {
            customer,
            feeder: site.point.area.as_ref().and_then(|area| feeders.get(area).cloned().flatten()),
            reading_day: site.point.route.as_ref().and_then(|route| days.get(route).copied().flatten()),
            is_unprotected: site.point.protection.is_none(),
            point: site.point,
            meter: site.meter,
            transformers: Some(last.map_or(Transformers::NONE, |last| last.transformers)),
            installed_at: Some(site.installed_at),
            first_reading,
        })
    };
    Ok(meters.into_iter().filter_map(entry).collect())
}

/// Number, point, installed, address, asset number, protocol, profile.
type MeterRow = (i64, i64, i64, String, Option<String>, i64, Option<String>);
/// Number, line, terminal, measuring point, port, baud, parity.
type PathRow = (i64, Option<String>, Option<String>, Option<i64>, Option<i64>, Option<i64>, Option<i64>);
/// Meter, number, customer, role, area, route, protection, number of the area.
type PointRow = (i64, String, String, i64, Option<String>, Option<String>, Option<String>, Option<i64>);

/// The installed meter with this address, as a transaction sees it.
pub(in crate::store) async fn site_meter(
    reading: &mut Transaction,
    address: MeterAddress,
) -> Result<Option<SiteMeter>, StoreError> {
    Ok(site_meters(reading, Some(&[address])).await?.into_iter().next())
}

async fn site_meters(
    reading: &mut Transaction,
    only: Option<&[MeterAddress]>,
) -> Result<Vec<SiteMeter>, StoreError> {
    // Three statements of one snapshot, since a row has sixteen columns at most here.
    let [meters, paths, points] = if only.is_some() { SOME } else { ALL.map(Sql::from) };
    let arg: Vec<Cell<'_>> = only.map(|only| texts(reading.dialect(), only)).into_iter().collect();
    let meters: Vec<MeterRow> = reading.rows(meters, &arg).await?;
    let paths: Vec<PathRow> = reading.rows(paths, &arg).await?;
    let points: Vec<PointRow> = reading.rows(points, &arg).await?;
    let rows = meters.into_iter().zip(paths).zip(points);
    rows.map(|((meter, path), point)| site_meter_of(meter, path, point)).collect()
}

/// Addresses, as the database reads an array of texts; they are digits only.
fn texts(dialect: Dialect, addresses: &[MeterAddress]) -> Cell<'static> {
    let quoted = |address: &MeterAddress| format!("\"{address}\"");
    let texts =
        addresses.iter().map(quoted).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(",");
    match dialect {
        Dialect::Sqlite => format!("[{texts}]").into(),
        Dialect::Postgres => format!("{{{texts}}}").into(),
    }
}

fn site_meter_of(meter: MeterRow, path: PathRow, point: PointRow) -> Result<SiteMeter, StoreError> {
    let (meter_id, point_id, installed_at, address, asset_number, protocol, profile) = meter;
    let (_, number, customer, role, area, route, protection, area_id) = point;
    let address =
        address.parse().map_err(|_| StoreError::Unknown { list: "address", found: address.clone() })?;
    let (protocol, path) = (code("protocol", protocol)?, path_of(path)?);
    Ok(SiteMeter {
        meter_id: Id::new(meter_id),
        point_id: Id::new(point_id),
        area_id: area_id.map(Id::new),
        installed_at: Moment::from_micros(installed_at),
        meter: Meter { address, asset_number, protocol, profile, path },
        point: MeteringPoint { number, customer, role: code("role", role)?, area, route, protection },
    })
}

fn path_of(
    (_, line, terminal, measuring_point, port, baud, parity): PathRow,
) -> Result<MeterPath, StoreError> {
    fn narrow<T: TryFrom<i64>>(list: &'static str, number: i64) -> Result<T, StoreError> {
        T::try_from(number).map_err(|_| StoreError::Unknown { list, found: number.to_string() })
    }
    let baud = baud.map(|baud| narrow("baud", baud)).transpose()?;
    let parity = parity.map(|parity| code("parity", parity)).transpose()?;
    match (line, terminal) {
        (Some(line), _) => Ok(MeterPath::Line { line, baud, parity }),
        (None, Some(terminal)) => Ok(MeterPath::Terminal {
            terminal,
            measuring_point: narrow("measuring point", measuring_point.unwrap_or(0))?,
            port: port.map(|port| narrow("terminal port", port)).transpose()?,
            baud,
            parity,
        }),
        (None, None) => Err(StoreError::Unknown { list: "path", found: "none".to_owned() }),
    }
}

pub(in crate::store) async fn histories(
    reading: &mut Transaction,
    points: &[Id<MeteringPoint>],
) -> Result<HashMap<Id<MeteringPoint>, PointHistory>, StoreError> {
    let numbers = points.iter().map(|point| Some(point.number()));
    let arg = [Cell::from(reading.dialect().array(numbers))];
    let mut histories: HashMap<_, PointHistory> = HashMap::new();
    let installations: Vec<(i64, i64, i64, Option<i64>)> = reading.rows(INSTALLATIONS, &arg).await?;
    for (point, meter, installed_at, removed_at) in installations {
        let installation = Installation {
            point: Id::new(point),
            meter: Id::new(meter),
            installed_at: Moment::from_micros(installed_at),
            removed_at: removed_at.map(Moment::from_micros),
        };
        histories.entry(installation.point).or_default().installations.push(installation);
    }
    let transformers: Vec<(i64, i64, String, String)> = reading.rows(TRANSFORMERS, &arg).await?;
    for (point, from, ct, vt) in transformers {
        let ratio =
            |text: String| text.parse().map_err(|_| StoreError::Unknown { list: "ratio", found: text });
        let transformers = Transformers { ct: ratio(ct)?, vt: ratio(vt)? };
        let entry = TransformersFrom { from: Moment::from_micros(from), transformers };
        let history = histories.entry(Id::new(point)).or_default();
        // Ordered by when they were entered: the last one for an instant replaces those before.
        history.transformers.retain(|earlier| earlier.from != entry.from);
        history.transformers.push(entry);
    }
    for history in histories.values_mut() {
        history.transformers.sort_unstable_by_key(|entry| entry.from);
    }
    Ok(histories)
}

pub(super) async fn customers(reading: &mut Transaction) -> Result<HashMap<String, Customer>, StoreError> {
    let rows: Vec<(String, String, Option<i64>)> =
        reading.rows("SELECT number, name, class FROM customer", &[]).await?;
    let customer = |(number, name, class): (String, String, Option<i64>)| {
        let class = class.map(|class| code("class", class)).transpose()?;
        Ok((number.clone(), Customer { number, name, class }))
    };
    rows.into_iter().map(customer).collect()
}

async fn areas(reading: &mut Transaction) -> Result<Vec<TransformerArea>, StoreError> {
    let rows: Vec<(String, Option<String>)> = reading
        .rows(
            "SELECT a.name, f.name FROM transformer_area a LEFT JOIN feeder f ON f.id = a.feeder_id ORDER BY a.name",
            &[],
        )
        .await?;
    Ok(rows.into_iter().map(|(name, feeder)| TransformerArea { name, feeder }).collect())
}

async fn routes(reading: &mut Transaction) -> Result<Vec<ReadingRoute>, StoreError> {
    let rows: Vec<(String, Option<i64>)> =
        reading.rows("SELECT name, reading_day FROM reading_route ORDER BY name", &[]).await?;
    let route = |(name, day): (String, Option<i64>)| ReadingRoute {
        name,
        reading_day: day.and_then(|day| u8::try_from(day).ok()),
    };
    Ok(rows.into_iter().map(route).collect())
}

/// Of all meters that are installed: the meters, how they are reached, the points.
const ANY_METER: &str = "SELECT meter_id FROM installation WHERE removed_at IS NULL LIMIT 1";

const ALL: [&str; 3] = [
    "SELECT m.id, n.point_id, n.installed_at, m.address, m.asset_number, m.protocol, m.profile \
        FROM installation n JOIN meter m ON m.id = n.meter_id WHERE n.removed_at IS NULL ORDER BY m.id",
    "SELECT m.id, l.name, m.terminal, m.measuring_point, m.terminal_port, m.baud, m.parity \
        FROM installation n JOIN meter m ON m.id = n.meter_id LEFT JOIN line l ON l.id = m.line_id \
        WHERE n.removed_at IS NULL ORDER BY m.id",
    "SELECT m.id, p.number, c.number, p.role, a.name, r.name, p.protection, p.area_id \
        FROM installation n JOIN meter m ON m.id = n.meter_id JOIN metering_point p ON p.id = n.point_id \
        JOIN customer c ON c.id = p.customer_id LEFT JOIN transformer_area a ON a.id = p.area_id \
        LEFT JOIN reading_route r ON r.id = p.route_id WHERE n.removed_at IS NULL ORDER BY m.id",
];

/// The same of those with some addresses, each found by its key.
const SOME: [Sql; 3] = [
    Sql {
        sqlite: "SELECT m.id, n.point_id, n.installed_at, m.address, m.asset_number, m.protocol, m.profile \
            FROM meter m CROSS JOIN installation n ON n.meter_id = m.id \
            WHERE m.address IN (SELECT value FROM json_each($1)) AND n.removed_at IS NULL ORDER BY m.id",
        postgres: "SELECT m.id, n.point_id, n.installed_at, m.address, m.asset_number, m.protocol, m.profile \
            FROM unnest($1::text[]) AS k (address) JOIN meter m USING (address) JOIN installation n ON n.meter_id = m.id \
            WHERE n.removed_at IS NULL ORDER BY m.id",
    },
    Sql {
        sqlite: "SELECT m.id, l.name, m.terminal, m.measuring_point, m.terminal_port, m.baud, m.parity \
            FROM meter m CROSS JOIN installation n ON n.meter_id = m.id LEFT JOIN line l ON l.id = m.line_id \
            WHERE m.address IN (SELECT value FROM json_each($1)) AND n.removed_at IS NULL ORDER BY m.id",
        postgres: "SELECT m.id, l.name, m.terminal, m.measuring_point, m.terminal_port, m.baud, m.parity \
            FROM unnest($1::text[]) AS k (address) JOIN meter m USING (address) JOIN installation n ON n.meter_id = m.id \
            LEFT JOIN line l ON l.id = m.line_id WHERE n.removed_at IS NULL ORDER BY m.id",
    },
    Sql {
        sqlite: "SELECT m.id, p.number, c.number, p.role, a.name, r.name, p.protection, p.area_id \
            FROM meter m CROSS JOIN installation n ON n.meter_id = m.id JOIN metering_point p ON p.id = n.point_id \
            JOIN customer c ON c.id = p.customer_id LEFT JOIN transformer_area a ON a.id = p.area_id \
            LEFT JOIN reading_route r ON r.id = p.route_id \
            WHERE m.address IN (SELECT value FROM json_each($1)) AND n.removed_at IS NULL ORDER BY m.id",
        postgres: "SELECT m.id, p.number, c.number, p.role, a.name, r.name, p.protection, p.area_id \
            FROM unnest($1::text[]) AS k (address) JOIN meter m USING (address) JOIN installation n ON n.meter_id = m.id \
            JOIN metering_point p ON p.id = n.point_id JOIN customer c ON c.id = p.customer_id \
            LEFT JOIN transformer_area a ON a.id = p.area_id LEFT JOIN reading_route r ON r.id = p.route_id \
            WHERE n.removed_at IS NULL ORDER BY m.id",
    },
];

const INSTALLATIONS: Sql = Sql {
    sqlite: "SELECT point_id, meter_id, installed_at, removed_at FROM installation \
        WHERE point_id IN (SELECT value FROM json_each($1)) ORDER BY installed_at, id",
    // Not `= ANY`, which compares every row with every number.
    postgres: "SELECT point_id, meter_id, installed_at, removed_at FROM unnest($1::bigint[]) AS k (point_id) \
        JOIN installation USING (point_id) ORDER BY installed_at, id",
};

const TRANSFORMERS: Sql = Sql {
    sqlite: "SELECT point_id, from_at, ct, vt FROM transformers \
        WHERE point_id IN (SELECT value FROM json_each($1)) ORDER BY entered_at",
    postgres: "SELECT point_id, from_at, ct, vt FROM unnest($1::bigint[]) AS k (point_id) \
        JOIN transformers USING (point_id) ORDER BY entered_at",
};
