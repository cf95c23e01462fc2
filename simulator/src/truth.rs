//! The truth of one meter: what any register held at any instant, past ones too.

pub mod event;
pub mod face;
pub mod flow;
pub mod register;
pub mod settlement;
