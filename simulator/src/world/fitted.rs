//! A meter as it hangs on a line: what it answers, after its own delay, with its own wake-up bytes, at its own rate.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dlt645::frame::Frame;

use super::file::{BusEntry, GatewayEntry, MeterEntry};
use super::registers::ModbusEntry;
use super::{Gateway, Line, World};
use crate::bus::moment::Moment;
use crate::bus::rate::{Parity, Rate};
use crate::instant::At;
use crate::meter::Meter;
use crate::station::{ModbusMeter, Reply, Station};

/// After so long without a word a meter goes back to its stored rate. [645-2007 4]
const RATE_HELD: Duration = Duration::from_secs(300);

/// A meter on a line.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The meter.
    pub meter: Meter,
    start: At,
    delay: Duration,
    wake_up_bytes: u8,
    stored: Rate,
    /// The unit number and the registers of one that speaks Modbus.
    registers: Option<(u8, ModbusEntry)>,
    /// The rate it was told to take, and when it last talked.
    told: Option<(Rate, Moment)>,
}

/// A meter that a judge may look at while it is on a line.
pub type Shared = Arc<Mutex<Fitted>>;

impl Fitted {
    /// Hangs a meter on a line of a world that was started at `start`.
    #[must_use]
    pub fn new(meter: Meter, entry: &MeterEntry, line: &BusEntry, start: At) -> Self {
        Self::at_rate(meter, entry, Rate::new(line.baud, Parity::Even).unwrap_or_default(), start)
    }

    fn at_rate(meter: Meter, entry: &MeterEntry, stored: Rate, start: At) -> Self {
        Self {
            meter,
            start,
            delay: Duration::from_millis(entry.answer_delay_ms.into()),
            wake_up_bytes: entry.wake_up_bytes,
            stored,
            registers: entry.unit().zip(entry.modbus.clone()),
            told: None,
        }
    }

    /// The unit number and the registers of one that speaks Modbus.
    #[must_use]
    pub const fn registers(&self) -> Option<&(u8, ModbusEntry)> {
        self.registers.as_ref()
    }

    /// The world's time at a moment of the line.
    #[must_use]
    pub fn world(&self, now: Moment) -> At {
        now.world(self.start)
    }
}

impl Station for Fitted {
    fn hear(&mut self, now: Moment, request: &Frame<'_>) -> Option<Reply> {
        if self.registers.is_some() {
            return None;
        }
        let reply = self.meter.answer(self.world(now), request)?;
        let held = self.told.map(|(rate, _)| (rate, now));
        let told = reply.new_rate.and_then(|rate| Rate::new(rate.baud(), Parity::Even).ok());
        self.told = told.map(|rate| (rate, now)).or(held);
        let mut bytes = vec![dlt645::frame::WAKE_UP; self.wake_up_bytes.into()];
        bytes.extend(reply.frame);
        Some(Reply::new(bytes, self.delay))
    }

    fn hear_rtu(&mut self, now: Moment, question: &[u8]) -> Option<Reply> {
        let (unit, map) = self.registers.as_ref()?;
        let (truth, at) = (self.meter.truth(), self.world(now));
        if question.first() != Some(unit) || !truth.is_powered(at) {
            return None;
        }
        let mut shown = ModbusMeter::new(*unit, self.stored);
        shown.delay = self.delay;
        shown.registers = map.held(truth, at);
        shown.hear_rtu(now, question)
    }

    fn rate(&self, now: Moment) -> Rate {
        match self.told {
            Some((rate, talked_at)) if now.since(talked_at) < RATE_HELD => rate,
            _ => self.stored,
        }
    }
}

impl Gateway {
    /// Makes the meters ready; the gateway counts its moments from `start`.
    #[must_use]
    pub fn fit(self, start: At) -> (GatewayEntry, Vec<Shared>) {
        let hang = |(entry, meter): (MeterEntry, Meter)| {
            Arc::new(Mutex::new(Fitted::at_rate(meter, &entry, Rate::default(), start)))
        };
        (self.entry, self.meters.into_iter().map(hang).collect())
    }
}

impl World {
    /// Hangs every meter on its line; the lines count their moments from `start`.
    #[must_use]
    pub fn fit(self, start: At) -> Vec<(BusEntry, Vec<Shared>)> {
        let fit = |Line { entry: line, meters }| {
            let hang = |(entry, meter): (MeterEntry, Meter)| {
                Arc::new(Mutex::new(Fitted::new(meter, &entry, &line, start)))
            };
            let meters = meters.into_iter().map(hang).collect();
            (line, meters)
        };
        self.lines.into_iter().map(fit).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::shape::Shape;
    use crate::sample;

    #[test]
    fn a_rate_is_held_while_somebody_talks() {
        let entry = MeterEntry::new("123456789012".parse().unwrap(), "bus");
        let line = BusEntry { name: "bus".into(), tcp: None, pty: None, baud: 2400, echo: false };
        let address = entry.address;
        let meter = Meter::new(
            address,
            crate::meter::Editions::ONLY_2007,
            crate::meter::Manners::default(),
            sample::meter(Shape::Household, 1),
        );
        let mut fitted = Fitted::new(meter, &entry, &line, sample::at(2026, 11, 21, 10, 0));
        let ask = |control: u8, data: &'static [u8]| Frame {
            address: address.field(),
            control: dlt645::control::Control(control),
            data,
        };
        let change = ask(0x17, &[0x20]);
        let reply = fitted.hear(Moment::START, &change).unwrap();
        assert_eq!(reply.delay, Duration::from_millis(50));
        assert_eq!(fitted.rate(Moment::START).baud(), 9600);
        let minutes = |n: u64| Moment::from_nanos(n * 60_000_000_000);
        fitted.hear(minutes(4), &ask(0x13, &[])).unwrap();
        assert_eq!(fitted.rate(minutes(8)).baud(), 9600, "spoken to four minutes ago");
        assert_eq!(fitted.rate(minutes(9)).baud(), 2400);
    }
}
