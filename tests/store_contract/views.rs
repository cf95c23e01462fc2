//! The documented relations, asked with plain SQL and compared with what was worked out by hand.

use chaobiao::domain::{DayCurve, Id, Quality, SlotValue, SlotsPerDay, Source, Suspicion};
use chaobiao::store::Address;
use chaobiao::store::archive::{Exchange, Saving};

use crate::archive::{entry, meter};
use crate::readings::{brought, curve, day, fetch, frozen, item, minutes, night};
use crate::{Fresh, midnight, on_both};

/// The columns of a relation, in order.
async fn columns(fresh: &Fresh, relation: &str) -> Vec<String> {
    let sql = match fresh.address {
        Address::Sqlite(_) => format!("SELECT name FROM pragma_table_info('{relation}') ORDER BY cid"),
        Address::Postgres(_) => format!(
            "SELECT column_name::text FROM information_schema.columns WHERE table_name = '{relation}' \
             ORDER BY ordinal_position"
        ),
    };
    fresh.texts(&sql).await
}

/// One column of text made of several, an instant as in RFC 3339.
fn shown(fresh: &Fresh, columns: &[&str]) -> String {
    let one = |column: &&str| {
        let is_instant = ["as_of", "at", "collected_at"].contains(column);
        match fresh.address {
            Address::Postgres(_) if is_instant => format!(
                "coalesce(to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), '-')"
            ),
            Address::Postgres(_) if *column == "is_current" => "is_current::int::text".to_owned(),
            Address::Sqlite(_) if is_instant => {
                format!(
                    "CASE WHEN length({column}) = 20 THEN replace({column}, 'Z', '.000000Z') ELSE {column} END"
                )
            }
            _ => format!("coalesce(CAST({column} AS text), '-')"),
        }
    };
    columns.iter().map(one).collect::<Vec<_>>().join(" || ' ' || ")
}

/// The page of the manual that describes them: name, and columns with whether they are on SQLite only.
fn described() -> Vec<(&'static str, Vec<(&'static str, bool)>)> {
    let page = include_str!("../../src/manual/views.md");
    let relation = |text: &'static str| {
        let (name, rest) = text.split_once('\n').unwrap();
        let rows = rest.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
        let columns = rows.filter(|(column, _)| *column != "column");
        (name, columns.map(|(column, text)| (column, text.starts_with("on SQLite only"))).collect())
    };
    page.split("\n## ").skip(1).map(relation).collect()
}

#[tokio::test]
async fn the_relations_have_the_documented_columns() {
    on_both(async |fresh| {
        let is_sqlite = matches!(fresh.address, Address::Sqlite(_));
        let described = described();
        assert_eq!(described.len(), 5);
        for (relation, documented) in described {
            let kept = documented.into_iter().filter(|(_, is_sqlite_only)| is_sqlite || !is_sqlite_only);
            let documented: Vec<&str> = kept.map(|(column, _)| column).collect();
            assert_eq!(columns(fresh, relation).await, documented, "{relation}");
        }
    })
    .await;
}

#[tokio::test]
async fn i07_register_read_shows_exact_decimals_and_the_version_that_counts() {
    on_both(async |fresh| {
        fresh.store.save_archive(&[entry(1)], night(), Saving::Save).await.unwrap();
        let mut batch = frozen(fresh, 1, 12_345_600, Quality::Good);
        let mut tariff = batch.registers[0].clone();
        (tariff.item, tariff.value) = (item("1.8.2"), 7);
        let mut combined = batch.registers[0].clone();
        (combined.item, combined.value) = (item("15.8.0"), -12_345);
        let mut largest = batch.registers[0].clone();
        (largest.item, largest.value) = (item("2.8.0"), i64::MAX);
        batch.registers.extend([tariff, combined, largest]);
        fresh.store.save(&batch, night()).await.unwrap();
        let doubt = frozen(fresh, 1, 5, Quality::Suspect(Suspicion::BackwardStep));
        fresh.store.save(&doubt, night()).await.unwrap();
        let columns = shown(
            fresh,
            &[
                "point_number",
                "meter_address",
                "item",
                "tariff",
                "as_of",
                "value",
                "unit",
                "meter_time",
                "collected_at",
                "source",
                "quality",
                "version",
                "is_current",
            ],
        );
        let rows = fresh.texts(&format!("SELECT {columns} FROM register_read ORDER BY item, version")).await;
        let line = |item: &str, tariff: u8, value: &str, rest: &str| {
            format!(
                "P1 000000000001 {item} {tariff} 2026-11-21T16:00:00.000000Z {value} kWh 2026-11-22 00:00 \
                 2026-11-21T16:10:00.250000Z freeze {rest}"
            )
        };
        assert_eq!(
            rows,
            [
                line("1-0:1.8.0", 0, "1234.5600", "ok 1 1"),
                line("1-0:1.8.0", 0, "0.0005", "suspect: backward step 2 0"),
                line("1-0:1.8.2", 2, "0.0007", "ok 1 1"),
                line("1-0:15.8.0", 0, "-1.2345", "ok 1 1"),
                line("1-0:2.8.0", 0, "922337203685477.5807", "ok 1 1"),
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn interval_read_shows_values_with_the_fetch_that_brought_them() {
    on_both(async |fresh| {
        fresh.store.save_archive(&[entry(1)], night(), Saving::Save).await.unwrap();
        let suspect = SlotValue { value: -5, quality: Quality::Suspect(Suspicion::Clock) };
        let good = |value| Some(SlotValue { value, quality: Quality::Good });
        let slots = SlotsPerDay::new(24).unwrap();
        let of = |values| DayCurve::of_values(Id::new(1), item("16.7.0"), day("2026-11-21"), slots, values);
        // The first fetch asked for four hours and got two values; a live poll brought the second hour.
        let mut first = brought(fresh, of(vec![good(10), None, Some(suspect), None]));
        first.fetches[0].until = midnight("2026-11-21").plus(minutes(180));
        fresh.store.save(&first, night()).await.unwrap();
        let at = midnight("2026-11-21").plus(minutes(60));
        let mut second = brought(fresh, of(vec![None, good(12_345)]));
        second.fetches[0] = fetch(fresh, 1, "16.7.0", (at, at), Source::Live);
        second.fetches[0].collected_at = at.plus(minutes(1));
        second.curves[0].0 = second.fetches[0].id;
        fresh.store.save(&second, night()).await.unwrap();
        // A later one brings all again and changes no source.
        let again = brought(fresh, of(vec![good(10), good(12_345), Some(suspect)]));
        fresh.store.save(&again, night()).await.unwrap();

        let columns = shown(
            fresh,
            &[
                "meter_address",
                "point_number",
                "item",
                "item_name",
                "at",
                "value",
                "unit",
                "quality",
                "source",
                "collected_at",
                "meter_time",
                "fetch_id",
            ],
        );
        let rows = fresh.texts(&format!("SELECT {columns} FROM interval_read ORDER BY at")).await;
        let [recorded, polled] = [first.fetches[0].id, second.fetches[0].id];
        let line = |hour: &str, value: &str, rest: &str| {
            format!("000000000001 P1 1-0:16.7.0 total active power {hour}:00:00.000000Z {value} kW {rest}")
        };
        assert_eq!(
            rows,
            [
                line(
                    "2026-11-20T16",
                    "0.0010",
                    &format!("ok load record 2026-11-21T16:10:00.250000Z 2026-11-21 00:00:00 {recorded}")
                ),
                line(
                    "2026-11-20T17",
                    "1.2345",
                    &format!("ok live 2026-11-20T17:01:00.000000Z - {polled}")
                ),
                line(
                    "2026-11-20T18",
                    "-0.0005",
                    &format!(
                        "suspect: clock load record 2026-11-21T16:10:00.250000Z 2026-11-21 02:00:00 {recorded}"
                    )
                ),
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn f16_a_value_belongs_to_the_point_its_meter_measured_then() {
    on_both(async |fresh| {
        fresh.store.save_archive(&[entry(1)], midnight("2026-01-01"), Saving::Save).await.unwrap();
        let site = fresh.store.site_meter("1".parse().unwrap()).await.unwrap().unwrap();
        let noon = midnight("2026-11-21").plus(minutes(720));
        let exchange =
            Exchange { point: site.point_id, removed: "1".parse().unwrap(), installed: meter(2), at: noon };
        let new = fresh.store.exchange_meter(&exchange).await.unwrap().number();
        for (meter, value) in [(1, 500), (new, 3)] {
            let mut batch = frozen(fresh, meter, value, Quality::Good);
            batch.registers[0].as_of = noon;
            batch.registers[0].source = Source::Manual;
            fresh.store.save(&batch, night()).await.unwrap();
            fresh.store.save(&frozen(fresh, meter, value + 1, Quality::Good), night()).await.unwrap();
            let values: Vec<_> = (0..24).map(|hour| Some(hour * meter)).collect();
            fresh.store.save(&brought(fresh, curve(meter, "1.8.0", 24, &values)), night()).await.unwrap();
        }
        let columns = shown(fresh, &["meter_address", "point_number", "value"]);
        let rows =
            fresh.texts(&format!("SELECT {columns} FROM register_read ORDER BY as_of, meter_address")).await;
        assert_eq!(
            rows,
            [
                "000000000001 P1 0.0500",
                "000000000002 P1 0.0003",
                "000000000001 - 0.0501",
                "000000000002 P1 0.0004",
            ]
        );
        let counts = fresh
            .texts(
                "SELECT meter_address || ' ' || coalesce(point_number, '-') || ' ' || CAST(count(*) AS text) \
                 FROM interval_read GROUP BY meter_address, point_number ORDER BY 1",
            )
            .await;
        assert_eq!(
            counts,
            ["000000000001 - 12", "000000000001 P1 12", "000000000002 - 12", "000000000002 P1 12"]
        );
    })
    .await;
}
