//! The interface: what people and other programs are served over HTTP.

pub mod console;
