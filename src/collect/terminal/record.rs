//! Records of a terminal's list of meters between the wire and what people confirm; which records a terminal should hold by
//! our archive.

use std::collections::{BTreeMap, BTreeSet};

use gdw1376::identifier::Point;
use gdw1376::request::{ArchiveRecord, Speed, UserClass};

use super::archive::{NOT_READ, OWN_MEASURING, SPEAKS_2007, shown, spoken_by};
use super::point_of;
use crate::domain::terminal_archive::{MeterRecord, RecordChange};
use crate::domain::{MeterPath, PointRole};
use crate::store::archive::SiteMeter;

/// A record without its number and its password.
pub(super) fn of_wire(record: &ArchiveRecord) -> MeterRecord {
    MeterRecord {
        point: record.point.number(),
        address: shown(record),
        port: record.port,
        baud: SPEEDS.iter().find(|(speed, _)| *speed == record.speed).map_or(0, |(_, baud)| *baud),
        protocol: record.protocol,
        tariffs: record.tariffs,
        integer_digits: record.integer_digits,
        decimal_digits: record.decimal_digits,
        collector: record.collector.iter().rev().map(|byte| format!("{byte:02X}")).collect(),
        class: record.class.class,
        sub_class: record.class.sub_class,
    }
}

/// A record as it is sent; `None` where an address is no number. The meter's password is what the terminal holds for this
/// meter, under whatever number.
pub(super) fn to_wire<'r>(
    number: u16,
    record: &MeterRecord,
    held: impl IntoIterator<Item = &'r ArchiveRecord>,
) -> Option<ArchiveRecord> {
    let address = bytes_of(&record.address)?;
    let held = held.into_iter().find(|held| held.address == address);
    Some(ArchiveRecord {
        number,
        point: Point::new(record.point)?,
        speed: SPEEDS.iter().find(|(_, baud)| *baud == record.baud).map(|(speed, _)| *speed)?,
        port: record.port,
        protocol: record.protocol,
        address,
        password: held.map(|held| held.password).unwrap_or_default(),
        tariffs: record.tariffs,
        integer_digits: record.integer_digits,
        decimal_digits: record.decimal_digits,
        collector: bytes_of(&record.collector)?,
        class: UserClass { class: record.class, sub_class: record.sub_class },
    })
}

/// A record that takes away what a terminal holds under its number.
pub(super) const fn removing(held: &ArchiveRecord) -> ArchiveRecord {
    ArchiveRecord { point: Point::TERMINAL, ..*held }
}

/// The changes that would make a terminal hold what our archive says, at these points or at all. Records of points that we
/// do not know are removed only when that is asked for.
pub(super) fn changes(
    records: &[ArchiveRecord],
    sites: &[&SiteMeter],
    points: Option<&BTreeSet<u16>>,
    removes_unknown: bool,
) -> Vec<RecordChange> {
    let mut theirs: BTreeMap<u16, Vec<&ArchiveRecord>> = BTreeMap::new();
    for record in records {
        theirs.entry(record.point.number()).or_default().push(record);
    }
    let ours: BTreeMap<u16, &SiteMeter> =
        sites.iter().filter_map(|site| Some((point_of(site)?.number(), *site))).collect();
    let is_wanted = |point: &u16| points.is_none_or(|points| points.contains(point));
    let mut taken: BTreeSet<u16> = records.iter().map(|record| record.number).collect();
    let mut changes = Vec::new();
    for (point, site) in ours.iter().filter(|(point, _)| is_wanted(point)) {
        let held = theirs.get(point).map(Vec::as_slice).unwrap_or_default();
        let address = site.meter.address.to_string();
        let kept = held.iter().find(|record| shown(record) == address).or_else(|| held.first());
        let number = match kept {
            Some(record) => record.number,
            None if !taken.contains(point) => *point,
            None => (1..=Point::MAX).find(|number| !taken.contains(number)).unwrap_or(*point),
        };
        taken.insert(number);
        let before = kept.map(|record| of_wire(record));
        // What is the meter's goes with it, wherever the terminal has it now.
        let own = records.iter().find(|record| shown(record) == address).map(of_wire);
        let after = Some(wanted(site, *point, own.or_else(|| before.clone())));
        if before != after {
            changes.push(RecordChange { number, before, after });
        }
        let others = held.iter().filter(|record| record.number != number);
        changes.extend(others.map(|record| gone(record)));
    }
    if removes_unknown {
        let is_strange = |record: &&&ArchiveRecord| {
            !ours.contains_key(&record.point.number())
                && is_wanted(&record.point.number())
                && record.protocol != OWN_MEASURING
                && record.protocol != NOT_READ
        };
        let records: Vec<&ArchiveRecord> = records.iter().collect();
        changes.extend(records.iter().filter(is_strange).map(|record| gone(record)));
    }
    changes
}

fn gone(record: &ArchiveRecord) -> RecordChange {
    RecordChange { number: record.number, before: Some(of_wire(record)), after: None }
}

/// What a terminal should hold of a meter: what it holds already where our archive says nothing else.
fn wanted(site: &SiteMeter, point: u16, before: Option<MeterRecord>) -> MeterRecord {
    let new = || MeterRecord {
        point,
        address: String::new(),
        port: CARRIER,
        baud: 2400,
        protocol: SPEAKS_2007,
        tariffs: 4,
        integer_digits: 6,
        decimal_digits: 2,
        collector: "000000000000".to_owned(),
        class: if site.point.role == PointRole::AreaCheck { AREA_CHECK } else { RESIDENT },
        sub_class: 0,
    };
    let mut record = MeterRecord { point, ..before.unwrap_or_else(new) };
    record.address = site.meter.address.to_string();
    if let MeterPath::Terminal { port, baud, .. } = &site.meter.path {
        record.port = port.unwrap_or(record.port);
        let named = baud.and_then(|baud| u16::try_from(baud).ok());
        record.baud = named.filter(|baud| MeterRecord::SPEEDS.contains(baud)).unwrap_or(record.baud);
    }
    let speaks = spoken_by(site.meter.protocol);
    if !speaks.contains(&record.protocol) {
        record.protocol = speaks.first().copied().unwrap_or(SPEAKS_2007);
    }
    record
}

/// Twelve digits, low byte first.
fn bytes_of(text: &str) -> Option<[u8; 6]> {
    let mut bytes: [u8; 6] = crate::domain::read_hex(text)?.try_into().ok()?;
    bytes.reverse();
    Some(bytes)
}

const SPEEDS: [(Speed, u16); 8] = [
    (Speed::Default, 0),
    (Speed::B600, 600),
    (Speed::B1200, 1200),
    (Speed::B2400, 2400),
    (Speed::B4800, 4800),
    (Speed::B7200, 7200),
    (Speed::B9600, 9600),
    (Speed::B19200, 19_200),
];
/// The port of the carrier module of most makers.
const CARRIER: u8 = 31;
/// Classes of customers. [1376 3.4]
const RESIDENT: u8 = 5;
const AREA_CHECK: u8 = 6;
