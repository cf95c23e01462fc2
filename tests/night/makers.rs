//! Nights over meters of makers with habits of their own: what a meter fills, spoils or never took is no value, and costs
//! none beside it.

use chaobiao::domain::{Day, Item, MissingCause, RunState, Source};
use chaobiao::store::Address;
use simulator::meter::{Editions, Manners, Meter as SimulatedMeter};
use simulator::world::file::{AreaPowerCut, EditionName, Moment as Written, WorldFile};

use crate::rig::{HeadEnd, Town, TownPlan, at, config, day, set_clocks, world};

/// A town of this world from a day on, its head-end, and the folder that they live in.
async fn built(world: WorldFile, more: &str, first: Day) -> (Town, HeadEnd, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&world, more);
    let plan = TownPlan::new(world, config, first, Address::Sqlite(folder.path().join("town.db")));
    let town = Town::new(plan).await;
    let head_end = town.head_end();
    (town, head_end, folder)
}

/// Two tariffs of four, one way of two: the others are FF in freezes, registers and load records.
#[tokio::test]
async fn f09_i05_what_a_meter_fills_is_no_value_and_costs_none_beside_it() {
    let mut world = world(6, 1, 9600, 51, false);
    set_clocks(&mut world);
    for (number, meter) in (0..).zip(&mut world.meter) {
        meter.habits.fills_reverse = number % 2 == 0;
        meter.habits.tariffs = [2, 4, 1][number % 3];
        meter.habits.flags_events = number == 4;
        if number == 2 {
            meter.edition = EditionName::E1997;
        }
    }
    let (first, second) = (day("2026-11-22"), day("2026-11-23"));
    let (town, head_end, _folder) =
        built(world, "[collection]\nrepair_days = 1\n[intervals]\nrepair_days = 1\n", first).await;
    for night in [first, second] {
        let report = town.night(&head_end, night).await;
        assert_eq!(report.run.state, RunState::Done, "{night}: {:?}", town.missing(night).await);
    }
    town.bill().await;
    let findings = town.judge((first.previous(), second), &[first, second]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    assert_eq!(findings.suspect.len(), 0, "{findings:?}");
    // Of each meter: the ways that it counts, each with a total and its tariffs.
    let each = [3, 2 * 5, 2, 2 * 3, 5, 2 * 2];
    let frozen: usize = each.iter().sum::<usize>() - each[2];
    assert_eq!((findings.registers, findings.live), (frozen * 3 + each[2] * 2, each[2] * 2), "{findings:?}");
    assert!(findings.billed > 0, "{findings:?}");
    head_end.close().await;
    town.close().await;
}

/// One that was put in behind midnight has no freeze yet and shows zeros in its place; one that was without supply at a midnight
/// has a place less, and zeros behind its last.
#[tokio::test]
async fn f14_a_freeze_that_was_never_taken_is_passed_over() {
    let mut world = world(2, 1, 9600, 52, false);
    set_clocks(&mut world);
    let tonight = day("2026-11-22");
    let minute = |day: Day, minutes: i64| Written(at(day.start()).plus(60 * minutes));
    world.meter.iter_mut().for_each(|meter| {
        meter.habits.keeps_empty_freezes = true;
        meter.event.clear();
    });
    world.meter[0].installed_at = minute(tonight, 1);
    world.meter[1].installed_at = minute(tonight.plus(-4), 600);
    let area = world.meter[1].customer.transformer_area.clone();
    world.power_cut.push(AreaPowerCut {
        transformer_area: area,
        from: minute(tonight.plus(-1), -30),
        to: minute(tonight.plus(-1), 30),
    });
    let (town, head_end, _folder) =
        built(world, "[collection]\nrepair_days = 7\n[intervals]\nmode = \"off\"\n", tonight).await;
    let report = town.night(&head_end, tonight).await;
    assert_eq!(report.run.state, RunState::Done, "{:?}", town.missing(tonight).await);
    let findings = town.judge((tonight.plus(-7), tonight), &[tonight]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    let total = Item::parse("1.8.0").unwrap();
    let kept = async |place: usize| {
        let id = town.number(town.meters[place].0.address).await;
        let ledger = town.store.ledger(id, tonight.plus(-7).start(), tonight.next().start()).await.unwrap();
        let totals = ledger.iter().map(|kept| kept.reading.clone()).filter(|reading| reading.item == total);
        totals.map(|reading| (reading.as_of, reading.source)).collect::<Vec<_>>()
    };
    let new = kept(0).await;
    assert!(matches!(new.as_slice(), [(at, Source::Live)] if *at > tonight.start()), "{new:?}");
    let nights = [-3, -2, 0].map(|back| (tonight.plus(back).start(), Source::Freeze));
    assert_eq!(kept(1).await, nights, "all but the night without supply");
    head_end.close().await;
    town.close().await;
}

/// Faulty blocks, whole and cut, blocks without a time, and fill behind the last: each is a hole of its own slot.
#[tokio::test]
async fn f18_a_spoilt_record_is_a_hole_and_the_day_around_it_is_there() {
    let mut world = world(2, 1, 9600, 53, false);
    set_clocks(&mut world);
    world.meter.iter_mut().for_each(|meter| meter.habits.spoils_records = true);
    let tonight = day("2026-11-22");
    let (town, head_end, _folder) =
        built(world, "[collection]\nrepair_days = 0\n[intervals]\nrepair_days = 1\n", tonight).await;
    let report = town.night(&head_end, tonight).await;
    assert_eq!(report.run.state, RunState::Done, "{:?}", town.missing(tonight).await);
    let findings = town.judge((tonight.previous(), tonight), &[tonight]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    // Three of 32 are spoilt, of two items of two meters.
    let holes = 4 * 9;
    assert_eq!((findings.slots, findings.holes["no value"]), (4 * 96 - holes, holes), "{findings:?}");
    head_end.close().await;
    town.close().await;
}

/// A single-phase meter fills the voltage of phase B; the current of phase A stands behind it.
#[tokio::test]
async fn f09_a_phase_that_is_filled_hides_no_other_item() {
    let world = world(1, 1, 9600, 54, false);
    let text = "[intervals]\nmode = \"poll\"\nitems = [\"32.7.0\", \"52.7.0\", \"31.7.0\"]\n";
    let today = day("2026-11-21");
    let (town, head_end, _folder) = built(world, text, today).await;
    let slot = town.config.intervals.slots.instant(today, 1);
    town.clock.sleep_until(slot).await;
    let report = head_end.collector.poll_slot(slot, &head_end.stop).await.unwrap();
    assert_eq!((report.planned, report.read), (1, 1));
    let id = town.number(town.meters[0].0.address).await;
    let curves = town.store.curves(&[id], &town.config.intervals.items, today, today).await.unwrap();
    let mut items: Vec<_> = curves.iter().map(|curve| curve.item.code().to_string()).collect();
    items.sort_unstable();
    assert_eq!(items, ["1-0:31.7.0", "1-0:32.7.0"]);
    head_end.close().await;
    town.close().await;
}

/// The first meter goes on with other manners.
fn change_manners(town: &Town, manners: Manners) {
    let (entry, shared) = town.meters.first().unwrap();
    let mut fitted = shared.lock().unwrap();
    let truth = fitted.meter.truth().clone();
    fitted.meter = SimulatedMeter::new(entry.address, Editions::ONLY_2007, manners, truth);
}

/// What a meter once had it has lost: it is missing for that, and not what stands beside it.
#[tokio::test]
async fn f09_i19_a_register_that_had_a_value_and_is_filled_is_told_and_the_others_are_kept() {
    let mut world = world(1, 1, 9600, 55, false);
    set_clocks(&mut world);
    let (first, second) = (day("2026-11-22"), day("2026-11-23"));
    let (town, head_end, _folder) =
        built(world, "[collection]\nrepair_days = 0\n[intervals]\nmode = \"off\"\n", first).await;
    assert_eq!(town.night(&head_end, first).await.run.state, RunState::Done);
    change_manners(&town, Manners { fills_reverse: true, ..Manners::default() });
    assert_eq!(town.night(&head_end, second).await.run.state, RunState::Partial);
    let missing = town.missing(second).await;
    assert_eq!(missing.values().collect::<Vec<_>>(), [&MissingCause::NoValue]);
    let findings = town.judge((first, second), &[first, second]).await;
    assert_eq!((findings.wrong, findings.registers), (Vec::new(), 10 + 5));
    head_end.close().await;
    town.close().await;
}

/// Nor does a total stand for tariffs that were there before.
#[tokio::test]
async fn f09_i19_tariffs_that_had_a_value_and_are_filled_are_told_and_the_totals_are_kept() {
    let mut world = world(1, 1, 9600, 56, false);
    set_clocks(&mut world);
    let (first, second) = (day("2026-11-22"), day("2026-11-23"));
    let (town, head_end, _folder) =
        built(world, "[collection]\nrepair_days = 0\n[intervals]\nmode = \"off\"\n", first).await;
    assert_eq!(town.night(&head_end, first).await.run.state, RunState::Done);
    change_manners(&town, Manners { tariffs: 0, ..Manners::default() });
    assert_eq!(town.night(&head_end, second).await.run.state, RunState::Partial);
    let missing = town.missing(second).await;
    assert_eq!(missing.values().collect::<Vec<_>>(), [&MissingCause::NoValue]);
    let findings = town.judge((first, second), &[first, second]).await;
    assert_eq!((findings.wrong, findings.registers), (Vec::new(), 10 + 2));
    head_end.close().await;
    town.close().await;
}

/// Some leave what they do not know unanswered.
#[tokio::test]
async fn f09_i19_a_register_or_word_that_is_met_with_silence_costs_none_beside_it() {
    let mut world = world(1, 1, 9600, 57, false);
    set_clocks(&mut world);
    let (first, second) = (day("2026-11-22"), day("2026-11-23"));
    let (town, head_end, _folder) =
        built(world, "[collection]\nrepair_days = 0\n[intervals]\nmode = \"off\"\n", first).await;
    // The reverse register of the newest freeze.
    change_manners(&town, Manners { deaf_to: &[[1, 2, 6, 5]], ..Manners::default() });
    assert_eq!(town.night(&head_end, first).await.run.state, RunState::Partial);
    let missing = town.missing(first).await;
    assert_eq!(missing.values().collect::<Vec<_>>(), [&MissingCause::Silent]);
    let findings = town.judge((first, first), &[first]).await;
    assert_eq!((findings.wrong, findings.registers), (Vec::new(), 5));
    // Status word 4.
    change_manners(&town, Manners { deaf_to: &[[4, 5, 0, 4]], ..Manners::default() });
    assert_eq!(town.night(&head_end, second).await.run.state, RunState::Done);
    let meter = town.number(town.meters.first().unwrap().0.address).await;
    let words = town.store.status_words_of(meter).await.unwrap().unwrap().words;
    assert!(words.contains("04000503") && !words.contains("04000504"), "{words}");
    assert!(!town.store.event_counts(&[meter]).await.unwrap().is_empty(), "its events were asked for");
    head_end.close().await;
    town.close().await;
}

/// One register that is left unanswered each night costs the meter neither its curve nor its events.
#[tokio::test]
async fn f09_i20_a_meter_that_leaves_one_register_unanswered_is_asked_for_its_curve_and_events() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(1, 1, 9600, 59, false);
    set_clocks(&mut world);
    let first = day("2026-11-22");
    let config = config(&world, "[collection]\nrepair_days = 0\n[intervals]\nrepair_days = 1\n");
    let plan = TownPlan::new(world, config, first, Address::Sqlite(folder.path().join("town.db")));
    let town = Town::new(plan).await;
    let head_end = town.head_end();
    change_manners(&town, Manners { deaf_to: &[[1, 2, 6, 5]], ..Manners::default() });
    assert_eq!(town.night(&head_end, first).await.run.state, RunState::Partial);
    let missing = town.missing(first).await;
    assert_eq!(missing.values().collect::<Vec<_>>(), [&MissingCause::Silent]);
    let findings = town.judge((first.previous(), first), &[first]).await;
    assert_eq!((findings.wrong, findings.registers, findings.slots), (Vec::new(), 5, 2 * 96));
    let meter = town.number(town.meters.first().unwrap().0.address).await;
    assert!(town.store.status_words_of(meter).await.unwrap().is_some(), "its events were asked for");
    // Its curve was asked for once: a day of two items is 16 answers, and there are passes until the morning.
    let fetches = town.store.fetches(meter, first.previous().start(), first.start()).await.unwrap();
    let records = fetches.iter().filter(|fetch| fetch.source == Source::LoadRecord).count();
    assert_eq!(records, 16);
    head_end.close().await;
    town.close().await;
}

/// A meter records every quarter of an hour, and every hour is wanted.
#[tokio::test]
async fn f18_records_that_are_finer_than_the_slots_leave_no_holes() {
    for period in ["30min", "1h"] {
        let folder = tempfile::tempdir().unwrap();
        let mut world = world(2, 1, 9600, 60, false);
        set_clocks(&mut world);
        let first = day("2026-11-22");
        let text =
            format!("[collection]\nrepair_days = 0\n[intervals]\nrepair_days = 1\nperiod = \"{period}\"\n");
        let config = config(&world, &text);
        let plan = TownPlan::new(world, config, first, Address::Sqlite(folder.path().join("town.db")));
        let town = Town::new(plan).await;
        let head_end = town.head_end();
        assert_eq!(town.night(&head_end, first).await.run.state, RunState::Done);
        let run =
            town.store.run_of("site", first, chaobiao::domain::RunKind::Nightly).await.unwrap().unwrap();
        for meter in town.store.run_meters(run.id).await.unwrap() {
            assert_eq!(meter.holes, Some((0, None)), "{period} {meter:?}");
        }
        head_end.close().await;
        town.close().await;
    }
}

/// The freezes of a meter that was without supply for days are nearer than the calendar says, by as many places.
#[tokio::test]
async fn f14_i20_a_gap_behind_many_midnights_without_supply_is_closed() {
    let mut world = world(1, 1, 9600, 58, false);
    set_clocks(&mut world);
    let tonight = day("2026-11-22");
    let noon = |days: i64| Written(at(tonight.plus(days).start()).plus(12 * 3600));
    world.meter.iter_mut().for_each(|meter| {
        meter.event.clear();
        meter.installed_at = noon(-20);
    });
    let area = world.meter.first().unwrap().customer.transformer_area.clone();
    world.power_cut.push(AreaPowerCut { transformer_area: area, from: noon(-8), to: noon(-2) });
    let (town, head_end, _folder) =
        built(world, "[collection]\nrepair_days = 12\n[intervals]\nmode = \"off\"\n", tonight).await;
    let report = town.night(&head_end, tonight).await;
    assert_eq!(report.run.state, RunState::Done, "{:?}", town.missing(tonight).await);
    let total = Item::parse("1.8.0").unwrap();
    let meter = town.number(town.meters.first().unwrap().0.address).await;
    let ledger = town.store.ledger(meter, tonight.plus(-12).start(), tonight.next().start()).await.unwrap();
    let totals = ledger.iter().map(|kept| &kept.reading).filter(|reading| reading.item == total);
    let kept: Vec<_> = totals.map(|reading| (reading.as_of, reading.source)).collect();
    let held = [-12, -11, -10, -9, -8, -1, 0].map(|back| (tonight.plus(back).start(), Source::Freeze));
    assert_eq!(kept, held, "all that the meter holds");
    let findings = town.judge((tonight.plus(-12), tonight), &[tonight]).await;
    assert_eq!(findings.wrong, Vec::<String>::new());
    head_end.close().await;
    town.close().await;
}

/// What it leaves unanswered in one night and another: its asset number, and the number of the meter.
const DEAF: [&[[u8; 4]]; 3] =
    [&[], &[[0x03, 0x04, 0x00, 0x04]], &[[0x03, 0x04, 0x00, 0x04], [0x02, 0x04, 0x00, 0x04]]];

/// F12: two meters were exchanged on the bus, and each answers under the address of the other's customer.
#[tokio::test]
async fn f12_a_meter_with_another_asset_number_than_the_archive_is_held_until_that_is_put_right() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(3, 1, 9600, 61, false);
    set_clocks(&mut world);
    let (first, second) = (day("2026-11-22"), day("2026-11-23"));
    let config = config(&world, "[collection]\nrepair_days = 1\n[intervals]\nrepair_days = 1\n");
    let mut plan = TownPlan::new(world, config, first, Address::Sqlite(folder.path().join("town.db")));
    // The simulator's meters tell this; the third is archived under its meter number alone.
    let own = |entry: &chaobiao::domain::ArchiveEntry| entry.meter.address.to_string();
    for (place, entry) in plan.archive.iter_mut().enumerate() {
        entry.meter.asset_number = Some(match place {
            0 => format!("sim-{}", own(entry)),
            1 => "SIM-000000000009".to_owned(),
            _ => format!("00{}", own(entry)),
        });
    }
    let stranger = plan.archive[1].meter.address;
    let town = Town::new(plan).await;
    let head_end = town.head_end();
    // In the second night it leaves the question unanswered, in the third that for its number as well.
    let third = second.next();
    for (night, deaf_to) in [(first, DEAF[0]), (second, DEAF[1]), (third, DEAF[2])] {
        let truth = town.shared(stranger).lock().unwrap().meter.truth().clone();
        let manners = Manners { deaf_to, ..Manners::default() };
        let deaf = SimulatedMeter::new(stranger, Editions::ONLY_2007, manners, truth);
        town.shared(stranger).lock().unwrap().meter = deaf;
        assert_eq!(town.night(&head_end, night).await.run.state, RunState::Partial);
        let missing: Vec<_> = town.missing(night).await.into_iter().collect();
        assert_eq!(missing, [(stranger, MissingCause::Implausible)]);
    }
    // Nor does it fill slots by day.
    let slot = third.start().plus(std::time::Duration::from_secs(8 * 3600));
    town.clock.sleep_until(slot).await;
    assert_eq!(head_end.collector.poll_slot(slot, &head_end.stop).await.unwrap().planned, 2);
    let run = town.store.run_of("site", second, chaobiao::domain::RunKind::Nightly).await.unwrap().unwrap();
    let outcomes = town.store.run_meters(run.id).await.unwrap();
    let detail = outcomes.iter().find_map(|outcome| outcome.detail.clone()).unwrap();
    assert!(detail.starts_with("the meter tells the asset number SIM-"), "{detail}");
    let findings = town.judge((first, third), &[first, second, third]).await;
    assert_eq!((findings.wrong, findings.registers), (Vec::new(), 3 * 2 * 10));
    assert_eq!(findings.suspect["suspect: identity"], 3 * 10);
    let id = town.number(stranger).await;
    let curves =
        town.store.curves(&[id], &town.config.intervals.items, first.previous(), third).await.unwrap();
    assert!(curves.is_empty(), "{curves:?}");
    let meters: Vec<_> = town.numbers().await.into_iter().map(|(id, _)| id).collect();
    let checks = town.store.asset_checks(&meters).await.unwrap();
    assert_eq!(checks.values().filter(|check| check.agrees).count(), 2);
    assert!(
        checks.values().filter(|check| check.agrees).all(|check| check.at < first.next().start()),
        "once"
    );
    head_end.close().await;
    town.close().await;
}
