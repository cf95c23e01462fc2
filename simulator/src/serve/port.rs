//! The side of a connection that bytes are handed to.

use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use std::sync::Arc;

use tokio::io::{AsyncWrite, DuplexStream, WriteHalf};
use tokio::net::TcpStream;

/// Takes bytes at once, as many as it has room for.
#[derive(Debug)]
pub(super) enum Port {
    Tcp(Arc<TcpStream>),
    Memory(WriteHalf<DuplexStream>),
    #[cfg(unix)]
    Pty(Arc<tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>>),
}

impl Port {
    /// Says how many bytes were taken; the rest is lost.
    pub(super) fn hand(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            match self.hand_some(rest) {
                0 => break,
                more => taken += more,
            }
        }
        taken
    }

    fn hand_some(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes).unwrap_or_default(),
            Self::Memory(half) => {
                match Pin::new(half).poll_write(&mut Context::from_waker(Waker::noop()), bytes) {
                    Poll::Ready(written) => written.unwrap_or_default(),
                    Poll::Pending => 0,
                }
            }
            #[cfg(unix)]
            Self::Pty(master) => master
                .try_io(tokio::io::Interest::WRITABLE, |fd| Ok(nix::unistd::write(fd, bytes)?))
                .unwrap_or_default(),
        }
    }
}
