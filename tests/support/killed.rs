//! Tasks that are killed: never polled again after so many steps.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Runs a task for so many steps; `None` when it had not ended then.
pub(crate) async fn killed_after<T>(steps: usize, task: impl Future<Output = T>) -> Option<T> {
    let mut task = pin!(task);
    let mut left = steps;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        task.as_mut().poll(context).map(Some)
    })
    .await
}
