//! How a register of energy may move (F15): rollover, backward and impossible steps, tariffs that do not add up.
//!
//! Numbers are whole ones of the item's last decimal place, and every rule is exact. A value that fails goes to review
//! with what it was compared to; nothing here changes one.

use std::time::Duration;

use super::item::{Item, Way};
use super::moment::Moment;
use super::quality::{Quality, Suspicion};

/// What a register can show and what its connection can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterLimits {
    /// Which way it moves.
    pub way: Way,
    /// One more than the highest value it shows: behind that it begins at zero.
    pub capacity: i64,
    /// The most that can flow in an hour.
    pub most_per_hour: i64,
}

impl RegisterLimits {
    /// The limits of a register with so many digits before the point, behind a connection of so many watts (or var, or
    /// VA) seen by the meter, transformers not counted. `None` for what is no register of energy, and for digits that
    /// do not fit.
    #[must_use]
    pub fn new(item: Item, whole_digits: u8, most_watts: u32) -> Option<Self> {
        let way = item.way()?;
        let capacity = 10_i64.checked_pow(u32::from(whole_digits) + u32::from(item.decimals()))?;
        let unit = 10_i64.checked_pow(item.decimals().into())?;
        Some(Self { way, capacity, most_per_hour: (i64::from(most_watts) * unit).div_euclid(1000) + 1 })
    }

    /// The most that can flow within `duration`, and one more for the digits that are not shown.
    fn most_within(self, duration: Duration) -> i128 {
        let hour_us: i128 = 3_600_000_000;
        let micros = i128::try_from(duration.as_micros()).unwrap_or(i128::MAX);
        i128::from(self.most_per_hour).saturating_mul(micros) / hour_us + i128::from(self.coarseness())
    }

    /// A register may be read with two decimals while the item keeps four.
    fn coarseness(self) -> i64 {
        self.most_per_hour.min(COARSE)
    }
}

/// A register at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// When.
    pub at: Moment,
    /// What it showed.
    pub value: i64,
}

/// What lies between two states of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It moved by so much; negative only where it may fall.
    Plain(i64),
    /// It passed its last digit, having moved by so much (翻转).
    Rollover(i64),
    /// It fell by so much (倒走).
    Backward(i64),
    /// It moved by so much, which the connection cannot carry (飞走).
    TooLarge(i64),
}

impl Step {
    /// How far it moved, where that is believed.
    #[must_use]
    pub const fn amount(self) -> Option<i64> {
        match self {
            Self::Plain(amount) | Self::Rollover(amount) => Some(amount),
            Self::Backward(_) | Self::TooLarge(_) => None,
        }
    }

    /// What is to be thought of the later state.
    #[must_use]
    pub const fn quality(self) -> Quality {
        match self {
            Self::Plain(_) | Self::Rollover(_) => Quality::Good,
            Self::Backward(_) => Quality::Suspect(Suspicion::BackwardStep),
            Self::TooLarge(_) => Quality::Suspect(Suspicion::LargeStep),
        }
    }
}

/// What happened between two states; they are put in order of time first.
#[must_use]
pub fn step(one: State, other: State, limits: RegisterLimits) -> Step {
    let (first, then) = if one.at <= other.at { (one, other) } else { (other, one) };
    let most = limits.most_within(then.at.since(first.at));
    let moved = i128::from(then.value) - i128::from(first.value);
    let wrapped = moved + i128::from(limits.capacity);
    let narrow = |amount: i128| i64::try_from(amount).unwrap_or(i64::MAX);
    let fits = |value: i64| (0..limits.capacity).contains(&value);
    match limits.way {
        Way::Both if moved.abs() <= most => Step::Plain(narrow(moved)),
        Way::Both => Step::TooLarge(narrow(moved)),
        Way::Up if (0..=most).contains(&moved) => Step::Plain(narrow(moved)),
        Way::Up if moved > most => Step::TooLarge(narrow(moved)),
        Way::Up if fits(first.value) && fits(then.value) && wrapped <= most => {
            Step::Rollover(narrow(wrapped))
        }
        Way::Up => Step::Backward(narrow(-moved)),
    }
}

/// Judges a new state by the accepted ones next to it in time: the one before, and, where a gap is filled afterwards,
/// the one behind.
#[must_use]
pub fn judge(new: State, before: Option<State>, after: Option<State>, limits: RegisterLimits) -> Quality {
    let beside = [before, after].into_iter().flatten();
    beside
        .map(|other| step(other, new, limits).quality())
        .find(|quality| !quality.is_accepted())
        .unwrap_or(Quality::Good)
}

/// Whether the tariffs add up to the total, each allowed a hundredth of the unit for its own rounding. A total that has
/// passed its last digit is behind its tariffs by what it can show.
#[must_use]
pub fn tariffs_add_up(total: (Item, i64), tariffs: &[i64], limits: RegisterLimits) -> bool {
    let (item, total) = total;
    let hundredth = 10_i128.pow(u32::from(item.decimals().saturating_sub(2)));
    let sum: i128 = tariffs.iter().copied().map(i128::from).sum();
    let count = i128::try_from(tariffs.len()).unwrap_or(i128::MAX);
    let capacity = i128::from(limits.capacity).max(1);
    let behind = (sum - i128::from(total)).rem_euclid(capacity);
    behind.min(capacity - behind) <= hundredth.saturating_mul(count)
}

/// A hundredth of a kWh in 0.0001 kWh.
const COARSE: i64 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MOST_WATTS: u32 = 13_200;

    fn item() -> Item {
        Item::parse("1.8.0").unwrap()
    }

    fn limits() -> RegisterLimits {
        RegisterLimits::new(item(), 6, MOST_WATTS).unwrap()
    }

    fn state(hour: u64, value: i64) -> State {
        State { at: Moment::from_micros(0).plus(Duration::from_secs(3600 * hour)), value }
    }

    #[test]
    fn f15_rollover_backward_and_large_steps_are_told_apart() {
        let last = 9_999_999_900;
        for (from, to, hours, expected) in [
            (0, 0, 24, Step::Plain(0)),
            (10_000, 20_000, 24, Step::Plain(10_000)),
            (last, 0, 1, Step::Rollover(100)),
            (last, 50_000, 1, Step::Rollover(50_100)),
            (50_000, 40_000, 24, Step::Backward(10_000)),
            (last, 9_000_000_000, 24, Step::Backward(999_999_900)),
            (0, 13_200 * 10 * 24, 24, Step::Plain(3_168_000)),
            (0, 13_200 * 10 * 24 + 200, 24, Step::TooLarge(3_168_200)),
            (0, 200, 0, Step::TooLarge(200)),
            (0, last, 24, Step::TooLarge(last)),
        ] {
            assert_eq!(step(state(0, from), state(hours, to), limits()), expected, "{from} to {to}");
        }
    }

    #[test]
    fn f15_a_rollover_the_connection_cannot_carry_is_a_backward_step() {
        assert_eq!(step(state(0, 9_000_000_000), state(1, 10), limits()), Step::Backward(8_999_999_990));
    }

    #[test]
    fn f15_a_value_above_the_digits_never_rolls_over() {
        assert_eq!(step(state(0, 10_000_000_100), state(1, 0), limits()), Step::Backward(10_000_000_100));
    }

    #[test]
    fn a_combined_register_may_fall() {
        let limits = RegisterLimits::new(Item::parse("15.8.0").unwrap(), 6, MOST_WATTS).unwrap();
        assert_eq!(step(state(0, 50), state(1, -50), limits), Step::Plain(-100));
        assert_eq!(step(state(0, 0), state(1, -900_000), limits), Step::TooLarge(-900_000));
    }

    #[test]
    fn f15_a_value_that_fills_a_gap_is_judged_by_both_neighbours() {
        let judge = |value| judge(state(24, value), Some(state(0, 1000)), Some(state(48, 3000)), limits());
        assert_eq!(judge(2000), Quality::Good);
        assert_eq!(judge(999), Quality::Suspect(Suspicion::BackwardStep));
        assert_eq!(judge(3001), Quality::Suspect(Suspicion::BackwardStep));
        assert_eq!(judge(9_000_000), Quality::Suspect(Suspicion::LargeStep));
        assert_eq!(super::judge(state(0, 5), None, None, limits()), Quality::Good);
    }

    #[test]
    fn f15_tariffs_may_differ_by_a_hundredth_each() {
        let add_up = |total, tariffs: &[i64]| tariffs_add_up((item(), total), tariffs, limits());
        assert!(add_up(40_000, &[10_000, 10_000, 10_000, 10_000]));
        assert!(add_up(40_400, &[10_000, 10_000, 10_000, 10_000]));
        assert!(!add_up(40_401, &[10_000, 10_000, 10_000, 10_000]));
        assert!(!add_up(39_599, &[10_000, 10_000, 10_000, 10_000]));
        assert!(!add_up(i64::MAX, &[i64::MIN; 4]));
    }

    #[test]
    fn f15_a_total_that_rolled_over_is_behind_its_tariffs() {
        let add_up = |total, tariffs: &[i64]| tariffs_add_up((item(), total), tariffs, limits());
        assert!(add_up(500, &[9_000_000_000, 1_000_000_400]));
        assert!(add_up(0, &[9_000_000_000, 999_999_900]));
        assert!(!add_up(5_000_000, &[9_000_000_000, 1_000_000_400]));
        assert!(add_up(1_000, &[9_000_000_000, 9_000_000_000, 2_000_001_000]), "twice over");
    }

    proptest! {
        #[test]
        fn f15_no_believed_step_is_negative_or_above_what_can_flow(
            from: i64, to: i64, hours in 0_u64..100_000, digits in 1_u8..10,
        ) {
            let limits = RegisterLimits::new(item(), digits, MOST_WATTS).unwrap();
            if let Some(amount) = step(state(0, from), state(hours, to), limits).amount() {
                prop_assert!(amount >= 0);
                prop_assert!(i128::from(amount) <= limits.most_within(Duration::from_secs(3600 * hours)));
            }
        }

        #[test]
        fn f15_what_really_flowed_is_found_again_across_the_last_digit(
            from in 0_i64..10_000_000_000, watts in 0_u32..=MOST_WATTS, hours in 0_u64..10_000,
        ) {
            let flowed = i64::from(watts) * i64::try_from(hours).unwrap() * 10;
            let to = (from + flowed) % limits().capacity;
            prop_assert_eq!(step(state(0, from), state(hours, to), limits()).amount(), Some(flowed));
        }
    }
}
