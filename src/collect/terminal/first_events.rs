//! The events of a terminal that is asked for them for the first time: all that it still holds, up to 256 of each kind.
//!
//! Nobody knows how many there are: its counter says where the next one goes, and not whether the ring went round before.

use std::collections::HashMap;

use super::super::ask::Missed;
use super::ask::TerminalAsker;
use super::events::{RingRead, ask_ring, read_ring, stands_at};
use crate::domain::{Id, Meter, MissingCause};
use crate::store::terminal::{EventsRead, TerminalEvent};

/// Reads all events of one kind that there are in front of the place `counted`, where the next one goes.
pub(super) async fn read(
    asker: &TerminalAsker,
    important: bool,
    counted: u8,
    meters: &HashMap<u16, Id<Meter>>,
) -> RingRead {
    // The oldest stands where the next one goes: a question for the whole ring would begin where it ends and ask for nothing.
    let oldest = ask_ring(asker, important, (counted, counted.wrapping_add(1)), meters).await;
    let is_oldest_known = oldest.is_ok();
    let oldest = match oldest {
        Ok(came) => came.into_iter().filter(|event| is_unread(event) || event.place == counted).collect(),
        Err(missed) if may_have_others(&missed) => Vec::new(),
        Err(missed) => return RingRead { missed: Some(missed), ..RingRead::default() },
    };
    // Where it gives nothing to a question for places that it never filled, the ring did not go round yet; and the newest are
    // worth a question of their own.
    let begins = [counted.wrapping_add(1), 0, counted.saturating_sub(NEWEST)];
    let (mut told, mut as_they_came) = (RingRead::default(), Vec::new());
    for from in begins.into_iter().filter(|from| *from != counted) {
        told = read_ring(asker, important, (from, counted), meters).await;
        // Places that it has and places that it never filled in one answer stand under a head that tells of neither.
        let is_told = |read: &EventsRead| read.events.iter().any(|event| !is_unread(event));
        let has_some = told.read.as_ref().is_some_and(is_told);
        let events = told.read.iter().flat_map(|read| &read.events).filter(|event| is_unread(event)).cloned();
        as_they_came.extend(events.filter(|_| !has_some));
        let is_away = told.missed.as_ref().is_some_and(|missed| !may_have_others(missed));
        // That one stands there says that the ring went round, unless new ones came meanwhile.
        let is_round = oldest.iter().any(|event| stands_at(event, counted));
        if has_some || is_away || is_round && as_they_came.is_empty() {
            break;
        }
    }
    if told.read.is_none() && !as_they_came.is_empty() {
        told.read =
            Some(EventsRead { terminal: asker.address, important, read_to: None, events: Vec::new() });
    }
    told.is_all &= is_oldest_known;
    if let Some(read) = &mut told.read {
        read.events.extend(oldest);
        read.events.extend(as_they_came);
    }
    told
}

const fn is_unread(event: &TerminalEvent) -> bool {
    event.code == TerminalEvent::UNREAD
}

/// It is there, and leaves this question unanswered or refuses it.
fn may_have_others(missed: &Missed) -> bool {
    missed.is_of_meter() || missed.cause == MissingCause::TerminalSilent
}

/// What is asked for last.
const NEWEST: u8 = 10;
