//! The relay (负荷开关): told, delayed, held, done, or told and not done. [645-2007 6]
//!
//! Everything due is carried out at its own instant when [`Meter::advance`] comes past it, whether or not anybody asked
//! the meter anything in between; each switching is noted for the judge with what caused it.

use super::Meter;
use crate::instant::At;
use crate::truth::event::EventKind;

/// What may be asked of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// 1A (跳闸).
    Trip,
    /// 1B (合闸允许): the customer may close.
    ClosePermit,
    /// 1C (直接合闸).
    Close,
    /// 1D and 1E: trip, and after so many seconds close, or permit it.
    TripFor {
        /// How long.
        seconds: i64,
        /// Close by itself afterwards; else permit only.
        closes: bool,
    },
    /// 2A and 2B (报警, 报警解除).
    Alarm(bool),
    /// 3A and 3B (保电, 保电解除).
    Hold(bool),
}

impl Command {
    /// From N1 and N2; `None` for what no meter knows.
    #[must_use]
    pub fn from_wire(n1: u8, n2: u8) -> Option<Self> {
        let seconds = i64::from(n2) * 300;
        Some(match n1 {
            0x1A => Self::Trip,
            0x1B => Self::ClosePermit,
            0x1C => Self::Close,
            0x1D if n2 > 0 => Self::TripFor { seconds, closes: true },
            0x1E if n2 > 0 => Self::TripFor { seconds, closes: false },
            0x2A => Self::Alarm(true),
            0x2B => Self::Alarm(false),
            0x3A => Self::Hold(true),
            0x3B => Self::Hold(false),
            _ => return None,
        })
    }
}

/// Why a relay moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An order over the line.
    Order,
    /// The customer pressed the key after a permit.
    Customer,
    /// The time of a 1D or 1E ran out.
    Timer,
}

/// A movement of the contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switching {
    /// When, in the world.
    pub at: At,
    /// Opened; else closed.
    pub opened: bool,
    /// Why.
    pub cause: Cause,
    /// Operator code of the order behind it.
    pub operator: u32,
}

/// What a relay and its customer are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayKind {
    /// There is one; without it relay orders are met with silence.
    pub is_fitted: bool,
    /// It says "done" and does nothing.
    pub is_stuck: bool,
    /// Current above which it waits, 0.001 A; a built-in relay of 60 A has about 30 A.
    pub hold_above: i64,
    /// How many seconds after a permit the customer presses the key; `None` never.
    pub key_after: Option<i64>,
}

impl Default for RelayKind {
    fn default() -> Self {
        Self { is_fitted: true, is_stuck: false, hold_above: 30_000, key_after: Some(120) }
    }
}

/// Longest wait for a large current to fall.
const LARGE_CURRENT_SECONDS: i64 = 24 * 3600;

/// The relay's state.
#[derive(Clone, Debug, Default)]
pub struct Relay {
    kind: RelayKind,
    is_open: bool,
    ordered_open: bool,
    permitted: bool,
    alarms: bool,
    held: bool,
    /// The contact is to open then.
    trips_at: Option<At>,
    /// The contact is to close then.
    closes_at: Option<(At, Cause)>,
    /// A 1D or 1E ends then, closing or permitting.
    timer: Option<(At, bool)>,
    operator: u32,
    switchings: Vec<Switching>,
}

impl Relay {
    /// A closed relay.
    #[must_use]
    pub fn new(kind: RelayKind) -> Self {
        Self { kind, ..Self::default() }
    }

    /// What it is like.
    #[must_use]
    pub const fn kind(&self) -> RelayKind {
        self.kind
    }

    /// Changes what it is like.
    pub const fn set_kind(&mut self, kind: RelayKind) {
        self.kind = kind;
    }

    /// The contact is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.is_open
    }

    /// The order in force is to be open.
    #[must_use]
    pub const fn is_ordered_open(&self) -> bool {
        self.ordered_open
    }

    /// Supply is held (保电).
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.held
    }

    /// The alarm is on.
    #[must_use]
    pub const fn alarms(&self) -> bool {
        self.alarms
    }

    /// The customer may close.
    #[must_use]
    pub const fn is_permitted(&self) -> bool {
        self.permitted
    }

    /// A trip is on its way (预跳闸报警).
    #[must_use]
    pub const fn is_about_to_trip(&self) -> bool {
        self.trips_at.is_some()
    }

    /// Every movement, oldest first.
    #[must_use]
    pub fn switchings(&self) -> &[Switching] {
        &self.switchings
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.switchings.capacity() * size_of::<Switching>()
    }
}

/// Why a relay refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RelayRefusal {
    /// Supply is held.
    Held,
    /// Already open, for 1D and 1E.
    Open,
}

impl Meter {
    /// Carries out an order at `now`.
    pub(super) fn order_relay(
        &mut self,
        now: At,
        command: Command,
        operator: u32,
    ) -> Result<(), RelayRefusal> {
        let delay = i64::from(self.parameters.trip_delay_minutes()) * 60;
        let relay = &mut self.relay;
        match command {
            Command::Trip | Command::TripFor { .. } if relay.held => return Err(RelayRefusal::Held),
            Command::TripFor { .. } if relay.is_open => return Err(RelayRefusal::Open),
            Command::Alarm(on) => relay.alarms = on,
            Command::Hold(on) => {
                relay.held = on;
                if on {
                    relay.timer = None;
                    relay.trips_at = None;
                }
            }
            Command::Trip => {
                relay.timer = None;
                self.start_trip(now, delay, operator);
            }
            Command::TripFor { seconds, closes } => {
                relay.timer = Some((now.plus(seconds), closes));
                self.start_trip(now, 0, operator);
            }
            Command::Close => {
                relay.timer = None;
                self.start_close(now, Cause::Order, operator);
            }
            Command::ClosePermit => {
                relay.timer = None;
                self.permit(now, operator);
            }
        }
        self.advance(now);
        Ok(())
    }

    fn start_trip(&mut self, now: At, delay: i64, operator: u32) {
        let due = self.when_current_is_small(now.plus(delay));
        let relay = &mut self.relay;
        relay.ordered_open = true;
        relay.permitted = false;
        relay.closes_at = None;
        relay.operator = operator;
        if !relay.is_open && relay.trips_at.is_none() {
            relay.trips_at = Some(due);
        }
    }

    fn start_close(&mut self, now: At, cause: Cause, operator: u32) {
        let relay = &mut self.relay;
        relay.ordered_open = false;
        relay.permitted = false;
        relay.trips_at = None;
        relay.operator = operator;
        if relay.is_open {
            relay.closes_at = Some((now, cause));
        }
    }

    fn permit(&mut self, now: At, operator: u32) {
        let relay = &mut self.relay;
        relay.ordered_open = false;
        relay.trips_at = None;
        relay.operator = operator;
        if relay.is_open {
            relay.permitted = true;
            relay.closes_at = relay.kind.key_after.map(|seconds| (now.plus(seconds), Cause::Customer));
        }
    }

    /// The first quarter of an hour from `from` on whose current is below the relay's limit, a day later at the most.
    fn when_current_is_small(&self, from: At) -> At {
        let limit = self.relay.kind.hold_above;
        let is_small =
            |at: At| self.truth.instantaneous(at).current.iter().all(|current| current.abs() < limit);
        let last = from.plus(LARGE_CURRENT_SECONDS);
        let quarters = std::iter::successors(Some(from.slot_start()), |at| Some(at.plus(900)));
        let moments = std::iter::once(from).chain(quarters.skip(1));
        moments.take_while(|at| *at < last).find(|at| is_small(*at)).unwrap_or(last)
    }

    /// Carries out what has become due by `now`, each at its own instant.
    pub fn advance(&mut self, now: At) {
        loop {
            let relay = &self.relay;
            let trip = relay.trips_at;
            let close = relay.closes_at.map(|(at, _)| at);
            let timer = relay.timer.map(|(at, _)| at);
            let Some(due) = [trip, close, timer].into_iter().flatten().min().filter(|at| *at <= now) else {
                return;
            };
            if trip == Some(due) {
                self.relay.trips_at = None;
                self.switch(due, true, Cause::Order);
            } else if close == Some(due) {
                let cause = self.relay.closes_at.take().map_or(Cause::Order, |(_, cause)| cause);
                self.relay.permitted = false;
                self.switch(due, false, cause);
            } else {
                let closes = self.relay.timer.take().is_some_and(|(_, closes)| closes);
                let operator = self.relay.operator;
                if closes {
                    self.start_close(due, Cause::Timer, operator);
                } else {
                    self.permit(due, operator);
                }
            }
        }
    }

    fn switch(&mut self, at: At, opens: bool, cause: Cause) {
        if self.relay.kind.is_stuck {
            // Told and not done: the meter notices, the contact does not move.
            self.truth.begin(EventKind::RelayFault, at, self.relay.operator);
            return;
        }
        if self.relay.is_open == opens {
            return;
        }
        let operator = self.relay.operator;
        self.relay.is_open = opens;
        self.relay.switchings.push(Switching { at, opened: opens, cause, operator });
        if opens {
            self.truth.begin(EventKind::RelayOpen, at, operator);
        } else {
            self.truth.end(EventKind::RelayOpen, at);
        }
    }
}
