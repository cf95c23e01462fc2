//! Supply orders: who may have whom cut, and what is kept of it.

mod conditions;
mod races;
pub(crate) mod ready;

use chaobiao::domain::Moment;
use chaobiao::domain::supply::Objection;
use chaobiao::store::archive::Saving;
use chaobiao::store::supply::SupplyError;
use ready::{HOUR, Home, homes, make_people, make_ready, protect};

use crate::archive::entry;
use crate::{Fresh, midnight};

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
