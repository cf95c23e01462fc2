//! `[metrics]`: where the process tells how it is, to machines that watch it.

use std::net::SocketAddr;

use super::fault::FaultKind;
use super::section::Section;

/// `[metrics]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Where `/metrics`, `/healthz` and `/readyz` are answered; `None` when they are not.
    pub listen: Option<SocketAddr>,
}

impl Metrics {
    /// Reads the section. The port is never that of the console, where everybody comes (T21).
    pub(super) fn read(section: &mut Section<'_>, console: Option<SocketAddr>) -> Self {
        let listen = section.optional::<SocketAddr>("listen", ..);
        let is_its_own = listen.is_none() || listen.is_some_and(|at| at.port() == 0) || listen != console;
        section.check(is_its_own, &["listen"], FaultKind::Taken { line: None });
        Self { listen }
    }
}
