//! `[secrets]`: the key that passwords of meters are kept under (T24).
//!
//! The key stands in a file of its own, which only its owner may read and which is backed up apart from the database:
//! neither is of use without the other. It is held in memory that is written over when it goes, and never shown.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::fault::FaultKind;
use super::section::Section;
use super::words::Words;
use crate::ownership;

/// `[secrets]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    /// The key; without it no password of a meter is kept or used.
    pub key: Option<KeyFile>,
}

/// The key of a key file, and the name by which it is known without being told.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyFile {
    key: Zeroizing<[u8; KEY_BYTES]>,
    name: String,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or made.
    #[error("the key file {} cannot be used", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Others may read it.
    #[error("the key file {} may be read by others: only its owner may (chmod 600)", file.display())]
    Open {
        /// The file.
        file: PathBuf,
    },
    /// It holds something else.
    #[error("the key file {} does not hold 64 hexadecimal digits on one line", file.display())]
    Content {
        /// The file.
        file: PathBuf,
    },
    /// The machine gave no random bytes.
    #[error("the machine gives no random bytes to make a key of")]
    NoRandom,
}

impl KeyFileError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Open { .. } => "open",
            Self::Content { .. } => "content",
            Self::NoRandom => "no_random",
        }
    }
}

impl KeyFile {
    /// Reads a key file.
    ///
    /// # Errors
    /// [`KeyFileError`] when it cannot be read, may be read by others, or holds no key.
    pub fn load(file: &Path) -> Result<Self, KeyFileError> {
        let of_file = |source| KeyFileError::File { file: file.to_owned(), source };
        let of = || file.to_owned();
        if is_open_to_others(&std::fs::metadata(file).map_err(of_file)?) {
            return Err(KeyFileError::Open { file: of() });
        }
        let text = Zeroizing::new(std::fs::read(file).map_err(of_file)?);
        Self::of_hex(text.trim_ascii()).ok_or_else(|| KeyFileError::Content { file: of() })
    }

    /// Makes a key file with a new key, which only its owner may read. One that is there already stays as it is.
    ///
    /// # Errors
    /// [`KeyFileError`] when it is there already, cannot be written, or the machine gives no random bytes.
    pub fn make(file: &Path) -> Result<Self, KeyFileError> {
        let of_file = |source| KeyFileError::File { file: file.to_owned(), source };
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        SystemRandom::new().fill(key.as_mut()).map_err(|_| KeyFileError::NoRandom)?;
        let mut text = Zeroizing::new(String::with_capacity(KEY_BYTES * 2 + 1));
        for byte in key.iter() {
            for four in [byte >> 4, byte & 15] {
                text.push(char::from_digit(four.into(), 16).unwrap_or('0'));
            }
        }
        text.push('\n');
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        for_the_owner_only(&mut options);
        let mut made = options.open(file).map_err(of_file)?;
        ownership::hand_over(&made, file).map_err(of_file)?;
        made.write_all(text.as_bytes()).and_then(|()| made.sync_all()).map_err(of_file)?;
        Ok(Self::of_key(key))
    }

    /// By what the key is known: the beginning of a digest.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key. Whoever takes it out answers for where it goes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.key
    }

    fn of_hex(text: &[u8]) -> Option<Self> {
        if text.len() != KEY_BYTES * 2 {
            return None;
        }
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        for (byte, pair) in key.iter_mut().zip(text.chunks(2)) {
            let mut digits = pair.iter().map(|digit| char::from(*digit).to_digit(16));
            let (high, low) = (digits.next()??, digits.next()??);
            *byte = u8::try_from(high << 4 | low).ok()?;
        }
        Some(Self::of_key(key))
    }

    fn of_key(key: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(b"chaobiao key file");
        context.update(key.as_ref());
        let digest = context.finish();
        let name = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { key, name }
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFile({})", self.name)
    }
}

impl Secrets {
    pub(super) fn read(section: &mut Section<'_>, base: &Path) -> Self {
        let Some(file) = section.optional::<PathBuf>("key_file", ..) else { return Self::default() };
        match KeyFile::load(&base.join(file)) {
            Ok(key) => {
                section.remark(format!("key {}", key.name()));
                Self { key: Some(key) }
            }
            Err(error) => {
                section.fault("key_file", fault(&error));
                Self::default()
            }
        }
    }
}

fn fault(error: &KeyFileError) -> FaultKind {
    match error {
        KeyFileError::File { source, .. } => FaultKind::File(source.kind()),
        KeyFileError::Open { .. } => FaultKind::Expected(Words::of(
            "a file that only its owner may read: chmod 600",
            "仅属主可读的文件，请执行 chmod 600",
        )),
        KeyFileError::Content { .. } | KeyFileError::NoRandom => FaultKind::Content(Words::of(
            "64 hexadecimal digits on one line; `chaobiao secrets key FILE` makes one",
            "一行 64 位十六进制数；可用 `chaobiao secrets key 文件` 生成",
        )),
    }
}

#[cfg(unix)]
fn is_open_to_others(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
const fn is_open_to_others(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(unix)]
fn for_the_owner_only(options: &mut std::fs::OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
const fn for_the_owner_only(_: &mut std::fs::OpenOptions) {}

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t24_a_key_file_is_read_by_its_owner_only_and_shows_nothing_of_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let made = KeyFile::make(&file).unwrap();
        let loaded = KeyFile::load(&file).unwrap();
        assert_eq!((made.bytes(), made.name()), (loaded.bytes(), loaded.name()));
        let text = std::fs::read_to_string(&file).unwrap();
        let shown = format!("{made:?} {}", made.name());
        assert!(!shown.contains(text.trim().get(..8).unwrap()), "{shown}");
        assert_eq!(KeyFile::make(&file).unwrap_err().kind(), "file", "one that is there stays");
        assert_ne!(KeyFile::make(&folder.path().join("other")).unwrap().name(), made.name());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
            assert_eq!(KeyFile::load(&file).unwrap_err().kind(), "open");
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        for wrong in ["", "00", &"g".repeat(64), &"0".repeat(65), &"é".repeat(32)] {
            std::fs::write(&file, wrong).unwrap();
            assert_eq!(KeyFile::load(&file).unwrap_err().kind(), "content", "{wrong}");
        }
    }
}
