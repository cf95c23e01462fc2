//! From what a meter said to what an operator is shown: every value named, with the time the meter gives it.

use dlt645::catalog::{self, Content, Value};
use dlt645::data_id::DataId;
use dlt645::exchange::LengthRule;
use dlt645::explain::{self, ShownValue};
use dlt645::quantity::Quantity;
use dlt645::request::Request;

use super::super::ask::{Asker, Heard, Missed};
use super::super::interpret::{self, Block, ItemValue};
use super::super::registers::HeardSpan;
use crate::domain::register::State;
use crate::domain::{Item, MissingCause, Moment, ReadAnswer, ReadBits, ReadGroup, ReadValue, ValueBefore};

/// An answer with these values.
pub(super) fn came(asker: &Asker<'_>, group: ReadGroup, heard: &Heard, values: Vec<ReadValue>) -> ReadAnswer {
    let mut frames = Request::read(asker.site.meter.address, heard.id).to_bytes();
    frames.extend_from_slice(&heard.frames);
    ReadAnswer {
        group,
        data_id: heard.id.to_string(),
        given: Some((heard.asked_at, heard.answered_at)),
        is_doubtful: !heard.is_surely_new,
        frames,
        values,
        missing: None,
    }
}

/// An answer of a meter that speaks Modbus.
pub(super) fn came_by_registers(group: ReadGroup, heard: &HeardSpan, values: Vec<ReadValue>) -> ReadAnswer {
    ReadAnswer {
        group,
        data_id: heard.question.to_string(),
        given: Some((heard.asked_at, heard.answered_at)),
        is_doubtful: false,
        frames: heard.wire(),
        values,
        missing: None,
    }
}

/// What did not come, and why.
pub(super) fn missing(group: ReadGroup, id: &str, missed: Missed) -> ReadAnswer {
    ReadAnswer {
        group,
        data_id: id.to_owned(),
        given: None,
        is_doubtful: false,
        frames: Vec::new(),
        values: Vec::new(),
        missing: Some((missed.cause, missed.detail)),
    }
}

/// The lengths that an answer under an identifier may have.
pub(super) fn lengths(id: DataId) -> LengthRule {
    catalog::find(id).map_or(LengthRule::Any, |entry| {
        LengthRule::exact((1..=MOST_DATA).filter(|length| entry.admits_length(*length)))
    })
}

/// Everything that an answer says, named. What has not the form of the standard is no value (F8).
pub(super) fn named(heard: &Heard) -> Result<Vec<ReadValue>, Missed> {
    let id = heard.id;
    let entry = catalog::find(id).ok_or_else(|| interpret::wrong_form(id, "not in the catalogue"))?;
    if let Err(deviation) = entry.read(&heard.payload) {
        return Err(interpret::wrong_form(id, &deviation.to_string()));
    }
    let shown = explain::data(id, &heard.payload);
    let mut values: Vec<ReadValue> = shown.values.into_iter().map(|value| of_shown(value, None)).collect();
    for record in shown.records {
        let at = record.at;
        values.extend(record.values.into_iter().map(|value| of_shown(value, at.as_deref())));
    }
    Ok(values)
}

/// Values of items, each beside what was known of it before.
pub(super) fn of_items(values: &[ItemValue], before: &[Option<State>], time: Option<&str>) -> Vec<ReadValue> {
    let none = std::iter::repeat(&None);
    let value = |(value, before): (&ItemValue, &Option<State>)| ReadValue {
        meter_time: value.occurred.clone().or_else(|| time.map(str::to_owned)),
        before: before.map(|before| ValueBefore {
            value: value.item.quantity(before.value).to_string(),
            as_of: before.at.to_string(),
            change: value.item.quantity(value.value.saturating_sub(before.value)).to_string(),
        }),
        ..of_item(value.item, value.value)
    };
    values.iter().zip(before.iter().chain(none)).map(value).collect()
}

/// A register with its tariffs, those that the meter marks as none among them; nothing where its total is not there (F9).
pub(super) fn of_block(
    block: &Block,
    before: &[Option<State>],
    time: Option<&str>,
) -> Result<Vec<ReadValue>, Missed> {
    let mut values = of_items(block.booked()?, before, time);
    values.extend(block.absent.iter().map(|(item, why)| ReadValue {
        value: None,
        absent: Some(why.reason().to_owned()),
        absent_zh: Some(why.reason_zh().to_owned()),
        ..of_item(*item, 0)
    }));
    Ok(values)
}

/// The value of an item.
pub(super) fn of_item(item: Item, value: i64) -> ReadValue {
    let is_good = ItemValue::new(item, value).quality.is_accepted();
    let doubt = |text: &str| (!is_good).then(|| text.to_owned());
    ReadValue {
        doubt: doubt(explain::OUT_OF_RANGE.0),
        doubt_zh: doubt(explain::OUT_OF_RANGE.1),
        name: item.name_en(),
        name_zh: item.name_zh(),
        value: Some(item.quantity(value).to_string()),
        unit: Some(item.unit().to_owned()),
        item: Some(item.code().to_string()),
        ..ReadValue::default()
    }
}

/// A number of seconds that was made from what the meter said.
pub(super) fn seconds(names: (&str, &str), micros: i64) -> ReadValue {
    let tenths = micros.saturating_add(TENTH / 2).div_euclid(TENTH);
    ReadValue {
        name: names.0.to_owned(),
        name_zh: names.1.to_owned(),
        value: Some(Quantity::new(tenths, 1).to_string()),
        unit: Some("s".to_owned()),
        ..ReadValue::default()
    }
}

/// The count in the answer for a kind of event.
pub(super) fn count(heard: &Heard) -> Result<i64, Missed> {
    let entry =
        catalog::find(heard.id).ok_or_else(|| interpret::wrong_form(heard.id, "not in the catalogue"))?;
    if let Ok(Content::Values(mut values)) = entry.read(&heard.payload)
        && let Some(Value::Number(count)) = values.next().map(|reading| reading.value)
    {
        return Ok(count.scaled());
    }
    Err(Missed::new(MissingCause::NoValue, format!("{}: no count", heard.id)))
}

/// The instant of a slot, as it is shown.
pub(super) fn shown_time(at: Moment) -> String {
    at.in_china().to_string()
}

fn of_shown(shown: ShownValue, at: Option<&str>) -> ReadValue {
    let text = |text: &str| text.to_owned();
    let bits = shown.bits.into_iter().map(|bits| ReadBits {
        bit: bits.bit,
        name: text(bits.name),
        name_zh: text(bits.name_zh),
        value: bits.value,
        meaning: text(bits.meaning),
        meaning_zh: text(bits.meaning_zh),
    });
    ReadValue {
        name: shown.name,
        name_zh: shown.name_zh,
        // What is in no table is shown as it came; what the meter marked as none is no value.
        value: shown.value.or_else(|| shown.raw.filter(|_| shown.absent.is_none())),
        unit: shown.unit.map(text),
        item: shown.item,
        meter_time: shown.at.or_else(|| at.map(str::to_owned)),
        bits: bits.collect(),
        absent: shown.absent.map(text),
        absent_zh: shown.absent_zh.map(text),
        doubt: shown.doubt.map(text),
        doubt_zh: shown.doubt_zh.map(text),
        before: None,
    }
}

/// What one frame holds behind the identifier, and a follow-on frame.
const MOST_DATA: usize = 400;
/// Microseconds of a tenth of a second.
const TENTH: i64 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f08_what_no_meter_can_have_measured_is_shown_with_a_doubt() {
        let shown = explain::data("02060000".parse().unwrap(), &[0x00, 0x15]);
        let values: Vec<_> = shown.values.into_iter().map(|value| of_shown(value, None)).collect();
        assert_eq!(
            (values[0].value.as_deref(), values[0].doubt.as_deref()),
            (Some("1.500"), Some("out of range"))
        );
        let volts = |tenths| of_item(Item::parse("32.7.0").unwrap(), tenths);
        assert_eq!((volts(2201).doubt, volts(22_010).doubt_zh.as_deref()), (None, Some("超出量程")));
    }

    #[test]
    fn what_the_meter_marked_as_none_is_no_value() {
        let shown = explain::data("0201FF00".parse().unwrap(), &[0x01, 0x22, 0xFF, 0xFF, 0xFF, 0xFF]);
        let values: Vec<_> = shown.values.into_iter().map(|value| of_shown(value, None)).collect();
        assert_eq!(values[0].value.as_deref(), Some("220.1"));
        assert_eq!((values[1].value.as_deref(), values[1].absent.as_deref()), (None, Some("filled with FF")));
    }
}
