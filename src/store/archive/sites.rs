//! Which meter measures which point, and behind which transformers, while entries are compared with it.

use std::collections::HashMap;

use crate::domain::{
    ArchiveEntry, ArchiveProblem, Day, Id, Item, Moment, Quality, RegisterReading, Source, Transformers,
};
use crate::store::billing::{self, Due};
use crate::store::error::StoreError;
use crate::store::sql::{Kind, Rows, Sql, Table};
use crate::store::transaction::Transaction;

/// Which meter is where, and behind what.
#[derive(Default)]
pub(super) struct Sites {
    meter_of: HashMap<String, String>,
    point_of: HashMap<String, String>,
    installed_at: HashMap<String, i64>,
    /// The accepted readings of a meter at the instant it was installed, by version.
    first_readings: HashMap<String, Vec<i64>>,
    /// When the last meter of a point was taken out, and a meter the last time.
    point_left: HashMap<String, i64>,
    meter_left: HashMap<String, i64>,
    transformers: HashMap<String, Transformers>,
    next: i64,
    installed: Vec<(i64, i64, Moment)>,
    behind: Vec<(i64, Moment, Transformers, i64)>,
    /// What meters showed when they were installed.
    shown: Vec<(i64, Moment, i64)>,
}

impl Sites {
    pub(super) async fn load(reading: &mut Transaction) -> Result<Self, StoreError> {
        let open: Vec<(String, String, i64)> = reading.rows(OPEN, &[]).await?;
        let behind: Vec<(String, String, String)> = reading.rows(BEHIND, &[]).await?;
        let point_left: Vec<(String, i64)> = reading.rows(POINT_LEFT, &[]).await?;
        let meter_left: Vec<(String, i64)> = reading.rows(METER_LEFT, &[]).await?;
        let last: Option<(i64,)> = reading.row("SELECT coalesce(max(id), 0) FROM installation", &[]).await?;
        let mut first_readings: HashMap<String, Vec<i64>> = HashMap::new();
        for (meter, value) in first_readings_of(reading).await? {
            first_readings.entry(meter).or_default().push(value);
        }
        let ratio =
            |text: String| text.parse().map_err(|_| StoreError::Unknown { list: "ratio", found: text });
        let both = |(point, ct, vt)| Ok((point, Transformers { ct: ratio(ct)?, vt: ratio(vt)? }));
        Ok(Self {
            meter_of: open.iter().map(|(point, meter, _)| (point.clone(), meter.clone())).collect(),
            installed_at: open.iter().map(|(_, meter, at)| (meter.clone(), *at)).collect(),
            point_of: open.into_iter().map(|(point, meter, _)| (meter, point)).collect(),
            first_readings,
            // In order of time, so that the last one stays.
            transformers: behind.into_iter().map(both).collect::<Result<_, StoreError>>()?,
            point_left: point_left.into_iter().collect(),
            meter_left: meter_left.into_iter().collect(),
            next: last.unwrap_or_default().0 + 1,
            ..Self::default()
        })
    }

    /// How many meters are installed.
    pub(super) fn count(&self) -> usize {
        self.point_of.len()
    }

    pub(super) fn is_installed(&self, address: &str) -> bool {
        self.point_of.contains_key(address)
    }

    /// What stands against measuring the entry's point with its meter, behind its transformers.
    pub(super) fn problems(&self, entry: &ArchiveEntry, now: Moment) -> Vec<ArchiveProblem> {
        let mut found = Vec::new();
        let (address, point) = (entry.meter.address.to_string(), &entry.point.number);
        if let Some(other) = self.meter_of.get(point).filter(|other| **other != address) {
            found.push(ArchiveProblem::PointHasMeter { address: other.clone() });
        }
        if let Some(other) = self.point_of.get(&address).filter(|other| *other != point) {
            found.push(ArchiveProblem::MeterElsewhere { point: other.clone() });
        }
        let last = self.point_left.get(point).max(self.meter_left.get(&address)).copied();
        let at = entry.installed_at.unwrap_or(now).micros();
        if !self.is_installed(&address) && last.is_some_and(|last| at < last) {
            found.push(ArchiveProblem::Overlap);
        }
        if entry.transformers.is_some_and(|transformers| transformers.multiplier().is_err()) {
            found.push(ArchiveProblem::Multiplier);
        }
        // A meter that is there without recorded ones is read as behind none.
        let recorded = self.transformers.get(point).copied();
        let recorded = recorded.or_else(|| self.is_installed(&address).then_some(Transformers::NONE));
        if let (Some(said), Some(recorded)) = (entry.transformers, recorded)
            && !said.agrees_with(recorded)
        {
            let (ct, vt) = (recorded.ct.to_string(), recorded.vt.to_string());
            found.push(ArchiveProblem::OtherTransformers { ct, vt });
        }
        if found.is_empty() {
            found.extend(self.installation_problem(entry, &address));
            found.extend(self.reading_problem(entry, &address));
        }
        found
    }

    fn installation_problem(&self, entry: &ArchiveEntry, address: &str) -> Option<ArchiveProblem> {
        let recorded = Moment::from_micros(*self.installed_at.get(address)?);
        let is_other = Day::of(entry.installed_at?) != Day::of(recorded);
        is_other.then_some(ArchiveProblem::OtherInstallation { installed_at: recorded })
    }

    fn reading_problem(&self, entry: &ArchiveEntry, address: &str) -> Option<ArchiveProblem> {
        let said = entry.first_reading?;
        if entry.installed_at.is_none() {
            return Some(ArchiveProblem::UndatedFirstReading);
        }
        if !self.is_installed(address) {
            return None;
        }
        match self.first_readings.get(address) {
            Some(values) if values.contains(&said) => None,
            Some(values) => {
                let recorded = values.last().copied().unwrap_or(0);
                Some(ArchiveProblem::OtherFirstReading { recorded })
            }
            None => Some(ArchiveProblem::LateFirstReading),
        }
    }

    pub(super) fn first_readings(&self, now: Moment) -> Vec<RegisterReading> {
        let Some(item) = Item::parse(FORWARD) else { return Vec::new() };
        let reading = |(meter, as_of, value): &(i64, Moment, i64)| RegisterReading {
            meter: Id::new(*meter),
            item,
            as_of: *as_of,
            value: *value,
            meter_time: None,
            collected_at: now,
            source: Source::Manual,
            quality: Quality::Good,
            fetch: None,
        };
        self.shown.iter().map(reading).collect()
    }

    pub(super) fn install(&mut self, entry: &ArchiveEntry, (point_id, meter_id): (i64, i64), now: Moment) {
        let (address, point) = (entry.meter.address.to_string(), entry.point.number.clone());
        let at = entry.installed_at.unwrap_or(now);
        self.installed.push((point_id, meter_id, at));
        self.shown.extend(entry.first_reading.map(|value| (meter_id, at, value)));
        self.point_of.insert(address.clone(), point.clone());
        self.meter_of.insert(point.clone(), address);
        let Some(transformers) = entry.transformers.filter(|_| !self.transformers.contains_key(&point))
        else {
            return;
        };
        // What cannot be multiplied was told before.
        if let Ok(multiplier) = transformers.multiplier() {
            let hundredths = i64::try_from(multiplier.hundredths()).unwrap_or(i64::MAX);
            self.behind.push((point_id, at, transformers, hundredths));
        }
    }

    pub(super) async fn save(&self, writing: &mut Transaction, now: Moment) -> Result<(), StoreError> {
        let mut rows = Rows::new(&INSTALLATION);
        for (id, (point, meter, at)) in (self.next..).zip(&self.installed) {
            rows.push([id.into(), (*point).into(), (*meter).into(), at.micros().into()]);
        }
        writing.insert(&INSTALLATION, &rows).await?;
        let mut rows = Rows::new(&TRANSFORMERS);
        for (point, from, transformers, multiplier) in &self.behind {
            rows.push([
                (*point).into(),
                from.micros().into(),
                now.micros().into(),
                transformers.ct.to_string().into(),
                transformers.vt.to_string().into(),
                (*multiplier).into(),
            ]);
        }
        writing.insert(&TRANSFORMERS, &rows).await?;
        // A meter may have been read before it was said since when it is there.
        let since = self.installed.iter().map(|(_, meter, at)| Due { meter: Id::new(*meter), as_of: *at });
        billing::note_since(writing, since).await
    }
}

/// What a meter showed at the instant it was installed, as far as it is accepted, by version: meter and value.
pub(super) async fn first_readings_of(reading: &mut Transaction) -> Result<Vec<(String, i64)>, StoreError> {
    let Some(item) = Item::parse(FORWARD) else { return Ok(Vec::new()) };
    reading.rows(FIRST_READINGS, &[item.into()]).await
}

/// What a first reading is of: forward active energy, total.
const FORWARD: &str = "1.8.0";

/// One look into the ledger for each meter, whatever else it holds: by its key, and in one partition.
const FIRST_READINGS: Sql = Sql {
    sqlite: "SELECT m.address, l.value FROM installation n CROSS JOIN meter m ON m.id = n.meter_id \
        CROSS JOIN register_ledger l ON l.meter_id = n.meter_id AND l.item = $1 AND l.as_of = n.installed_at \
        WHERE n.removed_at IS NULL AND l.quality < 10 ORDER BY l.version",
    postgres: "SELECT m.address, l.value FROM installation n JOIN meter m ON m.id = n.meter_id \
        CROSS JOIN LATERAL (SELECT l.value, l.version FROM register_ledger l WHERE l.meter_id = n.meter_id \
            AND l.item = $1 AND l.as_of = n.installed_at AND l.quality < 10 OFFSET 0) AS l \
        WHERE n.removed_at IS NULL ORDER BY l.version",
};

const OPEN: &str = "SELECT p.number, m.address, n.installed_at FROM installation n JOIN metering_point p ON p.id = n.point_id \
    JOIN meter m ON m.id = n.meter_id WHERE n.removed_at IS NULL";

const BEHIND: &str = "SELECT p.number, t.ct, t.vt FROM transformers t JOIN metering_point p ON p.id = t.point_id \
    ORDER BY t.from_at, t.entered_at";

const POINT_LEFT: &str = "SELECT p.number, max(n.removed_at) FROM installation n \
    JOIN metering_point p ON p.id = n.point_id WHERE n.removed_at IS NOT NULL GROUP BY p.number";

const METER_LEFT: &str = "SELECT m.address, max(n.removed_at) FROM installation n \
    JOIN meter m ON m.id = n.meter_id WHERE n.removed_at IS NOT NULL GROUP BY m.address";

pub(super) const INSTALLATION: Table = Table {
    name: "installation",
    columns: &[
        ("id", Kind::Int),
        ("point_id", Kind::Int),
        ("meter_id", Kind::Int),
        ("installed_at", Kind::Int),
    ],
    on_conflict: "",
};

pub(super) const TRANSFORMERS: Table = Table {
    name: "transformers",
    columns: &[
        ("point_id", Kind::Int),
        ("from_at", Kind::Int),
        ("entered_at", Kind::Int),
        ("ct", Kind::Text),
        ("vt", Kind::Text),
        ("multiplier", Kind::Int),
    ],
    on_conflict: "",
};
