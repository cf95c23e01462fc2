//! The judge of what terminals hold: curves of their meters and events of their own, against what is kept and what is told to be
//! missing (I01, I19, I20).

use std::collections::{BTreeMap, HashMap, HashSet};

use chaobiao::domain::{Coded, Day, MissingCause, Moment, RunKind, RunOutcome};

use crate::rig::{Behind, Town, at};

/// What was found when the store was compared with what terminals hold.
#[derive(Debug, Default)]
pub(crate) struct OfTerminals {
    /// Slots that a terminal holds of the day before the night and that are kept.
    pub(crate) slots: usize,
    /// Those that it holds and that are not kept, by the cause that was told.
    pub(crate) untold_slots: BTreeMap<&'static str, usize>,
    /// Events that are kept, each once.
    pub(crate) events: usize,
    /// What is lost without a word, or kept twice.
    pub(crate) wrong: Vec<String>,
}

/// An event by its code and bytes, in hexadecimal.
type Event = (i64, String);

/// How often each comes.
fn counted(events: impl IntoIterator<Item = Event>) -> BTreeMap<Event, usize> {
    let mut counts = BTreeMap::new();
    events.into_iter().for_each(|event| *counts.entry(event).or_default() += 1);
    counts
}

impl Town {
    /// Compares what terminals hold with what is kept: every slot of the day before a night is there, or is told with a cause
    /// that it has nothing to do with; every event noted up to `events_to` is kept, once. With `may_lie` a terminal may have told
    /// of another point what nothing tells apart.
    pub(crate) async fn judge_terminals(&self, night: Day, events_to: Moment, may_lie: bool) -> OfTerminals {
        let mut found = OfTerminals::default();
        let run = self.store.run_of("site", night, RunKind::Nightly).await.unwrap().unwrap();
        let outcomes = self.store.run_meters(run.id).await.unwrap();
        let outcomes: HashMap<_, _> = outcomes.into_iter().map(|outcome| (outcome.meter, outcome)).collect();
        let (day, items) = (night.previous(), &self.config.intervals.items);
        for terminal in &self.terminals {
            let points = self.store.meters_at(terminal.address).await.unwrap();
            for (point, meter) in &points {
                let polled =
                    |point: u16, instant: Moment| terminal.live.with(|c| c.has_polled(point, at(instant)));
                let other = terminal.live.with(|c| c.other_point(*point));
                let slots = (0..self.config.intervals.slots.count())
                    .map(|slot| self.config.intervals.slots.instant(day, slot))
                    .filter(|instant| polled(*point, *instant));
                let slots: Vec<Moment> = slots.collect();
                let mut there = HashSet::new();
                for curve in self.store.curves(&[*meter], items, day, day).await.unwrap() {
                    there.extend(curve.filled().map(|(instant, _)| (curve.item, instant)));
                }
                let all = items.iter().flat_map(|item| slots.iter().map(|instant| (*item, *instant)));
                let (kept, lost): (Vec<_>, Vec<_>) = all.partition(|slot| there.contains(slot));
                found.slots += kept.len();
                let outcome = outcomes.get(meter).unwrap();
                let told = match (outcome.outcome, outcome.holes) {
                    (_, Some((count, Some(cause)))) if usize::try_from(count).unwrap() >= lost.len() => {
                        Some(cause)
                    }
                    (RunOutcome::Missing(cause), None) => Some(cause),
                    _ => None,
                };
                // That it has no value is no cause where it has one, unless it told of another point, which has none.
                let is_lie = lost.iter().all(|(_, instant)| !polled(other, *instant));
                match told.filter(|cause| *cause != MissingCause::NoValue || may_lie && is_lie) {
                    _ if lost.is_empty() => {}
                    Some(cause) => *found.untold_slots.entry(cause.name()).or_default() += lost.len(),
                    None => found.wrong.push(format!(
                        "i20: {} p{point}: {} slots are lost, and {:?} {:?} is told",
                        terminal.address,
                        lost.len(),
                        outcome.outcome,
                        outcome.holes
                    )),
                }
            }
            self.judge_events(terminal, events_to, &mut found).await;
        }
        found
    }

    async fn judge_events(&self, terminal: &Behind, to: Moment, found: &mut OfTerminals) {
        let address = terminal.address;
        let sql = format!("SELECT important, ordinary FROM terminal WHERE address = '{address}'");
        let read: Vec<(Option<i64>, Option<i64>)> = self.rows(&sql).await;
        for important in [true, false] {
            // What is kept by its bytes alone, of code 0, is no event of the ring.
            let sql = format!(
                "SELECT code, body FROM terminal_event WHERE code <> 0 AND terminal = '{address}' AND important = {}",
                i64::from(important)
            );
            let kept = counted(self.rows::<Event>(&sql).await);
            let noted: Vec<(Event, Moment)> = terminal.live.with(|c| {
                let hex = |body: &[u8]| body.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
                let told = c.events(important).map(|event| {
                    let at = Moment::from_civil(event.noted_at.civil().unwrap());
                    ((i64::from(event.code), hex(&event.body)), at)
                });
                told.collect()
            });
            assert!(noted.len() < 256, "{address}: its memory has gone round");
            // Important ones are reported; the others are asked for, in the next night those that came since.
            let asked = read.first().and_then(|(_, ordinary)| *ordinary).unwrap_or_default();
            let due = match important {
                true => noted.iter().filter(|(_, at)| *at <= to).count(),
                false => usize::try_from(asked).unwrap(),
            };
            let all = counted(noted.iter().map(|(event, _)| event.clone()));
            let due = counted(noted.iter().take(due).map(|(event, _)| event.clone()));
            for (event, count) in &kept {
                if *count > all.get(event).copied().unwrap_or_default() {
                    found.wrong.push(format!("i01: {address}: {event:?} is kept {count} times"));
                }
            }
            for (event, count) in &due {
                let there = kept.get(event).copied().unwrap_or_default();
                if there < *count {
                    found.wrong.push(format!("i01: {address}: {event:?} is kept {there} times of {count}"));
                }
            }
            found.events += kept.values().sum::<usize>();
        }
    }
}
