//! How often somebody may ask: so many requests a minute, fewer of them that change something (T19).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Http;

/// What kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// It changes nothing.
    Look,
    /// It may change something.
    Change,
}

/// Counts requests by who sends them.
#[derive(Clone, Debug, Default)]
pub struct Rates(Arc<Mutex<HashMap<(String, Kind), Window>>>);

#[derive(Clone, Copy, Debug)]
struct Window {
    began: Instant,
    count: u32,
}

impl Rates {
    /// Counts a request.
    ///
    /// # Errors
    /// After how long to try again, when there were too many.
    pub(super) fn allow(&self, who: &str, kind: Kind, settings: &Http) -> Result<(), Duration> {
        let most = match kind {
            Kind::Look => settings.requests_per_minute,
            Kind::Change => settings.changes_per_minute,
        };
        let now = Instant::now();
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MOST_KNOWN {
            windows.retain(|_, window| now.duration_since(window.began) < WINDOW);
        }
        let window = windows.entry((who.to_owned(), kind)).or_insert(Window { began: now, count: 0 });
        let age = now.duration_since(window.began);
        if age >= WINDOW {
            *window = Window { began: now, count: 0 };
        } else if window.count >= most {
            return Err(WINDOW.saturating_sub(age).max(Duration::from_secs(1)));
        }
        window.count += 1;
        Ok(())
    }
}

const WINDOW: Duration = Duration::from_secs(60);
/// Above so many, those that are over are forgotten.
const MOST_KNOWN: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn t19_too_many_requests_wait_for_the_next_minute() {
        let rates = Rates::default();
        let settings = Http { requests_per_minute: 3, changes_per_minute: 1, ..Http::default() };
        let look = |who: &str| rates.allow(who, Kind::Look, &settings);
        assert!((0..3).all(|_| look("li").is_ok()));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(look("li"), Err(Duration::from_secs(40)));
        assert_eq!((look("wang"), rates.allow("li", Kind::Change, &settings)), (Ok(()), Ok(())));
        assert!(rates.allow("li", Kind::Change, &settings).is_err());
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(look("li"), Ok(()));
    }
}
