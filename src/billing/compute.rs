//! Values of one point, from what happened there and what its meters showed.

use std::collections::{BTreeSet, HashSet};

use super::flow::Flow;
use super::lineage::{self, Types};
use super::rules::Rules;
use crate::domain::register::RegisterLimits;
use crate::domain::{
    BillingContent, BillingKind, Consumption, Day, Id, Installation, Item, Meter, Open, Readings,
    RegisterKey, Standing, consumption, pieces,
};
use crate::store::archive::PointHistory;
use crate::store::billing::Span;

/// What is known of a point and its meters.
pub(super) struct Facts<'a> {
    pub(super) rules: &'a Rules,
    pub(super) types: &'a Types,
    pub(super) readings: &'a Readings,
    pub(super) history: &'a PointHistory,
    pub(super) flow: &'a Flow,
}

impl Facts<'_> {
    /// What is said of a midnight or a day, or why nothing can be.
    pub(super) fn value(&self, item: Item, kind: BillingKind, day: Day) -> Result<BillingContent, Open> {
        match kind {
            BillingKind::Register => self.register(item, day),
            BillingKind::Consumption => {
                let limits = |meter| self.rules.limits(self.types, meter, item);
                let used = self.used(item, day, limits)?;
                Ok(lineage::consumption(self.types, item, &used))
            }
        }
    }

    /// Whether the limit alone stands against what was said of a day: meters, readings and multipliers are those of then.
    pub(super) fn is_as_said(&self, item: Item, day: Day, open: &Open, said: &BillingContent) -> bool {
        if !matches!(open, Open::Implausible { .. }) || said.value.is_none() {
            return false;
        }
        let limits = |meter| {
            let limits = self.rules.limits(self.types, meter, item)?;
            Some(RegisterLimits { most_per_hour: i64::MAX, ..limits })
        };
        self.used(item, day, limits).is_ok_and(|used| lineage::consumption(self.types, item, &used) == *said)
    }

    fn register(&self, item: Item, day: Day) -> Result<BillingContent, Open> {
        let (standing, at) = (self.standing(), day.start());
        let meter = standing.meter_at(at).ok_or(Open::NoMeter)?;
        let held = standing.reading(self.readings, meter, item, at).ok_or(Open::NoReading { meter, at })?;
        Ok(lineage::register(self.types, meter, item, held, at))
    }

    fn used(
        &self,
        item: Item,
        day: Day,
        limits: impl Fn(Id<Meter>) -> Option<RegisterLimits>,
    ) -> Result<Consumption, Open> {
        let PointHistory { installations, transformers } = self.history;
        let end = day.next().start();
        let pieces = pieces(installations, transformers, day.start(), end)?;
        let standing = self.standing();
        let reading = |meter, at| match at == end {
            true => standing.closing(self.readings, meter, item, at),
            false => standing.reading(self.readings, meter, item, at),
        };
        let used = consumption(&pieces, reading, limits)?;
        match used.parts.iter().find_map(|part| self.flow.stood_still(item, part)) {
            Some(open) => Err(open),
            None => Ok(used),
        }
    }

    /// The reading that closes the stretch in which a register stood still, with its version.
    pub(super) fn doubted(&self, item: Item, open: &Open) -> Option<(RegisterKey, i64)> {
        let Open::Standstill { meter, until, .. } = *open else { return None };
        let closing = self.standing().closing(self.readings, meter, item, until)?;
        Some((RegisterKey { meter, item, as_of: closing.read_at }, closing.version))
    }

    fn standing(&self) -> Standing<'_> {
        let PointHistory { installations, transformers } = self.history;
        Standing { installations, transformers, window: self.rules.window }
    }

    /// The days at whose beginning or within which a meter of the point was read, and the days before these.
    pub(super) fn days_read(&self, item: Item) -> BTreeSet<Day> {
        let meters: HashSet<Id<Meter>> =
            self.history.installations.iter().map(|installation| installation.meter).collect();
        let held = meters.into_iter().filter_map(|meter| self.readings.get(&(meter, item)));
        let days = held.flat_map(|held| held.keys()).map(|at| Day::of(*at));
        days.flat_map(|day| [day.previous(), day]).collect()
    }
}

/// The stretches of a point's meters from which values of these days are computed.
pub(super) fn spans(rules: &Rules, history: &PointHistory, first: Day, last: Day) -> Vec<Span<Meter>> {
    let (from, until) = (first.start(), last.next().start().plus(rules.window));
    let overlaps = |installation: &&Installation| {
        installation.installed_at <= until && installation.removed_at.is_none_or(|removed| from <= removed)
    };
    let meters: BTreeSet<Id<Meter>> =
        history.installations.iter().filter(overlaps).map(|installation| installation.meter).collect();
    meters.into_iter().map(|of| Span { of, from, until }).collect()
}

/// Whether days have this value: only energies are used.
pub(super) const fn has(item: Item, kind: BillingKind) -> bool {
    match kind {
        BillingKind::Register => true,
        BillingKind::Consumption => item.way().is_some(),
    }
}
