//! The end of a line whose meters are behind a terminal (集中器): each frame that is written is forwarded by it, and what
//! it brings back becomes readable. [1376 3.12] [1376 7]
//!
//! A frame leaves once, in the terminal's turn for what is that urgent, and its answer is known by the number of the
//! question: an old answer never becomes readable. A terminal that denies, or that says that the meter kept silent, ends
//! the wait at once ([`LinkError::NoAnswer`]). What is inside an answer goes up as it is; it is for the exchange with the
//! meter to judge.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Cleared, Link, LinkError, Rate};

/// How urgent something is that a terminal is asked, the most urgent first. The lanes of a line have the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Urgency {
    /// Supply is given back.
    Restore,
    /// Every other order.
    Control,
    /// Somebody waits (召测).
    OnDemand,
    /// An operator asked for what is missing (补抄).
    Reread,
    /// The nightly run.
    Nightly,
    /// Curves.
    Interval,
    /// What has no hurry.
    Housekeeping,
}

/// What the next frames are sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose {
    /// How urgent.
    pub urgency: Urgency,
    /// Nothing leaves from then on.
    pub until: Option<Instant>,
    /// Speed and parity of the meter, where the job says so; else those of its port.
    pub rate: Option<Rate>,
}

/// A frame to be forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The frame, without wake-up bytes.
    pub frame: Vec<u8>,
    /// The meter's address as it stands in the frame.
    pub meter: [u8; 6],
    /// Speed and parity, where the job says so.
    pub rate: Option<Rate>,
}

/// What a terminal brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Brought {
    /// Bytes, meant to be a frame of the meter.
    Frame(Vec<u8>),
    /// It was denied, or the meter kept silent.
    Nothing,
}

/// Something that comes later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What carries frames to meters: a terminal, as far as a line needs to know it.
pub trait Carrier: Send + Sync + fmt::Debug {
    /// The name of the line.
    fn line(&self) -> &str;

    /// True when the terminal is not known any more, and never comes again by this.
    fn is_forgotten(&self) -> bool;

    /// Waits until the terminal is there, and tells which of its sessions it is.
    fn arrives(&self) -> Later<'_, u64>;

    /// Returns when that session is over.
    fn leaves(&self, session: u64) -> Later<'_, ()>;

    /// Waits for the turn to send one frame. Dropping it gives the place up.
    fn turn(&self, urgency: Urgency, until: Option<Instant>) -> Later<'static, Result<Turn, LinkError>>;

    /// Keeps the terminal for orders until then at most: nothing less urgent is begun. Says by what number it is let go.
    fn keep(&self, until: Instant) -> u64;

    /// Lets it go again.
    fn let_go(&self, number: u64);

    /// How long the answer of this meter may take behind its port.
    fn delay(&self, meter: [u8; 6]) -> Duration;
}

/// The turn to send one frame. It is given up when it is dropped.
pub struct Turn(Box<dyn FnOnce(Carried) -> Later<'static, Result<Answer, LinkError>> + Send>);

/// The answer to a frame that has left.
pub type Answer = Later<'static, Result<Brought, LinkError>>;

impl Turn {
    /// A turn that sends by `send`, which returns when the first byte is about to leave, or with the reason why none did.
    pub fn new(
        send: impl FnOnce(Carried) -> Later<'static, Result<Answer, LinkError>> + Send + 'static,
    ) -> Self {
        Self(Box::new(send))
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}

/// The end of a line behind a terminal.
pub struct Forwarded {
    carrier: Arc<dyn Carrier>,
    session: u64,
    purpose: Purpose,
    turn: Option<Turn>,
    answer: Option<Answer>,
    /// Brought, not read yet.
    ready: Vec<u8>,
}

impl fmt::Debug for Forwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarded").field("carrier", &self.carrier).finish_non_exhaustive()
    }
}

impl Forwarded {
    /// Waits up to `limit` for the terminal to be there.
    pub(super) async fn open(carrier: Arc<dyn Carrier>, limit: Duration) -> Result<Link, LinkError> {
        let arrived = tokio::time::timeout(limit, carrier.arrives()).await;
        let line = || carrier.line().to_owned();
        let session = arrived.map_err(|_| LinkError::NotDialledIn { line: line() })?;
        let purpose = Purpose { urgency: Urgency::Housekeeping, until: None, rate: None };
        let ready = Vec::new();
        Ok(Link::Forwarded(Box::new(Self { carrier, session, purpose, turn: None, answer: None, ready })))
    }

    /// What the terminal adds to the delay of this meter's answers.
    pub(super) fn delay(&self, meter: [u8; 6]) -> Duration {
        self.carrier.delay(meter)
    }

    /// Waits for the turn to send a frame for this purpose. What may still come for an earlier frame is let go. Dropping
    /// the future gives the place up.
    pub(super) async fn prepare(&mut self, purpose: Purpose) -> Result<(), LinkError> {
        (self.purpose, self.turn, self.answer) = (purpose, None, None);
        self.ready.clear();
        let turn = self.carrier.turn(purpose.urgency, purpose.until);
        let turn = tokio::select! {
            biased;
            () = self.carrier.leaves(self.session) => return Err(LinkError::Closed),
            turn = turn => turn?,
        };
        self.turn = Some(turn);
        Ok(())
    }

    /// Forwards a whole frame, wake-up bytes in front of it left out: the terminal sends its own.
    pub(super) async fn write(&mut self, cleared: Cleared<'_>) -> Result<usize, LinkError> {
        let bytes = cleared.bytes();
        let wake_up = bytes.iter().take_while(|byte| **byte == WAKE_UP).count();
        let frame = bytes.get(wake_up..).unwrap_or_default();
        let Some(meter) = frame.get(1..7).and_then(|meter| meter.try_into().ok()) else {
            return Err(LinkError::Closed);
        };
        if self.turn.is_none() {
            self.prepare(self.purpose).await?;
        }
        let Some(Turn(send)) = self.turn.take() else { return Err(LinkError::Closed) };
        let carried = Carried { frame: frame.to_vec(), meter, rate: self.purpose.rate };
        self.answer = Some(send(carried).await?);
        Ok(bytes.len())
    }

    /// Waits for what the terminal brings back. Nothing is lost when the wait is given up.
    pub(super) async fn read(&mut self, room: &mut [u8]) -> Result<usize, LinkError> {
        if self.ready.is_empty() {
            let Self { carrier, session, answer, .. } = &mut *self;
            let brought = async {
                match answer {
                    Some(answer) => answer.await,
                    None => std::future::pending().await,
                }
            };
            let brought = tokio::select! {
                biased;
                brought = brought => brought,
                () = carrier.leaves(*session) => Err(LinkError::Closed),
            };
            self.answer = None;
            match brought? {
                Brought::Frame(bytes) if !bytes.is_empty() => self.ready = bytes,
                Brought::Frame(_) | Brought::Nothing => return Err(LinkError::NoAnswer),
            }
        }
        let count = self.ready.len().min(room.len());
        for (place, byte) in room.iter_mut().zip(self.ready.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }
}

/// Wakes a meter up.
const WAKE_UP: u8 = 0xFE;
