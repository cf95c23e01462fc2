//! The world file: TOML, every key documented here, unknown keys refused with their place.

use core::fmt;

use dlt645::address::MeterAddress;
use dlt645::meter_time::Civil;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::registers::ModbusEntry;
use super::terminal::TerminalEntry;
use crate::instant::At;
use crate::load::shape::Shape;
use crate::meter::Editions;
use crate::truth::installation::Wiring;

/// A world as it stands in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldFile {
    /// Everything that is not written down is drawn from this.
    pub seed: u64,
    /// The lines.
    #[serde(default)]
    pub bus: Vec<BusEntry>,
    /// The terminals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terminal: Vec<TerminalEntry>,
    /// The Modbus TCP gateways; only meters that speak Modbus are behind them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gateway: Vec<GatewayEntry>,
    /// The meters.
    #[serde(default)]
    pub meter: Vec<MeterEntry>,
    /// Times without supply of whole transformer areas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub power_cut: Vec<AreaPowerCut>,
}

/// A transformer area without supply: all its meters at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AreaPowerCut {
    /// Which area, as customers name it.
    pub transformer_area: String,
    /// When it begins.
    pub from: Moment,
    /// When it is over.
    pub to: Moment,
}

impl WorldFile {
    /// Reads a file's text.
    ///
    /// # Errors
    /// Says line, column, key and what was expected.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The text of the file.
    ///
    /// # Errors
    /// None that a file made by this crate can meet.
    pub fn to_text(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusEntry {
    /// Its name.
    pub name: String,
    /// Where it listens as a serial server, `HOST:PORT`; port 0 takes a free one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<String>,
    /// The stable name of a pseudo-terminal, a path that will be a link to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pty: Option<String>,
    /// Bits a second.
    #[serde(default = "default_baud")]
    pub baud: u32,
    /// The adapter hears its own sending.
    #[serde(default, skip_serializing_if = "is_default")]
    pub echo: bool,
}

/// A Modbus TCP gateway, or a meter that has one built in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayEntry {
    /// Its name.
    pub name: String,
    /// Where it listens, `HOST:PORT`; port 0 takes a free one.
    pub tcp: String,
}

fn default_baud() -> u32 {
    2400
}

/// One meter and its customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterEntry {
    /// Up to 12 digits, as text.
    #[serde(with = "address")]
    pub address: MeterAddress,
    /// The line it is on, the name of the gateway or the address of the terminal it is behind.
    pub bus: String,
    /// `2007`, `1997` or `both`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub edition: EditionName,
    /// The shape of its load.
    #[serde(default, skip_serializing_if = "is_default")]
    pub load: LoadName,
    /// Import of a mean day in Wh; drawn from the seed when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_day_wh: Option<u32>,
    /// `single` or `three` phases.
    #[serde(default, skip_serializing_if = "is_default")]
    pub wiring: WiringName,
    /// When it began to count, `2024-05-06 10:20:00`.
    #[serde(default = "default_installed_at")]
    pub installed_at: Moment,
    /// Its forward total rolls over from 999999.99 to 0 then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolls_over_at: Option<Moment>,
    /// How fast its clock was when it was installed; negative is slow.
    #[serde(default, skip_serializing_if = "is_default")]
    pub clock_offset_seconds: i64,
    /// How many seconds its clock gains in a million.
    #[serde(default, skip_serializing_if = "is_default")]
    pub clock_drift_ppm: i32,
    /// From the end of a request to the first byte of its answer.
    #[serde(default = "default_delay")]
    pub answer_delay_ms: u16,
    /// How many FEH it sends in front of an answer, 0 to 7.
    #[serde(default, skip_serializing_if = "is_default")]
    pub wake_up_bytes: u8,
    /// What its maker does differently.
    #[serde(default, skip_serializing_if = "is_default")]
    pub habits: Habits,
    /// It speaks Modbus, and no DL/T 645: its registers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modbus: Option<ModbusEntry>,
    /// Its relay and the customer who may press the key.
    #[serde(default, skip_serializing_if = "is_default")]
    pub relay: RelayEntry,
    /// Passwords that are not six zeros.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub password: Vec<PasswordEntry>,
    /// Who uses it, for archive files.
    #[serde(default, skip_serializing_if = "is_default")]
    pub customer: CustomerEntry,
    /// What happens to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event: Vec<EventEntry>,
}

fn default_installed_at() -> Moment {
    Moment(At::from_seconds(Civil::new(2024, 1, 1, 0, 0, 0).map_or(0, Civil::seconds_since_2000)))
}

fn default_delay() -> u16 {
    50
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl MeterEntry {
    /// The unit number of a meter that speaks Modbus: the last three digits of its address, 1 to 247.
    #[must_use]
    pub fn unit(&self) -> Option<u8> {
        u8::try_from(self.address.number() % 1000).ok().filter(|unit| (1..=247).contains(unit))
    }

    /// A meter of the defaults.
    #[must_use]
    pub fn new(address: MeterAddress, bus: &str) -> Self {
        Self {
            address,
            bus: bus.to_owned(),
            edition: EditionName::default(),
            load: LoadName::default(),
            mean_day_wh: None,
            wiring: WiringName::default(),
            installed_at: default_installed_at(),
            rolls_over_at: None,
            clock_offset_seconds: 0,
            clock_drift_ppm: 0,
            answer_delay_ms: default_delay(),
            wake_up_bytes: 0,
            habits: Habits::default(),
            modbus: None,
            relay: RelayEntry::default(),
            password: Vec::new(),
            customer: CustomerEntry::default(),
            event: Vec::new(),
        }
    }
}

/// Which editions a meter answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EditionName {
    /// DL/T 645-2007.
    #[default]
    #[serde(rename = "2007")]
    E2007,
    /// DL/T 645-1997.
    #[serde(rename = "1997")]
    E1997,
    /// Both.
    #[serde(rename = "both")]
    Both,
}

impl From<EditionName> for Editions {
    fn from(name: EditionName) -> Self {
        match name {
            EditionName::E2007 => Self::ONLY_2007,
            EditionName::E1997 => Self::ONLY_1997,
            EditionName::Both => Self::BOTH,
        }
    }
}

/// The shape of a load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoadName {
    /// A flat.
    #[default]
    Household,
    /// A shop.
    Shop,
    /// A factory behind current transformers.
    Factory,
    /// A house with panels on its roof.
    SolarHousehold,
}

impl From<LoadName> for Shape {
    fn from(name: LoadName) -> Self {
        match name {
            LoadName::Household => Self::Household,
            LoadName::Shop => Self::Shop,
            LoadName::Factory => Self::Factory,
            LoadName::SolarHousehold => Self::SolarHousehold,
        }
    }
}

/// How many phases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WiringName {
    /// One.
    #[default]
    Single,
    /// Three.
    Three,
}

impl From<WiringName> for Wiring {
    fn from(name: WiringName) -> Self {
        match name {
            WiringName::Single => Self::SinglePhase,
            WiringName::Three => Self::ThreePhase,
        }
    }
}

/// What makers do differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a habit of its own")]
pub struct Habits {
    /// What a single-phase meter says of phases B and C: `filled`, `zero` or `left-out`.
    pub absent_phases: AbsentPhasesName,
    /// AA behind each item of a whole freeze.
    pub separates_freezes: bool,
    /// AA at the end of 1997 blocks.
    pub ends_blocks_with_aa: bool,
    /// 1997 voltages with a decimal.
    pub sends_tenth_volts: bool,
    /// The daily freeze is there.
    pub has_daily_freeze: bool,
    /// Unknown identifiers are met with silence.
    pub is_silent_on_unknown: bool,
    /// 1997: answers reads under the broadcast address.
    pub answers_broadcast_reads: bool,
    /// D5 says that there are new events.
    pub flags_events: bool,
    /// How many tariffs it uses, 1 to 4; those behind them are FF.
    pub tariffs: u8,
    /// It counts one way: reverse active energy is FF.
    pub fills_reverse: bool,
    /// A daily freeze that was never taken is zeros, and not refused.
    pub keeps_empty_freezes: bool,
    /// Some load records are faulty, cut or without a time.
    pub spoils_records: bool,
}

impl Default for Habits {
    fn default() -> Self {
        let manners = crate::meter::Manners::default();
        Self {
            absent_phases: AbsentPhasesName::default(),
            separates_freezes: manners.separates_freezes,
            ends_blocks_with_aa: manners.ends_blocks_with_aa,
            sends_tenth_volts: manners.sends_tenth_volts,
            has_daily_freeze: manners.has_daily_freeze,
            is_silent_on_unknown: manners.is_silent_on_unknown,
            answers_broadcast_reads: manners.answers_broadcast_reads,
            flags_events: manners.flags_events,
            tariffs: manners.tariffs,
            fills_reverse: manners.fills_reverse,
            keeps_empty_freezes: manners.keeps_empty_freezes,
            spoils_records: manners.spoils_records,
        }
    }
}

/// What a single-phase meter says of phases B and C.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AbsentPhasesName {
    /// FF bytes.
    #[default]
    Filled,
    /// Zeros.
    Zero,
    /// Nothing.
    LeftOut,
}

/// A relay and its customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RelayEntry {
    /// There is one.
    pub is_fitted: bool,
    /// It says "accepted" and does nothing.
    pub is_stuck: bool,
    /// It waits for the current to fall below this, in mA.
    pub hold_above_ma: u32,
    /// How long after a permit the customer presses the key; left out, never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_after_seconds: Option<u32>,
}

impl Default for RelayEntry {
    fn default() -> Self {
        Self { is_fitted: true, is_stuck: false, hold_above_ma: 30_000, key_after_seconds: Some(120) }
    }
}

/// A password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordEntry {
    /// 0 to 9.
    pub level: u8,
    /// Six digits as a person writes them.
    pub digits: Digits,
}

/// Who is supplied, as archive files have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CustomerEntry {
    /// Number (户号).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub number: String,
    /// Name (户名).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `residential`, `commercial`, `industrial` or `important` (用户类别).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub class: String,
    /// Metering point (计量点编号).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub point: String,
    /// Transformer area (台区).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub transformer_area: String,
    /// 10 kV feeder (10kV线路).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub feeder: String,
    /// Reading route (抄表段).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub route: String,
    /// Reading day (抄表例日), 1 to 28; 0 when not set.
    #[serde(skip_serializing_if = "is_default")]
    pub reading_day: u8,
    /// CT times VT ratio (倍率); 0 when not set.
    #[serde(skip_serializing_if = "is_default")]
    pub multiplier: u32,
}

/// Something that happens to a meter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventEntry {
    /// What.
    pub kind: EventName,
    /// When it begins.
    pub from: Moment,
    /// When it is over; left out for what goes on or takes no time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Moment>,
    /// How far a clock jumps.
    #[serde(default, skip_serializing_if = "is_default")]
    pub seconds: i64,
}

/// What can happen to a meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventName {
    /// Meter and customer without supply.
    PowerCut,
    /// Taken off the wall.
    Removed,
    /// Cover open.
    CoverOpen,
    /// Terminal cover open.
    TerminalCoverOpen,
    /// A magnet near by.
    MagneticField,
    /// Current of phase A turned round.
    CurrentReversed,
    /// Phase A without voltage.
    VoltageLoss,
    /// The relay is open.
    RelayOpen,
    /// Parameters were written.
    Programming,
    /// The clock was set; by itself it moves nothing.
    ClockSet,
    /// The maximum demands were cleared.
    DemandClear,
    /// The clock moves by `seconds`.
    ClockJump,
    /// The clock starts again at 2000-01-01.
    ClockBatteryLost,
    /// The clock stands still.
    ClockStops,
}

/// A moment, `2026-11-21 10:15:30`, time of day optional.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub At);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        moment(&text).map(Self).ok_or_else(|| D::Error::custom(NotAMoment(&text)))
    }
}

struct NotAMoment<'a>(&'a str);

impl fmt::Display for NotAMoment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no moment: expected 2026-11-21 or 2026-11-21 10:15:30, years 2000 to 2099", self.0)
    }
}

/// Reads `2026-11-21` or `2026-11-21 10:15:30`.
#[must_use]
pub fn moment(text: &str) -> Option<At> {
    let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, "00:00:00"));
    let mut date = date.splitn(3, '-');
    let mut time = time.splitn(3, ':');
    let (year, month, day) = (date.next()?, date.next()?, date.next()?);
    let (hour, minute) = (time.next()?, time.next()?);
    let second = time.next().unwrap_or("0");
    let civil = Civil::new(
        year.parse().ok()?,
        month.parse().ok()?,
        day.parse().ok()?,
        hour.parse().ok()?,
        minute.parse().ok()?,
        second.parse().ok()?,
    )?;
    Some(At::from_civil(civil))
}

/// Six password digits in wire order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits(pub [u8; 3]);

impl Serialize for Digits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [low, middle, high] = self.0;
        serializer.collect_str(&format_args!("{high:02X}{middle:02X}{low:02X}"))
    }
}

impl<'de> Deserialize<'de> for Digits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let six = text.len() == 6 && text.bytes().all(|letter| letter.is_ascii_digit());
        let pair =
            |place: usize| text.get(place..place + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (six, pair(4), pair(2), pair(0)) {
            (true, Some(low), Some(middle), Some(high)) => Ok(Self([low, middle, high])),
            _ => Err(D::Error::custom("a password has six decimal digits")),
        }
    }
}

/// Addresses as text.
mod address {
    use super::{Deserialize, Deserializer, MeterAddress, Serializer};
    use serde::de::Error as _;

    pub(super) fn serialize<S: Serializer>(address: &MeterAddress, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(address)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MeterAddress, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
