//! How many streams of events an account has open: each asks the database again and again, so there are a handful at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::caller::Caller;
use super::problem::Problem;
use crate::domain::Id;
use crate::domain::access::Account;

/// Counts the streams of each account.
#[derive(Clone, Debug, Default)]
pub struct Streams(Arc<Mutex<HashMap<Id<Account>, u32>>>);

/// A stream that is open. Dropping it makes room for another.
#[derive(Debug)]
pub(super) struct OpenStream {
    streams: Streams,
    account: Id<Account>,
}

impl Streams {
    /// Opens one more for whoever asks.
    ///
    /// # Errors
    /// [`Problem`] when the account has as many as it may.
    pub(super) fn open(&self, caller: &Caller) -> Result<OpenStream, Problem> {
        let account = caller.acting.account;
        let mut open = self.counts();
        let count = open.entry(account).or_insert(0);
        if *count >= MOST {
            return Err(Problem::too_many(TRY_AGAIN));
        }
        *count += 1;
        drop(open);
        Ok(OpenStream { streams: self.clone(), account })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Id<Account>, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut open = self.streams.counts();
        if let Some(count) = open.get_mut(&self.account) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.account);
            }
        }
    }
}

/// So many at a time: some pages each in some sessions. A page without one is drawn anew every ten seconds.
const MOST: u32 = 16;
const TRY_AGAIN: Duration = Duration::from_secs(10);
