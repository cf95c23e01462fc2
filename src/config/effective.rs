//! What holds after a file was read: every key with its value, given or by default.

use std::fmt;

use super::Words;

/// A key and what holds for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The section, such as `collection` or `line[2]`; empty above all sections.
    pub section: String,
    /// The key.
    pub key: &'static str,
    /// The value as the file would have it; `None` where there is none.
    pub value: Option<String>,
    /// What may stand here.
    pub expected: Words,
    /// Whether the file leaves it out.
    pub is_default: bool,
    /// What else is to be known, such as what stands in a file that the value names; never a secret.
    pub remark: Option<String>,
}

/// Shows values as a configuration file that says them all. Secrets are not among them: they stand in files of their
/// own, and the file has only their paths.
#[derive(Debug)]
pub struct Listing<'a>(pub &'a [Effective]);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section = "";
        for effective in self.0 {
            if effective.section != section {
                f.write_str(if section.is_empty() { "" } else { "\n" })?;
                section = &effective.section;
                match section.split_once('[') {
                    Some((name, _)) => writeln!(f, "[[{name}]]")?,
                    None => writeln!(f, "[{section}]")?,
                }
            }
            match &effective.value {
                Some(value) => write!(f, "{} = {value}", effective.key)?,
                None => write!(f, "# {} =", effective.key)?,
            }
            match (&effective.remark, &effective.value, effective.is_default) {
                (Some(remark), ..) => writeln!(f, "  # {remark}")?,
                (_, None, _) => writeln!(f, "  # not given")?,
                (_, _, true) => writeln!(f, "  # default")?,
                (_, _, false) => writeln!(f)?,
            }
        }
        Ok(())
    }
}
