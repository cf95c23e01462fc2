//! Curves that a terminal stores, one point and one item a question (F18).

use std::collections::HashMap;
use std::time::Duration;

use gdw1376::identifier::Point;
use gdw1376::reading;
use gdw1376::request::{Curve, Density, Request};

use super::super::ask::Missed;
use super::ask::{Answered, TerminalAsker};
use super::items;
use crate::config::profile::MeterProfile;
use crate::domain::register::{self, State};
use crate::domain::{
    Accepted, Day, DayCurve, Fetch, Id, Item, MissingCause, Moment, Quality, RegisterKey, Run, SlotValue,
    SlotsPerDay, Source, Way,
};
use crate::plan::CurveGap;
use crate::store::archive::SiteMeter;
use crate::store::{Batch, Store};

/// What is missing of one meter's curves, and how far what comes is trusted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) site: &'a SiteMeter,
    pub(super) profile: &'a MeterProfile,
    pub(super) point: Point,
    pub(super) gap: &'a CurveGap,
    pub(super) slots: SlotsPerDay,
    pub(super) quality: Quality,
    pub(super) run: Id<Run>,
    /// What the registers showed at the midnights before and behind the day, where that is accepted.
    pub(super) midnights: &'a HashMap<RegisterKey, Accepted>,
}

impl Wanted<'_> {
    /// Whether a curve can be that of this meter: one of registers never falls, and fits the midnights around it (F24).
    fn is_plausible(&self, item: Item, curve: &DayCurve) -> bool {
        if item.way() != Some(Way::Up) {
            return true;
        }
        let states: Vec<State> = curve.filled().map(|(at, slot)| State { at, value: slot.value }).collect();
        if states.windows(2).any(|pair| pair.first().map(|one| one.value) > pair.last().map(|two| two.value))
        {
            return false;
        }
        let midnight = |day: Day| {
            let key = RegisterKey { meter: self.site.meter_id, item, as_of: day.start() };
            self.midnights.get(&key).map(|accepted| State { at: key.as_of, value: accepted.value })
        };
        let Some(limits) = self.profile.limits(item) else { return true };
        let (before, after) = (midnight(self.gap.day), midnight(self.gap.day.next()));
        let ends = [states.first(), states.last()].into_iter().flatten();
        ends.copied().all(|state| register::judge(state, before, after, limits).is_accepted())
    }

    /// Whether there is anything to compare a curve with: without a register of a midnight, one that belongs to another
    /// point would look like any other.
    fn can_be_judged(&self, item: Item) -> bool {
        let is_of = |key: &RegisterKey| key.meter == self.site.meter_id && key.item == item;
        item.way() != Some(Way::Up) || self.midnights.keys().any(is_of)
    }

    /// The registers that tell between which values its curves have to lie.
    pub(super) fn midnights_of(site: &SiteMeter, gap: &CurveGap) -> Vec<RegisterKey> {
        let rising = gap.items.iter().filter(|item| item.way() == Some(Way::Up));
        let key =
            |item: &Item, day: Day| RegisterKey { meter: site.meter_id, item: *item, as_of: day.start() };
        rising.flat_map(|item| [key(item, gap.day), key(item, gap.day.next())]).collect()
    }
}

/// Reads the slots of a gap, item by item; what is missing first, and why.
pub(super) async fn read_curves(
    asker: &TerminalAsker,
    store: &Store,
    wanted: Wanted<'_>,
) -> (Batch, Option<Missed>) {
    let (mut batch, mut first) = (Batch::default(), None);
    for item in &wanted.gap.items {
        let mut told = read_curve(asker, wanted, *item).await;
        if told.as_ref().is_err_and(|missed| missed.cause == MissingCause::WrongForm) {
            told = read_curve(asker, wanted, *item).await;
        }
        match told {
            Ok((curve, answered)) => {
                let fetch = fetch(store, wanted, *item, &answered, &curve);
                batch.curves.push((fetch.id, curve));
                batch.fetches.push(fetch);
            }
            Err(missed) => {
                let is_there = matches!(
                    missed.cause,
                    MissingCause::NoSuchData
                        | MissingCause::NoValue
                        | MissingCause::PointNotVerified
                        | MissingCause::WrongForm
                );
                first = first.or(Some(missed));
                if !is_there {
                    break;
                }
            }
        }
    }
    (batch, first)
}

async fn read_curve(
    asker: &TerminalAsker,
    wanted: Wanted<'_>,
    item: Item,
) -> Result<(DayCurve, Answered), Missed> {
    if !wanted.can_be_judged(item) {
        let detail = format!("curve of {}: no register of its midnights to compare it with", item.code());
        return Err(Missed::new(MissingCause::PointNotVerified, detail));
    }
    let none =
        |what: &str| Missed::new(MissingCause::NoSuchData, format!("curve of {}: {what}", item.code()));
    let function = items::curve(item).ok_or_else(|| none("terminals keep none"))?;
    let density = density(wanted.slots).ok_or_else(|| none("terminals keep no such density"))?;
    let CurveGap { day, from, until, .. } = *wanted.gap;
    let slots = until.since(from).as_secs() / wanted.slots.period().as_secs().max(1) + 1;
    let start = items::civil(from).ok_or_else(|| none("no such time"))?;
    let points = u8::try_from(slots).unwrap_or(MOST_POINTS).min(MOST_POINTS);
    let question = Curve { point: wanted.point, function, start, density, points };
    let what = format!("curve of {}, p{}", item.code(), wanted.point.number());
    let answered = asker.ask(&what, Request::ReadCurve(question)).await?;
    let mut curve = DayCurve::new(wanted.site.meter_id, item, day, wanted.slots);
    for (_, unit) in answered.units() {
        if unit.point != Some(wanted.point) || unit.function != Some(function) {
            continue;
        }
        for read in reading::readings(&unit) {
            let (Ok(value), Some(at)) = (read.value, read.as_of.and_then(items::moment)) else { continue };
            let is_wanted = (from..=until).contains(&at) && at <= answered.asked_at;
            let is_of_day = wanted.slots.slot_of(at).is_some_and(|(of, _)| of == day);
            if items::of(read.item) != Some(item) || !is_wanted || !is_of_day {
                continue;
            }
            let value = items::scaled(item, value)
                .ok_or_else(|| Missed::new(MissingCause::WrongForm, format!("{what}: too many digits")))?;
            curve.fill(at, SlotValue { value, quality: wanted.quality });
        }
    }
    if !wanted.is_plausible(item, &curve) {
        let detail = format!("{what}: it does not fit the registers of its midnights");
        return Err(Missed::new(MissingCause::WrongForm, detail));
    }
    if curve.newest().is_none() {
        return Err(Missed::new(MissingCause::NoValue, format!("{what}: the terminal has no value")));
    }
    Ok((curve, answered))
}

fn fetch(store: &Store, wanted: Wanted<'_>, item: Item, answered: &Answered, curve: &DayCurve) -> Fetch {
    let (mut from, mut until): (Option<Moment>, _) = (None, wanted.gap.until);
    for (at, _) in curve.filled() {
        from = from.or(Some(at));
        until = at;
    }
    Fetch {
        id: store.new_fetch_id(answered.answered_at),
        meter: wanted.site.meter_id,
        items: vec![item],
        from: from.unwrap_or(wanted.gap.from),
        until,
        source: Source::LoadRecord,
        collected_at: answered.answered_at,
        frames: answered.frames.concat(),
        run: Some(wanted.run),
    }
}

/// Whether terminals keep a curve of this item.
pub(in crate::collect) fn keeps_curve_of(item: Item) -> bool {
    items::curve(item).is_some()
}

/// Whether terminals keep curves of so many slots a day.
pub(in crate::collect) fn keeps_curves_every(slots: SlotsPerDay) -> bool {
    density(slots).is_some()
}

/// The density with which a terminal has so many slots a day.
fn density(slots: SlotsPerDay) -> Option<Density> {
    const MINUTE: Duration = Duration::from_secs(60);
    let of = |minutes: u32| MINUTE * minutes;
    let period = slots.period();
    [
        (of(1), Density::Minute),
        (of(5), Density::FiveMinutes),
        (of(15), Density::QuarterHour),
        (of(30), Density::HalfHour),
        (of(60), Density::Hour),
    ]
    .into_iter()
    .find_map(|(each, density)| (each == period).then_some(density))
}

/// How many points are asked for at most: a day of quarter hours.
const MOST_POINTS: u8 = 96;
