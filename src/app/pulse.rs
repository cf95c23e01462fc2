//! Whether the parts of a site still turn: what the watchdog of the system and `/healthz` go by.
//!
//! All parts are turned by one task. As long as it comes round it beats; a part that blocks it stops the beat, and a part
//! that ended before it was told to is named.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// The pulse of a site. Clones are the same pulse.
#[derive(Clone, Debug, Default)]
pub(super) struct Pulse(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    /// `None` before it serves.
    beat_at: Option<Instant>,
    /// Parts that ended and should not have.
    ended: BTreeSet<&'static str>,
}

impl Pulse {
    /// What does not turn; nothing before the site serves.
    pub(super) fn troubles(&self) -> Vec<&'static str> {
        let seen = self.seen();
        let stands = seen.beat_at.is_some_and(|at| at.elapsed() > LONGEST);
        stands.then_some("main").into_iter().chain(seen.ended.iter().copied()).collect()
    }

    /// Turns a part that ends only when it is told to.
    pub(super) async fn watch(
        &self,
        name: &'static str,
        stop: &CancellationToken,
        part: impl Future<Output = ()>,
    ) {
        part.await;
        if !stop.is_cancelled() {
            tracing::error!("{name} has ended and should not have");
            self.seen().ended.insert(name);
        }
    }

    /// Beats until `stop`.
    pub(super) async fn beat(&self, stop: &CancellationToken) {
        loop {
            self.seen().beat_at = Some(Instant::now());
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(EVERY) => {}
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const EVERY: Duration = Duration::from_secs(1);
/// From when on a beat that does not come is a trouble.
const LONGEST: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_stands_and_what_ended_early_is_named() {
        let (pulse, stop) = (Pulse::default(), CancellationToken::new());
        assert_eq!(pulse.troubles(), Vec::<&str>::new(), "before it serves");
        let beating = pulse.beat(&stop);
        tokio::select! {
            () = beating => unreachable!(),
            () = sleep(LONGEST * 3) => {}
        }
        assert_eq!(pulse.troubles(), Vec::<&str>::new());
        tokio::time::advance(LONGEST * 2).await;
        assert_eq!(pulse.troubles(), ["main"], "nobody turns it any more");
        pulse.watch("nights", &stop, async {}).await;
        assert_eq!(pulse.troubles(), ["main", "nights"]);
        stop.cancel();
        pulse.watch("billing", &stop, async {}).await;
        pulse.beat(&stop).await;
        assert_eq!(pulse.troubles(), ["nights"]);
    }
}
