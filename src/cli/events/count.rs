//! How often an event happened, and when it was over.

use dlt645::catalog::{self, Content, Reading, Role, Value};
use dlt645::data_id::DataId;

use super::super::CliError;
use super::super::asker::{Asker, payload, tolerant};
use super::super::trouble::Trouble;
use super::Events;
use super::kind::Kind;

/// How often, and how long in all.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Counted {
    /// `None` where the meter holds no number.
    pub(super) count: Option<u64>,
    pub(super) minutes: Option<u64>,
}

/// The answer that was read last: three phases are counted in one.
pub(super) type Last = Option<(DataId, Result<Vec<u8>, Trouble>)>;

impl Events {
    pub(super) async fn count(
        &self,
        asker: &mut Asker,
        kind: &Kind,
        last: &mut Last,
    ) -> Result<Result<Counted, Trouble>, CliError> {
        let known = last.take().filter(|(item, _)| *item == kind.count);
        let answer = match known {
            Some((_, answer)) => answer,
            None => {
                let told = asker.ask(tolerant(self.meter, kind.count)).await?;
                let trouble =
                    || Trouble::of(&told.outcome).unwrap_or_else(|| Trouble::new("no answer", "无应答"));
                payload(&told.outcome).map(<[u8]>::to_vec).ok_or_else(trouble)
            }
        };
        let (_, answer) = last.insert((kind.count, answer));
        let data = match answer {
            Ok(data) => data,
            Err(trouble) => return Ok(Err(trouble.clone())),
        };
        Ok(counted(kind.count, kind.place, data)
            .ok_or_else(|| Trouble::new("the count has a length of this maker's own", "次数长度非标准")))
    }
}

/// The count at a place of the answer, and the duration beside it where there is one.
fn counted(item: DataId, place: usize, data: &[u8]) -> Option<Counted> {
    let readings = readings(item, data)?;
    let is_count = |reading: &&Reading<'_>| reading.field.unit != "min";
    let count = readings.iter().filter(is_count).nth(place)?;
    let minutes = readings.iter().filter(|reading| !is_count(reading)).nth(place);
    Some(Counted { count: number(count.value), minutes: minutes.and_then(|minutes| number(minutes.value)) })
}

/// When the event of a record was over.
pub(super) fn end(item: DataId, data: &[u8]) -> Option<String> {
    let end = readings(item, data)?.into_iter().find(|reading| reading.field.role == Role::End)?;
    match end.value {
        Value::Time(time) => Some(time.to_string()),
        _ => None,
    }
}

fn readings(item: DataId, data: &[u8]) -> Option<Vec<Reading<'_>>> {
    match catalog::find(item)?.read(data) {
        Ok(Content::Values(values)) => Some(values.collect()),
        _ => None,
    }
}

fn number(value: Value<'_>) -> Option<u64> {
    match value {
        Value::Number(number) => u64::try_from(number.scaled()).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_stand_together_are_told_apart() {
        let of = |item: u32, place, data: &[u8]| counted(DataId::new_2007(item), place, data);
        let phases: Vec<u8> =
            [[1, 0, 0], [10, 0, 0], [2, 0, 0], [0x20, 0, 0], [3, 0, 0], [0x30, 0, 0]].concat();
        let both = |count, minutes| Some(Counted { count: Some(count), minutes: Some(minutes) });
        assert_eq!(of(0x0301_0000, 1, &phases), both(2, 20));
        assert_eq!(of(0x0301_0000, 2, &phases), both(3, 30));
        assert_eq!(of(0x0311_0000, 0, &[0x12, 0, 0]), Some(Counted { count: Some(12), minutes: None }));
        assert_eq!(of(0x0311_0000, 0, &[0xFF; 3]), Some(Counted { count: None, minutes: None }), "no value");
        assert_eq!(of(0x0311_0000, 0, &[0x12]), None, "another length");
    }

    #[test]
    fn an_event_that_goes_on_has_no_end() {
        let item = DataId::new_2007(0x0311_0001);
        let begin = [0x30, 0x15, 0x10, 0x21, 0x11, 0x26];
        assert_eq!(end(item, &[begin, [0; 6]].concat()), None);
        let over = end(item, &[begin, [0x30, 0x20, 0x10, 0x21, 0x11, 0x26]].concat());
        assert_eq!(over.as_deref(), Some("2026-11-21 10:20:30"));
    }
}
