//! What the data of a frame holds, against the values of its case.

use dlt645::bcd;
use dlt645::catalog::{self, Absence, Content, Deviation, Entry, Value};
use dlt645::control::{Control, Function};
use dlt645::data_id::DataId;
use dlt645::edition::Edition;
use dlt645::frame::Frame;
use dlt645::meter_time::{MeterTime, TimeFormat};

use crate::cases::{Case, Expected};

/// A frame's data taken apart by its function.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) id: Option<DataId>,
    pub(crate) sequence: Option<u8>,
    /// What is left: without identifier, sequence number, and password and operator code where they stand behind
    /// the identifier.
    pub(crate) rest: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(crate) fn of(edition: Edition, frame: Frame<'a>) -> Self {
        let whole = Parts { id: None, sequence: None, rest: frame.data };
        let Some((id, rest)) = DataId::split(edition, frame.data) else { return whole };
        let Some(layout) = Layout::of(edition, frame.control) else { return whole };
        let rest = rest.get(layout.keys..).unwrap_or_default();
        match rest.split_last() {
            Some((last, rest)) if layout.has_sequence => Parts { id: Some(id), sequence: Some(*last), rest },
            _ => Parts { id: Some(id), sequence: None, rest },
        }
    }
}

/// How the data of a frame with an identifier goes on behind it.
struct Layout {
    /// Bytes of password and operator code.
    keys: usize,
    has_sequence: bool,
}

impl Layout {
    /// `None` for a frame without identifier.
    fn of(edition: Edition, control: Control) -> Option<Self> {
        let plain = Self { keys: 0, has_sequence: false };
        let is_request = !control.is_response();
        if control.is_refusal() {
            return None;
        }
        match (edition, control.function()) {
            (Edition::E2007, Function::READ | Function::SECURITY) => Some(plain),
            (Edition::E2007, Function::READ_SUBSEQUENT) => Some(Self { has_sequence: true, ..plain }),
            (Edition::E2007, Function::WRITE) => is_request.then_some(Self { keys: 8, ..plain }),
            (Edition::E2007, Function::CHANGE_PASSWORD) => is_request.then_some(plain),
            (Edition::E1997, Function::READ_1997 | Function::READ_SUBSEQUENT_1997) => Some(plain),
            (Edition::E1997, Function::REREAD_1997) => control.is_response().then_some(plain),
            (Edition::E1997, Function::WRITE_1997) => is_request.then_some(Self { keys: 4, ..plain }),
            _ => None,
        }
    }
}

/// A value as a case writes it.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    /// The digits, or why there are none.
    text: Result<String, &'static str>,
    unit: String,
}

impl Shown {
    fn of(value: Value<'_>, unit: &str) -> Self {
        let text = match value {
            Value::Absent(Absence::Filled) => Err("absent"),
            Value::Absent(why) => Err(why.reason()),
            some => Ok(some.to_string()),
        };
        Self { text, unit: unit.to_owned() }
    }

    fn plain(text: impl ToString) -> Self {
        Self::with_unit(text, "")
    }

    fn with_unit(text: impl ToString, unit: &str) -> Self {
        Self { text: Ok(text.to_string()), unit: unit.to_owned() }
    }
}

impl From<&Expected> for Shown {
    fn from(expected: &Expected) -> Self {
        let text = match &expected.value {
            Some(text) => Ok(text.clone()),
            None if expected.absent => Err("absent"),
            None => Err("not BCD"),
        };
        Self { text, unit: expected.unit.clone().unwrap_or_default() }
    }
}

/// The values of a frame against those of its case, in order, and whether the catalogue knows the item.
pub(crate) fn check_values(case: &Case, frame: Frame<'_>) {
    let name = case.path.display();
    let parts = Parts::of(case.edition(), frame);
    let entry = parts.id.and_then(catalog::find);
    assert_eq!(parts.id.is_some() && entry.is_none(), case.unlisted, "{name}: whether the item is unlisted");
    let shown = match (parts.id, entry) {
        (None, _) if frame.control.is_refusal() => Vec::new(),
        (None, _) => order_values(case.edition(), frame.control, parts.rest),
        (Some(_), None) => Vec::new(),
        // Read only when joined with the other pieces.
        (Some(_), Some(_)) if is_piece(&parts, frame) && case.expect.values.is_empty() => return,
        (Some(_), Some(entry)) => match listed_values(&entry, &parts, frame) {
            Ok(shown) => shown,
            Err(deviation) => {
                assert!(case.deviation.is_some(), "{name}: {deviation}");
                return;
            }
        },
    };
    let expected: Vec<Shown> = case.expect.values.iter().map(Shown::from).collect();
    assert_eq!(shown, expected, "{name}: values");
}

fn is_piece(parts: &Parts<'_>, frame: Frame<'_>) -> bool {
    let is_subsequent = frame.control.function() == Function::READ_SUBSEQUENT_1997;
    frame.control.has_more() || is_subsequent || parts.sequence.is_some()
}

/// The values a frame carries for an item of the catalogue.
fn listed_values(entry: &Entry, parts: &Parts<'_>, frame: Frame<'_>) -> Result<Vec<Shown>, Deviation> {
    let is_answer = frame.control.is_response();
    match (frame.control.function(), parts.rest) {
        // What has no values to show: passwords, cipher text, a plain request.
        (Function::CHANGE_PASSWORD, _) => Ok(Vec::new()),
        (Function::SECURITY, _) if !is_answer => Ok(Vec::new()),
        (_, []) if !is_answer => Ok(Vec::new()),
        (Function::READ, [count, from @ ..]) if !is_answer => {
            Ok(vec![Shown::plain(number(&[*count])), time(TimeFormat::YYMMDDhhmm, from)])
        }
        (_, data) if is_answer => Ok(item_values(entry, entry.read(data)?, data)),
        (_, data) => Ok(item_values(entry, entry.read_request(data)?, data)),
    }
}

/// The values of an item, and the same bytes again where its row has a layout.
fn item_values(entry: &Entry, content: Content<'_>, data: &[u8]) -> Vec<Shown> {
    match content {
        Content::Values(values) => {
            let readings: Vec<_> = values.collect();
            let values: Vec<_> = readings.iter().map(|reading| reading.value).collect();
            if values.iter().all(|value| !matches!(value, Value::Absent(Absence::NotDecimal))) {
                let again = entry.encode(&values).expect("values that were read");
                assert!(data.starts_with(&again), "{}: other bytes when encoded again", entry.id);
                assert!(
                    matches!(data.get(again.len()..), Some([] | [0xAA])),
                    "{}: bytes left over",
                    entry.id
                );
            }
            readings.iter().map(|reading| Shown::of(reading.value, reading.field.unit)).collect()
        }
        Content::LoadRecords(records) => records
            .flat_map(|block| {
                let block = block.expect("a block");
                let values = (1..=6).filter_map(move |kind| block.values(kind, *entry)).flatten();
                let shown = values.map(|reading| Shown::of(reading.value, reading.field.unit));
                core::iter::once(Shown::plain(block.at)).chain(shown).collect::<Vec<_>>()
            })
            .collect(),
        Content::Freeze(block) => {
            block.values().flatten().map(|reading| Shown::of(reading.value, reading.field.unit)).collect()
        }
        Content::Opaque(_) | Content::Nothing => Vec::new(),
    }
}

/// The values of frames that carry no identifier.
fn order_values(edition: Edition, control: Control, data: &[u8]) -> Vec<Shown> {
    match (edition, control.function(), data) {
        (_, _, []) => Vec::new(),
        (_, Function::BROADCAST_TIME, time_bytes) => vec![time(TimeFormat::YYMMDDhhmmss, time_bytes)],
        (Edition::E2007, Function::READ_ADDRESS | Function::WRITE_ADDRESS, address @ [_, _, _, _, _, _]) => {
            vec![hex(address)]
        }
        (Edition::E1997, Function::WRITE_ADDRESS_1997, address @ [_, _, _, _, _, _]) => vec![hex(address)],
        (Edition::E2007, Function::FREEZE, moment) => vec![time(TimeFormat::MMDDhhmm, moment)],
        (Edition::E2007, Function::CHANGE_RATE, [word]) => vec![rate(RATES_2007, *word)],
        (Edition::E1997, Function::CHANGE_RATE_1997, [word]) => vec![rate(RATES_1997, *word)],
        (Edition::E2007, Function::MULTIFUNCTION_OUTPUT, [signal]) => vec![hex(&[*signal])],
        (Edition::E2007, Function::CLEAR_EVENTS, [_, _, _, _, _, _, _, _, events @ ..]) => vec![hex(events)],
        (Edition::E2007, Function::RELAY, [_, _, _, _, _, _, _, _, order, delay, deadline @ ..]) => {
            vec![hex(&[*order]), hex(&[*delay]), time(TimeFormat::YYMMDDhhmmss, deadline)]
        }
        _ => Vec::new(),
    }
}

fn time(format: TimeFormat, bytes: &[u8]) -> Shown {
    Shown::plain(MeterTime::from_wire(format, bytes).expect("as many bytes as the format has"))
}

fn number(bytes: &[u8]) -> u64 {
    bcd::decode(bytes).expect("decimal digits")
}

/// Bytes as digits, the last byte of the wire first.
fn hex(bytes: &[u8]) -> Shown {
    Shown::plain(bytes.iter().rev().map(|byte| format!("{byte:02X}")).collect::<String>())
}

/// The one bit of a rate word, told by the rates of b1, b2, .. [645-2007 4 rate] [645-1997 3 rate]
fn rate(rates: [u32; 6], word: u8) -> Shown {
    let told = rates.iter().zip(1..).find(|(_, bit)| word == 1 << bit);
    Shown::with_unit(told.expect("one bit of the rate word").0, "bit/s")
}

const RATES_2007: [u32; 6] = [600, 1200, 2400, 4800, 9600, 19200];
const RATES_1997: [u32; 6] = [300, 600, 1200, 2400, 4800, 9600];
