//! Handles for files and connections, divided before a site begins, so that what many can take is never taken from what
//! gives supply back (F37).
//!
//! Lines, the database, captures and alarms have theirs first, then the console and the API, then terminals: who dials in
//! is turned away at the port long before the store or a line asks the system for one that it does not have.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::config::Config;

/// How many a site can have open at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handles {
    /// Of lines, devices that dial in, the database and everything else that is not bounded by what is left.
    fixed: u64,
    /// Of the console and the API.
    browsers: u64,
    /// Of terminals that have logged in.
    sessions: u64,
    /// Of terminals that have not.
    strangers: u64,
}

/// There are too few for a site to be served at all.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "{limit} file handles are allowed and the site needs {least} at least: set LimitNOFILE= in the unit, or ulimit -n  \
     文件句柄上限为{limit}，本站至少需要{least}，请提高 LimitNOFILE 或 ulimit -n"
)]
pub struct FewHandles {
    /// How many this process may have.
    limit: u64,
    /// How many it takes.
    least: u64,
}

impl Handles {
    /// What a configuration can need.
    #[must_use]
    pub(crate) fn of(config: &Config) -> Self {
        let lines = u64::try_from(config.lines.len()).unwrap_or(u64::MAX);
        let devices = config.dtu.listen.map_or(0, |_| u64::from(config.dtu.most_unregistered));
        let terminals = |most: u32| config.terminals.listen.map_or(0, |_| u64::from(most));
        Self {
            // A line, and the socket by which commands ask for it.
            fixed: lines.saturating_mul(2).saturating_add(devices).saturating_add(SPARE),
            browsers: u64::from(config.http.most_connections),
            sessions: terminals(config.terminals.most_sessions),
            strangers: terminals(config.terminals.most_unregistered),
        }
    }

    /// All together.
    #[must_use]
    pub(crate) const fn needed(self) -> u64 {
        self.fixed.saturating_add(self.browsers).saturating_add(self.sessions).saturating_add(self.strangers)
    }

    /// The same within a limit.
    ///
    /// # Errors
    /// [`FewHandles`] when it leaves the console or the terminals next to none.
    fn within(self, limit: u64) -> Result<Self, FewHandles> {
        if self.needed() <= limit {
            return Ok(self);
        }
        let terminals = self.sessions.saturating_add(self.strangers);
        let least = self.fixed.saturating_add(LEAST.min(self.browsers)).saturating_add(LEAST.min(terminals));
        if limit < least {
            return Err(FewHandles { limit, least });
        }
        let left = limit.saturating_sub(self.fixed);
        let browsers = match terminals {
            0 => left.min(self.browsers),
            _ => (left / 4).max(LEAST).min(self.browsers),
        };
        let left = left.saturating_sub(browsers).min(terminals);
        let strangers = (left / 4).min(self.strangers);
        Ok(Self { browsers, strangers, sessions: left.saturating_sub(strangers).min(self.sessions), ..self })
    }
}

/// Fits a configuration to what this process may have open, which is raised as far as the system allows.
///
/// # Errors
/// [`FewHandles`].
pub(super) fn fit(config: &mut Config) -> Result<(), FewHandles> {
    let wished = Handles::of(config);
    let limit = raised();
    let fitted = wished.within(limit)?;
    if fitted != wished {
        tracing::warn!(
            handles.limit = limit,
            handles.needed = wished.needed(),
            "file handles are short, so that fewer connections are taken: {} of {} browsers, {} of {} terminals",
            fitted.browsers,
            wished.browsers,
            fitted.sessions,
            wished.sessions
        );
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        config.http.most_connections = narrow(fitted.browsers);
        if config.terminals.listen.is_some() {
            config.terminals.most_sessions = narrow(fitted.sessions);
            config.terminals.most_unregistered = narrow(fitted.strangers.max(1));
        }
    }
    Ok(())
}

/// How many this process may have, once it may have as many as the system lets it.
fn raised() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return u64::MAX };
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    }
}

/// How many the console and the terminals have each, at least.
const LEAST: u64 = 32;
/// Those of the database, captures, alarms, receivers, whoever watches, and everything else.
const SPARE: u64 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Handles = Handles { fixed: 4200, browsers: 1024, sessions: 25_000, strangers: 1024 };

    #[test]
    fn f37_what_gives_supply_back_has_its_handles_before_browsers_and_those_before_terminals() {
        assert_eq!(ALL.within(31_248).unwrap(), ALL, "all that it can need");
        for limit in 4264..31_248 {
            let fitted = ALL.within(limit).unwrap();
            assert!(fitted.needed() <= limit, "{limit}: {fitted:?}");
            assert_eq!(fitted.fixed, ALL.fixed);
            assert!((LEAST..=1024).contains(&fitted.browsers), "{limit}: {fitted:?}");
            assert!(
                fitted.sessions + fitted.strangers >= LEAST && fitted.strangers > 0,
                "{limit}: {fitted:?}"
            );
        }
        let told = ALL.within(1024).unwrap_err().to_string();
        assert!(told.contains("1024") && told.contains("4264") && told.contains("文件句柄"), "{told}");
    }

    #[test]
    fn f37_a_site_without_terminals_leaves_the_console_all_that_is_left() {
        let lines = Handles { sessions: 0, strangers: 0, ..ALL };
        assert_eq!(lines.within(4700).unwrap(), Handles { browsers: 500, ..lines });
        assert!(lines.within(4231).is_err());
        assert_eq!(lines.within(4232).unwrap().browsers, LEAST);
    }
}
