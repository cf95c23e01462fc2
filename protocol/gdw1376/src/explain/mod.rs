//! Any bytes to a list of frames and garbage, with every byte of a frame named in both languages: what a trace or a
//! command that decodes shows.
//!
//! Explaining is more tolerant than reading: it takes what the length says and marks what deviates, and it tells why bytes
//! are no frame. Nothing here is meant for booking; [`crate::reading`] and [`crate::answer`] are. A frame for a meter is
//! shown as a span of opaque bytes ([`Line::is_meter_frame`]), to be explained by who knows its protocol. Frames of DL/T 698.45
//! are told apart and explained as far as [`crate::dlt698`] goes.
//!
//! ```
//! use gdw1376::explain::{self, Piece};
//! let login = [0x68, 0x32, 0x00, 0x32, 0x00, 0x68, 0xC9, 0x00, 0x02, 0x34, 0x12, 0x00, 0x02, 0x71,
//!              0x00, 0x00, 0x01, 0x00, 0x85, 0x16];
//! let pieces = explain::pieces(&login);
//! let [Piece::Frame(frame)] = pieces.as_slice() else { panic!() };
//! assert_eq!((frame.function.as_deref(), frame.ok), (Some("link interface check"), true));
//! let unit = frame.lines.iter().find(|line| line.name == "data unit").unwrap();
//! assert_eq!((unit.value.as_deref(), unit.meaning.as_str()), (Some("p0 F1"), "login"));
//! assert_eq!(unit.meaning_zh, "登录");
//! ```

mod body;
mod broken;
mod find;
mod head;
mod inner;
mod other;
mod parts;
#[cfg(test)]
mod tests;
mod unit;

pub use self::find::{front, pieces};

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
}

/// A frame, or what was meant to be one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct FramePiece {
    /// `gdw1376` or `dlt698.45`.
    pub protocol: &'static str,
    /// The lowest two bits of the length, which tell the edition: 1 that of 2005, 2 those of 2009 and 2013.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub length_code: Option<u8>,
    /// Where the first 68H stands; wake-up bytes are left out.
    pub offset: usize,
    /// How many bytes from there.
    pub length: usize,
    /// How many FEH stand right in front.
    pub preamble: usize,
    /// `request` down, `response` up, whoever began.
    pub direction: Option<&'static str>,
    /// The address, most significant digit first.
    pub address: Option<String>,
    /// The control byte, two hexadecimal digits.
    pub control: Option<String>,
    /// What the application function is called.
    pub function: Option<String>,
    /// The same in Chinese.
    pub function_zh: Option<String>,
    /// The frame is sound.
    pub ok: bool,
    /// Further frames of the message follow, or came before.
    pub is_part: bool,
    /// The number in SEQ.
    pub sequence: Option<u8>,
    /// The bytes from front to end: each is in exactly one line.
    pub lines: Vec<Line>,
    /// What kind of fault it is: `checksum`, `length`, `end byte` or `truncated`.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub error_kind: Option<&'static str>,
    /// Which of its bytes is at fault, where the kind of fault does not tell it.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub error_offset: Option<usize>,
    /// Why the frame is not sound.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub error: Option<String>,
    /// The same in Chinese.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub error_zh: Option<String>,
    /// Remarks: what deviates, what the cause may be.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub notes: Vec<Note>,
    /// The bytes as they came.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub bytes: Vec<u8>,
}

/// A few bytes that belong together, named. A line without bytes is a heading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Line {
    /// Where the bytes begin, from the first 68H of the frame.
    pub offset: usize,
    /// How many bytes.
    pub length: usize,
    /// How deep it is inside other things: 0 the frame, 1 a data unit, 2 a record in it.
    pub level: u8,
    /// English name.
    pub name: String,
    /// Chinese name.
    pub name_zh: String,
    /// Exact decimal, digits or text; `None` where there is no value.
    pub value: Option<String>,
    /// Unit, if any.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "str::is_empty"))]
    pub unit: &'static str,
    /// What the value means, or why there is none; empty where nothing needs to be said.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "String::is_empty"))]
    pub meaning: String,
    /// The same in Chinese.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "String::is_empty"))]
    pub meaning_zh: String,
    /// The neutral item, an OBIS code.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub item: Option<String>,
    /// The instant at which the value holds, China Standard Time.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub as_of: Option<String>,
    /// The tariff, 0 the total, where the value is one of a row of tariffs.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub tariff: Option<u16>,
    /// The number of the record in which it stands, from 0, where the data unit holds records.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub record: Option<u16>,
    /// The bits of a word, named.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub bits: Vec<Bit>,
    /// The bytes are a frame of a meter, with a protocol of its own.
    pub is_meter_frame: bool,
}

/// One named bit of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Bit {
    /// Its place, from 0.
    pub bit: u8,
    /// English name.
    pub name: &'static str,
    /// Chinese name.
    pub name_zh: &'static str,
    /// 0 or 1.
    pub value: u64,
    /// What that means.
    pub meaning: &'static str,
    /// The same in Chinese.
    pub meaning_zh: &'static str,
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

impl Line {
    fn new(offset: usize, length: usize, name: impl Into<String>, name_zh: impl Into<String>) -> Self {
        Self { offset, length, name: name.into(), name_zh: name_zh.into(), ..Self::default() }
    }

    fn at_level(self, level: u8) -> Self {
        Self { level, ..self }
    }

    fn value(self, value: impl ToString) -> Self {
        Self { value: Some(value.to_string()), ..self }
    }

    fn meaning(self, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { meaning: en.into(), meaning_zh: zh.into(), ..self }
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
