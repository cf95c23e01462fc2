//! The registers of a midnight: the daily freeze of it, or what the meter shows now, marked as such.
//!
//! Everything that may reach a bill is read twice and must be the same both times; the time of a freeze is read before
//! and behind its values, so that no new freeze can have come between (F6, F14).

use std::time::Duration;

use dlt645::exchange::LengthRule;
use dlt645::meter_time::MeterTime;

use super::super::ask::{Asker, Heard, Missed};
use super::super::identifier;
use super::super::interpret::{self, ItemValue};
use super::super::lacking::Lacking;
use super::super::patient::Patient;
use super::{Brought, ClockReading, add, clock, fetch, whole_second};
use crate::config::profile::MeterProfile;
use crate::domain::{ClockOffset, Day, Item, MissingCause, Moment, Quality, Source, Suspicion, meter_clock};
use crate::plan::Midnight;
use crate::store::Store;

/// What is known when the registers of a midnight are read.
#[derive(Clone, Copy, Debug)]
pub(in crate::collect) struct Registers<'a> {
    pub(in crate::collect) midnight: &'a Midnight,
    /// Whether the registers of now may stand in where there is no freeze.
    pub(in crate::collect) may_read_live: bool,
    /// Whether our clock may date them.
    pub(in crate::collect) dating: Dating,
    /// How far the time of a freeze may be from midnight.
    pub(in crate::collect) tolerance: Duration,
    /// The clock of the meter in its sessions up to now, in order of time.
    pub(in crate::collect) clocks: &'a [ClockOffset],
    /// The clock now.
    pub(in crate::collect) clock_now: ClockReading,
}

/// Whether our clock may date what a meter shows now (F33).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::collect) enum Dating {
    /// Some meter bears it out.
    Sure,
    /// Nobody does yet.
    Doubted,
    /// Most meters show another time.
    Contradicted,
}

impl Dating {
    /// Why nothing is read that our clock would have to date.
    pub(in crate::collect) fn missed(self) -> Option<Missed> {
        let detail = match self {
            Self::Sure => return None,
            Self::Doubted => {
                "no meter has shown yet that the clock of this machine is right (a person can, with chaobiao clock)"
            }
            Self::Contradicted => "most meters show another time than this machine",
        };
        Some(Missed::new(MissingCause::Clock, detail))
    }
}

/// Reads the registers of a midnight.
pub(in crate::collect) async fn read_registers(
    asker: &Asker<'_>,
    known: &Patient,
    wanted: Registers<'_>,
) -> Brought {
    let mut brought = Brought::default();
    let missing = |lacking: Lacking| lacking.missed(known, (asker.site.meter_id, asker.clock.now()));
    let frozen: Result<Lacking, Missed> = if asker.profile.daily_freezes == 0 {
        Err(Missed::new(
            MissingCause::NoSuchData,
            format!("the profile {} has no daily freeze", asker.profile.name),
        ))
    } else {
        read_freeze(asker, &known.store, wanted, &mut brought).await
    };
    let missed = match frozen {
        Ok(lacking) => return Brought { missed: missing(lacking).await, ..brought },
        Err(missed) => missed,
    };
    let may_stand_in =
        matches!(missed.cause, MissingCause::NoSuchData | MissingCause::NoFreeze | MissingCause::Clock);
    if !(may_stand_in && wanted.may_read_live) {
        return Brought { missed: Some(missed), ..brought };
    }
    if let Some(Missed { cause, detail }) = wanted.dating.missed() {
        let missed = Missed::new(cause, format!("{detail}; {}", missed.detail));
        return Brought { missed: Some(missed), ..brought };
    }
    let missed = match read_live(asker, &known.store, &wanted.midnight.items, &mut brought).await {
        Ok(lacking) => missing(lacking).await,
        Err(missed) => Some(missed),
    };
    Brought { missed, ..brought }
}

/// What of an answer may be booked; what it lacks is noted.
fn booked(
    total: Item,
    heard: &Heard,
    profile: &MeterProfile,
    lacking: &mut Lacking,
) -> Option<Vec<ItemValue>> {
    let answer = interpret::block(total, heard, profile);
    let booked = answer.and_then(|block| {
        let values = block.booked()?.to_vec();
        for (tariff, why) in block.absent {
            let missed = interpret::no_value(heard.id, tariff, why);
            if why.is_corrupt() {
                lacking.unsummed(total);
                lacking.lost(missed);
            } else {
                lacking.unfitted(tariff, missed);
            }
        }
        Ok(values)
    });
    booked.map_err(|missed| without_value(total, missed, lacking)).ok()
}

/// Takes note of a register whose answer has no value that counts.
fn without_value(total: Item, missed: Missed, lacking: &mut Lacking) {
    if missed.is_not_there() { lacking.unfitted(total, missed) } else { lacking.lost(missed) }
}

/// The daily freeze of the midnight. Where the meter's clock may have been wrong then, what it froze is kept as suspect,
/// and does not count.
async fn read_freeze(
    asker: &Asker<'_>,
    store: &Store,
    wanted: Registers<'_>,
    Brought { batch, unsummed, .. }: &mut Brought,
) -> Result<Lacking, Missed> {
    let as_of = wanted.midnight.day.start();
    let now = asker.clock.now();
    let midnights_since = Day::of(now).number() - wanted.midnight.day.number() + 1;
    let guess =
        u8::try_from(midnights_since).ok().filter(|back| (1..=asker.profile.daily_freezes).contains(back));
    let Some(guess) = guess else {
        let detail = format!("the meter keeps {} daily freezes", asker.profile.daily_freezes);
        return Err(Missed::new(MissingCause::NoFreeze, detail));
    };
    let (back, dated) = locate(asker, as_of, guess, wanted.tolerance).await?;
    let (mut answers, mut lacking) = (Vec::new(), Lacking::default());
    for total in &wanted.midnight.items {
        let Some(id) = identifier::daily_freeze(*total, back) else { continue };
        let rule = interpret::length_of_block(*total, id, asker.profile);
        match asker.read_twice(id, &rule).await {
            Ok(heard) => {
                if let Some(values) = booked(*total, &heard, asker.profile, &mut lacking) {
                    answers.push((*total, values, heard));
                }
            }
            // What a meter does not have is left out for it.
            Err(missed) if missed.is_not_there() => {}
            // What it refuses otherwise takes nothing beside it along.
            Err(missed) if missed.is_of_meter() => without_value(*total, missed, &mut lacking),
            // Some leave what they do not know unanswered: that it is still there is told by what it is asked next.
            Err(missed)
                if missed.cause == MissingCause::Silent && !answers.is_empty() && !lacking.is_lost() =>
            {
                lacking.lost(missed);
            }
            Err(missed) => return Err(missed),
        }
    }
    if answers.is_empty() {
        let none = || Missed::new(MissingCause::NoSuchData, "none of the registers is in the daily freeze");
        return Err(lacking.first().unwrap_or_else(none));
    }
    let again = read_time(asker, back).await?;
    if again != dated {
        return Err(Missed::new(
            MissingCause::NoFreeze,
            format!("freeze {back} was of {dated}, then of {again}"),
        ));
    }
    unsummed.extend(lacking.unsummed_totals().map(|total| (total, as_of)));
    let trust = trust(wanted, as_of);
    for (total, values, heard) in answers {
        let items = values.iter().map(|value| value.item).collect();
        let fetch = fetch(store, asker, &heard, items, (as_of, as_of), Source::Freeze);
        let first = batch.registers.len();
        add(batch, fetch, values, as_of, Some(&dated.to_string()));
        if trust.is_err() {
            let suspect = Quality::Suspect(Suspicion::Clock);
            batch.registers.iter_mut().skip(first).for_each(|reading| reading.quality = suspect);
        }
        debug_assert_eq!(total.tariff(), 0, "tariffs come with their total");
    }
    trust.map(|()| lacking)
}

/// Whether the clock of the meter was right at midnight.
fn trust(wanted: Registers<'_>, as_of: Moment) -> Result<(), Missed> {
    match wanted.clock_now {
        ClockReading::Absurd => Err(Missed::new(MissingCause::Clock, "the meter's clock shows no time")),
        ClockReading::Off(_) => clock::trust(wanted.clocks, (as_of, as_of), wanted.tolerance),
    }
}

/// The freeze of an instant. A meter that was without supply at a midnight has no freeze of it, so that the one looked
/// for may be nearer than the calendar says, and never farther: their dates lead to it. [645-2007 11]
async fn locate(
    asker: &Asker<'_>,
    as_of: Moment,
    guess: u8,
    tolerance: Duration,
) -> Result<(u8, MeterTime), Missed> {
    let (mut nearest, mut farthest, mut next) = (1, guess, guess);
    let mut seen = String::new();
    for _ in 0..MOST_STEPS {
        let mut is_led = false;
        let dated = match read_time(asker, next).await {
            Ok(dated) => Some(dated),
            // The meter has been there for fewer midnights than that.
            Err(missed)
                if next > nearest && (missed.is_not_there() || missed.cause == MissingCause::NoFreeze) =>
            {
                seen = format!("; {}", missed.detail);
                None
            }
            Err(missed) => return Err(missed),
        };
        if let Some(dated) = dated
            && dated.civil().is_some_and(|civil| meter_clock::claims(civil, as_of, tolerance))
        {
            return Ok((next, dated));
        }
        match dated.map(|dated| (dated, interpret::moment(dated))) {
            Some((dated, Some(at))) => {
                seen = format!(", freeze {next} is of {dated}");
                is_led = at < as_of;
                if at > as_of {
                    nearest = next.saturating_add(1);
                } else {
                    // With no midnight missing between it is as many places nearer as it is days older.
                    let days =
                        u8::try_from(Day::of(as_of).number() - Day::of(at).number()).unwrap_or(u8::MAX);
                    nearest = nearest.max(next.saturating_sub(days.max(1)));
                    farthest = next.saturating_sub(1);
                }
            }
            other => {
                if let Some((dated, _)) = other {
                    seen = format!("; freeze {next} is of {dated}, which is no day");
                }
                farthest = next.saturating_sub(1);
            }
        }
        if nearest > farthest {
            break;
        }
        next = if is_led { nearest } else { nearest.midpoint(farthest) };
    }
    let asked = as_of.in_china();
    Err(Missed::new(MissingCause::NoFreeze, format!("no freeze of {asked}{seen}")))
}

async fn read_time(asker: &Asker<'_>, back: u8) -> Result<MeterTime, Missed> {
    let id = identifier::daily_freeze_time(back);
    interpret::freeze_time(&asker.read_twice(id, &LengthRule::exact([5])).await?)
}

/// The registers as they stand now, each with the instant it was read.
async fn read_live(
    asker: &Asker<'_>,
    store: &Store,
    items: &[Item],
    Brought { batch, unsummed, .. }: &mut Brought,
) -> Result<Lacking, Missed> {
    let (mut last, mut lacking) = (None, Lacking::default());
    let mut is_any = false;
    for total in items {
        let Some(id) = identifier::live(*total, asker.edition()) else { continue };
        let rule = interpret::length_of_block(*total, id, asker.profile);
        let heard: Heard = match asker.read_register_now(*total, id, &rule).await {
            Ok(heard) => heard,
            Err(missed) if missed.is_not_there() => {
                last = Some(missed);
                continue;
            }
            Err(missed) if missed.is_of_meter() => {
                without_value(*total, missed, &mut lacking);
                continue;
            }
            Err(missed) => return Err(missed),
        };
        let Some(values) = booked(*total, &heard, asker.profile, &mut lacking) else { continue };
        let at = whole_second(heard.asked_at);
        unsummed.extend(lacking.unsummed_totals().map(|total| (total, at)));
        let items = values.iter().map(|value| value.item).collect();
        add(batch, fetch(store, asker, &heard, items, (at, at), Source::Live), values, at, None);
        is_any = true;
    }
    match lacking.first().or(last) {
        Some(missed) if !is_any => Err(missed),
        _ => Ok(lacking),
    }
}

/// How many freezes are looked at for one: halving, all 62 that a meter may keep are as many.
const MOST_STEPS: usize = 8;
