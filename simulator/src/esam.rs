//! A stand-in for the security chip (ESAM) of a meter and for the encryption machine (加密机) of its utility.
//!
//! **Not the algorithm of any utility, and no protection of anything**: keys are made from a test key that stands in this
//! file. What is real is the form of the frames: lengths, byte order, session, MAC. It is there so that authenticated
//! orders can be tried without a machine of a utility, in tests and demonstrations and nowhere else; [`LABEL`] says so
//! wherever it is used. [645-2007 10]

use ring::hmac::{HMAC_SHA256, Key, sign};

/// What it is called in logs.
pub const LABEL: &str = "SOFTWARE STAND-IN WITH TEST KEYS 软件替代（测试密钥）, NOT FOR PRODUCTION";

/// A key of the stand-in.
pub type TestKey = [u8; 32];

/// The key of all meters that are made to go with the stand-in.
pub const TEST_KEY: TestKey = *b"chaobiao test key, not a secret!";

/// What a master asks a chip to prove with, in wire order. [645-2007 10 070000FF]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The cipher text that proves the master (密文1).
    pub cipher: [u8; 8],
    /// The master's random number (随机数1).
    pub random: [u8; 8],
    /// The dispersion factor (分散因子), 0000 and the meter number.
    pub factor: [u8; 8],
}

/// What both sides know once they have proven themselves to each other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionKey(TestKey);

impl Challenge {
    /// A challenge with this random number for the meter of this number (high digit first).
    #[must_use]
    pub fn new(key: &TestKey, meter_number: [u8; 6], random: [u8; 8]) -> Self {
        let [a, b, c, d, e, f] = meter_number;
        let factor = [0, 0, a, b, c, d, e, f];
        let cipher = first(&keyed(&of_meter(key, factor), &[b"identity", &random]));
        Self { cipher, random, factor }.reversed()
    }

    /// Takes the payload of a frame.
    #[must_use]
    pub fn from_wire(payload: &[u8]) -> Option<Self> {
        let [cipher, random, factor] = [0..8, 8..16, 16..24].map(|place| payload.get(place));
        let field = |bytes: Option<&[u8]>| bytes.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
        Some(Self { cipher: field(cipher)?, random: field(random)?, factor: field(factor)? })
    }

    /// The payload of a frame.
    #[must_use]
    pub fn wire(&self) -> Vec<u8> {
        [self.cipher, self.random, self.factor].concat()
    }

    /// What both sides know when the chip has answered with this random number, in wire order; `None` when the challenge
    /// does not prove its master.
    #[must_use]
    pub fn session(&self, key: &TestKey, answer: [u8; 4]) -> Option<SessionKey> {
        let plain = self.reversed();
        let own = of_meter(key, plain.factor);
        let expected: [u8; 8] = first(&keyed(&own, &[b"identity", &plain.random]));
        let mut random = answer;
        random.reverse();
        let is_proven = expected == plain.cipher;
        is_proven.then(|| SessionKey(keyed(&own, &[b"session", &plain.random, &random])))
    }

    /// Every field goes low byte first.
    fn reversed(mut self) -> Self {
        self.cipher.reverse();
        self.random.reverse();
        self.factor.reverse();
        self
    }
}

impl SessionKey {
    /// Cipher text and MAC of an order, in wire order. `order` is N1 N2 YY MM DD hh mm ss: high byte first, the other way
    /// round than in the plain form. [645-2007 6 enciphered]
    #[must_use]
    pub fn seal(&self, order: [u8; 8]) -> Vec<u8> {
        let mut block = [0; 16];
        for (to, from) in block.iter_mut().zip(order.into_iter().chain([0x80])) {
            *to = from;
        }
        let mut cipher = self.masked(block);
        let mut mac: [u8; 4] = first(&keyed(&self.0, &[b"mac", &cipher]));
        cipher.reverse();
        mac.reverse();
        [&cipher[..], &mac].concat()
    }

    /// N1 N2 YY MM DD hh mm ss; `None` when the MAC is not right.
    #[must_use]
    pub fn open(&self, wire: &[u8]) -> Option<[u8; 8]> {
        let (cipher, mac) = wire.split_at_checked(16)?;
        let mut cipher = <[u8; 16]>::try_from(cipher).ok()?;
        let mut mac = <[u8; 4]>::try_from(mac).ok()?;
        cipher.reverse();
        mac.reverse();
        let expected: [u8; 4] = first(&keyed(&self.0, &[b"mac", &cipher]));
        let plain = self.masked(cipher);
        (expected == mac).then(|| first(&plain))
    }

    fn masked(&self, mut block: [u8; 16]) -> [u8; 16] {
        for (byte, mask) in block.iter_mut().zip(keyed(&self.0, &[b"order"])) {
            *byte ^= mask;
        }
        block
    }
}

impl core::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SessionKey")
    }
}

fn of_meter(key: &TestKey, factor: [u8; 8]) -> TestKey {
    keyed(key, &[b"meter", &factor])
}

fn keyed(key: &TestKey, parts: &[&[u8]]) -> TestKey {
    let tag = sign(&Key::new(HMAC_SHA256, key), &parts.concat());
    first(tag.as_ref())
}

/// The first bytes of more.
fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut first = [0; N];
    for (to, from) in first.iter_mut().zip(bytes) {
        *to = *from;
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: [u8; 6] = [0x20, 0x24, 0x11, 0x11, 0x00, 0x01];
    const ORDER: [u8; 8] = [0x1A, 0x00, 0x26, 0x11, 0x21, 0x10, 0x30, 0x15];

    /// An enciphered trip, worked out by hand.
    #[test]
    fn f34_the_golden_order_opens_high_byte_first() {
        let challenge = Challenge::new(&TEST_KEY, NUMBER, [1; 8]);
        let session = challenge.session(&TEST_KEY, [9, 8, 7, 6]).unwrap();
        let wire = [
            0x4C, 0x49, 0x26, 0x7A, 0xFC, 0xA2, 0xE5, 0x4C, 0xA6, 0x58, 0x50, 0x27, 0xF9, 0x41, 0x32, 0xB9,
            0xEB, 0xAB, 0xDC, 0xFE,
        ];
        assert_eq!((session.seal(ORDER), session.open(&wire)), (wire.to_vec(), Some(ORDER)));
    }

    #[test]
    fn t04_a_session_is_of_one_meter_one_pair_of_random_numbers_and_one_key() {
        let challenge = Challenge::new(&TEST_KEY, NUMBER, [1; 8]);
        assert_eq!(Challenge::from_wire(&challenge.wire()), Some(challenge));
        let session = challenge.session(&TEST_KEY, [9, 8, 7, 6]).unwrap();
        let wire = session.seal(ORDER);
        assert_eq!((wire.len(), session.open(&wire)), (20, Some(ORDER)));
        let mut others = vec![challenge.session(&TEST_KEY, [9, 8, 7, 5]).unwrap()];
        let elsewhere = Challenge::new(&TEST_KEY, [0x20, 0x24, 0x11, 0x11, 0x00, 0x02], [1; 8]);
        others.push(elsewhere.session(&TEST_KEY, [9, 8, 7, 6]).unwrap());
        others.push(Challenge::new(&TEST_KEY, NUMBER, [2; 8]).session(&TEST_KEY, [9, 8, 7, 6]).unwrap());
        for other in others {
            assert_eq!(other.open(&wire), None);
        }
        assert_eq!(challenge.session(&[0; 32], [9, 8, 7, 6]), None, "another key proves nothing");
        for bit in 0..wire.len() * 8 {
            let mut changed = wire.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(session.open(&changed), None, "bit {bit}");
        }
    }
}
