//! Files that are handed in are taken apart one at a time: a large one takes much memory while it is read (T15).
//!
//! Who comes while another is read waits for a while, and is then told to come again. A turn ends when the reading ends,
//! whether anybody waits for it still or not.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;

/// Whose turn it is.
#[derive(Clone, Debug)]
pub struct Files(Arc<Semaphore>);

impl Default for Files {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Files {
    /// Waits for a turn.
    ///
    /// # Errors
    /// [`Problem`] with when to come again, when others take too long.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let waited = tokio::time::timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await;
        let busy = || {
            Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "file_being_read",
                "another file is being read; hand this one in again in a moment",
                "正在读取另一份文件，请稍后重新提交",
            )
            .after(COME_AGAIN)
        };
        waited.ok().and_then(Result::ok).ok_or_else(busy)
    }
}

/// How long somebody waits for the file of another.
const PATIENCE: Duration = Duration::from_secs(10);
const COME_AGAIN: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn t15_one_file_is_read_at_a_time_and_who_waits_too_long_is_told_when_to_come_again() {
        let files = Files::default();
        let first = files.turn().await.unwrap();
        let refused = files.clone().turn().await.unwrap_err();
        assert_eq!((refused.status, refused.retry_after), (StatusCode::TOO_MANY_REQUESTS, Some(COME_AGAIN)));
        let ends = async {
            tokio::time::sleep(PATIENCE / 2).await;
            drop(first);
        };
        let (waited, ()) = tokio::join!(files.turn(), ends);
        assert!(waited.is_ok());
    }
}
