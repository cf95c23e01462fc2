//! Takes messages from the outbox to their channels, for as long as the program runs.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::SendError;
use super::mail::{self, Refused};
use super::text;
use super::webhook::Post;
use crate::clock::Clock;
use crate::config::{AlarmChannel, AlarmWay, Alarms, Robot};
use crate::domain::{Alarm, AlarmKind, Moment, Severity};
use crate::failpoint::{self, Side};
use crate::store::alarm::{Lease, LeaseEnd, Message, Take, Tells};
use crate::store::{Store, StoreError};
use crate::telemetry::with_causes;

/// Sends alarms on every channel until `stop`. What is being sent then is brought to its end.
pub async fn run(store: &Store, clock: &Clock, alarms: &Alarms, stop: &CancellationToken) {
    let couriers = alarms.channels.iter().map(|channel| {
        let refused = Vec::new();
        let courier = Courier { store, clock, channel, was_down: true, refused, away: None };
        courier.work(stop)
    });
    tokio::join!(join_all(couriers), repeat(store, clock, stop));
}

/// Has alarms told again that nobody acknowledges.
async fn repeat(store: &Store, clock: &Clock, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = store.repeat_alarms(clock.now()).await {
            tracing::warn!(kind = error.kind(), "alarms could not be told again: {}", with_causes(&error));
        }
        pause(clock, stop, REPEATS).await;
    }
}

/// Serves one channel.
struct Courier<'a> {
    store: &'a Store,
    clock: &'a Clock,
    channel: &'a AlarmChannel,
    /// It did not take the last message, or it is not known yet whether it takes any.
    was_down: bool,
    /// Whose mailboxes the last letter was not taken for, as far as that was told.
    refused: Vec<Refused>,
    /// Since when the database does not answer, and whether that was told.
    away: Option<(Instant, bool)>,
}

impl Courier<'_> {
    async fn work(mut self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let wait = match self.round().await {
                Ok(is_sent) => {
                    self.away = None;
                    if is_sent { SPACE } else { LOOK_AGAIN }
                }
                Err(error) => {
                    let channel = self.channel.name.as_str();
                    tracing::error!(channel, kind = error.kind(), "alarms wait: {}", with_causes(&error));
                    self.tell_that_the_store_is_away().await;
                    STORE_AGAIN
                }
            };
            pause(self.clock, stop, wait).await;
        }
    }

    /// Sends what waits, as much as goes into one message; says whether something was sent.
    async fn round(&mut self) -> Result<bool, StoreError> {
        let (channel, now) = (self.channel, self.clock.now());
        let until = now.plus(channel.within * steps(&channel.way));
        let lease = self.store.lease_alarm_messages(&channel.name, take(&channel.way), until, now).await?;
        if lease.messages.is_empty() {
            return Ok(false);
        }
        let (sent, count) = self.send(&lease, now).await;
        let now = self.clock.now();
        let error = sent.as_ref().err().map(|error| shortened(&with_causes(error)));
        let told: Vec<String> = lease.messages.iter().take(count).map(Message::key).collect();
        let end = |message: &Message| match &error {
            // What did not fit goes with the next one.
            _ if !told.contains(&message.key()) => LeaseEnd::NotSent,
            None => LeaseEnd::Delivered { repeat_at: repeat_at(channel, message, now) },
            Some(error) => {
                LeaseEnd::Again { next_at: now.plus(back_off(message.tries)), error: error.clone() }
            }
        };
        self.store.end_alarm_lease(&channel.name, &lease, end, now).await?;
        let tries = lease.messages.iter().map(|message| message.tries).max().unwrap_or(0);
        self.note(sent, tries, now).await?;
        Ok(true)
    }

    /// Says so, when a channel begins or ceases to be down, as a whole or for one of those who are written to.
    async fn note(&mut self, sent: Sent, tries: u32, now: Moment) -> Result<(), StoreError> {
        let channel = self.channel.name.as_str();
        let subject = format!("channel {channel}");
        let is_down = |zh: &str, en: &str| {
            Alarm::new(AlarmKind::ChannelDown, subject.as_str(), now).saying(&shortened(zh), &shortened(en))
        };
        match sent {
            Ok(refused) => {
                if self.was_down {
                    self.store.resume_alarm_channel(channel, now).await?;
                }
                if refused.is_empty() && (self.was_down || !self.refused.is_empty()) {
                    self.store.clear_alarm(AlarmKind::ChannelDown, &subject, now).await?;
                } else if refused != self.refused {
                    let said = mail::told(&refused);
                    tracing::warn!(channel, "a letter was not taken for {said}");
                    let (zh, en) = (format!("邮箱被拒收：{said}"), format!("no letter is taken for {said}"));
                    self.store.raise_alarm(&is_down(&zh, &en)).await?;
                }
                (self.was_down, self.refused) = (false, refused);
            }
            Err(error) => {
                tracing::warn!(channel, kind = error.kind(), tries, "alarms did not get through: {error}");
                (self.was_down, self.refused) = (true, Vec::new());
                if tries == DOWN_AFTER {
                    let said = error.to_string();
                    self.store.raise_alarm(&is_down(&said, &said)).await?;
                }
            }
        }
        Ok(())
    }

    /// Sends as many messages as fit together, or what sums them up; says how many those were.
    async fn send(&self, lease: &Lease, now: Moment) -> (Sent, usize) {
        let (within, messages) = (self.channel.within, lease.messages.as_slice());
        match &self.channel.way {
            AlarmWay::Webhook(webhook) => {
                let (post, count) = if lease.is_flood {
                    (Post::saying(webhook, &text::summed(messages), &[], now), messages.len())
                } else {
                    Post::of(webhook, messages, now)
                };
                (blocking(move || post.send(within).map(|()| Vec::new())).await, count)
            }
            AlarmWay::Mail(mail) => {
                let letter = if lease.is_flood { mail::summed } else { mail::letter };
                match letter(mail, messages, now) {
                    Ok((letter, count)) => {
                        let mail = mail.clone();
                        (blocking(move || mail::send(&mail, &letter, within)).await, count)
                    }
                    Err(error) => (Err(error), messages.len()),
                }
            }
        }
    }

    /// Without the database no alarm can be kept: that it is away is told from memory, once for each time.
    async fn tell_that_the_store_is_away(&mut self) {
        let (since, is_told) = *self.away.get_or_insert_with(|| (Instant::now(), false));
        if is_told || since.elapsed() < AWAY_AFTER {
            return;
        }
        let (now, within) = (self.clock.now(), self.channel.within);
        let text = text::store_is_away(now);
        let sent = match &self.channel.way {
            AlarmWay::Webhook(webhook) => {
                let post = Post::saying(webhook, &text, &[], now);
                blocking(move || post.send(within).map(|()| Vec::new())).await
            }
            AlarmWay::Mail(mail) => {
                let number = format!("away-{}", now.micros());
                match mail::saying(mail, text::STORE_IS_AWAY, &number, text, now) {
                    Ok(letter) => {
                        let mail = mail.clone();
                        blocking(move || mail::send(&mail, &letter, within)).await
                    }
                    Err(error) => Err(error),
                }
            }
        };
        match sent {
            Ok(_) => self.away = Some((since, true)),
            Err(error) => tracing::warn!(kind = error.kind(), "alarms did not get through: {error}"),
        }
    }
}

/// Whose mailboxes a message was not taken for; no error as long as somebody was told.
type Sent = Result<Vec<Refused>, SendError>;

/// Runs what blocks beside the tasks.
async fn blocking(send: impl FnOnce() -> Sent + Send + 'static) -> Sent {
    let broken_off = |_| SendError::BrokenOff;
    failpoint::pass(Side::Before, "sending messages of alarms").await.map_err(broken_off)?;
    let refused = tokio::task::spawn_blocking(send).await.unwrap_or(Err(SendError::BrokenOff))?;
    failpoint::pass(Side::After, "sending messages of alarms").await.map_err(broken_off)?;
    Ok(refused)
}

/// How many messages go together: people are told floods in one, a program takes each alarm by itself.
const fn take(way: &AlarmWay) -> Take {
    match way {
        AlarmWay::Webhook(webhook) if matches!(webhook.robot, Robot::Json) => {
            Take { at_most: TOGETHER_FOR_PROGRAMS, flood_above: None }
        }
        AlarmWay::Webhook(_) | AlarmWay::Mail(_) => {
            Take { at_most: TOGETHER, flood_above: Some(FLOOD_ABOVE) }
        }
    }
}

/// How many times over its time limit a message is nobody else's: mail has many steps, and one for each mailbox.
fn steps(way: &AlarmWay) -> u32 {
    let mailboxes = match way {
        AlarmWay::Webhook(_) => 0,
        AlarmWay::Mail(mail) => u32::try_from(mail.to.len()).unwrap_or(u32::MAX),
    };
    LEASE_OF_TIMES.saturating_add(mailboxes)
}

async fn pause(clock: &Clock, stop: &CancellationToken, wait: Duration) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = clock.rest(wait) => {}
    }
}

/// When an alarm is told again unless somebody acknowledges it: each time after twice the time.
fn repeat_at(channel: &AlarmChannel, message: &Message, now: Moment) -> Option<Moment> {
    let is_repeated = message.alarm.severity == Severity::Critical && message.tells != Tells::Ended;
    let times = 1_u32.checked_shl(message.number.saturating_sub(1)).unwrap_or(u32::MAX);
    is_repeated.then(|| now.plus(channel.repeat_after.saturating_mul(times).min(LONGEST_REPEAT)))
}

/// How long to wait after so many tries.
fn back_off(tries: u32) -> Duration {
    let times = 1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST_AGAIN.saturating_mul(times.max(1)).min(LONGEST_AGAIN)
}

/// What is kept of the reason is a line of text.
fn shortened(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

/// How many alarms are told in one message at most.
const TOGETHER: u32 = 10;
/// The same for a program.
const TOGETHER_FOR_PROGRAMS: u32 = 100;
/// How many alarms of one kind that wait, not critical ones, are summed up.
const FLOOD_ABOVE: u32 = 30;
/// Between two messages: robots take twenty a minute.
const SPACE: Duration = Duration::from_secs(4);
/// How often is looked for new ones.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// How often is looked for those to be told again.
const REPEATS: Duration = Duration::from_secs(30);
/// When the database is asked again that did not answer.
const STORE_AGAIN: Duration = Duration::from_secs(15);
/// How long the database may be away without anybody being told.
const AWAY_AFTER: Duration = Duration::from_secs(300);
const LEASE_OF_TIMES: u32 = 12;
/// After how many tries a channel counts as down.
const DOWN_AFTER: u32 = 5;
const FIRST_AGAIN: Duration = Duration::from_secs(5);
const LONGEST_AGAIN: Duration = Duration::from_secs(900);
const LONGEST_REPEAT: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits = [0, 1, 2, 3, 8, 9, 40].map(|tries| back_off(tries).as_secs());
        assert_eq!(waits, [5, 5, 10, 20, 640, 900, 900]);
    }
}
