//! Keeps the night of each line alive when its task breaks off (R9).

use std::collections::HashMap;
use std::time::Duration;

use metrics::counter;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::store::StoreError;
use crate::telemetry;

/// Works on each of these lines, all at once. What breaks off is begun anew, so many times that one bad moment is behind it; what
/// breaks off again and again is given up, and its lines are told with how the others ended.
pub(super) async fn on_each<F>(
    lines: impl IntoIterator<Item = String>,
    mut work: impl FnMut(String, Begun) -> F,
) -> (Result<(), StoreError>, Vec<String>)
where
    F: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let (mut tasks, mut under_way) = (JoinSet::new(), HashMap::new());
    for line in lines {
        let task = tasks.spawn(work(line.clone(), Begun::First));
        under_way.insert(task.id(), (line, 0_u32));
    }
    let (mut done, mut given_up) = (Ok(()), Vec::new());
    while let Some(ended) = tasks.join_next_with_id().await {
        let error = match ended {
            Ok((id, result)) => {
                under_way.remove(&id);
                done = done.and(result);
                continue;
            }
            Err(error) => error,
        };
        let Some((line, times)) = under_way.remove(&error.id()) else { continue };
        counter!(telemetry::PANICS).increment(1);
        if times >= MOST {
            tracing::error!(channel.name = %line, "the night of {line} broke off again and is given up: {error}");
            given_up.push(line);
            continue;
        }
        tracing::error!(channel.name = %line, "the night of {line} broke off and is begun anew: {error}");
        let again = work(line.clone(), Begun::Again);
        let task = tasks.spawn(async move {
            sleep(PAUSE).await;
            again.await
        });
        under_way.insert(task.id(), (line, times + 1));
    }
    (done, given_up)
}

/// Whether a line is begun for the first time in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    First,
    Again,
}

/// So often a line is begun anew in one run.
const MOST: u32 = 3;
/// What breaks off at once does not take the machine.
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::store::Refusal;

    #[tokio::test(start_paused = true)]
    async fn i19_a_night_of_a_line_that_breaks_off_is_begun_anew_and_given_up_in_the_end() {
        let begun: Arc<Mutex<BTreeMap<String, Vec<Begun>>>> = Arc::default();
        let lines = ["whole", "once", "always", "refused"].map(str::to_owned);
        let work = |line: String, how: Begun| {
            let begun = Arc::clone(&begun);
            async move {
                let count = {
                    let mut begun = begun.lock().unwrap();
                    let of_line = begun.entry(line.clone()).or_default();
                    of_line.push(how);
                    of_line.len()
                };
                match line.as_str() {
                    "once" if count == 1 => panic!("r9"),
                    "always" => panic!("r9"),
                    "refused" => Err(StoreError::Refused(Refusal::NotThere)),
                    _ => Ok(()),
                }
            }
        };
        let (done, given_up) = on_each(lines, work).await;
        assert!(done.is_err(), "what the database said of one is not lost");
        assert_eq!(given_up, ["always"]);
        let begun = begun.lock().unwrap();
        let times: Vec<usize> = begun.values().map(Vec::len).collect();
        assert_eq!(times, [4, 2, 1, 1], "{begun:?}");
        assert_eq!(begun["once"], [Begun::First, Begun::Again]);
    }
}
