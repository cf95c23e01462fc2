//! Pushing: a batch is leased, offered and settled by the receipt that names its keys.

use std::collections::HashMap;
use std::time::Duration;

use super::sink::{BillingSink, KeyReceipt, SinkError, Taken};
use crate::config::Billing;
use crate::domain::Moment;
use crate::store::billing::{Lease, LeaseEnd, OutboxRecord};
use crate::store::{Store, StoreError};

/// How batches are made and repeated.
pub type Settings = Billing;

/// What a push did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Versions the receiver was offered.
    pub offered: usize,
    /// Those it took.
    pub delivered: usize,
    /// Those it will never take, parked for a person.
    pub refused: usize,
    /// Those of which nothing is known; they are offered again.
    pub again: usize,
}

/// Offers the next batch to a receiver, if there is one.
///
/// # Errors
/// [`StoreError`] when the outbox could not be read or written. What became of the batch is then settled by offering it
/// again, when its lease has run out. That the receiver failed is no error here: its versions wait.
pub async fn push_once(
    store: &Store,
    sink: &mut impl BillingSink,
    settings: &Settings,
    now: Moment,
) -> Result<Pushed, StoreError> {
    let receiver = sink.receiver().to_owned();
    let lease = store.lease_outbox(&receiver, settings.batch, now.plus(settings.lease), now).await?;
    if lease.records.is_empty() {
        return Ok(Pushed::default());
    }
    let Lease { token, records } = lease;
    let receipts = sink.push(&records).await;
    if let Err(error) = &receipts {
        tell(&receiver, records.len(), error);
    }
    let ends = ends(&records, receipts, settings.retry_most, now);
    let mut pushed = Pushed { offered: records.len(), ..Pushed::default() };
    for end in &ends {
        match end {
            LeaseEnd::Delivered => pushed.delivered += 1,
            LeaseEnd::Refused { .. } => pushed.refused += 1,
            LeaseEnd::Again { .. } => pushed.again += 1,
        }
    }
    let ends: Vec<_> =
        records.iter().zip(ends).map(|(record, end)| (record.key, record.version, end)).collect();
    store.end_lease(&receiver, token, &ends, now).await?;
    Ok(pushed)
}

fn tell(receiver: &str, count: usize, error: &SinkError) {
    let kind = error.kind();
    if error.is_lasting() {
        tracing::error!(receiver, count, kind, error = %error, "a billing batch was not taken");
    } else {
        tracing::warn!(receiver, count, kind, error = %error, "a billing batch was not taken and will be offered again");
    }
}

/// What became of each record. A key that is not named, or named twice with different words, is not known to be taken.
fn ends(
    records: &[OutboxRecord],
    receipts: Result<Vec<KeyReceipt>, SinkError>,
    most: Duration,
    now: Moment,
) -> Vec<LeaseEnd> {
    let failed = receipts.as_ref().err().map(ToString::to_string);
    let mut named: HashMap<String, Option<Taken>> = HashMap::new();
    for KeyReceipt { key, taken } in receipts.unwrap_or_default() {
        named
            .entry(key)
            .and_modify(|held| *held = held.take().filter(|held| *held == taken))
            .or_insert_with(|| Some(taken.clone()));
    }
    let again = |record: &OutboxRecord, error: &str| LeaseEnd::Again {
        next_at: now.plus(back_off(record.tries, most)),
        error: shortened(error),
    };
    let end = |record: &OutboxRecord| match (named.get(&record.text), &failed) {
        (_, Some(error)) => again(record, error),
        (Some(Some(Taken::Yes)), None) => LeaseEnd::Delivered,
        (Some(Some(Taken::Refused { reason })), None) => LeaseEnd::Refused { error: shortened(reason) },
        (Some(None), None) => again(record, "the receipt contradicts itself"),
        (None, None) => again(record, "the receipt does not name the key"),
    };
    records.iter().map(end).collect()
}

/// How long to wait after so many tries: a second, doubled with each, up to the most.
pub(super) fn back_off(tries: u32, most: Duration) -> Duration {
    let doubled = 1_u64.checked_shl(tries.saturating_sub(1)).unwrap_or(u64::MAX);
    Duration::from_secs(doubled.max(1)).min(most)
}

/// What a receiver says is kept up to a line of text.
fn shortened(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{BillingContent, BillingKey, BillingKind, Day, Id, Item, Quality};

    fn record(number: i64) -> OutboxRecord {
        let day: Day = "2026-11-21".parse().unwrap();
        let item = Item::parse("1.8.0").unwrap();
        let key = BillingKey { point: Id::new(number), item, kind: BillingKind::Register, day };
        let content =
            BillingContent { value: Some((1, Quality::Good)), read_at: None, lineage: String::new() };
        OutboxRecord {
            text: key.text(&number.to_string(), 1),
            key,
            point_number: number.to_string(),
            version: 1,
            content,
            tries: 3,
        }
    }

    #[test]
    fn t22_only_a_receipt_that_names_the_key_delivers() {
        let records: Vec<OutboxRecord> = (1..=5).map(record).collect();
        let refused = || Taken::Refused { reason: "no such\n point".to_owned() };
        let receipt = |number: usize, taken| KeyReceipt { key: records[number].text.clone(), taken };
        let other = KeyReceipt { key: "register/9".to_owned(), taken: Taken::Yes };
        let receipts = vec![
            receipt(0, Taken::Yes),
            receipt(0, Taken::Yes),
            receipt(1, refused()),
            receipt(2, Taken::Yes),
            receipt(2, refused()),
            receipt(2, Taken::Yes),
            other,
        ];
        let now = Moment::from_micros(0);
        let (most, again) = (Duration::from_secs(900), |error: &str| LeaseEnd::Again {
            next_at: now.plus(Duration::from_secs(4)),
            error: error.to_owned(),
        });
        assert_eq!(
            ends(&records, Ok(receipts), most, now),
            [
                LeaseEnd::Delivered,
                LeaseEnd::Refused { error: "no such point".to_owned() },
                again("the receipt contradicts itself"),
                again("the receipt does not name the key"),
                again("the receipt does not name the key"),
            ]
        );
        let down = SinkError::Unavailable { reason: "refused".to_owned() };
        let expected = vec![again("the receiver does not answer: refused"); 5];
        assert_eq!(ends(&records, Err(down), most, now), expected);
    }

    #[test]
    fn waits_double_up_to_the_most() {
        let most = Duration::from_secs(900);
        let waits: Vec<u64> =
            [0, 1, 2, 3, 10, 11, 64, u32::MAX].map(|tries| back_off(tries, most).as_secs()).to_vec();
        assert_eq!(waits, [1, 1, 2, 4, 512, 900, 900, 900]);
    }
}
