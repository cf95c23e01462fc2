//! Whose turn it is among the meters behind terminals to be asked for their events: when each was asked last, and of which a
//! change was told since.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Store;
use super::error::StoreError;
use super::sql::{Kind, Rows, Sql, Table};
use super::transaction::Transaction;
use crate::domain::{Id, Meter, Moment};

/// Whose turn it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventTurns {
    /// When a meter was asked last. One that is not in it never was.
    pub asked: HashMap<Id<Meter>, Moment>,
    /// Meters of which their terminal has told something since.
    pub changed: HashSet<Id<Meter>>,
}

impl Store {
    /// Whose turn it is among these meters. What was told of them counts when its code (ERC) is one of `codes`.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn event_turns(&self, meters: &[Id<Meter>], codes: &[u8]) -> Result<EventTurns, StoreError> {
        let mut reading = self.read("reading whose turn it is to be asked for events").await?;
        let dialect = reading.dialect();
        let meters = dialect.array(meters.iter().map(|meter| Some(meter.number())));
        let codes = dialect.array(codes.iter().map(|code| Some(i64::from(*code))));
        let asked: Vec<(i64, i64)> = reading.rows(ASKED, &[meters.as_str().into()]).await?;
        let changed: Vec<(i64,)> =
            reading.rows(CHANGED, &[meters.as_str().into(), codes.as_str().into()]).await?;
        Ok(EventTurns {
            asked: asked.into_iter().map(|(meter, at)| (Id::new(meter), Moment::from_micros(at))).collect(),
            changed: changed.into_iter().map(|(meter,)| Id::new(meter)).collect(),
        })
    }
}

/// Keeps who was asked.
pub(super) async fn save(writing: &mut Transaction, turns: &[(Id<Meter>, Moment)]) -> Result<(), StoreError> {
    // One statement may change a row once only.
    let mut last: BTreeMap<i64, Moment> = BTreeMap::new();
    for (meter, at) in turns {
        let newest = last.entry(meter.number()).or_insert(*at);
        *newest = (*newest).max(*at);
    }
    let mut rows = Rows::new(&TURN);
    for (meter, at) in last {
        rows.push([meter.into(), at.into()]);
    }
    writing.insert(&TURN, &rows).await.map(|_| ())
}

const TURN: Table = Table {
    name: "event_turn",
    columns: &[("meter_id", Kind::Int), ("asked_at", Kind::Int)],
    on_conflict: "(meter_id) DO UPDATE SET asked_at = excluded.asked_at \
        WHERE excluded.asked_at > event_turn.asked_at",
};

const ASKED: Sql = Sql {
    sqlite: "SELECT meter_id, asked_at FROM event_turn WHERE meter_id IN (SELECT value FROM json_each($1))",
    postgres: "SELECT meter_id, asked_at FROM event_turn WHERE meter_id = ANY ($1::bigint[])",
};

const CHANGED: Sql = Sql {
    sqlite: "SELECT DISTINCT e.meter_id FROM terminal_event e LEFT JOIN event_turn t ON t.meter_id = e.meter_id \
        WHERE e.meter_id IN (SELECT value FROM json_each($1)) AND e.code IN (SELECT value FROM json_each($2)) \
        AND e.collected_at > coalesce(t.asked_at, 0)",
    postgres: "SELECT DISTINCT e.meter_id FROM terminal_event e LEFT JOIN event_turn t ON t.meter_id = e.meter_id \
        WHERE e.meter_id = ANY ($1::bigint[]) AND e.code = ANY ($2::bigint[]) \
        AND e.collected_at > coalesce(t.asked_at, 0)",
};
