//! Passwords: kept as argon2id hashes, checked a few at a time, since each check takes memory and time (T10).

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash as Parsed;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::store::access::PasswordHash;

/// Hashes and checks passwords, at most a few at a time. Clones share the limit.
#[derive(Clone, Debug)]
pub struct Passwords {
    at_once: Arc<Semaphore>,
}

/// A password could not be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the password could not be hashed")]
pub struct NotHashed;

impl Default for Passwords {
    fn default() -> Self {
        Self { at_once: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Passwords {
    /// Hashes a password, with salt of its own.
    ///
    /// # Errors
    /// [`NotHashed`] when there is no memory or no randomness for it.
    pub async fn hash(&self, password: &str) -> Result<PasswordHash, NotHashed> {
        let password = Zeroizing::new(password.to_owned());
        let hashed = self.apart(move || {
            Argon2::default().hash_password(password.as_bytes()).map(|hash| PasswordHash(hash.to_string()))
        });
        hashed.await.and_then(Result::ok).ok_or(NotHashed)
    }

    /// True when this is the password. Without a hash to check against, as for a name that no account has, it takes as
    /// long and is false.
    pub async fn matches(&self, password: &str, hash: Option<&PasswordHash>) -> bool {
        let password = Zeroizing::new(password.to_owned());
        let is_there = hash.is_some();
        let hash = hash.map_or_else(|| NOBODYS.to_owned(), |hash| hash.0.clone());
        let checked = self.apart(move || {
            let parsed = Parsed::new(&hash);
            parsed.is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok())
        });
        checked.await.unwrap_or(false) && is_there
    }

    /// Works on a thread of its own; `None` when it broke off.
    async fn apart<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let permit = Arc::clone(&self.at_once).acquire_owned().await.ok()?;
        let working = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        working.await.ok()
    }
}

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weak {
    /// Fewer than ten characters.
    Short,
    /// More than 128.
    Long,
    /// It holds the name of its account or is one that everybody tries.
    Guessable,
}

/// What is wrong with a password for an account of this name.
#[must_use]
pub fn weakness(password: &str, account: &str) -> Option<Weak> {
    let lower = password.to_lowercase();
    let letters = password.chars().count();
    let mut different: Vec<char> = lower.chars().collect();
    different.sort_unstable();
    different.dedup();
    if letters < LEAST {
        Some(Weak::Short)
    } else if letters > MOST {
        Some(Weak::Long)
    } else if different.len() < 4
        || lower.contains(&account.to_lowercase())
        || GUESSED.iter().any(|guess| lower.contains(guess))
    {
        Some(Weak::Guessable)
    } else {
        None
    }
}

const AT_ONCE: usize = 2;
const LEAST: usize = 10;
const MOST: usize = 128;
const GUESSED: &[&str] = &["password", "123456", "qwerty", "chaobiao", "admin", "111111", "000000", "abc123"];

/// Checked where there is no account, so that it takes as long.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$M3wnUH8jvHdTvEzBy2GGEYVPHhmIZ8QjJF6OtVpwqlI";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn t10_a_password_is_kept_as_a_memory_hard_hash_of_its_own() {
        let passwords = Passwords::default();
        let (one, other) = (
            passwords.hash("正确的马电池订书钉").await.unwrap(),
            passwords.hash("正确的马电池订书钉").await.unwrap(),
        );
        assert_ne!(one, other, "salt");
        assert!(one.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", one.0);
        assert!(passwords.matches("正确的马电池订书钉", Some(&one)).await);
        assert!(!passwords.matches("正确的马电池订书钩", Some(&one)).await);
        assert!(!passwords.matches("", None).await);
        assert_eq!(format!("{one:?}"), "PasswordHash(..)");
    }

    #[test]
    fn t09_nobodys_hash_takes_as_long_as_any_other() {
        let parsed = Parsed::new(NOBODYS).unwrap();
        let usual = Argon2::default().hash_password(b"any").unwrap();
        assert_eq!((&parsed.params, parsed.version), (&usual.params, usual.version));
    }

    #[test]
    fn t10_a_password_that_is_easy_to_guess_is_refused() {
        assert_eq!(weakness("short", "li"), Some(Weak::Short));
        assert_eq!(weakness(&"长".repeat(129), "li"), Some(Weak::Long));
        for guess in ["aaaaaaaaaaaa", "Password2026", "zhangsan-home", "xx123456xx"] {
            assert_eq!(weakness(guess, "zhangsan"), Some(Weak::Guessable), "{guess}");
        }
        assert_eq!(weakness("电表箱第三排左边", "zhangsan"), Some(Weak::Short));
        assert_eq!(weakness("tree lamp river 9", "zhangsan"), None);
    }
}
