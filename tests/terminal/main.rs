//! The terminal server with raw frames: sessions, reports, questions, orders, storms and strangers.

mod basics;
mod rig;
