//! A small master, which confirms what a terminal begins and waits for what it asks.

use core::time::Duration;

use gdw1376::address::{AddressField, TerminalAddress};
use gdw1376::afn::Afn;
use gdw1376::confirmation::Confirmation;
use gdw1376::control::Control;
use gdw1376::decoder::Decoder;
use gdw1376::frame::{Frame, LengthCode};
use gdw1376::message::Message;
use gdw1376::seq::Seq;

use crate::bus::moment::Moment;
use crate::concentrator::plc::Plc;
use crate::concentrator::settings::Settings;
use crate::concentrator::{Act, Concentrator, LinkId, Setup};
use crate::instant::At;
use crate::load::shape::Shape;
use crate::meter::{Editions, Manners, Meter};
use crate::sample;
use crate::seed::Seed;

/// The start of the tests' world, a Saturday morning.
pub(super) fn start() -> At {
    sample::at(2026, 11, 21, 10, 15)
}

pub(super) fn terminal() -> TerminalAddress {
    "1100-3039".parse().unwrap()
}

/// Meters 000000000001 and on; every fifth is a shop with three phases.
pub(super) fn meters(count: u64) -> Vec<Meter> {
    (1..=count)
        .map(|number| {
            let shape = if number % 5 == 0 { Shape::Shop } else { Shape::Household };
            let address = number.to_string().parse().unwrap();
            Meter::new(address, Editions::ONLY_2007, Manners::default(), sample::meter(shape, number))
        })
        .collect()
}

/// A terminal with meters on a line that loses nothing.
pub(super) fn setup(count: u64) -> Setup {
    let mut setup = Setup::new(terminal(), start(), Seed::new(1)).with_meters(meters(count));
    setup.settings = Settings {
        first_dial_within: Duration::ZERO,
        plc: Plc { loses_requests: 0, loses_answers: 0, unreachable_days: 0, ..Plc::default() },
        ..Settings::default()
    };
    setup
}

/// A terminal and its master.
pub(super) struct Rig {
    pub(super) terminal: Concentrator,
    pub(super) now: Moment,
    /// All connections dialled, the newest last.
    pub(super) links: Vec<LinkId>,
    /// Everything that came, and when.
    pub(super) heard: Vec<(Moment, LinkId, Vec<u8>)>,
    /// Every act but bytes.
    pub(super) acts: Vec<(Moment, Act)>,
    /// Confirms logins, heartbeats and reports.
    pub(super) confirms: bool,
    decoder: Decoder,
    /// Frames as they came, sound ones only.
    pub(super) frames: Vec<Vec<u8>>,
    number: u8,
}

impl Rig {
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            terminal: Concentrator::new(setup),
            now: Moment::START,
            links: Vec::new(),
            heard: Vec::new(),
            acts: Vec::new(),
            confirms: true,
            decoder: Decoder::new(),
            frames: Vec::new(),
            number: 0,
        }
    }

    /// A rig whose terminal is on line.
    pub(super) fn on_line(setup: Setup) -> Self {
        let mut rig = Self::new(setup);
        rig.run(Duration::from_secs(5));
        assert!(rig.terminal.is_online());
        rig.frames.clear();
        rig
    }

    pub(super) fn run(&mut self, span: Duration) {
        self.run_until(self.now.plus(span));
    }

    pub(super) fn run_to(&mut self, at: At) {
        let seconds = u64::try_from(at.since(start())).unwrap();
        self.run_until(Moment::START.plus(Duration::from_secs(seconds)));
    }

    fn run_until(&mut self, until: Moment) {
        while let Some(next) = self.terminal.next_at().filter(|next| *next <= until) {
            self.now = next;
            self.terminal.advance(next);
            self.take_acts();
        }
        self.now = until;
        self.terminal.advance(until);
        self.take_acts();
    }

    pub(super) fn take_acts(&mut self) {
        while let Some(act) = self.terminal.poll_act() {
            match act {
                Act::Dial(link) => {
                    self.links.push(link);
                    self.acts.push((self.now, Act::Dial(link)));
                    self.terminal.connected(self.now, link);
                }
                Act::Send { link, bytes } => self.take(link, bytes),
                other => self.acts.push((self.now, other)),
            }
        }
    }

    fn take(&mut self, link: LinkId, bytes: Vec<u8>) {
        let mut input = &bytes[..];
        let mut replies = Vec::new();
        while let Some(found) = self.decoder.next_frame(&mut input) {
            self.frames.push(found.wire.to_vec());
            let message = Message::of(&found.frame).unwrap();
            if message.control.is_initiator() && message.seq.wants_confirmation() {
                replies.push(Confirmation::All.reply_to(&message).unwrap());
            }
        }
        self.heard.push((self.now, link, bytes));
        if self.confirms {
            replies.into_iter().for_each(|reply| self.terminal.hear(self.now, link, &reply));
        }
    }

    /// Bytes to the terminal over its newest connection.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        let link = *self.links.last().unwrap();
        self.terminal.hear(self.now, link, bytes);
        self.take_acts();
    }

    /// A request, and the frames of its answer; none when nothing comes within five minutes.
    pub(super) fn ask(&mut self, afn: Afn, units: &[u8]) -> Vec<Vec<u8>> {
        self.number = (self.number + 1) % 16;
        let bytes = request(self.number, afn, units);
        self.ask_bytes(&bytes)
    }

    pub(super) fn ask_bytes(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.frames.clear();
        self.send(bytes);
        let until = self.now.plus(Duration::from_secs(300));
        let ends =
            |frames: &[Vec<u8>]| frames.iter().any(|frame| frame[6] & 0x40 == 0 && frame[13] & 0x20 != 0);
        while !ends(&self.frames) {
            let Some(next) = self.terminal.next_at().filter(|next| *next <= until) else { break };
            self.run_until(next);
        }
        let answers = |frame: &Vec<u8>| frame[6] & 0x40 == 0 || frame[6] == 0xCB;
        std::mem::take(&mut self.frames).into_iter().filter(answers).collect()
    }

    /// The single frame of an answer.
    pub(super) fn ask_one(&mut self, afn: Afn, units: &[u8]) -> Vec<u8> {
        let mut frames = self.ask(afn, units);
        assert_eq!(frames.len(), 1, "{frames:02X?}");
        frames.remove(0)
    }
}

/// A request of master 1, with a message authentication code where one belongs.
pub(super) fn request(number: u8, afn: Afn, units: &[u8]) -> Vec<u8> {
    let mut body = units.to_vec();
    if afn.carries_password() {
        body.extend([0; 16]);
    }
    let control = if matches!(afn.0, 4 | 5) { Control::COMMAND } else { Control::QUERY };
    let address = AddressField::single(terminal(), 1);
    Frame { code: LengthCode::GDW_376, control, address, afn, seq: Seq::single(number), body: &body }
        .to_bytes()
        .unwrap()
}

/// The bytes of a frame as the text prints them.
pub(super) fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}
