//! How many may be cut at once (停电上限), whoever asks and however small the orders are (F51, T31).

use super::objection::Objection;

/// The ceilings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceilings {
    /// Points of one order.
    pub order: u32,
    /// Cuts within an hour.
    pub hour: u32,
    /// Cuts within a day.
    pub day: u32,
    /// Percent of the points of one transformer area within an hour, one point at least.
    pub area_percent: u32,
    /// Percent of all points within a day, one point at least.
    pub total_percent: u32,
}

impl Ceilings {
    /// What holds unless something stricter is set.
    pub const BUILT_IN: Self = Self { order: 50, hour: 200, day: 1000, area_percent: 5, total_percent: 2 };

    /// The stricter of both, one by one.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        Self {
            order: self.order.min(other.order),
            hour: self.hour.min(other.hour),
            day: self.day.min(other.day),
            area_percent: self.area_percent.min(other.area_percent),
            total_percent: self.total_percent.min(other.total_percent),
        }
    }

    /// Which ceilings this use is above.
    #[must_use]
    pub fn exceeded(&self, usage: &Usage) -> Vec<Objection> {
        let share = |percent: u32, points: u64| (points * u64::from(percent) / 100).max(1);
        let is_area_full = usage.areas.iter().any(|(cuts, points)| *cuts > share(self.area_percent, *points));
        [
            (usage.order > u64::from(self.order), Objection::OverOrderCeiling),
            (usage.hour > u64::from(self.hour), Objection::OverHourCeiling),
            (usage.day > u64::from(self.day), Objection::OverDayCeiling),
            (is_area_full, Objection::OverAreaCeiling),
            (usage.day > share(self.total_percent, usage.points), Objection::OverTotalCeiling),
        ]
        .into_iter()
        .filter_map(|(is_over, objection)| is_over.then_some(objection))
        .collect()
    }
}

/// How much is used, the cut in question counted in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Points of the order.
    pub order: u64,
    /// Cuts of the last hour.
    pub hour: u64,
    /// Cuts of the last day.
    pub day: u64,
    /// Cuts of the last hour and points, of each transformer area concerned.
    pub areas: Vec<(u64, u64)>,
    /// All points.
    pub points: u64,
}

/// True when a batch has to stop itself: after ten cuts, more than a fifth ended otherwise than expected.
#[must_use]
pub const fn stops_itself(ended: u32, unexpected: u32) -> bool {
    ended >= 10 && unexpected * 5 > ended
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage() -> Usage {
        Usage { order: 50, hour: 200, day: 1000, areas: vec![(5, 100), (1, 3)], points: 50_000 }
    }

    #[test]
    fn f51_each_ceiling_holds_at_its_number_and_is_exceeded_by_one_more() {
        let ceilings = Ceilings::BUILT_IN;
        assert_eq!(ceilings.exceeded(&usage()), []);
        for (over, objection) in [
            (Usage { order: 51, ..usage() }, Objection::OverOrderCeiling),
            (Usage { hour: 201, ..usage() }, Objection::OverHourCeiling),
            (Usage { areas: vec![(6, 100)], ..usage() }, Objection::OverAreaCeiling),
            (Usage { areas: vec![(2, 20)], ..usage() }, Objection::OverAreaCeiling),
            (Usage { points: 49_999, ..usage() }, Objection::OverTotalCeiling),
        ] {
            assert_eq!(ceilings.exceeded(&over), [objection]);
        }
        let over = ceilings.exceeded(&Usage { day: 1001, ..usage() });
        assert_eq!(over, [Objection::OverDayCeiling, Objection::OverTotalCeiling]);
    }

    #[test]
    fn f51_a_batch_stops_itself_after_ten_with_more_than_a_fifth_unexpected() {
        assert!(!stops_itself(9, 9) && !stops_itself(10, 2) && stops_itself(10, 3) && stops_itself(14, 3));
        assert!(!stops_itself(15, 3));
    }

    #[test]
    fn a_ceiling_is_only_made_stricter() {
        let lower = Ceilings { hour: 1, day: 5000, ..Ceilings::BUILT_IN };
        let both = Ceilings::BUILT_IN.stricter(lower);
        assert_eq!((both.hour, both.day), (1, 1000));
    }
}
