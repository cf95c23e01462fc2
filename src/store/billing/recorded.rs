//! What meters recorded of the power that flowed, and which of their registers persons have accepted all the same.

use super::load::Span;
use crate::domain::standstill;
use crate::domain::version::Decision;
use crate::domain::{Coded, DayCurve, Id, Meter, Moment, RegisterKey};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::interval;
use crate::store::sql::Sql;
use crate::store::transaction::Transaction;

/// What is known of stretches in which registers did not move.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The power, day by day.
    pub curves: Vec<DayCurve>,
    /// What was accepted in review.
    pub accepted: Vec<RegisterKey>,
}

impl Store {
    /// What meters recorded in these stretches.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn recorded_between(&self, spans: &[Span<Meter>]) -> Result<Recorded, StoreError> {
        recorded(&mut self.read("reading the power that meters recorded").await?, spans).await
    }
}

pub(super) async fn recorded(
    reading: &mut Transaction,
    spans: &[Span<Meter>],
) -> Result<Recorded, StoreError> {
    let (Some(register), Some(power), false) =
        (standstill::register(), standstill::power(), spans.is_empty())
    else {
        return Ok(Recorded::default());
    };
    let curves = interval::of_spans(reading, spans, power).await?;
    let keys: Vec<[i64; 3]> =
        spans.iter().map(|span| [span.of.number(), span.from.micros(), span.until.micros()]).collect();
    let mut args = reading.dialect().keys(&keys);
    args.extend([register.into(), Decision::Accept.code().into()]);
    let rows: Vec<(i64, i64)> = reading.rows(ACCEPTED, &args).await?;
    let key = |(meter, as_of): (i64, i64)| RegisterKey {
        meter: Id::new(meter),
        item: register,
        as_of: Moment::from_micros(as_of),
    };
    Ok(Recorded { curves, accepted: rows.into_iter().map(key).collect() })
}

const ACCEPTED: Sql = Sql {
    sqlite: "SELECT r.meter_id, r.as_of FROM json_each($1) k CROSS JOIN review r \
        WHERE r.meter_id = k.value ->> 0 AND r.item = $2 AND r.as_of BETWEEN k.value ->> 1 AND k.value ->> 2 \
            AND r.decision = $3",
    postgres: "SELECT r.meter_id, r.as_of FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) \
            AS k (meter_id, from_at, until_at) \
        JOIN review r ON r.meter_id = k.meter_id AND r.item = $4 AND r.as_of BETWEEN k.from_at AND k.until_at \
        WHERE r.decision = $5",
};
