//! The hand-off to billing, on both databases.

mod kill;
mod property;
mod push;
mod receivers;
mod rules;
mod run;
mod settle;
mod shown;
mod standstill;

use std::time::Duration;

use chaobiao::billing::{LedgerSink, Pushed, Rules, Settings, Settled, push_once, settle_due};
use chaobiao::clock::ManualClock;
use chaobiao::config::profile::Profiles;
use chaobiao::domain::{
    Id, Item, Meter, MeteringPoint, Moment, Quality, RegisterReading, Source, Transformers,
};
use chaobiao::store::archive::{Exchange, Saving};
use chaobiao::store::{Batch, Store};

use crate::archive::{entry, meter};
use crate::readings::minutes;
use crate::{Fresh, midnight};

pub(crate) const SETTINGS: Settings =
    Settings { batch: 500, lease: Duration::from_secs(60), retry_most: Duration::from_secs(900) };

pub(crate) fn item(code: &str) -> Item {
    Item::parse(code).unwrap()
}

pub(crate) fn rules() -> Rules {
    Rules {
        items: ["1.8.0", "1.8.1", "1.8.2", "1.6.0"].map(item).to_vec(),
        window: Duration::from_secs(6 * 3600),
        profiles: Profiles::default(),
        receivers: vec!["ledger".to_owned()],
    }
}

/// A freeze of the forward active total; the other sources by struct update.
pub(crate) fn freeze(meter: i64, at: Moment, value: i64) -> RegisterReading {
    RegisterReading {
        meter: Id::new(meter),
        item: item("1.8.0"),
        as_of: at,
        value,
        meter_time: None,
        collected_at: at.plus(minutes(5)),
        source: Source::Freeze,
        quality: Quality::Good,
        fetch: None,
    }
}

pub(crate) fn live(meter: i64, at: Moment, value: i64) -> RegisterReading {
    RegisterReading { source: Source::Live, ..freeze(meter, at, value) }
}

pub(crate) fn by_hand(meter: i64, at: Moment, value: i64) -> RegisterReading {
    RegisterReading { source: Source::Manual, ..freeze(meter, at, value) }
}

pub(crate) async fn save(store: &Store, readings: &[RegisterReading], now: Moment) {
    let batch = Batch { registers: readings.to_vec(), ..Batch::default() };
    store.save(&batch, now).await.unwrap();
}

/// Points 1 to `count`, each with the meter of its number, behind current transformers of this ratio.
pub(crate) async fn install(store: &Store, count: u32, ct: &str) {
    let transformers = Transformers { ct: ct.parse().unwrap(), ..Transformers::NONE };
    let entry = |number| {
        let mut entry = entry(number);
        entry.transformers = Some(transformers);
        entry
    };
    let entries: Vec<_> = (1..=count).map(entry).collect();
    store.save_archive(&entries, midnight("2026-01-01"), Saving::Save).await.unwrap();
}

pub(crate) async fn exchange(
    store: &Store,
    point: i64,
    removed: u32,
    installed: u32,
    at: Moment,
) -> Id<Meter> {
    let point: Id<MeteringPoint> = Id::new(point);
    let removed = removed.to_string().parse().unwrap();
    let exchange = Exchange { point, removed, installed: meter(installed), at };
    store.exchange_meter(&exchange).await.unwrap()
}

pub(crate) async fn settle(store: &Store, now: Moment) -> Settled {
    settle_due(store, &rules(), now).await.unwrap()
}

pub(crate) fn ledger_of(store: &Store, now: Moment) -> LedgerSink {
    LedgerSink::new(store.clone(), ManualClock::still(now).clock())
}

/// Pushes all that can be pushed to the built-in ledger.
pub(crate) async fn push(store: &Store, now: Moment) -> Pushed {
    let mut sink = ledger_of(store, now);
    let mut all = Pushed::default();
    loop {
        let pushed = push_once(store, &mut sink, &SETTINGS, now).await.unwrap();
        if pushed.offered == 0 {
            return all;
        }
        all.offered += pushed.offered;
        all.delivered += pushed.delivered;
        all.refused += pushed.refused;
        all.again += pushed.again;
    }
}

/// `key value quality` of all that took effect, in the order in which it did.
pub(crate) async fn ledger(fresh: &Fresh) -> Vec<String> {
    let sql = "SELECT key || ' ' || coalesce(CAST(value AS text), '-') || ' ' || coalesce(CAST(quality AS text), '-') \
               FROM billing_ledger ORDER BY at, point_id, item, kind, version";
    fresh.texts(sql).await
}

/// The lines of the view that counts.
pub(crate) async fn daily(fresh: &Fresh) -> Vec<String> {
    let sql = "SELECT point_number || ' ' || item || ' ' || CAST(tariff AS text) || ' ' || CAST(day AS text) || ' ' \
               || CAST(value AS text) || ' ' || unit || ' ' || quality \
               FROM daily_consumption ORDER BY point_number, day, item";
    fresh.texts(sql).await
}

/// Versions with their state in the outbox, `point item kind at version state`.
pub(crate) async fn outbox(fresh: &Fresh) -> Vec<String> {
    let sql = "SELECT key || ' ' || s.name FROM outbox JOIN coded s ON s.list = 'outbox_state' AND s.code = state \
               ORDER BY at, point_id, item, kind, version";
    fresh.texts(sql).await
}
