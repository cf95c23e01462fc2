//! Whether a point is the meter it should be: what the terminal stores for it against what the meter itself says (F24).

use std::collections::HashMap;
use std::sync::Arc;

use super::{TerminalNight, VERIFIED_A_NIGHT, VERIFY_AGAIN, point_of};
use crate::domain::{Accepted, Item, MissingCause, Quality, RegisterKey, RunMeter, RunOutcome, Suspicion};
use crate::store::archive::SiteMeter;
use crate::store::terminal::{Difference, DifferenceKind, Verified, VerifiedPoint};
use crate::store::{Batch, StoreError};

impl TerminalNight {
    /// Compares what is held with what meters have said themselves since. Points at which both say the same are believed
    /// from now on, unless another point could say so as well; where they do not, the meter's word stands and the difference
    /// is told.
    pub(super) async fn verify(&mut self) -> Result<(), StoreError> {
        // Whoever comes from elsewhere from here on makes what is verified now count for nothing.
        let now = self.line.inner.clock.now();
        self.doubt_claimed();
        let midnight = self.day().start();
        let sites: Vec<Arc<SiteMeter>> =
            self.line.sites.iter().filter(|site| self.held.contains_key(&site.meter_id)).cloned().collect();
        let key = |site: &SiteMeter, item| RegisterKey { meter: site.meter_id, item, as_of: midnight };
        let mut keys = Vec::new();
        for site in &sites {
            let held = self.held.get(&site.meter_id).into_iter().flat_map(super::Frozen::values);
            keys.extend(held.map(|value| key(site, value.item)));
        }
        if keys.is_empty() {
            return Ok(());
        }
        let accepted: HashMap<RegisterKey, Accepted> = self.line.inner.store.accepted(&keys).await?;
        let (mut batch, mut differing) = (Batch::default(), Vec::new());
        for site in &sites {
            let (Some(held), Some(point)) = (self.held.get(&site.meter_id), point_of(site)) else { continue };
            let said = |value: &super::super::interpret::ItemValue| {
                accepted.get(&key(site, value.item)).map(|accepted| accepted.value == value.value)
            };
            let told: Vec<Option<bool>> = held.values().map(said).collect();
            let totals = held.totals();
            // The total has to be among what the meter has said.
            if told.first().copied().flatten().is_none() {
                continue;
            }
            let turn = held.turn(midnight);
            self.held.remove(&site.meter_id);
            if told.contains(&Some(false)) {
                differing.push(differs(site, point.number()));
                if self.due.remove(&site.meter_id).is_some() {
                    batch.notes.terminals.doubted.push(site.meter_id);
                }
                continue;
            }
            let mut compared = totals;
            compared.retain(|(item, _)| accepted.contains_key(&key(site, *item)));
            if !self.tells_apart(point.number(), &compared) {
                continue;
            }
            let (meter, terminal, point) = (site.meter_id, self.asker.address, point.number());
            let before = self.due.get(&meter).filter(|before| before.point == point);
            let since = before.map_or(now, |before| before.since);
            self.verified.insert(meter, Verified { point, at: now, since, turn: Some(turn) });
            batch.notes.terminals.verified.push(VerifiedPoint { meter, terminal, point, at: now });
            batch.notes.terminals.turns.push((meter, turn));
        }
        self.tell_differing(differing, &mut batch);
        self.line.keep(batch, Vec::new()).await;
        Ok(())
    }

    /// Whether that a meter shows these totals tells its point from others: a meter that has counted nothing shows what any
    /// such meter does, and so do two that show the same.
    fn tells_apart(&self, point: u16, totals: &[(Item, i64)]) -> bool {
        let shows = |of_other: &Vec<(Item, i64)>| totals.iter().all(|total| of_other.contains(total));
        let is_shared = self.totals.iter().any(|(other, told)| *other != point && shows(told));
        totals.iter().any(|(_, value)| *value != 0) && !is_shared
    }

    fn tell_differing(&mut self, differing: Vec<Difference>, batch: &mut Batch) {
        let terminal = self.asker.address;
        let now = self.line.inner.clock.now();
        let Some(compared) = self.session.compared.as_mut().filter(|_| !differing.is_empty()) else { return };
        for difference in &differing {
            let point = difference.point;
            tracing::error!(terminal = %terminal, point, "terminal {terminal} stores the registers of another meter \
                at point {point} than {}", difference.ours.as_deref().unwrap_or_default());
        }
        compared.differences.extend(differing);
        compared.at = now;
        self.session.excluded = super::archive::excluded(compared);
        batch.notes.terminals.archives.push(compared.clone());
    }

    /// Meters whose turn to be asked themselves has come again, the longest verified first, are read from themselves until
    /// they have confirmed their point once more.
    pub(super) fn take_due(&mut self) {
        let now = self.line.inner.clock.now();
        let mut due: Vec<_> = self
            .verified
            .iter()
            .filter(|(_, verified)| now.since(verified.at) >= VERIFY_AGAIN)
            .map(|(meter, verified)| (verified.at, *meter))
            .collect();
        due.sort_unstable_by_key(|(at, meter)| (*at, meter.number()));
        // Each comes round within the time it stays verified, however many there are.
        let days = usize::try_from(VERIFY_AGAIN.as_secs() / 86_400).unwrap_or(1).max(1);
        let a_night = self.verified.len().div_ceil(days).max(VERIFIED_A_NIGHT);
        for (_, meter) in due.into_iter().take(a_night) {
            self.due.extend(self.verified.remove(&meter).map(|verified| (meter, verified)));
        }
    }

    /// At the end: what is held for meters that did not answer themselves is kept as what it is, and counts for nothing,
    /// unless they had confirmed their point before.
    pub(super) async fn give_up_held(&mut self) {
        self.doubt_claimed();
        let midnight = self.day().start();
        let sites: Vec<_> =
            self.line.sites.iter().filter(|site| self.held.contains_key(&site.meter_id)).cloned().collect();
        let (mut batch, mut outcomes) = (Batch::default(), Vec::new());
        for site in sites {
            let Some(held) = self.held.remove(&site.meter_id) else { continue };
            let Some(outcome) = self.line.outcome_of(site.meter_id) else { continue };
            if outcome.outcome.is_read() {
                continue;
            }
            let is_doubtful = self.doubtful.contains(&site.meter_id);
            if let Some(before) = self.due.remove(&site.meter_id) {
                self.verified.insert(site.meter_id, before);
                if is_doubtful {
                    let quality = Quality::Suspect(Suspicion::Clock);
                    let _ = self.add(&site, &held, (midnight, quality), &mut batch).await;
                    let why = outcome.detail.as_deref().unwrap_or("the meter was not asked itself");
                    let at = &held.read_at;
                    let detail = Some(format!(
                        "what the terminal read at {at} may not be the freeze of the meter: {why}"
                    ));
                    let missing = RunOutcome::Missing(MissingCause::NoFreeze);
                    outcomes.push(RunMeter { outcome: missing, detail, ..outcome });
                    continue;
                }
                outcomes.extend(self.book(&site, outcome, Ok(held), &mut batch).await);
                continue;
            }
            let quality = Quality::Suspect(Suspicion::Identity);
            let Err(missed) = self.add(&site, &held, (midnight, quality), &mut batch).await else { continue };
            let why = outcome.detail.clone().unwrap_or_default();
            let detail = if why.is_empty() { missed.detail } else { format!("{}: {why}", missed.detail) };
            let missing = RunOutcome::Missing(MissingCause::PointNotVerified);
            outcomes.push(RunMeter { outcome: missing, detail: Some(detail), ..outcome });
        }
        self.line.keep(batch, outcomes).await;
    }
}

fn differs(site: &SiteMeter, point: u16) -> Difference {
    let ours = Some(site.meter.address.to_string());
    Difference { point, kind: DifferenceKind::OtherValues, ours, theirs: None }
}
