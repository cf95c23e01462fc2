//! Tariffs and the time-of-use schedule that says which one is in force.
//!
//! A schedule is data: seasons of the year, each with one table of 96 slots of 15 minutes. It follows the world's
//! time, so a wrong meter clock mis-dates records but moves no energy from one tariff to another.

use dlt645::meter_time::Civil;

use crate::instant::{SLOTS_A_DAY, place};

/// A tariff (费率) by the usual Chinese numbering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tariff {
    /// Tariff 1, sharp (尖).
    Sharp,
    /// Tariff 2, peak (峰).
    Peak,
    /// Tariff 3, flat (平).
    Flat,
    /// Tariff 4, valley (谷).
    Valley,
}

impl Tariff {
    /// All of them, by number.
    pub const ALL: [Self; 4] = [Self::Sharp, Self::Peak, Self::Flat, Self::Valley];

    /// Its number on the meter, 1 to 4.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Sharp => 1,
            Self::Peak => 2,
            Self::Flat => 3,
            Self::Valley => 4,
        }
    }

    /// The tariff with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Sharp),
            2 => Some(Self::Peak),
            3 => Some(Self::Flat),
            4 => Some(Self::Valley),
            _ => None,
        }
    }
}

/// The tariffs of one day (日时段表), slot by slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayTable([Tariff; SLOTS_A_DAY]);

impl DayTable {
    /// One tariff all day.
    #[must_use]
    pub const fn all_day(tariff: Tariff) -> Self {
        Self([tariff; SLOTS_A_DAY])
    }

    /// `last` from 00:00, then each tariff from its slot on (slot 0 is 00:00, slot 95 is 23:45); a tariff in force
    /// at midnight is the last one of the day before.
    #[must_use]
    pub fn from_changes(changes: &[(usize, Tariff)]) -> Self {
        let mut table = [changes.last().map_or(Tariff::Flat, |(_, tariff)| *tariff); SLOTS_A_DAY];
        for (from, tariff) in changes {
            table.iter_mut().skip(*from).for_each(|slot| *slot = *tariff);
        }
        Self(table)
    }

    /// The tariff in each slot.
    #[must_use]
    pub const fn slots(&self) -> &[Tariff; SLOTS_A_DAY] {
        &self.0
    }

    /// The same day with the tariffs 1 to `tariffs` only, each of the others standing with one of them.
    fn within(mut self, tariffs: u8) -> Self {
        for slot in &mut self.0 {
            let number = (slot.number() - 1) % tariffs.max(1) + 1;
            *slot = Tariff::from_number(number).unwrap_or(*slot);
        }
        self
    }

    /// The tariff at a second of the day.
    #[must_use]
    pub fn at(&self, second_of_day: u32) -> Tariff {
        self.0.get(place(second_of_day / crate::instant::SLOT_SECONDS)).copied().unwrap_or(Tariff::Flat)
    }
}

/// A time-of-use schedule (时段表): which [`DayTable`] holds from which day of the year on (年时区).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    base: DayTable,
    seasons: Vec<(u8, u8, DayTable)>,
}

impl Schedule {
    /// The same table all year.
    #[must_use]
    pub const fn all_year(table: DayTable) -> Self {
        Self { base: table, seasons: Vec::new() }
    }

    /// Adds a season from this month and day on, until the next season begins; before the first season of a year
    /// the last one of the year before goes on.
    #[must_use]
    pub fn with_season(mut self, month: u8, day: u8, table: DayTable) -> Self {
        self.seasons.push((month, day, table));
        self.seasons.sort_by_key(|(month, day, _)| (*month, *day));
        self
    }

    /// The same schedule of a meter that uses so many tariffs.
    #[must_use]
    pub fn within(mut self, tariffs: u8) -> Self {
        self.base = self.base.within(tariffs);
        let seasons = self.seasons.into_iter();
        self.seasons = seasons.map(|(month, day, table)| (month, day, table.within(tariffs))).collect();
        self
    }

    /// The number of the season a day is in, for [`Schedule::of_season`].
    #[must_use]
    pub fn season(&self, date: Civil) -> u8 {
        let begun = |season: &(u8, u8, DayTable)| (season.0, season.1) <= (date.month(), date.day());
        let last = self.seasons.len().checked_sub(1);
        let season = self.seasons.iter().rposition(begun).or(last).map_or(0, |place| place + 1);
        u8::try_from(season).unwrap_or_default()
    }

    /// The table of a season.
    #[must_use]
    pub fn of_season(&self, season: u8) -> &DayTable {
        let place = usize::from(season).checked_sub(1);
        place.and_then(|place| self.seasons.get(place)).map_or(&self.base, |(_, _, table)| table)
    }

    /// The table in force on a day.
    #[must_use]
    pub fn table(&self, date: Civil) -> &DayTable {
        self.of_season(self.season(date))
    }

    /// The tariff in force at a moment.
    #[must_use]
    pub fn tariff(&self, civil: Civil) -> Tariff {
        let [hour, minute, second] = [civil.hour(), civil.minute(), civil.second()].map(u32::from);
        self.table(civil).at(hour * 3600 + minute * 60 + second)
    }
}

impl Default for Schedule {
    /// Sharp 19 to 21, peak 8 to 11, 17 to 19 and 21 to 22, valley 23 to 7, else flat; the same all year.
    fn default() -> Self {
        use Tariff::{Flat, Peak, Sharp, Valley};
        Self::all_year(DayTable::from_changes(&[
            (28, Flat),
            (32, Peak),
            (44, Flat),
            (68, Peak),
            (76, Sharp),
            (84, Peak),
            (88, Flat),
            (92, Valley),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(month: u8, day: u8, hour: u8, minute: u8) -> Civil {
        Civil::new(2026, month, day, hour, minute, 59).unwrap()
    }

    #[test]
    fn the_default_day_has_all_four_tariffs() {
        let schedule = Schedule::default();
        let at = |hour, minute| schedule.tariff(moment(5, 4, hour, minute));
        assert_eq!([at(0, 0), at(6, 59), at(7, 0), at(8, 0)].map(Tariff::number), [4, 4, 3, 2]);
        assert_eq!([at(18, 59), at(19, 0), at(20, 59), at(21, 0)].map(Tariff::number), [2, 1, 1, 2]);
        assert_eq!([at(22, 0), at(22, 59), at(23, 0), at(23, 59)].map(Tariff::number), [3, 3, 4, 4]);
        assert!(Tariff::ALL.iter().all(|tariff| Tariff::from_number(tariff.number()) == Some(*tariff)));
        assert_eq!((Tariff::from_number(0), Tariff::from_number(5)), (None, None));
    }

    #[test]
    fn a_meter_of_two_tariffs_uses_no_other() {
        let schedule = Schedule::default().within(2);
        let at = |hour| schedule.tariff(moment(5, 4, hour, 0)).number();
        assert_eq!([0, 7, 9, 19].map(at), [2, 1, 2, 1]);
        assert!(
            (0..24).all(|hour| Schedule::default().within(1).tariff(moment(5, 4, hour, 0)) == Tariff::Sharp)
        );
    }

    #[test]
    fn seasons_follow_each_other_over_the_new_year() {
        let [winter, summer] = [Tariff::Peak, Tariff::Valley].map(DayTable::all_day);
        let schedule = Schedule::default().with_season(9, 16, winter).with_season(6, 1, summer);
        let at = |month, day| schedule.tariff(moment(month, day, 12, 0));
        assert_eq!(at(1, 1), Tariff::Peak, "last year's last season goes on");
        assert_eq!([at(5, 31), at(6, 1), at(9, 15), at(9, 16)].map(Tariff::number), [2, 4, 4, 2]);
    }
}
