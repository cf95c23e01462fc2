//! What makes bytes a frame of Modbus: function, lengths that fit, and on a bus the check.
//!
//! ```text
//! on a bus:  unit  function      data ..       check check
//!            unit  function|80H  code          check check
//! over TCP:  number number  00 00  length length  unit  function  data ..
//! ```
//!
//! [Modbus over serial line 2.5.1] [Modbus TCP 3.1.3] [Modbus 4.1]

use crate::link::check_bytes;

/// Which kinds of frame the bytes can be, by their form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) may_ask: bool,
    pub(super) may_answer: bool,
    /// A refusal.
    pub(super) refuses: bool,
    /// What is wrong with it.
    pub(super) fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Its check is another.
    Check,
    /// So many bytes are missing.
    Cut(usize),
}

/// The sound frame on a bus that these bytes begin with, and how long it is.
pub(super) fn on_a_bus(bytes: &[u8]) -> Option<(usize, Form)> {
    lengths(bytes).into_iter().flatten().find_map(|length| {
        let (body, check) = bytes.get(..length + CHECK)?.split_last_chunk::<CHECK>()?;
        let form = form(body).filter(|form| is_unit(body, *form) && check_bytes(body) == *check)?;
        Some((length + CHECK, form))
    })
}

/// The frame over TCP that these bytes begin with. Functions that are there on serial lines only are none of it.
pub(super) fn over_tcp(bytes: &[u8]) -> Option<(usize, Form)> {
    let [_, _, 0, 0, high, low, ..] = *bytes else { return None };
    let length = HEAD + usize::from(u16::from_be_bytes([high, low]));
    let body = bytes.get(HEAD..length)?;
    Some((length, form(body)?))
}

/// All of the bytes as a frame on a bus with the wrong check.
pub(super) fn wrong_check(bytes: &[u8]) -> Option<Form> {
    let (body, _) = bytes.split_last_chunk::<CHECK>()?;
    let form = form(body).filter(|form| is_unit(body, *form))?;
    Some(Form { fault: Some(Fault::Check), ..form })
}

/// All of the bytes as the begin of a frame over TCP.
pub(super) fn cut_short(bytes: &[u8]) -> Option<Form> {
    let [_, _, 0, 0, 0, length, unit, function, ..] = *bytes else { return None };
    let missing = (HEAD + usize::from(length)).checked_sub(bytes.len()).filter(|missing| *missing > 0)?;
    let is_known = super::names::function(function & !REFUSED).is_some() && (unit > 0 || function < REFUSED);
    let fault = Some(Fault::Cut(missing));
    let refuses = function & REFUSED > 0;
    is_known.then_some(Form { may_ask: !refuses, may_answer: true, refuses, fault })
}

/// How long a frame may be without its check: as a refusal, as a question, as an answer.
fn lengths(bytes: &[u8]) -> [Option<usize>; 2] {
    let at = |place: usize| bytes.get(place).copied().map(usize::from);
    let Some(function) = bytes.get(1) else { return [None; 2] };
    match *function {
        refusal if refusal & REFUSED > 0 => [Some(3), None],
        1..=4 => [Some(6), at(2).map(|count| 3 + count)],
        5 | 6 => [Some(6), None],
        15 | 16 => [at(6).map(|count| 7 + count), Some(6)],
        22 => [Some(8), None],
        23 => [at(10).map(|count| 11 + count), at(2).map(|count| 3 + count)],
        _ => [None; 2],
    }
}

/// What a frame of exactly these bytes, without check, may be; none where nothing fits.
fn form(body: &[u8]) -> Option<Form> {
    let [_, function, ref data @ ..] = *body else { return None };
    if function & REFUSED > 0 {
        let is_known = super::names::function(function & !REFUSED).is_some();
        let is_code = matches!(*data, [1..=0x0B]);
        return (is_known && is_code).then_some(Form {
            may_ask: false,
            may_answer: true,
            refuses: true,
            fault: None,
        });
    }
    let (may_ask, may_answer) = (asks(function, data), answers(function, data));
    (may_ask || may_answer).then_some(Form { may_ask, may_answer, refuses: false, fault: None })
}

/// [Modbus 6.1 to 6.6, 6.11, 6.12, 6.16, 6.17]
fn asks(function: u8, data: &[u8]) -> bool {
    let within = |high: u8, low: u8, most: u16| (1..=most).contains(&u16::from_be_bytes([high, low]));
    match (function, data) {
        (1 | 2, &[_, _, high, low]) => within(high, low, 2000),
        (3 | 4, &[_, _, high, low]) => within(high, low, 125),
        (5, &[_, _, value, 0]) => matches!(value, 0 | 0xFF),
        (6, &[_, _, _, _]) | (22, &[_, _, _, _, _, _]) => true,
        (15, &[_, _, high, low, count, ref bits @ ..]) => {
            let number = usize::from(u16::from_be_bytes([high, low]));
            within(high, low, 1968) && [bits.len(), number.div_ceil(8)] == [usize::from(count); 2]
        }
        (16, &[_, _, high, low, count, ref words @ ..]) => {
            let number = usize::from(u16::from_be_bytes([high, low]));
            within(high, low, 123) && [words.len(), number * 2] == [usize::from(count); 2]
        }
        (23, &[_, _, read_high, read_low, _, _, high, low, count, ref words @ ..]) => {
            let number = usize::from(u16::from_be_bytes([high, low]));
            within(read_high, read_low, 125)
                && within(high, low, 121)
                && [words.len(), number * 2] == [usize::from(count); 2]
        }
        _ => false,
    }
}

fn answers(function: u8, data: &[u8]) -> bool {
    let within = |high: u8, low: u8, most: u16| (1..=most).contains(&u16::from_be_bytes([high, low]));
    match (function, data) {
        (1 | 2, &[count @ 1..=250, ref bits @ ..]) => bits.len() == usize::from(count),
        (3 | 4 | 23, &[count @ 2..=250, ref words @ ..]) => {
            count % 2 == 0 && words.len() == usize::from(count)
        }
        (5 | 6 | 22, data) => asks(function, data),
        (15, &[_, _, high, low]) => within(high, low, 1968),
        (16, &[_, _, high, low]) => within(high, low, 123),
        _ => false,
    }
}

/// On a bus 0 is everybody, who may be written to and does not answer. [Modbus over serial line 2.2]
fn is_unit(body: &[u8], form: Form) -> bool {
    match *body {
        [0, function, ..] => form.may_ask && matches!(function, 5 | 6 | 15 | 16 | 22),
        [unit, ..] => unit <= 247,
        [] => false,
    }
}

/// The bit that a refusal has set in its function. [Modbus 4.1]
pub(super) const REFUSED: u8 = 0x80;
/// Bytes of the check.
pub(super) const CHECK: usize = 2;
/// Bytes in front of the unit over TCP.
const HEAD: usize = 6;
