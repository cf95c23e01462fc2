//! The audit chain: what was done, by whom, each entry bound to the one before it (T26, T27).
//!
//! The hash of an entry covers the hash of its predecessor, its number and every field, each with its length in front, so
//! that no two different entries are the same bytes. Who changes, leaves out, adds or moves an entry changes every hash
//! behind it; who cuts off the end is found out by a head that was noted elsewhere. Keeping entries is left to `store`.

use std::fmt;

use ring::digest::{Context, SHA256};

use super::access::{Acting, RequestKey};
use super::hex::{read_hex, write_hex};
use super::moment::Moment;

/// What is to be entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Moment,
    /// Who: the name of an account, or [`AuditEntry::SYSTEM`].
    pub actor: String,
    /// From where: an address of the network, `command line`, `stop file`; may be empty.
    pub source: String,
    /// What was done, in dotted words: `order.approve`, `login.refused`.
    pub action: &'static str,
    /// To what: `order 17`, `point 00042`, `account li`.
    pub object: String,
    /// What came of it: `done`, `refused: ...`, `unknown`.
    pub result: String,
    /// The supply order it belongs to.
    pub order: Option<i64>,
    /// Before and after, and whatever else is to be kept, as JSON; may be empty. Never a secret (T24).
    pub detail: String,
    /// The key of the request that was done by it. It is not part of the log.
    pub request: Option<RequestKey>,
}

impl AuditEntry {
    /// The actor of what the program does by itself.
    pub const SYSTEM: &'static str = "system";

    /// The source of what is done on the machine itself.
    pub const COMMAND_LINE: &'static str = "command line";

    /// The source of what is read from the configuration file.
    pub const FILE: &'static str = "file";

    /// Something that somebody did.
    #[must_use]
    pub fn by(acting: &Acting, at: Moment, action: &'static str, object: impl Into<String>) -> Self {
        Self {
            actor: acting.name.clone(),
            source: acting.source.clone(),
            request: acting.request.clone(),
            ..Self::of_system(at, action, object)
        }
    }

    /// Something that the program did by itself.
    #[must_use]
    pub fn of_system(at: Moment, action: &'static str, object: impl Into<String>) -> Self {
        Self {
            at,
            actor: Self::SYSTEM.to_owned(),
            source: String::new(),
            action,
            object: object.into(),
            result: "done".to_owned(),
            order: None,
            detail: String::new(),
            request: None,
        }
    }

    /// The same with another result. What was not done may be asked for again under its key.
    #[must_use]
    pub fn ending(self, result: impl Into<String>) -> Self {
        Self { result: result.into(), request: None, ..self }
    }

    /// The same for a supply order.
    #[must_use]
    pub fn for_order(self, order: i64) -> Self {
        Self { order: Some(order), ..self }
    }

    /// The same with details, as JSON.
    #[must_use]
    pub fn saying(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }
}

/// What binds an entry to all before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuditHash([u8; 32]);

impl AuditHash {
    /// What the first entry is bound to.
    pub const BEGINNING: Self = Self([0; 32]);

    /// The hash of the entry with this number (from 1) behind the one with this hash. The fields as they are stored:
    /// actor, source, action, object, result, detail.
    #[must_use]
    pub fn of(self, number: i64, at: Moment, order: Option<i64>, fields: [&str; 6]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&self.0);
        context.update(&number.to_be_bytes());
        context.update(&at.micros().to_be_bytes());
        context.update(&order.unwrap_or(0).to_be_bytes());
        context.update(&[u8::from(order.is_some())]);
        for field in fields {
            context.update(&u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(field.as_bytes());
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Self(hash)
    }

    /// The hash written in hexadecimal.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        read_hex(text)?.try_into().ok().map(Self)
    }
}

impl fmt::Display for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [&str; 6] = ["li", "10.0.0.7", "order.approve", "order 17", "done", ""];

    #[test]
    fn t26_every_field_and_the_predecessor_are_in_the_hash() {
        let at = Moment::from_micros(1_795_278_330_250_000);
        let hash = AuditHash::BEGINNING.of(1, at, Some(17), FIELDS);
        assert_eq!(AuditHash::from_hex(&hash.to_string()), Some(hash));
        let mut others = vec![
            hash.of(1, at, Some(17), FIELDS),
            AuditHash::BEGINNING.of(2, at, Some(17), FIELDS),
            AuditHash::BEGINNING.of(1, Moment::from_micros(at.micros() + 1), Some(17), FIELDS),
            AuditHash::BEGINNING.of(1, at, None, FIELDS),
            AuditHash::BEGINNING.of(1, at, Some(0), FIELDS),
            AuditHash::BEGINNING.of(1, at, Some(17), ["l", "i10.0.0.7", FIELDS[2], FIELDS[3], FIELDS[4], ""]),
        ];
        for place in 0..FIELDS.len() {
            let mut fields = FIELDS;
            fields[place] = "other";
            others.push(AuditHash::BEGINNING.of(1, at, Some(17), fields));
        }
        others.push(hash);
        let different: std::collections::HashSet<_> = others.iter().collect();
        assert_eq!(different.len(), others.len());
    }

    #[test]
    fn a_hash_is_read_only_when_whole() {
        assert_eq!(AuditHash::from_hex(&"0".repeat(64)), Some(AuditHash::BEGINNING));
        for text in ["", "00", &"g".repeat(64), &"0".repeat(63), &"€".repeat(22)] {
            assert_eq!(AuditHash::from_hex(text), None, "{text}");
        }
    }
}
