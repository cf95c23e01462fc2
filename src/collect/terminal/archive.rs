//! A terminal's own list of meters against ours (档案比对): what it stores for a point is this meter's only where both name
//! the same meter there (F24).

use std::collections::{BTreeMap, HashMap};

use gdw1376::answer;
use gdw1376::request::{ArchiveRecord, Request};

use super::super::ask::Missed;
use super::ask::{Answered, TerminalAsker};
use crate::domain::{MeterPath, MeterProtocol, MissingCause, Moment};
use crate::store::archive::SiteMeter;
use crate::store::terminal::{ArchiveCompared, Difference, DifferenceKind};

/// A terminal's list, as it told it.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) records: Vec<ArchiveRecord>,
    pub(super) at: Moment,
    /// Every answer was read to its end: what is not in it the terminal does not hold.
    pub(super) is_whole: bool,
}

/// Reads a terminal's list, record by record, until nothing more comes.
pub(super) async fn read_archive(asker: &TerminalAsker, most_point: u16) -> Result<Told, Missed> {
    let (mut records, mut at, mut is_whole) = (Vec::new(), asker.clock.now(), true);
    let mut next = 1_u16;
    while next <= MOST_RECORDS {
        let numbers: Vec<u16> = (next..=MOST_RECORDS).take(AT_ONCE).collect();
        let last = numbers.last().copied().unwrap_or(MOST_RECORDS);
        let told = asker.ask("archive", Request::ReadArchive(numbers.clone())).await;
        let mut answers = match told {
            Ok(answered) => vec![answered],
            Err(missed) if missed.is_not_there() => {
                if last >= most_point {
                    break;
                }
                next = last + 1;
                continue;
            }
            Err(missed) => return Err(missed),
        };
        // A frame of it that was lost may come the second time.
        if answers.iter().any(|answered| !answered.is_whole()) {
            answers.extend(asker.ask("archive", Request::ReadArchive(numbers)).await);
        }
        is_whole &= answers.iter().any(Answered::is_whole);
        let before = records.len();
        // What was told last stands first: of one number it is the one that is kept.
        for answered in answers.iter().rev() {
            at = at.max(answered.answered_at);
            for (_, unit) in answered.units() {
                let Some((told, _)) = answer::archive(&unit) else { continue };
                // A record without a point was deleted.
                records.extend(told.into_iter().filter(|record| record.point.number() > 0));
            }
        }
        if records.len() == before && last >= most_point {
            break;
        }
        next = last + 1;
    }
    records.sort_by_key(|record| record.number);
    records.dedup_by_key(|record| record.number);
    Ok(Told { records, at, is_whole })
}

/// What differs between a part of a terminal's list and ours: what is not in it the terminal may hold all the same.
pub(super) fn compare_in_part(records: &[ArchiveRecord], sites: &[&SiteMeter]) -> Vec<Difference> {
    let mut differences = compare(records, sites);
    differences.retain(|difference| difference.kind != DifferenceKind::Lacking);
    differences
}

/// What differs between a terminal's list and ours.
pub(super) fn compare(records: &[ArchiveRecord], sites: &[&SiteMeter]) -> Vec<Difference> {
    let mut theirs: BTreeMap<u16, Vec<&ArchiveRecord>> = BTreeMap::new();
    for record in records {
        theirs.entry(record.point.number()).or_default().push(record);
    }
    let ours: BTreeMap<u16, (&SiteMeter, Option<u8>)> = sites
        .iter()
        .filter_map(|site| match &site.meter.path {
            MeterPath::Terminal { measuring_point, port, .. } => Some((*measuring_point, (*site, *port))),
            MeterPath::Line { .. } => None,
        })
        .collect();
    let mut points: Vec<u16> = theirs.keys().chain(ours.keys()).copied().collect();
    points.sort_unstable();
    points.dedup();
    points.into_iter().filter_map(|point| at_point(point, ours.get(&point), theirs.get(&point))).collect()
}

fn at_point(
    point: u16,
    ours: Option<&(&SiteMeter, Option<u8>)>,
    theirs: Option<&Vec<&ArchiveRecord>>,
) -> Option<Difference> {
    let our_address = ours.map(|(site, _)| site.meter.address.to_string());
    let record = theirs.and_then(|records| records.first());
    let their_address = record.map(|record| shown(record));
    let kind = match (ours, record) {
        (None, None) => return None,
        // Point 1 of many terminals is their own measuring.
        (None, Some(record)) if record.protocol == OWN_MEASURING || record.protocol == NOT_READ => {
            return None;
        }
        (None, Some(_)) => DifferenceKind::Unknown,
        (Some(_), None) => DifferenceKind::Lacking,
        (Some(_), Some(_)) if theirs.is_some_and(|records| records.len() > 1) => DifferenceKind::Doubled,
        (Some(_), Some(_)) if our_address != their_address => DifferenceKind::OtherMeter,
        (Some((_, Some(port))), Some(record)) if *port != record.port => DifferenceKind::OtherPort,
        (Some((site, _)), Some(record)) if !spoken_by(site.meter.protocol).contains(&record.protocol) => {
            DifferenceKind::OtherProtocol
        }
        (Some(_), Some(_)) => return None,
    };
    Some(Difference { point, kind, ours: our_address, theirs: their_address })
}

/// The numbers under which a terminal reads a meter that speaks this.
pub(super) const fn spoken_by(protocol: MeterProtocol) -> &'static [u8] {
    match protocol {
        MeterProtocol::Dlt1997 => &[SPEAKS_1997],
        MeterProtocol::Dlt2007 | MeterProtocol::Modbus => &[SPEAKS_2007, SPEAKS_2007_BY_MODULE],
    }
}

/// The meter's address as people write it; in hexadecimal where it is no number.
pub(super) fn shown(record: &ArchiveRecord) -> String {
    let digits = |byte: &u8| format!("{byte:02X}");
    record.address_digits().unwrap_or_else(|| record.address.iter().rev().map(digits).collect())
}

/// The points at which what the terminal stores is not our meter's.
pub(super) fn excluded(compared: &ArchiveCompared) -> HashMap<u16, Missed> {
    let why = |difference: &Difference| {
        let none = || "no meter".to_owned();
        let theirs = difference.theirs.clone().unwrap_or_else(none);
        let detail = format!("the terminal's archive has {theirs} at measuring point {}", difference.point);
        (difference.point, Missed::new(MissingCause::PointNotVerified, detail))
    };
    compared.differences.iter().filter(|difference| difference.kind.excludes()).map(why).collect()
}

/// A record number is no higher. [1376 3.4]
const MOST_RECORDS: u16 = 2040;
/// So many records fit into an answer of 512 bytes.
const AT_ONCE: usize = 16;
/// What a terminal speaks with a meter. [1376 3.4]
const SPEAKS_1997: u8 = 1;
pub(super) const SPEAKS_2007: u8 = 30;
const SPEAKS_2007_BY_MODULE: u8 = 31;
/// The terminal measures by itself.
pub(super) const OWN_MEASURING: u8 = 2;
/// The record is there and not read.
pub(super) const NOT_READ: u8 = 0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Id, Meter, MeteringPoint, PointRole};
    use gdw1376::identifier::Point;
    use gdw1376::request::{Speed, UserClass};

    fn record(number: u16, point: u16, address: u8) -> ArchiveRecord {
        ArchiveRecord {
            number,
            point: Point::new(point).unwrap(),
            speed: Speed::B2400,
            port: 31,
            protocol: 30,
            address: [address, 0, 0, 0, 0, 0],
            password: [0; 6],
            tariffs: 4,
            integer_digits: 6,
            decimal_digits: 2,
            collector: [0; 6],
            class: UserClass { class: 5, sub_class: 0 },
        }
    }

    fn site(point: u16, address: u32, port: Option<u8>) -> SiteMeter {
        let path = MeterPath::Terminal {
            terminal: "1100-3039".to_owned(),
            measuring_point: point,
            port,
            baud: None,
            parity: None,
        };
        SiteMeter {
            meter_id: Id::new(i64::from(address)),
            point_id: Id::new(1),
            meter: Meter {
                address: format!("{address:012}").parse().unwrap(),
                asset_number: None,
                protocol: MeterProtocol::Dlt2007,
                profile: None,
                path,
            },
            point: MeteringPoint {
                number: "P1".to_owned(),
                customer: "C1".to_owned(),
                role: PointRole::Customer,
                area: None,
                route: None,
                protection: None,
            },
            area_id: None,
            installed_at: Moment::from_micros(0),
        }
    }

    #[test]
    fn a_meter_that_a_terminal_does_not_read_or_reads_by_another_protocol_is_told() {
        let sites = [site(1, 1, Some(31)), site(2, 2, None), site(3, 3, None), site(4, 4, Some(2))];
        let sites: Vec<_> = sites.iter().collect();
        let by =
            |number: u8, protocol| ArchiveRecord { protocol, ..record(number.into(), number.into(), number) };
        let records = [by(1, NOT_READ), by(2, SPEAKS_1997), by(3, SPEAKS_2007_BY_MODULE), by(4, NOT_READ)];
        let seen: Vec<_> = compare(&records, &sites).iter().map(|d| (d.point, d.kind)).collect();
        let other = DifferenceKind::OtherProtocol;
        assert_eq!(seen, [(1, other), (2, other), (4, DifferenceKind::OtherPort)]);
        assert!(!other.excludes(), "what it stored there is the meter's all the same");
    }

    #[test]
    fn f24_what_is_not_in_a_part_of_a_list_is_not_told_as_lacking() {
        let sites = [site(1, 1, None), site(2, 2, None), site(3, 3, None)];
        let sites: Vec<_> = sites.iter().collect();
        let records = [record(1, 1, 0x01), record(2, 2, 0x99)];
        let seen: Vec<_> = compare_in_part(&records, &sites).iter().map(|d| (d.point, d.kind)).collect();
        assert_eq!(seen, [(2, DifferenceKind::OtherMeter)]);
    }

    #[test]
    fn f24_every_way_in_which_two_archives_differ_is_told() {
        let sites =
            [site(1, 1, Some(31)), site(2, 2, None), site(3, 3, Some(2)), site(4, 4, None), site(5, 5, None)];
        let sites: Vec<_> = sites.iter().collect();
        let own = ArchiveRecord { protocol: OWN_MEASURING, ..record(8, 8, 0x08) };
        let records = [
            record(1, 1, 0x01),
            record(2, 2, 0x99),
            record(3, 3, 0x03),
            record(5, 5, 0x05),
            record(6, 5, 0x06),
            record(7, 7, 0x07),
            own,
        ];
        let differences = compare(&records, &sites);
        let seen: Vec<_> =
            differences.iter().map(|d| (d.point, d.kind, d.theirs.as_deref().unwrap_or("-"))).collect();
        assert_eq!(
            seen,
            [
                (2, DifferenceKind::OtherMeter, "000000000099"),
                (3, DifferenceKind::OtherPort, "000000000003"),
                (4, DifferenceKind::Lacking, "-"),
                (5, DifferenceKind::Doubled, "000000000005"),
                (7, DifferenceKind::Unknown, "000000000007"),
            ]
        );
        let terminal = "1100-3039".parse().unwrap();
        let compared = ArchiveCompared { terminal, at: Moment::from_micros(0), records: 7, differences };
        let mut excluded: Vec<_> = excluded(&compared).into_keys().collect();
        excluded.sort_unstable();
        assert_eq!(excluded, [2, 4, 5, 7], "another port is no other meter");
    }
}
