//! How far the clock of a meter is off (F14).

use std::time::Duration;

use dlt645::exchange::LengthRule;

use super::super::ask::{Asker, Heard, Missed};
use super::super::{identifier, interpret};
use crate::domain::{ClockOffset, MissingCause, Moment, meter_clock};

/// What a session learned of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::collect) enum ClockReading {
    /// It is so far off.
    Off(ClockOffset),
    /// It shows no time at all: a battery that is empty, digits that are none.
    Absurd,
}

/// Reads the clock of a meter. `last` is what was known of it: where the new one is far from that, it is asked again, so
/// that no single answer makes a clock wrong.
pub(in crate::collect) async fn read_clock(
    asker: &Asker<'_>,
    last: Option<ClockOffset>,
) -> Result<ClockReading, Missed> {
    let first = read_once(asker).await?;
    if is_expected(first, last) {
        return Ok(first);
    }
    let mut before = first;
    for _ in 0..MOST_TRIES {
        let next = read_once(asker).await?;
        if agree(before, next) {
            return Ok(next);
        }
        before = next;
    }
    Err(Missed::new(MissingCause::Damaged, "the clock: no two readings agree"))
}

async fn read_once(asker: &Asker<'_>) -> Result<ClockReading, Missed> {
    read_session(asker).await.map(|(reading, _)| reading)
}

/// Reads a clock once, with the answers of date and time. These are two answers: the date is asked again when midnight may
/// have been between them. Only answers that can be no others count, also when they are no time: else those would be left
/// over where the good ones are passed over.
pub(in crate::collect) async fn read_session(
    asker: &Asker<'_>,
) -> Result<(ClockReading, [Heard; 2]), Missed> {
    let (date_id, time_id) = identifier::clock(asker.edition());
    for _ in 0..MOST_TRIES {
        let date = asker.read(date_id, LengthRule::exact([4])).await?;
        let of_day = asker.read(time_id, LengthRule::exact([3])).await?;
        // An answer that is not quite new still tells a clock well enough; how well is told with it.
        if !(date.is_alone && of_day.is_alone && of_day.is_dated()) {
            continue;
        }
        let (day, shown) = match (interpret::time(&date), interpret::time(&of_day)) {
            (Ok(day), Ok(shown)) => (day, shown),
            (Err(missed), _) | (_, Err(missed)) if missed.cause == MissingCause::NoValue => {
                return Ok((ClockReading::Absurd, [date, of_day]));
            }
            (Err(missed), _) | (_, Err(missed)) => return Err(missed),
        };
        let Some(civil) = meter_clock::shown(day, shown) else {
            return Ok((ClockReading::Absurd, [date, of_day]));
        };
        if (civil.hour(), civil.minute()) == (0, 0) {
            // The date may be that of yesterday: once more, both of today.
            let again = interpret::time(&asker.read(date_id, LengthRule::exact([4])).await?)?;
            if again != day {
                continue;
            }
        }
        let off = ClockOffset::measured(civil, of_day.asked_at, of_day.answered_at);
        return Ok((ClockReading::Off(off), [date, of_day]));
    }
    Err(Missed::new(MissingCause::Damaged, "the clock: every answer may have been an old one"))
}

/// Whether a clock was right from one instant up to another, by its sessions in order of time.
pub(in crate::collect) fn trust(
    sessions: &[ClockOffset],
    span: (Moment, Moment),
    tolerance: Duration,
) -> Result<(), Missed> {
    if meter_clock::was_right(sessions, span, tolerance) {
        return Ok(());
    }
    let wrong = meter_clock::witnesses(sessions, span).iter().find(|session| !session.is_within(tolerance));
    let detail = match wrong {
        Some(ClockOffset { at, fast_us, .. }) => {
            format!("the meter's clock was off by {} s at {}", fast_us / 1_000_000, at.in_china())
        }
        None => format!("nothing is known of the meter's clock behind {}", span.1.in_china()),
    };
    Err(Missed::new(MissingCause::Clock, detail))
}

fn is_expected(reading: ClockReading, last: Option<ClockOffset>) -> bool {
    match (reading, last) {
        (ClockReading::Off(now), Some(last)) => {
            let moved = now.fast_us.abs_diff(last.fast_us);
            let days = now.at.since(last.at).as_secs() / 86_400 + 1;
            moved <= DRIFT_US.saturating_mul(days)
        }
        _ => false,
    }
}

fn agree(one: ClockReading, other: ClockReading) -> bool {
    match (one, other) {
        (ClockReading::Off(one), ClockReading::Off(other)) => {
            let wrong = (one.uncertainty + other.uncertainty).as_micros();
            u128::from(one.fast_us.abs_diff(other.fast_us)) <= u128::from(SAME_US) + wrong
        }
        (ClockReading::Absurd, ClockReading::Absurd) => true,
        _ => false,
    }
}

/// A clock drifts less than this in a day; a standard one half a second. [645-2007 4]
const DRIFT_US: u64 = 5_000_000;
/// Two readings of one clock differ by less than this.
const SAME_US: u64 = 2_000_000;
const MOST_TRIES: u32 = 8;
