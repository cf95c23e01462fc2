//! Finds the answer to one question in what is heard, and says what else was heard.
//!
//! ```text
//! on a bus:  unit  function      bytes  data ..       check check
//!            unit  function|80H  code                 check check
//! over TCP:  number number  00 00  length length  unit  function  bytes  data ..
//! ```
//!
//! [Modbus over serial line 2.5.1] [Modbus TCP 3.1.3] [Modbus 4.1]

use dlt645::exchange::{Counters, Unfit};

use crate::config::Framing;
use crate::link::check_bytes;

/// What an answer to one question looks like.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) framing: Framing,
    pub(super) unit: u8,
    pub(super) function: u8,
    /// How many bytes of data it has.
    pub(super) data: usize,
    /// The question itself, which an adapter may send back.
    pub(super) question: Vec<u8>,
}

/// What was heard since a question was sent.
#[derive(Clone, Debug)]
pub(super) struct Sieve {
    shape: Shape,
    /// What has been heard and not yet judged.
    heard: Vec<u8>,
    /// How many bytes were heard before those.
    before: usize,
    answer: Option<Vec<u8>>,
    pub(super) counters: Counters,
    /// Whose answers were heard that were not asked.
    pub(super) others: Vec<u8>,
    /// Something was heard that this unit may have said, and that was not taken: without an answer, or behind it.
    pub(super) is_unit_in_doubt: bool,
}

impl Shape {
    /// How long an answer that is no refusal is.
    pub(super) const fn length(&self) -> usize {
        match self.framing {
            Framing::Bus => 3 + self.data + 2,
            Framing::ModbusTcp => 9 + self.data,
        }
    }

    /// How long the answer is that these bytes begin with, if they do.
    fn answer(&self, bytes: &[u8]) -> Option<usize> {
        match self.framing {
            Framing::Bus => {
                let length = match *bytes {
                    [unit, function, count, ..] if unit == self.unit && function == self.function => {
                        (usize::from(count) == self.data).then(|| self.length())?
                    }
                    [unit, function, ..] if unit == self.unit && function == self.function | REFUSED => 5,
                    _ => return None,
                };
                is_sound(bytes.get(..length)?).then_some(length)
            }
            Framing::ModbusTcp => {
                let length = tcp_length(bytes)?;
                let number = self.question.get(..2)?;
                let frame = bytes.get(..length).filter(|frame| frame.starts_with(number))?;
                let is_answer = match *frame.get(6..)? {
                    [unit, function, _] => unit == self.unit && function == self.function | REFUSED,
                    [unit, function, count, ref data @ ..] => {
                        let counts = [usize::from(count), data.len()];
                        (unit, function) == (self.unit, self.function) && counts == [self.data; 2]
                    }
                    _ => false,
                };
                is_answer.then_some(length)
            }
        }
    }
}

impl Sieve {
    pub(super) fn new(shape: Shape) -> Self {
        let (heard, counters) = (Vec::new(), Counters::default());
        Self { shape, heard, before: 0, answer: None, counters, others: Vec::new(), is_unit_in_doubt: false }
    }

    /// Something was heard.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        self.heard.extend_from_slice(bytes);
        if self.heard.len() > MOST {
            self.judge_all();
        }
    }

    /// How many bytes were heard in all.
    pub(super) const fn count(&self) -> usize {
        self.before + self.heard.len()
    }

    /// The answer, when it is there, and how many bytes were heard before it. Over TCP frames follow one another; on a bus
    /// one may begin behind any noise.
    pub(super) fn next_answer(&mut self) -> Option<(Vec<u8>, usize)> {
        let starts = 0..self.heard.len();
        let (start, length) = match self.shape.framing {
            Framing::Bus => starts
                .into_iter()
                .find_map(|start| Some((start, self.shape.answer(self.heard.get(start..)?)?)))?,
            Framing::ModbusTcp => {
                let mut start = 0;
                loop {
                    let rest = self.heard.get(start..)?;
                    match self.shape.answer(rest) {
                        Some(length) => break (start, length),
                        None => start += tcp_length(rest).filter(|length| *length <= rest.len())?,
                    }
                }
            }
        };
        let rest = self.heard.split_off(start + length);
        let answer = self.heard.split_off(start);
        let at = self.before + start;
        self.judge_all();
        self.before += length;
        self.heard = rest;
        if self.answer.is_none() {
            // What came before its answer is older, and settled by it.
            self.is_unit_in_doubt = false;
            self.answer = Some(answer.clone());
        }
        Some((answer, at))
    }

    /// An answer came behind the one that was taken; true when it says something else.
    pub(super) fn contradicts(&mut self, again: &[u8]) -> bool {
        let is_other = self.answer.as_deref() != Some(again);
        self.counters.add(if is_other { Unfit::Late } else { Unfit::Duplicate });
        is_other
    }

    /// Counts what was heard and is no answer.
    pub(super) fn judge_all(&mut self) {
        let heard = std::mem::take(&mut self.heard);
        self.before += heard.len();
        let mut rest = heard.as_slice();
        while !rest.is_empty() {
            let length = self.judge(rest).clamp(1, rest.len());
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    /// Counts what these bytes begin with and says how long that is.
    fn judge(&mut self, bytes: &[u8]) -> usize {
        let Shape { framing, unit, function, question, .. } = &self.shape;
        if bytes.starts_with(question) {
            self.counters.add(Unfit::Echo);
            return question.len();
        }
        let frame = match framing {
            Framing::Bus => whole_frame(bytes),
            Framing::ModbusTcp => tcp_length(bytes).and_then(|length| bytes.get(..length)),
        };
        let Some(frame) = frame else {
            let may_be_cut = bytes.starts_with(&[*unit]);
            self.is_unit_in_doubt |= may_be_cut;
            self.counters.dropped.noise_bytes += 1;
            return 1;
        };
        let from = if *framing == Framing::Bus { 0 } else { 6 };
        let (of, by) = (frame.get(from).copied(), frame.get(from + 1).copied());
        let reason = match (of == Some(*unit), by == Some(*function)) {
            _ if is_question(*framing, frame) => Unfit::ForeignRequest,
            (false, _) => Unfit::ForeignAnswer,
            (true, false) => Unfit::OtherFunction,
            (true, true) => Unfit::Late,
        };
        self.is_unit_in_doubt |= of == Some(*unit);
        self.others.extend(of.filter(|_| reason == Unfit::ForeignAnswer));
        self.counters.add(reason);
        frame.len()
    }
}

/// The sound frame of any unit that these bytes begin with, if they do.
fn whole_frame(bytes: &[u8]) -> Option<&[u8]> {
    let [unit, function, third, ..] = *bytes else { return None };
    if unit == 0 || unit > 247 {
        return None;
    }
    let answer = match function {
        1..=4 => usize::from(third) + 5,
        0x81..=0x90 => 5,
        _ => 8,
    };
    // A question has eight bytes, and so has the answer to a write.
    [answer, 8].into_iter().find_map(|length| bytes.get(..length).filter(|frame| is_sound(frame)))
}

fn is_sound(frame: &[u8]) -> bool {
    frame.split_last_chunk::<2>().is_some_and(|(frame, check)| check_bytes(frame) == *check)
}

fn is_question(framing: Framing, frame: &[u8]) -> bool {
    match framing {
        // An answer of eight bytes has an odd number of data bytes, which registers do not have.
        Framing::Bus => frame.len() == 8,
        Framing::ModbusTcp => false,
    }
}

/// How long the frame over TCP is that these bytes begin with.
fn tcp_length(bytes: &[u8]) -> Option<usize> {
    let [_, _, 0, 0, high, low, ..] = *bytes else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    (3..=254).contains(&length).then_some(6 + length)
}

/// The bit that a refusal has set in its function. [Modbus 4.1]
const REFUSED: u8 = 0x80;
/// Nothing that is an answer has so many bytes.
const MOST: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape() -> Shape {
        let question = checked(&[17, 3, 0, 10, 0, 2]);
        Shape { framing: Framing::Bus, unit: 17, function: 3, data: 4, question }
    }

    fn over_tcp() -> Shape {
        let question = vec![0x12, 0x34, 0, 0, 0, 6, 17, 3, 0, 10, 0, 2];
        Shape { framing: Framing::ModbusTcp, question, ..shape() }
    }

    fn checked(frame: &[u8]) -> Vec<u8> {
        [frame, &check_bytes(frame)[..]].concat()
    }

    fn answer(value: u8) -> Vec<u8> {
        checked(&[17, 3, 4, 0, 0, 0, value])
    }

    #[test]
    fn f04_f05_the_answer_is_found_between_echo_foreign_and_late_frames() {
        let mut sieve = Sieve::new(shape());
        let foreign = checked(&[18, 3, 4, 9, 9, 9, 9]);
        let late = checked(&[17, 3, 2, 7, 7]);
        let by_other_function = checked(&[17, 0x84, 2]);
        let parts =
            [shape().question, vec![0xFE, 0x00], foreign, late, by_other_function, answer(1), answer(2)];
        let before: usize = parts[..5].iter().map(Vec::len).sum();
        let all = parts.concat();
        let mut found = Vec::new();
        for byte in &all {
            sieve.hear(&[*byte]);
            found.extend(sieve.next_answer());
        }
        assert_eq!(found, [(answer(1), before), (answer(2), before + 9)]);
        assert!(sieve.contradicts(&answer(2)) && !sieve.contradicts(&answer(1)));
        assert_eq!(sieve.count(), all.len());
        for (reason, count) in
            [(Unfit::Echo, 1), (Unfit::ForeignAnswer, 1), (Unfit::Late, 2), (Unfit::OtherFunction, 1)]
        {
            assert_eq!(sieve.counters.of(reason), count, "{reason}");
        }
        assert_eq!(sieve.counters.dropped.noise_bytes, 2);
        assert!(!sieve.is_unit_in_doubt, "all that was no answer came before the first");
        sieve.hear(&checked(&[17, 3, 2, 7, 7]));
        sieve.judge_all();
        assert!(sieve.is_unit_in_doubt);
    }

    #[test]
    fn f02_f08_no_part_of_an_answer_and_no_turned_bit_is_taken() {
        for shape in [shape(), over_tcp()] {
            let whole = match shape.framing {
                Framing::Bus => answer(1),
                Framing::ModbusTcp => vec![0x12, 0x34, 0, 0, 0, 7, 17, 3, 4, 0, 0, 0, 1],
            };
            for end in 0..whole.len() {
                let mut sieve = Sieve::new(shape.clone());
                sieve.hear(&whole[..end]);
                assert_eq!(sieve.next_answer(), None);
            }
            let mut sieve = Sieve::new(shape.clone());
            sieve.hear(&whole);
            assert_eq!(sieve.next_answer(), Some((whole.clone(), 0)));
        }
        for bit in 0..answer(1).len() * 8 {
            let mut turned = answer(1);
            turned[bit / 8] ^= 1 << (bit % 8);
            let mut sieve = Sieve::new(shape());
            sieve.hear(&turned);
            assert_eq!(sieve.next_answer(), None, "bit {bit}");
        }
    }

    #[test]
    fn f05_over_tcp_only_the_frame_with_the_number_of_the_question_is_taken() {
        let frame = |number: [u8; 2], rest: &[u8]| {
            let length = u8::try_from(rest.len()).unwrap();
            [&number[..], &[0, 0, 0, length], rest].concat()
        };
        let data = [17, 3, 4, 0, 0, 0, 1];
        let right = frame([0x12, 0x34], &data);
        for wrong in [
            frame([0x12, 0x33], &data),
            frame([0x12, 0x34], &[18, 3, 4, 0, 0, 0, 1]),
            frame([0x12, 0x34], &[17, 4, 4, 0, 0, 0, 1]),
            frame([0x12, 0x34], &[17, 3, 2, 0, 1]),
            frame([0x12, 0x34], &[17, 3, 4, 0, 0, 0, 1, 0]),
            frame([0x12, 0x34], &[17, 0x84, 2]),
        ] {
            let mut sieve = Sieve::new(over_tcp());
            sieve.hear(&wrong);
            assert_eq!(sieve.next_answer(), None, "{wrong:?}");
            sieve.hear(&right);
            assert_eq!(sieve.next_answer(), Some((right.clone(), wrong.len())), "behind {wrong:?}");
            assert_eq!(sieve.counters.iter().map(|(_, count)| count).sum::<u32>(), 1);
        }
        let refusal = frame([0x12, 0x34], &[17, 0x83, 2]);
        let mut sieve = Sieve::new(over_tcp());
        sieve.hear(&refusal);
        assert_eq!(sieve.next_answer(), Some((refusal, 0)));
    }

    proptest! {
        /// Whatever is heard: no panic, no end of memory, and every byte is told of.
        #[test]
        fn f01_any_bytes_are_judged(
            bytes in proptest::collection::vec(prop::sample::select(vec![17_u8, 3, 4, 0, 0x83, 18, 1]), 0..600),
            over_a_bus in any::<bool>(),
        ) {
            let mut sieve = Sieve::new(if over_a_bus { shape() } else { over_tcp() });
            for piece in bytes.chunks(7) {
                sieve.hear(piece);
                while sieve.next_answer().is_some() {}
            }
            prop_assert_eq!(sieve.count(), bytes.len());
            sieve.judge_all();
            prop_assert_eq!(sieve.count(), bytes.len());
        }

        /// An answer behind noise is found, however it comes in pieces.
        #[test]
        fn f01_the_answer_is_found_behind_any_noise(
            noise in proptest::collection::vec(any::<u8>(), 0..40),
            piece in 1..20_usize,
        ) {
            let mut sieve = Sieve::new(shape());
            let mut found = None;
            for piece in [noise, answer(7)].concat().chunks(piece) {
                sieve.hear(piece);
                found = found.or_else(|| sieve.next_answer());
            }
            prop_assert_eq!(found.map(|(answer, _)| answer), Some(answer(7)));
        }
    }
}
