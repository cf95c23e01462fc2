//! The terminal's archive of meters (档案), AFN 04 F10 and 0A F10: which meter is which measuring point.
//!
//! A point number means nothing without it. [1376 3.4]

use core::fmt;

use super::RequestError;
use crate::bcd;
use crate::format::EncodeError;
use crate::identifier::Point;

/// One meter of the archive, 27 bytes on the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ArchiveRecord {
    /// The number of the record (电能表序号), 1 to 2040.
    pub number: u16,
    /// The measuring point; the terminal itself, p0, deletes the record.
    pub point: Point,
    /// The speed on the line.
    pub speed: Speed,
    /// The terminal's port, 1 to 31. What stands behind which differs between makers.
    pub port: u8,
    /// The meter's protocol: 1 DL/T 645-1997, 30 DL/T 645-2007, 31 the same by a narrow-band module, 2 the terminal's own
    /// measuring, 0 not to be read.
    pub protocol: u8,
    /// The meter's address, low byte first, as in its own frames.
    pub address: [u8; 6],
    /// The meter's password.
    pub password: [u8; 6],
    /// How many tariffs, 0 to 63.
    pub tariffs: u8,
    /// Digits before the point, 4 to 7.
    pub integer_digits: u8,
    /// Digits behind the point, 1 to 4.
    pub decimal_digits: u8,
    /// The collector's address, low byte first; zeros for none.
    pub collector: [u8; 6],
    /// What kind of customer.
    pub class: UserClass,
}

/// Class (大类号) and sub-class (小类号) of a customer, 0 to 15 each. Which is which is agreed with the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserClass {
    /// The class.
    pub class: u8,
    /// The sub-class.
    pub sub_class: u8,
}

/// The speed of a port in the archive, in bits a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Speed {
    /// What the terminal has set for the port.
    Default,
    /// 600.
    B600,
    /// 1200.
    B1200,
    /// 2400.
    B2400,
    /// 4800.
    B4800,
    /// 7200.
    B7200,
    /// 9600.
    B9600,
    /// 19200.
    B19200,
}

impl Speed {
    const ALL: [Self; 8] = [
        Self::Default,
        Self::B600,
        Self::B1200,
        Self::B2400,
        Self::B4800,
        Self::B7200,
        Self::B9600,
        Self::B19200,
    ];

    fn code(self) -> u8 {
        (0..).zip(Self::ALL).find(|(_, speed)| *speed == self).map_or(0, |(code, _)| code)
    }
}

impl ArchiveRecord {
    /// How many bytes it has on the wire.
    pub const WIDTH: usize = 27;

    /// Reads one record; `None` when its point is above 2040.
    #[must_use]
    pub fn from_wire(wire: [u8; Self::WIDTH]) -> Option<Self> {
        let [n0, n1, p0, p1, line, protocol, rest @ ..] = wire;
        let (address, rest) = rest.split_first_chunk::<6>()?;
        let (password, rest) = rest.split_first_chunk::<6>()?;
        let ([tariffs, digits], rest) = rest.split_first_chunk::<2>()?;
        let (collector, [class]) = rest.split_first_chunk::<6>()? else { return None };
        Some(Self {
            number: u16::from_le_bytes([n0, n1]),
            point: Point::new(u16::from_le_bytes([p0, p1]))?,
            speed: Speed::ALL.get(usize::from(line >> 5)).copied()?,
            port: line & 0x1F,
            protocol,
            address: *address,
            password: *password,
            tariffs: tariffs & 0x3F,
            integer_digits: (digits >> 2 & 3) + 4,
            decimal_digits: (digits & 3) + 1,
            collector: *collector,
            class: UserClass { class: class >> 4, sub_class: class & 0x0F },
        })
    }

    /// The bytes on the wire.
    ///
    /// # Errors
    /// [`EncodeError::DoesNotFit`] when a number is out of its range.
    pub fn wire(&self) -> Result<[u8; Self::WIDTH], EncodeError> {
        let fits = (1..=Point::MAX).contains(&self.number)
            && (1..=31).contains(&self.port)
            && self.tariffs <= 63
            && (4..=7).contains(&self.integer_digits)
            && (1..=4).contains(&self.decimal_digits)
            && self.class.class <= 15
            && self.class.sub_class <= 15;
        if !fits {
            return Err(EncodeError::DoesNotFit);
        }
        let mut wire = [0; Self::WIDTH];
        let parts = self
            .number
            .to_le_bytes()
            .into_iter()
            .chain(self.point.number().to_le_bytes())
            .chain([self.speed.code() << 5 | self.port, self.protocol])
            .chain(self.address)
            .chain(self.password)
            .chain([self.tariffs, (self.integer_digits - 4) << 2 | (self.decimal_digits - 1)])
            .chain(self.collector)
            .chain([self.class.class << 4 | self.class.sub_class]);
        wire.iter_mut().zip(parts).for_each(|(to, byte)| *to = byte);
        Ok(wire)
    }

    /// The meter's address as twelve digits, most significant first; `None` when it holds other than decimal digits.
    #[must_use]
    pub fn address_digits(&self) -> Option<String> {
        let number = bcd::decode(&self.address)?;
        Some(format!("{number:012}"))
    }
}

impl fmt::Debug for ArchiveRecord {
    /// Without the meter's password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArchiveRecord")
            .field("number", &self.number)
            .field("point", &self.point)
            .field("speed", &self.speed)
            .field("port", &self.port)
            .field("protocol", &self.protocol)
            .field("address", &self.address)
            .field("tariffs", &self.tariffs)
            .field("integer_digits", &self.integer_digits)
            .field("decimal_digits", &self.decimal_digits)
            .field("collector", &self.collector)
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

/// Appends which records are asked for.
pub(super) fn ask(numbers: &[u16], out: &mut Vec<u8>) -> Result<(), RequestError> {
    if numbers.is_empty() {
        return Err(RequestError::Nothing("record"));
    }
    out.extend(count(numbers.len())?);
    out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    Ok(())
}

/// Appends records to be set.
pub(super) fn set(records: &[ArchiveRecord], out: &mut Vec<u8>) -> Result<(), RequestError> {
    if records.is_empty() {
        return Err(RequestError::Nothing("record"));
    }
    out.extend(count(records.len())?);
    for record in records {
        out.extend(record.wire()?);
    }
    Ok(())
}

fn count(number: usize) -> Result<[u8; 2], RequestError> {
    u16::try_from(number).map(u16::to_le_bytes).map_err(|_| EncodeError::DoesNotFit.into())
}
