//! One field of a layout: how its bytes are read, what it is called, what neutral item it is.

use core::fmt;

use crate::meter_time::TimeFormat;

/// How the bytes of one field are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Packed decimal digits with a fixed point; `signed` when the top bit of the last byte is a sign.
    Number {
        /// Bytes on the wire, 1 to 8.
        bytes: u8,
        /// Digits behind the point.
        decimals: u8,
        /// Whether the top bit is a sign.
        signed: bool,
    },
    /// An unsigned binary number, low byte first, with a fixed point (class 07 money and counts).
    Binary {
        /// Bytes on the wire, 1 to 7.
        bytes: u8,
        /// Digits behind the point.
        decimals: u8,
    },
    /// A date or time.
    Time(TimeFormat),
    /// Digits that are a name and not a number: an address, a meter number. Hexadecimal digits are kept.
    Digits {
        /// Bytes on the wire.
        bytes: u8,
    },
    /// A word of named bits, low byte first; the index leads to the names in [`super::bits`].
    Bits {
        /// Bytes on the wire, 1 to 8.
        bytes: u8,
        /// Which word.
        word: super::bits::WordId,
    },
    /// Text, last character first on the wire.
    Text {
        /// Bytes on the wire.
        bytes: u8,
    },
    /// Bytes without a meaning of their own, shown high byte first.
    Octets {
        /// Bytes on the wire.
        bytes: u8,
    },
    /// A data identifier of the 2007 edition (four bytes) or of that of 1997 (two).
    DataId {
        /// 4 or 2.
        bytes: u8,
    },
    /// An operator code C0..C3, shown C3 first.
    Operator,
    /// The byte AAH between items; no value.
    Separator,
}

impl Format {
    /// How many bytes the field has on the wire; at least one.
    #[must_use]
    pub fn width(self) -> usize {
        match self {
            Self::Number { bytes, .. }
            | Self::Binary { bytes, .. }
            | Self::Digits { bytes }
            | Self::Bits { bytes, .. }
            | Self::Text { bytes }
            | Self::Octets { bytes }
            | Self::DataId { bytes } => bytes.into(),
            Self::Operator => 4,
            Self::Separator => 1,
            Self::Time(format) => format.width(),
        }
    }

    /// True for four bytes of digits without a sign.
    pub(super) const fn is_plain_four(self) -> bool {
        matches!(self, Self::Number { bytes: 4, signed: false, .. })
    }

    /// Digits behind the point, of a number.
    #[inline]
    pub(super) const fn decimals(self) -> u8 {
        match self {
            Self::Number { decimals, .. } | Self::Binary { decimals, .. } => decimals,
            _ => 0,
        }
    }
}

/// What a time in a layout is the time of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The field stands for itself.
    Value,
    /// The time at which the values beside it hold: of a maximum demand, a curve point, a record.
    At,
    /// When an event began.
    Start,
    /// When an event ended.
    End,
}

/// One field of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// English name; empty where the name of the identifier says it all.
    pub name_en: &'static str,
    /// Chinese name; empty likewise.
    pub name_zh: &'static str,
    /// How its bytes are read.
    pub format: Format,
    /// Unit, empty for none.
    pub unit: &'static str,
    /// The neutral item, for quantities that are billed, plotted or compared.
    pub item: Option<Item>,
    /// What it is to its neighbours.
    pub role: Role,
    /// Four bytes of digits without a sign, as energies have; see [`Format::is_plain_four`].
    pub(super) is_plain_four: bool,
}

impl Field {
    /// True for a time that says when its neighbours hold.
    #[must_use]
    pub fn is_at(&self) -> bool {
        self.role == Role::At && matches!(self.format, Format::Time(_))
    }

    /// Stands for no field at all.
    pub(super) const NONE: &'static Self = &Self {
        name_en: "",
        name_zh: "",
        format: Format::Separator,
        unit: "",
        item: None,
        role: Role::Value,
        is_plain_four: false,
    };
}

/// A neutral item as the catalogue names it: the C, D and E groups of an OBIS code (IEC 62056-61), E open where the
/// tariff goes. A is 1 (electricity), B is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Item {
    /// Quantity, direction and phase.
    pub c: u8,
    /// Kind of measurement: 8 a register, 6 a maximum demand, 7 an instantaneous value, 4 a running demand.
    pub d: u8,
    /// Tariff, 0 the total; `None` where it comes from the identifier or the place in a block.
    pub e: Option<u8>,
}

impl Item {
    /// The item code with its tariff.
    #[must_use]
    pub fn with_tariff(self, tariff: u8) -> ItemCode {
        ItemCode { c: self.c, d: self.d, e: self.e.unwrap_or(tariff) }
    }

    /// Reads `1.8.t` or `32.7.0`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut groups = text.split('.');
        let (c, d, e) = (groups.next()?, groups.next()?, groups.next()?);
        let e = if e == "t" { None } else { Some(e.parse().ok()?) };
        let item = Self { c: c.parse().ok()?, d: d.parse().ok()?, e };
        groups.next().is_none().then_some(item)
    }
}

/// A neutral item, complete: prints as `1-0:1.8.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemCode {
    /// Quantity, direction and phase.
    pub c: u8,
    /// Kind of measurement.
    pub d: u8,
    /// Tariff, 0 the total.
    pub e: u8,
}

impl fmt::Display for ItemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1-0:{}.{}.{}", self.c, self.d, self.e)
    }
}
