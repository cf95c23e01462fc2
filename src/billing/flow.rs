//! What flowed while a register stood still, by the power that the meter recorded.

use std::collections::{HashMap, HashSet};

use crate::domain::{
    Accepted, Day, DayCurve, Id, Item, Meter, Moment, Open, Part, Readings, RegisterKey, standstill,
};
use crate::store::billing::{Recorded, Span};

/// What is known of stretches in which registers did not move.
#[derive(Debug, Default)]
pub(super) struct Flow {
    curves: HashMap<(Id<Meter>, Day), DayCurve>,
    accepted: HashSet<RegisterKey>,
}

impl Flow {
    pub(super) fn of(recorded: Recorded) -> Self {
        let curves = recorded.curves.into_iter().map(|curve| ((curve.meter, curve.day), curve)).collect();
        Self { curves, accepted: recorded.accepted.into_iter().collect() }
    }

    /// Why a part of a consumption is not believed, where its register did not move and persons have not accepted that.
    pub(super) fn stood_still(&self, item: Item, part: &Part) -> Option<Open> {
        if part.moved != 0 || Some(item) != standstill::register() {
            return None;
        }
        let (meter, key) = (part.piece.meter, closing(item, part));
        let (from, until) = (part.piece.from.max(part.opening.read_at), part.piece.until.min(key.as_of));
        let curve = self.curves.get(&(meter, Day::of(from)))?;
        let least_watts = standstill::least_watts(curve, from, until)?;
        let is_told =
            standstill::stood_still(until.since(from), least_watts) && !self.accepted.contains(&key);
        is_told.then_some(Open::Standstill { meter, until: part.piece.until, least_watts })
    }
}

/// The reading at the end of a part.
pub(super) fn closing(item: Item, part: &Part) -> RegisterKey {
    RegisterKey { meter: part.piece.meter, item, as_of: part.closing.read_at }
}

/// The stretches in which the register of a meter shows the same at both ends.
pub(super) fn still(readings: &Readings) -> Vec<Span<Meter>> {
    let mut still = Vec::new();
    for ((meter, item), held) in readings {
        if Some(*item) != standstill::register() {
            continue;
        }
        let value = |(at, (accepted, _)): (&Moment, &(Accepted, _))| (*at, accepted.value);
        let pairs = held.iter().map(value).zip(held.iter().map(value).skip(1));
        let same = pairs.filter(|((_, value), (_, next))| value == next);
        still.extend(same.map(|((from, _), (until, _))| Span { of: *meter, from, until }));
    }
    still
}
