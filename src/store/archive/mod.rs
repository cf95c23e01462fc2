//! The archive (档案): customers, points, meters, where they are installed and how they are reached.
//!
//! It is saved whole or not at all. Saving adds and corrects; it never exchanges a meter, changes transformers or takes
//! protection away, since these count from an instant on or need a second person, and have calls of their own.

mod exchange;
mod guarded;
mod kept;
mod known;
mod load;
mod preview;
mod save;
mod sites;
mod zeros;

pub use exchange::Exchange;
pub(super) use exchange::{record as record_exchange, record_transformers};
pub use load::{PointHistory, SiteMeter};
pub(super) use load::{histories, site_meter};
pub use preview::{ArchivePreview, EntryChange};
pub use save::{ArchiveError, ArchiveReport, Saving};
