//! A bus behind a serial port without hardware: a pseudo-terminal under a stable name.

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::openpty;
use nix::sys::termios::{self, BaudRate, SetArg};
use nix::unistd::ttyname;
use tokio::io::unix::AsyncFd;

use super::LiveBus;
use super::live::Room;
use super::port::Port;
use crate::bus::rate::Rate;
use crate::bus::witness::MasterId;
use crate::station::Station;

/// Why there is no pseudo-terminal.
#[derive(Debug, thiserror::Error)]
pub enum PtyError {
    /// The system has none to give, or not in raw mode.
    #[error("no pseudo-terminal could be opened")]
    Open(#[source] io::Error),
    /// Something stands where its name is to be.
    #[error("{} is there already and is no link that a simulator left behind", path.display())]
    Taken {
        /// Where.
        path: PathBuf,
    },
    /// The link could not be made.
    #[error("the link {} could not be made", path.display())]
    Link {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl<S: Station + Send + 'static> LiveBus<S> {
    /// Opens a pseudo-terminal in raw mode and makes `link` point to it; says which device it is. The link is removed
    /// when the server stops. Bytes are sent at the speed the other side set, so a wrong one is wrong here too; parity
    /// is not kept by the kernel and is taken to be right.
    ///
    /// # Errors
    /// [`PtyError`]; a link to a pseudo-terminal that is left from before is replaced, anything else is not.
    pub fn pty(&self, link: &Path) -> Result<PathBuf, PtyError> {
        let rate = self.with(|bus| bus.settings().rate);
        let (master, slave, device) = open(rate).map_err(PtyError::Open)?;
        let link = Link::make(link, &device)?;
        let master = Arc::new(master);
        let id = self.join(Port::Pty(Arc::clone(&master)));
        let live = self.clone();
        self.server().tasks.spawn(async move {
            // Held open: without it the port would hang up whenever its last user closes it.
            let _held = (slave, link);
            let stop = live.server().stop.clone();
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = live.take_from_pty(&master, id) => {}
            }
            live.leave(id);
        });
        Ok(device)
    }

    async fn take_from_pty(&self, port: &AsyncFd<OwnedFd>, master: MasterId) {
        let mut buffer = [0; 256];
        loop {
            let room = match self.room(master) {
                Room::Bytes(bytes) => bytes.min(buffer.len()),
                Room::After(room) => {
                    room.await;
                    continue;
                }
            };
            let Some(free) = buffer.get_mut(..room) else { return };
            let Ok(mut ready) = port.readable().await else { return };
            match ready.try_io(|port| Ok(nix::unistd::read(port, free)?)) {
                Ok(Ok(read)) if read > 0 => {
                    let speed = speed_of(port);
                    self.write_at(master, speed, free.get(..read).unwrap_or_default());
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) => return,
                Err(_would_block) => {}
            }
        }
    }
}

/// The speed that the other side set, one without a name included, as serial libraries set them all.
fn speed_of(port: &AsyncFd<OwnedFd>) -> Option<u32> {
    let speed = rustix::termios::tcgetattr(port.get_ref()).ok()?.output_speed();
    (speed > 0).then_some(speed)
}

fn open(rate: Rate) -> io::Result<(AsyncFd<OwnedFd>, OwnedFd, PathBuf)> {
    let pair = openpty(None, None)?;
    let mut settings = termios::tcgetattr(&pair.slave)?;
    termios::cfmakeraw(&mut settings);
    if let Some((_, speed)) = SPEEDS.iter().find(|(baud, _)| *baud == rate.baud()) {
        termios::cfsetspeed(&mut settings, *speed)?;
    }
    termios::tcsetattr(&pair.slave, SetArg::TCSANOW, &settings)?;
    fcntl(&pair.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let device = ttyname(&pair.slave)?;
    Ok((watch(pair.master)?, pair.slave, device))
}

/// Lets the runtime watch a descriptor that does not block.
#[expect(
    deprecated,
    reason = "its successor is unsafe; what that asks for holds, an owned descriptor stays the same"
)]
fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(descriptor)
}

/// The stable name; removed when dropped, if it still points to the same device.
struct Link {
    path: PathBuf,
    device: PathBuf,
}

impl Link {
    fn make(path: &Path, device: &Path) -> Result<Self, PtyError> {
        let failed = |source| PtyError::Link { path: path.to_owned(), source };
        match fs::read_link(path) {
            Ok(old) if old.starts_with("/dev/pts") => fs::remove_file(path).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            _ => return Err(PtyError::Taken { path: path.to_owned() }),
        }
        symlink(device, path).map_err(failed)?;
        Ok(Self { path: path.to_owned(), device: device.to_owned() })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if fs::read_link(&self.path).is_ok_and(|device| device == self.device) {
            // Nothing can be done about a link that stays.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The speeds that a terminal knows by name.
const SPEEDS: [(u32, BaudRate); 11] = [
    (300, BaudRate::B300),
    (600, BaudRate::B600),
    (1_200, BaudRate::B1200),
    (2_400, BaudRate::B2400),
    (4_800, BaudRate::B4800),
    (9_600, BaudRate::B9600),
    (19_200, BaudRate::B19200),
    (38_400, BaudRate::B38400),
    (57_600, BaudRate::B57600),
    (115_200, BaudRate::B115200),
    (230_400, BaudRate::B230400),
];
