//! What is in the outbox reaches the receiver: each key once, in order, and nothing that was replaced.

use std::collections::VecDeque;
use std::time::Duration;

use chaobiao::billing::{BillingSink, KeyReceipt, Pushed, SinkError, Taken, push_once};
use chaobiao::domain::Moment;
use chaobiao::store::billing::{OutboxRecord, OutboxState};

use super::{SETTINGS, freeze, install, ledger, live, outbox, push, save, settle};
use crate::readings::minutes;
use crate::{Fresh, midnight, on_both};

const FIRST: &str = "2026-11-20";
const SECOND: &str = "2026-11-21";

fn now() -> Moment {
    midnight(SECOND).plus(minutes(20))
}

fn seconds(seconds: u64) -> Moment {
    now().plus(Duration::from_secs(seconds))
}

/// A receiver that answers as it is told, and keeps what it was offered.
#[derive(Default)]
struct Told {
    answers: VecDeque<Answer>,
    offered: Vec<(String, Option<i64>)>,
}

#[derive(Clone, Copy)]
enum Answer {
    Down,
    Takes,
    Refuses,
    SaysNothing,
}

impl BillingSink for Told {
    fn receiver(&self) -> &str {
        "ledger"
    }

    async fn push(&mut self, batch: &[OutboxRecord]) -> Result<Vec<KeyReceipt>, SinkError> {
        let value = |record: &OutboxRecord| record.content.value.map(|(value, _)| value);
        self.offered.extend(batch.iter().map(|record| (record.text.clone(), value(record))));
        let taken = match self.answers.pop_front().unwrap_or(Answer::Takes) {
            Answer::Down => return Err(SinkError::Unavailable { reason: "down".to_owned() }),
            Answer::SaysNothing => return Ok(Vec::new()),
            Answer::Takes => Taken::Yes,
            Answer::Refuses => Taken::Refused { reason: "no such point".to_owned() },
        };
        Ok(batch.iter().map(|record| KeyReceipt { key: record.text.clone(), taken: taken.clone() }).collect())
    }
}

/// One point with a freeze and a live read that stands in for the second midnight.
async fn prepare(fresh: &Fresh) {
    install(&fresh.store, 1, "1").await;
    let known = [freeze(1, midnight(FIRST), 0), live(1, midnight(SECOND).plus(minutes(10)), 100)];
    save(&fresh.store, &known, now()).await;
    settle(&fresh.store, now()).await;
}

async fn correct(fresh: &Fresh) {
    save(&fresh.store, &[freeze(1, midnight(SECOND), 90)], now()).await;
    settle(&fresh.store, now()).await;
}

#[tokio::test]
async fn i05_each_key_takes_effect_once() {
    on_both(async |fresh| {
        prepare(fresh).await;
        assert_eq!(push(&fresh.store, now()).await, Pushed { offered: 3, delivered: 3, ..Pushed::default() });
        assert_eq!(push(&fresh.store, now()).await, Pushed::default());
        let once = ledger(fresh).await;
        assert_eq!(once.len(), 3);
        let counts = fresh.store.outbox_counts("ledger").await.unwrap();
        assert_eq!(counts, [(OutboxState::Delivered, 3)]);
        assert_eq!(fresh.store.next_outbox("ledger").await.unwrap(), None);
        correct(fresh).await;
        push(&fresh.store, now()).await;
        let all = ledger(fresh).await;
        assert_eq!(all.len(), 5, "{all:?}");
        assert!(once.iter().all(|line| all.contains(line)), "older versions stay");
    })
    .await;
}

#[tokio::test]
async fn i05_a_version_that_was_replaced_before_it_left_is_never_offered() {
    on_both(async |fresh| {
        prepare(fresh).await;
        correct(fresh).await;
        let mut sink = Told::default();
        push_once(&fresh.store, &mut sink, &SETTINGS, now()).await.unwrap();
        let offered: Vec<_> = sink.offered.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        assert_eq!(
            offered,
            [
                ("register/P1/1-0:1.8.0/2026-11-20T00:00:00+08:00/1", Some(0)),
                ("consumption/P1/1-0:1.8.0/2026-11-20/2", Some(9000)),
                ("register/P1/1-0:1.8.0/2026-11-21T00:00:00+08:00/2", Some(90)),
            ]
        );
        let counts = fresh.store.outbox_counts("ledger").await.unwrap();
        assert_eq!(counts, [(OutboxState::Delivered, 3), (OutboxState::Superseded, 2)]);
    })
    .await;
}

#[tokio::test]
async fn i05_while_a_version_is_on_its_way_the_next_one_waits() {
    on_both(async |fresh| {
        prepare(fresh).await;
        let store = &fresh.store;
        let lease = store.lease_outbox("ledger", 500, seconds(60), now()).await.unwrap();
        assert_eq!(lease.records.len(), 3);
        correct(fresh).await;
        let early = store.lease_outbox("ledger", 500, seconds(61), seconds(1)).await.unwrap();
        assert_eq!(early.records, [], "its predecessor may be arriving");
        // Nothing was heard of the first lease: what it held and is current is offered again, the rest is given up.
        let late = store.lease_outbox("ledger", 500, seconds(121), seconds(61)).await.unwrap();
        let keys: Vec<&str> = late.records.iter().map(|record| record.text.as_str()).collect();
        assert_eq!(
            keys,
            [
                "register/P1/1-0:1.8.0/2026-11-20T00:00:00+08:00/1",
                "consumption/P1/1-0:1.8.0/2026-11-20/2",
                "register/P1/1-0:1.8.0/2026-11-21T00:00:00+08:00/2",
            ]
        );
        assert_eq!(late.records[0].content, lease.records[0].content, "the same to the last byte");
        let ends: Vec<_> = lease
            .records
            .iter()
            .map(|record| (record.key, record.version, chaobiao::store::billing::LeaseEnd::Delivered))
            .collect();
        let taken = store.end_lease("ledger", lease.token, &ends, seconds(62)).await.unwrap();
        assert_eq!(taken, 0, "the old lease counts no more");
    })
    .await;
}

#[tokio::test]
async fn f39_a_receiver_that_is_down_is_asked_less_and_less_and_loses_nothing() {
    on_both(async |fresh| {
        prepare(fresh).await;
        let answers = [Answer::Down, Answer::SaysNothing, Answer::Down, Answer::Takes];
        let mut sink = Told { answers: answers.into(), offered: Vec::new() };
        let mut tries = Vec::new();
        let waits = async |second| fresh.store.billing_offered_before(seconds(second)).await.unwrap();
        for second in 0..12 {
            let pushed = push_once(&fresh.store, &mut sink, &SETTINGS, seconds(second)).await.unwrap();
            let expected = if second < 7 { vec![("ledger".to_owned(), 3)] } else { Vec::new() };
            assert_eq!((waits(0).await, waits(1).await), (Vec::new(), expected), "by its first offer");
            if pushed.offered > 0 {
                tries.push((second, pushed.delivered));
            }
        }
        assert_eq!(tries, [(0, 0), (1, 0), (3, 0), (7, 3)]);
        let (first, rest) = sink.offered.split_at(3);
        assert!(rest.chunks(3).all(|again| again == first), "the same keys and values each time");
    })
    .await;
}

#[tokio::test]
async fn t22_what_a_receiver_refuses_is_parked_and_said() {
    on_both(async |fresh| {
        prepare(fresh).await;
        let mut sink = Told { answers: [Answer::Refuses].into(), offered: Vec::new() };
        let pushed = push_once(&fresh.store, &mut sink, &SETTINGS, now()).await.unwrap();
        assert_eq!((pushed.refused, pushed.delivered), (3, 0));
        let again = push_once(&fresh.store, &mut sink, &SETTINGS, seconds(9999)).await.unwrap();
        assert_eq!(again, Pushed::default(), "not offered again");
        assert!(outbox(fresh).await.iter().all(|line| line.ends_with("parked")));
        let errors = fresh.texts("SELECT DISTINCT last_error FROM outbox").await;
        assert_eq!(errors, ["no such point"]);
        // A later version takes the place of one that is parked.
        correct(fresh).await;
        push_once(&fresh.store, &mut sink, &SETTINGS, seconds(9999)).await.unwrap();
        let counts = fresh.store.outbox_counts("ledger").await.unwrap();
        let expected = [(OutboxState::Delivered, 2), (OutboxState::Superseded, 2), (OutboxState::Parked, 1)];
        assert_eq!(counts, expected);
    })
    .await;
}

#[tokio::test]
async fn i05_a_key_that_comes_with_other_content_is_refused_and_seen() {
    on_both(async |fresh| {
        prepare(fresh).await;
        let lease = fresh.store.lease_outbox("ledger", 500, seconds(60), now()).await.unwrap();
        let mut forged = lease.records.clone();
        forged[0].content.value = Some((77, chaobiao::domain::Quality::Good));
        fresh.store.enter_billing(&forged[..1], now()).await.unwrap();
        let pushed = push(&fresh.store, seconds(61)).await;
        assert_eq!((pushed.delivered, pushed.refused), (2, 1));
        let errors = fresh.texts("SELECT last_error FROM outbox WHERE state = 5").await;
        assert_eq!(errors, ["the key has taken effect with other content"]);
    })
    .await;
}

#[tokio::test]
async fn i05_two_that_push_at_once_offer_no_key_twice() {
    on_both(async |fresh| {
        prepare(fresh).await;
        let (mut one, mut other) = (Told::default(), Told::default());
        let settings = chaobiao::billing::Settings { batch: 2, ..SETTINGS };
        let (first, second) = tokio::join!(
            push_once(&fresh.store, &mut one, &settings, now()),
            push_once(&fresh.store, &mut other, &settings, now())
        );
        assert_eq!(first.unwrap().delivered + second.unwrap().delivered, 3);
        let mut keys: Vec<_> = one.offered.into_iter().chain(other.offered).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 3, "no key left twice");
    })
    .await;
}
