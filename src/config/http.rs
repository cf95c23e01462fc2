//! `[http]`: the console and the API.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::limit::Each;
use super::section::Section;

/// `[http]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Whether there is a console and an API at all.
    pub enabled: bool,
    /// Where they listen.
    pub listen: SocketAddr,
    /// Whether browsers come by TLS, through a proxy: their cookies then never travel without it.
    pub behind_tls: bool,
    /// Proxies whose word about where a request comes from is taken.
    pub trusted_proxies: Vec<IpAddr>,
    /// Connections at a time.
    pub most_connections: u32,
    /// How long a session lasts without a request.
    pub session_idle: Duration,
    /// How long it lasts at all.
    pub session_total: Duration,
    /// Sessions of one account at a time.
    pub most_sessions: u32,
    /// So many failures lock an account.
    pub lock_after: u32,
    /// So many failures lock a source, whatever the account.
    pub lock_source_after: u32,
    /// For how long at first.
    pub lock_for: Duration,
    /// Requests a minute of one account, or of one source that has not signed in.
    pub requests_per_minute: u32,
    /// Those of them that change something.
    pub changes_per_minute: u32,
}

impl Http {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let second = Duration::from_secs(1);
        let (minute, hour) = (second * 60, second * 3600);
        Self {
            enabled: section.value("enabled", .., true),
            listen: section.value("listen", .., SocketAddr::from((Ipv4Addr::LOCALHOST, 8645))),
            behind_tls: section.value("behind_tls", .., false),
            trusted_proxies: section.optional("trusted_proxies", Each(..)).unwrap_or_default(),
            most_connections: section.value("most_connections", 16..=10_000, 1024),
            session_idle: section.value("session_idle", minute..=hour * 8, minute * 15),
            session_total: section.value("session_total", minute * 5..=hour * 24, hour * 8),
            most_sessions: section.value("most_sessions", 1..=20, 3),
            lock_after: section.value("lock_after", 3..=20, 5),
            lock_source_after: section.value("lock_source_after", 3..=10_000, 30),
            lock_for: section.value("lock_for", minute..=hour * 24, minute * 5),
            requests_per_minute: section.value("requests_per_minute", 30..=100_000, 1200),
            changes_per_minute: section.value("changes_per_minute", 10..=100_000, 120),
        }
    }
}

impl Default for Http {
    /// What holds without the section.
    fn default() -> Self {
        let source = super::Source::new("".as_ref(), "");
        source.read(|root| root.section("http", Self::read)).0
    }
}
