//! The lines of a terminal: the meters that really hang there, and one exchange at a time with them.

use core::time::Duration;

use dlt645::address::AddressField;
use dlt645::frame::{Frame, MAX_DATA, WireFrame};

use super::plc::Plc;
use crate::bus::moment::Moment;
use crate::instant::At;
use crate::meter::Meter;
use crate::seed::Seed;

/// A meter on a port of a terminal.
#[derive(Clone, Debug)]
pub struct Wired {
    /// The meter.
    pub meter: Meter,
    /// The port: 31 the power line, 2 and 3 RS-485.
    pub port: u8,
}

/// The usual port of the power line.
pub const PLC_PORT: u8 = 31;

/// For what a meter is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// For the terminal's own store.
    Collect,
    /// For the master.
    Forward,
    /// By a fault, and nobody waits for the answer.
    Astray,
}

/// A forwarded frame that reached a meter, for the judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// When the meter heard it, in the world.
    pub at: At,
    /// The meter's address, low byte first.
    pub address: [u8; 6],
    /// The frame.
    pub frame: Vec<u8>,
    /// It came late or a second time, by a fault.
    pub is_astray: bool,
    /// What the meter answered, whether or not anybody heard that.
    pub answer: Option<Vec<u8>>,
}

impl Reached {
    /// The control byte of the frame; 1CH is an order for the relay.
    #[must_use]
    pub fn control(&self) -> Option<u8> {
        self.frame.get(8).copied()
    }
}

/// An exchange that goes on.
#[derive(Clone, Debug)]
struct Exchange {
    purpose: Purpose,
    port: u8,
    request: Vec<u8>,
    /// When the meter hears it; `None` when it does not, or already has.
    hears_at: Option<Moment>,
    ends_at: Moment,
    /// When the terminal waits no longer.
    gives_up_at: Moment,
    /// Whether the answer comes through in time.
    is_answered: bool,
    answer: Option<Vec<u8>>,
}

/// What came of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finished {
    pub(super) purpose: Purpose,
    pub(super) answer: Option<Vec<u8>>,
}

/// The lines.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    seed: Seed,
    start: At,
    plc: Plc,
    plc_port: u8,
    pub(super) wired: Vec<Wired>,
    exchange: Option<Exchange>,
    exchanges: u64,
    pub(super) reached: Vec<Reached>,
}

impl Lines {
    pub(super) const fn new(seed: Seed, start: At, plc: Plc, plc_port: u8, wired: Vec<Wired>) -> Self {
        Self { seed, start, plc, plc_port, wired, exchange: None, exchanges: 0, reached: Vec::new() }
    }

    pub(super) const fn is_busy(&self) -> bool {
        self.exchange.is_some()
    }

    pub(super) const fn exchanges(&self) -> u64 {
        self.exchanges
    }

    /// When the next thing happens to the exchange that goes on.
    pub(super) fn next_at(&self) -> Option<Moment> {
        self.exchange.as_ref().map(|exchange| exchange.hears_at.unwrap_or(exchange.ends_at))
    }

    /// Sends a frame to a meter on a port and waits for its answer for a time.
    pub(super) fn begin(
        &mut self,
        now: Moment,
        purpose: Purpose,
        port: u8,
        request: Vec<u8>,
        wait: Duration,
    ) {
        let number = self.exchanges;
        self.exchanges += 1;
        let address = request.get(1..7).map_or(0, key);
        let mut fate = self.plc.fate(self.seed, address, number, now.world(self.start));
        if port != self.plc_port {
            // RS-485 is a wire: nothing is lost, and an exchange takes what the bytes take.
            fate.is_heard = true;
            fate.is_answered = true;
            fate.both = WIRE;
            fate.down = WIRE / 2;
        }
        let is_answered = fate.is_answered && fate.both <= wait;
        self.exchange = Some(Exchange {
            purpose,
            port,
            request,
            hears_at: fate.is_heard.then(|| now.plus(fate.down)),
            ends_at: now.plus(if is_answered { fate.both } else { wait }),
            gives_up_at: now.plus(wait),
            is_answered,
            answer: None,
        });
    }

    /// Carries out what is due at `now`; the exchange is over when something comes back.
    pub(super) fn advance(&mut self, now: Moment) -> Option<Finished> {
        let mut exchange =
            self.exchange.take_if(|exchange| exchange.hears_at.unwrap_or(exchange.ends_at) <= now)?;
        if let Some(hears_at) = exchange.hears_at.take() {
            exchange.answer = self.hear(hears_at, &exchange);
            if exchange.answer.is_none() {
                // Nobody will answer: the terminal waits in vain.
                exchange.is_answered = false;
                exchange.ends_at = exchange.gives_up_at;
            }
            self.exchange = Some(exchange);
            return None;
        }
        let answer = exchange.answer.filter(|_| exchange.is_answered);
        Some(Finished { purpose: exchange.purpose, answer })
    }

    /// What is on the way is lost.
    pub(super) fn drop_exchange(&mut self) {
        self.exchange = None;
    }

    /// The meters that a frame is for hear it. Two answers at once are none.
    fn hear(&mut self, now: Moment, exchange: &Exchange) -> Option<Vec<u8>> {
        let wire = WireFrame::parse(&exchange.request).ok()?;
        let mut plain = [0; MAX_DATA];
        let frame: Frame<'_> = wire.frame(&mut plain);
        let at = now.world(self.start);
        let mut answers = Vec::new();
        for Wired { meter, port } in &mut self.wired {
            let is_for_it = frame.address.is_broadcast() || frame.address.admits(meter.address());
            if *port != exchange.port || !is_for_it {
                continue;
            }
            let address = meter.address().wire();
            let answer = meter.answer(at, &frame).map(|reply| reply.frame);
            if exchange.purpose != Purpose::Collect {
                self.reached.push(Reached {
                    at,
                    address,
                    frame: exchange.request.clone(),
                    is_astray: exchange.purpose == Purpose::Astray,
                    answer: answer.clone(),
                });
            }
            answers.extend(answer);
        }
        (answers.len() == 1).then(|| answers.pop()).flatten()
    }

    /// The meter with this address, low byte first, on any port.
    pub(super) fn meter(&self, address: [u8; 6]) -> Option<&Meter> {
        let address = AddressField::from_wire(address);
        self.wired.iter().map(|wired| &wired.meter).find(|meter| meter.address() == address)
    }

    /// Whether a meter could be read at an instant: it hangs there, has supply, and the line reaches it.
    pub(super) fn can_read(&self, meter: &Meter, at: At) -> bool {
        meter.truth().is_powered(at) && self.plc.is_reachable(self.seed, key(&meter.address().wire()), at)
    }

    /// Whether the regular poll of a meter at an instant failed.
    pub(super) fn lost_poll(&self, meter: &Meter, at: At) -> bool {
        let polls = self.seed.named("poll").numbered(key(&meter.address().wire()));
        let share = i64::from(self.plc.loses_requests) + i64::from(self.plc.loses_answers);
        // A lost poll is repeated once, and lost for good as often as both are.
        polls.happens(u64::from(at.seconds()), share * share / 1024)
    }

    /// The second of a day until which a meter cannot be reached.
    pub(super) fn unreachable_until(&self, meter: &Meter, day: u32) -> u32 {
        self.plc.unreachable_until(self.seed, key(&meter.address().wire()), day)
    }

    /// When within a quarter of an hour or so a meter's turn comes, for what was read before the world began.
    pub(super) fn turn(&self, meter: &Meter, day: u32) -> i64 {
        self.seed.named("turn").numbered(key(&meter.address().wire())).between(u64::from(day), 120, 2_400)
    }
}

/// An address as a number that tells meters apart.
fn key(address: &[u8]) -> u64 {
    address.iter().rev().fold(0, |key, byte| key << 8 | u64::from(*byte))
}

/// An exchange over RS-485.
const WIRE: Duration = Duration::from_millis(400);
