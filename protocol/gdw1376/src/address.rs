//! The address A of a frame (地址域): region code A1, terminal address A2, and in A3 the group flag and the number of
//! the master station.
//!
//! ```text
//! A1 (2 bytes, four digits, low byte first) | A2 (2 bytes, low byte first) | A3: D7-1 MSA, D0 group
//! ```
//!
//! [1376 1.4]

use core::fmt;
use core::str::FromStr;

use crate::bcd;

/// Which terminal: region code (行政区划码) and terminal address (终端地址), as they stand on the wire, whatever they
/// hold. Some terminals have hexadecimal digits in the region code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TerminalAddress {
    region: [u8; 2],
    terminal: u16,
}

impl TerminalAddress {
    /// The address `FFFF` in the region `FFFF`, under which any terminal answers on a local port.
    pub const ANY: Self = Self { region: [0xFF; 2], terminal: 0xFFFF };

    /// Region code of four decimal digits, 0 to 9999, and terminal address 1 to 65534; `None` otherwise: 0 is invalid
    /// and 65535 is for all.
    #[must_use]
    pub fn new(region: u16, terminal: u16) -> Option<Self> {
        let (high, low) = (region / 100, region % 100);
        let region = [bcd::from_two_digits(low.into()), bcd::from_two_digits(high.into())];
        (high < 100 && (1..=0xFFFE).contains(&terminal)).then_some(Self { region, terminal })
    }

    /// Takes A1 and A2 in wire order.
    #[must_use]
    pub const fn from_wire([a, b, c, d]: [u8; 4]) -> Self {
        Self { region: [a, b], terminal: u16::from_le_bytes([c, d]) }
    }

    /// A1 and A2 in wire order.
    #[must_use]
    pub const fn wire(self) -> [u8; 4] {
        let ([a, b], [c, d]) = (self.region, self.terminal.to_le_bytes());
        [a, b, c, d]
    }

    /// The region code as a number 0 to 9999; `None` when it holds other than decimal digits.
    #[must_use]
    pub fn region(self) -> Option<u16> {
        bcd::decode(&self.region).and_then(|number| u16::try_from(number).ok())
    }

    /// The terminal address.
    #[must_use]
    pub const fn terminal(self) -> u16 {
        self.terminal
    }

    /// The form of nine decimal digits, region and terminal, as the edition of 2013 prints it; `None` when the region
    /// is not decimal.
    #[must_use]
    pub fn nine_digits(self) -> Option<String> {
        Some(format!("{:04}{:05}", self.region()?, self.terminal))
    }
}

impl fmt::Display for TerminalAddress {
    /// `1100-3039`: the region code and the terminal address in hexadecimal, as the edition of 2009 prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, high] = self.region;
        write!(f, "{high:02X}{low:02X}-{:04X}", self.terminal)
    }
}

impl fmt::Debug for TerminalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no terminal address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Neither `1100-3039`, `11003039` nor nine digits.
    #[error("a terminal address is written 1100-3039 (hexadecimal) or 110012345 (nine decimal digits)")]
    Form,
    /// The terminal number of nine digits is above 65535.
    #[error("terminal {terminal} is above 65535")]
    TooLarge {
        /// The number given.
        terminal: u32,
    },
}

impl AddressError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Form => "address_form",
            Self::TooLarge { .. } => "address_too_large",
        }
    }
}

impl FromStr for TerminalAddress {
    type Err = AddressError;

    /// Both printed forms: region and four hexadecimal digits with or without a dash between, or nine decimal digits.
    ///
    /// ```
    /// use gdw1376::address::TerminalAddress;
    /// let old: TerminalAddress = "1100-3039".parse()?;
    /// assert_eq!(old, "110012345".parse()?);
    /// assert_eq!(old.wire(), [0x00, 0x11, 0x39, 0x30]);
    /// # Ok::<(), gdw1376::address::AddressError>(())
    /// ```
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = |digits: &str| {
            let all = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            u16::from_str_radix(digits, 16).ok().filter(|_| all)
        };
        let (region, terminal) = match (text.split_once('-'), text.len()) {
            (Some(parts), _) => parts,
            (None, 8 | 9) => text.split_at_checked(4).ok_or(AddressError::Form)?,
            _ => return Err(AddressError::Form),
        };
        let region = hex(region).ok_or(AddressError::Form)?;
        let decimal = terminal.len() == 5 && terminal.bytes().all(|digit| digit.is_ascii_digit());
        let terminal = if decimal {
            let number: u32 = terminal.parse().map_err(|_| AddressError::Form)?;
            u16::try_from(number).map_err(|_| AddressError::TooLarge { terminal: number })?
        } else {
            hex(terminal).ok_or(AddressError::Form)?
        };
        Ok(Self { region: region.to_le_bytes(), terminal })
    }
}

/// The whole address field: the terminal, or a group of them, and the master station it speaks with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressField {
    /// A1 and A2; under the group flag A2 is a group address.
    pub terminal: TerminalAddress,
    /// A3: D7-1 the master station (MSA), D0 the group flag. An answer keeps the A3 of what it answers.
    pub a3: u8,
}

impl AddressField {
    /// One terminal, spoken to by the master station with this number, 0 to 127; higher bits are dropped.
    #[must_use]
    pub const fn single(terminal: TerminalAddress, master: u8) -> Self {
        Self { terminal, a3: master << 1 }
    }

    /// Takes the five bytes in wire order.
    #[must_use]
    pub const fn from_wire([a, b, c, d, a3]: [u8; 5]) -> Self {
        Self { terminal: TerminalAddress::from_wire([a, b, c, d]), a3 }
    }

    /// The five bytes in wire order.
    #[must_use]
    pub const fn wire(self) -> [u8; 5] {
        let [a, b, c, d] = self.terminal.wire();
        [a, b, c, d, self.a3]
    }

    /// MSA (主站地址), 0 to 127; 0 in a frame that the terminal began.
    #[must_use]
    pub const fn master(self) -> u8 {
        self.a3 >> 1
    }

    /// D0 of A3: A2 is a group address.
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.a3 & 1 != 0
    }

    /// The group flag with A2 = FFFF: meant for all terminals of the region.
    #[must_use]
    pub const fn is_broadcast(self) -> bool {
        self.is_group() && self.terminal.terminal() == 0xFFFF
    }
}

impl fmt::Display for AddressField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = if self.is_group() { " group" } else { "" };
        write!(f, "{}{group} master {}", self.terminal, self.master())
    }
}

impl fmt::Debug for AddressField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers [1376 1.4]
    #[test]
    fn the_example_of_the_text_in_every_form() {
        let address = TerminalAddress::new(1100, 12345).unwrap();
        assert_eq!(address.wire(), [0x00, 0x11, 0x39, 0x30]);
        assert_eq!(address.to_string(), "1100-3039");
        assert_eq!(address.nine_digits().unwrap(), "110012345");
        for text in ["1100-3039", "11003039", "110012345", "1100-12345"] {
            assert_eq!(text.parse(), Ok(address), "{text}");
        }
        assert_eq!(TerminalAddress::from_wire(address.wire()), address);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "1100", "1100-", "11G0-3039", "1100-+039", "1100303", "1100999999", "五五五"] {
            let error = text.parse::<TerminalAddress>().unwrap_err();
            assert!(matches!(error, AddressError::Form), "{text}: {error}");
        }
        assert_eq!("110065536".parse::<TerminalAddress>(), Err(AddressError::TooLarge { terminal: 65536 }));
        assert_eq!(TerminalAddress::new(10_000, 1), None);
        assert_eq!(TerminalAddress::new(1100, 0), None);
        assert_eq!(TerminalAddress::new(1100, 0xFFFF), None);
    }

    #[test]
    fn hexadecimal_regions_are_kept_and_have_no_number() {
        let address = TerminalAddress::from_wire([0x0A, 0x41, 0xA9, 0xF9]);
        assert_eq!((address.to_string().as_str(), address.region()), ("410A-F9A9", None));
        assert_eq!("410A-F9A9".parse(), Ok(address));
        assert_eq!(address.nine_digits(), None);
    }

    #[test]
    fn a3_holds_master_and_group_flag() {
        let terminal = TerminalAddress::new(1100, 12345).unwrap();
        let field = AddressField::single(terminal, 1);
        assert_eq!(field.wire(), [0x00, 0x11, 0x39, 0x30, 0x02]);
        assert_eq!((field.master(), field.is_group()), (1, false));
        let all = AddressField::from_wire([0xFF, 0xFF, 0xFF, 0xFF, 0x01]);
        assert!(all.is_broadcast() && all.terminal == TerminalAddress::ANY);
        assert_eq!(AddressField::single(terminal, 127).a3, 0xFE);
    }
}
