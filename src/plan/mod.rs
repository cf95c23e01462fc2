//! What is due now, what is missing, what to ask for again: functions of schedule, facts and the present.
//!
//! Nothing here waits, asks a meter or a database. `collect` brings the facts and does what is due.

mod missing;
mod night;

pub use missing::{CurveGap, Midnight, curve_gaps, register_gaps};
pub use night::{Night, night_of, night_to_come};
