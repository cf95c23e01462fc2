//! The path of a line: opened, lost, opened again with growing waits, given up for a while.

use std::time::Duration;

use dlt645::address::AddressField;
use metrics::{counter, gauge};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::drive::Driver;
use super::ear::Ear;
use super::proof::Unproven;
use super::status::LinePhase;
use super::{ChannelSettings, End, Timer};
use crate::link::{Backoff, Dialler, Link, LinkError, Rate};
use crate::telemetry;

/// Where the line gets its path from, and how that has gone.
pub(super) struct Path {
    dialler: Dialler,
    backoff: Backoff,
    pub(super) open: Option<Open>,
    pub(super) unproven: Unproven,
    /// Since when there is no path that lasts.
    without_since: Instant,
    dialled_at: Instant,
    redial_at: Instant,
    /// What went wrong last: its kind, and in words.
    trouble: Option<(&'static str, String)>,
    /// Whoever reads the log believes the line to be up: a path that is opened anew on purpose is not worth a word.
    is_told_up: bool,
}

/// An open path.
pub(super) struct Open {
    pub(super) link: Link,
    pub(super) timer: Timer,
    since: Instant,
    /// A meter has answered on it.
    pub(super) is_proven: bool,
    /// How it is set; `None` for how the line is.
    pub(super) rate: Option<Rate>,
}

impl Path {
    pub(super) fn new(dialler: Dialler, settings: &ChannelSettings) -> Self {
        let now = Instant::now();
        Self {
            dialler,
            backoff: Backoff::new(settings.redial_first, settings.redial_most, settings.seed),
            open: None,
            unproven: Unproven::default(),
            without_since: now,
            dialled_at: now,
            redial_at: now,
            trouble: None,
            is_told_up: false,
        }
    }

    /// True when an old answer may be under way that could be taken for one to a question to this meter, and only a new
    /// path is free of it. (F6)
    pub(super) fn endangers(&self, asked: AddressField) -> bool {
        self.dialler.reopens() && self.unproven.endangers(asked)
    }
}

impl Driver {
    /// Opens the path, when the time to do so has come. Work that comes in the meantime ends when the line is down.
    pub(super) async fn connect(&mut self, stop: &CancellationToken) {
        if !self.is_down() {
            self.shared.set_phase(LinePhase::Connecting);
        }
        if !self.wait_to_dial(stop).await {
            return;
        }
        let (is_down, shared) = (self.is_down(), &self.shared);
        let dialled = {
            let dial = self.path.dialler.dial();
            tokio::pin!(dial);
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    dialled = &mut dial => break dialled,
                    () = shared.work.notified(), if is_down => shared.end_all(&End::LineDown, true),
                }
            }
        };
        let result = dialled.as_ref().map_or_else(LinkError::kind, |_| "connected");
        counter!(telemetry::DIALS, "result" => result).increment(1);
        match dialled {
            Ok(link) => self.opened(link),
            Err(error) => self.not_opened(&error),
        }
    }

    /// False when the line is to be closed.
    async fn wait_to_dial(&mut self, stop: &CancellationToken) -> bool {
        while Instant::now() < self.path.redial_at {
            self.lose_patience();
            let (is_down, patience) = (self.is_down(), self.path.without_since + self.settings.patience);
            let redial_at = self.path.redial_at;
            tokio::select! {
                biased;
                () = stop.cancelled() => return false,
                () = sleep_until(if is_down { redial_at } else { redial_at.min(patience) }) => {}
                () = self.shared.work.notified() => {}
            }
            if !is_down && self.shared.with_queues(|queues| queues.is_urgent()) {
                // Somebody waits: not so long.
                self.path.redial_at = redial_at.min(self.path.dialled_at + self.settings.redial_first);
            }
        }
        self.lose_patience();
        self.path.dialled_at = Instant::now();
        true
    }

    fn is_down(&self) -> bool {
        matches!(self.shared.phase.borrow().0, LinePhase::Down { .. })
    }

    fn opened(&mut self, link: Link) {
        self.path.open = Some(Open {
            link,
            timer: Timer::default(),
            since: Instant::now(),
            is_proven: false,
            rate: self.settings.rate,
        });
        self.path.unproven.clear();
        self.ear = Ear::new();
        if self.shared.set_phase(LinePhase::Up) {
            gauge!(telemetry::LINES_UP).increment(1.0);
            if !std::mem::replace(&mut self.path.is_told_up, true) {
                tracing::info!(channel.name = %self.settings.name, "line {} is up", self.settings.name);
            }
        }
    }

    fn not_opened(&mut self, error: &LinkError) {
        // A device that dials in was waited for already.
        let is_waited_for = matches!(error, LinkError::NotDialledIn { .. });
        let wait = if is_waited_for { Duration::ZERO } else { self.path.backoff.wait() };
        self.path.redial_at = Instant::now() + wait;
        self.path.trouble = Some((error.kind(), error.with_causes()));
        self.lose_patience();
    }

    /// Ends what waits when there has been no path for too long.
    fn lose_patience(&mut self) {
        let Some((reason, words)) = &self.path.trouble else { return };
        if !self.is_down() && Instant::now() < self.path.without_since + self.settings.patience {
            return;
        }
        if self.shared.set_phase(LinePhase::Down { reason }) {
            let name = &self.settings.name;
            tracing::error!(channel.name = %name, reason, "line {name} is down: {words}");
            self.path.is_told_up = false;
        }
        self.shared.end_all(&End::LineDown, true);
    }

    /// The path has failed.
    pub(super) fn lose(&mut self, error: &LinkError) {
        counter!(telemetry::LOST, "reason" => error.kind()).increment(1);
        self.shared.with_tally(|tally| tally.lost += 1);
        let name = &self.settings.name;
        tracing::warn!(channel.name = %name, reason = error.kind(), "line {name} is lost: {}", error.with_causes());
        self.path.trouble = Some((error.kind(), error.with_causes()));
        self.path.is_told_up = false;
        self.drop_path();
    }

    /// Opens the path anew, so that nothing old can come by it.
    pub(super) fn reopen(&mut self) {
        counter!(telemetry::LOST, "reason" => "old_answer").increment(1);
        self.shared.with_tally(|tally| tally.reopened += 1);
        self.close_path();
        (self.path.without_since, self.path.redial_at) = (Instant::now(), Instant::now());
    }

    /// Gives the path up. One that was good is opened again at once, another after a while.
    pub(super) fn drop_path(&mut self) {
        let Some(open) = self.close_path() else { return };
        let now = Instant::now();
        self.path.redial_at = now;
        if open.is_proven || now.saturating_duration_since(open.since) >= STEADY {
            self.path.backoff.reset();
            self.path.without_since = now;
        } else {
            self.path.redial_at += self.path.backoff.wait();
        }
    }

    fn close_path(&mut self) -> Option<Open> {
        let open = self.path.open.take()?;
        gauge!(telemetry::LINES_UP).decrement(1.0);
        self.shared.set_phase(LinePhase::Connecting);
        Some(open)
    }
}

/// A path that has lasted so long is a good one.
const STEADY: Duration = Duration::from_secs(10);
