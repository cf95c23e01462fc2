//! Setting the clock of one meter, and proving it. (F14)

use std::io::Write;
use std::time::Duration;

use dlt645::address::MeterAddress;
use dlt645::data_id::DataId;
use dlt645::edition::Edition;
use dlt645::meter_time::{Civil, MeterTime, TimeFormat};
use dlt645::password::Credentials;
use dlt645::request::Request;

use super::super::CliError;
use super::super::asker::Asker;
use super::super::audit::Entry;
use super::super::change::{Changer, Fate, Order, Said, one_meter};
use super::super::clock_reading::{self, ClockReading, DATE, DATE_1997, DATE_AND_TIME, TIME, TIME_1997};
use super::super::trouble::Trouble;
use super::{Record, Shown, Time};
use crate::domain::Moment;
use crate::domain::meter_clock::{Correction, correction};

/// How setting ended.
struct Ended {
    done: Fate,
    why: Trouble,
    after: Option<ClockReading>,
}

impl Time {
    pub(super) async fn set_clock(&self, out: &mut impl Write) -> Result<(), CliError> {
        let meter = one_meter(self.meter)?;
        let mut changer = self.change.changer("time --set", &self.ask.place()).await?;
        let mut asker = Asker::open_to_change(&self.ask).await?;
        changer.refuse_after_refusal(meter, &self.password, asker.clock().now())?;
        let mut record = Record { meter: meter.to_string(), ..Record::default() };
        let before = match clock_reading::read(&mut asker, self.meter, self.edition()).await? {
            Ok(before) => before,
            Err(trouble) => {
                record.trouble = Some(trouble);
                self.print(out, &record)?;
                return Err(CliError::Failed("the clock could not be read: nothing was sent  未发送".into()));
            }
        };
        self.fill(&mut record, &before, &asker);
        match correction(before.offset, asker.clock().now(), self.tolerance) {
            Correction::NotNeeded => {
                record.ok = true;
                super::super::talk("nothing was sent: the clock is near enough  无需校时，未发送");
                return self.print(out, &record);
            }
            Correction::NotBefore(at) => {
                self.print(out, &record)?;
                let at = at.in_china();
                return Err(CliError::Failed(format!(
                    "nothing was sent: too near midnight, set it after {at}  临近零点，未发送"
                )));
            }
            Correction::ByBroadcast | Correction::ByWrite => {}
        }
        let credentials = self.password.credentials()?;
        let ended = self.write(&mut asker, &mut changer, meter, &before, &credentials).await?;
        self.tell(out, record, &before, ended, &asker)
    }

    fn tell(
        &self,
        out: &mut impl Write,
        mut record: Record,
        before: &ClockReading,
        ended: Ended,
        asker: &Asker,
    ) -> Result<(), CliError> {
        record.was = Some(Shown::of(before));
        (record.clock, record.advice) = (None, None);
        if let Some(after) = &ended.after {
            self.fill(&mut record, after, asker);
        }
        record.outcome = Some(ended.done);
        record.ok = ended.done == Fate::Done;
        record.trouble = (!record.ok).then(|| ended.why.clone());
        self.print(out, &record)?;
        match ended.done {
            Fate::Done => Ok(()),
            done => Err(CliError::Failed(format!("{}: {}  {}", done.told(), ended.why.en, ended.why.zh))),
        }
    }

    /// Writes date and time, in one order where the meter has one identifier for both, and reads back.
    async fn write(
        &self,
        asker: &mut Asker,
        changer: &mut Changer,
        meter: MeterAddress,
        before: &ClockReading,
        credentials: &Credentials,
    ) -> Result<Ended, CliError> {
        let mut last = None;
        for item in items(before) {
            let arrival = next_second(asker, item).await;
            let Some(civil) = arrival.civil() else {
                return Err(CliError::Failed(
                    "nothing was sent: this computer's clock is outside 2000 to 2099".into(),
                ));
            };
            // Time has passed since it was looked at: at the prompt, for instance.
            if let Correction::NotBefore(at) = correction(before.offset, arrival, self.tolerance) {
                let at = at.in_china();
                return Err(CliError::Failed(format!(
                    "nothing more was sent: too near midnight, set it after {at}  临近零点，未发送"
                )));
            }
            let order = Order {
                meter,
                what: format!("set the clock ({item}) to {civil}"),
                request: Request::write(meter, *item, credentials.clone(), value(*item, civil))
                    .map_err(|error| CliError::Failed(error.to_string()))?,
                credentials: Some((credentials.password.level(), credentials.operator)),
            };
            let (said, intent) = changer.give(asker, &order).await?;
            let is_accepted = matches!(said, Said::Accepted);
            if let Some((Said::Accepted, earlier)) = last.replace((said, intent)) {
                changer.ended(
                    asker,
                    &earlier,
                    Fate::Done,
                    "accepted; read back with the order that followed",
                );
            }
            if !is_accepted {
                break;
            }
        }
        match last {
            Some((said, intent)) => self.prove(asker, changer, before.edition, said, &intent).await,
            None => Err(CliError::Failed("nothing was sent".into())),
        }
    }

    /// Reads the clock again: what it shows settles what the answer left open.
    async fn prove(
        &self,
        asker: &mut Asker,
        changer: &mut Changer,
        edition: Edition,
        said: Said,
        intent: &Entry,
    ) -> Result<Ended, CliError> {
        if let Said::Not(why) = said {
            changer.ended(asker, intent, Fate::NotDone, &why.en);
            return Ok(Ended { done: Fate::NotDone, why, after: None });
        }
        // Whatever happens from here on, the order has left: an error is no reason to forget it.
        let after = clock_reading::read(asker, self.meter, Some(edition)).await;
        let after = after.unwrap_or_else(|error| Err(Trouble::new(error.to_string(), "线路故障")));
        let is_right = |reading: &ClockReading| {
            reading.offset.is_within(RIGHT.max(reading.offset.uncertainty.saturating_add(RIGHT)))
        };
        let (done, why) = match (&said, &after) {
            (Said::Accepted, Ok(after)) if is_right(after) => (Fate::Done, Trouble::new("done", "已执行")),
            (_, Ok(after)) if is_right(after) => {
                let why = Trouble::new("no answer came, and the clock reads right", "无应答，但时钟已正确");
                (Fate::Done, why)
            }
            (Said::Accepted, Ok(_)) => {
                let why = "the meter accepted the time and its clock is not right: read it again before another order";
                (Fate::Unknown, Trouble::new(why, "电表已接受，但时钟仍不正确"))
            }
            (Said::Nothing(why), Ok(_)) => {
                let en = format!("{}; its clock is not right now: look again before another order", why.en);
                (Fate::Unknown, Trouble::new(en, format!("{}；时钟尚未正确，请先复读", why.zh)))
            }
            (Said::Accepted, Err(why)) => {
                let en = format!("the meter accepted the time, and reading it back failed: {}", why.en);
                (Fate::Unknown, Trouble::new(en, format!("已接受，复读失败: {}", why.zh)))
            }
            (Said::Nothing(why) | Said::Not(why), Err(_)) => (Fate::Unknown, why.clone()),
            (Said::Not(why), Ok(_)) => (Fate::NotDone, why.clone()),
        };
        changer.ended(asker, intent, done, &why.en);
        Ok(Ended { done, why, after: after.ok() })
    }
}

/// What is written: one identifier for both, or the date where it is wrong and the time.
fn items(before: &ClockReading) -> &'static [DataId] {
    let is_right_day = before.ours.civil().is_some_and(|ours| {
        (ours.year(), ours.month(), ours.day())
            == (before.shown.year(), before.shown.month(), before.shown.day())
    });
    match (before.edition, before.is_whole, is_right_day) {
        (Edition::E2007, true, _) => &[DATE_AND_TIME],
        (Edition::E2007, false, true) => &[TIME],
        (Edition::E2007, false, false) => &[DATE, TIME],
        (Edition::E1997, _, true) => &[TIME_1997],
        (Edition::E1997, _, false) => &[DATE_1997, TIME_1997],
    }
}

fn value(item: DataId, civil: Civil) -> Vec<u8> {
    let format = match item {
        DATE_AND_TIME => TimeFormat::YYMMDDWWhhmmss,
        DATE | DATE_1997 => TimeFormat::YYMMDDWW,
        _ => TimeFormat::hhmmss,
    };
    MeterTime::from_civil(format, civil).wire().to_vec()
}

/// Waits until a request that is sent now will be heard to its end at a full second, and says which.
async fn next_second(asker: &Asker, item: &DataId) -> Moment {
    let timing = asker.timing();
    // Frame, identifier, password, operator and value, and the time the audit file takes.
    let bytes = usize::from(timing.wake_up_bytes) + 12 + item.edition().data_id_width() + 8 + 7;
    let on_the_wire = timing.wire_time(bytes) + AUDIT;
    let earliest = asker.clock().now().plus(on_the_wire).micros();
    let second = Moment::from_micros((earliest.div_euclid(SECOND) + 1).saturating_mul(SECOND));
    asker.clock().sleep_until(second.minus(on_the_wire)).await;
    second
}

const SECOND: i64 = 1_000_000;
/// What writing an intent to the disk is taken to take.
const AUDIT: Duration = Duration::from_millis(20);
/// A clock that was set is right within so much.
const RIGHT: Duration = Duration::from_secs(2);
