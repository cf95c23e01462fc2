//! How much is done at once: of each kind of work, and of each on one line. What is done on a line takes turns there question by
//! question, so that too much at once is the end of none of it; and work on one line leaves room for others (F48, F50).

use std::collections::HashMap;

use crate::domain::supply::SupplyOrder;
use crate::domain::{Id, MeteringPoint};
use crate::store::supply::{DueOnLine, Work};

/// A point of an order that something is being done about.
pub(super) type Key = (Id<SupplyOrder>, Id<MeteringPoint>);

/// What is being done.
#[derive(Debug, Default)]
pub(super) struct Room {
    busy: HashMap<Key, (Work, String)>,
    of_work: HashMap<Work, usize>,
    of_line: HashMap<(Work, String), usize>,
}

impl Room {
    /// True while something is done about the point.
    pub(super) fn is_busy(&self, key: Key) -> bool {
        self.busy.contains_key(&key)
    }

    /// Takes room for some work, where there is any and nothing is done about the point.
    pub(super) fn take(&mut self, work: Work, on: &DueOnLine) -> bool {
        let key = (on.due.order, on.due.point);
        let (at_once, on_line) = limits(work);
        let of_line = (work, on.line.clone());
        let is_full = self.of_work.get(&work).is_some_and(|count| *count >= at_once)
            || self.of_line.get(&of_line).is_some_and(|count| *count >= on_line);
        if is_full || self.is_busy(key) {
            return false;
        }
        *self.of_work.entry(work).or_default() += 1;
        *self.of_line.entry(of_line).or_default() += 1;
        self.busy.insert(key, (work, on.line.clone()));
        true
    }

    /// Gives it back.
    pub(super) fn give_back(&mut self, key: Key) {
        let Some((work, line)) = self.busy.remove(&key) else { return };
        if let Some(count) = self.of_work.get_mut(&work) {
            *count = count.saturating_sub(1);
        }
        let of_line = (work, line);
        if let Some(count) = self.of_line.get_mut(&of_line) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of_line.remove(&of_line);
            }
        }
    }
}

/// How much of some work is done at once, and how much on one line.
const fn limits(work: Work) -> (usize, usize) {
    match work {
        Work::GiveBack => (512, 2),
        Work::SeeBack => (256, 1),
        Work::See | Work::Send | Work::Hold => (128, 2),
        Work::SeeHeld => (64, 1),
    }
}

/// So much of one line is looked at for work: more than may be busy there, so that there is always some that is not.
pub(super) const OF_LINE: u32 = 16;
/// So much is looked at in all, for the same reason.
pub(super) const IN_ALL: u32 = 2048;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::supply::{OrderKind, OrderState, Window};
    use crate::domain::{Coded, Moment};
    use crate::store::supply::Due;

    fn on(point: i64, line: &str) -> DueOnLine {
        let at = Moment::from_micros(0);
        let due = Due {
            order: Id::new(1),
            point: Id::new(point),
            meter: Id::new(point),
            address: "202411110001".parse().unwrap(),
            kind: OrderKind::ClosePermit,
            state: OrderState::Armed,
            window: Window { from: at, until: at },
            submitted_at: at,
            changed_at: at,
            told: 0,
            tried_at: None,
        };
        DueOnLine { due, line: line.to_owned() }
    }

    #[test]
    fn f48_work_of_one_line_and_of_one_kind_leaves_room_for_all_else() {
        let mut room = Room::default();
        assert!(room.take(Work::GiveBack, &on(1, "east")) && room.take(Work::GiveBack, &on(2, "east")));
        assert!(!room.take(Work::GiveBack, &on(3, "east")), "two of a line at once");
        assert!(room.take(Work::GiveBack, &on(4, "west")) && room.take(Work::See, &on(3, "east")));
        assert!(!room.take(Work::See, &on(1, "east")), "something is done about it");
        room.give_back((Id::new(1), Id::new(2)));
        assert!(room.take(Work::GiveBack, &on(5, "east")));
        let holds =
            (100..1000).filter(|point| room.take(Work::Hold, &on(*point, &point.to_string()))).count();
        assert_eq!(holds, 128);
        assert!(
            room.take(Work::GiveBack, &on(2000, "north")) && room.take(Work::SeeBack, &on(2001, "north"))
        );
    }

    #[test]
    fn what_is_looked_at_for_work_is_more_than_may_be_busy() {
        let sum = |part: fn((usize, usize)) -> usize| {
            Work::TABLE.iter().map(|(work, ..)| part(limits(*work))).sum::<usize>()
        };
        let (at_once, on_line) = (sum(|limits| limits.0), sum(|limits| limits.1));
        assert!(at_once < usize::try_from(IN_ALL).unwrap() && on_line < usize::try_from(OF_LINE).unwrap());
    }
}
