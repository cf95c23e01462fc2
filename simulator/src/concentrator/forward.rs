//! Frames that the master sends through the terminal to a meter, AFN 10. [1376 3.12] [1376 7]

use std::collections::VecDeque;

use core::time::Duration;

use dlt645::address::AddressField;
use dlt645::control::{Control, Function};
use dlt645::frame::{Frame, MAX_DATA, WireFrame};

use super::Concentrator;
use super::answer::{Heading, Said};
use super::encode::Unit;
use super::fault::Kind;
use super::habits::Silent;
use super::lines::{Finished, Purpose};
use super::request::Asked;
use crate::bus::moment::Moment;

/// A frame that waits for the line, or is on it.
#[derive(Clone, Debug)]
struct Job {
    heading: Heading,
    asked_at: Moment,
    port: u8,
    request: Vec<u8>,
    wait: Duration,
    /// F9: one identifier of one meter instead of a frame.
    read: Option<Read>,
}

/// What AFN 10 F9 asks for.
#[derive(Clone, Debug)]
struct Read {
    target: [u8; 6],
    id: Vec<u8>,
    wire_id: [u8; 4],
}

/// Frames for meters.
#[derive(Clone, Debug, Default)]
pub(super) struct Forwards {
    queue: VecDeque<Job>,
    on_line: Option<Job>,
    /// By a fault: port, frame and when it will be sent.
    kept: Vec<(Moment, u8, Vec<u8>)>,
}

impl Forwards {
    pub(super) fn next_at(&self, is_busy: bool, now: Moment) -> Option<Moment> {
        if is_busy {
            return None;
        }
        let kept = self.kept.iter().map(|(at, ..)| *at).min();
        if self.queue.is_empty() { kept } else { Some(now) }
    }

    /// The terminal lost its power; what it kept by a fault it still keeps.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.on_line = None;
    }
}

impl Concentrator {
    /// AFN 10 F1 and F9.
    pub(super) fn forward(&mut self, heading: &Heading, asked: &[Asked<'_>]) -> Said {
        let [unit] = asked else { return Said::Denied };
        let job = match (unit.point, unit.function) {
            (0, 1) => self.transparent(heading, unit.data),
            (0, 9) => self.one_identifier(heading, unit.data),
            _ => None,
        };
        let Some(job) = job.filter(|_| self.forwards.queue.len() < MOST_WAITING) else { return Said::Denied };
        let is_order = job.request.get(8) == Some(&RELAY_ORDER);
        if is_order && self.faults.strike(Kind::Buffered, heading.request, self.now) {
            let seconds = self.faults.number(Kind::Buffered, heading.request, 3_600, 6 * 3_600);
            let at = self.now.plus(Duration::from_secs(u64::try_from(seconds).unwrap_or_default()));
            self.forwards.kept.push((at, job.port, job.request));
            return Said::Later;
        }
        if self.faults.strike(Kind::Doubled, heading.request, self.now) {
            // The first time nobody waits for.
            self.forwards.kept.push((self.now, job.port, job.request.clone()));
        }
        self.forwards.queue.push_back(job);
        Said::Later
    }

    fn transparent(&self, heading: &Heading, data: &[u8]) -> Option<Job> {
        let ([port, _control, wait, _byte_wait], rest) = data.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let frame = rest.get(..usize::from(u16::from_le_bytes(*length)))?;
        let begin = frame.iter().position(|byte| *byte != dlt645::frame::WAKE_UP)?;
        Some(Job {
            heading: *heading,
            asked_at: self.now,
            port: *port,
            request: frame.get(begin..)?.to_vec(),
            wait: waits(*wait),
            read: None,
        })
    }

    fn one_identifier(&self, heading: &Heading, data: &[u8]) -> Option<Job> {
        let ([port, levels], rest) = data.split_first_chunk::<2>()?;
        let relays = if *levels == 0xFF { 0 } else { usize::from(*levels) * 6 };
        let rest = rest.get(relays..)?;
        let (target, rest) = rest.split_first_chunk::<6>()?;
        let ([edition], rest) = rest.split_first_chunk::<1>()?;
        let wire_id = *rest.first_chunk::<4>()?;
        let [first, second, ..] = wire_id;
        let (id, function) = match edition {
            0 => (vec![first, second], Function::READ_1997),
            _ => (wire_id.to_vec(), Function::READ),
        };
        let address = AddressField::from_wire(*target);
        let request = Frame { address, control: Control::request(function), data: &id }.to_bytes().ok()?;
        Some(Job {
            heading: *heading,
            asked_at: self.now,
            port: *port,
            request,
            wait: LONGEST,
            read: Some(Read { target: *target, id, wire_id }),
        })
    }

    /// Puts the next frame on the line, if it is free.
    pub(super) fn forward_next(&mut self) {
        while self.power.is_on() && !self.lines.is_busy() {
            let now = self.now;
            if let Some(place) = self.forwards.kept.iter().position(|(at, ..)| *at <= now) {
                let (_, port, request) = self.forwards.kept.swap_remove(place);
                self.lines.begin(now, Purpose::Astray, port, request, self.settings.plc.wait);
                return;
            }
            let Some(job) = self.forwards.queue.pop_front() else { return };
            if now.since(job.asked_at) > LONGEST {
                self.answer_forward(&job, None);
                continue;
            }
            let (port, request, wait) = (job.port, job.request.clone(), job.wait);
            self.forwards.on_line = Some(job);
            self.lines.begin(now, Purpose::Forward, port, request, wait);
        }
    }

    /// An exchange with a meter is over.
    pub(super) fn finished(&mut self, finished: Finished) {
        match finished.purpose {
            Purpose::Collect => self.collected(finished.answer.as_deref()),
            Purpose::Astray => {}
            Purpose::Forward => {
                if let Some(job) = self.forwards.on_line.take() {
                    self.answer_forward(&job, finished.answer);
                }
            }
        }
    }

    fn answer_forward(&mut self, job: &Job, answer: Option<Vec<u8>>) {
        if !self.link.is_open(job.heading.link) {
            return;
        }
        let said = match &job.read {
            Some(read) => Said::Units(vec![read_told(job.port, read, answer.as_deref())]),
            None if answer.is_none() && self.habits.silent == Silent::Denied => Said::Denied,
            None => {
                let answer = answer.unwrap_or_default();
                let length = u16::try_from(answer.len()).unwrap_or_default();
                let unit = Unit::new().bytes(&[0, 0, 1, 0, job.port]).word(length).bytes(&answer);
                Said::Units(vec![unit.into_bytes()])
            }
        };
        self.say(&job.heading, said);
    }
}

/// The answer to F9: result, and with data their length with the identifier. [1376 3.12]
fn read_told(port: u8, read: &Read, answer: Option<&[u8]>) -> Vec<u8> {
    let unit = Unit::new().bytes(&[0, 0, 1, 1, port]).bytes(&read.target);
    let mut plain = [0; MAX_DATA];
    let frame = answer.and_then(|answer| WireFrame::parse(answer).ok());
    let frame = frame.map(|wire| wire.frame(&mut plain));
    let (result, data): (u8, &[u8]) = match &frame {
        None => (1, &[]),
        Some(frame) if frame.control.is_refusal() => (4, &[]),
        Some(frame) => match frame.data.strip_prefix(read.id.as_slice()) {
            Some(data) => (5, data),
            None => (2, &[]),
        },
    };
    let length = u8::try_from(data.len() + 4).unwrap_or(u8::MAX);
    unit.byte(result).byte(length).bytes(&read.wire_id).bytes(data).into_bytes()
}

/// The message time-out of a request; 0 leaves it to the terminal.
fn waits(wire: u8) -> Duration {
    let number = u64::from(wire & 0x7F);
    let span =
        if wire & 0x80 == 0 { Duration::from_millis(number * 10) } else { Duration::from_secs(number) };
    if span.is_zero() { LONGEST } else { span.min(LONGEST) }
}

/// The longest that a terminal waits for a meter, or for its own line. [1376 7]
const LONGEST: Duration = Duration::from_secs(120);
/// Frames for meters that a terminal takes on at once.
const MOST_WAITING: usize = 16;
/// The control byte of relay orders in DL/T 645-2007.
const RELAY_ORDER: u8 = 0x1C;
