//! The night of a terminal: after its midnight it reads each meter's daily freeze, one exchange at a time, and comes back
//! to those that did not answer. [1376 6]

use std::collections::{BTreeSet, VecDeque};

use dlt645::address::AddressField;
use dlt645::control::{Control, Function};
use dlt645::frame::{Frame, MAX_DATA, WireFrame};

use super::Concentrator;
use super::archive::Record;
use super::freeze::{self, Freeze, KINDS, Kind, Way};
use super::lines::Purpose;
use crate::bus::moment::Moment;
use crate::instant::At;

/// One meter and one day to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Work {
    point: u16,
    /// The day whose end is wanted.
    day: u32,
}

/// What is asked next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Time,
    Register(usize),
}

/// The meter that is being read.
#[derive(Clone, Debug)]
struct Task {
    work: Work,
    record: Record,
    way: Way,
    step: Step,
    asked: u8,
    freeze: Freeze,
}

/// How far the night has come.
#[derive(Clone, Debug)]
pub(super) struct Collector {
    /// The day of the terminal's clock whose night was begun last.
    day: u32,
    queue: VecDeque<Work>,
    task: Option<Task>,
    /// When meters that are missing are tried again.
    again_at: Option<Moment>,
    passes: u32,
    pub(super) started: Option<At>,
    pub(super) ended: Option<At>,
    /// Ports whose reading is paused.
    paused: BTreeSet<u8>,
    /// Meters without a daily freeze.
    lacks_freeze: BTreeSet<[u8; 6]>,
    /// Points for which a failure was noted and is not over.
    pub(super) failing: BTreeSet<u16>,
}

/// What a meter answered.
enum Heard {
    Data(Vec<u8>),
    Refused,
    Nothing,
}

impl Collector {
    pub(super) const fn new(day: u32) -> Self {
        Self {
            day,
            queue: VecDeque::new(),
            task: None,
            again_at: None,
            passes: 0,
            started: None,
            ended: None,
            paused: BTreeSet::new(),
            lacks_freeze: BTreeSet::new(),
            failing: BTreeSet::new(),
        }
    }

    pub(super) fn pause(&mut self, port: u8) {
        self.paused.insert(port);
    }

    pub(super) fn resume(&mut self, port: u8) {
        self.paused.remove(&port);
    }

    /// The terminal lost its power.
    pub(super) fn stop(&mut self) {
        self.queue.clear();
        self.task = None;
        self.again_at = None;
    }

    /// A meter whose freeze was refused once is read as it is from then on.
    pub(super) fn lose_freeze(&mut self, address: [u8; 6]) {
        self.lacks_freeze.insert(address);
    }

    pub(super) fn is_idle(&self) -> bool {
        self.task.is_none() && self.queue.is_empty()
    }
}

impl Concentrator {
    /// When collecting has something to do; while the line is taken that is for the line to say.
    pub(super) fn collects_at(&self) -> Option<Moment> {
        if !self.power.is_on() || self.lines.is_busy() {
            return None;
        }
        if !self.collector.is_idle() {
            return Some(self.now);
        }
        let night = self.next_night();
        night.into_iter().chain(self.collector.again_at).min()
    }

    /// When the next night begins by the terminal's clock.
    fn next_night(&self) -> Option<Moment> {
        let after = i64::try_from(self.settings.reads_after_midnight.as_secs()).unwrap_or_default();
        let begins = At::midnight(self.collector.day + 1).plus(after);
        let at = self.at();
        if self.clock.shown(at) >= begins {
            return Some(self.now);
        }
        self.clock.when_showing(begins, at).map(|at| self.moment_of(at))
    }

    /// Begins a night or a pass, and the next exchange.
    pub(super) fn collect(&mut self) {
        if !self.power.is_on() || self.lines.is_busy() {
            return;
        }
        if self.next_night().is_some_and(|at| at <= self.now) && self.collector.is_idle() {
            self.begin_night();
        } else if self.collector.again_at.is_some_and(|at| at <= self.now) && self.collector.is_idle() {
            self.collector.again_at = None;
            self.begin_pass();
        }
        self.ask_next();
    }

    fn begin_night(&mut self) {
        let shown = self.shown();
        self.collector.day = shown.day();
        self.collector.passes = 0;
        self.collector.started = Some(shown);
        self.collector.ended = None;
        let first_month = shown.day().saturating_sub(31 * (self.settings.keeps_months + 1));
        self.freezes.prune(shown.day().saturating_sub(self.settings.keeps_days), first_month);
        self.begin_pass();
    }

    /// Reads again what is stored of a port for the last day.
    pub(super) fn redo(&mut self, port: u8) {
        let points: Vec<u16> = self
            .archive
            .records()
            .filter(|record| record.port() == port)
            .map(|record| record.point)
            .collect();
        self.freezes.forget(self.collector.day.saturating_sub(1), &points);
        self.first_live = self.first_live.min(self.collector.day.saturating_sub(1));
        if self.collector.is_idle() {
            self.collector.started = Some(self.shown());
            self.collector.ended = None;
            self.begin_pass();
        }
    }

    fn begin_pass(&mut self) {
        self.collector.passes += 1;
        let day = self.collector.day;
        for back in 1..=self.settings.catch_up_days.max(1) {
            let Some(wanted) = day.checked_sub(back).filter(|wanted| *wanted >= self.first_live) else {
                break;
            };
            let missing = self.archive.records().filter(|record| {
                record.is_read()
                    && !self.collector.paused.contains(&record.port())
                    && self.freezes.of(wanted, record.point).is_none()
            });
            self.collector.queue.extend(missing.map(|record| Work { point: record.point, day: wanted }));
        }
        if self.collector.queue.is_empty() {
            let shown = self.shown();
            self.collector.ended.get_or_insert(shown);
        }
    }

    fn ask_next(&mut self) {
        loop {
            if self.collector.task.is_none() {
                let Some(work) = self.collector.queue.pop_front() else { return };
                self.collector.task = self.task(work);
                if self.collector.is_idle() {
                    return self.end_pass();
                }
            }
            let Some(task) = &self.collector.task else { continue };
            let id = match task.step {
                Step::Time => task.way.time_id(),
                Step::Register(place) => KINDS.get(place).map(|kind| task.way.id(*kind)),
            };
            let function = if task.way == Way::Old { Function::READ_1997 } else { Function::READ };
            let (address, port) = (AddressField::from_wire(task.record.address), task.record.port());
            let frame = id.and_then(|id| {
                Frame { address, control: Control::request(function), data: &id }.to_bytes().ok()
            });
            let Some(frame) = frame else {
                self.collector.task = None;
                if self.collector.is_idle() {
                    return self.end_pass();
                }
                continue;
            };
            let wait = self.settings.plc.wait;
            self.lines.begin(self.now, Purpose::Collect, port, frame, wait);
            return;
        }
    }

    /// How a meter will be read; `None` when it is not to be.
    fn task(&self, work: Work) -> Option<Task> {
        let record = *self.archive.of_point(work.point)?;
        let back = u8::try_from(self.collector.day.checked_sub(work.day)?).ok()?;
        let way = if record.is_1997() {
            Way::Old
        } else if self.collector.lacks_freeze.contains(&record.address) {
            Way::Live
        } else {
            Way::Frozen(back)
        };
        // A register as it is now is no register of an earlier midnight.
        if back > 1 && !matches!(way, Way::Frozen(_)) {
            return None;
        }
        let freeze = Freeze { read_at: self.shown(), registers: [None; 8] };
        let step = self.first_step(way);
        Some(Task { work, record, way, step, asked: 0, freeze })
    }

    const fn first_step(&self, way: Way) -> Step {
        match way {
            Way::Frozen(_) if self.habits.checks_freeze_time => Step::Time,
            _ => Step::Register(0),
        }
    }

    /// An exchange is over.
    pub(super) fn collected(&mut self, answer: Option<&[u8]>) {
        let Some(mut task) = self.collector.task.take() else { return };
        let asked_for = match task.step {
            Step::Time => task.way.time_id(),
            Step::Register(place) => KINDS.get(place).map(|kind| task.way.id(*kind)),
        };
        let next = match heard(answer, &asked_for.unwrap_or_default()) {
            Heard::Nothing => {
                task.asked += 1;
                (task.asked < self.settings.asks).then_some(task.step)
            }
            Heard::Refused => self.refused(&mut task),
            Heard::Data(data) => {
                task.asked = 0;
                self.took(&mut task, &data)
            }
        };
        match next {
            Some(step) => self.collector.task = Some(Task { step, ..task }),
            None => self.done_with(&task),
        }
        if self.collector.is_idle() {
            self.end_pass();
        }
    }

    fn took(&self, task: &mut Task, data: &[u8]) -> Option<Step> {
        match task.step {
            // A freeze of another day is not what is wanted: the meter's clock is wrong, or it was without supply.
            Step::Time => (freeze::day_of(data) == Some(task.work.day + 1)).then_some(Step::Register(0)),
            Step::Register(place) => {
                if let Some(slot) = task.freeze.registers.get_mut(place) {
                    *slot = Some(freeze::registers(data));
                }
                task.freeze.read_at = self.shown();
                next_register(task)
            }
        }
    }

    /// A meter has no daily freeze, or not one of its registers.
    fn refused(&mut self, task: &mut Task) -> Option<Step> {
        match (task.step, task.way) {
            (Step::Time | Step::Register(0), Way::Frozen(back)) => {
                self.collector.lacks_freeze.insert(task.record.address);
                task.way = Way::Live;
                (back == 1).then_some(Step::Register(0))
            }
            _ => next_register(task),
        }
    }

    /// A meter is read or given up for now.
    fn done_with(&mut self, task: &Task) {
        if task.freeze.registers.iter().any(Option::is_some) {
            self.freezes.put(task.work.day, task.work.point, task.freeze);
            self.read_again(task.work.point);
            self.notice(task.work.point);
        } else if self.collector.passes >= 2 && task.work.day + 1 == self.collector.day {
            self.failed(task.work.point);
        }
    }

    /// All were tried.
    fn end_pass(&mut self) {
        let day = self.collector.day.saturating_sub(1);
        let is_missing = |record: &Record| {
            record.is_read()
                && !self.collector.paused.contains(&record.port())
                && self.freezes.of(day, record.point).is_none()
        };
        if day >= self.first_live && self.archive.records().any(is_missing) {
            self.collector.again_at = Some(self.now.plus(self.settings.pass_pause));
        } else {
            self.collector.ended = Some(self.shown());
        }
    }
}

/// Behind the register that was read: reactive ones only of meters for which they are stored.
fn next_register(task: &Task) -> Option<Step> {
    let Step::Register(place) = task.step else { return None };
    let wanted = |place: &usize| {
        KINDS.get(*place).copied().is_some_and(|kind: Kind| kind.is_active() || task.record.has_reactive())
    };
    (place + 1..KINDS.len()).find(wanted).map(Step::Register)
}

/// Reads a meter's answer, which must be one to what was asked.
fn heard(answer: Option<&[u8]>, id: &[u8]) -> Heard {
    let Some(wire) = answer.and_then(|answer| WireFrame::parse(answer).ok()) else { return Heard::Nothing };
    let mut plain = [0; MAX_DATA];
    let frame = wire.frame(&mut plain);
    if frame.control.is_refusal() {
        return Heard::Refused;
    }
    match frame.data.strip_prefix(id) {
        Some(data) => Heard::Data(data.to_vec()),
        None => Heard::Nothing,
    }
}
