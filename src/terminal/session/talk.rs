//! The question or order that is open at a terminal.

use std::time::Duration;

use gdw1376::address::AddressField;
use gdw1376::answer;
use gdw1376::dialogue::{Dialogue, Heard, Outcome};
use gdw1376::frame::LengthCode;
use gdw1376::message::Message;
use gdw1376::request::{Envelope, Request};
use gdw1376::unit;
use metrics::counter;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::{End, Session, hear};
use crate::link::Urgency;
use crate::telemetry;
use crate::terminal::numbers::About;
use crate::terminal::queue::{Order, Waiting, What};
use crate::terminal::{AskError, Told};

pub(super) struct Talk {
    dialogue: Dialogue,
    order: Order,
    number: u8,
    /// Its place in the queue, when it came from there.
    pub(super) place: Option<u64>,
    pub(super) urgency: Urgency,
    /// Frames that belong to the answer, confirmations included.
    taken: u8,
    has_left: bool,
    /// Some of it may be of an earlier answer.
    may_be_others: bool,
    told: Told,
    began: Instant,
}

impl Talk {
    /// What it has come to when it goes on for too long.
    fn broken_off(&self) -> Outcome {
        if !self.told.frames.is_empty() {
            return Outcome::Answered { is_complete: false };
        }
        if self.order.request.changes() { Outcome::Unknown } else { Outcome::Silent }
    }

    /// When it times out by itself, or has lasted long enough.
    pub(super) fn due(&self, restore_waits: bool) -> Option<Instant> {
        let own = self.dialogue.poll_timeout().map(Instant::from_std);
        own.map(|own| own.min(self.over_at(restore_waits)))
    }

    /// However many frames a terminal makes of an answer, it ends; sooner when supply is to be given back (F48): a question
    /// that it leaves unanswered is not put again then.
    fn over_at(&self, restore_waits: bool) -> Instant {
        let timing = self.order.timing;
        if restore_waits && !self.order.request.changes() {
            let is_silent = self.told.frames.is_empty();
            return self.began + if is_silent { timing.answer } else { MOST_BEFORE_RESTORE };
        }
        let tries = u32::from(timing.repetitions).saturating_add(1);
        self.began + MOST_LASTING.max(timing.answer.saturating_mul(tries) + MOST_BEFORE_RESTORE)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Session<S> {
    /// Begins a dialogue.
    pub(super) fn begin(&mut self, order: Box<Order>) {
        let now = Instant::now();
        if order.is_over(now) || !self.shared.is_ours() {
            return order.give_up(AskError::OutOfTime);
        }
        let number = self.station.with(|state| state.numbers.take(About::of(&order.request), now));
        let address = AddressField::single(self.station.address, self.shared.config.master);
        let heard = self.station.with(|state| state.tally.edition);
        let code = heard.filter(|code| code.is_standard()).unwrap_or(LengthCode::GDW_376);
        let envelope = Envelope { code, password: order.password, ..Envelope::new(address, number) };
        let dialogue = match Dialogue::begin(&order.request, &envelope, order.timing, now.into_std()) {
            Ok(dialogue) => dialogue,
            Err(error) => return order.give_up(error.into()),
        };
        let outcome = if order.request.changes() { Outcome::Unknown } else { Outcome::Silent };
        let told = Told {
            outcome,
            frames: Vec::new(),
            asked_at: now,
            answered_at: None,
            sent_bytes: 0,
            received_bytes: 0,
        };
        self.talk = Some(Box::new(Talk {
            dialogue,
            order: *order,
            number,
            place: None,
            urgency: Urgency::Housekeeping,
            taken: 0,
            has_left: false,
            may_be_others: false,
            told,
            began: now,
        }));
    }

    /// Sends what the dialogue has to send.
    pub(super) async fn transmit(&mut self) -> Result<(), End> {
        while let Some(talk) = &mut self.talk {
            let Some(bytes) = talk.dialogue.poll_transmit() else { return Ok(()) };
            if !self.shared.is_ours() {
                // Another instance may be asking: neither again nor for more (F36).
                continue;
            }
            if !std::mem::replace(&mut talk.has_left, true) {
                talk.told.asked_at = Instant::now();
                self.station.with(|state| state.tally.requests += 1);
                // Whoever waits to hear it may be gone; what has begun goes on.
                let _ = talk.order.left.take().map(|left| left.send(()));
            }
            talk.told.sent_bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            self.write(&bytes).await?;
        }
        Ok(())
    }

    /// Shows a message to the dialogue; true when it belongs to it. What begins it and may go on from an earlier answer, or is a
    /// further frame whose number is open from one, is used for what it holds, and what it leaves out is not known for that: some
    /// terminals leave FIR out.
    pub(super) fn is_answer(
        &mut self,
        message: &Message<'_>,
        wire: &[u8],
        (is_open, may_go_on): (bool, bool),
    ) -> bool {
        let Some(talk) = &mut self.talk else { return false };
        let now = Instant::now();
        let is_begin = talk.told.frames.is_empty();
        let heard = talk.dialogue.handle(message, now.into_std());
        let may_be_others = is_begin && may_go_on || is_open && message.seq.number() != talk.number;
        talk.may_be_others |= heard == Heard::Answer && may_be_others;
        if heard != Heard::Foreign {
            talk.taken = talk.taken.saturating_add(1);
            talk.told.answered_at.get_or_insert(now);
            talk.told.received_bytes += u64::try_from(wire.len()).unwrap_or(u64::MAX);
        }
        if heard == Heard::Answer {
            talk.told.frames.push(wire.to_vec());
        }
        heard != Heard::Foreign
    }

    /// Whether a frame with this number would be a further one of the open answer, of which none is there yet.
    pub(super) fn lacks_first(&self, number: u8) -> bool {
        self.talk.as_ref().is_some_and(|talk| talk.told.frames.is_empty() && talk.number != number)
    }

    /// Ends the dialogue when it has an outcome. What it still has to send goes first.
    pub(super) async fn settle(&mut self) -> Result<(), End> {
        self.transmit().await?;
        let outcome = self.talk.as_mut().and_then(|talk| talk.dialogue.poll());
        if let Some(outcome) = outcome
            && let Some(mut talk) = self.talk.take()
        {
            let is_doubtful = talk.may_be_others && matches!(outcome, Outcome::Answered { .. });
            talk.told.outcome = if is_doubtful { Outcome::Answered { is_complete: false } } else { outcome };
            self.end_talk(*talk);
        }
        Ok(())
    }

    /// Time has passed for the dialogue.
    pub(super) fn talk_timed_out(&mut self, now: Instant) {
        let Some(talk) = &mut self.talk else { return };
        talk.dialogue.handle_timeout(now.into_std());
        let is_over = now >= talk.over_at(self.station.has_restore());
        let outcome = talk.dialogue.poll().or_else(|| is_over.then(|| talk.broken_off()));
        if let Some(outcome) = outcome {
            talk.told.outcome = outcome;
            self.talk.take().into_iter().for_each(|talk| self.end_talk(*talk));
        }
    }

    /// The connection is gone under the dialogue. What may have changed something is unknown; a question is put again on
    /// the next session while its time is not over, and nothing of its answer has come. (F19)
    pub(super) fn talk_broken(&mut self) {
        let Some(mut talk) = self.talk.take() else { return };
        if !talk.has_left {
            return talk.order.give_up(AskError::Lost);
        }
        if !talk.told.frames.is_empty() {
            talk.told.outcome = Outcome::Answered { is_complete: false };
        }
        let now = Instant::now();
        let may_wait = talk.order.until.is_some_and(|until| now < until) && talk.order.breaks < MOST_BREAKS;
        let is_unanswered = talk.told.frames.is_empty() && !talk.order.request.changes();
        match talk.place {
            // Nobody would take back what nobody waits for.
            Some(id) if may_wait && is_unanswered && !talk.order.reply.is_closed() => {
                self.note_end(&talk);
                let Talk { mut order, told, urgency, .. } = *talk;
                order.breaks += 1;
                order.last = Some(told);
                let until = order.until;
                self.station.put_back(Waiting { id, urgency, until, what: What::Order(Box::new(order)) });
            }
            _ => self.end_talk(*talk),
        }
    }

    fn end_talk(&self, talk: Talk) {
        self.note_end(&talk);
        self.learn(&talk);
        talk.order.end(Ok(talk.told));
    }

    /// Counts it, and notes which numbers are not to be used for a while.
    fn note_end(&self, talk: &Talk) {
        let outcome = &talk.told.outcome;
        counter!(telemetry::TERMINAL_DIALOGUES, "outcome" => outcome.kind()).increment(1);
        let (number, about, now) = (talk.number, About::of(&talk.order.request), Instant::now());
        // That a meter says nothing is not the fault of the way to the terminal, nor is the time its answer takes.
        let is_for_meter = matches!(talk.order.request, Request::Forward(_));
        let answered_after = talk.told.answered_at.map(|at| at.saturating_duration_since(talk.told.asked_at));
        self.station.with(|state| {
            if talk.has_left && !is_for_meter {
                state.measured.request(talk.dialogue.sent(), answered_after);
            }
            match outcome {
                Outcome::Silent | Outcome::Unknown => state.tally.silent += 1,
                Outcome::Answered { .. } | Outcome::Confirmed(_) => state.tally.answers += 1,
            }
            let numbers = talk.dialogue.numbers().filter(|_| talk.dialogue.sent() == 1);
            match (outcome, numbers) {
                // Its own may be still to come.
                (Outcome::Answered { .. }, _) if talk.may_be_others => {
                    state.numbers.left_open(number, talk.taken.saturating_add(MORE_FRAMES), about, now);
                }
                (Outcome::Silent | Outcome::Unknown, _) => state.numbers.left_open(number, 1, about, now),
                // What is missing in front of its end may still come. Its first frame has been waited for: there are terminals
                // that never send it, and their numbers would all be open.
                (Outcome::Answered { is_complete: false }, Some(numbers)) => {
                    state.numbers.answered(number, numbers);
                    let lacking = talk.dialogue.lacks().filter(|lacking| *lacking != number);
                    lacking.for_each(|lacking| state.numbers.lacks(lacking, about, now));
                }
                (Outcome::Answered { is_complete: false }, None) => {
                    state.numbers.left_open(number, talk.taken.saturating_add(MORE_FRAMES), about, now);
                }
                _ if talk.dialogue.sent() > 1 => state.numbers.left_open(number, talk.taken, about, now),
                _ => state.numbers.answered(number, talk.taken),
            }
        });
    }

    /// What the answer says of the terminal itself: how long requests may be.
    fn learn(&self, talk: &Talk) {
        if talk.order.request != Request::ReadPorts {
            return;
        }
        let limits = talk.told.frames.iter().filter_map(|wire| {
            let cut = unit::cut(&hear::read(wire)?);
            cut.units.iter().find_map(answer::frame_limits)
        });
        let takes = limits.map(|limits| limits.takes).find(|takes| *takes >= LEAST_TAKEN);
        if takes.is_some() {
            self.station.with(|state| state.takes = takes);
        }
    }
}

/// A question whose connection went so often is not put again: perhaps it is the reason.
const MOST_BREAKS: u8 = 2;
/// So long one dialogue lasts at most.
const MOST_LASTING: Duration = Duration::from_secs(180);
/// So long an answer may go on when supply is to be given back behind the same terminal.
const MOST_BEFORE_RESTORE: Duration = Duration::from_secs(60);
/// So many frames of an unfinished answer may still come.
const MORE_FRAMES: u8 = 8;
/// No terminal takes less. [1376 3.7]
const LEAST_TAKEN: u16 = 256;
