//! What goes wrong on a bus: a seeded plan of faults, and the injector that sits between stations and wire.
//!
//! A [`Plan`] gives each [`Kind`] a share of the answers (or of the requests, for what needs no answer). The seed alone
//! decides which: the same seed and the same requests give the same bytes. Each fault that really happened is counted
//! and kept as a [`Hit`] with the request it hit, so that a run in which a planned kind never happened can be failed.
//!
//! It leaves to others: what reaches whom after a fault ([`crate::bus`]).

mod draw;
mod inject;
mod kind;
mod mangle;
mod plan;
mod record;

#[cfg(test)]
mod tests;

pub(crate) use inject::Case;
pub use inject::Injector;
pub use kind::Kind;
pub use plan::{Plan, PlanError, Share, ShareError};
pub use record::{Counts, Hit};
