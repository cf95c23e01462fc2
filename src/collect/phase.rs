//! The steps of a night for one meter, with what is known before.

mod dating;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use super::ask::Missed;
use super::collector::Inner;
use super::judge::judge;
use super::line::{Context, Done};
use super::registers::read_standing;
use super::visit::{
    Brought, ClockReading, CurveWanted, Dating, Registers, check_asset, is_stranger, read_curve, read_events,
    read_registers, trust,
};
use crate::channel::Lane;
use crate::config::profile::MeterProfile;
use crate::config::{IntervalMode, Intervals};
use crate::domain::{
    Accepted, ClockOffset, Day, DayCurve, Id, Item, Meter, MeterProtocol, MissingCause, Moment, Quality,
    RegisterKey, Run, RunMeter, RunOutcome, Suspicion,
};
use crate::plan::{CurveGap, Midnight, curve_gaps, register_gaps};
use crate::store::archive::SiteMeter;
use crate::store::{AssetCheck, Batch, Store, StoreError};

/// What is done with a meter at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// Its clock, and the registers of the midnight.
    Registers,
    /// The curves of the day before.
    Curves,
    /// Status words and events.
    Events,
    /// Registers and curves of earlier days.
    Gaps,
}

/// The curves of each meter, by item and day.
type Curves = HashMap<Id<Meter>, HashMap<(Item, Day), DayCurve>>;

/// What is known of the meters of a line when their night begins.
#[derive(Debug)]
pub(super) struct Facts {
    day: Day,
    accepted: HashMap<RegisterKey, Accepted>,
    /// Those of the days that may be read, with what was kept since.
    curves: Mutex<Curves>,
    /// The clock of each meter in its sessions since before the first midnight that may be read, those of this night too.
    clocks: Mutex<HashMap<Id<Meter>, Vec<ClockOffset>>>,
    /// How far clocks are off by what a person has confirmed.
    confirmed: Mutex<HashMap<Id<Meter>, ClockOffset>>,
    /// What meters said of their asset numbers.
    assets: HashMap<Id<Meter>, AssetCheck>,
    /// Meters that are not those of the archive.
    strangers: Mutex<HashSet<Id<Meter>>>,
    /// What each meter had counted of its events.
    counted: HashMap<Id<Meter>, HashMap<String, i64>>,
    /// Meters whose status words of the day are there.
    has_words: HashSet<Id<Meter>>,
}

impl Facts {
    pub(super) async fn load(inner: &Inner, run: &Run, sites: &[Arc<SiteMeter>]) -> Result<Self, StoreError> {
        let (store, settings, day) = (&inner.store, &inner.settings, run.day);
        let meters: Vec<Id<Meter>> = sites.iter().map(|site| site.meter_id).collect();
        let days: Vec<Day> =
            (0..=settings.collection.repair_days).map(|back| day.plus(-i64::from(back))).collect();
        let key = |meter: &Id<Meter>, item: &Item, day: &Day| RegisterKey {
            meter: *meter,
            item: *item,
            as_of: day.start(),
        };
        let items = &settings.collection.registers;
        let keys: Vec<RegisterKey> = meters
            .iter()
            .flat_map(|meter| items.iter().flat_map(|item| days.iter().map(|day| key(meter, item, day))))
            .collect();
        let accepted = store.accepted(&keys).await?;
        let mut curves = Curves::new();
        if settings.intervals.mode == IntervalMode::LoadRecord {
            let (from, until) = (day.plus(-i64::from(settings.intervals.repair_days.max(1))), day.previous());
            for curve in store.curves(&meters, &settings.intervals.items, from, until).await? {
                curves.entry(curve.meter).or_default().insert((curve.item, curve.day), curve);
            }
        }
        let depth = settings.collection.repair_days.max(settings.intervals.repair_days);
        let clocks = store.clocks_since(&meters, day.plus(-i64::from(depth)).start()).await?;
        let confirmed = store.confirmed_clocks(&meters).await?;
        let assets = store.asset_checks(&meters).await?;
        let is_known =
            |site: &&Arc<SiteMeter>| assets.get(&site.meter_id).is_some_and(|check| is_stranger(check, site));
        let strangers = sites.iter().filter(is_known).map(|site| site.meter_id).collect();
        let mut counted: HashMap<_, HashMap<_, _>> = HashMap::new();
        let mut has_words = HashSet::new();
        if settings.collection.events {
            for ((meter, kind), count) in store.event_counts(&meters).await? {
                counted.entry(meter).or_default().insert(kind, count);
            }
            has_words = store.with_status_words(&meters, day).await?;
        }
        Ok(Self {
            day,
            accepted,
            curves: Mutex::new(curves),
            clocks: Mutex::new(clocks),
            confirmed: Mutex::new(confirmed),
            assets,
            strangers: Mutex::new(strangers),
            counted,
            has_words,
        })
    }

    /// The clock of a meter in its sessions up to now, in order of time.
    pub(super) fn clocks(&self, meter: Id<Meter>) -> Vec<ClockOffset> {
        let clocks = self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
        clocks.get(&meter).cloned().unwrap_or_default()
    }

    /// What a meter's clock says of ours. One of which a person has confirmed how far it is off shows the right time as long as it
    /// is off by that, or by what it has drifted to since.
    fn as_witness(&self, meter: Id<Meter>, now: ClockOffset, tolerance: Duration) -> ClockOffset {
        let confirmed = self.confirmed.lock().unwrap_or_else(PoisonError::into_inner).get(&meter).copied();
        let Some(confirmed) = confirmed else { return now };
        let midnight = self.day.start();
        let before = self.clocks(meter).into_iter().rfind(|session| session.at < midnight);
        let usual = before.filter(|before| before.at > confirmed.at).unwrap_or(confirmed);
        let moved = ClockOffset { fast_us: now.fast_us.saturating_sub(usual.fast_us), ..now };
        if moved.is_within(tolerance) { moved } else { now }
    }

    /// What a meter had counted of its events.
    pub(super) fn counted(&self, meter: Id<Meter>) -> HashMap<String, i64> {
        self.counted.get(&meter).cloned().unwrap_or_default()
    }

    /// The slots that are missing of a meter's curves, from a day back.
    pub(super) fn curve_gaps(
        &self,
        settings: &Intervals,
        site: &SiteMeter,
        (newest, days): (Day, u8),
    ) -> Vec<CurveGap> {
        let none = HashMap::new();
        let curves = self.curves.lock().unwrap_or_else(PoisonError::into_inner);
        let curves = curves.get(&site.meter_id).unwrap_or(&none);
        let span = (site.installed_at, self.day.start());
        curve_gaps(&settings.items, settings.slots, (newest, days), span, curves)
    }

    /// How many slots are missing of a meter's curves when those that were brought are kept.
    pub(super) fn slots_left<'a>(
        &self,
        settings: &Intervals,
        site: &SiteMeter,
        (newest, days): (Day, u8),
        brought: impl Iterator<Item = &'a DayCurve>,
    ) -> u32 {
        let mut curves =
            self.curves.lock().unwrap_or_else(PoisonError::into_inner).get(&site.meter_id).cloned();
        let curves = curves.get_or_insert_default();
        for curve in brought {
            curves.entry((curve.item, curve.day)).or_insert_with(|| curve.clone()).merge(curve);
        }
        let span = (site.installed_at, self.day.start());
        curve_gaps(&settings.items, settings.slots, (newest, days), span, curves)
            .iter()
            .map(|gap| gap.slots)
            .sum()
    }

    /// The midnights of which a meter's registers are missing.
    pub(super) fn register_gaps(
        &self,
        meter: Id<Meter>,
        totals: &[Item],
        span: (Day, u8),
        installed_at: Moment,
    ) -> Vec<Midnight> {
        register_gaps(meter, totals, span, installed_at, &self.accepted)
    }

    /// Whether a meter has told another asset number than the archive has.
    fn is_stranger(&self, meter: Id<Meter>) -> bool {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner).contains(&meter)
    }

    /// What a person has confirmed of our clock since.
    pub(super) async fn hear_of_confirmed(
        &self,
        store: &Store,
        sites: &[Arc<SiteMeter>],
    ) -> Result<(), StoreError> {
        let meters: Vec<Id<Meter>> = sites.iter().map(|site| site.meter_id).collect();
        let confirmed = store.confirmed_clocks(&meters).await?;
        *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner) = confirmed;
        Ok(())
    }

    /// What is kept of curves is not asked for again, nor counted.
    pub(super) fn has_kept(&self, kept: Vec<DayCurve>) {
        let mut curves = self.curves.lock().unwrap_or_else(PoisonError::into_inner);
        for curve in kept {
            match curves.entry(curve.meter).or_default().entry((curve.item, curve.day)) {
                Entry::Occupied(mut known) => drop(known.get_mut().merge(&curve)),
                Entry::Vacant(place) => drop(place.insert(curve)),
            }
        }
    }

    fn learn(&self, meter: Id<Meter>, clock: ClockReading) {
        if let ClockReading::Off(offset) = clock {
            let mut clocks = self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
            clocks.entry(meter).or_default().push(offset);
        }
    }
}

impl Step {
    /// Does the step and keeps what it brought; the outcome is that of the meter afterwards. The `turn` to ask on the line is
    /// given back when all has been asked.
    pub(super) async fn visit(
        self,
        context: &Context,
        site: &SiteMeter,
        outcome: RunMeter,
        facts: &Facts,
        turn: OwnedSemaphorePermit,
    ) -> Done {
        let Some(profile) = context.profile(site) else { return Done::of(outcome) };
        if self != Self::Registers && facts.is_stranger(site.meter_id) {
            return Done { outcome, slots: 0, had_it: true };
        }
        let visit = Visit { context, site, profile, facts, turn };
        if profile.protocol == MeterProtocol::Modbus {
            return match self {
                Self::Registers => visit.standing(outcome).await,
                // Such a meter keeps neither curves nor events, and nothing of days that are past.
                Self::Curves | Self::Events | Self::Gaps => Done { outcome, slots: 0, had_it: true },
            };
        }
        match self {
            Self::Registers => visit.registers(outcome).await,
            Self::Curves => visit.curves(outcome).await,
            Self::Events => visit.events(outcome).await,
            Self::Gaps => visit.gaps(outcome).await,
        }
    }
}

struct Visit<'a> {
    context: &'a Context,
    site: &'a SiteMeter,
    profile: &'a MeterProfile,
    facts: &'a Facts,
    turn: OwnedSemaphorePermit,
}

impl Visit<'_> {
    async fn registers(self, outcome: RunMeter) -> Done {
        let inner = &self.context.inner;
        let asker = self.context.asker(self.site, self.profile, self.context.lane);
        let day = self.facts.day;
        let (clock_now, dating) = match self.ask_clock(&asker).await {
            Ok(asked) => asked,
            Err(missed) => {
                let is_there = asker.is_there();
                return self.missing(outcome, missed, is_there).await;
            }
        };
        let clocks = self.facts.clocks(self.site.meter_id);
        let midnight = Midnight { day, items: inner.settings.collection.registers.clone() };
        let wanted = Registers {
            midnight: &midnight,
            // What a meter shows now says nothing of a day that is past.
            may_read_live: Day::of(inner.clock.now()) == day,
            dating,
            tolerance: inner.settings.collection.freeze_tolerance,
            clocks: &clocks,
            clock_now,
        };
        let mut brought = read_registers(&asker, &inner.known, wanted).await;
        let before = self.facts.assets.get(&self.site.meter_id);
        match check_asset(&asker, before).await {
            Ok(Some(asset)) => self.compare(asset, &mut brought),
            Ok(None) => {}
            // Where the line is bad it is asked the next time, and is for that no other meter than it was before.
            Err(_) if self.facts.is_stranger(self.site.meter_id) => {
                before.into_iter().for_each(|before| self.compare(before.clone(), &mut brought));
            }
            Err(_) => {}
        }
        // How far a meter is off a clock that is doubted itself is kept, and says nothing of the meter before a person does.
        if let ClockReading::Off(offset) = clock_now {
            let notes = &mut brought.batch.notes;
            let kept = if dating == Dating::Sure { &mut notes.clocks } else { &mut notes.doubted_clocks };
            kept.push((self.site.meter_id, offset));
        }
        let is_there = asker.is_there();
        self.keep_registers(brought, outcome, is_there).await
    }

    /// What another meter than that of the archive shows is kept for people to look at, and does not count.
    fn compare(&self, asset: AssetCheck, brought: &mut Brought) {
        let mut strangers = self.facts.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        if asset.agrees {
            strangers.remove(&asset.meter);
            brought.batch.notes.assets.push(asset);
            return;
        }
        strangers.insert(asset.meter);
        for reading in &mut brought.batch.registers {
            reading.quality = Quality::Suspect(Suspicion::Identity);
        }
        let (told, archived) = (asset.told.as_deref().unwrap_or_default(), &asset.archived);
        let detail = format!("the meter tells the asset number {told}, the archive has {archived}");
        brought.missed = Some(Missed::new(MissingCause::Implausible, detail));
        brought.batch.notes.assets.push(asset);
    }

    /// The registers of a meter that speaks Modbus, as they stand.
    async fn standing(self, outcome: RunMeter) -> Done {
        let inner = &self.context.inner;
        if Day::of(inner.clock.now()) != self.facts.day {
            let detail = "a meter that speaks Modbus keeps nothing of a day that is past";
            return self.missing(outcome, Missed::new(MissingCause::NoFreeze, detail), false).await;
        }
        if self.context.inner.is_contradicted()
            && let Some(missed) = Dating::Contradicted.missed()
        {
            return self.missing(outcome, missed, false).await;
        }
        let asker = self.context.asker(self.site, self.profile, self.context.lane);
        let brought = read_standing(&asker, &inner.store, &inner.settings.collection.registers).await;
        let is_there = asker.is_there();
        self.keep_registers(brought, outcome, is_there).await
    }

    async fn keep_registers(self, mut brought: Brought, mut outcome: RunMeter, is_there: bool) -> Done {
        if let Err(missed) = self.judge(&mut brought.batch, &brought.unsummed).await {
            return self.missing(outcome, missed, is_there).await;
        }
        let missed = brought.missed.or_else(|| implausible(&brought.batch));
        outcome.outcome =
            missed.as_ref().map_or(RunOutcome::Read, |missed| RunOutcome::Missing(missed.cause));
        outcome.detail = missed.map(|missed| missed.detail);
        self.keep(brought.batch, Done { outcome, slots: 0, had_it: is_there }).await
    }

    async fn curves(self, mut outcome: RunMeter) -> Done {
        let settings = &self.context.inner.settings.intervals;
        if settings.mode != IntervalMode::LoadRecord || !self.profile.load_record {
            return Done { outcome, slots: 0, had_it: true };
        }
        let gaps = self.curve_gaps(self.facts.day.previous(), 1);
        let (brought, missed) = self.read_curves(&gaps, Lane::Interval).await;
        let slots = filled(&brought);
        let wanted: u64 = gaps.iter().map(|gap| u64::from(gap.slots)).sum();
        let left = u32::try_from(wanted.saturating_sub(slots)).unwrap_or(u32::MAX);
        // What no record holds was not recorded: the meter was without supply, or keeps no such record.
        let cause = (left > 0).then(|| missed.as_ref().map_or(MissingCause::NoValue, |missed| missed.cause));
        outcome.holes = Some((left, cause));
        let had_it = missed.as_ref().is_none_or(Missed::is_of_meter);
        self.keep(brought, Done { outcome, slots, had_it }).await
    }

    async fn events(self, outcome: RunMeter) -> Done {
        let is_wanted = self.context.inner.settings.collection.events;
        if !is_wanted || self.facts.has_words.contains(&self.site.meter_id) {
            return Done { outcome, slots: 0, had_it: true };
        }
        let asker = self.context.asker(self.site, self.profile, Lane::Housekeeping);
        let none = HashMap::new();
        let counted = self.facts.counted.get(&self.site.meter_id).unwrap_or(&none);
        let Brought { batch, missed, .. } = read_events(&asker, self.facts.day, counted).await;
        let had_it = missed.as_ref().is_none_or(Missed::is_of_meter);
        self.keep(batch, Done { outcome, slots: 0, had_it }).await
    }

    /// Registers and curves of earlier days that the meter may still hold. Each day is kept by itself.
    async fn gaps(self, outcome: RunMeter) -> Done {
        let inner = &self.context.inner;
        let (meter, today) = (self.site.meter_id, self.facts.day);
        let collection = &inner.settings.collection;
        let depth = collection.repair_days.min(self.profile.daily_freezes.saturating_sub(1));
        let span = (today, depth);
        let gaps = self.facts.register_gaps(meter, &collection.registers, span, self.site.installed_at);
        let asker = self.context.asker(self.site, self.profile, self.context.lane);
        let clock_now = if gaps.is_empty() { None } else { Some(self.clock_of_tonight(&asker).await) };
        // A clock that is doubted, or was not heard, may be borne out the next time.
        let mut had_it = match &clock_now {
            None | Some(Ok((_, Dating::Sure))) => true,
            Some(Ok(_)) => false,
            Some(Err(missed)) => missed.is_of_meter(),
        };
        if let Some(Ok((clock_now, Dating::Sure))) = clock_now {
            let clocks = self.facts.clocks(meter);
            for midnight in &gaps {
                let wanted = Registers {
                    midnight,
                    may_read_live: false,
                    dating: Dating::Sure,
                    tolerance: collection.freeze_tolerance,
                    clocks: &clocks,
                    clock_now,
                };
                let mut brought = read_registers(&asker, &inner.known, wanted).await;
                let judged = self.judge(&mut brought.batch, &brought.unsummed).await;
                if judged.is_ok() && !brought.batch.is_empty() {
                    inner.writer.save(brought.batch).await;
                }
                if brought.missed.is_some_and(|missed| !is_said_of_a_day(&missed)) {
                    return Done::of(outcome);
                }
            }
        }
        let mut slots = 0;
        let intervals = &inner.settings.intervals;
        if intervals.mode == IntervalMode::LoadRecord && self.profile.load_record {
            for gap in self.curve_gaps(today.plus(-2), intervals.repair_days.saturating_sub(1)) {
                let (batch, missed) = self.read_curves(std::slice::from_ref(&gap), Lane::Interval).await;
                let (brought, curves) = (filled(&batch), curves_of(&batch));
                if !batch.is_empty() && inner.writer.save(batch).await.is_some() {
                    self.facts.has_kept(curves);
                    slots += brought;
                }
                if missed.is_some_and(|missed| !is_said_of_a_day(&missed)) {
                    had_it = false;
                    break;
                }
            }
        }
        Done { outcome, slots, had_it }
    }

    fn curve_gaps(&self, newest: Day, days: u8) -> Vec<CurveGap> {
        self.facts.curve_gaps(&self.context.inner.settings.intervals, self.site, (newest, days))
    }

    async fn read_curves(&self, gaps: &[CurveGap], lane: Lane) -> (Batch, Option<Missed>) {
        let inner = &self.context.inner;
        let (mut batch, mut first) = (Batch::default(), None);
        if gaps.is_empty() {
            return (batch, first);
        }
        let asker = self.context.asker(self.site, self.profile, lane);
        let clock_now = match self.clock_of_tonight(&asker).await {
            Ok((reading, Dating::Sure)) => reading,
            Ok((_, doubted)) => return (batch, doubted.missed()),
            Err(missed) => return (batch, Some(missed)),
        };
        let slots = inner.settings.intervals.slots;
        let by_kind = |gap| CurveWanted::by_kind(gap, slots, self.quality_of_records(gap, clock_now));
        for wanted in gaps.iter().flat_map(by_kind) {
            let brought = read_curve(&asker, &inner.store, &wanted).await;
            batch.curves.extend(brought.batch.curves);
            batch.fetches.extend(brought.batch.fetches);
            let is_silent = brought.missed.as_ref().is_some_and(|missed| !missed.is_of_meter());
            first = first.or(brought.missed);
            if is_silent {
                break;
            }
        }
        (batch, first)
    }

    /// A record says when it was taken by the meter's own clock. Where that was wrong, its values stand in other slots than
    /// their own, and are marked so.
    fn quality_of_records(&self, gap: &CurveGap, clock_now: ClockReading) -> Quality {
        let tolerance = self.context.inner.settings.collection.freeze_tolerance;
        let clocks = self.facts.clocks(self.site.meter_id);
        let is_right =
            clock_now != ClockReading::Absurd && trust(&clocks, (gap.from, gap.until), tolerance).is_ok();
        if is_right { Quality::Good } else { Quality::Suspect(Suspicion::Clock) }
    }

    /// How the clock of the meter stands, for the ledger of clocks.
    async fn judge(&self, batch: &mut Batch, unsummed: &[(Item, Moment)]) -> Result<(), Missed> {
        let known = &self.context.inner.known;
        let judged = judge(known, self.profile, &mut batch.registers, unsummed).await;
        judged.map_err(|error| Missed::of_database(&error))
    }

    async fn missing(self, mut outcome: RunMeter, missed: Missed, is_there: bool) -> Done {
        outcome.outcome = RunOutcome::Missing(missed.cause);
        outcome.detail = Some(missed.detail);
        self.keep(Batch::default(), Done { outcome, slots: 0, had_it: is_there }).await
    }

    /// Keeps a batch with the outcome of the meter, in one transaction. The next meter may be asked meanwhile.
    async fn keep(self, mut batch: Batch, done: Done) -> Done {
        let Self { context, turn, facts, .. } = self;
        let curves = curves_of(&batch);
        batch.outcomes.push(done.outcome.clone());
        let writer = &context.inner.writer;
        let ahead = writer.go_ahead();
        let turn = ahead.is_none().then_some(turn);
        let kept = writer.save(batch).await;
        drop((ahead, turn));
        if kept.is_some() {
            facts.has_kept(curves);
            return done;
        }
        // Not kept: it has to be read again.
        let detail = Some("what was read could not be kept".to_owned());
        let lost = RunOutcome::Missing(MissingCause::Stopped);
        Done::of(RunMeter { outcome: lost, detail, ..done.outcome })
    }
}

/// A register that has no accepted reading, if there is one.
pub(super) fn implausible(batch: &Batch) -> Option<Missed> {
    let mut best: HashMap<Item, bool> = HashMap::new();
    for reading in &batch.registers {
        *best.entry(reading.item).or_default() |= reading.quality.is_accepted();
    }
    let reading = batch.registers.iter().find(|reading| best.get(&reading.item) == Some(&false))?;
    let (item, value) = (reading.item, reading.item.quantity(reading.value));
    let why = crate::domain::Coded::name(reading.quality);
    Some(Missed::new(MissingCause::Implausible, format!("{} {value}: {why}", item.code())))
}

/// True for what is said of one day, and of no other.
const fn is_said_of_a_day(missed: &Missed) -> bool {
    missed.is_of_meter() || matches!(missed.cause, MissingCause::NoFreeze | MissingCause::Clock)
}

const fn does_not_say(missed: &Missed) -> bool {
    matches!(missed.cause, MissingCause::NoSuchData | MissingCause::Refused | MissingCause::NotAuthorised)
}

fn curves_of(batch: &Batch) -> Vec<DayCurve> {
    batch.curves.iter().map(|(_, curve)| curve.clone()).collect()
}

fn filled(batch: &Batch) -> u64 {
    let slots: usize = batch.curves.iter().map(|(_, curve)| curve.count()).sum();
    u64::try_from(slots).unwrap_or(u64::MAX)
}
