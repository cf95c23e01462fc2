use core::time::Duration;

use dlt645::address::MeterAddress;
use dlt645::control::{Control, Function};
use dlt645::decoder::Decoder;
use dlt645::frame::Frame;

use super::{Hit, Injector, Kind, Plan, PlanError, Share, ShareError};
use crate::bus::Bus;
use crate::bus::moment::Moment;
use crate::bus::settings::Settings;
use crate::seed::Seed;
use crate::station::PlainMeter;

/// One request of a run and everything that was heard until the line was quiet again.
struct Exchange {
    request: Vec<u8>,
    meter: MeterAddress,
    /// What is heard without faults.
    clean: Vec<u8>,
    heard: Vec<u8>,
    /// Sound frames with wake-up bytes and noise taken off.
    frames: Vec<Vec<u8>>,
    took: Duration,
}

impl Exchange {
    fn has_right_answer(&self) -> bool {
        self.frames.iter().any(|frame| self.clean.ends_with(frame))
    }
}

fn meters() -> [PlainMeter; 3] {
    [1, 2, 3].map(|number| PlainMeter::new(MeterAddress::from_number(number).unwrap()))
}

/// Polls three meters in turn, a new question every ten seconds.
fn run(plan: &Plan, requests: usize) -> (Vec<Exchange>, Vec<Hit>, Injector) {
    let mut bus = Bus::new(Settings::default(), meters()).with_faults(Injector::new(plan.clone()));
    let mut twin = Bus::new(Settings::default(), meters());
    let (master, clean_master) = (bus.join(Moment::START), twin.join(Moment::START));
    let mut exchanges = Vec::new();
    for number in 0..requests {
        let at = Moment::START.plus(Duration::from_secs(10) * u32::try_from(number).unwrap());
        let meter = meters()[number % 3].address;
        let control = Control::request(Function::READ);
        let frame = Frame { address: meter.field(), control, data: &[0x00, 0x00, 0x01, 0x00] };
        let request = frame.to_bytes().unwrap();
        let (mut heard, mut clean) = (Vec::new(), Vec::new());
        bus.write(at, master, &request);
        while let Some(next) = bus.next_at() {
            bus.advance(next);
        }
        heard.extend(core::iter::from_fn(|| bus.poll_handed()).flat_map(|handed| handed.bytes));
        twin.write(at, clean_master, &request);
        twin.advance(at.plus(Duration::from_secs(9)));
        clean.extend(core::iter::from_fn(|| twin.poll_handed()).flat_map(|handed| handed.bytes));
        let took = bus.now().since(at);
        exchanges.push(Exchange { request, meter, clean, frames: frames(&heard), heard, took });
    }
    let injector = bus.faults().unwrap().clone();
    (exchanges, injector.hits().copied().collect(), injector)
}

fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut decoder = Decoder::new();
    let (mut rest, mut found) = (bytes, Vec::new());
    while let Some(frame) = decoder.next_frame(&mut rest) {
        found.push(frame.wire.to_vec());
    }
    while let Some(frame) = decoder.quiet() {
        found.push(frame.wire.to_vec());
    }
    found
}

/// True when `short` is left of `long` after some bytes are taken out.
fn is_within(short: &[u8], long: &[u8]) -> bool {
    let mut long = long.iter();
    short.iter().all(|byte| long.any(|other| other == byte))
}

/// The exchange whose answer was hit, and the one during which it happened. Requests cannot be counted instead: an
/// answer with its direction bit flipped is one more request.
fn exchanges_of<'a>(hit: &Hit, exchanges: &'a [Exchange]) -> (&'a Exchange, &'a Exchange) {
    let during = usize::try_from(hit.at.since(Moment::START).as_secs() / 10).unwrap();
    let later = usize::try_from(hit.during - hit.request).unwrap();
    (&exchanges[during - later], &exchanges[during])
}

/// Whether what was heard is what the name of the kind says.
fn shows(kind: Kind, exchanges: &[Exchange], hit: &Hit) -> bool {
    let (own, now) = exchanges_of(hit, exchanges);
    let (heard, clean) = (now.heard.as_slice(), now.clean.as_slice());
    let later = hit.during - hit.request;
    // Another old one may stand beside it, and the right one may be late itself.
    let place = |clean: &[u8]| now.frames.iter().position(|frame| clean.ends_with(frame));
    let old_comes_first =
        || place(&own.clean).is_some_and(|old| place(&now.clean).is_none_or(|right| old < right));
    match kind {
        Kind::Silence => heard.is_empty(),
        Kind::Late => (1..=5).contains(&later) && old_comes_first(),
        Kind::DuplicateLate => (6..=60).contains(&later) && old_comes_first() && own.has_right_answer(),
        Kind::Stale => {
            let first = exchanges.iter().find(|exchange| exchange.request == now.request).unwrap();
            first.clean.ends_with(&now.frames[0]) && now.frames[0] != now.frames[1] && now.has_right_answer()
        }
        Kind::Cut => clean.starts_with(heard) && heard.len() < clean.len() && now.frames.is_empty(),
        Kind::NoiseBefore => heard.ends_with(clean) && heard.len() > clean.len(),
        Kind::NoiseBehind => heard.starts_with(clean) && heard.len() > clean.len(),
        Kind::NoiseWithin => {
            let around = heard[4] == 0x68 && heard.last() == Some(&0x16) && heard.len() > clean.len();
            around && is_within(clean, heard) && !now.has_right_answer()
        }
        Kind::Flip => {
            let flipped: u32 = heard.iter().zip(clean).map(|(a, b)| (a ^ b).count_ones()).sum();
            heard.len() == clean.len() && (1..=3).contains(&flipped) && now.frames.is_empty()
        }
        Kind::FlipMended => {
            let changed = heard.iter().zip(clean).filter(|(a, b)| a != b).count();
            let is_sound = now.frames.len() == 1 || heard[13] != clean[13];
            heard.len() == clean.len() && changed == 2 && is_sound
        }
        Kind::Duplicate => {
            (2..=6).contains(&now.frames.len()) && now.frames.windows(2).all(|pair| pair[0] == pair[1])
        }
        Kind::Foreign => now.frames[0][1..7] != now.meter.field().wire() && now.frames.len() <= 2,
        Kind::Chatter => now.took > Duration::from_secs(2) && heard.len() > 400,
        Kind::WrongRate => heard != clean && now.frames.is_empty(),
        Kind::LostByte => heard.len() == clean.len() - 1 && is_within(heard, clean) && now.frames.is_empty(),
        Kind::DoubledStart => {
            heard[4..6] == [0x68, 0x68] && heard.len() == clean.len() + 1 && now.has_right_answer()
        }
        Kind::StrayEnd => heard.len() == clean.len() + 1 && is_within(clean, heard) && now.has_right_answer(),
        Kind::EchoPart => {
            let echo = &heard[..heard.len() - clean.len()];
            let is_part = now.request.starts_with(echo) || now.request.ends_with(echo);
            is_part && !echo.is_empty() && echo.len() < now.request.len() && heard.ends_with(clean)
        }
    }
}

#[test]
fn each_kind_does_what_its_name_says_and_is_counted() {
    for kind in Kind::ALL {
        let seed = 645;
        let plan = Plan::new(Seed::new(seed)).with(kind, Share::per_million(200_000));
        let (exchanges, hits, injector) = run(&plan, 300);
        let count = injector.counts().of(kind);
        println!("seed {seed}, 300 requests: {}", injector.counts());
        assert!((35..=85).contains(&count), "{kind}: {count} of 300 at 20 %, seed {seed}");
        assert_eq!((injector.counts().total(), hits.len()), (count, usize::try_from(count).unwrap()));
        assert_eq!(injector.missing().count(), 0);
        for hit in hits {
            let (asked, during) = exchanges_of(&hit, &exchanges);
            assert_eq!((hit.kind, hit.address), (kind, asked.meter.field()));
            assert_eq!(hit.data_id.unwrap().to_string(), "00010000");
            assert!(shows(kind, &exchanges, &hit), "seed {seed}, {hit:?}: heard {:02X?}", during.heard);
        }
        let disturbed = exchanges.iter().filter(|exchange| exchange.heard != exchange.clean).count();
        let told = usize::try_from(count).unwrap() * if kind == Kind::Late { 2 } else { 1 };
        assert!(disturbed <= told + injector.held(), "{kind}: {disturbed} exchanges differ");
    }
}

#[test]
fn the_seed_alone_decides_what_happens() {
    let plan = |seed| {
        Kind::ALL
            .iter()
            .fold(Plan::new(Seed::new(seed)), |plan, kind| plan.with(*kind, Share::per_million(30_000)))
    };
    let heard = |seed| {
        let (exchanges, hits, _) = run(&plan(seed), 400);
        (exchanges.into_iter().map(|exchange| exchange.heard).collect::<Vec<_>>(), hits)
    };
    let (one, again, other) = (heard(1), heard(1), heard(2));
    assert!(one == again, "seed 1 replays");
    assert!(one != other, "seed 2 differs");
    assert_ne!(plan(1).of_bus(0), plan(1).of_bus(1));
}

#[test]
fn all_kinds_together_happen_and_leave_the_rest_alone() {
    let seed = 7;
    let mut plan = Plan::new(Seed::new(seed));
    plan.add("all=0.5%").unwrap();
    let (exchanges, _, injector) = run(&plan, 3_000);
    println!("seed {seed}, 3000 requests: {}", injector.counts());
    assert_eq!(injector.missing().collect::<Vec<_>>(), [], "seed {seed}");
    let untouched = exchanges.iter().filter(|exchange| exchange.heard == exchange.clean).count();
    assert!((2_600..2_850).contains(&untouched), "seed {seed}: {untouched}");
}

#[test]
fn a_plan_without_faults_changes_nothing() {
    let (exchanges, hits, _) = run(&Plan::new(Seed::new(1)), 50);
    assert!(hits.is_empty() && exchanges.iter().all(|exchange| exchange.heard == exchange.clean));
}

#[test]
fn shares_are_read_to_the_millionth() {
    for (text, parts) in
        [("0.01", 10_000), ("1%", 10_000), ("0.5%", 5_000), ("1", 1_000_000), ("100%", 1_000_000), ("0", 0)]
    {
        assert_eq!(text.parse(), Ok(Share::per_million(parts)), "{text}");
    }
    assert_eq!("0.0001%".parse(), Ok(Share::per_million(1)));
    assert_eq!(".000001".parse(), Ok(Share::per_million(1)));
    assert_eq!("0.010000000".parse(), Ok(Share::per_million(10_000)));
    for (text, error) in [
        ("", ShareError::NotANumber),
        (".", ShareError::NotANumber),
        ("%", ShareError::NotANumber),
        ("-1%", ShareError::NotANumber),
        ("1e-3", ShareError::NotANumber),
        ("+1", ShareError::NotANumber),
        ("1,5%", ShareError::NotANumber),
        ("１%", ShareError::NotANumber),
        ("0.0000001", ShareError::TooFine),
        ("0.00001%", ShareError::TooFine),
        ("1.000001", ShareError::OverOne),
        ("100.0001%", ShareError::OverOne),
        ("99999999999999999999999", ShareError::OverOne),
    ] {
        assert_eq!(text.parse::<Share>(), Err(error), "{text}");
    }
    assert_eq!(Share::per_million(5_000).to_string(), "0.5%");
    assert_eq!([Share::NONE, Share::ALL].map(|share| share.to_string()), ["0%", "100%"]);
}

#[test]
fn a_plan_is_read_from_the_command_line() {
    let mut plan = Plan::new(Seed::new(1));
    plan.add("late=0.01").unwrap();
    plan.add(" noise = 2% ").unwrap();
    assert_eq!(
        plan.kinds().collect::<Vec<_>>(),
        [Kind::Late, Kind::NoiseBefore, Kind::NoiseBehind, Kind::NoiseWithin]
    );
    assert_eq!(plan.share(Kind::NoiseWithin), Share::per_million(20_000));
    assert_eq!(plan.add("late"), Err(PlanError::NoShare { given: "late".to_owned() }));
    let unknown = plan.add("laet=1%").unwrap_err();
    assert!(
        unknown.to_string().starts_with("no fault is called \"laet\"; there are silence, late, "),
        "{unknown}"
    );
    let wrong = PlanError::Share { kind: "cut".to_owned(), source: ShareError::OverOne };
    assert_eq!(plan.add("cut=2"), Err(wrong));
}

#[test]
fn every_kind_has_a_name_and_help_of_its_own() {
    let list = Kind::list();
    assert_eq!(list.lines().count(), Kind::ALL.len() + 2);
    for kind in Kind::ALL {
        assert_eq!(Kind::named(kind.name()), [kind]);
        let (english, chinese) = kind.help();
        assert!(list.contains(&format!("{english} ({chinese})")));
    }
    assert_eq!(Kind::named("all"), Kind::ALL);
    assert_eq!(Kind::named("al"), []);
}
