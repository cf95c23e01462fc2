//! What is asked of the database while meters are read: one that is away is waited for. A meter counts as missing for what is
//! wrong with it or on its way, never because the database did not answer (F31).

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::domain::{Accepted, RegisterKey};
use crate::store::{Neighbours, Refusal, Remedy, Store, StoreError};
use crate::telemetry;

/// A store whose answers are waited for.
#[derive(Clone, Debug)]
pub(super) struct Patient {
    pub(super) store: Store,
    no_longer: CancellationToken,
}

impl Patient {
    /// Waits until it is told to do so no longer.
    pub(super) const fn new(store: Store, no_longer: CancellationToken) -> Self {
        Self { store, no_longer }
    }

    /// As [`Store::neighbours`].
    pub(super) async fn neighbours(
        &self,
        keys: &[RegisterKey],
    ) -> Result<HashMap<RegisterKey, Neighbours>, StoreError> {
        let known = || self.store.neighbours(keys);
        until_it_answers(&self.no_longer, "say what is known of a meter", known).await
    }

    /// As [`Store::accepted`].
    pub(super) async fn accepted(
        &self,
        keys: &[RegisterKey],
    ) -> Result<HashMap<RegisterKey, Accepted>, StoreError> {
        let known = || self.store.accepted(keys);
        until_it_answers(&self.no_longer, "say what is known of a meter", known).await
    }
}

/// Tries as long as trying again may help; once more when it is told to wait no longer. `what` the database does not do while
/// it is away goes into the log.
pub(super) async fn until_it_answers<T, F: Future<Output = Result<T, StoreError>>>(
    no_longer: &CancellationToken,
    what: &'static str,
    mut ask: impl FnMut() -> F,
) -> Result<T, StoreError> {
    let mut wait = FIRST_WAIT;
    loop {
        match ask().await {
            Err(error) if may_pass(&error) && !no_longer.is_cancelled() => {
                let why = telemetry::with_causes(&error);
                tracing::warn!(kind = error.kind(), "the database does not {what}: {why}");
                tokio::select! { () = sleep(wait) => {} () = no_longer.cancelled() => {} }
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            answered => return answered,
        }
    }
}

/// True when trying again may help: the database is away, or another writer was faster.
pub(super) const fn may_pass(error: &StoreError) -> bool {
    matches!(error.remedy(), Remedy::Retry) || matches!(error, StoreError::Refused(Refusal::Raced))
}

const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
