//! Runs due work on the lines, turns answers into readings, judges them and keeps them.
//!
//! ```text
//!  plan ── what is missing ──> night ── line by line, meter by meter ──> visit ── questions ──> channel
//!                                │                                        │
//!                                └──── outcome of each meter ────> writer <┘ readings, judged
//!                                                                    └──> store, one transaction
//! ```
//!
//! What is promised:
//!
//! - **A run is a row**: one for each scope, day and kind; a second start is the first run, and one that was killed goes
//!   on with the meters that were not read (F26, F35).
//! - **Every meter that is missing has a cause** (I19). A value that is not a number, has another length or another time
//!   than was asked for is no value.
//! - **What may reach a bill is read twice** and is taken when both answers are the same: a checksum of one byte lets one
//!   turned bit in 256 pass when a second one turns, too (F8).
//! - **A freeze counts for the midnight it is dated**, and only when the meter's clock was right in the last session before,
//!   in the first one behind, and in all between (F14). What stands in for it keeps the instant at which it was read. Load
//!   records are dated by the same clock: where it was not right, their slots are marked suspect.
//! - **Our own clock is not believed against the meters** (F33): where most of them show another time, and the same, nothing is
//!   read that our clock would have to date, all cuts are kept back, and people are told.
//! - **Kept means committed** (I1): a meter counts as read when the transaction with its readings has ended.
//!
//! Meters that speak Modbus are read by their register map as they stand (`registers`).
//!
//! Meters behind concentrators are read from what these store, many points a question: see [`terminal`].
//!
//! What a night has missed is read once more by [`ReadAgain`] when a person asks for it.
//!
//! What somebody waits for is read by [`on_demand`], with the same questions in a lane of its own.
//!
//! How months of faulty nights, kills and wrong clocks ended is in [`measured`].

mod again;
mod ask;
mod beside;
mod budget;
mod collector;
#[cfg(test)]
mod details;
mod identifier;
mod interpret;
mod judge;
mod lacking;
mod line;
mod obtainable;
pub mod on_demand;
mod patient;
mod pauses;
mod phase;
mod progress;
mod registers;
mod steady;
pub mod terminal;
mod unbroken;
mod visit;
mod witnesses;
mod writer;

#[doc = include_str!("measured.md")]
pub mod measured {}

pub use again::{CannotReadAgain, ReadAgain, UnderWay};
pub use budget::forecasts;
pub use collector::{CollectError, Collector, NightReport, PollReport, Settings};
pub use obtainable::unobtainable;
pub use progress::{LineProgress, Progress};
pub use terminal::{ClockSet, RecordsProposed, VERIFY_AGAIN, WantedRecords, keep_reports};
