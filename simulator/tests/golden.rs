//! The golden frames of `fixtures/`, heard by simulated meters: every request is answered, refused or met with silence
//! as the standard has it, and the answers are like the golden ones.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a case that does not hold must end its test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dlt645::address::{AddressField, MeterAddress};
use dlt645::catalog;
use dlt645::control::Control;
use dlt645::data_id::DataId;
use dlt645::edition::Edition;
use dlt645::frame::{Frame, MAX_DATA, WireFrame};
use dlt645::meter_time::Civil;
use serde::Deserialize;
use simulator::instant::At;
use simulator::load::Load;
use simulator::load::profile::Profile;
use simulator::load::shape::Shape;
use simulator::load::table::LoadTable;
use simulator::meter::{Editions, Manners, Meter};
use simulator::seed::Seed;
use simulator::tariff::Schedule;
use simulator::truth::Truth;
use simulator::truth::event::EventKind;
use simulator::truth::installation::{Installation, Wiring};

/// Whose address answers where a request names nobody in particular.
const ANYBODY: &str = "123456789012";

/// What these tests want of a case; `fixtures/README.md` tells the keys.
#[derive(Deserialize)]
struct Case {
    #[serde(skip)]
    path: PathBuf,
    edition: String,
    direction: Option<String>,
    wire: String,
    untyped: Option<String>,
    deviation: Option<String>,
    #[serde(default)]
    unlisted: bool,
    #[serde(default)]
    expect: Expect,
}

#[derive(Default, Deserialize)]
struct Expect {
    #[serde(default)]
    preamble: usize,
}

/// A frame with its own data.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Heard {
    address: AddressField,
    control: Control,
    data: Vec<u8>,
}

/// What the standard has for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Answered,
    Refused,
    Silent,
}

impl Case {
    fn edition(&self) -> Edition {
        if self.edition == "1997" { Edition::E1997 } else { Edition::E2007 }
    }

    fn heard(&self) -> Heard {
        Heard::parse(&hex(&self.wire)[self.expect.preamble..])
    }

    fn is(&self, direction: &str) -> bool {
        self.direction.as_deref() == Some(direction)
    }
}

impl Heard {
    fn parse(bytes: &[u8]) -> Self {
        let mut room = [0; MAX_DATA];
        let wire = WireFrame::parse(bytes).unwrap();
        let data = wire.unmask(&mut room).to_vec();
        assert_eq!(wire.bytes().len(), bytes.len(), "one frame and nothing else");
        Self { address: wire.address(), control: wire.control(), data }
    }

    fn function(&self) -> u8 {
        self.control.function().0
    }

    /// The identifier in front of the data and what follows it, for functions that have one in both directions.
    fn item(&self, edition: Edition) -> Option<(DataId, &[u8])> {
        let has_one = matches!((edition, self.function()), (Edition::E2007, 0x11 | 0x12))
            || matches!((edition, self.function()), (Edition::E1997, 1..=3));
        DataId::split(edition, &self.data).filter(|_| has_one && !self.control.is_refusal())
    }
}

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let folders = |path: PathBuf| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let editions = ["dlt645-2007", "dlt645-1997"].map(|folder| root.join(folder));
    let mut paths: Vec<PathBuf> = editions.into_iter().flat_map(folders).flat_map(folders).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let case: Case = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Case { path, ..case }
    };
    paths.into_iter().map(read).collect()
}

/// Before the deadlines of the golden orders, after the times from which golden reads want load records.
fn now() -> At {
    At::from_civil(Civil::new(2026, 11, 21, 10, 17, 0).unwrap())
}

/// What a single-phase and a three-phase meter hold, both with something in their records.
fn truths() -> [Truth; 2] {
    let seed = Seed::new(13);
    [(Shape::Household, Wiring::SinglePhase), (Shape::Shop, Wiring::ThreePhase)].map(|(shape, wiring)| {
        let table = Arc::new(LoadTable::new(shape, Schedule::default(), seed));
        let load = Load::new(Profile::drawn(shape, seed), table, seed);
        let mut truth = Truth::install(Installation::new(load, wiring, seed, now().plus(-900 * 86_400)));
        truth.record(EventKind::DemandClear, now().plus(-3 * 86_400), 0x1234_5678);
        truth.record(EventKind::Programming, now().plus(-2 * 86_400), 0x1234_5678);
        truth
    })
}

fn meter(address: MeterAddress, truth: &Truth, manners: Manners) -> Meter {
    Meter::new(address, Editions::BOTH, manners, truth.clone())
}

/// The address of a meter that the request may reach: its own, or anybody's.
fn host(request: &Heard) -> MeterAddress {
    request.address.as_meter().unwrap_or_else(|| ANYBODY.parse().unwrap())
}

fn ask(meter: &mut Meter, request: &Heard) -> Option<(Vec<u8>, Heard)> {
    let frame = Frame { address: request.address, control: request.control, data: &request.data };
    meter.answer(now(), &frame).map(|reply| {
        let heard = Heard::parse(&reply.frame);
        (reply.frame, heard)
    })
}

/// Where the level and digits of the password stand that an order carries.
fn password_place(request: &Heard) -> Option<usize> {
    match request.function() {
        0x14 | 0x18 => Some(4),
        0x19..=0x1C | 0x0F | 0x10 => Some(0),
        0x04 => Some(2),
        _ => None,
    }
}

fn set_password(meter: &mut Meter, request: &Heard, place: usize, change: u8) -> bool {
    let digits = [1, 2, 3].map(|byte| request.data[place + byte] ^ change);
    meter.passwords_mut().set(request.data[place], digits)
}

/// The read that 12H, 02H and 03H go back to; 03H names none, so forward active energy stands in front of it.
fn read_before(request: &Heard, edition: Edition) -> Option<Heard> {
    let (control, data) = match (edition, request.function()) {
        (_, 0x03) => (0x01, vec![0x10, 0x90]),
        (Edition::E2007, 0x12) => (0x11, request.data[..4].to_vec()),
        (Edition::E1997, 0x02) => (0x01, request.data.clone()),
        _ => return None,
    };
    Some(Heard { control: Control(control), data, ..request.clone() })
}

/// What the standard has for this request, told from the case and not from the meter.
fn verdict(case: &Case, request: &Heard, before: Option<&Heard>) -> Verdict {
    let is_short_or_long = case.untyped.as_deref() == Some("length");
    match request.function() {
        _ if request.address.is_broadcast() => Verdict::Silent,
        0x00 | 0x08 => Verdict::Silent,
        // These meters have no security module.
        0x03 if case.edition() == Edition::E2007 => Verdict::Silent,
        0x01 | 0x11 if is_short_or_long => Verdict::Silent,
        0x02 | 0x12 if !before.is_some_and(|before| before.control.has_more()) => Verdict::Refused,
        0x01 | 0x11 | 0x04 | 0x14 if case.unlisted => Verdict::Refused,
        _ => Verdict::Answered,
    }
}

/// What an accepted order brings back.
fn confirmation(request: &Heard, edition: Edition) -> Vec<u8> {
    match (edition, request.function()) {
        (_, 0x17 | 0x1D) | (Edition::E1997, 0x0C) => request.data.clone(),
        (_, 0x18) | (Edition::E1997, 0x0F) => request.data[request.data.len() - 4..].to_vec(),
        _ => Vec::new(),
    }
}

/// The rest of an answer that goes on in further pieces.
fn gather(meter: &mut Meter, request: &Heard, first: &Heard, edition: Edition) -> Vec<u8> {
    let (id, begin) = first.item(edition).unwrap();
    let mut whole = begin.to_vec();
    let mut more = first.control.has_more();
    for sequence in 1..=u8::MAX {
        if !more {
            break;
        }
        let mut data: Vec<u8> = id.wire().collect();
        let control = Control(if edition == Edition::E2007 { 0x12 } else { 0x02 });
        if edition == Edition::E2007 {
            data.push(sequence);
        }
        let (_, piece) = ask(meter, &Heard { control, data, ..request.clone() }).unwrap();
        assert!(!piece.control.is_refusal(), "{id}: {piece:02X?}");
        let (again, rest) = piece.item(edition).unwrap();
        assert_eq!(again, id);
        let rest = if edition == Edition::E2007 { rest.split_last().unwrap().1 } else { rest };
        whole.extend(rest);
        more = piece.control.has_more();
    }
    whole
}

/// An answer that is no refusal, by itself.
fn check_answer(meter: &mut Meter, request: &Heard, answer: &Heard, edition: Edition, name: &str) {
    let plain = request.control.0 | 0x80;
    match (edition, request.function()) {
        (Edition::E2007, 0x11) | (Edition::E1997, 0x01 | 0x03) => {
            assert!([plain, plain | 0x20].contains(&answer.control.0), "{name}: {answer:02X?}");
            let (id, _) = answer.item(edition).unwrap();
            let asked = request.item(edition).map_or(DataId::new_1997(0x9010), |(asked, _)| asked);
            assert_eq!(id, asked, "{name}");
            let whole = gather(meter, request, answer, edition);
            let admitted = catalog::find(id).unwrap().admits_length(whole.len());
            assert!(admitted, "{name}: {id} with {} bytes", whole.len());
        }
        (Edition::E2007, 0x12) => {
            assert!([plain, plain | 0x20].contains(&answer.control.0), "{name}: {answer:02X?}");
            assert_eq!(answer.data[..4], request.data[..4], "{name}");
            assert_eq!(answer.data.last(), request.data.last(), "{name}");
        }
        (_, 0x13) => {
            assert_eq!((answer.control.0, &answer.data[..]), (0x93, &meter.address().wire()[..]), "{name}");
        }
        _ => {
            assert_eq!(answer.control.0, plain, "{name}");
            assert_eq!(answer.data, confirmation(request, edition), "{name}");
        }
    }
}

/// An answer beside a golden one of the same meter, function and identifier.
fn check_pair(answer: &Heard, golden: &Heard, edition: Edition, name: &str) {
    assert_eq!(answer.control.0 & 0xDF, golden.control.0 & 0xDF, "{name}");
    let Some((id, value)) = answer.item(edition) else {
        assert_eq!(answer, golden, "{name}: orders and addresses leave nothing open");
        return;
    };
    let (_, captured) = golden.item(edition).unwrap();
    let is_block = id.wire().any(|byte| byte == 0xFF || edition == Edition::E1997 && byte & 0x0F == 0x0F);
    if value.len() != captured.len() && !golden.control.has_more() {
        let entry = catalog::find(id).unwrap();
        let both = entry.admits_length(value.len()) && entry.admits_length(captured.len());
        assert!(is_block && both, "{name}: {} bytes and {}", value.len(), captured.len());
    }
}

#[test]
fn golden_requests_are_answered_refused_or_met_with_silence() {
    let cases = cases();
    let truths = truths();
    let responses: Vec<(&Case, Heard)> =
        cases.iter().filter(|case| case.is("response")).map(|case| (case, case.heard())).collect();
    let mut verdicts = BTreeMap::new();
    let (mut pairs, mut refusals, mut wrong_passwords) = (0, 0, 0);
    for case in cases.iter().filter(|case| case.is("request")) {
        let request = case.heard();
        let edition = case.edition();
        let name = case.path.display().to_string();
        let golden = |answer: &Heard| -> Vec<&(&Case, Heard)> {
            let is_like = |(other, golden): &&(&Case, Heard)| {
                let same = (golden.address, golden.function()) == (answer.address, answer.function());
                let items =
                    golden.item(edition).map(|item| item.0) == answer.item(edition).map(|item| item.0);
                let kind = golden.control.is_refusal() == answer.control.is_refusal();
                other.edition() == edition && same && items && kind && other.deviation.is_none()
            };
            responses.iter().filter(is_like).collect()
        };
        for truth in &truths {
            let mut meter = meter(host(&request), truth, Manners::default());
            let place = password_place(&request).filter(|_| !request.address.is_broadcast());
            let is_level = place.is_some_and(|place| set_password(&mut meter, &request, place, 0));
            let before = read_before(&request, edition).and_then(|before| ask(&mut meter, &before));
            let mut untouched = meter.clone();
            let wanted = verdict(case, &request, before.as_ref().map(|(_, before)| before));
            let reply = ask(&mut meter, &request);
            *verdicts.entry((wanted, edition.year(), request.function())).or_insert(0) += 1;
            let Some((_, answer)) = reply else {
                assert_eq!(wanted, Verdict::Silent, "{name}: silence");
                continue;
            };
            assert_eq!(answer.address, meter.address(), "{name}: from the meter itself");
            if answer.control.is_refusal() {
                assert_eq!(wanted, Verdict::Refused, "{name}: {answer:02X?}");
                assert_eq!(answer.control.0, request.control.0 | 0xC0, "{name}");
                assert_eq!(answer.data.len(), 1, "{name}: one error byte");
                refusals += golden(&answer).iter().filter(|(_, golden)| *golden == answer).count();
            } else {
                assert_eq!(wanted, Verdict::Answered, "{name}: {answer:02X?}");
                check_answer(&mut meter, &request, &answer, edition, &name);
                for (_, golden) in golden(&answer) {
                    check_pair(&answer, golden, edition, &name);
                    pairs += 1;
                }
            }
            if let Some(place) = place.filter(|_| is_level) {
                set_password(&mut untouched, &request, place, 0x11);
                let (_, answer) = ask(&mut untouched, &request).unwrap();
                let refused = (answer.control.0, answer.data.as_slice());
                assert_eq!(refused, (request.control.0 | 0xC0, &[0x04][..]), "{name}: wrong password");
                refusals += golden(&answer).iter().filter(|(_, golden)| *golden == answer).count();
                wrong_passwords += 1;
            }
        }
    }
    let count = |wanted: Verdict| -> i32 {
        verdicts.iter().filter(|((verdict, ..), _)| *verdict == wanted).map(|(_, count)| count).sum()
    };
    let kinds = [Verdict::Answered, Verdict::Refused, Verdict::Silent].map(|kind| (kind, count(kind)));
    for ((verdict, year, function), count) in &verdicts {
        println!("{year} {function:02X} {verdict:?}: {count}");
    }
    println!("{kinds:?}, wrong passwords: {wrong_passwords}, pairs: {pairs}, golden refusals: {refusals}");
    assert!(kinds.iter().all(|(_, count)| *count > 0), "{kinds:?}");
    assert!(pairs > 0 && refusals > 0 && wrong_passwords > 0);
    let answered: Vec<(u16, u8)> =
        verdicts.keys().filter(|key| key.0 == Verdict::Answered).map(|key| (key.1, key.2)).collect();
    let old = [0x01, 0x03, 0x04, 0x0A, 0x0C, 0x0F, 0x10].map(|function| (1997, function));
    let new = (0x11..=0x1D).map(|function| (2007, function));
    assert_eq!(answered, old.into_iter().chain(new).collect::<Vec<_>>(), "the functions that are served");
}

#[test]
fn a_meter_leaves_golden_requests_to_others_alone() {
    let truth = &truths()[0];
    let other: MeterAddress = "987654321098".parse().unwrap();
    let mut counts = BTreeMap::new();
    for case in cases().iter().filter(|case| case.is("request")) {
        let request = case.heard();
        let for_one = request.address.as_meter().is_some();
        if for_one || request.address.is_broadcast() {
            let reply = ask(&mut meter(other, truth, Manners::default()), &request);
            assert_eq!(reply, None, "{}", case.path.display());
            *counts.entry(if for_one { "to another meter" } else { "to all" }).or_insert(0) += 1;
        }
        let is_plain_read = request.function() == 0x01 && request.data.len() == 2;
        if request.address.is_broadcast() && is_plain_read {
            let manners = Manners { answers_broadcast_reads: true, ..Manners::default() };
            let (_, answer) = ask(&mut meter(other, truth, manners), &request).unwrap();
            assert_eq!(answer.control.is_refusal(), case.unlisted || request.data == [0x00, 0x90]);
            *counts.entry("broadcast reads of 1997 meters that answer").or_insert(0) += 1;
        }
    }
    println!("{counts:?}");
    assert_eq!(counts.len(), 3);
}

// covers [645-2007 13]
#[test]
fn the_examples_of_the_2007_text_are_answered_byte_for_byte() {
    let truth = &truths()[0];
    let password = [0x56, 0x34, 0x12];
    // A request, the password of level 2 that the meter has, and the answer behind the address; none is silence.
    let examples: [(&str, [u8; 3], Option<&str>); 17] = [
        ("AA AA AA AA AA AA 68 13 00 DF", password, Some("93 06 45 C3 AB 89 67 45 07 16")),
        ("12 90 78 56 34 12 68 11 04 33 33 34 32 67", password, Some("D1 01 35 8D 16")),
        (
            "12 90 78 56 34 12 68 14 0F 35 34 33 37 35 89 67 45 AB 89 67 45 63 48 43 B4",
            password,
            Some("94 00 1A 16"),
        ),
        (
            "12 90 78 56 34 12 68 14 0F 35 34 33 37 35 89 67 45 AB 89 67 45 63 48 43 B4",
            [0; 3],
            Some("D4 01 37 92 16"),
        ),
        ("99 99 99 99 99 99 68 08 06 63 48 43 54 44 59 53", password, None),
        ("99 99 99 99 99 99 68 16 04 CC CC CC CC B0", password, None),
        ("12 90 78 56 34 12 68 16 04 33 33 CC CC 9E", password, Some("96 00 1C 16")),
        ("12 90 78 56 34 12 68 17 01 53 F1", password, Some("97 01 53 71 16")),
        (
            "12 90 78 56 34 12 68 18 0C 36 3F 33 37 35 89 67 45 35 99 88 77 C0",
            password,
            Some("98 04 35 99 88 77 EF 16"),
        ),
        ("12 90 78 56 34 12 68 19 08 35 89 67 45 AB 89 67 45 F1", password, Some("99 00 1F 16")),
        ("12 90 78 56 34 12 68 1B 0C 35 89 67 45 AB 89 67 45 32 32 32 32 BF", password, Some("9B 00 21 16")),
        (
            "12 90 78 56 34 12 68 1C 10 35 89 67 45 AB 89 67 45 4D 33 33 63 43 54 44 59 46",
            password,
            Some("9C 00 22 16"),
        ),
        (
            "12 90 78 56 34 12 68 1C 10 35 89 67 45 AB 89 67 45 4D 33 33 63 43 54 44 59 46",
            [0; 3],
            Some("DC 01 37 9A 16"),
        ),
        (
            "12 90 78 56 34 12 68 1C 10 35 33 33 33 33 33 33 33 6D 33 33 78 4A 54 44 59 D2",
            [0; 3],
            Some("9C 00 22 16"),
        ),
        ("12 90 78 56 34 12 68 1D 01 33 D7", password, Some("9D 01 33 57 16")),
        ("AA AA AA AA AA AA 68 15 06 45 C3 AB 89 67 45 CF", password, Some("95 00 1B 16")),
        ("12 90 78 56 34 12 68 12 05 34 35 63 36 34 D3", password, Some("D2 01 35 8E 16")),
    ];
    for (text, digits, wanted) in examples {
        let request = Heard::parse(&hex(&format!("68 {text} 16")));
        let mut meter = meter(host(&request), truth, Manners::default());
        assert!(meter.passwords_mut().set(2, digits));
        let reply = ask(&mut meter, &request).map(|(bytes, _)| bytes);
        let wanted = wanted.map(|tail| hex(&format!("68 12 90 78 56 34 12 68 {tail}")));
        assert_eq!(reply, wanted, "{text}");
    }
    let mut opened = meter(ANYBODY.parse().unwrap(), truth, Manners::default());
    let time = Heard::parse(&hex("68 99 99 99 99 99 99 68 08 06 63 48 43 54 44 59 53 16"));
    assert_eq!(ask(&mut opened, &time), None);
    let shown = opened.truth().clock().shown(now());
    assert_eq!(shown.to_string(), "2026-11-21 10:15:30", "the time of the broadcast is taken");
    let trip = hex("68 12 90 78 56 34 12 68 1C 10 35 33 33 33 33 33 33 33 4D 33 33 78 4A 54 44 59 B2 16");
    assert!(ask(&mut opened, &Heard::parse(&trip)).is_some_and(|(_, answer)| answer.control.0 == 0x9C));
    let proof = Heard { data: vec![0x03, 0x05, 0x00, 0x04], control: Control(0x11), ..Heard::parse(&trip) };
    let (_, word) = ask(&mut opened, &proof).unwrap();
    assert_eq!((word.control.0, word.data[4] & 0x50), (0x91, 0x50), "open, and ordered so");
}
