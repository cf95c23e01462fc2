//! What the data of a frame holds, against the values of its case.

use dlt645::address::AddressField;
use dlt645::bcd;
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

/// The values of a frame against those of its case, in order.
pub(crate) fn check_values(case: &Case, frame: Frame<'_>) {
    let name = case.path.display();
    let parts = Parts::of(case.edition(), frame);
    if case.expect.values.is_empty() {
        let is_piece = frame.control.has_more() || parts.sequence.is_some();
        let is_answer = parts.id.is_some() && frame.control.is_response();
        let has_none = is_piece || case.deviation.is_some() || case.folder() == "security";
        assert!(!is_answer || has_none, "{name}: an answer without expected values");
        return;
    }
    let expected: Vec<Shown> = case.expect.values.iter().map(Shown::from).collect();
    let shown = match (parts.id, parts.rest) {
        (Some(_), [count, from @ ..]) if frame.control == Control::request(Function::READ) => {
            vec![Shown::plain(number(&[*count])), time(TimeFormat::YYMMDDhhmm, from)]
        }
        // Items are judged by the catalogue.
        (Some(_), _) => return,
        (None, data) => order_values(case.edition(), frame.control, data),
    };
    assert_eq!(shown, expected, "{name}: values");
}

/// The values of frames that carry no identifier.
fn order_values(edition: Edition, control: Control, data: &[u8]) -> Vec<Shown> {
    match (edition, control.function(), data) {
        (_, Function::BROADCAST_TIME, time_bytes) => vec![time(TimeFormat::YYMMDDhhmmss, time_bytes)],
        (Edition::E2007, Function::READ_ADDRESS | Function::WRITE_ADDRESS, [a, b, c, d, e, f]) => {
            vec![Shown::plain(AddressField::from_wire([*a, *b, *c, *d, *e, *f]))]
        }
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

/// The one bit of a rate word, told by the rates of b1, b2, .. [645-2007 4] [645-1997 3]
fn rate(rates: [u32; 6], word: u8) -> Shown {
    let told = rates.iter().zip(1..).find(|(_, bit)| word == 1 << bit);
    Shown::with_unit(told.expect("one bit of the rate word").0, "bit/s")
}

const RATES_2007: [u32; 6] = [600, 1200, 2400, 4800, 9600, 19200];
const RATES_1997: [u32; 6] = [300, 600, 1200, 2400, 4800, 9600];
