//! What goes on beside a run and is not waited for: at most one piece of it on each line.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Work beside runs.
#[derive(Debug)]
pub(super) struct Beside {
    tasks: TaskTracker,
    stop: CancellationToken,
    lines: Arc<Mutex<HashSet<String>>>,
}

/// A line that is taken until this is dropped.
struct Taken {
    line: String,
    lines: Arc<Mutex<HashSet<String>>>,
}

impl Beside {
    /// Work by tasks of `tasks`, until `stop`.
    pub(super) fn new(tasks: TaskTracker, stop: CancellationToken) -> Self {
        Self { tasks, stop, lines: Arc::default() }
    }

    /// Lets something come to its end that nobody waits for any more.
    pub(super) fn let_end(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(work);
    }

    /// Lets something go on, unless something already does on this line.
    pub(super) fn spawn(&self, line: &str, work: impl Future<Output = ()> + Send + 'static) -> bool {
        let is_free = self.lines.lock().unwrap_or_else(PoisonError::into_inner).insert(line.to_owned());
        if is_free {
            let taken = Taken { line: line.to_owned(), lines: Arc::clone(&self.lines) };
            let stop = self.stop.clone();
            self.tasks.spawn(async move {
                let _taken = taken;
                stop.run_until_cancelled(work).await;
            });
        }
        is_free
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.line);
    }
}
