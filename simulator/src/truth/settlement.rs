//! Settlement days: when a meter closes a month.

use dlt645::meter_time::Civil;

use crate::instant::At;

/// The settlement days (结算日) of a month, up to three, each a day of the month (1 to 28) and an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettlementDays {
    moments: [Option<(u8, u8)>; 3],
}

impl SettlementDays {
    /// One settlement a month, on this day at this hour; `None` for a day that some month lacks.
    #[must_use]
    pub const fn monthly(day: u8, hour: u8) -> Option<Self> {
        Self::up_to_three([Some((day, hour)), None, None])
    }

    /// Up to three moments a month; `None` when one has a day past 28 or an hour past 23.
    #[must_use]
    pub const fn up_to_three(moments: [Option<(u8, u8)>; 3]) -> Option<Self> {
        let [first, second, third] = moments;
        if possible(first) && possible(second) && possible(third) { Some(Self { moments }) } else { None }
    }

    /// The moments as they were given.
    #[must_use]
    pub const fn moments(&self) -> [Option<(u8, u8)>; 3] {
        self.moments
    }

    /// The latest settlement not after `shown`, both as a meter's clock shows them: the marks of
    /// [`crate::clock::Clock::marks_before`].
    #[must_use]
    pub fn latest(&self, shown: At) -> Option<At> {
        let date = shown.plus(if shown == At::END { -1 } else { 0 }).civil()?;
        let (year, month) = (date.year(), date.month());
        let month_before = if month == 1 { (year - 1, 12) } else { (year, month - 1) };
        let months = [(year, month), month_before];
        let settled = |(year, month)| {
            let moments = self.moments.into_iter().flatten();
            moments
                .filter_map(move |(day, hour)| Civil::new(year, month, day, hour, 0, 0))
                .map(At::from_civil)
        };
        months.into_iter().flat_map(settled).filter(|moment| *moment <= shown).max()
    }
}

const fn possible(moment: Option<(u8, u8)>) -> bool {
    match moment {
        Some((day, hour)) => 1 <= day && day <= 28 && hour <= 23,
        None => true,
    }
}

impl Default for SettlementDays {
    /// The first of each month at 00:00.
    fn default() -> Self {
        Self { moments: [Some((1, 0)), None, None] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latest(days: SettlementDays, year: u16, month: u8, day: u8, hour: u8) -> Option<String> {
        let shown = At::from_civil(Civil::new(year, month, day, hour, 0, 0).unwrap());
        days.latest(shown).map(|at| at.to_string())
    }

    #[test]
    fn the_latest_settlement_may_be_last_months_or_last_years() {
        let days = SettlementDays::monthly(10, 0).unwrap();
        assert_eq!(latest(days, 2026, 3, 10, 0).as_deref(), Some("2026-03-10 00:00:00"));
        assert_eq!(latest(days, 2026, 3, 9, 23).as_deref(), Some("2026-02-10 00:00:00"));
        assert_eq!(latest(days, 2026, 1, 9, 23).as_deref(), Some("2025-12-10 00:00:00"));
        assert_eq!(latest(days, 2000, 1, 9, 23), None);
        let thrice = SettlementDays::up_to_three([Some((1, 0)), Some((25, 12)), Some((11, 6))]).unwrap();
        assert_eq!(latest(thrice, 2026, 3, 25, 11).as_deref(), Some("2026-03-11 06:00:00"));
        assert_eq!(latest(thrice, 2026, 3, 31, 0).as_deref(), Some("2026-03-25 12:00:00"));
        assert_eq!(SettlementDays::monthly(29, 0).or(SettlementDays::monthly(0, 0)), None);
    }
}
