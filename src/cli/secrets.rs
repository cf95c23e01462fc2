//! `chaobiao secrets`: passwords of meters come in by file and are kept sealed; nothing shows them again (T24, T25).

mod rows;

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use dlt645::address::MeterAddress;
use gdw1376::address::TerminalAddress;
use gdw1376::auxiliary::Password;
use serde::Serialize;
use zeroize::Zeroizing;

use super::backup::entry;
use super::database::{Found, Place};
use super::{CliError, talk, unreadable, with_causes, write_json};
use crate::clock::Clock;
use crate::config::profile::Profiles;
use crate::config::{Config, KeyFile};
use crate::domain::{AuditEntry, Id, Meter};
use crate::store::{Migrations, NewSecret, SecretScope, Store, Vault};
use rows::{Fault, Kept, Owner, Row};

/// Passwords of meters, and those of terminals.
type Named = (Vec<NewSecret>, Vec<(TerminalAddress, Password)>);

/// Keep passwords of meters, sealed under a key file; say where factory passwords are
#[derive(Debug, Args)]
pub(super) struct Secrets {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a key file, which only its owner may read; name it as key_file under [secrets]
    Key(KeyArgs),
    /// Keep the passwords of a CSV file with the columns address, level, password, in place of those before
    Import(Import),
    /// Say how many passwords are kept, where factory passwords are, and which meters have none; never what they are
    Check(Check),
    /// Let another key file open the passwords, too, beside the one of the configuration
    Rewrap(Rewrap),
    /// Let no other key file than that of the configuration open the passwords any more
    Forget(Forget),
}

#[derive(Debug, Args)]
struct KeyArgs {
    /// The file to make
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A row is for one meter (its address), for all meters of a line that have no password of their own (`line NAME`), or for \
those of a profile (`profile NAME`). A row for a terminal (`terminal 1100-3039`) has no level and its message authentication \
code of 32 hexadecimal digits. Every fault of the file is told by its line, nothing of it is shown, and with a fault \
none is kept. Take the file away afterwards.\n\n\
Exit code: 0 kept, 1 faults in the file or not kept, 2 wrong usage or configuration.\n\n\
Example: chaobiao secrets import passwords.csv -c chaobiao.toml")]
struct Import {
    /// The file: UTF-8, commas, a header
    file: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object: how many were kept, or a line for each fault
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Check {
    #[command(flatten)]
    place: Place,
    /// Print one JSON object a line: one for each factory password, then the counts
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Rewrap {
    /// The key file that is to open them, too
    new: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Forget {
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A factory password as JSON.
#[derive(Serialize)]
struct Piece {
    factory_password_of: String,
    level: u8,
}

/// A key file as JSON: its name, never what is in it.
#[derive(Serialize)]
struct KeyPiece {
    key: String,
    file: String,
}

/// How many passwords a file has brought, as JSON.
#[derive(Serialize)]
struct KeptPiece {
    kept: usize,
}

/// A fault of a file as JSON.
#[derive(Serialize)]
struct FaultPiece {
    file: String,
    line: usize,
    message: &'static str,
    message_zh: &'static str,
}

/// How many key files open nothing any more, as JSON.
#[derive(Serialize)]
struct ForgottenPiece {
    forgotten: u64,
}

/// The counts as JSON.
#[derive(Serialize)]
struct Counts {
    kept: usize,
    factory: usize,
    meters: usize,
    meters_without: usize,
}

impl Secrets {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        match self.what {
            What::Key(key) => key.run(out),
            What::Import(import) => import.run(out).await,
            What::Check(check) => check.run(out).await,
            What::Rewrap(rewrap) => rewrap.run(out).await,
            What::Forget(forget) => forget.run(out).await,
        }
    }
}

impl KeyArgs {
    fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let key = KeyFile::make(&self.file).map_err(|error| failed(&error))?;
        let file = self.file.display();
        if self.json {
            return write_json(out, &KeyPiece { key: key.name().to_string(), file: file.to_string() });
        }
        writeln!(out, "已生成密钥 {}：{file}，请与数据库分开备份。", key.name())?;
        writeln!(out, "Key {} made: {file}. Back it up apart from the database.", key.name())?;
        Ok(())
    }
}

impl Import {
    async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let opened = Opened::at(&self.place).await?;
        let bytes = std::fs::read(&self.file).map_err(|error| unreadable(&self.file, &error))?;
        let bytes = Zeroizing::new(bytes);
        let (meters, terminals) = match opened.named(rows::read(&bytes)).await? {
            Ok(named) => named,
            Err(faults) => return Err(self.faulty(out, &faults)?),
        };
        if !meters.is_empty() {
            let entry =
                opened.entry("secret.replace", format!("passwords of {} meters or groups", meters.len()));
            let kept = opened.store.replace_secrets(&opened.vault, &meters, &entry).await;
            kept.map_err(|error| failed(&error))?;
        }
        if !terminals.is_empty() {
            let entry = opened.entry("secret.replace", format!("passwords of {} terminals", terminals.len()));
            let kept = opened.store.replace_terminal_passwords(&opened.vault, &terminals, &entry).await;
            kept.map_err(|error| failed(&error))?;
        }
        let count = meters.len() + terminals.len();
        if self.json {
            return write_json(out, &KeptPiece { kept: count });
        }
        writeln!(out, "已保存 {count} 个密码，原文件请销毁。")?;
        writeln!(out, "{count} passwords kept. Destroy the file now.")?;
        Ok(())
    }
}

impl Import {
    /// Tells the faults of the file, and nothing of what stands in it.
    fn faulty(&self, out: &mut impl Write, faults: &[Fault]) -> Result<CliError, CliError> {
        let file = self.file.display();
        for fault in faults.iter().take(if self.json { faults.len() } else { TOLD }) {
            if self.json {
                let (message, message_zh) = fault.words();
                let file = file.to_string();
                write_json(out, &FaultPiece { file, line: fault.line, message, message_zh })?;
            } else {
                talk(&format!("{file}: {fault}"));
            }
        }
        out.flush()?;
        let count = faults.len();
        Ok(CliError::Data(format!("{count} faults, nothing kept  共 {count} 处错误，未保存")))
    }
}

impl Check {
    async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let opened = Opened::at(&self.place).await?;
        let (factory, kept) =
            opened.store.commonplace_secrets(&opened.vault).await.map_err(|error| failed(&error))?;
        let addresses: HashMap<Id<Meter>, MeterAddress> =
            opened.meters().await?.into_iter().map(|(address, meter)| (meter, address)).collect();
        for secret in &factory {
            let level = secret.level.number();
            let factory_password_of = match &secret.scope {
                SecretScope::Meter(meter) => match addresses.get(meter) {
                    Some(address) => format!("meter {address}"),
                    None => format!("meter taken out, number {meter}"),
                },
                SecretScope::Line(name) => format!("line {name}"),
                SecretScope::Profile(name) => format!("profile {name}"),
            };
            if self.json {
                write_json(out, &Piece { factory_password_of, level })?;
            } else {
                writeln!(out, "出厂密码  factory password: {factory_password_of}, level {level:02}")?;
            }
        }
        let (meters, without) = opened.without().await?;
        if self.json {
            return write_json(
                out,
                &Counts { kept, factory: factory.len(), meters, meters_without: without },
            );
        }
        writeln!(
            out,
            "共保存密码 {kept} 个，其中出厂密码 {} 个；{meters} 只表中 {without} 只无控制密码。",
            factory.len()
        )?;
        writeln!(
            out,
            "{kept} passwords kept, {} of them factory passwords; {without} of {meters} meters have none for control.",
            factory.len()
        )?;
        Ok(())
    }
}

impl Rewrap {
    async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let opened = Opened::at(&self.place).await?;
        let new = KeyFile::load(&self.new).map_err(|error| failed(&error))?;
        let entry = opened.entry("secret.rewrap", format!("key file {}", new.name()));
        let done = opened.store.rewrap_secrets(&opened.key, &new, &entry).await;
        done.map_err(|error| failed(&error))?;
        if self.json {
            let file = self.new.display().to_string();
            return write_json(out, &KeyPiece { key: new.name().to_string(), file });
        }
        writeln!(
            out,
            "密钥 {} 现在也可用；请修改 key_file 并重启，再执行 `chaobiao secrets forget`。",
            new.name()
        )?;
        writeln!(
            out,
            "Key {} opens them, too. Name it as key_file, start again, then run `chaobiao secrets forget`.",
            new.name()
        )?;
        Ok(())
    }
}

impl Forget {
    async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let opened = Opened::at(&self.place).await?;
        let entry = opened.entry("secret.forget", format!("all key files but {}", opened.key.name()));
        let gone = opened.store.forget_other_key_files(&opened.key, &entry).await;
        let gone = gone.map_err(|error| failed(&error))?;
        if self.json {
            return write_json(out, &ForgottenPiece { forgotten: gone });
        }
        writeln!(out, "已停用其他密钥文件 {gone} 个。  {gone} other key files open nothing any more.")?;
        Ok(())
    }
}

/// The passwords, opened with the key file of a configuration.
struct Opened {
    config: Config,
    store: Store,
    key: KeyFile,
    vault: Vault,
    clock: Clock,
}

impl Opened {
    async fn at(place: &Place) -> Result<Self, CliError> {
        let found: Found = place.find()?;
        let Some(config) = found.config.clone() else {
            return Err(CliError::Usage(
                "the key file is named in a configuration: give -c FILE  密钥文件在配置中指定，请用 -c 指定配置".into(),
            ));
        };
        let Some(key) = config.secrets.key.clone() else {
            return Err(CliError::Usage(
                "the configuration has no key_file under [secrets]; `chaobiao secrets key FILE` makes one  \
                 配置的 [secrets] 中没有 key_file；可用 `chaobiao secrets key 文件` 生成"
                    .into(),
            ));
        };
        let store = found.open(Migrations::Run).await?;
        let clock = Clock::system();
        let vault = store.open_vault(&key, clock.now()).await.map_err(|error| failed(&error))?;
        Ok(Self { config, store, key, vault, clock })
    }

    fn entry(&self, action: &'static str, object: String) -> AuditEntry {
        entry(self.clock.now(), action, object)
    }

    async fn meters(&self) -> Result<HashMap<MeterAddress, Id<Meter>>, CliError> {
        let sites = self.store.site_meters().await.map_err(|error| failed(&error))?;
        Ok(sites.into_iter().map(|site| (site.meter.address, site.meter_id)).collect())
    }

    /// The rows of a file with the numbers of their meters, when every row has a place.
    async fn named(&self, rows: Result<Vec<Row>, Vec<Fault>>) -> Result<Result<Named, Vec<Fault>>, CliError> {
        let meters = self.meters().await?;
        let known = self.store.known_terminals().await.map_err(|error| failed(&error))?;
        let (mut secrets, mut codes, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        match rows {
            Err(found) => faults = found,
            Ok(rows) => {
                for Row { line, owner, kept } in rows {
                    let nobody = Fault { line, what: rows::Wrong::Nobody };
                    match (kept, owner) {
                        (Kept::OfTerminal(code), Owner::Terminal(terminal)) if known.contains(&terminal) => {
                            codes.push((terminal, code));
                        }
                        (Kept::OfMeters(level, digits), owner) => match self.scope(owner, &meters) {
                            Some(scope) => secrets.push(NewSecret { scope, level, digits }),
                            None => faults.push(nobody),
                        },
                        (Kept::OfTerminal(_), _) => faults.push(nobody),
                    }
                }
            }
        }
        Ok(if faults.is_empty() { Ok((secrets, codes)) } else { Err(faults) })
    }

    fn scope(&self, owner: Owner, meters: &HashMap<MeterAddress, Id<Meter>>) -> Option<SecretScope> {
        match owner {
            Owner::Meter(address) => meters.get(&address).copied().map(SecretScope::Meter),
            Owner::Line(name) => {
                let is_there = self.config.lines.iter().any(|line| line.name == name);
                is_there.then_some(SecretScope::Line(name))
            }
            Owner::Terminal(_) => None,
            Owner::Profile(name) => self.profiles().named(&name).map(|_| SecretScope::Profile(name)),
        }
    }

    const fn profiles(&self) -> &Profiles {
        &self.config.profiles
    }

    /// How many meters there are that could be ordered something, and how many of them have no password for it.
    async fn without(&self) -> Result<(usize, usize), CliError> {
        use crate::config::profile::RelaySwitch;
        use dlt645::password::Level;
        let (mut meters, mut without) = (0, 0);
        for site in self.store.site_meters().await.map_err(|error| failed(&error))? {
            let profile = self.profiles().of(site.meter.profile.as_deref(), site.meter.protocol);
            let Some(profile) = profile.filter(|profile| profile.relay.switch != RelaySwitch::None) else {
                continue;
            };
            meters += 1;
            let since = self.store.secret_since(&site, profile, Level::CONTROL).await;
            without += usize::from(since.map_err(|error| failed(&error))?.is_none());
        }
        Ok((meters, without))
    }
}

fn failed(error: &(dyn std::error::Error + 'static)) -> CliError {
    CliError::Failed(with_causes(error))
}

/// So many faults are told.
const TOLD: usize = 50;
