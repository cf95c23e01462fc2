//! Numbers from which a spreadsheet has taken the zeros before them (F38).
//!
//! A number that is new and that of something recorded without some of its zeros is refused, since it would become a thing of
//! its own; so is one that a point is moved to, from the very number with more zeros. More zeros than are recorded are no loss:
//! so what once came without them is put right.

use std::collections::HashMap;

use super::kept::Kept;

/// The numbers of some kind as they were recorded before a list.
pub(super) struct Zeros {
    /// Those that are digits alone, by what is left without the zeros before them: the longest of each.
    by_digits: HashMap<String, String>,
    /// Numbers by what they are kept under.
    by_id: HashMap<i64, String>,
}

impl Zeros {
    pub(super) fn of<V: PartialEq>(kept: &Kept<V>) -> Self {
        let mut zeros = Self { by_digits: HashMap::new(), by_id: HashMap::new() };
        for (key, _) in kept.all() {
            let Some(digits) = without_zeros(key).filter(|digits| digits.len() < key.len()) else { continue };
            let longest = zeros.by_digits.entry(digits.to_owned()).or_default();
            if longest.len() < key.len() {
                key.clone_into(longest);
            }
            kept.id(key).into_iter().for_each(|id| drop(zeros.by_id.insert(id, key.to_owned())));
        }
        zeros
    }

    /// Of a number that is not recorded, the recorded one whose zeros it lacks.
    pub(super) fn lost<V: PartialEq>(&self, kept: &Kept<V>, number: &str) -> Option<&str> {
        let digits = without_zeros(number).filter(|_| kept.held(number).is_none())?;
        self.by_digits.get(digits).map(String::as_str).filter(|known| known.len() > number.len())
    }

    /// What is kept under an id, where `number` is that without some of its zeros.
    pub(super) fn lost_from(&self, id: i64, number: &str) -> Option<&str> {
        self.by_id.get(&id).map(String::as_str).filter(|known| lacks_zeros(number, known))
    }
}

/// Whether a number is another one without some of its zeros.
pub(super) fn lacks_zeros(number: &str, known: &str) -> bool {
    number.len() < known.len()
        && without_zeros(number).is_some_and(|digits| without_zeros(known) == Some(digits))
}

/// What is left of digits without the zeros before them; `None` where there is anything else.
fn without_zeros(key: &str) -> Option<&str> {
    let is_digits = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| key.trim_start_matches('0'))
}
