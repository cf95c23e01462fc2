//! What may happen between an approval and an intent.

use chaobiao::domain::supply::{CalendarKind, Ceilings, Objection, ProtectionKind, SupplyOrder};
use chaobiao::domain::{Day, Id, Moment};
use chaobiao::store::archive::Exchange;
use chaobiao::store::supply::{CalendarEntry, IdentityEntry, PaymentEntry, ProtectionEntry};

use super::LIMITS;
use super::ready::{HOUR, Home, acting, restore, run};
use crate::Fresh;
use crate::archive::meter;

/// Something that happens between the approval and the intent, and what is said then.
pub(super) const EVENTS: [(&str, Objection); 12] = [
    ("payment", Objection::WrongState),
    ("protection", Objection::Protected),
    ("swap", Objection::MapChanged),
    ("withdrawal", Objection::WrongState),
    ("disabled approver", Objection::ApproverGone),
    ("lower ceiling", Objection::OverDayCeiling),
    ("stop", Objection::Stopped),
    ("no list", Objection::NoProtectionList),
    ("calendar", Objection::NoCutDay),
    ("restore", Objection::WrongState),
    ("crossed", Objection::CrossedWiring),
    ("expiry", Objection::WrongState),
];

pub(super) async fn happen(fresh: &Fresh, event: &str, id: Id<SupplyOrder>, home: Home, now: Moment) {
    let store = &fresh.store;
    let (li, wang) = (acting("li", now), acting("wang", now));
    match event {
        "payment" => {
            let payment = PaymentEntry {
                customer: home.customer,
                reference: format!("payment for {id}"),
                amount_fen: 1,
                paid_at: now,
            };
            store.enter_payments(&acting("billing", now), &[payment], now).await.unwrap();
        }
        "protection" => {
            let (kind, reason) = (ProtectionKind::Medical, "呼吸机".to_owned());
            let entry = ProtectionEntry { point: home.point, kind, reason, until: None };
            store.add_protections(&li, &[entry], now).await.unwrap();
        }
        "swap" => {
            let sites = store.site_meters().await.unwrap();
            let site = sites.iter().find(|site| site.point_id == home.point).unwrap();
            let number = u32::try_from(home.point.number()).unwrap() + 500_000;
            let exchange = Exchange {
                point: home.point,
                removed: site.meter.address,
                installed: meter(number),
                at: now,
            };
            store.exchange_meter(&exchange).await.unwrap();
        }
        "withdrawal" => drop(store.withdraw_approval(&wang, id, now).await.unwrap()),
        "disabled approver" => run(&fresh.address, "UPDATE account SET is_enabled = 0 WHERE id = 12").await,
        "lower ceiling" => {
            let ceilings = Ceilings { day: 0, ..Ceilings::BUILT_IN };
            store.tighten_ceilings(&acting("admin", now), ceilings, now).await.unwrap();
        }
        "stop" => store.press_stop(&acting("auditor", now), "too many", now).await.unwrap(),
        "no list" => store.protections_failed(&li, now).await.unwrap(),
        "calendar" => {
            let day = CalendarEntry { day: Day::of(now), area: None, kind: CalendarKind::Heat };
            store.enter_calendar(&li, &[day], now).await.unwrap();
        }
        "restore" => drop(store.ask_order(&li, &restore(&[home], now), &LIMITS, now).await.unwrap()),
        "crossed" => {
            let entry = IdentityEntry {
                point: home.point,
                meter: home.meter,
                verified_at: now,
                is_crossed: true,
                verified_by: "Li".to_owned(),
            };
            store.enter_identities(&li, &[entry], now).await.unwrap();
        }
        // Another instance, whose clock is behind the end of the window.
        "expiry" => drop(store.expire_orders(now.plus(HOUR * 5)).await.unwrap()),
        other => panic!("{other}"),
    }
}

/// Takes back what concerns all.
pub(super) async fn undo(fresh: &Fresh, now: Moment) {
    let sql = format!(
        "UPDATE account SET is_enabled = 1; DELETE FROM supply_calendar; DELETE FROM supply_ceiling; \
         UPDATE supply_list SET failed_at = NULL; UPDATE supply_halt SET ended_at = {}",
        now.micros()
    );
    run(&fresh.address, &sql).await;
}
