//! What becomes of a frame: confirmed, handed to the dialogue, counted.

use gdw1376::afn::Afn;
use gdw1376::answer;
use gdw1376::assembly::is_report;
use gdw1376::auxiliary::EventCounters;
use gdw1376::confirmation::Confirmation;
use gdw1376::frame::Frame;
use gdw1376::message::Message;
use gdw1376::report::Begun;
use metrics::counter;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::{End, Session};
use crate::config::Confirm;
use crate::telemetry;

/// An answer in several frames that nobody waits for: its next frame has this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Late {
    number: u8,
    afn: Afn,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Session<S> {
    pub(super) async fn hear(&mut self, frames: Vec<Vec<u8>>) -> Result<(), End> {
        let (heard, now) = (self.ear.heard(), self.shared.clock.now());
        self.station.with(|state| {
            state.tally.received_bytes += heard;
            if !frames.is_empty() {
                state.tally.last_heard_at = Some(now);
            }
            frames.iter().for_each(|wire| state.passed.note(now, false, wire));
        });
        for wire in frames {
            if let Some(reply) = self.hear_one(&wire) {
                self.write(&reply).await?;
            }
            self.settle().await?;
        }
        if self.is_flooding {
            let terminal = self.station.address;
            tracing::warn!(terminal.address = %terminal, "terminal {terminal} floods and is hung up");
            self.station.with(|state| state.tally.floods += 1);
            return Err(End::Flooding);
        }
        if self.is_leaving { Err(End::LoggedOut) } else { Ok(()) }
    }

    /// Takes one frame, and gives what is to be said to it at once.
    fn hear_one(&mut self, wire: &[u8]) -> Option<Vec<u8>> {
        let message = read(wire).filter(|message| {
            let is_own = message.address.terminal == self.station.address;
            message.code.is_standard() && message.control.is_uplink() && is_own
        });
        let Some(message) = message else {
            self.station.with(|state| state.tally.foreign += 1);
            count("foreign");
            self.spend();
            return None;
        };
        self.heard_at = Instant::now();
        self.station.with(|state| {
            state.tally.edition = Some(message.code);
            state.tally.events = counted(&message, wire).or(state.tally.events);
        });
        match Begun::of(&message) {
            Some(begun) if !self.spend() => {
                tracing::trace!(?begun, "too much");
                None
            }
            Some(Begun::Report) => self.report(&message, wire),
            Some(begun) => self.link_check(begun, &message),
            None => {
                self.answer(&message, wire);
                None
            }
        }
    }

    /// Counts a frame that nobody asked for; false when it was one too many.
    fn spend(&mut self) -> bool {
        let has_some = self.station.with(|state| state.budget.spend(Instant::now()));
        self.is_flooding |= !has_some;
        has_some
    }

    /// A login, heartbeat or logout is confirmed whatever else goes on. [1376 3.3]
    fn link_check(&mut self, begun: Begun, message: &Message<'_>) -> Option<Vec<u8>> {
        self.station.with(|state| state.last_begun = Some(message.seq.number()));
        match begun {
            Begun::Heartbeat { .. } => {
                let now = self.shared.clock.now();
                self.station.with(|state| {
                    state.pace.beat(self.heard_at);
                    state.tally.last_heartbeat_at = Some(now);
                });
            }
            Begun::Logout => self.is_leaving = true,
            Begun::Login | Begun::Report => {}
        }
        let confirmation = match self.shared.config.confirm {
            Confirm::All => Confirmation::All,
            Confirm::Each => Confirmation::each_right(message),
        };
        // A confirmation is short enough.
        confirmation.reply_to(message).ok()
    }

    fn answer(&mut self, message: &Message<'_>, wire: &[u8]) {
        // The further frames of a late answer come one after the other; none is the begin of another.
        let (number, afn) = (message.seq.number(), message.afn);
        let goes_on = self.late == Some(Late { number, afn }) && !message.seq.is_first();
        self.late = None;
        let (is_open, may_go_on) = self.station.with(|state| {
            let may_go_on = state.numbers.may_go_on(number, afn, Instant::now());
            (state.numbers.is_late(number, afn), may_go_on && !message.seq.is_first())
        });
        // Without its first frame an answer is known by the numbers of the others: none that another may still have.
        let is_others = goes_on || is_open && self.lacks_first(number);
        if !is_others && self.is_answer(message, wire, (is_open, may_go_on)) {
            return;
        }
        let is_late = goes_on || is_open;
        if !message.seq.is_last() {
            self.late = Some(Late { number: (number + 1) & 0x0F, afn });
        }
        self.station.with(|state| state.tally.late += 1);
        self.spend();
        debug_assert!(!is_report(message.control), "reports are told apart before");
        count(if is_late { "late" } else { "unasked" });
    }
}

/// What it says of its event counters, beside anything or with events themselves. [1376 3.10]
fn counted(message: &Message<'_>, wire: &[u8]) -> Option<EventCounters> {
    if message.afn != Afn::CLASS_3 {
        return message.auxiliary.events;
    }
    // Behind events what stands for counters may be the end of a record.
    let frame = Frame::parse(wire).ok()?;
    answer::events_of(&frame).events.first().map(|told| told.counters)
}

pub(super) fn read(wire: &[u8]) -> Option<Message<'_>> {
    Message::of(&Frame::parse(wire).ok()?).ok()
}

fn count(reason: &'static str) {
    counter!(telemetry::TERMINAL_UNTAKEN, "reason" => reason).increment(1);
}
