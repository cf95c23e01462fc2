//! Events and status words of the meters behind a terminal: asked of the meters themselves, through it, beside the run.
//!
//! - A night has a bounded time for them, counted from the first meter that was asked in it, also across restarts. The run
//!   does not wait for them, and every other question to the terminal goes first.
//! - Meters have their turn one after the other, night by night. Those of which a change is known come first: their terminal
//!   has told of one since, or their clock was seen wrong.
//! - A meter has had its turn once it was asked, whatever came of it; one that broke off is asked once more behind the
//!   others. What came before that is kept, and no event twice.

use std::collections::VecDeque;
use std::sync::Arc;

use gdw1376::address::TerminalAddress;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::super::ask::instant_of;
use super::super::collector::Inner;
use super::super::line::Context;
use super::super::phase::Facts;
use super::super::visit::{Brought, read_events};
use super::TerminalNight;
use crate::channel::Lane;
use crate::domain::{Day, MissingCause, Moment, Run};
use crate::store::archive::SiteMeter;
use crate::store::{EventTurns, StoreError};
use crate::telemetry::with_causes;
use crate::terminal::Terminals;

/// The meters behind a terminal that are asked for their events in a night.
struct Round {
    inner: Arc<Inner>,
    facts: Arc<Facts>,
    sites: Vec<Arc<SiteMeter>>,
    terminals: Terminals,
    terminal: TerminalAddress,
    run: Run,
    deadline: Instant,
    stop: CancellationToken,
}

impl TerminalNight {
    /// Begins to ask the meters that were read for their events, beside what is still to come; once a night.
    pub(super) fn begin_meter_events(&mut self) {
        let line = &self.line;
        let collection = &line.inner.settings.collection;
        let is_wanted = collection.events && !collection.forwarded_events.is_zero();
        let sites = line.answering();
        // While the terminal reads its meters none is asked through it.
        let may_be_asked = line.lane == Lane::Nightly && self.session.has_read_all && !sites.is_empty();
        if !(is_wanted && may_be_asked) || self.asks_events {
            return;
        }
        let round = Round {
            inner: Arc::clone(&line.inner),
            facts: Arc::clone(&self.facts),
            sites,
            terminals: self.asker.terminals.clone(),
            terminal: self.asker.address,
            run: line.run.clone(),
            deadline: line.deadline,
            stop: line.stop.clone(),
        };
        self.asks_events = line.inner.beside.spawn(&line.name, async move {
            let terminal = round.terminal;
            if let Err(error) = round.work().await {
                let (kind, why) = (error.kind(), with_causes(&error));
                tracing::error!(terminal = %terminal, kind, "events of the meters behind {terminal}: {why}");
            }
        });
    }
}

impl Round {
    async fn work(self) -> Result<(), StoreError> {
        let meters: Vec<_> = self.sites.iter().map(|site| site.meter_id).collect();
        let turns = self.inner.store.event_turns(&meters, &TOLD).await?;
        let until = self.ends(&turns);
        let run = (self.run.id, self.stop.clone());
        let name = self.terminal.to_string();
        let Some(context) = Context::beside(&self.inner, &name, until, run) else { return Ok(()) };
        let mut waiting: VecDeque<(Arc<SiteMeter>, bool)> =
            self.in_turn(&turns).into_iter().map(|site| (site, true)).collect();
        let (planned, mut asked) = (waiting.len(), 0_usize);
        while let Some((site, is_first)) = waiting.pop_front() {
            if !self.may_ask(until).await {
                break;
            }
            // One that takes the whole night has had its turn by that: else nobody else ever has one.
            let is_only = asked == 0 && is_first;
            match self.visit(&context, &site, (is_first, is_only)).await {
                Visited::Done => asked += 1,
                Visited::BrokeOff => waiting.push_back((site, false)),
                Visited::Over => break,
            }
        }
        let terminal = self.terminal;
        tracing::info!(terminal = %terminal, planned, asked,
            "{asked} of {planned} meters behind terminal {terminal} were asked for their events");
        Ok(())
    }

    /// When the time of this night is over: it began when the first of these meters was asked.
    fn ends(&self, turns: &EventTurns) -> Instant {
        let now = self.inner.clock.now();
        let of_night = turns.asked.values().filter(|at| (self.run.started_at..=now).contains(*at));
        let began = of_night.min().copied().unwrap_or(now);
        let until = began.plus(self.inner.settings.collection.forwarded_events);
        instant_of(&self.inner.clock, until).min(self.deadline)
    }

    /// Those that were not asked in this night, in the order of their turns.
    fn in_turn(&self, turns: &EventTurns) -> Vec<Arc<SiteMeter>> {
        let asked = |site: &SiteMeter| turns.asked.get(&site.meter_id).copied();
        let mut sites = self.sites.clone();
        sites.retain(|site| asked(site).is_none_or(|at| at < self.run.started_at));
        let is_known_changed = |site: &SiteMeter| {
            turns.changed.contains(&site.meter_id) || self.is_clock_wrong(site, asked(site))
        };
        sites.sort_by_cached_key(|site| (!is_known_changed(site), asked(site), site.meter_id.number()));
        sites
    }

    /// Whether its clock was seen wrong since.
    fn is_clock_wrong(&self, site: &SiteMeter, since: Option<Moment>) -> bool {
        let tolerance = self.inner.settings.collection.freeze_tolerance;
        let clocks = self.facts.clocks(site.meter_id);
        let last = clocks.last().filter(|clock| since.is_none_or(|since| clock.at > since));
        last.is_some_and(|clock| !clock.is_within(tolerance))
    }

    /// Waits for a terminal that is away; false when there is no time left.
    async fn may_ask(&self, until: Instant) -> bool {
        let mut changes = self.terminals.changes();
        let is_there = async {
            while !self.is_online() {
                use tokio::sync::broadcast::error::RecvError;
                if changes.recv().await == Err(RecvError::Closed) {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = sleep_until(until) => false,
            () = is_there => true,
        }
    }

    fn is_online(&self) -> bool {
        self.terminals.status(self.terminal).is_some_and(|status| status.is_online)
    }

    /// Asks one meter, and keeps what it said.
    async fn visit(
        &self,
        context: &Context,
        site: &Arc<SiteMeter>,
        (is_first, is_only): (bool, bool),
    ) -> Visited {
        // A meter without a profile was told of before.
        let Some(profile) = context.profile(site) else { return Visited::Done };
        let asker = context.asker(site, profile, Lane::Housekeeping);
        let counted = self.facts.counted(site.meter_id);
        let began = self.inner.clock.now();
        let Brought { mut batch, missed, .. } = read_events(&asker, Day::of(began), &counted).await;
        let cause = missed.map(|missed| missed.cause);
        let is_over = matches!(cause, Some(MissingCause::Stopped | MissingCause::OutOfTime));
        let has_had_turn = match cause {
            None => true,
            Some(MissingCause::Stopped) => false,
            Some(MissingCause::OutOfTime) => is_only,
            Some(_) => !is_first,
        };
        if has_had_turn {
            batch.notes.event_turns.push((site.meter_id, began));
        }
        let is_kept = batch.is_empty() || self.inner.writer.save(batch).await.is_some();
        match (is_kept, is_over, has_had_turn) {
            (false, ..) | (_, true, _) => Visited::Over,
            (_, _, true) => Visited::Done,
            (_, _, false) => Visited::BrokeOff,
        }
    }
}

/// What came of a visit.
enum Visited {
    /// The meter has had its turn.
    Done,
    /// It is to be asked once more.
    BrokeOff,
    /// Nothing more can be done in this night.
    Over,
}

/// What a terminal tells of a meter (ERC) that its own events say more of: parameters, its clock, faults, registers that
/// fell, fled or stood, its status words, covers and magnets. [1376 3.10]
const TOLD: [u8; 12] = [8, 12, 13, 27, 28, 29, 30, 33, 37, 38, 40, 41];
