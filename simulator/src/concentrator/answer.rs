//! From a request to the frames of its answer. [1376 1.5] [1376 3.1] [1376 5]

use core::time::Duration;

use gdw1376::address::AddressField;
use gdw1376::afn::Afn;
use gdw1376::auxiliary::TimeTag;
use gdw1376::control::Control;
use gdw1376::frame::{Frame, LengthCode};
use gdw1376::message::Message;
use gdw1376::seq::Seq;

use super::encode::Unit;
use super::fault::Kind;
use super::habits::{Sets, Unknown};
use super::request::{self, Asked};
use super::{Concentrator, LinkId};
use crate::bus::moment::Moment;
use crate::instant::At;

/// What of a request its answer repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heading {
    pub(super) link: LinkId,
    pub(super) afn: Afn,
    code: LengthCode,
    address: AddressField,
    number: u8,
    tag: Option<TimeTag>,
    /// Its number among all requests.
    pub(super) request: u64,
    /// To this terminal alone, so that it answers.
    is_answered: bool,
}

/// What a terminal says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Data units, each with its identifier, in as many frames as they need.
    Units(Vec<Vec<u8>>),
    /// AFN 00 F1.
    Done,
    /// AFN 00 F2: refused, or there are no such data.
    Denied,
    /// AFN 00 F3: what became of each unit.
    Each(Vec<([u8; 4], u8)>),
    /// Nothing now; it will be answered later.
    Later,
}

impl Said {
    /// Units, or a denial when there are none.
    pub(super) fn units(units: Vec<Vec<u8>>) -> Self {
        if units.is_empty() { Self::Denied } else { Self::Units(units) }
    }

    /// The answer to orders of which each was taken or refused.
    pub(super) fn each(results: Vec<([u8; 4], Result<(), u8>)>, is_cut_short: bool) -> Self {
        let taken = results.iter().filter(|(_, result)| result.is_ok()).count();
        if taken == results.len() && !is_cut_short && taken > 0 {
            return Self::Done;
        }
        let in_use = |error: &u8| *error == super::archive::ERR_ADDRESS_IN_USE;
        let tells = results.iter().any(|(_, result)| result.as_ref().is_err_and(in_use));
        if taken == 0 && !tells {
            return Self::Denied;
        }
        Self::Each(
            results.into_iter().map(|(identifier, result)| (identifier, result.err().unwrap_or(0))).collect(),
        )
    }
}

impl Concentrator {
    /// A request of the master.
    pub(super) fn asked(&mut self, message: &Message<'_>, is_answered: bool) {
        let Some(link) = self.link.link() else { return };
        if message.auxiliary.tag.is_some_and(|tag| self.is_stale(&tag)) {
            return;
        }
        let heading = Heading {
            link,
            afn: message.afn,
            code: message.code,
            address: message.address,
            number: message.seq.number(),
            tag: message.auxiliary.tag,
            request: self.requests,
            is_answered,
        };
        self.requests += 1;
        let strikes = |kind, this: &mut Self| this.faults.strike(kind, heading.request, this.now);
        if strikes(Kind::Reconnect, self) {
            return self.hang_up_and_dial(false);
        }
        if strikes(Kind::HalfOpen, self) {
            return self.hang_up_and_dial(true);
        }
        let points: Vec<u16> = self.archive.points().collect();
        let questions = request::cut(message.afn, message.units, &points);
        let is_cut_short = questions.is_cut_short;
        let is_signed = message.auxiliary.password.is_none_or(|password| *password == self.habits.password);
        let said = match heading.afn {
            Afn::SET_PARAMETERS if self.habits.sets == Sets::Deaf => Said::Later,
            _ if !is_signed => Said::Denied,
            _ if self.withholds(heading.afn, &questions.asked) => Said::Later,
            _ if self.lacks(heading.afn, &questions.asked) => match self.habits.unknown {
                Unknown::Denied => Said::Denied,
                Unknown::Ignored => Said::Later,
            },
            _ => self.answer(&heading, &questions.asked, is_cut_short),
        };
        self.say(&heading, said);
        self.report_now();
    }

    fn lacks(&self, afn: Afn, asked: &[Asked<'_>]) -> bool {
        asked.iter().any(|unit| self.habits.lacks.contains(&(afn.0, unit.function)))
    }

    fn withholds(&self, afn: Afn, asked: &[Asked<'_>]) -> bool {
        let withheld = |unit: &Asked<'_>| self.habits.withholds.contains(&(unit.point, unit.function));
        afn == Afn::CLASS_2 && asked.iter().any(withheld)
    }

    fn hang_up_and_dial(&mut self, leaves_open: bool) {
        self.hang_up(leaves_open);
        self.link.dial_at(self.now.plus(Duration::from_millis(500)));
    }

    fn answer(&mut self, heading: &Heading, asked: &[Asked<'_>], is_cut_short: bool) -> Said {
        match heading.afn {
            Afn::RESET => self.reset(asked),
            Afn::SET_PARAMETERS => self.set_parameters(heading.address.master(), asked, is_cut_short),
            Afn::CONTROL => self.control(asked, is_cut_short),
            Afn::CONFIGURATION => {
                Said::units(asked.iter().filter_map(|asked| self.configuration(asked)).collect())
            }
            Afn::READ_PARAMETERS => {
                Said::units(asked.iter().flat_map(|asked| self.parameter(asked)).collect())
            }
            Afn::CLASS_1 => self.class_1(heading, asked),
            Afn::CLASS_2 => self.class_2(heading, asked),
            Afn::CLASS_3 => self.class_3(asked),
            Afn::FORWARD => self.forward(heading, asked),
            _ => Said::Denied,
        }
    }

    /// A tag that allows no more delay than there is.
    fn is_stale(&self, tag: &TimeTag) -> bool {
        let [second, minute, hour, day] = match tag.sent.wire() {
            [second, minute, hour, day] if tag.delay_minutes > 0 => [*second, *minute, *hour, *day],
            _ => return false,
        };
        let shown = self.shown();
        let two = |byte| crate::meter::encode::pair(byte).map(i64::from);
        let parts = (two(second), two(minute), two(hour), two(day));
        let (Some(second), Some(minute), Some(hour), Some(day)) = parts else { return false };
        let Some(today) = shown.civil() else { return false };
        // Sent today, or on the last day with that number.
        let back = (i64::from(today.day()) - day).rem_euclid(31);
        let of_day = hour * 3_600 + minute * 60 + second;
        let sent = At::midnight(shown.day()).plus(of_day - back * 86_400);
        let late = shown.since(sent);
        late > i64::from(tag.delay_minutes) * 60 && late < 15 * 86_400
    }

    /// Sends what is said in answer to a request.
    pub(super) fn say(&mut self, heading: &Heading, said: Said) {
        if !heading.is_answered || said == Said::Later {
            return;
        }
        let mut frames = self.frames(heading, said);
        let strikes = |kind, this: &mut Self| this.faults.strike(kind, heading.request, this.now);
        if strikes(Kind::Silence, self) {
            return;
        }
        if frames.len() > 1 && self.habits.loses_first_frame {
            frames.remove(0);
        }
        if frames.len() > 1 && strikes(Kind::LostFrame, self) {
            let last = i64::try_from(frames.len()).unwrap_or_default() - 1;
            let place = self.faults.number(Kind::LostFrame, heading.request, 0, last);
            frames.remove(usize::try_from(place).unwrap_or_default());
        }
        let air = self.settings.air;
        let mut due = self.now.plus(self.thinks(heading.request)).plus(air.round_trip);
        if heading.afn == Afn::SET_PARAMETERS && self.habits.sets == Sets::Late {
            due = due.plus(Duration::from_secs(120));
        }
        if strikes(Kind::Late, self) {
            let seconds = self.faults.number(Kind::Late, heading.request, 60, 300);
            due = due.plus(Duration::from_secs(u64::try_from(seconds).unwrap_or_default()));
        } else if strikes(Kind::Reorder, self) {
            due = due.plus(Duration::from_secs(45));
        }
        let copies = if strikes(Kind::Duplicate, self) { 2 } else { 1 };
        let flips = strikes(Kind::Flip, self);
        let cuts = strikes(Kind::Cut, self);
        for _ in 0..copies {
            for mut frame in frames.iter().cloned() {
                if flips {
                    self.flip(heading.request, &mut frame);
                }
                if cuts {
                    let keep = self.faults.number(Kind::Cut, heading.request, 1, 19);
                    frame.truncate(usize::try_from(keep).unwrap_or_default());
                }
                due = due.plus(air.takes(frame.len()));
                self.send(due, heading.link, &frame);
            }
        }
    }

    fn flip(&self, request: u64, frame: &mut [u8]) {
        let last = i64::try_from(frame.len()).unwrap_or_default().saturating_sub(3);
        let place = self.faults.number(Kind::Flip, request, 6, last);
        let bit = self.faults.number(Kind::Flip, request + (1 << 40), 0, 7);
        if let Some(byte) = usize::try_from(place).ok().and_then(|place| frame.get_mut(place)) {
            *byte ^= 1 << bit;
        }
    }

    /// How long the terminal thinks about a request.
    fn thinks(&self, request: u64) -> Duration {
        let (from, to) = self.settings.thinks;
        let millis = |span: Duration| i64::try_from(span.as_millis()).unwrap_or_default();
        let drawn = self.seed.named("thinks").between(request, millis(from), millis(to).max(millis(from)));
        Duration::from_millis(u64::try_from(drawn).unwrap_or_default())
    }

    /// The frames of an answer.
    fn frames(&self, heading: &Heading, said: Said) -> Vec<Vec<u8>> {
        let (control, units) = match said {
            Said::Units(units) => return self.frames_of(heading, Control::DATA, heading.afn, &units),
            Said::Later => return Vec::new(),
            Said::Done => (Control::ACKNOWLEDGE, vec![vec![0, 0, 1, 0]]),
            Said::Denied if heading.afn.is_query() => (Control::NO_DATA, vec![vec![0, 0, 2, 0]]),
            Said::Denied => (Control::ACKNOWLEDGE, vec![vec![0, 0, 2, 0]]),
            Said::Each(results) => {
                // As many in one as a frame has room for.
                let each = results.chunks(self.room() / OF_RESULT - 1).map(|results| {
                    let unit = Unit::new().bytes(&[0, 0, 4, 0, heading.afn.0]);
                    let all = results.iter();
                    all.fold(unit, |unit, (identifier, error)| unit.bytes(identifier).byte(*error))
                        .into_bytes()
                });
                (Control::ACKNOWLEDGE, each.collect())
            }
        };
        self.frames_of(heading, control, Afn::CONFIRM, &units)
    }

    /// Cuts units into frames no longer than the terminal sends.
    fn frames_of(&self, heading: &Heading, control: Control, afn: Afn, units: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut bodies: Vec<Vec<u8>> = Vec::new();
        for unit in units {
            match bodies.last_mut() {
                Some(body) if body.len() + unit.len() <= self.room() => body.extend(unit),
                _ => bodies.push(unit.clone()),
            }
        }
        let last = bodies.len().saturating_sub(1);
        let frame = |(place, body): (usize, Vec<u8>)| {
            let number = heading.number.wrapping_add(u8::try_from(place % 16).unwrap_or_default());
            let is_first = place == 0 && !(last == 0 && self.habits.leaves_out_fir);
            let seq = Seq::part(number, is_first, place == last);
            self.answer_frame(heading, control, afn, seq, body)
        };
        bodies.into_iter().enumerate().filter_map(frame).collect()
    }

    /// How many bytes of units fit into one frame.
    pub(super) fn room(&self) -> usize {
        usize::from(self.settings.sends).saturating_sub(AROUND_UNITS).max(SMALLEST_ROOM)
    }

    fn answer_frame(
        &self,
        heading: &Heading,
        control: Control,
        afn: Afn,
        seq: Seq,
        mut body: Vec<u8>,
    ) -> Option<Vec<u8>> {
        let control = if self.habits.answers_with_cb { Control(0xCB) } else { control };
        let has_events = self.events.are_waiting();
        if has_events {
            body.extend(self.events.counters());
        }
        if let Some(tag) = heading.tag {
            body.extend(if self.habits.tags_with_own_time { self.own_tag(tag) } else { tag.wire().to_vec() });
        }
        let frame = Frame {
            code: heading.code,
            control: if has_events { control.with_events() } else { control },
            address: heading.address,
            afn,
            seq: seq.with_time_tag(heading.tag.is_some()),
            body: &body,
        };
        frame.to_bytes().ok()
    }

    /// The same tag with the terminal's own time.
    fn own_tag(&self, tag: TimeTag) -> Vec<u8> {
        let clock = Unit::new().a1(Some(self.shown())).into_bytes();
        let sent = clock.get(..4).unwrap_or(&[0; 4]);
        Unit::new().byte(tag.counter).bytes(sent).byte(tag.delay_minutes).into_bytes()
    }

    /// A frame that the terminal begins itself.
    pub(super) fn own_frame(&self, control: Control, afn: Afn, seq: Seq, body: &[u8]) -> Vec<u8> {
        let mut address = AddressField::single(self.address, 0);
        address.a3 = self.habits.own_a3;
        Frame { code: LengthCode::GDW_376, control, address, afn, seq, body }.to_bytes().unwrap_or_default()
    }

    /// Sends a frame with what stands in front of it.
    pub(super) fn send(&mut self, at: Moment, link: LinkId, frame: &[u8]) {
        let bytes = [self.habits.front.bytes(), frame].concat();
        self.outbox.put(at, link, bytes);
    }
}

/// An identifier and its error; what stands in front of them is no longer.
const OF_RESULT: usize = 5;
/// C, A, AFN and SEQ, EC, Tp.
const AROUND_UNITS: usize = 16;
/// A terminal that sends less could not answer anything.
const SMALLEST_ROOM: usize = 128;
