//! Alarms: kept once while they are open, seen by whom they concern, and with one message for each channel.

use std::time::Duration;

use chaobiao::domain::access::{Acting, Regions, Role};
use chaobiao::domain::{Alarm, AlarmKind, Id, Moment, Severity};
use chaobiao::store::alarm::{AlarmFilter, Lease, LeaseEnd, Take, Tells};

use crate::{Fresh, midnight, on_both};

const CHANNELS: &[(&str, Severity)] = &[("duty", Severity::Warning), ("boss", Severity::Critical)];

fn at(seconds: u64) -> Moment {
    midnight("2026-11-22").plus(Duration::from_secs(seconds))
}

fn line_down(seconds: u64) -> Alarm {
    Alarm::new(AlarmKind::LineDown, "line east", at(seconds)).saying("拔线", "pulled out")
}

fn unknown(seconds: u64) -> Alarm {
    Alarm::new(AlarmKind::OrderUnknown, "order 17", at(seconds)).for_order(17)
}

fn li(regions: Regions) -> Acting {
    Acting {
        person: Id::new(1),
        account: Id::new(1),
        name: "li".to_owned(),
        role: Role::Operator,
        role_since: at(0),
        regions,
        source: "10.0.0.7".to_owned(),
        request: None,
    }
}

async fn lease(fresh: &Fresh, channel: &str, seconds: u64) -> Lease {
    let take = Take { at_most: 10, flood_above: None };
    fresh.store.lease_alarm_messages(channel, take, at(seconds + 60), at(seconds)).await.unwrap()
}

fn told(lease: &Lease) -> Vec<(String, Tells)> {
    lease.messages.iter().map(|message| (message.key(), message.tells)).collect()
}

fn delivered(repeat_at: Option<Moment>) -> impl Fn(&chaobiao::store::alarm::Message) -> LeaseEnd + Send {
    move |_| LeaseEnd::Delivered { repeat_at }
}

#[tokio::test]
async fn an_open_alarm_is_counted_and_a_new_one_comes_after_its_end() {
    on_both(async |fresh| {
        let store = &fresh.store;
        store.set_alarm_channels(CHANNELS, at(0)).await.unwrap();
        let first = store.raise_alarm(&line_down(1)).await.unwrap();
        assert!(first.is_new);
        for seconds in [9, 5] {
            let again = store.raise_alarm(&line_down(seconds)).await.unwrap();
            assert_eq!((again.id, again.is_new), (first.id, false));
        }
        let kept = store.alarm(first.id, &Regions::All).await.unwrap().unwrap();
        assert_eq!((kept.count, kept.first_at, kept.last_at), (3, at(1), at(9)));
        assert_eq!((kept.subject.as_str(), kept.detail_zh.as_str()), ("line east", "拔线"));
        assert!(store.clear_alarm(AlarmKind::LineDown, "line east", at(20)).await.unwrap());
        assert!(!store.clear_alarm(AlarmKind::LineDown, "line east", at(21)).await.unwrap());
        assert!(!store.clear_alarm(AlarmKind::LineDown, "line west", at(21)).await.unwrap());
        let second = store.raise_alarm(&line_down(30)).await.unwrap();
        assert!(second.is_new && second.id > first.id);
        let open = AlarmFilter { is_open: true, ..AlarmFilter::default() };
        let found = store.alarms(&open, &Regions::All, i64::MAX, 10).await.unwrap();
        assert_eq!(found.iter().map(|alarm| alarm.id).collect::<Vec<_>>(), [second.id]);
        fresh.run("DELETE FROM alarm").await.unwrap_err();
    })
    .await;
}

#[tokio::test]
async fn writers_at_once_raise_one_alarm() {
    on_both(async |fresh| {
        fresh.store.set_alarm_channels(CHANNELS, at(0)).await.unwrap();
        let alarm = unknown(1);
        let raised = futures_util::future::join_all((0..20).map(|_| fresh.store.raise_alarm(&alarm))).await;
        let new = raised.into_iter().filter(|raised| raised.as_ref().unwrap().is_new).count();
        assert_eq!(new, 1);
        assert_eq!(lease(fresh, "duty", 2).await.messages.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn alarms_are_listed_by_what_they_are_and_who_may_see_them() {
    on_both(async |fresh| {
        use AlarmKind::{CutNotProven, LineDown, OrderUnknown};
        let store = &fresh.store;
        let of_area = Alarm::new(CutNotProven, "order 18", at(3)).in_area(Some(Id::new(4)));
        for alarm in [line_down(1), unknown(2), of_area] {
            store.raise_alarm(&alarm).await.unwrap();
        }
        let list = async |filter: AlarmFilter, regions: &Regions, before| {
            let found = store.alarms(&filter, regions, before, 10).await.unwrap();
            found.into_iter().map(|alarm| alarm.kind).collect::<Vec<_>>()
        };
        let all = AlarmFilter::default();
        assert_eq!(list(all, &Regions::All, i64::MAX).await, [CutNotProven, OrderUnknown, LineDown]);
        assert_eq!(list(all, &Regions::All, 3).await, [OrderUnknown, LineDown]);
        assert_eq!(list(all, &Regions::Areas(vec![Id::new(5)]), i64::MAX).await, [OrderUnknown, LineDown]);
        assert_eq!(list(all, &Regions::Areas(vec![Id::new(5), Id::new(4)]), i64::MAX).await.len(), 3);
        assert_eq!(list(all, &Regions::Areas(Vec::new()), i64::MAX).await.len(), 2);
        let critical = AlarmFilter { least: Some(Severity::Critical), ..all };
        assert_eq!(list(critical, &Regions::All, i64::MAX).await, [OrderUnknown]);
        let of_order = AlarmFilter { order: Some(17), kind: Some(OrderUnknown), ..all };
        assert_eq!(list(of_order, &Regions::All, i64::MAX).await, [OrderUnknown]);
        let counts = store.alarm_counts(&Regions::All).await.unwrap();
        assert_eq!((counts.critical, counts.warning, counts.notice), (1, 2, 0));
        let counts = store.alarm_counts(&Regions::Areas(vec![Id::new(5)])).await.unwrap();
        assert_eq!((counts.critical, counts.warning), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn t27_who_takes_note_of_an_alarm_is_kept_and_audited() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let of_area = Alarm::new(AlarmKind::BatchStopped, "order 18", at(3)).in_area(Some(Id::new(4)));
        let event = store.raise_alarm(&of_area).await.unwrap().id;
        let lasting = store.raise_alarm(&unknown(2)).await.unwrap().id;
        let of_five = li(Regions::Areas(vec![Id::new(5)]));
        let refused = store.acknowledge_alarm(event, &of_five, "", at(5)).await.unwrap_err();
        assert_eq!(refused.kind(), "store_refused");
        let of_nobody = store.acknowledge_alarm(Id::new(99), &of_five, "", at(5)).await.unwrap_err();
        assert_eq!(of_nobody.to_string(), refused.to_string());
        assert_eq!(store.audit_head().await.unwrap().number, 0);
        for id in [event, lasting] {
            assert!(store.acknowledge_alarm(id, &li(Regions::All), "去看", at(6)).await.unwrap());
            assert!(!store.acknowledge_alarm(id, &li(Regions::All), "x", at(7)).await.unwrap());
        }
        let kept = store.alarm(lasting, &Regions::All).await.unwrap().unwrap();
        let note = kept.acknowledged.unwrap();
        assert_eq!((note.by.as_str(), note.note.as_str(), note.at), ("li", "去看", at(6)));
        assert_eq!(kept.ended_at, None, "what lasts ends by itself");
        let kept = store.alarm(event, &Regions::All).await.unwrap().unwrap();
        assert_eq!(kept.ended_at, Some(at(6)), "what is over is closed");
        let entries = store.audit_after(0, 10).await.unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!((entries[1].action.as_str(), entries[1].actor.as_str()), ("alarm.acknowledge", "li"));
        assert_eq!(entries[1].order, Some(17));
        assert_eq!(store.alarm_counts(&Regions::All).await.unwrap().critical, 0);
    })
    .await;
}

#[tokio::test]
async fn each_channel_gets_what_it_wants_once_and_in_order() {
    on_both(async |fresh| {
        let store = &fresh.store;
        store.set_alarm_channels(CHANNELS, at(0)).await.unwrap();
        store.raise_alarm(&line_down(1)).await.unwrap();
        store.raise_alarm(&unknown(1)).await.unwrap();
        assert_eq!(told(&lease(fresh, "boss", 2).await), [("2.1".to_owned(), Tells::Raised)]);
        let first = lease(fresh, "duty", 2).await;
        let gravest_first = [("2.1".to_owned(), Tells::Raised), ("1.1".to_owned(), Tells::Raised)];
        assert_eq!(told(&first), gravest_first);
        assert!(lease(fresh, "duty", 3).await.messages.is_empty(), "it is leased");
        let next_at = at(30);
        let again = |_: &_| LeaseEnd::Again { next_at, error: "refused".to_owned() };
        store.end_alarm_lease("duty", &first, again, at(4)).await.unwrap();
        store.clear_alarm(AlarmKind::LineDown, "line east", at(10)).await.unwrap();
        assert!(
            lease(fresh, "duty", 11).await.messages.is_empty(),
            "the end is not told before the beginning"
        );
        let second = lease(fresh, "duty", 30).await;
        assert_eq!(told(&second).len(), 3);
        assert_eq!(second.messages[2].tells, Tells::Ended);
        assert_eq!(second.messages[0].tries, 2);
        store.end_alarm_lease("duty", &first, delivered(None), at(31)).await.unwrap();
        assert_eq!(store.alarm_channels().await.unwrap()[1].waiting, 3, "an old lease settles nothing");
        store.end_alarm_lease("duty", &second, delivered(None), at(31)).await.unwrap();
        let channels = store.alarm_channels().await.unwrap();
        assert_eq!((channels[1].name.as_str(), channels[1].waiting), ("duty", 0));
        assert_eq!((channels[1].last_delivered, &channels[1].last_error), (Some(at(31)), &None));
        assert_eq!(told(&lease(fresh, "boss", 63).await).len(), 1, "a lease that ran out");
    })
    .await;
}

#[tokio::test]
async fn a_flood_is_leased_as_a_whole_unless_something_critical_waits() {
    on_both(async |fresh| {
        let store = &fresh.store;
        store.set_alarm_channels(CHANNELS, at(0)).await.unwrap();
        let take = Take { at_most: 10, flood_above: Some(30) };
        let lease = async |seconds: u64| {
            let lease =
                store.lease_alarm_messages("duty", take, at(seconds + 60), at(seconds)).await.unwrap();
            store.end_alarm_lease("duty", &lease, delivered(None), at(seconds)).await.unwrap();
            (lease.is_flood, told(&lease))
        };
        let subject = |number: i64| format!("terminal {number}");
        for number in 1..=30 {
            store.raise_alarm(&Alarm::new(AlarmKind::TerminalSilent, subject(number), at(1))).await.unwrap();
        }
        let (is_flood, told) = lease(2).await;
        assert_eq!((is_flood, told.len()), (false, 10), "thirty are none yet");
        for number in 31..=60 {
            store.raise_alarm(&Alarm::new(AlarmKind::TerminalSilent, subject(number), at(3))).await.unwrap();
        }
        store.raise_alarm(&line_down(3)).await.unwrap();
        store.raise_alarm(&unknown(4)).await.unwrap();
        let (is_flood, told) = lease(5).await;
        assert_eq!((is_flood, told.len(), told[0].0.as_str()), (false, 10, "62.1"));
        // Two have ended before they were told: that is told behind the flood.
        for number in [59, 60] {
            store.clear_alarm(AlarmKind::TerminalSilent, &subject(number), at(6)).await.unwrap();
        }
        let (is_flood, told) = lease(7).await;
        let first = (String::from("20.1"), Tells::Raised);
        assert_eq!((is_flood, told.len(), told[0].clone()), (true, 41, first));
        assert!(
            told.iter().all(|(key, tells)| key != "61.1" && *tells == Tells::Raised),
            "one kind: {told:?}"
        );
        let (is_flood, told) = lease(8).await;
        let expected = [
            ("59.2".to_owned(), Tells::Ended),
            ("60.2".to_owned(), Tells::Ended),
            ("61.1".to_owned(), Tells::Raised),
        ];
        assert_eq!((is_flood, told), (false, expected.to_vec()));
        for number in 1..=58 {
            store.clear_alarm(AlarmKind::TerminalSilent, &subject(number), at(9)).await.unwrap();
        }
        let (is_flood, told) = lease(10).await;
        assert!(
            is_flood && told.len() == 58 && told.iter().all(|(_, tells)| *tells == Tells::Ended),
            "{told:?}"
        );
        assert!(lease(11).await.1.is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_alarm_is_told_again_until_somebody_takes_note_or_it_ends() {
    on_both(async |fresh| {
        let store = &fresh.store;
        store.set_alarm_channels(CHANNELS, at(0)).await.unwrap();
        let id = store.raise_alarm(&unknown(1)).await.unwrap().id;
        let tell = async |seconds, repeat_at: Option<u64>| {
            let lease = lease(fresh, "duty", seconds).await;
            store.end_alarm_lease("duty", &lease, delivered(repeat_at.map(at)), at(seconds)).await.unwrap();
            told(&lease)
        };
        assert_eq!(tell(2, Some(100)).await.len(), 1);
        assert_eq!(store.repeat_alarms(at(99)).await.unwrap(), 0);
        assert_eq!(store.repeat_alarms(at(100)).await.unwrap(), 1);
        assert_eq!(store.repeat_alarms(at(101)).await.unwrap(), 0);
        assert_eq!(tell(102, Some(300)).await, [("1.2".to_owned(), Tells::Repeated)]);
        assert_eq!(store.repeat_alarms(at(300)).await.unwrap(), 1);
        store.acknowledge_alarm(id, &li(Regions::All), "", at(301)).await.unwrap();
        assert!(tell(302, None).await.is_empty(), "what was to be told again is withdrawn");
        store.clear_alarm(AlarmKind::OrderUnknown, "order 17", at(400)).await.unwrap();
        assert_eq!(tell(401, None).await, [("1.4".to_owned(), Tells::Ended)]);
        assert_eq!(store.repeat_alarms(at(99_999)).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_waits_for_a_channel_that_is_no_more_is_withdrawn() {
    on_both(async |fresh| {
        let store = &fresh.store;
        store.set_alarm_channels(CHANNELS, at(0)).await.unwrap();
        store.raise_alarm(&unknown(1)).await.unwrap();
        store.set_alarm_channels(&[("duty", Severity::Notice)], at(2)).await.unwrap();
        assert!(lease(fresh, "boss", 3).await.messages.is_empty());
        assert_eq!(lease(fresh, "duty", 3).await.messages.len(), 1);
        store.clear_alarm(AlarmKind::OrderUnknown, "order 17", at(4)).await.unwrap();
        store.raise_alarm(&Alarm::new(AlarmKind::ChannelDown, "channel boss", at(5))).await.unwrap();
        let states = "SELECT channel || ' ' || CAST(state AS text) || ' ' || CAST(tells AS text) FROM alarm_message \
                      ORDER BY alarm_id, channel, number";
        assert_eq!(fresh.texts(states).await, ["boss 4 1", "duty 2 1", "duty 1 3", "duty 1 1"]);
    })
    .await;
}
