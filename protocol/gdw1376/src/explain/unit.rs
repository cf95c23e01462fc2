//! The lines of data units.

use super::{Bit, Line, Note, hex};
use crate::afn::Afn;
use crate::catalog::{self, Decoded, EventKind};
use crate::confirmation::UnitResult;
use crate::format::Value;
use crate::identifier::Identifier;
use crate::message::Message;
use crate::reading::{self, Reading};
use crate::request::Wait;
use crate::unit::{self, Rest, Unit, Units};

/// Appends the lines of all units of a message, which begin at `offset`; tells whether they came out to the last byte.
pub(super) fn lines(
    message: &Message<'_>,
    offset: usize,
    lines: &mut Vec<Line>,
    notes: &mut Vec<Note>,
) -> bool {
    let cut = cut(message);
    let mut headed = None;
    for unit in &cut.units {
        let is_new = headed != Some(unit.identifier_at);
        headed = Some(unit.identifier_at);
        lines.push(heading(unit, is_new, offset));
        values(unit, offset + unit.data_at, lines);
        notes.extend(ring_note(unit));
    }
    let Some(rest) = cut.rest else { return true };
    let stands_alone = headed.is_none_or(|at| at < rest.offset) && rest.bytes.len() >= Identifier::WIDTH;
    let identifier = rest.identifier.filter(|named| stands_alone && rest.bytes.starts_with(&named.wire()));
    rest_lines(&rest, identifier, offset, lines);
    notes.push(Note::new(rest.why.to_string(), stop_zh(&rest)));
    false
}

/// The units; where a ring of events holds other records than its places say, those that are there.
fn cut<'a>(message: &Message<'a>) -> Units<'a> {
    let cut = unit::cut(message);
    let left = |cut: &Units<'_>| cut.rest.map_or(0, |rest| rest.bytes.len());
    if message.afn != Afn::CLASS_3 || cut.rest.is_none() {
        return cut;
    }
    let shown = unit::cut_to_show(message);
    if left(&shown) < left(&cut) { shown } else { cut }
}

/// What is to be said of a ring of events that holds other records than its places say.
fn ring_note(unit: &Unit<'_>) -> Option<Note> {
    let place = |key| unit.values.iter().find(|decoded| decoded.field.key == key)?.raw.first().copied();
    let codes = unit.values.iter().filter(|decoded| decoded.field.key == "erc");
    let (told, there) = (usize::from(place("pn")?.wrapping_sub(place("pm")?)), codes.count());
    let is_ring =
        unit.row.afn == Afn::CLASS_3 && unit.values.iter().any(|decoded| decoded.field.key == "ec1");
    (is_ring && told != there).then(|| {
        Note::new(
            format!("Pm and Pn tell of {told} records, there are {there}"),
            format!("Pm、Pn表示{told}条记录,实有{there}条"),
        )
    })
}

/// The identifier, or for further units under it a heading without bytes.
fn heading(unit: &Unit<'_>, is_new: bool, offset: usize) -> Line {
    let (at, length) = if is_new { (unit.identifier_at, Identifier::WIDTH) } else { (unit.data_at, 0) };
    let named = match (unit.point, unit.function) {
        (Some(point), Some(function)) => format!("{point} {function}"),
        _ => unit.identifier.to_string(),
    };
    let row = unit.row;
    Line::new(offset + at, length, "data unit", "数据单元").value(named).meaning(row.name_en, row.name_zh)
}

fn values(unit: &Unit<'_>, offset: usize, lines: &mut Vec<Line>) {
    let mut readings = reading::readings(unit).into_iter();
    let mut event = None;
    for decoded in &unit.values {
        let reading = if decoded.field.item.is_some() { readings.next() } else { None };
        if decoded.field.key == "erc" {
            event = decoded.raw.first().and_then(|code| catalog::event_kind(*code));
            let (en, zh) = event.map_or(("reserved or regional", "备用或地方扩展"), |kind| {
                (kind.name_en, kind.name_zh)
            });
            lines.push(line(decoded, offset, 2, None).meaning(en, zh));
        } else if decoded.field.key == "event_body" {
            event_body(decoded, event, offset, lines);
        } else {
            let level = if decoded.place.numbers().is_empty() { 1 } else { 2 };
            lines.push(line(decoded, offset, level, reading));
        }
    }
}

/// The body of an event record, field by field where its layout is known and fits.
fn event_body(body: &Decoded<'_>, kind: Option<&'static EventKind>, offset: usize, lines: &mut Vec<Line>) {
    let layout = kind.and_then(|kind| kind.layout.as_ref());
    let Some((values, used)) = layout.and_then(|layout| catalog::read(layout, body.raw).ok()) else {
        lines.push(line(body, offset, 2, None));
        return;
    };
    let begin = offset + body.offset;
    let record = body.place.record();
    lines.extend(values.iter().map(|decoded| Line { record, ..line(decoded, begin, 3, None) }));
    let behind = body.raw.get(used..).unwrap_or_default();
    if !behind.is_empty() {
        let more = Line::new(begin + used, behind.len(), "more", "其余内容");
        lines.push(Line { record, ..more.at_level(3).value(hex(behind)) });
    }
}

/// One field, its bytes counted from `offset`.
fn line(decoded: &Decoded<'_>, offset: usize, level: u8, reading: Option<Reading>) -> Line {
    let field = decoded.field;
    let (mut name, mut name_zh) = (field.name_en.to_owned(), field.name_zh.to_owned());
    let numbers = decoded.place.numbers();
    let outer = numbers.len() - usize::from(decoded.place.tariff().is_some());
    let counted: Vec<String> = numbers.iter().take(outer).map(|number| (number + 1).to_string()).collect();
    if !counted.is_empty() {
        name.push_str(&format!(" {}", counted.join(".")));
        name_zh.push_str(&counted.join("."));
    }
    match decoded.place.tariff() {
        None => {}
        Some(0) => {
            name.push_str(", total");
            name_zh.push_str("(总)");
        }
        Some(tariff) => {
            name.push_str(&format!(", tariff {tariff}"));
            name_zh.push_str(&format!("(费率{tariff})"));
        }
    }
    let line = Line::new(offset + decoded.offset, decoded.raw.len(), name, name_zh).at_level(level);
    let line = Line {
        unit: field.unit,
        item: reading.map(|reading| reading.item.to_string()),
        as_of: reading.and_then(|reading| reading.as_of).map(|as_of| as_of.to_string()),
        tariff: decoded.place.tariff(),
        record: decoded.place.record(),
        bits: bits(field.key, &decoded.value),
        is_meter_frame: field.key == "meter_frame" && !decoded.raw.is_empty(),
        ..line
    };
    match decoded.value {
        Value::Absent(absence) => line.meaning(absence.reason(), absence.reason_zh()),
        Value::Octets(bytes) if field.key == "di" => {
            line.value(hex(&bytes.iter().rev().copied().collect::<Vec<u8>>()))
        }
        Value::Octets(bytes) => match identifier(field.key, bytes) {
            Some(identifier) => line.value(identifier),
            None => line.value(hex(bytes)),
        },
        // Its codes are known in hexadecimal.
        Value::Number(_) if field.key == "relay_state" => line.value(format!("{}H", hex(decoded.raw))),
        value => {
            let line = line.value(value);
            match meaning(field.key, decoded.raw) {
                Some((en, zh)) => line.meaning(en, zh),
                None => line,
            }
        }
    }
}

fn identifier(key: &str, bytes: &[u8]) -> Option<Identifier> {
    bytes.first_chunk().filter(|_| key == "identifier").map(|wire| Identifier::from_wire(*wire))
}

/// The bits of a word that stand for kinds of events.
fn bits(key: &str, value: &Value<'_>) -> Vec<Bit> {
    let Value::Bits { word, .. } = value else { return Vec::new() };
    let (no, yes) = match key {
        "event_flags" => (("none", "无"), ("happened", "有")),
        "supported_events" => (("not supported", "不支持"), ("supported", "支持")),
        "valid_events" => (("not recorded", "不记录"), ("recorded", "记录")),
        "important_events" => (("ordinary", "一般"), ("important", "重要")),
        _ => return Vec::new(),
    };
    let named = |kind: &'static EventKind| {
        let bit = kind.code.checked_sub(1).filter(|bit| *bit < 64)?;
        let value = word >> bit & 1;
        let (meaning, meaning_zh) = if value == 1 { yes } else { no };
        Some(Bit { bit, name: kind.name_en, name_zh: kind.name_zh, value, meaning, meaning_zh })
    };
    catalog::event_kinds().iter().filter_map(named).collect()
}

/// What the number of a field stands for.
fn meaning(key: &str, raw: &[u8]) -> Option<(String, String)> {
    let own = |en: &str, zh: &str| Some((en.to_owned(), zh.to_owned()));
    let [byte] = *raw else { return None };
    match key {
        "error" => match UnitResult(byte) {
            UnitResult::RIGHT => own("right", "正确"),
            UnitResult::OTHER_ERROR => own("other error", "其它错误"),
            UnitResult::ADDRESS_IN_USE => own("the meter address is used already", "表地址重复"),
            _ => None,
        },
        "density" => match catalog::minutes_of_density(byte) {
            Some(minutes) => Some((format!("every {minutes} min"), format!("每{minutes}分钟"))),
            None => own("not frozen", "不冻结"),
        },
        "meter_protocol" => match byte {
            0 => own("not to be read", "不抄读"),
            1 => own("DL/T 645-1997", "DL/T 645-1997"),
            2 => own("the terminal's own measuring", "交流采样装置"),
            30 => own("DL/T 645-2007", "DL/T 645-2007"),
            31 => own("narrow-band carrier module", "窄带低压载波通信模块"),
            _ => None,
        },
        "relay_result" => match byte {
            0 => own("cannot be forwarded", "不能执行转发"),
            1 => own("time-out", "转发接收超时"),
            2 => own("wrong answer", "转发接收错误"),
            3 => own("confirmed", "转发接收确认"),
            4 => own("denied", "转发接收否认"),
            5 => own("data", "转发接收数据"),
            _ => None,
        },
        "message_timeout" => Some(match Wait::from_wire(byte) {
            Wait::TenMilliseconds(steps) => (format!("{steps} x 10 ms"), format!("{steps}×10毫秒")),
            Wait::Seconds(seconds) => (format!("{seconds} s"), format!("{seconds}秒")),
        }),
        _ => None,
    }
}

/// What could not be cut off: the identifier, if it begins there, and the bytes.
fn rest_lines(rest: &Rest<'_>, identifier: Option<Identifier>, offset: usize, lines: &mut Vec<Line>) {
    let mut at = offset + rest.offset;
    let mut bytes = rest.bytes;
    if let Some(identifier) = identifier {
        let line = Line::new(at, Identifier::WIDTH, "data unit", "数据单元");
        lines.push(line.value(identifier).meaning(rest.why.to_string(), stop_zh(rest)));
        at += Identifier::WIDTH;
        bytes = bytes.get(Identifier::WIDTH..).unwrap_or_default();
    }
    if !bytes.is_empty() {
        let line = Line::new(at, bytes.len(), "not taken apart", "未解析").at_level(1).value(hex(bytes));
        lines.push(line.meaning(rest.why.to_string(), stop_zh(rest)));
    }
}

fn stop_zh(rest: &Rest<'_>) -> String {
    match rest.why {
        unit::Stop::ShortIdentifier { left } => format!("剩余{left}字节,不足数据单元标识4字节"),
        unit::Stop::NoPoint(identifier) => format!("{identifier}未指明信息点"),
        unit::Stop::NoItem(identifier) => format!("{identifier}未指明信息类"),
        unit::Stop::UnknownItem { afn, function } => format!("AFN {afn} {function}不在目录中"),
        unit::Stop::NoLayout { afn, function } => format!("AFN {afn} {function}的数据格式未知"),
        unit::Stop::Ambiguous { afn, function } => format!("AFN {afn} {function}有多种格式,无法区分"),
        unit::Stop::Data { afn, function, .. } => format!("AFN {afn} {function}的数据与格式不符"),
    }
}
