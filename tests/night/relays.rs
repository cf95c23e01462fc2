//! Cuts and restores while a night goes on behind terminals that delay, reorder, keep and repeat: at most one order frame
//! reaches a meter for each attempt, what is told of it is true or unknown, and the night keeps the truth (I01, I20, R6).
#![expect(clippy::indexing_slicing, reason = "a terminal or meter that is not there must end its test")]

use std::collections::HashMap;
use std::time::Duration;

use chaobiao::channel::Lane;
use chaobiao::config::KeyFile;
use chaobiao::domain::AuditEntry;
use chaobiao::domain::relay::{Expectation, Proof, Proven, judge};
use chaobiao::store::{NewSecret, SecretDigits, SecretScope};
use chaobiao::supply::field::{Field, FieldOrder, FieldParts, Fields};
use dlt645::password::{DigitOrder, Level, Password};
use dlt645::relay::Command;
use simulator::concentrator::Setup;
use simulator::concentrator::fault::Kind;
use simulator::concentrator::settings::Settings;
use simulator::truth::installation::Wiring;
use tokio::time::Instant;

use crate::behind::{NO_HISTORY, as_they_are, set_faults, struck, town, verify, world};
use crate::rig::{Behind, HeadEnd, Town, day};

const PASSWORD: &str = "739154";
const MINUTE: Duration = Duration::from_secs(60);

/// The first meter with one phase of each terminal, ready to be ordered.
async fn homes(town: &Town, head_end: &HeadEnd, folder: &std::path::Path) -> Vec<(usize, usize, Field)> {
    let now = town.clock.now();
    let key = KeyFile::make(&folder.join("key")).unwrap();
    let vault = town.store.open_vault(&key, now).await.unwrap();
    let digits = || SecretDigits::new(PASSWORD.as_bytes()).unwrap();
    let profile = SecretScope::Profile("645-2007-single-phase".to_owned());
    let secret = NewSecret { scope: profile, level: Level::CONTROL, digits: digits() };
    let entry = AuditEntry::of_system(now, "secret.replace", "passwords");
    town.store.replace_secrets(&vault, &[secret], &entry).await.unwrap();
    let (store, clock, lines) = (town.store.clone(), town.clock.clone(), head_end.lines.clone());
    let parts = FieldParts { store, clock, lines, vault: Some(vault), security: None };
    let fields = Fields::new(&town.config, parts);
    let sites: HashMap<_, _> =
        town.store.site_meters().await.unwrap().into_iter().map(|site| (site.meter.address, site)).collect();
    let [_, password @ ..] = Password::new(Level::CONTROL, PASSWORD, DigitOrder::LowFirst).unwrap().wire();
    let mut homes = Vec::new();
    for (number, terminal) in town.terminals.iter().enumerate() {
        let place = terminal.live.with(|c| {
            let wired = c.wired_mut();
            wired.iter_mut().for_each(|wired| assert!(wired.meter.passwords_mut().set(2, password)));
            wired.iter().position(|wired| {
                wired.meter.editions().e2007 && wired.meter.truth().wiring() == Wiring::SinglePhase
            })
        });
        let Some(place) = place else { continue };
        let address = terminal.live.with(|c| c.wired()[place].meter.address().as_meter().unwrap());
        homes.push((number, place, fields.of(sites[&address].clone()).unwrap()));
    }
    homes
}

/// How many orders for the relay of a meter were forwarded, and how many a terminal has made of them by itself.
fn orders(terminal: &Behind, place: usize) -> (usize, usize) {
    terminal.live.with(|c| {
        let address = c.wired()[place].meter.address().wire();
        let of_meter = c.reached().iter().filter(|one| one.address == address && one.control() == Some(0x1C));
        let astray = of_meter.clone().filter(|one| one.is_astray).count();
        (of_meter.count() - astray, astray)
    })
}

fn is_open(terminal: &Behind, place: usize) -> bool {
    terminal.live.with(|c| {
        let at = c.at();
        let meter = &mut c.wired_mut()[place].meter;
        meter.advance(at);
        meter.relay().is_open()
    })
}

/// What came of the orders of a night.
#[derive(Debug, Default)]
struct Told {
    attempts: usize,
    not_begun: usize,
    proven: usize,
    unknown: usize,
    wrong: Vec<String>,
}

impl Told {
    fn and(mut self, other: Self) -> Self {
        self.attempts += other.attempts;
        self.not_begun += other.not_begun;
        self.proven += other.proven;
        self.unknown += other.unknown;
        self.wrong.extend(other.wrong);
        self
    }
}

/// One attempt, judged by what reached the meter and how its contact stands.
async fn attempt(terminal: &Behind, place: usize, field: &Field, command: Command) -> Told {
    let Ok(before) = field.before(Lane::Control).await else {
        return Told { not_begun: 1, ..Told::default() };
    };
    let (forwarded, _) = orders(terminal, place);
    let (lane, expectation) = if command.is_cut_class() {
        (Lane::Control, Expectation::Open)
    } else {
        (Lane::Restore, Expectation::Closed)
    };
    let order = FieldOrder {
        command,
        lane,
        clock: before.clock,
        ahead: MINUTE * 5,
        expires: Instant::now() + MINUTE * 4,
        operator: "0000002A".parse().unwrap(),
    };
    let sent = field.send(&order).await;
    let mut told = Told { attempts: 1, ..Told::default() };
    let mut looks = Vec::new();
    for seconds in [5, 61, 61, 61] {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        looks.extend(field.look(Lane::Control).await.ok());
    }
    let count = orders(terminal, place).0 - forwarded;
    let mut wrong =
        |why: String| told.wrong.push(format!("{} {command:?} {}: {why}", terminal.address, sent.kind()));
    if count > 1 {
        wrong(format!("{count} frames for one attempt"));
    }
    let Some(carried) = sent.carried() else {
        if count > 0 {
            wrong("a frame, and it is told that none left".to_owned());
        }
        return Told { not_begun: 1, attempts: 0, ..told };
    };
    let rules = field.rules(before.trip_delay.map(|delay| delay.value));
    let proof = judge(before.look().as_ref(), &looks, expectation, carried.told, &rules);
    let open = is_open(terminal, place);
    match proof {
        Proof::Proven(Proven::Open(_)) if open => told.proven += 1,
        Proof::Proven(Proven::Open(_)) => wrong("told open, and it is closed".to_owned()),
        Proof::Proven(_) if open => wrong("told closed, and it is open".to_owned()),
        Proof::Proven(_) => told.proven += 1,
        _ => told.unknown += 1,
    }
    told
}

/// Three events of each kind at each terminal: power that goes and comes back, and parameters that are changed.
fn note_events(town: &Town, first: u8) {
    for terminal in &town.terminals {
        terminal.live.with(|c| {
            for number in first..first + 3 {
                let at = [number, 0x08, 0x22, 0x11, 0x26];
                c.note_event(14, [at, at].concat());
                c.note_event(3, [&at[..], &[0x01, 0x00, number, 0x02, 0x00]].concat());
            }
        });
    }
}

/// Of all makers' habits, and half of them with frames so short that most answers are several.
fn as_they_come(setup: Setup) -> Setup {
    let setup = as_they_are(setup);
    let is_short = setup.seed.named("short frames").between(0, 0, 1) == 1;
    let sends = if is_short { 256 } else { setup.settings.sends };
    Setup { settings: Settings { sends, ..setup.settings }, ..setup }
}

/// A night of terminals with orders in it, one cut and one restore at each terminal again and again, until the night is over.
async fn night_with_orders(
    (terminals, each): (u16, usize),
    seed: u64,
    faults: &[(Kind, &str)],
    rounds: usize,
) -> (usize, Told) {
    let meters = usize::from(terminals) * each;
    let (folder, town) = town(world(meters, terminals, seed), NO_HISTORY, as_they_come).await;
    verify(&town).await;
    set_faults(&town, faults);
    // Before it is asked for the first time, and in the night.
    note_events(&town, 0);
    let head_end = town.head_end();
    let homes = homes(&town, &head_end, folder.path()).await;
    assert!(homes.len() * 2 > usize::from(terminals), "{} of {terminals}", homes.len());
    let night = day("2026-11-22");
    let begins = head_end.collector.night(night).start;
    let ordered = futures_util::future::join_all(homes.iter().map(async |(number, place, field)| {
        let terminal = &town.terminals[*number];
        town.clock.sleep_until(begins.plus(Duration::from_secs(5))).await;
        let mut told = Told::default();
        for _ in 0..rounds {
            for command in [Command::Trip, Command::CloseDirectly] {
                told = told.and(attempt(terminal, *place, field, command).await);
            }
        }
        told
    }));
    let noted = async {
        town.clock.sleep_until(begins.plus(MINUTE * 10)).await;
        note_events(&town, 10);
    };
    let (report, told, ()) = tokio::join!(town.night(&head_end, night), ordered, noted);
    let told = told.into_iter().fold(Told::default(), Told::and);
    println!("missing {:?}", report.progress.missing);
    for (kind, _) in faults {
        println!("{kind}: {}", struck(&town, *kind));
        assert!(struck(&town, *kind) > 0, "{kind} never struck");
    }
    println!(
        "{} attempts, {} not begun, {} proven, {} unknown",
        told.attempts, told.not_begun, told.proven, told.unknown
    );
    let sum = head_end.terminals.all().iter().fold((0, 0, 0), |all, one| {
        (all.0 + one.sent_bytes, all.1 + one.received_bytes, all.2 + one.requests)
    });
    println!("bytes out and in, questions: {sum:?}");
    let findings = town.judge((night.previous(), night), &[night]).await;
    println!("{} registers, {} slots, holes {:?}", findings.registers, findings.slots, findings.holes);
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert_eq!(told.wrong, Vec::<String>::new());
    assert!(told.proven > 0, "{told:?}");
    // What a terminal has kept comes hours later, and does nothing then.
    let contacts = |town: &Town| -> Vec<bool> {
        homes.iter().map(|(number, place, _)| is_open(&town.terminals[*number], *place)).collect()
    };
    let stand = contacts(&town);
    tokio::time::sleep(Duration::from_secs(7 * 3600)).await;
    assert_eq!(contacts(&town), stand, "an order that was kept has moved a contact");
    // What was reported into a fault comes again.
    set_faults(&town, &[]);
    let noted = town.clock.now();
    tokio::time::sleep(MINUTE * 40).await;
    let of_terminals = town.judge_terminals(night, noted, true).await;
    println!(
        "{} slots that terminals hold are kept, others are told {:?}; {} events",
        of_terminals.slots, of_terminals.untold_slots, of_terminals.events
    );
    assert_eq!(of_terminals.wrong, Vec::<String>::new());
    let untold: usize = of_terminals.untold_slots.values().sum();
    assert!(untold * 50 <= of_terminals.slots, "{of_terminals:?}");
    assert!(of_terminals.events >= usize::from(terminals) * 2 * 3, "{of_terminals:?}");
    let astray: usize =
        homes.iter().map(|(number, place, _)| orders(&town.terminals[*number], *place).1).sum();
    println!("{astray} orders came astray");
    assert!(astray > 0, "none was kept or repeated");
    drop(homes);
    head_end.close().await;
    town.close().await;
    (usize::try_from(report.progress.read).unwrap(), told)
}

#[tokio::test]
async fn f24_orders_in_a_night_behind_terminals_are_one_frame_each_and_true_or_unknown() {
    // Few requests are orders, and few answers stand in several frames.
    let is_rare = |kind| matches!(kind, Kind::Buffered | Kind::LostFrame);
    let shares = Kind::ALL.map(|kind| (kind, if is_rare(kind) { "40%" } else { "4%" }));
    let (read, told) = night_with_orders((8, 4), 33, &shares, 3).await;
    assert!(read > 0 && told.unknown > 0, "{read} {told:?}");
}

/// The night of 100 terminals with everything that goes wrong with terminals, and orders all through it; with 200 meters
/// each where `CHAOBIAO_TERMINAL_METERS` says so.
#[tokio::test]
#[ignore = "takes a minute: tests/check.sh ci; 200 meters each in tests/check.sh nightly"]
async fn i20_a_hundred_terminals_with_faults_keep_the_truth() {
    let each: usize = std::env::var("CHAOBIAO_TERMINAL_METERS").map_or(20, |text| text.parse().unwrap());
    let shares = Kind::ALL.map(|kind| (kind, "1%"));
    let (read, told) = night_with_orders((100, each), 29, &shares, 4).await;
    assert!(told.attempts > 200, "{told:?}");
    assert!(read * 100 >= 100 * each * 95, "{read}");
}
