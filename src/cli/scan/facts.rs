//! What a meter that was found says of itself.

use dlt645::address::{MeterAddress, Target};
use dlt645::data_id::DataId;
use dlt645::edition::Edition;
use dlt645::exchange::Timing;
use dlt645::explain;

use super::super::CliError;
use super::super::asker::{Asker, payload, strict};
use super::super::clock_reading;
use super::super::time::tenths;
use super::{Found, probe};
use crate::channel::Told;
use crate::domain::Parity;
use crate::link::Rate;

/// Reads clock, energy and asset number; what the meter does not say stays open.
pub(super) async fn read(
    asker: &mut Asker,
    edition: Edition,
    meter: MeterAddress,
    rate: Rate,
) -> Result<Found, CliError> {
    let searching = asker.timing();
    // By its own address one meter answers: no need to listen for others.
    asker.set_timing(Timing {
        retries: 1,
        quiet_after_answer: Timing::default().quiet_after_answer,
        ..searching
    });
    let clock = clock_reading::read(asker, Target::Meter(meter), Some(edition)).await;
    let energy = asker.ask(strict(meter, probe::energy(edition))).await;
    let asset = match edition {
        Edition::E2007 => Some(asker.ask(strict(meter, ASSET_NUMBER)).await),
        Edition::E1997 => None,
    };
    asker.set_timing(searching);
    let (clock, energy, asset) = (clock?.ok(), energy?, asset.transpose()?);
    let first = |item, told: &Told| {
        payload(&told.outcome).and_then(|data| explain::data(item, data).values.into_iter().next())
    };
    let value = first(probe::energy(edition), &energy);
    let asset = asset.and_then(|told| first(ASSET_NUMBER, &told)?.value);
    Ok(Found {
        address: meter.to_string(),
        edition: year(edition),
        baud: rate.baud,
        parity: bits(rate.parity).to_owned(),
        clock: clock.as_ref().map(|clock| clock.shown.to_string()),
        fast_seconds: clock.as_ref().map(|clock| tenths(clock.offset.fast_us)),
        unit: value.as_ref().and_then(|value| value.unit),
        forward_active: value.and_then(|value| value.value),
        asset_number: asset.filter(|asset| !asset.is_empty()),
        is_told: false,
    })
}

/// Data bits, parity and stop bits.
pub(super) const fn bits(parity: Parity) -> &'static str {
    match parity {
        Parity::Even => "8E1",
        Parity::Odd => "8O1",
        Parity::None => "8N1",
    }
}

/// What an office calls the meter (资产管理编码). [645-2007 A.4]
const ASSET_NUMBER: DataId = DataId::new_2007(0x0400_0403);

pub(super) const fn year(edition: Edition) -> &'static str {
    match edition {
        Edition::E2007 => "2007",
        Edition::E1997 => "1997",
    }
}
