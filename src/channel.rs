//! One task per line drives exchanges over its link.
//!
//! [`Speaker::converse`] is a single exchange, from the first byte to the quiet after it.

mod converse;
mod question;

pub use converse::{Failure, Speaker, Told};
pub use question::Question;
