//! Looks at the database.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::super::with_causes;
use super::finding::{Finding, Level};
use crate::clock::Clock;
use crate::config::{Config, DatabasePlace};
use crate::store::{Address, Examined, Store};

/// What was found, and whether a process serves the site.
pub(super) async fn look(config: &Config) -> (Vec<Finding>, bool) {
    let address = Address::from(&config.database.place);
    let mut found = Vec::new();
    let mut is_served = false;
    if let DatabasePlace::Sqlite(file) = &config.database.place {
        is_served = is_locked(file);
        found.extend(SQLITE_LACKS.iter().map(|(en, zh)| Finding::new(Level::Note, OF, *en, *zh)));
        if !file.exists() {
            found.push(Finding::new(Level::Note, OF, "is made at the first start", "首次启动时创建"));
            return (found, is_served);
        }
    }
    let before = Clock::system().now();
    match Store::examine(&address).await {
        Ok(seen) => {
            is_served |= seen.connections.is_some_and(|(ours, _)| ours > 0);
            found.push(Finding::ok(
                OF,
                format!("{} answers, version {}", address.place(), seen.version),
                "数据库可用",
            ));
            judge(&mut found, config, &seen);
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
        Err(error) => found.push(
            Finding::fail(OF, format!("{}: {}", address.place(), with_causes(&error)), "数据库不可用").doing(
                "look whether it runs and the address and password are right  检查数据库是否运行、地址与密码",
            ),
        ),
    }
    if is_served {
        let en = "a process serves the site: its lines and ports are not tried";
        found.push(Finding::new(Level::Note, "serve", en, "站点正在运行，不试探其线路与端口"));
    }
    (found, is_served)
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
            let text = format!("schema {schema} is brought up to {known} at the next start");
            Finding::warn(OF, text, "下次启动时升级结构")
                .doing("make a backup before: chaobiao backup  升级前请备份")
        }
        Some(schema) => {
            let text = format!("schema {schema} is newer than this version, which knows {known}");
            Finding::fail(OF, text, "数据库结构比程序新").doing("run the newer version  请使用新版本程序")
        }
    });
    if let Some((owned, may_change)) = seen.rights {
        found.push(if owned > 0 || may_change {
            let text = format!("the account owns {owned} tables and may change the audit log: {may_change}");
            Finding::warn(OF, text, "账号权限过大")
                .doing("serve with an account of its own: deploy/grants.sql (T28)  请使用专用服务账号")
        } else {
            Finding::ok(OF, "the account owns no table and cannot change the audit log", "账号权限合适")
        });
    }
    if let Some(not_readable @ 1..) = seen.not_readable {
        let text = format!("the account may not read {not_readable} tables: `chaobiao backup` with it fails");
        found.push(Finding::warn(OF, text, format!("账号不能读取 {not_readable} 张表，无法备份")).doing(
            "let the owner of the tables run deploy/grants.sql again  请由表的属主重新执行 deploy/grants.sql",
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
