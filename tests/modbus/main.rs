//! Meters that speak Modbus, from the register map to what is kept and billed; in one process, most of it in paused time.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a step that fails must end its test"
)]

mod direct;
mod nights;
mod rig;
#[path = "../support/simulator.rs"]
mod simulate;
mod tcp;
