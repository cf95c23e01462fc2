//! F15 to F18: registers that roll over, flipped bits, a meter that is exchanged, profiles that do not fit, curves with
//! holes and other cuts.

use std::collections::BTreeMap;
use std::time::Duration;

use chaobiao::domain::access::{Acting, Regions, Role};
use chaobiao::domain::proposal::{Change, MeterExchange, Shown};
use chaobiao::domain::{
    BillingKind, Coded, Day, Id, Item, Meter, Moment, Quality, RegisterReading, RunState, Source,
};
use chaobiao::store::archive::Exchange;
use chaobiao::store::billing::Which;
use chaobiao::store::{Address, Batch, Verdict};
use simulator::fault::{Kind, Plan as Faults};
use simulator::seed::Seed;
use simulator::world::file::{EditionName, EventEntry, EventName, Moment as Written};
use simulator::world::registers::ModbusEntry;

use crate::rig::{Town, TownPlan, at, config, day, entry, world};
use crate::truth::held;

fn first() -> Day {
    day("2026-11-22")
}

fn nights(count: i64) -> Vec<Day> {
    (0..count).map(|number| first().plus(number)).collect()
}

fn hours(day: Day, hours: u64) -> Moment {
    day.start().plus(Duration::from_secs(3600 * hours))
}

#[tokio::test]
async fn f15_registers_that_roll_over_are_read_and_billed_to_the_last_digit() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(4, 1, 9600, 61, false);
    let turns: Vec<_> = world.meter.iter_mut().take(3).collect();
    for (meter, (night, hour)) in turns.into_iter().zip([(0, 15), (1, 0), (2, 23)]) {
        // What interrupts the load would put it off.
        meter.event.clear();
        meter.rolls_over_at = Some(Written(at(hours(first().plus(night), hour))));
    }
    let (config, address) = (config(&world, ""), Address::Sqlite(folder.path().join("town.db")));
    let town = Town::new(TownPlan::new(world, config, first(), address)).await;
    let head_end = town.head_end();
    for today in nights(4) {
        assert_eq!(town.night(&head_end, today).await.run.state, RunState::Done);
        town.bill().await;
    }
    let findings = town.judge((first().plus(-7), first().plus(3)), &nights(4)).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert_eq!(findings.suspect, BTreeMap::new());
    assert_eq!(findings.registers, 4 * 10 * 11, "{findings:?}");
    // Registers of eleven midnights, and the ten days between them.
    assert_eq!(findings.billed, 4 * 10 * 21, "{findings:?}");
    let total = *town.config.collection.registers.first().unwrap();
    let rolled = town.meters.iter().filter(|(_, meter)| {
        let [before, after] = [first(), first().plus(3)].map(|day| held(meter, total, day.start()).unwrap());
        after < before
    });
    assert_eq!(rolled.count(), 3, "each passed its last digit within the nights");
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f08_f15_bits_that_flip_under_a_mended_checksum_never_count() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(8, 2, 9600, 62, false);
    world.meter.iter_mut().step_by(4).for_each(|meter| meter.edition = EditionName::E1997);
    let config = config(&world, "[collection]\nrepair_days = 2\n[intervals]\nrepair_days = 2");
    let mut plan = TownPlan::new(world, config, first(), Address::Sqlite(folder.path().join("town.db")));
    let mut faults = Faults::new(Seed::new(62).named("faults"));
    faults.add("flip-mended=27%").unwrap();
    plan.faults = Some(faults);
    let town = Town::new(plan).await;
    let head_end = town.head_end();
    for today in nights(2) {
        town.night(&head_end, today).await;
        town.bill().await;
    }
    let findings = town.judge((first().plus(-2), first().next()), &nights(2)).await;
    let flipped = town.faults().of(Kind::FlipMended);
    println!("{flipped} flipped of {} requests: {findings:?}", town.requests());
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert_eq!(findings.suspect, BTreeMap::new(), "no flipped bit makes a clock wrong");
    assert!(flipped > 300 && findings.registers > 200 && findings.slots > 1000, "{flipped}, {findings:?}");
    head_end.close().await;
    town.close().await;
}

/// What a meter showed at an instant, as a person wrote it down.
fn by_hand(meter: Id<Meter>, item: Item, value: i64, at: Moment) -> RegisterReading {
    RegisterReading {
        meter,
        item,
        as_of: at,
        value,
        meter_time: None,
        collected_at: at,
        source: Source::Manual,
        quality: Quality::Good,
        fetch: None,
    }
}

#[tokio::test]
async fn f16_a_meter_exchanged_at_noon_and_told_late_is_billed_to_the_last_digit() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(3, 1, 9600, 63, false);
    let noon = hours(first(), 12);
    let [old, new, _] = world.meter.as_mut_slice() else { unreachable!() };
    old.event.push(EventEntry { kind: EventName::Removed, from: Written(at(noon)), to: None, seconds: 0 });
    new.installed_at = Written(at(noon));
    new.event.clear();
    let (old, new) = (old.clone(), new.clone());
    let (config, address) = (config(&world, ""), Address::Sqlite(folder.path().join("town.db")));
    let mut plan = TownPlan::new(world, config, first(), address);
    plan.archive.retain(|known| known.meter.address != new.address);
    let town = Town::new(plan).await;
    let head_end = town.head_end();
    for today in nights(3) {
        town.night(&head_end, today).await;
        town.bill().await;
    }
    assert_eq!(town.missing(first().plus(2)).await.len(), 1, "nobody knows of the exchange yet");
    // It is told on the afternoon of the third day, with what both meters showed.
    town.clock.sleep_until(hours(first().plus(2), 15)).await;
    let site = town.store.site_meters().await.unwrap();
    let site = site.iter().find(|site| site.meter.address == old.address).unwrap();
    let exchange =
        Exchange { point: site.point_id, removed: old.address, installed: entry(&new).meter, at: noon };
    let id = town.store.exchange_meter(&exchange).await.unwrap();
    // Asked for again, the night before it goes without the new one, which had no midnight there.
    let again = town.night(&head_end, first()).await;
    assert_eq!((again.run.planned, again.run.state), (2, RunState::Done));
    let items = chaobiao::billing::Rules::of(&town.config).items;
    let shown = |address, item, at| held(town.shared(address), item, at).unwrap();
    let closing = |item: &Item| by_hand(site.meter_id, *item, shown(old.address, *item, noon), noon);
    let opening = |item: &Item| by_hand(id, *item, shown(new.address, *item, noon), noon);
    let registers = items.iter().flat_map(|item| [closing(item), opening(item)]).collect();
    let batch = Batch { registers, ..Batch::default() };
    town.store.save(&batch, town.clock.now()).await.unwrap();
    town.bill().await;
    let last = first().plus(3);
    assert_eq!(town.night(&head_end, last).await.run.state, RunState::Done);
    town.bill().await;
    let findings = town.judge((first(), last), &[first(), last]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    let factor = i64::from(old.customer.multiplier) * 100;
    let lines = town.store.billing_lines(Which::OfPoint(&old.customer.point)).await.unwrap();
    for item in items {
        let midnight = |address, day: Day| shown(address, item, day.start());
        let (closing, opening) = (shown(old.address, item, noon), shown(new.address, item, noon));
        let within =
            closing - midnight(old.address, first()) + midnight(new.address, first().next()) - opening;
        let mut expected = vec![(first(), within)];
        for day in [first().next(), first().plus(2)] {
            expected.push((day, midnight(new.address, day.next()) - midnight(new.address, day)));
        }
        for (day, moved) in expected {
            let of_day = lines.iter().filter(|line| {
                (line.key.item, line.key.kind, line.key.day) == (item, BillingKind::Consumption, day)
            });
            let newest = of_day.max_by_key(|line| line.version).and_then(|line| line.content.value);
            let code = item.code();
            assert_eq!(newest.map(|(value, _)| value), Some(moved * factor), "{code} of {day}");
        }
    }
    head_end.close().await;
    town.close().await;
}

/// The register map of the example, as a world file has it.
fn example_map() -> ModbusEntry {
    let (_, registers) = MAP.split_once("\n[[register]]").unwrap();
    toml::from_str(&format!("profile = \"modbus-example\"\n[[register]]{registers}")).unwrap()
}

const MAP: &str = include_str!("../../deploy/profiles/modbus-example.toml");

pub(crate) fn acting(person: i64, role: Role) -> Acting {
    Acting {
        person: Id::new(person),
        account: Id::new(person),
        name: format!("p{person}"),
        role,
        role_since: first().plus(-100).start(),
        regions: Regions::All,
        source: "10.0.0.7".to_owned(),
        request: None,
    }
}

/// A meter of DL/T 645 makes way for one that speaks Modbus: proposed, confirmed, read by its map, and billed over both.
#[tokio::test]
async fn f16_a_meter_exchanged_for_one_that_speaks_modbus_is_billed_over_both() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(3, 1, 9600, 66, false);
    let noon = hours(first(), 12);
    let [old, new, _] = world.meter.as_mut_slice() else { unreachable!() };
    old.event.push(EventEntry { kind: EventName::Removed, from: Written(at(noon)), to: None, seconds: 0 });
    new.installed_at = Written(at(noon));
    new.event.clear();
    new.address = "7017".parse().unwrap();
    new.modbus = Some(example_map());
    let (old, new) = (old.clone(), new.clone());
    let profiles = concat!("[profiles]\ndirectory = \"", env!("CARGO_MANIFEST_DIR"), "/deploy/profiles\"");
    let (config, address) = (config(&world, profiles), Address::Sqlite(folder.path().join("town.db")));
    let mut plan = TownPlan::new(world, config, first(), address);
    plan.archive.retain(|known| known.meter.address != new.address);
    let town = Town::new(plan).await;
    let head_end = town.head_end();
    assert_eq!(town.night(&head_end, first()).await.run.state, RunState::Done);
    town.bill().await;
    town.clock.sleep_until(hours(first(), 15)).await;
    let items = chaobiao::billing::Rules::of(&town.config).items;
    let shown = |address, item, at| held(town.shared(address), item, at).unwrap();
    let side = |address, has: fn(&Item) -> bool| {
        let items = items.iter().filter(|item| has(item));
        items
            .map(|item| Shown { item: item.code().to_string(), value: shown(address, *item, noon) })
            .collect()
    };
    let change = Change::ExchangeMeter(MeterExchange {
        point: old.customer.point.clone(),
        removed: old.address.to_string(),
        installed: new.address.to_string(),
        asset_number: Some("M-17".to_owned()),
        protocol: "modbus".to_owned(),
        profile: Some("modbus-example".to_owned()),
        at: noon.micros(),
        closing: side(old.address, |_| true),
        opening: side(new.address, is_in_map),
    });
    let now = town.clock.now();
    let proposal = town.store.propose(&change, "converted", &acting(1, Role::Operator), now).await.unwrap();
    let profiles = &town.config.profiles;
    let approver = acting(2, Role::Approver);
    town.store.decide_proposal(proposal, Verdict::Confirm, &approver, profiles, now).await.unwrap();
    for today in [first().next(), first().plus(2)] {
        assert_eq!(town.night(&head_end, today).await.run.state, RunState::Done);
        town.bill().await;
    }
    let id = town.number(new.address).await;
    let ledger = town.store.ledger(id, first().next().start(), first().plus(3).start()).await.unwrap();
    let lines = town.store.billing_lines(Which::OfPoint(&old.customer.point)).await.unwrap();
    let factor = i64::from(old.customer.multiplier) * 100;
    let mut compared = 0;
    for item in items.into_iter().filter(is_in_map) {
        // What its registers held when it was read in the nights behind.
        let read = |day: Day| {
            let of_day = |as_of: Moment| as_of >= day.start() && as_of < day.next().start();
            let mut kept = ledger.iter().map(|kept| &kept.reading);
            let reading = kept.find(|kept| kept.item == item && of_day(kept.as_of)).unwrap();
            assert_eq!((reading.source, reading.quality), (Source::Live, Quality::Good));
            let step = shown(new.address, item, reading.as_of.plus(Duration::from_secs(60))) - reading.value;
            assert!((0..10_000).contains(&step), "what it showed then: {step}");
            reading.value
        };
        let (one, two) = (read(first().next()), read(first().plus(2)));
        let (closing, opening) = (shown(old.address, item, noon), shown(new.address, item, noon));
        let within = closing - shown(old.address, item, first().start()) + one - opening;
        for (day, kind, value) in [
            (first(), BillingKind::Consumption, within * factor),
            (first().next(), BillingKind::Consumption, (two - one) * factor),
            (first().next(), BillingKind::Register, one),
            (first().plus(2), BillingKind::Register, two),
        ] {
            let of_day =
                lines.iter().filter(|line| (line.key.item, line.key.kind, line.key.day) == (item, kind, day));
            let newest = of_day.max_by_key(|line| line.version).and_then(|line| line.content.value);
            assert_eq!(newest, Some((value, Quality::Estimated)), "{} of {day}, {kind:?}", item.code());
            compared += 1;
        }
    }
    assert!(compared >= 4 * 6, "{compared}");
    head_end.close().await;
    town.close().await;
}

/// Whether the example map has it.
fn is_in_map(item: &Item) -> bool {
    matches!(
        item.code().to_string().trim_start_matches("1-0:"),
        "1.8.0" | "1.8.1" | "1.8.2" | "1.8.3" | "1.8.4" | "2.8.0"
    )
}

#[tokio::test]
async fn f17_a_meter_under_a_wrong_profile_books_nothing_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let like = "like = \"645-2007-single-phase\"\nabout = \"another make\"";
    let five = ["00xxxxxx", "050601xx", "050602xx"]
        .map(|id| format!("[[difference]]\nid = \"{id}\"\nbytes = 5\ndecimals = 4\n"));
    for (name, rest) in [("two-tariffs", "[registers]\ntariffs = 2\n"), ("five-bytes", &five.concat())] {
        let file = folder.path().join(name).with_extension("toml");
        std::fs::write(file, format!("name = \"{name}\"\n{like}\n{rest}")).unwrap();
    }
    let mut world = world(6, 1, 9600, 64, false);
    world.meter.iter_mut().take(1).for_each(|meter| meter.edition = EditionName::E1997);
    let more = format!("[profiles]\ndirectory = \"{}\"", folder.path().display());
    let (config, address) = (config(&world, &more), Address::Sqlite(folder.path().join("town.db")));
    let mut plan = TownPlan::new(world.clone(), config, first(), address);
    let other = |edition| {
        entry(&simulator::world::file::MeterEntry { edition, ..world.meter.first().unwrap().clone() })
    };
    let named = |name: &str| {
        let mut of_2007 = other(EditionName::E2007).meter;
        of_2007.profile = Some(name.to_owned());
        of_2007
    };
    let wrong = [
        (other(EditionName::E2007).meter, "silent"),
        (other(EditionName::E1997).meter, "silent"),
        (named("two-tariffs"), "wrong form"),
        (named("five-bytes"), "wrong form"),
    ];
    let mut expected = BTreeMap::new();
    for (entry, (meter, cause)) in plan.archive.iter_mut().zip(wrong) {
        (entry.meter.protocol, entry.meter.profile) = (meter.protocol, meter.profile);
        expected.insert(entry.meter.address, cause);
    }
    let town = Town::new(plan).await;
    let head_end = town.head_end();
    for today in nights(2) {
        assert_eq!(town.night(&head_end, today).await.run.state, RunState::Partial);
        town.bill().await;
        let missing = town.missing(today).await;
        let named: BTreeMap<_, _> =
            missing.into_iter().map(|(address, cause)| (address, cause.name())).collect();
        assert_eq!(named, expected);
    }
    let findings = town.judge((first().plus(-7), first().next()), &nights(2)).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    for (id, address) in town.numbers().await {
        let entries = town.store.ledger(id, first().plus(-9).start(), first().plus(2).start()).await.unwrap();
        assert_eq!(
            entries.is_empty(),
            expected.contains_key(&address),
            "{address}: {} readings",
            entries.len()
        );
    }
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn f18_curves_cut_otherwise_and_repaired_twice_keep_each_slot_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(4, 1, 9600, 65, false);
    // Two hours without supply are holes for ever, with a cause.
    world.meter.iter_mut().take(1).for_each(|meter| {
        let cut = first().plus(2);
        let from = Written(at(hours(cut, 10)));
        let to = Some(Written(at(hours(cut, 12))));
        meter.event.push(EventEntry { kind: EventName::PowerCut, from, to, seconds: 0 });
    });
    let cut = |period: &str| config(&world, &format!("[intervals]\nperiod = \"{period}\"\nrepair_days = 3"));
    let cuts = ["15min", "30min", "30min", "15min", "15min"].map(cut);
    let [quarter, ..] = &cuts;
    let address = Address::Sqlite(folder.path().join("town.db"));
    let mut town = Town::new(TownPlan::new(world.clone(), quarter.clone(), first(), address)).await;
    let days = nights(5);
    for (today, cut) in days.iter().zip(cuts) {
        town.config = cut;
        let head_end = town.head_end();
        assert_eq!(town.night(&head_end, *today).await.run.state, RunState::Done);
        head_end.close().await;
    }
    let findings = town.judge((first().plus(-3), first().plus(4)), &days).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    // Seven days of two curves, and of one meter the quarters from 10:00 up to 11:45.
    assert_eq!(findings.slots, 4 * 2 * 96 * 7 - 2 * 8, "{findings:?}");
    assert_eq!(findings.holes, BTreeMap::from([("no value", 2 * 8)]));
    for (id, address) in town.numbers().await {
        let span = (first().plus(-9).start(), first().plus(9).start());
        let conflicts = town.store.interval_conflicts(id, span.0, span.1).await.unwrap();
        assert_eq!(conflicts, [], "{address}");
    }
    town.close().await;
}
