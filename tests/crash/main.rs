//! The real program is killed, refused a step or held up at its n-th named point, for every n until there is no n-th, and
//! ends as if nothing had been (R8, F26, F27).
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a step that fails must end its test"
)]

#[path = "../support/disk.rs"]
mod disk;
mod full;
mod names;
mod odd_disk;
#[path = "../support/ports.rs"]
mod ports;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../billing/receiver.rs"]
#[expect(dead_code, reason = "here it takes everything, and its other manners are not asked for")]
mod receiver;
mod site;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the code is read as it stands, comments and all")]
mod support;
mod sweep;
mod update;
