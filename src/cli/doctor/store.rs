//! Looks at the database.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::process::Command;

use super::super::with_causes;
use super::finding::{Finding, Level};
use crate::clock::Clock;
use crate::config::{Config, DatabasePlace};
use crate::store::{Address, Examined, Store, StoreError};

/// Whether the lines and ports of a site may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nobody serves it.
    Free,
    /// A process has them.
    Served,
    /// It was restored for a drill: they are those of the site itself.
    Drill,
}

impl Standing {
    const fn of(is_served: bool) -> Self {
        if is_served { Self::Served } else { Self::Free }
    }
}

/// What was found, and how the site stands.
pub(super) async fn look(config: &Config) -> (Vec<Finding>, Standing) {
    let address = Address::from(&config.database.place);
    let mut found = Vec::new();
    let (mut is_served, mut is_drill) = (false, false);
    if let DatabasePlace::Sqlite(file) = &config.database.place {
        is_served = is_locked(file);
        found.extend(SQLITE_LACKS.iter().map(|(en, zh)| Finding::new(Level::Note, OF, *en, *zh)));
        if !file.exists() {
            found.push(Finding::new(Level::Note, OF, "is made at the first start", "首次启动时创建"));
            return (found, Standing::of(is_served));
        }
    }
    let before = Clock::system().now();
    match Store::examine(&address).await {
        Ok(seen) => {
            is_drill = seen.is_drill;
            is_served |= seen.connections.is_some_and(|(ours, _)| ours > 0);
            found.push(Finding::ok(
                OF,
                format!("{} answers, version {}", address.place(), seen.version),
                "数据库可用",
            ));
            judge(&mut found, config, &seen);
            found.extend(copied_by(config, &seen));
            if let Some((theirs, took)) = seen.time {
                // As of the middle of the question, in milliseconds.
                let now = Clock::system().now();
                let ours = now.minus(took / 2);
                let off = theirs.micros_since(ours).abs() / 1000;
                let text = format!(
                    "its clock is {off} ms off ours; asking took {} ms",
                    now.since(before).as_millis()
                );
                let zh = format!("数据库与本机时差 {off} 毫秒");
                found.push(if off > 1000 {
                    Finding::warn(OF, text, zh)
                        .doing("keep both machines on one time server  两台机器应使用同一时间源")
                } else {
                    Finding::ok(OF, text, zh)
                });
            }
        }
        Err(error) => {
            let to_do = match error {
                StoreError::NotAllowed { .. } => {
                    "let the owner of the tables run chaobiao migrate --owner FILE  请由表的属主执行 chaobiao migrate --owner 文件"
                }
                _ => {
                    "look whether it runs and the address and password are right  检查数据库是否运行、地址与密码"
                }
            };
            let text = format!("{}: {}", address.place(), with_causes(&error));
            found.push(Finding::fail(OF, text, "数据库不可用").doing(to_do));
        }
    }
    if is_drill {
        let en = "restored for a drill: it is not served, and its lines and ports are not tried";
        found.push(Finding::new(Level::Note, "drill", en, "演练恢复的数据库，不提供服务，不试探线路与端口"));
        return (found, Standing::Drill);
    }
    if is_served {
        let en = "a process serves the site: its lines and ports are not tried";
        found.push(Finding::new(Level::Note, "serve", en, "站点正在运行，不试探其线路与端口"));
    }
    (found, Standing::of(is_served))
}

fn judge(found: &mut Vec<Finding>, config: &Config, seen: &Examined) {
    for (setting, is, wanted) in &seen.unsafe_settings {
        let text = format!("{setting} is {is}, and must be {wanted}");
        found.push(Finding::fail(OF, text, format!("参数 {setting} 不安全")).doing(
            "with this it may lose what it said it had kept (F29): set it in postgresql.conf  请在数据库中修改",
        ));
    }
    if seen.is_unfinished {
        found.push(
            Finding::fail(OF, "a restore into it broke off", "恢复操作中断")
                .doing("make the database anew and restore again  请重建数据库后重新恢复"),
        );
    }
    let known = Store::schema();
    found.push(match seen.schema {
        None => Finding::new(Level::Note, OF, "holds nothing yet", "尚无数据表"),
        Some(schema) if schema == known => {
            Finding::ok(OF, format!("schema {schema} is ours"), "结构版本一致")
        }
        Some(schema) if schema < known => {
            let text = format!("schema {schema} is brought up to {known} by `chaobiao migrate`, or at the next start where the account may");
            Finding::warn(OF, text, "由 chaobiao migrate 或下次启动时升级结构")
                .doing("make a backup before, with the version that served it (chaobiao.before backup DIR)  升级前请用原版本备份")
        }
        Some(schema) => {
            let text = format!("schema {schema} is newer than this version, which knows {known}");
            Finding::fail(OF, text, "数据库结构比程序新").doing("run the newer version  请使用新版本程序")
        }
    });
    if seen.spooled > 0 {
        let count = seen.spooled;
        let text = format!("{count} entries that the audit log did not take wait to be entered");
        found.push(Finding::warn(OF, text, format!("{count} 条审计日志条目等待补录")).doing(
            "find out why it takes none (trigger, rights, damage, room): `chaobiao serve` enters them once it does  请查明审计表为何拒绝写入，恢复后自动补录",
        ));
    }
    if !seen.missing.is_empty() {
        let text = format!("it lacks, or has otherwise: {}", seen.missing.join(", "));
        found.push(Finding::fail(OF, text, "数据库缺少或改动了表、视图或触发器").doing(
            "somebody changed the file: who, and what else? Put it back from a backup (T28)  文件被改动，请查明并从备份恢复",
        ));
    }
    if let Some((owned, may_change)) = seen.rights {
        found.push(if owned > 0 || may_change {
            let text = format!("the account owns {owned} tables and may change the audit log: {may_change}");
            Finding::warn(OF, text, "账号权限过大")
                .doing("serve with an account of its own, chaobiao_service: chaobiao migrate --owner FILE (T28)  请使用专用服务账号")
        } else {
            Finding::ok(OF, "the account owns no table and cannot change the audit log", "账号权限合适")
        });
    }
    if let Some(not_readable @ 1..) = seen.not_readable {
        let text = format!("the account may not read {not_readable} tables: `chaobiao backup` with it fails");
        found.push(Finding::warn(OF, text, format!("账号不能读取 {not_readable} 张表，无法备份")).doing(
            "let the owner of the tables run chaobiao migrate --owner FILE (deploy/grants.sql) again  请由表的属主重新执行 chaobiao migrate --owner 文件（deploy/grants.sql）",
        ));
    }
    if let Some((_, most)) = seen.connections {
        let wanted = i64::from(config.database.connections);
        let text = format!("takes {most} connections, we use {wanted}");
        found.push(if wanted + 5 > most {
            Finding::warn(OF, text, "连接数不足")
                .doing("raise max_connections or lower [database] connections  调整连接数")
        } else {
            Finding::ok(OF, text, "连接数足够")
        });
    }
    if let Some(zone) = &seen.time_zone {
        let text =
            format!("its time zone is {zone}; we keep instants as UTC and days as UTC+8 whatever it is");
        found.push(Finding::ok(OF, text, format!("时区 {zone}，不影响")));
    }
    if let Some(size) = seen.size {
        found.push(Finding::ok(OF, format!("{} MB", size / 1_000_000), "数据库大小"));
    }
}

/// Whether the programs that copy a server are there, and new enough: older ones copy no newer server.
fn copied_by(config: &Config, seen: &Examined) -> Option<Finding> {
    let DatabasePlace::Postgres(_) = config.database.place else { return None };
    const WITH: &str = "install the client programs of PostgreSQL, at least as new as the server: backup and restore need them  \
        请安装不低于服务器版本的 PostgreSQL 客户端，备份和恢复需要";
    let told = Command::new("pg_dump").arg("--version").output().ok().filter(|told| told.status.success());
    let Some(told) = told.map(|told| String::from_utf8_lossy(&told.stdout).into_owned()) else {
        return Some(Finding::warn("backup", "pg_dump is not installed here", "未安装 pg_dump").doing(WITH));
    };
    let (ours, theirs) = (major(told.trim_start_matches("pg_dump (PostgreSQL)"))?, major(&seen.version)?);
    Some(if ours < theirs {
        let text = format!("pg_dump {ours} copies no server of version {theirs}");
        Finding::fail("backup", text, format!("pg_dump {ours} 不能备份版本 {theirs} 的服务器")).doing(WITH)
    } else {
        Finding::ok(
            "backup",
            format!("pg_dump {ours} copies a server of version {theirs}"),
            "备份程序版本合适",
        )
    })
}

/// The first number of a version such as `15.18 (Debian 15.18-0)`.
fn major(version: &str) -> Option<u32> {
    version.trim().split(|sign: char| !sign.is_ascii_digit()).next()?.parse().ok()
}

/// Whether a process holds the lock of the site; looking changes nothing.
fn is_locked(database: &Path) -> bool {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    File::open(name).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

const OF: &str = "database";

/// What a file cannot give.
const SQLITE_LACKS: [(&str, &str); 3] = [
    (
        "SQLite has no accounts: who may write the file may change the audit log, which only the chain and its anchor tell (T28)",
        "SQLite 无账号权限，能写文件者可改审计日志，只能靠哈希链与锚点发现",
    ),
    ("SQLite serves one instance on one machine; a second one is refused (F36)", "SQLite 仅支持单机单实例"),
    (
        "SQLite has no replica: what was kept since the last backup is gone with the disk",
        "SQLite 无副本，磁盘损坏将丢失上次备份之后的数据",
    ),
];
