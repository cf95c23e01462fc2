//! Changes that need two persons: proposed by one, confirmed by another, made whole or not at all.

use std::time::Duration;

use chaobiao::config::Config;
use chaobiao::config::profile::Profiles;
use chaobiao::domain::access::{Acting, Regions, Role};
use chaobiao::domain::proposal::{
    Change, ChangeFault, MayNot, MeterExchange, NewTransformers, ProposalState, ReviewDecision, Shown,
};
use chaobiao::domain::{
    Id, Item, MeterPath, MeterProtocol, Moment, Parity, Quality, RegisterReading, Source, Suspicion,
};
use chaobiao::store::archive::Saving;
use chaobiao::store::{Batch, DoesNotFit, ProposalError, Verdict};

use crate::archive::entry;
use crate::{Fresh, midnight, on_both};

fn now() -> Moment {
    midnight("2026-11-22")
}

pub(crate) fn acting(person: i64, role: Role) -> Acting {
    Acting {
        person: Id::new(person),
        account: Id::new(person * 10),
        name: format!("p{person}"),
        role,
        role_since: midnight("2026-01-01"),
        regions: Regions::All,
        source: "10.0.0.7".to_owned(),
        request: None,
    }
}

fn shown(value: i64) -> Vec<Shown> {
    vec![Shown { item: "1-0:1.8.0".to_owned(), value }]
}

fn exchange(point: &str, removed: u32, installed: u32) -> Change {
    Change::ExchangeMeter(MeterExchange {
        point: point.to_owned(),
        removed: removed.to_string(),
        installed: installed.to_string(),
        asset_number: Some("A-new".to_owned()),
        protocol: "645-2007".to_owned(),
        profile: None,
        at: midnight("2026-11-21").plus(Duration::from_secs(36_000)).micros(),
        closing: shown(123_456_700),
        opening: shown(500),
    })
}

async fn with_archive(fresh: &Fresh) {
    let entries = [entry(1), entry(2)];
    fresh.store.save_archive(&entries, midnight("2026-11-01"), Saving::Save).await.unwrap();
}

/// An exchange for a meter that speaks Modbus.
fn for_modbus(removed: u32, installed: u32, profile: &str) -> Change {
    let Change::ExchangeMeter(exchange) = exchange("P1", removed, installed) else { unreachable!() };
    let (protocol, profile) = ("modbus".to_owned(), Some(profile.to_owned()));
    Change::ExchangeMeter(MeterExchange { protocol, profile, asset_number: None, ..exchange })
}

#[tokio::test]
async fn f16_a_meter_may_make_way_for_one_that_speaks_modbus() {
    let text = concat!(
        "[database]\npath = \"unused.db\"\n[profiles]\ndirectory = \"",
        env!("CARGO_MANIFEST_DIR"),
        "/deploy/profiles\"\n"
    );
    let profiles = Config::parse("site.toml".as_ref(), text).unwrap().config.profiles;
    on_both(async |fresh| {
        let (operator, approver) = (acting(1, Role::Operator), acting(2, Role::Approver));
        let store = &fresh.store;
        let mut first = entry(1);
        let MeterPath::Line { line, baud, parity } = &mut first.meter.path else { unreachable!() };
        (*baud, *parity) = (Some(2400), Some(Parity::Even));
        let line = line.clone();
        // Another Modbus meter of the line, with the unit number 17.
        let mut second = entry(2);
        second.meter.address = "7017".parse().unwrap();
        second.meter.protocol = MeterProtocol::Modbus;
        second.meter.profile = Some("modbus-example".to_owned());
        second.meter.path = MeterPath::Line { line: line.clone(), baud: None, parity: None };
        let entries = [first, second];
        store.save_archive(&entries, midnight("2026-11-01"), Saving::Save).await.unwrap();
        let decide = async |change: Change| {
            let id = store.propose(&change, "converted", &operator, now()).await?;
            store.decide_proposal(id, Verdict::Confirm, &approver, &profiles, now()).await
        };
        for (change, why) in [
            (for_modbus(1, 8018, "no-such-map"), DoesNotFit::Profile),
            (for_modbus(1, 8018, "five-byte-energies"), DoesNotFit::Profile),
            (for_modbus(1, 8017, "modbus-example"), DoesNotFit::Unit),
        ] {
            let refused = decide(change).await.unwrap_err();
            assert!(matches!(&refused, ProposalError::DoesNotFit(found) if *found == why), "{refused}");
        }
        let refused = decide(for_modbus(1, 8000, "modbus-example")).await.unwrap_err();
        assert!(
            matches!(&refused, ProposalError::Faults(found) if *found == [ChangeFault::Unit]),
            "{refused}"
        );
        decide(for_modbus(1, 8018, "modbus-example")).await.unwrap();
        let site = store.site_meter("8018".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((site.point.number.as_str(), site.meter.protocol), ("P1", MeterProtocol::Modbus));
        // Speed and parity of the old meter are not those of the new one.
        assert_eq!(site.meter.path, MeterPath::Line { line, baud: None, parity: None });
        for (meter, value) in [(Id::new(1), 123_456_700), (site.meter_id, 500)] {
            let kept = store.ledger(meter, midnight("2026-11-21"), now()).await.unwrap();
            assert_eq!(kept.iter().map(|entry| entry.reading.value).collect::<Vec<_>>(), [value]);
        }
        // The unit number of the meter taken out may be that of the one put in.
        let Change::ExchangeMeter(again) = for_modbus(8018, 9018, "modbus-example") else { unreachable!() };
        decide(Change::ExchangeMeter(MeterExchange { at: now().micros(), ..again })).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn f16_a_confirmed_exchange_is_made_with_its_readings_in_one_step() {
    on_both(async |fresh| {
        with_archive(fresh).await;
        let (operator, approver) = (acting(1, Role::Operator), acting(2, Role::Approver));
        let store = &fresh.store;
        let id = store.propose(&exchange("P1", 1, 9), "burnt", &operator, now()).await.unwrap();
        assert!(store.site_meter("1".parse().unwrap()).await.unwrap().is_some(), "nothing has changed yet");
        store.decide_proposal(id, Verdict::Confirm, &approver, &Profiles::default(), now()).await.unwrap();
        assert_eq!(store.site_meter("1".parse().unwrap()).await.unwrap(), None);
        let site = store.site_meter("9".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((site.point.number.as_str(), site.meter.path), ("P1", entry(1).meter.path));
        let read = |meter| store.ledger(meter, midnight("2026-11-21"), now());
        for (meter, value) in [(Id::new(1), 123_456_700), (site.meter_id, 500)] {
            let kept = read(meter).await.unwrap();
            assert_eq!(kept.iter().map(|entry| entry.reading.value).collect::<Vec<_>>(), [value]);
            assert_eq!(kept[0].reading.source, Source::Manual);
        }
        let kept = store.proposal(id).await.unwrap().unwrap();
        assert_eq!((kept.state, kept.decided_as.as_deref()), (ProposalState::Confirmed, Some("p2")));
        let actions: Vec<_> = store
            .audit_after(0, 10)
            .await
            .unwrap()
            .into_iter()
            .map(|entry| (entry.action, entry.actor))
            .collect();
        let expected = [("proposal.propose", "p1"), ("proposal.confirm", "p2")];
        assert_eq!(actions, expected.map(|(action, actor)| (action.to_owned(), actor.to_owned())));
        let again = store
            .decide_proposal(id, Verdict::Confirm, &approver, &Profiles::default(), now())
            .await
            .unwrap_err();
        assert_eq!(again.kind(), "decided");
        fresh.run("UPDATE proposal SET change = '{}'").await.unwrap_err();
        fresh.run("DELETE FROM proposal").await.unwrap_err();
    })
    .await;
}

#[tokio::test]
async fn t17_one_person_with_two_accounts_confirms_nothing() {
    on_both(async |fresh| {
        with_archive(fresh).await;
        let store = &fresh.store;
        let change = Change::ChangeTransformers(NewTransformers {
            point: "P1".to_owned(),
            ct: "200/5".to_owned(),
            vt: "1".to_owned(),
            from: midnight("2026-11-20").micros(),
        });
        let refused = store.propose(&change, "", &acting(1, Role::Viewer), now()).await.unwrap_err();
        assert!(matches!(refused, ProposalError::MayNot(MayNot::Role)));
        let id = store.propose(&change, "new transformers", &acting(1, Role::Operator), now()).await.unwrap();
        let decide = |acting, verdict| async move {
            store.decide_proposal(id, verdict, &acting, &Profiles::default(), now()).await.unwrap_err().kind()
        };
        let other_account = Acting { account: Id::new(77), ..acting(1, Role::Approver) };
        assert_eq!(decide(other_account, Verdict::Confirm).await, "same_person");
        let young = Acting { role_since: now(), ..acting(2, Role::Approver) };
        assert_eq!(decide(young, Verdict::Confirm).await, "new_role");
        let elsewhere = Acting { regions: Regions::Areas(vec![Id::new(99)]), ..acting(2, Role::Approver) };
        assert_eq!(decide(elsewhere, Verdict::Confirm).await, "not_there");
        assert_eq!(decide(acting(2, Role::Approver), Verdict::Withdraw).await, "not_theirs");
        let history = || async { store.point_histories(&[Id::new(1)]).await.unwrap()[&Id::new(1)].clone() };
        assert_eq!(history().await.transformers.len(), 1);
        store
            .decide_proposal(id, Verdict::Confirm, &acting(2, Role::Approver), &Profiles::default(), now())
            .await
            .unwrap();
        assert_eq!(history().await.transformers.len(), 2);
        assert_eq!(store.proposals(true, i64::MAX, 10).await.unwrap(), []);
        assert_eq!(store.proposals(false, i64::MAX, 10).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_change_that_does_not_fit_is_refused_and_nothing_has_happened() {
    on_both(async |fresh| {
        with_archive(fresh).await;
        let (operator, approver) = (acting(1, Role::Operator), acting(2, Role::Approver));
        let store = &fresh.store;
        let propose = |change: Change| {
            let operator = operator.clone();
            async move { store.propose(&change, "", &operator, now()).await }
        };
        let nowhere = propose(exchange("P99", 1, 9)).await.unwrap_err();
        assert!(matches!(nowhere, ProposalError::NotThere));
        let same = propose(exchange("P1", 1, 1)).await.unwrap_err();
        assert!(matches!(&same, ProposalError::Faults(faults) if faults == &[ChangeFault::SameMeter]));
        for (change, why) in [
            (exchange("P1", 2, 9), DoesNotFit::Removed),
            (exchange("P1", 7, 9), DoesNotFit::Removed),
            (exchange("P1", 1, 2), DoesNotFit::Installed),
        ] {
            let id = propose(change).await.unwrap();
            let before = fresh.content(&["installation", "meter", "audit"]).await;
            let refused = store
                .decide_proposal(id, Verdict::Confirm, &approver, &Profiles::default(), now())
                .await
                .unwrap_err();
            assert!(matches!(&refused, ProposalError::DoesNotFit(found) if *found == why), "{refused}");
            assert_eq!(fresh.content(&["installation", "meter", "audit"]).await, before);
            store.decide_proposal(id, Verdict::Refuse, &approver, &Profiles::default(), now()).await.unwrap();
        }
        let id = propose(exchange("P1", 1, 9)).await.unwrap();
        store.decide_proposal(id, Verdict::Withdraw, &operator, &Profiles::default(), now()).await.unwrap();
        let late = propose(exchange("P1", 1, 9)).await.unwrap();
        let week = now().plus(Duration::from_secs(7 * 86_400));
        let late = store
            .decide_proposal(late, Verdict::Confirm, &approver, &Profiles::default(), week)
            .await
            .unwrap_err();
        assert_eq!(late.kind(), "expired");
    })
    .await;
}

#[tokio::test]
async fn f15_a_suspect_read_counts_only_when_two_persons_say_so() {
    on_both(async |fresh| {
        with_archive(fresh).await;
        let store = &fresh.store;
        let suspect = RegisterReading {
            meter: Id::new(1),
            item: Item::parse("1-0:1.8.0").unwrap(),
            as_of: midnight("2026-11-21"),
            value: 1_000,
            meter_time: None,
            collected_at: now(),
            source: Source::Freeze,
            quality: Quality::Suspect(Suspicion::LargeStep),
            fetch: None,
        };
        let batch = Batch { registers: vec![suspect.clone()], ..Batch::default() };
        store.save(&batch, now()).await.unwrap();
        let review = store.open_reviews(10).await.unwrap()[0].id.number();
        let change = Change::DecideReview(ReviewDecision { review, accept: true });
        let id = store.propose(&change, "seen on site", &acting(1, Role::Operator), now()).await.unwrap();
        let second = store.propose(&change, "me too", &acting(3, Role::Operator), now()).await.unwrap();
        assert_eq!(store.accepted(&[suspect.key()]).await.unwrap().len(), 0);
        store
            .decide_proposal(id, Verdict::Confirm, &acting(2, Role::Approver), &Profiles::default(), now())
            .await
            .unwrap();
        assert_eq!(store.accepted(&[suspect.key()]).await.unwrap()[&suspect.key()].value, 1_000);
        let kept = store.ledger(Id::new(1), midnight("2026-11-21"), now()).await.unwrap();
        assert_eq!(kept[1].decided_by.as_deref(), Some("p1, p2"));
        let closed = store
            .decide_proposal(
                second,
                Verdict::Confirm,
                &acting(2, Role::Approver),
                &Profiles::default(),
                now(),
            )
            .await;
        assert!(matches!(closed.unwrap_err(), ProposalError::DoesNotFit(DoesNotFit::Review)));
    })
    .await;
}
