//! Ctrl-C and the request to end, of a process and of its service manager.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What asks the process to end, heard from when this is made: one that comes while nobody waits is not lost, and none
/// ends the process by itself any more.
#[derive(Debug)]
pub(super) struct Stops {
    interrupt: Signal,
    terminate: Signal,
}

impl Stops {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Returns when the process is asked to end, or was since this was asked last.
    pub(super) async fn asked(&mut self) {
        let is_heard = tokio::select! {
            heard = self.interrupt.recv() => heard,
            heard = self.terminate.recv() => heard,
        };
        if is_heard.is_none() {
            std::future::pending().await
        }
    }

    /// As [`Self::asked`], for a second time. What comes at once behind the first one is that again: a wrapper such as
    /// `timeout` tells both the process and its group.
    pub(super) async fn asked_again(&mut self) {
        let echo = tokio::time::sleep(ECHO);
        tokio::pin!(echo);
        loop {
            tokio::select! {
                biased;
                () = self.asked() => {}
                () = &mut echo => break,
            }
        }
        self.asked().await;
    }
}

const ECHO: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_to_end_that_comes_while_nobody_waits_is_not_lost() {
        let mut stops = Stops::listen().unwrap();
        nix::sys::signal::raise(nix::sys::signal::Signal::SIGTERM).unwrap();
        stops.asked().await;
        let again = tokio::time::timeout(ECHO * 2, stops.asked_again()).await;
        again.expect_err("the one that was heard does not count twice");
    }
}
