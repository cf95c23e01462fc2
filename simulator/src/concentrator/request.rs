//! What a master asks: its data units, cut by the terminal's own knowledge of lengths.
//!
//! A unit that names several points and items is taken apart into single ones, lowest point first and, inside it, lowest
//! item first. [1376 1.6]

use gdw1376::afn::Afn;
use gdw1376::identifier::{FnNumber, Identifier, Named, Point};

/// One point and one item, with what was said about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    pub(super) point: u16,
    pub(super) function: u16,
    /// The selector of a question, or the data of an order.
    pub(super) data: &'a [u8],
}

impl Asked<'_> {
    /// The identifier of an answer to it alone.
    pub(super) fn identifier(&self) -> [u8; 4] {
        let point = Point::new(self.point).unwrap_or(Point::TERMINAL);
        FnNumber::new(self.function)
            .map(|function| Identifier::of(point, function).wire())
            .unwrap_or_default()
    }
}

/// What a message asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Questions<'a> {
    pub(super) asked: Vec<Asked<'a>>,
    /// Units behind these cannot be told apart.
    pub(super) is_cut_short: bool,
}

/// More than so many points and items in one message are not looked at.
const MOST: usize = 4_096;

/// Cuts the units of a message; `all` are the points that FF 00 stands for.
pub(super) fn cut<'a>(afn: Afn, units: &'a [u8], all: &[u16]) -> Questions<'a> {
    let mut questions = Questions::default();
    let mut rest = units;
    while let Some((wire, behind)) = rest.split_first_chunk::<{ Identifier::WIDTH }>() {
        let identifier = Identifier::from_wire(*wire);
        let functions: Vec<u16> = identifier.functions.functions().map(FnNumber::number).collect();
        let points: Vec<u16> = match identifier.points.named() {
            Named::All => all.to_vec(),
            _ => identifier.points.points().map(Point::number).collect(),
        };
        let pairs = points.iter().flat_map(|point| functions.iter().map(move |function| (*point, *function)));
        rest = behind;
        let lengths = functions.first().and_then(|function| length(afn, *function, behind));
        if let (true, Some(selector)) = (afn.is_query(), lengths) {
            // One selector for all that the identifier names.
            let Some((data, behind)) = behind.split_at_checked(selector) else {
                questions.is_cut_short = true;
                return questions;
            };
            rest = behind;
            questions.asked.extend(pairs.map(|(point, function)| Asked { point, function, data }));
        } else {
            for (point, function) in pairs {
                let length = length(afn, function, rest);
                let Some((data, behind)) = length.and_then(|length| rest.split_at_checked(length)) else {
                    questions.asked.push(Asked { point, function, data: &[] });
                    questions.is_cut_short = true;
                    return questions;
                };
                rest = behind;
                questions.asked.push(Asked { point, function, data });
            }
        }
        if questions.asked.len() > MOST {
            questions.asked.truncate(MOST);
            questions.is_cut_short = true;
            return questions;
        }
    }
    questions.is_cut_short |= !rest.is_empty();
    questions
}

/// Which time mark stands in front of stored data. [1376 3.9]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Td_d, the day that ended.
    Day,
    /// Td_m, the month that ended.
    Month,
    /// Td_c, start, density and number of points.
    Curve,
}

impl Mark {
    pub(super) const fn of(function: u16) -> Option<Self> {
        Some(match function {
            1..=12
            | 25..=32
            | 41..=43
            | 45
            | 49..=50
            | 53
            | 57..=59
            | 113..=118
            | 121..=123
            | 129
            | 153..=156
            | 161..=176
            | 185..=192
            | 209..=210 => Self::Day,
            17..=24
            | 33..=39
            | 44
            | 46
            | 51..=52
            | 54
            | 60..=62
            | 65..=66
            | 130
            | 157..=160
            | 177..=184
            | 193..=196
            | 201..=208
            | 213..=216 => Self::Month,
            73..=76 | 81..=95 | 97..=110 | 138 | 145..=148 | 217..=219 => Self::Curve,
            _ => return None,
        })
    }

    const fn width(self) -> usize {
        match self {
            Self::Day => 3,
            Self::Month => 2,
            Self::Curve => 7,
        }
    }
}

/// How many bytes follow an identifier; `None` where the terminal cannot know.
fn length(afn: Afn, function: u16, rest: &[u8]) -> Option<usize> {
    let first = rest.first().copied().map(usize::from);
    let count = || rest.first_chunk::<2>().map(|count| usize::from(u16::from_le_bytes(*count)));
    match (afn, function) {
        (Afn::SET_PARAMETERS, _) => parameter(function, rest),
        (Afn::READ_PARAMETERS, 10) => Some(2 + 2 * count()?),
        (Afn::READ_PARAMETERS, 11 | 13..=15 | 33 | 34 | 38 | 39) => Some(1 + first?),
        (Afn::CLASS_2, _) => Mark::of(function).map(Mark::width),
        (Afn::CLASS_3, 1 | 2) => Some(2),
        (Afn::CONTROL, 31) => Some(6),
        (Afn::CONTROL, 1 | 25 | 30 | 49..=53) => Some(1),
        (Afn::CONTROL, 9 | 41 | 42) => Some(2),
        (Afn::CONTROL, 12) => Some(8),
        (Afn::CONTROL, 32) => Some(2 + usize::from(*rest.get(1)?)),
        // A forwarded frame is the only unit of its message.
        (Afn::FORWARD, _) => Some(rest.len()),
        (Afn::SECURITY | Afn::FILE, _) => None,
        _ => Some(0),
    }
}

/// Lengths of the parameters that a terminal keeps. [1376 3.4]
fn parameter(function: u16, rest: &[u8]) -> Option<usize> {
    let byte = |place: usize| rest.get(place).copied().map(usize::from);
    Some(match function {
        1 => 6,
        3 => 28,
        5 => 3,
        7 => {
            let user = byte(20)?;
            24 + user + byte(21 + user)?
        }
        8 => 8,
        9 | 6 => 16,
        10 => 2 + super::archive::Record::WIDTH * usize::from(u16::from_le_bytes(*rest.first_chunk()?)),
        33 => {
            let mut length = 1;
            for _ in 0..byte(0)? {
                length += 14 + 4 * byte(length + 13)?;
            }
            length
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(questions: &Questions<'_>) -> Vec<(u16, u16)> {
        questions.asked.iter().map(|asked| (asked.point, asked.function)).collect()
    }

    // covers [1376 1.6] [1376 3.9]
    #[test]
    fn bitmaps_are_taken_apart_with_one_time_mark_for_all() {
        let units = [0x03, 0x01, 0x05, 0x14, 0x20, 0x08, 0x24, 0x01, 0x02, 0x01, 0x16, 0x08, 0x24];
        let questions = cut(Afn::CLASS_2, &units, &[]);
        assert_eq!(pairs(&questions), [(1, 161), (1, 163), (2, 161), (2, 163), (9, 177)]);
        assert!(questions.asked[..4].iter().all(|asked| asked.data == [0x20, 0x08, 0x24]));
        assert_eq!(questions.asked[4].data, [0x08, 0x24]);
        assert!(!questions.is_cut_short);
        assert_eq!(questions.asked[1].identifier(), [0x01, 0x01, 0x04, 0x14]);
    }

    #[test]
    fn all_points_are_those_of_the_archive() {
        let questions = cut(Afn::CLASS_1, &[0xFF, 0x00, 0x01, 0x10], &[4, 9]);
        assert_eq!(pairs(&questions), [(4, 129), (9, 129)]);
    }

    #[test]
    fn what_cannot_be_cut_ends_the_message() {
        let reserved =
            cut(Afn::CLASS_2, &[0x01, 0x01, 0x80, 0x0B, 0x01, 0x01, 0x01, 0x14, 0x20, 0x08, 0x24], &[]);
        assert_eq!((pairs(&reserved), reserved.is_cut_short), (vec![(1, 96)], true));
        let short = cut(Afn::CLASS_2, &[0x01, 0x01, 0x01, 0x14, 0x20], &[]);
        assert!(short.is_cut_short && short.asked.is_empty());
        assert!(cut(Afn::CLASS_1, &[0, 0, 2], &[]).is_cut_short);
    }

    #[test]
    fn parameters_have_their_own_lengths() {
        let mut schedule = vec![0, 0, 1, 4, 1];
        schedule.extend([31; 13]);
        schedule.push(2);
        schedule.extend([0; 8]);
        let whole = schedule.len() - 4;
        assert_eq!(parameter(33, &schedule[4..]), Some(whole));
        assert_eq!(parameter(7, &[&[0; 20][..], &[2, 1, 1, 3], &[0; 5]].concat()), Some(29));
        assert_eq!(parameter(10, &[2, 0]), Some(56));
        assert_eq!(parameter(99, &[]), None);
    }

    #[test]
    fn time_marks_are_those_of_the_table() {
        let rows = |mark| (1..=248).filter(|function| Mark::of(*function) == Some(mark)).count();
        assert_eq!((rows(Mark::Day), rows(Mark::Month), rows(Mark::Curve)), (70, 54, 41));
        for (function, mark) in [(161, Mark::Day), (184, Mark::Month), (101, Mark::Curve), (148, Mark::Curve)]
        {
            assert_eq!(Mark::of(function), Some(mark));
        }
        assert_eq!(Mark::of(96), None);
    }
}
