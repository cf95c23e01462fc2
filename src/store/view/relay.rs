//! What was last read of the relay of a meter, whoever read it: the night, somebody on demand, or an order that wanted to
//! know what came of it.

use crate::domain::relay::StatusWord3;
use crate::domain::supply::SupplyOrder;
use crate::domain::{Id, Meter, Moment, ReadJob, ReadValue};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::supply::status_word_3;

/// Who read a status word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelaySource {
    /// The nightly run.
    Night,
    /// A read on demand.
    Read(Id<ReadJob>),
    /// An order, before or behind its frame.
    Order(Id<SupplyOrder>),
}

/// What was read of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelaySeen {
    /// Status word 3.
    pub word: StatusWord3,
    /// When it was read.
    pub at: Moment,
    /// By whom.
    pub source: RelaySource,
}

impl Store {
    /// What was last read of the relay of a meter.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn relay_seen(&self, meter: Id<Meter>) -> Result<Option<RelaySeen>, StoreError> {
        let night = self.status_words_of(meter).await?.and_then(|words| {
            let word = status_word_3(&words.words)?;
            Some(RelaySeen { word, at: words.collected_at, source: RelaySource::Night })
        });
        let mut reading = self.read("reading how a relay stands").await?;
        let of_orders: Option<(i64, i64, i64)> = reading.row(ORDERS, &[meter.into()]).await?;
        let of_reads: Vec<(i64, i64, String)> = reading.rows(READS, &[meter.into()]).await?;
        let order = of_orders.and_then(|(status, at, order)| {
            let word = StatusWord3::from_bits(u16::try_from(status).ok()?);
            Some(RelaySeen { word, at: Moment::from_micros(at), source: RelaySource::Order(Id::new(order)) })
        });
        let read = of_reads.into_iter().filter_map(|(job, at, content)| {
            let word = told(&content)?;
            Some(RelaySeen { word, at: Moment::from_micros(at), source: RelaySource::Read(Id::new(job)) })
        });
        Ok(night.into_iter().chain(order).chain(read).max_by_key(|seen| seen.at))
    }
}

/// Status word 3 from the values of an answer: its bits, each of which has a name.
fn told(content: &str) -> Option<StatusWord3> {
    let values: Vec<ReadValue> = serde_json::from_str(content).ok()?;
    let bits = &values.iter().find(|value| !value.bits.is_empty())?.bits;
    let word =
        bits.iter().try_fold(0_u64, |word, bits| Some(word | bits.value.checked_shl(bits.bit.into())?))?;
    u16::try_from(word).ok().map(StatusWord3::from_bits)
}

/// What was read before a frame and behind it, the newest.
const ORDERS: &str = "SELECT x.status, x.at, x.order_id FROM ( \
        SELECT l.status AS status, l.at AS at, a.order_id AS order_id FROM supply_order_point s \
            JOIN supply_attempt a ON a.order_id = s.order_id AND a.point_id = s.point_id \
            JOIN supply_look l ON l.attempt_id = a.id WHERE s.point_id IN (SELECT point_id FROM installation \
                WHERE meter_id = $1) AND a.meter_id = $1 \
        UNION ALL SELECT a.before_status, a.before_at, a.order_id FROM supply_order_point s \
            JOIN supply_attempt a ON a.order_id = s.order_id AND a.point_id = s.point_id \
            WHERE s.point_id IN (SELECT point_id FROM installation WHERE meter_id = $1) AND a.meter_id = $1 \
                AND a.before_status IS NOT NULL AND a.before_at IS NOT NULL) x ORDER BY x.at DESC LIMIT 1";

/// Answers of the newest jobs of a meter. What may be the answer to an older question is no news.
const READS: &str = "SELECT job_id, given_until, content FROM read_answer WHERE meter_id = $1 AND data_id = '04000503' \
    AND given_until IS NOT NULL AND is_doubtful = 0 AND job_id IN (SELECT job_id FROM read_meter WHERE meter_id = $1 \
        ORDER BY job_id DESC LIMIT 20) ORDER BY given_until DESC LIMIT 1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ReadBits;

    #[test]
    fn a_status_word_is_put_together_from_its_bits() {
        let bits = |bit, value| ReadBits { bit, value, ..ReadBits::default() };
        let value = ReadValue { bits: vec![bits(0, 0), bits(4, 1), bits(8, 2)], ..ReadValue::default() };
        let text = serde_json::to_string(&[value]).unwrap();
        let word = told(&text).unwrap();
        assert_eq!(word.bits(), 0x0210);
        assert!(word.is_open());
        assert_eq!(told("[]"), None);
        assert_eq!(told("x"), None);
    }
}
