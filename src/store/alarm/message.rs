//! Messages of alarms on their way out of the site.

use super::{AlarmRecord, list};
use crate::domain::{Coded, Id, Moment, Severity};
use crate::store::error::{Refusal, StoreError};
use crate::store::sql::Dialect;
use crate::store::transaction::Transaction;
use crate::store::{Store, code};

/// What a message tells of its alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tells {
    /// It was raised.
    Raised,
    /// It is open, and nobody has acknowledged it yet.
    Repeated,
    /// What it told of has ended.
    Ended,
}

impl Coded for Tells {
    const TABLE: &'static [(Self, i64, &'static str)] =
        &[(Self::Raised, 1, "raised"), (Self::Repeated, 2, "repeated"), (Self::Ended, 3, "ended")];
}

/// How far a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageState {
    /// It waits to be sent.
    Waiting,
    /// It is being sent; what became of it is not known yet.
    Leased,
    /// The channel took it.
    Delivered,
    /// It is not sent: there is no such channel any more, or nobody needs to be told again.
    Withdrawn,
}

impl Coded for MessageState {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Waiting, 1, "waiting"),
        (Self::Leased, 2, "leased"),
        (Self::Delivered, 3, "delivered"),
        (Self::Withdrawn, 4, "withdrawn"),
    ];
}

/// A message to be sent; sent again, it has the same number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The alarm as it stands now.
    pub alarm: AlarmRecord,
    /// Which message of it on this channel, from 1.
    pub number: u32,
    /// What it tells.
    pub tells: Tells,
    /// How often it was sent, this time with it.
    pub tries: u32,
}

impl Message {
    /// What tells it from other messages of its channel: `17.1` is the first one of alarm 17.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}.{}", self.alarm.id, self.number)
    }
}

/// Messages of one channel that are nobody else's until the lease runs out. What became of them is told by
/// [`Store::end_alarm_lease`]; a lease that runs out makes them wait again under the same numbers, so that nothing is
/// lost, and who sees a number twice knows that it is the same message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Shows that it is still ours.
    pub token: i64,
    /// In the order in which they are to be told.
    pub messages: Vec<Message>,
    /// They are all of one kind and tell the same, and are to be told in one.
    pub is_flood: bool,
}

/// How much is leased at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Take {
    /// How many messages at most, where there is no flood.
    pub at_most: u32,
    /// How many of one kind must wait to be a flood, which is leased as a whole; `None` where none is told in one.
    /// Critical alarms never are one.
    pub flood_above: Option<u32>,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseEnd {
    /// The channel took it.
    Delivered {
        /// When the alarm is told again, unless somebody acknowledges it.
        repeat_at: Option<Moment>,
    },
    /// Not known to be taken: send it again from then on.
    Again {
        /// From when on.
        next_at: Moment,
        /// Why.
        error: String,
    },
    /// It was not sent, since others took the room: it waits as before.
    NotSent,
}

/// A channel and how it gets on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmChannel {
    /// Its name in the configuration.
    pub name: String,
    /// From which severity on it is told.
    pub least: Severity,
    /// How many messages wait.
    pub waiting: u64,
    /// Why the last one of them did not get through.
    pub last_error: Option<String>,
    /// When it took the last message.
    pub last_delivered: Option<Moment>,
}

impl Store {
    /// Sets the channels that new alarms go to, each from a severity on. What waits for a channel that is no more is
    /// withdrawn.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn set_alarm_channels(
        &self,
        channels: &[(&str, Severity)],
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut writing = self.write("setting the channels of alarms").await?;
        lock(&mut writing).await?;
        writing.execute("DELETE FROM alarm_channel", &[]).await?;
        for (name, least) in channels {
            let args = [(*name).into(), least.code().into()];
            writing.execute("INSERT INTO alarm_channel (name, least) VALUES ($1, $2)", &args).await?;
        }
        writing.execute(WITHDRAW, &[now.into()]).await?;
        writing.commit().await
    }

    /// The channels and how they get on.
    ///
    /// # Errors
    /// As [`Self::set_alarm_channels`].
    pub async fn alarm_channels(&self) -> Result<Vec<AlarmChannel>, StoreError> {
        let mut reading = self.read("reading the channels of alarms").await?;
        let rows: Vec<ChannelRow> = reading.rows(CHANNELS, &[]).await?;
        let channel = |(name, least, waiting, last_error, last): ChannelRow| {
            Ok(AlarmChannel {
                name,
                least: code("alarm_severity", least)?,
                waiting: u64::try_from(waiting).unwrap_or(0),
                last_error,
                last_delivered: last.map(Moment::from_micros),
            })
        };
        rows.into_iter().map(channel).collect()
    }

    /// Leases messages of a channel, until the given instant: the gravest alarms first, then the oldest, and none before
    /// an earlier message of the same alarm. Where no critical one waits, a flood goes first.
    ///
    /// # Errors
    /// As [`Self::set_alarm_channels`].
    pub async fn lease_alarm_messages(
        &self,
        channel: &str,
        take: Take,
        until: Moment,
        now: Moment,
    ) -> Result<Lease, StoreError> {
        let args = [channel.into(), now.into(), i64::from(take.at_most).into()];
        let token = self.numbers.next(now);
        // Most often there is nothing, and nobody who writes need wait for that.
        let mut reading = self.read("looking for messages of alarms").await?;
        if reading.row::<ReadyRow>(READY, &args).await?.is_none() {
            return Ok(Lease { token, messages: Vec::new(), is_flood: false });
        }
        drop(reading);
        let mut writing = self.write("leasing messages of alarms").await?;
        lock(&mut writing).await?;
        let mut rows: Vec<ReadyRow> = writing.rows(READY, &args).await?;
        let is_grave = rows.first().is_some_and(|(.., severity)| *severity >= Severity::Critical.code());
        let flood = match take.flood_above {
            Some(above) if !is_grave => flood(&mut writing, channel, above, now).await?,
            _ => Vec::new(),
        };
        let is_flood = !flood.is_empty();
        if is_flood {
            rows = flood;
        }
        let mut messages = Vec::with_capacity(rows.len());
        for (id, number, tells, tries, _) in rows {
            let args = [id.into(), channel.into(), number.into(), token.into(), until.into()];
            writing.execute(LEASED, &args).await?;
            let alarm = list::one(&mut writing, Id::new(id)).await?;
            messages.push(Message {
                alarm: alarm.ok_or(StoreError::Refused(Refusal::NotThere))?,
                number: u32::try_from(number).unwrap_or(u32::MAX),
                tells: code("alarm_tells", tells)?,
                tries: u32::try_from(tries + 1).unwrap_or(u32::MAX),
            });
        }
        writing.commit().await?;
        Ok(Lease { token, messages, is_flood })
    }

    /// Takes what became of leased messages. What is no longer under this lease stays as it is.
    ///
    /// # Errors
    /// As [`Self::set_alarm_channels`]; then they are sent again when the lease has run out.
    pub async fn end_alarm_lease(
        &self,
        channel: &str,
        lease: &Lease,
        end: impl Fn(&Message) -> LeaseEnd + Send,
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut writing = self.write("noting what became of messages of alarms").await?;
        for message in &lease.messages {
            let mut args = vec![
                message.alarm.id.into(),
                channel.into(),
                i64::from(message.number).into(),
                lease.token.into(),
            ];
            match end(message) {
                LeaseEnd::Delivered { repeat_at } => {
                    args.extend([now.into(), repeat_at.map(Moment::micros).into()]);
                    writing.execute(TAKEN, &args).await?;
                }
                LeaseEnd::Again { next_at, error } => {
                    args.extend([next_at.into(), error.into()]);
                    writing.execute(NOT_TAKEN, &args).await?;
                }
                LeaseEnd::NotSent => {
                    args.push(now.into());
                    writing.execute(NOT_SENT, &args).await?;
                }
            }
        }
        writing.commit().await
    }

    /// Has what waits for a channel be sent at once, since it takes messages again.
    ///
    /// # Errors
    /// As [`Self::set_alarm_channels`].
    pub async fn resume_alarm_channel(&self, channel: &str, now: Moment) -> Result<(), StoreError> {
        let mut writing = self.write("sending alarms that wait").await?;
        writing.execute(RESUME, &[channel.into(), now.into()]).await?;
        writing.commit().await
    }

    /// Has alarms told again that are open, were told long enough ago and were acknowledged by nobody; says how many
    /// messages that are.
    ///
    /// # Errors
    /// As [`Self::set_alarm_channels`].
    pub async fn repeat_alarms(&self, now: Moment) -> Result<u64, StoreError> {
        let mut reading = self.read("looking for alarms to tell again").await?;
        let due: Option<(i64,)> = reading.row(IS_DUE, &[now.into()]).await?;
        drop(reading);
        if due.is_none() {
            return Ok(0);
        }
        let mut writing = self.write("telling alarms again").await?;
        lock(&mut writing).await?;
        let put = writing.execute(REPEAT, &[now.into()]).await?;
        writing.execute(REPEATED, &[now.into()]).await?;
        writing.commit().await?;
        Ok(put)
    }
}

/// Name, least severity, messages that wait, last error, last delivery.
type ChannelRow = (String, i64, i64, Option<String>, Option<i64>);

/// Alarm, number, what it tells, tries, severity.
type ReadyRow = (i64, i64, i64, i64, i64);

/// Messages that tell the same of alarms of one kind, when more of them wait than this; the beginnings of alarms before
/// their ends.
async fn flood(
    writing: &mut Transaction,
    channel: &str,
    above: u32,
    now: Moment,
) -> Result<Vec<ReadyRow>, StoreError> {
    let args = [channel.into(), now.into(), i64::from(above).into()];
    let Some((kind, tells)) = writing.row::<(i64, i64)>(FLOOD, &args).await? else { return Ok(Vec::new()) };
    let args = [channel.into(), now.into(), kind.into(), tells.into(), MOST_SUMMED.into()];
    writing.rows(OF_FLOOD, &args).await
}

/// Puts the first message of an alarm out for every channel that wants its severity.
pub(super) async fn put(
    writing: &mut Transaction,
    alarm: i64,
    severity: Severity,
    now: Moment,
) -> Result<(), StoreError> {
    writing.execute(PUT, &[alarm.into(), severity.code().into(), now.into()]).await?;
    Ok(())
}

/// Puts the last message of an alarm out for every channel that was told of it.
pub(super) async fn put_end(writing: &mut Transaction, alarm: i64, now: Moment) -> Result<(), StoreError> {
    writing.execute(PUT_END, &[alarm.into(), now.into()]).await?;
    Ok(())
}

/// Lets one at a time lease and repeat; SQLite has one writer anyway.
async fn lock(writing: &mut Transaction) -> Result<(), StoreError> {
    if writing.dialect() == Dialect::Postgres {
        writing.execute("SELECT pg_advisory_xact_lock(645200719970011)", &[]).await?;
    }
    Ok(())
}

const PUT: &str = "INSERT INTO alarm_message (alarm_id, channel, number, tells, state, next_at, tries) \
    SELECT $1, name, 1, 1, 1, $3, 0 FROM alarm_channel WHERE least <= $2";

const PUT_END: &str = "INSERT INTO alarm_message (alarm_id, channel, number, tells, state, next_at, tries) \
    SELECT alarm_id, channel, max(number) + 1, 3, 1, $2, 0 FROM alarm_message \
    WHERE alarm_id = $1 AND channel IN (SELECT name FROM alarm_channel) GROUP BY alarm_id, channel";

const WITHDRAW: &str = "UPDATE alarm_message SET state = 4, lease = NULL, done_at = $1 \
    WHERE state IN (1, 2) AND channel NOT IN (SELECT name FROM alarm_channel)";

const CHANNELS: &str = "SELECT c.name, c.least, \
        (SELECT count(*) FROM alarm_message m WHERE m.channel = c.name AND m.state IN (1, 2)), \
        (SELECT m.last_error FROM alarm_message m WHERE m.channel = c.name AND m.state IN (1, 2) \
            AND m.last_error IS NOT NULL ORDER BY m.next_at DESC LIMIT 1), \
        (SELECT max(m.done_at) FROM alarm_message m WHERE m.channel = c.name AND m.state = 3) \
    FROM alarm_channel c ORDER BY c.name";

const READY: &str = "SELECT m.alarm_id, m.number, m.tells, m.tries, a.severity FROM alarm_message m \
    JOIN alarm a ON a.id = m.alarm_id \
    WHERE m.channel = $1 AND m.state IN (1, 2) AND m.next_at <= $2 \
        AND NOT EXISTS (SELECT 1 FROM alarm_message e WHERE e.alarm_id = m.alarm_id AND e.channel = m.channel \
            AND e.number < m.number AND e.state IN (1, 2) AND e.next_at > $2) \
    ORDER BY a.severity DESC, m.alarm_id, m.number LIMIT $3";

/// Which kind there is a flood of.
const FLOOD: &str = "SELECT a.kind, m.tells FROM alarm_message m JOIN alarm a ON a.id = m.alarm_id \
    WHERE m.channel = $1 AND m.state IN (1, 2) AND m.next_at <= $2 AND a.severity < 3 \
        AND NOT EXISTS (SELECT 1 FROM alarm_message e WHERE e.alarm_id = m.alarm_id AND e.channel = m.channel \
            AND e.number < m.number AND e.state IN (1, 2)) \
    GROUP BY a.kind, m.tells HAVING count(*) > $3 ORDER BY m.tells, count(*) DESC, a.kind LIMIT 1";

const OF_FLOOD: &str = "SELECT m.alarm_id, m.number, m.tells, m.tries, a.severity FROM alarm_message m \
    JOIN alarm a ON a.id = m.alarm_id \
    WHERE m.channel = $1 AND m.state IN (1, 2) AND m.next_at <= $2 AND a.severity < 3 \
        AND a.kind = $3 AND m.tells = $4 \
        AND NOT EXISTS (SELECT 1 FROM alarm_message e WHERE e.alarm_id = m.alarm_id AND e.channel = m.channel \
            AND e.number < m.number AND e.state IN (1, 2)) \
    ORDER BY m.alarm_id LIMIT $5";

const LEASED: &str = "UPDATE alarm_message SET state = 2, lease = $4, next_at = $5, tries = tries + 1 \
    WHERE alarm_id = $1 AND channel = $2 AND number = $3";

const TAKEN: &str = "UPDATE alarm_message SET state = 3, lease = NULL, last_error = NULL, done_at = $5, repeat_at = $6 \
    WHERE alarm_id = $1 AND channel = $2 AND number = $3 AND state = 2 AND lease = $4";

const NOT_TAKEN: &str = "UPDATE alarm_message SET state = 1, lease = NULL, next_at = $5, last_error = $6 \
    WHERE alarm_id = $1 AND channel = $2 AND number = $3 AND state = 2 AND lease = $4";

const NOT_SENT: &str = "UPDATE alarm_message SET state = 1, lease = NULL, next_at = $5, tries = tries - 1 \
    WHERE alarm_id = $1 AND channel = $2 AND number = $3 AND state = 2 AND lease = $4";

const RESUME: &str =
    "UPDATE alarm_message SET next_at = $2 WHERE channel = $1 AND state = 1 AND next_at > $2";

const IS_DUE: &str = "SELECT alarm_id FROM alarm_message WHERE repeat_at <= $1 LIMIT 1";

const REPEAT: &str = "INSERT INTO alarm_message (alarm_id, channel, number, tells, state, next_at, tries) \
    SELECT m.alarm_id, m.channel, m.number + 1, 2, 1, $1, 0 FROM alarm_message m \
        JOIN alarm a ON a.id = m.alarm_id JOIN alarm_channel c ON c.name = m.channel \
    WHERE m.repeat_at <= $1 AND a.ended_at IS NULL AND a.acknowledged_at IS NULL \
    ON CONFLICT DO NOTHING";

/// How many of a flood go in one: leasing them is one transaction.
const MOST_SUMMED: i64 = 1000;

const REPEATED: &str = "UPDATE alarm_message SET repeat_at = NULL WHERE repeat_at <= $1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_their_own() {
        for (state, code, name) in MessageState::TABLE {
            assert_eq!((state.code(), MessageState::from_name(name)), (*code, Some(*state)));
        }
        for (tells, code, name) in Tells::TABLE {
            assert_eq!((tells.code(), Tells::from_name(name)), (*code, Some(*tells)));
        }
        assert_eq!((MessageState::TABLE.len(), Tells::TABLE.len()), (4, 3));
    }
}
