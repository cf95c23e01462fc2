//! The sequence byte SEQ (帧序列域): place in a multi-frame message, confirmation, number.
//!
//! | bit | name | meaning |
//! | --- | --- | --- |
//! | D7 | TpV | a time tag ends the message |
//! | D6 | FIR | first frame of the message |
//! | D5 | FIN | last frame of the message |
//! | D4 | CON | the receiver has to confirm |
//! | D3-0 | PSEQ / RSEQ | number; an answer begins with that of the request, each further frame adds one modulo 16 |
//!
//! [1376 1.5]

use core::fmt;

/// The sequence byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seq(pub u8);

impl Seq {
    /// The only frame of its message: FIR and FIN set, no confirmation wanted. Of `number` the low four bits count.
    #[must_use]
    pub const fn single(number: u8) -> Self {
        Self(0x60 | number & 0x0F)
    }

    /// One frame of several.
    #[must_use]
    pub const fn part(number: u8, is_first: bool, is_last: bool) -> Self {
        let first = if is_first { 0x40 } else { 0 };
        let last = if is_last { 0x20 } else { 0 };
        Self(first | last | number & 0x0F)
    }

    /// The same with CON set.
    #[must_use]
    pub const fn to_confirm(self) -> Self {
        Self(self.0 | 0x10)
    }

    /// The same with TpV set or not.
    #[must_use]
    pub const fn with_time_tag(self, has_tag: bool) -> Self {
        if has_tag { Self(self.0 | 0x80) } else { Self(self.0 & 0x7F) }
    }

    /// D7 TpV: a time tag ends the message.
    #[must_use]
    pub const fn has_time_tag(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// D6 FIR. Some terminals leave it out of a single frame. [1376 10]
    #[must_use]
    pub const fn is_first(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// D5 FIN.
    #[must_use]
    pub const fn is_last(self) -> bool {
        self.0 & 0x20 != 0
    }

    /// D4 CON: the receiver has to confirm.
    #[must_use]
    pub const fn wants_confirmation(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// PSEQ or RSEQ, 0 to 15.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0 & 0x0F
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}

impl fmt::Debug for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}H", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers [1376 1.5]
    #[test]
    fn the_typical_bytes() {
        assert_eq!(Seq::single(0), Seq(0x60));
        assert_eq!(Seq::single(21).to_confirm(), Seq(0x75));
        assert_eq!(Seq::single(2).with_time_tag(true), Seq(0xE2));
        assert_eq!(Seq(0xE2).with_time_tag(false), Seq(0x62));
        assert_eq!(Seq::part(2, true, false), Seq(0x42));
        assert_eq!(Seq::part(3, false, false), Seq(0x03));
        assert_eq!(Seq::part(4, false, true), Seq(0x24));
        let captured = Seq(0xA2);
        assert!(captured.has_time_tag() && !captured.is_first() && captured.is_last());
        assert!(!captured.wants_confirmation() && Seq(0x71).wants_confirmation());
        assert_eq!(captured.number(), 2);
    }
}
