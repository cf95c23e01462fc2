//! Cutting and restoring supply (停复电): orders on their way from a click to a relay and back.
//!
//! ```text
//!  http, cli ──> Supply ──> store::supply                orders, evidence, approvals, STOP
//!                  │ run          │ due
//!                  └── carry ─────┘
//!                        │ before, intent, send, look
//!                      field ──> one meter on its line
//! ```
//!
//! What is promised:
//!
//! - **No frame of the class of cuts leaves without its intent on disk**, and no intent is kept unless everything the rules
//!   ask for holds in its own transaction (I8, F45). One frame at most leaves for an intent.
//! - **What became of a frame is found out by reading**: accepted is not done, and silence is unknown until a status word
//!   tells (F46, R6). A cut is sent a second time only after it was read not to have been obeyed and can no more be (F47).
//! - **Giving supply back waits for nobody**: it goes first on every line, is repeated on silence, and people are told when
//!   it does not come about (F48, I12).
//! - **A process that is killed anywhere leaves an order known, or unknown and being read** (F28): what it does next stands
//!   in the store, not in its memory.
//!
//! What is asked of one meter is left to [`field`], the rules to [`crate::domain::supply`], keeping to `store`.

mod asked;
mod borne_out;
mod carry;
mod clocks;
mod due;
pub mod field;
mod freezes;
mod guard;
mod leaving;
mod proof;
mod room;
mod rotation;
mod run;
pub mod security;
mod service;
mod verdict;

pub use clocks::MeterClockSet;
pub use due::due_words;
pub use freezes::MeterFreeze;
pub use guard::is_stopped;
pub use proof::proof_words;
pub use rotation::{RotationError, RotationOf};
pub use service::{CannotServe, Supply, SupplyParts, SupplySettings};
