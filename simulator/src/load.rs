//! The load of one customer: how much energy has passed by any instant, a pure function of a seed.
//!
//! Nothing is remembered. The sum up to a midnight is the mean day times the weight that the shared [`LoadTable`]
//! gives to all days before, bent by two bounded seeded wobbles (one of the day, one of a fortnight) that leave it
//! rising; inside a day the energy of each channel is spread over its slots by the shape's weights times seeded
//! noise, with one rounding down of the running sum. So sums never fall, days add up to years and slots to days,
//! to the last milliwatt-hour, whatever instants are asked for and in whatever order.

pub mod delivered;
pub mod profile;
pub mod shape;
pub mod table;
pub mod weather;

use std::sync::Arc;

use crate::instant::{At, SLOT_SECONDS, SLOTS_A_DAY, place};
use crate::seed::Seed;
use delivered::{Channel, Delivered};
use profile::Profile;
use table::{LoadTable, MEAN_DAY_BITS};

/// The load behind one meter.
#[derive(Clone, Debug)]
pub struct Load {
    table: Arc<LoadTable>,
    profile: Profile,
    days: Seed,
    fortnights: Seed,
    slots: Seed,
    held_at: Option<At>,
}

impl Load {
    /// The load of a customer of the given profile. The table must be of the profile's shape for the load to look
    /// like that; `seed` is the customer's own.
    #[must_use]
    pub fn new(profile: Profile, table: Arc<LoadTable>, seed: Seed) -> Self {
        Self {
            table,
            profile,
            days: seed.named("day"),
            fortnights: seed.named("fortnight"),
            slots: seed.named("slot"),
            held_at: None,
        }
    }

    /// The table it shares with others.
    #[must_use]
    pub const fn table(&self) -> &Arc<LoadTable> {
        &self.table
    }

    /// The size of the customer.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Lets nothing pass any more from `at` on; with it the load does what it would have done without.
    pub const fn hold(&mut self, at: At) {
        self.held_at = Some(at);
    }

    /// The instant whose load is flowing at `at`: itself, unless the load is held.
    #[must_use]
    pub fn held(&self, at: At) -> At {
        self.held_at.map_or(at, |held_at| held_at.min(at))
    }

    /// All that has passed from the start of 2000 to `at`.
    #[must_use]
    pub fn delivered(&self, at: At) -> Delivered {
        self.unheld(self.held(at))
    }

    /// All that would have passed if the load were not held.
    #[must_use]
    pub fn unheld(&self, at: At) -> Delivered {
        let day = self.day(at.day());
        let slot = place(at.second_of_day() / SLOT_SECONDS);
        day.part_of(slot, i64::from(at.second_of_day() % SLOT_SECONDS))
    }

    /// The curve of a day: all that has passed when each of its 96 slots ends. Costs little more than one instant.
    pub fn slot_ends(&self, day: u32) -> impl Iterator<Item = (At, Delivered)> {
        let held = self.held_at.map(|at| (at, self.unheld(at)));
        let ends = (1..).map(move |slot| At::midnight(day).plus(slot * i64::from(SLOT_SECONDS)));
        ends.zip(self.day(day).into_ends()).map(move |(end, delivered)| match held {
            Some((at, still)) if end > at => (end, still),
            _ => (end, delivered),
        })
    }

    fn day(&self, day: u32) -> DayLoad {
        let start = self.before(day);
        let roughness = self.profile.roughness();
        let mut load = DayLoad {
            start,
            energy: self.before(day + 1).since(&start),
            weights: Delivered::default(),
            slots: [(Channel::ALL[0], 0); SLOTS_A_DAY],
        };
        let (mut noise, mut left) = (0, 0);
        for (slot, (place, (channel, weight))) in
            load.slots.iter_mut().zip((0_u64..).zip(self.table.slots(day)))
        {
            if left == 0 {
                (noise, left) = (self.slots.number((u64::from(day) << 8) | (place / 8)), 8);
            }
            let weight = weight * noise_factor(noise.to_le_bytes()[0], roughness);
            (noise, left) = (noise >> 8, left - 1);
            *slot = (channel, weight);
            *load.weights.of_mut(channel) += weight;
        }
        load
    }

    /// All that has passed up to 00:00 of a day.
    fn before(&self, day: u32) -> Delivered {
        let sum = |days_on: i64| {
            let day = i64::from(day).saturating_add(days_on).max(0);
            self.table.before(u32::try_from(day).unwrap_or(u32::MAX))
        };
        let into = i64::from(day % FORTNIGHT);
        let (yesterday, here, tomorrow) = (sum(-1), sum(0), sum(1));
        let length = i64::from(FORTNIGHT);
        let fortnights = [sum(-into - length), sum(-into), sum(-into + length), sum(-into + 2 * length)];
        let fortnight = u64::from(day / FORTNIGHT);
        let mean_day = self.profile.mean_day_on_the_meter();
        let [from, to] = [fortnight, fortnight + 1].map(|node| self.fortnights.between(node, -SLOW, SLOW));
        let common = self.days.between(u64::from(day) << 4, -FAST, FAST);
        let mut own = u64::from(day) << 4;
        Delivered::from_fn(|channel| {
            own += 1;
            let [start, here, end] = [yesterday, here, tomorrow].map(|sum| sum.of(channel));
            let [before, first, next, after] = fortnights.map(|sum| sum.of(channel));
            if end == 0 {
                return 0;
            }
            // A wobble at most a share of the lighter neighbour keeps the sum rising.
            let whim = common + self.days.between(own, -FAST, FAST);
            let fast = (here - start).min(end - here) * whim / (2 * WHOLE);
            let low = (first - before).min(next - first) * from / WHOLE;
            let high = (next - first).min(after - next) * to / WHOLE;
            let slow = low + (high - low) * (here - first) / (next - first).max(1);
            scale(mean_day, here + slow + fast)
        })
    }
}

/// One day of a load.
#[derive(Clone, Debug)]
struct DayLoad {
    start: Delivered,
    energy: Delivered,
    weights: Delivered,
    slots: [(Channel, i64); SLOTS_A_DAY],
}

impl DayLoad {
    /// All that has passed when each of the 96 slots ends.
    fn into_ends(self) -> impl Iterator<Item = Delivered> {
        let mut run = Delivered::default();
        let mut sum = self.start;
        self.slots.into_iter().map(move |(channel, weight)| {
            *run.of_mut(channel) += weight;
            *sum.of_mut(channel) = self.share(channel, run.of(channel) * i64::from(SLOT_SECONDS));
            sum
        })
    }

    fn part_of(&self, slot: usize, seconds: i64) -> Delivered {
        let mut run = Delivered::default();
        let whole = i64::from(SLOT_SECONDS);
        let done = self.slots.iter().take(slot).map(|(channel, weight)| (channel, weight * whole));
        let open = self.slots.get(slot).map(|(channel, weight)| (channel, weight * seconds));
        done.chain(open).for_each(|(channel, weight)| *run.of_mut(*channel) += weight);
        Delivered::from_fn(|channel| self.share(channel, run.of(channel)))
    }

    /// The sum of a channel when this much of its weight (times seconds) has gone by.
    fn share(&self, channel: Channel, run: i64) -> i64 {
        let whole = self.weights.of(channel) * i64::from(SLOT_SECONDS);
        let energy = i128::from(self.energy.of(channel)) * i128::from(run) / i128::from(whole.max(1));
        self.start.of(channel) + i64::try_from(energy).unwrap_or(i64::MAX)
    }
}

/// Noise of a slot: a factor around 64, spread evenly by the roughness, and now and then a kettle or a motor.
fn noise_factor(byte: u8, roughness: i64) -> i64 {
    let byte = i64::from(byte);
    let spike = if byte >= 248 { roughness * 2 } else { 0 };
    64 + (byte - 128) * roughness / 128 + spike
}

/// `mean_day` times a weight of the table.
fn scale(mean_day: i64, weight: i64) -> i64 {
    let product = i128::from(mean_day) * i128::from(weight);
    i64::try_from(product >> MEAN_DAY_BITS).unwrap_or(i64::MAX)
}

/// Days from one slow wobble to the next.
const FORTNIGHT: u32 = 16;
/// Wobbles are shares of this.
const WHOLE: i64 = 1024;
/// The slow wobble moves the sum by at most this share of a fortnight.
const SLOW: i64 = 120;
/// The fast one by at most this share of a day.
const FAST: i64 = 220;

#[cfg(test)]
mod tests;
