//! Whether what was read may count: against what is known of the register (F15).

use std::collections::{BTreeMap, HashMap};

use super::patient::Patient;
use crate::config::profile::MeterProfile;
use crate::domain::register::{self, State};
use crate::domain::{Id, Item, Meter, Moment, Quality, RegisterReading, Suspicion};
use crate::store::StoreError;

/// Sets the quality of readings of one meter that nothing speaks against so far. Totals of `unsummed` came with a tariff that
/// is no number: what is left of those does not add up, and says nothing of the total (F9).
pub(super) async fn judge(
    known: &Patient,
    profile: &MeterProfile,
    readings: &mut [RegisterReading],
    unsummed: &[(Item, Moment)],
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
    judge_sums(profile, readings, unsummed);
    Ok(())
}

/// The totals and their tariffs have to add up, where both came.
fn judge_sums(profile: &MeterProfile, readings: &mut [RegisterReading], unsummed: &[(Item, Moment)]) {
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
        if unsummed.contains(&(total, reading.as_of)) {
            continue;
        }
        let set = sets.get(&reading.meter).and_then(|sets| sets.get(&(total.key().number(), reading.as_of)));
        let (Some((Some(value), tariffs)), Some(limits)) = (set, profile.limits(total)) else { continue };
        if !tariffs.is_empty() && !register::tariffs_add_up((total, *value), tariffs, limits) {
            reading.quality = reading.quality.and(Quality::Suspect(Suspicion::TariffSum));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::profile::Profiles;
    use crate::domain::{MeterProtocol, Source};

    #[test]
    fn f09_a_tariff_that_is_no_number_does_not_make_the_total_suspect() {
        let profile = Profiles::default().of(None, MeterProtocol::Dlt2007).unwrap().clone();
        let (total, at) = (Item::parse("1.8.0").unwrap(), Moment::from_micros(0));
        let reading = |tariff: u8, value| RegisterReading {
            meter: Id::new(1),
            item: total.with_tariff(tariff).unwrap(),
            as_of: at,
            value,
            meter_time: None,
            collected_at: at,
            source: Source::Freeze,
            quality: Quality::Good,
            fetch: None,
        };
        // The third of four is gone.
        let came = [(0, 10_000_000), (1, 4_000_000), (2, 3_000_000), (4, 1_000_000)];
        let judged = |unsummed: &[(Item, Moment)]| {
            let mut readings: Vec<_> = came.iter().map(|(tariff, value)| reading(*tariff, *value)).collect();
            judge_sums(&profile, &mut readings, unsummed);
            readings.into_iter().map(|reading| reading.quality).collect::<Vec<_>>()
        };
        assert_eq!(judged(&[(total, at)]), [Quality::Good; 4]);
        assert_eq!(judged(&[(total, Moment::from_micros(1))]), [Quality::Suspect(Suspicion::TariffSum); 4]);
    }
}
