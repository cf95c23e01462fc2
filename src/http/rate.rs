//! How often somebody may ask: so many requests a minute, fewer of them that change something, and fewer still that hand in a
//! cut (T19).
//!
//! What was asked for is counted in the database, so that a restart or another instance forgets nothing. It is taken from
//! there in portions, a twentieth of what a minute holds: a request costs no write, a portion does. What a process has taken
//! and not used when it ends is lost to that minute. While the database is away, each process counts by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::Http;
use crate::domain::Moment;
use crate::store::Store;
use crate::store::access::Portion;

/// What kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// It changes nothing.
    Look,
    /// It may change something.
    Change,
    /// It writes or hands in an order that may take supply away.
    Order,
    /// It gives supply back or stops all cuts: counted by itself, and only against a program that has gone wild (I12).
    Restore,
}

impl Kind {
    /// A short name from a closed set.
    const fn name(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Change => "change",
            Self::Order => "order",
            Self::Restore => "restore",
        }
    }

    /// How many a minute holds.
    fn most(self, settings: &Http) -> u32 {
        match self {
            Self::Look => settings.requests_per_minute,
            Self::Change => settings.changes_per_minute,
            Self::Order => (settings.changes_per_minute / ORDERS_OF_CHANGES).max(1),
            Self::Restore => settings.requests_per_minute.max(RESTORES),
        }
    }
}

/// Counts requests by who sends them.
#[derive(Clone, Debug, Default)]
pub struct Rates(Arc<Mutex<HashMap<(String, Kind), Window>>>);

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    minute: i64,
    /// Taken from the database and not used.
    left: u32,
    /// The database has no more for this minute.
    is_used_up: bool,
    /// Counted here while the database is away.
    counted: u32,
}

impl Rates {
    /// Counts a request.
    ///
    /// # Errors
    /// After how long to try again, when there were too many.
    pub(super) async fn allow(
        &self,
        store: &Store,
        (who, kind): (&str, Kind),
        settings: &Http,
        now: Moment,
    ) -> Result<(), Duration> {
        let minute = now.micros().div_euclid(MINUTE_MICROS);
        let rest = Duration::from_micros(
            u64::try_from(MINUTE_MICROS - now.micros().rem_euclid(MINUTE_MICROS)).unwrap_or(0),
        );
        let refused = || Err(rest.max(Duration::from_secs(1)));
        let key = (who.to_owned(), kind);
        if let Some(is_allowed) = self.known(&key, minute) {
            return if is_allowed { Ok(()) } else { refused() };
        }
        let most = kind.most(settings);
        let portion = Portion { who, kind: kind.name(), minute, most, wanted: (most / PORTIONS).max(1) };
        let taken = store.take_requests(&portion).await;
        let mut windows = self.windows();
        let window = windows.entry(key).or_default();
        match taken {
            Ok(0) => {
                window.is_used_up = true;
                refused()
            }
            Ok(taken) => {
                window.left = window.left.saturating_add(taken - 1);
                Ok(())
            }
            Err(error) => {
                tracing::debug!(kind = error.kind(), "requests are counted by this process alone: {error}");
                window.counted = window.counted.saturating_add(1);
                if window.counted > most { refused() } else { Ok(()) }
            }
        }
    }

    /// Whether a request is allowed, where that is known here.
    fn known(&self, key: &(String, Kind), minute: i64) -> Option<bool> {
        let mut windows = self.windows();
        if windows.len() >= MOST_KNOWN {
            windows.retain(|_, window| window.minute == minute);
        }
        let window = windows.entry(key.clone()).or_default();
        if window.minute != minute {
            *window = Window { minute, ..Window::default() };
        }
        if window.left > 0 {
            window.left -= 1;
            return Some(true);
        }
        window.is_used_up.then_some(false)
    }

    fn windows(&self) -> MutexGuard<'_, HashMap<(String, Kind), Window>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const MINUTE_MICROS: i64 = 60_000_000;
/// In so many portions a minute is taken.
const PORTIONS: u32 = 20;
/// Of so many changes one may be an order that takes supply away.
const ORDERS_OF_CHANGES: u32 = 4;
/// So many times a minute supply may be given back at least, whatever the settings are.
const RESTORES: u32 = 600;
/// Above so many, those that are over are forgotten.
const MOST_KNOWN: usize = 10_000;
