//! On-demand reads over simulated neighbourhoods, in paused time: what is shown is compared with what the meters held.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a step that fails must end its test"
)]

mod answers;
mod api;
mod desk;
mod ends;
#[path = "../night/held.rs"]
mod held;
mod latency;
#[path = "../night/rig.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod rig;
