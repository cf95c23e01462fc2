//! Codes that change with the time (动态口令): RFC 6238 with HMAC-SHA-1, six digits and steps of 30 s, as every
//! authenticator has them.

use std::fmt;

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::secret::NoRandomness;
use crate::domain::Moment;
use crate::store::access::FactorSecret;

/// What codes are computed from. Not shown.
#[derive(Clone)]
pub struct Totp(Zeroizing<Vec<u8>>);

impl fmt::Debug for Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Totp(..)")
    }
}

impl Totp {
    /// A new one, of 160 random bits.
    ///
    /// # Errors
    /// [`NoRandomness`] when the system has none.
    pub fn draw() -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new(vec![0; 20]);
        SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self(bytes))
    }

    /// As it was kept; `None` for what is no base32.
    #[must_use]
    pub fn of(secret: &FactorSecret) -> Option<Self> {
        let (mut bytes, mut held, mut bits) = (Zeroizing::new(Vec::new()), 0_u32, 0_u32);
        for letter in secret.0.bytes() {
            let place = ALPHABET.iter().position(|listed| *listed == letter)?;
            held = (held << 5) | u32::try_from(place).ok()?;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push(u8::try_from((held >> bits) & 0xFF).ok()?);
                held &= (1 << bits) - 1;
            }
        }
        (!bytes.is_empty()).then_some(Self(bytes))
    }

    /// As it is kept and typed into an authenticator: base32.
    #[must_use]
    pub fn secret(&self) -> FactorSecret {
        let (mut text, mut held, mut bits) = (String::new(), 0_u32, 0_u32);
        for byte in self.0.iter() {
            held = (held << 8) | u32::from(*byte);
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                text.push(letter(held >> bits));
                held &= (1 << bits) - 1;
            }
        }
        if bits > 0 {
            text.push(letter(held << (5 - bits)));
        }
        FactorSecret(text)
    }

    /// The step of time whose code this is: that of now, or a neighbour of it, for clocks that differ a little.
    #[must_use]
    pub fn step_of(&self, code: &str, now: Moment) -> Option<i64> {
        let code = code.trim();
        let given: u32 = code.parse().ok().filter(|_| code.len() == DIGITS && code.is_ascii())?;
        let step = now.micros().div_euclid(STEP);
        [step, step - 1, step + 1].into_iter().find(|step| self.code(*step) == Some(given))
    }

    /// The code that an authenticator shows now.
    #[must_use]
    pub fn code_at(&self, now: Moment) -> String {
        let code = self.code(now.micros().div_euclid(STEP)).unwrap_or_default();
        format!("{code:0width$}", width = DIGITS)
    }

    fn code(&self, step: i64) -> Option<u32> {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let sum = hmac::sign(&key, &step.to_be_bytes());
        let sum = sum.as_ref();
        let offset = usize::from(sum.last()? & 0x0F);
        let word: [u8; 4] = sum.get(offset..offset + 4)?.try_into().ok()?;
        Some((u32::from_be_bytes(word) & 0x7FFF_FFFF) % 1_000_000)
    }
}

fn letter(place: u32) -> char {
    let place = usize::try_from(place & 31).unwrap_or(0);
    ALPHABET.get(place).map_or('A', |letter| char::from(*letter))
}

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const DIGITS: usize = 6;
/// Microseconds.
const STEP: i64 = 30_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Moment {
        Moment::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn t10_codes_are_those_of_rfc_6238() {
        let totp = Totp(Zeroizing::new(b"12345678901234567890".to_vec()));
        // Appendix B, the last six of its eight digits.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(totp.code_at(at(seconds)), code);
            assert_eq!(totp.step_of(code, at(seconds)), Some(seconds / 30));
        }
    }

    #[test]
    fn t10_a_code_is_good_for_its_step_and_the_neighbours_only() {
        let totp = Totp::draw().unwrap();
        let code = totp.code_at(at(3000));
        for (seconds, counts) in [(2969, false), (2970, true), (3000, true), (3059, true), (3061, false)] {
            assert_eq!(totp.step_of(&code, at(seconds)).is_some(), counts, "{seconds}");
        }
        for code in ["", "12345", "1234567", "12a456", "+12345", "１２３４５６"] {
            assert_eq!(totp.step_of(code, at(3000)), None, "{code}");
        }
    }

    #[test]
    fn a_secret_is_written_in_base32_and_read_back() {
        let totp = Totp(Zeroizing::new(b"12345678901234567890".to_vec()));
        assert_eq!(totp.secret().0, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for _ in 0..20 {
            let totp = Totp::draw().unwrap();
            assert_eq!(Totp::of(&totp.secret()).unwrap().0, totp.0);
        }
        assert!(Totp::of(&FactorSecret("not base32!".to_owned())).is_none());
    }
}
