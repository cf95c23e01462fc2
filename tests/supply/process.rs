//! The process itself is killed within a cut (F28): SIGKILL at a byte of the frame, in real time, with a database on files.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chaobiao::domain::supply::{OrderState, SupplyOrder};
use chaobiao::domain::{Id, Moment};
use chaobiao::store::supply::AttemptOutcome;
use tokio_util::sync::CancellationToken;

use crate::ready::{acting, cut};
use crate::rig::{HeadEnd, Street};

/// Folder, port and the present of a street, for the process that is to be killed.
const STREET: &str = "CHAOBIAO_TEST_STREET";

/// Bytes of a cut on the line, wake-up bytes counted in: 4 and 28.
const FRAME: usize = 32;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
#[ignore = "long: processes in real time, tests/check.sh ci"]
async fn f28_a_process_that_is_killed_within_a_cut_has_sent_it_once() {
    let mut heard = Vec::new();
    for after in [0, 1, 4, 13, FRAME - 1, FRAME] {
        heard.push(killed_after(after).await);
    }
    println!("f28: cuts that the meter heard: {heard:?}");
    assert_eq!(heard, [0, 0, 0, 0, 0, 1]);
}

/// What a cut does that is durable or leaves, from its approval on.
const STEPS: [&str; 5] = [
    "arming a supply order",
    "keeping the intent of a supply order",
    "sending a frame on a line",
    "noting what became of a supply order",
    "noting what was seen of a supply order",
];

#[tokio::test]
#[ignore = "long: processes in real time, tests/check.sh ci"]
async fn f28_f32_killed_or_refused_at_each_named_point_of_a_cut_it_is_sent_once_for_an_attempt() {
    let mut ends = std::collections::BTreeMap::new();
    for step in STEPS {
        for side in ["before", "after"] {
            for action in ["kill", "fail"] {
                let end = struck(&format!("{action} 1 {side} {step}"), action == "kill").await;
                *ends.entry(end).or_insert(0) += 1;
            }
        }
    }
    println!("f28 f32: outcome of the first attempt and cuts that the meter heard: {ends:?}");
    assert!(ends.len() > 2, "{ends:?}");
}

#[tokio::test]
#[ignore = "long: processes in real time, tests/check.sh ci"]
async fn f52_no_cut_leaves_behind_a_file_that_was_laid_down_while_its_intent_waited_for_the_database() {
    for (wait, is_laid, expected) in [(900, true, "stopped"), (3000, false, "intent_late")] {
        let street = Street::new(1).await;
        let port = street.in_real_time().await;
        let id = approved(&street).await;
        let order = format!("delay:{wait} 1 after keeping the intent of a supply order");
        let mut process = Process::ordered(&street, port, Some(&order));
        let point = street.houses[0].home.point;
        let known = async {
            let mut was_laid = false;
            loop {
                let found = street.store.last_attempt(id, point).await.unwrap();
                if found.is_some() && is_laid && !was_laid {
                    std::fs::write(street.stop_file(), "").unwrap();
                    was_laid = true;
                }
                if let Some((attempt, _)) = found.filter(|(attempt, _)| attempt.outcome.is_some()) {
                    return attempt;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let attempt = tokio::time::timeout(PATIENCE, known).await.unwrap();
        process.kill();
        assert_eq!((attempt.outcome, attempt.detail.as_str()), (Some(AttemptOutcome::NotSent), expected));
        assert!(street.orders(0).is_empty(), "{expected}");
        tokio::time::pause();
        street.close().await;
    }
}

/// Lets one thing happen at a point, and says what became of the first attempt and how many cuts were heard.
async fn struck(order: &str, is_kill: bool) -> (String, usize) {
    let street = Street::new(1).await;
    let port = street.in_real_time().await;
    let id = approved(&street).await;
    let mut process = Process::ordered(&street, port, Some(order));
    let mut is_killed = false;
    let known = async {
        loop {
            if process.has_ended() {
                assert!(is_kill && !is_killed, "{order}: it ended");
                is_killed = true;
                // Whoever comes back within what is under way would only disturb it.
                tokio::time::sleep(Duration::from_secs(2)).await;
                process = Process::start(&street, port);
            }
            let point = street.houses[0].home.point;
            if let Some((attempt, looks)) = street.store.last_attempt(id, point).await.unwrap()
                && (!looks.is_empty() || attempt.outcome == Some(AttemptOutcome::NotSent))
                && is_killed == is_kill
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, known).await.is_ok(),
        "{order}: it stays {:?}",
        street.view(id).await
    );
    process.kill();
    let view = street.view(id).await;
    let heard = street.orders(0).len();
    assert_ne!(view.points[0].state, OrderState::Sending, "{order}");
    assert!(heard <= view.attempts.len() && view.attempts.len() <= 2, "{order}: {view:?}");
    assert_eq!(street.is_open(0), heard > 0, "{order}: {view:?}");
    let outcome = format!("{:?}", view.attempts.first().and_then(|attempt| attempt.outcome));
    assert!(
        !outcome.contains("NotSent") || heard < view.attempts.len(),
        "{order}: said not to be sent, and heard"
    );
    tokio::time::pause();
    street.close().await;
    (outcome, heard)
}

/// Says how many cuts the meter has heard in the end.
async fn killed_after(after: usize) -> usize {
    let street = Street::new(1).await;
    let port = street.in_real_time().await;
    let id = approved(&street).await;
    street.cutter.set(after);
    let mut first = Process::start(&street, port);
    tokio::time::timeout(PATIENCE, street.cutter.cut()).await.unwrap();
    first.kill();
    if after == FRAME {
        // What has left goes on while nobody is there; who comes back within it would only disturb it.
        let heard = async {
            while street.orders(0).is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.unwrap();
    }
    let view = street.view(id).await;
    assert_eq!(view.points[0].state, OrderState::Sending, "{after}: the intent came before the first byte");
    assert_eq!(view.attempts.len(), 1, "{after}");

    street.cutter.mend();
    let mut second = Process::start(&street, port);
    let looked = async {
        // What a kill left is read before anything is concluded from it.
        loop {
            let point = street.houses[0].home.point;
            let (_, looks) = street.store.last_attempt(id, point).await.unwrap().unwrap();
            if !looks.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looked).await.unwrap();
    second.kill();
    let view = street.view(id).await;
    assert_eq!(view.points[0].state, OrderState::Unknown, "{after}: one look does not tell");
    assert_eq!(view.attempts.len(), 1, "{after}: it is not sent again");
    let heard = street.orders(0).len();
    assert_eq!(street.is_open(0), heard > 0, "{after}");
    // As it is ended in every other test.
    tokio::time::pause();
    street.close().await;
    heard
}

/// A cut that may be sent at once.
async fn approved(street: &Street) -> Id<SupplyOrder> {
    let head_end = street.head_end().await;
    let now = street.clock.now();
    let mut new = cut(&[street.houses[0].home], now);
    new.window.until = now.plus(Duration::from_secs(540));
    let asked = head_end.supply.ask(&acting("li", now), &new).await.unwrap();
    let seen = street.view(asked.id).await.hash;
    head_end.supply.approve(&acting("wang", now), asked.id, &seen.into()).await.unwrap();
    head_end.close().await;
    asked.id
}

struct Process(Child);

impl Process {
    fn start(street: &Street, port: u16) -> Self {
        Self::ordered(street, port, None)
    }

    /// One that is killed or refused something at a named point.
    fn ordered(street: &Street, port: u16, order: Option<&str>) -> Self {
        let present = street.clock.now().micros();
        let given = format!("{} {port} {present}", street.folder.path().display());
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["process::head_end_that_is_killed", "--exact", "--ignored", "--nocapture"])
            .env(STREET, given)
            .envs(order.map(|order| (chaobiao::failpoint::ORDER, order)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    /// Whether it has ended.
    fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// SIGKILL.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        assert!(!self.0.wait().unwrap().success(), "it had ended by itself");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
#[ignore = "is begun as a process by f28_a_process_that_is_killed_within_a_cut_has_sent_it_once"]
async fn head_end_that_is_killed() {
    let Ok(given) = std::env::var(STREET) else { return };
    let [folder, port, present] = given.split(' ').collect::<Vec<_>>()[..] else { panic!("{given}") };
    chaobiao::failpoint::arm_from_environment().unwrap();
    let present = Moment::from_micros(present.parse().unwrap());
    let head_end = HeadEnd::elsewhere(&PathBuf::from(folder), port.parse().unwrap(), present).await;
    head_end.supply.run(&CancellationToken::new()).await;
}
