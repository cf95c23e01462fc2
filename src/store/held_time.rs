//! Holds tokio's paused clock while the database works.
//!
//! A database works outside tokio, so that a clock that is paused takes the wait for it as idleness and runs ahead to the
//! next timer. It does not as long as a blocking task runs.

use std::sync::mpsc;

/// Time stands still while this lives.
#[derive(Debug)]
pub(super) struct HeldTime {
    /// Its end is what the blocking task waits for.
    _end: mpsc::SyncSender<()>,
}

impl HeldTime {
    pub(super) fn begin() -> Self {
        let (end, ended) = mpsc::sync_channel::<()>(0);
        // The task has nothing to say; it ends when the other side is gone.
        drop(tokio::task::spawn_blocking(move || ended.recv()));
        Self { _end: end }
    }
}
