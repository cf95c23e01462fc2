//! One wildcard question, and what is heard of whoever matches.

use dlt645::address::{AddressPattern, MeterAddress, Target};
use dlt645::data_id::DataId;
use dlt645::edition::Edition;
use dlt645::exchange::{Counters, Outcome, Unfit};
use dlt645::request::Request;

use super::super::CliError;
use super::super::asker::{Asker, tolerant};
use crate::channel::{Question, Told};

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Nobody,
    /// One meter, and nothing besides.
    One(MeterAddress),
    /// Something that is not one clean answer: several at once, or noise.
    Several,
}

/// Who matches a pattern. A clean answer is checked by a second question of other content: answers that collide bit by
/// bit can leave one of them whole, but not twice.
pub(super) async fn pattern(
    asker: &mut Asker,
    edition: Edition,
    pattern: AddressPattern,
    retries: u8,
) -> Result<Heard, CliError> {
    let questions = questions(edition, pattern);
    for (place, question) in questions.iter().enumerate() {
        let first = once(asker, question, retries).await?;
        let Heard::One(address) = first else {
            if first == Heard::Several {
                return Ok(first);
            }
            continue;
        };
        for other in questions.iter().skip(place + 1).chain(&[check(edition, pattern)]) {
            match once(asker, other, retries).await? {
                Heard::One(same) if same == address => return Ok(first),
                // It may have no such item and be silent.
                Heard::Nobody => {}
                _ => return Ok(Heard::Several),
            }
        }
        return Ok(first);
    }
    Ok(Heard::Nobody)
}

/// Whether exactly one meter answers under a full address.
pub(super) async fn address(
    asker: &mut Asker,
    edition: Edition,
    meter: MeterAddress,
    retries: u8,
) -> Result<Heard, CliError> {
    once(asker, &tolerant(meter, energy(edition)), retries).await
}

/// Asks until it is clear: a clean answer at once, silence and noise when they come again.
async fn once(asker: &mut Asker, question: &Question, retries: u8) -> Result<Heard, CliError> {
    let mut several = 0;
    for _ in 0..=retries.max(1) {
        let told = asker.ask(question.clone()).await?;
        match heard(&told) {
            Heard::One(address) => return Ok(Heard::One(address)),
            Heard::Several => several += 1,
            Heard::Nobody if retries == 0 && several == 0 => return Ok(Heard::Nobody),
            Heard::Nobody => {}
        }
    }
    Ok(if several > 0 { Heard::Several } else { Heard::Nobody })
}

fn heard(told: &Told) -> Heard {
    let counters = &told.counters;
    match &told.outcome {
        Outcome::Answered(answer) if is_alone(counters) => {
            answer.address.as_meter().map_or(Heard::Several, Heard::One)
        }
        Outcome::Refused { address, .. } if is_alone(counters) => {
            address.as_meter().map_or(Heard::Several, Heard::One)
        }
        Outcome::Silent(_) if is_quiet(counters) => Heard::Nobody,
        _ => Heard::Several,
    }
}

/// Nothing but the answer was heard, save what adapters add when they turn the line round.
fn is_alone(counters: &Counters) -> bool {
    let dropped = counters.dropped;
    let broken = dropped.bad_checksums + dropped.bad_ends + dropped.cut_short;
    broken == 0 && dropped.noise_bytes <= TURNING && others(counters) == 0
}

/// Nothing was heard at all, save our own echo and a twitch of the line.
fn is_quiet(counters: &Counters) -> bool {
    let dropped = counters.dropped;
    let broken = dropped.bad_checksums + dropped.bad_ends + dropped.cut_short;
    let own = WAKE_UP * u64::from(counters.of(Unfit::Echo));
    broken == 0 && dropped.noise_bytes <= 1 && dropped.wake_up_bytes <= own && others(counters) == 0
}

fn others(counters: &Counters) -> u32 {
    counters.iter().filter(|(reason, _)| *reason != Unfit::Echo).map(|(_, count)| count).sum()
}

/// What a pattern is asked: where nothing is narrowed yet its address, which needs no identifier at all.
fn questions(edition: Edition, pattern: AddressPattern) -> Vec<Question> {
    let energy = tolerant(Target::Pattern(pattern), energy(edition));
    match edition {
        Edition::E2007 if pattern == AddressPattern::ANY => vec![Request::read_address().into(), energy],
        _ => vec![energy],
    }
}

/// The second question: what no two meters hold alike.
fn check(edition: Edition, pattern: AddressPattern) -> Question {
    let item = match edition {
        Edition::E2007 => DataId::new_2007(0x0201_0100),
        Edition::E1997 => DataId::new_1997(0xC032),
    };
    tolerant(Target::Pattern(pattern), item)
}

/// What every meter holds.
pub(super) const fn energy(edition: Edition) -> DataId {
    match edition {
        Edition::E2007 => DataId::new_2007(0x0001_0000),
        Edition::E1997 => DataId::new_1997(0x9010),
    }
}

/// Stray bytes beside an answer that are no sign of another meter.
const TURNING: u64 = 3;
/// Wake-up bytes in front of our own requests.
const WAKE_UP: u64 = 4;
