//! What exactly is ordered, and the hash an approval is bound to (T17, I10).

use std::fmt;

use ring::digest::{Context, SHA256};

use super::kind::{OrderKind, Reason};
use crate::domain::{Coded, Customer, Id, Meter, MeteringPoint, Moment, read_hex, write_hex};

/// When an order may be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From when on.
    pub from: Moment,
    /// Until when; the last byte of a cut may not leave later.
    pub until: Moment,
}

impl Window {
    /// True when this moment is in it.
    #[must_use]
    pub fn holds(&self, moment: Moment) -> bool {
        self.from <= moment && moment < self.until
    }
}

/// A point as it was ordered: with the meter and the customer it had then (F53).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderedPoint {
    /// The point.
    pub point: Id<MeteringPoint>,
    /// Its meter.
    pub meter: Id<Meter>,
    /// Its customer.
    pub customer: Id<Customer>,
}

/// All that somebody who approves has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderContent {
    /// What.
    pub kind: OrderKind,
    /// Why.
    pub reason: Reason,
    /// Why, in words.
    pub text: String,
    /// When.
    pub window: Window,
    /// Whose.
    pub points: Vec<OrderedPoint>,
}

impl OrderContent {
    /// The hash of all of it, in whatever order the points stand.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        let mut context = Context::new(&SHA256);
        let mut number = |number: i64| context.update(&number.to_be_bytes());
        number(self.kind.code());
        number(self.reason.code());
        number(self.window.from.micros());
        number(self.window.until.micros());
        number(i64::try_from(self.text.len()).unwrap_or(i64::MAX));
        let mut points = self.points.clone();
        points.sort_unstable();
        number(i64::try_from(points.len()).unwrap_or(i64::MAX));
        for OrderedPoint { point, meter, customer } in points {
            [point.number(), meter.number(), customer.number()].into_iter().for_each(&mut number);
        }
        context.update(self.text.as_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        ContentHash(hash)
    }
}

/// The hash of a content.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// The hash written in hexadecimal.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        read_hex(text)?.try_into().ok().map(Self)
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t17_every_part_of_an_order_is_in_its_hash() {
        let window = Window { from: Moment::from_micros(1), until: Moment::from_micros(2) };
        let point = |number| OrderedPoint {
            point: Id::new(number),
            meter: Id::new(number + 10),
            customer: Id::new(number + 20),
        };
        let content = OrderContent {
            kind: OrderKind::Cut,
            reason: Reason::Arrears,
            text: "text".into(),
            window,
            points: vec![point(1), point(2)],
        };
        let hash = content.hash();
        assert_eq!(ContentHash::from_hex(&hash.to_string()), Some(hash));
        let turned = OrderContent { points: vec![point(2), point(1)], ..content.clone() };
        assert_eq!(turned.hash(), hash);
        let other_meter = OrderedPoint { meter: Id::new(99), ..point(2) };
        let other_customer = OrderedPoint { customer: Id::new(99), ..point(2) };
        let other = |change: &dyn Fn(&mut OrderContent)| {
            let mut other = content.clone();
            change(&mut other);
            other.hash()
        };
        let hashes = [
            hash,
            other(&|content| content.kind = OrderKind::HoldOff),
            other(&|content| content.reason = Reason::Theft),
            other(&|content| content.text.push('.')),
            other(&|content| content.window.from = Moment::from_micros(0)),
            other(&|content| content.window.until = Moment::from_micros(3)),
            other(&|content| content.points = vec![point(1)]),
            other(&|content| content.points = vec![point(1), point(3)]),
            other(&|content| content.points = vec![point(1), other_meter]),
            other(&|content| content.points = vec![point(1), other_customer]),
        ];
        let different: std::collections::HashSet<_> = hashes.iter().collect();
        assert_eq!(different.len(), hashes.len());
    }
}
