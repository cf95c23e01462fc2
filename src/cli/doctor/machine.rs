//! Looks at directories, disks, the machine's time and its limits.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{AccessFlags, access};

use super::finding::{Finding, Level};
use super::store::Standing;
use crate::app::{Handles, disk_used};
use crate::config::{Config, DatabasePlace, ReceiverWay};
use crate::ownership;

pub(super) fn look(config: &Config, standing: Standing) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut folders = Vec::new();
    if let DatabasePlace::Sqlite(file) = &config.database.place {
        folders.push(("database directory", folder_of(file), Made::ByHand));
        found.extend(files_of(file));
    }
    if config.lines.iter().any(|line| line.capture) {
        folders.push(("[capture] directory", config.capture.directory.clone(), Made::ByUs));
    }
    if standing == Standing::Drill {
        // The notes and the receivers are those of the site itself.
        folders.retain(|(of, ..)| *of == "database directory");
    } else if let Some(file) = &config.audit.anchor_file {
        folders.push(("[audit] anchor_file", folder_of(file), Made::ByHand));
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
    for receiver in config.receivers.iter().filter(|_| standing != Standing::Drill) {
        if let ReceiverWay::Csv { directory } = &receiver.way {
            folders.push(("[[billing.receivers]] directory", directory.clone(), Made::ByHand));
        }
    }
    for (of, folder, made) in folders {
        found.push(writable(of, &folder, made));
        found.extend(under_the_unit(of, &folder));
        found.extend(room(of, &folder));
    }
    if ownership::is_root() {
        let en = "this is root, who may do everything: what the service's account may do is not seen";
        found.push(
            Finding::new(Level::Note, "account", en, "以 root 执行，看不出服务账号的权限")
                .doing("sudo -u chaobiao chaobiao doctor  请以服务账号执行"),
        );
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

/// Who makes a folder that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    ByUs,
    ByHand,
}

fn writable(of: &str, folder: &Path, made: Made) -> Finding {
    if made == Made::ByHand && !folder.is_dir() {
        return Finding::fail(of, format!("{} is not there", folder.display()), "目录不存在")
            .doing("make it and give it to the account that serves: install -d -o chaobiao  请建立目录并交给服务账号");
    }
    let there = existing(folder);
    match access(&there, AccessFlags::W_OK | AccessFlags::X_OK) {
        Ok(()) => Finding::ok(of, format!("{} may be written", folder.display()), "目录可写"),
        Err(error) => Finding::fail(of, format!("{}: {error}", there.display()), "目录不可写")
            .doing("give it to the account that serves: chown  请将目录交给服务账号"),
    }
}

/// Whether the account can use the database and what stands beside it.
fn files_of(database: &Path) -> Vec<Finding> {
    const OF: &str = "database file";
    let mut found = Vec::new();
    let owner = folder_of(database).metadata().map(|of| of.uid()).ok();
    for ending in ["", "-wal", "-shm", ".lock"] {
        let mut name = database.as_os_str().to_owned();
        name.push(ending);
        let file = PathBuf::from(name);
        let Ok(there) = file.metadata() else { continue };
        let at = file.display();
        let wrong = match access(&file, AccessFlags::R_OK | AccessFlags::W_OK) {
            Err(error) => format!("{at}: {error}"),
            Ok(()) if ownership::is_root() && owner != Some(there.uid()) => {
                format!("{at} belongs to another account than its directory")
            }
            Ok(()) => continue,
        };
        found.push(
            Finding::fail(OF, wrong, "服务账号不能使用该文件")
                .doing("give it to the account that serves: chown chaobiao FILE  请将文件交给服务账号"),
        );
    }
    found
}

/// Whether the unit of systemd would let the service write there.
fn under_the_unit(of: &str, folder: &Path) -> Option<Finding> {
    let folder = folder.canonicalize().ok()?;
    if !["/etc", "/usr", "/boot"].iter().any(|above| folder.starts_with(above)) {
        return None;
    }
    let text = format!("the unit of systemd lets nothing be written in {}", folder.display());
    Some(Finding::warn(of, text, "systemd 单元不允许写入该目录").doing(
        "name a place in /var/lib/chaobiao, or ReadWritePaths= by systemctl edit chaobiao  请改用 /var/lib/chaobiao 或增加 ReadWritePaths",
    ))
}

/// Room for bytes and for files, as the service itself counts it.
fn room(of: &str, folder: &Path) -> Option<Finding> {
    let used = disk_used(&existing(folder)).ok()?;
    let text = format!("{used} % of its disk are used (bytes or files, whichever is more)");
    let zh = format!("磁盘已用 {used}%（字节或索引节点，取较大者）");
    Some(match used {
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
    let needed = Handles::of(config).needed();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let limit = limits
        .lines()
        // A service takes as many as the second one lets it.
        .find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().nth(1)?.parse::<u64>().ok());
    let Some(limit) = limit else {
        return Finding::new(Level::Note, OF, "their limit is unknown", "限额未知");
    };
    let text = format!("{limit} here (the service may have another limit), {needed} may be needed");
    let zh = format!("限额 {limit}，最多可能需要 {needed}");
    if limit < needed {
        return Finding::warn(OF, text, zh)
            .doing("LimitNOFILE= as the unit has it, or ulimit -n  请提高句柄限额（服务单元中已设置）");
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
