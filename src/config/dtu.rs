//! `[dtu]`: the port that DTUs dial.

use std::net::SocketAddr;
use std::time::Duration;

use super::section::Section;

/// `[dtu]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dtu {
    /// Where to wait for them; `None` when none dials in.
    pub listen: Option<SocketAddr>,
    /// How long one may take to say who it is.
    pub register_within: Duration,
    /// How many may be connected that have not yet said so.
    pub most_unregistered: u32,
}

impl Dtu {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let second = Duration::from_secs(1);
        Self {
            listen: section.optional("listen", ..),
            register_within: section.value("register_within", second..=second * 30, second * 10),
            most_unregistered: section.value("most_unregistered", 1..=10_000, 64),
        }
    }
}
