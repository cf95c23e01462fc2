//! The terminal server with raw frames: sessions, reports, questions, orders, storms and strangers.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a step that fails must end its test"
)]

mod basics;
mod dialogue;
mod forwarded;
mod hostile;
mod link;
mod many;
mod noise;
mod reports;
mod revoked;
mod rig;
mod sessions;
mod sockets;
