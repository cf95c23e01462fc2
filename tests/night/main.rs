//! Nights over simulated neighbourhoods, in paused time: what is kept is compared with what the meters held.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a step that fails must end its test")]

mod absence;
mod behind;
mod bill;
mod claimed;
mod clocks;
mod codes;
mod complete;
mod counted;
mod doubted;
mod dropped;
mod events;
mod frames;
mod held;
mod kills;
mod late;
mod live;
mod makers;
mod meters;
mod month;
mod one_night;
mod planted;
mod polls;
#[path = "../support/postgres.rs"]
mod postgres;
mod relays;
mod reported;
mod rig;
mod settings;
mod steps;
mod stopped;
mod stuck;
mod told;
mod truth;
mod year;
