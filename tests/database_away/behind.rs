//! A server whose last seconds are gone: a copy that was behind has taken its place (F31). Cuts are held until an administrator
//! has looked into it; none goes out by an approval of before, and supply is given back as ever.

use std::time::Duration;

use chaobiao::domain::AlarmKind;
use chaobiao::domain::access::Regions;
use chaobiao::domain::supply::{HaltKind, Objection, OrderState, Reason};
use chaobiao::store::Loss;
use chaobiao::store::alarm::AlarmFilter;
use chaobiao::store::supply::Lifting;
use tokio::time::{Instant, sleep};

use crate::cuts::{AT_ONCE, Scene, approve, asked, until, until_heard};
use crate::ready::acting;

const TRIP: u8 = 0x1A;
const PERMIT: u8 = 0x1B;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: tests/check.sh ci"]
async fn f31_a_server_that_lost_its_last_seconds_holds_cuts_and_says_what_is_missing() {
    let Some(mut scene) = Scene::new(3).await else { return };
    let Scene { server, street, through, head_end, .. } = &mut scene;
    let (street, head_end) = (&*street, &*head_end);
    let body = async {
        // Approved, and due in a while: this is in the copy.
        let window = (Duration::from_secs(40), Duration::from_secs(580));
        let id = asked(street, head_end, 0, window).await;
        approve(street, head_end, id).await.unwrap();
        server.stop();
        server.keep_copy();
        server.begin().await;
        for store in [&street.store, &*through] {
            while store.ready().await.is_err() {
                sleep(Duration::from_millis(50)).await;
            }
        }
        let kept = street.store.audit_head().await.unwrap().number;
        // The approval is withdrawn: this is not.
        let wang = acting("wang", street.clock.now());
        assert_eq!(head_end.supply.withdraw(&wang, id).await.unwrap(), OrderState::Submitted);
        let lost = through.audit_head().await.unwrap().number;
        assert!(lost > kept);

        server.stop();
        server.fall_back();
        server.begin().await;
        let began = Instant::now();
        let halt = loop {
            if let Ok(halts) = street.store.halts().await
                && let Some(halt) = halts.first()
            {
                break halt.clone();
            }
            assert!(began.elapsed() < Duration::from_secs(30), "nobody finds it out");
            sleep(Duration::from_millis(50)).await;
        };
        println!("f31: found out {:?} after the return, entries {}", began.elapsed(), halt.reason);
        assert_eq!(halt.kind, HaltKind::DatabaseBehind);
        assert_eq!(through.loss(), Some(Loss::Entries { first: kept + 1, last: lost }));
        assert_eq!(halt.reason, format!("{}-{lost}", kept + 1));
        let view = street.view(id).await;
        assert_eq!(view.points[0].state, OrderState::Submitted, "by the copy it was approved");
        assert!(view.approvals.iter().all(|approval| approval.ended.is_some()), "{view:?}");
        let filter =
            AlarmFilter { is_open: true, kind: Some(AlarmKind::DatabaseBehind), ..AlarmFilter::default() };
        let told = async || street.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap();
        assert_eq!(told().await.len(), 1);

        // Supply is given back all the same, and what is approved meanwhile waits.
        let (li, home) = (acting("li", street.clock.now()), street.houses[2].home.point);
        head_end.supply.restore(&li, &[home], Reason::Settled, None).await.unwrap();
        until_heard(street, 2, &[PERMIT], 30).await;
        approve(street, head_end, id).await.unwrap();
        until(street, id, 60, |_, why| why == [Objection::DatabaseBehind]).await;
        assert_eq!(street.orders(0), [0; 0]);

        // Whoever approves cuts does not lift it; an administrator does.
        let now = street.clock.now();
        let lift =
            async |name: &str| head_end.supply.lift(&acting(name, now), HaltKind::DatabaseBehind).await;
        assert!(lift("wang").await.is_err());
        assert_eq!(lift("admin").await.unwrap(), Lifting::Lifted);
        assert_eq!(through.loss(), None);
        assert_eq!(told().await.len(), 0);
        sleep(Duration::from_secs(3)).await;
        assert!(street.store.halts().await.unwrap().is_empty(), "it is not found out again");
        // What was kept back is looked at again after a minute.
        until_heard(street, 0, &[TRIP], 120).await;
        let other = asked(street, head_end, 1, AT_ONCE).await;
        approve(street, head_end, other).await.unwrap();
        until_heard(street, 1, &[TRIP], 60).await;
    };
    head_end.during(body).await;
    scene.close().await;
}
