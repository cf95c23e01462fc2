//! Which values of a kind may stand behind a key.

use std::collections::HashSet;
use std::ops::{RangeFull, RangeInclusive};

use super::setting::Setting;
use super::words::Words;

/// A limit on the values of a kind.
pub(super) trait Limit<T> {
    /// Whether the value may stand here.
    fn admits(&self, value: &T) -> bool;

    /// What is expected, form and limit together.
    fn words(&self) -> Words;
}

/// Any value of the kind.
impl<T: Setting> Limit<T> for RangeFull {
    fn admits(&self, _: &T) -> bool {
        true
    }

    fn words(&self) -> Words {
        T::form()
    }
}

/// From one value to another, both included.
impl<T: Setting + PartialOrd> Limit<T> for RangeInclusive<T> {
    fn admits(&self, value: &T) -> bool {
        self.contains(value)
    }

    fn words(&self) -> Words {
        let Words { en, zh } = T::form();
        let (least, most) = (self.start().show(), self.end().show());
        Words::new(format!("{en}, {least} to {most}"), format!("{zh}，{least} 至 {most}"))
    }
}

/// One of these values.
impl<T: Setting + PartialEq> Limit<T> for &[T] {
    fn admits(&self, value: &T) -> bool {
        self.contains(value)
    }

    fn words(&self) -> Words {
        let listed: Vec<String> = self.iter().map(T::show).collect();
        Words::new(format!("one of {}", listed.join(", ")), format!("以下之一：{}", listed.join("、")))
    }
}

/// A list with at least one item, each within a limit and none twice.
pub(super) struct Each<L>(pub(super) L);

impl<T: Setting, L: Limit<T>> Limit<Vec<T>> for Each<L> {
    fn admits(&self, values: &Vec<T>) -> bool {
        let distinct: HashSet<String> = values.iter().map(T::show).collect();
        !values.is_empty()
            && distinct.len() == values.len()
            && values.iter().all(|value| self.0.admits(value))
    }

    fn words(&self) -> Words {
        let Words { en, zh } = self.0.words();
        Words::new(
            format!("a list in square brackets, not empty, none twice, each {en}"),
            format!("方括号内的非空、不重复的列表，每项为{zh}"),
        )
    }
}
