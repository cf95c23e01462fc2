//! The truth of one meter: what any register held at any instant, past ones too.
//!
//! Everything is a function of the customer's [`Load`], the meter's [`Clock`] and the sparse [`EventLog`]; a freeze is
//! the register at the instant of the freeze, a load record the register at the end of its slot, and a judge may ask
//! for any other instant. Instants are the world's; the meter's dates come from [`Truth::clock`]. An event takes
//! effect in the second in which it begins: [`Truth::shown`] already knows it, [`Truth::shown_before`] does not yet.
//!
//! In release builds on a 2-core x86-64 machine one register at one instant takes 0.9 µs and the maximum demand of a
//! month 230 times that (`cargo bench -p simulator --bench truth`).
//!
//! It leaves to others: identifiers and frames, what a meter keeps and how deep, relays and passwords.

pub mod demand;
pub mod event;
pub mod face;
pub mod flow;
pub mod installation;
pub mod instantaneous;
pub mod register;
pub mod settlement;

use crate::clock::{Clock, Mark};
use crate::instant::At;
use crate::load::Load;
use crate::seed::Seed;
use event::{Event, EventKind, EventLog};
use face::{Combination, Face};
use flow::{Counted, Flow, Pieces, Shares};
use installation::{Installation, Wiring};
use register::Register;
use settlement::SettlementDays;

/// One meter and its whole life.
#[derive(Clone, Debug)]
pub struct Truth {
    load: Load,
    wiring: Wiring,
    seed: Seed,
    face: Face,
    clock: Clock,
    settlement_days: SettlementDays,
    log: EventLog,
    pieces: Pieces,
}

impl Truth {
    /// Puts a meter in.
    #[must_use]
    pub fn install(new: Installation) -> Self {
        let shares = match new.wiring {
            Wiring::SinglePhase => Shares::SINGLE_PHASE,
            Wiring::ThreePhase => Shares::drawn(new.seed),
        };
        let (opening, delivered) = (Counted::opening(new.opening), new.load.delivered(new.installed_at));
        Self {
            face: Face::new(new.load.profile(), shares, new.combination, new.seed),
            pieces: Pieces::begin(new.installed_at, &opening, &delivered, shares),
            load: new.load,
            wiring: new.wiring,
            seed: new.seed,
            clock: new.clock,
            settlement_days: new.settlement_days,
            log: EventLog::default(),
        }
    }

    /// Takes this meter off the wall and puts another in its place (换表), which counts from its own opening.
    #[must_use]
    pub fn exchange(&mut self, new: Installation) -> Self {
        self.begin(EventKind::Removed, new.installed_at, 0);
        Self::install(new)
    }

    /// A register as the meter shows it, in units of 0.01 kWh, kvarh or kVAh, rolled over at the end of the display.
    /// Before the meter was installed, what it was installed with.
    #[must_use]
    pub fn shown(&self, register: Register, at: At) -> i64 {
        self.face.shown(register, &self.counted(at))
    }

    /// The same just before the events of that second: what a meter writes into the record of a clear.
    #[must_use]
    pub fn shown_before(&self, register: Register, at: At) -> i64 {
        let at = at.max(self.installed_at());
        let counted = self.pieces.counted_before(at, &self.load.delivered(at), self.face.shares());
        self.face.shown(register, &counted)
    }

    /// A register in milliwatt-hours (-varh, -VAh), without an end to its display.
    #[must_use]
    pub fn exact(&self, register: Register, at: At) -> i64 {
        self.face.exact(register, &self.counted(at))
    }

    /// Everything counted at an instant, from which [`Truth::face`] reads any number of registers at little cost.
    #[must_use]
    pub fn counted(&self, at: At) -> Counted {
        let at = at.max(self.installed_at());
        self.pieces.counted(at, &self.load.delivered(at), self.face.shares())
    }

    /// How it turns counts into registers.
    #[must_use]
    pub const fn face(&self) -> &Face {
        &self.face
    }

    /// Sets the combination words, as writing `04000601` to `04000603` does.
    pub const fn set_combination(&mut self, combination: Combination) {
        self.face.set_combination(combination);
    }

    /// Notes something that takes no time.
    pub fn record(&mut self, kind: EventKind, at: At, operator: u32) {
        self.insert(Event { kind, from: at, to: Some(at), operator });
    }

    /// Begins something that goes on; false when it already does.
    pub fn begin(&mut self, kind: EventKind, at: At, operator: u32) -> bool {
        let begins = !self.log.is_on(kind, at);
        if begins {
            self.insert(Event { kind, from: at, to: None, operator });
        }
        begins
    }

    /// Ends what goes on; false when nothing does.
    pub fn end(&mut self, kind: EventKind, at: At) -> bool {
        let ends = self.log.end(kind, at);
        if ends && kind.bends() {
            self.pieces.renew(at, &self.load, &self.log, self.face.shares());
        }
        ends
    }

    /// Notes an event of any length, in the past or ahead; everything after it is worked out again.
    pub fn insert(&mut self, event: Event) {
        self.log.insert(event);
        if event.kind.bends() {
            self.pieces.renew(event.from, &self.load, &self.log, self.face.shares());
        }
    }

    /// What happened to it.
    #[must_use]
    pub const fn log(&self) -> &EventLog {
        &self.log
    }

    /// Which phases are counted how.
    #[must_use]
    pub fn flow(&self, at: At) -> Flow {
        Flow::at(&self.log, at)
    }

    /// True when the meter itself runs: it is on the wall and has supply. An open relay does not stop it.
    #[must_use]
    pub fn is_powered(&self, at: At) -> bool {
        let off = [EventKind::PowerCut, EventKind::Removed];
        at >= self.installed_at() && !off.into_iter().any(|kind| self.log.is_on(kind, at))
    }

    /// Its clock.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Its clock, to set it or to let it drift.
    pub const fn clock_mut(&mut self) -> &mut Clock {
        &mut self.clock
    }

    /// Its settlement days.
    #[must_use]
    pub const fn settlement_days(&self) -> SettlementDays {
        self.settlement_days
    }

    /// Sets the settlement days; all settlements, also of the past, are then dated so.
    pub const fn set_settlement_days(&mut self, days: SettlementDays) {
        self.settlement_days = days;
    }

    /// The settlements that the meter remembers at `at`, newest first. The n-th one is what it calls settlement n
    /// (上n结算日): its registers are those of that instant.
    pub fn settlements(&self, at: At) -> impl Iterator<Item = Mark> {
        let since = self.remembers_since(at);
        let days = self.settlement_days;
        let marks = self.clock.marks_before(at, move |shown| days.latest(shown));
        marks.take_while(move |mark| mark.at >= since)
    }

    /// The start of its memory: the last clear of the meter up to `at`, else its installation.
    #[must_use]
    pub fn remembers_since(&self, at: At) -> At {
        let clear = self.log.begun(at).find(|event| event.kind == EventKind::MeterClear);
        clear.map_or_else(|| self.installed_at(), |event| event.from)
    }

    /// When it was installed.
    #[must_use]
    pub const fn installed_at(&self) -> At {
        self.pieces.began()
    }

    /// One phase or three.
    #[must_use]
    pub const fn wiring(&self) -> Wiring {
        self.wiring
    }

    /// What flows through it.
    #[must_use]
    pub const fn load(&self) -> &Load {
        &self.load
    }

    /// Lets the registers stand still from `at` on, while the clock and everything else goes on.
    pub fn hold(&mut self, at: At) {
        self.load.hold(at);
        self.pieces.renew(at, &self.load, &self.log, self.face.shares());
    }

    /// Bytes this meter takes, not counting the table of its load, which all meters of a shape share.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let log = self.log.capacity() * size_of::<Event>();
        size_of::<Self>() + self.pieces.heap_bytes() + log + self.clock.heap_bytes()
    }
}

#[cfg(test)]
mod tests;
