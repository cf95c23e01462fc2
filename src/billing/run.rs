//! The task that settles and pushes for as long as the program runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::push::{self, Settings};
use super::rules::Rules;
use super::settle::settle_due;
use super::sink::{BillingSink, LedgerSink};
use crate::clock::Clock;
use crate::store::{Remedy, Store, StoreError};

/// Settles what is due and pushes it to the built-in ledger, at once when `wake` says that there is something and else
/// now and then, until `stop`. What is under way then is ended first.
pub async fn run(
    store: Store,
    clock: Clock,
    rules: Rules,
    settings: Settings,
    stop: CancellationToken,
    wake: Arc<Notify>,
) {
    let mut sink = LedgerSink::new(store.clone(), clock.clone());
    let mut failures = 0_u32;
    while !stop.is_cancelled() {
        let wait = match round(&store, &clock, &rules, &settings, &mut sink, &stop).await {
            Ok(Round { is_taken: true }) => {
                failures = 0;
                next_wait(&store, &clock, &sink).await
            }
            Ok(Round { is_taken: false }) => {
                failures = failures.saturating_add(1);
                push::back_off(failures, settings.retry_most)
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                tell(&error);
                push::back_off(failures, settings.retry_most)
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            // A receiver that failed is not asked more often because more comes in.
            () = wake.notified(), if failures == 0 => {}
            () = clock.sleep_until(clock.now().plus(wait)) => {}
        }
    }
}

struct Round {
    /// Whether the receiver took what it was offered last.
    is_taken: bool,
}

/// Settles all that is due, and pushes until nothing is left or the receiver fails.
async fn round(
    store: &Store,
    clock: &Clock,
    rules: &Rules,
    settings: &Settings,
    sink: &mut impl BillingSink,
    stop: &CancellationToken,
) -> Result<Round, StoreError> {
    let settled = settle_due(store, rules, clock.now()).await?;
    if settled.registers + settled.consumptions > 0 {
        tracing::info!(
            registers = settled.registers,
            consumptions = settled.consumptions,
            open = settled.open,
            "billing values settled"
        );
    }
    let mut delivered = 0;
    let mut is_taken = true;
    while !stop.is_cancelled() {
        let pushed = push::push_once(store, sink, settings, clock.now()).await?;
        delivered += pushed.delivered;
        is_taken = pushed.offered == 0 || pushed.delivered + pushed.refused > 0;
        if pushed.refused > 0 {
            tracing::error!(
                receiver = sink.receiver(),
                count = pushed.refused,
                "billing values were refused"
            );
        }
        if pushed.offered == 0 || !is_taken {
            break;
        }
    }
    if delivered > 0 {
        tracing::info!(receiver = sink.receiver(), count = delivered, "billing values delivered");
    }
    Ok(Round { is_taken })
}

/// Until the next version may be offered again, but not longer than is waited for what nobody woke us for.
async fn next_wait(store: &Store, clock: &Clock, sink: &impl BillingSink) -> Duration {
    match store.next_outbox(sink.receiver()).await {
        Ok(Some(next)) => next.since(clock.now()).clamp(SHORTEST, LOOK_AGAIN),
        _ => LOOK_AGAIN,
    }
}

fn tell(error: &StoreError) {
    let kind = error.kind();
    match error.remedy() {
        Remedy::Stop => tracing::error!(kind, error = %error, "billing values cannot be settled"),
        Remedy::Retry | Remedy::Ask => tracing::warn!(kind, error = %error, "billing waits for the database"),
    }
}

/// How often is looked without being woken.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_secs(1);
