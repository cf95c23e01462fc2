//! Ports of 127.0.0.1 for programs that are told theirs.

use std::sync::atomic::{AtomicU16, Ordering};

/// The first of two ports that are free and stay so: below those that the system hands out by itself, each asked for once.
pub(crate) fn two_free() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 500).unwrap() * 20;
    let is_free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut ports = std::iter::from_fn(|| Some(first + TAKEN.fetch_add(2, Ordering::Relaxed) % 2_000));
    ports.find(|port| is_free(*port) && is_free(port + 1)).unwrap()
}
