//! The numbers (PSEQ) of one terminal's questions: four bits, and an answer is known by them alone. [1376 1.5]
//!
//! They go round. One is left out while an answer to it may still come. Where that holds for all of them, as behind a port with
//! many dead meters, the one used longest ago is taken of those whose answer would be known by something else: another
//! function, or another meter.

use std::collections::VecDeque;
use std::time::Duration;

use gdw1376::afn::Afn;
use gdw1376::request::Request;
use tokio::time::Instant;

/// The numbers of one terminal, across its sessions.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    next: u8,
    /// The oldest first.
    open: VecDeque<Open>,
}

/// An answer that may still come.
#[derive(Clone, Copy, Debug)]
struct Open {
    number: u8,
    about: About,
    until: Instant,
    /// Nothing of it came yet, so that it may have further frames.
    is_begin: bool,
}

/// What an answer is known by beside its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct About {
    afn: Afn,
    /// The meter that is asked through the terminal, as it stands in the frame for it.
    meter: Option<[u8; 6]>,
}

impl About {
    pub(super) fn of(request: &Request) -> Self {
        let meter = match request {
            Request::Forward(forward) => {
                let mut behind = forward.frame.iter().skip_while(|byte| **byte != START).skip(1);
                let meter = [(); 6].map(|()| behind.next().copied());
                meter.iter().all(Option::is_some).then(|| meter.map(Option::unwrap_or_default))
            }
            _ => None,
        };
        Self { afn: request.afn(), meter }
    }
}

impl Numbers {
    /// The number of the next question.
    pub(super) fn take(&mut self, about: About, now: Instant) -> u8 {
        self.open.retain(|open| now < open.until);
        let rank = |number: u8| {
            let is_mistaken = self.open_at(number).any(|open| open.about == about);
            (is_mistaken, self.open_at(number).map(|open| open.until).max())
        };
        // The first of those that are as good; one that is not open is the best.
        let number = (0..16).map(|step| (self.next + step) & 0x0F).min_by_key(|number| rank(*number));
        let number = number.unwrap_or(self.next);
        self.next = (number + 1) & 0x0F;
        number
    }

    /// The question with this number was answered to its end by so many frames; each further one had the next number.
    pub(super) fn answered(&mut self, number: u8, frames: u8) {
        self.next = number.wrapping_add(frames.max(1)) & 0x0F;
    }

    /// The question with this number was not answered, or not to the end, or asked more than once: of `frames` numbers
    /// from there on an answer may still come.
    pub(super) fn left_open(&mut self, number: u8, frames: u8, about: About, now: Instant) {
        for step in 0..frames.clamp(1, 15) {
            self.open(number.wrapping_add(step), about, now, true);
        }
        self.answered(number, frames.clamp(1, 15));
    }

    /// The frame with this number of an answer did not come, and may still come.
    pub(super) fn lacks(&mut self, number: u8, about: About, now: Instant) {
        self.open(number, about, now, false);
    }

    fn open(&mut self, number: u8, about: About, now: Instant, is_begin: bool) {
        let excess = (self.open.len() + 1).saturating_sub(MOST_OPEN);
        self.open.drain(..excess);
        self.open.push_back(Open { number: number & 0x0F, about, until: now + OPEN_FOR, is_begin });
    }

    /// A frame came that nobody waits for: true when it is such a late answer.
    pub(super) fn is_late(&self, number: u8, afn: Afn) -> bool {
        self.open_at(number).any(|open| open.about.afn == afn || afn == Afn::CONFIRM)
    }

    /// Whether a frame that is not the first of its answer may be a further one of a late answer, whose own first was lost.
    pub(super) fn may_go_on(&self, number: u8, afn: Afn, now: Instant) -> bool {
        let is_before = |open: &Open| (1..=FURTHER).contains(&(number.wrapping_sub(open.number) & 0x0F));
        self.open
            .iter()
            .any(|open| open.is_begin && is_before(open) && open.about.afn == afn && now < open.until)
    }

    fn open_at(&self, number: u8) -> impl Iterator<Item = &Open> {
        self.open.iter().filter(move |open| open.number == number & 0x0F)
    }
}

/// So long an answer may still come: a terminal has a queue of its own, and networks hold things up.
const OPEN_FOR: Duration = Duration::from_secs(15 * 60);
/// So many are known at most.
const MOST_OPEN: usize = 256;
/// So many frames behind the first an answer is known to go on.
const FURTHER: u8 = 7;
/// What a frame for a meter begins with, behind what wakes the meter up. [645-2007 2]
const START: u8 = 0x68;

#[cfg(test)]
mod tests {
    use gdw1376::request::{Forward, LineSettings, Wait};

    use super::*;

    const CLOCK: About = About { afn: Afn::CLASS_1, meter: None };

    fn meter(number: u8) -> About {
        let frame = vec![0xFE, 0xFE, 0x68, number, 0, 0, 0, 0, 0, 0x68, 0x11, 0x00, 0x00, 0x16];
        About::of(&Request::Forward(Forward {
            port: 2,
            line: LineSettings::METER_2400,
            answer_within: Wait::Seconds(5),
            byte_timeout: 50,
            frame,
        }))
    }

    // covers [1376 1.5]
    #[tokio::test(start_paused = true)]
    async fn f06_a_number_is_not_used_again_while_its_answer_may_come() {
        let mut numbers = Numbers::default();
        let now = Instant::now();
        let silent = numbers.take(CLOCK, now);
        numbers.left_open(silent, 1, meter(1), now);
        assert!(numbers.is_late(silent, Afn::FORWARD) && numbers.is_late(silent, Afn::CONFIRM));
        assert!(!numbers.is_late(silent, Afn::CLASS_1));
        for _ in 0..100 {
            let number = numbers.take(CLOCK, now);
            assert_ne!(number, silent);
            numbers.answered(number, 1);
        }
        let later = now + OPEN_FOR;
        let used: Vec<u8> = (0..16).map(|_| numbers.take(CLOCK, later)).collect();
        assert!(used.contains(&silent));
        assert!(!numbers.is_late(silent, Afn::FORWARD), "it stands for a new question");
    }

    #[tokio::test(start_paused = true)]
    async fn the_numbers_of_further_frames_are_passed_over() {
        let mut numbers = Numbers::default();
        let now = Instant::now();
        let number = numbers.take(CLOCK, now);
        numbers.answered(number, 5);
        assert_eq!(numbers.take(CLOCK, now), number + 5);
        numbers.left_open(number + 5, 4, CLOCK, now);
        assert_eq!(numbers.take(CLOCK, now), number + 9);
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_are_open_the_oldest_is_taken() {
        let mut numbers = Numbers::default();
        let taken: Vec<u8> = (0..40)
            .map(|second| {
                let now = Instant::now() + Duration::from_secs(second);
                let number = numbers.take(CLOCK, now);
                numbers.left_open(number, 1, CLOCK, now);
                number
            })
            .collect();
        let expected: Vec<u8> = (0..40).map(|number| number % 16).collect();
        assert_eq!(taken, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn f24_when_all_are_open_none_of_the_same_meter_is_taken() {
        let mut numbers = Numbers::default();
        let mut used = std::collections::HashSet::new();
        // Twenty dead meters, asked in turns, ten seconds each.
        for question in 0..80_u8 {
            let now = Instant::now() + Duration::from_secs(10) * question.into();
            let about = meter(question % 20);
            let number = numbers.take(about, now);
            assert!(
                used.insert((about.meter, number)),
                "question {question}: {number} was used for it before"
            );
            numbers.left_open(number, 1, about, now);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_go_on_from_a_question_that_was_left_is_known_by_how_near_it_is() {
        let mut numbers = Numbers::default();
        let now = Instant::now();
        let about = About { afn: Afn::CLASS_2, meter: None };
        numbers.left_open(14, 1, about, now);
        let going_on: Vec<u8> =
            (0..16).filter(|number| numbers.may_go_on(*number, Afn::CLASS_2, now)).collect();
        assert_eq!(going_on, [0, 1, 2, 3, 4, 5, 15]);
        numbers.lacks(7, CLOCK, now);
        assert!(!numbers.may_go_on(8, Afn::CLASS_1, now), "what is lacking of an answer is that frame alone");
        assert!(
            !numbers.may_go_on(15, Afn::CLASS_1, now) && !numbers.may_go_on(15, Afn::CLASS_2, now + OPEN_FOR)
        );
    }
}
