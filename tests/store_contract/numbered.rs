//! Points and customers by their numbers, within regions.

use chaobiao::domain::Id;
use chaobiao::domain::access::Regions;
use chaobiao::store::archive::Saving;

use crate::archive::entry;
use crate::{Fresh, midnight, on_both};

/// Two homes of one customer in two areas, and one of another.
async fn town(fresh: &Fresh) -> Regions {
    let mut entries = [entry(1), entry(2), entry(3)];
    entries[1].point.area = Some("台区二".to_owned());
    entries[2].point.area = Some("台区二".to_owned());
    let [first, second, _] = &mut entries;
    second.customer = first.customer.clone();
    second.point.customer.clone_from(&first.point.customer);
    fresh.store.save_archive(&entries, midnight("2026-11-01"), Saving::Save).await.unwrap();
    fresh.store.areas_named(&["台区二"]).await.unwrap().unwrap()
}

#[tokio::test]
async fn t16_numbers_are_found_within_the_regions_and_odd_ones_are_nobodys() {
    on_both(async |fresh| {
        let (second, store) = (town(fresh).await, &fresh.store);
        let odd = ["P1", "P2", "P9", "", "P1\0", "\"]", "'; DROP TABLE meter; --", "P2"];
        let all = store.numbered_points(&odd, &Regions::All).await.unwrap();
        let (one, two) = (all["P1"], all["P2"]);
        assert_eq!((all.len(), one.customer), (2, two.customer));
        assert_eq!((one.meter, two.meter), (Some(Id::new(1)), Some(Id::new(2))));
        let within = store.numbered_points(&odd, &second).await.unwrap();
        assert_eq!((within.len(), within["P2"]), (1, two));
        assert!(store.numbered_points(&odd, &Regions::Areas(vec![])).await.unwrap().is_empty());
        assert!(store.numbered_points(&[], &Regions::All).await.unwrap().is_empty());

        let customers = ["C1", "C3", "C9", "C1\0"];
        let all = store.numbered_customers(&customers, &Regions::All).await.unwrap();
        assert_eq!((all.len(), all["C1"]), (2, one.customer));
        let within = store.numbered_customers(&customers, &second).await.unwrap();
        assert_eq!(within.keys().collect::<Vec<_>>(), ["C3"], "a home of the other lies elsewhere");

        let points = [one.point, two.point, Id::new(99)];
        let names = store.numbers_of_points(&points, &Regions::All).await.unwrap();
        assert_eq!((names.len(), names[&one.point].as_str()), (2, "P1"));
        let names = store.numbers_of_points(&points, &second).await.unwrap();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), [(two.point, "P2".to_owned())]);
        let areas = store.names_of_areas().await.unwrap();
        assert_eq!((areas.len(), areas[&two.area.unwrap()].as_str()), (2, "台区二"));
        assert_eq!(store.meter_with("2".parse().unwrap()).await.unwrap(), Some(Id::new(2)));
        assert_eq!(store.meter_with("9".parse().unwrap()).await.unwrap(), None);
    })
    .await;
}
