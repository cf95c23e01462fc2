//! The terms of a cut (停电条件): a dated table by region and class of customer, above a built-in row that is strict.

use std::time::Duration;

use crate::domain::{CustomerClass, Day, Id, Moment, TransformerArea};

/// What a cut of one point has to keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How old the notice must be when supply is cut.
    pub notice_least: Duration,
    /// How old it may be.
    pub notice_most: Duration,
    /// How old the second notice must be.
    pub second_least: Duration,
    /// How old it may be.
    pub second_most: Duration,
    /// How long the customer must have been in arrears, where that is the reason.
    pub arrears_least: Duration,
    /// How old the check may be that this meter is the one of this household.
    pub identity_most: Duration,
    /// How old the last read may be.
    pub read_most: Duration,
}

impl Terms {
    /// What holds where no row says otherwise.
    pub const STRICT: Self = Self {
        notice_least: Duration::from_secs(7 * DAY),
        notice_most: Duration::from_secs(15 * DAY),
        second_least: Duration::from_secs(30 * 60),
        second_most: Duration::from_secs(DAY),
        arrears_least: Duration::from_secs(30 * DAY),
        identity_most: Duration::from_secs(90 * DAY),
        read_most: Duration::from_secs(2 * DAY),
    };
}

/// A row of the table. A later row for the same customers takes the place of an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatedTerms {
    /// From when on.
    pub from: Day,
    /// Where; `None` for everywhere.
    pub area: Option<Id<TransformerArea>>,
    /// For whom; `None` for all.
    pub class: Option<CustomerClass>,
    /// What holds.
    pub terms: Terms,
}

/// The terms of a point on a day: those of the row that fits most closely, and of such rows the one begun last.
#[must_use]
pub fn terms_for(
    rows: &[DatedTerms],
    day: Day,
    area: Option<Id<TransformerArea>>,
    class: Option<CustomerClass>,
) -> Terms {
    let fits = |row: &&DatedTerms| {
        row.from <= day
            && row.area.is_none_or(|of| Some(of) == area)
            && row.class.is_none_or(|of| Some(of) == class)
    };
    let closeness = |row: &&DatedTerms| (row.area.is_some(), row.class.is_some(), row.from);
    rows.iter().filter(fits).max_by_key(closeness).map_or(Terms::STRICT, |row| row.terms)
}

/// How many of the promises to give supply back were missed, the cause of the cut having ended at `since`: after 1, 4 and
/// 12 hours, and after 24 the last.
#[must_use]
pub fn promises_missed(since: Moment, now: Moment) -> usize {
    PROMISES.iter().filter(|hours| now.since(since) >= Duration::from_secs(**hours * 3600)).count()
}

/// Hours after which supply that was not given back is told of.
const PROMISES: [u64; 4] = [1, 4, 12, 24];

/// Seconds of a day.
const DAY: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f44_the_row_that_fits_most_closely_and_began_last_counts_and_else_the_strict_one() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let terms = |days: u64| Terms { notice_least: Duration::from_secs(days * DAY), ..Terms::STRICT };
        let row = |from: &str, area: Option<i64>, class, days| DatedTerms {
            from: day(from),
            area: area.map(Id::new),
            class,
            terms: terms(days),
        };
        let home = Some(CustomerClass::Residential);
        let rows = [
            row("2026-01-01", None, None, 1),
            row("2026-06-01", None, None, 2),
            row("2026-01-01", None, home, 3),
            row("2026-01-01", Some(7), None, 4),
            row("2026-01-01", Some(7), home, 5),
        ];
        let found = |on: &str, area: Option<i64>, class| {
            terms_for(&rows, day(on), area.map(Id::new), class).notice_least.as_secs() / DAY
        };
        assert_eq!(found("2025-12-31", Some(7), home), 7);
        assert_eq!(found("2026-05-31", None, None), 1);
        assert_eq!(found("2026-06-01", None, None), 2);
        assert_eq!(found("2026-06-01", None, home), 3);
        assert_eq!(found("2026-06-01", Some(7), None), 4);
        assert_eq!(found("2026-06-01", Some(7), home), 5);
        assert_eq!(found("2026-06-01", Some(8), Some(CustomerClass::Industrial)), 2);
    }

    #[test]
    fn f48_promises_are_missed_after_one_four_twelve_and_twenty_four_hours() {
        let since = Moment::from_micros(0);
        let after = |seconds| promises_missed(since, since.plus(Duration::from_secs(seconds)));
        assert_eq!([0, 3599, 3600, 14_400, 43_200, 86_399, 86_400].map(after), [0, 0, 1, 2, 3, 3, 4]);
    }
}
