//! The terminal's own supply: without it nothing runs but its clock; when it comes back there is an event. [1376 3.10]

use core::time::Duration;

use super::encode::Unit;
use super::{Act, Concentrator};
use crate::bus::moment::Moment;
use crate::instant::At;

/// Whether there is supply, and when there was none.
#[derive(Clone, Debug, Default)]
pub(super) struct Power {
    /// Since when there is none, in the world.
    off_since: Option<At>,
    /// Earlier times without, from and to.
    gaps: Vec<(At, At)>,
    /// The last charge is spent then.
    dies_at: Option<Moment>,
    /// A restart is over then.
    starts_at: Option<Moment>,
}

impl Power {
    /// True while the terminal runs.
    pub(super) const fn is_on(&self) -> bool {
        self.off_since.is_none() && self.starts_at.is_none()
    }

    /// True while it can still talk: also on its last charge.
    pub(super) const fn can_talk(&self) -> bool {
        self.is_on() || self.dies_at.is_some()
    }

    /// Whether the terminal had supply at an instant.
    pub(super) fn was_on(&self, at: At) -> bool {
        self.off_since.is_none_or(|since| at < since)
            && !self.gaps.iter().any(|(from, to)| (*from..*to).contains(&at))
    }

    pub(super) fn next_at(&self) -> Option<Moment> {
        self.dies_at.into_iter().chain(self.starts_at).min()
    }
}

impl Concentrator {
    /// Takes the supply away. With a last charge the terminal still says so (ERC 14), then it is gone without a word, its
    /// connection left open.
    pub fn power_off(&mut self, now: Moment) {
        self.advance(now);
        if self.power.off_since.is_some() {
            return;
        }
        let at = self.at();
        self.power.starts_at = None;
        if self.habits.last_gasp && self.link.is_online() {
            let body = Unit::new().a15(Some(self.shown())).missing(5).into_bytes();
            self.events.note(POWER, body, at);
            self.report_now();
        }
        self.power.off_since = Some(at);
        self.power.dies_at = Some(self.now.plus(LAST_CHARGE));
        self.collector.stop();
        self.forwards.clear();
        self.lines.drop_exchange();
    }

    /// Gives the supply back; the terminal dials anew.
    pub fn power_on(&mut self, now: Moment) {
        self.advance(now);
        let Some(since) = self.power.off_since.take() else { return };
        self.die();
        let at = self.at();
        self.power.gaps.push((since, at));
        let body = Unit::new().a15(Some(self.clock.shown(since))).a15(Some(self.shown())).into_bytes();
        self.events.note(POWER, body, at);
        self.restart_in(BOOT);
    }

    /// True while there is supply.
    #[must_use]
    pub const fn has_power(&self) -> bool {
        self.power.off_since.is_none()
    }

    /// Starts again after a time, as after a reset.
    pub(super) fn restart_in(&mut self, span: Duration) {
        self.collector.stop();
        self.forwards.clear();
        self.lines.drop_exchange();
        self.power.starts_at = Some(self.now.plus(span));
    }

    pub(super) fn mind_power(&mut self) {
        if self.power.dies_at.is_some_and(|at| at <= self.now) {
            self.die();
        }
        if self.power.starts_at.is_some_and(|at| at <= self.now) {
            self.power.starts_at = None;
            self.hang_up(true);
            self.link.dial_at(self.now);
        }
    }

    /// The last charge is spent: nothing more is sent, and the connection stays as it is.
    fn die(&mut self) {
        self.power.dies_at = None;
        if let Some(link) = self.link.drop_link() {
            self.outbox.forget(link);
            self.acts.push_back(Act::Leave(link));
        }
        self.link.rest();
    }
}

/// ERC 14, loss and return of power.
const POWER: u8 = 14;
/// How long a terminal runs without supply.
const LAST_CHARGE: Duration = Duration::from_secs(2);
/// From the return of the supply until it dials.
const BOOT: Duration = Duration::from_secs(15);
/// After a reset the terminal is back in so long.
pub(super) const RESET: Duration = Duration::from_secs(20);
