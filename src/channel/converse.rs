//! One exchange over a link, in tokio's time.

use std::time::{Duration, Instant};

use dlt645::exchange::{Counters, Exchange, Outcome, Timing, Unfit};

use super::{Question, Timer};
use crate::failpoint::{self, Side};
use crate::link::{Blocked, Cleared, Direction, Gate, Link, LinkError, Tap};

/// Who speaks on a line: the path, what may leave on it, and who listens.
pub struct Speaker<'a> {
    /// The path.
    pub link: &'a mut Link,
    /// What may leave.
    pub gate: Gate,
    /// Hears every byte.
    pub tap: &'a mut (dyn Tap + Send),
    /// What the waits of the line are timed by.
    pub timer: &'a mut Timer,
}

/// What came of a question.
#[derive(Debug)]
pub struct Told<T = Outcome> {
    /// How the exchange ended.
    pub outcome: T,
    /// What broke it off.
    pub failure: Option<Failure>,
    /// It was given up between two frames because something more urgent waits.
    pub has_yielded: bool,
    /// From the last byte of the last request on the wire to the first byte of what was taken as its answer.
    pub answer_delay: Option<Duration>,
    /// When the last byte of the last request had passed over the line, as reckoned from its speed.
    pub asked_at: Option<Instant>,
    /// When the first byte came of what was taken as its answer.
    pub answered_at: Option<Instant>,
    /// How long after the question an answer to it was heard that came too late, or behind the one that was taken.
    pub late_after: Option<Duration>,
    /// The longest pause between two reads of an answer.
    pub widest_gap: Duration,
    /// The line did not stop talking, before or after. (F11)
    pub is_chattering: bool,
    /// What was heard and not taken, the quiet time afterwards included.
    pub counters: Counters,
}

/// What broke an exchange off.
#[derive(Debug)]
pub enum Failure {
    /// The path failed; it has to be opened anew.
    Link(LinkError),
    /// The gate did not let the request pass; the path is as good as before.
    Blocked(Blocked),
}

impl<T> Told<T> {
    /// The same with what the outcome becomes.
    pub(super) fn map<U>(self, make: impl FnOnce(T) -> U) -> Told<U> {
        Told {
            outcome: make(self.outcome),
            failure: self.failure,
            has_yielded: self.has_yielded,
            answer_delay: self.answer_delay,
            asked_at: self.asked_at,
            answered_at: self.answered_at,
            late_after: self.late_after,
            widest_gap: self.widest_gap,
            is_chattering: self.is_chattering,
            counters: self.counters,
        }
    }
}

impl Speaker<'_> {
    /// Drives one exchange to its outcome. Bytes that still come while the line has to be quiet are swallowed before it
    /// returns, so the next exchange may begin at once.
    ///
    /// A path that fails before a byte of the request has left gives [`Outcome::NotSent`]; later the outcome is what
    /// the exchange makes of it: unknown for what changes a meter (R6). `is_wanted` is asked before each further frame
    /// of a question that changes nothing, a repetition or the next piece of a long answer; when it says no, the
    /// exchange is given up.
    pub async fn converse(
        mut self,
        question: &Question,
        timing: Timing,
        is_wanted: &(dyn Fn() -> bool + Send + Sync),
    ) -> Told {
        let length = question.request.to_bytes().len() + usize::from(timing.wake_up_bytes);
        // What was written has not yet passed over the line behind the port or the socket.
        let on_the_wire = timing.wire_time(length);
        let exchange = question.exchange(timing.with_path_delay(on_the_wire), now());
        let ear = Ear { longest: longest_talk(&timing), ..Ear::default() };
        let mut talk = Talk { exchange, question, is_wanted, ear, failure: None, sent: 0, late_at: None };
        let outcome = loop {
            if let Some(outcome) = talk.exchange.poll() {
                break outcome;
            }
            self.step(&mut talk).await;
        };
        if talk.failure.is_none() && !talk.ear.is_chattering && !self.link.numbers_answers() {
            self.rest(&mut talk).await;
        }
        let (sent_at, delay) = (outcome.report().sent_at, outcome.report().first_byte_delay);
        let answered_at = sent_at.zip(delay).map(|(at, delay)| at + delay);
        let asked_at = sent_at.map(|at| at + on_the_wire);
        let late = talk.late_at.zip(asked_at).map(|(at, asked)| at.saturating_duration_since(asked));
        Told {
            has_yielded: talk.has_yielded(),
            failure: talk.failure.and_then(Broken::failure),
            answer_delay: delay.map(|delay| delay.saturating_sub(on_the_wire)),
            // A path that is quicker than its speed says.
            asked_at: asked_at.map(|asked| answered_at.map_or(asked, |answered| asked.min(answered))),
            answered_at,
            late_after: late,
            widest_gap: talk.ear.widest_gap,
            is_chattering: talk.exchange.is_chattering() || talk.ear.is_chattering,
            counters: talk.exchange.counters(),
            outcome,
        }
    }

    /// Sends what is to be sent, or waits for bytes or for the time to be over.
    async fn step(&mut self, talk: &mut Talk<'_>) {
        let to_send = talk.exchange.poll_transmit().map(<[u8]>::to_vec);
        let Some(bytes) = to_send else { return self.receive(talk).await };
        let done = if talk.sent > 0 && !(talk.is_wanted)() {
            Err((0, Broken::Yielded))
        } else {
            self.send(talk, &bytes).await
        };
        match done {
            Ok(()) => {
                talk.sent += 1;
                talk.ear.begin();
                talk.exchange.transmitted(now());
            }
            Err((left, broken)) => {
                talk.exchange.abandon(left, now());
                talk.failure = Some(broken);
            }
        }
    }

    /// Sends a frame, or says how many bytes of it had left when that failed.
    async fn send(&mut self, talk: &Talk<'_>, bytes: &[u8]) -> Result<(), (usize, Broken)> {
        let edition = talk.question.request.edition();
        let cleared = self.gate.clear(edition, bytes).map_err(|blocked| (0, Broken::Blocked(blocked)))?;
        self.write(cleared).await
    }

    /// Writes a frame that may leave, or says how many bytes of it had left when that failed.
    pub(super) async fn write(&mut self, cleared: Cleared<'_>) -> Result<(), (usize, Broken)> {
        let bytes = cleared.bytes();
        self.tap.bytes(now(), Direction::Sent, bytes);
        let failed = |left| move |error| (left, Broken::Link(LinkError::Failed(error)));
        failpoint::pass(Side::Before, FRAME).await.map_err(failed(0))?;
        let mut left = 0;
        while left < bytes.len() {
            let limit = self.link.write_within();
            match tokio::time::timeout(limit, self.link.write(cleared.rest(left))).await {
                Ok(Ok(count)) => left += count,
                Ok(Err(error)) => return Err((left, Broken::Link(error))),
                Err(_) => return Err((left, Broken::Link(LinkError::Stuck { limit }))),
            }
        }
        failpoint::pass(Side::After, FRAME).await.map_err(failed(left))
    }

    /// Waits for bytes until the exchange wants to be woken.
    async fn receive(&mut self, talk: &mut Talk<'_>) {
        let mut room = [0; ROOM];
        let due = talk.exchange.poll_timeout().unwrap_or_else(|| now() + Duration::from_secs(1));
        match self.heard(&mut room, due).await {
            Some(Ok(count)) => {
                talk.ear.hear(now());
                talk.exchange.handle_bytes(room.get(..count).unwrap_or_default(), now());
                if talk.ear.is_chattering {
                    talk.exchange.abandon(0, now());
                }
            }
            // Whoever forwards knows that nothing comes: why wait.
            Some(Err(LinkError::NoAnswer)) => talk.exchange.abandon(0, now()),
            Some(Err(error)) => {
                talk.exchange.abandon(0, now());
                talk.failure = Some(Broken::Link(error));
            }
            None => talk.exchange.handle_timeout(now()),
        }
    }

    /// Keeps the line quiet until the exchange says that the next request may leave.
    async fn rest(&mut self, talk: &mut Talk<'_>) {
        let mut room = [0; ROOM];
        while let Some(until) = talk.exchange.poll_quiet_until().filter(|until| now() < *until) {
            match self.heard(&mut room, until).await {
                Some(Ok(count)) => {
                    talk.ear.hear(now());
                    talk.swallow(room.get(..count).unwrap_or_default());
                    if talk.ear.is_chattering {
                        break;
                    }
                }
                Some(Err(LinkError::NoAnswer)) => {}
                Some(Err(error)) => {
                    talk.failure = Some(Broken::Link(error));
                    break;
                }
                None => break,
            }
        }
        talk.swallow(&[]);
    }

    /// Reads until `due`; `None` when nothing came.
    pub(super) async fn heard(&mut self, room: &mut [u8], due: Instant) -> Option<Result<usize, LinkError>> {
        let read = self.timer.within(due, self.link.read(room)).await?;
        if let Ok(count) = &read {
            self.tap.bytes(now(), Direction::Received, room.get(..*count).unwrap_or_default());
        }
        Some(read)
    }
}

/// One exchange on its way.
struct Talk<'a> {
    exchange: Exchange,
    question: &'a Question,
    is_wanted: &'a (dyn Fn() -> bool + Send + Sync),
    ear: Ear,
    failure: Option<Broken>,
    /// How many frames have left.
    sent: u32,
    /// When an answer to it came that was not taken any more.
    late_at: Option<Instant>,
}

impl Talk<'_> {
    /// Takes in what came in the quiet time; without bytes, that it is over.
    fn swallow(&mut self, bytes: &[u8]) {
        let before = self.exchange.counters().of(Unfit::Late);
        self.exchange.handle_bytes(bytes, now());
        if self.exchange.counters().of(Unfit::Late) > before {
            self.late_at.get_or_insert_with(now);
        }
    }

    const fn has_yielded(&self) -> bool {
        matches!(self.failure, Some(Broken::Yielded))
    }
}

/// Why an exchange was broken off.
pub(super) enum Broken {
    Link(LinkError),
    Blocked(Blocked),
    Yielded,
}

impl Broken {
    pub(super) fn failure(self) -> Option<Failure> {
        match self {
            Self::Link(error) => Some(Failure::Link(error)),
            Self::Blocked(blocked) => Some(Failure::Blocked(blocked)),
            Self::Yielded => None,
        }
    }
}

/// Measures the pauses inside answers, and how long the line talks on.
#[derive(Default)]
struct Ear {
    last: Option<Instant>,
    widest_gap: Duration,
    /// Since when it has been talking without a pause.
    talking_since: Option<Instant>,
    /// Nothing that is an answer talks so long.
    longest: Duration,
    is_chattering: bool,
}

impl Ear {
    /// A request has left: what comes next is no pause inside an answer.
    const fn begin(&mut self) {
        self.last = None;
    }

    fn hear(&mut self, at: Instant) {
        let pause = self.last.replace(at).map(|last| at.saturating_duration_since(last));
        if pause.is_none_or(|pause| pause >= BREATH) {
            self.talking_since = Some(at);
        }
        self.widest_gap = self.widest_gap.max(pause.unwrap_or_default());
        let talked = self.talking_since.map(|since| at.saturating_duration_since(since));
        self.is_chattering |= talked.is_some_and(|talked| talked >= self.longest);
    }
}

/// How long a line may talk without a pause: the limit, or more where an answer may take longer. (F11)
fn longest_talk(timing: &Timing) -> Duration {
    let answer = timing.wire_time(timing.longest_answer);
    timing.chatter_limit.max(answer + answer / 4)
}

/// A shorter pause is none for a line that does not stop talking.
pub(super) const BREATH: Duration = Duration::from_millis(500);
/// The monotonic time of tokio's clock, which tests can pause.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Bytes read at a time; more than the longest frame.
const ROOM: usize = 512;
/// The step of a frame to a line, as failpoints name it.
const FRAME: &str = "sending a frame on a line";

#[cfg(test)]
mod tests;
