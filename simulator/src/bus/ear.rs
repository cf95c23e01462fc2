//! What the stations of one rate hear together: one receiver and one decoder for all of them.

use core::time::Duration;

use dlt645::decoder::Decoder;

use super::moment::Moment;
use super::rate::Rate;
use super::uart::Receiver;
use super::wire::Wire;
use crate::station::is_question;

/// The common ear of the stations that hear at one rate.
#[derive(Clone, Debug)]
pub(super) struct Ear {
    pub(super) rate: Rate,
    pub(super) receiver: Receiver,
    decoder: Decoder,
    /// The last eight bytes: as many as a question of Modbus RTU has.
    last: [u8; 8],
    /// When the last byte that was heard ended.
    heard_at: Moment,
}

/// Sound frames of masters that were complete at the same moment; almost always one.
#[derive(Debug)]
pub(super) struct Requests {
    pub(super) rate: Rate,
    pub(super) ended: Moment,
    /// Without wake-up bytes.
    pub(super) frames: Vec<Vec<u8>>,
    /// A question of Modbus RTU that ended then.
    pub(super) rtu: Option<[u8; 8]>,
}

impl Ear {
    pub(super) const fn new(rate: Rate, receiver: Receiver, now: Moment) -> Self {
        Self { rate, receiver, decoder: Decoder::new(), last: [0; 8], heard_at: now }
    }

    /// Hears the wire up to `until`, or up to the end of the first request before that. Between two bytes that are
    /// further apart than `gap`, what was begun is forgotten. [645-2007 1]
    pub(super) fn hear(&mut self, wire: &Wire, until: Moment, gap: Duration) -> Option<Requests> {
        while let Some(heard) = self.receiver.next(wire, until) {
            if heard.began(wire).since(self.heard_at) > gap {
                self.decoder.clear();
                self.last = [0; 8];
            }
            let bytes = heard.bytes(wire);
            let rtu_ends = bytes.iter().position(|byte| self.is_rtu_with(*byte)).map(|place| place + 1);
            let bytes = bytes.get(..rtu_ends.unwrap_or(bytes.len())).unwrap_or(bytes);
            let mut rest = bytes;
            let mut frames = Vec::new();
            while frames.is_empty() && self.next_frame(&mut rest, &mut frames) {}
            // More may have been held behind a start that turned out to be none.
            while !frames.is_empty() && self.next_frame(&mut &[][..], &mut frames) {}
            let ended = heard.end_of(wire, bytes.len() - rest.len());
            self.heard_at = ended;
            if !rest.is_empty() || rtu_ends.is_some() {
                self.receiver.rewind(ended);
            }
            if rtu_ends.is_some() {
                self.decoder.clear();
            }
            let rtu = rtu_ends.filter(|_| rest.is_empty()).map(|_| self.last);
            if !frames.is_empty() || rtu.is_some() {
                return Some(Requests { rate: self.rate, ended, frames, rtu });
            }
        }
        None
    }

    /// True when this byte ends a question of Modbus RTU.
    fn is_rtu_with(&mut self, byte: u8) -> bool {
        self.last.rotate_left(1);
        if let Some(last) = self.last.last_mut() {
            *last = byte;
        }
        is_question(&self.last)
    }

    /// Keeps the next frame if it is a request; false when there is none.
    fn next_frame(&mut self, bytes: &mut &[u8], requests: &mut Vec<Vec<u8>>) -> bool {
        let Some(found) = self.decoder.next_frame(bytes) else { return false };
        if !found.frame.control.is_response() {
            requests.push(found.wire.to_vec());
        }
        true
    }
}
