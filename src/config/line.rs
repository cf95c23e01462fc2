//! `[[line]]`: a bus or a path with one master, and how it is reached.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::address::HostPort;
use super::fault::FaultKind;
use super::section::Section;
use super::setting::{Choice, Setting};
use super::words::Words;
use crate::domain::{Coded, Parity};

/// `[[line]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its name, unique; the archive names it.
    pub name: String,
    /// How it is reached.
    pub place: LinePlace,
    /// How frames stand on it.
    pub framing: Framing,
    /// Bits a second, for meters whose archive and profile say nothing else.
    pub baud: u32,
    /// Parity, likewise.
    pub parity: Parity,
    /// How long it stays quiet after an answer.
    pub quiet_after_answer: Duration,
    /// What the path adds at most to the delay of every answer.
    pub path_delay: Duration,
    /// Which share of the time from start to deadline a schedule may fill.
    pub budget_percent: u8,
    /// How long a connection may take to be made.
    pub dial_within: Duration,
    /// How long to wait at most before dialling again.
    pub redial_most: Duration,
    /// What a DTU sends to show that it is still there; taken out of what the bus says.
    pub heart_beat: Option<Vec<u8>>,
    /// How long nothing may come from a DTU that dials in before its connection counts as dead.
    pub silent_within: Option<Duration>,
    /// Whether its frames are captured.
    pub capture: bool,
}

/// How a line is reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinePlace {
    /// A serial port of this machine.
    Serial(PathBuf),
    /// A serial server or a DTU that is dialled.
    Tcp(HostPort),
    /// A DTU that dials in and begins with this registration packet (注册包).
    Registered(Vec<u8>),
    /// A DTU that dials in from this address.
    From(IpAddr),
}

/// How frames stand on a line (报文封装).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// As on a bus: DL/T 645, and Modbus RTU, also of meters that share one.
    #[default]
    Bus,
    /// Modbus TCP: each frame has a header with a number. Meters that speak something else are not on such a line.
    ModbusTcp,
}

impl Choice for Framing {
    fn choices() -> Vec<(Self, &'static str)> {
        vec![(Self::Bus, "bus"), (Self::ModbusTcp, "modbus-tcp")]
    }
}

/// The rates a meter may be set to, and those of serial servers. [645-2007 7.5]
pub const RATES: &[u32] = &[300, 600, 1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200];

impl Choice for Parity {
    fn choices() -> Vec<(Self, &'static str)> {
        Self::TABLE.iter().map(|(member, _, name)| (*member, *name)).collect()
    }
}

/// Bytes in hexadecimal.
struct Hex(Vec<u8>);

impl Setting for Hex {
    fn form() -> Words {
        Words::of("bytes in hexadecimal such as \"30 31 32\"", "十六进制字节，如 \"30 31 32\"")
    }

    fn read(value: &toml::de::DeValue<'_>) -> Option<Self> {
        let digits: Vec<u32> = value
            .as_str()?
            .chars()
            .filter(|c| !c.is_ascii_whitespace())
            .map(|c| c.to_digit(16))
            .collect::<Option<_>>()?;
        let byte = |pair: &[u32]| match pair {
            [high, low] => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        let bytes: Vec<u8> = digits.chunks(2).map(byte).collect::<Option<_>>()?;
        (!bytes.is_empty()).then_some(Self(bytes))
    }

    fn show(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|byte| format!("{byte:02X}")).collect();
        format!("\"{}\"", pairs.join(" "))
    }
}

impl Line {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            name: section.required("name", ..).unwrap_or_default(),
            // Without a place there is a fault, and what was read is not used.
            place: read_place(section).unwrap_or(LinePlace::Registered(Vec::new())),
            framing: read_framing(section),
            baud: section.value("baud", RATES, 2400),
            parity: section.value("parity", .., Parity::Even),
            quiet_after_answer: section.value("quiet_after_answer", millis(0)..=millis(5000), millis(30)),
            path_delay: section.value("path_delay", millis(0)..=millis(120_000), millis(0)),
            budget_percent: section.value("budget_percent", 1..=100, 90),
            dial_within: section.value("dial_within", millis(500)..=millis(60_000), millis(10_000)),
            redial_most: section.value("redial_most", millis(1000)..=millis(3_600_000), millis(60_000)),
            heart_beat: read_heart_beat(section),
            silent_within: section.optional("silent_within", millis(1000)..=millis(3_600_000)),
            capture: section.value("capture", .., false),
        }
    }
}

/// Reads every line and sees to it that no two have the same name or place.
pub(super) fn read_all(root: &mut Section<'_>, can_be_dialled: bool) -> Vec<Line> {
    let mut seen: Vec<(Line, Option<usize>)> = Vec::new();
    root.sections("line", |section| {
        let line = Line::read(section);
        let same_name = seen.iter().find(|(other, _)| other.name == line.name);
        if let Some((_, at)) = same_name.filter(|_| section.has("name")) {
            section.fault("name", FaultKind::Taken { line: *at });
        }
        let key = PLACES.iter().find(|key| section.has(key));
        let same_place = seen.iter().find(|(other, _)| other.place.is_mistakable_for(&line.place));
        if let (Some(key), Some((_, at))) = (key, same_place) {
            section.check(false, &[key], FaultKind::Taken { line: *at });
        }
        if let Some(key) = key.filter(|_| line.place.dials_in() && !can_be_dialled) {
            section.check(false, &[key], FaultKind::Needs("dtu.listen"));
        }
        seen.push((line, section.line()));
    });
    seen.into_iter().map(|(line, _)| line).collect()
}

impl LinePlace {
    const fn dials_in(&self) -> bool {
        matches!(self, Self::Registered(_) | Self::From(_))
    }

    /// Whether both could be meant: two registration packets already when one begins with the other.
    fn is_mistakable_for(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Registered(one), Self::Registered(other)) => {
                one.starts_with(other) || other.starts_with(one)
            }
            _ => self == other,
        }
    }
}

fn read_place(section: &mut Section<'_>) -> Option<LinePlace> {
    let places: Vec<LinePlace> = [
        section.optional::<PathBuf>("serial", ..).map(LinePlace::Serial),
        section.optional::<HostPort>("tcp", ..).map(LinePlace::Tcp),
        section.optional::<String>("registration", ..).map(|text| LinePlace::Registered(text.into_bytes())),
        section.optional::<Hex>("registration_hex", ..).map(|hex| LinePlace::Registered(hex.0)),
        section.optional::<IpAddr>("source", ..).map(LinePlace::From),
    ]
    .into_iter()
    .flatten()
    .collect();
    let given = PLACES.iter().filter(|key| section.has(key)).count();
    if given != 1 {
        let key = PLACES.iter().rev().find(|key| section.has(key)).unwrap_or(&"serial");
        section.fault(key, FaultKind::OneOf(PLACES));
    }
    places.into_iter().next()
}

fn read_framing(section: &mut Section<'_>) -> Framing {
    let framing = section.value("framing", .., Framing::Bus);
    let is_over_tcp = section.has("tcp") || framing == Framing::Bus;
    section.check(is_over_tcp, &["tcp", "framing"], FaultKind::Needs("tcp"));
    framing
}

fn read_heart_beat(section: &mut Section<'_>) -> Option<Vec<u8>> {
    let text = section.optional::<String>("heart_beat", ..).map(String::into_bytes);
    let hex = section.optional::<Hex>("heart_beat_hex", ..).map(|hex| hex.0);
    if text.is_some() && hex.is_some() {
        section.fault("heart_beat_hex", FaultKind::OneOf(HEART_BEATS));
    }
    text.or(hex)
}

const HEART_BEATS: &[&str] = &["heart_beat", "heart_beat_hex"];

const PLACES: &[&str] = &["serial", "tcp", "registration", "registration_hex", "source"];

const fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}
