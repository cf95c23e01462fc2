use core::time::Duration;

use std::fs;
use std::fs::OpenOptions;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::termios::{BaudRate, SetArg, cfsetspeed, tcgetattr, tcsetattr};
use tokio::io::unix::AsyncFd;
use tokio::time::timeout;

use super::super::Server;
use super::super::tests::{bus, crossings, rate, read, unpaced};
use super::{PtyError, watch};
use crate::bus::settings::Settings;

/// An exchange takes 119 ms.
const SOON: Duration = Duration::from_millis(200);
/// Even on a very busy machine.
const LATE: Duration = Duration::from_secs(10);

/// A directory of this test's own, removed with what is in it.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("simulator-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path, speed: BaudRate) -> AsyncFd<OwnedFd> {
    let flags = (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
    let port = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).unwrap();
    let mut settings = tcgetattr(&port).unwrap();
    cfsetspeed(&mut settings, speed).unwrap();
    tcsetattr(&port, SetArg::TCSANOW, &settings).unwrap();
    watch(port.into()).unwrap()
}

/// Asks and reads so many bytes, as far as they come in time.
async fn ask(port: &AsyncFd<OwnedFd>, length: usize, wait: Duration) -> Vec<u8> {
    let request = &read(1);
    assert_eq!(nix::unistd::write(port, request).unwrap(), request.len());
    let mut heard = Vec::new();
    let answer = async {
        while heard.len() < length {
            let mut buffer = [0; 64];
            let read = port.readable().await.unwrap().try_io(|fd| Ok(nix::unistd::read(fd, &mut buffer)?));
            if let Ok(read) = read {
                heard.extend(&buffer[..read.unwrap()]);
            }
        }
    };
    let _ = timeout(wait, answer).await;
    heard
}

#[tokio::test]
async fn a_serial_port_under_a_stable_name() {
    let place = Place::new("pty");
    let link = place.0.join("ttyMeters");
    let server = Server::new();
    let settings = Settings { rate: rate(9_600), ..Settings::default() };
    let live = server.run(bus(settings, 1));
    let device = live.pty(&link).unwrap();
    assert_eq!(fs::read_link(&link).unwrap(), device);

    let port = open(&link, BaudRate::B9600);
    let answer = ask(&port, 40, LATE).await;
    assert_eq!((answer.len(), &answer[..5]), (40, &[0xFE, 0xFE, 0xFE, 0xFE, 0x68][..]));
    // Control characters pass as they are: the answer has its bytes and no other.
    let sent = crossings(&live).await;
    assert_eq!(sent[1].bytes, answer);
    drop(port);

    let port = open(&link, BaudRate::B4800);
    assert_eq!(ask(&port, 1, 2 * SOON).await, [0; 0], "a wrong speed is not understood");
    drop(port);
    let port = open(&link, BaudRate::B9600);
    assert_eq!(ask(&port, 40, LATE).await.len(), 40, "closed and opened again");
    server.stop().await;
    assert!(fs::symlink_metadata(&link).is_err(), "the link is gone");
}

#[tokio::test]
async fn only_a_link_that_was_left_behind_is_replaced() {
    let place = Place::new("link");
    let (left, file) = (place.0.join("left"), place.0.join("file"));
    symlink("/dev/pts/99999", &left).unwrap();
    fs::write(&file, "precious").unwrap();
    let server = Server::new();
    let live = server.run(bus(unpaced(), 1));
    let device = live.pty(&left).unwrap();
    assert_eq!(fs::read_link(&left).unwrap(), device);
    assert!(matches!(live.pty(&file), Err(PtyError::Taken { .. })));
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    assert!(matches!(live.pty(&place.0.join("no/such/place")), Err(PtyError::Link { .. })));
    // Somebody else's link stays when the server stops.
    fs::remove_file(&left).unwrap();
    symlink("/dev/null", &left).unwrap();
    server.stop().await;
    assert_eq!(fs::read_link(&left).unwrap(), Path::new("/dev/null"));
}
