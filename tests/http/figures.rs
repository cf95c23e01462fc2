//! Figures of the site, for accounts of some areas: those of their own. (T16)

use axum::http::StatusCode;
use chaobiao::domain::access::{Regions, Role};
use chaobiao::domain::{Id, MissingCause, RunKind, RunMeter, RunOutcome};
use chaobiao::store::{Batch, RunPlan};

use crate::orders::Town;

/// A night of which the first home is missing and the second was read; gives its number.
pub(crate) async fn night(town: &Town) -> i64 {
    let store = &town.rig.services.store;
    let meters = [Id::new(1), Id::new(2)];
    let (day, deadline) = ("2026-11-24".parse().unwrap(), town.now());
    let plan = RunPlan { scope: "site", day, kind: RunKind::Nightly, meters: &meters, deadline };
    let run = store.begin_run(&plan, town.now()).await.unwrap().id;
    let said = |meter, outcome| RunMeter { run, meter, outcome, detail: None, holes: None };
    let missing = RunOutcome::Missing(MissingCause::Silent);
    let outcomes = vec![said(meters[0], missing), said(meters[1], RunOutcome::Read)];
    store.save(&Batch { outcomes, ..Batch::default() }, town.now()).await.unwrap();
    run.number()
}

#[tokio::test]
async fn t16_figures_of_nights_and_lines_are_those_of_ones_areas() {
    let town = Town::new().await;
    let run = night(&town).await;
    let far = &town.elsewhere[0];
    for (who, planned) in [(&town.li, 2), (far, 1)] {
        let name = &who.account.name;
        let runs = town.rig.get("/api/v1/runs", Some(who)).await.json();
        assert_eq!(runs["runs"][0]["planned"], planned, "{name}: {runs}");
        let one = town.rig.get(&format!("/api/v1/runs/{run}"), Some(who)).await.json();
        assert_eq!(one["run"]["planned"], planned, "{name}: {one}");
        let lines = town.rig.get("/lines", Some(who)).await.body;
        assert!(
            lines.contains(&format!("<td class=\"number\"><span class=\"short\">{planned}</span></td>")),
            "{name}: {lines}"
        );
    }
    // This process has seen nothing of that night: it was begun anew since.
    for (who, planned, missing) in [(&town.li, 2, 1), (far, 1, 0)] {
        let health = town.rig.get("/api/v1/health", Some(who)).await.json()["health"].clone();
        assert_eq!(
            (&health["planned"], &health["read"], &health["missing"], &health["run_day"]),
            (&planned.into(), &1.into(), &missing.into(), &"2026-11-24".into()),
            "{health}"
        );
    }
    let nowhere = town.rig.somebody("nowhere", Role::Viewer, Regions::Areas(Vec::new())).await;
    let nowhere = town.rig.sign_in(nowhere).await;
    let lines = town.rig.get("/lines", Some(&nowhere)).await;
    assert!(lines.status == StatusCode::OK && !lines.body.contains(">L1<"), "{lines:?}");
    assert!(town.rig.get("/lines", Some(far)).await.body.contains(">L1<"), "its meter is there");
}
