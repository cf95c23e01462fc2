//! Lines against simulated meters, in paused time: what is asked, what is taken, what is lost and what never is.
//!
//! Nothing here waits for real time but the test of an unplugged port. Every test that injects faults says how many
//! there were and fails when a kind never struck (R2).

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a step that fails must end its test"
)]

mod faults;
mod late;
mod lines;
mod modbus;
mod order;
mod pace;
mod port;
mod rig;
mod share;
mod smoke;
mod storm;
