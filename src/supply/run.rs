//! Carries orders out, those that give supply back first, as long as the process lives.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use metrics::counter;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::guard::{ClockWatch, is_stopped};
use super::room::{IN_ALL, Key, OF_LINE, Room};
use super::service::Supply;
use crate::domain::supply::HaltKind;
use crate::domain::{Coded, Moment};
use crate::store::StoreError;
use crate::store::supply::{Damaged, Due, Work};
use crate::telemetry::{self, with_causes};

/// What is being done about points, each in a task of its own: whatever else is waited for, it goes on, and gives back
/// what it holds of the database.
type Working = JoinSet<Key>;

impl Supply {
    /// Works until `stop`: begins with what an earlier process was sending, which nobody knows the outcome of (F28).
    pub async fn run(&self, stop: &CancellationToken) {
        while let Err(error) = self.recover().await {
            tracing::error!(kind = error.kind(), "recovering supply orders: {}", with_causes(&error));
            if stop.run_until_cancelled(tokio::time::sleep(AGAIN)).await.is_none() {
                return;
            }
        }
        let mut working = Working::new();
        let mut room = Room::default();
        let mut told_at = self.0.clock.now();
        while !stop.is_cancelled() {
            self.guard(&mut told_at).await;
            let wait = match self.begin(&mut working, &mut room).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::error!(kind = error.kind(), "reading what is due: {}", with_causes(&error));
                    AGAIN
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.0.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
                Some(done) = working.join_next(), if !working.is_empty() => {
                    done.into_iter().for_each(|key| room.give_back(key));
                }
            }
            // One look at what is due for all that has ended, not one for each.
            while let Some(done) = working.try_join_next() {
                done.into_iter().for_each(|key| room.give_back(key));
            }
        }
        // What is on its way to a meter is brought to its end. What the database does not take is dropped: the next
        // process finds the intent and reads the meter.
        let ends = async {
            while working.join_next().await.is_some() {}
            self.0.tasks.close();
            self.0.tasks.wait().await;
        };
        if tokio::time::timeout(LONGEST_END, ends).await.is_err() {
            tracing::error!("{} points are left to be read at the next start", working.len());
        }
    }

    async fn recover(&self) -> Result<(), StoreError> {
        let now = self.0.clock.now();
        // A clock that shows less than what was noted last was set back while nobody was there.
        if let Some(noted) = self.0.store.last_noted().await? {
            self.watch().note(now.micros_since(noted).min(0));
        }
        let unknown = self.0.store.recover_attempts(now).await?;
        if unknown > 0 {
            tracing::error!(
                "{unknown} points were being sent an order when the process ended: they are read"
            );
        }
        Ok(())
    }

    /// Begins what is due, and says how long nothing more is.
    async fn begin(&self, working: &mut Working, room: &mut Room) -> Result<Duration, StoreError> {
        let now = self.0.clock.now();
        // Whatever cannot be brought to its end stops nobody from having supply.
        if let Err(error) = self.end_what_is_over(room, now).await {
            tracing::error!(kind = error.kind(), "ending orders that are over: {}", with_causes(&error));
        }
        for (work, ..) in Work::TABLE {
            let found = self.0.store.due_points(now, *work, (OF_LINE, IN_ALL)).await?;
            for on in found.points {
                if room.take(*work, &on) {
                    let supply = self.clone();
                    working.spawn(async move { supply.done(on.due).await });
                }
            }
            for damaged in found.damaged {
                self.tell_damaged(&damaged, now).await?;
            }
        }
        let poll = self.0.settings.poll;
        let next = self.0.store.next_due().await?;
        Ok(next.filter(|next| *next > now).map_or(poll, |next| poll.min(next.since(now))))
    }

    async fn end_what_is_over(&self, room: &Room, now: Moment) -> Result<(), StoreError> {
        let is_busy = |order, point| room.is_busy((order, point));
        let lost = self.0.store.lose_sending(is_busy, now).await?;
        if lost > 0 {
            tracing::error!("{lost} points were being sent an order and nobody was about it: they are read");
        }
        self.0.store.expire_orders(now).await?;
        Ok(())
    }

    /// Tells of a point that cannot be read, once.
    async fn tell_damaged(&self, damaged: &Damaged, now: Moment) -> Result<(), StoreError> {
        if self.0.store.tell_damaged(damaged, now).await? {
            let Damaged { order, point, error } = damaged;
            tracing::error!(order.id = %order, "point {point} of order {order} is damaged: {error}");
        }
        Ok(())
    }

    /// Does what is due about a point; what breaks off or fails is told, and due again.
    async fn done(&self, due: Due) -> Key {
        match unbroken(self.carry(due)).await {
            None => {
                counter!(telemetry::PANICS).increment(1);
                tracing::error!(order.id = %due.order, "the work on order {} broke off", due.order);
                tokio::time::sleep(AGAIN).await;
            }
            Some(Err(error)) => {
                let kind = error.kind();
                tracing::error!(order.id = %due.order, kind, "order {}: {}", due.order, with_causes(&error));
                if matches!(error, StoreError::Unknown { .. }) {
                    let damaged = Damaged { order: due.order, point: due.point, error };
                    let told = self.tell_damaged(&damaged, self.0.clock.now()).await;
                    drop(told);
                }
                tokio::time::sleep(AGAIN).await;
            }
            Some(Ok(())) => {}
        }
        (due.order, due.point)
    }

    /// Keeps cuts back for the file, for a clock that has jumped and for a database that has lost what it had kept, and tells
    /// of supply that is not given back, of reports that are not written and of what was asked to be cut the day before.
    async fn guard(&self, told_at: &mut Moment) {
        let now = self.0.clock.now();
        let kept = async {
            if let Some(jumped_us) = self.halt_for_a_jump(now).await? {
                self.0.store.follow_clock(jumped_us, now).await?;
                self.watch().seen_to(jumped_us);
            }
            if let Some(loss) = self.0.store.is_audit_there().await? {
                self.0.store.halt_for_loss(loss, now).await?;
            }
            self.halt_for_the_file(now).await?;
            if now.since(*told_at) >= TOLD_EVERY {
                *told_at = now;
                for damaged in self.0.store.damaged_points().await? {
                    self.tell_damaged(&damaged, now).await?;
                }
                self.0.store.tell_late_restores(now).await?;
                self.0.store.tell_late_reports(now).await?;
                self.0.store.tell_cuts_of_yesterday(now).await?;
            }
            Ok::<_, StoreError>(())
        };
        if let Err(error) = kept.await {
            tracing::error!(kind = error.kind(), "guarding supply orders: {}", with_causes(&error));
        }
    }
}

impl Supply {
    /// Keeps all cuts back when the clock has jumped, and says by how many microseconds. Whoever is about to send a cut asks
    /// this with the very moment that the cut is judged by: a jump between two looks lets none out (F33).
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot; then the next to ask is told of the jump again.
    pub(super) async fn halt_for_a_jump(&self, now: Moment) -> Result<Option<i64>, StoreError> {
        let Some(jumped_us) = self.watch().jump(now, Instant::now()) else { return Ok(None) };
        let reason = format!("the clock of this machine was set by {:+} s", jumped_us / 1_000_000);
        self.0.store.halt_cuts(HaltKind::Clock, &reason, now).await?;
        Ok(Some(jumped_us))
    }

    /// Keeps all cuts back while the file is there. Whoever is about to send a cut asks this, too: between two rounds a
    /// second may pass, and what is on its way to a line has nearly two (F52).
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub(super) async fn halt_for_the_file(&self, now: Moment) -> Result<(), StoreError> {
        let Some(file) = self.0.settings.stop_file.as_deref().filter(|file| is_stopped(Some(file))) else {
            return Ok(());
        };
        self.0.store.halt_cuts(HaltKind::StopFile, &file.display().to_string(), now).await
    }

    pub(super) fn watch(&self) -> MutexGuard<'_, ClockWatch> {
        self.0.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a future gives, or nothing when it breaks off.
async fn unbroken<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        // All that it leaves behind is in the store.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Ready(value)) => Poll::Ready(Some(value)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

/// How long what was begun may take to end: longer than any exchange with a meter.
const LONGEST_END: Duration = Duration::from_secs(60);
/// When what the database refused is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// How often people are told of supply that is not given back.
const TOLD_EVERY: Duration = Duration::from_secs(60);
