//! The judge: compares what is kept with what the simulated meters held. It knows nothing of how it came there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use chaobiao::domain::{
    Coded, Day, Id, Item, Meter, Moment, Quality, RunKind, RunMeter, RunOutcome, RunState, Source,
};
use dlt645::address::MeterAddress;
use simulator::world::fitted::Shared;

pub(crate) use crate::held::held;
use crate::rig::{Town, at};

/// What was found when a store was compared with the truth.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Accepted register reads that are as the meter had them.
    pub(crate) registers: usize,
    /// Among them, those read live.
    pub(crate) live: usize,
    /// Slots that are as the meter had them.
    pub(crate) slots: usize,
    /// Slots kept as suspect.
    pub(crate) suspect_slots: usize,
    /// Slots of the days judged that are empty, by the cause that was told.
    pub(crate) holes: BTreeMap<&'static str, usize>,
    /// Reads kept as suspect.
    pub(crate) suspect: BTreeMap<&'static str, usize>,
    /// Meters missing, by cause, of all nights.
    pub(crate) missing: BTreeMap<&'static str, usize>,
    /// Billing values that are what the readings make, and were handed over.
    pub(crate) billed: usize,
    /// What is not as it was.
    pub(crate) wrong: Vec<String>,
}

/// An accepted reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) value: i64,
    pub(crate) source: Source,
}

/// The accepted readings of a meter, by item and instant.
pub(crate) type Readings = BTreeMap<(String, Moment), Kept>;

/// The true moment at which a meter's own clock came to an instant; `None` when it did not within the tolerance of it.
pub(crate) fn marked(meter: &Shared, instant: Moment) -> Option<Moment> {
    let shared = meter.lock().unwrap();
    let shown = at(instant);
    let mark = shared.meter.truth().clock().when_showing(shown, shown.plus(-TOLERANCE_SECONDS))?;
    (mark.since(shown) <= TOLERANCE_SECONDS).then(|| Moment::from_civil(mark.civil().unwrap()))
}

impl Town {
    /// Compares everything that is kept of the days from `from` up to and with `until`; each of `nights` must have ended
    /// with every meter read or missing for a cause.
    pub(crate) async fn judge(&self, (from, until): (Day, Day), nights: &[Day]) -> Findings {
        let mut findings = Findings::default();
        let meters: BTreeMap<_, _> = self.numbers().await.into_iter().collect();
        let mut readings = HashMap::new();
        for (id, address) in &meters {
            readings.insert(*id, self.judge_registers(*id, *address, (from, until), &mut findings).await);
        }
        for night in nights {
            self.judge_night(*night, &meters, &readings, &mut findings).await;
        }
        let told = self.told(from, until).await;
        for (id, address) in &meters {
            self.judge_curves(*id, *address, (from, until), &told, &mut findings).await;
            if let Some(readings) = readings.get(id) {
                self.judge_bill(*address, readings, (from, until), &mut findings).await;
            }
        }
        self.judge_hand_over(&mut findings).await;
        findings
    }

    /// Whether a meter has a register at all: what it does not have it fills.
    fn has(&self, address: MeterAddress, item: Item) -> bool {
        let (entry, _) = self.meters.iter().find(|(entry, _)| entry.address == address).unwrap();
        let (code, habits) = (item.code(), &entry.habits);
        item.tariff() <= habits.tariffs && !(habits.fills_reverse && (code.c, code.d) == (2, 8))
    }

    /// What the night behind each of these days told of each meter.
    async fn told(&self, from: Day, until: Day) -> HashMap<Day, HashMap<Id<Meter>, RunMeter>> {
        let mut told = HashMap::new();
        for day in std::iter::successors(Some(from), |day| Some(day.next())).take_while(|day| *day < until) {
            let Some(run) = self.store.run_of("site", day.next(), RunKind::Nightly).await.unwrap() else {
                continue;
            };
            let outcomes = self.store.run_meters(run.id).await.unwrap();
            told.insert(day, outcomes.into_iter().map(|outcome| (outcome.meter, outcome)).collect());
        }
        told
    }

    /// Every accepted reading is what the meter held, and there is one of each key.
    async fn judge_registers(
        &self,
        id: Id<Meter>,
        address: MeterAddress,
        (from, until): (Day, Day),
        findings: &mut Findings,
    ) -> Readings {
        let meter = self.shared(address);
        let mut accepted = Readings::new();
        for kept in self.store.ledger(id, from.start(), until.next().start()).await.unwrap() {
            let reading = kept.reading;
            if let Quality::Suspect(_) = reading.quality {
                *findings.suspect.entry(reading.quality.name()).or_default() += 1;
                continue;
            }
            let key = (reading.item.code().to_string(), reading.as_of);
            let (item, as_of, source) = (&key.0, reading.as_of.in_china(), reading.source.name());
            let what = format!("{address} {item} at {as_of} ({source})");
            if !self.has(address, reading.item) {
                findings.wrong.push(format!("f9: {what}: {} is kept, and there is none", reading.value));
            }
            let span = match reading.source {
                // It holds for some instant between the question and the answer.
                Source::Live => Some((reading.as_of, reading.collected_at)),
                // Nobody went by the clock of the meter.
                Source::Manual => Some((reading.as_of, reading.as_of)),
                // It was taken when the meter's own clock showed the instant.
                _ => marked(meter, reading.as_of).map(|moment| (moment, moment)),
            };
            let truth =
                span.map(|(early, late)| [early, late].map(|at| held(meter, reading.item, at).unwrap()));
            let waited = reading.collected_at.since(reading.as_of);
            if reading.source == Source::Live && waited > LIVE_SPAN {
                findings
                    .wrong
                    .push(format!("i3: {what}: it may be {} s older than the answer", waited.as_secs()));
            }
            match truth {
                None => findings.wrong.push(format!("i3: {what}: the clock never showed that")),
                Some([least, most]) if (least..=most).contains(&reading.value) => {
                    findings.registers += 1;
                    findings.live += usize::from(reading.source == Source::Live);
                }
                Some(truth) => {
                    findings.wrong.push(format!("i2: {what}: {} is kept, {truth:?} was held", reading.value));
                }
            }
            if accepted.insert(key, Kept { value: reading.value, source: reading.source }).is_some() {
                findings.wrong.push(format!("i4: {what}: accepted twice"));
            }
        }
        accepted
    }

    /// The run has ended, with every planned meter read, its registers being there, or missing for a cause.
    async fn judge_night(
        &self,
        day: Day,
        meters: &BTreeMap<Id<Meter>, MeterAddress>,
        readings: &HashMap<Id<Meter>, Readings>,
        findings: &mut Findings,
    ) {
        let Some(run) = self.store.run_of("site", day, RunKind::Nightly).await.unwrap() else {
            findings.wrong.push(format!("i19: {day}: no run"));
            return;
        };
        let outcomes = self.store.run_meters(run.id).await.unwrap();
        let told: BTreeSet<_> = outcomes.iter().map(|outcome| outcome.meter).collect();
        let planned = usize::try_from(run.planned).unwrap();
        if outcomes.len() != planned || told.len() != planned {
            findings.wrong.push(format!("i19: {day}: {} outcomes of {planned} meters", outcomes.len()));
        }
        let is_complete = outcomes.iter().all(|outcome| outcome.outcome.is_read());
        let expected = if is_complete { RunState::Done } else { RunState::Partial };
        if run.state != expected || run.ended_at.is_none() {
            findings.wrong.push(format!("i19: {day}: {run:?}"));
        }
        let deadline = self.config.collection.deadline.on(day);
        let total = self.config.collection.registers.first().unwrap();
        for outcome in outcomes {
            let Some(address) = meters.get(&outcome.meter) else { continue };
            match outcome.outcome {
                RunOutcome::Waiting => findings.wrong.push(format!("i19: {day} {address}: no outcome")),
                RunOutcome::Missing(cause) => *findings.missing.entry(cause.name()).or_default() += 1,
                RunOutcome::Read => {
                    let of_night = |code: &str| {
                        let of_item = readings[&outcome.meter].range((code.to_owned(), day.start())..);
                        let mut of_item =
                            of_item.take_while(|((item, at), _)| item == code && *at <= deadline);
                        of_item.any(|((_, at), kept)| kept.source == Source::Live || *at == day.start())
                    };
                    let items = (0..=4).filter_map(|tariff| total.with_tariff(tariff));
                    let items = items.filter(|item| self.has(*address, *item));
                    let codes: Vec<String> = items.map(|item| item.code().to_string()).collect();
                    if let Some(lacks) = codes.iter().find(|code| !of_night(code)) {
                        findings.wrong.push(format!("i19: {day} {address}: read, and there is no {lacks}"));
                    }
                }
            }
        }
    }

    /// Every slot is what the meter held, and every empty one is told of with its cause in the night of its day.
    async fn judge_curves(
        &self,
        id: Id<Meter>,
        address: MeterAddress,
        (from, until): (Day, Day),
        told: &HashMap<Day, HashMap<Id<Meter>, RunMeter>>,
        findings: &mut Findings,
    ) {
        let items = &self.config.intervals.items;
        let meter = self.shared(address);
        let mut filled: HashMap<(Item, Day), usize> = HashMap::new();
        for curve in self.store.curves(&[id], items, from, until).await.unwrap() {
            for (instant, slot) in curve.filled() {
                if self.config.intervals.slots.slot_of(instant).is_some() {
                    *filled.entry((curve.item, curve.day)).or_default() += 1;
                }
                if !slot.quality.is_accepted() {
                    findings.suspect_slots += 1;
                    continue;
                }
                // The record of a quarter of an hour is taken when the meter's own clock shows it.
                let truth = marked(meter, instant).map(|marked| held(meter, curve.item, marked).unwrap());
                if truth == Some(slot.value) {
                    findings.slots += 1;
                } else {
                    let (item, at, value) = (curve.item.code(), instant.in_china(), slot.value);
                    findings.wrong.push(format!("i3: {address} {item} slot {at}: {value}, not {truth:?}"));
                }
            }
        }
        let each = usize::from(self.config.intervals.slots.count());
        let days = std::iter::successors(Some(from), |day| Some(day.next())).take_while(|day| *day < until);
        for day in days {
            let Some(outcome) = told.get(&day).and_then(|told| told.get(&id)) else { continue };
            let there: usize = items.iter().filter_map(|item| filled.get(&(*item, day))).sum();
            let empty = each * items.len() - there.min(each * items.len());
            // A meter that keeps no load record has no curve to miss.
            if there == 0 && outcome.holes.is_none() && outcome.outcome.is_read() {
                continue;
            }
            let (cause, told) = match (outcome.holes, outcome.outcome) {
                (Some((count, Some(cause))), _) => (cause.name(), usize::try_from(count).unwrap()),
                (None, RunOutcome::Missing(cause)) => (cause.name(), empty),
                _ => ("", 0),
            };
            if empty > 0 {
                *findings.holes.entry(cause).or_default() += empty;
            }
            let is_told = told >= empty;
            if empty > 0 && !is_told {
                findings.wrong.push(format!("i19: {address} {day}: {empty} slots are empty without a cause"));
            }
        }
    }
}

/// When a live value held is known at least so well.
const LIVE_SPAN: Duration = Duration::from_secs(120);
/// How far from an instant a clock that counts as right may have shown it.
const TOLERANCE_SECONDS: i64 = 300;
