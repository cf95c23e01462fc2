//! Receivers of billing as they are met: by HTTP over real sockets, plain and encrypted, and by files.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a step that fails must end its test")]

mod answers;
mod behind;
mod commands;
mod day;
mod files;
#[path = "../support/killed.rs"]
mod killed;
mod kills;
mod known;
mod reads;
mod receiver;
mod restored;
mod rig;
