//! What stands against an entry of the archive: other entries of the same list, or what is kept.

use std::collections::HashMap;
use std::hash::Hash;

use super::archive::{ArchiveEntry, MeterPath};
use super::moment::Moment;

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveProblem {
    /// The meter stands in an earlier entry as well.
    #[error("the meter stands in entry {first} already")]
    RepeatedMeter {
        /// Which, counted from 0.
        first: usize,
    },
    /// The point stands in an earlier entry as well.
    #[error("the metering point stands in entry {first} already")]
    RepeatedPoint {
        /// Which, counted from 0.
        first: usize,
    },
    /// The measuring point of a terminal stands in an earlier entry as well: its values would be booked to both.
    #[error("the measuring point of the terminal stands in entry {first} already")]
    RepeatedMeasuringPoint {
        /// Which, counted from 0.
        first: usize,
    },
    /// The unit number of a Modbus meter stands in an earlier entry of the line as well: one device would be read for both.
    #[error("the unit number stands in entry {first} of the line already")]
    RepeatedUnit {
        /// Which, counted from 0.
        first: usize,
    },
    /// The asset number stands in an earlier entry as well: by it a meter is known before its supply is cut.
    #[error("the asset number stands in entry {first} already")]
    RepeatedAsset {
        /// Which, counted from 0.
        first: usize,
    },
    /// An earlier entry says something else of the same customer.
    #[error("entry {first} names this customer otherwise")]
    OtherCustomer {
        /// Which, counted from 0.
        first: usize,
    },
    /// An earlier entry hangs the same transformer area on another feeder.
    #[error("entry {first} hangs this transformer area on another feeder")]
    OtherFeeder {
        /// Which, counted from 0.
        first: usize,
    },
    /// An earlier entry gives the same route another reading day.
    #[error("entry {first} gives this reading route another reading day")]
    OtherReadingDay {
        /// Which, counted from 0.
        first: usize,
    },
    /// Another meter measures the point: that is an exchange, which has a date and two readings.
    #[error("the metering point is measured by meter {address}: record an exchange")]
    PointHasMeter {
        /// Address of that meter.
        address: String,
    },
    /// The meter measures another point.
    #[error("the meter measures point {point}")]
    MeterElsewhere {
        /// Number of that point.
        point: String,
    },
    /// Another meter has the measuring point of the terminal.
    #[error("the measuring point of the terminal belongs to meter {address}")]
    MeasuringPointTaken {
        /// Address of that meter.
        address: String,
    },
    /// Another Modbus meter of the line has the unit number.
    #[error("the unit number belongs to meter {address} of the line")]
    UnitTaken {
        /// Address of that meter.
        address: String,
    },
    /// Another meter has the asset number.
    #[error("the asset number belongs to meter {address}")]
    AssetTaken {
        /// Address of that meter.
        address: String,
    },
    /// What is recorded has more zeros before it, which a spreadsheet takes away.
    #[error("recorded is {known}, with zeros before it")]
    OtherZeros {
        /// What the number is of.
        of: Numbered,
        /// The number that is recorded.
        known: String,
    },
    /// The meter was installed before the last one was taken out, or before it was itself taken out elsewhere.
    #[error("the installation overlaps an earlier one of the point or of the meter")]
    Overlap,
    /// The meter is there since another day.
    #[error("the meter is recorded as installed at {installed_at}")]
    OtherInstallation {
        /// When.
        installed_at: Moment,
    },
    /// The transformers differ from those recorded, which change only from an instant on and by two persons.
    #[error("the recorded transformers are {ct} and {vt}: record their change")]
    OtherTransformers {
        /// The recorded ratio of the current.
        ct: String,
        /// The recorded ratio of the voltage.
        vt: String,
    },
    /// The multiplier of the transformers cannot be applied exactly.
    #[error("the multiplier has more than two decimals or is too large")]
    Multiplier,
    /// The point is protected, by itself or by the class of its customer; taking that away needs a second person.
    #[error("the metering point is protected, which a file cannot take away")]
    Protected,
    /// A first reading without the instant it holds for.
    #[error("a first reading needs the day of installation")]
    UndatedFirstReading,
    /// The meter is installed, and no first reading was recorded then.
    #[error("a first reading is only taken with a new installation")]
    LateFirstReading,
    /// The recorded first reading is another one.
    #[error("the recorded first reading is {recorded} ten-thousandths of a kWh")]
    OtherFirstReading {
        /// Which, in 0.0001 kWh.
        recorded: i64,
    },
}

/// What has a number in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbered {
    /// A customer (户号).
    Customer,
    /// A metering point (计量点编号).
    Point,
    /// A meter, by its asset number (资产编号).
    Asset,
    /// A transformer area (台区).
    Area,
    /// A reading route (抄表段).
    Route,
}

impl ArchiveProblem {
    /// Its name: a closed list.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::RepeatedMeter { .. } => "repeated meter",
            Self::RepeatedPoint { .. } => "repeated point",
            Self::RepeatedMeasuringPoint { .. } => "repeated measuring point",
            Self::RepeatedUnit { .. } => "repeated unit",
            Self::RepeatedAsset { .. } => "repeated asset",
            Self::OtherCustomer { .. } => "other customer",
            Self::OtherFeeder { .. } => "other feeder",
            Self::OtherReadingDay { .. } => "other reading day",
            Self::PointHasMeter { .. } => "point has meter",
            Self::MeterElsewhere { .. } => "meter elsewhere",
            Self::MeasuringPointTaken { .. } => "measuring point taken",
            Self::UnitTaken { .. } => "unit taken",
            Self::AssetTaken { .. } => "asset taken",
            Self::OtherZeros { .. } => "other zeros",
            Self::Overlap => "overlap",
            Self::OtherInstallation { .. } => "other installation",
            Self::OtherTransformers { .. } => "other transformers",
            Self::Multiplier => "multiplier",
            Self::Protected => "protected",
            Self::UndatedFirstReading => "undated first reading",
            Self::LateFirstReading => "late first reading",
            Self::OtherFirstReading { .. } => "other first reading",
        }
    }

    /// The earlier entry that it names, counted from 0.
    #[must_use]
    pub const fn first(&self) -> Option<usize> {
        match self {
            Self::RepeatedMeter { first }
            | Self::RepeatedPoint { first }
            | Self::RepeatedMeasuringPoint { first }
            | Self::RepeatedUnit { first }
            | Self::RepeatedAsset { first }
            | Self::OtherCustomer { first }
            | Self::OtherFeeder { first }
            | Self::OtherReadingDay { first } => Some(*first),
            _ => None,
        }
    }
}

/// What the entries of one list say against each other, in their order.
#[must_use]
pub fn repeated(entries: &[ArchiveEntry]) -> Vec<(usize, ArchiveProblem)> {
    let mut seen = Seen::default();
    let of = |(place, entry)| seen.problems(place, entry).into_iter().map(move |problem| (place, problem));
    entries.iter().enumerate().flat_map(of).collect()
}

/// Where each thing was seen first.
#[derive(Default)]
struct Seen<'a> {
    addresses: HashMap<dlt645::address::MeterAddress, usize>,
    points: HashMap<&'a str, usize>,
    measuring_points: HashMap<(&'a str, u16), usize>,
    units: HashMap<(&'a str, u8), usize>,
    assets: HashMap<&'a str, usize>,
    customers: HashMap<&'a str, (usize, &'a super::archive::Customer)>,
    feeders: HashMap<&'a str, (usize, Option<&'a str>)>,
    reading_days: HashMap<&'a str, (usize, Option<u8>)>,
}

impl<'a> Seen<'a> {
    fn problems(&mut self, place: usize, entry: &'a ArchiveEntry) -> Vec<ArchiveProblem> {
        let mut found = Vec::new();
        if let Some(first) = first(&mut self.addresses, entry.meter.address, place) {
            found.push(ArchiveProblem::RepeatedMeter { first });
        }
        if let Some(first) = first(&mut self.points, entry.point.number.as_str(), place) {
            found.push(ArchiveProblem::RepeatedPoint { first });
        }
        if let MeterPath::Terminal { terminal, measuring_point, .. } = &entry.meter.path
            && let Some(first) = first(&mut self.measuring_points, (terminal, *measuring_point), place)
        {
            found.push(ArchiveProblem::RepeatedMeasuringPoint { first });
        }
        if let Some(unit) = entry.meter.unit_on_line()
            && let Some(first) = first(&mut self.units, unit, place)
        {
            found.push(ArchiveProblem::RepeatedUnit { first });
        }
        if let Some(asset) = &entry.meter.asset_number
            && let Some(first) = first(&mut self.assets, asset.as_str(), place)
        {
            found.push(ArchiveProblem::RepeatedAsset { first });
        }
        self.compare(place, entry, &mut found);
        found
    }

    /// What several entries may name, as long as they say the same of it.
    fn compare(&mut self, place: usize, entry: &'a ArchiveEntry, found: &mut Vec<ArchiveProblem>) {
        let customer = &entry.customer;
        let (first, other) = *self.customers.entry(&customer.number).or_insert((place, customer));
        if other != customer {
            found.push(ArchiveProblem::OtherCustomer { first });
        }
        if let Some(area) = &entry.point.area {
            let said = (place, entry.feeder.as_deref());
            let (first, feeder) = *self.feeders.entry(area).or_insert(said);
            if feeder != said.1 {
                found.push(ArchiveProblem::OtherFeeder { first });
            }
        }
        if let Some(route) = &entry.point.route {
            let said = (place, entry.reading_day);
            let (first, day) = *self.reading_days.entry(route).or_insert(said);
            if day != said.1 {
                found.push(ArchiveProblem::OtherReadingDay { first });
            }
        }
    }
}

/// Remembers where a thing was seen first; says where, when that was earlier.
fn first<K: Eq + Hash>(seen: &mut HashMap<K, usize>, key: K, place: usize) -> Option<usize> {
    let first = *seen.entry(key).or_insert(place);
    (first != place).then_some(first)
}
