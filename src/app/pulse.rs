//! Whether the parts of a site still turn: what the watchdog of the system and `/healthz` go by.
//!
//! All parts are turned by one task. As long as it comes round it beats; a part that blocks it stops the beat, and a part
//! that ended before it was told to is named.

use std::collections::BTreeSet;
use std::convert::Infallible;
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
    /// Parts that have not ended.
    at_work: BTreeSet<&'static str>,
}

impl Pulse {
    /// What does not turn; nothing before the site serves.
    pub(super) fn troubles(&self) -> Vec<&'static str> {
        let seen = self.seen();
        let stands = seen.beat_at.is_some_and(|at| at.elapsed() > LONGEST);
        stands.then_some("main").into_iter().chain(seen.ended.iter().copied()).collect()
    }

    /// Says again and again which parts are waited for, once they have been told to stop so long ago.
    pub(super) async fn name_the_slow(&self, stop: &CancellationToken, after: Duration) -> Infallible {
        stop.cancelled().await;
        loop {
            sleep(after).await;
            let slow: Vec<&str> = self.seen().at_work.iter().copied().collect();
            tracing::warn!("not stopped yet: {} still at work", slow.join(", "));
        }
    }

    /// Turns a part that ends only when it is told to.
    pub(super) async fn watch(
        &self,
        name: &'static str,
        stop: &CancellationToken,
        part: impl Future<Output = ()>,
    ) {
        self.turn(name, part).await;
        if !stop.is_cancelled() {
            tracing::error!("{name} has ended and should not have");
            self.seen().ended.insert(name);
        }
    }

    /// Turns a part that may end by itself.
    pub(super) async fn turn(&self, name: &'static str, part: impl Future<Output = ()>) {
        self.seen().at_work.insert(name);
        part.await;
        self.seen().at_work.remove(name);
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
        pulse
            .watch("nights", &stop, async {
                assert_eq!(pulse.seen().at_work, BTreeSet::from(["nights"]));
            })
            .await;
        assert_eq!(pulse.seen().at_work, BTreeSet::new());
        assert_eq!(pulse.troubles(), ["main", "nights"]);
        stop.cancel();
        pulse.watch("billing", &stop, async {}).await;
        pulse.beat(&stop).await;
        assert_eq!(pulse.troubles(), ["nights"]);
    }
}
