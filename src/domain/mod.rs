//! What the product talks about, and the rules that need nothing but their arguments.
//!
//! All arithmetic is exact and in whole numbers; nothing here does I/O or asks for the time.

mod day;
mod item;
mod moment;

pub use day::{Day, DayError};
pub use item::{Item, ItemKey, ItemKind, Way};
pub use moment::{InChina, Moment};
