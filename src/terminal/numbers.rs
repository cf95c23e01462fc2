//! The numbers (PSEQ) of one terminal's questions: four bits, and an answer is known by them alone. [1376 1.5]
//!
//! They go round. One is left out while an answer to it may still come; when all are, the one used longest ago is taken.

use std::time::Duration;

use gdw1376::afn::Afn;
use tokio::time::Instant;

/// The numbers of one terminal, across its sessions.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    next: u8,
    open: [Option<Open>; 16],
}

/// An answer that may still come.
#[derive(Clone, Copy, Debug)]
struct Open {
    afn: Afn,
    until: Instant,
}

impl Numbers {
    /// The number of the next question.
    pub(super) fn take(&mut self, now: Instant) -> u8 {
        let is_free = |number: u8| {
            self.open.get(usize::from(number)).is_none_or(|open| open.is_none_or(|open| now >= open.until))
        };
        let number = (0..16).map(|step| (self.next + step) & 0x0F).find(|number| is_free(*number));
        let number = number.unwrap_or(self.next);
        self.next = (number + 1) & 0x0F;
        if let Some(open) = self.open.get_mut(usize::from(number)) {
            *open = None;
        }
        number
    }

    /// The question with this number was answered to its end by so many frames; each further one had the next number.
    pub(super) fn answered(&mut self, number: u8, frames: u8) {
        self.next = number.wrapping_add(frames.max(1)) & 0x0F;
    }

    /// The question with this number was not answered, or not to the end, or asked more than once: of `frames` numbers
    /// from there on an answer may still come.
    pub(super) fn left_open(&mut self, number: u8, frames: u8, afn: Afn, now: Instant) {
        for step in 0..frames.clamp(1, 15) {
            if let Some(open) = self.open.get_mut(usize::from(number.wrapping_add(step) & 0x0F)) {
                *open = Some(Open { afn, until: now + OPEN_FOR });
            }
        }
        self.answered(number, frames.clamp(1, 15));
    }

    /// A frame came that nobody waits for: true when it is such a late answer.
    pub(super) fn is_late(&self, number: u8, afn: Afn) -> bool {
        let open = self.open.get(usize::from(number)).copied().flatten();
        open.is_some_and(|open| open.afn == afn || afn == Afn::CONFIRM)
    }
}

/// So long an answer may still come: a terminal has a queue of its own, and networks hold things up.
const OPEN_FOR: Duration = Duration::from_secs(15 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    // covers [1376 1.5]
    #[tokio::test(start_paused = true)]
    async fn f06_a_number_is_not_used_again_while_its_answer_may_come() {
        let mut numbers = Numbers::default();
        let now = Instant::now();
        let silent = numbers.take(now);
        numbers.left_open(silent, 1, Afn::FORWARD, now);
        assert!(numbers.is_late(silent, Afn::FORWARD) && numbers.is_late(silent, Afn::CONFIRM));
        assert!(!numbers.is_late(silent, Afn::CLASS_1));
        for _ in 0..100 {
            let number = numbers.take(now);
            assert_ne!(number, silent);
            numbers.answered(number, 1);
        }
        let later = now + OPEN_FOR;
        let used: Vec<u8> = (0..16).map(|_| numbers.take(later)).collect();
        assert!(used.contains(&silent));
        assert!(!numbers.is_late(silent, Afn::FORWARD), "it stands for a new question");
    }

    #[tokio::test(start_paused = true)]
    async fn the_numbers_of_further_frames_are_passed_over() {
        let mut numbers = Numbers::default();
        let now = Instant::now();
        let number = numbers.take(now);
        numbers.answered(number, 5);
        assert_eq!(numbers.take(now), number + 5);
        numbers.left_open(number + 5, 4, Afn::CLASS_2, now);
        assert_eq!(numbers.take(now), number + 9);
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_are_open_the_oldest_is_taken() {
        let mut numbers = Numbers::default();
        let now = Instant::now();
        let taken: Vec<u8> = (0..40)
            .map(|_| {
                let number = numbers.take(now);
                numbers.left_open(number, 1, Afn::FORWARD, now);
                number
            })
            .collect();
        let expected: Vec<u8> = (0..40).map(|number| number % 16).collect();
        assert_eq!(taken, expected);
    }
}
