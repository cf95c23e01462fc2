//! What a simulated meter held of an item at a moment.

use chaobiao::domain::{Item, Moment};
use simulator::tariff::Tariff;
use simulator::truth::register::{Energy, Quadrant, Register};
use simulator::world::fitted::Shared;

use crate::rig::at;

/// The simulator's register of an item.
fn register(item: Item) -> Option<Register> {
    let code = item.code();
    let energy = match (code.c, code.d) {
        (1, 8) => Energy::ForwardActive,
        (2, 8) => Energy::ReverseActive,
        (3, 8) => Energy::CombinedReactive1,
        (4, 8) => Energy::CombinedReactive2,
        (5, 8) => Energy::Reactive(Quadrant::I),
        (6, 8) => Energy::Reactive(Quadrant::II),
        (7, 8) => Energy::Reactive(Quadrant::III),
        (8, 8) => Energy::Reactive(Quadrant::IV),
        _ => return None,
    };
    match code.e {
        0 => Some(Register::total(energy)),
        tariff => Some(Register::tariff(energy, Tariff::from_number(tariff)?)),
    }
}

/// What a meter held, in the item's last decimal place; the meter counts in hundredths.
pub(crate) fn held(meter: &Shared, item: Item, moment: Moment) -> Option<i64> {
    let shared = meter.lock().unwrap();
    let shown = shared.meter.truth().shown(register(item)?, at(moment));
    Some(shown * 10_i64.pow(u32::from(item.decimals()) - 2))
}
