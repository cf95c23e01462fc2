//! Each change of the configuration is entered in the audit log, and what it loosens is told.

use chaobiao::config::{InForce, Looser};
use chaobiao::domain::AlarmKind;
use chaobiao::domain::access::Regions;
use chaobiao::store::alarm::AlarmFilter;
use chaobiao::store::{AuditFilter, AuditRecord, Store};
use serde_json::{Value, json};

use crate::{midnight, on_both};

fn is(key: &str, value: &str) -> InForce {
    InForce { key: key.to_owned(), value: value.to_owned(), is_default: value.ends_with("default") }
}

async fn noted(store: &Store, in_force: &[InForce], looser: &[Looser]) -> usize {
    store.note_configuration(in_force, looser, midnight("2026-11-30")).await.unwrap().len()
}

async fn entries(store: &Store) -> Vec<AuditRecord> {
    let filter = AuditFilter { action: Some("config.change".to_owned()), ..AuditFilter::default() };
    store.audit_before(&filter, i64::MAX, 10).await.unwrap()
}

async fn told(store: &Store) -> Option<String> {
    let kind = Some(AlarmKind::RulesLoosened);
    let filter = AlarmFilter { kind, is_open: true, ..AlarmFilter::default() };
    store
        .alarms(&filter, &Regions::All, i64::MAX, 10)
        .await
        .unwrap()
        .first()
        .map(|alarm| alarm.detail.clone())
}

fn detail(entry: &AuditRecord) -> Value {
    serde_json::from_str(&entry.detail).unwrap()
}

#[tokio::test]
async fn t27_t32_a_change_of_the_configuration_is_entered_with_before_and_after_and_what_it_loosens_is_told()
{
    on_both(async |fresh| {
        let store = &fresh.store;
        let first = [
            is("http.lock_after", "5, by default"),
            is("line[1].tcp", "\"a:1\""),
            is("line[2].tcp", "\"b:1\""),
        ];
        assert_eq!(noted(store, &first, &[]).await, 3);
        assert_eq!(noted(store, &first, &[]).await, 0, "the next start with the same file");
        let entered = entries(store).await;
        assert_eq!(
            (entered.len(), entered[0].actor.as_str(), entered[0].source.as_str()),
            (1, "system", "file")
        );
        let changed = detail(&entered[0])["changed"].clone();
        assert_eq!(changed.as_array().unwrap().len(), 2, "of the first what somebody has written: {changed}");

        let loose = Looser { key: "http.lock_after", value: "20".to_owned(), built_in: "5".to_owned() };
        let second = [is("http.lock_after", "20"), is("line[1].tcp", "\"a:1\"")];
        assert_eq!(noted(store, &second, std::slice::from_ref(&loose)).await, 2);
        let last = detail(&entries(store).await[0]);
        let expected = json!([
            { "key": "http.lock_after", "before": "5, by default", "after": "20" },
            { "key": "line[2].tcp", "before": "\"b:1\"", "after": null },
        ]);
        assert_eq!(
            (&last["changed"], &last["looser"]),
            (&expected, &json!([{ "key": "http.lock_after", "value": "20", "built_in": "5" }]))
        );
        assert_eq!(told(store).await.as_deref(), Some("http.lock_after = 20 (built in: 5)"));
        assert_eq!(noted(store, &second, std::slice::from_ref(&loose)).await, 0);
        assert!(told(store).await.is_some(), "it stands until it is taken back");
        // Another version has another value built in: nothing in the file has changed, and what is told has.
        let other = Looser { built_in: "3".to_owned(), ..loose };
        assert_eq!(noted(store, &second, &[other]).await, 0);
        assert_eq!(told(store).await.as_deref(), Some("http.lock_after = 20 (built in: 3)"));

        assert_eq!(noted(store, &first, &[]).await, 2);
        assert_eq!((told(store).await, entries(store).await.len()), (None, 4));
        // Many changes stand in several entries, and each of them in one.
        let many: Vec<_> =
            (1..=450).map(|number| is(&format!("line[{number}].tcp"), &format!("\"c:{number}\""))).collect();
        assert_eq!(noted(store, &many, &[]).await, 451);
        let parts: Vec<_> = entries(store).await.iter().take(3).map(detail).collect();
        let named = parts
            .iter()
            .map(|part| (part["part"].as_str().unwrap(), part["changed"].as_array().unwrap().len()));
        assert_eq!(named.collect::<Vec<_>>(), [("3/3", 51), ("2/3", 200), ("1/3", 200)]);
        store.verify_audit(&[]).await.unwrap().unwrap();
    })
    .await;
}
