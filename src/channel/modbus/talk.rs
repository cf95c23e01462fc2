//! One question for registers over a link, in tokio's time.

use std::time::{Duration, Instant};

use dlt645::exchange::{Report, Timing, Unfit};

use super::codec::{Coded, Said};
use super::frames::{Shape, Sieve};
use super::registers::{Function, RegisterOutcome, RegisterQuestion, Registers};
use crate::channel::converse::{Broken, Failure, Speaker, Told, now};
use crate::config::Framing;
use crate::link::LinkError;

/// A question on its way, as it stands on the line.
#[derive(Clone, Copy, Debug)]
pub(in crate::channel) struct Asked {
    coded: Coded,
    /// How many bytes of data the answer has.
    data: usize,
    /// Its number, where frames have one.
    number: u16,
}

/// What came of a question, and whether the unit said something else besides.
#[derive(Debug)]
pub(in crate::channel) struct Talked {
    pub(in crate::channel) told: Told<RegisterOutcome>,
    pub(in crate::channel) is_unit_in_doubt: bool,
    /// Which other units were heard.
    pub(in crate::channel) others: Vec<u8>,
}

impl Asked {
    /// What was asked for.
    pub(in crate::channel) fn of(question: &RegisterQuestion, framing: Framing, number: u16) -> Self {
        let (unit, function) = (question.unit(), question.function());
        let (start, count) = (question.start(), question.count());
        Self { coded: Coded { framing, unit, function, start, count }, data: usize::from(count) * 2, number }
    }

    /// Any answer by this function: the first bit, if the unit has one.
    pub(in crate::channel) const fn sign_of_life(
        unit: u8,
        function: Function,
        framing: Framing,
        number: u16,
    ) -> Self {
        Self { coded: Coded { framing, unit, function, start: 0, count: 1 }, data: 1, number }
    }

    /// The question as bytes.
    async fn bytes(&self) -> Option<Vec<u8>> {
        let mut bytes = self.coded.question().await?;
        if self.coded.framing == Framing::ModbusTcp {
            let number = self.number.to_be_bytes();
            bytes.iter_mut().zip(number).for_each(|(byte, own)| *byte = own);
        }
        Some(bytes)
    }
}

impl Speaker<'_> {
    /// Asks, waits for the answer, and keeps the line quiet as long as another could come. What is heard in the meantime is
    /// swallowed, so that the next question may leave at once.
    pub(in crate::channel) async fn ask_registers(mut self, asked: &Asked, timing: Timing) -> Talked {
        let began_at = now();
        let question = asked.bytes().await.unwrap_or_default();
        let shape = Shape {
            framing: asked.coded.framing,
            unit: asked.coded.unit,
            function: asked.coded.function.code(),
            data: asked.data,
            question: question.clone(),
        };
        let on_the_wire = match asked.coded.framing {
            Framing::Bus => timing.wire_time(question.len()),
            Framing::ModbusTcp => Duration::ZERO,
        };
        let mut talk = Talk {
            answer_time: timing.wire_time(shape.length()),
            sieve: Sieve::new(shape),
            timing,
            began_at,
            sent_at: None,
            asked_at: began_at,
            arrivals: Vec::new(),
            last: None,
            widest_gap: Duration::ZERO,
            late_at: None,
            is_chattering: false,
            failure: None,
        };
        let cleared = self.gate.clear_registers(asked.coded.framing, &question);
        let sent = match cleared {
            Ok(cleared) => self.write(cleared).await,
            Err(blocked) => Err((0, Broken::Blocked(blocked))),
        };
        if let Err((left, broken)) = sent {
            talk.failure = broken.failure();
            return talk.end(if left == 0 { RegisterOutcome::NotSent } else { RegisterOutcome::Silent });
        }
        talk.sent_at = Some(now());
        talk.asked_at = now() + on_the_wire;
        let said = self.wait(&mut talk, asked).await;
        let outcome = talk.outcome(said, question);
        if talk.failure.is_none() {
            self.hush(&mut talk, matches!(outcome, RegisterOutcome::Silent(_))).await;
        }
        talk.told(outcome)
    }

    /// Waits for the answer, and decodes it.
    async fn wait(&mut self, talk: &mut Talk, asked: &Asked) -> Option<(Said, Vec<u8>, Instant)> {
        loop {
            while let Some((answer, at)) = talk.sieve.next_answer() {
                // It has its form; that the codec takes it is all but certain.
                if let Some(said) = asked.coded.answer(&answer).await {
                    return Some((said, answer, talk.arrival(at)));
                }
            }
            if !self.listen(talk, talk.answer_due()).await {
                return None;
            }
        }
    }

    /// Keeps the line quiet: behind an answer for the pause that ends a frame, behind silence until the latest answer would
    /// have ended. An answer that comes meanwhile is noted.
    async fn hush(&mut self, talk: &mut Talk, was_silent: bool) {
        let Timing { td_max, quiet_after_answer, chatter_limit, .. } = talk.timing;
        let begins = now();
        let mut until = begins + quiet_after_answer;
        if was_silent {
            until = until.max(talk.asked_at + td_max + talk.answer_time + quiet_after_answer);
        }
        loop {
            while let Some((again, _)) = talk.sieve.next_answer() {
                if was_silent {
                    talk.sieve.counters.add(Unfit::Late);
                }
                if was_silent || talk.sieve.contradicts(&again) {
                    talk.late_at.get_or_insert_with(now);
                }
            }
            if now() > until.max(begins) + chatter_limit {
                talk.is_chattering = true;
                return;
            }
            let quiet = talk.last.map_or(until, |last| until.max(last + quiet_after_answer));
            if !self.listen(talk, quiet).await {
                return;
            }
        }
    }

    /// Hears what comes until `due`; false when nothing did.
    async fn listen(&mut self, talk: &mut Talk, due: Instant) -> bool {
        let mut room = [0; ROOM];
        if now() >= due {
            return false;
        }
        match self.heard(&mut room, due).await {
            Some(Ok(count)) => {
                talk.hear(room.get(..count).unwrap_or_default());
                true
            }
            Some(Err(LinkError::NoAnswer)) | None => false,
            Some(Err(error)) => {
                talk.failure = Some(Failure::Link(error));
                false
            }
        }
    }
}

/// One question on its way.
struct Talk {
    sieve: Sieve,
    timing: Timing,
    /// How long an answer takes on the line.
    answer_time: Duration,
    began_at: Instant,
    sent_at: Option<Instant>,
    /// When its last byte had passed over the line.
    asked_at: Instant,
    /// How many bytes had come, and when.
    arrivals: Vec<(usize, Instant)>,
    last: Option<Instant>,
    widest_gap: Duration,
    late_at: Option<Instant>,
    is_chattering: bool,
    failure: Option<Failure>,
}

impl Talk {
    fn hear(&mut self, bytes: &[u8]) {
        let at = now();
        let pause = self.last.replace(at).map(|last| at.saturating_duration_since(last));
        self.widest_gap = self.widest_gap.max(pause.unwrap_or_default());
        self.sieve.hear(bytes);
        self.arrivals.push((self.sieve.count(), at));
    }

    /// When the byte came before which so many had come.
    fn arrival(&self, before: usize) -> Instant {
        let came = self.arrivals.iter().find(|(count, _)| *count > before);
        came.map_or(self.asked_at, |(_, at)| *at)
    }

    /// How long the answer is waited for: to begin, and then as long as it goes on, but not for ever.
    fn answer_due(&self) -> Instant {
        let begins = self.asked_at + self.timing.first_byte;
        let goes_on = self.last.map(|last| last + self.timing.gap);
        let most = self.asked_at + self.timing.answer_limit;
        goes_on.map_or(begins, |goes_on| goes_on.max(begins)).min(most)
    }

    fn report(&self) -> Report {
        Report {
            began_at: self.began_at,
            sent_at: self.sent_at,
            ended_at: now(),
            first_byte_delay: None,
            attempts: 1,
            frames: Vec::new(),
            frames_left_out: 0,
            refused_frames: Vec::new(),
            counters: self.sieve.counters,
            is_chattering: self.is_chattering,
        }
    }

    fn outcome(&self, said: Option<(Said, Vec<u8>, Instant)>, question: Vec<u8>) -> RegisterOutcome {
        let Some((said, answer, at)) = said else { return RegisterOutcome::Silent(self.report()) };
        let first_byte_delay = self.sent_at.map(|sent| at.saturating_duration_since(sent));
        let report = Report { first_byte_delay, frames: vec![question, answer], ..self.report() };
        match said {
            Said::Words(words) => RegisterOutcome::Answered(Registers { words, report }),
            Said::Refused(refusal) if refusal.is_silence() => RegisterOutcome::Silent(report),
            Said::Refused(refusal) => RegisterOutcome::Refused { refusal, report },
        }
    }

    /// Nothing was waited for.
    fn end(self, outcome: fn(Report) -> RegisterOutcome) -> Talked {
        let outcome = outcome(self.report());
        self.told(outcome)
    }

    fn told(mut self, outcome: RegisterOutcome) -> Talked {
        self.sieve.judge_all();
        let report = outcome.report();
        let is_answer = matches!(outcome, RegisterOutcome::Answered(_) | RegisterOutcome::Refused { .. });
        let answered_at =
            report.sent_at.zip(report.first_byte_delay).filter(|_| is_answer).map(|(at, delay)| at + delay);
        let asked_at = self.sent_at.map(|_| self.asked_at);
        let told = Told {
            failure: self.failure,
            has_yielded: false,
            answer_delay: answered_at.map(|at| at.saturating_duration_since(self.asked_at)),
            // A path that is quicker than its speed says.
            asked_at: asked_at.map(|asked| answered_at.map_or(asked, |answered| asked.min(answered))),
            answered_at,
            late_after: self.late_at.map(|at| at.saturating_duration_since(self.asked_at)),
            widest_gap: self.widest_gap,
            is_chattering: self.is_chattering,
            counters: self.sieve.counters,
            outcome,
        };
        Talked {
            told,
            is_unit_in_doubt: self.sieve.is_unit_in_doubt || self.late_at.is_some(),
            others: self.sieve.others,
        }
    }
}

/// Bytes read at a time; more than the longest frame.
const ROOM: usize = 512;
