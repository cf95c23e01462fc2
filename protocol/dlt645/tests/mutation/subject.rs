//! What is judged: the crate, and copies of it with a bug planted in each.

use std::time::{Duration, Instant};

use dlt645::address::AddressField;
use dlt645::catalog::{self, Content, Value};
use dlt645::data_id::DataId;
use dlt645::decoder::Decoder;
use dlt645::edition::Edition;
use dlt645::exchange::{Exchange, LengthRule, Outcome, Timing};
use dlt645::request::Request;

use super::oracle::{self, Asked, Count, Energy, Verdict};

/// The three things that are judged.
#[derive(Clone, Copy)]
pub(crate) struct Subject {
    /// The frames in bytes that come in pieces ending at these places.
    pub(crate) frames: fn(&[u8], &[usize]) -> Vec<Vec<u8>>,
    /// What the data behind an identifier say.
    pub(crate) energy: fn(u16, &[u8], &[u8]) -> Energy,
    /// What becomes of a question when these bytes come.
    pub(crate) answer: fn(&Asked, &[u8]) -> Verdict,
}

impl Subject {
    pub(crate) const OURS: Self = Self { frames, energy, answer };
}

fn frames(bytes: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut decoder = Decoder::new();
    let mut found = Vec::new();
    let mut begin = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        let mut piece = &bytes[begin..end];
        begin = end;
        while let Some(frame) = decoder.next_frame(&mut piece) {
            found.push(frame.wire.to_vec());
        }
    }
    while let Some(frame) = decoder.quiet() {
        found.push(frame.wire.to_vec());
    }
    found
}

fn energy(edition: u16, id: &[u8], data: &[u8]) -> Energy {
    let (id, _) = DataId::split(edition_of(edition), id).unwrap();
    match catalog::find(id).map(|entry| entry.read(data)) {
        None => Energy::Other,
        Some(Err(_)) => Energy::Length,
        Some(Ok(Content::Values(values))) => {
            Energy::Registers(values.map(|reading| register(&reading.value)).collect())
        }
        Some(Ok(_)) => Energy::Other,
    }
}

/// Hundredths, where there is a number.
fn register(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Number(number) if number.decimals() == 2 => Some(number.scaled()),
        _ => None,
    }
}

const fn edition_of(year: u16) -> Edition {
    if year == 2007 { Edition::E2007 } else { Edition::E1997 }
}

#[expect(clippy::disallowed_methods, reason = "an instant can be had in no other way; nothing waits for it")]
fn epoch() -> Instant {
    Instant::now()
}

fn answer(asked: &Asked, bytes: &[u8]) -> Verdict {
    let (id, _) = DataId::split(edition_of(asked.edition), &asked.id).unwrap();
    let meter = AddressField::from_wire(asked.address).as_meter().unwrap();
    let rule = match oracle::registers(asked.edition, &asked.id).unwrap().count {
        Count::Exactly(count) => LengthRule::exact([4 * count]),
        _ => LengthRule::Multiple { of: 4, at_least: 1, at_most: 63 },
    };
    let mut now = epoch();
    let timing = Timing { retries: 0, ..Timing::serial(2400) };
    let mut exchange = Exchange::begin(Request::read(meter, id), timing, now).expecting(rule);
    exchange.poll_transmit().unwrap();
    exchange.transmitted(now);
    now += Duration::from_millis(100);
    exchange.handle_bytes(bytes, now);
    loop {
        match exchange.poll() {
            Some(Outcome::Answered(answer)) => return Verdict::Answered(answer.payload().to_vec()),
            Some(Outcome::Refused { .. }) => return Verdict::Refused,
            Some(_) => return Verdict::Nothing,
            None => {}
        }
        match exchange.poll_timeout() {
            Some(due) => exchange.handle_timeout(due),
            // It asks for the next piece, which nobody sends.
            None => return Verdict::Nothing,
        }
    }
}

/// Subjects with one bug each.
pub(crate) fn planted() -> Vec<(&'static str, Subject)> {
    const OURS: Subject = Subject::OURS;
    vec![
        ("a checksum is not looked at", Subject { frames: |bytes, _| scan(bytes, Bug::Checksum), ..OURS }),
        ("the end byte is not looked at", Subject { frames: |bytes, _| scan(bytes, Bug::End), ..OURS }),
        ("the second start is not looked at", Subject { frames: |bytes, _| scan(bytes, Bug::Start), ..OURS }),
        ("a bad frame is left whole", Subject { frames: |bytes, _| scan(bytes, Bug::Resync), ..OURS }),
        ("what was cut is forgotten", Subject { frames: |bytes, cuts| forget(bytes, cuts), ..OURS }),
        (
            "a sign is a digit",
            Subject { energy: |edition, id, data| plus(energy(edition, id, data)), ..OURS },
        ),
        (
            "no number is zero",
            Subject { energy: |edition, id, data| zero(energy(edition, id, data)), ..OURS },
        ),
        (
            "a length is cut down",
            Subject { energy: |edition, id, data| energy(edition, id, &data[..data.len() & !3]), ..OURS },
        ),
        (
            "any meter may answer",
            Subject {
                answer: |asked, bytes| with(asked, bytes, |asked, parts| asked.address = parts.address),
                ..OURS
            },
        ),
        (
            "any identifier may answer",
            Subject {
                answer: |asked, bytes| {
                    with(asked, bytes, |asked, parts| asked.id = parts.data[..asked.id.len()].to_vec())
                },
                ..OURS
            },
        ),
        (
            "a refusal is silence",
            Subject {
                answer: |asked, bytes| match answer(asked, bytes) {
                    Verdict::Refused => Verdict::Nothing,
                    other => other,
                },
                ..OURS
            },
        ),
    ]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bug {
    Checksum,
    End,
    Start,
    Resync,
}

fn scan(bytes: &[u8], bug: Bug) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at + 12 <= bytes.len() {
        let length = bytes[at + 9] as usize + 12;
        let starts = bytes[at] == 0x68 && (bytes[at + 7] == 0x68 || bug == Bug::Start);
        let Some(frame) = bytes.get(at..at + length).filter(|_| starts) else {
            at += 1;
            continue;
        };
        let sum = frame[..length - 2].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        let sums_up = sum == frame[length - 2] || bug == Bug::Checksum;
        let ends = frame[length - 1] == 0x16 || bug == Bug::End;
        if sums_up && ends {
            found.push(frame.to_vec());
        }
        at += if (sums_up && ends) || bug == Bug::Resync { length } else { 1 };
    }
    found
}

/// Every piece has a decoder of its own.
fn forget(bytes: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let ends = cuts.iter().copied().chain([bytes.len()]);
    let begins = [0].into_iter().chain(cuts.iter().copied());
    begins.zip(ends).flat_map(|(begin, end)| frames(&bytes[begin..end], &[])).collect()
}

fn plus(energy: Energy) -> Energy {
    match energy {
        Energy::Registers(all) => Energy::Registers(all.into_iter().map(|one| one.map(i64::abs)).collect()),
        other => other,
    }
}

fn zero(energy: Energy) -> Energy {
    match energy {
        Energy::Registers(all) => Energy::Registers(all.into_iter().map(|one| one.or(Some(0))).collect()),
        other => other,
    }
}

/// The answer when the question is bent to the first sound frame.
fn with(asked: &Asked, bytes: &[u8], bend: fn(&mut Asked, &oracle::Parts)) -> Verdict {
    let mut asked = asked.clone();
    if let Some(range) = oracle::sound_frames(bytes).into_iter().next() {
        let parts = oracle::parts(&bytes[range]);
        let fits = parts.data.len() >= asked.id.len()
            && parts.address.iter().all(|byte| byte / 16 <= 9 && byte % 16 <= 9 && *byte != 0x99);
        if fits {
            let before = asked.clone();
            bend(&mut asked, &parts);
            if oracle::registers(asked.edition, &asked.id).is_none() {
                asked = before;
            }
        }
    }
    answer(&asked, bytes)
}
