//! Something that was looked at.

use std::io::{self, Write};

use serde::Serialize;

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// To be known; nothing is wrong.
    Note,
    /// It works, and not as well as it could; or it cannot be told.
    Warn,
    /// It does not work.
    Fail,
}

/// Something that was looked at, how it is, and what to do.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    /// Of what: `database`, `line east`.
    pub(super) of: String,
    pub(crate) message: String,
    pub(super) message_zh: String,
    /// What to do, in both languages; none where nothing is.
    #[serde(rename = "do")]
    pub(super) to_do: Option<&'static str>,
}

impl Finding {
    pub(super) fn new(level: Level, of: &str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { level, of: of.to_owned(), message: en.into(), message_zh: zh.into(), to_do: None }
    }

    pub(super) fn ok(of: &str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::new(Level::Ok, of, en, zh)
    }

    pub(super) fn fail(of: &str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::new(Level::Fail, of, en, zh)
    }

    pub(super) fn warn(of: &str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::new(Level::Warn, of, en, zh)
    }

    pub(super) fn doing(self, to_do: &'static str) -> Self {
        Self { to_do: Some(to_do), ..self }
    }

    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let level = match self.level {
            Level::Ok => "ok  ",
            Level::Note => "note",
            Level::Warn => "warn",
            Level::Fail => "fail",
        };
        writeln!(out, "{level}  {}: {}  {}", self.of, self.message, self.message_zh)?;
        match self.to_do {
            Some(to_do) => writeln!(out, "      -> {to_do}"),
            None => Ok(()),
        }
    }
}
