//! Supply orders from the click to the relay and back, against simulated meters in paused time.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a step that fails must end its test"
)]

mod behind;
mod clocks;
mod doubts;
mod freezes;
mod kills;
mod orders;
mod process;
mod races;
#[path = "../store_contract/supply/ready.rs"]
mod ready;
mod restores;
#[expect(dead_code, reason = "tests of a database that goes away begin a street on a server, in real time")]
mod rig;
mod rotation;
mod sealed;
#[path = "../supply_field/stand_in.rs"]
mod stand_in;
mod world;
