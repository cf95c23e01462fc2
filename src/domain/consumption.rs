//! What a metering point used between two instants: across rollover, exchange of the meter and change of the
//! transformers, to the last digit (F16, I6).
//!
//! The time between the two instants is cut where a meter was put in or taken out and where the transformers changed;
//! each piece needs the register at both its ends. Where one lacks, the consumption is open and says which. So the
//! consumptions of neighbouring stretches add up to that of the whole.

use super::archive::{Installation, Meter, TransformersFrom};
use super::id::Id;
use super::moment::Moment;
use super::multiplier::Multiplier;
use super::quality::{Quality, Source};
use super::register::{RegisterLimits, State, Step, step};

/// A stretch of time with one meter and one multiplier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The meter that measured.
    pub meter: Id<Meter>,
    /// From when.
    pub from: Moment,
    /// Until when.
    pub until: Moment,
    /// What its readings are multiplied by.
    pub multiplier: Multiplier,
}

/// An accepted, current reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its value.
    pub value: i64,
    /// Good or estimated.
    pub quality: Quality,
    /// Its version in the ledger.
    pub version: i64,
    /// The instant it holds for. Only a stand-in has another one than was asked for.
    pub read_at: Moment,
    /// How it was come by.
    pub source: Source,
}

/// A piece with its two readings: where a consumption comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// When, which meter, times what.
    pub piece: Piece,
    /// The reading at its beginning.
    pub opening: Accepted,
    /// The reading at its end.
    pub closing: Accepted,
    /// How far the register moved, before multiplying.
    pub moved: i64,
}

/// What was used (电量).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumption {
    /// The amount, a whole number of the last decimal place of the item plus [`MORE_DECIMALS`].
    pub amount: i64,
    /// As good as the worst reading in it.
    pub quality: Quality,
    /// Where it comes from.
    pub parts: Vec<Part>,
}

/// Why a consumption cannot be said yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Open {
    /// No meter measured at any time between.
    #[error("no meter measured")]
    NoMeter,
    /// No accepted reading at an instant that needs one.
    #[error("no accepted reading of meter {meter} at {at}")]
    NoReading {
        /// The meter.
        meter: Id<Meter>,
        /// The instant.
        at: Moment,
    },
    /// The register moved as it cannot.
    #[error("the register of meter {meter} moved as it cannot up to {until}")]
    Implausible {
        /// The meter.
        meter: Id<Meter>,
        /// The instant of the later reading.
        until: Moment,
        /// How it moved.
        step: Step,
    },
    /// Nothing says what the registers of a meter can show.
    #[error("meter {meter} has no profile that is known")]
    NoProfile {
        /// The meter.
        meter: Id<Meter>,
    },
    /// A multiplier is not exact, or an amount too large to be kept.
    #[error("the amount cannot be kept exactly")]
    NotExact,
    /// The register did not move although power flowed by what the meter recorded (停走).
    #[error("the register of meter {meter} stood still up to {until} while at least {least_watts} W flowed")]
    Standstill {
        /// The meter.
        meter: Id<Meter>,
        /// The instant of the later reading.
        until: Moment,
        /// What flowed at least.
        least_watts: u32,
    },
    /// It can be said, and was not yet: what stands in its way was there until now.
    #[error("it is not settled yet")]
    NotSettled,
}

impl Open {
    /// Its kind, as it is stored and shown.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NoMeter => "no_meter",
            Self::NoReading { .. } => "no_reading",
            Self::Implausible { .. } => "implausible",
            Self::NoProfile { .. } => "no_profile",
            Self::NotExact => "not_exact",
            Self::Standstill { .. } => "standstill",
            Self::NotSettled => "not_settled",
        }
    }
}

/// Cuts the time from `from` to `until` into pieces. Pieces do not overlap, and are in order of time.
///
/// # Errors
/// [`Open::NoMeter`] when no meter was there at any time, [`Open::NotExact`] for transformers without a multiplier.
pub fn pieces(
    installations: &[Installation],
    transformers: &[TransformersFrom],
    from: Moment,
    until: Moment,
) -> Result<Vec<Piece>, Open> {
    let mut pieces = Vec::new();
    for installation in installations {
        let start = installation.installed_at.max(from);
        let end = installation.removed_at.unwrap_or(until).min(until);
        let inside = transformers.iter().map(|entry| entry.from).filter(|cut| start < *cut && *cut < end);
        let mut cuts: Vec<Moment> = inside.chain([start, end]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        for (start, end) in cuts.iter().zip(cuts.iter().skip(1)).filter(|(start, end)| start < end) {
            let multiplier = multiplier_at(transformers, *start)?;
            pieces.push(Piece { meter: installation.meter, from: *start, until: *end, multiplier });
        }
    }
    pieces.retain(|piece| piece.from < until && from < piece.until);
    pieces.sort_unstable_by_key(|piece| (piece.from, piece.until));
    if pieces.is_empty() { Err(Open::NoMeter) } else { Ok(pieces) }
}

fn multiplier_at(transformers: &[TransformersFrom], at: Moment) -> Result<Multiplier, Open> {
    let entry = transformers.iter().filter(|entry| entry.from <= at).max_by_key(|entry| entry.from);
    let multiplier = entry.map(|entry| entry.transformers.multiplier());
    multiplier.unwrap_or(Ok(Multiplier::ONE)).map_err(|_| Open::NotExact)
}

/// Adds up what flowed in the pieces.
///
/// # Errors
/// [`Open`] names the reading that lacks or does not fit.
pub fn consumption(
    pieces: &[Piece],
    reading: impl Fn(Id<Meter>, Moment) -> Option<Accepted>,
    limits: impl Fn(Id<Meter>) -> Option<RegisterLimits>,
) -> Result<Consumption, Open> {
    let mut sum = Consumption { amount: 0, quality: Quality::Good, parts: Vec::new() };
    for piece in pieces {
        let read = |at| reading(piece.meter, at).ok_or(Open::NoReading { meter: piece.meter, at });
        let (opening, closing) = (read(piece.from)?, read(piece.until)?);
        // A stand-in that was read behind the end of its own piece says nothing of its beginning.
        if opening.read_at > closing.read_at {
            return Err(Open::NoReading { meter: piece.meter, at: piece.from });
        }
        let limits = limits(piece.meter).ok_or(Open::NoProfile { meter: piece.meter })?;
        let state = |reading: Accepted| State { at: reading.read_at, value: reading.value };
        let step = step(state(opening), state(closing), limits);
        let moved =
            step.amount().ok_or(Open::Implausible { meter: piece.meter, until: piece.until, step })?;
        let factor = i64::try_from(piece.multiplier.hundredths()).map_err(|_| Open::NotExact)?;
        let amount = moved.checked_mul(factor).and_then(|amount| sum.amount.checked_add(amount));
        sum.amount = amount.ok_or(Open::NotExact)?;
        sum.quality = sum.quality.and(opening.quality).and(closing.quality);
        sum.parts.push(Part { piece: *piece, opening, closing, moved });
    }
    Ok(sum)
}

/// A consumption keeps so many decimals more than its item, so that every multiplier is applied exactly.
pub const MORE_DECIMALS: u8 = 2;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::domain::item::Item;
    use crate::domain::multiplier::Transformers;
    use proptest::prelude::*;

    const MOST_WATTS: u32 = 60_000;

    fn hour(hour: u64) -> Moment {
        Moment::from_micros(0).plus(Duration::from_secs(3600 * hour))
    }

    fn installed(meter: i64, from: u64, until: Option<u64>) -> Installation {
        Installation {
            point: Id::new(1),
            meter: Id::new(meter),
            installed_at: hour(from),
            removed_at: until.map(hour),
        }
    }

    fn times(from: u64, ct: &str) -> TransformersFrom {
        let transformers = Transformers { ct: ct.parse().unwrap(), ..Transformers::NONE };
        TransformersFrom { from: hour(from), transformers }
    }

    fn limits(_: Id<Meter>) -> Option<RegisterLimits> {
        RegisterLimits::new(Item::parse("1.8.0").unwrap(), 6, MOST_WATTS)
    }

    fn readings(list: &[(i64, u64, i64)]) -> impl Fn(Id<Meter>, Moment) -> Option<Accepted> + use<> {
        let map: BTreeMap<_, _> =
            list.iter().map(|(meter, at, value)| ((Id::new(*meter), hour(*at)), *value)).collect();
        move |meter, at| {
            let value = *map.get(&(meter, at))?;
            Some(Accepted { value, quality: Quality::Good, version: 1, read_at: at, source: Source::Freeze })
        }
    }

    #[test]
    fn f16_an_exchange_at_noon_adds_up_both_meters() {
        let exchange = [installed(1, 0, Some(12)), installed(2, 12, None)];
        let pieces = pieces(&exchange, &[times(0, "40")], hour(0), hour(24)).unwrap();
        let read = readings(&[(1, 0, 1_000_000), (1, 12, 1_050_000), (2, 12, 30), (2, 24, 70_030)]);
        let used = consumption(&pieces, read, limits).unwrap();
        // (5.0000 + 7.0000) kWh x 40, in 0.000001 kWh
        assert_eq!(used.amount, 480_000_000);
        let lineage: Vec<_> = used.parts.iter().map(|part| (part.piece.meter, part.moved)).collect();
        assert_eq!(lineage, [(Id::new(1), 50_000), (Id::new(2), 70_000)]);
    }

    #[test]
    fn f16_without_its_closing_value_the_day_is_open() {
        let exchange = [installed(1, 0, Some(12)), installed(2, 12, None)];
        let pieces = pieces(&exchange, &[], hour(0), hour(24)).unwrap();
        let read = readings(&[(1, 0, 1_000_000), (2, 12, 30), (2, 24, 70_030)]);
        let open = Open::NoReading { meter: Id::new(1), at: hour(12) };
        assert_eq!(consumption(&pieces, read, limits), Err(open));
    }

    #[test]
    fn f16_an_old_meter_that_comes_back_counts_from_where_it_was_put_in_again() {
        let history = [installed(1, 0, Some(6)), installed(2, 6, Some(18)), installed(1, 18, None)];
        let pieces = pieces(&history, &[], hour(0), hour(24)).unwrap();
        let read = readings(&[(1, 0, 100), (1, 6, 300), (2, 6, 0), (2, 18, 50), (1, 18, 300), (1, 24, 310)]);
        assert_eq!(consumption(&pieces, read, limits).unwrap().amount, (200 + 50 + 10) * 100);
    }

    #[test]
    fn f16_transformers_count_from_their_own_instant_on() {
        let one = [installed(1, 0, None)];
        let changed = pieces(&one, &[times(0, "1"), times(12, "1.5")], hour(0), hour(24)).unwrap();
        let read = readings(&[(1, 0, 0), (1, 12, 100), (1, 24, 103)]);
        assert_eq!(consumption(&changed, read, limits).unwrap().amount, 100 * 100 + 3 * 150);
    }

    #[test]
    fn a_point_without_a_meter_has_no_consumption() {
        assert_eq!(pieces(&[installed(1, 24, None)], &[], hour(0), hour(24)), Err(Open::NoMeter));
        assert_eq!(pieces(&[installed(1, 0, Some(5))], &[], hour(5), hour(24)), Err(Open::NoMeter));
        assert_eq!(pieces(&[], &[], hour(0), hour(24)), Err(Open::NoMeter));
        let late = pieces(&[installed(1, 20, None)], &[], hour(0), hour(24)).unwrap();
        assert_eq!((late[0].from, late[0].until), (hour(20), hour(24)));
    }

    #[test]
    fn f15_a_register_that_fell_leaves_the_day_open() {
        let pieces = pieces(&[installed(1, 0, None)], &[], hour(0), hour(24)).unwrap();
        let read = readings(&[(1, 0, 100), (1, 24, 50)]);
        assert!(matches!(consumption(&pieces, read, limits), Err(Open::Implausible { .. })));
    }

    #[test]
    fn f15_what_can_flow_is_judged_by_when_the_readings_were_read() {
        let pieces = pieces(&[installed(1, 0, None)], &[], hour(0), hour(24)).unwrap();
        let read_at = |opening, closing| {
            move |_, at| {
                let is_opening = at == hour(0);
                let (value, read_at) = if is_opening { (0, opening) } else { (17_000_000, closing) };
                Some(Accepted {
                    value,
                    quality: Quality::Good,
                    version: 1,
                    read_at: hour(read_at),
                    source: Source::Freeze,
                })
            }
        };
        assert!(consumption(&pieces, read_at(0, 29), limits).is_ok(), "29 hours at 60 kW");
        assert!(matches!(
            consumption(&pieces, read_at(0, 24), limits),
            Err(Open::Implausible { step: Step::TooLarge(_), .. })
        ));
        let open = Open::NoReading { meter: Id::new(1), at: hour(0) };
        assert_eq!(consumption(&pieces, read_at(25, 24), limits), Err(open), "the wrong way round");
    }

    #[test]
    fn a_meter_without_profile_leaves_the_day_open() {
        let pieces = pieces(&[installed(1, 0, None)], &[], hour(0), hour(24)).unwrap();
        let open = consumption(&pieces, readings(&[(1, 0, 1), (1, 24, 2)]), |_| None).unwrap_err();
        assert_eq!((open, open.kind()), (Open::NoProfile { meter: Id::new(1) }, "no_profile"));
    }

    #[test]
    fn an_estimate_marks_what_is_made_of_it() {
        let pieces = pieces(&[installed(1, 0, None)], &[], hour(0), hour(24)).unwrap();
        let read = |_, at| {
            let quality = if at == hour(0) { Quality::Estimated } else { Quality::Good };
            Some(Accepted { value: 5, quality, version: 1, read_at: at, source: Source::Freeze })
        };
        assert_eq!(consumption(&pieces, read, limits).unwrap().quality, Quality::Estimated);
    }

    /// One day of the made-up past: what flowed before and after noon, and what was changed at noon.
    #[derive(Clone, Debug)]
    struct DayOfTruth {
        morning: i64,
        afternoon: i64,
        new_meter_at: Option<i64>,
        new_ct: Option<u64>,
    }

    fn day_of_truth() -> impl Strategy<Value = DayOfTruth> {
        let flow = || 0_i64..7_200_000;
        let near_the_end = 9_990_000_000_i64..10_000_000_000;
        let first = prop_oneof![Just(0), near_the_end];
        let rarely = |weight| prop::option::weighted(weight, any::<()>());
        (flow(), flow(), rarely(0.2), first, rarely(0.1), 1_u64..20_000).prop_map(
            |(morning, afternoon, exchange, first, change, ct)| DayOfTruth {
                morning,
                afternoon,
                new_meter_at: exchange.map(|()| first),
                new_ct: change.map(|()| ct),
            },
        )
    }

    proptest! {
        #[test]
        fn i06_the_days_add_up_to_the_whole_across_swaps_rollovers_and_transformers(
            truth in prop::collection::vec(day_of_truth(), 1..40), start in 9_900_000_000_i64..10_000_000_000,
        ) {
            let (mut meter, mut register, mut factor) = (1, start, 100);
            let mut history = vec![installed(1, 0, None)];
            let mut changes = Vec::new();
            let mut seen = vec![(1, 0, start)];
            let mut flowed = Vec::new();
            let move_on = |register: i64, by| (register + by) % 10_000_000_000;
            for (day, truth) in (0_u64..).zip(&truth) {
                let (noon, night) = (day * 24 + 12, day * 24 + 24);
                register = move_on(register, truth.morning);
                seen.push((meter, noon, register));
                let mut used = truth.morning * factor;
                if let Some(first) = truth.new_meter_at {
                    history.last_mut().unwrap().removed_at = Some(hour(noon));
                    meter += 1;
                    register = first;
                    history.push(installed(meter, noon, None));
                    seen.push((meter, noon, first));
                }
                if let Some(hundredths) = truth.new_ct {
                    factor = i64::try_from(hundredths).unwrap();
                    changes.push(times(noon, &format!("{}.{:02}", hundredths / 100, hundredths % 100)));
                }
                register = move_on(register, truth.afternoon);
                used += truth.afternoon * factor;
                seen.push((meter, night, register));
                flowed.push(used);
            }
            let read = readings(&seen);
            let used = |from, until| {
                let pieces = pieces(&history, &changes, hour(from), hour(until)).unwrap();
                consumption(&pieces, &read, limits).unwrap().amount
            };
            let days: Vec<i64> = (0..).zip(&truth).map(|(day, _)| used(day * 24, day * 24 + 24)).collect();
            prop_assert_eq!(&days, &flowed);
        }

        #[test]
        fn f16_no_exchange_makes_a_negative_or_huge_day(
            closing in 0_i64..10_000_000_000, opening in 0_i64..10_000_000_000, flow in 0_i64..7_200_000,
        ) {
            let exchange = [installed(1, 0, Some(12)), installed(2, 12, None)];
            let pieces = pieces(&exchange, &[], hour(0), hour(24)).unwrap();
            let end = (opening + flow) % 10_000_000_000;
            let read = readings(&[(1, 0, closing), (1, 12, closing), (2, 12, opening), (2, 24, end)]);
            let used = consumption(&pieces, read, limits).unwrap();
            prop_assert_eq!(used.amount, flow * 100);
        }
    }
}
