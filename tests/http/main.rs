//! The console and the API as browsers and programs meet them.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a step that fails must end its test"
)]

mod accounts;
mod audit_notes;
mod bearers;
mod bodies;
#[path = "../support/book.rs"]
mod book;
mod bound;
mod commands;
mod described;
mod desk;
mod elsewhere;
mod evidence;
mod figures;
mod forged;
mod fuzzed;
mod guarded;
mod hidden;
mod imports;
mod instance;
mod keys;
mod limits;
mod locked;
mod many;
mod matrix;
mod moved;
mod order_forms;
mod orders;
mod pages;
#[path = "../support/ports.rs"]
mod ports;
#[path = "../support/postgres.rs"]
mod postgres;
mod proposals;
mod protections;
mod rates;
mod reasons;
mod rig;
mod rotations;
mod said;
mod sessions;
mod settled;
mod site;
mod slow;
mod streams;
mod terminals;
mod traced;
mod visitor;
