//! Limits of registers that were wrong and are put right: what they left open or took back is settled anew.

use std::path::Path;

use chaobiao::billing::{OpenDay, Rules, Settled, open_days, settle_due};
use chaobiao::config::Config;
use chaobiao::config::profile::Profiles;
use chaobiao::domain::{Moment, Open};
use chaobiao::store::archive::Saving;

use super::{daily, freeze, install, ledger, push, rules, save};
use crate::archive::entry;
use crate::readings::{day, minutes};
use crate::{Fresh, midnight, on_both};

const FIRST: &str = "2026-11-20";
const SECOND: &str = "2026-11-21";
const THIRD: &str = "2026-11-22";

fn now() -> Moment {
    midnight(THIRD).plus(minutes(20))
}

/// The rules with a profile of this name and most watts, which meters with the name have.
fn limited(name: &str, most_watts: u32) -> Rules {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "name = \"{name}\"\nabout = \"test\"\nlike = \"645-2007-single-phase\"\n[registers]\nmost_watts = {most_watts}\n"
    );
    std::fs::write(folder.path().join("one.toml"), text).unwrap();
    let text =
        format!("[database]\npath = \"a.db\"\n[profiles]\ndirectory = \"{}\"\n", folder.path().display());
    let config = Config::parse(Path::new("chaobiao.toml"), &text).map_err(|error| error.to_string());
    let profiles: Profiles = config.unwrap().config.profiles;
    Rules { profiles, ..rules() }
}

async fn settled(fresh: &Fresh, rules: &Rules) -> Settled {
    settle_due(&fresh.store, rules, now()).await.unwrap()
}

async fn open(fresh: &Fresh, rules: &Rules) -> Vec<(String, Open)> {
    let days = (day(FIRST), day(SECOND));
    let open = open_days(&fresh.store, rules, days, None, midnight("2026-12-24")).await.unwrap();
    open.into_iter().map(|OpenDay { day, why, .. }| (day.to_string(), why)).collect()
}

async fn with_profile(fresh: &Fresh, profile: Option<&str>) {
    let mut entry = entry(1);
    entry.meter.profile = profile.map(str::to_owned);
    fresh.store.save_archive(&[entry], midnight("2026-01-01"), Saving::Confirmed).await.unwrap();
}

const BOTH: [&str; 2] =
    ["P1 1-0:1.8.0 0 2026-11-20 200.000000 kWh ok", "P1 1-0:1.8.0 0 2026-11-21 200.000000 kWh ok"];

#[tokio::test]
async fn f15_a_limit_that_is_put_right_settles_what_it_left_open_and_what_it_took_back() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "1").await;
        let (low, right) = (limited("make", 5_000), limited("make", 13_200));
        with_profile(fresh, Some("make")).await;
        let at = |day: &str, value| freeze(1, midnight(day), value);
        let live = super::live(1, midnight(SECOND).plus(minutes(9)), 2_000_100);
        save(&fresh.store, &[at(FIRST, 0), live], midnight(SECOND)).await;
        assert_eq!(settled(fresh, &right).await.consumptions, 1);
        push(&fresh.store, now()).await;
        // Under a limit that is too low the freeze comes that takes the place of the live read, and another night.
        save(&fresh.store, &[at(SECOND, 2_000_000), at(THIRD, 4_000_000)], midnight(THIRD)).await;
        assert_eq!(settled(fresh, &low).await.consumptions, 1, "taken back");
        push(&fresh.store, now()).await;
        assert_eq!(daily(fresh).await, [""; 0]);
        let kinds: Vec<_> = open(fresh, &low).await.into_iter().map(|(_, why)| why.kind()).collect();
        assert_eq!(kinds, ["implausible", "implausible"]);
        // It is put right, and says so until it is settled.
        let not_settled = |day: &str| (day.to_owned(), Open::NotSettled);
        assert_eq!(open(fresh, &right).await, [not_settled(FIRST), not_settled(SECOND)]);
        assert_eq!(settled(fresh, &right).await.consumptions, 2);
        assert_eq!(daily(fresh).await, BOTH);
        assert_eq!(open(fresh, &right).await, []);
        push(&fresh.store, now()).await;
        let taken = ledger(fresh).await;
        let of_first: Vec<_> =
            taken.iter().filter(|line| line.contains("consumption/P1/1-0:1.8.0/2026-11-20")).collect();
        assert_eq!(of_first.len(), 3, "said, taken back, said again: {taken:?}");
        assert_eq!(settled(fresh, &right).await, Settled::default(), "once");
        // What was billed by the rules of its time stands until something is known of it.
        let again = settled(fresh, &low).await;
        assert_eq!((again.registers, again.consumptions), (0, 0));
        assert_eq!(daily(fresh).await, BOTH);
        assert_eq!(open(fresh, &low).await, []);
    })
    .await;
}

#[tokio::test]
async fn f17_a_meter_that_is_given_its_right_profile_is_settled_anew_and_nothing_is_rescaled() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "1").await;
        let rules = limited("small", 1_000);
        with_profile(fresh, Some("small")).await;
        let known = [
            freeze(1, midnight(FIRST), 0),
            freeze(1, midnight(SECOND), 2_000_000),
            freeze(1, midnight(THIRD), 4_000_000),
        ];
        save(&fresh.store, &known, midnight(THIRD)).await;
        assert_eq!(settled(fresh, &rules).await.consumptions, 0);
        let before = fresh.content(&["register_ledger"]).await;
        with_profile(fresh, None).await;
        assert_eq!(settled(fresh, &rules).await.consumptions, 2);
        assert_eq!(daily(fresh).await, BOTH);
        assert_eq!(fresh.content(&["register_ledger"]).await, before);
        with_profile(fresh, None).await;
        assert_eq!(settled(fresh, &rules).await, Settled::default(), "the same profile again is no other");
    })
    .await;
}
