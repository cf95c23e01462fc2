//! One timer for all the waits of a line.

use std::pin::Pin;
use std::time::Instant;

use tokio::time::Sleep;

/// Set anew for each wait. A timer of its own for each wakes the runtime each time, which then looks when to wake next; one
/// that is there already and only put off does not. (Measured: BENCHMARKS, goal 6)
#[derive(Debug, Default)]
pub struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// What comes before `due`; `None` when nothing did.
    pub(super) async fn within<T>(&mut self, due: Instant, future: impl Future<Output = T>) -> Option<T> {
        let due = tokio::time::Instant::from_std(due);
        let sleep = self.0.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        sleep.as_mut().reset(due);
        tokio::select! {
            biased;
            done = future => Some(done),
            () = sleep => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_wait_ends_at_its_own_time() {
        let (mut timer, start) = (Timer::default(), tokio::time::Instant::now());
        let millis = Duration::from_millis;
        for (due, ready, ends, is_there) in [
            (500, 20, 20, true),
            (700, 10_000, 700, false),
            (650, 10_000, 700, false),
            (720, 3, 703, true),
            (701, 9, 703, false),
        ] {
            let came =
                timer.within((start + millis(due)).into_std(), tokio::time::sleep(millis(ready))).await;
            assert_eq!((came.is_some(), start.elapsed()), (is_there, millis(ends)), "{due}");
        }
    }
}
