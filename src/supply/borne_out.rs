//! Whether the clock of this machine is borne out before the clock of a meter is set by it (F14, F33).
//!
//! A meter is no witness for the clock that it is set by: what was wrong would be right from then on, and date what all others
//! show. So either it is off by as much as it was when our clock was known to be right, and ours has not changed since; or
//! another meter shows the same time as ours, or is off by as much as it was.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::field::{Field, MeterClock};
use super::service::Supply;
use crate::channel::Lane;
use crate::domain::{ClockOffset, Id, Meter, MeterPath, MeterProtocol};
use crate::store::StoreError;
use crate::store::archive::SiteMeter;

impl Supply {
    /// Whether our clock is borne out by the past of a meter, which is off by so much now, or by others, which are asked.
    pub(super) async fn is_borne_out(
        &self,
        field: &Field,
        now: Option<ClockOffset>,
    ) -> Result<bool, StoreError> {
        if let Some(now) = now
            && let Some(usual) = self.usual(field.site().meter_id, now).await?
            && is_alike(now, usual)
        {
            return Ok(true);
        }
        let by = Instant::now() + ASKS_FOR;
        for site in self.others(field).await? {
            let Ok(other) = self.0.fields.of(site) else { continue };
            let Ok(read) = timeout_at(by, other.clock(Lane::OnDemand)).await else { break };
            let Ok(MeterClock::Off(now)) = read else { continue };
            // Of one of which nothing is known it counts that it shows our time.
            let usual = self.usual(other.site().meter_id, now).await?.map_or(0, |usual| usual.fast_us);
            if is_alike(now, ClockOffset { fast_us: usual, ..now }) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How far a meter was off when our clock was last known to be right, or a person had confirmed it.
    async fn usual(&self, meter: Id<Meter>, now: ClockOffset) -> Result<Option<ClockOffset>, StoreError> {
        let store = &self.0.store;
        let sure = store.clocks_since(&[meter], now.at).await?.remove(&meter);
        let sure = sure.and_then(|sessions| sessions.into_iter().rfind(|session| session.at < now.at));
        let confirmed = store.confirmed_clocks(&[meter]).await?.remove(&meter);
        Ok(sure.into_iter().chain(confirmed).max_by_key(|session| session.at))
    }

    /// Some other meters that can be asked, those of the same line first.
    async fn others(&self, field: &Field) -> Result<Vec<SiteMeter>, StoreError> {
        let own = field.site();
        let is_asked = |site: &SiteMeter| {
            site.meter_id != own.meter_id
                && site.meter.protocol == MeterProtocol::Dlt2007
                && matches!(site.meter.path, MeterPath::Line { .. })
        };
        let mut others = self.0.store.site_meters().await?;
        others.retain(is_asked);
        others.sort_by_key(|site| site.meter.path.line() != own.meter.path.line());
        others.truncate(MOST_ASKED);
        Ok(others)
    }
}

/// Whether a clock is off by as much as it was.
fn is_alike(now: ClockOffset, before: ClockOffset) -> bool {
    let moved = Duration::from_micros(now.fast_us.abs_diff(before.fast_us));
    moved <= DRIFTS + now.uncertainty.min(DRIFTS)
}

/// A clock that is left alone drifts by no more between two looks: less than a freeze may be off, so that what is set by our
/// clock makes no freeze a wrong one.
const DRIFTS: Duration = Duration::from_secs(60);
/// So many others are asked.
const MOST_ASKED: usize = 5;
/// How long they are asked for, all together.
const ASKS_FOR: Duration = Duration::from_secs(30);
