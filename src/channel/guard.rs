//! Keeps a line alive when its task breaks off (R9).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use metrics::counter;
use tokio_util::sync::CancellationToken;

use super::drive::Driver;
use crate::telemetry;

/// Runs the task of a line until it is closed; when it breaks off it is counted, told and begun anew. What stood in the
/// lanes is still there, and the job in hand ends or is asked again.
pub(super) async fn keep_running(mut driver: Driver, stop: CancellationToken) {
    loop {
        if unbroken(driver.run(&stop)).await {
            break driver.close();
        }
        counter!(telemetry::PANICS).increment(1);
        let name = driver.settings.name.clone();
        tracing::error!(channel.name = %name, "the task of line {name} broke off and is begun anew");
        driver.shared.with_tally(|tally| tally.panics += 1);
        driver.recover();
        stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
    }
}

/// Polls a future to its end; false when it panicked.
async fn unbroken(future: impl Future<Output = ()>) -> bool {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        // The driver is put in order afterwards by `recover`, whatever state it was left in.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Ready(())) => Poll::Ready(true),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(false),
        }
    })
    .await
}

/// A task that breaks off again and again does not take the machine.
const PAUSE: Duration = Duration::from_millis(500);
