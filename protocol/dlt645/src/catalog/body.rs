//! What the data of each function are made of, as a table: identifier, content, fixed parts.

use super::bits::Words;
use super::layout::{Defaults, Layout, Layouts};
use super::table::DataError;
use crate::control::Control;
use crate::edition::Edition;

/// The parts of the data of one function in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    edition: Edition,
    control: Control,
    length: Option<usize>,
    /// The parts in wire order.
    pub parts: Vec<BodyPart>,
}

/// One part of the data of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyPart {
    /// A data identifier, as wide as the edition has it.
    Id,
    /// What an answer to the identifier holds.
    Content,
    /// What a request under the identifier holds.
    Write,
    /// The number of a follow-on frame, the last byte.
    Sequence,
    /// Fixed fields.
    Fields(Layout),
    /// Bytes without a layout: cipher text.
    Rest,
}

impl Body {
    pub(super) fn fits(&self, edition: Edition, control: Control, length: usize) -> bool {
        // D5 says that more follows; it changes nothing about the parts.
        let code = if control.is_response() { control.0 & !0x20 } else { control.0 };
        self.edition == edition && self.control.0 == code && self.length.is_none_or(|fixed| fixed == length)
    }
}

pub(super) fn parse(table: &'static str, layouts: &Layouts, words: &Words) -> Result<Vec<Body>, DataError> {
    let mut bodies = Vec::new();
    for (number, line) in super::table::lines(table) {
        let wrong = |what| DataError { table: "functions", line: number, what };
        let mut columns = line.split('\t');
        let mut next = || columns.next().unwrap_or_default();
        let edition = match next() {
            "1997" => Edition::E1997,
            "2007" => Edition::E2007,
            _ => return Err(wrong("edition")),
        };
        let control = u8::from_str_radix(next(), 16).map_err(|_| wrong("control"))?;
        let length = match next() {
            "*" => None,
            length => Some(length.parse().map_err(|_| wrong("length"))?),
        };
        let part = |text: &str| match text {
            "di" => Some(BodyPart::Id),
            "content" => Some(BodyPart::Content),
            "write" => Some(BodyPart::Write),
            "seq" => Some(BodyPart::Sequence),
            "rest" => Some(BodyPart::Rest),
            layout => layouts.read(layout, Defaults::NONE, words).map(BodyPart::Fields),
        };
        let parts = next().split('|').map(part).collect::<Option<_>>().ok_or_else(|| wrong("body"))?;
        bodies.push(Body { edition, control: Control(control), length, parts });
    }
    Ok(bodies)
}
