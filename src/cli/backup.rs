//! `chaobiao backup`: a copy of a site that can be restored, while it is served (F41).
//!
//! A folder of its own with the database as it stood at one moment, the configuration, and a manifest with what is in it.
//! It has the ending `.partial` until all of it is on the disk. No key and no password is in it: those of meters are sealed
//! under a key file that is kept elsewhere (T24).

pub(super) mod manifest;
pub(super) mod server;

use std::fs::{self, DirBuilder};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tokio::time::Instant;

use super::database::store_error;
use super::{CliError, with_causes};
use crate::clock::Clock;
use crate::config::{Config, DatabasePlace, Effective, Loaded};
use crate::domain::{AuditEntry, Moment};
use crate::http::auth::COMMAND_LINE;
use crate::store::{Address, AuditHead, Migrations, Store, StoreError};
use manifest::{About, Manifest, sync};

/// Copy a site, while it is served, into a folder that `restore` takes
#[derive(Debug, Args)]
#[command(
    after_help = "Makes the folder DIR/chaobiao-TIME with the database, the configuration and a manifest, and prints its name.\n\
Not in it: the key file ([secrets] key_file), and whatever else the configuration names as a file with a secret. Keep these\n\
elsewhere: without the key file, passwords of meters in the backup cannot be opened.\n\
密钥文件不在备份中，须另行妥善保管。\n\n\
PostgreSQL is copied by pg_dump, which has to be installed. Exit code: 0 done, 1 not done, 2 wrong usage or configuration."
)]
pub(super) struct Backup {
    /// Where to put it; made when it is not there
    #[arg(value_name = "DIR")]
    to: PathBuf,
    /// The configuration
    #[arg(short, long, value_name = "FILE", default_value = "chaobiao.toml")]
    config: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Made<'a> {
    backup: &'a Path,
    bytes: u64,
    seconds: u64,
    /// Files that the configuration names and that are not in it, as they are named.
    not_in_it: &'a [String],
}

impl Backup {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let began = Instant::now();
        let loaded = Config::load(&self.config).map_err(|error| super::config::config_error(&error))?;
        let address = Address::from(&loaded.config.database.place);
        if matches!(&address, Address::Sqlite(file) if !file.exists()) {
            return Err(CliError::Failed(format!("{} is not there  数据库不存在", address.place())));
        }
        let store = Store::open(&address, Migrations::Check).await;
        let store = store.map_err(|error| {
            CliError::Failed(format!("{} cannot be used: {}", address.place(), with_causes(&error)))
        })?;
        let now = Clock::system().now();
        let name = self.free_name(now);
        let (whole, partial) = (self.to.join(&name), self.to.join(format!("{name}.partial")));
        let begun =
            store.audit(&entry(now, "backup.begin", &name)).await.map_err(|error| store_error(&error));
        let made = match begun {
            Ok(head) => self.make(&loaded, &store, head, now, (&partial, &whole)).await,
            Err(error) => Err(error),
        };
        let end = entry(Clock::system().now(), "backup.make", &name);
        let noted = match &made {
            Ok(_) => store.audit(&end).await.map(|_| ()).map_err(|error| store_error(&error)),
            Err(_) => {
                // Half a copy is of no use. One that cannot be taken away still has a name that says what it is.
                let _ = fs::remove_dir_all(&partial);
                store.audit(&end.ending("failed")).await.map(|_| ()).map_err(|error| store_error(&error))
            }
        };
        store.close().await;
        let bytes = made?;
        noted?;
        let seconds = began.elapsed().as_secs();
        let not_in_it = &files_beside(&loaded.effective)[..];
        if self.json {
            super::write_json(out, &Made { backup: &whole, bytes, seconds, not_in_it })?;
        } else {
            writeln!(out, "{}", whole.display())?;
            super::talk(&format!("{bytes} bytes in {seconds} s  已完成"));
            if !not_in_it.is_empty() {
                super::talk(&format!(
                    "keep these files elsewhere, they are not in it, and a restore or a drill needs them in their places  \
                     以下文件不在备份中，须另行保管，恢复或演练前放回原处: {}",
                    not_in_it.join(", ")
                ));
            }
        }
        Ok(())
    }

    async fn make(
        &self,
        loaded: &Loaded,
        store: &Store,
        audit: AuditHead,
        now: Moment,
        (partial, whole): (&Path, &Path),
    ) -> Result<u64, CliError> {
        let failed = |what: &Path| {
            let what = what.display().to_string();
            move |error: std::io::Error| CliError::Failed(format!("{what}: {error}"))
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.to).map_err(failed(&self.to))?;
        DirBuilder::new().mode(0o700).create(partial).map_err(failed(partial))?;
        let config = &loaded.config;
        let database = match &config.database.place {
            DatabasePlace::Sqlite(_) => {
                let name = manifest::SQLITE;
                let to = partial.join(name);
                store.copy_into(&to).await.map_err(|error| not_copied(&to, &error))?;
                name
            }
            DatabasePlace::Postgres(url) => {
                let name = manifest::POSTGRES;
                server::dump(url, &partial.join(name))?;
                name
            }
        };
        fs::copy(&self.config, partial.join(manifest::CONFIG)).map_err(failed(&self.config))?;
        let mut files = vec![database.to_owned(), manifest::CONFIG.to_owned()];
        let profiles = profiles_of(&loaded.effective);
        if let Some(folder) = &profiles {
            let folder = folder_of(&self.config).join(folder);
            files.extend(copy_profiles(&folder, partial).map_err(failed(&folder))?);
        }
        let key = config.secrets.key.as_ref().map(|key| key.name().to_owned());
        let about = About { made_at: now, audit, key, profiles };
        let manifest = Manifest::of(partial, &files, about).map_err(failed(partial))?;
        manifest.write(partial).map_err(failed(partial))?;
        fs::rename(partial, whole).and_then(|()| sync(&self.to)).map_err(failed(whole))?;
        Ok(manifest.bytes())
    }
}

/// Why the copy of the database was not made. SQLite says of the copy what it would say of the database.
fn not_copied(to: &Path, error: &StoreError) -> CliError {
    let at = to.display();
    if error.reason() == "database_full" {
        return CliError::Failed(format!("{at}: the disk of the backup is full  备份所在磁盘已满"));
    }
    CliError::Failed(format!("{at}: {}", with_causes(error)))
}

/// The folder of profiles, as the configuration names it.
fn profiles_of(effective: &[Effective]) -> Option<String> {
    let named = effective.iter().find(|value| value.section == "profiles" && value.key == "directory")?;
    Some(named.value.as_deref()?.trim_matches('"').to_owned())
}

/// The files that the configuration names and that are not copied, as they are named: keys, passwords and certificates.
fn files_beside(effective: &[Effective]) -> Vec<String> {
    let is_file = |key: &str| key.ends_with("_file") || key.starts_with("tls_");
    let is_one = |value: &&Effective| is_file(value.key) && !WRITTEN.contains(&value.key);
    let named = effective.iter().filter(is_one).filter_map(|value| value.value.as_deref());
    let mut files: Vec<String> = named.map(|name| name.trim_matches('"').to_owned()).collect();
    files.sort();
    files.dedup();
    files
}

/// Files that the service or a person writes, and that are no part of a configuration.
const WRITTEN: [&str; 2] = ["anchor_file", "stop_file"];

/// Copies the profiles of the site; says their names within the backup.
fn copy_profiles(from: &Path, to: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    DirBuilder::new().mode(0o700).create(to.join(manifest::PROFILES))?;
    for file in fs::read_dir(from)? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        if name.ends_with(".toml") && file.file_type()?.is_file() {
            let name = format!("{}/{name}", manifest::PROFILES);
            fs::copy(file.path(), to.join(&name))?;
            names.push(name);
        }
    }
    Ok(names)
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// An audit entry of whoever runs the command.
pub(super) fn entry(at: Moment, action: &'static str, object: impl Into<String>) -> AuditEntry {
    AuditEntry {
        actor: super::who::at_the_machine(),
        source: COMMAND_LINE.to_owned(),
        ..AuditEntry::of_system(at, action, object)
    }
}

/// The second, in a form that names of files can have: `20261129T081500Z`.
impl Backup {
    /// By the second in which it began; another of the same second is numbered.
    fn free_name(&self, now: Moment) -> String {
        let first = format!("chaobiao-{}", compact(now));
        let numbered = (2..1000).map(|number| format!("{first}-{number}"));
        let mut names = std::iter::once(first.clone()).chain(numbered);
        let is_free =
            |name: &String| !self.to.join(name).exists() && !self.to.join(format!("{name}.partial")).exists();
        names.find(is_free).unwrap_or(first)
    }
}

fn compact(at: Moment) -> String {
    let text = at.to_string();
    let whole = text.split('.').next().unwrap_or_default().trim_end_matches('Z');
    let digits: String = whole.chars().filter(|sign| !matches!(sign, '-' | ':')).collect();
    digits + "Z"
}
