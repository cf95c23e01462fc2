//! Whether the meter that answers is that of the archive, by its asset number (F12). Two meters that were exchanged on a bus, or
//! that were given each other's address, answer as well as the right ones would.

use dlt645::data_id::DataId;
use dlt645::edition::Edition;
use dlt645::exchange::LengthRule;

use super::super::ask::{Asker, Missed};
use crate::config::profile::TextOrder;
use crate::domain::{MissingCause, asset};
use crate::store::AssetCheck;
use crate::store::archive::SiteMeter;

/// Asks for the asset number where that is still to be compared; `before` is what came of it last. What told another number
/// once stays another meter until it tells that of the archive.
pub(in crate::collect) async fn check_asset(
    asker: &Asker<'_>,
    before: Option<&AssetCheck>,
) -> Result<Option<AssetCheck>, Missed> {
    let site = asker.site;
    let Some(archived) = site.meter.asset_number.clone() else { return Ok(None) };
    let is_known = |before: &&AssetCheck| {
        before.agrees && before.installed_at == site.installed_at && before.archived == archived
    };
    if before.is_some_and(|before| is_known(&before)) || asker.edition() != Edition::E2007 {
        return Ok(None);
    }
    let stranger = before.filter(|before| is_stranger(before, site));
    let asset = told(asker, ASSET, 32).await?.and_then(|mut bytes| {
        if asker.profile.text_order == TextOrder::LastFirst {
            bytes.reverse();
        }
        asset::text(&bytes)
    });
    let number = told(asker, NUMBER, 6)
        .await?
        .map(|bytes| bytes.iter().rev().map(|byte| format!("{byte:02X}")).collect::<String>());
    let number = number.filter(|number| !number.chars().all(|digit| digit == 'F'));
    if let Some(stranger) = stranger.filter(|_| asset.is_none()) {
        return Ok(Some(stranger.clone()));
    }
    // A meter number alone is not what the archive has to hold.
    let agrees = match &asset {
        Some(_) => asset::is_archived(&archived, &[number.as_deref(), asset.as_deref()]).unwrap_or(true),
        None => true,
    };
    Ok(Some(AssetCheck {
        meter: site.meter_id,
        installed_at: site.installed_at,
        archived,
        told: asset,
        agrees,
        at: asker.clock.now(),
    }))
}

/// Whether a meter has told another asset number than the archive has, as it hangs there now.
pub(in crate::collect) fn is_stranger(check: &AssetCheck, site: &SiteMeter) -> bool {
    !check.agrees
        && check.installed_at == site.installed_at
        && site.meter.asset_number.as_ref() == Some(&check.archived)
}

/// What a meter says, twice the same; `None` where it has nothing to say.
async fn told(asker: &Asker<'_>, id: u32, length: usize) -> Result<Option<Vec<u8>>, Missed> {
    let missed = match asker.read_twice(DataId::new_2007(id), &LengthRule::exact([length])).await {
        Ok(heard) => return Ok(Some(heard.payload)),
        Err(missed) if missed.is_of_meter() => return Ok(None),
        Err(missed) => missed,
    };
    // Some leave what they do not know unanswered, and are there all the same: that they are says what comes next.
    if missed.cause == MissingCause::Silent
        && asker.read(DataId::new_2007(DATE), LengthRule::exact([4])).await.is_ok()
    {
        return Ok(None);
    }
    Err(missed)
}

/// 资产管理编码, 表号. [645-2007 A.4]
const ASSET: u32 = 0x0400_0403;
const NUMBER: u32 = 0x0400_0402;
/// 日期及星期, which every meter has. [645-2007 A.4]
const DATE: u32 = 0x0400_0101;
