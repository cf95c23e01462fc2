//! The turn of a meter: it is ordered one thing at a time, so that two cannot both be refused for the same password (I18), and
//! no session with its chip ends another.
//!
//! What gives supply back goes first: it takes back what waits on the line for the same meter, and waits only for what has
//! left already, or for another that gives supply back.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Gate, OwnedMutexGuard};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::domain::{Id, Meter};

/// The turns of all meters that are ordered something.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<Id<Meter>, Arc<Turn>>>);

/// The turn of one meter.
#[derive(Debug, Default)]
struct Turn {
    gate: Arc<Gate<()>>,
    /// Those that give supply back come one after the other.
    restores: Arc<Gate<()>>,
    /// What takes back the order that has the turn; nothing where none has it, or it cannot be taken back.
    holder: Mutex<Option<CancellationToken>>,
}

/// A turn that is held.
#[derive(Debug)]
pub(in crate::supply) struct Held {
    turn: Arc<Turn>,
    is_noted: bool,
    _gate: Option<OwnedMutexGuard<()>>,
    _restores: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits until nothing else is ordered from the meter. `back` is cancelled when supply is given back to it meanwhile.
    pub(super) async fn take(&self, meter: Id<Meter>, back: Option<&CancellationToken>) -> Held {
        let turn = self.of(meter);
        let gate = Arc::clone(&turn.gate).lock_owned().await;
        *turn.lock() = back.cloned();
        Held { turn, is_noted: true, _gate: Some(gate), _restores: None }
    }

    /// The same for what gives supply back, until it expires: it takes back what has the turn and waits on the line. Behind
    /// something that is no order it waits a little, and goes then without the turn, unless it `must` have it.
    pub(super) async fn take_to_restore(
        &self,
        meter: Id<Meter>,
        expires: Instant,
        must: bool,
    ) -> Option<Held> {
        let turn = self.of(meter);
        let restores = timeout_at(expires, Arc::clone(&turn.restores).lock_owned()).await.ok()?;
        let patience = Instant::now() + WAITS;
        let mut gate = pin!(Arc::clone(&turn.gate).lock_owned());
        let gate = loop {
            // Several may wait for it; each is taken back when it is its turn.
            let is_order = turn.take_back();
            let now = Instant::now();
            if let Ok(gate) = timeout_at(expires.min(now + LOOKS), &mut gate).await {
                break Some(gate);
            }
            if Instant::now() >= expires {
                return None;
            }
            if !must && !is_order && Instant::now() >= patience {
                break None;
            }
        };
        Some(Held {
            turn: Arc::clone(&turn),
            is_noted: gate.is_some(),
            _gate: gate,
            _restores: Some(restores),
        })
    }

    fn of(&self, meter: Id<Meter>) -> Arc<Turn> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(meter).or_default())
    }
}

impl Turn {
    fn lock(&self) -> MutexGuard<'_, Option<CancellationToken>> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes back what has the turn, if it is an order; says whether it is one.
    fn take_back(&self) -> bool {
        let holder = self.lock();
        if let Some(back) = &*holder {
            back.cancel();
        }
        holder.is_some()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.is_noted {
            *self.turn.lock() = None;
        }
    }
}

/// How long what gives supply back waits for something that is no order.
const WAITS: Duration = Duration::from_secs(10);
/// How often it looks what it waits for.
const LOOKS: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    const METER: Id<Meter> = Id::new(7);

    fn in_seconds(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn i18_one_order_at_a_time_has_the_turn_of_a_meter_those_that_give_supply_back_as_well() {
        let turns = Turns::default();
        let held = turns.take_to_restore(METER, in_seconds(180), false).await;
        assert!(held.is_some());
        let second = turns.take_to_restore(METER, in_seconds(60), false).await;
        assert!(second.is_none(), "it expires");
        let other = turns.take_to_restore(Id::new(8), in_seconds(1), false).await;
        assert!(other.is_some(), "of another meter");
        drop(held);
        assert!(turns.take_to_restore(METER, in_seconds(60), false).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn f48_what_gives_supply_back_takes_back_what_waits_and_waits_for_nothing_else_for_long() {
        let turns = Turns::default();
        let back = CancellationToken::new();
        let held = turns.take(METER, Some(&back)).await;
        let restoring = turns.take_to_restore(METER, in_seconds(60), false);
        let taken_back = async {
            back.cancelled().await;
            tokio::time::sleep(Duration::from_secs(30)).await;
            drop(held);
        };
        let began = Instant::now();
        let (restoring, ()) = tokio::join!(restoring, taken_back);
        assert!(restoring.is_some() && began.elapsed() >= Duration::from_secs(30), "it may have left");
        drop(restoring);
        // A password that is being written is no order.
        let writing = turns.take(METER, None).await;
        let began = Instant::now();
        assert!(turns.take_to_restore(METER, in_seconds(60), false).await.is_some());
        assert_eq!(began.elapsed(), WAITS);
        assert!(turns.take_to_restore(METER, in_seconds(60), true).await.is_none(), "a chip has one session");
        drop(writing);
        assert!(turns.take_to_restore(METER, in_seconds(60), true).await.is_some());
    }
}
