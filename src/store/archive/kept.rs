//! Things known by a key: their numbers in the database, and which of them must be written.

use std::collections::HashMap;

use super::known::Taken;

/// Things with a key and a number, and which of them are new or differ from the database.
pub(super) struct Kept<V> {
    held: HashMap<String, (i64, V)>,
    changed: HashMap<String, Taken>,
    next: i64,
}

impl<V: PartialEq> Kept<V> {
    pub(super) fn of(rows: impl Iterator<Item = (i64, String, V)>) -> Self {
        let held: HashMap<String, (i64, V)> = rows.map(|(id, key, value)| (key, (id, value))).collect();
        let next = held.values().map(|(id, _)| *id).max().unwrap_or(0) + 1;
        Self { held, changed: HashMap::new(), next }
    }

    pub(super) fn held(&self, key: &str) -> Option<&V> {
        self.held.get(key).map(|(_, value)| value)
    }

    pub(super) fn id(&self, key: &str) -> Option<i64> {
        self.held.get(key).map(|(id, _)| *id)
    }

    /// Everything, with its keys.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &V)> {
        self.held.iter().map(|(key, (_, value))| (key.as_str(), value))
    }

    /// Sets the value under a key; gives its number and what that changed.
    pub(super) fn put(&mut self, key: &str, value: V) -> (i64, Taken) {
        let (id, taken) = match self.held.get_mut(key) {
            Some((id, held)) if *held == value => return (*id, Taken::Same),
            Some((id, held)) => {
                *held = value;
                (*id, Taken::Changed)
            }
            None => {
                let id = self.next;
                self.next += 1;
                self.held.insert(key.to_owned(), (id, value));
                (id, Taken::Added)
            }
        };
        self.changed.entry(key.to_owned()).or_insert(taken);
        (id, taken)
    }

    /// What must be written, in the order of the numbers.
    pub(super) fn changed(&self) -> impl Iterator<Item = (i64, &str, &V)> {
        let row = |key: &String| self.held.get_key_value(key);
        let mut rows: Vec<_> = self.changed.keys().filter_map(row).collect();
        rows.sort_unstable_by_key(|(_, (id, _))| *id);
        rows.into_iter().map(|(key, (id, value))| (*id, key.as_str(), value))
    }
}
