//! What a meter tells before an order: what of it stands against the order, what is kept of it, and what looks afterwards prove
//! beside it.

use std::time::Duration;

use super::field::{AssetCheck, Before, Field, MeterClock, Part};
use super::verdict::expectation;
use crate::channel::Kept;
use crate::domain::Moment;
use crate::domain::relay::{Look, Proof, Told, judge};
use crate::domain::supply::{Objection, OrderKind};
use crate::store::supply::{AttemptOutcome, AttemptRecord, BeforeRecord, Due};

/// What is known of a meter before it is sent an order.
pub(super) struct Asked {
    /// What is kept of it.
    pub(super) record: BeforeRecord,
    /// Its clock.
    pub(super) clock: MeterClock,
    /// What stands against the order by it.
    pub(super) found: Vec<Objection>,
    /// What keeps the line for the frame behind it.
    pub(super) kept: Option<Kept>,
}

impl Asked {
    /// Of all of it.
    pub(super) fn of(kind: OrderKind, before: &Before, kept: Option<Kept>) -> Self {
        let record = BeforeRecord { look: before.look(), told: told(before) };
        Self { record, clock: before.clock, found: objections(kind, before), kept }
    }

    /// Of what came of it. Without the meter's clock the deadline is set by ours.
    pub(super) fn in_part(part: &Part, now: Moment) -> Self {
        let record = BeforeRecord { look: None, told: told_in_part(part) };
        let clock = part.clock.unwrap_or(MeterClock::Absurd { at: now });
        Self { record, clock, found: Vec::new(), kept: None }
    }

    /// Until when the meter may obey a frame that is valid for so long, by our clock: what is not known of its clock comes on
    /// top, and what ours may be set by without anybody seeing it (F47).
    pub(super) fn obeyed_until(&self, now: Moment, valid: Duration) -> Moment {
        let unsure = self.clock.offset().map_or(Duration::ZERO, |offset| offset.uncertainty);
        now.plus(valid + unsure + MARGIN)
    }
}

/// What looks prove of an order.
pub(super) fn judged(
    due: Due,
    field: &Field,
    (attempt, looks): (&AttemptRecord, &[Look]),
    now: Moment,
) -> Proof {
    // Where the clock was set back, what was seen before that lies ahead, and so does the telling: what is seen now counts,
    // and time for the meter to obey is given from its first look on (F33).
    let seen = looks.partition_point(|look| look.at <= now);
    let looks = looks.get(..seen).unwrap_or_default();
    let told_at = attempt.told_at.filter(|told_at| *told_at <= now);
    let told = Told {
        at: told_at.or_else(|| looks.first().map(|look| look.at)).unwrap_or(now),
        until: attempt.expires_at,
        is_accepted: attempt.outcome == Some(AttemptOutcome::Accepted),
    };
    let rules = field.rules(trip_delay(&attempt.before.told));
    judge(attempt.before.look.as_ref(), looks, expectation(due.kind), told, &rules)
}

/// How long a meter said that it waits before it trips.
fn trip_delay(told: &str) -> Option<Duration> {
    let told: serde_json::Value = serde_json::from_str(told).ok()?;
    told.get(TRIP_DELAY)?.as_u64().map(Duration::from_secs)
}

/// What a meter said before stands against an order (F34, F53). Nothing does against giving supply back.
fn objections(kind: OrderKind, before: &Before) -> Vec<Objection> {
    if !kind.is_cut_class() {
        return Vec::new();
    }
    let check = before.identity.as_ref().map(|identity| identity.value.check);
    let status = before.status.value;
    let is_off = before.clock.offset().is_none_or(|offset| !offset.is_within(MOST_OFF));
    [
        (check.is_none(), Objection::MeterSilent),
        (check == Some(AssetCheck::OtherAddress), Objection::AddressDiffers),
        (check == Some(AssetCheck::OtherAsset), Objection::AssetDiffers),
        (is_off, Objection::MeterClockOff),
        (kind == OrderKind::Cut && status.is_open() && status.is_ordered_open(), Objection::OpenAlready),
        (kind == OrderKind::Cut && status.is_held(), Objection::HeldByMeter),
    ]
    .into_iter()
    .filter_map(|(is_so, objection)| is_so.then_some(objection))
    .collect()
}

/// What came of what a meter said before, as JSON; empty for nothing.
fn told_in_part(part: &Part) -> String {
    if *part == Part::default() {
        return String::new();
    }
    serde_json::json!({
        "at": part.status.map(|status| status.at.to_string()),
        "status": part.status.map(|status| status.value.bits()),
        "clock_offset_seconds": part.clock.map(told_clock),
    })
    .to_string()
}

fn told_clock(clock: MeterClock) -> serde_json::Value {
    match clock {
        MeterClock::Off(offset) => serde_json::json!(offset.fast_us / 1_000_000),
        MeterClock::Absurd { .. } => serde_json::json!("absurd"),
    }
}

/// What a meter said before, as JSON.
fn told(before: &Before) -> String {
    let identity = before.identity.as_ref().map(|identity| &identity.value);
    let clock = told_clock(before.clock);
    serde_json::json!({
        "at": before.status.at.to_string(),
        "status": before.status.value.bits(),
        "clock_offset_seconds": clock,
        "address": identity.and_then(|identity| identity.address).map(|address| address.to_string()),
        "asset_number": identity.and_then(|identity| identity.asset.clone()),
        "check": identity.map(|identity| identity.check.kind()),
        "energy": before.energy.map(|energy| energy.value),
        "currents_ma": before.currents.map(|currents| currents.value.0),
        "power_dw": before.power.map(|power| power.value),
        TRIP_DELAY: before.trip_delay.map(|delay| delay.value.as_secs()),
    })
    .to_string()
}

/// Under what name the trip delay is kept.
const TRIP_DELAY: &str = "trip_delay_seconds";
/// What is added to the time in which a meter may obey: between the intent and the frame a few seconds pass, and our clock may
/// be set.
const MARGIN: Duration = Duration::from_secs(60);
/// How far the clock of a meter may be off for it to be cut (F34).
const MOST_OFF: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::super::field::{Identity, Timed};
    use super::*;
    use crate::domain::ClockOffset;
    use crate::domain::relay::StatusWord3;

    const AT: Moment = Moment::from_micros(1_795_278_330_000_000);

    fn before(check: AssetCheck, bits: u16, fast_seconds: i64) -> Before {
        let timed = |value| Timed { value, at: AT };
        let identity = Identity { address: None, number: None, asset: None, check };
        let offset = ClockOffset {
            at: AT,
            fast_us: fast_seconds * 1_000_000,
            uncertainty: Duration::from_millis(600),
        };
        Before {
            status: timed(StatusWord3::from_bits(bits)),
            clock: MeterClock::Off(offset),
            identity: Some(Timed { value: identity, at: AT }),
            energy: None,
            currents: None,
            power: None,
            trip_delay: None,
        }
    }

    #[test]
    fn f53_another_meter_and_f34_another_time_are_not_cut() {
        let cut = |before: &Before| objections(OrderKind::Cut, before);
        assert_eq!(cut(&before(AssetCheck::Same, 0, 300)), []);
        assert_eq!(cut(&before(AssetCheck::AddressOnly, 0, -300)), []);
        assert_eq!(cut(&before(AssetCheck::OtherAddress, 0, 0)), [Objection::AddressDiffers]);
        assert_eq!(cut(&before(AssetCheck::OtherAsset, 0, 0)), [Objection::AssetDiffers]);
        assert_eq!(cut(&before(AssetCheck::Same, 0, 301)), [Objection::MeterClockOff]);
        assert_eq!(cut(&before(AssetCheck::Same, 0, -301)), [Objection::MeterClockOff]);
        assert_eq!(cut(&before(AssetCheck::Same, 0x50, 0)), [Objection::OpenAlready]);
        assert_eq!(cut(&before(AssetCheck::Same, 0x1000, 0)), [Objection::HeldByMeter]);
        let absurd = Before { clock: MeterClock::Absurd { at: AT }, ..before(AssetCheck::Same, 0, 0) };
        assert_eq!(cut(&absurd), [Objection::MeterClockOff]);
        let nobody = Before { identity: None, ..before(AssetCheck::Same, 0, 0) };
        assert_eq!(cut(&nobody), [Objection::MeterSilent]);
        for kind in [OrderKind::ClosePermit, OrderKind::DirectClose, OrderKind::HoldOn] {
            assert_eq!(objections(kind, &before(AssetCheck::OtherAsset, 0x50, 9999)), []);
        }
    }

    #[test]
    fn f53_what_the_meter_said_before_is_kept_with_the_order() {
        let told = told(&before(AssetCheck::OtherAsset, 0x50, -7));
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!((&told["status"], &told["clock_offset_seconds"]), (&80.into(), &(-7).into()));
        assert_eq!(told["check"], "other_asset");
    }

    #[test]
    fn f47_what_is_not_known_of_a_clock_is_time_in_which_the_meter_may_obey() {
        let valid = Duration::from_secs(300);
        let until = |uncertainty| {
            let clock = MeterClock::Off(ClockOffset { at: AT, fast_us: 0, uncertainty });
            let before = Before { clock, ..before(AssetCheck::Same, 0, 0) };
            Asked::of(OrderKind::Cut, &before, None).obeyed_until(AT, valid)
        };
        let seconds = Duration::from_secs;
        assert_eq!(until(seconds(1)), AT.plus(seconds(361)));
        assert_eq!(until(seconds(105)), AT.plus(seconds(465)), "behind a slow carrier");
        let unknown = Asked::in_part(&Part::default(), AT);
        assert_eq!(unknown.obeyed_until(AT, valid), AT.plus(seconds(360)));
    }

    #[test]
    fn f46_the_trip_delay_that_a_meter_told_is_kept_with_the_order() {
        let delay = Timed { value: Duration::from_secs(600), at: AT };
        let before = Before { trip_delay: Some(delay), ..before(AssetCheck::Same, 0, 0) };
        assert_eq!(trip_delay(&told(&before)), Some(Duration::from_secs(600)));
        assert_eq!(trip_delay(&told(&Before { trip_delay: None, ..before })), None);
        assert_eq!(trip_delay(""), None);
    }

    #[test]
    fn f48_what_came_of_what_a_meter_tells_is_used_and_what_did_not_is_said() {
        let status = Some(Timed { value: StatusWord3::from_bits(0x50), at: AT });
        assert_eq!(told_in_part(&Part::default()), "");
        let asked = Asked::in_part(&Part { status, clock: None }, AT);
        assert_eq!(asked.clock, MeterClock::Absurd { at: AT });
        assert!(asked.record.told.contains("\"clock_offset_seconds\":null"), "{}", asked.record.told);
        let clock = before(AssetCheck::Same, 0, -7).clock;
        let asked = Asked::in_part(&Part { status: None, clock: Some(clock) }, AT);
        assert_eq!(asked.clock, clock);
        assert!(asked.record.told.contains("\"clock_offset_seconds\":-7"), "{}", asked.record.told);
    }
}
