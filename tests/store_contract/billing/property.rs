//! Whatever happens, the ledger ends equal to the truth (I5, I6): readings late, lost and read beside the midnight, swaps
//! told late, an old meter read on elsewhere, rollovers, a receiver that is down or whose answers are lost, kills.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaobiao::billing::{BillingSink, KeyReceipt, LedgerSink, SinkError, push_once, settle_due};
use chaobiao::domain::{BillingKey, BillingKind, Day, Id, Moment, Quality, RegisterReading};
use chaobiao::store::billing::OutboxRecord;
use chaobiao::store::{Migrations, Store};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::kill::Seen;
use super::{SETTINGS, by_hand, exchange, freeze, install, item, ledger_of, live, rules, save};
use crate::killed::killed_after;
use crate::readings::{day, minutes};
use crate::{Fresh, on_both, on_sqlite};

/// How the reading of a midnight comes in.
#[derive(Clone, Copy, Debug)]
enum Coming {
    /// The freeze, that night or so many nights later.
    Freeze(usize),
    /// A live read that night, and the freeze so many nights later, if ever.
    Live(Option<usize>),
    /// Never.
    Lost,
}

/// What befalls the hand-off after a night.
#[derive(Clone, Copy, Debug)]
enum Push {
    Works,
    Down,
    AnswerLost,
    Killed { settling: usize, pushing: usize },
    NotAtAll,
}

/// One day of the made-up past.
#[derive(Clone, Debug)]
struct Truth {
    /// The reading of the midnight at its beginning.
    coming: Coming,
    first_ten_minutes: i64,
    morning: i64,
    afternoon: i64,
    /// At noon: what the new meter shows first, and how many nights later it is told.
    swap: Option<(i64, usize)>,
    /// Whether the old meter is read on as if nothing had happened, until the swap is told.
    is_read_elsewhere: bool,
    push: Push,
}

fn truth() -> impl Strategy<Value = Truth> {
    let late = || prop_oneof![3 => Just(0_usize), 1 => 1_usize..4];
    let coming = prop_oneof![
        5 => late().prop_map(Coming::Freeze),
        2 => prop::option::of(1_usize..4).prop_map(Coming::Live),
        1 => Just(Coming::Lost),
    ];
    let first = prop_oneof![Just(0_i64), 0_i64..1_000_000, 9_998_000_000_i64..CAPACITY];
    let push = prop_oneof![
        3 => Just(Push::Works),
        1 => Just(Push::Down),
        1 => Just(Push::AnswerLost),
        2 => (0_usize..60, 0_usize..40).prop_map(|(settling, pushing)| Push::Killed { settling, pushing }),
        1 => Just(Push::NotAtAll),
    ];
    let flow = || prop_oneof![1 => Just(0_i64), 4 => 0_i64..1_000_000];
    let swap = prop::option::weighted(0.2, (first, 0_usize..4));
    (coming, 0_i64..10_000, flow(), flow(), swap, any::<bool>(), push).prop_map(
        |(coming, first_ten_minutes, morning, afternoon, swap, is_read_elsewhere, push)| Truth {
            coming,
            first_ten_minutes,
            morning,
            afternoon,
            swap,
            is_read_elsewhere,
            push,
        },
    )
}

const CAPACITY: i64 = 10_000_000_000;
const START: &str = "2026-11-27";

fn beginning(number: usize) -> Moment {
    day(START).plus(i64::try_from(number).unwrap()).start()
}

/// What comes in at a night.
#[derive(Debug)]
enum Event {
    Read(RegisterReading),
    Swap { removed: u32, installed: u32, at: Moment },
}

/// Events by night, and what must be in the ledger in the end.
struct Story {
    nights: BTreeMap<usize, Vec<Event>>,
    expected: BTreeMap<(Day, BillingKind), (i64, Quality)>,
}

/// A meter and what flowed through it since it was made.
struct Register {
    meter: u32,
    first: i64,
    flowed: i64,
}

impl Register {
    fn shows(&self, more: i64) -> i64 {
        (self.first + self.flowed + more) % CAPACITY
    }
}

fn story(start: i64, truths: &[Truth]) -> Story {
    let mut nights: BTreeMap<usize, Vec<Event>> = BTreeMap::new();
    let mut expected = BTreeMap::new();
    let mut register = Register { meter: 1, first: start, flowed: 0 };
    // Until when the swaps so far are told: before that, nobody reads the new meter.
    let mut told = 0_usize;
    let mut total = 0_i64;
    let mut before: Option<(i64, Quality)> = None;
    for (number, truth) in truths.iter().enumerate() {
        let (at, of) = (beginning(number), Day::of(beginning(number)));
        let meter = i64::from(register.meter);
        let mut stands = None;
        let mut come = |night: usize, reading: RegisterReading| {
            nights.entry(night.max(told)).or_default().push(Event::Read(reading));
        };
        match truth.coming {
            Coming::Freeze(late) => {
                come(number + late, freeze(meter, at, register.shows(0)));
                stands = Some((0, Quality::Good));
            }
            Coming::Live(late) => {
                let read_at = at.plus(minutes(10));
                come(number, live(meter, read_at, register.shows(truth.first_ten_minutes)));
                stands = Some((truth.first_ten_minutes, Quality::Estimated));
                if let Some(late) = late {
                    come(number + late, freeze(meter, at, register.shows(0)));
                    stands = Some((0, Quality::Good));
                }
            }
            Coming::Lost => {}
        }
        if let Some((more, quality)) = stands {
            expected.insert((of, BillingKind::Register), (register.shows(more), quality));
        }
        let now = stands.map(|(more, quality)| (total + more, quality));
        if let (Some((from, one)), Some((until, other))) = (before, now) {
            expected
                .insert((of.previous(), BillingKind::Consumption), ((until - from) * 100, one.and(other)));
        }
        before = now;
        let noon = truth.first_ten_minutes + truth.morning;
        register.flowed += noon;
        if let Some((first, late)) = truth.swap {
            let removed = register.meter;
            let at = at.plus(minutes(720));
            let night = (number + 1 + late).max(told);
            let closing = by_hand(removed.into(), at, register.shows(0));
            if truth.is_read_elsewhere {
                for night in (number + 1)..night {
                    let wrong = register.shows(i64::try_from(night).unwrap() * 10);
                    let wrong = freeze(removed.into(), beginning(night), wrong);
                    nights.entry(night).or_default().push(Event::Read(wrong));
                }
            }
            register = Register { meter: removed + 1, first, flowed: 0 };
            let events = nights.entry(night).or_default();
            events.push(Event::Swap { removed, installed: register.meter, at });
            events.push(Event::Read(closing));
            events.push(Event::Read(by_hand(register.meter.into(), at, register.shows(0))));
            told = night;
        }
        register.flowed += truth.afternoon;
        total += noon + truth.afternoon;
    }
    Story { nights, expected }
}

/// The built-in ledger behind a bad line.
struct BadLine {
    ledger: LedgerSink,
    seen: Arc<Mutex<Seen>>,
    push: Push,
}

impl BillingSink for BadLine {
    fn receiver(&self) -> &str {
        self.ledger.receiver()
    }

    async fn push(&mut self, batch: &[OutboxRecord]) -> Result<Vec<KeyReceipt>, SinkError> {
        let lost = || Err(SinkError::Unavailable { reason: "lost".to_owned() });
        if matches!(self.push, Push::Down) {
            return lost();
        }
        let taken = self.ledger.push(batch).await?;
        batch.iter().for_each(|record| self.seen.lock().unwrap().take(record));
        if matches!(self.push, Push::AnswerLost) { lost() } else { Ok(taken) }
    }
}

/// How often each thing happened in all cases.
#[derive(Debug, Default)]
struct Counts {
    late: usize,
    live: usize,
    lost: usize,
    swaps: usize,
    told_late: usize,
    read_elsewhere: usize,
    down: usize,
    answers_lost: usize,
    killed: usize,
    rollovers: usize,
}

impl Counts {
    fn add(&mut self, start: i64, truths: &[Truth]) {
        let mut shown = start;
        for truth in truths {
            match truth.coming {
                Coming::Freeze(late) => self.late += usize::from(late > 0),
                Coming::Live(_) => self.live += 1,
                Coming::Lost => self.lost += 1,
            }
            if let Some((first, late)) = truth.swap {
                self.swaps += 1;
                self.told_late += usize::from(late > 0);
                self.read_elsewhere += usize::from(late > 0 && truth.is_read_elsewhere);
                shown = first;
            }
            shown += truth.morning + truth.afternoon;
            self.rollovers += usize::from(shown >= CAPACITY);
            shown %= CAPACITY;
            match truth.push {
                Push::Down => self.down += 1,
                Push::AnswerLost => self.answers_lost += 1,
                Push::Killed { .. } => self.killed += 1,
                Push::Works | Push::NotAtAll => {}
            }
        }
    }

    fn all_happened(&self) -> bool {
        let Self { late, live, lost, swaps, told_late, read_elsewhere, .. } = self;
        let Self { down, answers_lost, killed, rollovers, .. } = self;
        [late, live, lost, swaps, told_late, read_elsewhere, down, answers_lost, killed, rollovers]
            .into_iter()
            .all(|count| *count > 0)
    }
}

async fn come_in(store: &Store, events: &[Event], now: Moment) {
    for event in events {
        match event {
            Event::Read(reading) => save(store, std::slice::from_ref(reading), now).await,
            Event::Swap { removed, installed, at } => {
                let new = exchange(store, 1, *removed, *installed, *at).await;
                assert_eq!(new.number(), i64::from(*installed));
            }
        }
    }
}

/// Settles and pushes after a night, as it is to befall.
async fn hand_off(store: &Store, seen: &Arc<Mutex<Seen>>, push: Push, now: Moment) {
    let rules = rules();
    let mut line = BadLine { ledger: ledger_of(store, now), seen: Arc::clone(seen), push };
    match push {
        Push::NotAtAll => {}
        Push::Killed { settling, pushing } => {
            killed_after(settling, settle_due(store, &rules, now)).await;
            killed_after(pushing, push_once(store, &mut line, &SETTINGS, now)).await;
        }
        Push::Works | Push::Down | Push::AnswerLost => {
            settle_due(store, &rules, now).await.unwrap();
            push_once(store, &mut line, &SETTINGS, now).await.unwrap();
        }
    }
}

async fn live_through(fresh: &Fresh, start: i64, truths: &[Truth]) {
    let story = story(start, truths);
    install(&fresh.store, 1, "1").await;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let last = story.nights.keys().last().copied().unwrap_or(0);
    for night in 0..=last {
        let store = Store::open(&fresh.address, Migrations::Run).await.unwrap();
        let now = beginning(night).plus(minutes(20));
        come_in(&store, story.nights.get(&night).map_or(&[], Vec::as_slice), now).await;
        let push = truths.get(night).map_or(Push::Works, |truth| truth.push);
        hand_off(&store, &seen, push, now).await;
        store.close().await;
    }
    for hours in 1..4 {
        let now = beginning(last + 1).plus(Duration::from_secs(3600 * hours));
        hand_off(&fresh.store, &seen, Push::Works, now).await;
    }
    let waiting = fresh.texts("SELECT key FROM outbox WHERE state NOT IN (3, 4)").await;
    assert_eq!(waiting, [""; 0]);
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    let mut found = BTreeMap::new();
    for BillingKey { kind, day, .. } in seen.versions.keys() {
        let key = BillingKey { point: Id::new(1), item: item("1.8.0"), kind: *kind, day: *day };
        if let Some(value) = seen.newest(key) {
            found.insert((*day, *kind), value);
        }
    }
    assert_eq!(found, story.expected);
    // The ledger itself, not only its witness.
    let entries = fresh.texts("SELECT key FROM billing_ledger ORDER BY key").await;
    let mut witnessed: Vec<&String> = seen.effects.keys().collect();
    witnessed.sort();
    assert!(witnessed.into_iter().all(|key| entries.contains(key)));
    let days = fresh.texts("SELECT CAST(day AS text) FROM daily_consumption").await.len();
    let used = story.expected.keys().filter(|(_, kind)| *kind == BillingKind::Consumption).count();
    assert_eq!(days, used);
}

#[test]
fn i06_whatever_happens_the_ledger_ends_equal_to_the_truth() {
    let cases = Config::default().cases.div_ceil(10);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let case = Cell::new(0_u32);
    let counts = RefCell::new(Counts::default());
    let mut runner = TestRunner::new(config);
    let start = prop_oneof![Just(0_i64), 9_998_000_000_i64..CAPACITY];
    let world = (start, prop::collection::vec(truth(), 2..9));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runner
        .run(&world, |(start, truths)| {
            counts.borrow_mut().add(start, &truths);
            case.set(case.get() + 1);
            let test = async |fresh: &Fresh| live_through(fresh, start, &truths).await;
            // Making a database of PostgreSQL takes longer than the whole case.
            if case.get() % 6 == 1 {
                runtime.block_on(on_both(test));
            } else {
                runtime.block_on(on_sqlite(test));
            }
            Ok(())
        })
        .unwrap();
    let counts = counts.borrow();
    assert!(counts.all_happened(), "{counts:?}");
}
