//! A meter: what it hears on the line and what it answers, at any second of the simulated world.
//!
//! [`Meter::answer`] is the whole meter: a frame and an instant in, an answer or silence out. What it holds comes from
//! [`crate::truth`]; identifiers and frames are here. It shares framing and control codes with the protocol crate and
//! nothing else: data are read and written by [`encode`] alone, so that one mistake cannot hide on both sides.
//!
//! It leaves to others: when the answer's bytes pass over the line ([`crate::bus`]) and what may happen to them there.

pub mod chip;
pub mod encode;
mod energy;
mod event;
mod freeze;
mod load_record;
mod old;
mod order;
mod parameter;
pub mod password;
pub mod relay;
#[cfg(test)]
mod tests;
mod variable;

use dlt645::address::{AddressField, MeterAddress};
use dlt645::control::{Control, Function};
use dlt645::frame::Frame;
use dlt645::request::Rate;

use crate::instant::At;
use crate::truth::Truth;
use chip::Chip;
use order::{Done, ERR_NO_DATA, ERR_OTHER};
use parameter::Parameters;
use password::Passwords;
use relay::{Relay, RelayKind};
pub use variable::AbsentPhases;

/// Most bytes of data behind the identifier in one answer; more go into follow-on frames. [645-2007 2]
const PIECE: usize = 196;

/// Which editions a meter answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Editions {
    /// DL/T 645-2007.
    pub e2007: bool,
    /// DL/T 645-1997.
    pub e1997: bool,
}

impl Editions {
    /// A meter of 2007.
    pub const ONLY_2007: Self = Self { e2007: true, e1997: false };
    /// A meter of 1997.
    pub const ONLY_1997: Self = Self { e2007: false, e1997: true };
    /// One that speaks both.
    pub const BOTH: Self = Self { e2007: true, e1997: true };
}

/// The habits in which makers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manners {
    /// What a single-phase meter says of phases B and C.
    pub absent_phases: AbsentPhases,
    /// AA behind each item of a whole freeze.
    pub separates_freezes: bool,
    /// AA at the end of 1997 blocks.
    pub ends_blocks_with_aa: bool,
    /// 1997 voltages with a decimal.
    pub sends_tenth_volts: bool,
    /// The supplement's daily freeze is there.
    pub has_daily_freeze: bool,
    /// An identifier it does not know is met with silence and not with a refusal.
    pub is_silent_on_unknown: bool,
    /// Identifiers of 2007, DI0 first, that it leaves unanswered whatever it has.
    pub deaf_to: &'static [[u8; 4]],
    /// 1997: answers reads under the broadcast address.
    pub answers_broadcast_reads: bool,
    /// D5 is set in ordinary answers while there are new events (启用后续标志).
    pub flags_events: bool,
    /// How many tariffs it uses, 1 to 4; those behind them are filled with FF.
    pub tariffs: u8,
    /// It counts one way: the registers of reverse active energy are filled with FF.
    pub fills_reverse: bool,
    /// A daily freeze that was never taken has a place all the same, filled with zeros.
    pub keeps_empty_freezes: bool,
    /// Now and then a load record is none: marked as faulty, cut, or without a time; and answers may be padded with FF.
    pub spoils_records: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            absent_phases: AbsentPhases::Filled,
            separates_freezes: true,
            ends_blocks_with_aa: true,
            sends_tenth_volts: false,
            has_daily_freeze: true,
            is_silent_on_unknown: false,
            deaf_to: &[],
            answers_broadcast_reads: false,
            flags_events: false,
            tariffs: 4,
            fills_reverse: false,
            keeps_empty_freezes: false,
            spoils_records: false,
        }
    }
}

/// What a meter says in answer, before it is a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    data: Vec<u8>,
    new_rate: Option<Rate>,
}

impl Answer {
    fn empty() -> Self {
        Self::default()
    }

    fn data(data: Vec<u8>) -> Self {
        Self { data, new_rate: None }
    }
}

/// An answer as it goes on the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The frame, without wake-up bytes.
    pub frame: Vec<u8>,
    /// The line speed changes to this once the answer is out.
    pub new_rate: Option<Rate>,
}

/// A long answer of which more pieces can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Remainder {
    id: Vec<u8>,
    data: Vec<u8>,
    /// 1997 only: the piece given last.
    piece: usize,
}

/// A simulated meter.
#[derive(Clone, Debug)]
pub struct Meter {
    address: [u8; 6],
    meter_number: [u8; 6],
    editions: Editions,
    manners: Manners,
    truth: Truth,
    parameters: Parameters,
    passwords: Passwords,
    relay: Relay,
    chip: Option<Chip>,
    freezes: freeze::FreezeOrders,
    broadcast_on: Option<u32>,
    remainder: Option<Remainder>,
    /// 1997: the last answer, for 03H.
    last: Option<Vec<u8>>,
}

impl Meter {
    /// A meter at this address with this truth.
    #[must_use]
    pub fn new(address: MeterAddress, editions: Editions, manners: Manners, truth: Truth) -> Self {
        Self {
            address: address.field().wire(),
            meter_number: address.field().wire(),
            editions,
            manners,
            truth,
            parameters: Parameters::default(),
            passwords: Passwords::default(),
            relay: Relay::new(RelayKind::default()),
            chip: None,
            freezes: freeze::FreezeOrders::default(),
            broadcast_on: None,
            remainder: None,
            last: None,
        }
    }

    /// Its address, which a write of 15H or 0AH changes.
    #[must_use]
    pub const fn address(&self) -> AddressField {
        AddressField::from_wire(self.address)
    }

    /// Which editions it answers.
    #[must_use]
    pub const fn editions(&self) -> Editions {
        self.editions
    }

    /// What it held and holds.
    #[must_use]
    pub const fn truth(&self) -> &Truth {
        &self.truth
    }

    /// The same, to let things happen to it.
    pub const fn truth_mut(&mut self) -> &mut Truth {
        &mut self.truth
    }

    /// Its relay.
    #[must_use]
    pub const fn relay(&self) -> &Relay {
        &self.relay
    }

    /// Its relay, to give it a character.
    pub const fn relay_mut(&mut self) -> &mut Relay {
        &mut self.relay
    }

    /// Its passwords, as a workshop would set them.
    pub const fn passwords_mut(&mut self) -> &mut Passwords {
        &mut self.passwords
    }

    /// Bytes this meter takes, not counting the table of its load.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let own = size_of::<Self>() - size_of::<Truth>();
        let remainder = self.remainder.as_ref().map_or(0, |rest| rest.data.capacity() + rest.id.capacity());
        let last = self.last.as_ref().map_or(0, Vec::capacity);
        self.truth.bytes() + own + self.parameters.heap_bytes() + self.relay.heap_bytes() + remainder + last
    }

    /// What the meter answers to a frame it has heard whole; `None` is silence.
    pub fn answer(&mut self, now: At, frame: &Frame<'_>) -> Option<Reply> {
        self.advance(now);
        if frame.control.is_response() || !self.truth.is_powered(now) {
            return None;
        }
        match frame.control.function().0 {
            0x08 => {
                self.hear_time(now, frame);
                None
            }
            // 03H with data is the security function of 2007.
            0x03 if !frame.data.is_empty() => {
                if self.is_mine(frame) {
                    self.security(now, frame.data)
                } else {
                    None
                }
            }
            0x01..=0x10 if self.editions.e1997 => self.answer_1997(now, frame),
            0x11..=0x1D if self.editions.e2007 => self.answer_2007(now, frame),
            _ => None,
        }
    }

    fn is_mine(&self, frame: &Frame<'_>) -> bool {
        frame.address == self.address()
    }

    /// Mine by full address or by wildcard, as reads allow.
    fn is_readable(&self, frame: &Frame<'_>) -> bool {
        frame.address.admits(self.address())
    }

    fn hear_time(&mut self, now: At, frame: &Frame<'_>) {
        if frame.address.is_broadcast() || self.is_readable(frame) {
            self.broadcast_time(now, frame.data);
        }
    }

    fn answer_2007(&mut self, now: At, frame: &Frame<'_>) -> Option<Reply> {
        let function = frame.control.function();
        let is_read = matches!(function, Function::READ | Function::READ_SUBSEQUENT | Function::READ_ADDRESS);
        let is_address_write = function == Function::WRITE_ADDRESS;
        let for_me = if is_read || is_address_write { self.is_readable(frame) } else { self.is_mine(frame) };
        if function == Function::FREEZE && frame.address.is_broadcast() {
            if let Some(order) = frame.data.first_chunk::<4>() {
                self.order_freeze(now, *order);
            }
            return None;
        }
        if !for_me {
            return None;
        }
        match function {
            Function::READ => self.read_2007(now, frame.data),
            Function::READ_SUBSEQUENT => self.read_on_2007(frame.data),
            Function::READ_ADDRESS => self.reply(Control::answer(function), self.address.to_vec(), None),
            Function::WRITE_ADDRESS => self.write_address(function, frame.data),
            Function::RELAY if !self.relay.kind().is_fitted => None,
            _ => {
                let done = self.order_2007(now, function, frame.data);
                self.reply_done(function, done)
            }
        }
    }

    fn order_2007(&mut self, now: At, function: Function, data: &[u8]) -> Done {
        match function {
            Function::WRITE => self.write(now, data),
            Function::FREEZE => {
                let order = <[u8; 4]>::try_from(data).map_err(|_| ERR_OTHER)?;
                if self.order_freeze(now, order) { Ok(Answer::empty()) } else { Err(ERR_OTHER) }
            }
            Function::CHANGE_RATE => {
                let rate =
                    data.first().and_then(|word| Rate::from_word(dlt645::edition::Edition::E2007, *word));
                self.change_rate(data, rate)
            }
            Function::CHANGE_PASSWORD => self.change_password(now, data),
            Function::CLEAR_DEMAND | Function::CLEAR_METER | Function::CLEAR_EVENTS => {
                self.clear(now, function.0, data)
            }
            Function::RELAY => self.control_relay(now, data),
            Function::MULTIFUNCTION_OUTPUT => match data {
                [signal @ 0..=2] => Ok(Answer::data(vec![*signal])),
                _ => Err(ERR_OTHER),
            },
            _ => Err(ERR_OTHER),
        }
    }

    /// 15H and 0AH: the answer comes from the new address.
    fn write_address(&mut self, function: Function, data: &[u8]) -> Option<Reply> {
        let address = AddressField::from_wire(<[u8; 6]>::try_from(data).ok()?).as_meter()?;
        self.address = address.field().wire();
        self.reply(Control::answer(function), Vec::new(), None)
    }

    /// 11H: the identifier and, for load records, how many blocks from when.
    fn read_2007(&mut self, now: At, data: &[u8]) -> Option<Reply> {
        let (id, request) = data.split_first_chunk::<4>()?;
        let control = Control::refusal(Function::READ);
        if self.manners.deaf_to.contains(id) {
            return None;
        }
        match self.held(now, *id, request) {
            Some(value) => self.begin_2007(*id, value, now),
            None if self.manners.is_silent_on_unknown => None,
            None => self.reply(control, vec![ERR_NO_DATA], None),
        }
    }

    /// What the meter holds under an identifier of 2007, DI0 first, at an instant; the judge asks here, too. `request`
    /// is what load records want to know: how many blocks, and from when.
    #[must_use]
    pub fn held(&self, at: At, id: [u8; 4], request: &[u8]) -> Option<Vec<u8>> {
        let [_, _, _, class] = id;
        if class != 0x06 && !request.is_empty() {
            return None;
        }
        match class {
            0x00 => self.energy_class(at, id),
            0x01 => self.demand_class(at, id),
            0x02 => self.variable_class(at, id),
            0x03 => self.event_class(at, id),
            0x04 => self.parameter_class(at, id),
            0x05 => self.freeze_class(at, id),
            0x06 => self.load_record_class(at, id, request),
            0x10..=0x1F => self.event_item_class(at, id),
            _ => None,
        }
    }

    /// What the meter holds under an identifier of 1997, DI0 first.
    #[must_use]
    pub fn held_1997(&self, at: At, id: [u8; 2]) -> Option<Vec<u8>> {
        self.old_data(at, id)
    }

    fn begin_2007(&mut self, id: [u8; 4], value: Vec<u8>, now: At) -> Option<Reply> {
        let function = Function::READ;
        let flags = self.manners.flags_events && self.truth.log().begun(now).next().is_some();
        if value.len() <= PIECE {
            self.remainder = None;
            let control = if flags { Control::answer_with_more(function) } else { Control::answer(function) };
            return self.reply(control, [&id[..], &value].concat(), None);
        }
        let data = [&id[..], value.get(..PIECE)?].concat();
        self.remainder = Some(Remainder { id: id.to_vec(), data: value, piece: 0 });
        self.reply(Control::answer_with_more(function), data, None)
    }

    /// 12H: identifier and number of the piece; the same piece may be asked for again.
    fn read_on_2007(&mut self, data: &[u8]) -> Option<Reply> {
        let function = Function::READ_SUBSEQUENT;
        let (id, rest) = data.split_first_chunk::<4>()?;
        let piece = match (rest, &self.remainder) {
            ([sequence], Some(remainder)) if *sequence > 0 && remainder.id == *id => remainder
                .data
                .chunks(PIECE)
                .nth(usize::from(*sequence))
                .map(|piece| (*sequence, piece.to_vec())),
            _ => None,
        };
        let Some((sequence, piece)) = piece else {
            return self.reply(Control::refusal(function), vec![ERR_NO_DATA], None);
        };
        let pieces = self.remainder.as_ref().map_or(0, |remainder| remainder.data.len().div_ceil(PIECE));
        let more = usize::from(sequence) + 1 < pieces;
        let control = if more { Control::answer_with_more(function) } else { Control::answer(function) };
        self.reply(control, [&id[..], &piece, &[sequence]].concat(), None)
    }

    fn answer_1997(&mut self, now: At, frame: &Frame<'_>) -> Option<Reply> {
        let function = frame.control.function();
        let is_read =
            matches!(function, Function::READ_1997 | Function::READ_SUBSEQUENT_1997 | Function::REREAD_1997);
        let is_address_write = function == Function::WRITE_ADDRESS_1997;
        let broadcast = frame.address.is_broadcast()
            && (is_address_write || self.manners.answers_broadcast_reads && is_read);
        let for_me =
            self.is_mine(frame) || (is_read || is_address_write) && self.is_readable(frame) || broadcast;
        if !for_me {
            return None;
        }
        let reply = match function {
            Function::READ_1997 => self.read_1997(now, frame.data),
            Function::READ_SUBSEQUENT_1997 => self.read_on_1997(frame.data),
            Function::REREAD_1997 => return self.say_again(),
            Function::WRITE_ADDRESS_1997 => self.write_address(function, frame.data),
            Function::WRITE_1997 => {
                let done = self.old_write(now, frame.data);
                self.reply_done(function, done)
            }
            Function::CHANGE_RATE_1997 => {
                let word = frame.data.first().copied();
                let rate = word.and_then(|word| Rate::from_word(dlt645::edition::Edition::E1997, word));
                let done = self.change_rate(frame.data, rate);
                self.reply_done(function, done)
            }
            Function::CHANGE_PASSWORD_1997 => {
                let done = self.old_change_password(now, frame.data);
                self.reply_done(function, done)
            }
            Function::CLEAR_DEMAND_1997 => {
                let done = self.old_clear_demand(now, frame.data);
                self.reply_done(function, done)
            }
            _ => None,
        };
        self.last = reply.as_ref().map(|reply| reply.frame.clone());
        reply
    }

    fn read_1997(&mut self, now: At, data: &[u8]) -> Option<Reply> {
        let id = <[u8; 2]>::try_from(data).ok()?;
        let function = Function::READ_1997;
        let Some(value) = self.old_data(now, id) else {
            let silent = self.manners.is_silent_on_unknown;
            return if silent {
                None
            } else {
                self.reply(Control::refusal(function), vec![self.old_no_data()], None)
            };
        };
        let first = value.get(..PIECE.min(value.len()))?;
        let whole = [&id[..], first].concat();
        if value.len() <= PIECE {
            return self.reply(Control::answer(function), whole, None);
        }
        self.remainder = Some(Remainder { id: id.to_vec(), data: value, piece: 0 });
        self.reply(Control::answer_with_more(function), whole, None)
    }

    fn read_on_1997(&mut self, data: &[u8]) -> Option<Reply> {
        let function = Function::READ_SUBSEQUENT_1997;
        let next = self.remainder.as_mut().filter(|remainder| remainder.id == data).and_then(|remainder| {
            remainder.piece += 1;
            let more = (remainder.piece + 1) * PIECE < remainder.data.len();
            remainder.data.chunks(PIECE).nth(remainder.piece).map(|piece| (piece.to_vec(), more))
        });
        match next {
            Some((piece, more)) => {
                let control =
                    if more { Control::answer_with_more(function) } else { Control::answer(function) };
                self.reply(control, [data, &piece].concat(), None)
            }
            None => self.reply(Control::refusal(function), vec![self.old_no_data()], None),
        }
    }

    /// 03H: the last answer, under its own control code.
    fn say_again(&self) -> Option<Reply> {
        let mut frame = self.last.clone()?;
        let control = frame.get_mut(8)?;
        let again = Control(*control & 0xE0 | Function::REREAD_1997.0);
        let difference = again.0.wrapping_sub(*control);
        *control = again.0;
        let sum = frame.len().checked_sub(2)?;
        let sum = frame.get_mut(sum)?;
        *sum = sum.wrapping_add(difference);
        Some(Reply { frame, new_rate: None })
    }

    fn reply_done(&self, function: Function, done: Done) -> Option<Reply> {
        match done {
            Ok(answer) => self.reply(Control::answer(function), answer.data, answer.new_rate),
            Err(error) => self.reply(Control::refusal(function), vec![error], None),
        }
    }

    fn reply(&self, control: Control, data: Vec<u8>, new_rate: Option<Rate>) -> Option<Reply> {
        let frame = Frame { address: self.address(), control, data: &data };
        Some(Reply { frame: frame.to_bytes().ok()?, new_rate })
    }
}
