//! Nights, slots and on-demand reads of Modbus meters.

use std::collections::BTreeMap;
use std::time::Duration;

use chaobiao::domain::{
    BillingKind, Coded, Day, Item, MissingCause, Quality, ReadGroup, RunOutcome, RunState, Source,
};
use chaobiao::store::billing::Which;
use simulator::fault::{Kind, Plan, Share};
use simulator::seed::Seed;
use simulator::station::ModbusMeter;

use crate::rig::{Rig, energies, meter, showing, tonight};

const CODES: [&str; 6] = ["1.8.0", "1.8.1", "1.8.2", "1.8.3", "1.8.4", "2.8.0"];

fn item(code: &str) -> Item {
    Item::parse(code).unwrap()
}

/// What is to be kept of a unit: items, and values in 0.0001 kWh.
fn expected(unit: u8) -> BTreeMap<String, i64> {
    expected_of(energies(unit))
}

fn expected_of(energies: [u32; 6]) -> BTreeMap<String, i64> {
    let values = energies.map(|value| i64::from(value) * 100);
    CODES.iter().map(|code| item(code).code().to_string()).zip(values).collect()
}

#[tokio::test]
async fn a_night_reads_registers_as_they_stand_and_bills_them_as_estimates() {
    let rig = Rig::new(vec![meter(1), meter(2), meter(17)], None, "").await;
    let report = rig.night(tonight()).await;
    assert_eq!((report.run.state, report.progress.read), (RunState::Done, 3), "{:?}", report.progress);
    for unit in [1, 2, 17] {
        let kept = rig.kept(unit).await;
        let values = kept.iter().map(|reading| (reading.item.code().to_string(), reading.value)).collect();
        assert_eq!(expected(unit), values);
        for reading in &kept {
            assert_eq!((reading.source, reading.quality), (Source::Live, Quality::Good));
            assert!(reading.as_of > tonight().start(), "never the instant of a freeze: {reading:?}");
            assert!(reading.as_of <= reading.collected_at && reading.meter_time.is_none());
            assert!(reading.fetch.is_some());
        }
    }
    rig.settle().await;
    let lines = rig.store.billing_lines(Which::OfPoint("P17")).await.unwrap();
    let registers: Vec<_> = lines.iter().filter(|line| line.key.kind == BillingKind::Register).collect();
    assert_eq!(registers.len(), 6, "{lines:?}");
    for line in registers {
        let (value, quality) = line.content.value.unwrap();
        assert_eq!(value, expected(17)[&line.key.item.code().to_string()]);
        assert_eq!(quality, Quality::Estimated, "it stands in for the midnight and says so");
        assert!(line.content.read_at.unwrap() > tonight().start());
    }
    rig.close().await;
}

#[tokio::test]
async fn f14_i19_nothing_is_read_for_a_day_that_is_past() {
    let rig = Rig::new(vec![meter(1)], None, "").await;
    rig.clock.sleep_until(rig.collector.night(tonight()).start).await;
    let report = rig.night(tonight().previous()).await;
    assert_eq!((report.run.state, report.progress.read), (RunState::Partial, 0));
    let outcomes = rig.store.run_meters(report.run.id).await.unwrap();
    assert_eq!(outcomes[0].outcome, RunOutcome::Missing(MissingCause::NoFreeze));
    assert_eq!(rig.kept(1).await, []);
    rig.close().await;
}

#[tokio::test]
async fn f09_f10_a_meter_without_value_or_register_is_missing_with_its_cause() {
    let mut absent = meter(1);
    absent.registers.insert((3, 4096), 0xFFFF);
    absent.registers.insert((3, 4097), 0xFFFF);
    let mut without = meter(2);
    without.registers.retain(|(function, _), _| *function == 4);
    let mut busy = meter(3);
    busy.refuses_with = Some(6);
    let more = "[collection]\npasses = 1";
    let rig = Rig::new(vec![absent, without, busy, meter(4)], None, more).await;
    let report = rig.night(tonight()).await;
    assert_eq!((report.run.state, report.progress.read), (RunState::Partial, 1));
    for (unit, cause) in
        [(1, MissingCause::NoValue), (2, MissingCause::NoSuchData), (3, MissingCause::Refused)]
    {
        let number = rig.number(unit).await;
        let outcomes = rig.store.run_meters(report.run.id).await.unwrap();
        let outcome = outcomes.iter().find(|outcome| outcome.meter == number).unwrap();
        assert_eq!(outcome.outcome, RunOutcome::Missing(cause), "{outcome:?}");
        assert_eq!(rig.kept(unit).await, [], "never zero, and never a part");
    }
    rig.close().await;
}

/// Some makes leave functions 01 and 02 unanswered, by which late answers are told apart. They are asked when none can come
/// any more.
#[tokio::test]
async fn f06_i19_a_meter_that_answers_no_question_for_a_bit_is_read_a_minute_later() {
    let deaf = ModbusMeter { is_silent_on_others: true, ..meter(1) };
    let more = "[collection]\npass_pause = \"30min\"\n";
    let rig = Rig::new(vec![deaf, meter(2), meter(3)], None, more).await;
    // The third is gone.
    rig.meters[2].lock().unwrap().unit = 99;
    let report = rig.night(tonight()).await;
    let early = Duration::from_secs(900);
    assert_eq!((report.run.state, report.progress.read), (RunState::Partial, 2), "{:?}", report.progress);
    for unit in [1, 2] {
        let kept = rig.kept(unit).await;
        assert_eq!(kept.len(), 6);
        let start = rig.collector.night(tonight()).start;
        assert!(kept.iter().all(|reading| reading.as_of < start.plus(early)), "{unit}: in the first passes");
    }
    let outcomes = rig.store.run_meters(report.run.id).await.unwrap();
    let silent = outcomes.iter().find(|outcome| !outcome.outcome.is_read()).unwrap();
    assert_eq!(silent.outcome, RunOutcome::Missing(MissingCause::Silent));
    rig.close().await;
}

#[tokio::test]
async fn slots_are_polled_and_groups_read_on_demand() {
    let more = "[intervals]\nmode = \"poll\"\nitems = [\"1.8.0\", \"32.7.0\", \"16.7.0\"]";
    let rig = Rig::new(vec![meter(1), meter(2)], None, more).await;
    let slot = tonight().start();
    rig.clock.sleep_until(slot).await;
    let report = rig.collector.poll_slot(slot, &tokio_util::sync::CancellationToken::new()).await.unwrap();
    assert_eq!((report.planned, report.read), (2, 2));
    let number = rig.number(2).await;
    let items = ["1.8.0", "32.7.0", "16.7.0"].map(item);
    let curves = rig.store.curves(&[number], &items, tonight(), tonight()).await.unwrap();
    let values: BTreeMap<String, i64> = curves
        .iter()
        .filter_map(|curve| Some((curve.item.code().to_string(), curve.at(slot)?.value)))
        .collect();
    let told = |code: &str| values.get(&item(code).code().to_string()).copied();
    assert_eq!(told("1.8.0"), Some(i64::from(energies(2)[0]) * 100));
    assert_eq!((told("32.7.0"), told("16.7.0")), (Some(2302), Some(41_040)), "230.2 V, 4.104 kW");

    let groups = [ReadGroup::Registers, ReadGroup::Instantaneous, ReadGroup::Freezes];
    let answers = rig.read(2, &groups).await;
    let value = |code: &str| {
        let code = item(code).code().to_string();
        let mut all = answers.iter().flat_map(|answer| &answer.values);
        all.find(|value| value.item.as_ref() == Some(&code)).and_then(|value| value.value.clone())
    };
    assert_eq!(value("2.8.0").as_deref(), Some("0.1400"));
    assert_eq!(value("72.7.0").as_deref(), Some("232.2"));
    assert_eq!(value("51.7.0").as_deref(), Some("6.002"));
    let freezes: Vec<_> = answers.iter().filter(|answer| answer.group == ReadGroup::Freezes).collect();
    assert!(freezes.iter().all(|answer| answer.missing.is_some()), "there are none, and it is said");
    let registers = answers.iter().find(|answer| answer.group == ReadGroup::Registers).unwrap();
    assert_eq!((registers.data_id.as_str(), registers.is_doubtful), ("03 4096+12", false));
    assert_eq!(registers.frames.len(), 8 + 29, "question and answer");
    rig.close().await;
}

/// Faults of every kind that a bus can have, copies and answers of others and far too late ones among them.
#[tokio::test]
async fn f05_f06_f07_no_value_of_a_modbus_meter_is_kept_under_another_item_or_meter() {
    let kinds = [
        Kind::Silence,
        Kind::Late,
        Kind::Stale,
        Kind::Cut,
        Kind::NoiseBefore,
        Kind::NoiseBehind,
        Kind::NoiseWithin,
        Kind::Flip,
        Kind::Duplicate,
        Kind::DuplicateLate,
        Kind::Foreign,
        Kind::LostByte,
        Kind::EchoPart,
    ];
    let plan = kinds
        .iter()
        .fold(Plan::new(Seed::new(11)), |plan, kind| plan.with(*kind, Share::per_million(40_000)));
    let units = [1, 2, 3, 4, 5, 6];
    let rig = Rig::new(units.iter().map(|unit| meter(*unit)).collect(), Some(plan), "").await;
    let (mut read, mut kept) = (0, 0);
    for night in 0..NIGHTS {
        // What was true before this night is not true in it.
        for shared in &rig.meters {
            let mut meter = shared.lock().unwrap();
            let values = moved(meter.unit, night);
            *meter = ModbusMeter { registers: showing(meter.unit, values).registers, ..meter.clone() };
        }
        let report = rig.night(tonight().plus(night)).await;
        read += report.progress.read;
        for unit in units {
            for answer in rig.read(unit, &[ReadGroup::Instantaneous, ReadGroup::Registers]).await {
                for value in answer.values {
                    let code = value.item.unwrap();
                    let expected = shown(unit, &code, night);
                    assert_eq!(value.value, Some(expected), "{code} of {unit}");
                    kept += 1;
                }
            }
        }
    }
    for unit in units {
        for reading in rig.kept(unit).await {
            let code = reading.item.code().to_string();
            let night = Day::of(reading.as_of).number() - tonight().number();
            let expected = expected_of(moved(unit, night));
            assert_eq!(reading.value, expected[&code], "{code} of {unit}: {}", reading.quality.name());
            kept += 1;
        }
    }
    let counts = rig.bus.with(|bus| {
        let faults = bus.faults().unwrap();
        assert_eq!(faults.missing().collect::<Vec<_>>(), [], "these never happened");
        *faults.counts()
    });
    println!("{read} of {} nights of a meter read, {kept} values right; {counts}", NIGHTS * 6);
    assert!(read > 6 * 9 && kept > 1000, "{read} read, {kept} kept");
    rig.close().await;
}

/// An item of a unit as it is shown.
fn shown(unit: u8, code: &str, night: i64) -> String {
    if let Some(value) = expected_of(moved(unit, night)).get(code) {
        return item(code).quantity(*value).to_string();
    }
    let own = i64::from(unit);
    let stored = match code.trim_start_matches("1-0:") {
        "32.7.0" => 2300 + own,
        "52.7.0" => 2310 + own,
        "72.7.0" => 2320 + own,
        "31.7.0" => 5000 + own,
        "51.7.0" => 6000 + own,
        "71.7.0" => 7000 + own,
        "16.7.0" => 41_040,
        other => panic!("{other}"),
    };
    item(code).quantity(stored).to_string()
}

/// What the energies of a unit show in one of the nights: the total and the first tariff count.
fn moved(unit: u8, night: i64) -> [u32; 6] {
    let by = u32::try_from(night).unwrap() * 170 + u32::from(unit);
    let [total, first, rest @ .., reverse] = energies(unit);
    let [two, three, four] = rest;
    [total + by, first + by, two, three, four, reverse]
}

const NIGHTS: i64 = 12;

#[tokio::test]
async fn a_meter_that_counts_while_it_is_read_is_read_all_the_same() {
    // The register moves by 0.01 kWh every twenty milliseconds of the bus: no two answers are the same.
    let rig = Rig::new(vec![meter(1)], None, "").await;
    let shared = rig.meters[0].clone();
    let mut counting = tokio::task::JoinSet::new();
    counting.spawn(async move {
        for step in 1..=20_000_u32 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let total = energies(1)[0] + step;
            let mut meter = shared.lock().unwrap();
            meter.registers.insert((3, 4096), u16::try_from(total >> 16).unwrap());
            meter.registers.insert((3, 4097), u16::try_from(total & 0xFFFF).unwrap());
            let first = energies(1)[1] + step;
            meter.registers.insert((3, 4098), u16::try_from(first >> 16).unwrap());
            meter.registers.insert((3, 4099), u16::try_from(first & 0xFFFF).unwrap());
        }
    });
    let report = rig.night(tonight()).await;
    assert_eq!(report.progress.read, 1, "{:?}", report.progress);
    let kept = rig.kept(1).await;
    let total = kept.iter().find(|reading| reading.item == item("1.8.0")).unwrap();
    assert!(total.value > i64::from(energies(1)[0]) * 100);
    counting.shutdown().await;
    rig.close().await;
}
