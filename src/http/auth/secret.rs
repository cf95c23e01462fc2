//! Secrets that nobody can guess, and how they are compared and kept.

use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac};

/// The system gives no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandomness;

/// Draws so many random bytes, in hexadecimal.
///
/// # Errors
/// [`NoRandomness`] when the system has none.
pub fn draw(bytes: usize) -> Result<String, NoRandomness> {
    let mut drawn = vec![0; bytes];
    SystemRandom::new().fill(&mut drawn).map_err(|_| NoRandomness)?;
    Ok(hexadecimal(&drawn))
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn hash(text: &str) -> String {
    hash_bytes(text.as_bytes())
}

/// The SHA-256 of bytes, in hexadecimal.
#[must_use]
pub(in crate::http) fn hash_bytes(bytes: &[u8]) -> String {
    hexadecimal(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// What a session's forms have to hold: computed from its secret, so that it need not be kept.
#[must_use]
pub(super) fn csrf(session: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, session.as_bytes());
    hexadecimal(hmac::sign(&key, b"csrf").as_ref())
}

/// True when both are the same. Takes as long whether they differ early or late.
#[must_use]
pub fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differs = one.iter().zip(other).fold(0, |differs, (one, other)| differs | (one ^ other));
    one.len() == other.len() && differs == 0
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t11_secrets_are_256_bits_and_never_the_same() {
        let drawn: std::collections::HashSet<String> = (0..1000).map(|_| draw(32).unwrap()).collect();
        assert_eq!(drawn.len(), 1000);
        assert!(drawn.iter().all(|secret| secret.len() == 64));
    }

    #[test]
    fn only_the_same_is_the_same() {
        assert!(is_same(b"abc", b"abc") && is_same(b"", b""));
        assert!(!is_same(b"abc", b"abd") && !is_same(b"abc", b"ab") && !is_same(b"", b"a"));
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_ne!(csrf("a"), csrf("b"));
    }
}
