//! What is being done, on the last line of a terminal.

use std::io::{IsTerminal, Write};

/// Replaces the last line of the terminal; nothing where standard error is none.
pub(super) fn status(text: &str) {
    if std::io::stderr().is_terminal() {
        let mut talk = anstream::stderr().lock();
        // Nothing is left to do when the terminal is gone.
        let _ = write!(talk, "\r\x1b[K{text}").and_then(|()| talk.flush());
    }
}

/// A line that stays.
pub(super) fn say(text: &str) {
    status("");
    super::talk(text);
}
