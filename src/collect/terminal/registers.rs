//! The registers of midnights, many points a question.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use gdw1376::identifier::{FnNumber, Point};
use gdw1376::request::{Freeze, Period, Request};

use super::super::ask::Missed;
use super::super::judge::judge;
use super::super::phase::{Step, implausible};
use super::ask::Reach;
use super::freeze::{Frozen, frozen, left_out};
use super::questions::Questions;
use super::{AT_ONCE, TerminalNight, items, point_of};
use crate::domain::{
    Day, Fetch, Item, MissingCause, Moment, Quality, RegisterKey, RegisterReading, RunMeter, RunOutcome,
    Source, Suspicion,
};
use crate::store::Batch;
use crate::store::archive::SiteMeter;

/// Meters with their points.
type Pointed = Vec<(Arc<SiteMeter>, Point)>;

impl TerminalNight {
    /// Reads what the terminal froze tonight for these meters. What belongs to a point that is not verified is held.
    pub(super) async fn read_registers(&mut self, sites: Vec<Arc<SiteMeter>>) {
        self.doubt_claimed();
        let (pointed, others) = self.stored(sites);
        for (site, missed) in others {
            let outcome = self.line.outcome_of(site.meter_id).map(|outcome| outcome.outcome);
            // What came of asking the meter itself says more.
            if outcome == Some(RunOutcome::Waiting) {
                self.miss(&[site], &missed).await;
            }
        }
        self.line.expect(pointed.len());
        let totals = self.line.inner.settings.collection.registers.clone();
        for chunk in pointed.chunks(POINTS_AT_ONCE) {
            if self.line.is_over() {
                return;
            }
            let points = chunk.iter().map(|(_, point)| *point).collect();
            let mut found = self.ask_freezes(points, &totals, self.day()).await;
            let (mut batch, mut outcomes) = (Batch::default(), Vec::new());
            for (site, point) in chunk {
                let Some(outcome) = self.line.outcome_of(site.meter_id) else { continue };
                let none =
                    || Missed::new(MissingCause::NoValue, "the terminal's answer leaves the point out");
                let came = found.remove(&point.number()).unwrap_or_else(|| Err(none()));
                if let Ok(frozen) = &came {
                    self.totals.insert(point.number(), frozen.totals());
                }
                // Its turn did not come: nothing is known of the meter for that.
                let is_unasked = came.as_ref().is_err_and(|missed| missed.cause == MissingCause::OutOfTime);
                if !is_unasked {
                    outcomes.extend(self.book(site, outcome, came, &mut batch).await);
                }
            }
            self.line.keep(batch, outcomes).await;
        }
    }

    /// Whether what the terminal stores for a meter can be used at all.
    pub(super) fn is_stored(&self, site: &SiteMeter) -> bool {
        let profiles = &self.line.inner.settings.profiles;
        let profile = profiles.of(site.meter.profile.as_deref(), site.meter.protocol);
        let is_excluded =
            point_of(site).is_none_or(|point| self.session.excluded.contains_key(&point.number()));
        !is_excluded && profile.is_some_and(|profile| profile.daily_freezes > 0)
    }

    /// Books what came for a meter, or holds it; how the meter stands then, if that is to be told.
    pub(super) async fn book(
        &mut self,
        site: &SiteMeter,
        outcome: RunMeter,
        came: Result<Frozen, Missed>,
        batch: &mut Batch,
    ) -> Option<RunMeter> {
        let midnight = self.day().start();
        let missed = match came {
            Ok(frozen) if !self.is_believed(site) => {
                self.held.insert(site.meter_id, frozen);
                return None;
            }
            Ok(frozen) => {
                let is_doubtful = self.is_late(site, &frozen, midnight)
                    || self.has_stopped_suddenly(site, &frozen, midnight).await;
                if is_doubtful {
                    self.doubt(site, frozen);
                    return None;
                }
                let quality = self.quality((midnight, midnight), site);
                let mut own = Batch::default();
                let against = self.add(site, &frozen, (midnight, quality), &mut own).await.err();
                let is_implausible =
                    against.as_ref().is_some_and(|missed| missed.cause == MissingCause::Implausible);
                if is_implausible && !self.asked.contains(&site.meter_id) {
                    self.doubt(site, frozen);
                    return None;
                }
                batch.fetches.append(&mut own.fetches);
                batch.registers.append(&mut own.registers);
                against.or(self.lacking(site, &frozen, midnight).await)
            }
            // What came of asking the meter itself says more than that the terminal has nothing.
            Err(_)
                if self.asked.contains(&site.meter_id)
                    && matches!(outcome.outcome, RunOutcome::Missing(_)) =>
            {
                return None;
            }
            Err(missed) => Some(missed),
        };
        let told = missed.as_ref().map_or(RunOutcome::Read, |missed| RunOutcome::Missing(missed.cause));
        Some(RunMeter { outcome: told, detail: missed.map(|missed| missed.detail), ..outcome })
    }

    /// It counts when the meter itself says the same.
    fn doubt(&mut self, site: &SiteMeter, frozen: Frozen) {
        self.due.extend(self.verified.remove(&site.meter_id).map(|before| (site.meter_id, before)));
        self.doubtful.insert(site.meter_id);
        self.held.insert(site.meter_id, frozen);
    }

    /// Whether a meter that counted until the midnight before has counted nothing since, as the terminal says, which may be
    /// telling what it stored then (F24); also when that cannot be told.
    async fn has_stopped_suddenly(&self, site: &SiteMeter, frozen: &Frozen, midnight: Moment) -> bool {
        let known = &self.line.inner.known;
        let key = |item: Item, as_of: Moment| RegisterKey { meter: site.meter_id, item, as_of };
        let totals = frozen.totals();
        let keys: Vec<_> = totals.iter().map(|(item, _)| key(*item, midnight)).collect();
        let Ok(beside) = known.neighbours(&keys).await else { return true };
        let before: Vec<_> = totals
            .iter()
            .filter_map(|(item, value)| Some((*item, *value, beside.get(&key(*item, midnight))?.before?)))
            .collect();
        if before.is_empty() || before.iter().any(|(_, value, state)| state.value != *value) {
            return false;
        }
        let keys: Vec<_> = before.iter().map(|(item, _, state)| key(*item, state.at)).collect();
        let Ok(earlier) = known.neighbours(&keys).await else { return true };
        before.iter().any(|(item, value, state)| {
            let earlier = earlier.get(&key(*item, state.at)).and_then(|beside| beside.before);
            earlier.is_some_and(|earlier| earlier.value != *value)
        })
    }

    /// Whether the terminal has read a meter so long behind a midnight that it may be the register as it stood then: a terminal
    /// whose question for the freeze was refused reads that, and says nothing of it (F24).
    pub(super) fn is_late(&self, site: &SiteMeter, frozen: &Frozen, midnight: Moment) -> bool {
        let known = self.verified.get(&site.meter_id).or_else(|| self.due.get(&site.meter_id));
        let usual = known.and_then(|verified| verified.turn);
        frozen.turn(midnight) > usual.map_or(LATEST, |usual| (usual + LATER).min(LATEST))
    }

    /// What was asked for and is not there, unless the meter never had it. Tariffs of which a terminal does not speak any more
    /// are of that.
    async fn lacking(&self, site: &SiteMeter, frozen: &Frozen, as_of: Moment) -> Option<Missed> {
        let profiles = &self.line.inner.settings.profiles;
        let profile = profiles.of(site.meter.profile.as_deref(), site.meter.protocol);
        let tariffs = profile.map_or(0, |profile| profile.tariffs);
        let mut lacking = frozen.lacking.clone();
        for (total, _) in frozen.totals() {
            for tariff in (1..=tariffs).filter_map(|tariff| total.with_tariff(tariff)) {
                let is_told = frozen.values().any(|value| value.item == tariff);
                if !is_told && !lacking.is_unfitted(tariff) {
                    lacking.unfitted(tariff, left_out(tariff));
                }
            }
        }
        lacking.missed(&self.line.inner.known, (site.meter_id, as_of)).await
    }

    /// Adds the registers of a freeze to a batch; says what speaks against them.
    pub(super) async fn add(
        &self,
        site: &SiteMeter,
        frozen: &Frozen,
        (as_of, quality): (Moment, Quality),
        batch: &mut Batch,
    ) -> Result<(), Missed> {
        let inner = &self.line.inner;
        let profile = inner.settings.profiles.of(site.meter.profile.as_deref(), site.meter.protocol);
        let Some(profile) = profile else { return Err(Missed::new(MissingCause::NoPath, "no profile")) };
        let fetch = Fetch {
            id: inner.store.new_fetch_id(frozen.collected_at),
            meter: site.meter_id,
            items: frozen.values().map(|value| value.item).collect(),
            from: as_of,
            until: as_of,
            source: Source::Freeze,
            collected_at: frozen.collected_at,
            frames: frozen.frames.clone(),
            run: Some(self.line.run.id),
        };
        let reading = |value: &super::super::interpret::ItemValue| RegisterReading {
            meter: site.meter_id,
            item: value.item,
            as_of,
            value: value.value,
            meter_time: Some(frozen.read_at.clone()),
            collected_at: frozen.collected_at,
            source: Source::Freeze,
            quality,
            fetch: Some(fetch.id),
        };
        let mut own = Batch { registers: frozen.values().map(reading).collect(), ..Batch::default() };
        let unsummed: Vec<_> = frozen.lacking.unsummed_totals().map(|total| (total, as_of)).collect();
        let judged = judge(&inner.known, profile, &mut own.registers, &unsummed).await;
        judged.map_err(|error| Missed::of_database(&error))?;
        let against = match quality {
            Quality::Suspect(Suspicion::Clock) => {
                Some(Missed::new(MissingCause::Clock, "the clock of the terminal or of the meter was wrong"))
            }
            Quality::Suspect(_) => Some(Missed::new(
                MissingCause::PointNotVerified,
                "the meter itself did not confirm what the terminal stores for its point",
            )),
            Quality::Good | Quality::Estimated => implausible(&own),
        };
        batch.fetches.push(fetch);
        batch.registers.append(&mut own.registers);
        against.map_or(Ok(()), Err)
    }

    /// Registers of earlier midnights that are missing of these meters, day by day.
    pub(super) async fn read_earlier_registers(&mut self, sites: &[Arc<SiteMeter>]) {
        let collection = self.line.inner.settings.collection.clone();
        let mut days: BTreeMap<(Day, Vec<i32>), (Vec<Item>, Pointed)> = BTreeMap::new();
        for site in sites {
            let Some(point) = point_of(site) else { continue };
            let span = (self.day(), collection.repair_days);
            for gap in self.facts.register_gaps(site.meter_id, &collection.registers, span, site.installed_at)
            {
                if !self.is_believed_of(site, gap.day) {
                    continue;
                }
                let key = (gap.day, gap.items.iter().map(|item| item.key().number()).collect());
                let (_, pointed) = days.entry(key).or_insert_with(|| (gap.items.clone(), Vec::new()));
                pointed.push((Arc::clone(site), point));
            }
        }
        for ((day, _), (totals, pointed)) in days {
            for chunk in pointed.chunks(POINTS_AT_ONCE) {
                if self.line.is_over() {
                    return;
                }
                let points = chunk.iter().map(|(_, point)| *point).collect();
                let mut found = self.ask_freezes(points, &totals, day).await;
                let mut batch = Batch::default();
                for (site, point) in chunk {
                    let Some(Ok(frozen)) = found.remove(&point.number()) else { continue };
                    // Somebody else may have come under its address meanwhile.
                    if !self.is_believed_of(site, day) {
                        continue;
                    }
                    if self.is_late(site, &frozen, day.start()) {
                        self.late_gaps.insert(site.meter_id);
                        continue;
                    }
                    let quality = self.quality((day.start(), day.start()), site);
                    // What speaks against it is kept with it.
                    let _ = self.add(site, &frozen, (day.start(), quality), &mut batch).await;
                }
                self.line.keep(batch, Vec::new()).await;
            }
        }
    }

    /// Earlier midnights that the terminal read so late that it proves nothing are read from the meters themselves, once.
    pub(super) async fn forward_late_gaps(&mut self) {
        let late = std::mem::take(&mut self.late_gaps);
        let mut sites = self.line.answering();
        sites.retain(|site| late.contains(&site.meter_id));
        if !sites.is_empty() && !self.line.is_over() {
            let facts = Arc::clone(&self.facts);
            self.line.phase(Step::Gaps, sites, &facts, AT_ONCE).await;
        }
    }

    /// The meters of which the terminal's own freezes can be used, in the order of their points, and why the others cannot.
    fn stored(&self, sites: Vec<Arc<SiteMeter>>) -> (Pointed, Vec<(Arc<SiteMeter>, Missed)>) {
        let (mut pointed, mut others) = (Vec::new(), Vec::new());
        for site in sites {
            let Some(point) = point_of(&site) else { continue };
            if let Some(missed) = self.session.excluded.get(&point.number()) {
                others.push((site, missed.clone()));
            } else if self.is_stored(&site) {
                pointed.push((site, point));
            }
        }
        pointed.sort_by_key(|(_, point)| *point);
        (pointed, others)
    }

    /// What the terminal froze for these points at the midnight that begins a day, asked twice: what counts is what it has
    /// said both times (F24).
    async fn ask_freezes(
        &self,
        points: Vec<Point>,
        totals: &[Item],
        day: Day,
    ) -> HashMap<u16, Result<Frozen, Missed>> {
        let mut found = self.ask_freezes_once(points.clone(), totals, day).await;
        let is_there = |point: &Point| matches!(found.get(&point.number()), Some(Ok(_)));
        let there: Vec<Point> = points.into_iter().filter(is_there).collect();
        if there.is_empty() {
            return found;
        }
        for (point, again) in self.ask_freezes_once(there.clone(), totals, day).await {
            let Some(first) = found.remove(&point) else { continue };
            found.insert(point, first.and_then(|first| first.confirmed(again)));
        }
        // What was left out the second time was said once.
        for point in there {
            let is_told = |told: &Result<Frozen, Missed>| told.as_ref().is_ok_and(|told| !told.is_confirmed);
            if found.get(&point.number()).is_some_and(is_told) {
                let once = Missed::new(MissingCause::NoValue, "the terminal gave it once, and not again");
                found.insert(point.number(), Err(once));
            }
        }
        found
    }

    /// As [`Self::ask_freezes`], once.
    async fn ask_freezes_once(
        &self,
        points: Vec<Point>,
        totals: &[Item],
        day: Day,
    ) -> HashMap<u16, Result<Frozen, Missed>> {
        let tolerance = self.line.inner.settings.collection.freeze_tolerance;
        let functions: Vec<FnNumber> =
            totals.iter().filter_map(|total| items::daily_freeze(*total)).collect();
        let Some(ended) = items::civil(day.previous().start()) else { return HashMap::new() };
        let mut questions = Questions::of(points);
        while let Some(points) = questions.next() {
            let freeze =
                Freeze { points: points.clone(), functions: functions.clone(), period: Period::Day(ended) };
            let what = format!("freezes of {} points", points.len());
            match self.asker.ask(&what, Request::ReadFreeze(freeze)).await {
                Ok(answered) => {
                    let (mut came, reach) = (frozen(&answered, (day, totals), tolerance), answered.reach());
                    if reach == Reach::Lossy && points.len() > 1 {
                        // What the answer does not speak of may stand in the frame that was lost, and what is of another day may be
                        // of another answer; that there is no value is told.
                        let is_told = |told: &Result<Frozen, Missed>| {
                            told.as_ref()
                                .map_or_else(|missed| missed.cause == MissingCause::NoValue, |_| true)
                        };
                        came.retain(|point, told| is_told(told) && answered.speaks_of(*point, &functions));
                    }
                    questions.answered(&points, came, reach);
                }
                Err(missed) => questions.missed(&points, &missed),
            }
        }
        questions.found()
    }
}

/// What a terminal read later than this behind midnight is never taken for a freeze without asking the meter.
pub(super) const LATEST: Duration = Duration::from_secs(6 * 3600);
/// Nor what it read so much later than when the meter bore it out.
const LATER: Duration = Duration::from_secs(30 * 60);
/// How many points one question names: two groups of eight, whose answer fits into a frame of any terminal.
const POINTS_AT_ONCE: usize = 16;
