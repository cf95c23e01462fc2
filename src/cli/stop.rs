//! Waits for Ctrl-C or a request to end.

use super::CliError;

/// Returns when the process is asked to end.
pub(super) async fn stopped() -> Result<(), CliError> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        _ = terminate.recv() => Ok(()),
    }
}
