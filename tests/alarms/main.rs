//! Alarms that leave the site: what receivers were sent, when they answer and when they do not.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a step that fails must end its test")]

mod delivery;
mod night;
mod receiver;
mod site;
mod wire;
