//! Why a message did not get through.

use std::io;

/// Why a message did not get through, or nobody knows whether it did. No address of a webhook is ever part of it: it may
/// hold a token (T24).
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The receiver cannot be reached, or does not answer in time.
    #[error("the receiver cannot be reached: {reason}")]
    Unreachable {
        /// Why, from a closed set.
        reason: &'static str,
    },
    /// It answered with this status of HTTP; a redirection is not followed.
    #[error("the receiver answers with status {status}")]
    Status {
        /// The status.
        status: u16,
    },
    /// It answered that it does not take the message.
    #[error("the receiver refuses, code {code}: {said}")]
    Refused {
        /// Its code.
        code: i64,
        /// Its words.
        said: String,
    },
    /// Its answer could not be understood.
    #[error("the answer of the receiver is not understood")]
    Answer,
    /// No mail could be made of it.
    #[error("no mail can be made of the message")]
    Letter(#[from] lettre::error::Error),
    /// The mail server does not take it.
    #[error("the mail server does not take the message")]
    Mail(#[source] Box<lettre::transport::smtp::Error>),
    /// It takes no letter for any of those who are to be told.
    #[error("the mail server takes letters for nobody: {refused}")]
    Mailboxes {
        /// Their mailboxes, each with what it said.
        refused: String,
    },
    /// The task that sent it broke off.
    #[error("sending broke off")]
    BrokenOff,
}

impl SendError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Status { .. } => "status",
            Self::Refused { .. } => "refused",
            Self::Answer => "answer",
            Self::Letter(_) => "letter",
            Self::Mail(_) => "mail",
            Self::Mailboxes { .. } => "mailboxes",
            Self::BrokenOff => "broken_off",
        }
    }
}

impl From<ureq::Error> for SendError {
    fn from(error: ureq::Error) -> Self {
        let reason = match error {
            ureq::Error::StatusCode(status) => return Self::Status { status },
            ureq::Error::Timeout(_) => "time-out",
            ureq::Error::HostNotFound => "no such host",
            ureq::Error::ConnectionFailed => "no connection",
            ureq::Error::Io(error) => match error.kind() {
                io::ErrorKind::ConnectionRefused => "connection refused",
                io::ErrorKind::ConnectionReset => "connection reset",
                io::ErrorKind::UnexpectedEof => "connection closed",
                io::ErrorKind::TimedOut => "time-out",
                _ => "connection failed",
            },
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) => "encryption",
            _ => "protocol",
        };
        Self::Unreachable { reason }
    }
}
