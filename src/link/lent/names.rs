//! The names under which a service waits for those who would open its lines: abstract sockets of Linux, which are no files,
//! go with the process, and are seen by all processes of the machine that share its network.

use std::fmt::Write;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use ring::digest::{SHA256, digest};
use tokio::net::{UnixListener, UnixStream};

use super::super::Place;

/// The names of a place: as it is written, and what it leads to now, so that one line is found by whatever it is called.
pub async fn names(place: &Place) -> Vec<String> {
    let mut names = match place {
        Place::Serial { device, .. } => {
            let device = PathBuf::from(device);
            let real = tokio::fs::canonicalize(&device).await.ok();
            let paths = [Some(device), real].into_iter().flatten();
            paths.map(|path| format!("{PREFIX}serial/{}", path.display())).collect::<Vec<_>>()
        }
        Place::Tcp(address) => {
            let found = tokio::net::lookup_host(address.as_str());
            let found = tokio::time::timeout(FOUND_WITHIN, found).await;
            let found = found.ok().and_then(Result::ok).into_iter().flatten();
            let found = found.map(|at| format!("{}:{}", reached(at.ip()), at.port()));
            let written = address.to_lowercase();
            [written].into_iter().chain(found).map(|at| format!("{PREFIX}tcp/{at}")).collect()
        }
    };
    names.iter_mut().for_each(|name| *name = fitting(name));
    names.sort_unstable();
    names.dedup();
    names
}

/// Where a connection to an address ends: one to no address in particular ends on this machine.
fn reached(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

/// A name that a socket can have.
fn fitting(name: &str) -> String {
    if name.len() <= LONGEST_NAME {
        return name.to_owned();
    }
    let mut short = format!("{PREFIX}long/");
    // Writing to text does not fail.
    let _ = digest(&SHA256, name.as_bytes()).as_ref().iter().try_for_each(|byte| write!(short, "{byte:02x}"));
    short
}

/// Waits under this name.
///
/// # Errors
/// What the system said; [`io::ErrorKind::AddrInUse`] when somebody waits there.
#[cfg(target_os = "linux")]
pub fn bind(name: &str) -> io::Result<UnixListener> {
    use std::os::linux::net::SocketAddrExt;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
    let listener = std::os::unix::net::UnixListener::bind_addr(&address)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// The one who waits under this name; `None` when nobody does.
#[cfg(target_os = "linux")]
pub(super) fn connect(name: &str) -> io::Result<Option<UnixStream>> {
    use std::os::linux::net::SocketAddrExt;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
    match std::os::unix::net::UnixStream::connect_addr(&address) {
        Ok(stream) => {
            stream.set_nonblocking(true)?;
            UnixStream::from_std(stream).map(Some)
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(None),
        Err(error) => Err(error),
    }
}

/// Only Linux has such names.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn bind(_name: &str) -> io::Result<UnixListener> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn connect(_name: &str) -> io::Result<Option<UnixStream>> {
    Ok(None)
}

const PREFIX: &str = "chaobiao/line/";
/// The system takes 107 bytes.
const LONGEST_NAME: usize = 100;
/// A name server that does not answer holds nobody up for longer.
const FOUND_WITHIN: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Parity;
    use crate::link::Rate;

    #[tokio::test]
    async fn one_line_has_a_name_in_common_whatever_it_is_called() {
        let common = async |one: Place, other: Place| {
            let (one, other) = (names(&one).await, names(&other).await);
            one.iter().any(|name| other.contains(name))
        };
        let tcp = |at: &str| Place::Tcp(at.to_owned());
        assert!(common(tcp("127.0.0.1:7001"), tcp("localhost:7001")).await);
        assert!(common(tcp("Gateway.invalid:7001"), tcp("gateway.invalid:7001")).await);
        assert!(common(tcp("127.0.0.1:7001"), tcp("0.0.0.0:7001")).await, "it ends at the same place");
        assert!(common(tcp("[::]:7001"), tcp("[::1]:7001")).await);
        assert!(!common(tcp("127.0.0.1:7001"), tcp("127.0.0.1:7002")).await);

        let folder = tempfile::tempdir().unwrap();
        let (device, link) = (folder.path().join("ttyUSB0"), folder.path().join("by-id"));
        std::fs::write(&device, "").unwrap();
        std::os::unix::fs::symlink(&device, &link).unwrap();
        let serial = |path: &std::path::Path| Place::Serial {
            device: path.display().to_string(),
            rate: Rate { baud: 2400, parity: Parity::Even },
        };
        assert!(common(serial(&device), serial(&link)).await);
        let long = folder.path().join("x".repeat(120));
        assert!(names(&serial(&long)).await.iter().all(|name| name.len() <= LONGEST_NAME));
    }
}
