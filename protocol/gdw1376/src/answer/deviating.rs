//! What stands otherwise in a frame than the text has it.
//!
//! Events of a frame whose head says other than what stands in it: some terminals set ACD and send no counters (EC), some give
//! places (Pm, Pn) that are not those of their records. An event is told of once: what such a frame holds is only taken
//! where it can be nothing else. [1376 1.7] [1376 3.10]
//!
//! A forwarded frame whose bytes one maker's terminals count in one byte instead of two. [1376 1.2]

use super::{Events, Forwarded, events, forwarded};
use crate::afn::Afn;
use crate::auxiliary::{Auxiliary, Parts};
use crate::frame::{Frame, START, WAKE_UP};
use crate::message::Message;
use crate::unit::{self, Stop, Units};

/// What a frame tells of events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToldEvents<'a> {
    /// Those whose places are sure, unit by unit.
    pub events: Vec<Events<'a>>,
    /// Every byte was read. Of any other frame there may be more events in it than these.
    pub is_whole: bool,
}

/// The events of a frame, AFN 0E, an answer or a report.
///
/// A frame that comes out to its last byte as its head announces it is taken so. Otherwise it is read without the counters that
/// ACD announces, and with as many records as are there, where these end in front of the event counter: then the first place
/// is that of the first record, whatever the last says.
#[must_use]
pub fn events_of<'a>(frame: &Frame<'a>) -> ToldEvents<'a> {
    let announced = Parts::announced(frame.code, frame.control, frame.afn, frame.seq);
    let bare = announced.events.then_some(Parts { events: false, ..announced });
    let ways = || core::iter::once(announced).chain(bare).filter_map(|parts| message_by(parts, frame));
    let as_told = ways().find_map(|message| whole(unit::cut(&message)));
    let mut by_records = ways().filter_map(|message| {
        whole(unit::cut_to_show(&message)).filter(|told| told.iter().all(ends_at_its_counter))
    });
    let only = || by_records.next().filter(|_| by_records.next().is_none());
    if let Some(events) = as_told.or_else(only) {
        return ToldEvents { events, is_whole: true };
    }
    ToldEvents { events: message_by(announced, frame).map(in_front).unwrap_or_default(), is_whole: false }
}

/// The forwarded frame of an answer, AFN 10 F1. Where the bytes are not those that its two bytes of length count, one byte is
/// taken for the length if all comes out with it and a frame of a meter begins behind it.
#[must_use]
pub fn forwarded_in<'a>(message: &Message<'a>) -> Option<Forwarded<'a>> {
    let as_told = unit::cut(message).units.iter().find_map(forwarded);
    as_told.or_else(|| {
        let ([0, 0, 1, 0, port, length], frame) = message.units.split_first_chunk::<6>()? else {
            return None;
        };
        let is_whole = message.afn == Afn::FORWARD && frame.len() == usize::from(*length);
        let begins = frame.iter().find(|byte| **byte != WAKE_UP) == Some(&START);
        (is_whole && begins && message.control.is_uplink()).then_some(Forwarded { port: *port, frame })
    })
}

fn message_by<'a>(parts: Parts, frame: &Frame<'a>) -> Option<Message<'a>> {
    let Frame { code, control, address, afn, seq, body } = *frame;
    let (units, auxiliary) = Auxiliary::split_by(parts, body).ok()?;
    Some(Message { code, control, address, afn, seq, units, auxiliary })
}

/// The events of units that come out to the last byte and are events all.
fn whole(cut: Units<'_>) -> Option<Vec<Events<'_>>> {
    let Units { units, rest: None } = cut else { return None };
    let told: Vec<_> = units.iter().filter_map(events).collect();
    (!told.is_empty() && told.len() == units.len()).then_some(told)
}

/// The last record stands where the counter says that the newest is.
fn ends_at_its_counter(told: &Events<'_>) -> bool {
    let counted = if told.important { told.counters.important } else { told.counters.ordinary };
    let behind = u8::try_from(told.records.len()).map(|count| told.from.wrapping_add(count));
    !told.records.is_empty() && behind == Ok(counted)
}

/// What stands in front of a unit that cannot be read. Behind a unit that ended elsewhere than it says nothing looks like one,
/// and then its places are as doubtful as its end.
fn in_front(message: Message<'_>) -> Vec<Events<'_>> {
    let Units { units, rest } = unit::cut(&message);
    let is_unit = rest.is_some_and(|rest| matches!(rest.why, Stop::Data { .. }));
    if is_unit { units.iter().filter_map(events).collect() } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auxiliary::EventCounters;

    fn read(text: &str) -> Vec<u8> {
        text.split_whitespace().map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    }

    /// A report whose control byte, and what stands behind SEQ, is this.
    fn report(control: u8, body: &str) -> Vec<u8> {
        let mut counted = vec![control, 0x00, 0x11, 0x01, 0x00, 0x00, 0x0E, 0x73];
        counted.extend(read(body));
        let length = u16::try_from(counted.len() << 2).unwrap() | 2;
        let [low, high] = length.to_le_bytes();
        let sum = counted.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        let mut bytes = vec![0x68, low, high, low, high, 0x68];
        bytes.extend(counted);
        bytes.extend([sum, 0x16]);
        bytes
    }

    /// Places and whether every byte was read.
    fn told(control: u8, body: &str) -> (Vec<u8>, bool) {
        let bytes = report(control, body);
        let told = events_of(&Frame::parse(&bytes).unwrap());
        let places = told.events.iter().flat_map(|told| told.records.iter().map(|record| record.place));
        (places.collect(), told.is_whole)
    }

    const RECORD: &str = "0E 0A 00 12 01 12 26 31 12 01 12 26";

    // covers [1376 3.10]
    #[test]
    fn events_in_order_are_read_as_their_head_announces_them() {
        assert_eq!(told(0xCA, &format!("00 00 01 00 02 00 01 02 {RECORD}")), (vec![1], true));
        let two = format!("00 00 01 00 03 00 01 03 {RECORD} {RECORD}");
        assert_eq!(told(0xCA, &two), (vec![1, 2], true));
        assert_eq!(told(0xEA, &format!("00 00 01 00 02 00 01 02 {RECORD} 02 00")), (vec![1], true));
        assert_eq!(told(0xCA, "00 00 01 00 02 00 02 02"), (vec![], true), "no event is none that is lost");
    }

    #[test]
    fn counters_that_are_announced_and_not_there_take_no_byte_of_a_record() {
        let bytes = report(0xEA, &format!("00 00 01 00 04 00 03 04 {RECORD}"));
        let told = events_of(&Frame::parse(&bytes).unwrap());
        assert!(told.is_whole);
        assert_eq!(told.events[0].counters, EventCounters { important: 4, ordinary: 0 });
        assert_eq!((told.events[0].records[0].place, told.events[0].records[0].body.len()), (3, 10));
    }

    #[test]
    fn as_many_records_as_are_there_are_taken_where_they_end_at_the_counter() {
        // Pm = Pn.
        assert_eq!(told(0xCA, &format!("00 00 01 00 02 00 01 01 {RECORD}")), (vec![1], true));
        assert_eq!(told(0xEA, &format!("00 00 01 00 02 00 01 01 {RECORD}")), (vec![1], true));
        assert_eq!(told(0xEA, &format!("00 00 01 00 02 00 01 01 {RECORD} 02 00")), (vec![1], true));
        // One place, and two records of which the second is the newest.
        let two = format!("00 00 01 00 03 00 01 02 {RECORD} {RECORD}");
        assert_eq!(told(0xCA, &two), (vec![1, 2], true));
        // Ordinary ones go by their own counter.
        assert_eq!(told(0xCA, &format!("00 00 02 00 02 07 06 06 {RECORD}")), (vec![6], true));
    }

    #[test]
    fn an_event_whose_place_is_not_sure_is_not_taken() {
        // Places 1 and 2, and one record.
        assert_eq!(told(0xCA, &format!("00 00 01 00 03 00 01 03 {RECORD}")), (vec![], false));
        // One place, two records, neither of which need be the newest.
        let two = format!("00 00 01 00 09 00 01 02 {RECORD} {RECORD}");
        assert_eq!(told(0xCA, &two), (vec![], false));
        assert_eq!(told(0xCA, &format!("00 00 01 00 09 00 01 01 {RECORD}")), (vec![], false));
        assert_eq!(told(0xCA, ""), (vec![], false));
    }

    #[test]
    fn what_stands_in_front_of_a_unit_that_cannot_be_read_is_taken() {
        let body = format!("00 00 01 00 02 05 01 02 {RECORD} 00 00 02 00 02 05 01 04 {RECORD}");
        assert_eq!(told(0xCA, &body), (vec![1], false));
    }
}
