//! The steps of an order, as one line each.

use chaobiao::domain::access::Regions;
use chaobiao::domain::relay::{Currents, Look, StatusWord3};
use chaobiao::domain::supply::{OrderState, SupplyOrder};
use chaobiao::domain::{Id, Moment};
use chaobiao::store::Store;
use chaobiao::store::supply::{BeforeRecord, Intended, Intent, Limits, NewOrder};

use super::ready::{HOUR, Home};
use super::{LIMITS, approved};

pub(super) async fn armed(store: &Store, new: &NewOrder, now: Moment) -> Id<SupplyOrder> {
    let id = approved(store, new, now).await;
    for point in &new.points {
        assert_eq!(store.arm_point((id, *point), now, &LIMITS, now).await.unwrap(), []);
    }
    id
}

pub(super) async fn intend(store: &Store, id: Id<SupplyOrder>, home: Home, now: Moment) -> Intended {
    intend_at(store, (id, home), &LIMITS, now).await
}

/// The same at the usual time, within these limits.
pub(super) async fn intend_within(
    store: &Store,
    id: Id<SupplyOrder>,
    home: Home,
    limits: &Limits<'_>,
) -> Intended {
    intend_at(store, (id, home), limits, super::now()).await
}

async fn intend_at(
    store: &Store,
    (id, home): (Id<SupplyOrder>, Home),
    limits: &Limits<'_>,
    now: Moment,
) -> Intended {
    let before = BeforeRecord::default();
    let expires = now.plus(HOUR / 10);
    let intent = Intent { order: id, point: home.point, expires, before: &before, found: &[] };
    store.intend(&intent, limits, now).await.unwrap()
}

pub(super) async fn state(store: &Store, id: Id<SupplyOrder>) -> OrderState {
    store.supply_order(id, &Regions::All).await.unwrap().unwrap().order.state
}

pub(super) fn look(at: Moment, bits: u16) -> Look {
    Look { at, status: StatusWord3::from_bits(bits), currents: Currents([Some(0), None, None]) }
}
