//! What a person has said of the clock of this machine where no meter could bear it out (F14, F33).
//!
//! A site may be so small, or its meters so badly looked after, that none of their clocks shows the time of ours. Nobody can
//! tell then whose clock is off. A person who has compared the clock of this machine with a time service can, once: what the
//! sessions just before showed is then how far the meters are off, and from then on those bear our clock out that still are.

use std::collections::HashMap;
use std::time::Duration;

use dlt645::address::MeterAddress;

use super::Store;
use super::audit;
use super::clock_step;
use super::error::StoreError;
use super::session::offset;
use super::sql::{Kind, Rows, Sql, Table};
use super::transaction::Transaction;
use crate::domain::access::Acting;
use crate::domain::{AuditEntry, ClockOffset, Id, Meter, Moment};

impl Store {
    /// The meters whose last session was in doubt of our clock and not long before `now`, with what it showed, by address. What
    /// was before our clock was set says nothing of it as it is now.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn doubted_clocks(&self, now: Moment) -> Result<Vec<(MeterAddress, ClockOffset)>, StoreError> {
        let mut reading = self.read("reading clocks that are in doubt").await?;
        let since = lately(&mut reading, now).await?;
        let rows: Vec<(String, i64, i64, i64)> = reading.rows(DOUBTED, &[since.into()]).await?;
        let known = |(address, at, fast, wrong): (String, i64, i64, i64)| -> Result<_, StoreError> {
            let unknown = || StoreError::Unknown { list: "meter address", found: address.clone() };
            Ok((address.parse().map_err(|_| unknown())?, offset(at, fast, wrong)))
        };
        rows.into_iter().map(known).collect()
    }

    /// Keeps that a person has confirmed the clock of this machine, in the audit log, too. What sessions up to a day and a half
    /// before showed, since the clock was set last, is how far the meters are off.
    ///
    /// # Errors
    /// As [`Self::doubted_clocks`].
    pub async fn confirm_clock(&self, acting: &Acting, detail: &str, now: Moment) -> Result<(), StoreError> {
        let mut writing = self.write("confirming the clock of this machine").await?;
        let mut rows = Rows::new(&CONFIRMED);
        rows.push([now.into(), acting.name.as_str().into()]);
        writing.insert(&CONFIRMED, &rows).await?;
        let entry = AuditEntry::by(acting, now, "clock.confirm", "clock of this machine").saying(detail);
        audit::append(&mut writing, &entry).await?;
        writing.commit().await
    }

    /// How far these meters were off when a person last confirmed our clock; of those alone that were asked not long before.
    ///
    /// # Errors
    /// As [`Self::doubted_clocks`].
    pub async fn confirmed_clocks(
        &self,
        meters: &[Id<Meter>],
    ) -> Result<HashMap<Id<Meter>, ClockOffset>, StoreError> {
        let mut reading = self.read("reading clocks that a person has confirmed").await?;
        let Some((Some(at),)) = reading.row::<(Option<i64>,)>(LAST, &[]).await? else {
            return Ok(HashMap::new());
        };
        let keys: Vec<[i64; 1]> = meters.iter().map(|meter| [meter.number()]).collect();
        let mut args = reading.dialect().keys(&keys);
        let at = Moment::from_micros(at);
        args.extend([lately(&mut reading, at).await?.into(), at.into()]);
        let rows: Vec<(i64, i64, i64, i64)> = reading.rows(BEFORE, &args).await?;
        Ok(rows
            .into_iter()
            .map(|(meter, at, fast, wrong)| (Id::new(meter), offset(at, fast, wrong)))
            .collect())
    }
}

/// From when on sessions say how far meters are off a clock that shows `now`.
async fn lately(reading: &mut Transaction, now: Moment) -> Result<Moment, StoreError> {
    let set = clock_step::last_set(reading, now).await?;
    Ok(set.into_iter().fold(now.minus(NOT_LONG), Ord::max))
}

/// A night and the day behind it.
const NOT_LONG: Duration = Duration::from_secs(36 * 3600);

const CONFIRMED: Table = Table {
    name: "clock_confirmed",
    columns: &[("at", Kind::Int), ("confirmed_by", Kind::Text)],
    on_conflict: "DO NOTHING",
};

const DOUBTED: &str = "SELECT m.address, c.at, c.fast_us, c.uncertainty_us FROM clock_ledger c JOIN meter m ON m.id = c.meter_id \
    WHERE c.is_doubted = 1 AND c.at > $1 \
    AND NOT EXISTS (SELECT 1 FROM clock_outdated o WHERE o.meter_id = c.meter_id AND o.at = c.at) \
    AND c.at = (SELECT max(e.at) FROM clock_ledger e WHERE e.meter_id = c.meter_id \
        AND NOT EXISTS (SELECT 1 FROM clock_outdated o WHERE o.meter_id = e.meter_id AND o.at = e.at)) ORDER BY m.address";

const LAST: &str = "SELECT max(at) FROM clock_confirmed";

const BEFORE: Sql = Sql {
    sqlite: "SELECT c.meter_id, c.at, c.fast_us, c.uncertainty_us FROM json_each($1) k CROSS JOIN clock_ledger c \
        WHERE c.meter_id = k.value ->> 0 AND c.at = (SELECT max(e.at) FROM clock_ledger e \
        WHERE e.meter_id = k.value ->> 0 AND e.at > $2 AND e.at <= $3 \
        AND NOT EXISTS (SELECT 1 FROM clock_outdated o WHERE o.meter_id = e.meter_id AND o.at = e.at))",
    postgres: "SELECT c.meter_id, c.at, c.fast_us, c.uncertainty_us FROM unnest($1::bigint[]) AS k (meter_id) \
        CROSS JOIN LATERAL (SELECT * FROM clock_ledger e WHERE e.meter_id = k.meter_id AND e.at > $2 AND e.at <= $3 \
        AND NOT EXISTS (SELECT 1 FROM clock_outdated o WHERE o.meter_id = e.meter_id AND o.at = e.at) ORDER BY e.at DESC LIMIT 1) c",
};
