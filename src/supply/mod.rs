//! Cutting and restoring supply (停复电): what is asked of and ordered from meters, and what proves that it came about.

pub mod field;
pub mod security;
