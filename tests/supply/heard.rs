//! A simulated meter between the line and the tests: it counts what it is told, and loses what it is to lose.

use std::collections::VecDeque;

use dlt645::frame::Frame;
use simulator::bus::moment::Moment as BusMoment;
use simulator::bus::rate::Rate;
use simulator::station::{Reply, Station};
use simulator::world::fitted::Shared;

/// A meter that counts the orders it heard, and may keep its answers to them to itself.
pub(crate) struct Heard {
    meter: Shared,
    /// N1 of every relay order that was heard whole.
    pub(crate) orders: Vec<u8>,
    /// It answers no order.
    pub(crate) is_mute: bool,
    /// It answers nothing at all.
    pub(crate) is_dead: bool,
    /// It hears no order: the line loses it.
    pub(crate) is_deaf: bool,
    /// What becomes of the next frames that write a password, or a date or time.
    pub(crate) fates: VecDeque<Fate>,
    /// How many of the first it was sent, how many of the second, and how many of either and of orders it refused as not
    /// authorised.
    pub(crate) written: usize,
    pub(crate) times: usize,
    /// How often it was told to freeze.
    pub(crate) freezes: usize,
    /// The times of day that it was told.
    pub(crate) set_to: Vec<[u8; 3]>,
    pub(crate) unauthorised: usize,
    /// It hears orders, and what it says of itself is lost.
    pub(crate) is_unread: bool,
    /// A terminal on the way keeps orders for later.
    pub(crate) is_slow: bool,
    /// What is kept for later.
    pub(super) kept: Vec<Vec<u8>>,
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Answered,
    AnswerLost,
    FrameLost,
    /// It is answered, and then somebody gives the meter another password.
    OtherPassword,
}

impl Heard {
    /// One that hears all and answers all.
    pub(super) fn of(meter: Shared) -> Self {
        Self {
            meter,
            orders: Vec::new(),
            is_mute: false,
            is_dead: false,
            is_deaf: false,
            fates: VecDeque::new(),
            written: 0,
            times: 0,
            freezes: 0,
            set_to: Vec::new(),
            unauthorised: 0,
            is_unread: false,
            is_slow: false,
            kept: Vec::new(),
        }
    }

    fn hear_write(&mut self, now: BusMoment, request: &Frame<'_>) -> Option<Reply> {
        if self.meter.lock().unwrap().meter.address().as_meter() != request.address.as_meter() {
            return None;
        }
        self.written += usize::from(request.control.0 == 0x18);
        self.times += usize::from(request.control.0 == 0x14);
        self.freezes += usize::from(request.control.0 == 0x16);
        // Identifier, password, operator, then seconds, minutes, hours.
        if let [0x02, 0x01, 0x00, 0x04, _, _, _, _, _, _, _, _, second, minute, hour] = *request.data {
            self.set_to.push([hour, minute, second]);
        }
        let fate = self.fates.pop_front().unwrap_or(Fate::Answered);
        if fate == Fate::FrameLost {
            return None;
        }
        let reply = self.meter.hear(now, request);
        self.unauthorised += usize::from(reply.as_ref().is_some_and(is_refusal));
        if fate == Fate::OtherPassword {
            self.meter.lock().unwrap().meter.passwords_mut().set(4, [0x99; 3]);
        }
        reply.filter(|_| fate != Fate::AnswerLost)
    }
}

fn is_refusal(reply: &Reply) -> bool {
    let start = reply.bytes.iter().position(|byte| *byte == 0x68).unwrap();
    reply.bytes[start + 8] & 0x40 != 0
}

impl Station for Heard {
    fn hear(&mut self, now: BusMoment, request: &Frame<'_>) -> Option<Reply> {
        if self.is_dead {
            return None;
        }
        if matches!(request.control.0, 0x14 | 0x16 | 0x18) {
            return self.hear_write(now, request);
        }
        if request.control.0 != 0x1C {
            return self.meter.hear(now, request).filter(|_| !self.is_unread);
        }
        if self.is_deaf {
            return None;
        }
        if self.is_slow {
            self.kept.push(request.to_bytes().unwrap());
            return None;
        }
        let reply = self.meter.hear(now, request);
        // PA P0 P1 P2 C0 C1 C2 C3 N1: of meters with another address nothing is counted.
        if reply.is_some() {
            self.orders.extend(request.data.get(8));
        }
        self.unauthorised += usize::from(reply.as_ref().is_some_and(is_refusal));
        reply.filter(|_| !self.is_mute)
    }

    fn rate(&self, now: BusMoment) -> Rate {
        self.meter.rate(now)
    }
}
