//! Simulated meters and buses that know their own truth.
//!
//! [`truth::Truth`] is what one meter held in any register at any instant. It stands on [`load`] (what the customer
//! used, a function of a [`seed`]), [`clock`] (what the meter believed the time was) and the sparse log of events;
//! protocol, buses and faults are built on top of it and share none of its code with the head-end.

#![cfg_attr(test, allow(clippy::as_conversions))]

#[doc = include_str!("measured.md")]
pub mod measured {}

pub mod bus;
pub mod clock;
pub mod concentrator;
pub mod esam;
pub mod fault;
pub mod instant;
pub mod load;
pub mod meter;
#[cfg(test)]
mod sample;
pub mod seed;
pub mod serve;
pub mod station;
pub mod tariff;
pub mod truth;
pub mod world;
