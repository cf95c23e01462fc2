//! The two editions of the standard, and what differs between them, as data.

use crate::catalog;
use crate::control::Function;
use crate::data_id::DataId;

/// An edition of DL/T 645 (规约).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Edition {
    /// DL/T 645-1997: two-byte identifiers, no operator code, no relay.
    E1997,
    /// DL/T 645-2007 with its filing supplements (备案文件): four-byte identifiers.
    E2007,
}

impl Edition {
    /// How many bytes a data identifier has.
    #[must_use]
    pub const fn data_id_width(self) -> usize {
        match self {
            Self::E1997 => 2,
            Self::E2007 => 4,
        }
    }

    /// The year, as in the name of the standard.
    #[must_use]
    pub const fn year(self) -> u16 {
        match self {
            Self::E1997 => 1997,
            Self::E2007 => 2007,
        }
    }

    /// The edition a frame is of, told by its function and, where the editions share a code, by its data: plain
    /// data bytes (after -33H).
    ///
    /// `None` where the bytes cannot tell: 08H is the same in both; 00H and vendor codes belong to neither.
    /// 03H goes by what it carries: an identifier of class 07 is of 2007, one of two bytes of 1997, and a two-byte error word is
    /// of 2007; where both would fit, it cannot tell. 0FH is of
    /// 1997 only in its standard lengths. [645-1997 6]
    #[must_use]
    pub fn of(control: crate::control::Control, data: &[u8]) -> Option<Self> {
        let function = control.function();
        let len = data.len();
        match function.0 {
            0x01 | 0x02 | 0x04 | 0x0A | 0x0C | 0x10 => Some(Self::E1997),
            // Vendor codes seen on 1997 meters only.
            0x05 | 0x07 => Some(Self::E1997),
            0x03 => match (control.is_response(), control.is_refusal()) {
                (true, true) => Some(if len == 1 { Self::E1997 } else { Self::E2007 }),
                (true, false) => Self::of_security(data),
                // A re-read carries nothing; an order of class 07 may lack its operator code.
                (false, _) if len >= 8 || is_known_security(data) => Some(Self::E2007),
                (false, _) => Some(Self::E1997),
            },
            0x0F => match (control.is_response(), len) {
                (false, 8) | (true, 4 | 1 | 0) => Some(Self::E1997),
                _ => None,
            },
            0x11..=0x1D => Some(Self::E2007),
            _ => None,
        }
    }

    /// The edition of an answer under 83H: what is re-read may have any bytes behind its two-byte identifier.
    fn of_security(data: &[u8]) -> Option<Self> {
        if data.get(3) != Some(&SECURITY_CLASS) {
            return Some(Self::E1997);
        }
        let old = DataId::split(Self::E1997, data).map(|(id, _)| id);
        match (is_known_security(data), old.is_some_and(|id| catalog::find(id).is_some())) {
            (true, true) => None,
            (true, false) => Some(Self::E2007),
            (false, true) => Some(Self::E1997),
            // No identifier of 1997 has a first digit below 9. [645-1997 4]
            (false, false) => Some(if data.get(1) >= Some(&0x90) { Self::E1997 } else { Self::E2007 }),
        }
    }

    /// The function under which this edition reads data: 11H or 01H.
    #[must_use]
    pub const fn read_function(self) -> Function {
        match self {
            Self::E1997 => Function::READ_1997,
            Self::E2007 => Function::READ,
        }
    }
}

/// Whether data begin with an identifier of class 07 that the catalogue has.
fn is_known_security(data: &[u8]) -> bool {
    let id = DataId::split(Edition::E2007, data).map(|(id, _)| id);
    id.is_some_and(|id| id.di3() == SECURITY_CLASS && catalog::find(id).is_some())
}

/// DI3 of authentication. [645-2007 10]
const SECURITY_CLASS: u8 = 0x07;

impl core::fmt::Display for Edition {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.year())
    }
}
