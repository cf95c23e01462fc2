//! chaobiao (抄表): an automatic meter reading head-end for DL/T 645 electricity meters.
//!
//! Begin with [`manual::architecture`] for the parts and the two paths through them; the README says what works today.

pub mod alarm;
pub mod app;
pub mod archive;
pub mod billing;
pub mod channel;
pub mod cli;
pub mod clock;
pub mod collect;
pub mod config;
pub mod domain;
mod explain;
#[cfg(feature = "failpoints")]
pub mod failpoint;
#[cfg(not(feature = "failpoints"))]
mod failpoint;
pub mod http;
pub mod link;
pub mod manual;
pub mod ownership;
pub mod plan;
pub mod store;
pub mod supply;
pub mod telemetry;
pub mod terminal;
