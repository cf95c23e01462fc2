//! One half-duplex bus: masters, stations, and every byte between them at its true time.
//!
//! A [`Bus`] has no clock, thread or socket. Bytes of masters go in with the moment they came ([`Bus::write`]), time
//! goes in ([`Bus::advance`]), bytes for masters come out with the moment they were due ([`Bus::poll_handed`]), and
//! [`Bus::next_at`] says when to come again. The same calls give the same bytes at the same nanoseconds, and how often
//! `advance` is called changes nothing.
//!
//! ```text
//!  masters ── write ──> queue of each UART ──> wire ──> ear of each rate ──> stations that hear at it
//!     ^                                        │ ^                                   │
//!     └────── handed <── receiver of each <────┘ └──── faults <── Td, own UART <─────┘
//! ```
//!
//! - A byte takes 11 bits at the rate of its talker; a master's bytes begin when they are written or when its last
//!   ones are over, a reply Td behind the last byte of its request.
//! - Who talks while another talks collides: the low level wins bit by bit (as a UART samples it), and nobody is told.
//! - A master hears everything but itself, or itself too when the bus has echo.
//! - A sound request reaches every station of its rate that is not talking or turning round.
//!
//! It leaves to others: what stations answer ([`crate::station`]), what goes wrong ([`crate::fault`]), sockets and
//! timers.

mod ear;
pub mod moment;
pub mod rate;
mod run;
pub mod settings;
mod tempo;
mod uart;
mod wire;
pub mod witness;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use core::ops::Range;
use core::time::Duration;

use crate::fault::Injector;
use crate::station::{Reply, Station};
use ear::Ear;
use moment::Moment;
use rate::Rate;
use settings::Settings;
use tempo::Tempo;
use uart::Receiver;
use wire::{Burst, Wire};
use witness::{MasterId, Talker, Witness};

/// One bus with its stations.
#[derive(Debug)]
pub struct Bus<S> {
    settings: Settings,
    /// How many times faster than their rates bytes run.
    hurry: u64,
    now: Moment,
    /// When the last burst ended.
    quiet_since: Moment,
    wire: Wire,
    /// What stations will send.
    queue: Vec<Burst>,
    slots: Vec<Slot<S>>,
    ears: Vec<Ear>,
    masters: Vec<Master>,
    joined: u32,
    handed: VecDeque<Handed>,
    witness: Witness,
    faults: Option<Box<Injector>>,
    chatter: Chatter,
    requests: u64,
}

/// Bytes for a master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handed {
    /// Whose they are.
    pub master: MasterId,
    /// When they were due.
    pub at: Moment,
    /// What was heard.
    pub bytes: Vec<u8>,
}

/// What a station is about to send.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Its place.
    pub(crate) station: usize,
    pub(crate) rate: Rate,
    pub(crate) reply: Reply,
}

/// A station on the bus.
#[derive(Debug)]
struct Slot<S> {
    station: S,
    rate: Rate,
    /// When it sends next or sent last, deafness included.
    talks: Range<Moment>,
    /// When its own UART is free.
    free_at: Moment,
}

#[derive(Debug)]
struct Master {
    id: MasterId,
    rate: Rate,
    receiver: Receiver,
    /// Heard, not handed yet.
    inbox: Vec<u8>,
    /// When the first byte in the inbox ended.
    waits_since: Moment,
}

/// What is left of a line that does not stop talking.
#[derive(Debug, Default)]
struct Chatter {
    bytes_left: usize,
}

impl<S: Station> Bus<S> {
    /// A bus without masters and faults; places of stations are counted from 0.
    #[must_use]
    pub fn new(settings: Settings, stations: impl IntoIterator<Item = S>) -> Self {
        let slot = |station: S| Slot {
            rate: station.rate(Moment::START),
            station,
            talks: Moment::START..Moment::START,
            free_at: Moment::START,
        };
        let mut bus = Self {
            settings,
            hurry: settings.hurry(),
            now: Moment::START,
            quiet_since: Moment::START,
            wire: Wire::default(),
            queue: Vec::new(),
            slots: stations.into_iter().map(slot).collect(),
            ears: Vec::new(),
            masters: Vec::new(),
            joined: 0,
            handed: VecDeque::new(),
            witness: Witness::default(),
            faults: None,
            chatter: Chatter::default(),
            requests: 0,
        };
        bus.tune_ears();
        bus
    }

    /// The same bus with faults.
    #[must_use]
    pub fn with_faults(self, faults: Injector) -> Self {
        Self { faults: Some(Box::new(faults)), ..self }
    }

    /// The same bus with another witness.
    #[must_use]
    pub fn with_witness(self, witness: Witness) -> Self {
        Self { witness, ..self }
    }

    /// A master comes to the bus; it hears what begins from now on.
    pub fn join(&mut self, at: Moment) -> MasterId {
        self.advance(at);
        let id = MasterId(self.joined);
        self.joined = self.joined.wrapping_add(1);
        let rate = self.settings.rate;
        let receiver = Receiver::new(self.tempo(rate), self.now);
        self.masters.push(Master { id, rate, receiver, inbox: Vec::new(), waits_since: self.now });
        id
    }

    /// A master goes; what it has written is still sent.
    pub fn leave(&mut self, master: MasterId) {
        self.masters.retain(|other| other.id != master);
        self.handed.retain(|handed| handed.master != master);
    }

    /// A master hears and talks at another rate from now on.
    pub fn set_rate(&mut self, at: Moment, master: MasterId, rate: Rate) {
        self.advance(at);
        let (tempo, now) = (self.tempo(rate), self.now);
        if let Some(master) = self.masters.iter_mut().find(|other| other.id == master && other.rate != rate) {
            master.rate = rate;
            master.receiver.tune(tempo, now);
        }
    }

    /// How many bytes a master may write now. When it is none, there is room again once its line is quiet.
    #[must_use]
    pub fn room(&self, master: MasterId) -> usize {
        WRITE_LIMIT.saturating_sub(self.sending(master).map_or(0, |burst| burst.bytes.len()))
    }

    /// A master writes bytes, which are sent from `at` on or behind what it still sends. Says how many were taken.
    pub fn write(&mut self, at: Moment, master: MasterId, bytes: &[u8]) -> usize {
        self.advance(at);
        if self.now.since(self.quiet_since) > LONG_QUIET {
            self.retune();
        }
        let taken = bytes.get(..self.room(master)).unwrap_or(bytes);
        let Some(rate) = self.masters.iter().find(|other| other.id == master).map(|master| master.rate)
        else {
            return 0;
        };
        let talker = Talker::Master(master);
        if !self.wire.extend(talker, taken) {
            self.wire.put(Burst::new(talker, rate, self.tempo(rate), self.now, taken.to_vec()));
        }
        self.cover_own_bytes(master);
        taken.len()
    }

    /// Bytes for a master, in the order in which they were due.
    pub fn poll_handed(&mut self) -> Option<Handed> {
        self.handed.pop_front()
    }

    /// Up to when the bus has come.
    #[must_use]
    pub const fn now(&self) -> Moment {
        self.now
    }

    /// What the bus is like.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How many requests stations heard.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.requests
    }

    /// The stations, in the order of their places.
    pub fn stations(&self) -> impl Iterator<Item = &S> {
        self.slots.iter().map(|slot| &slot.station)
    }

    /// The station at this place. After a change of its rate from outside call [`Bus::retune`].
    pub fn station_mut(&mut self, place: usize) -> Option<&mut S> {
        self.slots.get_mut(place).map(|slot| &mut slot.station)
    }

    /// Asks every station for its rate again.
    pub fn retune(&mut self) {
        let now = self.now;
        self.slots.iter_mut().for_each(|slot| slot.rate = slot.station.rate(now));
        self.tune_ears();
    }

    /// What crossed the bus.
    #[must_use]
    pub const fn witness(&self) -> &Witness {
        &self.witness
    }

    /// What crossed the bus, to be taken.
    pub const fn witness_mut(&mut self) -> &mut Witness {
        &mut self.witness
    }

    /// The faults that were injected, if there is a plan.
    #[must_use]
    pub fn faults(&self) -> Option<&Injector> {
        self.faults.as_deref()
    }

    fn tempo(&self, rate: Rate) -> Tempo {
        Tempo::of(rate, self.hurry)
    }

    /// What a master still sends.
    fn sending(&self, master: MasterId) -> Option<&Burst> {
        self.wire.bursts().iter().find(|burst| !burst.ended && burst.talker == Talker::Master(master))
    }

    /// While a master drives the line it does not hear it, unless the bus has echo.
    fn cover_own_bytes(&mut self, id: MasterId) {
        let Some((began, ends)) = self.sending(id).map(|burst| (burst.began, burst.ends())) else { return };
        let covered_from = if self.settings.echo { ends } else { began };
        let turned = ends.plus(self.settings.pause(self.settings.turnaround));
        if let Some(master) = self.masters.iter_mut().find(|master| master.id == id) {
            master.receiver.blind(covered_from..turned);
        }
    }

    /// One ear for each rate that some station hears at.
    fn tune_ears(&mut self) {
        let (slots, now, hurry) = (&self.slots, self.now, self.hurry);
        self.ears.retain(|ear| slots.iter().any(|slot| slot.rate == ear.rate));
        for rate in slots.iter().map(|slot| slot.rate) {
            if !self.ears.iter().any(|ear| ear.rate == rate) {
                self.ears.push(Ear::new(rate, Receiver::new(Tempo::of(rate, hurry), now), now));
            }
        }
    }
}

/// The longest stretch of bytes that a master sends without a pause.
const WRITE_LIMIT: usize = 2_048;
/// After so long without a byte stations are asked for their rates again.
const LONG_QUIET: Duration = Duration::from_secs(60);
