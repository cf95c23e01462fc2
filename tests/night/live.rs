//! I2: registers that move fast are read live, with faults on: each value is dated when the meter held it.

use chaobiao::store::Address;
use simulator::fault::{Counts, Kind, Plan as Faults};
use simulator::seed::Seed;
use simulator::world::file::EditionName;

use crate::behind::NO_HISTORY;
use crate::month::setting;
use crate::rig::{Town, TownPlan, config, day, set_clocks, world};

/// Towns of meters without freezes: every night reads their registers as they stand, whose last digit moves every second.
/// Gives how many were read and how often each fault happened.
async fn towns(seeds: std::ops::Range<u64>, faults: &[&str]) -> (usize, Counts) {
    let (mut all, mut live) = (Counts::default(), 0);
    for seed in seeds {
        let folder = tempfile::tempdir().unwrap();
        let mut world = world(4, 1, 9600, seed, false);
        set_clocks(&mut world);
        for meter in &mut world.meter {
            (meter.edition, meter.mean_day_wh) = (EditionName::E1997, Some(1_000_000));
        }
        let (first, second) = (day("2026-11-22"), day("2026-11-23"));
        let config = config(&world, &format!("{NO_HISTORY}mode = \"off\"\n"));
        let mut plan = TownPlan::new(world, config, first, Address::Sqlite(folder.path().join("town.db")));
        let mut shares = Faults::new(Seed::new(seed).named("faults"));
        faults.iter().for_each(|share| shares.add(share).unwrap());
        plan.faults = Some(shares);
        let town = Town::new(plan).await;
        let head_end = town.head_end();
        for night in [first, second] {
            town.night(&head_end, night).await;
        }
        let findings = town.judge((first, second), &[first, second]).await;
        assert_eq!(findings.wrong, Vec::<String>::new(), "seed {seed}");
        assert_eq!(findings.live, findings.registers, "nothing else is read");
        live += findings.live;
        all = all.plus(&town.faults());
        head_end.close().await;
        town.close().await;
    }
    println!("{live} registers, faults {:?}", Kind::ALL.map(|kind| (kind.name(), all.of(kind))));
    (live, all)
}

/// An old answer, and the right one behind it is cut short: the old one is not alone.
#[tokio::test]
async fn i02_f06_an_old_answer_is_not_alone_when_the_right_one_breaks_off() {
    let (live, counts) = towns(1..9, &["stale=25%", "cut=25%"]).await;
    assert!(live > 0 && counts.of(Kind::Stale) > 0 && counts.of(Kind::Cut) > 0);
}

/// What may be an answer to a question of the pass before, or of the night before, is none of now.
#[tokio::test]
async fn i02_f06_an_answer_that_may_be_an_old_one_is_not_dated_back() {
    let (live, counts) = towns(1..9, &["stale=10%", "late=20%", "silence=10%"]).await;
    assert!(live > 0 && counts.of(Kind::Stale) > 0 && counts.of(Kind::Late) > 0);
}

#[tokio::test]
#[ignore = "takes a minute: tests/check.sh ci"]
async fn i02_f06_registers_that_move_fast_are_dated_when_they_were_read() {
    let (live, counts) = towns(1000..1000 + setting("TOWNS", 500) / 5, &["all=2%"]).await;
    assert!(live > 0);
    Kind::ALL.iter().for_each(|kind| assert!(counts.of(*kind) > 0, "r2: {kind} never happened"));
}
