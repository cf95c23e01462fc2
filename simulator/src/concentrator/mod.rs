//! A concentrator (集中器): what it hears from its master, what it says and when, and the meters behind it.
//!
//! A [`Concentrator`] has no clock, thread or socket. What the network did goes in ([`Concentrator::connected`],
//! [`Concentrator::lost`]), bytes of the master go in ([`Concentrator::hear`]), time goes in ([`Concentrator::advance`]);
//! what the network is to do comes out ([`Concentrator::poll_act`]), and [`Concentrator::next_at`] says when to come again.
//! The same calls give the same bytes at the same moments, and how often `advance` is called changes nothing.
//!
//! ```text
//!  master ── hear ──> requests ──> answers ──> outbox ── Act::Send ──> master
//!    ^                   │            ^                                 ^
//!    │              forwarded      stores: freezes, events, parameters   │
//!    │                   v            ^                                 │
//!    └─ link: login,   lines (PLC) ──> collector: the night ──> reports ─┘
//!       heartbeat           │
//!                       meters, each with its own truth
//! ```
//!
//! It shares framing, addresses, identifiers and the parts behind the data with the protocol crate, and nothing else: data
//! units are cut by lengths of its own and written by an encoder of its own, so that one mistake cannot hide on both sides.
//!
//! What was stored before the world began is worked out from the meters' truth when it is asked for; from then on the
//! terminal reads its meters itself, and has what it could read.
//!
//! It leaves to others: sockets and timers ([`crate::serve`]).

mod answer;
pub mod archive;
mod class_1;
mod class_2;
mod class_3;
mod collect;
mod configuration;
mod control;
mod encode;
mod event;
pub mod fault;
mod forward;
mod freeze;
pub mod habits;
mod lines;
mod link;
mod notice;
mod outbox;
mod parameter;
pub mod plc;
mod point;
mod power;
mod request;
pub mod settings;
mod setup;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use core::time::Duration;

use gdw1376::address::TerminalAddress;

use crate::bus::moment::Moment;
use crate::clock::Clock;
use crate::instant::At;
use crate::meter::Meter;
use crate::seed::Seed;
use archive::Archive;
use collect::Collector;
use event::Events;
use fault::Faults;
use forward::Forwards;
use freeze::Freezes;
use habits::Habits;
use lines::Lines;
use link::Link;
use outbox::Outbox;
use parameter::Parameters;
use power::Power;
use settings::Settings;

pub use event::Record as EventRecord;
pub use lines::{PLC_PORT, Reached, Wired};
pub use setup::Setup;

/// A connection that a terminal dialled, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(u32);

/// What the network is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Connect to the master, and say [`Concentrator::connected`] or [`Concentrator::lost`].
    Dial(LinkId),
    /// Send bytes now.
    Send {
        /// Over which connection.
        link: LinkId,
        /// What.
        bytes: Vec<u8>,
    },
    /// Close a connection.
    Close(LinkId),
    /// Forget a connection and leave it open, as a terminal does that lost its power or dials anew.
    Leave(LinkId),
}

/// A terminal with its meters.
#[derive(Debug)]
pub struct Concentrator {
    address: TerminalAddress,
    start: At,
    seed: Seed,
    settings: Settings,
    habits: Habits,
    now: Moment,
    clock: Clock,
    power: Power,
    archive: Archive,
    /// When records were set that are not those of the beginning.
    set_at: BTreeMap<u16, At>,
    lines: Lines,
    collector: Collector,
    freezes: Freezes,
    /// The first day whose end the terminal lives through itself.
    first_live: u32,
    events: Events,
    noticed: notice::Noticed,
    parameters: Parameters,
    link: Link,
    outbox: Outbox,
    acts: VecDeque<Act>,
    forwards: Forwards,
    faults: Faults,
    /// How many requests it heard.
    requests: u64,
    /// How many frames it began itself: PFC.
    begun: u8,
}

impl Concentrator {
    /// A terminal that has just been given power.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let Setup { address, start, seed, settings, habits, clock, records, wired, faults } = setup;
        let mut archive = Archive::default();
        for record in records {
            // A record that fits nowhere is not in the archive.
            let _ = archive.set(record);
        }
        let shown = clock.shown(start);
        let before_reading = i64::from(shown.second_of_day())
            < i64::try_from(settings.reads_after_midnight.as_secs()).unwrap_or_default();
        let today = shown.day();
        // The night of today is over, or is just to come.
        let (night, first_live) =
            if before_reading { (today.saturating_sub(1), today.saturating_sub(1)) } else { (today, today) };
        let first_dial = link::first_dial(&settings, seed);
        Self {
            address,
            start,
            seed,
            settings,
            habits,
            now: Moment::START,
            clock,
            power: Power::default(),
            archive,
            set_at: BTreeMap::new(),
            lines: Lines::new(seed, start, settings.plc, habits.plc_port, wired),
            collector: Collector::new(night),
            freezes: Freezes::default(),
            first_live,
            events: Events::default(),
            noticed: notice::Noticed::default(),
            parameters: Parameters::new(&settings),
            link: Link::new(first_dial),
            outbox: Outbox::default(),
            acts: VecDeque::new(),
            forwards: Forwards::default(),
            faults: Faults::new(faults, seed),
            requests: 0,
            begun: 0,
        }
    }

    /// When it has something to do.
    #[must_use]
    pub fn next_at(&self) -> Option<Moment> {
        if !self.acts.is_empty() {
            return Some(self.now);
        }
        self.due_at().map(|due| due.max(self.now))
    }

    /// Lets time pass up to a moment.
    pub fn advance(&mut self, now: Moment) {
        while let Some(due) = self.due_at().filter(|due| *due <= now) {
            self.now = self.now.max(due);
            self.step();
        }
        self.now = self.now.max(now);
    }

    /// What the network is to do next.
    pub fn poll_act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    fn due_at(&self) -> Option<Moment> {
        let dues = [
            self.power.next_at(),
            self.link.next_at(),
            self.outbox.next_at(),
            self.lines.next_at(),
            self.forwards.next_at(self.lines.is_busy() || !self.power.is_on(), self.now),
            self.collects_at(),
        ];
        dues.into_iter().flatten().min()
    }

    /// Does everything that is due now, once.
    fn step(&mut self) {
        self.mind_power();
        self.mind_link();
        while let Some(finished) = self.lines.advance(self.now) {
            self.finished(finished);
        }
        self.forward_next();
        self.collect();
        while let Some((link, bytes)) = self.outbox.pop_due(self.now, self.habits.splits_at) {
            if self.link.is_open(link) {
                self.acts.push_back(Act::Send { link, bytes });
            }
        }
    }

    /// Its address.
    #[must_use]
    pub const fn address(&self) -> TerminalAddress {
        self.address
    }

    /// The world's time.
    #[must_use]
    pub fn at(&self) -> At {
        self.now.world(self.start)
    }

    /// What its clock shows.
    #[must_use]
    pub fn shown(&self) -> At {
        self.clock.shown(self.at())
    }

    /// Its clock, to set it or to let it drift.
    pub const fn clock_mut(&mut self) -> &mut Clock {
        &mut self.clock
    }

    /// What it believes hangs on its lines.
    #[must_use]
    pub const fn archive(&self) -> &Archive {
        &self.archive
    }

    /// What really hangs on its lines.
    #[must_use]
    pub fn wired(&self) -> &[Wired] {
        &self.lines.wired
    }

    /// What really hangs on its lines, to take meters off, to put others there or to let things happen to them.
    pub const fn wired_mut(&mut self) -> &mut Vec<Wired> {
        &mut self.lines.wired
    }

    /// The meter of a measuring point by the archive, if it hangs on a line.
    #[must_use]
    pub fn meter_of(&self, point: u16) -> Option<&Meter> {
        self.archive.of_point(point).and_then(|record| self.lines.meter(record.address))
    }

    /// From now on the terminal reads the meter of this point as it is, since it was refused its freeze once.
    pub fn lose_freeze(&mut self, point: u16) {
        if let Some(record) = self.archive.of_point(point) {
            self.collector.lose_freeze(record.address);
        }
    }

    /// Its habits, to change them.
    pub const fn habits_mut(&mut self) -> &mut Habits {
        &mut self.habits
    }

    /// The faults that happened.
    #[must_use]
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The same, to change how often they happen.
    pub const fn faults_mut(&mut self) -> &mut Faults {
        &mut self.faults
    }

    /// Every forwarded frame that reached a meter, oldest first: the truth about orders.
    #[must_use]
    pub fn reached(&self) -> &[Reached] {
        &self.lines.reached
    }

    /// How many exchanges it had with its meters.
    #[must_use]
    pub const fn exchanges(&self) -> u64 {
        self.lines.exchanges()
    }

    /// How many requests it heard.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.requests
    }

    /// The important or the ordinary events it holds, oldest first.
    pub fn events(&self, is_important: bool) -> impl Iterator<Item = &EventRecord> {
        self.events.records(is_important)
    }

    /// It loses what it remembers of events, and counts from nothing again.
    pub fn forget_events(&mut self) {
        self.events.clear();
    }

    /// EC1 and EC2.
    #[must_use]
    pub const fn event_counters(&self) -> [u8; 2] {
        self.events.counters()
    }

    /// True once the master has confirmed its login.
    #[must_use]
    pub const fn is_online(&self) -> bool {
        self.link.is_online()
    }

    /// How often it logged in, whether or not anybody answered.
    #[must_use]
    pub const fn logins(&self) -> u64 {
        self.link.logins()
    }

    /// How many meters it has read for the day that ended last, and how many it should.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        let day = self.shown().day().saturating_sub(1);
        let points: Vec<u16> = self.archive.points().collect();
        let read = points.iter().filter(|point| self.freeze_of(**point, day).is_some()).count();
        (read, points.len())
    }

    /// The moment of an instant of the world; the start for what lies before it.
    fn moment_of(&self, at: At) -> Moment {
        let seconds = u64::try_from(at.since(self.start)).unwrap_or_default();
        Moment::START.plus(Duration::from_secs(seconds))
    }
}
