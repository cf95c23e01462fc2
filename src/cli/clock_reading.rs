//! What a meter's clock shows, and how far that is from ours.

use dlt645::address::{AddressField, Target};
use dlt645::catalog::{self, Content, Value};
use dlt645::data_id::DataId;
use dlt645::edition::Edition;
use dlt645::exchange::Outcome;
use dlt645::meter_time::Civil;

use super::CliError;
use super::asker::{Asker, strict};
use super::trouble::Trouble;
use crate::channel::Told;
use crate::domain::{ClockOffset, Moment};

/// A meter's clock, read.
pub(super) struct ClockReading {
    /// Who answered.
    pub(super) address: AddressField,
    pub(super) edition: Edition,
    /// Date and time are one identifier, as in the supplements of 2007.
    pub(super) is_whole: bool,
    pub(super) shown: Civil,
    /// What our clock showed then.
    pub(super) ours: Moment,
    pub(super) offset: ClockOffset,
}

/// Reads the clock, in the edition given or in whichever the meter answers.
pub(super) async fn read(
    asker: &mut Asker,
    target: Target,
    edition: Option<Edition>,
) -> Result<Result<ClockReading, Trouble>, CliError> {
    if edition == Some(Edition::E1997) {
        return parts(asker, target, Edition::E1997).await;
    }
    let told = asker.ask(strict(target, DATE_AND_TIME)).await?;
    let silence = match &told.outcome {
        Outcome::Answered(_) => return Ok(whole(asker, &told)),
        Outcome::Refused { .. } => return parts(asker, target, Edition::E2007).await,
        outcome => Trouble::of(outcome),
    };
    // It is of 1997, or of those that do not answer what they do not have.
    if edition.is_none() {
        let old = parts(asker, target, Edition::E1997).await?;
        if old.is_ok() {
            return Ok(old);
        }
    }
    let new = parts(asker, target, Edition::E2007).await?;
    Ok(new.map_err(|own| silence.unwrap_or(own)))
}

fn whole(asker: &Asker, told: &Told) -> Result<ClockReading, Trouble> {
    let (shown, address) = value(told, DATE_AND_TIME)?;
    let civil = match shown {
        Value::Time(time) => time.civil(),
        _ => None,
    };
    reading(asker, told, address, Edition::E2007, true, civil.ok_or_else(|| no_time(shown))?)
}

/// Date and time one after the other; the time is what the offset is measured with.
async fn parts(
    asker: &mut Asker,
    target: Target,
    edition: Edition,
) -> Result<Result<ClockReading, Trouble>, CliError> {
    let (date_item, time_item) = match edition {
        Edition::E2007 => (DATE, TIME),
        Edition::E1997 => (DATE_1997, TIME_1997),
    };
    for _ in 0..TRIES {
        let date = asker.ask(strict(target, date_item)).await?;
        let date = match day(&date, date_item) {
            Ok(date) => date,
            Err(trouble) => return Ok(Err(trouble)),
        };
        let told = asker.ask(strict(target, time_item)).await?;
        let (shown, address) = match value(&told, time_item) {
            Ok(found) => found,
            Err(trouble) => return Ok(Err(trouble)),
        };
        let Value::Time(time) = shown else { return Ok(Err(no_time(shown))) };
        let part = |part| time.part(part).unwrap_or_default();
        use dlt645::meter_time::Part::{Hour, Minute, Second};
        let civil = Civil::new(date.year(), date.month(), date.day(), part(Hour), part(Minute), part(Second));
        let Some(civil) = civil else { return Ok(Err(no_time(shown))) };
        // The date may have changed between the two answers.
        if civil.hour() != 0 || civil.minute() != 0 {
            return Ok(reading(asker, &told, address, edition, false, civil));
        }
    }
    Ok(Err(Trouble::new("it is midnight by the meter's clock: ask again", "电表时钟正值零点，请稍后再试")))
}

fn reading(
    asker: &Asker,
    told: &Told,
    address: AddressField,
    edition: Edition,
    is_whole: bool,
    shown: Civil,
) -> Result<ClockReading, Trouble> {
    let (asked, answered) = asker.answered_between(told);
    let offset = ClockOffset::measured(shown, asked, answered);
    Ok(ClockReading { address, edition, is_whole, shown, ours: offset.at, offset })
}

fn day(told: &Told, item: DataId) -> Result<Civil, Trouble> {
    let (shown, _) = value(told, item)?;
    match shown {
        Value::Time(date) => date.civil().ok_or_else(|| no_time(shown)),
        _ => Err(no_time(shown)),
    }
}

/// The one value of an answer, and who gave it.
fn value(told: &Told, item: DataId) -> Result<(Value<'_>, AddressField), Trouble> {
    let Outcome::Answered(answer) = &told.outcome else {
        return Err(Trouble::of(&told.outcome).unwrap_or_else(|| Trouble::new("no answer", "无应答")));
    };
    let read = catalog::find(item).map(|entry| entry.read(answer.payload()));
    match read {
        Some(Ok(Content::Values(mut values))) => {
            let reading = values.next();
            let value = reading.map(|reading| reading.value);
            value.map(|value| (value, answer.address)).ok_or_else(|| Trouble::new("no data", "无数据"))
        }
        _ => Err(Trouble::new("the answer is no time", "应答不是时间")),
    }
}

fn no_time(value: Value<'_>) -> Trouble {
    let (why, why_zh) = match value {
        Value::Absent(absence) => (absence.reason(), absence.reason_zh()),
        _ => ("not a time", "非法时间"),
    };
    Trouble::new(
        format!("the meter's clock shows no time ({why}): its battery may be empty"),
        format!("电表时钟无效（{why_zh}），可能电池欠压"),
    )
}

pub(super) const DATE_AND_TIME: DataId = DataId::new_2007(0x0400_010C);
pub(super) const DATE: DataId = DataId::new_2007(0x0400_0101);
pub(super) const TIME: DataId = DataId::new_2007(0x0400_0102);
pub(super) const DATE_1997: DataId = DataId::new_1997(0xC010);
pub(super) const TIME_1997: DataId = DataId::new_1997(0xC011);
/// How often date and time are read when it is midnight between them.
const TRIES: usize = 2;
