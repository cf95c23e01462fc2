//! The values of one slot, asked for when it comes, for meters that keep no load record.

use dlt645::catalog;
use dlt645::exchange::LengthRule;

use super::super::ask::{Asker, Missed};
use super::super::interpret::ItemValue;
use super::super::registers::poll_registers;
use super::super::{identifier, interpret};
use super::{Brought, fetch};
use crate::domain::{
    Day, DayCurve, Item, ItemKind, MeterProtocol, MissingCause, Moment, SlotValue, SlotsPerDay, Source,
};
use crate::store::Store;

/// Asks a meter for items at a slot. An answer that comes behind `latest` is not of the slot any more and is no value: it is
/// never stamped back.
pub(in crate::collect) async fn poll(
    asker: &Asker<'_>,
    store: &Store,
    items: &[Item],
    slots: SlotsPerDay,
    (slot, latest): (Moment, Moment),
) -> Brought {
    if asker.profile.protocol == MeterProtocol::Modbus {
        return poll_registers(asker, store, items, slots, (slot, latest)).await;
    }
    let mut brought = Brought::default();
    for item in items {
        match poll_item(asker, *item, latest).await {
            Ok((heard, ItemValue { value, quality, .. })) => {
                let mut curve = DayCurve::new(asker.site.meter_id, *item, Day::of(slot), slots);
                curve.fill(slot, SlotValue { value, quality });
                let fetch = fetch(store, asker, &heard, vec![*item], (slot, slot), Source::Live);
                brought.batch.curves.push((fetch.id, curve));
                brought.batch.fetches.push(fetch);
            }
            Err(missed) if missed.is_not_there() => {}
            // What it says of one item is not said of the next.
            Err(missed) => {
                let may_go_on = missed.is_of_meter();
                brought.missed.get_or_insert(missed);
                if !may_go_on {
                    break;
                }
            }
        }
    }
    brought
}

async fn poll_item(
    asker: &Asker<'_>,
    item: Item,
    latest: Moment,
) -> Result<(super::Heard, ItemValue), Missed> {
    let none = || Missed::new(MissingCause::NoSuchData, format!("no identifier gives {}", item.code()));
    let id = identifier::single(item, asker.edition()).ok_or_else(none)?;
    let rule = match (asker.profile.difference(id), catalog::find(id).map(|entry| entry.lengths())) {
        (Some(difference), _) => LengthRule::exact([usize::from(difference.bytes)]),
        (None, Some(catalog::LengthRule::Exactly(length))) => LengthRule::exact([length]),
        _ => LengthRule::Any,
    };
    // A register hardly moves between two answers; a voltage does.
    let heard = match item.kind() {
        ItemKind::Energy => asker.read_register_now(item, id, &rule).await?,
        _ => asker.read_now(id, &rule).await?,
    };
    if heard.asked_at > latest {
        return Err(Missed::new(MissingCause::OutOfTime, format!("{id}: too late for the slot")));
    }
    let value = interpret::single(item, &heard, asker.profile)?;
    Ok((heard, value))
}
