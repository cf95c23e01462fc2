//! Named points at which a test kills the process, lets a step fail or delays it (R8).
//!
//! A step is a commit of the store or a call to the outside: a frame to a line or a terminal, a push to a receiver, a file
//! that gets its name, a message of an alarm. Each is passed twice, just before it is done and just after, at the one place
//! through which all steps of its kind go: [`crate::store`]'s commit, the talk on a line, a session of a terminal, the sink
//! of billing, the courier of alarms. So a new step is a point without anybody thinking of it, and `tests/crash` compares
//! the names with the code.
//!
//! Points exist in tests only: without the feature `failpoints`, which nothing that is shipped has, passing one is nothing.
//! With it, the environment variable [`ORDER`] says what happens where, and [`MET`] names a file to which every point that is
//! met is appended.

/// Which side of a step a point is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    /// Nothing of the step has been done.
    Before,
    /// It has been done, and whoever does it has not been told.
    After,
}

/// Passes the point on this side of a step.
///
/// # Errors
/// What a test ordered. After a step the step has been done all the same.
#[cfg(not(feature = "failpoints"))]
#[expect(clippy::unused_async, reason = "it waits where a test orders a delay")]
pub(crate) async fn pass(_: Side, _: &'static str) -> std::io::Result<()> {
    Ok(())
}

/// The same, where the task may block.
///
/// # Errors
/// As [`pass`].
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn pass_blocking(_: Side, _: &'static str) -> std::io::Result<()> {
    Ok(())
}

/// A migration of a version to come: its name, and its text for either database.
pub(crate) type Later = (&'static str, &'static str, &'static str);

/// What a version to come would change of the database, in a test of an update.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn later_migrations() -> &'static [Later] {
    &[]
}

#[cfg(feature = "failpoints")]
pub use armed::{Action, LATER, MET, ORDER, Order, OrderError, arm, arm_from_environment};
#[cfg(feature = "failpoints")]
pub(crate) use armed::{later_migrations, pass, pass_blocking};

#[cfg(feature = "failpoints")]
mod armed {
    use std::fs::File;
    use std::io::{self, Write};
    use std::path::{Path, PathBuf};
    use std::str::FromStr;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
    use std::time::Duration;

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    use super::{Later, Side};

    /// What happens at a point.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Action {
        /// SIGKILL.
        Kill,
        /// The step fails: before it without being done, after it although it was done.
        Fail,
        /// The step takes so much longer.
        Delay(Duration),
        /// The step holds its thread for so long: nothing else of its task turns.
        Hold(Duration),
    }

    /// What happens where: `kill 17` at the 17th point of the process, `fail 2 after saving what was collected` at the
    /// second time this one is met, `delay:1500 3` after waiting for so many milliseconds at the third, `hold:1500 1` with the
    /// thread held meanwhile.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Order {
        /// What.
        pub action: Action,
        /// At which one, from 1.
        pub at: u64,
        /// Of those with this name; of all where it is `None`.
        pub name: Option<String>,
    }

    /// The order cannot be understood.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
    #[error(
        "an order is `kill N`, `fail N`, `delay:MS N` or `hold:MS N`, with the name of a point behind it or not"
    )]
    pub struct OrderError;

    /// Names the order in the environment.
    pub const ORDER: &str = "CHAOBIAO_FAILPOINT";
    /// Names the file of the points that are met in the environment.
    pub const MET: &str = "CHAOBIAO_FAILPOINTS_MET";

    /// Names a folder with migrations in the environment: the process is then a version to come. A folder in it for each, in
    /// the order of their names, with `sqlite.sql` and `postgres.sql`.
    pub const LATER: &str = "CHAOBIAO_LATER_MIGRATIONS";

    static LATER_MIGRATIONS: OnceLock<Vec<Later>> = OnceLock::new();

    pub(crate) fn later_migrations() -> &'static [Later] {
        LATER_MIGRATIONS.get().map_or(&[], Vec::as_slice)
    }

    /// As long as the process lives.
    fn read_later(folder: &Path) -> io::Result<Vec<Later>> {
        let mut folders = std::fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<Vec<_>>>()?;
        folders.sort();
        let leaked = |text: String| -> &'static str { text.leak() };
        let migration = |folder: PathBuf| {
            let text = |name| std::fs::read_to_string(folder.join(name)).map(leaked);
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok((leaked(name), text("sqlite.sql")?, text("postgres.sql")?))
        };
        folders.into_iter().map(migration).collect()
    }

    impl FromStr for Order {
        type Err = OrderError;

        fn from_str(text: &str) -> Result<Self, OrderError> {
            let mut words = text.splitn(3, ' ');
            let action = match words.next().unwrap_or_default() {
                "kill" => Action::Kill,
                "fail" => Action::Fail,
                word => {
                    let (action, ms) = word.split_once(':').ok_or(OrderError)?;
                    let time = Duration::from_millis(ms.parse().map_err(|_| OrderError)?);
                    match action {
                        "delay" => Action::Delay(time),
                        "hold" => Action::Hold(time),
                        _ => return Err(OrderError),
                    }
                }
            };
            let at = words.next().and_then(|at| at.parse().ok()).filter(|at| *at > 0).ok_or(OrderError)?;
            Ok(Self { action, at, name: words.next().map(str::to_owned) })
        }
    }

    #[derive(Default)]
    struct State {
        order: Option<Order>,
        met: Option<File>,
        /// How many of those that count have been met.
        passed: u64,
    }

    static IS_ARMED: AtomicBool = AtomicBool::new(false);
    static STATE: Mutex<State> = Mutex::new(State { order: None, met: None, passed: 0 });

    /// Lets something happen in this process, once; the points are counted anew.
    pub fn arm(order: Option<Order>, met: Option<File>) {
        IS_ARMED.store(order.is_some() || met.is_some(), Ordering::SeqCst);
        *state() = State { order, met, passed: 0 };
    }

    /// Does what the environment orders.
    ///
    /// # Errors
    /// The order cannot be understood, the file of the points cannot be opened, or migrations cannot be read.
    pub fn arm_from_environment() -> io::Result<()> {
        if let Some(folder) = std::env::var_os(LATER) {
            let later = read_later(Path::new(&folder))?;
            LATER_MIGRATIONS.get_or_init(|| later);
        }
        let order = std::env::var(ORDER).ok().map(|order| order.parse());
        let order = order.transpose().map_err(|error: OrderError| io::Error::other(error))?;
        let open = |path| File::options().create(true).append(true).open(path);
        arm(order, std::env::var_os(MET).map(open).transpose()?);
        Ok(())
    }

    pub(crate) async fn pass(side: Side, step: &'static str) -> io::Result<()> {
        if let Some(delay) = met(side, step)? {
            tokio::time::sleep(delay).await;
        }
        Ok(())
    }

    pub(crate) fn pass_blocking(side: Side, step: &'static str) -> io::Result<()> {
        if let Some(delay) = met(side, step)? {
            hold(delay);
        }
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "a test ordered that the thread is held")]
    fn hold(time: Duration) {
        std::thread::sleep(time);
    }

    /// Meets a point; says how long to wait there.
    fn met(side: Side, step: &str) -> io::Result<Option<Duration>> {
        if !IS_ARMED.load(Ordering::SeqCst) {
            return Ok(None);
        }
        let side = match side {
            Side::Before => "before",
            Side::After => "after",
        };
        let name = format!("{side} {step}");
        let mut state = state();
        if let Some(file) = &mut state.met {
            // In one write, so that lines of several processes stay whole.
            file.write_all(format!("{name}\n").as_bytes())?;
        }
        let Some(Order { action, at, .. }) =
            state.order.clone().filter(|order| order.name.as_ref().is_none_or(|wanted| *wanted == name))
        else {
            return Ok(None);
        };
        state.passed += 1;
        if state.passed != at {
            return Ok(None);
        }
        if let Some(file) = &mut state.met {
            file.write_all(format!("! {name}\n").as_bytes())?;
        }
        match action {
            Action::Kill => {
                kill(Pid::this(), Signal::SIGKILL).map_err(io::Error::from)?;
                // It is delivered before the call returns, or at once.
                loop {
                    std::thread::yield_now();
                }
            }
            Action::Fail => Err(io::Error::other(format!("failed {name}, as ordered"))),
            Action::Delay(delay) => Ok(Some(delay)),
            Action::Hold(time) => {
                drop(state);
                hold(time);
                Ok(None)
            }
        }
    }

    fn state() -> MutexGuard<'static, State> {
        STATE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn an_order_is_read_or_refused() {
            let order = |action, at, name: Option<&str>| Order { action, at, name: name.map(str::to_owned) };
            assert_eq!("kill 17".parse(), Ok(order(Action::Kill, 17, None)));
            assert_eq!(
                "fail 2 after saving what was collected".parse(),
                Ok(order(Action::Fail, 2, Some("after saving what was collected")))
            );
            let delay = Action::Delay(Duration::from_millis(1500));
            assert_eq!("delay:1500 3".parse(), Ok(order(delay, 3, None)));
            let held = Action::Hold(Duration::from_millis(20));
            assert_eq!("hold:20 1 before x".parse(), Ok(order(held, 1, Some("before x"))));
            for wrong in ["", "hold:1", "kill", "kill 0", "kill x", "delay 3", "delay:x 3", "stop 1"] {
                assert_eq!(wrong.parse::<Order>(), Err(OrderError), "{wrong}");
            }
        }
    }
}
