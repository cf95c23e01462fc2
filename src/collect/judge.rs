//! Whether what was read may count: against what is known of the register (F15).

use std::collections::{BTreeMap, HashMap};

use super::patient::Patient;
use crate::config::profile::MeterProfile;
use crate::domain::register::{self, State};
use crate::domain::{Id, Meter, Moment, Quality, RegisterReading, Suspicion};
use crate::store::StoreError;

/// Sets the quality of readings of one meter that nothing speaks against so far.
pub(super) async fn judge(
    known: &Patient,
    profile: &MeterProfile,
    readings: &mut [RegisterReading],
) -> Result<(), StoreError> {
    let keys: Vec<_> = readings.iter().map(RegisterReading::key).collect();
    let beside = known.neighbours(&keys).await?;
    for reading in readings.iter_mut() {
        let Some(limits) = profile.limits(reading.item) else { continue };
        let beside = beside.get(&reading.key()).copied().unwrap_or_default();
        let state = State { at: reading.as_of, value: reading.value };
        let judged = register::judge(state, beside.before, beside.after, limits);
        reading.quality = reading.quality.and(judged);
    }
    judge_sums(profile, readings);
    Ok(())
}

/// The totals and their tariffs have to add up, where both came.
fn judge_sums(profile: &MeterProfile, readings: &mut [RegisterReading]) {
    type Sets = BTreeMap<(i32, Moment), (Option<i64>, Vec<i64>)>;
    let mut sets: HashMap<Id<Meter>, Sets> = HashMap::new();
    for reading in readings.iter() {
        let Some(total) = reading.item.with_tariff(0).filter(|total| total.way().is_some()) else { continue };
        let sets = sets.entry(reading.meter).or_default();
        let set = sets.entry((total.key().number(), reading.as_of)).or_default();
        match reading.item.tariff() {
            0 => set.0 = Some(reading.value),
            _ => set.1.push(reading.value),
        }
    }
    for reading in readings.iter_mut() {
        let Some(total) = reading.item.with_tariff(0) else { continue };
        let set = sets.get(&reading.meter).and_then(|sets| sets.get(&(total.key().number(), reading.as_of)));
        let (Some((Some(value), tariffs)), Some(limits)) = (set, profile.limits(total)) else { continue };
        if !tariffs.is_empty() && !register::tariffs_add_up((total, *value), tariffs, limits) {
            reading.quality = reading.quality.and(Quality::Suspect(Suspicion::TariffSum));
        }
    }
}
