//! `[log]`: what the program says about itself, on standard error.

use super::section::Section;
use super::setting::Choice;

/// `[log]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// What is said.
    pub level: LogLevel,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The least weight of what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// A person should act.
    Error,
    /// Recovered, but watch.
    Warn,
    /// What happened in the course of business.
    Info,
    /// Frames by layer.
    Debug,
    /// Bytes.
    Trace,
}

impl LogLevel {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl Choice for LogFormat {
    fn choices() -> Vec<(Self, &'static str)> {
        vec![(Self::Text, "text"), (Self::Json, "json")]
    }
}

impl Choice for LogLevel {
    fn choices() -> Vec<(Self, &'static str)> {
        [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace]
            .map(|level| (level, level.name()))
            .to_vec()
    }
}

impl Log {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            format: section.value("format", .., LogFormat::Text),
            level: section.value("level", .., LogLevel::Info),
        }
    }
}
