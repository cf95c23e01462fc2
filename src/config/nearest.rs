//! The known name that somebody probably meant.

/// The name nearest to `given`, if one is near: at most a third of its letters differ, or two.
pub(super) fn nearest(given: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let length = given.chars().count();
    let most = if length < 4 { 1 } else { (length / 3).max(2) };
    let near = known.map(|name| (distance(given, &name), name)).filter(|(distance, _)| *distance <= most);
    near.min().map(|(_, name)| name)
}

/// How many letters must be put in, taken out or changed.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    // The distances of what was seen of `one` to every beginning of `other`.
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for letter in one.chars() {
        let mut diagonal = row.first().copied().unwrap_or(0);
        let mut left = diagonal + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (above, seen) in row.iter_mut().skip(1).zip(&other) {
            let changed = diagonal + usize::from(letter != *seen);
            diagonal = *above;
            left = changed.min(left + 1).min(diagonal + 1);
            *above = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_letters() {
        for (one, other, expected) in
            [("", "", 0), ("a", "", 1), ("", "ab", 2), ("strat", "start", 2), ("baud", "baud", 0)]
        {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn finds_the_near_one_only() {
        let known = || ["start", "deadline", "baud"].iter().map(|name| (*name).to_owned());
        assert_eq!(nearest("dead_line", known()).as_deref(), Some("deadline"));
        assert_eq!(nearest("bauds", known()).as_deref(), Some("baud"));
        assert_eq!(nearest("nonsense", known()), None);
    }
}
