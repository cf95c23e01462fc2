//! What is asked for in another area: answered as what there is not, and entered in the audit log. (T27)

use axum::http::StatusCode;
use chaobiao::domain::supply::Reason;

use crate::orders::Town;

#[tokio::test]
async fn t27_what_is_asked_for_elsewhere_is_entered_and_fills_nothing() {
    let town = Town::new().await;
    town.make_ready().await;
    let order = town.submitted(&town.li, Reason::Arrears).await;
    let far = &town.elsewhere[0];
    let refused = async || {
        let entries = town.rig.services.store.audit_after(0, 100_000).await.unwrap();
        entries.into_iter().filter(|entry| entry.action == "request.refused").collect::<Vec<_>>()
    };
    let before = refused().await.len();
    let paths = [
        "/api/v1/meters/000000000001".to_owned(),
        "/meters/000000000001?part=registers".to_owned(),
        format!("/api/v1/orders/{order}"),
        format!("/orders/{order}"),
        "/api/v1/points/P1/evidence".to_owned(),
    ];
    for path in &paths {
        assert_eq!(town.rig.get(path, Some(far)).await.status, StatusCode::NOT_FOUND, "{path}");
        let all = town.rig.get("/api/v1/meters/000000009999", Some(&town.li)).await;
        assert_eq!(all.status, StatusCode::NOT_FOUND, "somebody of all areas asks for what is nowhere");
    }
    let entries = refused().await.split_off(before);
    assert_eq!(entries.len(), paths.len(), "{entries:?}");
    let first = &entries[0];
    assert_eq!((first.actor.as_str(), first.object.as_str()), ("far", "GET /api/v1/meters/{address}"));
    assert_eq!(first.result, "refused: not_there");
    assert!(first.detail.contains("\"asked\":\"/api/v1/meters/000000000001\""), "{first:?}");
    assert!(!entries[1].detail.contains("part="), "what was typed besides is not kept: {:?}", entries[1]);
    // Whoever counts through all numbers is entered a few times, and the entry says how often.
    for number in 0..200 {
        town.rig.get(&format!("/api/v1/orders/{number}"), Some(far)).await;
    }
    let entries = refused().await.split_off(before);
    assert!((8..=14).contains(&entries.len()), "{}", entries.len());
    // And that hides no other kind of refusal.
    assert_eq!(town.rig.get("/api/v1/audit", Some(far)).await.status, StatusCode::FORBIDDEN);
    assert_eq!(refused().await.last().unwrap().result, "refused: not_allowed");
}
