//! The register map of a meter that speaks Modbus, as it stands in a world file, and what its registers hold.
//!
//! The keys are those of `[[register]]` in a profile of the head-end, so that a section can be copied from one to the other.
//! Every item is what the meter shows at that instant: an energy in 0.01 kWh, as on the display of any other meter.

use std::collections::BTreeMap;

use dlt645::quantity::Quantity;
use serde::{Deserialize, Serialize};

use crate::instant::At;
use crate::tariff::Tariff;
use crate::truth::Truth;
use crate::truth::register::{Energy, Quadrant, Register};

/// How a meter speaks Modbus. Its unit number is the last three digits of its address, 001 to 247.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModbusEntry {
    /// What the archive calls the profile with the same map.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// Its registers.
    pub register: Vec<RegisterEntry>,
}

/// Where one item stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterEntry {
    /// OBIS code, such as `1.8.0`.
    pub item: String,
    /// `holding` (function 03) or `input` (function 04).
    #[serde(default, skip_serializing_if = "is_holding")]
    pub function: TableName,
    /// The first register, as the frame counts.
    pub register: u16,
    /// How the number stands there.
    pub r#type: TypeName,
    /// Which register comes first: `high-first` or `low-first`.
    #[serde(default, skip_serializing_if = "is_high_first")]
    pub word_order: OrderName,
    /// The number times ten to this power is the value.
    pub exponent: i8,
    /// Of no effect here: numbers are always rounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounded: Option<bool>,
    /// Of no effect here: what does not fit into its registers is sent as all ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<String>,
}

/// By which function registers are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableName {
    /// Function 03.
    #[default]
    Holding,
    /// Function 04.
    Input,
}

impl TableName {
    const fn function(self) -> u8 {
        match self {
            Self::Holding => 3,
            Self::Input => 4,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_holding(name: &TableName) -> bool {
    *name == TableName::Holding
}

/// Which register of a number comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderName {
    /// The one with the high digits.
    #[default]
    HighFirst,
    /// The one with the low digits.
    LowFirst,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_high_first(name: &OrderName) -> bool {
    *name == OrderName::HighFirst
}

/// How a number stands in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it: u without sign, i with sign, bcd digits, f32 of IEEE 754")]
pub enum TypeName {
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    Bcd4,
    Bcd8,
    F32,
}

impl TypeName {
    /// How many registers it takes.
    const fn words(self) -> u16 {
        match self {
            Self::U16 | Self::I16 | Self::Bcd4 => 1,
            Self::U32 | Self::I32 | Self::Bcd8 | Self::F32 => 2,
            Self::U64 | Self::I64 => 4,
        }
    }

    /// The bits of the number `value` times ten to the power `shift`; all ones where it does not fit.
    fn bits(self, value: i64, shift: i32) -> u64 {
        if self == Self::F32 {
            // Any decimal is a number.
            let nearest = format!("{value}e{shift}").parse::<f32>().unwrap_or(f32::NAN);
            return nearest.to_bits().into();
        }
        let width = u32::from(self.words()) * 16;
        let ones = u64::MAX >> (64 - width);
        let Some(number) = shifted(value, shift) else { return ones };
        let bits = match self {
            Self::I16 | Self::I32 | Self::I64 => {
                let half = 1_i128 << (width - 1);
                // The lowest number with a sign stands for none.
                let wrapped = if number < 0 { number + half * 2 } else { number };
                (-half < number && number < half).then_some(wrapped)
            }
            Self::Bcd4 => (0..=9999).contains(&number).then(|| digits(number)),
            Self::Bcd8 => (0..=99_999_999).contains(&number).then(|| digits(number)),
            _ => Some(number),
        };
        let bits = bits.and_then(|bits| u64::try_from(bits).ok()).filter(|bits| *bits <= ones);
        bits.unwrap_or(ones)
    }
}

/// The value times ten to a power, halves away from zero.
fn shifted(value: i64, shift: i32) -> Option<i128> {
    let power = 10_i128.checked_pow(shift.unsigned_abs())?;
    let value = i128::from(value);
    if shift >= 0 {
        return value.checked_mul(power);
    }
    let away = if value < 0 { -(power / 2) } else { power / 2 };
    Some((value + away) / power)
}

/// Four bits to each digit.
fn digits(number: i128) -> i128 {
    (0..8).fold(0, |bits, place| bits | (number / 10_i128.pow(place) % 10) << (place * 4))
}

impl ModbusEntry {
    /// The first item that such a meter does not have.
    #[must_use]
    pub fn unknown_item(&self) -> Option<&str> {
        let item = self.register.iter().find(|entry| Source::of(&entry.item).is_none())?;
        Some(&item.item)
    }

    /// What its registers hold at an instant, by function and place.
    #[must_use]
    pub fn held(&self, truth: &Truth, at: At) -> BTreeMap<(u8, u16), u16> {
        let words = self.register.iter().filter_map(|entry| {
            let (value, decimals) = Source::of(&entry.item)?.value(truth, at);
            let bits = entry.r#type.bits(value, -i32::from(entry.exponent) - decimals);
            Some(entry.words(bits))
        });
        words.flatten().collect()
    }

    /// What is true of its items at an instant: code, exact decimal, unit.
    #[must_use]
    pub fn told(&self, truth: &Truth, at: At) -> Vec<(String, String, &'static str)> {
        let told = self.register.iter().filter_map(|entry| {
            let source = Source::of(&entry.item)?;
            let (value, decimals) = source.value(truth, at);
            let code = entry.item.trim_start_matches("1-0:");
            let decimals = u8::try_from(decimals).unwrap_or_default();
            Some((format!("1-0:{code}"), Quantity::new(value, decimals).to_string(), source.unit()))
        });
        told.collect()
    }
}

impl RegisterEntry {
    /// Its registers with what they hold, low bits first.
    fn words(&self, bits: u64) -> Vec<((u8, u16), u16)> {
        let count = self.r#type.words();
        let word = |number: u16| {
            let [low, high, ..] = (bits >> (16 * number)).to_le_bytes();
            let place = match self.word_order {
                OrderName::HighFirst => count - 1 - number,
                OrderName::LowFirst => number,
            };
            let place = self.register.checked_add(place)?;
            Some(((self.function.function(), place), u16::from_le_bytes([low, high])))
        };
        (0..count).filter_map(word).collect()
    }
}

/// What an item is taken from.
#[derive(Clone, Copy, Debug)]
enum Source {
    Register(Register),
    Voltage(usize),
    Current(usize),
    Active(Option<usize>),
    Reactive,
    Frequency,
}

impl Source {
    fn of(item: &str) -> Option<Self> {
        let code = item.strip_prefix("1-0:").unwrap_or(item);
        let mut parts = code.split('.').map(|part| part.parse::<u8>().ok());
        let (kind, way, tariff) = (parts.next()??, parts.next()??, parts.next()??);
        if parts.next().is_some() {
            return None;
        }
        Some(match (kind, way) {
            (1 | 2 | 5..=8, 8) => {
                let energy = match kind {
                    1 => Energy::ForwardActive,
                    2 => Energy::ReverseActive,
                    quadrant => Energy::Reactive(Quadrant::ALL.into_iter().nth(usize::from(quadrant - 5))?),
                };
                let of = Tariff::ALL.into_iter().find(|have| have.number() == tariff);
                Self::Register(match (tariff, of) {
                    (0, _) => Register::total(energy),
                    (_, of) => Register::tariff(energy, of?),
                })
            }
            _ if (way, tariff) != (7, 0) => return None,
            (32 | 52 | 72, _) => Self::Voltage(usize::from(kind - 32) / 20),
            (31 | 51 | 71, _) => Self::Current(usize::from(kind - 31) / 20),
            (36 | 56 | 76, _) => Self::Active(Some(usize::from(kind - 36) / 20)),
            (16, _) => Self::Active(None),
            (131, _) => Self::Reactive,
            (14, _) => Self::Frequency,
            _ => return None,
        })
    }

    /// The value, and how many of its digits stand behind the point.
    fn value(self, truth: &Truth, at: At) -> (i64, i32) {
        let measured = || truth.instantaneous(at);
        let of_phase = |values: [i64; 3], phase: usize| values.get(phase).copied().unwrap_or_default();
        match self {
            Self::Register(register) => (truth.shown(register, at), 2),
            Self::Voltage(phase) => (of_phase(measured().voltage, phase), 1),
            Self::Current(phase) => (of_phase(measured().current, phase), 3),
            Self::Active(None) => (measured().active.total, 4),
            Self::Active(Some(phase)) => (of_phase(measured().active.phases, phase), 4),
            Self::Reactive => (measured().reactive.total, 4),
            Self::Frequency => (measured().frequency, 2),
        }
    }

    const fn unit(self) -> &'static str {
        match self {
            Self::Register(Register { energy: Energy::Reactive(_), .. }) => "kvarh",
            Self::Register(_) => "kWh",
            Self::Voltage(_) => "V",
            Self::Current(_) => "A",
            Self::Active(_) => "kW",
            Self::Reactive => "kvar",
            Self::Frequency => "Hz",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::shape::Shape;
    use crate::sample;

    #[test]
    fn numbers_stand_in_registers_as_their_types_say() {
        for (name, value, shift, bits) in [
            (TypeName::U32, 123_456, 0, 123_456),
            (TypeName::U16, 2301, 0, 2301),
            (TypeName::U16, 70_000, 0, 0xFFFF),
            (TypeName::U16, -1, 0, 0xFFFF),
            (TypeName::I16, -5, 0, 0xFFFB),
            (TypeName::I32, -15, -1, 0xFFFF_FFFE),
            (TypeName::U64, 7, 2, 700),
            (TypeName::U16, 25, -1, 3),
            (TypeName::Bcd4, 1234, 0, 0x1234),
            (TypeName::Bcd8, 12_345_678, 0, 0x1234_5678),
            (TypeName::Bcd4, 12_345, 0, 0xFFFF),
            (TypeName::F32, 15, -1, 0x3FC0_0000),
        ] {
            assert_eq!(name.bits(value, shift), bits, "{name:?} {value}e{shift}");
        }
    }

    #[test]
    fn registers_hold_what_the_meter_shows() {
        let truth = sample::meter(Shape::Factory, 3);
        let at = sample::at(2026, 11, 21, 13, 0);
        let register = |item: &str, register, r#type, word_order, exponent| RegisterEntry {
            item: item.to_owned(),
            function: TableName::Holding,
            register,
            r#type,
            word_order,
            exponent,
            rounded: None,
            absent: None,
        };
        let map = ModbusEntry {
            profile: String::new(),
            register: vec![
                register("1.8.0", 10, TypeName::U32, OrderName::HighFirst, -2),
                register("1-0:1.8.2", 20, TypeName::U32, OrderName::LowFirst, -2),
                register("32.7.0", 30, TypeName::U16, OrderName::HighFirst, -1),
            ],
        };
        let held = map.held(&truth, at);
        let word = |place| i64::from(held[&(3, place)]);
        let forward = Energy::ForwardActive;
        assert_eq!(word(10) << 16 | word(11), truth.shown(Register::total(forward), at));
        assert_eq!(word(21) << 16 | word(20), truth.shown(Register::tariff(forward, Tariff::ALL[1]), at));
        assert_eq!(word(30), truth.instantaneous(at).voltage[0]);
        assert_eq!((held.len(), map.unknown_item()), (5, None));
        assert_eq!(map.told(&truth, at)[1].0, "1-0:1.8.2");
        for item in ["1.8.9", "0.2.0", "1.8", "32.7.1", "1.8.0.0", "x"] {
            let map = ModbusEntry {
                register: vec![register(item, 0, TypeName::U16, OrderName::HighFirst, 0)],
                ..map.clone()
            };
            assert_eq!(map.unknown_item(), Some(item));
        }
    }
}
