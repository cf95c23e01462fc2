//! Killed at any step, a hand-off has its effect once (F27).
//!
//! A task is killed by never polling it again after its n-th step, for n from nought until it ends by itself; the store is
//! opened anew each time. The receiver outlives the kills and judges: what a key brings first takes effect, and must come
//! the same again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaobiao::billing::{BillingSink, KeyReceipt, Rules, SinkError, Taken, push_once, settle_due};
use chaobiao::domain::{BillingContent, BillingKey, BillingKind, Day, Id, Moment, Quality};
use chaobiao::store::billing::OutboxRecord;
use chaobiao::store::{Migrations, Store};

use super::{SETTINGS, freeze, install, item, ledger_of, live, rules, save};
use crate::killed::killed_after;
use crate::on_both;
use crate::readings::{day, minutes};

/// What a receiver knows, whoever was killed.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What took effect under each key.
    pub(crate) effects: HashMap<String, BillingContent>,
    /// The versions of each value, as they took effect.
    pub(crate) versions: HashMap<BillingKey, Vec<i64>>,
    /// How often a key came again.
    pub(crate) repeated: usize,
}

impl Seen {
    pub(crate) fn take(&mut self, record: &OutboxRecord) {
        match self.effects.get(&record.text) {
            Some(held) => {
                assert_eq!(held, &record.content, "{} came again with other content", record.text);
                self.repeated += 1;
            }
            None => {
                self.effects.insert(record.text.clone(), record.content.clone());
                let versions = self.versions.entry(record.key).or_default();
                assert!(versions.last().is_none_or(|last| *last < record.version), "{} is late", record.text);
                versions.push(record.version);
            }
        }
    }

    /// What the newest version of a value says.
    pub(crate) fn newest(&self, key: BillingKey) -> Option<(i64, Quality)> {
        let version = self.versions.get(&key)?.last()?;
        let text = self.effects.keys().find(|text| {
            let (of, number) = text.rsplit_once('/').unwrap();
            number == version.to_string() && key.text("P1", 0).starts_with(&format!("{of}/"))
        })?;
        self.effects.get(text)?.value
    }
}

/// A receiver with steps before and after the effect at which the sender can be killed.
struct Slow(Arc<Mutex<Seen>>);

impl BillingSink for Slow {
    fn receiver(&self) -> &str {
        "reference"
    }

    async fn push(&mut self, batch: &[OutboxRecord]) -> Result<Vec<KeyReceipt>, SinkError> {
        tokio::task::yield_now().await;
        let mut receipts = Vec::new();
        for record in batch {
            self.0.lock().unwrap().take(record);
            receipts.push(KeyReceipt { key: record.text.clone(), taken: Taken::Yes });
            tokio::task::yield_now().await;
        }
        Ok(receipts)
    }
}

/// Which tasks were killed, and which came to their end.
#[derive(Default)]
struct Kills {
    settling: usize,
    pushing: usize,
    ledger: usize,
    ended: usize,
}

const FIRST: &str = "2026-11-01";

fn value(day: i64) -> i64 {
    day * 1000
}

/// One night: the freeze of the midnight before comes late, that of this one not yet; then everything is killed after
/// the same number of steps.
async fn night(
    store: &Store,
    number: i64,
    rules: &Rules,
    seen: &Arc<Mutex<Seen>>,
    kills: &mut Kills,
) -> Moment {
    let start = day(FIRST).plus(number).start();
    let now = start.plus(minutes(20));
    let read_at = start.plus(minutes(10));
    let mut readings = vec![live(1, read_at, value(number) + 7)];
    if number > 0 {
        readings.push(freeze(1, day(FIRST).plus(number - 1).start(), value(number - 1)));
    }
    save(store, &readings, now).await;
    let steps = usize::try_from(number).unwrap();
    let mut count = |ended: bool, killed: &mut usize| if ended { kills.ended += 1 } else { *killed += 1 };
    let (mut settling, mut pushing, mut ledger) = (0, 0, 0);
    count(killed_after(steps, settle_due(store, rules, now)).await.is_some(), &mut settling);
    settle_due(store, rules, now).await.unwrap();
    let mut slow = Slow(Arc::clone(seen));
    count(killed_after(steps, push_once(store, &mut slow, &SETTINGS, now)).await.is_some(), &mut pushing);
    let mut own = ledger_of(store, now);
    count(killed_after(steps, push_once(store, &mut own, &SETTINGS, now)).await.is_some(), &mut ledger);
    kills.settling += settling;
    kills.pushing += pushing;
    kills.ledger += ledger;
    now
}

/// Pushes what is left, when all leases have run out.
async fn finish(store: &Store, rules: &Rules, seen: &Arc<Mutex<Seen>>, now: Moment) {
    settle_due(store, rules, now).await.unwrap();
    let mut slow = Slow(Arc::clone(seen));
    let mut own = ledger_of(store, now);
    while push_once(store, &mut slow, &SETTINGS, now).await.unwrap().offered > 0 {}
    while push_once(store, &mut own, &SETTINGS, now).await.unwrap().offered > 0 {}
}

#[tokio::test]
async fn f27_killed_at_any_step_everything_takes_effect_once() {
    on_both(async |fresh| {
        install(&fresh.store, 1, "1").await;
        let mut rules = rules();
        rules.receivers.push("reference".to_owned());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut kills = Kills::default();
        let mut nights = 0;
        loop {
            let store = Store::open(&fresh.address, Migrations::Run).await.unwrap();
            let before = kills.ended;
            let now = night(&store, nights, &rules, &seen, &mut kills).await;
            store.close().await;
            if nights % 3 == 2 || kills.ended == before + 3 {
                let store = Store::open(&fresh.address, Migrations::Run).await.unwrap();
                finish(&store, &rules, &seen, now.plus(Duration::from_secs(3600))).await;
                store.close().await;
            }
            nights += 1;
            if kills.ended == before + 3 {
                break;
            }
            assert!(nights < 400, "a task does not end");
        }
        assert!(kills.settling > 5 && kills.pushing > 5 && kills.ledger > 5, "too few steps to be killed at");

        let seen = std::mem::take(&mut *seen.lock().unwrap());
        assert!(seen.repeated > 0, "no answer was lost");
        let key = |kind, day: Day| BillingKey { point: Id::new(1), item: item("1.8.0"), kind, day };
        for number in 0..nights {
            let of = day(FIRST).plus(number);
            let is_last = number == nights - 1;
            let truth = if is_last {
                (value(number) + 7, Quality::Estimated)
            } else {
                (value(number), Quality::Good)
            };
            assert_eq!(seen.newest(key(BillingKind::Register, of)), Some(truth), "{of}");
            let used = match nights - 1 - number {
                0 => None,
                1 => Some((100_700, Quality::Estimated)),
                _ => Some((100_000, Quality::Good)),
            };
            assert_eq!(seen.newest(key(BillingKind::Consumption, of)), used, "{of}");
        }
        let ledger = fresh.texts("SELECT key FROM billing_ledger").await;
        let values =
            fresh.texts("SELECT DISTINCT key FROM outbox WHERE state = 3 AND receiver = 'ledger'").await;
        assert!(values.iter().all(|key| ledger.contains(key)), "delivered, but not in the ledger");
        let waiting = fresh.texts("SELECT key FROM outbox WHERE state NOT IN (3, 4)").await;
        assert_eq!(waiting, [""; 0]);
        // Both receivers ended with the same newest versions.
        for (key, versions) in &seen.versions {
            let text = key.text("P1", *versions.last().unwrap());
            assert!(ledger.contains(&text), "{text} is not in the ledger");
        }
    })
    .await;
}
