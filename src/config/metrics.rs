//! `[metrics]`: where the process tells how it is, to machines that watch it.

use std::net::SocketAddr;

use super::section::Section;

/// `[metrics]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Where `/metrics`, `/healthz` and `/readyz` are answered; `None` when they are not.
    pub listen: Option<SocketAddr>,
}

impl Metrics {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self { listen: section.optional("listen", ..) }
    }
}
