//! The registers of midnights, many points a question.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use gdw1376::identifier::{FnNumber, Point};
use gdw1376::request::{Freeze, Period, Request};

use super::super::ask::Missed;
use super::super::judge::judge;
use super::super::phase::implausible;
use super::freeze::{Frozen, frozen};
use super::{TerminalNight, items, point_of};
use crate::domain::{
    Day, Fetch, Item, MissingCause, Moment, Quality, RegisterReading, RunMeter, RunOutcome, Source, Suspicion,
};
use crate::store::Batch;
use crate::store::archive::SiteMeter;

/// Meters with their points.
type Pointed = Vec<(Arc<SiteMeter>, Point)>;

impl TerminalNight {
    /// Reads what the terminal froze tonight for these meters. What belongs to a point that is not verified is held.
    pub(super) async fn read_registers(&mut self, sites: Vec<Arc<SiteMeter>>) {
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
                let quality = self.quality((midnight, midnight), site);
                self.add(site, &frozen, (midnight, quality), batch).await.err()
            }
            // What came of asking the meter itself says more than that the terminal has nothing.
            Err(_)
                if self.asked_early.contains(&site.meter_id)
                    && matches!(outcome.outcome, RunOutcome::Missing(_)) =>
            {
                return None;
            }
            Err(missed) => Some(missed),
        };
        let told = missed.as_ref().map_or(RunOutcome::Read, |missed| RunOutcome::Missing(missed.cause));
        Some(RunMeter { outcome: told, detail: missed.map(|missed| missed.detail), ..outcome })
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
        judge(&inner.store, profile, &mut own.registers).await.map_err(|error| {
            tracing::error!(kind = error.kind(), "readings cannot be judged: {error}");
            Missed::new(MissingCause::Stopped, "the database does not answer")
        })?;
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
                    let quality = self.quality((day.start(), day.start()), site);
                    // What speaks against it is kept with it.
                    let _ = self.add(site, &frozen, (day.start(), quality), &mut batch).await;
                }
                self.line.keep(batch, Vec::new()).await;
            }
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

    /// As [`Self::ask_freezes`], once. A question that is left unanswered is put again by halves, as long as any part is
    /// answered at all.
    async fn ask_freezes_once(
        &self,
        points: Vec<Point>,
        totals: &[Item],
        day: Day,
    ) -> HashMap<u16, Result<Frozen, Missed>> {
        let tolerance = self.line.inner.settings.collection.freeze_tolerance;
        let functions: Vec<FnNumber> =
            totals.iter().filter_map(|total| items::daily_freeze(*total)).collect();
        let mut found = HashMap::new();
        let Some(ended) = items::civil(day.previous().start()) else { return found };
        let (mut questions, mut unanswered) = (vec![points], 0_u32);
        while let Some(points) = questions.pop() {
            let freeze =
                Freeze { points: points.clone(), functions: functions.clone(), period: Period::Day(ended) };
            let what = format!("freezes of {} points", points.len());
            match self.asker.ask(&what, Request::ReadFreeze(freeze)).await {
                Ok(answered) => {
                    unanswered = 0;
                    let asked = points.iter().map(|point| point.number());
                    let mut came = frozen(&answered, day, tolerance);
                    found.extend(asked.filter_map(|point| Some((point, came.remove(&point)?))));
                }
                Err(missed)
                    if missed.cause == MissingCause::TerminalSilent && unanswered < MOST_UNANSWERED =>
                {
                    unanswered += 1;
                    match points.split_at_checked(points.len() / 2) {
                        Some((first, last)) if !first.is_empty() => {
                            questions.extend([last.to_vec(), first.to_vec()]);
                        }
                        _ => found.extend(points.iter().map(|point| (point.number(), Err(missed.clone())))),
                    }
                }
                Err(missed) if missed.is_not_there() => {
                    let none = || Err(Missed::new(MissingCause::NoValue, missed.detail.clone()));
                    found.extend(points.iter().map(|point| (point.number(), none())));
                }
                Err(missed) => {
                    let left = points.iter().chain(questions.iter().flatten());
                    found.extend(left.map(|point| (point.number(), Err(missed.clone()))));
                    break;
                }
            }
        }
        found
    }
}

/// How many points one question names: two groups of eight, whose answer fits into a frame of any terminal.
const POINTS_AT_ONCE: usize = 16;
/// How many questions in a row may be left unanswered before the rest is given up.
const MOST_UNANSWERED: u32 = 3;
