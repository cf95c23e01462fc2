//! Simulated meters and buses that know their own truth.

#![cfg_attr(test, allow(clippy::as_conversions))]

pub mod clock;
pub mod instant;
pub mod load;
#[cfg(test)]
mod sample;
pub mod seed;
pub mod tariff;
