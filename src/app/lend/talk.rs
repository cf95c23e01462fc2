//! One command that asks through us, from its first word to the entry in the audit log.

use std::collections::BTreeSet;
use std::time::Duration;

use dlt645::edition::Edition;
use dlt645::request::Request;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

use super::Lender;
use super::ask::{Asking, NotAsked};
use crate::domain::{AuditEntry, Coded};
use crate::link::{Greeting, LONGEST, Reply, Wish, user_name};
use crate::telemetry::with_causes;

/// What was asked in one connection.
#[derive(Debug, Default, Serialize)]
struct Count {
    /// Frames that were asked.
    frames: u32,
    /// Frames that were not let pass.
    refused: u32,
    /// Whom they went to, or were to go to; the first hundred.
    meters: BTreeSet<String>,
    /// What they asked for; the first hundred.
    items: BTreeSet<String>,
}

impl Count {
    /// Notes whom a frame goes to and what it asks for, as far as it says so.
    fn note(&mut self, wish: &Wish) {
        let edition = if wish.terms.edition == 1997 { Edition::E1997 } else { Edition::E2007 };
        let Ok(request) = Request::parse_wire(edition, &wish.frame) else { return };
        keep(&mut self.meters, request.address().to_string());
        if let Some(item) = request.item() {
            keep(&mut self.items, item.to_string());
        }
    }
}

fn keep(names: &mut BTreeSet<String>, name: String) {
    if names.len() < MOST_NAMES {
        names.insert(name);
    }
}

impl Lender {
    /// Asks for the command of this user until it goes, or we do.
    pub(super) async fn converse(&self, stream: UnixStream, user: u32, until: &CancellationToken) {
        let mut stream = BufReader::new(stream);
        if user != self.own && user != 0 {
            tracing::warn!(
                channel.name = %self.line.name(),
                "user {} may not ask through the service of {}", user_name(user), user_name(self.own)
            );
            say(&mut stream, &Greeting::NotYours { user: user_name(self.own) }).await;
            return;
        }
        let Ok(_seat) = self.seats.try_acquire() else {
            say(&mut stream, &Greeting::Full).await;
            return;
        };
        let hello = Greeting::Lent {
            line: self.line.name().to_owned(),
            baud: self.rate.baud,
            parity: self.rate.parity.name().to_owned(),
        };
        if !say(&mut stream, &hello).await {
            return;
        }
        let mut count = Count::default();
        until.run_until_cancelled(self.answer(&mut stream, &mut count)).await;
        drop(stream);
        self.enter(user, &count).await;
    }

    async fn answer(&self, stream: &mut BufReader<UnixStream>, count: &mut Count) {
        let mut asking = Asking::default();
        while let Some(wish) = heard(stream).await {
            // Counted first: what is broken off was asked, too.
            count.frames += 1;
            count.note(&wish);
            let replied = tokio::select! {
                // Who is gone wants no answer, and says nothing before it has one.
                _ = stream.fill_buf() => return,
                replied = self.ask(wish, &mut asking) => replied,
            };
            let reply = replied.unwrap_or_else(|reason| {
                if reason == NotAsked::ChangesMeter {
                    count.frames -= 1;
                    count.refused += 1;
                }
                let (en, zh) = reason.words();
                Reply::NotAsked { en, zh }
            });
            if !say(stream, &reply).await {
                return;
            }
        }
    }

    /// Who has asked how much. (T27)
    async fn enter(&self, user: u32, count: &Count) {
        if count.frames + count.refused == 0 {
            return;
        }
        let name = self.line.name();
        let entry = AuditEntry {
            actor: user_name(user),
            source: "command line".to_owned(),
            ..AuditEntry::of_system(self.clock.now(), "line.ask", format!("line {name}"))
        };
        let entry = entry.saying(serde_json::to_string(count).unwrap_or_default());
        let entry = if count.refused > 0 { entry.ending("refused: changes a meter") } else { entry };
        if let Err(error) = self.store.audit(&entry).await {
            tracing::error!(
                kind = error.kind(),
                "what was asked on line {name} is not in the audit log: {}",
                with_causes(&error)
            );
        }
    }
}

/// The next frame to be asked; `None` when there is none, or what comes is none.
async fn heard(stream: &mut BufReader<UnixStream>) -> Option<Wish> {
    let mut text = Vec::new();
    stream.take(LONGEST).read_until(b'\n', &mut text).await.ok()?;
    serde_json::from_slice(&text).ok()
}

/// Says something; false when nobody listens.
async fn say(stream: &mut BufReader<UnixStream>, word: &impl Serialize) -> bool {
    let Ok(mut text) = serde_json::to_string(word) else { return false };
    text.push('\n');
    let said = tokio::time::timeout(SAID_WITHIN, stream.get_mut().write_all(text.as_bytes())).await;
    matches!(said, Ok(Ok(())))
}

/// More names are not kept of one command.
const MOST_NAMES: usize = 100;
/// Whoever does not read for so long is gone.
const SAID_WITHIN: Duration = Duration::from_secs(5);
