//! Reads freezes: the time first, then the values, then the time once more, since a new freeze may have pushed all the
//! others one further back meanwhile.

use dlt645::catalog::{self, Content, Value};
use dlt645::exchange::Outcome;
use dlt645::explain::{self, ShownValue};
use dlt645::meter_time::MeterTime;
use dlt645::response::Refusal;

use super::super::CliError;
use super::super::asker::{Asker, strict};
use super::super::trouble::Trouble;
use super::{Freeze, KindArg, Missing, Record};

/// What the time of a freeze said.
pub(super) enum Taken {
    /// It was taken then.
    At(MeterTime),
    /// The meter has no such freeze.
    None(Trouble),
    /// It was not told.
    Untold(Trouble),
}

impl Freeze {
    /// The freezes asked for, newest first; ends with the first that the meter does not have.
    pub(super) async fn records(&self, asker: &mut Asker) -> Result<Vec<Record>, CliError> {
        if let Some(day) = self.day {
            return Ok(vec![self.of_day(asker, day).await?]);
        }
        let mut records = Vec::new();
        for back in self.back.first..=self.back.last {
            let record = self.one(asker, back).await?;
            let is_end = record.trouble.is_some();
            // Fewer than asked for is no failure; none at all is.
            if is_end && !records.is_empty() && record.at.is_none() && self.is_absent(&record) {
                super::super::talk(&format!("the meter keeps no more than {}  电表仅存{0}条", back - 1));
                break;
            }
            records.push(record);
            if is_end {
                break;
            }
        }
        Ok(records)
    }

    fn is_absent(&self, record: &Record) -> bool {
        record.trouble.as_ref().is_some_and(|trouble| trouble.en.starts_with(NONE))
    }

    pub(super) async fn one(&self, asker: &mut Asker, back: u8) -> Result<Record, CliError> {
        let mut record = self.empty(Some(back));
        for _ in 0..TRIES {
            let at = match self.time(asker, self.kind, back).await? {
                Taken::At(at) => at,
                Taken::None(trouble) | Taken::Untold(trouble) => {
                    record.trouble = Some(trouble);
                    return Ok(record);
                }
            };
            record.at = Some(at.to_string());
            self.values(asker, back, &mut record).await?;
            match self.time(asker, self.kind, back).await? {
                Taken::At(again) if again == at => {
                    record.trouble = lack(&record);
                    record.ok = record.trouble.is_none();
                    return Ok(record);
                }
                Taken::At(_) => {}
                Taken::None(trouble) | Taken::Untold(trouble) => {
                    let en = format!("the time could not be checked behind the values: {}", trouble.en);
                    record.trouble = Some(Trouble::new(en, format!("无法复核冻结时间: {}", trouble.zh)));
                    record.values.clear();
                    return Ok(record);
                }
            }
            (record.values, record.missing) = (Vec::new(), Vec::new());
        }
        record.trouble = Some(Trouble::new(
            "the freeze changed while it was read: ask again",
            "读取期间冻结数据已更新，请重读",
        ));
        Ok(record)
    }

    pub(super) fn empty(&self, back: Option<u8>) -> Record {
        Record {
            meter: self.meter.to_string(),
            kind: self.kind.name(),
            back,
            ok: false,
            at: None,
            values: Vec::new(),
            missing: Vec::new(),
            trouble: None,
        }
    }

    /// When the freeze so many back was taken.
    pub(super) async fn time(&self, asker: &mut Asker, kind: KindArg, back: u8) -> Result<Taken, CliError> {
        let item = kind.item(0x00, back);
        let told = asker.ask(strict(self.meter, item)).await?;
        let payload = match &told.outcome {
            Outcome::Answered(answer) => answer.payload(),
            Outcome::Refused { refusal, .. } if refusal.is_no_data() || *refusal == Refusal::Unexplained => {
                return Ok(none());
            }
            outcome => return Ok(Taken::Untold(Trouble::of_2007(outcome))),
        };
        let values = catalog::find(item).map(|entry| entry.read(payload));
        let value = match values {
            Some(Ok(Content::Values(mut values))) => values.next().map(|reading| reading.value),
            _ => None,
        };
        Ok(match value {
            Some(Value::Time(at)) => Taken::At(at),
            Some(Value::Absent(_)) => none(),
            _ => Taken::Untold(Trouble::new("its time is none", "冻结时间无效")),
        })
    }

    async fn values(&self, asker: &mut Asker, back: u8, record: &mut Record) -> Result<(), CliError> {
        let items: &[u8] = match (self.kind, self.all) {
            (KindArg::Hourly, _) | (_, false) => &ACTIVE,
            (_, true) => &ALL,
        };
        for di1 in items {
            let item = self.kind.item(*di1, back);
            let told = asker.ask(strict(self.meter, item)).await?;
            if let Outcome::Answered(answer) = &told.outcome {
                let values = explain::data(item, answer.payload()).values;
                record.values.extend(values.into_iter().map(|value| named(value, self.kind)));
                continue;
            }
            let entry = catalog::find(item);
            record.missing.push(Missing {
                di: item.to_string(),
                name: entry.as_ref().map(catalog::Entry::name_en).unwrap_or_default(),
                name_zh: entry.as_ref().map(catalog::Entry::name_zh).unwrap_or_default(),
                is_lost: !matches!(told.outcome, Outcome::Refused { .. }),
                trouble: Trouble::of(&told.outcome).unwrap_or_else(|| Trouble::new("no answer", "无应答")),
            });
        }
        Ok(())
    }
}

/// Why the values are not all that the meter has; what it refuses, it does not have.
fn lack(record: &Record) -> Option<Trouble> {
    if record.values.is_empty() {
        return Some(Trouble::new("no value was read", "未读到数据"));
    }
    let lost = record.missing.iter().any(|missing| missing.is_lost);
    lost.then(|| Trouble::new("not all values were read", "数据未读全"))
}

/// Without what the record says already: which freeze it is of.
fn named(mut value: ShownValue, kind: KindArg) -> ShownValue {
    if let Some((_, name)) = value.name.split_once(" back: ") {
        value.name = name.to_owned();
    }
    if let Some((_, name)) = value.name_zh.split_once(kind.name_zh()) {
        value.name_zh = name.replace("数据", "");
    }
    value
}

fn none() -> Taken {
    Taken::None(Trouble::new(format!("{NONE} such freeze"), "电表无此冻结数据"))
}

const NONE: &str = "the meter has no";
/// Forward and reverse active energy.
const ACTIVE: [u8; 2] = [0x01, 0x02];
/// Energies, demands and powers.
const ALL: [u8; 11] = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x10];
/// How often a freeze is read that changes meanwhile.
const TRIES: usize = 2;
