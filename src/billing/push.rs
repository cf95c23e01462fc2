//! Pushing: a batch is leased, offered and settled by the receipt that names its keys.

use std::collections::HashMap;
use std::time::Duration;

use super::sink::{BillingSink, KeyReceipt, SinkError, Taken};
use crate::config::Billing;
use crate::domain::Moment;
use crate::store::billing::{Lease, LeaseEnd, OutboxRecord};
use crate::store::{Store, StoreError};
use crate::telemetry::with_causes;

/// How batches are made and repeated.
pub type Settings = Billing;

/// What a push did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Versions the receiver was offered.
    pub offered: usize,
    /// Those it took.
    pub delivered: usize,
    /// Those it will never take, parked for a person.
    pub refused: usize,
    /// Those of which nothing is known; they are offered again.
    pub again: usize,
    /// How long the receiver wants to be left alone, where it says so.
    pub rest: Duration,
    /// Why whoever answered is not known as the receiver, where that is so (T22).
    pub stranger: Option<String>,
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
    if !store.may_act() {
        // Another instance may serve the site by now: it offers them when their lease has run out (F36).
        return Ok(Pushed::default());
    }
    let receipts = sink.push(&records).await;
    if let Err(error) = &receipts {
        tell(&receiver, records.len(), error);
    }
    let rest = rest(&records, &receipts, settings.retry_most);
    if !rest.is_zero() {
        store.rest_receiver(&receiver, now.plus(rest), now).await?;
    }
    let stranger = match &receipts {
        Err(SinkError::Stranger { reason }) => Some(reason.clone()),
        _ => None,
    };
    let ends = ends(&records, receipts, settings.retry_most, now);
    let mut pushed = Pushed { offered: records.len(), rest, stranger, ..Pushed::default() };
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
    let (kind, said) = (error.kind(), with_causes(error));
    if error.is_lasting() {
        tracing::error!(receiver, count, kind, error = said, "a billing batch was not taken");
    } else {
        tracing::warn!(
            receiver,
            count,
            kind,
            error = said,
            "a billing batch was not taken and will be offered again"
        );
    }
}

/// How long a receiver is left alone that failed as a whole: its records wait with it, so that their order stays.
fn rest(records: &[OutboxRecord], receipts: &Result<Vec<KeyReceipt>, SinkError>, most: Duration) -> Duration {
    let tries = records.iter().map(|record| record.tries).max().unwrap_or(0);
    match receipts {
        Err(SinkError::Busy { after, .. }) => back_off(tries, most).max((*after).min(LONGEST_REST)),
        Err(_) => back_off(tries, most),
        Ok(receipts) if receipts.is_empty() => back_off(tries, most),
        Ok(_) => Duration::ZERO,
    }
}

/// What became of each record. A key that is not named, or named twice with different words, is not known to be taken.
fn ends(
    records: &[OutboxRecord],
    receipts: Result<Vec<KeyReceipt>, SinkError>,
    most: Duration,
    now: Moment,
) -> Vec<LeaseEnd> {
    let failed = receipts.as_ref().err().map(|error| with_causes(error));
    let is_whole = receipts.as_ref().map_or(true, Vec::is_empty);
    let mut named: HashMap<String, Option<Taken>> = HashMap::new();
    for KeyReceipt { key, taken } in receipts.unwrap_or_default() {
        named
            .entry(key)
            .and_modify(|held| *held = held.take().filter(|held| *held == taken))
            .or_insert_with(|| Some(taken.clone()));
    }
    let again = |record: &OutboxRecord, error: &str| LeaseEnd::Again {
        next_at: if is_whole { now } else { now.plus(back_off(record.tries, most)) },
        error: shortened(error),
    };
    let end = |record: &OutboxRecord| match (named.get(&record.text), &failed) {
        (_, Some(error)) => again(record, error),
        (Some(Some(Taken::Yes)), None) => LeaseEnd::Delivered,
        (Some(Some(Taken::Refused { reason })), None) => LeaseEnd::Refused { error: shortened(reason) },
        (Some(Some(Taken::NotNow { reason })), None) => again(record, reason),
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

/// A wait and up to a quarter of it more, so that several that failed together do not come back together; `seed` decides.
pub(super) fn jittered(wait: Duration, seed: u64) -> Duration {
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let part = u32::try_from((mixed ^ (mixed >> 31)) % 1000).unwrap_or(0);
    wait + wait * part / 4000
}

/// What a receiver says is kept up to a line of text.
fn shortened(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

/// A receiver that wants to be left alone for longer is asked all the same.
const LONGEST_REST: Duration = Duration::from_secs(3600);

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
            batch: 1,
            lease: 1,
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
        let said = "the receiver does not answer: refused".to_owned();
        assert_eq!(
            rest(&records, &Err(SinkError::Status { status: 500 }), most).as_secs(),
            4,
            "it rests as a whole"
        );
        let expected = vec![LeaseEnd::Again { next_at: now, error: said }; 5];
        assert_eq!(ends(&records, Err(down), most, now), expected);
    }

    #[test]
    fn waits_of_several_come_apart() {
        let wait = Duration::from_secs(100);
        let waits: std::collections::HashSet<Duration> =
            (0..100).map(|seed| jittered(wait, seed * 977)).collect();
        assert!(waits.iter().all(|one| (wait..=wait * 5 / 4).contains(one)) && waits.len() > 80, "{waits:?}");
    }

    #[test]
    fn waits_double_up_to_the_most() {
        let most = Duration::from_secs(900);
        let waits: Vec<u64> =
            [0, 1, 2, 3, 10, 11, 64, u32::MAX].map(|tries| back_off(tries, most).as_secs()).to_vec();
        assert_eq!(waits, [1, 1, 2, 4, 512, 900, 900, 900]);
    }
}
