//! Which points are still to be asked for, when one question names many.
//!
//! - A question that is left unanswered is put again by halves, as long as any part is answered at all.
//! - What an answer leaves out is missing only where the answer was whole. What may have stood in a frame that was lost is asked
//!   for once more together, and alone only where that was lost again and brought nothing; a point behind the place where
//!   reading had to stop is asked for alone. [1376 6]

use std::collections::HashMap;

use gdw1376::identifier::Point;

use super::super::ask::Missed;
use super::ask::Reach;
use crate::domain::MissingCause;

/// Questions under way, and what came of them by point.
#[derive(Debug)]
pub(super) struct Questions<T> {
    open: Vec<Open>,
    /// What is asked for now was asked for before, and a frame of the answer was lost.
    is_again: bool,
    unanswered: u32,
    found: HashMap<u16, Result<T, Missed>>,
}

/// A question that is still to be put.
#[derive(Debug)]
struct Open {
    points: Vec<Point>,
    is_again: bool,
}

impl<T> Questions<T> {
    /// One question for all.
    pub(super) fn of(points: Vec<Point>) -> Self {
        let open = vec![Open { points, is_again: false }];
        Self { open, is_again: false, unanswered: 0, found: HashMap::new() }
    }

    /// The points to be asked for next; `None` when nothing is left.
    pub(super) fn next(&mut self) -> Option<Vec<Point>> {
        let Open { points, is_again } = self.open.pop()?;
        self.is_again = is_again;
        Some(points)
    }

    /// An answer came to a question for these points.
    pub(super) fn answered(
        &mut self,
        points: &[Point],
        mut came: HashMap<u16, Result<T, Missed>>,
        reach: Reach,
    ) {
        self.unanswered = 0;
        let mut left_out = Vec::new();
        for point in points {
            match came.remove(&point.number()) {
                Some(told) => {
                    self.found.insert(point.number(), told);
                }
                None => left_out.push(*point),
            }
        }
        let is_lossy = reach == Reach::Lossy;
        match left_out.as_slice() {
            [] => {}
            _ if reach == Reach::Whole => {}
            // For the first time, or fewer than before.
            left if is_lossy && (!self.is_again || left.len() < points.len()) => {
                self.open.push(Open { points: left_out, is_again: true });
            }
            [only] if points.len() == 1 => {
                let unread = "the terminal's answer cannot be read to its end";
                self.found.insert(only.number(), Err(Missed::new(MissingCause::WrongForm, unread)));
            }
            left => {
                let alone = left.iter().rev().map(|point| Open { points: vec![*point], is_again: is_lossy });
                self.open.extend(alone);
            }
        }
    }

    /// No answer came.
    pub(super) fn missed(&mut self, points: &[Point], missed: &Missed) {
        if missed.cause == MissingCause::TerminalSilent && self.unanswered < MOST_UNANSWERED {
            self.unanswered += 1;
            match points.split_at_checked(points.len() / 2) {
                Some((first, last)) if !first.is_empty() => {
                    let half = |points: &[Point]| Open { points: points.to_vec(), is_again: self.is_again };
                    let halves = [last, first].map(half);
                    self.open.extend(halves);
                }
                _ => self.miss(points.to_vec(), missed),
            }
        } else if missed.is_not_there() {
            self.miss(points.to_vec(), &Missed::new(MissingCause::NoValue, missed.detail.clone()));
        } else {
            let open = self.open.drain(..).flat_map(|open| open.points);
            let left = points.iter().copied().chain(open).collect();
            self.miss(left, missed);
        }
    }

    fn miss(&mut self, points: Vec<Point>, missed: &Missed) {
        self.found.extend(points.into_iter().map(|point| (point.number(), Err(missed.clone()))));
    }

    /// What came, by point; points of which a whole answer said nothing are not in it.
    pub(super) fn found(self) -> HashMap<u16, Result<T, Missed>> {
        self.found
    }
}

/// How many questions in a row may be left unanswered before the rest is given up.
const MOST_UNANSWERED: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn points(numbers: &[u16]) -> Vec<Point> {
        numbers.iter().filter_map(|number| Point::new(*number)).collect()
    }

    fn came(numbers: &[u16]) -> HashMap<u16, Result<u16, Missed>> {
        numbers.iter().map(|number| (*number, Ok(*number))).collect()
    }

    fn silent() -> Missed {
        Missed::new(MissingCause::TerminalSilent, "nothing came")
    }

    #[test]
    fn what_stands_behind_an_unreadable_place_is_asked_for_alone() {
        let mut questions = Questions::of(points(&[1, 2, 3, 4]));
        let asked = questions.next().unwrap();
        questions.answered(&asked, came(&[1]), Reach::Unread);
        for (number, told) in [(2, &[][..]), (3, &[3]), (4, &[4])] {
            let asked = questions.next().unwrap();
            assert_eq!(asked, points(&[number]));
            questions.answered(&asked, came(told), if number == 2 { Reach::Unread } else { Reach::Whole });
        }
        assert_eq!(questions.next(), None);
        let found = questions.found();
        assert_eq!([1, 3, 4].map(|number| found[&number].clone().ok()), [Some(1), Some(3), Some(4)]);
        assert_eq!(found[&2].as_ref().unwrap_err().cause, MissingCause::WrongForm);
    }

    #[test]
    fn what_a_whole_answer_leaves_out_is_not_asked_for_again() {
        let mut questions = Questions::of(points(&[1, 2]));
        let asked = questions.next().unwrap();
        questions.answered(&asked, came(&[2]), Reach::Whole);
        assert_eq!(questions.next(), None);
        assert_eq!(questions.found().into_keys().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn what_stood_in_a_lost_frame_is_asked_for_together_and_then_alone() {
        let mut questions = Questions::of(points(&[1, 2, 3, 4]));
        for (asked, told) in [(&[1, 2, 3, 4][..], &[3, 4][..]), (&[1, 2], &[]), (&[1], &[1]), (&[2], &[])] {
            assert_eq!(questions.next(), Some(points(asked)));
            questions.answered(&points(asked), came(told), Reach::Lossy);
        }
        assert_eq!(questions.next(), None, "it ends where a frame is lost each time");
        let found = questions.found();
        assert_eq!([1, 3, 4].map(|number| found[&number].clone().ok()), [Some(1), Some(3), Some(4)]);
        assert_eq!(found[&2].as_ref().unwrap_err().cause, MissingCause::WrongForm);
    }

    #[test]
    fn a_lossy_answer_that_brought_nothing_is_asked_for_once_more_before_each_point_alone() {
        let mut questions = Questions::of(points(&[1, 2, 3]));
        for (asked, told) in
            [(&[1, 2, 3][..], &[][..]), (&[1, 2, 3], &[2]), (&[1, 3], &[]), (&[1], &[1]), (&[3], &[])]
        {
            assert_eq!(questions.next(), Some(points(asked)));
            questions.answered(&points(asked), came(told), Reach::Lossy);
        }
        assert_eq!(questions.next(), None);
        // One point by itself is not given up by the first frame that was lost, either.
        let mut questions = Questions::of(points(&[7]));
        for told in [&[][..], &[7]] {
            assert_eq!(questions.next(), Some(points(&[7])));
            questions.answered(&points(&[7]), came(told), Reach::Lossy);
        }
        assert_eq!((questions.next(), questions.found()[&7].clone().ok()), (None, Some(7)));
    }

    #[test]
    fn silence_halves_a_question_and_a_terminal_that_is_gone_ends_them_all() {
        let mut questions = Questions::<u16>::of(points(&[1, 2, 3, 4]));
        let asked = questions.next().unwrap();
        questions.missed(&asked, &silent());
        let asked = questions.next().unwrap();
        assert_eq!(asked, points(&[1, 2]));
        questions.missed(&asked, &Missed::new(MissingCause::TerminalOffline, "gone"));
        assert_eq!(questions.next(), None);
        let found = questions.found();
        assert_eq!(found.len(), 4);
        assert!(found.values().all(|told| told.as_ref().unwrap_err().cause == MissingCause::TerminalOffline));
    }
}
