//! Cuts that are about to leave: whatever stands against one since its intent takes it back while it still waits on its line
//! (F45, F48).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::domain::supply::SupplyOrder;
use crate::domain::{Id, MeteringPoint};

/// A point of an order.
type Key = (Id<SupplyOrder>, Id<MeteringPoint>);

/// The cuts that are about to leave, each from before its intent until it is known what became of it.
#[derive(Debug, Default)]
pub(super) struct Leaving(Mutex<HashMap<Key, CancellationToken>>);

/// One of them, for as long as this is held.
#[derive(Debug)]
pub(super) struct Leaves<'a> {
    all: &'a Leaving,
    key: Key,
    /// It is taken back.
    pub(super) back: CancellationToken,
}

impl Leaving {
    /// Notes one.
    pub(super) fn note(&self, key: Key) -> Leaves<'_> {
        let back = CancellationToken::new();
        self.lock().insert(key, back.clone());
        Leaves { all: self, key, back }
    }

    /// Takes back those of a point.
    pub(super) fn take_back(&self, point: Id<MeteringPoint>) {
        self.take_back_if(|(_, of)| *of == point);
    }

    /// Takes back those of an order.
    pub(super) fn take_back_order(&self, order: Id<SupplyOrder>) {
        self.take_back_if(|(of, _)| *of == order);
    }

    /// Takes back all of them: what stands against them has changed, and they are judged once more.
    pub(super) fn take_back_all(&self) {
        self.take_back_if(|_| true);
    }

    fn take_back_if(&self, is_meant: impl Fn(&Key) -> bool) {
        for (_, back) in self.lock().iter().filter(|(key, _)| is_meant(key)) {
            back.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.all.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f48_the_cuts_of_a_point_are_taken_back_and_no_others() {
        let leaving = Leaving::default();
        let key = |order, point| (Id::new(order), Id::new(point));
        let (one, other) = (leaving.note(key(1, 7)), leaving.note(key(1, 8)));
        let third = leaving.note(key(2, 8));
        leaving.take_back(Id::new(7));
        assert!(one.back.is_cancelled() && !other.back.is_cancelled() && !third.back.is_cancelled());
        leaving.take_back_order(Id::new(2));
        assert!(third.back.is_cancelled() && !other.back.is_cancelled());
        leaving.take_back_all();
        assert!(other.back.is_cancelled());
        drop((one, other, third));
        assert!(leaving.lock().is_empty());
    }
}
