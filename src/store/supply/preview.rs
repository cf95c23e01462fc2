//! What the end of a supply hold may lead to: a prepaid meter that is in debt cuts by itself as soon as nothing holds it
//! (F50).

use crate::domain::relay::{Prepaid, StatusWord3};
use crate::domain::supply::SupplyOrder;
use crate::domain::{Id, Meter, MeteringPoint, Moment};
use crate::store::Store;
use crate::store::error::StoreError;

/// A point whose hold is to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldEnd {
    /// The point.
    pub point: Id<MeteringPoint>,
    /// Its number.
    pub number: String,
    /// Number and name of the customer.
    pub customer: (String, String),
    /// The address of the meter.
    pub meter: String,
    /// What the meter said last of how it is paid for, and when; `None` when it never said.
    pub told: Option<(StatusWord3, Moment)>,
    /// What the customer owes, in fen.
    pub owed_fen: i64,
}

impl HoldEnd {
    /// True unless the meter has said that it is not prepaid and is not about to trip: what is not known may trip.
    #[must_use]
    pub fn may_trip(&self) -> bool {
        let is_safe = |word: StatusWord3| word.prepaid() == Prepaid::No && !word.is_about_to_trip();
        !self.told.is_some_and(|(word, _)| is_safe(word))
    }
}

impl Store {
    /// The points of an order whose holds are to end, those that may trip first.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn hold_ends(&self, order: Id<SupplyOrder>) -> Result<Vec<HoldEnd>, StoreError> {
        let mut reading = self.read("reading what the end of holds may lead to").await?;
        let rows: Vec<Row> = reading.rows(POINTS, &[order.into()]).await?;
        drop(reading);
        let mut found = Vec::with_capacity(rows.len());
        for (point, number, of, name, meter, address, owed) in rows {
            let words = self.status_words_of(Id::<Meter>::new(meter)).await?;
            let told = words.and_then(|words| Some((word(&words.words)?, words.collected_at)));
            found.push(HoldEnd {
                point: Id::new(point),
                number,
                customer: (of, name),
                meter: address,
                told,
                owed_fen: owed.max(0),
            });
        }
        found.sort_by_key(|end| (!end.may_trip(), std::cmp::Reverse(end.owed_fen), end.number.clone()));
        Ok(found)
    }
}

/// Status word 3 among the words of a meter.
pub(in crate::store) fn word(words: &str) -> Option<StatusWord3> {
    let words: serde_json::Value = serde_json::from_str(words).ok()?;
    let text = words.get("04000503")?.as_str()?;
    u16::from_str_radix(text, 16).ok().map(StatusWord3::from_bits)
}

/// Point, number; customer, name; meter, address; what is owed.
type Row = (i64, String, String, String, i64, String, i64);

const POINTS: &str = "SELECT p.id, p.number, c.number, c.name, m.id, m.address, \
    CAST(coalesce((SELECT a.amount_fen - coalesce((SELECT sum(y.amount_fen) FROM supply_payment y \
        WHERE y.customer_id = a.customer_id AND (y.paid_at >= a.as_of OR y.paid_at >= a.entered_at)), 0) \
        FROM supply_arrears a WHERE a.customer_id = s.customer_id), 0) AS bigint) \
    FROM supply_order_point s JOIN metering_point p ON p.id = s.point_id JOIN meter m ON m.id = s.meter_id \
    JOIN customer c ON c.id = s.customer_id WHERE s.order_id = $1 ORDER BY p.number";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_that_never_said_how_it_is_paid_for_may_trip() {
        let end = |told: Option<&str>| HoldEnd {
            point: Id::new(1),
            number: "P1".to_owned(),
            customer: ("C1".to_owned(), "x".to_owned()),
            meter: "1".to_owned(),
            told: told.map(|bits| (word(bits).unwrap(), Moment::from_micros(0))),
            owed_fen: 0,
        };
        assert!(end(None).may_trip());
        assert!(!end(Some(r#"{"04000503":"1000"}"#)).may_trip(), "postpaid, held");
        assert!(end(Some(r#"{"04000503":"1100"}"#)).may_trip(), "prepaid in energy");
        assert!(end(Some(r#"{"04000503":"1200"}"#)).may_trip(), "prepaid in money");
        assert!(end(Some(r#"{"04000503":"1080"}"#)).may_trip(), "about to trip");
        assert_eq!(word("{}"), None);
        assert_eq!(word("nothing"), None);
    }
}
