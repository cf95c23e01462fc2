//! `chaobiao restore`: a site put back from a backup, ready to be served, and how long that took (F41).
//!
//! It goes where nothing is. A file gets its name, and a server's database loses its mark, only when everything is done, so
//! that what is left by a kill is never served.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tokio::time::Instant;

use super::backup::{entry, folder_of, manifest, manifest::Manifest, manifest::sync, server};
use super::database::store_error;
use super::doctor::Level;
use super::owner::Owner;
use super::{CliError, with_causes};
use crate::app::{AppError, SiteLock};
use crate::clock::Clock;
use crate::config::{Config, DatabasePlace, DatabaseUrl};
use crate::domain::Moment;
use crate::ownership;
use crate::store::{Address, Restored, Room, Store, StoreError};

/// Put a site back from a backup, where nothing is yet
#[derive(Debug, Args)]
#[command(
    after_help = "The database of the configuration must not be there (SQLite) or be empty (PostgreSQL). Where there is no \
configuration, that of the backup is put there first; the key files and all other files that the configuration names, as \
`chaobiao backup` listed them, must be in their places already.\n\n\
Checks every file and the audit log; ends all approvals of supply orders, takes back what was not sent, and leaves what \
was being sent to people; offers billing again what it may not have had; ends all sessions. `chaobiao serve` then reads \
what is missing since.\n\n\
With --drill the database is marked: nothing serves it or collects into it, and the file of [audit] anchor_file is left alone. \
Without, the site that made the backup must not be served any more: two of them ask the same meters, and tell billing \
different things.\n\
演练请加 --drill：所恢复的数据库不提供服务，也不动审计锚点文件；不加时，原站点必须已停止运行。\n\n\
恢复后所有停电审批作废，未下发的工单取消，下发中的转人工核实。\n\n\
Exit code: 0 done, 1 not done, 2 wrong usage or configuration."
)]
pub(super) struct Restore {
    /// The backup, as `chaobiao backup` named it
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// The configuration
    #[arg(short, long, value_name = "FILE", default_value = "chaobiao.toml")]
    config: PathBuf,
    /// Only to see whether it can be done: what is restored is never served
    #[arg(long)]
    drill: bool,
    #[command(flatten)]
    owner: Owner,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    backup: &'a Path,
    made_at: &'a str,
    bytes: u64,
    audit_entries: i64,
    approvals_void: u64,
    orders_taken_back: u64,
    orders_unknown: u64,
    billing_offered_again: u64,
    sessions_ended: u64,
    is_drill: bool,
    /// What is damaged, or was taken away, of what was backed up.
    damaged: Vec<String>,
    seconds: u64,
}

/// A database that was put back.
struct Ready {
    restored: Restored,
    /// Of the audit log.
    entries: i64,
    /// As [`Report`] has it.
    damaged: Vec<String>,
    /// Whether the account that serves was given its rights, where the owner was named.
    rights: Option<bool>,
}

impl Restore {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let began = Instant::now();
        let unfit = |error| {
            let at = self.backup.display();
            CliError::Failed(format!("{at} cannot be restored: {error}; nothing was changed"))
        };
        let manifest = Manifest::check(&self.backup).map_err(unfit)?;
        if manifest.schema > Store::schema() {
            let (found, known) = (manifest.schema, Store::schema());
            return Err(CliError::Failed(format!(
                "the backup has schema {found}, this version knows up to {known}: restore it with version {}  备份来自更新的版本",
                manifest.version
            )));
        }
        let put = self.put_configuration(&manifest)?;
        let (config, _notes, ready) = self.restore(&manifest).await.inspect_err(|_| {
            // No other backup is to go by it.
            put.iter().for_each(|file| drop(fs::remove_file(file)));
        })?;
        if !self.drill {
            self.put_anchor_aside(&config)?;
        }
        let key = config.secrets.key.as_ref().map(|key| key.name());
        if manifest.key.as_deref() != key {
            super::talk(
                "the key file is not the one of the backup: passwords of meters cannot be opened until that is in its place  \
                 密钥文件与备份不符，电表密码无法解封",
            );
        }
        if let Some(were_given) = ready.rights {
            Owner::tell_of_rights(were_given);
        } else if matches!(config.database.place, DatabasePlace::Postgres(_)) {
            super::talk(
                "the tables belong to the account of [database] url_file: with --owner they would belong to another, and the service \
                 could not change what was done (T28)  表归 url_file 中的账号所有；建议用 --owner 指定属主，服务使用专用账号",
            );
        }
        self.report(out, &manifest, ready, began.elapsed().as_secs())
    }

    /// Puts the database back, by the configuration that is there.
    async fn restore(&self, manifest: &Manifest) -> Result<(Config, Option<SiteLock>, Ready), CliError> {
        let loaded = Config::load(&self.config).map_err(|error| super::config::config_error(&error))?;
        let mut config = loaded.config;
        self.owner.stand_in(&mut config)?;
        let notes = self.hold_anchor(&config)?;
        let ready = match &config.database.place {
            DatabasePlace::Sqlite(file) => self.restore_file(manifest, file).await?,
            DatabasePlace::Postgres(url) => self.restore_server(manifest, url).await?,
        };
        Ok((config, notes, ready))
    }

    /// Puts the configuration of the backup where there is none; gives the files that were put there.
    fn put_configuration(&self, manifest: &Manifest) -> Result<Vec<PathBuf>, CliError> {
        let mut put = Vec::new();
        if self.config.exists() {
            return Ok(put);
        }
        let failed = |error| CliError::Failed(format!("{}: {error}", self.config.display()));
        let folder = folder_of(&self.config);
        ownership::create_folders(folder).map_err(failed)?;
        if let Some(profiles) = &manifest.profiles {
            let profiles = folder.join(profiles);
            ownership::create_folders(&profiles).map_err(failed)?;
            for name in manifest.profile_files() {
                let (from, to) = (self.backup.join(manifest::PROFILES).join(name), profiles.join(name));
                if !to.exists() {
                    ownership::copy_new(&from, &to).map_err(failed)?;
                    put.push(to);
                }
            }
        }
        let partial = with_ending(&self.config, ".partial");
        gone(&partial).map_err(failed)?;
        ownership::copy_new(&self.backup.join(manifest::CONFIG), &partial)
            .and_then(|()| fs::rename(&partial, &self.config))
            .and_then(|()| sync(folder))
            .map_err(failed)?;
        put.push(self.config.clone());
        Ok(put)
    }

    async fn restore_file(&self, manifest: &Manifest, file: &Path) -> Result<Ready, CliError> {
        self.must_have(manifest, manifest::SQLITE)?;
        let address = Address::Sqlite(file.to_owned());
        let failed = |error: io::Error| CliError::Failed(format!("{}: {error}", file.display()));
        ownership::create_folders(folder_of(file)).map_err(failed)?;
        let _lock = SiteLock::of(&address).map_err(|error| super::serve::app_error(&error))?;
        for there in [file.to_owned(), with_ending(file, "-wal")] {
            if there.exists() {
                return Err(taken(&there.display().to_string()));
            }
        }
        let partial = with_ending(file, ".partial");
        for ending in ["", "-wal", "-shm"] {
            // Left by a restore that broke off.
            gone(&with_ending(&partial, ending)).map_err(failed)?;
        }
        ownership::copy_new(&self.backup.join(manifest::SQLITE), &partial).map_err(failed)?;
        let ready = self.make_ready(manifest, &Address::Sqlite(partial.clone())).await?;
        let log = with_ending(&partial, "-wal");
        if log.metadata().is_ok_and(|log| log.len() > 0) {
            return Err(CliError::Failed(format!(
                "{} could not be written into the database",
                log.display()
            )));
        }
        sync(&partial)
            .and_then(|()| fs::rename(&partial, file))
            .and_then(|()| sync(folder_of(file)))
            .map_err(failed)?;
        Ok(ready)
    }

    async fn restore_server(&self, manifest: &Manifest, url: &DatabaseUrl) -> Result<Ready, CliError> {
        self.must_have(manifest, manifest::POSTGRES)?;
        let address = Address::Postgres(url.with_password().to_owned());
        match Store::begin_restore(&address).await.map_err(|error| store_error(&error))? {
            Room::Empty => {}
            Room::Taken => return Err(taken(&address.place())),
            Room::Unfinished => {
                return Err(CliError::Failed(format!(
                    "a restore into {} broke off: make the database anew  该数据库的恢复曾中断，请重建后再恢复",
                    address.place()
                )));
            }
        }
        server::restore(url, &self.backup.join(manifest::POSTGRES))?;
        self.make_ready(manifest, &address).await
    }

    async fn make_ready(&self, manifest: &Manifest, address: &Address) -> Result<Ready, CliError> {
        let store = Store::open_restored(address).await;
        let store = store.map_err(|error| {
            CliError::Failed(format!("{} cannot be used: {}", address.place(), with_causes(&error)))
        })?;
        let ready = self.verify_and_make_ready(manifest, &store).await;
        store.close().await;
        ready
    }

    async fn verify_and_make_ready(&self, manifest: &Manifest, store: &Store) -> Result<Ready, CliError> {
        let noted: Vec<_> = manifest.audit().into_iter().collect();
        let verified = store.verify_audit(&noted).await.map_err(|error| store_error(&error))?;
        let head = verified.map_err(|fault| {
            CliError::Failed(format!(
                "the audit log of the backup is not sound: {fault}  备份中的审计日志不完整"
            ))
        })?;
        let failed = |error| store_error(&error);
        let damaged = damaged(store).await.map_err(failed)?;
        if self.drill {
            store.mark_as_drill().await.map_err(failed)?;
        }
        let now = Clock::system().now();
        let entry = entry(now, "restore", self.backup.display().to_string());
        let restored = store.make_ready(entry, now).await.map_err(failed)?;
        let rights =
            if self.owner.is_named() { Some(store.give_rights().await.map_err(failed)?) } else { None };
        Ok(Ready { restored, entries: head.number, damaged, rights })
    }

    fn must_have(&self, manifest: &Manifest, name: &str) -> Result<(), CliError> {
        if manifest.has(name) {
            return Ok(());
        }
        Err(CliError::Usage(format!(
            "the backup is of the other kind of database than that of {}  备份与配置的数据库类型不同",
            self.config.display()
        )))
    }

    /// Sees to it that no site that is served writes notes of its audit log there, and none begins to meanwhile: putting them
    /// aside would take from it what proves that nothing was cut off.
    fn hold_anchor(&self, config: &Config) -> Result<Option<SiteLock>, CliError> {
        let file = config.audit.anchor_file.as_ref().filter(|file| !self.drill && file.exists());
        let Some(file) = file else { return Ok(None) };
        match SiteLock::beside(file) {
            Ok(held) => Ok(Some(held)),
            Err(AppError::InUse { .. }) => Err(CliError::Failed(format!(
                "a site that is served notes the end of its audit log in {}: stop it before it is put back somewhere else, or restore \
                 with --drill; nothing was restored  运行中的站点正在使用该审计锚点文件：请先停止该站点，或用 --drill 演练",
                file.display()
            ))),
            // Where nothing can be locked it cannot be told.
            Err(_) => Ok(None),
        }
    }

    /// The file with notes of the end of the audit log tells of entries that are lost with the site.
    fn put_anchor_aside(&self, config: &Config) -> Result<(), CliError> {
        let Some(file) = config.audit.anchor_file.as_ref().filter(|file| file.exists()) else {
            return Ok(());
        };
        let aside = with_ending(file, &format!(".before-{}", Clock::system().now()));
        let failed = |error| CliError::Failed(format!("{}: {error}", file.display()));
        fs::rename(file, &aside).map_err(failed)?;
        super::talk(&format!(
            "what was noted of the audit log since the backup is in {}  备份之后的审计摘要已移至该文件",
            aside.display()
        ));
        Ok(())
    }

    fn report(
        &self,
        out: &mut impl Write,
        manifest: &Manifest,
        Ready { restored, entries: audit_entries, damaged, .. }: Ready,
        seconds: u64,
    ) -> Result<(), CliError> {
        let report = Report {
            backup: &self.backup,
            made_at: &manifest.made_at,
            bytes: manifest.bytes(),
            audit_entries,
            approvals_void: restored.approvals,
            orders_taken_back: restored.taken_back,
            orders_unknown: restored.unknown,
            billing_offered_again: restored.offered_again,
            sessions_ended: restored.sessions,
            is_drill: self.drill,
            damaged,
            seconds,
        };
        for what in &report.damaged {
            super::talk(&format!("damaged in the backup  备份中已损坏: {what}"));
        }
        if self.json {
            return super::write_json(out, &report);
        }
        writeln!(out, "restored from  恢复自                 {}", report.backup.display())?;
        let made_at = report.made_at.parse::<Moment>().map(|at| at.in_china().to_string());
        let made_at = made_at.unwrap_or_else(|_| report.made_at.to_owned());
        writeln!(out, "made at  备份时间                     {made_at}")?;
        writeln!(out, "bytes checked  校验字节数             {}", report.bytes)?;
        writeln!(out, "audit entries, sound  审计日志完整    {audit_entries}")?;
        writeln!(out, "approvals void  作废审批              {}", report.approvals_void)?;
        writeln!(out, "orders taken back  取消工单           {}", report.orders_taken_back)?;
        writeln!(out, "orders for people to look at  待核实  {}", report.orders_unknown)?;
        writeln!(out, "billing offered again  重新移交       {}", report.billing_offered_again)?;
        writeln!(out, "sessions ended  结束会话              {}", report.sessions_ended)?;
        writeln!(out, "seconds  用时                         {seconds}")?;
        super::talk(if self.drill {
            "restored for a drill: look at it with `audit verify`, `doctor --rows` and `billing list`; it is not served  \
             演练恢复完成：可用 audit verify、doctor --rows、billing list 检查；不提供服务"
        } else {
            "start `chaobiao serve`, once the site that made the backup serves no more: it reads what is missing since  \
             确认原站点不再运行后启动 chaobiao serve，自动补抄缺失数据"
        });
        Ok(())
    }
}

/// What is damaged of what came from the backup; it is not used, and what was read from meters is read again.
async fn damaged(store: &Store) -> Result<Vec<String>, StoreError> {
    let mut damaged: Vec<String> =
        store.missing_parts().await?.into_iter().map(|part| format!("{part} is missing")).collect();
    let rows = super::doctor::look_at_rows(store).await?;
    damaged.extend(rows.into_iter().filter(|found| found.level == Level::Fail).map(|found| found.message));
    Ok(damaged)
}

/// Takes a file away that may not be there.
fn gone(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn taken(what: &str) -> CliError {
    CliError::Failed(format!("{what} is there and not empty: nothing was changed  目标非空，未做任何修改"))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
