//! Setting the clock of a terminal (终端对时), when a person asks for it: never near midnight, and with a look before and
//! behind (F14).

use std::time::Duration;

use gdw1376::address::TerminalAddress;
use gdw1376::dialogue::Timing;
use gdw1376::request::Request;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::Collector;
use super::super::ask::Missed;
use super::ask::TerminalAsker;
use super::setting::answer_of;
use super::{items, session};
use crate::channel::Lane;
use crate::domain::access::Acting;
use crate::domain::meter_clock::{Correction, correction};
use crate::domain::supply::HaltKind;
use crate::domain::terminal_archive::RecordAnswer;
use crate::domain::{AuditEntry, ClockOffset, Moment};
use crate::store::{Batch, StoreError};
use crate::terminal::Ask;

/// What came of setting the clock of a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClockSet {
    /// It was set: how it stood before, and behind.
    Done(ClockOffset, ClockOffset),
    /// It is right already.
    NotNeeded(ClockOffset),
    /// It is too near to midnight, when terminals and meters freeze.
    NotBefore(Moment),
    /// The terminal refused, or took it and kept its own clock.
    Refused,
    /// It was told to, and did not say whether it did.
    Unknown,
    /// It could not be asked, and why.
    NotReached(String),
    /// The clock of this machine is doubted itself (F33).
    OwnClockDoubted,
}

impl ClockSet {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Done(..) => "done",
            Self::NotNeeded(_) => "not_needed",
            Self::NotBefore(_) => "not_before",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::NotReached(_) => "not_reached",
            Self::OwnClockDoubted => "own_clock_doubted",
        }
    }
}

impl Collector {
    /// Sets the clock of a terminal to the present, if that is called for now; entered in the audit log either way.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot keep what came of it.
    pub async fn set_terminal_clock(
        &self,
        acting: &Acting,
        address: TerminalAddress,
    ) -> Result<ClockSet, StoreError> {
        let (collector, acting) = (self.clone(), acting.clone());
        let (tell, told) = oneshot::channel();
        // What has begun is brought to its end and entered, whoever still waits for it.
        self.inner.beside.let_end(async move {
            let _ = tell.send(collector.set_and_enter(&acting, address).await);
        });
        told.await.unwrap_or(Ok(ClockSet::Unknown))
    }

    async fn set_and_enter(&self, acting: &Acting, address: TerminalAddress) -> Result<ClockSet, StoreError> {
        let set = self.try_set_clock(address).await?;
        let now = self.inner.clock.now();
        let entry = AuditEntry::by(acting, now, "terminal.set_clock", format!("terminal {address}"));
        let entry = match &set {
            ClockSet::Done(before, after) => {
                let (before, after) = (before.fast_us, after.fast_us);
                entry.saying(format!("{{\"fast_us_before\":{before},\"fast_us_behind\":{after}}}"))
            }
            other => entry.ending(other.kind()),
        };
        self.inner.store.audit(&entry).await?;
        Ok(set)
    }

    async fn try_set_clock(&self, address: TerminalAddress) -> Result<ClockSet, StoreError> {
        let inner = &self.inner;
        let Some(terminals) = inner.lines.terminals().cloned() else {
            return Ok(ClockSet::NotReached("this process serves no terminals".to_owned()));
        };
        let asker = || TerminalAsker {
            terminals: terminals.clone(),
            address,
            clock: inner.clock.clone(),
            lane: Lane::OnDemand,
            deadline: Instant::now() + PATIENCE,
            patience: PATIENCE,
            stop: CancellationToken::new(),
        };
        if let Err(set) = self.called_for(&asker()).await? {
            return Ok(set);
        }
        if !self.is_borne_out(&asker()).await? {
            return Ok(ClockSet::OwnClockDoubted);
        }
        // That took a while: midnight may be near, or our clock have been set.
        let asker = asker();
        let before = match self.called_for(&asker).await? {
            Ok(before) => before,
            Err(set) => return Ok(set),
        };
        // It is under way for half a second or so, and terminals take whole seconds.
        let Some(civil) = items::civil(inner.clock.now().plus(UNDER_WAY)) else {
            return Ok(ClockSet::NotReached("no terminal can write such a time".to_owned()));
        };
        let ask = Ask::new(Request::SetClock(civil), Lane::Control.urgency(), Timing::STORED);
        let told = asker.terminals.ask(address, ask.until(Instant::now() + UNTIL)).await;
        let answer = match told {
            Ok(told) => answer_of(&told.outcome),
            Err(error) => return Ok(ClockSet::NotReached(error.to_string())),
        };
        if matches!(answer, RecordAnswer::Refused(_)) {
            return Ok(ClockSet::Refused);
        }
        // What it says it did is one thing, what its clock shows the other.
        let Ok(Some(after)) = session::read_clock(&asker).await else { return Ok(ClockSet::Unknown) };
        let mut batch = Batch::default();
        batch.notes.terminals.clocks = vec![(address, before), (address, after)];
        batch.notes.terminals.clocks.retain(|(_, offset)| offset.fast_us != i64::MAX);
        inner.writer.save(batch).await;
        Ok(match (correction(after, inner.clock.now(), ALLOWED), answer) {
            (Correction::NotNeeded, _) => ClockSet::Done(before, after),
            (_, RecordAnswer::Taken) => ClockSet::Refused,
            _ => ClockSet::Unknown,
        })
    }

    /// How a terminal's clock stands, if it is to be set now by one that nobody doubts; else what came of it.
    async fn called_for(&self, asker: &TerminalAsker) -> Result<Result<ClockOffset, ClockSet>, StoreError> {
        let inner = &self.inner;
        if inner.store.halts().await?.iter().any(|halt| halt.kind == HaltKind::Clock) {
            return Ok(Err(ClockSet::OwnClockDoubted));
        }
        let before = match session::read_clock(asker).await {
            Ok(Some(before)) => before,
            // A clock that shows no time is wrong enough.
            Ok(None) => ClockOffset { at: inner.clock.now(), fast_us: i64::MAX, uncertainty: Duration::ZERO },
            Err(Missed { detail, .. }) => return Ok(Err(ClockSet::NotReached(detail))),
        };
        Ok(match correction(before, inner.clock.now(), ALLOWED) {
            Correction::NotNeeded => Err(ClockSet::NotNeeded(before)),
            Correction::NotBefore(at) => Err(ClockSet::NotBefore(at)),
            Correction::ByBroadcast | Correction::ByWrite => Ok(before),
        })
    }
}

/// A clock that is off by less is right.
const ALLOWED: Duration = Duration::from_secs(5);
/// How long somebody waits for it.
const PATIENCE: Duration = Duration::from_secs(120);
/// The order does not leave later than this: it would carry an old time.
const UNTIL: Duration = Duration::from_secs(2);
const UNDER_WAY: Duration = Duration::from_millis(500);
