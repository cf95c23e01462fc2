//! The archive (档案): which meter is which measuring point, as somebody set it. What hangs on the lines may differ.
//!
//! [1376 3.4]

use std::collections::BTreeMap;

/// One meter in the archive of a terminal, 27 bytes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The number of the record (电能表序号), 1 to 2040.
    pub number: u16,
    /// The measuring point (测量点号), 1 to 2040.
    pub point: u16,
    /// D7-5 the speed, D4-0 the port.
    pub speed_and_port: u8,
    /// 1 for DL/T 645-1997, 30 for DL/T 645-2007.
    pub protocol: u8,
    /// The meter's address, low byte first.
    pub address: [u8; 6],
    /// The meter's password.
    pub password: [u8; 6],
    /// How many tariffs are stored.
    pub tariffs: u8,
    /// Digits: D3-2 whole ones less four, D1-0 decimals less one.
    pub digits: u8,
    /// The collector the meter hangs on, zeros for none.
    pub collector: [u8; 6],
    /// D7-4 the class of user, D3-0 the sub-class.
    pub class: u8,
}

impl Record {
    /// How many bytes it has on the wire.
    pub const WIDTH: usize = 27;

    /// The record as it goes on the wire.
    #[must_use]
    pub fn wire(&self) -> Vec<u8> {
        let mut wire = Vec::with_capacity(Self::WIDTH);
        wire.extend(self.number.to_le_bytes());
        wire.extend(self.point.to_le_bytes());
        wire.extend([self.speed_and_port, self.protocol]);
        wire.extend(self.address);
        wire.extend(self.password);
        wire.extend([self.tariffs, self.digits]);
        wire.extend(self.collector);
        wire.push(self.class);
        wire
    }

    /// Takes the bytes of the wire; `None` when there are too few.
    #[must_use]
    pub fn from_wire(wire: &[u8]) -> Option<Self> {
        let (number, wire) = wire.split_first_chunk::<2>()?;
        let (point, wire) = wire.split_first_chunk::<2>()?;
        let ([speed_and_port, protocol], wire) = wire.split_first_chunk::<2>()?;
        let (address, wire) = wire.split_first_chunk::<6>()?;
        let (password, wire) = wire.split_first_chunk::<6>()?;
        let ([tariffs, digits], wire) = wire.split_first_chunk::<2>()?;
        let (collector, wire) = wire.split_first_chunk::<6>()?;
        Some(Self {
            number: u16::from_le_bytes(*number),
            point: u16::from_le_bytes(*point),
            speed_and_port: *speed_and_port,
            protocol: *protocol,
            address: *address,
            password: *password,
            tariffs: *tariffs,
            digits: *digits,
            collector: *collector,
            class: *wire.first()?,
        })
    }

    /// The port, 1 to 31.
    #[must_use]
    pub const fn port(&self) -> u8 {
        self.speed_and_port & 0x1F
    }

    /// True for a meter that speaks DL/T 645-1997.
    #[must_use]
    pub const fn is_1997(&self) -> bool {
        self.protocol == PROTOCOL_1997
    }

    /// True for what is read at all.
    pub(super) const fn is_read(&self) -> bool {
        matches!(self.protocol, PROTOCOL_1997 | PROTOCOL_2007 | PROTOCOL_PLC)
    }

    /// True for users whose reactive energy is stored as well: large ones and check meters.
    pub(super) const fn has_reactive(&self) -> bool {
        matches!(self.class >> 4, 1 | 2 | 3 | 6)
    }
}

/// DL/T 645-1997.
pub const PROTOCOL_1997: u8 = 1;
/// DL/T 645-2007.
pub const PROTOCOL_2007: u8 = 30;
/// A module of narrow-band power line communication, behind which are meters of 2007.
const PROTOCOL_PLC: u8 = 31;

/// Why a record is not taken: the ERR of the answer. [1376 3.1]
pub(super) const ERR_OTHER: u8 = 1;
pub(super) const ERR_ADDRESS_IN_USE: u8 = 2;

/// All records by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archive {
    records: BTreeMap<u16, Record>,
    /// The number of the record of each point.
    points: BTreeMap<u16, u16>,
}

impl Archive {
    /// The records in the order of their numbers.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    /// The record with this number.
    #[must_use]
    pub fn record(&self, number: u16) -> Option<&Record> {
        self.records.get(&number)
    }

    /// The record of a measuring point.
    #[must_use]
    pub fn of_point(&self, point: u16) -> Option<&Record> {
        self.points.get(&point).and_then(|number| self.records.get(number))
    }

    /// The measuring points, in order.
    pub fn points(&self) -> impl Iterator<Item = u16> {
        self.points.keys().copied()
    }

    /// Puts a record in the place of the one with its number, or deletes that one where the point is 0.
    pub(super) fn set(&mut self, record: Record) -> Result<(), u8> {
        if !(1..=MOST).contains(&record.number) || record.point > MOST {
            return Err(ERR_OTHER);
        }
        if record.point == 0 {
            self.remove(record.number);
            return Ok(());
        }
        let others = || self.records.values().filter(|other| other.number != record.number);
        if others().any(|other| other.address == record.address) {
            return Err(ERR_ADDRESS_IN_USE);
        }
        if others().any(|other| other.point == record.point) {
            return Err(ERR_OTHER);
        }
        self.remove(record.number);
        self.points.insert(record.point, record.number);
        self.records.insert(record.number, record);
        Ok(())
    }

    /// Deletes all records of a port.
    pub(super) fn clear_port(&mut self, port: u8) {
        let gone: Vec<u16> =
            self.records().filter(|record| record.port() == port).map(|record| record.number).collect();
        gone.into_iter().for_each(|number| self.remove(number));
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn remove(&mut self, number: u16) {
        if let Some(old) = self.records.remove(&number) {
            self.points.remove(&old.point);
        }
    }
}

/// The highest number of records and points.
const MOST: u16 = 2040;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u16, point: u16, address: u8) -> Record {
        Record {
            number,
            point,
            speed_and_port: 0x7F,
            protocol: PROTOCOL_2007,
            address: [address, 0, 0, 0, 0, 0],
            password: [0; 6],
            tariffs: 4,
            digits: 0x09,
            collector: [0; 6],
            class: 0x50,
        }
    }

    // covers [1376 3.4] [1376 9]
    #[test]
    fn a_record_is_the_one_of_the_worked_frame() {
        let wire = [
            0x02, 0x00, 0x02, 0x00, 0x7F, 0x1E, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
            0x00, 0x00, 0x04, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x50,
        ];
        assert_eq!(record(2, 2, 1).wire(), wire);
        assert_eq!(Record::from_wire(&wire), Some(record(2, 2, 1)));
        assert_eq!(record(2, 2, 1).port(), 31);
        assert_eq!(Record::from_wire(&wire[..26]), None);
    }

    #[test]
    fn an_address_or_a_point_is_used_once_and_point_zero_deletes() {
        let mut archive = Archive::default();
        assert_eq!(archive.set(record(2, 2, 1)), Ok(()));
        assert_eq!(archive.set(record(3, 3, 1)), Err(ERR_ADDRESS_IN_USE));
        assert_eq!(archive.set(record(3, 2, 5)), Err(ERR_OTHER));
        assert_eq!(archive.set(record(0, 3, 5)), Err(ERR_OTHER));
        assert_eq!(archive.set(record(2, 7, 1)), Ok(()), "a record may be set anew");
        assert_eq!(archive.points().collect::<Vec<_>>(), [7]);
        assert_eq!(archive.of_point(7).map(|record| record.number), Some(2));
        assert_eq!(archive.set(record(2, 0, 1)), Ok(()));
        assert_eq!(archive.records().count() + archive.points().count(), 0);
    }
}
