//! What is in a backup: names, sizes and digests, and which database it came from.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use crate::domain::{AuditHash, Moment};
use crate::store::{AuditHead, Store};

/// The manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    format: u32,
    /// Of the program that made it.
    pub(crate) version: String,
    /// UTC.
    pub(crate) made_at: String,
    /// Of the database.
    pub(crate) schema: i64,
    audit_number: i64,
    audit_hash: String,
    /// By what the key file is known under which passwords of meters are sealed.
    pub(crate) key: Option<String>,
    /// The folder of profiles, as the configuration names it.
    pub(crate) profiles: Option<String>,
    files: Vec<Entry>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    bytes: u64,
    sha256: String,
}

/// What a backup is of.
pub(super) struct About {
    pub(super) made_at: Moment,
    /// The end of the audit log before the copy was begun.
    pub(super) audit: AuditHead,
    /// By what the key file is known.
    pub(super) key: Option<String>,
    /// The folder of profiles, as the configuration names it.
    pub(super) profiles: Option<String>,
}

/// Why a folder is no backup that can be restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    /// It was never finished.
    #[error("it was not finished  备份未完成")]
    Partial,
    /// The manifest is not there or is none.
    #[error("{MANIFEST} is not there or is none  清单缺失或无效")]
    NoManifest,
    /// It was made by a version that writes another form.
    #[error("it has form {0}, which this version does not know  备份格式未知")]
    Format(u32),
    /// A file is not there, has another size or another content.
    #[error("{0} is not what was backed up  文件与备份时不一致")]
    Altered(String),
}

impl Manifest {
    /// Writes down these files, each of which is on the disk when this returns.
    pub(super) fn of(
        folder: &Path,
        files: &[String],
        About { made_at, audit, key, profiles }: About,
    ) -> io::Result<Self> {
        let mut entries = Vec::new();
        for name in files {
            let file = folder.join(name);
            sync(&file)?;
            let (bytes, sha256) = digest(&file)?;
            entries.push(Entry { name: name.clone(), bytes, sha256 });
        }
        if folder.join(PROFILES).exists() {
            sync(&folder.join(PROFILES))?;
        }
        Ok(Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            made_at: made_at.to_string(),
            schema: Store::schema(),
            audit_number: audit.number,
            audit_hash: audit.hash.to_string(),
            key,
            profiles,
            files: entries,
        })
    }

    /// Writes it, the last of the files.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let mut file = File::create_new(folder.join(MANIFEST))?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        sync(folder)
    }

    /// Reads the manifest of a backup and looks whether every file is what it says.
    pub(crate) fn check(folder: &Path) -> Result<Self, Unfit> {
        if folder.extension().is_some_and(|ending| ending == "partial") {
            return Err(Unfit::Partial);
        }
        let text = fs::read(folder.join(MANIFEST)).map_err(|_| Unfit::NoManifest)?;
        let manifest: Self = serde_json::from_slice(&text).map_err(|_| Unfit::NoManifest)?;
        if manifest.format != FORMAT {
            return Err(Unfit::Format(manifest.format));
        }
        for Entry { name, bytes, sha256 } in &manifest.files {
            let is_inside = name.split('/').all(|part| !part.is_empty() && part != ".." && part != ".");
            let found = is_inside.then(|| digest(&folder.join(name)).ok()).flatten();
            if found.is_none_or(|(size, hash)| size != *bytes || hash != *sha256) {
                return Err(Unfit::Altered(name.clone()));
            }
        }
        Ok(manifest)
    }

    /// Whether this file is in it.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.files.iter().any(|entry| entry.name == name)
    }

    /// The names of the profiles in it.
    pub(crate) fn profile_files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().filter_map(|entry| entry.name.strip_prefix(PROFILES)?.strip_prefix('/'))
    }

    /// The end of the audit log when the copy was begun.
    pub(crate) fn audit(&self) -> Option<AuditHead> {
        Some(AuditHead { number: self.audit_number, hash: AuditHash::from_hex(&self.audit_hash)? })
    }

    /// Of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|entry| entry.bytes).sum()
    }
}

/// Puts a file or folder on the disk.
pub(crate) fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut context, mut bytes, mut portion) = (Context::new(&SHA256), 0_u64, vec![0; 1 << 16]);
    loop {
        let count = file.read(&mut portion)?;
        let Some(read) = portion.get(..count).filter(|read| !read.is_empty()) else { break };
        context.update(read);
        bytes = bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    }
    let hash = context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((bytes, hash))
}

const FORMAT: u32 = 1;
pub(crate) const MANIFEST: &str = "manifest.json";
/// A copy of an SQLite database.
pub(crate) const SQLITE: &str = "database.sqlite";
/// What `pg_dump --format=custom` wrote.
pub(crate) const POSTGRES: &str = "database.pgdump";
/// The configuration.
pub(crate) const CONFIG: &str = "chaobiao.toml";
/// The folder of meter profiles.
pub(crate) const PROFILES: &str = "profiles";
