//! Closed lists whose members are stored as numbers.

/// A closed list. A code is stored and never used again for another member; a name is shown in views, metrics and logs.
pub trait Coded: Copy + PartialEq + Sized + 'static {
    /// Every member with its code and its name.
    const TABLE: &'static [(Self, i64, &'static str)];

    /// The number it is stored as; -1, which no member has, were it left out of the table.
    #[must_use]
    fn code(self) -> i64 {
        Self::TABLE.iter().find(|(member, ..)| *member == self).map_or(-1, |(_, code, _)| *code)
    }

    /// Its name in English.
    #[must_use]
    fn name(self) -> &'static str {
        Self::TABLE.iter().find(|(member, ..)| *member == self).map_or("", |(.., name)| *name)
    }

    /// The member with this code; `None` for a code that a newer version wrote.
    #[must_use]
    fn from_code(code: i64) -> Option<Self> {
        Self::TABLE.iter().find(|(_, listed, _)| *listed == code).map(|(member, ..)| *member)
    }

    /// The member with this name.
    #[must_use]
    fn from_name(name: &str) -> Option<Self> {
        Self::TABLE.iter().find(|(.., listed)| *listed == name).map(|(member, ..)| *member)
    }
}

/// Checks of a table, for the tests of the lists.
#[cfg(test)]
pub(crate) fn check<T: Coded + std::fmt::Debug>(members: usize) {
    let codes: std::collections::HashSet<_> = T::TABLE.iter().map(|row| row.1).collect();
    let names: std::collections::HashSet<_> = T::TABLE.iter().map(|row| row.2).collect();
    assert_eq!((T::TABLE.len(), codes.len(), names.len()), (members, members, members));
    for (member, code, name) in T::TABLE {
        assert_eq!((member.code(), member.name()), (*code, *name));
        assert_eq!((T::from_code(*code), T::from_name(name)), (Some(*member), Some(*member)));
    }
    assert_eq!((T::from_code(-1), T::from_name("")), (None, None));
}
