//! Load records and curves (负荷记录, 曲线), class 06. [645-2007 12]
//!
//! A record is what the meter held when its clock came to a quarter of an hour; nothing is stored.

use super::Meter;
use super::encode::{Data, pair};
use crate::clock::Mark;
use crate::instant::{At, SLOT_SECONDS};
use crate::truth::register::{Energy, Quadrant, Register};
use dlt645::meter_time::Civil;

/// How many days of quarters of an hour are kept.
const DEPTH_DAYS: i64 = 62;
/// The most blocks that one answer holds, however many are asked for.
const MOST_BLOCKS: usize = 99;

/// The latest quarter of an hour that is not after `shown`.
fn quarter(shown: At) -> Option<At> {
    Some(shown.slot_start())
}

impl Meter {
    /// `06 kind 00 which` with the rest of the request: the number of blocks, and from when.
    pub(super) fn load_record_class(&self, now: At, id: [u8; 4], request: &[u8]) -> Option<Vec<u8>> {
        let [which, di1, kind, _] = id;
        if kind == 0x10 {
            return self.curve(now, di1, which, request);
        }
        if di1 != 0 || kind > 6 {
            return None;
        }
        let blocks = usize::from(request.first().copied().map_or(Some(1), pair)?).clamp(1, MOST_BLOCKS);
        let moments = match which {
            0x00 => self.records_since(now, None, blocks),
            0x01 => self.records_since(now, Some(asked_time(request.get(1..)?)?), blocks),
            0x02 => self.records(now).take(1).collect(),
            _ => return None,
        };
        if moments.is_empty() {
            return None;
        }
        let last = moments.last().map(|moment| moment.shown);
        let data = moments.into_iter().fold(Data::new(), |data, moment| self.block(data, kind, moment));
        let is_padded = self.manners.spoils_records && last.is_some_and(|shown| ordinal(shown) % 8 == 4);
        Some(if is_padded { data.fill(0xFF, 5) } else { data }.into_bytes())
    }

    /// The records kept, newest first; none for times without supply.
    fn records(&self, now: At) -> impl Iterator<Item = Mark> {
        let since = self.truth.remembers_since(now).max(now.plus(-DEPTH_DAYS * 86_400));
        let marks = self.truth.clock().marks_before(now, quarter);
        marks.take_while(move |mark| mark.at >= since).filter(|mark| self.truth.is_powered(mark.at))
    }

    /// The first `count` records from a time of the meter's clock on, oldest first.
    fn records_since(&self, now: At, shown: Option<At>, count: usize) -> Vec<Mark> {
        let mut wanted: Vec<Mark> = match shown {
            Some(shown) => self.records(now).take_while(|mark| mark.shown >= shown).collect(),
            None => self.records(now).collect(),
        };
        wanted.reverse();
        wanted.truncate(count);
        wanted
    }

    /// One block: marks, count, time, the kinds with their separators, sum and end.
    fn block(&self, data: Data, asked: u8, moment: Mark) -> Data {
        let spoilt = if self.manners.spoils_records { ordinal(moment.shown) % 32 } else { 0 };
        match spoilt {
            // Faulty by its mark, and nothing in it.
            5 => return Self::faulty(data, Data::new().fill(0xFF, 5).fill(0xAA, 6)),
            // The same, cut down to its time and some fill.
            13 => return Self::faulty(data, Data::new().minute(Some(moment.shown)).fill(0xFF, 9)),
            _ => {}
        }
        // One is whole but for its time.
        let has_time = spoilt != 21;
        let mut body =
            if has_time { Data::new().minute(Some(moment.shown)) } else { Data::new().fill(0xFF, 5) };
        for kind in 1..=6_u8 {
            let recorded = self.parameters.load_mode() & (1 << (kind - 1)) != 0;
            if recorded && (asked == 0 || asked == kind) {
                body = self.kind(body, kind, moment.at);
            }
            body = body.byte(0xAA);
        }
        let body = body.into_bytes();
        let mut block = vec![0xA0, 0xA0, u8::try_from(body.len()).unwrap_or(u8::MAX)];
        block.extend(body);
        let sum = block.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        block.extend([sum, 0xE5]);
        data.bytes(&block)
    }

    /// A block that the meter itself marks as faulty.
    fn faulty(data: Data, body: Data) -> Data {
        let body = body.into_bytes();
        let mut block = vec![0xE0, 0xE0, u8::try_from(body.len()).unwrap_or(u8::MAX)];
        block.extend(body);
        let sum = block.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        block.extend([sum, 0xE5]);
        data.bytes(&block)
    }

    fn kind(&self, data: Data, kind: u8, at: At) -> Data {
        let measured = self.truth.instantaneous(at);
        let total = |data: Data, energy: Energy| self.register(data, Register::total(energy), Some(at));
        match kind {
            1 => {
                let data = measured.voltage.into_iter().fold(data, |data, voltage| data.number(voltage, 2));
                let data = measured.current.into_iter().fold(data, |data, current| data.signed(current, 3));
                data.number(measured.frequency, 2)
            }
            2 => {
                let data = data.signed(measured.active.total, 3);
                let data = measured.active.phases.into_iter().fold(data, |data, power| data.signed(power, 3));
                let data = data.signed(measured.reactive.total, 3);
                measured.reactive.phases.into_iter().fold(data, |data, power| data.signed(power, 3))
            }
            3 => {
                let data = data.signed(measured.power_factor.total, 2);
                measured.power_factor.phases.into_iter().fold(data, |data, factor| data.signed(factor, 2))
            }
            4 => [
                Energy::ForwardActive,
                Energy::ReverseActive,
                Energy::CombinedReactive1,
                Energy::CombinedReactive2,
            ]
            .into_iter()
            .fold(data, total),
            5 => Quadrant::ALL.into_iter().map(Energy::Reactive).fold(data, total),
            _ => {
                let running = |energy| self.truth.running_demand(Register::total(energy), at);
                data.signed(running(Energy::ForwardActive), 3).signed(running(Energy::CombinedReactive1), 3)
            }
        }
    }

    /// `06 10 cc ii`: N points from a time on, each five bytes of time and the value or values.
    fn curve(&self, now: At, quantity: u8, item: u8, request: &[u8]) -> Option<Vec<u8>> {
        let points = usize::from(pair(*request.first()?)?).clamp(1, MOST_BLOCKS);
        let moments = self.records_since(now, Some(asked_time(request.get(1..)?)?), points);
        if moments.is_empty() {
            return None;
        }
        let data = moments.into_iter().try_fold(Data::new(), |data, moment| {
            self.point(data.minute(Some(moment.shown)), quantity, item, moment.at)
        })?;
        Some(data.into_bytes())
    }

    fn point(&self, data: Data, quantity: u8, item: u8, at: At) -> Option<Data> {
        let measured = self.truth.instantaneous(at);
        let with_total =
            |total: i64, phases: [i64; 3]| std::iter::once(total).chain(phases).collect::<Vec<_>>();
        let energies = |energies: [Energy; 4]| {
            energies.map(|energy| self.truth.shown(Register::total(energy), at)).to_vec()
        };
        // All values of the quantity, the item number of the first, bytes, sign.
        let (values, first, bytes, is_signed) = match quantity {
            0x01 => (measured.voltage.to_vec(), 1, 2, false),
            0x02 => (measured.current.to_vec(), 1, 3, true),
            0x03 => (with_total(measured.active.total, measured.active.phases), 0, 3, true),
            0x04 => (with_total(measured.reactive.total, measured.reactive.phases), 0, 3, true),
            0x05 => (with_total(measured.power_factor.total, measured.power_factor.phases), 0, 2, true),
            0x06 => {
                let combined = [Energy::CombinedReactive1, Energy::CombinedReactive2];
                let [one, two] = combined;
                (energies([Energy::ForwardActive, Energy::ReverseActive, one, two]), 1, 4, false)
            }
            0x07 => (energies(Quadrant::ALL.map(Energy::Reactive)), 1, 4, false),
            _ => return None,
        };
        let is_signed = |place: usize| is_signed || quantity == 0x06 && place >= 2;
        if item == 0xFF {
            let each = values.into_iter().enumerate();
            return Some(
                each.fold(data, |data, (place, value)| data.number_or_signed(value, bytes, is_signed(place))),
            );
        }
        let place = usize::from(item.checked_sub(first)?);
        Some(data.number_or_signed(*values.get(place)?, bytes, is_signed(place)))
    }
}

/// The number of a quarter of an hour.
fn ordinal(shown: At) -> u32 {
    shown.seconds() / SLOT_SECONDS
}

/// `mm hh DD MM YY`.
fn asked_time(wire: &[u8]) -> Option<At> {
    let [minute, hour, day, month, year] = *wire.first_chunk::<5>()?;
    let year = 2000 + u16::from(pair(year)?);
    Civil::new(year, pair(month)?, pair(day)?, pair(hour)?, pair(minute)?, 0).map(At::from_civil)
}

const _: () = assert!(SLOT_SECONDS == 900);
