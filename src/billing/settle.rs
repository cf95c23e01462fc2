//! Settling what is due: values are computed anew, and what says something else becomes the next version.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::compute::{self, Facts};
use super::flow::{self, Flow};
use super::lineage;
use super::rules::Rules;
use crate::domain::{
    BillingKey, BillingKind, BillingVersion, Day, Id, Item, Meter, MeteringPoint, Moment, Open, RegisterKey,
};
use crate::store::archive::PointHistory;
use crate::store::billing::{Change, Settling, Span};
use crate::store::{Store, StoreError};

/// What settling did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// New versions of registers.
    pub registers: usize,
    /// New versions of consumptions.
    pub consumptions: usize,
    /// Consumptions of days that are over and could not be computed; [`super::open_days`] says why.
    pub open: usize,
}

/// Settles all that is due. Doing it again changes nothing.
///
/// # Errors
/// [`StoreError`] when the database cannot; what was settled before stays, the rest is due as before.
pub async fn settle_due(store: &Store, rules: &Rules, now: Moment) -> Result<Settled, StoreError> {
    look_again(store, rules).await?;
    let mut all = Settled::default();
    while let Some(settling) = store.settling(AT_A_TIME).await? {
        let settled = settle(settling, rules, now).await?;
        all.registers += settled.registers;
        all.consumptions += settled.consumptions;
        all.open += settled.open;
    }
    Ok(all)
}

/// Notes what is open as due where other rules hold than those by which it was settled last: what could not be computed, or
/// was taken back, by a limit that was wrong is computed by the right one.
async fn look_again(store: &Store, rules: &Rules) -> Result<(), StoreError> {
    let text = rules.text();
    let Some(other) = store.other_rules(&text).await? else { return Ok(()) };
    let mut noted = 0;
    if let Some((first, last)) = store.billing_days().await? {
        let items = rules.used();
        let mut day = first;
        while day <= last.next() {
            noted += store.note_open(day, &items).await?;
            day = day.next();
        }
    }
    if noted > 0 {
        tracing::info!(
            noted,
            "the rules of billing, or profiles of meters, are others: what is open is computed anew"
        );
    }
    store.note_rules(&text, other).await
}

async fn settle(mut settling: Settling, rules: &Rules, now: Moment) -> Result<Settled, StoreError> {
    let histories = settling.histories().await?;
    let mut affected = affected(settling.affected(), &histories);
    if let Some(kept) = settling.keep_from().await? {
        affected.values_mut().for_each(|days| days.retain(|day| *day >= kept));
    }
    let ends = |days: &BTreeSet<Day>| days.first().copied().zip(days.last().copied());
    let mut meters = Vec::new();
    let mut points = Vec::new();
    for (point, days) in &affected {
        let Some(((first, last), history)) = ends(days).zip(histories.get(point)) else { continue };
        meters.extend(compute::spans(rules, history, first, last));
        points.push(Span { of: *point, from: first.start(), until: last.start() });
    }
    let readings = settling.readings(&meters, &rules.items).await?;
    let flow = Flow::of(settling.recorded(&flow::still(&readings)).await?);
    let ids: Vec<Id<Meter>> = meters.iter().map(|span| span.of).collect();
    let types = settling.meter_types(&ids).await?;
    let newest = settling.values(&points, &rules.items).await?;
    let floor = settling.floor().await?;
    let mut found = Found {
        newest: &newest,
        floor,
        changes: Vec::new(),
        doubted: Vec::new(),
        settled: Settled::default(),
        now,
    };
    for (point, days) in &affected {
        let Some(history) = histories.get(point) else { continue };
        let facts = Facts { rules, types: &types, readings: &readings, history, flow: &flow };
        for item in &rules.items {
            found.look_at(&facts, *point, *item, days);
        }
    }
    let Found { changes, doubted, settled, .. } = found;
    settling.doubt(&doubted, now).await?;
    let receivers: Vec<&str> = rules.receivers.iter().map(String::as_str).collect();
    settling.book(&changes, &receivers, now).await?;
    Ok(settled)
}

/// The days to be computed anew, by point, in order: those of all points a meter ever measured, since a value may rest on
/// what was thought to be there before a swap was told.
fn affected(
    days: impl Iterator<Item = (Id<Meter>, Day)>,
    histories: &HashMap<Id<MeteringPoint>, PointHistory>,
) -> BTreeMap<Id<MeteringPoint>, BTreeSet<Day>> {
    let mut points_of: HashMap<Id<Meter>, BTreeSet<Id<MeteringPoint>>> = HashMap::new();
    for installation in histories.values().flat_map(|history| &history.installations) {
        points_of.entry(installation.meter).or_default().insert(installation.point);
    }
    let mut affected: BTreeMap<Id<MeteringPoint>, BTreeSet<Day>> = BTreeMap::new();
    for (meter, day) in days {
        for point in points_of.get(&meter).into_iter().flatten() {
            affected.entry(*point).or_default().insert(day);
        }
    }
    affected
}

/// What was found so far.
struct Found<'a> {
    newest: &'a HashMap<BillingKey, BillingVersion>,
    floor: i64,
    changes: Vec<Change>,
    /// What stood still while power flowed: persons have to say whether it counts.
    doubted: Vec<(RegisterKey, i64)>,
    settled: Settled,
    now: Moment,
}

impl Found<'_> {
    /// Compares what is said of an item with what can be said now. Days of which nothing was ever said or read are
    /// passed over.
    fn look_at(&mut self, facts: &Facts<'_>, point: Id<MeteringPoint>, item: Item, days: &BTreeSet<Day>) {
        let read = facts.days_read(item);
        for kind in [BillingKind::Register, BillingKind::Consumption] {
            if !compute::has(item, kind) {
                continue;
            }
            for day in days {
                let key = BillingKey { point, item, kind, day: *day };
                if read.contains(day) || self.newest.contains_key(&key) {
                    self.compare(facts, key);
                }
            }
        }
    }

    fn compare(&mut self, facts: &Facts<'_>, key: BillingKey) {
        let newest = self.newest.get(&key);
        let computed = facts.value(key.item, key.kind, key.day);
        if let (Err(open), Some(newest)) = (&computed, newest)
            && facts.is_as_said(key.item, key.day, open, &newest.content)
        {
            // It was said by the rules of its time, and nothing else is known of it.
            return;
        }
        let content = computed.unwrap_or_else(|open| {
            let is_over = key.day.next().start() <= self.now;
            if key.kind == BillingKind::Consumption && is_over && open != Open::NoMeter {
                self.settled.open += 1;
            }
            self.doubted.extend(facts.doubted(key.item, &open));
            lineage::open(facts.types, &open)
        });
        if let Some(version) = content.version_after(newest, self.floor) {
            match key.kind {
                BillingKind::Register => self.settled.registers += 1,
                BillingKind::Consumption => self.settled.consumptions += 1,
            }
            self.changes.push(Change { key, version, content });
        }
    }
}

/// How many notes are settled in one transaction: a few thousand values, so that other writers wait well below a second.
const AT_A_TIME: u32 = 250;
