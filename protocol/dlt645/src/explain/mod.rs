//! Any bytes to a list of frames and garbage, with every field named: what `chaobiao decode` prints and a trace shows.
//!
//! Explaining is more tolerant than reading: it takes what the length says and marks what deviates, and it tells why
//! bytes are no frame. Nothing here is meant for booking; [`crate::exchange`] and [`crate::catalog`] are.
//!
//! ```
//! use dlt645::explain::{self, Piece};
//! let bytes = [0xFE, 0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, 0x91, 0x08, 0x33, 0x33, 0x34, 0x33,
//!              0x89, 0x67, 0x45, 0x33, 0x54, 0x16];
//! let pieces = explain::pieces(&bytes, None);
//! let [Piece::Frame(frame)] = pieces.as_slice() else { panic!() };
//! assert_eq!(frame.values[0].name, "forward active energy, total");
//! assert_eq!(frame.values[0].value.as_deref(), Some("1234.56"));
//! ```

mod body;
mod data;
mod find;
mod hint;
mod old_block;
mod old_makers;
mod order;
mod refusal;
#[cfg(test)]
mod tests;

pub use self::data::{OUT_OF_RANGE, data};
pub use self::find::pieces;
use crate::catalog::Absence;

/// A stretch of the bytes: a frame, sound or not, or garbage.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
pub enum Piece {
    /// A frame, or what was meant to be one.
    Frame(Box<FramePiece>),
    /// Bytes of no frame.
    Garbage(GarbagePiece),
}

/// Bytes of no frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct GarbagePiece {
    /// Always `None`: no protocol.
    pub protocol: Option<&'static str>,
    /// Where it begins.
    pub offset: usize,
    /// How many bytes.
    pub length: usize,
    /// The bytes, hexadecimal.
    pub garbage: String,
    /// What it may have been.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub notes: Vec<Note>,
}

/// A frame, or what was meant to be one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct FramePiece {
    /// `dlt645-2007` or `dlt645-1997`.
    pub protocol: &'static str,
    /// Where the first 68H stands; wake-up bytes are left out.
    pub offset: usize,
    /// How many bytes from there.
    pub length: usize,
    /// How many FEH stand right in front.
    pub preamble: usize,
    /// `request` or `response`, where the control code is there.
    pub direction: Option<&'static str>,
    /// The address field, most significant digit first.
    pub address: Option<String>,
    /// The control code, two hexadecimal digits.
    pub control: Option<String>,
    /// What the function is called.
    pub function: Option<String>,
    /// The same in Chinese.
    pub function_zh: Option<String>,
    /// The frame is sound; a refusal is, too.
    pub ok: bool,
    /// D5: more frames follow, or the meter has new events.
    pub more: bool,
    /// The number of a follow-on frame.
    pub sequence: Option<u8>,
    /// The data identifier.
    pub di: Option<String>,
    /// What the identifier is called, where the catalogue knows it.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub di_name: Option<String>,
    /// The same in Chinese.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub di_name_zh: Option<String>,
    /// What the data say, field by field.
    pub values: Vec<ShownValue>,
    /// The blocks of load records, the record of an event.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub records: Vec<ShownRecord>,
    /// Why the frame is not sound, or what the meter refuses.
    pub error: Option<String>,
    /// The same in Chinese.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub error_zh: Option<String>,
    /// The error byte or word of a refusal, hexadecimal.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub error_code: Option<String>,
    /// Remarks: what deviates, what the cause may be.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub notes: Vec<Note>,
    /// The bytes as they came.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub bytes: Vec<u8>,
}

/// What the data of an identifier say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Shown {
    /// The values, field by field.
    pub values: Vec<ShownValue>,
    /// The blocks of load records, the record of an event.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub records: Vec<ShownRecord>,
    /// What deviates.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub notes: Vec<Note>,
}

/// One value, named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ShownValue {
    /// English name.
    pub name: String,
    /// Chinese name.
    pub name_zh: String,
    /// Exact decimal or text; `None` where the meter sent no value.
    pub value: Option<String>,
    /// Unit, if any.
    pub unit: Option<&'static str>,
    /// The neutral item, an OBIS code.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub item: Option<String>,
    /// The tariff, 0 the total, where the value is one of a row of tariffs.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub tariff: Option<u8>,
    /// The time at which the value held, by the meter's clock.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub at: Option<String>,
    /// Why there is no such time where one belongs: it never happened, the digits are no time.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub at_absent: Option<&'static str>,
    /// The same in Chinese.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub at_absent_zh: Option<&'static str>,
    /// The bits of a word, named.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub bits: Vec<ShownBits>,
    /// The bytes in wire order less 33H, where there is no value to show.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub raw: Option<String>,
    /// Why there is no value.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub absent: Option<&'static str>,
    /// The same in Chinese.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub absent_zh: Option<&'static str>,
    /// Why the value is not to be relied on.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub doubt: Option<&'static str>,
    /// The same in Chinese.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub doubt_zh: Option<&'static str>,
}

/// One bit, or a few that belong together, of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ShownBits {
    /// The lowest of them.
    pub bit: u8,
    /// English name.
    pub name: &'static str,
    /// Chinese name.
    pub name_zh: &'static str,
    /// The number they hold.
    pub value: u64,
    /// What that means.
    pub meaning: &'static str,
    /// The same in Chinese.
    pub meaning_zh: &'static str,
}

/// One block of load records, or the record of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ShownRecord {
    /// When it was taken or the event began, by the meter's clock; `None` when the meter gives no time.
    pub at: Option<String>,
    /// Why there is no such time where one belongs.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub at_absent: Option<&'static str>,
    /// The same in Chinese.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub at_absent_zh: Option<&'static str>,
    /// False when the meter marked the block as faulty.
    pub ok: bool,
    /// The values it holds.
    pub values: Vec<ShownValue>,
}

impl ShownRecord {
    fn new(at: Option<String>, absent: Option<Absence>, ok: bool, values: Vec<ShownValue>) -> Self {
        let (at_absent, at_absent_zh) = (absent.map(Absence::reason), absent.map(Absence::reason_zh));
        Self { at, at_absent, at_absent_zh, ok, values }
    }
}

/// A remark in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Note {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

impl Note {
    fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }
}

/// Bytes as hexadecimal digits, small letters, nothing between.
fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
