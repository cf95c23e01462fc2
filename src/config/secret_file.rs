//! Secrets that stand in files of their own: read once, never shown, wiped from memory when they are let go.

use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use super::fault::FaultKind;
use super::section::Section;
use super::words::Words;

/// One line of text that is shown nowhere. (T24)
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// The secret itself. Whoever takes it out answers for where it goes.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Reads the file that a key names, of which `form` says what it must hold.
    pub(super) fn read(
        section: &mut Section<'_>,
        key: &'static str,
        file: &Path,
        form: fn() -> Words,
    ) -> Option<Self> {
        let kind = match std::fs::read_to_string(file).map(Zeroizing::new) {
            Ok(text) => {
                let line = text.trim();
                if !line.is_empty() && !line.contains(char::is_control) {
                    return Some(Self::new(line));
                }
                FaultKind::Content(form())
            }
            Err(error) => FaultKind::File(error.kind()),
        };
        section.check(false, &[key], kind);
        None
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("******")
    }
}
