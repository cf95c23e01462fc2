//! Something that is asked of a database that may hang: asked once at a time, remembered for a short while, and waited for
//! within bounds.
//!
//! However many ask and however long the database takes, one question is under way. Whoever waits too long goes on without
//! an answer; an answer that is too old is none.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A question and the last answer to it.
#[derive(Debug)]
pub(super) struct Asked<T> {
    state: Arc<Mutex<State<T>>>,
    told: watch::Sender<u64>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Debug)]
struct State<T> {
    is_under_way: bool,
    last: Option<(Instant, T)>,
}

impl<T: Clone + Send + 'static> Asked<T> {
    pub(super) fn new(tasks: &TaskTracker, stop: &CancellationToken) -> Self {
        Self {
            state: Arc::new(Mutex::new(State { is_under_way: false, last: None })),
            told: watch::channel(0).0,
            tasks: tasks.clone(),
            stop: stop.clone(),
        }
    }

    /// The answer, as old as [`GOOD_FOR`] at most; `None` when there is none within [`WITHIN`].
    pub(super) async fn ask(&self, question: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let mut told = self.told.subscribe();
        let is_asked = {
            let mut state = self.state();
            if let Some(answer) = state.fresh() {
                return Some(answer);
            }
            std::mem::replace(&mut state.is_under_way, true)
        };
        if !is_asked {
            self.begin(question);
        }
        // An answer that came between is told already.
        let waited = timeout(WITHIN, told.changed()).await;
        let answer = self.state().fresh();
        waited.ok().and(answer)
    }

    fn begin(&self, question: impl Future<Output = T> + Send + 'static) {
        let stop = self.stop.clone();
        let mut ending = Ending { state: Arc::clone(&self.state), told: self.told.clone(), answer: None };
        self.tasks.spawn(async move {
            // It is given up in the end, so that a lost connection is not waited for for ever.
            let answer = stop.run_until_cancelled(timeout(LONGEST, question)).await;
            ending.with(answer.and_then(Result::ok));
        });
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a question however it ends: with an answer, in vain, or in a panic.
struct Ending<T> {
    state: Arc<Mutex<State<T>>>,
    told: watch::Sender<u64>,
    answer: Option<T>,
}

impl<T> Ending<T> {
    fn with(&mut self, answer: Option<T>) {
        self.answer = answer;
    }
}

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.is_under_way = false;
            if let Some(answer) = self.answer.take() {
                state.last = Some((Instant::now(), answer));
            }
        }
        self.told.send_modify(|count| *count += 1);
    }
}

impl<T: Clone> State<T> {
    fn fresh(&self) -> Option<T> {
        self.last.as_ref().filter(|(at, _)| at.elapsed() < GOOD_FOR).map(|(_, answer)| answer.clone())
    }
}

/// How long an answer is waited for.
pub(super) const WITHIN: Duration = Duration::from_secs(2);
/// How long an answer is good.
pub(super) const GOOD_FOR: Duration = Duration::from_secs(5);
/// How long a question may be under way.
const LONGEST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn f22_f37_one_question_is_under_way_however_many_ask_and_nobody_waits_for_ever() {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let asked = Arc::new(Asked::<u32>::new(&tasks, &stop));
        let count = Arc::new(AtomicU32::new(0));
        let slow = |takes: Duration| {
            let count = Arc::clone(&count);
            async move {
                let number = count.fetch_add(1, Ordering::Relaxed) + 1;
                tokio::time::sleep(takes).await;
                number
            }
        };
        // Quick answers are remembered, and asked for anew when they are old.
        assert_eq!(asked.ask(slow(Duration::from_millis(5))).await, Some(1));
        assert_eq!(asked.ask(slow(Duration::from_millis(5))).await, Some(1));
        tokio::time::advance(GOOD_FOR).await;
        assert_eq!(asked.ask(slow(Duration::from_millis(5))).await, Some(2));
        tokio::time::advance(GOOD_FOR).await;
        // A hundred meet a database that hangs: one question, and each goes on after a while.
        let waiting: Vec<_> = (0..100)
            .map(|_| {
                let (asked, question) = (Arc::clone(&asked), slow(Duration::from_secs(3600)));
                tasks.spawn(async move { asked.ask(question).await })
            })
            .collect();
        let began = Instant::now();
        for each in waiting {
            assert_eq!(each.await.unwrap(), None);
        }
        assert!(began.elapsed() <= WITHIN + Duration::from_millis(50), "{:?}", began.elapsed());
        assert_eq!(count.load(Ordering::Relaxed), 3);
        // It is given up, and the next question is asked.
        tokio::time::sleep(LONGEST).await;
        assert_eq!(asked.ask(slow(Duration::from_millis(5))).await, Some(4));
        // One that panics is over, too.
        tokio::time::advance(GOOD_FOR).await;
        assert_eq!(asked.ask(async { panic!("a question that panics") }).await, None);
        assert_eq!(asked.ask(slow(Duration::from_millis(5))).await, Some(5));
        stop.cancel();
        tasks.close();
        tasks.wait().await;
    }
}
