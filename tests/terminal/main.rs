//! The terminal server with raw frames: sessions, reports, questions, orders, storms and strangers.

mod basics;
mod dialogue;
mod forwarded;
mod many;
mod noise;
mod reports;
mod rig;
mod sessions;
mod sockets;
