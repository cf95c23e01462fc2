//! The order to freeze now, 16H, to one meter, and its proof.

use std::io::Write;

use dlt645::address::MeterAddress;
use dlt645::edition::Edition;
use dlt645::request::{Freeze as Moment, Request};
use serde::Serialize;

use super::super::CliError;
use super::super::asker::Asker;
use super::super::change::{Fate, Order, Said, one_meter};
use super::super::trouble::Trouble;
use super::super::{china_time, clock_reading};
use super::read::Taken;
use super::{Freeze, KindArg};

/// What became of the order, as it is printed.
#[derive(Debug, Serialize)]
struct Outcome {
    meter: String,
    ok: bool,
    outcome: Fate,
    /// The newest instant freeze before and after, by the meter's clock.
    #[serde(serialize_with = "china_time::json_or_none")]
    before: Option<String>,
    #[serde(serialize_with = "china_time::json_or_none")]
    at: Option<String>,
    #[serde(flatten)]
    trouble: Option<Trouble>,
}

impl Freeze {
    pub(super) async fn freeze_now(&self, out: &mut impl Write) -> Result<(), CliError> {
        let meter = one_meter(self.meter)?;
        let mut changer = self.change.changer("freeze --now", &self.ask.place()).await?;
        let mut asker = Asker::open_to_change(&self.ask).await?;
        let before = match self.newest(&mut asker).await? {
            Ok(before) => before,
            Err(trouble) => {
                return Err(CliError::Failed(format!(
                    "nothing was sent: the meter does not answer: {}  {}",
                    trouble.en, trouble.zh
                )));
            }
        };
        let order = Order {
            meter,
            what: "freeze the registers now".to_owned(),
            request: Request::freeze(meter, Moment::Now)
                .map_err(|error| CliError::Failed(error.to_string()))?,
            credentials: None,
        };
        let (said, intent) = changer.give(&mut asker, &order).await?;
        let after =
            self.newest(&mut asker).await.unwrap_or_else(|_| Err(Trouble::new("no answer", "无应答")));
        let (done, trouble) = judged(said, before.as_deref(), &after);
        let why = trouble.as_ref().map_or("done", |trouble| trouble.en.as_str());
        changer.ended(&asker, &intent, done, why);
        let outcome = outcome(meter, done, before, after.ok().flatten(), trouble);
        self.tell(out, &outcome)
    }

    /// The time of the newest instant freeze; `Ok(None)` when there is none yet.
    async fn newest(&self, asker: &mut Asker) -> Result<Result<Option<String>, Trouble>, CliError> {
        Ok(match self.time(asker, KindArg::Instant, 1).await? {
            Taken::At(at) => Ok(Some(at.to_string())),
            Taken::None(_) => Ok(None),
            // Some meters do not answer what they do not have: then the clock tells that it is there.
            Taken::Untold(trouble) => {
                match clock_reading::read(asker, self.meter, Some(Edition::E2007)).await? {
                    Ok(_) => Ok(None),
                    Err(_) => Err(trouble),
                }
            }
        })
    }

    fn tell(&self, out: &mut impl Write, outcome: &Outcome) -> Result<(), CliError> {
        if self.ask.json {
            super::super::write_json(out, outcome)?;
        } else {
            writeln!(out, "{}  freeze now  瞬时冻结", outcome.meter)?;
            writeln!(out, "  outcome  结果      {}", outcome.outcome.told())?;
            if let Some(at) = &outcome.at {
                writeln!(out, "  newest   最近一次  {at}  (chaobiao freeze --kind instant reads it)")?;
            }
        }
        match (&outcome.trouble, outcome.outcome) {
            (_, Fate::Done) => Ok(()),
            (Some(trouble), done) => {
                Err(CliError::Failed(format!("{}: {}  {}", done.told(), trouble.en, trouble.zh)))
            }
            (None, done) => Err(CliError::Failed(done.told().to_owned())),
        }
    }
}

/// What the answer and the newest freeze afterwards say together.
fn judged(
    said: Said,
    before: Option<&str>,
    after: &Result<Option<String>, Trouble>,
) -> (Fate, Option<Trouble>) {
    let is_new = matches!(after, Ok(Some(after)) if Some(after.as_str()) != before);
    match said {
        Said::Accepted => match after {
            Ok(Some(_)) => (Fate::Done, None),
            Ok(None) => {
                let why = Trouble::new(
                    "the meter accepted the order and has no such freeze",
                    "已接受，但无瞬时冻结数据",
                );
                (Fate::Unknown, Some(why))
            }
            Err(why) => {
                let en = format!("the meter accepted the order, and reading it back failed: {}", why.en);
                (Fate::Unknown, Some(Trouble::new(en, format!("已接受，复读失败: {}", why.zh))))
            }
        },
        Said::Not(why) => (Fate::NotDone, Some(why)),
        Said::Nothing(_) if is_new => (Fate::Done, None),
        Said::Nothing(why) => (Fate::Unknown, Some(why)),
    }
}

fn outcome(
    meter: MeterAddress,
    done: Fate,
    before: Option<String>,
    at: Option<String>,
    trouble: Option<Trouble>,
) -> Outcome {
    Outcome { meter: meter.to_string(), ok: done == Fate::Done, outcome: done, before, at, trouble }
}
