//! `[metrics]`: where the process tells how it is, to machines that watch it.

use std::net::{Ipv4Addr, SocketAddr};

use super::section::Section;

/// `[metrics]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Where `/metrics`, `/healthz` and `/readyz` are answered; `None` when that is switched off.
    pub listen: Option<SocketAddr>,
}

impl Metrics {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let is_enabled = section.value("enabled", .., true);
        let listen = section.value("listen", .., SocketAddr::from((Ipv4Addr::LOCALHOST, 9645)));
        Self { listen: is_enabled.then_some(listen) }
    }
}
