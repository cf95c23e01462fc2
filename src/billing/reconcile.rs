//! Reconciliation (对账): what we say of a day against what a receiver has of it, both ways.
//!
//! Counts and sums are compared by reading route, kind and register. Where a receiver can say each value it has, the
//! values that one side lacks or has otherwise are told one by one.

use std::collections::{BTreeMap, HashMap};

use crate::domain::{BillingKind, Item};
use crate::store::billing::SaidLine;

/// How many values there are of a register of a reading route, and their sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The reading route; empty for points without one.
    pub route: String,
    /// Register or consumption.
    pub kind: BillingKind,
    /// What is measured.
    pub item: Item,
    /// How many.
    pub count: u64,
    /// Their sum, in the last decimal of kind and item.
    pub sum: i128,
}

/// The two sides of one tally that differ; a side that has nothing is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TallyDifference {
    /// What we have.
    pub ours: Option<Tally>,
    /// What the receiver has.
    pub theirs: Option<Tally>,
}

/// One value that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueDifference {
    /// What we have.
    pub ours: Option<SaidLine>,
    /// What the receiver has.
    pub theirs: Option<SaidLine>,
}

/// What came of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// What we have.
    pub ours: Vec<Tally>,
    /// What the receiver has.
    pub theirs: Vec<Tally>,
    /// Counts or sums that differ.
    pub tallies: Vec<TallyDifference>,
    /// Values that differ, where the receiver says them.
    pub values: Vec<ValueDifference>,
}

impl Reconciled {
    /// Of a receiver that says counts and sums.
    #[must_use]
    pub fn of_tallies(ours: Vec<Tally>, theirs: Vec<Tally>) -> Self {
        let tallies = differing(&ours, &theirs);
        Self { ours, theirs, tallies, values: Vec::new() }
    }

    /// Of a receiver that says its values.
    #[must_use]
    pub fn of_values(ours: &[SaidLine], theirs: &[SaidLine]) -> Self {
        let values = differing_values(ours, theirs);
        Self { values, ..Self::of_tallies(tally(ours), tally(theirs)) }
    }

    /// Whether both sides say the same.
    #[must_use]
    pub const fn agrees(&self) -> bool {
        self.tallies.is_empty() && self.values.is_empty()
    }
}

type Place = (String, i64, i64);

fn place(route: &str, kind: BillingKind, item: Item) -> Place {
    (route.to_owned(), crate::domain::Coded::code(kind), i64::from(item.key().number()))
}

/// Counts and sums of values, by route, kind and item.
#[must_use]
pub fn tally(lines: &[SaidLine]) -> Vec<Tally> {
    let mut tallies: BTreeMap<Place, Tally> = BTreeMap::new();
    for line in lines {
        let SaidLine { route, kind, item, value, .. } = line;
        let tally = tallies.entry(place(route, *kind, *item)).or_insert_with(|| Tally {
            route: route.clone(),
            kind: *kind,
            item: *item,
            count: 0,
            sum: 0,
        });
        tally.count += 1;
        tally.sum += i128::from(*value);
    }
    tallies.into_values().collect()
}

fn differing(ours: &[Tally], theirs: &[Tally]) -> Vec<TallyDifference> {
    let mut sides: BTreeMap<Place, TallyDifference> = BTreeMap::new();
    let empty = || TallyDifference { ours: None, theirs: None };
    for tally in ours {
        sides.entry(place(&tally.route, tally.kind, tally.item)).or_insert_with(empty).ours =
            Some(tally.clone());
    }
    for tally in theirs.iter().filter(|tally| tally.count > 0) {
        sides.entry(place(&tally.route, tally.kind, tally.item)).or_insert_with(empty).theirs =
            Some(tally.clone());
    }
    sides.into_values().filter(|sides| sides.ours != sides.theirs).collect()
}

fn differing_values(ours: &[SaidLine], theirs: &[SaidLine]) -> Vec<ValueDifference> {
    let key = |line: &SaidLine| place(&line.point, line.kind, line.item);
    let mut left: HashMap<Place, &SaidLine> = theirs.iter().map(|line| (key(line), line)).collect();
    let mut found = Vec::new();
    for line in ours {
        let other = left.remove(&key(line));
        if other.is_none_or(|other| (other.value, other.version) != (line.value, line.version)) {
            found.push(ValueDifference { ours: Some(line.clone()), theirs: other.cloned() });
        }
    }
    let mut theirs: Vec<&SaidLine> = left.into_values().collect();
    theirs.sort_by_key(|line| key(line));
    found.extend(theirs.into_iter().map(|line| ValueDifference { ours: None, theirs: Some(line.clone()) }));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(route: &str, point: &str, value: i64) -> SaidLine {
        SaidLine {
            route: route.to_owned(),
            point: point.to_owned(),
            kind: BillingKind::Consumption,
            item: Item::parse("1.8.0").unwrap(),
            version: 1,
            value,
        }
    }

    #[test]
    fn both_ways_are_told() {
        let ours = [line("R1", "1", 5), line("R1", "2", 7), line("R2", "3", 9)];
        assert!(Reconciled::of_values(&ours, &ours).agrees());
        let theirs = [line("R1", "1", 5), line("R1", "2", 8), line("", "9", 1)];
        let compared = Reconciled::of_values(&ours, &theirs);
        let sides: Vec<_> = compared
            .tallies
            .iter()
            .map(|one| {
                let side = |tally: &Option<Tally>| tally.as_ref().map(|tally| (tally.count, tally.sum));
                (side(&one.ours), side(&one.theirs))
            })
            .collect();
        assert_eq!(sides, [(None, Some((1, 1))), (Some((2, 12)), Some((2, 13))), (Some((1, 9)), None)]);
        let points: Vec<_> = compared
            .values
            .iter()
            .map(|one| {
                let side =
                    |line: &Option<SaidLine>| line.as_ref().map(|line| (line.point.clone(), line.value));
                (side(&one.ours), side(&one.theirs))
            })
            .collect();
        let at = |point: &str, value| Some((point.to_owned(), value));
        assert_eq!(points, [(at("2", 7), at("2", 8)), (at("3", 9), None), (None, at("9", 1))]);
    }

    #[test]
    fn the_same_sum_of_other_values_is_a_difference_where_values_are_known() {
        let (ours, theirs) = ([line("R", "1", 5), line("R", "2", 7)], [line("R", "1", 7), line("R", "2", 5)]);
        let compared = Reconciled::of_values(&ours, &theirs);
        assert!(compared.tallies.is_empty() && compared.values.len() == 2 && !compared.agrees());
        assert!(Reconciled::of_tallies(tally(&ours), tally(&theirs)).agrees());
    }
}
