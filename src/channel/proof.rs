//! Which old answers may still be under way on a path that is no wire (F6).
//!
//! On a wire nothing is left once the line was quiet long enough. On a network an answer may be held up behind a lost
//! segment for longer than anybody waits; but a connection gives bytes in the order they were sent. So after a silence
//! other meters may be asked at once: a late answer comes before theirs and is refused by its address, and when one of
//! them has answered, nothing older can come any more. Only the silent meter itself is asked on a new path, unless
//! another has answered in between.

use dlt645::address::AddressField;

#[derive(Debug, Default)]
pub(super) struct Unproven {
    meters: Vec<AddressField>,
}

impl Unproven {
    /// This meter was asked and may answer yet.
    pub(super) fn add(&mut self, asked: AddressField) {
        if !self.meters.contains(&asked) {
            self.meters.push(asked);
        }
    }

    /// An answer came, or the path is a new one: nothing older can come.
    pub(super) fn clear(&mut self) {
        self.meters.clear();
    }

    /// True when an old answer could be taken for one to a question to `asked`.
    pub(super) fn endangers(&self, asked: AddressField) -> bool {
        self.meters.len() >= MOST || self.meters.iter().any(|old| old.admits(asked) || asked.admits(*old))
    }
}

/// After so many silent meters in a row the path itself is in doubt.
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use dlt645::address::MeterAddress;

    #[test]
    fn f06_a_silent_meter_is_not_asked_again_before_another_has_answered() {
        let meter = |number| MeterAddress::from_number(number).unwrap().field();
        let mut unproven = Unproven::default();
        unproven.add(meter(1));
        assert!(unproven.endangers(meter(1)) && !unproven.endangers(meter(2)));
        assert!(unproven.endangers(AddressField::WILDCARD), "whoever answers may be the old one");
        unproven.clear();
        unproven.add(AddressField::WILDCARD);
        assert!(unproven.endangers(meter(1)));
        unproven.clear();
        (0..16).for_each(|number| unproven.add(meter(number)));
        assert!(unproven.endangers(meter(99)));
    }
}
