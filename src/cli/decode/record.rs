//! The explanation as JSON: one object for each frame and each stretch of garbage.

use dlt645::explain::Piece;
use gdw1376::explain::{Bit, FramePiece, Line, Note};
use gdw1376::seq::Seq;
use serde::Serialize;

use crate::explain::{Found, Terminal, cover};

/// What is written of one stretch of the bytes.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Record<'a> {
    Meter(&'a Piece),
    Terminal(Box<TerminalRecord<'a>>),
}

/// A frame of a terminal or of Modbus, with the keys of a meter's frame and its own.
#[derive(Serialize)]
pub(super) struct TerminalRecord<'a> {
    protocol: &'static str,
    offset: usize,
    length: usize,
    preamble: usize,
    direction: Option<&'static str>,
    address: Option<&'a str>,
    control: Option<&'a str>,
    function: Option<&'a str>,
    function_zh: Option<&'a str>,
    ok: bool,
    more: bool,
    sequence: Option<u8>,
    /// What a meter's frame says; here `units` and `lines` do.
    di: Option<&'static str>,
    values: [ValueRecord<'a>; 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    length_code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    afn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<&'a str>,
    units: Vec<Unit<'a>>,
    inner: Vec<Record<'a>>,
    lines: Vec<LineRecord<'a>>,
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_at: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<NoteRecord<'a>>,
}

/// A data unit.
#[derive(Serialize)]
struct Unit<'a> {
    pn: &'a str,
    r#fn: &'a str,
    name: &'a str,
    name_zh: &'a str,
    values: Vec<ValueRecord<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    records: Vec<UnitRecord<'a>>,
}

/// One event of a data unit.
#[derive(Serialize)]
struct UnitRecord<'a> {
    /// When it happened, by the terminal's clock.
    at: Option<&'a str>,
    values: Vec<ValueRecord<'a>>,
}

/// What a few bytes say.
#[derive(Serialize)]
struct ValueRecord<'a> {
    name: &'a str,
    name_zh: &'a str,
    value: Option<&'a str>,
    unit: Option<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    meaning: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    meaning_zh: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tariff: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bits: Vec<BitRecord>,
}

/// One named bit of a word.
#[derive(Serialize)]
struct BitRecord {
    bit: u8,
    name: &'static str,
    name_zh: &'static str,
    value: u64,
    meaning: &'static str,
    meaning_zh: &'static str,
}

/// A few bytes that belong together.
#[derive(Serialize)]
struct LineRecord<'a> {
    /// From the first 68H of the frame.
    offset: usize,
    length: usize,
    level: u8,
    bytes: String,
    #[serde(flatten)]
    value: ValueRecord<'a>,
}

#[derive(Serialize)]
struct NoteRecord<'a> {
    en: &'a str,
    zh: &'a str,
}

impl<'a> Record<'a> {
    pub(super) fn of(found: &'a Found) -> Self {
        match found {
            Found::Meter(piece, _) => Self::Meter(piece),
            Found::Terminal(terminal) => Self::Terminal(Box::new(TerminalRecord::of(terminal))),
        }
    }
}

impl<'a> TerminalRecord<'a> {
    fn of(terminal: &'a Terminal) -> Self {
        let piece = &terminal.piece;
        let head = |name: &str| {
            piece.lines.iter().find(|line| line.name == name).and_then(|line| line.value.as_deref())
        };
        let error = piece.error.iter().zip(&piece.error_zh).map(|(en, zh)| NoteRecord { en, zh });
        let note = |note: &'a Note| NoteRecord { en: &note.en, zh: &note.zh };
        Self {
            protocol: protocol(piece.protocol),
            offset: piece.offset,
            length: piece.length,
            preamble: piece.preamble,
            direction: piece.direction,
            address: piece.address.as_deref(),
            control: piece.control.as_deref(),
            function: piece.function.as_deref(),
            function_zh: piece.function_zh.as_deref(),
            ok: piece.ok,
            more: piece.is_part && !is_last(piece),
            sequence: piece.sequence,
            di: None,
            values: [],
            length_code: piece.length_code,
            afn: head("function AFN"),
            seq: head(SEQUENCE),
            units: units(&piece.lines),
            inner: terminal.carried.iter().flat_map(|(_, found)| found).map(Record::of).collect(),
            lines: piece.lines.iter().map(|line| line_record(terminal, line)).collect(),
            error: piece.error_kind,
            error_at: error_at(piece),
            notes: error.chain(piece.notes.iter().map(note)).collect(),
        }
    }
}

/// The last of several frames.
fn is_last(piece: &FramePiece) -> bool {
    let sequence = piece.lines.iter().find(|line| line.name == SEQUENCE);
    sequence.and_then(|line| piece.bytes.get(line.offset)).is_some_and(|byte| Seq(*byte).is_last())
}

const SEQUENCE: &str = "sequence SEQ";

/// The lines of data units by the unit they stand under.
fn units(lines: &[Line]) -> Vec<Unit<'_>> {
    let mut units: Vec<Unit<'_>> = Vec::new();
    let mut is_inside = false;
    for line in lines {
        if line.level == 0 {
            is_inside = line.name == "data unit";
            if let Some((pn, function)) = line.value.as_deref().filter(|_| is_inside).and_then(in_two) {
                let (name, name_zh) = (line.meaning.as_str(), line.meaning_zh.as_str());
                units.push(Unit {
                    pn,
                    r#fn: function,
                    name,
                    name_zh,
                    values: Vec::new(),
                    records: Vec::new(),
                });
            }
        } else if let Some(unit) = units.last_mut().filter(|_| is_inside) {
            unit.take(line);
        }
    }
    units
}

impl<'a> Unit<'a> {
    /// Adds what a line says; what belongs to an event stands in its record.
    fn take(&mut self, line: &'a Line) {
        let is_event =
            line.record.is_some() && (line.name.starts_with(EVENT_CODE) || !self.records.is_empty());
        if !is_event {
            return self.values.push(value_record(line));
        }
        if line.name.starts_with(EVENT_CODE) {
            self.records.push(UnitRecord { at: None, values: Vec::new() });
        }
        let Some(record) = self.records.last_mut() else { return };
        if line.name == EVENT_TIME {
            record.at = record.at.or(line.value.as_deref());
        }
        record.values.push(value_record(line));
    }
}

/// With what an event begins, and when it happened.
const EVENT_CODE: &str = "event code (ERC)";
const EVENT_TIME: &str = "event time";

/// Points and items: what names no point stands in brackets, with a blank between its bytes.
fn in_two(identifier: &str) -> Option<(&str, &str)> {
    let points = match identifier.strip_prefix("p[") {
        Some(_) => identifier.find(']')? + 1,
        None => identifier.find(' ')?,
    };
    let (points, items) = identifier.split_at_checked(points)?;
    Some((points, items.trim_start()))
}

fn value_record(line: &Line) -> ValueRecord<'_> {
    ValueRecord {
        name: &line.name,
        name_zh: &line.name_zh,
        value: line.value.as_deref(),
        unit: Some(line.unit).filter(|unit| !unit.is_empty()),
        meaning: &line.meaning,
        meaning_zh: &line.meaning_zh,
        item: line.item.as_deref(),
        tariff: line.tariff,
        at: line.as_of.as_deref(),
        bits: line.bits.iter().map(bit_record).collect(),
    }
}

fn bit_record(bit: &Bit) -> BitRecord {
    let Bit { bit, name, name_zh, value, meaning, meaning_zh } = *bit;
    BitRecord { bit, name, name_zh, value, meaning, meaning_zh }
}

fn line_record<'a>(terminal: &Terminal, line: &'a Line) -> LineRecord<'a> {
    let bytes = terminal.piece.bytes.get(line.offset..line.offset + line.length).unwrap_or_default();
    LineRecord {
        offset: line.offset,
        length: line.length,
        level: line.level,
        bytes: cover::hex(bytes, line.offset, &terminal.covered),
        value: value_record(line),
    }
}

/// The names under which the protocols are told to users.
pub(super) fn protocol(name: &'static str) -> &'static str {
    match name {
        "gdw1376" => "qgdw1376.1",
        other => other,
    }
}

/// Which of all bytes is not what it should be, or the first that is missing. `None` for a sound frame, which may refuse.
pub(super) fn error_at(piece: &FramePiece) -> Option<usize> {
    let behind = piece.offset + piece.length;
    let kind = piece.error_kind.filter(|_| !piece.ok)?;
    if let Some(place) = piece.error_offset {
        return Some(piece.offset + place);
    }
    Some(match kind {
        "checksum" => behind.saturating_sub(2),
        "end byte" => behind.saturating_sub(1),
        "length" => piece.offset + 1,
        _ => behind,
    })
}
