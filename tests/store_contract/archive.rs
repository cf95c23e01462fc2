//! The archive: saved whole or not at all, and read back.

use std::time::Duration;

use chaobiao::domain::{
    ArchiveEntry, Customer, CustomerClass, Installation, Meter, MeterPath, MeterProtocol, MeteringPoint,
    Parity, PointRole, Transformers, TransformersFrom,
};
use chaobiao::store::StoreError;
use chaobiao::store::archive::{ArchiveError, ArchiveProblem, ArchiveReport, Exchange, Saving};

use crate::{Fresh, midnight, on_both};

/// A plausible entry; each number has its own customer, point and meter.
pub(crate) fn entry(number: u32) -> ArchiveEntry {
    ArchiveEntry {
        customer: Customer {
            number: format!("C{number}"),
            name: format!("客户{number}"),
            class: Some(CustomerClass::Residential),
        },
        point: MeteringPoint {
            number: format!("P{number}"),
            customer: format!("C{number}"),
            role: PointRole::Customer,
            area: Some("台区一".to_owned()),
            route: Some("R1".to_owned()),
            protection: None,
        },
        is_unprotected: true,
        feeder: Some("F10".to_owned()),
        reading_day: Some(5),
        meter: meter(number),
        transformers: Some(Transformers::NONE),
        installed_at: Some(midnight("2026-01-01")),
        first_reading: None,
    }
}

pub(crate) fn meter(number: u32) -> Meter {
    Meter {
        address: number.to_string().parse().unwrap(),
        asset_number: Some(format!("A{number}")),
        protocol: MeterProtocol::Dlt2007,
        profile: None,
        path: MeterPath::Line { line: "L1".to_owned(), baud: Some(2400), parity: Some(Parity::Even) },
    }
}

async fn save(fresh: &Fresh, entries: &[ArchiveEntry]) -> Result<ArchiveReport, ArchiveError> {
    fresh.store.save_archive(entries, midnight("2026-11-21"), Saving::Save).await
}

async fn problems(fresh: &Fresh, entries: &[ArchiveEntry]) -> Vec<(usize, ArchiveProblem)> {
    match save(fresh, entries).await {
        Err(ArchiveError::Problems(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_archive_is_read_back_as_it_was_saved() {
    on_both(async |fresh| {
        let mut entries: Vec<_> = (1..=300).map(entry).collect();
        entries[0].point.protection = Some("医院".to_owned());
        entries[0].is_unprotected = false;
        entries[1].meter.path = MeterPath::Terminal {
            terminal: "1100-3039".to_owned(),
            measuring_point: 7,
            port: Some(31),
            baud: None,
            parity: None,
        };
        entries[2].transformers =
            Some(Transformers { ct: "200/5".parse().unwrap(), vt: "10000/100".parse().unwrap() });
        let report = save(fresh, &entries).await.unwrap();
        assert_eq!(report, ArchiveReport { before: 0, added: 300, changed: 0, same: 0 });
        assert_eq!(fresh.store.archive_entries().await.unwrap(), entries);
        let again = save(fresh, &entries).await.unwrap();
        assert_eq!(again, ArchiveReport { before: 300, added: 0, changed: 0, same: 300 });
        let site = fresh.store.site_meter("2".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((site.meter, site.point.number.as_str()), (entries[1].meter.clone(), "P2"));
        assert_eq!(fresh.store.site_meter("999".parse().unwrap()).await.unwrap(), None);
        assert_eq!(fresh.store.lines().await.unwrap().len(), 1);
        assert_eq!(fresh.store.transformer_areas().await.unwrap()[0].feeder.as_deref(), Some("F10"));
        assert_eq!(fresh.store.reading_routes().await.unwrap()[0].reading_day, Some(5));
        assert_eq!(fresh.store.feeders().await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_a_file_does_not_say_stays_and_what_differs_is_corrected() {
    on_both(async |fresh| {
        let before = ArchiveEntry {
            point: MeteringPoint { protection: Some("医院".to_owned()), ..entry(1).point },
            is_unprotected: false,
            ..entry(1)
        };
        save(fresh, std::slice::from_ref(&before)).await.unwrap();
        let mut said = before.clone();
        said.customer.name = String::new();
        said.point.protection = None;
        said.meter.asset_number = None;
        (said.feeder, said.reading_day, said.transformers, said.installed_at) = (None, None, None, None);
        assert_eq!(save(fresh, &[said.clone()]).await.unwrap().same, 1);
        assert_eq!(fresh.store.archive_entries().await.unwrap(), std::slice::from_ref(&before));
        said.meter.path = MeterPath::Line { line: "L2".to_owned(), baud: None, parity: None };
        assert_eq!(save(fresh, &[said.clone()]).await.unwrap().changed, 1);
        let after = fresh.store.archive_entries().await.unwrap();
        assert_eq!((after[0].meter.path.clone(), &after[0].customer), (said.meter.path, &before.customer));
    })
    .await;
}

#[tokio::test]
async fn f38_one_wrong_entry_and_nothing_is_saved() {
    on_both(async |fresh| {
        let mut other_name = entry(2);
        other_name.customer = Customer { name: "别名".to_owned(), ..entry(1).customer };
        other_name.point.customer = "C1".to_owned();
        let mut other_feeder = entry(3);
        other_feeder.feeder = Some("F11".to_owned());
        other_feeder.reading_day = None;
        let twice = ArchiveEntry { point: entry(4).point, ..entry(1) };
        let mut inexact = entry(5);
        inexact.transformers = Some(Transformers { ct: "1/3".parse().unwrap(), ..Transformers::NONE });
        let found = problems(fresh, &[entry(1), other_name, other_feeder, twice, inexact]).await;
        assert_eq!(
            found,
            [
                (1, ArchiveProblem::OtherCustomer { first: 0 }),
                (2, ArchiveProblem::OtherFeeder { first: 0 }),
                (2, ArchiveProblem::OtherReadingDay { first: 0 }),
                (3, ArchiveProblem::RepeatedMeter { first: 0 }),
                (4, ArchiveProblem::Multiplier),
            ]
        );
        assert_eq!(fresh.store.site_meters().await.unwrap(), []);
        let dry = fresh.store.save_archive(&[entry(1)], midnight("2026-11-21"), Saving::DryRun).await;
        assert_eq!(dry.unwrap().added, 1);
        assert_eq!(fresh.store.site_meters().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_file_neither_exchanges_meters_nor_changes_transformers_nor_ends_protection() {
    on_both(async |fresh| {
        let mut first = entry(1);
        first.point.protection = Some("医院".to_owned());
        first.is_unprotected = false;
        save(fresh, &[first.clone(), entry(2)]).await.unwrap();
        let swapped = ArchiveEntry { meter: meter(3), ..first.clone() };
        let elsewhere = ArchiveEntry { point: entry(9).point, ..entry(2) };
        let mut behind = first.clone();
        behind.transformers = Some(Transformers { ct: "200/5".parse().unwrap(), ..Transformers::NONE });
        behind.is_unprotected = true;
        assert_eq!(
            problems(fresh, &[swapped, elsewhere]).await,
            [
                (0, ArchiveProblem::PointHasMeter { address: "000000000001".to_owned() }),
                (1, ArchiveProblem::MeterElsewhere { point: "P2".to_owned() }),
            ]
        );
        let recorded = ArchiveProblem::OtherTransformers { ct: "1".to_owned(), vt: "1".to_owned() };
        assert_eq!(problems(fresh, &[behind]).await, [(0, recorded), (0, ArchiveProblem::Protected)]);
    })
    .await;
}

#[tokio::test]
async fn f16_an_exchange_ends_one_stretch_and_begins_another() {
    on_both(async |fresh| {
        save(fresh, &[entry(1), entry(2)]).await.unwrap();
        let site = fresh.store.site_meter("1".parse().unwrap()).await.unwrap().unwrap();
        let noon = midnight("2026-03-01").plus(Duration::from_secs(43_200));
        let exchange =
            Exchange { point: site.point_id, removed: "1".parse().unwrap(), installed: meter(7), at: noon };
        let new = fresh.store.exchange_meter(&exchange).await.unwrap();
        assert_eq!(fresh.store.exchange_meter(&exchange).await.unwrap(), new, "the same again");
        let behind = TransformersFrom {
            from: noon,
            transformers: Transformers { ct: "100/5".parse().unwrap(), ..Transformers::NONE },
        };
        fresh.store.change_transformers(site.point_id, behind, noon).await.unwrap();
        let histories = fresh.store.point_histories(&[site.point_id]).await.unwrap();
        let history = &histories[&site.point_id];
        let old = Installation {
            point: site.point_id,
            meter: site.meter_id,
            installed_at: midnight("2026-01-01"),
            removed_at: Some(noon),
        };
        let young = Installation { meter: new, installed_at: noon, removed_at: None, ..old };
        assert_eq!(history.installations, [old, young]);
        assert_eq!(history.transformers[1..], [behind]);

        for refused in [
            Exchange { removed: "1".parse().unwrap(), installed: meter(8), ..exchange.clone() },
            Exchange { removed: "7".parse().unwrap(), installed: meter(2), ..exchange.clone() },
            Exchange { removed: "7".parse().unwrap(), at: midnight("2025-01-01"), ..exchange.clone() },
        ] {
            let error = fresh.store.exchange_meter(&refused).await.unwrap_err();
            assert!(matches!(error, StoreError::Refused(_)), "{error}");
        }
        // The first meter comes back.
        let later = noon.plus(Duration::from_secs(86_400));
        let back = Exchange { removed: "7".parse().unwrap(), installed: meter(1), at: later, ..exchange };
        assert_eq!(fresh.store.exchange_meter(&back).await.unwrap(), site.meter_id);
        assert_eq!(fresh.store.site_meters().await.unwrap().len(), 2);
        let early = ArchiveEntry { meter: meter(7), ..entry(9) };
        assert_eq!(problems(fresh, &[early]).await, [(0, ArchiveProblem::Overlap)]);
    })
    .await;
}

#[tokio::test]
async fn what_is_recorded_of_installations_and_transformers_is_not_taken_back() {
    on_both(async |fresh| {
        save(fresh, &[entry(1), entry(2)]).await.unwrap();
        for sql in [
            "DELETE FROM installation",
            "UPDATE installation SET meter_id = 2 WHERE meter_id = 1",
            "UPDATE installation SET point_id = 2 WHERE point_id = 1",
            "DELETE FROM transformers",
            "UPDATE transformers SET multiplier = 5000",
        ] {
            fresh.run(sql).await.unwrap_err();
        }
    })
    .await;
}
