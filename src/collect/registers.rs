//! Meters that speak Modbus: what they show now, by their register map.
//!
//! They keep no freezes and no records, and mostly no clock. So a night reads their registers as they stand, each with the
//! instant it was read at: as with any live reading, what is billed from it for a midnight is an estimate. Energies are read
//! until two answers agree: a register may have moved from one to the other, but not back, and not by more than its
//! connection can carry. What is not a number, or has decimals that its item does not keep, is no value.

use std::time::Duration;

use dlt645::exchange::Report;

use super::ask::{AskedFor, Asker, Missed, silence};
use super::interpret::ItemValue;
use super::visit::{Brought, add, whole_second};
use crate::channel::{End, JobReport, RegisterOutcome, RegisterQuestion, Registers};
use crate::config::profile::{MapRow, Span};
use crate::domain::modbus::NoNumber;
use crate::domain::register::{State, step};
use crate::domain::{
    Day, DayCurve, Fetch, Item, ItemKind, MissingCause, Moment, Quality, SlotValue, SlotsPerDay, Source,
};
use crate::store::{Batch, Store};

/// What a span of registers held.
#[derive(Clone, Debug)]
pub(super) struct HeardSpan {
    pub(super) question: RegisterQuestion,
    /// Each item of the span, in its order, with its value or the reason why it has none.
    pub(super) values: Vec<(Item, Result<i64, NoNumber>)>,
    words: Vec<u16>,
    /// The frames of question and answer.
    pub(super) frames: Vec<Vec<u8>>,
    /// When the question had left, by our clock.
    pub(super) asked_at: Moment,
    /// When the answer was there.
    pub(super) answered_at: Moment,
    is_alone: bool,
}

impl HeardSpan {
    /// The values; none when an item that is wanted has none.
    pub(super) fn whole(&self, is_wanted: impl Fn(Item) -> bool) -> Result<Vec<ItemValue>, Missed> {
        let wanted = self.values.iter().filter(|(item, _)| is_wanted(*item));
        let value = |(item, value): &(Item, Result<i64, NoNumber>)| match value {
            Ok(value) => Ok(ItemValue { item: *item, value: *value, occurred: None, quality: Quality::Good }),
            Err(why) => {
                let cause = match why {
                    NoNumber::Absent => MissingCause::NoValue,
                    _ => MissingCause::WrongForm,
                };
                Err(Missed::new(cause, format!("{}: {}, {why}", self.question, item.code())))
            }
        };
        wanted.map(value).collect()
    }

    /// The frames, one behind the other.
    pub(super) fn wire(&self) -> Vec<u8> {
        self.frames.concat()
    }

    /// Whether a later answer may be to the same question to the same meter: registers move one way, and not too far.
    fn agrees(&self, later: &Self, asker: &Asker<'_>) -> bool {
        if self.words == later.words {
            return true;
        }
        let pairs = self.values.iter().zip(&later.values);
        pairs.into_iter().all(|((item, before), (_, now))| match (before, now, asker.profile.limits(*item)) {
            (Ok(before), Ok(now), Some(limits)) => {
                let state = |value: &i64, at| State { at, value: *value };
                step(state(before, self.asked_at), state(now, later.asked_at), limits).quality().is_accepted()
            }
            // What is no register of energy moves as it likes.
            (Ok(_), Ok(_), None) => item.kind() != ItemKind::Energy,
            (before, now, _) => before == now,
        })
    }
}

impl Asker<'_> {
    /// Reads the registers of a span once. Energies in it are read until two answers agree, beside neither of which anything
    /// was heard that could have been an answer, too (F6, F8).
    pub(super) async fn read_span(&self, span: &Span) -> Result<HeardSpan, Missed> {
        let address = self.site.meter.address;
        let question =
            RegisterQuestion::new(address, span.table, span.start, span.count).ok_or_else(|| {
                let why = "the last three digits of its address are no unit number, 001 to 247";
                Missed::new(MissingCause::NoPath, format!("{address}: {why}"))
            })?;
        let is_counted = span.rows.iter().any(|row| row.item.kind() == ItemKind::Energy);
        let mut before: Vec<HeardSpan> = Vec::new();
        for _ in 0..MOST_READS {
            let next = self.persist(|| self.read_once(question, span)).await?;
            if !next.is_alone {
                continue;
            }
            if !is_counted {
                return Ok(next);
            }
            if let Some(first) = before.iter().find(|before| before.agrees(&next, self)) {
                // The same may be a copy of the first, and held when that was asked.
                let is_same = first.words == next.words;
                return Ok(HeardSpan {
                    asked_at: if is_same { first.asked_at } else { next.asked_at },
                    ..next
                });
            }
            before.push(next);
        }
        let detail = format!("{question}: no two answers of {MOST_READS} agreed and were undisturbed");
        Err(Missed::new(MissingCause::Damaged, detail))
    }

    /// Asks once; where that has to wait for late answers to be over, and there is time for it, behind those.
    async fn read_once(&self, question: RegisterQuestion, span: &Span) -> Result<HeardSpan, Missed> {
        let asked = AskedFor::Registers(question);
        let mut report = self.put(asked, question.into()).await?;
        if let End::Registers(RegisterOutcome::NotAsked(_, wait)) = &report.end
            && self.waits_for_late
        {
            let until = tokio::time::sleep(*wait + A_MOMENT);
            tokio::select! { () = until => {} () = self.stop.cancelled() => {} }
            report = self.put(asked, question.into()).await?;
        }
        let End::Registers(outcome) = report.end.clone() else {
            return Err(Missed::new(MissingCause::Stopped, format!("{question}: no registers")));
        };
        match outcome {
            RegisterOutcome::Answered(registers) => Ok(self.heard_span(question, span, registers, &report)),
            RegisterOutcome::Refused { refusal, .. } => {
                let cause =
                    if refusal.is_no_data() { MissingCause::NoSuchData } else { MissingCause::Refused };
                Err(Missed::new(cause, format!("{question}: refused, {refusal}")))
            }
            RegisterOutcome::NotSent(_) => {
                Err(Missed::new(MissingCause::LineDown, format!("{question}: nothing was sent")))
            }
            RegisterOutcome::NotAsked(..) => {
                let detail = "it answers neither function 01 nor 02, and a late answer may still come";
                Err(Missed::new(MissingCause::Silent, format!("{question}: {detail}")))
            }
            RegisterOutcome::Silent(report) => Err(silence(asked, &report)),
        }
    }

    fn heard_span(
        &self,
        question: RegisterQuestion,
        span: &Span,
        registers: Registers,
        job: &JobReport,
    ) -> HeardSpan {
        let Registers { words, report: Report { frames, ended_at, .. } } = registers;
        let ended_at = tokio::time::Instant::from_std(ended_at);
        let value = |row: &MapRow| (row.item, row.form.decode(span.words(row, &words), row.item));
        HeardSpan {
            question,
            values: span.rows.iter().map(value).collect(),
            frames,
            asked_at: self.moment(job.asked_at.unwrap_or(ended_at)),
            answered_at: self.moment(job.answered_at.unwrap_or(ended_at)),
            is_alone: job.is_undisturbed(),
            words,
        }
    }

    fn fetch_of(&self, store: &Store, heard: &HeardSpan, items: Vec<Item>, at: (Moment, Moment)) -> Fetch {
        Fetch {
            id: store.new_fetch_id(heard.answered_at),
            meter: self.site.meter_id,
            items,
            from: at.0,
            until: at.1,
            source: Source::Live,
            collected_at: heard.answered_at,
            frames: heard.wire(),
            run: self.run,
        }
    }
}

/// Reads registers as they stand, each total with its tariffs, with the instant each was read at.
pub(super) async fn read_standing(asker: &Asker<'_>, store: &Store, totals: &[Item]) -> Brought {
    let mut batch = Batch::default();
    let is_wanted = |item: Item| item.with_tariff(0).is_some_and(|total| totals.contains(&total));
    let spans = asker.profile.map.spans(is_wanted);
    if spans.is_empty() {
        let detail = format!("the profile {} has no such registers", asker.profile.name);
        let missed = Some(Missed::new(MissingCause::NoSuchData, detail));
        return Brought { batch, missed, ..Brought::default() };
    }
    let mut first = None;
    for span in spans {
        let came = async {
            let heard = asker.read_span(&span).await?;
            let values = heard.whole(|_| true)?;
            Ok::<_, Missed>((heard, values))
        };
        match came.await {
            Ok((heard, values)) => {
                let at = whole_second(heard.asked_at);
                let items = values.iter().map(|value| value.item).collect();
                add(&mut batch, asker.fetch_of(store, &heard, items, (at, at)), values, at, None);
            }
            // What it says of one span is not said of the next.
            Err(missed) => {
                let may_go_on = missed.is_of_meter();
                first.get_or_insert(missed);
                if !may_go_on {
                    break;
                }
            }
        }
    }
    Brought { batch, missed: first, ..Brought::default() }
}

/// Reads items for a slot. An answer that comes behind `latest` is not of the slot any more and is no value.
pub(super) async fn poll_registers(
    asker: &Asker<'_>,
    store: &Store,
    items: &[Item],
    slots: SlotsPerDay,
    (slot, latest): (Moment, Moment),
) -> Brought {
    let mut brought = Brought::default();
    for span in asker.profile.map.spans(|item| items.contains(&item)) {
        let heard = match asker.read_span(&span).await {
            Ok(heard) if heard.asked_at <= latest => heard,
            Ok(heard) => {
                let detail = format!("{}: too late for the slot", heard.question);
                brought.missed = Some(Missed::new(MissingCause::OutOfTime, detail));
                break;
            }
            Err(missed) if missed.is_not_there() => continue,
            Err(missed) => {
                brought.missed = Some(missed);
                break;
            }
        };
        for (item, value) in &heard.values {
            let Ok(value) = *value else {
                let detail = format!("{}: no value of {}", heard.question, item.code());
                brought.missed.get_or_insert_with(|| Missed::new(MissingCause::NoValue, detail));
                continue;
            };
            let mut curve = DayCurve::new(asker.site.meter_id, *item, Day::of(slot), slots);
            curve.fill(slot, SlotValue { value, quality: Quality::Good });
            let fetch = asker.fetch_of(store, &heard, vec![*item], (slot, slot));
            brought.batch.curves.push((fetch.id, curve));
            brought.batch.fetches.push(fetch);
        }
    }
    brought
}

/// Behind the last moment of a late answer.
const A_MOMENT: Duration = Duration::from_millis(100);
/// How often something is read at most until two answers agree.
const MOST_READS: u32 = 12;
