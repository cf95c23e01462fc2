//! Looks at directories, disks, the machine's time and its limits.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use super::finding::{Finding, Level};
use crate::config::{Config, DatabasePlace};

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut folders = Vec::new();
    if let DatabasePlace::Sqlite(file) = &config.database.place {
        folders.push(("database directory", folder_of(file)));
    }
    if config.lines.iter().any(|line| line.capture) {
        folders.push(("[capture] directory", config.capture.directory.clone()));
    }
    if let Some(file) = &config.audit.anchor_file {
        folders.push(("[audit] anchor_file", folder_of(file)));
        if matches!(&config.database.place, DatabasePlace::Sqlite(database) if folder_of(database) == folder_of(file))
        {
            found.push(
                Finding::warn("[audit] anchor_file", "lies beside the database", "与数据库在同一目录")
                    .doing("who can write one can write the other: put it elsewhere (T26)  请放到其他位置"),
            );
        }
    } else {
        found.push(
            Finding::warn(
                "[audit] anchor_file",
                "is not set: an end cut off the audit log is not found out",
                "未设置审计锚点文件",
            )
            .doing("name a file on another disk or machine  请指定其他磁盘或机器上的文件"),
        );
    }
    for (of, folder) in folders {
        found.push(writable(of, &folder));
        found.extend(room(of, &folder));
    }
    found.extend([time(), clock_source()]);
    found.push(handles(config));
    found.extend(memory());
    found
}

fn folder_of(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or_else(|| Path::new(".")).to_owned()
}

/// The nearest folder that is there.
fn existing(folder: &Path) -> PathBuf {
    folder.ancestors().find(|each| each.exists()).unwrap_or_else(|| Path::new(".")).to_owned()
}

fn writable(of: &str, folder: &Path) -> Finding {
    let there = existing(folder);
    match access(&there, AccessFlags::W_OK | AccessFlags::X_OK) {
        Ok(()) => Finding::ok(of, format!("{} may be written", folder.display()), "目录可写"),
        Err(error) => Finding::fail(of, format!("{}: {error}", there.display()), "目录不可写")
            .doing("give it to the account that serves: chown  请将目录交给服务账号"),
    }
}

/// Room for bytes and for files.
fn room(of: &str, folder: &Path) -> Option<Finding> {
    let disk = statvfs(&existing(folder)).ok()?;
    let used =
        |all: u64, free: u64| all.saturating_sub(free).saturating_mul(100).checked_div(all).unwrap_or(0);
    let (bytes, files) =
        (used(disk.blocks(), disk.blocks_available()), used(disk.files(), disk.files_available()));
    let text = format!("{bytes} % of the bytes and {files} % of the files of its disk are used");
    let zh = format!("磁盘已用 {bytes}%，索引节点已用 {files}%");
    Some(match bytes.max(files) {
        95.. => Finding::fail(of, text, zh).doing("make room now  请立即清理磁盘"),
        80.. => Finding::warn(of, text, zh).doing("make room, or add a disk  请清理或扩容"),
        _ => Finding::ok(of, text, zh),
    })
}

/// Whether the machine's clock follows a time server.
fn time() -> Finding {
    const OF: &str = "clock";
    let told =
        Command::new("timedatectl").args(["show", "--property=NTPSynchronized", "--value"]).output().ok();
    let told = told.filter(|told| told.status.success());
    let told = told.map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned());
    let chrony = || {
        let told = Command::new("chronyc")
            .args(["-n", "tracking"])
            .output()
            .ok()
            .filter(|told| told.status.success())?;
        let text = String::from_utf8_lossy(&told.stdout).into_owned();
        Some(text.contains("Leap status") && !text.contains("Not synchronised"))
    };
    let is_kept = match told.as_deref() {
        Some("yes") => Some(true),
        Some("no") => Some(chrony().unwrap_or(false)),
        _ => chrony(),
    };
    match is_kept {
        Some(true) => Finding::ok(OF, "follows a time server", "时钟已同步"),
        Some(false) => Finding::fail(OF, "does not follow a time server", "时钟未同步")
            .doing("meters are set by this clock: start chrony or systemd-timesyncd  请启用时间同步服务"),
        None => Finding::warn(OF, "whether it follows a time server cannot be told", "无法判断时钟是否同步")
            .doing("look at the time service of this machine, or of its host  请检查本机或宿主机的时间服务"),
    }
}

fn clock_source() -> Finding {
    let file = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let source = fs::read_to_string(file).unwrap_or_default();
    match source.trim() {
        "" => Finding::new(Level::Note, "clock", "its source is unknown", "时钟源未知"),
        source => Finding::ok("clock", format!("its source is {source}"), format!("时钟源 {source}")),
    }
}

/// Handles against what the configuration can need at most.
fn handles(config: &Config) -> Finding {
    const OF: &str = "file handles";
    let terminals =
        if config.terminals.listen.is_some() { u64::from(config.terminals.most_sessions) } else { 0 };
    let lines = u64::try_from(config.lines.len()).unwrap_or(u64::MAX);
    let needed = lines + terminals + u64::from(config.http.most_connections) + SPARE;
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let limit = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()?.parse::<u64>().ok());
    let Some(limit) = limit else {
        return Finding::new(Level::Note, OF, "their limit is unknown", "限额未知");
    };
    let text = format!("{limit} here (the service may have another limit), {needed} may be needed");
    let zh = format!("限额 {limit}，最多可能需要 {needed}");
    if limit < needed {
        return Finding::fail(OF, text, zh).doing("LimitNOFILE= in the unit, or ulimit -n  请提高句柄限额");
    }
    Finding::ok(OF, text, zh)
}

fn memory() -> Option<Finding> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let free = text.lines().find_map(|line| {
        line.strip_prefix("MemAvailable:")?.split_whitespace().next()?.parse::<u64>().ok()
    })?;
    let (text, zh) = (format!("{} MB are free", free / 1024), format!("可用内存 {} MB", free / 1024));
    Some(match free / 1024 {
        ..256 => Finding::warn("memory", text, zh)
            .doing("a site of some thousand meters needs 256 MB and more  内存可能不足"),
        _ => Finding::ok("memory", text, zh),
    })
}

/// Handles for the database, captures, alarms and everything else.
const SPARE: u64 = 200;
