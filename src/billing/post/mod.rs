//! A receiver by HTTP: batches as JSON, signed, over a connection to a server that is known.
//!
//! A batch goes out in three steps at which the sender may be killed: before it is sent, after it was sent and before the
//! answer came, after the answer came and before it is marked. Whatever the step, its keys are offered again with the same
//! bytes. A batch that the receiver cannot take as a whole is split until the record stands alone that it does not take.

mod answer;
mod known;
mod record;
mod wire;

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use super::reconcile::Tally;
use super::sink::{BillingSink, KeyReceipt, SinkError, Taken};
use super::tallies;
use crate::clock::Clock;
use crate::config::HttpReceiver;
use crate::domain::Day;
use crate::store::billing::OutboxRecord;
use crate::telemetry::with_causes;
use record::Body;
use wire::{Answer, Way};

/// A receiver by HTTP.
pub struct HttpSink {
    name: String,
    way: Way,
    clock: Clock,
    /// How long a push may go on splitting.
    budget: Duration,
}

impl std::fmt::Debug for HttpSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpSink").field("name", &self.name).finish_non_exhaustive()
    }
}

impl HttpSink {
    /// The receiver of this name; what is offered to it is under a lease of this length.
    #[must_use]
    pub fn new(name: &str, to: HttpReceiver, lease: Duration, clock: Clock) -> Self {
        Self { name: name.to_owned(), way: Way::new(to), clock, budget: lease / 2 }
    }

    /// What the receiver has of a day, of one reading route or of all, when it is told what we have.
    ///
    /// # Errors
    /// [`SinkError`] when it does not say so that it can be understood.
    pub async fn tallies(
        &self,
        day: Day,
        route: Option<&str>,
        ours: &[Tally],
    ) -> Result<Vec<Tally>, SinkError> {
        let body = tallies::body(&self.name, day, route, ours);
        let most = ANSWER_BASE + 1000 * ours.len().max(1000);
        let answer = self.way.post("/reconcile", body, most, self.clock.now()).await?;
        if answer.status != 200 {
            return Err(status(&answer));
        }
        tallies::read(&answer.body, day)
            .ok_or_else(|| answer::not_understood("it is no list of counts and sums"))
    }

    async fn offer(&self, records: &[&OutboxRecord]) -> Result<Answer, SinkError> {
        let body = serde_json::to_vec(&Body::of(&self.name, records));
        let body = body.map_err(|_| answer::not_understood("nothing can be written"))?;
        let most = ANSWER_BASE + records.iter().map(|record| record.text.len() + ANSWER_EACH).sum::<usize>();
        self.way.post("", body, most, self.clock.now()).await
    }
}

impl BillingSink for HttpSink {
    fn receiver(&self) -> &str {
        &self.name
    }

    async fn push(&mut self, batch: &[OutboxRecord]) -> Result<Vec<KeyReceipt>, SinkError> {
        let until = Instant::now() + self.budget;
        let mut parts: Vec<Vec<&OutboxRecord>> = vec![batch.iter().collect()];
        let mut receipts: Vec<KeyReceipt> = Vec::new();
        let mut failed = None;
        while let Some(part) = parts.pop() {
            match self.step(&part).await {
                Ok(Step::Said(said)) => receipts.extend(said),
                Ok(Step::TooMuch) if Instant::now() < until => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second.to_vec(), first.to_vec()]);
                }
                Ok(Step::TooMuch) => {
                    failed =
                        Some(SinkError::Unavailable { reason: "it takes too long to take it".to_owned() });
                    break;
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        match failed {
            Some(error) if receipts.is_empty() => Err(error),
            // What was taken before is known; the rest is offered again and says why.
            Some(error) => {
                let reason = with_causes(&error);
                let said: HashSet<String> = receipts.iter().map(|receipt| receipt.key.clone()).collect();
                let rest = batch.iter().filter(|record| !said.contains(&record.text));
                receipts.extend(rest.map(|record| not_now(record, &reason)));
                Ok(receipts)
            }
            None => Ok(receipts),
        }
    }
}

/// What came of offering a part of a batch.
enum Step {
    /// These receipts.
    Said(Vec<KeyReceipt>),
    /// It is not taken as a whole, and is to be offered in smaller parts.
    TooMuch,
}

impl HttpSink {
    /// Offers a part. A record that stands alone is refused for good only by an answer that names its key (T22): one
    /// without may come from anybody on the way, and the record is offered again.
    async fn step(&self, part: &[&OutboxRecord]) -> Result<Step, SinkError> {
        let answer = self.offer(part).await?;
        match (answer.status, part) {
            (200, _) => Ok(Step::Said(answer::receipts(&answer.body, part)?)),
            (400 | 409 | 413 | 422, [record]) => {
                let error = with_causes(&status(&answer));
                let said = answer::receipts(&answer.body, part).unwrap_or_default();
                let is_refused = |receipt: &KeyReceipt| receipt.taken != Taken::Yes;
                let refused = said.into_iter().find(is_refused);
                Ok(Step::Said(vec![refused.unwrap_or_else(|| not_now(record, &error))]))
            }
            (400 | 409 | 413 | 422, _) => Ok(Step::TooMuch),
            _ => Err(status(&answer)),
        }
    }
}

fn not_now(record: &OutboxRecord, reason: &str) -> KeyReceipt {
    KeyReceipt { key: record.text.clone(), taken: Taken::NotNow { reason: reason.to_owned() } }
}

fn status(answer: &Answer) -> SinkError {
    match (answer.status, answer.retry_after) {
        (429 | 503, Some(after)) => SinkError::Busy { status: answer.status, after },
        (status, _) => SinkError::Status { status },
    }
}

/// How long an answer may be: so much, and so much for each key.
const ANSWER_BASE: usize = 4096;
const ANSWER_EACH: usize = 1024;
