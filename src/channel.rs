//! One task per line drives exchanges over its link.
//!
//! [`converse`] is a single exchange, from the first byte to the quiet after it.

mod converse;

pub use converse::{Direction, Tap, converse};
