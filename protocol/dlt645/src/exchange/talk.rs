//! The states of an exchange and the ways from one to the next.
//!
//! ```text
//! Ready -> Sending -> Waiting -> Over
//!   ^                   |
//!   +----- Resting <----+   after silence (drained), or after a piece (turned round)
//! ```

use std::time::{Duration, Instant};

use super::counters::{Counters, Unfit};
use super::expected::{Expected, LengthRule};
use super::gathered::Gathered;
use super::outcome::{Answer, MAX_REFUSED_FRAMES, Outcome, Reply, Report};
use super::subject::Subject;
use super::timing::Timing;
use crate::catalog::{self, Shape};
use crate::data_id::DataId;
use crate::edition::Edition;
use crate::frame::{Frame, OVERHEAD};
use crate::password::{SecretBytes, secret_places};
use crate::response::{Content, Refusal};

/// Where an exchange stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// The request is to be sent.
    Ready,
    /// The request was handed out and is on its way.
    Sending,
    /// The request has left; an answer may come.
    Waiting(Window),
    /// The line is kept quiet before the next request.
    Resting(Quiet),
    /// Decided; the line is kept quiet for whoever comes next.
    Over(Quiet),
}

/// When the answer has to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Its first byte before this.
    first: Instant,
    /// Its last byte before this.
    last: Instant,
}

/// Until when the line is kept quiet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quiet {
    pub(super) until: Instant,
    /// How long to wait again after any byte.
    pause: Duration,
    /// Not longer than this, however long the line goes on talking.
    cap: Instant,
}

/// What has been heard lately.
#[derive(Clone, Copy, Debug, Default)]
struct Ear {
    /// When the last byte came since the request left.
    last_byte: Option<Instant>,
    /// When the first byte came of those that no whole frame has accounted for.
    run_began: Option<Instant>,
    /// Bytes since the request left.
    heard: usize,
}

#[derive(Debug)]
pub(super) struct Talk {
    pub(super) timing: Timing,
    pub(super) expected: Expected,
    /// What was asked in the first place.
    origin: Subject,
    /// What is being asked now: the same, or the next piece.
    step: Subject,
    pub(super) phase: Phase,
    pub(super) wire: SecretBytes,
    gathered: Gathered,
    ear: Ear,
    tries_left: u8,
    restarts_left: u8,
    attempts: u32,
    began_at: Instant,
    sent_at: Option<Instant>,
    pub(super) counters: Counters,
    refused_frames: Vec<(Unfit, Vec<u8>)>,
    pub(super) is_chattering: bool,
    pub(super) outcome: Option<Outcome>,
}

impl Talk {
    pub(super) fn new(origin: Subject, timing: Timing, now: Instant) -> Self {
        Self {
            timing,
            expected: Expected { rule: origin.length_rule(), whole_at: None },
            step: origin.clone(),
            wire: origin.wire(timing.wake_up_bytes),
            origin,
            phase: Phase::Ready,
            gathered: Gathered::default(),
            ear: Ear::default(),
            tries_left: timing.retries,
            restarts_left: timing.retries,
            attempts: 0,
            began_at: now,
            sent_at: None,
            counters: Counters::default(),
            refused_frames: Vec::new(),
            is_chattering: false,
            outcome: None,
        }
    }

    // --- sending ---

    /// The request is handed out.
    pub(super) fn hand_out(&mut self) -> bool {
        let is_ready = matches!(self.phase, Phase::Ready);
        if is_ready {
            self.phase = Phase::Sending;
            self.attempts = self.attempts.saturating_add(1);
        }
        is_ready
    }

    /// The last byte of the request has left.
    pub(super) fn transmitted(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Sending) {
            return;
        }
        self.sent_at = Some(now);
        self.ear = Ear::default();
        if self.origin.expects_answer() {
            let (first, last) = (later(now, self.timing.first_byte), later(now, self.timing.answer_limit));
            self.phase = Phase::Waiting(Window { first, last });
        } else {
            let quiet =
                self.quiet(later(now, self.timing.first_byte.max(self.timing.td_max)), self.timing.gap);
            self.finish(Outcome::Sent, quiet, now);
        }
    }

    /// The line is given up while `bytes_left` bytes of the present request had left.
    pub(super) fn abandon(&mut self, bytes_left: usize, now: Instant) {
        let nothing_left = match self.phase {
            Phase::Ready => self.attempts == 0,
            Phase::Sending => self.attempts == 1 && bytes_left == 0,
            Phase::Waiting(_) | Phase::Resting(_) => false,
            Phase::Over(_) => return,
        };
        if nothing_left {
            let quiet = self.quiet(now, self.timing.quiet_after_answer);
            return self.finish(Outcome::NotSent, quiet, now);
        }
        if matches!(self.phase, Phase::Sending) && bytes_left > 0 {
            self.sent_at = Some(now);
        }
        self.give_up(None, now);
    }

    // --- listening ---

    /// Bytes have come, `len` of them; the decoder is given them next.
    pub(super) fn bytes_come(&mut self, len: usize, now: Instant) {
        self.ear.last_byte = Some(now);
        self.ear.run_began.get_or_insert(now);
        self.ear.heard = self.ear.heard.saturating_add(len);
    }

    /// The decoder has taken all that came. `is_open` when bytes are left that no whole frame accounts for,
    /// `is_unfinished` when they may be the start of one.
    pub(super) fn bytes_taken(&mut self, is_open: bool, is_unfinished: bool, now: Instant) {
        if !is_open {
            self.ear.run_began = None;
        }
        let pause_at_least = if is_unfinished { self.timing.gap } else { Duration::ZERO };
        let (Phase::Resting(quiet) | Phase::Over(quiet)) = &mut self.phase else { return };
        quiet.until = quiet.until.max(later(now, quiet.pause.max(pause_at_least)));
        if quiet.until <= quiet.cap {
            return;
        }
        quiet.until = quiet.cap;
        self.is_chattering = true;
        if matches!(self.phase, Phase::Resting(_)) {
            self.give_up(None, now);
        }
    }

    /// A whole frame was heard, `behind` bytes before the end of what has come.
    pub(super) fn heard(&mut self, frame: &Frame<'_>, wire: &[u8], behind: usize, now: Instant) {
        let verdict = match (self.judge(frame, wire), &self.phase) {
            (Err(unfit), _) => Err(unfit),
            (Ok(_), Phase::Ready | Phase::Sending) => Err(Unfit::Early),
            (Ok(_), Phase::Resting(_) | Phase::Over(_)) => Err(Unfit::Late),
            // Its first bytes were there before the request had left.
            (Ok(_), Phase::Waiting(_)) if wire.len() + behind > self.ear.heard => Err(Unfit::Early),
            (Ok(content), Phase::Waiting(_)) => Ok(content),
        };
        match verdict {
            Ok(content) => self.accept(content, frame, wire, now),
            Err(unfit) => self.refuse(unfit, frame, wire, now),
        }
        self.ear.run_began = (behind > 0).then_some(now);
    }

    /// Whether a frame is the answer awaited, but for the time it came at.
    fn judge<'a>(&self, frame: &Frame<'a>, wire: &[u8]) -> Result<Content<'a>, Unfit> {
        if self.wire.0.ends_with(wire) {
            return Err(Unfit::Echo);
        }
        if !frame.control.is_response() {
            return Err(Unfit::ForeignRequest);
        }
        if self.gathered.has_frame(wire) {
            return Err(Unfit::Duplicate);
        }
        if frame.control.function().0 == 0x1F {
            return Err(Unfit::Unasked);
        }
        let is_asked = |from| self.origin.asked().admits(from);
        if !self.gathered.address.map_or_else(|| is_asked(frame.address), |who| who == frame.address) {
            return Err(Unfit::ForeignAnswer);
        }
        let content = self.step.understand(frame, self.origin.item())?;
        match &content {
            Content::Data { payload, more, .. } | Content::Piece { payload, more, .. } => {
                self.judge_piece(payload, *more).map(|()| content)
            }
            _ => Ok(content),
        }
    }

    fn judge_piece(&self, payload: &[u8], more: bool) -> Result<(), Unfit> {
        if !self.gathered.is_empty() {
            let repeats = self.step.is_reread() && self.gathered.repeats_last(payload);
            return if repeats { Err(Unfit::Duplicate) } else { Ok(()) };
        }
        let fits = if more && self.origin.is_joined() {
            !payload.is_empty() && self.expected.leaves_room(payload.len())
        } else {
            self.expected.rule.admits(payload.len())
        };
        if fits { Ok(()) } else { Err(Unfit::WrongLength) }
    }

    fn refuse(&mut self, unfit: Unfit, frame: &Frame<'_>, wire: &[u8], now: Instant) {
        self.counters.add(unfit);
        if unfit != Unfit::Echo && self.refused_frames.len() < MAX_REFUSED_FRAMES {
            self.refused_frames.push((unfit, covered(frame, wire)));
        }
        // Asked for its last answer, the meter gives the one before: the request for the next piece never reached
        // it, or the two pieces are alike. Only starting anew is safe.
        let is_waiting = matches!(self.phase, Phase::Waiting(_));
        if unfit == Unfit::Duplicate && is_waiting && self.step.is_reread() {
            self.start_anew(now);
        }
    }

    fn accept(&mut self, content: Content<'_>, frame: &Frame<'_>, wire: &[u8], now: Instant) {
        self.gathered.keep_frame(covered(frame, wire));
        self.gathered.address = Some(frame.address);
        let reply = match content {
            Content::Refused(refusal) if self.gathered.is_empty() => {
                let address = frame.address;
                let quiet = self.quiet_after_answer(now);
                return self.finish(|report| Outcome::Refused { address, refusal, report }, quiet, now);
            }
            Content::Refused(refusal) => return self.give_up(Some(refusal), now),
            Content::Data { item, payload, more } | Content::Piece { item, payload, more, .. } => {
                return self.gather(item, payload, more, now);
            }
            Content::Address(address) => Reply::Address(address),
            Content::Accepted { word } => Reply::Accepted { word },
            // Confirmed what was asked, or it would have been a contradiction.
            Content::Rate { .. } | Content::NewPassword(_) | Content::Output { .. } => {
                Reply::Accepted { word: None }
            }
        };
        let quiet = self.quiet_after_answer(now);
        self.answered(reply, false, quiet, now);
    }

    /// One more piece of data.
    fn gather(&mut self, item: DataId, payload: &[u8], more: bool, now: Instant) {
        self.gathered.add(item, payload);
        let length = self.gathered.payload().len();
        if !more || !self.origin.is_joined() || self.expected.is_surely_whole(length) {
            // A single frame was judged before; here the pieces are judged together.
            if self.expected.rule.admits(length) || self.expected.is_surely_whole(length) {
                let quiet = self.quiet_after_answer(now);
                return self.answered_with_data(more, quiet, now);
            }
            self.counters.add(Unfit::WrongLength);
            return self.incomplete(now);
        }
        match self.gathered.next_sequence() {
            Some(sequence) if self.expected.leaves_room(length) => {
                let who = self.gathered.address.unwrap_or_else(|| self.origin.asked());
                let quiet = self.quiet_after_answer(now);
                self.tries_left = self.timing.retries;
                self.rest(self.origin.next_piece(item, sequence, who), quiet, now);
            }
            _ => self.incomplete(now),
        }
    }

    // --- time ---

    /// When something is due, given whether the decoder holds the start of a frame.
    pub(super) fn wake_at(&self, is_unfinished: bool) -> Option<Instant> {
        match &self.phase {
            Phase::Ready | Phase::Sending | Phase::Over(_) => None,
            Phase::Resting(quiet) => Some(quiet.until),
            Phase::Waiting(window) => {
                let paused = self.ear.last_byte.map(|at| later(at, self.timing.gap));
                let over = self.window_over(window);
                Some(paused.filter(|_| is_unfinished).map_or(over, |paused| paused.min(over)))
            }
        }
    }

    /// True when no answer can be accepted any more.
    pub(super) fn is_window_over(&self, now: Instant) -> bool {
        matches!(&self.phase, Phase::Waiting(window) if now >= self.window_over(window))
    }

    fn window_over(&self, window: &Window) -> Instant {
        // Bytes that came in time and are no whole frame yet may go on, with pauses shorter than the gap.
        let going_on = self.ear.run_began.and(self.ear.last_byte).map(|at| later(at, self.timing.gap));
        going_on.map_or(window.first, |going_on| going_on.max(window.first)).min(window.last)
    }

    /// What was begun is given up: the decoder has been emptied.
    pub(super) fn run_ended(&mut self) {
        self.ear.run_began = None;
    }

    /// Nothing acceptable has come in time.
    pub(super) fn window_ended(&mut self, now: Instant) {
        self.counters.silences = self.counters.silences.saturating_add(1);
        if self.origin.changes_meter() || self.tries_left == 0 {
            return self.give_up(None, now);
        }
        self.tries_left -= 1;
        self.rest(self.step.again(), self.drained(now), now);
    }

    /// The line has been quiet long enough.
    pub(super) fn rested(&mut self) {
        self.phase = Phase::Ready;
    }

    // --- ways out ---

    fn rest(&mut self, step: Subject, quiet: Quiet, now: Instant) {
        if quiet.until.saturating_duration_since(self.began_at) > self.timing.exchange_limit {
            return self.give_up(None, now);
        }
        self.wire = step.wire(self.timing.wake_up_bytes);
        self.step = step;
        self.phase = Phase::Resting(quiet);
    }

    fn start_anew(&mut self, now: Instant) {
        if self.restarts_left == 0 {
            return self.give_up(None, now);
        }
        self.restarts_left -= 1;
        self.tries_left = self.timing.retries;
        self.gathered.clear();
        self.rest(self.origin.clone(), self.drained(now), now);
    }

    /// No more is asked; what has been gathered is whole, or is thrown away.
    fn give_up(&mut self, refusal: Option<Refusal>, now: Instant) {
        let quiet = if refusal.is_some() { self.quiet_after_answer(now) } else { self.drained(now) };
        if self.origin.changes_meter() {
            self.finish(Outcome::Unknown, quiet, now);
        } else if self.gathered.is_empty() {
            self.finish(Outcome::Silent, quiet, now);
        } else if self.expected.may_be_whole(self.gathered.payload().len()) || self.is_all(refusal) {
            self.answered_with_data(true, quiet, now);
        } else {
            self.finish(|report| Outcome::Incomplete { refusal, report }, quiet, now);
        }
    }

    /// A meter of 2007 that has new events says that more follows where nothing does. A first frame as long as its identifier
    /// can have it is everything when the meter has no more; one that is full may have been the first of several, where the
    /// meter did not say so. [645-2007 4 subsequent]
    fn is_all(&self, refusal: Option<Refusal>) -> bool {
        let length = self.gathered.payload().len();
        let has_no_more = refusal.is_some_and(|refusal| refusal.is_no_data());
        let entry =
            self.origin.item().filter(|item| item.edition() == Edition::E2007).and_then(catalog::find);
        self.expected.rule == LengthRule::Any
            && self.gathered.is_one()
            && (has_no_more || length < FULL_PIECE)
            && entry.is_some_and(|entry| {
                matches!(entry.row.shape, Shape::Fields(_)) && entry.admits_length(length)
            })
    }

    fn incomplete(&mut self, now: Instant) {
        let quiet = self.quiet_after_answer(now);
        self.finish(|report| Outcome::Incomplete { refusal: None, report }, quiet, now);
    }

    fn answered_with_data(&mut self, has_events: bool, quiet: Quiet, now: Instant) {
        match self.gathered.take() {
            Some((item, payload)) => self.answered(Reply::Data { item, payload }, has_events, quiet, now),
            None => self.incomplete(now),
        }
    }

    fn answered(&mut self, reply: Reply, has_events: bool, quiet: Quiet, now: Instant) {
        let address = self.gathered.address.unwrap_or_else(|| self.origin.asked());
        self.finish(|report| Outcome::Answered(Answer { address, reply, has_events, report }), quiet, now);
    }

    fn finish(&mut self, outcome: impl FnOnce(Report) -> Outcome, quiet: Quiet, now: Instant) {
        let delay = || Some(self.ear.run_began?.saturating_duration_since(self.sent_at?));
        let report = Report {
            began_at: self.began_at,
            sent_at: self.sent_at,
            ended_at: now,
            first_byte_delay: delay(),
            attempts: self.attempts,
            frames: self.gathered.frames.clone(),
            frames_left_out: self.gathered.frames_left_out,
            refused_frames: core::mem::take(&mut self.refused_frames),
            counters: self.counters,
            is_chattering: self.is_chattering,
        };
        self.outcome = Some(outcome(report));
        self.phase = Phase::Over(quiet);
    }

    // --- quiet ---

    fn quiet(&self, until: Instant, pause: Duration) -> Quiet {
        Quiet { until, pause, cap: later(until, self.timing.chatter_limit) }
    }

    /// The pause that meters need after an answer. The answer to a repeated question may be the one to the first,
    /// with another under way: then the line is drained as well.
    fn quiet_after_answer(&self, now: Instant) -> Quiet {
        let soon = later(now, self.timing.quiet_after_answer);
        let is_first_try = self.tries_left == self.timing.retries;
        let until = if is_first_try { soon } else { soon.max(self.latest_answer().unwrap_or(soon)) };
        self.quiet(until, self.timing.quiet_after_answer)
    }

    /// After silence: until the latest answer would have ended, and the line has paused. (F5, F6)
    fn drained(&self, now: Instant) -> Quiet {
        let paused = self.ear.last_byte.map_or(now, |at| later(at, self.timing.gap));
        let until = self.latest_answer().map_or(paused, |latest| latest.max(paused)).max(now);
        self.quiet(until, self.timing.gap)
    }

    /// When the longest answer to the present request has ended if it began as late as a meter may begin.
    fn latest_answer(&self) -> Option<Instant> {
        const WAKE_UP: usize = 4;
        let prefix = self.step.item().map_or(0, |item| item.edition().data_id_width() + 1);
        let data = self.expected.rule.longest().filter(|_| prefix > 0).map(|length| length + prefix);
        let data = data.unwrap_or(usize::MAX).min(self.step.longest_answer());
        let bytes = (data + OVERHEAD + WAKE_UP).min(self.timing.longest_answer);
        Some(later(self.sent_at?, self.timing.td_max.saturating_add(self.timing.wire_time(bytes))))
    }
}

/// So long after `at`; a century stands for every longer time.
fn later(at: Instant, by: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(36_525 * 86_400);
    at.checked_add(by.min(CENTURY)).unwrap_or(at)
}

/// A copy of the frame for the report, with zeros over any password and operator code and over the checksum that would betray it.
fn covered(frame: &Frame<'_>, wire: &[u8]) -> Vec<u8> {
    const DATA_AT: usize = 10;
    let mut copy = wire.to_vec();
    let edition = Edition::of(frame.control, frame.data).unwrap_or(Edition::E2007);
    for place in secret_places(edition, frame.control, frame.data) {
        if place.is_empty() {
            continue;
        }
        copy.get_mut(place.start + DATA_AT..place.end + DATA_AT).unwrap_or_default().fill(0);
        copy.iter_mut().rev().nth(1).into_iter().for_each(|checksum| *checksum = 0);
    }
    copy
}

/// Data behind the identifier in a frame that holds no more. [645-2007 2]
const FULL_PIECE: usize = 196;
