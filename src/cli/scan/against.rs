//! What was found on a bus against the archive: meters without a record, records without a meter, what differs.

use std::collections::BTreeSet;

use dlt645::address::MeterAddress;

use super::Found;
use crate::config::Words;
use crate::domain::{ArchiveEntry, Coded, MeterPath, MeterProtocol, Parity};

/// What the archive and a bus say of one meter; one of the two is there at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commissioned {
    pub(super) address: String,
    /// What answers under the address.
    pub(super) found: Option<Found>,
    /// What is recorded of it.
    pub(super) entry: Option<ArchiveEntry>,
    /// What is to be looked into; empty where both say the same.
    pub(super) findings: Vec<Finding>,
}

/// Something that a person has to look into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// It answers and no record names it.
    NoRecord,
    /// It is recorded on this line and does not answer.
    NoAnswer,
    /// It answers here and is recorded elsewhere.
    Elsewhere { recorded: String },
    /// It speaks another edition than is recorded.
    Edition { recorded: &'static str, found: &'static str },
    /// It answers at another rate than is recorded.
    Rate { recorded: String, found: String },
    /// It says another asset number than is recorded: another meter may have its address. (F12)
    Asset { recorded: String, found: String },
    /// Its clock is off by more than ten minutes: an official setting is needed.
    Clock { seconds: String },
}

/// Compares what answers on a line with the records of the archive, in the order of addresses. Of meters that speak Modbus
/// only those that were asked can be missing.
pub(super) fn compare(
    line: &str,
    found: &[Found],
    entries: &[ArchiveEntry],
    asked: &BTreeSet<MeterAddress>,
) -> Vec<Commissioned> {
    let address = |found: &Found| found.address.parse::<MeterAddress>().ok();
    let record = |found: &Found| entries.iter().find(|entry| Some(entry.meter.address) == address(found));
    let is_here = |entry: &ArchiveEntry| {
        (entry.meter.protocol != MeterProtocol::Modbus || asked.contains(&entry.meter.address))
            && matches!(&entry.meter.path, MeterPath::Line { line: own, .. } if own == line)
    };
    let answers =
        |entry: &&ArchiveEntry| found.iter().any(|found| address(found) == Some(entry.meter.address));
    let mut all: Vec<Commissioned> = found
        .iter()
        .map(|found| {
            let entry = record(found);
            let findings =
                entry.map_or_else(|| vec![Finding::NoRecord], |entry| differences(line, found, entry));
            Commissioned {
                address: found.address.clone(),
                found: Some(found.clone()),
                entry: entry.cloned(),
                findings,
            }
        })
        .collect();
    all.extend(entries.iter().filter(|entry| is_here(entry) && !answers(entry)).map(|entry| Commissioned {
        address: entry.meter.address.to_string(),
        found: None,
        entry: Some(entry.clone()),
        findings: vec![Finding::NoAnswer],
    }));
    all.sort_by(|one, other| one.address.cmp(&other.address));
    all
}

fn differences(line: &str, found: &Found, entry: &ArchiveEntry) -> Vec<Finding> {
    let mut findings = Vec::new();
    let meter = &entry.meter;
    let path = match &meter.path {
        MeterPath::Line { line: own, .. } if own == line => None,
        other => Some(other.line().clone()),
    };
    findings.extend(path.map(|recorded| Finding::Elsewhere { recorded }));
    let edition = match meter.protocol {
        MeterProtocol::Dlt2007 => "2007",
        MeterProtocol::Dlt1997 => "1997",
        MeterProtocol::Modbus => "modbus",
    };
    if found.edition != "both" && found.edition != edition {
        findings.push(Finding::Edition { recorded: meter.protocol.name(), found: found.edition });
    }
    findings.extend(rate(found, &meter.path));
    if let (Some(recorded), Some(said)) = (&meter.asset_number, &found.asset_number)
        && recorded != said
    {
        findings.push(Finding::Asset { recorded: recorded.clone(), found: said.clone() });
    }
    let is_far = |seconds: &&String| {
        let whole = seconds.trim_start_matches(['-', '+']).split('.').next().unwrap_or_default();
        whole.parse::<u64>().is_ok_and(|seconds| seconds > FAR_SECONDS)
    };
    if let Some(seconds) = found.fast_seconds.as_ref().filter(is_far) {
        findings.push(Finding::Clock { seconds: seconds.clone() });
    }
    findings
}

/// Rate and parity, as far as the record says them: what it leaves out is what profile and line say.
fn rate(found: &Found, path: &MeterPath) -> Option<Finding> {
    let (MeterPath::Line { baud, parity, .. } | MeterPath::Terminal { baud, parity, .. }) = path;
    let bits = parity.map(|parity| match parity {
        Parity::None => "8N1",
        Parity::Even => "8E1",
        Parity::Odd => "8O1",
    });
    let differs =
        baud.is_some_and(|baud| baud != found.baud) || bits.is_some_and(|bits| bits != found.parity);
    differs.then(|| Finding::Rate {
        recorded: format!("{} {}", baud.unwrap_or(found.baud), bits.unwrap_or(found.parity.as_str())),
        found: format!("{} {}", found.baud, found.parity),
    })
}

impl Finding {
    /// A short name from a closed set.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::NoRecord => "no_record",
            Self::NoAnswer => "no_answer",
            Self::Elsewhere { .. } => "recorded_elsewhere",
            Self::Edition { .. } => "other_edition",
            Self::Rate { .. } => "other_rate",
            Self::Asset { .. } => "other_asset_number",
            Self::Clock { .. } => "clock",
        }
    }

    pub(super) fn words(&self) -> Words {
        match self {
            Self::NoRecord => {
                Words::of("answers, and the archive has no record of it", "能应答，但档案中没有此表")
            }
            Self::NoAnswer => {
                Words::of("is recorded on this line and does not answer", "档案在此线路，但无应答")
            }
            Self::Elsewhere { recorded } => {
                Words::new(format!("is recorded at {recorded}"), format!("档案登记在 {recorded}"))
            }
            Self::Edition { recorded, found } => Words::new(
                format!("speaks {found}, recorded is {recorded}"),
                format!("实际规约 {found}，档案为 {recorded}"),
            ),
            Self::Rate { recorded, found } => Words::new(
                format!("answers at {found}, recorded is {recorded}"),
                format!("实际速率 {found}，档案为 {recorded}"),
            ),
            Self::Asset { recorded, found } => Words::new(
                format!("says asset number {found}, recorded is {recorded}: it may be another meter"),
                format!("表内资产编号 {found}，档案为 {recorded}：可能不是同一只表"),
            ),
            Self::Clock { seconds } => {
                Words::new(format!("its clock is off by {seconds} s"), format!("时钟偏差 {seconds} 秒"))
            }
        }
    }
}

/// Beyond so much a broadcast does not set a clock.
const FAR_SECONDS: u64 = 600;

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::{Customer, Meter, MeteringPoint, PointRole};

    pub(crate) fn found(address: &str) -> Found {
        Found {
            address: address.to_owned(),
            edition: "2007",
            baud: 2400,
            parity: "8E1".to_owned(),
            clock: Some("2026-11-29 10:00:00".to_owned()),
            fast_seconds: Some("-3.0".to_owned()),
            forward_active: Some("123.45".to_owned()),
            unit: Some("kWh"),
            asset_number: Some("A1".to_owned()),
            is_told: false,
        }
    }

    pub(crate) fn entry(address: &str, line: &str) -> ArchiveEntry {
        let path = MeterPath::Line { line: line.to_owned(), baud: None, parity: None };
        ArchiveEntry {
            customer: Customer { number: "C1".to_owned(), name: "王".to_owned(), class: None },
            point: MeteringPoint {
                number: "P1".to_owned(),
                customer: "C1".to_owned(),
                role: PointRole::Customer,
                area: None,
                route: None,
                protection: None,
            },
            is_unprotected: true,
            feeder: None,
            reading_day: None,
            meter: Meter {
                address: address.parse().unwrap(),
                asset_number: Some("A1".to_owned()),
                protocol: MeterProtocol::Dlt2007,
                profile: None,
                path,
            },
            transformers: None,
            installed_at: None,
            first_reading: None,
        }
    }

    fn compare(line: &str, found: &[Found], entries: &[ArchiveEntry]) -> Vec<Commissioned> {
        super::compare(line, found, entries, &BTreeSet::new())
    }

    #[test]
    fn meters_of_modbus_are_missing_when_they_were_asked() {
        let modbus = |address: &str| {
            let mut entry = entry(address, "L1");
            entry.meter.protocol = MeterProtocol::Modbus;
            entry
        };
        let (one, two, three) = ("000000007001", "000000007002", "000000007003");
        let entries = [modbus(one), modbus(two), modbus(three)];
        let answered = Found { edition: "modbus", asset_number: None, fast_seconds: None, ..found(one) };
        let asked = [one, two].map(|address| address.parse().unwrap()).into();
        let all = super::compare("L1", &[answered], &entries, &asked);
        assert_eq!(kinds(&all), [(one, vec![]), (two, vec!["no_answer"])]);
    }

    fn kinds(all: &[Commissioned]) -> Vec<(&str, Vec<&'static str>)> {
        all.iter()
            .map(|one| (one.address.as_str(), one.findings.iter().map(Finding::kind).collect()))
            .collect()
    }

    #[test]
    fn f12_what_answers_is_held_against_the_archive_meter_by_meter() {
        let (one, two, three, four) = ("000000000001", "000000000002", "000000000003", "000000000004");
        let mut other = entry(three, "L1");
        other.meter.asset_number = Some("A9".to_owned());
        other.meter.protocol = MeterProtocol::Dlt1997;
        other.meter.path =
            MeterPath::Line { line: "L2".to_owned(), baud: Some(9600), parity: Some(Parity::Even) };
        let late = Found { fast_seconds: Some("-601.5".to_owned()), ..found(three) };
        let entries = [entry(one, "L1"), entry(two, "L1"), other, entry("000000000009", "L2")];
        let all = compare("L1", &[found(four), late, found(one)], &entries);
        assert_eq!(
            kinds(&all),
            [
                (one, vec![]),
                (two, vec!["no_answer"]),
                (
                    three,
                    vec!["recorded_elsewhere", "other_edition", "other_rate", "other_asset_number", "clock"]
                ),
                (four, vec!["no_record"]),
            ]
        );
    }

    #[test]
    fn what_neither_says_does_not_differ() {
        let mut silent = found("000000000001");
        (silent.asset_number, silent.fast_seconds, silent.edition) = (None, None, "both");
        assert_eq!(
            kinds(&compare("L1", &[silent], &[entry("000000000001", "L1")])),
            [("000000000001", vec![])]
        );
        let mut unsaid = entry("000000000001", "L1");
        unsaid.meter.asset_number = None;
        assert_eq!(kinds(&compare("L1", &[found("000000000001")], &[unsaid])), [("000000000001", vec![])]);
    }
}
