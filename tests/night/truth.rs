//! The judge: compares what is kept with what the simulated meters held. It knows nothing of how it came there.

use std::collections::BTreeMap;

use chaobiao::domain::{Coded, Day, Id, Item, Meter, Moment, Quality, Source};
use dlt645::address::MeterAddress;
use simulator::tariff::Tariff;
use simulator::truth::register::{Energy, Quadrant, Register};
use simulator::world::file::MeterEntry;
use simulator::world::fitted::Shared;

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
    /// Reads kept as suspect.
    pub(crate) suspect: BTreeMap<&'static str, usize>,
    /// What is not as it was.
    pub(crate) wrong: Vec<String>,
}

/// The simulator's register of an item.
fn register(item: Item) -> Option<Register> {
    let code = item.code();
    let energy = match (code.c, code.d) {
        (1, 8) => Energy::ForwardActive,
        (2, 8) => Energy::ReverseActive,
        (3, 8) => Energy::CombinedReactive1,
        (4, 8) => Energy::CombinedReactive2,
        (5, 8) => Energy::Reactive(Quadrant::I),
        (6, 8) => Energy::Reactive(Quadrant::II),
        (7, 8) => Energy::Reactive(Quadrant::III),
        (8, 8) => Energy::Reactive(Quadrant::IV),
        _ => return None,
    };
    match code.e {
        0 => Some(Register::total(energy)),
        tariff => Some(Register::tariff(energy, Tariff::from_number(tariff)?)),
    }
}

/// What a meter held, in the item's last decimal place; the meter counts in hundredths.
pub(crate) fn held(meter: &Shared, item: Item, moment: Moment) -> Option<i64> {
    let shared = meter.lock().unwrap();
    let shown = shared.meter.truth().shown(register(item)?, at(moment));
    Some(shown * 10_i64.pow(u32::from(item.decimals()) - 2))
}

impl Town {
    fn meter(&self, address: MeterAddress) -> &(MeterEntry, Shared) {
        self.meters.iter().find(|(entry, _)| entry.address == address).unwrap()
    }

    /// The numbers the store gives the meters.
    pub(crate) async fn numbers(&self) -> Vec<(Id<Meter>, MeterAddress)> {
        let sites = self.store.site_meters().await.unwrap();
        sites.into_iter().map(|site| (site.meter_id, site.meter.address)).collect()
    }

    /// Compares everything that is kept of the days from `from` up to and with `until`.
    pub(crate) async fn judge(&self, from: Day, until: Day) -> Findings {
        let mut findings = Findings::default();
        for (id, address) in self.numbers().await {
            let (entry, meter) = self.meter(address);
            self.judge_registers(id, entry, meter, (from.start(), until.next().start()), &mut findings).await;
            self.judge_curves(id, entry, meter, (from, until), &mut findings).await;
        }
        findings
    }

    async fn judge_registers(
        &self,
        id: Id<Meter>,
        entry: &MeterEntry,
        meter: &Shared,
        (from, until): (Moment, Moment),
        findings: &mut Findings,
    ) {
        for kept in self.store.ledger(id, from, until).await.unwrap() {
            let reading = kept.reading;
            if let Quality::Suspect(_) = reading.quality {
                *findings.suspect.entry(reading.quality.name()).or_default() += 1;
                continue;
            }
            let (early, late) = match reading.source {
                // It holds for some instant between the question and the answer.
                Source::Live => (reading.as_of, reading.collected_at),
                // It was taken when the meter's own clock showed midnight.
                _ => (marked(meter, reading.as_of), marked(meter, reading.as_of)),
            };
            let truth = [early, late].map(|moment| held(meter, reading.item, moment).unwrap());
            if (truth[0]..=truth[1]).contains(&reading.value) {
                findings.registers += 1;
                findings.live += usize::from(reading.source == Source::Live);
            } else {
                let (item, as_of) = (reading.item.code(), reading.as_of.in_china());
                let (value, source) = (reading.value, reading.source.name());
                findings.wrong.push(format!(
                    "{} {item} at {as_of} ({source}): {value} is kept, {truth:?} was held",
                    entry.address
                ));
            }
        }
    }

    async fn judge_curves(
        &self,
        id: Id<Meter>,
        entry: &MeterEntry,
        meter: &Shared,
        (from, until): (Day, Day),
        findings: &mut Findings,
    ) {
        let items = &self.config.intervals.items;
        for curve in self.store.curves(&[id], items, from, until).await.unwrap() {
            for (instant, slot) in curve.filled() {
                // The record of a quarter of an hour is taken when the meter's own clock shows it.
                let marked = marked(meter, instant);
                let truth = held(meter, curve.item, marked).unwrap();
                if truth == slot.value {
                    findings.slots += 1;
                } else {
                    let (item, at) = (curve.item.code(), instant.in_china());
                    let value = slot.value;
                    findings.wrong.push(format!("{} {item} slot {at}: {value}, not {truth}", entry.address));
                }
            }
        }
    }
}

/// The true moment at which a meter's clock showed an instant.
pub(crate) fn marked(meter: &Shared, instant: Moment) -> Moment {
    let shared = meter.lock().unwrap();
    let clock = shared.meter.truth().clock();
    let shown = at(instant);
    let moment = clock.when_showing(shown, shown.plus(-90_000)).unwrap_or(shown);
    Moment::from_civil(moment.civil().unwrap())
}
