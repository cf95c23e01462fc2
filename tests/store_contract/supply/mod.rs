//! Supply orders: who may have whom cut, and what is kept of it.

mod ahead;
mod attempts;
mod ceilings;
mod conditions;
mod damaged;
mod doubts;
mod full_disk;
mod happening;
mod looked_at;
mod odd;
mod on_site;
mod races;
mod ready;
mod spooled;
mod steps;
mod taken_back;
mod tampering;
mod work;

use chaobiao::domain::access::Regions;
use chaobiao::domain::supply::{Ceilings, Objection, OrderState, Shown, SupplyOrder};
use chaobiao::domain::{Id, Moment};
use chaobiao::store::Store;
use chaobiao::store::archive::Saving;
use chaobiao::store::supply::{Limits, NewOrder, SupplyError, as_shown};
use ready::{HOUR, Home, acting, homes, make_people, make_ready, protect};

use crate::archive::entry;
use crate::{Fresh, midnight};

/// The ceilings built in, and all meters can be cut.
pub(crate) const LIMITS: Limits<'static> = Limits { ceilings: Ceilings::BUILT_IN, incapable: &[] };

/// Ten in the morning.
fn now() -> Moment {
    midnight("2026-11-28").plus(HOUR * 10)
}

/// So many homes that can be cut, behind them one that is protected, and others besides: two percent of all are a few.
async fn town(fresh: &Fresh, count: u32) -> Vec<Home> {
    let spread = |number: u32| {
        let mut entry = entry(number);
        entry.point.area = Some(format!("台区{number}"));
        entry
    };
    let entries: Vec<_> = (1..=(count + 1).max(250)).map(spread).collect();
    fresh.store.save_archive(&entries, now(), Saving::Confirmed).await.unwrap();
    make_people(&fresh.address, now()).await;
    let mut homes = homes(&fresh.store, &fresh.address).await;
    homes.truncate(usize::try_from(count + 1).unwrap());
    make_ready(&fresh.store, &fresh.address, &homes, now()).await;
    protect(&fresh.store, homes.pop().unwrap(), now()).await;
    homes
}

/// Everything that was said against an order.
fn objections<T: std::fmt::Debug>(result: Result<T, SupplyError>) -> Vec<Objection> {
    match result {
        Err(SupplyError::Objected(objected)) => {
            let of_points = objected.points.iter().flat_map(|point| point.objections.clone());
            objected.order.iter().copied().chain(of_points).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// Asks for a cut and has it approved.
pub(crate) async fn approved(store: &Store, new: &NewOrder, now: Moment) -> Id<SupplyOrder> {
    let asked = store.ask_order(&acting("li", now), new, &LIMITS, now).await.unwrap();
    assert_eq!((asked.state, asked.refused), (OrderState::Submitted, vec![]));
    approve(store, asked.id, "wang", now).await.unwrap();
    asked.id
}

/// Approves an order as it is.
pub(crate) async fn approve(
    store: &Store,
    id: Id<SupplyOrder>,
    name: &str,
    now: Moment,
) -> Result<OrderState, SupplyError> {
    let shown = shown(store, id, &LIMITS, now).await;
    store.approve_order(&acting(name, now), id, &shown, &LIMITS, now).await
}

/// What whoever approves an order is shown now.
pub(crate) async fn shown(store: &Store, id: Id<SupplyOrder>, limits: &Limits<'_>, now: Moment) -> Shown {
    let order = store.supply_order(id, &Regions::All).await.unwrap().unwrap();
    as_shown(&order, &store.excess_of(&order, limits.ceilings, now).await.unwrap())
}
