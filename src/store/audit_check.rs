//! Verifies the audit log: every entry in its place, none changed, and the end not cut off (T26).
//!
//! The chain alone tells of what was changed, left out, added or moved inside. Who computes the whole chain anew, or cuts
//! off its end, is found out by heads that were noted elsewhere.

use super::Store;
use super::audit::{AuditHead, AuditRecord};
use super::error::StoreError;
use crate::domain::AuditHash;

/// The first thing that is wrong with the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    /// An entry is not there, or another stands in its place.
    #[error("entry {number} is missing or moved")]
    Missing {
        /// Which.
        number: i64,
    },
    /// An entry, or one before it, is not what it was.
    #[error("entry {number} or its hash was changed")]
    Changed {
        /// Which.
        number: i64,
    },
    /// An entry is not the one that was noted elsewhere: all up to it may have been written anew.
    #[error("entry {number} is not the one that was noted elsewhere")]
    Rewritten {
        /// Which.
        number: i64,
    },
    /// Entries at the end are gone.
    #[error("the log ends at entry {last}, but entry {noted} was noted elsewhere")]
    Cut {
        /// The last one that is there.
        last: i64,
        /// The last one that was noted.
        noted: i64,
    },
}

impl AuditFault {
    /// The first entry that is not as it was.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Missing { number } | Self::Changed { number } | Self::Rewritten { number } => number,
            Self::Cut { last, .. } => last + 1,
        }
    }
}

/// Takes entries in the order of their numbers, and says which is the first that is wrong.
#[derive(Clone, Debug)]
pub struct AuditCheck {
    last: AuditHead,
    /// In the order of their numbers.
    noted: Vec<AuditHead>,
    /// The first of them that was not come to yet.
    next: usize,
}

impl AuditCheck {
    /// Begins with the first entry. `noted` are heads that were noted elsewhere, in any order.
    #[must_use]
    pub fn new(noted: &[AuditHead]) -> Self {
        let mut noted = noted.to_vec();
        noted.sort_unstable_by_key(|head| head.number);
        let next = noted.partition_point(|head| head.number <= 0);
        Self { last: AuditHead { number: 0, hash: AuditHash::BEGINNING }, noted, next }
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// [`AuditFault`] when it is wrong.
    pub fn take(&mut self, record: &AuditRecord) -> Result<(), AuditFault> {
        let number = self.last.number + 1;
        if record.number != number {
            return Err(AuditFault::Missing { number });
        }
        let hash = record.hash_after(self.last.hash);
        if hash.to_string() != record.hash {
            return Err(AuditFault::Changed { number });
        }
        while let Some(noted) = self.noted.get(self.next).filter(|noted| noted.number == number) {
            if noted.hash != hash {
                return Err(AuditFault::Rewritten { number });
            }
            self.next += 1;
        }
        self.last = AuditHead { number, hash };
        Ok(())
    }

    /// Ends behind the last entry, and gives the end of the log.
    ///
    /// # Errors
    /// [`AuditFault::Cut`] when more was noted elsewhere.
    pub fn end(self) -> Result<AuditHead, AuditFault> {
        let last = self.last.number;
        match self.noted.last() {
            Some(noted) if noted.number > last => Err(AuditFault::Cut { last, noted: noted.number }),
            _ => Ok(self.last),
        }
    }
}

impl Store {
    /// Verifies the whole log against its own chain and against heads that were noted elsewhere. Gives its end, or the
    /// first thing that is wrong.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn verify_audit(
        &self,
        noted: &[AuditHead],
    ) -> Result<Result<AuditHead, AuditFault>, StoreError> {
        let mut check = AuditCheck::new(noted);
        loop {
            let records = self.audit_after(check.last.number, PORTION).await?;
            if records.is_empty() {
                return Ok(check.end());
            }
            for record in &records {
                if let Err(fault) = check.take(record) {
                    return Ok(Err(fault));
                }
            }
        }
    }
}

const PORTION: u32 = 2000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Moment;
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    const ENTRIES: usize = 60;

    fn log() -> Vec<AuditRecord> {
        let mut records = Vec::new();
        for number in 1..=ENTRIES {
            let number = i64::try_from(number).unwrap();
            records.push(AuditRecord {
                number,
                at: Moment::from_micros(number * 1_000_000),
                actor: format!("actor {}", number % 5),
                source: "10.0.0.7".to_owned(),
                action: "order.approve".to_owned(),
                object: format!("order {number}"),
                result: "done".to_owned(),
                order: (number % 2 == 0).then_some(number),
                detail: "{}".to_owned(),
                hash: String::new(),
            });
        }
        chain(&mut records);
        records
    }

    /// Binds entries to each other, as somebody who knows how could.
    fn chain(records: &mut [AuditRecord]) {
        let mut before = AuditHash::BEGINNING;
        for record in records {
            before = record.hash_after(before);
            record.hash = before.to_string();
        }
    }

    fn verify(records: &[AuditRecord], noted: &[AuditHead]) -> Result<AuditHead, AuditFault> {
        let mut check = AuditCheck::new(noted);
        records.iter().try_for_each(|record| check.take(record))?;
        check.end()
    }

    fn head(records: &[AuditRecord]) -> AuditHead {
        let last = records.last().unwrap();
        AuditHead { number: last.number, hash: AuditHash::from_hex(&last.hash).unwrap() }
    }

    /// Changes one field of an entry; says whether anything became different.
    fn change(record: &mut AuditRecord, field: usize, text: &str) -> bool {
        let before = record.clone();
        match field {
            0 => record.actor = text.to_owned(),
            1 => record.source = text.to_owned(),
            2 => record.action = text.to_owned(),
            3 => record.object = text.to_owned(),
            4 => record.result = text.to_owned(),
            5 => record.detail = text.to_owned(),
            6 => record.at = Moment::from_micros(record.at.micros() + 1),
            7 => record.order = record.order.map_or(Some(0), |_| None),
            _ => record.hash = AuditHash::BEGINNING.to_string(),
        }
        *record != before
    }

    #[test]
    fn t26_ten_thousand_random_tamperings_are_all_detected() {
        let original = log();
        let noted = [head(&original)];
        assert_eq!(verify(&original, &noted), Ok(noted[0]));
        let mut kinds = [0_u32; 7];
        let strategy = (0..7_usize, 0..ENTRIES, 0..ENTRIES, 0..9_usize, "[a-z0-9 ]{0,8}", any::<bool>());
        let mut runner = TestRunner::new(Config { cases: 10_000, ..Config::default() });
        let counted = std::cell::RefCell::new(&mut kinds);
        runner
            .run(&strategy, |(kind, place, other, field, text, is_clever)| {
                let mut records = original.clone();
                let is_other = match kind {
                    0 => change(&mut records[place], field, &text),
                    1 => {
                        records.remove(place);
                        true
                    }
                    2 => {
                        let copy = records[place].clone();
                        records.insert(other, copy);
                        true
                    }
                    3 => {
                        records.swap(place, other);
                        place != other
                    }
                    4 => {
                        records.truncate(place);
                        true
                    }
                    5 => {
                        // Contents are exchanged, numbers and hashes stay.
                        let (one, two) = (records[place].clone(), records[other].clone());
                        let hash = |records: &mut Vec<AuditRecord>, at: usize, of: AuditRecord| {
                            let (number, hash) = (records[at].number, records[at].hash.clone());
                            records[at] = AuditRecord { number, hash, ..of };
                        };
                        hash(&mut records, place, two);
                        hash(&mut records, other, one);
                        place != other
                    }
                    _ => {
                        // All later entries are dropped or dated back.
                        records.iter_mut().skip(place).for_each(|record| {
                            record.at = Moment::from_micros(0);
                        });
                        true
                    }
                };
                prop_assume!(is_other);
                if is_clever {
                    // Whoever did it numbers and binds everything anew.
                    for (number, record) in (1..).zip(&mut records) {
                        record.number = number;
                    }
                    chain(&mut records);
                }
                // Everything as it was and one more entry bound to its end is no tampering: this is how the log grows.
                prop_assume!(!(is_clever && records.starts_with(&original)));
                let found = verify(&records, &noted);
                prop_assert!(found.is_err(), "kind {kind} at {place} and {other}, clever {is_clever}");
                counted.borrow_mut()[kind] += 1;
                Ok(())
            })
            .unwrap();
        println!("tamperings by kind: {kinds:?}");
        assert!(kinds.iter().all(|count| *count > 500), "{kinds:?}");
        assert_eq!(kinds.iter().sum::<u32>(), 10_000);
    }

    #[test]
    fn t26_the_first_bad_entry_is_named() {
        let original = log();
        let noted = [head(&original[..20]), head(&original)];
        let mut changed = original.clone();
        changed[30].result = "refused".to_owned();
        assert_eq!(verify(&changed, &noted), Err(AuditFault::Changed { number: 31 }));
        let mut missing = original.clone();
        missing.remove(30);
        assert_eq!(verify(&missing, &noted), Err(AuditFault::Missing { number: 31 }));
        let cut = verify(&original[..30], &noted).unwrap_err();
        assert_eq!((cut, cut.number()), (AuditFault::Cut { last: 30, noted: 60 }, 31));
        let mut rewritten = original;
        rewritten[4].actor = "somebody else".to_owned();
        chain(&mut rewritten);
        assert_eq!(verify(&rewritten, &noted), Err(AuditFault::Rewritten { number: 20 }));
        assert_eq!(verify(&[], &[]), Ok(AuditHead { number: 0, hash: AuditHash::BEGINNING }));
    }
}
