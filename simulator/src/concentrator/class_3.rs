//! Events on request, AFN 0E. [1376 3.10]

use super::Concentrator;
use super::answer::Said;
use super::request::Asked;

impl Concentrator {
    /// F1 important, F2 ordinary events from Pm up to Pn; what is told is taken.
    pub(super) fn class_3(&mut self, asked: &[Asked<'_>]) -> Said {
        let mut units = Vec::new();
        for unit in asked {
            let Some([from, to]) = unit.data.first_chunk::<2>().copied() else { continue };
            if unit.point != 0 || !matches!(unit.function, 1 | 2) {
                continue;
            }
            let is_important = unit.function == 1;
            let room = self.room().saturating_sub(8);
            let mut next = from;
            while let Some((told, end)) = self.events.told(is_important, [next, to], room) {
                units.push([&unit.identifier()[..], &told].concat());
                self.events.taken_up_to(is_important, end);
                next = end;
            }
        }
        Said::units(units)
    }
}
