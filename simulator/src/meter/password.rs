//! Passwords: ten levels, three wrong tries lock a level for a day. [645-2007 5]

use crate::instant::At;

/// How long a level stays locked after three wrong passwords.
const LOCK_SECONDS: i64 = 24 * 3600;
/// How many wrong tries lock it.
const STRIKES: u8 = 3;

/// One level's password and its wrong tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Level {
    digits: [u8; 3],
    strikes: u8,
    locked_until: Option<At>,
}

/// The passwords of a meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passwords {
    levels: [Level; 10],
}

impl Default for Passwords {
    /// Six zeros on every level, as from the factory.
    fn default() -> Self {
        Self { levels: [Level { digits: [0; 3], strikes: 0, locked_until: None }; 10] }
    }
}

impl Passwords {
    /// Checks PA P0 P1 P2 for an action that needs at least `lowest` (0 is the highest level); counts wrong tries.
    pub fn check(&mut self, now: At, [level, digits @ ..]: [u8; 4], lowest: u8) -> bool {
        let Some(own) = self.levels.get_mut(usize::from(level)) else { return false };
        if level > lowest || own.locked_until.is_some_and(|until| now < until) {
            return false;
        }
        if own.digits == digits {
            own.strikes = 0;
            return true;
        }
        own.strikes += 1;
        if own.strikes >= STRIKES {
            own.strikes = 0;
            own.locked_until = Some(now.plus(LOCK_SECONDS));
        }
        false
    }

    /// True while a level is locked.
    #[must_use]
    pub fn is_locked(&self, now: At, level: u8) -> bool {
        let own = self.levels.get(usize::from(level));
        own.and_then(|own| own.locked_until).is_some_and(|until| now < until)
    }

    /// Sets the password of a level, digits in wire order; false for a level that there is not.
    pub fn set(&mut self, level: u8, digits: [u8; 3]) -> bool {
        self.levels.get_mut(usize::from(level)).is_some_and(|own| {
            own.digits = digits;
            true
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_wrong_passwords_lock_a_level_for_a_day() {
        let now = At::midnight(9000);
        let mut passwords = Passwords::default();
        assert!(passwords.set(2, [0x56, 0x34, 0x12]));
        assert!(passwords.check(now, [2, 0x56, 0x34, 0x12], 2));
        for _ in 0..2 {
            assert!(!passwords.check(now, [2, 0, 0, 0], 2));
        }
        assert!(passwords.check(now, [2, 0x56, 0x34, 0x12], 2), "two wrong ones are forgiven");
        for _ in 0..3 {
            assert!(!passwords.check(now, [2, 0, 0, 0], 2));
        }
        assert!(passwords.is_locked(now, 2));
        assert!(!passwords.check(now, [2, 0x56, 0x34, 0x12], 2), "locked even for the right one");
        assert!(passwords.check(now, [0, 0, 0, 0], 2), "another level is not");
        assert!(passwords.check(now.plus(LOCK_SECONDS), [2, 0x56, 0x34, 0x12], 2));
        assert!(!passwords.check(now, [4, 0, 0, 0], 2), "a lower level will not do");
    }
}
