//! Reads the file of a profile.

use std::time::Duration;

use dlt645::edition::Edition;
use dlt645::password::DigitOrder;

use super::set::PLAIN_MODBUS;
use super::{Difference, IdPattern, MeterProfile, RegisterMap, TextOrder};
use crate::config::fault::FaultKind;
use crate::config::limit::{Each, Limit};
use crate::config::line::RATES;
use crate::config::section::Section;
use crate::config::setting::Choice;
use crate::config::words::Words;
use crate::domain::{Coded, MeterProtocol};

/// Reads a profile that begins with one of `built_in`, or with `plain` where there is none. One that says `modbus` begins
/// with nothing but a line: where the items stand is its own.
pub(in crate::config) fn read(
    root: &mut Section<'_>,
    built_in: &[MeterProfile],
    plain: &MeterProfile,
) -> MeterProfile {
    let name = root.required("name", ..).unwrap_or_default();
    let about = root.required("about", ..).unwrap_or_default();
    if root.has("protocol") && root.required::<Modbus>("protocol", ..).is_some() {
        return read_modbus(root, MeterProfile { name, about, ..PLAIN_MODBUS.clone() });
    }
    let like = root.optional("like", Named(built_in));
    let base = like.and_then(|like: String| built_in.iter().find(|profile| profile.name == like));
    let mut profile = MeterProfile { name, about, ..base.unwrap_or(plain).clone() };
    if let Some(lacks) = root.optional("lacks", Each(..)) {
        profile.lacks = lacks;
    }
    root.section("line", |section| read_line(section, &mut profile));
    root.section("registers", |section| read_registers(section, &mut profile));
    root.section("relay", |section| profile.relay.read(section));
    root.section("coding", |section| read_coding(section, &mut profile));
    let edition = edition(profile.protocol);
    let own = root.sections("difference", |section| {
        let difference = Difference::read(section);
        check_edition(section, "id", &[difference.id], edition);
        difference
    });
    check_edition(root, "lacks", &profile.lacks, edition);
    // The first that fits counts, so what is said here goes before what the base says.
    profile.differences.splice(0..0, own);
    profile
}

/// A profile of meters that speak Modbus: no freezes, no load record, no switch; what they have is in their register map.
fn read_modbus(root: &mut Section<'_>, mut profile: MeterProfile) -> MeterProfile {
    root.section("line", |section| {
        read_rate(section, &mut profile);
        read_pauses(section, &mut profile);
    });
    root.section("registers", |section| {
        profile.whole_digits = section.value("whole_digits", 4..=12, profile.whole_digits);
        profile.most_watts = section.value("most_watts", 100..=1_000_000_000, profile.most_watts);
    });
    profile.map = RegisterMap::read(root);
    profile.tariffs = profile.map.tariffs();
    profile
}

fn read_line(section: &mut Section<'_>, profile: &mut MeterProfile) {
    read_rate(section, profile);
    profile.wake_up_bytes = section.value("wake_up_bytes", 0..=16, profile.wake_up_bytes);
    profile.answer_preamble = section.value("answer_preamble", 0..=64, profile.answer_preamble);
    read_pauses(section, profile);
}

fn read_rate(section: &mut Section<'_>, profile: &mut MeterProfile) {
    profile.baud = section.optional("baud", RATES).or(profile.baud);
    profile.parity = section.optional("parity", ..).or(profile.parity);
}

fn read_pauses(section: &mut Section<'_>, profile: &mut MeterProfile) {
    let millis = Duration::from_millis;
    profile.answer_delay = section.value("answer_delay", millis(20)..=millis(10_000), profile.answer_delay);
    profile.byte_gap = section.value("byte_gap", millis(10)..=millis(5000), profile.byte_gap);
    profile.quiet_after_answer =
        section.value("quiet_after_answer", millis(0)..=millis(5000), profile.quiet_after_answer);
}

fn read_registers(section: &mut Section<'_>, profile: &mut MeterProfile) {
    profile.whole_digits = section.value("whole_digits", 4..=8, profile.whole_digits);
    profile.tariffs = section.value("tariffs", 0..=63, profile.tariffs);
    profile.most_watts = section.value("most_watts", 100..=1_000_000, profile.most_watts);
    profile.daily_freezes = section.value("daily_freezes", 0..=62, profile.daily_freezes);
    profile.load_record = section.value("load_record", .., profile.load_record);
}

fn read_coding(section: &mut Section<'_>, profile: &mut MeterProfile) {
    profile.password_order = section.value("password_order", .., profile.password_order);
    profile.text_order = section.value("text_order", .., profile.text_order);
}

/// An identifier of the other edition would never be met.
fn check_edition(
    section: &mut Section<'_>,
    key: &'static str,
    patterns: &[IdPattern],
    edition: Option<Edition>,
) {
    let fits = patterns.iter().all(|pattern| Some(pattern.edition()) == edition);
    let (en, zh) = match edition {
        Some(Edition::E1997) => {
            ("identifiers of 4 digits, as the 1997 edition has them", "1997 版的 4 位数据标识")
        }
        _ => ("identifiers of 8 digits, as the 2007 edition has them", "2007 版的 8 位数据标识"),
    };
    section.check(fits, &[key], FaultKind::Expected(Words::of(en, zh)));
}

const fn edition(protocol: MeterProtocol) -> Option<Edition> {
    match protocol {
        MeterProtocol::Dlt2007 => Some(Edition::E2007),
        MeterProtocol::Dlt1997 => Some(Edition::E1997),
        MeterProtocol::Modbus => None,
    }
}

/// The name of one of these profiles.
struct Named<'a>(&'a [MeterProfile]);

impl Limit<String> for Named<'_> {
    fn admits(&self, name: &String) -> bool {
        self.0.iter().any(|profile| profile.name == *name)
    }

    fn words(&self) -> Words {
        let names: Vec<String> = self.0.iter().map(|profile| format!("\"{}\"", profile.name)).collect();
        Words::new(
            format!("a profile that is built in: {}", names.join(", ")),
            format!("内置表型名称：{}", names.join("、")),
        )
    }
}

/// The one protocol that has to be said; the others are those of the profile that one begins with.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Modbus;

impl Choice for Modbus {
    fn choices() -> Vec<(Self, &'static str)> {
        vec![(Self, MeterProtocol::Modbus.name())]
    }
}

impl Choice for DigitOrder {
    fn choices() -> Vec<(Self, &'static str)> {
        vec![(Self::LowFirst, "low-first"), (Self::AsWritten, "as-written")]
    }
}

impl Choice for TextOrder {
    fn choices() -> Vec<(Self, &'static str)> {
        vec![(Self::LastFirst, "last-first"), (Self::FirstFirst, "first-first")]
    }
}
