//! Facts about the service as a whole, for whoever watches it from outside: few, cheap, and of no customer.

use super::billing::OutboxState;
use super::error::StoreError;
use super::{Dialect, Sql, Store, code, migrate};
use crate::domain::supply::HaltKind;
use crate::domain::{Day, Moment, RunState};
use crate::store::engine::Engine;

/// What the database knows of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceFacts {
    /// The schema of the database.
    pub schema: i64,
    /// The outbox, by receiver and state.
    pub outbox: Vec<OutboxFact>,
    /// The newest night; `None` before the first one.
    pub night: Option<NightFact>,
    /// Points of supply orders of which nobody knows what became of them.
    pub unknown_orders: u64,
    /// Since when the oldest of them is unknown.
    pub unknown_since: Option<Moment>,
    /// What keeps all cuts back.
    pub halts: Vec<HaltKind>,
    /// Suspect reads that wait for a person.
    pub open_reviews: u64,
    /// When the newest backup was made, of the last forty days.
    pub backed_up_at: Option<Moment>,
}

/// How many versions are in a state with a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxFact {
    /// The receiver.
    pub receiver: String,
    /// How far they are.
    pub state: OutboxState,
    /// How many.
    pub versions: u64,
    /// The oldest midnight or beginning of a day among them.
    pub oldest: Option<Moment>,
}

/// How a night went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NightFact {
    /// The day whose beginning is read.
    pub day: Day,
    /// How it stands.
    pub state: RunState,
    /// When it ended.
    pub ended_at: Option<Moment>,
    /// Meters it was planned for.
    pub planned: u64,
    /// Meters that were read.
    pub read: u64,
    /// Meters that are missing.
    pub missing: u64,
}

/// How the connections to the database are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// At most.
    pub most: u32,
    /// Open.
    pub open: u32,
    /// Of these, not in use.
    pub idle: u32,
}

impl Store {
    /// The facts of now.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn service_facts(&self, now: Moment) -> Result<ServiceFacts, StoreError> {
        let mut reading = self.read("reading facts about the service").await?;
        let schema = migrate::found(&mut reading).await?;
        let rows: Vec<(String, i64, i64, i64)> = reading.rows(OUTBOX, &[]).await?;
        let outbox = rows.into_iter().map(|(receiver, state, versions, oldest)| {
            let oldest = Some(Moment::from_micros(oldest));
            Ok(OutboxFact {
                receiver,
                state: code("outbox_state", state)?,
                versions: count(versions),
                oldest,
            })
        });
        let outbox = outbox.collect::<Result<_, StoreError>>()?;
        let night: Option<(i64, i64, i64, i64, Option<i64>)> = reading.row(NIGHT, &[]).await?;
        let night = match night {
            None => None,
            Some((id, day, state, planned, ended)) => {
                let rows: Vec<(i64, i64)> = reading.rows(NIGHT_METERS, &[id.into()]).await?;
                let of = |outcome| {
                    rows.iter().find(|(found, _)| *found == outcome).map_or(0, |(_, meters)| count(*meters))
                };
                let unknown = || StoreError::Unknown { list: "day", found: day.to_string() };
                Some(NightFact {
                    day: Day::from_number(day).ok_or_else(unknown)?,
                    state: code("run_state", state)?,
                    ended_at: ended.map(Moment::from_micros),
                    planned: count(planned),
                    read: of(READ),
                    missing: of(MISSING),
                })
            }
        };
        let (unknown, since): (i64, Option<i64>) = reading.row(UNKNOWN, &[]).await?.unwrap_or_default();
        let halts = super::supply::halts_in_force(&mut reading).await?;
        let (reviews,): (i64,) = reading.row(REVIEWS, &[]).await?.unwrap_or_default();
        let from = now.minus(BACKUPS_WITHIN).micros();
        let backed_up: Option<(i64,)> =
            reading.row(LAST_BACKUP, &[i64::MAX.into()]).await?.filter(|(at,): &(i64,)| *at >= from);
        Ok(ServiceFacts {
            schema,
            outbox,
            night,
            unknown_orders: count(unknown),
            unknown_since: since.map(Moment::from_micros),
            halts,
            open_reviews: count(reviews),
            backed_up_at: backed_up.map(|(at,)| Moment::from_micros(at)),
        })
    }

    /// When the last backup up to `now` was made that succeeded; `None` where none was noted.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn last_backup(&self, now: Moment) -> Result<Option<Moment>, StoreError> {
        let mut reading = self.read("reading when a backup was made").await?;
        let row: Option<(i64,)> = reading.row(LAST_BACKUP, &[now.into()]).await?;
        Ok(row.map(|(at,)| Moment::from_micros(at)))
    }

    /// Whether work can be done: the schema is ours, and something could be written. Nothing is.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or takes no writes, or another version has changed it.
    pub async fn ready(&self) -> Result<(), StoreError> {
        let mut writing = self.write("asking whether the database is ready").await?;
        let found = migrate::found(&mut writing).await?;
        let known = migrate::newest();
        match found.cmp(&known) {
            std::cmp::Ordering::Less => return Err(StoreError::OlderSchema { found, needed: known }),
            std::cmp::Ordering::Greater => return Err(StoreError::NewerSchema { found, known }),
            std::cmp::Ordering::Equal => {}
        }
        // Undone when the transaction is dropped.
        writing.execute("UPDATE opening SET number = number", &[]).await?;
        // So little may go into a disk that takes nothing else.
        self.fullness.check("asking whether the database is ready")
    }

    /// How the connections are used.
    #[must_use]
    pub fn connections(&self) -> Connections {
        let idle = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        match &self.engine {
            Engine::Sqlite { writer, readers } => Connections {
                most: writer.options().get_max_connections() + readers.options().get_max_connections(),
                open: writer.size() + readers.size(),
                idle: idle(writer.num_idle() + readers.num_idle()),
            },
            Engine::Postgres { pool, .. } => Connections {
                most: pool.options().get_max_connections(),
                open: pool.size(),
                idle: idle(pool.num_idle()),
            },
        }
    }

    /// Whether it is a server of its own, which may be on another machine.
    #[must_use]
    pub fn is_server(&self) -> bool {
        self.dialect() == Dialect::Postgres
    }
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

const READ: i64 = 1;
const MISSING: i64 = 2;
/// How far back backups are looked for.
const BACKUPS_WITHIN: std::time::Duration = std::time::Duration::from_secs(40 * 86_400);

const OUTBOX: Sql = Sql {
    sqlite: "SELECT receiver, state, sum(versions), min(at) FROM outbox_count WHERE versions > 0 \
        GROUP BY receiver, state ORDER BY receiver, state",
    postgres: "SELECT receiver, state, sum(versions)::bigint, min(at) FROM outbox_count WHERE versions > 0 \
        GROUP BY receiver, state ORDER BY receiver, state",
};

const NIGHT: &str = "SELECT id, day, state, planned, ended_at FROM run WHERE kind = 1 ORDER BY day DESC, started_at DESC LIMIT 1";

const NIGHT_METERS: Sql = Sql {
    sqlite: "SELECT outcome, sum(meters) FROM run_count WHERE run_id = $1 GROUP BY outcome",
    postgres: "SELECT outcome, sum(meters)::bigint FROM run_count WHERE run_id = $1 GROUP BY outcome",
};

const UNKNOWN: &str = "SELECT count(*), min(changed_at) FROM supply_order_point WHERE state = 8";

const REVIEWS: &str = "SELECT count(*) FROM review WHERE closed_at IS NULL";

/// By the name of the action: how far back it is does not matter. What a clock that ran ahead has noted is left out by its time.
const LAST_BACKUP: Sql = Sql {
    sqlite: "SELECT at FROM audit WHERE action = 'backup.make' AND result = 'done' AND at <= $1 ORDER BY number DESC LIMIT 1",
    postgres: "SELECT at FROM audit WHERE action COLLATE \"C\" = 'backup.make' AND result = 'done' AND at <= $1 ORDER BY number DESC LIMIT 1",
};
