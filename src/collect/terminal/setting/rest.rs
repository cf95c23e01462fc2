//! What is left of a setting whose sending broke off: frames that have not left yet, and the one that was not answered.
//!
//! It is held in memory alone, since records hold passwords of meters: with the process it is gone, and nothing of it is sent.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use gdw1376::identifier::Point;
use gdw1376::request::ArchiveRecord;

use super::super::record;
use crate::domain::Id;
use crate::domain::proposal::Proposal;
use crate::domain::terminal_archive::MeterRecord;

/// Frames that have not left, in their order.
pub(super) struct Rest {
    /// What has left without an answer; nothing when all that has left was answered.
    pub(super) unanswered: Vec<ArchiveRecord>,
    pub(super) frames: Vec<Vec<ArchiveRecord>>,
}

/// What is left of settings.
#[derive(Default)]
pub(in crate::collect) struct Rests(Mutex<HashMap<Id<Proposal>, Rest>>);

impl Rest {
    /// Whether the terminal holds what it would after the frame that was not answered: then nothing of that is still to come,
    /// and what is behind it may leave.
    pub(super) fn may_leave(&self, held: &BTreeMap<u16, MeterRecord>) -> bool {
        self.unanswered.iter().all(|sent| {
            let is_taken_away = sent.point == Point::TERMINAL;
            held.get(&sent.number) == (!is_taken_away).then(|| record::of_wire(sent)).as_ref()
        })
    }
}

impl Rests {
    pub(super) fn put(&self, of: Id<Proposal>, rest: Rest) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(of, rest);
    }

    pub(super) fn take(&self, of: Id<Proposal>) -> Option<Rest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&of)
    }
}

impl fmt::Debug for Rests {
    /// Passwords are in it (T24).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rests").finish_non_exhaustive()
    }
}
