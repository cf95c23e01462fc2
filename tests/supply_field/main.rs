//! What is ordered from one meter in the field, against a simulated one in paused time: what leaves, and what is proven.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a step that fails must end its test"
)]

mod behind;
mod canary;
mod capability;
mod orders;
mod refusals;
mod rig;
mod secured;
mod stand_in;
