//! What terminals say of themselves: reports, and that they have come or gone.

use gdw1376::address::TerminalAddress;
use tokio::sync::oneshot;

use crate::domain::Moment;

/// A report of a terminal (主动上报): events, or data by task.
#[derive(Debug)]
pub struct Report {
    /// Who reports.
    pub terminal: TerminalAddress,
    /// When it came.
    pub received_at: Moment,
    /// The frame, to be cut by [`gdw1376::unit::cut`].
    pub frame: Vec<u8>,
    /// To be told when the report is kept; only then it is confirmed. Dropped, the terminal sends it again.
    pub kept: oneshot::Sender<()>,
}

/// A terminal has come or gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub terminal: TerminalAddress,
    /// When.
    pub at: Moment,
    /// What happened.
    pub what: WhatChanged,
}

/// What happened to a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WhatChanged {
    /// It has logged in, or was dialled.
    LoggedIn,
    /// It has logged out.
    LoggedOut,
    /// Its connection is gone.
    Lost,
    /// One that is not known wanted to log in.
    Refused,
    /// Somebody came under its address from elsewhere while it was there.
    Claimed,
}

impl WhatChanged {
    /// A short name from a closed set.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LoggedIn => "logged_in",
            Self::LoggedOut => "logged_out",
            Self::Lost => "lost",
            Self::Refused => "refused",
            Self::Claimed => "claimed",
        }
    }
}
