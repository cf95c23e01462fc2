//! What people look at before they order anything, and what they have to write afterwards.

use chaobiao::domain::access::{Regions, Role};
use chaobiao::domain::relay::Prepaid;
use chaobiao::domain::supply::{Objection, OrderKind, ProtectionKind, Reason, Terms};
use chaobiao::domain::{Alarm, AlarmKind, Id, Moment, Severity};
use chaobiao::store::alarm::AlarmFilter;
use chaobiao::store::supply::{ArrearsEntry, NewOrder, PaymentEntry, ProtectionEntry};
use chaobiao::store::view::{MeterSort, MetersAsked};

use super::ready::{DAY, HOUR, acting, cut};
use super::steps::{armed, intend};
use super::{LIMITS, approve, now, objections, town};
use crate::on_both;

#[tokio::test]
async fn the_evidence_of_a_point_is_what_the_rules_go_by() {
    on_both(async |fresh| {
        let homes = town(fresh, 2).await;
        let (store, li, home) = (&fresh.store, acting("li", now()), homes[0]);
        let seen = store.evidence_of(home.point, now()).await.unwrap().unwrap();
        assert_eq!((seen.notices.len(), seen.payments.len(), seen.terms), (3, 0, Terms::STRICT));
        assert!(seen.notices.is_sorted_by_key(|notice| std::cmp::Reverse(notice.given_at)));
        assert_eq!(seen.last_read, Some(now().minus(HOUR * 6)));
        let checked = seen.identity.unwrap();
        assert!(checked.is_current && !checked.is_crossed);
        assert_eq!(Some(checked.meter), seen.meter);
        assert_eq!(
            seen.arrears.as_ref().map(|owed| (owed.amount_fen, owed.left_fen)),
            Some((12_345, 12_345))
        );
        let paid = PaymentEntry {
            customer: home.customer,
            reference: "N1".to_owned(),
            amount_fen: 10_000,
            paid_at: now().minus(HOUR),
        };
        store.enter_payments(&li, &[paid], now()).await.unwrap();
        let owed = store.evidence_of(home.point, now()).await.unwrap().unwrap().arrears.unwrap();
        assert_eq!((owed.amount_fen, owed.left_fen), (12_345, 2_345));
        // What one customer owes is entered beside what the list says of others.
        let entry = ArrearsEntry {
            customer: home.customer,
            since: now().minus(DAY * 31),
            amount_fen: 99,
            as_of: now(),
        };
        store.add_arrears(&li, &[entry], now()).await.unwrap();
        let owed = store.evidence_of(home.point, now()).await.unwrap().unwrap().arrears.unwrap();
        assert_eq!(
            (owed.left_fen, owed.since),
            (99, entry.since),
            "the payment lies before what it holds for"
        );
        let other = store.evidence_of(homes[1].point, now()).await.unwrap().unwrap();
        assert_eq!(other.arrears.unwrap().left_fen, 12_345);
        let wang = acting("wang", now());
        assert_eq!(objections(store.add_arrears(&wang, &[entry], now()).await), [Objection::NoRight]);
        let protections = store.protections(Some(now())).await.unwrap();
        let kept = store.evidence_of(protections[0].entry.point, now()).await.unwrap().unwrap();
        assert_eq!(kept.protections, [ProtectionKind::PublicSafety]);
        assert_eq!(store.evidence_of(Id::new(99_999_999), now()).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn who_wants_a_protection_ended_is_known_until_it_is() {
    on_both(async |fresh| {
        town(fresh, 1).await;
        let (store, wang, zhao) = (&fresh.store, acting("wang", now()), acting("zhao", now()));
        let id = store.protections(Some(now())).await.unwrap()[0].id;
        assert!(store.protection_ends().await.unwrap().is_empty());
        assert!(!store.end_protection(&wang, id, now()).await.unwrap());
        assert_eq!(store.protection_ends().await.unwrap()[&id], ["wang"]);
        assert!(store.end_protection(&zhao, id, now()).await.unwrap());
        assert!(store.protection_ends().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn f50_the_end_of_a_hold_names_first_whose_meters_may_cut_by_themselves() {
    on_both(async |fresh| {
        let homes = town(fresh, 3).await;
        let store = &fresh.store;
        let told = |home: usize, word: &str| {
            let (meter, at) = (homes[home].meter.number(), now().micros());
            format!(
                "INSERT INTO status_word (meter_id, day, words, collected_at) \
                 VALUES ({meter}, 1, '{{\"04000503\":\"{word}\"}}', {at})"
            )
        };
        fresh.run(&told(0, "1000")).await.unwrap();
        fresh.run(&told(1, "1200")).await.unwrap();
        let off = NewOrder { kind: OrderKind::HoldOff, reason: Reason::ProtectionOver, ..cut(&homes, now()) };
        let id = store.draft_order(&acting("li", now()), &off, now()).await.unwrap();
        let ends = store.hold_ends(id).await.unwrap();
        let shown: Vec<_> = ends
            .iter()
            .map(|end| (end.point, end.may_trip(), end.told.map(|(word, _)| word.prepaid()), end.owed_fen))
            .collect();
        assert_eq!(
            shown,
            [
                (homes[1].point, true, Some(Prepaid::Money), 12_345),
                (homes[2].point, true, None, 12_345),
                (homes[0].point, false, Some(Prepaid::No), 12_345),
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn f44_a_report_is_due_of_an_emergency_cut_that_was_sent_and_written_once() {
    on_both(async |fresh| {
        let homes = town(fresh, 2).await;
        let (store, li) = (&fresh.store, acting("li", now()));
        let usual = armed(store, &cut(&homes[1..], now()), now()).await;
        intend(store, usual, homes[1], now()).await;
        assert_eq!(store.emergency_report(usual).await.unwrap(), None, "a usual cut needs none");
        let danger =
            NewOrder { reason: Reason::Danger, text: "电线落地".to_owned(), ..cut(&homes[..1], now()) };
        let id = store.ask_order(&li, &danger, &LIMITS, now()).await.unwrap().id;
        approve(store, id, "wang", now()).await.unwrap();
        approve(store, id, "zhao", now()).await.unwrap();
        assert_eq!(store.arm_point((id, homes[0].point), now(), &LIMITS, now()).await.unwrap(), []);
        assert_eq!(store.emergency_report(id).await.unwrap(), None, "nothing was sent");
        let early = store.write_emergency_report(&li, id, "报告", now()).await;
        assert_eq!(objections(early), [Objection::WrongState]);
        intend(store, id, homes[0], now()).await;
        let report = store.emergency_report(id).await.unwrap().unwrap();
        assert_eq!((report.sent_at, report.due_at(), &report.written), (now(), now().plus(DAY), &None));
        let due = store.emergency_reports_due(&Regions::All).await.unwrap();
        assert_eq!(due.iter().map(|due| due.order).collect::<Vec<_>>(), [id]);
        assert!(store.emergency_reports_due(&Regions::Areas(vec![])).await.unwrap().is_empty());
        assert_eq!(store.tell_late_reports(now().plus(DAY / 2)).await.unwrap(), 0, "there is a day for it");
        for new in [1, 0] {
            assert_eq!(store.tell_late_reports(now().plus(DAY)).await.unwrap(), new);
        }
        let told = async || {
            let filter = AlarmFilter { is_open: true, ..AlarmFilter::default() };
            let alarms = store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap();
            alarms.into_iter().map(|alarm| alarm.kind).collect::<Vec<_>>()
        };
        assert_eq!(told().await, [AlarmKind::ReportMissing]);
        let wang = acting("wang", now());
        assert!(!wang.role.may(chaobiao::domain::access::Action::RequestCut) && wang.role == Role::Approver);
        let other = store.write_emergency_report(&wang, id, "报告", now()).await;
        assert_eq!(objections(other), [Objection::NoRight]);
        let empty = store.write_emergency_report(&li, id, " ", now()).await;
        assert_eq!(objections(empty), [Objection::TextMissing]);
        store.write_emergency_report(&li, id, "报告", now().plus(HOUR)).await.unwrap();
        assert_eq!(told().await, [], "it ends with the report");
        let again = store.write_emergency_report(&li, id, "另一份", now()).await;
        assert_eq!(objections(again), [Objection::WrongState]);
        let written = store.emergency_report(id).await.unwrap().unwrap().written;
        assert_eq!(written, Some(("报告".to_owned(), now().plus(HOUR), "li".to_owned())));
        assert!(store.emergency_reports_due(&Regions::All).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn it_is_known_how_often_an_alarm_was_told() {
    on_both(async |fresh| {
        let store = &fresh.store;
        store
            .set_alarm_channels(&[("duty", Severity::Notice), ("mail", Severity::Notice)], now())
            .await
            .unwrap();
        let raised = |subject: &'static str| Alarm::new(AlarmKind::LineDown, subject, now());
        let first = store.raise_alarm(&raised("line 1")).await.unwrap().id;
        let second = store.raise_alarm(&raised("line 2")).await.unwrap().id;
        assert!(
            store.alarm_tellings(&[first, second]).await.unwrap().is_empty(),
            "nothing was delivered yet"
        );
        assert!(store.alarm_tellings(&[]).await.unwrap().is_empty());
        let taken = format!("UPDATE alarm_message SET state = 3, done_at = 5 WHERE alarm_id = {first}");
        fresh.run(&taken).await.unwrap();
        let told = store.alarm_tellings(&[first, second]).await.unwrap();
        assert_eq!(told.len(), 1);
        assert_eq!((told[&first].delivered, told[&first].last_at), (2, Some(Moment::from_micros(5))));
    })
    .await;
}

#[tokio::test]
async fn f44_who_is_on_the_list_of_protected_points_is_shown_as_protected_until_its_end() {
    on_both(async |fresh| {
        let home = town(fresh, 1).await[0];
        let (store, li) = (&fresh.store, acting("li", now()));
        let protected = async |at| {
            let asked = MetersAsked {
                words: "",
                with_customers: true,
                sort: (MeterSort::Address, false),
                after: None,
                at_most: 500,
                now: at,
            };
            let lines = store.meter_lines(&asked, &Regions::All).await.unwrap();
            lines.into_iter().filter(|line| line.is_protected).map(|line| line.meter).collect::<Vec<_>>()
        };
        let before = protected(now()).await;
        assert!(before.len() == 1 && before[0] != home.meter, "the one behind the others: {before:?}");
        let (kind, reason) = (ProtectionKind::Medical, "呼吸机".to_owned());
        let entry = ProtectionEntry { point: home.point, kind, reason, until: Some(now().plus(DAY)) };
        store.add_protections(&li, &[entry], now()).await.unwrap();
        assert!(protected(now()).await.contains(&home.meter));
        let address = store.site_meters().await.unwrap();
        let address =
            address.iter().find(|site| site.meter_id == home.meter).unwrap().meter.address.to_string();
        let sheet = async |at| {
            store.meter_sheet(&address, &Regions::All, at).await.unwrap().unwrap().line.is_protected
        };
        assert!(sheet(now()).await && !sheet(now().plus(DAY)).await);
        assert_eq!(protected(now().plus(DAY)).await, before);
    })
    .await;
}
