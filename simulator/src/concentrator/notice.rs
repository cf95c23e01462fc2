//! What the terminal notices of its meters and of itself, and notes as events. [1376 3.10]

use std::collections::BTreeMap;

use super::Concentrator;
use super::configuration::VERSION;
use super::encode::Unit;
use super::event::point_word;
use super::freeze::Registers;
use crate::instant::At;
use crate::truth::event::EventKind;

/// What was noticed of each point.
#[derive(Clone, Debug, Default)]
pub(super) struct Noticed {
    points: BTreeMap<u16, Seen>,
}

/// What was seen of one meter.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at: At,
    /// The seven status words.
    words: [u8; 14],
    is_clock_off: bool,
    last_ok: Option<At>,
    last: [Option<i64>; 2],
}

impl Concentrator {
    /// It notes an event of this code (ERC).
    pub fn note_event(&mut self, code: u8, body: Vec<u8>) {
        let at = self.at();
        if self.events.note(code, body, at) {
            self.report_now();
        }
    }

    fn note(&mut self, code: u8, unit: Unit) {
        self.note_event(code, unit.into_bytes());
    }

    /// ERC 1: data were deleted.
    pub(super) fn initialised(&mut self) {
        let unit = Unit::new().a15(Some(self.shown())).byte(0b01).bytes(VERSION.as_bytes());
        self.note(1, unit.bytes(VERSION.as_bytes()));
    }

    /// ERC 3: the master changed parameters.
    pub(super) fn parameters_changed(&mut self, master: u8, changed: &[[u8; 4]]) {
        let unit = Unit::new().a15(Some(self.shown())).byte(master);
        self.note(3, changed.iter().take(40).fold(unit, |unit, identifier| unit.bytes(identifier)));
    }

    /// A meter was read: what is new about it becomes events. The first look only remembers.
    pub(super) fn notice(&mut self, point: u16) {
        let (at, shown) = (self.at(), self.shown());
        let Some(meter) = self.meter_of(point) else { return };
        let truth = meter.truth();
        let held = meter.held(at, [0xFF, 0x05, 0x00, 0x04], &[]).unwrap_or_default();
        let words = held.first_chunk::<14>().copied().unwrap_or_default();
        let off = truth.clock().shown(at).since(shown).abs();
        let last = self.freezes.of(shown.day().saturating_sub(1), point);
        let first = |registers: Option<Registers>| registers.and_then(|[total, ..]| total);
        let last = last.map_or([None; 2], |freeze| {
            let [active, reactive, ..] = freeze.registers;
            [first(active), first(reactive)]
        });
        let seen = Seen { at, words, is_clock_off: off > CLOCK_OFF, last_ok: Some(shown), last };
        let before = self.noticed.points.get(&point).copied();
        let since = before.map_or(at, |before| before.at);
        let is_new =
            |kind: EventKind| truth.log().begun(at).any(|event| event.kind == kind && event.from > since);
        let (was_set, was_programmed) = (is_new(EventKind::ClockSet), is_new(EventKind::Programming));
        self.noticed.points.insert(point, seen);
        let Some(before) = before else { return };
        let begun =
            |code: u8, begins: bool| (code, Unit::new().a15(Some(shown)).word(point_word(point, begins)));
        let mut events = Vec::new();
        if was_set || was_programmed {
            let (code, unit) = begun(8, true);
            events.push((code, unit.byte(u8::from(was_programmed) << 1 | u8::from(was_set) << 2)));
        }
        if before.is_clock_off != seen.is_clock_off {
            events.push(begun(12, seen.is_clock_off));
        }
        if before.words != words {
            let mut changed = words;
            changed.iter_mut().zip(before.words).for_each(|(bits, old)| *bits ^= old);
            let (code, unit) = begun(33, true);
            events.push((code, unit.bytes(&changed).bytes(&words)));
        }
        for (code, unit) in events {
            self.note(code, unit);
        }
    }

    /// ERC 31: a meter was not read however often it was tried.
    pub(super) fn failed(&mut self, point: u16) {
        if self.collector.failing.insert(point) {
            self.read_failure(point, true);
        }
    }

    /// A meter was read: a failure is over.
    pub(super) fn read_again(&mut self, point: u16) {
        if self.collector.failing.remove(&point) {
            self.read_failure(point, false);
        }
    }

    fn read_failure(&mut self, point: u16, begins: bool) {
        let seen = self.noticed.points.get(&point);
        let [active, reactive] = seen.map_or([None; 2], |seen| seen.last);
        let unit = Unit::new().a15(Some(self.shown())).word(point_word(point, begins));
        let unit = unit.a15(seen.and_then(|seen| seen.last_ok)).a14(active).a11(reactive);
        self.note(31, unit);
    }
}

/// A meter's clock is off when it differs by more than so many seconds.
const CLOCK_OFF: i64 = 300;
