//! What the caller knows beforehand about the length of an answer.

/// Which lengths the data of an identifier may have, counted after the identifier and over all frames. Answers of
/// another length are refused; whether the digits make sense is judged later. (F8)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LengthRule {
    /// Any length: only the frame itself is judged.
    #[default]
    Any,
    /// One of these.
    Exact(Vec<usize>),
    /// So many items of `of` bytes.
    Multiple {
        /// Bytes of one item.
        of: usize,
        /// The fewest items.
        at_least: usize,
        /// The most items.
        at_most: usize,
    },
}

impl LengthRule {
    /// One of these lengths.
    pub fn exact(lengths: impl IntoIterator<Item = usize>) -> Self {
        Self::Exact(lengths.into_iter().collect())
    }

    /// True when the data may be so long.
    #[must_use]
    pub fn admits(&self, length: usize) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(lengths) => lengths.contains(&length),
            Self::Multiple { of, at_least, at_most } => {
                *of > 0 && length.is_multiple_of(*of) && (*at_least..=*at_most).contains(&(length / of))
            }
        }
    }

    /// The longest it admits, when it has an end.
    #[must_use]
    pub fn longest(&self) -> Option<usize> {
        match self {
            Self::Any => None,
            Self::Exact(lengths) => Some(lengths.iter().copied().max().unwrap_or(0)),
            Self::Multiple { of, at_most, .. } => of.checked_mul(*at_most),
        }
    }
}

/// The rule, and what is known to be a whole answer although its frame says that more follows.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    pub(super) rule: LengthRule,
    pub(super) whole_at: Option<usize>,
}

impl Expected {
    /// No longer answer is possible: more to follow can only mean new events.
    pub(super) fn is_surely_whole(&self, length: usize) -> bool {
        let exact = matches!(self.rule, LengthRule::Exact(_)) && self.rule.admits(length);
        self.whole_at == Some(length) || (exact && self.rule.longest() == Some(length))
    }

    /// It may be everything: kept when asking for more leads to nothing.
    pub(super) fn may_be_whole(&self, length: usize) -> bool {
        let exact = matches!(self.rule, LengthRule::Exact(_)) && self.rule.admits(length);
        self.whole_at == Some(length) || exact
    }

    /// False when nothing that starts with so much can be admitted.
    pub(super) fn leaves_room(&self, length: usize) -> bool {
        self.rule.longest().is_none_or(|longest| length <= longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f08_rules_admit_what_they_name() {
        let tariffs = LengthRule::Multiple { of: 4, at_least: 1, at_most: 5 };
        let admitted: Vec<usize> = (0..30).filter(|length| tariffs.admits(*length)).collect();
        assert_eq!(admitted, [4, 8, 12, 16, 20]);
        assert_eq!(tariffs.longest(), Some(20));
        assert!(!LengthRule::Multiple { of: 0, at_least: 0, at_most: 9 }.admits(0));
        assert!(LengthRule::Any.admits(0) && LengthRule::Any.longest().is_none());
        assert!(!LengthRule::exact([]).admits(0));
    }

    #[test]
    fn only_exact_lengths_and_hints_say_that_an_answer_is_whole() {
        let of = |rule, whole_at| Expected { rule, whole_at };
        let exact = of(LengthRule::exact([25, 27]), None);
        assert!(exact.may_be_whole(25) && !exact.is_surely_whole(25));
        assert!(exact.is_surely_whole(27) && exact.leaves_room(26) && !exact.leaves_room(28));
        let tariffs = LengthRule::Multiple { of: 4, at_least: 1, at_most: 64 };
        assert!(!of(tariffs.clone(), None).may_be_whole(20), "196 of 256 bytes would fit as well");
        assert!(of(tariffs, Some(20)).is_surely_whole(20));
        assert!(!of(LengthRule::Any, None).may_be_whole(4));
    }
}
