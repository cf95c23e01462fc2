//! Waits for Ctrl-C or a request to end.

use std::time::Duration;

use super::CliError;

/// Returns when the process is asked to end.
pub(super) async fn stopped() -> Result<(), CliError> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        _ = terminate.recv() => Ok(()),
    }
}

/// As [`stopped`], for a second time. What comes at once behind the first one is that again: a wrapper such as `timeout`
/// tells both the process and its group.
pub(super) async fn stopped_again() -> Result<(), CliError> {
    tokio::time::sleep(ECHO).await;
    stopped().await
}

const ECHO: Duration = Duration::from_millis(300);
