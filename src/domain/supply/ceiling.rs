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

    /// Which ceilings this use is above, and by how much; of the areas the one that is fullest beyond its share.
    #[must_use]
    pub fn exceeded(&self, usage: &Usage) -> Vec<CeilingUse> {
        let share = |percent: u32, points: u64| (points * u64::from(percent) / 100).max(1);
        let areas = usage.areas.iter().map(|(cuts, points)| (*cuts, share(self.area_percent, *points)));
        let fullest = areas.max_by_key(|(cuts, most)| cuts.saturating_sub(*most)).unwrap_or_default();
        [
            (Objection::OverOrderCeiling, usage.order, u64::from(self.order)),
            (Objection::OverHourCeiling, usage.hour, u64::from(self.hour)),
            (Objection::OverDayCeiling, usage.day, u64::from(self.day)),
            (Objection::OverAreaCeiling, fullest.0, fullest.1),
            (Objection::OverTotalCeiling, usage.day, share(self.total_percent, usage.points)),
        ]
        .into_iter()
        .filter(|(_, used, most)| used > most)
        .map(|(ceiling, used, most)| CeilingUse { ceiling, used, most })
        .collect()
    }
}

/// A ceiling that is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CeilingUse {
    /// Which, as what stands against a cut by it.
    pub ceiling: Objection,
    /// How many points count for it, those in question among them.
    pub used: u64,
    /// How many it allows.
    pub most: u64,
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
        let exceeded = |of: &Usage| -> Vec<Objection> {
            ceilings.exceeded(of).into_iter().map(|over| over.ceiling).collect()
        };
        assert_eq!(exceeded(&usage()), []);
        for (over, objection) in [
            (Usage { order: 51, ..usage() }, Objection::OverOrderCeiling),
            (Usage { hour: 201, ..usage() }, Objection::OverHourCeiling),
            (Usage { areas: vec![(6, 100)], ..usage() }, Objection::OverAreaCeiling),
            (Usage { areas: vec![(2, 20)], ..usage() }, Objection::OverAreaCeiling),
            (Usage { points: 49_999, ..usage() }, Objection::OverTotalCeiling),
        ] {
            assert_eq!(exceeded(&over), [objection]);
        }
        let over = exceeded(&Usage { day: 1001, ..usage() });
        assert_eq!(over, [Objection::OverDayCeiling, Objection::OverTotalCeiling]);
    }

    #[test]
    fn f51_it_is_said_by_how_much_a_ceiling_is_exceeded() {
        let over = Usage { areas: vec![(2, 100), (9, 100), (7, 40)], day: 3, points: 64, ..usage() };
        let said = |over: &CeilingUse| (over.ceiling, over.used, over.most);
        let said: Vec<_> = Ceilings::BUILT_IN.exceeded(&over).iter().map(said).collect();
        assert_eq!(said, [(Objection::OverAreaCeiling, 7, 2), (Objection::OverTotalCeiling, 3, 1)]);
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
