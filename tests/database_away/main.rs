//! The database goes away while it is used: it is stopped, falls silent, is slow, takes no writes, has no connection left
//! (F22, F31, F32). A real PostgreSQL behind a proxy that the test commands.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a step that fails must end its test"
)]

mod behind;
mod cuts;
#[path = "../support/disk.rs"]
mod disk;
mod lease;
mod night;
mod pool;
#[path = "../support/ports.rs"]
mod ports;
#[path = "../support/postgres.rs"]
#[expect(dead_code, reason = "its server runs until the process ends; here one is stopped")]
mod postgres;
mod proxy;
#[path = "../store_contract/supply/ready.rs"]
#[expect(dead_code, reason = "not all that orders can need is needed here")]
mod ready;
#[path = "../billing/receiver.rs"]
#[expect(dead_code, reason = "here it takes everything, and its other manners are not asked for")]
mod receiver;
#[path = "../supply/rig.rs"]
#[expect(dead_code, reason = "here a database goes away, and no line and no meter")]
mod rig;
mod server;
mod two;
