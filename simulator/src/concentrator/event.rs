//! Events: two rings of 256 records, important ones counted by EC1 and ordinary ones by EC2. [1376 3.10] [1376 3.4]

use std::collections::VecDeque;

use super::encode::Unit;
use crate::instant::At;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// ERC.
    pub code: u8,
    /// What stands behind ERC and length.
    pub body: Vec<u8>,
    /// When the terminal noted it, in the world.
    pub noted_at: At,
}

/// One ring.
#[derive(Clone, Debug, Default)]
pub(super) struct Ring {
    /// EC: where the next record goes.
    counter: u8,
    /// The newest records, the last one in front of the counter.
    records: VecDeque<Record>,
    /// How many of the newest nobody has taken yet.
    unread: usize,
}

/// A ring holds so many.
const HOLDS: usize = 256;

impl Ring {
    fn put(&mut self, record: Record) {
        self.records.push_back(record);
        if self.records.len() > HOLDS {
            self.records.pop_front();
        }
        self.counter = self.counter.wrapping_add(1);
        self.unread = (self.unread + 1).min(HOLDS - 1);
    }

    /// The record at a place of the ring.
    fn at(&self, place: u8) -> Option<&Record> {
        // 1 for the newest.
        let back = usize::from(self.counter.wrapping_sub(place));
        let back = if back == 0 { HOLDS } else { back };
        self.records.len().checked_sub(back).and_then(|index| self.records.get(index))
    }

    /// The places from `from` up to before `to` that hold a record.
    fn range(&self, from: u8, to: u8) -> impl Iterator<Item = (u8, &Record)> {
        let count = to.wrapping_sub(from);
        (0..count)
            .map(move |step| from.wrapping_add(step))
            .filter_map(|place| self.at(place).map(|r| (place, r)))
    }

    /// Somebody has the records before `to`.
    fn taken_up_to(&mut self, to: u8) {
        self.unread = self.unread.min(usize::from(self.counter.wrapping_sub(to)));
    }

    /// The place of the oldest record that nobody took.
    fn oldest_unread(&self) -> Option<u8> {
        let back = u8::try_from(self.unread).ok().filter(|back| *back > 0)?;
        Some(self.counter.wrapping_sub(back))
    }
}

/// Both rings, and which events count and are important (AFN 04 F9).
#[derive(Clone, Debug)]
pub(super) struct Events {
    important: Ring,
    ordinary: Ring,
    valid: u64,
    importance: u64,
}

impl Default for Events {
    /// All events are noted; initialisation, meter clocks, power, failed reading, status words and unknown meters are
    /// important.
    fn default() -> Self {
        let important = [1, 12, 14, 31, 33, 35].into_iter().fold(0, |mask, code| mask | bit(code));
        Self { important: Ring::default(), ordinary: Ring::default(), valid: u64::MAX, importance: important }
    }
}

const fn bit(code: u8) -> u64 {
    match code {
        1..=64 => 1 << (code - 1),
        _ => 0,
    }
}

impl Events {
    /// Notes an event; false when it is not valid.
    pub(super) fn note(&mut self, code: u8, body: Vec<u8>, noted_at: At) -> bool {
        if self.valid & bit(code) == 0 {
            return false;
        }
        let is_important = self.importance & bit(code) != 0;
        self.ring_mut(is_important).put(Record { code, body, noted_at });
        true
    }

    /// Takes the two masks of AFN 04 F9.
    pub(super) fn set_masks(&mut self, wire: &[u8]) {
        let Some((valid, rest)) = wire.split_first_chunk::<8>() else { return };
        let Some(importance) = rest.first_chunk::<8>() else { return };
        (self.valid, self.importance) = (u64::from_le_bytes(*valid), u64::from_le_bytes(*importance));
    }

    /// The two masks as AFN 0A F9 says them.
    pub(super) fn masks(&self) -> Vec<u8> {
        [self.valid.to_le_bytes(), self.importance.to_le_bytes()].concat()
    }

    /// EC1 and EC2.
    pub(super) const fn counters(&self) -> [u8; 2] {
        [self.important.counter, self.ordinary.counter]
    }

    /// True while there are important events that nobody took.
    pub(super) const fn are_waiting(&self) -> bool {
        self.important.unread > 0
    }

    /// The records of one kind, oldest first.
    pub(super) fn records(&self, is_important: bool) -> impl Iterator<Item = &Record> {
        self.ring(is_important).records.iter()
    }

    /// What is said of the records from Pm up to Pn, as many as fit into `room` bytes: EC1, EC2, Pm, Pn and each record
    /// with its code and length. `None` when there is none.
    pub(super) fn told(&self, is_important: bool, [from, to]: [u8; 2], room: usize) -> Option<(Vec<u8>, u8)> {
        let ring = self.ring(is_important);
        let mut records = Unit::new().into_bytes();
        let mut span = None;
        for (place, record) in ring.range(from, to) {
            if records.len() + record.body.len() + 6 > room && span.is_some() {
                break;
            }
            let (first, _) = span.unwrap_or((place, place));
            span = Some((first, place.wrapping_add(1)));
            records.extend([record.code, u8::try_from(record.body.len()).unwrap_or(u8::MAX)]);
            records.extend(record.body.iter().take(usize::from(u8::MAX)));
        }
        let (first, end) = span?;
        let [ec1, ec2] = self.counters();
        Some((Unit::new().bytes(&[ec1, ec2, first, end]).bytes(&records).into_bytes(), end))
    }

    /// What nobody took of the important events, for a report, and the place behind it.
    pub(super) fn report(&self, room: usize) -> Option<(Vec<u8>, u8)> {
        let from = self.important.oldest_unread()?;
        // One record a report, as captured.
        self.told(true, [from, from.wrapping_add(1)], room)
    }

    /// Somebody has the records before a place.
    pub(super) fn taken_up_to(&mut self, is_important: bool, to: u8) {
        self.ring_mut(is_important).taken_up_to(to);
    }

    pub(super) fn clear(&mut self) {
        (self.important, self.ordinary) = (Ring::default(), Ring::default());
    }

    const fn ring(&self, is_important: bool) -> &Ring {
        if is_important { &self.important } else { &self.ordinary }
    }

    const fn ring_mut(&mut self, is_important: bool) -> &mut Ring {
        if is_important { &mut self.important } else { &mut self.ordinary }
    }
}

/// The point word of event bodies: the point, and whether it begins. [1376 3.10]
pub(super) const fn point_word(point: u16, begins: bool) -> u16 {
    point & 0x0FFF | if begins { 0x8000 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(count: u16) -> Events {
        let mut events = Events::default();
        for number in 0..count {
            assert!(events.note(31, number.to_le_bytes().to_vec(), At::START));
        }
        events
    }

    // covers [1376 3.10]
    #[test]
    fn pointers_name_places_of_the_ring() {
        let events = noted(7);
        assert_eq!(events.counters(), [7, 0]);
        let (told, end) = events.told(true, [5, 7], 512).unwrap();
        assert_eq!((told, end), (vec![7, 0, 5, 7, 31, 2, 5, 0, 31, 2, 6, 0], 7));
        assert_eq!(events.told(true, [7, 9], 512), None, "not there yet");
        assert_eq!(events.told(false, [0, 7], 512), None);
    }

    #[test]
    fn the_ring_wraps_and_forgets_the_oldest() {
        let events = noted(300);
        assert_eq!(events.counters(), [44, 0]);
        let (told, _) = events.told(true, [43, 44], 512).unwrap();
        assert_eq!(told, [44, 0, 43, 44, 31, 2, 43, 1]);
        let (told, _) = events.told(true, [44, 45], 512).unwrap();
        assert_eq!(told[6..], [44, 0], "the oldest one still there");
        assert_eq!(events.records(true).count(), 256);
    }

    #[test]
    fn what_is_reported_waits_until_somebody_has_it() {
        let mut events = noted(2);
        assert!(events.are_waiting());
        let (report, end) = events.report(512).unwrap();
        assert_eq!((report, end), (vec![2, 0, 0, 1, 31, 2, 0, 0], 1));
        events.taken_up_to(true, 1);
        let (_, end) = events.report(512).unwrap();
        events.taken_up_to(true, end);
        assert!(!events.are_waiting() && events.report(512).is_none());
    }

    #[test]
    fn masks_say_what_is_noted_and_what_is_important() {
        let mut events = Events::default();
        let mut masks = [0xFF; 16];
        masks[3] = 0xBF;
        masks[8..].fill(0);
        events.set_masks(&masks);
        assert_eq!(events.masks(), masks);
        assert!(!events.note(31, Vec::new(), At::START), "bit 30 is not set");
        assert!(events.note(33, Vec::new(), At::START));
        assert_eq!(events.counters(), [0, 1], "nothing is important");
    }
}
