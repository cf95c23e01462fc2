//! What a meter counts of the load: energies since it began, piece by piece between bending events.
//!
//! In one piece the meter counts with one [`Flow`]. Each piece keeps what has to be added to all that the load has
//! delivered through that flow since 2000, so the count at any instant costs one look-up and one evaluation of the
//! load, however long the history is. A piece takes 120 bytes; an interruption is two pieces.

use super::event::{EventKind, EventLog};
use super::register::Phase;
use crate::instant::At;
use crate::load::Load;
use crate::load::delivered::{Delivered, Direction};
use crate::seed::Seed;

/// How the meter counts the current of one phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As it flows.
    With,
    /// Turned round.
    Against,
    /// Not at all, or none flows.
    Not,
}

/// How the meter counts the current of each phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow(pub [Way; 3]);

/// The share of the load that each phase carries, in parts of [`Shares::WHOLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares(pub [i64; 3]);

/// What a meter has counted, in milliwatt-hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// By tariff; "import" is what it counts as forward, "export" as reverse.
    pub active: Delivered,
    /// All that passed forward while the phase was counted so; the phase's own part is its share of it.
    pub phase_forward: [i64; 3],
    /// The same for reverse.
    pub phase_reverse: [i64; 3],
}

/// A span of time with one flow.
#[derive(Clone, Debug)]
struct Piece {
    from: At,
    flow: Flow,
    base: Counted,
}

/// The whole life of one meter, as pieces.
#[derive(Clone, Debug)]
pub struct Pieces {
    first: Piece,
    rest: Vec<Piece>,
}

impl Flow {
    /// The flow at an instant, from what goes on then.
    #[must_use]
    pub fn at(log: &EventLog, at: At) -> Self {
        let on = |kind| log.is_on(kind, at);
        if [EventKind::RelayOpen, EventKind::PowerCut, EventKind::Removed].into_iter().any(on) {
            return Self([Way::Not; 3]);
        }
        Self(Phase::ALL.map(|phase| {
            let missed = [EventKind::VoltageLoss, EventKind::PhaseFailure, EventKind::CurrentLoss];
            if missed.into_iter().any(|kind| on(kind(phase))) {
                Way::Not
            } else if on(EventKind::CurrentReversed(phase)) {
                Way::Against
            } else {
                Way::With
            }
        }))
    }

    /// How much of the load the meter sees, in parts of [`Shares::WHOLE`]; below zero it sees the load turned round.
    #[must_use]
    pub fn net(&self, shares: Shares) -> i64 {
        self.0.iter().zip(shares.0).map(|(way, share)| way.sign() * share).sum()
    }
}

impl Way {
    /// One, minus one or zero.
    #[must_use]
    pub const fn sign(self) -> i64 {
        match self {
            Self::With => 1,
            Self::Against => -1,
            Self::Not => 0,
        }
    }

    const fn pick(self, with: i64, against: i64) -> i64 {
        match self {
            Self::With => with,
            Self::Against => against,
            Self::Not => 0,
        }
    }
}

impl Shares {
    /// All phases together.
    pub const WHOLE: i64 = 1024;
    /// Everything on phase A.
    pub const SINGLE_PHASE: Self = Self([Self::WHOLE, 0, 0]);

    /// Three phases, none of them quite alike.
    #[must_use]
    pub fn drawn(seed: Seed) -> Self {
        let [a, b] = [0, 1].map(|phase| seed.named("share").between(phase, 290, 390));
        Self([a, b, Self::WHOLE - a - b])
    }
}

impl Counted {
    /// What a meter shows on its first day.
    #[must_use]
    pub fn opening(active: Delivered) -> Self {
        let [forward, reverse] = [Direction::Import, Direction::Export].map(|way| [active.total(way); 3]);
        Self { active, phase_forward: forward, phase_reverse: reverse }
    }

    /// What a meter counts of a delivery through a flow.
    #[must_use]
    pub fn through(flow: Flow, shares: Shares, delivered: &Delivered) -> Self {
        let net = flow.net(shares);
        let seen = if net < 0 { delivered.turned() } else { *delivered };
        let scaled = |energy: i64| {
            if net == Shares::WHOLE {
                return energy;
            }
            let energy = i128::from(energy) * i128::from(net.unsigned_abs()) / i128::from(Shares::WHOLE);
            i64::try_from(energy).unwrap_or(i64::MAX)
        };
        let [forward, reverse] = [Direction::Import, Direction::Export].map(|way| delivered.total(way));
        Self {
            active: Delivered::from_fn(|channel| scaled(seen.of(channel))),
            phase_forward: flow.0.map(|way| way.pick(forward, reverse)),
            phase_reverse: flow.0.map(|way| way.pick(reverse, forward)),
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.with(other, |one, other| one + other)
    }

    /// What was counted since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        self.with(earlier, |one, other| one - other)
    }

    fn with(&self, other: &Self, mix: impl Fn(i64, i64) -> i64) -> Self {
        let mut mixed = *self;
        mixed.active = Delivered::from_fn(|channel| mix(self.active.of(channel), other.active.of(channel)));
        let forward = mixed.phase_forward.iter_mut().zip(other.phase_forward);
        let reverse = mixed.phase_reverse.iter_mut().zip(other.phase_reverse);
        forward.chain(reverse).for_each(|(one, other)| *one = mix(*one, other));
        mixed
    }
}

impl Pieces {
    /// A meter that begins to count at `from`, when the load has `delivered` so much.
    #[must_use]
    pub fn begin(from: At, opening: &Counted, delivered: &Delivered, shares: Shares) -> Self {
        let flow = Flow([Way::With; 3]);
        Self { first: Piece::new(from, flow, opening, delivered, shares), rest: Vec::new() }
    }

    /// When it began to count.
    #[must_use]
    pub const fn began(&self) -> At {
        self.first.from
    }

    /// What has been counted at `at`, when the load has `delivered` so much. The meter must have begun.
    #[must_use]
    pub fn counted(&self, at: At, delivered: &Delivered, shares: Shares) -> Counted {
        self.of(at).counted(delivered, shares)
    }

    /// What had been counted just before the events of the second `at`.
    #[must_use]
    pub fn counted_before(&self, at: At, delivered: &Delivered, shares: Shares) -> Counted {
        self.of(at.plus(-1)).counted(delivered, shares)
    }

    /// Works the pieces from `from` on out again, after the log has changed there.
    pub fn renew(&mut self, from: At, load: &Load, log: &EventLog, shares: Shares) {
        self.rest.retain(|piece| piece.from < from);
        let known = self.rest.last().unwrap_or(&self.first).from;
        if known == self.first.from {
            let delivered = load.delivered(known);
            let opening = self.first.counted(&delivered, shares);
            self.first = Piece::new(known, Flow::at(log, known), &opening, &delivered, shares);
        }
        for bend in log.bends_after(known) {
            let delivered = load.delivered(bend);
            let mut events = log.begun(bend).take_while(|event| event.from == bend);
            let counted = if events.any(|event| event.kind == EventKind::MeterClear) {
                Counted::default()
            } else {
                self.counted(bend, &delivered, shares)
            };
            self.rest.push(Piece::new(bend, Flow::at(log, bend), &counted, &delivered, shares));
        }
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.rest.capacity() * size_of::<Piece>()
    }

    fn of(&self, at: At) -> &Piece {
        let begun = self.rest.partition_point(|piece| piece.from <= at);
        begun.checked_sub(1).and_then(|place| self.rest.get(place)).unwrap_or(&self.first)
    }
}

impl Piece {
    fn new(from: At, flow: Flow, counted: &Counted, delivered: &Delivered, shares: Shares) -> Self {
        Self { from, flow, base: counted.since(&Counted::through(flow, shares, delivered)) }
    }

    fn counted(&self, delivered: &Delivered, shares: Shares) -> Counted {
        self.base.plus(&Counted::through(self.flow, shares, delivered))
    }
}
