//! Looks at lines and ports. A serial port is never opened: that alone can move its signals.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use nix::unistd::{AccessFlags, access};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::finding::{Finding, Level};
use crate::config::{Config, Framing, Line, LinePlace};
use crate::link::{Lent, Place};

pub(super) async fn look(config: &Config, is_served: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    for line in &config.lines {
        let of = format!("line {}", line.name);
        let lent = lent(&of, line).await;
        let is_served = is_served || lent.is_some();
        found.extend(lent);
        match &line.place {
            LinePlace::Serial(port) => serial(&mut found, &of, port, is_served),
            LinePlace::Tcp(to) if !is_served => found.push(reach(&of, to.as_str()).await),
            LinePlace::Tcp(_) => {}
            LinePlace::Registered(_) | LinePlace::From(_) => {
                found.push(Finding::new(
                    Level::Note,
                    &of,
                    "dials in: seen when it is served",
                    "设备主动连接，运行后可见",
                ));
            }
        }
    }
    if !is_served {
        let ports = [
            ("[http] listen", config.http.enabled.then_some(config.http.listen)),
            ("[dtu] listen", config.dtu.listen),
            ("[terminals] listen", config.terminals.listen),
        ];
        found.extend(ports.into_iter().filter_map(|(of, at)| Some(free(of, at?))));
        found.extend(config.metrics.listen.map(free_to_watch));
    }
    found
}

/// Who has the line, when somebody does: a service says so itself, whatever configuration it was started with.
pub(super) async fn lent(of: &str, line: &Line) -> Option<Finding> {
    if line.framing != Framing::Bus {
        return None;
    }
    match Lent::seek(&Place::of(line)?).await {
        Ok(None) => None,
        Ok(Some(lent)) => {
            let text =
                format!("a service has it as line {}, and asks for `read`, `scan` and the like", lent.line());
            Some(Finding::ok(of, text, "线路由运行中的服务占用，read、scan 等命令经其询问"))
        }
        Err(error) => Some(Finding::new(Level::Note, of, error.with_causes(), "线路由其他服务占用")),
    }
}

/// Whether somebody answers there.
async fn reach(of: &str, to: &str) -> Finding {
    let began = Instant::now();
    match timeout(Duration::from_secs(3), TcpStream::connect(to)).await {
        Ok(Ok(_)) => {
            let took = began.elapsed().as_millis();
            Finding::ok(of, format!("{to} takes a connection, in {took} ms"), "可连接")
        }
        Ok(Err(error)) => Finding::fail(of, format!("{to}: {error}"), "无法连接")
            .doing("look at its power, address and port; a serial server often takes one connection only  检查电源、地址、端口"),
        Err(_) => Finding::fail(of, format!("{to} does not answer within 3 s"), "3 秒内无应答")
            .doing("look at the network and firewalls between  检查网络与防火墙"),
    }
}

/// Whether we could wait there.
fn free(of: &str, at: SocketAddr) -> Finding {
    match TcpListener::bind(at) {
        Ok(_) => Finding::ok(of, format!("{at} is free"), "端口可用"),
        Err(error) => Finding::fail(of, format!("{at}: {error}"), "端口不可用")
            .doing("another process has it, or it needs rights: choose another port  请更换端口"),
    }
}

/// Whether who watches could be answered there; meters are read all the same.
fn free_to_watch(at: SocketAddr) -> Finding {
    let found = free("[metrics] listen", at);
    if found.level == Level::Ok {
        return found;
    }
    Finding { level: Level::Note, ..found }
        .doing("meters are read all the same; choose another port, or switch it off with enabled = false  不影响抄表；请更换端口或停用")
}

fn serial(found: &mut Vec<Finding>, of: &str, port: &Path, is_served: bool) {
    let at = port.display();
    let (device, kind) = match (fs::canonicalize(port), fs::metadata(port)) {
        (Ok(device), Ok(kind)) => (device, kind),
        (Err(error), _) | (_, Err(error)) => {
            found.push(
                Finding::fail(of, format!("{at}: {error}"), "串口不存在")
                    .doing("plug the adapter in; `ls -l /dev/serial/by-id` shows those there are  插好转换器并查看 by-id"),
            );
            return;
        }
    };
    if !kind.file_type().is_char_device() {
        found.push(Finding::fail(of, format!("{at} is no serial port"), "不是串口设备"));
        return;
    }
    found.push(match access(&device, AccessFlags::R_OK | AccessFlags::W_OK) {
        Ok(()) => Finding::ok(of, format!("{at} may be read and written"), "串口权限正常"),
        Err(error) => {
            let text = format!("{at}: {error}; it belongs to group {}", kind.gid());
            Finding::fail(of, text, "没有串口权限").doing(
                "usermod -aG dialout USER (uucp on some systems), then sign in again  将用户加入 dialout 组",
            )
        }
    });
    if port.starts_with("/dev") && !port.starts_with("/dev/serial") && !port.is_symlink() {
        found.push(
            Finding::warn(of, format!("{at} may be another adapter after the next start"), "设备名重启后可能改变")
                .doing("name it by /dev/serial/by-id/... or a udev rule (deploy/udev)  请使用 by-id 名称或 udev 规则"),
        );
    }
    if !is_served {
        // A pseudo-terminal is held by whoever stands for its meters as well.
        let users = if device.starts_with("/dev/pts") { BTreeSet::new() } else { users_of(&device) };
        if !users.is_empty() {
            let users: Vec<String> = users.into_iter().collect();
            let text = format!("{at} is in use by process {}", users.join(", "));
            found.push(
                Finding::fail(of, text, "串口被其他进程占用")
                    .doing("end that process: a line has one master  请结束该进程"),
            );
        }
    }
    if let Some(latency) = latency(&device) {
        let text = format!("the adapter holds bytes back for {latency} ms");
        found.push(if latency > 2 {
            Finding::warn(of, text, "转换器延迟偏大")
                .doing("set its latency timer to 1 ms: deploy/udev  请按 deploy/udev 设置为 1 毫秒")
        } else {
            Finding::ok(of, text, "转换器延迟正常")
        });
    }
}

/// How long a USB adapter waits for more bytes, in milliseconds, where it says so.
fn latency(device: &Path) -> Option<u32> {
    let name = device.file_name()?;
    let file = Path::new("/sys/bus/usb-serial/devices").join(name).join("latency_timer");
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Processes that have the port open, as far as we may see.
fn users_of(device: &Path) -> BTreeSet<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let has = |process: &fs::DirEntry| {
        let handles = fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
        handles.into_iter().any(|handle| fs::read_link(handle.path()).is_ok_and(|target| target == device))
    };
    let numbers =
        processes.filter(|process| process.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()));
    numbers.filter(has).map(|process| process.file_name().to_string_lossy().into_owned()).collect()
}
