//! What came without a value beside others that have one: what a meter never had is not missing of it, what it had before is
//! (F9).

use super::ask::Missed;
use super::patient::Patient;
use crate::domain::{Id, Item, Meter, MissingCause, Moment, RegisterKey};

/// Registers of one meter and midnight that have no value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lacking {
    /// Those that it may never have had.
    unfitted: Vec<(Item, Missed)>,
    /// The first that it surely has.
    lost: Option<Missed>,
    /// Totals of which a tariff is no number.
    unsummed: Vec<Item>,
}

impl Lacking {
    /// One that it may never have had.
    pub(super) fn unfitted(&mut self, item: Item, missed: Missed) {
        self.unfitted.push((item, missed));
    }

    /// A tariff of this total is no number.
    pub(super) fn unsummed(&mut self, total: Item) {
        self.unsummed.push(total);
    }

    /// The totals of which a tariff is no number.
    pub(super) fn unsummed_totals(&self) -> impl Iterator<Item = Item> {
        self.unsummed.iter().copied()
    }

    /// One that it has, and whose value is gone.
    pub(super) fn lost(&mut self, missed: Missed) {
        self.lost.get_or_insert(missed);
    }

    /// Whether one that the meter has is gone.
    pub(super) const fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Whether an item is among those that the meter may never have had.
    pub(super) fn is_unfitted(&self, item: Item) -> bool {
        self.unfitted.iter().any(|(unfitted, _)| *unfitted == item)
    }

    /// Why there is no value, if there is none at all.
    pub(super) fn first(&self) -> Option<Missed> {
        self.lost.clone().or_else(|| self.unfitted.first().map(|(_, missed)| missed.clone()))
    }

    /// What is missing of the meter: an item that it has never had is not, one that had an accepted value before `as_of` is.
    /// Every meter has the forward active total.
    pub(super) async fn missed(self, known: &Patient, (meter, as_of): (Id<Meter>, Moment)) -> Option<Missed> {
        if self.lost.is_some() || self.unfitted.is_empty() {
            return self.lost;
        }
        let key = |(item, _): &(Item, Missed)| RegisterKey { meter, item: *item, as_of };
        let keys: Vec<RegisterKey> = self.unfitted.iter().map(key).collect();
        let known = match known.neighbours(&keys).await {
            Ok(known) => known,
            Err(error) => return Some(Missed::of_database(&error)),
        };
        let had = |key: &RegisterKey| known.get(key).is_some_and(|beside| beside.before.is_some());
        let mut unfitted = self.unfitted.into_iter().zip(&keys);
        let ((item, Missed { cause, detail }), _) =
            unfitted.find(|((item, _), key)| is_in_every_meter(*item) || had(key))?;
        let detail = format!("{detail}; {} is in every meter or had a value before", item.code());
        // "No such data" is said of what was never there.
        let cause = if cause == MissingCause::NoSuchData { MissingCause::NoValue } else { cause };
        Some(Missed::new(cause, detail))
    }
}

/// The forward active total.
fn is_in_every_meter(item: Item) -> bool {
    let code = item.code();
    (code.c, code.d, item.tariff()) == (1, 8, 0)
}
