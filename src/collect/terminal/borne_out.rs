//! Whether the clock of this machine is borne out before the clock of a terminal is set by it (F14, F33).
//!
//! A terminal is no witness for the clock that it is set by: what was wrong would be right from then on, and would date what
//! all meters behind it froze. So another clock has to show the time of ours: that of meters which were heard lately, of a meter
//! behind this one, or of another terminal.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::super::Collector;
use super::super::line::Context;
use super::super::visit::{ClockReading, read_clock};
use super::super::witnesses::Verdict;
use super::ask::TerminalAsker;
use super::session;
use crate::channel::Lane;
use crate::domain::ClockOffset;
use crate::store::StoreError;
use crate::store::archive::SiteMeter;

impl Collector {
    /// Whether another clock than that of this terminal shows the time of ours.
    pub(super) async fn is_borne_out(&self, own: &TerminalAsker) -> Result<bool, StoreError> {
        let inner = &self.inner;
        match inner.witnesses.verdict_within(inner.clock.now(), NEAR) {
            Verdict::BornOut => return Ok(true),
            Verdict::Contradicted { .. } => return Ok(false),
            Verdict::Unknown => {}
        }
        let asked = async { Ok(self.meter_shows_it(own).await? || self.other_terminal_shows_it(own).await) };
        timeout(PATIENCE, asked).await.unwrap_or(Ok(false))
    }

    async fn other_terminal_shows_it(&self, own: &TerminalAsker) -> bool {
        let others = own.terminals.all().into_iter();
        let others = others.filter(|other| other.is_online && other.address != own.address);
        for other in others.take(MOST_ASKED) {
            let deadline = Instant::now() + PATIENCE;
            let asker = TerminalAsker { address: other.address, deadline, patience: PATIENCE, ..own.clone() };
            if session::read_clock(&asker).await.is_ok_and(|clock| clock.is_some_and(is_near)) {
                return true;
            }
        }
        false
    }

    async fn meter_shows_it(&self, own: &TerminalAsker) -> Result<bool, StoreError> {
        let (inner, name) = (&self.inner, own.address.to_string());
        let mut sites = inner.store.site_meters().await?;
        sites.retain(|site: &SiteMeter| *site.meter.path.line() == name);
        let deadline = inner.clock.now().plus(PATIENCE);
        let stop = CancellationToken::new();
        let Some(context) = Context::outside_runs(Arc::clone(inner), &name, deadline, stop) else {
            return Ok(false);
        };
        for site in sites.iter().take(MOST_ASKED) {
            let Some(profile) = context.profile(site) else { continue };
            let asker = context.asker(site, profile, Lane::OnDemand);
            if let Ok(ClockReading::Off(clock)) = read_clock(&asker, None).await
                && is_near(clock)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether a clock shows the time of ours.
fn is_near(clock: ClockOffset) -> bool {
    clock.is_within(NEAR + clock.uncertainty.min(NEAR))
}

/// A clock that is off by less shows our time: less than a freeze may be off, so that what is set by ours makes no freeze a
/// wrong one.
const NEAR: Duration = Duration::from_secs(60);
/// So many others are asked.
const MOST_ASKED: usize = 5;
/// How long they are asked for, all together.
const PATIENCE: Duration = Duration::from_secs(60);
