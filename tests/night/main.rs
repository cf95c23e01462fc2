//! Nights over simulated neighbourhoods, in paused time: what is kept is compared with what the meters held.
#![expect(clippy::unwrap_used, reason = "a step that fails must end its test")]

mod absence;
mod clocks;
mod kills;
mod month;
mod one_night;
mod rig;
mod truth;
