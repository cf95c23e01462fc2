//! On-demand reads: a job is kept whole, ends with its last meter, and stays as it ended.

use std::time::Duration;

use chaobiao::domain::access::{Acting, Regions, Role};
use chaobiao::domain::supply::HaltKind;
use chaobiao::domain::{
    Id, Meter, MissingCause, Moment, ReadAnswer, ReadBits, ReadGroup, ReadState, ReadValue,
};
use chaobiao::store::archive::{Exchange, Saving};
use chaobiao::store::view::RelaySource;
use chaobiao::store::{NewReads, Submitted};
use dlt645::address::MeterAddress;

use crate::{midnight, on_both};

fn acting(account: i64) -> Acting {
    Acting {
        person: Id::new(account),
        account: Id::new(account),
        name: format!("account {account}"),
        role: Role::Operator,
        role_since: now(),
        regions: Regions::All,
        source: "10.0.0.7".to_owned(),
        request: None,
    }
}

fn now() -> Moment {
    midnight("2026-11-22")
}

fn meters(count: i64) -> Vec<(Id<Meter>, MeterAddress)> {
    let address = |number: i64| MeterAddress::from_number(number.unsigned_abs()).unwrap();
    (1..=count).map(|number| (Id::new(number), address(number))).collect()
}

/// A job that nobody else's is in the way of.
fn new<'a>(by: &'a Acting, meters: &'a [(Id<Meter>, MeterAddress)], key: Option<&'a str>) -> NewReads<'a> {
    NewReads {
        by,
        key,
        fingerprint: "as it is",
        groups: &[ReadGroup::Registers, ReadGroup::Status],
        meters,
        expires_at: now().plus(Duration::from_secs(600)),
        most_waiting: 10,
    }
}

fn answer(cause: Option<MissingCause>) -> ReadAnswer {
    let value =
        ReadValue { name: "voltage".to_owned(), value: Some("220.1".to_owned()), ..ReadValue::default() };
    ReadAnswer {
        group: ReadGroup::Registers,
        data_id: "02010100".to_owned(),
        given: cause.is_none().then(|| (now(), now().plus(Duration::from_millis(250)))),
        is_doubtful: cause.is_none(),
        frames: vec![0x68, 0x00, 0xFF],
        values: if cause.is_none() { vec![value] } else { Vec::new() },
        missing: cause.map(|cause| (cause, "no answer".to_owned())),
    }
}

#[tokio::test]
async fn i19_a_read_job_ends_with_its_last_meter_and_stays_as_it_ended() {
    on_both(async |fresh| {
        let (store, by, meters) = (&fresh.store, acting(1), meters(3));
        let Submitted::New(job) = store.submit_reads(&new(&by, &meters, None), now()).await.unwrap() else {
            panic!("no job")
        };
        assert_eq!((job.state, job.meters, job.waiting), (ReadState::Waiting, 3, 3));
        assert_eq!(job.groups, [ReadGroup::Registers, ReadGroup::Status]);
        assert_eq!(store.unfinished_reads().await.unwrap(), std::slice::from_ref(&job));
        let [first, second, third] = [1, 2, 3].map(Id::<Meter>::new);
        let answers = [answer(None), answer(Some(MissingCause::Silent))];
        assert!(store.add_read_answers(job.id, first, &answers[..1]).await.unwrap());
        assert!(store.add_read_answers(job.id, first, &answers[1..]).await.unwrap());
        assert_eq!(store.read_answers(job.id, first).await.unwrap(), answers);
        let ended = store.end_read(job.id, first, (ReadState::Done, None), now()).await.unwrap().unwrap();
        assert_eq!((ended.state, ended.waiting), (ReadState::Waiting, 2));
        assert!(!store.add_read_answers(job.id, first, &answers).await.unwrap(), "it has ended");
        assert_eq!(store.end_read(job.id, first, (ReadState::Failed, None), now()).await.unwrap(), None);
        let why = (MissingCause::LineDown, "the line is down".to_owned());
        store.end_read(job.id, second, (ReadState::Failed, Some(&why)), now()).await.unwrap();
        // Something of the third came before its time was over.
        store.add_read_answers(job.id, third, &answers[..1]).await.unwrap();
        let over = store.end_reads(job.id, None, job.expires_at).await.unwrap().unwrap();
        assert_eq!((over.state, over.waiting, over.ended_at), (ReadState::Partly, 0, Some(job.expires_at)));
        assert_eq!(store.end_reads(job.id, Some(&by), now()).await.unwrap(), None);
        assert_eq!(store.read_job(job.id).await.unwrap(), Some(over));
        let kept = store.meters_of_read(job.id, 0, 10).await.unwrap();
        let states: Vec<_> = kept.iter().map(|read| (read.state, read.cause)).collect();
        assert_eq!(
            states,
            [
                (ReadState::Done, None),
                (ReadState::Failed, Some(MissingCause::LineDown)),
                (ReadState::Partly, Some(MissingCause::OutOfTime))
            ]
        );
        assert_eq!(store.meters_of_read(job.id, 1, 1).await.unwrap(), kept[1..2]);
        assert_eq!(store.unfinished_reads().await.unwrap(), []);
        for sql in ["UPDATE read_meter SET state = 1", "UPDATE read_answer SET content = '[]'"] {
            fresh.run(sql).await.unwrap_err();
        }
    })
    .await;
}

#[tokio::test]
async fn t18_a_key_stands_for_one_read_job_of_its_account() {
    on_both(async |fresh| {
        let (store, by, other, meters) = (&fresh.store, acting(1), acting(2), meters(3));
        let Submitted::New(job) = store.submit_reads(&new(&by, &meters, Some("k")), now()).await.unwrap()
        else {
            panic!("no job")
        };
        let again = store.submit_reads(&new(&by, &meters, Some("k")), now()).await.unwrap();
        assert_eq!(again, Submitted::Same(job.clone()));
        let otherwise = NewReads { fingerprint: "otherwise", ..new(&by, &meters, Some("k")) };
        assert_eq!(store.submit_reads(&otherwise, now()).await.unwrap(), Submitted::OtherUnderKey);
        let others = store.submit_reads(&new(&other, &meters, Some("k")), now()).await.unwrap();
        assert!(matches!(others, Submitted::New(_)), "{others:?}");
        let without = store.submit_reads(&new(&by, &meters, None), now()).await.unwrap();
        assert!(matches!(without, Submitted::New(_)), "{without:?}");
        assert_eq!(store.submit_reads(&new(&by, &meters, None), now()).await.unwrap(), Submitted::Busy);
        let own = store.read_jobs(Some(by.account), i64::MAX, 10).await.unwrap();
        let all = store.read_jobs(None, i64::MAX, 10).await.unwrap();
        assert_eq!((own.len(), all.len()), (2, 3));
        assert!(all.iter().rev().is_sorted_by_key(|job| job.id));
        assert_eq!(store.read_jobs(None, all[0].id.number(), 1).await.unwrap(), all[1..2]);
        let of_meter = store.reads_of_meter(meters[0].0, i64::MAX, 10).await.unwrap();
        assert_eq!(
            of_meter.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
            all.iter().map(|job| job.id).collect::<Vec<_>>()
        );
        let cancelled = store.end_reads(job.id, Some(&by), now()).await.unwrap().unwrap();
        assert_eq!(cancelled.state, ReadState::Cancelled);
        let entries = store.audit_after(0, 10).await.unwrap();
        let last = entries.last().unwrap();
        assert_eq!(
            (last.action.as_str(), last.object.clone()),
            ("read.cancel", format!("read job {}", job.id))
        );
        assert_eq!(entries.len(), 4, "three that began, one that was taken back");
        let days = |count: u64| Duration::from_secs(count * 86_400);
        // A clock that has leapt ten years ahead lets nothing go, whoever begins something by it (F33).
        assert_eq!(store.forget_reads(now().plus(days(3650)), days(30), 10).await.unwrap(), 0);
        let newer = |more: u64| {
            let more = i64::try_from(days(more).as_micros()).unwrap();
            format!("UPDATE read_job SET created_at = created_at + {more} WHERE id <> {}", job.id)
        };
        fresh.run(&newer(30)).await.unwrap();
        assert_eq!(store.forget_reads(now().plus(days(31)), days(30), 10).await.unwrap(), 0);
        fresh.run(&newer(1)).await.unwrap();
        store.halt_cuts(HaltKind::Clock, "it was set", now()).await.unwrap();
        assert_eq!(
            store.forget_reads(now().plus(days(32)), days(30), 10).await.unwrap(),
            0,
            "not to be trusted"
        );
        fresh.run("UPDATE supply_halt SET ended_at = since").await.unwrap();
        assert_eq!(store.forget_reads(now().plus(days(32)), days(30), 10).await.unwrap(), 1);
        assert_eq!(store.read_job(job.id).await.unwrap(), None);
        assert_eq!(store.meters_of_read(job.id, 0, 10).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn i19_meters_of_a_read_job_that_end_at_once_end_it_once() {
    on_both(async |fresh| {
        let (store, by, meters) = (&fresh.store, acting(1), meters(10));
        let Submitted::New(job) = store.submit_reads(&new(&by, &meters, None), now()).await.unwrap() else {
            panic!("no job")
        };
        let all =
            meters.iter().map(|(meter, _)| store.end_read(job.id, *meter, (ReadState::Done, None), now()));
        let ended = futures_util::future::join_all(all).await;
        let last =
            ended.into_iter().filter(|ended| ended.as_ref().unwrap().as_ref().unwrap().state.has_ended());
        assert_eq!(last.count(), 1);
        assert_eq!(store.read_job(job.id).await.unwrap().unwrap().state, ReadState::Done);
    })
    .await;
}

#[tokio::test]
async fn a_relay_is_known_by_the_newest_answer_that_is_surely_new() {
    on_both(async |fresh| {
        let (store, by, meters) = (&fresh.store, acting(1), meters(1));
        let Submitted::New(job) = store.submit_reads(&new(&by, &meters, None), now()).await.unwrap() else {
            panic!("no job")
        };
        let meter = Id::<Meter>::new(1);
        assert_eq!(store.relay_seen(meter).await.unwrap(), None);
        let at = |seconds| now().plus(Duration::from_secs(seconds));
        let told = |open, is_doubtful, seconds| {
            let bits = ReadBits { bit: 4, value: open, ..ReadBits::default() };
            ReadAnswer {
                group: ReadGroup::Status,
                data_id: "04000503".to_owned(),
                given: Some((at(seconds), at(seconds))),
                is_doubtful,
                values: vec![ReadValue { bits: vec![bits], ..ReadValue::default() }],
                ..answer(None)
            }
        };
        let answers = [told(0, false, 2), told(1, false, 5), told(0, true, 9)];
        store.add_read_answers(job.id, meter, &answers).await.unwrap();
        let seen = store.relay_seen(meter).await.unwrap().unwrap();
        assert!(seen.word.is_open());
        assert_eq!((seen.at, seen.source), (at(5), RelaySource::Read(job.id)));
    })
    .await;
}

#[tokio::test]
async fn what_the_meter_marked_as_none_is_no_value_in_older_answers_either() {
    on_both(async |fresh| {
        let (store, by, meters) = (&fresh.store, acting(1), meters(1));
        let Submitted::New(job) = store.submit_reads(&new(&by, &meters, None), now()).await.unwrap() else {
            panic!("no job")
        };
        let value = ReadValue {
            value: Some("ffff".to_owned()),
            absent: Some("filled with FF".to_owned()),
            ..ReadValue::default()
        };
        let older = ReadAnswer { values: vec![value], ..answer(None) };
        store.add_read_answers(job.id, Id::new(1), &[older]).await.unwrap();
        let kept = store.read_answers(job.id, Id::new(1)).await.unwrap();
        assert_eq!(kept[0].values[0].value, None);
        assert!(kept[0].values[0].absent.is_some());
    })
    .await;
}

#[tokio::test]
async fn t16_the_meters_of_a_job_are_those_that_were_within_the_regions_then() {
    on_both(async |fresh| {
        let (store, by) = (&fresh.store, acting(1));
        let mut entries = [1, 2, 3].map(crate::archive::entry);
        entries[1].point.area = Some("台区二".to_owned());
        entries[2].point.area = None;
        store.save_archive(&entries, midnight("2026-11-01"), Saving::Confirmed).await.unwrap();
        let (meters, before) = (meters(3), now());
        let submit = async |at: Moment| match store.submit_reads(&new(&by, &meters, None), at).await.unwrap()
        {
            Submitted::New(job) => job.id,
            other => panic!("{other:?}"),
        };
        let first = submit(before).await;
        // The meter of the second point goes to the first, in the other area.
        let at = before.plus(Duration::from_secs(3600));
        for (point, removed, installed) in [(2, 2, 9), (1, 1, 2)] {
            let removed = crate::archive::meter(removed).address;
            let installed = crate::archive::meter(installed);
            store.exchange_meter(&Exchange { point: Id::new(point), removed, installed, at }).await.unwrap();
        }
        let second = submit(at.plus(Duration::from_secs(1))).await;
        let seen = async |job, regions: &Regions| {
            let meters = store.meters_of_read_within(job, regions, (0, 10)).await.unwrap();
            meters.into_iter().map(|read| read.meter.number()).collect::<Vec<_>>()
        };
        let area = async |name: &str| store.areas_named(&[name]).await.unwrap().unwrap();
        let (one, two) = (area("台区一").await, area("台区二").await);
        assert_eq!(seen(first, &Regions::All).await, [1, 2, 3]);
        assert_eq!((seen(first, &one).await, seen(first, &two).await), (vec![1], vec![2]));
        assert_eq!((seen(second, &one).await, seen(second, &two).await), (vec![2], vec![]));
        assert_eq!(seen(first, &Regions::Areas(Vec::new())).await, Vec::<i64>::new());
        let page = store.meters_of_read_within(first, &Regions::All, (1, 1)).await.unwrap();
        assert_eq!(page.iter().map(|read| read.meter).collect::<Vec<_>>(), [Id::new(2)]);
    })
    .await;
}
