//! The tasks that settle and push for as long as the program runs: one that settles, and one for each receiver, so that one
//! that is down keeps no other waiting.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::push::{self, Pushed};
use super::receivers::{Receiver, Receivers};
use super::rules::Rules;
use super::settle::settle_due;
use super::sink::BillingSink;
use crate::clock::Clock;
use crate::domain::{Alarm, AlarmKind, Moment};
use crate::store::{Remedy, Store, StoreError};

/// Settles what is due and pushes it to every receiver, at once when `wake` says that there is something and else now and
/// then, until `stop`. What is under way then is ended first.
pub async fn run(
    store: Store,
    clock: Clock,
    rules: Rules,
    receivers: Receivers,
    stop: CancellationToken,
    wake: Arc<Notify>,
) {
    let task = Task { store: &store, clock: &clock, stop: &stop };
    task.until_done(|| receivers.introduce(&store, clock.now())).await;
    let more: Vec<Arc<Notify>> = receivers.0.iter().map(|_| Arc::default()).collect();
    let most = receivers.0.first().map_or(LOOK_AGAIN, |receiver| receiver.settings.retry_most);
    let pushing = receivers.0.into_iter().zip(&more).map(|(receiver, more)| task.push(receiver, more));
    tokio::join!(task.settle(&rules, most, &wake, &more), join_all(pushing));
}

struct Task<'a> {
    store: &'a Store,
    clock: &'a Clock,
    stop: &'a CancellationToken,
}

impl Task<'_> {
    /// Settles, and says so to those that push.
    async fn settle(&self, rules: &Rules, most: Duration, wake: &Notify, more: &[Arc<Notify>]) {
        let mut failures = 0_u32;
        while !self.stop.is_cancelled() {
            let wait = match settle_due(self.store, rules, self.clock.now()).await {
                Ok(settled) => {
                    failures = 0;
                    if settled.registers + settled.consumptions > 0 {
                        let (registers, consumptions) = (settled.registers, settled.consumptions);
                        tracing::info!(
                            registers,
                            consumptions,
                            open = settled.open,
                            "billing values settled"
                        );
                        more.iter().for_each(|receiver| receiver.notify_one());
                    }
                    LOOK_AGAIN
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    tell(&error);
                    // It may have been kept all the same.
                    more.iter().for_each(|receiver| receiver.notify_one());
                    push::back_off(failures, most)
                }
            };
            self.rest(wait, wake, failures).await;
        }
    }

    /// Serves one receiver.
    async fn push(&self, mut receiver: Receiver, more: &Notify) {
        self.until_done(async || match receiver.fill(self.store, self.clock.now()).await {
            Ok(0) => Ok(()),
            Ok(count) => {
                let receiver = receiver.sink.receiver();
                tracing::info!(
                    receiver,
                    count,
                    "billing values from before wait for a receiver that is new or back"
                );
                Ok(())
            }
            Err(error) => Err(error),
        })
        .await;
        let mut failures = 0_u32;
        let mut is_stranger = None;
        while !self.stop.is_cancelled() {
            let most = receiver.settings.retry_most;
            let round = self.round(&mut receiver).await;
            if let Ok(round) = &round {
                self.tell_of_strangers(receiver.sink.receiver(), round, &mut is_stranger).await;
            }
            let wait = match round {
                Ok(Round { is_taken: true, .. }) => {
                    failures = 0;
                    self.next_wait(&receiver).await
                }
                Ok(Round { is_taken: false, rest, .. }) => {
                    failures = failures.saturating_add(1);
                    push::jittered(push::back_off(failures, most).max(rest), self.seed(&receiver))
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    tell(&error);
                    push::back_off(failures, most)
                }
            };
            self.rest(wait, more, failures).await;
        }
    }

    /// Rests so long, or until there is more to do. What failed is not tried more often because more comes in.
    async fn rest(&self, wait: Duration, more: &Notify, failures: u32) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = more.notified(), if failures == 0 => {}
            () = self.clock.rest(wait) => {}
        }
    }

    /// Raises an alarm when somebody else answers in place of a receiver, and ends it when the receiver has taken something
    /// (T22); `told` is which of both was told last.
    async fn tell_of_strangers(&self, receiver: &str, round: &Round, told: &mut Option<bool>) {
        let (kind, subject, now) =
            (AlarmKind::BillingStranger, format!("receiver {receiver}"), self.clock.now());
        let (is_stranger, kept) = match &round.stranger {
            Some(reason) if *told != Some(true) => {
                let alarm = Alarm::new(kind, subject, now).saying(reason, reason);
                (true, self.store.raise_alarm(&alarm).await.map(|_| ()))
            }
            None if round.delivered > 0 && *told != Some(false) => {
                (false, self.store.clear_alarm(kind, &subject, now).await.map(|_| ()))
            }
            _ => return,
        };
        match kept {
            Ok(()) => *told = Some(is_stranger),
            // The next round tells it.
            Err(error) => tell(&error),
        }
    }

    /// Pushes until nothing is left or the receiver fails.
    async fn round(&self, receiver: &mut Receiver) -> Result<Round, StoreError> {
        let mut delivered = 0;
        let mut last = Round { is_taken: true, ..Round::default() };
        while !self.stop.is_cancelled() {
            let (sink, settings) = (&mut receiver.sink, &receiver.settings);
            let pushed = push::push_once(self.store, sink, settings, self.clock.now()).await?;
            let Pushed { offered, refused, rest, stranger, .. } = pushed;
            delivered += pushed.delivered;
            let is_taken = offered == 0 || pushed.delivered + refused > 0;
            last = Round { is_taken, rest, delivered, stranger };
            if refused > 0 {
                let receiver = receiver.sink.receiver();
                tracing::error!(receiver, count = refused, "billing values were refused");
            }
            if offered == 0 || !last.is_taken {
                break;
            }
        }
        if delivered > 0 {
            tracing::info!(
                receiver = receiver.sink.receiver(),
                count = delivered,
                "billing values delivered"
            );
        }
        Ok(last)
    }

    /// Until the next version may be offered again, but not longer than is waited for what nobody woke us for.
    async fn next_wait(&self, receiver: &Receiver) -> Duration {
        match self.store.next_outbox(receiver.sink.receiver()).await {
            Ok(Some(next)) => next.since(self.clock.now()).clamp(SHORTEST, LOOK_AGAIN),
            _ => LOOK_AGAIN,
        }
    }

    /// Receivers that failed together draw different waits.
    fn seed(&self, receiver: &Receiver) -> u64 {
        let mix = |seed: u64, byte: u8| seed.wrapping_mul(31).wrapping_add(u64::from(byte));
        receiver.sink.receiver().bytes().fold(micros(self.clock.now()), mix)
    }

    /// Does what must be done before all else, however long the database takes.
    async fn until_done<F>(&self, act: impl Fn() -> F)
    where
        F: Future<Output = Result<(), StoreError>>,
    {
        let mut failures = 0_u32;
        while let Err(error) = act().await {
            failures = failures.saturating_add(1);
            tell(&error);
            let wait = push::back_off(failures, UNTIL_DONE);
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.clock.rest(wait) => {}
            }
        }
    }
}

#[derive(Default)]
struct Round {
    /// Whether the receiver took what it was offered last.
    is_taken: bool,
    /// How long it wants to be left alone.
    rest: Duration,
    /// How much it took.
    delivered: usize,
    /// Why whoever answered last is not known as the receiver, where that is so.
    stranger: Option<String>,
}

const fn micros(now: Moment) -> u64 {
    now.micros().unsigned_abs()
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
/// How often what must be done before all else is tried again at least.
const UNTIL_DONE: Duration = Duration::from_secs(10);
const SHORTEST: Duration = Duration::from_secs(1);
