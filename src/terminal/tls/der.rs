//! What is to be known of a list of revoked certificates beside what is looked up in it: whose it is, what its signature
//! covers, until when it is in force. [RFC 5280 5.1]

use crate::domain::Moment;

/// A list as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct List<'a> {
    /// What is signed.
    pub(super) signed: &'a [u8],
    /// The name of the authority.
    pub(super) issuer: &'a [u8],
    /// When the next one is to be there at the latest.
    pub(super) ends: Moment,
    /// How it is signed.
    pub(super) algorithm: &'a [u8],
    /// The signature.
    pub(super) signature: &'a [u8],
}

impl<'a> List<'a> {
    /// Reads a list; `None` for anything else, and for one that does not say when the next one comes.
    pub(super) fn of(der: &'a [u8]) -> Option<Self> {
        let mut whole = Values(Values(der).next_of(SEQUENCE)?.inner);
        let signed = whole.next_of(SEQUENCE)?;
        let algorithm = whole.next_of(SEQUENCE)?.inner;
        let signature = bits(whole.next_of(BIT_STRING)?.inner)?;
        let mut fields = Values(signed.inner);
        let mut first = fields.next()?;
        if first.tag == INTEGER {
            first = fields.next()?;
        }
        let issuer = fields.next_of(SEQUENCE).filter(|_| first.tag == SEQUENCE)?.inner;
        time(fields.next()?)?;
        let ends = time(fields.next()?)?;
        Some(Self { signed: signed.whole, issuer, ends, algorithm, signature })
    }
}

/// A public key as a certificate has it: of which kind, and itself.
pub(super) fn key(spki: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut fields = Values(spki);
    let kind = fields.next_of(SEQUENCE)?.inner;
    Some((kind, bits(fields.next_of(BIT_STRING)?.inner)?))
}

/// A name for people: what its parts say, one behind the other.
pub(super) fn name(of: &[u8]) -> String {
    let mut parts = Vec::new();
    for set in Values(of) {
        for pair in Values(set.inner) {
            let mut fields = Values(pair.inner);
            let said = fields.next().and_then(|_| fields.next());
            parts.extend(said.map(|said| String::from_utf8_lossy(said.inner).into_owned()));
        }
    }
    parts.join(", ")
}

/// Values that stand one behind the other.
struct Values<'a>(&'a [u8]);

#[derive(Clone, Copy)]
struct Value<'a> {
    tag: u8,
    whole: &'a [u8],
    inner: &'a [u8],
}

impl<'a> Values<'a> {
    /// The next one, when it has this tag.
    fn next_of(&mut self, tag: u8) -> Option<Value<'a>> {
        self.next().filter(|value| value.tag == tag)
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let (tag, length) = (*self.0.first()?, *self.0.get(1)?);
        let (head, length) = if length < LONG {
            (2, usize::from(length))
        } else {
            let count = usize::from(length - LONG);
            let bytes = self.0.get(2..2 + count).filter(|bytes| (1..=4).contains(&bytes.len()))?;
            (2 + count, bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
        };
        let (whole, rest) = self.0.split_at_checked(length.checked_add(head)?)?;
        self.0 = rest;
        Some(Value { tag, whole, inner: whole.get(head..)? })
    }
}

/// The bytes of a bit string of whole bytes.
fn bits(inner: &[u8]) -> Option<&[u8]> {
    inner.split_first().filter(|(unused, _)| **unused == 0).map(|(_, bytes)| bytes)
}

/// A time of the year 1950 on, in UTC and with seconds, as it has to be in a list.
fn time(value: Value<'_>) -> Option<Moment> {
    let text = std::str::from_utf8(value.inner).ok()?;
    let text = match (value.tag, text.get(..2)?) {
        (UTC_TIME, year) if year < "50" => format!("20{text}"),
        (UTC_TIME, _) => format!("19{text}"),
        (GENERALIZED_TIME, _) => text.to_owned(),
        _ => return None,
    };
    let digits = text.strip_suffix('Z').filter(|digits| digits.len() == 14 && digits.is_ascii())?;
    let part = |from: usize, count: usize| digits.get(from..from + count);
    let (day, clock) = ((part(0, 4)?, part(4, 2)?, part(6, 2)?), (part(8, 2)?, part(10, 2)?, part(12, 2)?));
    format!("{}-{}-{}T{}:{}:{}Z", day.0, day.1, day.2, clock.0, clock.1, clock.2).parse().ok()
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// From here on the length itself is so many bytes long.
const LONG: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(tag: u8, inner: &[u8]) -> Vec<u8> {
        let count = u16::try_from(inner.len()).unwrap().to_be_bytes();
        [&[tag, 0x82][..], &count, inner].concat()
    }

    fn list(times: &[(u8, &str)]) -> Vec<u8> {
        let common =
            value(SEQUENCE, &[value(0x06, &[0x55, 4, 3]), value(0x0C, "省公司 CA".as_bytes())].concat());
        let mut fields = vec![value(INTEGER, &[1]), value(SEQUENCE, b"alg")];
        fields.push(value(SEQUENCE, &value(0x31, &common)));
        fields.extend(times.iter().map(|(tag, text)| value(*tag, text.as_bytes())));
        let parts =
            [value(SEQUENCE, &fields.concat()), value(SEQUENCE, b"alg"), value(BIT_STRING, &[0, 7, 8])];
        value(SEQUENCE, &parts.concat())
    }

    #[test]
    fn a_list_says_whose_it_is_and_until_when_it_holds() {
        let written = list(&[(UTC_TIME, "260101000000Z"), (GENERALIZED_TIME, "20511231160000Z")]);
        let list = List::of(&written).unwrap();
        assert_eq!((list.algorithm, list.signature), (&b"alg"[..], &[7, 8][..]));
        assert_eq!(list.ends.to_string(), "2051-12-31T16:00:00Z");
        assert_eq!(name(list.issuer), "省公司 CA");
        assert_eq!(list.signed.first(), Some(&SEQUENCE));
    }

    #[test]
    fn a_list_without_its_next_time_or_with_none_that_can_be_is_no_list() {
        let good = (UTC_TIME, "260101000000Z");
        for times in [
            vec![good],
            vec![good, (UTC_TIME, "261301000000Z")],
            vec![good, (UTC_TIME, "2601010000Z")],
            vec![good, (INTEGER, "260101000000Z")],
        ] {
            assert_eq!(List::of(&list(&times)), None, "{times:?}");
        }
    }

    proptest! {
        #[test]
        fn anything_may_come(bytes: Vec<u8>) {
            let _ = (List::of(&bytes), key(&bytes), name(&bytes));
        }

        #[test]
        fn a_list_may_be_cut_off_anywhere(count in 0_usize..120) {
            let written = list(&[(UTC_TIME, "260101000000Z"), (UTC_TIME, "270101000000Z")]);
            prop_assert_eq!(List::of(written.get(..count.min(written.len() - 1)).unwrap()), None);
        }
    }
}
