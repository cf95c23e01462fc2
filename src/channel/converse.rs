//! One exchange over a link, in tokio's time.

use std::time::{Duration, Instant};

use dlt645::exchange::{Exchange, Outcome};

use crate::link::{Link, LinkError};

/// Which way bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the meters.
    Sent,
    /// From the line.
    Received,
}

/// Hears every byte that passes, for traces and captures.
pub trait Tap {
    /// Bytes passed at this time.
    fn bytes(&mut self, at: Instant, direction: Direction, bytes: &[u8]);
}

/// A tap nobody listens to.
impl Tap for () {
    fn bytes(&mut self, _: Instant, _: Direction, _: &[u8]) {}
}

/// Bytes read at a time; more than the longest frame.
const ROOM: usize = 512;

/// Drives one exchange to its outcome, and says how the path failed if it did; the link must then be opened anew.
/// Bytes that still come while the line has to be quiet are swallowed before the function returns, so the next exchange
/// may begin at once.
///
/// A path that fails before a byte of the request has left gives [`Outcome::NotSent`]; later the outcome is what the
/// exchange makes of it: unknown for what changes a meter (R6).
pub async fn converse(
    link: &mut Link,
    mut exchange: Exchange,
    tap: &mut impl Tap,
) -> (Outcome, Option<LinkError>) {
    let mut failure = None;
    let outcome = loop {
        if let Some(outcome) = exchange.poll() {
            break outcome;
        }
        if let Err(error) = step(link, &mut exchange, tap).await {
            failure = Some(error);
        }
    };
    if failure.is_none() {
        failure = rest(link, &mut exchange, tap).await.err();
    }
    (outcome, failure)
}

/// Sends what is to be sent, or waits for bytes or for the time to be over.
async fn step(link: &mut Link, exchange: &mut Exchange, tap: &mut impl Tap) -> Result<(), LinkError> {
    let to_send = exchange.poll_transmit().map(<[u8]>::to_vec);
    if let Some(bytes) = to_send {
        return send(link, exchange, &bytes, tap).await;
    }
    receive(link, exchange, tap).await
}

async fn send(
    link: &mut Link,
    exchange: &mut Exchange,
    bytes: &[u8],
    tap: &mut impl Tap,
) -> Result<(), LinkError> {
    tap.bytes(now(), Direction::Sent, bytes);
    let mut left = 0;
    while left < bytes.len() {
        match link.write(bytes.get(left..).unwrap_or_default()).await {
            Ok(count) => left += count,
            Err(error) => {
                exchange.abandon(left, now());
                return Err(error);
            }
        }
    }
    exchange.transmitted(now());
    Ok(())
}

/// Waits for bytes until the exchange wants to be woken.
async fn receive(link: &mut Link, exchange: &mut Exchange, tap: &mut impl Tap) -> Result<(), LinkError> {
    let mut room = [0; ROOM];
    let due = exchange.poll_timeout().unwrap_or_else(|| now() + Duration::from_secs(1));
    match tokio::time::timeout_at(due.into(), link.read(&mut room)).await {
        Ok(Ok(count)) => {
            let bytes = room.get(..count).unwrap_or_default();
            tap.bytes(now(), Direction::Received, bytes);
            exchange.handle_bytes(bytes, now());
            Ok(())
        }
        Ok(Err(error)) => {
            exchange.abandon(0, now());
            Err(error)
        }
        Err(_) => {
            exchange.handle_timeout(now());
            Ok(())
        }
    }
}

/// Keeps the line quiet until the exchange says that the next request may leave.
async fn rest(link: &mut Link, exchange: &mut Exchange, tap: &mut impl Tap) -> Result<(), LinkError> {
    let mut room = [0; ROOM];
    while let Some(until) = exchange.poll_quiet_until().filter(|until| now() < *until) {
        match tokio::time::timeout_at(until.into(), link.read(&mut room)).await {
            Ok(count) => {
                let bytes = room.get(..count?).unwrap_or_default();
                tap.bytes(now(), Direction::Received, bytes);
                exchange.handle_bytes(bytes, now());
            }
            Err(_) => break,
        }
    }
    Ok(())
}

/// The monotonic time of tokio's clock, which tests can pause.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests;
