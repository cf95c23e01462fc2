//! One meter of a job: the questions of its groups, one after the other.

use std::sync::PoisonError;

use dlt645::data_id::DataId;
use dlt645::exchange::LengthRule;

use super::super::ask::{Asker, Heard, Missed};
use super::super::interpret::ItemValue;
use super::super::visit::{ClockReading, CurveWanted, read_curve, read_session};
use super::super::{identifier, interpret};
use super::answer::{self, came, lengths, missing, named, of_block, of_items};
use super::board::Now;
use super::questions::{self, Ask, asks};
use crate::config::Intervals;
use crate::domain::register::State;
use crate::domain::{
    Day, Item, ItemKind, MeterProtocol, MissingCause, Moment, Quality, ReadAnswer, ReadGroup, ReadValue,
    RegisterKey,
};
use crate::plan::CurveGap;
use crate::store::{StatusWords, Store};

/// A meter that is asked for the groups of a job.
#[derive(Debug)]
pub(super) struct Visit<'a> {
    pub(super) asker: Asker<'a>,
    pub(super) store: &'a Store,
    pub(super) intervals: &'a Intervals,
    pub(super) now: &'a Now,
}

impl Visit<'_> {
    /// What came of a group: never nothing. What the meter does not have is left out where something else came.
    pub(super) async fn group(&self, group: ReadGroup) -> Vec<ReadAnswer> {
        let profile = self.asker.profile;
        if profile.protocol == MeterProtocol::Modbus {
            return self.registers_of(group).await;
        }
        let asks = asks(group, self.asker.edition(), profile);
        let mut absent = Missed::new(
            MissingCause::NoSuchData,
            format!("the profile {} has no {}", profile.name, group.name_en()),
        );
        let mut answers = Vec::new();
        for (done, ask) in asks.iter().enumerate() {
            self.step(group, done, asks.len());
            match self.ask(group, ask).await {
                Ok(came) => answers.extend(came),
                Err(missed) if missed.is_not_there() => absent = missed,
                Err(missed) => {
                    let is_hopeless = is_hopeless(missed.cause);
                    answers.push(missing(group, &self.name(ask), missed));
                    if is_hopeless {
                        break;
                    }
                }
            }
        }
        if answers.is_empty() {
            answers.push(missing(group, "", absent));
        }
        answers
    }

    /// What the register map of the meter has for a group.
    async fn registers_of(&self, group: ReadGroup) -> Vec<ReadAnswer> {
        let profile = self.asker.profile;
        let spans = profile.map.spans(|item| is_of(group, item));
        let mut answers = Vec::new();
        for (done, span) in spans.iter().enumerate() {
            self.step(group, done, spans.len());
            let came = async {
                let heard = self.asker.read_span(span).await?;
                let values = heard.whole(|_| true)?;
                Ok::<_, Missed>((heard, values))
            };
            match came.await {
                Ok((heard, values)) => {
                    let before = self.before(&values, heard.asked_at).await;
                    answers.push(answer::came_by_registers(group, &heard, of_items(&values, &before, None)));
                }
                Err(missed) => {
                    let is_hopeless = is_hopeless(missed.cause);
                    answers.push(missing(group, "", missed));
                    if is_hopeless {
                        break;
                    }
                }
            }
        }
        if answers.is_empty() {
            let why = format!("the profile {} has no {}", profile.name, group.name_en());
            answers.push(missing(group, "", Missed::new(MissingCause::NoSuchData, why)));
        }
        answers
    }

    async fn ask(&self, group: ReadGroup, ask: &Ask) -> Result<Vec<ReadAnswer>, Missed> {
        match ask {
            Ask::Register(total) => self.register(group, *total).await.map(|answer| vec![answer]),
            Ask::Values { id, otherwise, is_read_twice } => {
                match self.values(group, *id, *is_read_twice).await {
                    Err(missed) if is_refused(&missed) && !otherwise.is_empty() => {
                        self.singly(group, otherwise, missed).await
                    }
                    other => other.map(|answer| vec![answer]),
                }
            }
            Ask::Clock => self.clock(group).await,
            Ask::Freeze(back) => self.freeze(group, *back).await,
            Ask::Curve => self.curve(group).await,
            Ask::Event(id) => self.event(group, *id).await,
        }
    }

    /// A register that may reach a bill is read twice also where nobody bills it: no operator is to rely on a turned bit (F8).
    async fn register(&self, group: ReadGroup, total: Item) -> Result<ReadAnswer, Missed> {
        let (edition, profile) = (self.asker.edition(), self.asker.profile);
        let id = identifier::live(total, edition).ok_or_else(|| no_identifier(total))?;
        let block = self.of_register(total, id, &interpret::length_of_block(total, id, profile)).await;
        let (heard, values) = match block {
            Ok(heard) => {
                let block = interpret::block(total, &heard, profile)?;
                let before = self.before(&block.values, heard.asked_at).await;
                let values = of_block(&block, &before, None)?;
                return Ok(came(&self.asker, group, &heard, values));
            }
            Err(missed) if missed.is_not_there() => {
                let id = identifier::single(total, edition).ok_or_else(|| no_identifier(total))?;
                let heard = self.of_register(total, id, &lengths(id)).await?;
                let value = interpret::single(total, &heard, profile)?;
                (heard, vec![value])
            }
            Err(missed) => return Err(missed),
        };
        let before = self.before(&values, heard.asked_at).await;
        Ok(came(&self.asker, group, &heard, of_items(&values, &before, None)))
    }

    async fn values(&self, group: ReadGroup, id: DataId, is_read_twice: bool) -> Result<ReadAnswer, Missed> {
        let rule = lengths(id);
        let heard = if is_read_twice { self.twice(id, &rule).await? } else { self.once(id, &rule).await? };
        let values = named(&heard)?;
        if is_read_twice && heard.is_surely_new {
            self.tell_of_relay(&heard).await;
        }
        Ok(came(&self.asker, group, &heard, values))
    }

    /// Has a relay compared that status word 3 shows; nobody who waits for the answer waits for a database that is away (T3).
    async fn tell_of_relay(&self, heard: &Heard) {
        if heard.id != DataId::new_2007(STATUS_WORD_3) {
            return;
        }
        let digits: String = heard.payload.iter().rev().map(|byte| format!("{byte:02X}")).collect();
        let (meter, collected_at) = (self.asker.site.meter_id, heard.answered_at);
        let words = serde_json::json!({ (heard.id.to_string()): digits }).to_string();
        let words = StatusWords { meter, day: Day::of(collected_at), words, collected_at };
        if let Err(error) = self.store.tell_of_relay(&words).await {
            let address = self.asker.site.meter.address;
            tracing::warn!(meter.address = %address, kind = error.kind(), "the relay of {address} is not compared: {error}");
        }
    }

    /// The parts of a block that the meter does not have, as far as it has them; else what became of the block.
    async fn singly(
        &self,
        group: ReadGroup,
        codes: &[u32],
        of_block: Missed,
    ) -> Result<Vec<ReadAnswer>, Missed> {
        let mut answers = Vec::new();
        for code in codes {
            let Some(id) = questions::identifier(self.asker.edition(), *code) else { continue };
            match self.values(group, id, false).await {
                Ok(answer) => answers.push(answer),
                Err(missed) if is_refused(&missed) => {}
                Err(missed) => return Err(missed),
            }
        }
        if answers.is_empty() { Err(of_block) } else { Ok(answers) }
    }

    /// Date and time as the meter shows them, and how far they are off.
    async fn clock(&self, group: ReadGroup) -> Result<Vec<ReadAnswer>, Missed> {
        let (reading, [date, time]) = read_session(&self.asker).await?;
        let mut answers = Vec::new();
        for heard in [&date, &time] {
            answers.push(came(&self.asker, group, heard, named(heard)?));
        }
        if let (ClockReading::Off(offset), Some(last)) = (reading, answers.last_mut()) {
            let known = i64::try_from(offset.uncertainty.as_micros()).unwrap_or(i64::MAX);
            last.values.push(answer::seconds(("clock is fast by", "时钟快"), offset.fast_us));
            last.values.push(answer::seconds(("known to within", "误差不超过"), known));
        }
        Ok(answers)
    }

    /// A daily freeze, with the time at which the meter says that it took it, before the values and behind them.
    async fn freeze(&self, group: ReadGroup, back: u8) -> Result<Vec<ReadAnswer>, Missed> {
        let time_id = identifier::daily_freeze_time(back);
        let rule = LengthRule::exact([5]);
        let dated = interpret::freeze_time(&self.twice(time_id, &rule).await?)?;
        let mut answers = Vec::new();
        for total in TOTALS.iter().filter_map(|total| Item::parse(total)) {
            let Some(id) = identifier::daily_freeze(total, back) else { continue };
            let rule = interpret::length_of_block(total, id, self.asker.profile);
            match self.twice(id, &rule).await {
                Ok(heard) => {
                    let block = interpret::block(total, &heard, self.asker.profile)?;
                    answers.push(match of_block(&block, &[], Some(&dated.to_string())) {
                        Ok(values) => came(&self.asker, group, &heard, values),
                        Err(missed) if missed.is_not_there() => continue,
                        Err(missed) => missing(group, &id.to_string(), missed),
                    });
                }
                Err(missed) if missed.is_not_there() => {}
                Err(missed) => return Err(missed),
            }
        }
        let again = interpret::freeze_time(&self.twice(time_id, &rule).await?)?;
        if again != dated {
            let detail = format!("{time_id}: freeze {back} was of {dated}, then of {again}");
            return Err(Missed::new(MissingCause::NoFreeze, detail));
        }
        if answers.is_empty() { Err(no_data(time_id)) } else { Ok(answers) }
    }

    /// The load records of today up to now.
    async fn curve(&self, group: ReadGroup) -> Result<Vec<ReadAnswer>, Missed> {
        let (now, slots) = (self.asker.clock.now(), self.intervals.slots);
        let day = Day::of(now);
        let past = (0..slots.count()).map(|slot| slots.instant(day, slot)).filter(|at| *at <= now);
        let gap = CurveGap {
            day,
            items: self.intervals.items.clone(),
            from: day.start(),
            until: past.max().unwrap_or(now),
            slots: 0,
        };
        let (mut answers, mut missed) = (Vec::new(), None);
        for wanted in CurveWanted::by_kind(&gap, slots, Quality::Good) {
            let brought = read_curve(&self.asker, self.store, &wanted).await;
            missed = missed.or(brought.missed);
            let id = identifier::load_record(wanted.kind).to_string();
            for fetch in brought.batch.fetches {
                let own = brought.batch.curves.iter().filter(|(of, _)| *of == fetch.id);
                let slot = |item: Item, at: Moment, value: i64| ReadValue {
                    meter_time: Some(answer::shown_time(at)),
                    ..answer::of_item(item, value)
                };
                let values = own.flat_map(|(_, curve)| {
                    curve.filled().map(move |(at, filled)| slot(curve.item, at, filled.value))
                });
                answers.push(ReadAnswer {
                    group,
                    data_id: id.clone(),
                    given: Some((now, fetch.collected_at)),
                    is_doubtful: false,
                    values: values.collect(),
                    frames: fetch.frames,
                    missing: None,
                });
            }
        }
        match missed {
            Some(missed) if answers.is_empty() => Err(missed),
            Some(missed) => {
                answers.push(missing(group, "", missed));
                Ok(answers)
            }
            None if answers.is_empty() => Err(no_data(identifier::load_record(1))),
            None => Ok(answers),
        }
    }

    /// How often an event has happened, and its newest record.
    async fn event(&self, group: ReadGroup, id: DataId) -> Result<Vec<ReadAnswer>, Missed> {
        let heard = self.twice(id, &lengths(id)).await?;
        let count = answer::count(&heard)?;
        let mut answers = vec![came(&self.asker, group, &heard, named(&heard)?)];
        if count > 0 {
            let newest = DataId::new_2007(id.code() | 1);
            match self.twice(newest, &LengthRule::Any).await {
                Ok(record) => answers.push(came(&self.asker, group, &record, named(&record)?)),
                Err(missed) if is_refused(&missed) => {}
                Err(missed) => return Err(missed),
            }
        }
        Ok(answers)
    }

    /// Reads until nothing speaks against the answer being that to this question; what stays in doubt is told as such.
    async fn once(&self, id: DataId, rule: &LengthRule) -> Result<Heard, Missed> {
        let mut doubtful = None;
        for _ in 0..MOST_READS {
            let heard = self.asker.read(id, rule.clone()).await?;
            if heard.is_alone && heard.is_surely_new {
                return Ok(heard);
            }
            if heard.is_alone {
                doubtful = Some(heard);
            }
        }
        let detail = || format!("{id}: every answer of {MOST_READS} was disturbed");
        doubtful.ok_or_else(|| Missed::new(MissingCause::Damaged, detail()))
    }

    /// The same until two answers say the same.
    async fn twice(&self, id: DataId, rule: &LengthRule) -> Result<Heard, Missed> {
        let heard = self.asker.read_twice(id, rule).await?;
        if heard.is_surely_new { Ok(heard) } else { self.asker.read_twice(id, rule).await }
    }

    /// The same of a register, which may move on between the two.
    async fn of_register(&self, total: Item, id: DataId, rule: &LengthRule) -> Result<Heard, Missed> {
        let heard = self.asker.read_register(total, id, rule).await?;
        if heard.is_surely_new { Ok(heard) } else { self.asker.read_register(total, id, rule).await }
    }

    /// What was known of these items before; without the database nothing is.
    async fn before(&self, values: &[ItemValue], asked_at: Moment) -> Vec<Option<State>> {
        let meter = self.asker.site.meter_id;
        let key = |value: &ItemValue| RegisterKey { meter, item: value.item, as_of: asked_at };
        let keys: Vec<RegisterKey> = values.iter().map(key).collect();
        let known = self.store.neighbours(&keys).await.unwrap_or_default();
        keys.iter().map(|key| known.get(key).and_then(|beside| beside.before)).collect()
    }

    fn step(&self, group: ReadGroup, done: usize, of: usize) {
        *self.now.step.lock().unwrap_or_else(PoisonError::into_inner) = Some((group, done, of));
    }

    /// The identifier that stands for a question, where there is one.
    fn name(&self, ask: &Ask) -> String {
        let edition = self.asker.edition();
        let id = match ask {
            Ask::Register(total) => identifier::live(*total, edition),
            Ask::Values { id, .. } | Ask::Event(id) => Some(*id),
            Ask::Clock => Some(identifier::clock(edition).0),
            Ask::Freeze(back) => Some(identifier::daily_freeze_time(*back)),
            Ask::Curve => None,
        };
        id.map(|id| id.to_string()).unwrap_or_default()
    }
}

/// Whether an item belongs to a group.
const fn is_of(group: ReadGroup, item: Item) -> bool {
    match group {
        ReadGroup::Registers => matches!(item.kind(), ItemKind::Energy),
        ReadGroup::Demand => matches!(item.kind(), ItemKind::MaximumDemand | ItemKind::Demand),
        ReadGroup::Instantaneous => matches!(item.kind(), ItemKind::Instantaneous),
        ReadGroup::Clock | ReadGroup::Status | ReadGroup::Freezes | ReadGroup::Curve | ReadGroup::Events => {
            false
        }
    }
}

/// True when it is of no use to ask the meter for more now.
pub(super) const fn is_hopeless(cause: MissingCause) -> bool {
    matches!(
        cause,
        MissingCause::Silent
            | MissingCause::LineDown
            | MissingCause::LineChatter
            | MissingCause::OutOfTime
            | MissingCause::Stopped
    )
}

/// True when the meter answered, and has not what was asked for, or not in this form.
const fn is_refused(missed: &Missed) -> bool {
    matches!(missed.cause, MissingCause::NoSuchData | MissingCause::Refused | MissingCause::WrongForm)
}

fn no_identifier(item: Item) -> Missed {
    Missed::new(MissingCause::NoSuchData, format!("no identifier gives {}", item.code()))
}

fn no_data(id: DataId) -> Missed {
    Missed::new(MissingCause::NoSuchData, format!("{id}: nothing came"))
}

/// The registers of a freeze that are shown.
const TOTALS: [&str; 2] = ["1.8.0", "2.8.0"];
/// Status word 3, which shows the relay. [645-2007 6]
const STATUS_WORD_3: u32 = 0x0400_0503;
/// How often something is read until an answer is beyond doubt.
const MOST_READS: u32 = 4;
