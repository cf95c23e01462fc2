//! Serving a site that other machines could serve as well: its tenure, kept by a task of its own (F36).

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Site;
use crate::clock::Clock;
use crate::store::{Address, Holder, Store, StoreError, Taken, Tenure};

/// A tenure that is renewed as long as this lives.
#[derive(Debug)]
pub(super) struct Kept {
    tenure: Tenure,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// The store of whoever serves the site. Where the database is a file, its lock says who does.
///
/// # Errors
/// Who serves it, or what is wrong with the database.
pub(super) async fn held(
    store: Store,
    address: &Address,
    clock: &Clock,
) -> Result<(Store, Option<Kept>), Result<Holder, StoreError>> {
    if matches!(address, Address::Sqlite(_)) {
        return Ok((store, None));
    }
    match Tenure::take_by(address, (&name(), env!("CARGO_PKG_VERSION")), clock.clone()).await {
        Ok(Taken::Ours(tenure)) => {
            let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
            let (kept, until) = (tenure.clone(), stop.clone());
            tasks.spawn(async move { kept.keep(&until).await });
            Ok((store.holding(Some(tenure.clone())), Some(Kept { tenure, stop, tasks })))
        }
        Ok(Taken::Held(holder)) => {
            store.close().await;
            Err(Ok(holder))
        }
        Err(error) => Err(Err(error)),
    }
}

impl Kept {
    /// Stops renewing it and gives the site to whoever waits.
    pub(super) async fn give_up(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.tenure.give_up().await;
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Site {
    /// Returns when another instance has taken the site over: nothing more may be done then. Never where none can.
    pub async fn overtaken(&self) {
        match &self.tenure {
            Some(kept) => kept.tenure.overtaken().await,
            None => std::future::pending().await,
        }
    }
}

/// The name of this instance, for people: machine and process.
fn name() -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}/{}", machine.trim(), std::process::id())
}
