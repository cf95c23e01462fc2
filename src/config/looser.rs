//! Values that protect less than what is built in: one person who edits a file can set them, and others are told (T32).
//!
//! The ceilings of cuts are not among them, as a file only makes those stricter.

use std::time::Duration;

use super::{Audit, Config, Http};

/// A value that protects less than the one built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looser {
    /// The key with its section, such as `http.lock_after`.
    pub key: &'static str,
    /// What the file says.
    pub value: String,
    /// What is built in.
    pub built_in: String,
}

impl Config {
    /// What the file has loosened.
    #[must_use]
    pub fn looser(&self) -> Vec<Looser> {
        let (http, built_in) = (&self.http, Http::default());
        let mut found = Found::default();
        found.above("http.session_idle", http.session_idle, built_in.session_idle);
        found.above("http.session_total", http.session_total, built_in.session_total);
        found.above("http.most_sessions", http.most_sessions, built_in.most_sessions);
        found.above("http.lock_after", http.lock_after, built_in.lock_after);
        found.above("http.lock_source_after", http.lock_source_after, built_in.lock_source_after);
        found.below("http.lock_for", http.lock_for, built_in.lock_for);
        found.above("http.requests_per_minute", http.requests_per_minute, built_in.requests_per_minute);
        found.above("http.changes_per_minute", http.changes_per_minute, built_in.changes_per_minute);
        found.above("audit.anchor_every", self.audit.anchor_every, Audit::EVERY);
        found.0
    }
}

#[derive(Default)]
struct Found(Vec<Looser>);

impl Found {
    fn above<T: PartialOrd + Shown>(&mut self, key: &'static str, value: T, built_in: T) {
        if value > built_in {
            self.0.push(Looser { key, value: value.shown(), built_in: built_in.shown() });
        }
    }

    fn below<T: PartialOrd + Shown>(&mut self, key: &'static str, value: T, built_in: T) {
        if value < built_in {
            self.0.push(Looser { key, value: value.shown(), built_in: built_in.shown() });
        }
    }
}

trait Shown {
    fn shown(&self) -> String;
}

impl Shown for u32 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for Duration {
    fn shown(&self) -> String {
        format!("{}s", self.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looser(text: &str) -> Vec<Looser> {
        let text = format!("[database]\npath = \"x.db\"\n{text}");
        Config::parse("amr.toml".as_ref(), &text).unwrap().config.looser()
    }

    #[test]
    fn t32_what_a_file_has_loosened_is_named_and_what_is_stricter_is_not() {
        assert_eq!(looser(""), []);
        let strict =
            "[http]\nsession_idle = \"5min\"\nlock_after = 3\nlock_for = \"1h\"\nchanges_per_minute = 10\n";
        assert_eq!(looser(strict), []);
        let loose = "[http]\nsession_idle = \"8h\"\nsession_total = \"24h\"\nmost_sessions = 20\nlock_after = 20\n\
            lock_source_after = 10000\nlock_for = \"1min\"\nrequests_per_minute = 100000\nchanges_per_minute = 100000\n\
            [audit]\nanchor_every = \"1h\"\n";
        let found = looser(loose);
        let keys: Vec<_> = found.iter().map(|looser| looser.key).collect();
        assert_eq!(keys.len(), 9, "{keys:?}");
        let lock = Looser { key: "http.lock_for", value: "60s".to_owned(), built_in: "300s".to_owned() };
        assert!(found.contains(&lock), "{found:?}");
    }
}
