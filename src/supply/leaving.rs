//! Cuts that are about to leave: whoever gives supply back takes back those that still wait on their line (F48).

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
        for (_, back) in self.lock().iter().filter(|((_, of), _)| *of == point) {
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
        leaving.take_back(Id::new(7));
        assert!(one.back.is_cancelled() && !other.back.is_cancelled());
        drop((one, other));
        assert!(leaving.lock().is_empty());
    }
}
