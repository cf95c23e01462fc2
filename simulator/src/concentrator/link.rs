//! The way to the master: login, heartbeats, reports, and dialling anew. [1376 3.3] [1376 5]

use core::time::Duration;

use gdw1376::afn::Afn;
use gdw1376::control::Control;
use gdw1376::decoder::Decoder;
use gdw1376::message::Message;
use gdw1376::seq::Seq;

use super::encode::Unit;
use super::settings::Settings;
use super::{Act, Concentrator, LinkId};
use crate::bus::moment::Moment;
use crate::seed::Seed;

/// Where a terminal is on its way to the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Without supply, or told not to dial.
    Resting,
    Waiting(Moment),
    Dialling(LinkId),
    /// Connected, and the login is not confirmed.
    Greeting(LinkId),
    Online(LinkId),
}

/// A frame of the terminal's own that waits for its confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pending {
    number: u8,
    until: Moment,
    sent: u8,
}

/// An event report that waits for its confirmation.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Report {
    pending: Pending,
    /// The place behind the records told.
    end: u8,
    frame: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Link {
    state: State,
    decoder: Decoder,
    dialled: u32,
    failures: u32,
    logins: u64,
    /// The login or the heartbeat that waits.
    check: Option<Pending>,
    heartbeat_at: Option<Moment>,
    report: Option<Report>,
    /// Reports rest until then.
    reports_again_at: Option<Moment>,
    pub(super) may_report: bool,
}

impl Link {
    pub(super) fn new(first_dial: Moment) -> Self {
        Self {
            state: State::Waiting(first_dial),
            decoder: Decoder::new(),
            dialled: 0,
            failures: 0,
            logins: 0,
            check: None,
            heartbeat_at: None,
            report: None,
            reports_again_at: None,
            may_report: true,
        }
    }

    pub(super) const fn is_online(&self) -> bool {
        matches!(self.state, State::Online(_))
    }

    pub(super) const fn logins(&self) -> u64 {
        self.logins
    }

    /// The connection in use.
    pub(super) const fn link(&self) -> Option<LinkId> {
        match self.state {
            State::Greeting(link) | State::Online(link) => Some(link),
            State::Resting | State::Waiting(_) | State::Dialling(_) => None,
        }
    }

    pub(super) fn is_open(&self, link: LinkId) -> bool {
        self.link() == Some(link)
    }

    pub(super) fn next_at(&self) -> Option<Moment> {
        let check = self.check.map(|check| check.until);
        match self.state {
            State::Resting | State::Dialling(_) => None,
            State::Waiting(until) => Some(until),
            State::Greeting(_) => check,
            State::Online(_) => {
                let report = self.report.as_ref().map(|report| report.pending.until);
                let heartbeat = self.heartbeat_at.filter(|_| check.is_none() && report.is_none());
                check.into_iter().chain(report).chain(heartbeat).chain(self.reports_again_at).min()
            }
        }
    }

    /// Dials at a moment.
    pub(super) fn dial_at(&mut self, at: Moment) {
        self.state = State::Waiting(at);
    }

    /// Dials no more.
    pub(super) fn rest(&mut self) {
        self.state = State::Resting;
    }

    /// Lets go of the connection in use.
    pub(super) fn drop_link(&mut self) -> Option<LinkId> {
        let link = match self.state {
            State::Dialling(link) => Some(link),
            _ => self.link(),
        };
        self.decoder.clear();
        (self.check, self.heartbeat_at, self.report, self.reports_again_at) = (None, None, None, None);
        link
    }
}

/// When a terminal dials first.
pub(super) fn first_dial(settings: &Settings, seed: Seed) -> Moment {
    let within = i64::try_from(settings.first_dial_within.as_millis()).unwrap_or_default();
    let millis = seed.named("first dial").between(0, 0, within);
    Moment::START.plus(Duration::from_millis(u64::try_from(millis).unwrap_or_default()))
}

impl Concentrator {
    /// A connection that was dialled is there.
    pub fn connected(&mut self, now: Moment, link: LinkId) {
        self.advance(now);
        if self.link.state != State::Dialling(link) {
            self.acts.push_back(Act::Close(link));
            return;
        }
        self.link.state = State::Greeting(link);
        self.link.decoder = Decoder::with_limit(usize::from(self.settings.takes));
        let function = if self.habits.begins_with_heartbeat { HEARTBEAT } else { LOGIN };
        self.check_link(function);
        self.step();
    }

    /// A connection could not be made, or has ended.
    pub fn lost(&mut self, now: Moment, link: LinkId) {
        self.advance(now);
        if self.link.state == State::Dialling(link) || self.link.is_open(link) {
            self.link.drop_link();
            self.outbox.forget(link);
            self.redial();
        }
    }

    /// Logs out and rests until it is told to dial.
    pub fn log_out(&mut self, now: Moment) {
        self.advance(now);
        if let Some(link) = self.link.link() {
            let number = self.next_number();
            let frame = self.link_frame(LOGOUT, number);
            self.acts.push_back(Act::Send { link, bytes: frame });
        }
        self.hang_up(false);
        self.link.rest();
    }

    /// Dials now, if it has no connection.
    pub fn dial(&mut self, now: Moment) {
        self.advance(now);
        if self.has_power() && matches!(self.link.state, State::Resting | State::Waiting(_)) {
            self.link.dial_at(self.now);
        }
    }

    /// Drops the line and dials anew at once; with `leaves_open` the old connection stays open on the other side.
    pub fn reconnect(&mut self, now: Moment, leaves_open: bool) {
        self.advance(now);
        self.hang_up(leaves_open);
        self.link.dial_at(self.now.plus(SOON));
    }

    pub(super) fn hang_up(&mut self, leaves_open: bool) {
        if let Some(link) = self.link.drop_link() {
            self.outbox.forget(link);
            self.acts.push_back(if leaves_open { Act::Leave(link) } else { Act::Close(link) });
        }
    }

    /// Waits and dials anew, longer after each failure.
    pub(super) fn redial(&mut self) {
        let doubled = self.settings.redial * 2_u32.saturating_pow(self.link.failures.min(10));
        let pause = doubled.min(self.settings.longest_redial);
        let jitter = self.seed.named("redial").between(u64::from(self.link.dialled), 0, 500);
        let jitter = pause * u32::try_from(jitter).unwrap_or_default() / 1000;
        self.link.failures = self.link.failures.saturating_add(1);
        self.link.dial_at(self.now.plus(pause + jitter));
    }

    pub(super) fn mind_link(&mut self) {
        match self.link.state {
            State::Waiting(until) if until <= self.now => {
                self.link.dialled = self.link.dialled.wrapping_add(1);
                let link = LinkId(self.link.dialled);
                self.link.state = State::Dialling(link);
                self.acts.push_back(Act::Dial(link));
            }
            State::Greeting(_) => self.mind_login(),
            State::Online(_) => self.mind_online(),
            State::Waiting(_) | State::Resting | State::Dialling(_) => {}
        }
    }

    fn mind_login(&mut self) {
        let Some(check) = self.link.check.filter(|check| check.until <= self.now) else { return };
        if check.sent >= self.parameters.tries() {
            self.hang_up(self.habits.leaves_connections_open);
            self.redial();
        } else {
            self.check_link(LOGIN);
        }
    }

    fn mind_online(&mut self) {
        if let Some(check) = self.link.check.filter(|check| check.until <= self.now) {
            if check.sent >= UNANSWERED {
                self.hang_up(self.habits.leaves_connections_open);
                self.redial();
                return;
            }
            self.check_link(HEARTBEAT);
        }
        self.mind_report();
        let is_due = self.link.heartbeat_at.is_some_and(|at| at <= self.now);
        if is_due && self.link.check.is_none() && self.link.report.is_none() {
            self.check_link(HEARTBEAT);
        }
    }

    /// Repeats a report that nobody confirmed, or begins the next.
    fn mind_report(&mut self) {
        let Some(link) = self.link.link() else { return };
        if let Some(mut report) = self.link.report.take() {
            if report.pending.until <= self.now {
                if report.pending.sent >= self.parameters.tries() {
                    self.link.reports_again_at = Some(self.now.plus(self.settings.report_pause));
                    return;
                }
                report.pending.sent += 1;
                report.pending.until = self.now.plus(self.parameters.answer_wait());
                self.send(self.now, link, &report.frame);
            }
            self.link.report = Some(report);
            return;
        }
        if self.link.reports_again_at.is_some_and(|at| at > self.now) {
            return;
        }
        self.link.reports_again_at = None;
        self.report_now();
    }

    /// Reports the oldest important event that nobody has, if none is being reported.
    pub(super) fn report_now(&mut self) {
        let State::Online(link) = self.link.state else { return };
        if self.link.report.is_some() || !self.link.may_report || self.link.reports_again_at.is_some() {
            return;
        }
        let Some((told, end)) = self.events.report(REPORT_ROOM) else { return };
        let number = self.next_number();
        let body = Unit::new().bytes(&[0, 0, 1, 0]).bytes(&told).into_bytes();
        let control = Control::REPORT_TO_CONFIRM;
        let frame = self.own_frame(control, Afn::CLASS_3, Seq::single(number).to_confirm(), &body);
        let until = self.now.plus(self.parameters.answer_wait());
        self.send(self.now, link, &frame);
        self.link.report =
            Some(Report { pending: Pending { number: number & 0x0F, until, sent: 1 }, end, frame });
    }

    /// Sends a login or a heartbeat.
    fn check_link(&mut self, function: u8) {
        let Some(link) = self.link.link() else { return };
        if matches!(self.link.state, State::Greeting(_)) {
            self.link.logins += 1;
        }
        let repeated = self.link.check.filter(|_| matches!(self.link.state, State::Greeting(_)));
        let sent = self.link.check.map_or(0, |check| check.sent);
        let number = repeated.map_or_else(|| self.next_number(), |check| check.number);
        let frame = self.link_frame(function, number);
        let until = self.now.plus(self.parameters.answer_wait());
        self.link.check = Some(Pending { number: number & 0x0F, until, sent: sent + 1 });
        self.send(self.now, link, &frame);
    }

    fn link_frame(&self, function: u8, number: u8) -> Vec<u8> {
        let body = Unit::new().bytes(&[0, 0, function, 0]);
        let has_clock = function == HEARTBEAT && self.habits.heartbeat_has_clock;
        let body = if has_clock { body.a1(Some(self.shown())) } else { body };
        let seq = Seq::single(number).to_confirm();
        self.own_frame(Control::LINK_CHECK, Afn::LINK, seq, &body.into_bytes())
    }

    fn next_number(&mut self) -> u8 {
        let number = self.begun;
        self.begun = self.begun.wrapping_add(1);
        number
    }

    /// Bytes of the master came over a connection.
    pub fn hear(&mut self, now: Moment, link: LinkId, bytes: &[u8]) {
        self.advance(now);
        if !self.link.is_open(link) || !self.power.can_talk() {
            return;
        }
        let mut input = bytes;
        let mut frames = Vec::new();
        while let Some(found) = self.link.decoder.next_frame(&mut input) {
            frames.push(found.wire.to_vec());
        }
        for frame in frames {
            self.hear_frame(&frame);
        }
        self.step();
    }

    fn hear_frame(&mut self, wire: &[u8]) {
        let Ok(frame) = gdw1376::frame::Frame::parse(wire) else { return };
        let Ok(message) = Message::of(&frame) else { return };
        if message.control.is_uplink() {
            return;
        }
        let is_mine = message.address.terminal == self.address && !message.address.is_group();
        if !is_mine && !message.address.is_broadcast() {
            return;
        }
        if message.afn == Afn::CONFIRM || !message.control.is_initiator() {
            self.confirmed(&message);
        } else {
            self.asked(&message, is_mine);
        }
    }

    /// The master confirms a login, a heartbeat or a report, or refuses it.
    fn confirmed(&mut self, message: &Message<'_>) {
        let number = message.seq.number();
        let is_refused = message.units.get(2).is_some_and(|functions| functions & 0b11 == 0b10)
            || message.units.get(2..4) == Some(&[4, 0])
                && message.units.last().is_some_and(|error| *error != 0);
        if self.link.check.is_some_and(|check| check.number == number) {
            if is_refused {
                self.hang_up(false);
                self.redial();
                return;
            }
            self.link.check = None;
            self.link.heartbeat_at = Some(self.now.plus(self.parameters.heartbeat()));
            if let State::Greeting(link) = self.link.state {
                self.link.state = State::Online(link);
                self.link.failures = 0;
                self.report_now();
            }
        } else if let Some(report) = self.link.report.take_if(|report| report.pending.number == number) {
            self.events.taken_up_to(true, report.end);
            self.report_now();
        }
    }
}

/// Items of AFN 02.
const LOGIN: u8 = 1;
const LOGOUT: u8 = 2;
const HEARTBEAT: u8 = 4;
/// After so many heartbeats without an answer the line is given up.
const UNANSWERED: u8 = 3;
/// From a loss of the connection that the terminal wanted until it dials.
const SOON: Duration = Duration::from_millis(500);
/// Bytes of one report.
const REPORT_ROOM: usize = 400;
