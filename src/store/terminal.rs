//! Concentrators and terminals (集中器, 采集终端): which are taken in, and what is noted of each.

mod adopt;
mod list;
mod notes;
mod secret;
pub(in crate::store) mod setting;

pub use adopt::Adoption;
pub use list::{EventsKept, TerminalEventLine, TerminalLine, TerminalTold, Verified};
pub use notes::{
    ArchiveCompared, Difference, DifferenceKind, EventsRead, TerminalEvent, TerminalNotes, VerifiedPoint,
};
pub use setting::ArchiveSetting;

pub(super) use notes::save;
