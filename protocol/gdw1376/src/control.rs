//! The control byte C (控制域): who sends, who began, the counting bits, and the link function.
//!
//! | bit | down (主站发) | up (终端发) |
//! | --- | --- | --- |
//! | D7 DIR | 0 | 1 |
//! | D6 PRM | 1 begins a dialogue, 0 answers | the same |
//! | D5 | FCB, the frame count bit | ACD: important events wait, EC follows the data |
//! | D4 | FCV: FCB counts | 0 |
//! | D3-0 | link function | link function |
//!
//! Terminals in the field use wrong link functions, so that an answer is told by direction, address, AFN and SEQ, and
//! the function is a hint. [1376 1.3] [1376 10]

use core::fmt;

/// The control byte, whatever it holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Control(pub u8);

impl Control {
    /// Master: reset.
    pub const RESET: Self = Self(0x41);
    /// Master: set or control, wants a confirmation (class 1 request).
    pub const COMMAND: Self = Self(0x4A);
    /// Master: asks for data (class 2 request).
    pub const QUERY: Self = Self(0x4B);
    /// Master: answers a login, heartbeat or logout.
    pub const LINK_REPLY: Self = Self(0x0B);
    /// Master: confirms a report.
    pub const REPORT_REPLY: Self = Self(0x00);
    /// Terminal: login, heartbeat, logout.
    pub const LINK_CHECK: Self = Self(0xC9);
    /// Terminal: a report that wants no confirmation.
    pub const REPORT: Self = Self(0xC4);
    /// Terminal: a report that wants one.
    pub const REPORT_TO_CONFIRM: Self = Self(0xCA);
    /// Terminal: data.
    pub const DATA: Self = Self(0x88);
    /// Terminal: confirms or denies.
    pub const ACKNOWLEDGE: Self = Self(0x80);
    /// Terminal: has no such data.
    pub const NO_DATA: Self = Self(0x89);

    /// D7 DIR: sent by the terminal.
    #[must_use]
    pub const fn is_uplink(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// D6 PRM: begins a dialogue.
    #[must_use]
    pub const fn is_initiator(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// D5 up, ACD: important events wait, and their counters stand in the message (EC).
    #[must_use]
    pub const fn has_events(self) -> bool {
        self.is_uplink() && self.0 & 0x20 != 0
    }

    /// D5 down: the frame count bit, when FCV says that it counts.
    #[must_use]
    pub const fn frame_count_bit(self) -> Option<bool> {
        if self.is_uplink() || self.0 & 0x10 == 0 { None } else { Some(self.0 & 0x20 != 0) }
    }

    /// The same byte with the frame count bit set to count, FCV = 1; up, where there is none, unchanged.
    #[must_use]
    pub const fn with_frame_count_bit(self, bit: bool) -> Self {
        match (self.is_uplink(), bit) {
            (true, _) => self,
            (false, true) => Self(self.0 | 0x30),
            (false, false) => Self(self.0 & !0x20 | 0x10),
        }
    }

    /// The same byte with ACD set; down, where there is none, unchanged.
    #[must_use]
    pub const fn with_events(self) -> Self {
        if self.is_uplink() { Self(self.0 | 0x20) } else { self }
    }

    /// D3-0, the link function.
    #[must_use]
    pub const fn function(self) -> u8 {
        self.0 & 0x0F
    }

    /// The name of the link function in both languages, English first; `None` for a reserved number.
    #[must_use]
    pub const fn function_names(self) -> Option<(&'static str, &'static str)> {
        Some(match (self.is_initiator(), self.function()) {
            (true, 1) => ("reset", "复位命令"),
            (true, 4) => ("user data, no answer wanted", "用户数据,无回答"),
            (true, 9) => ("link test", "链路测试"),
            (true, 10) => ("class 1 request", "请求1级数据"),
            (true, 11) => ("class 2 request", "请求2级数据"),
            (false, 0) => ("acknowledged", "认可"),
            (false, 8) => ("user data", "用户数据"),
            (false, 9) => ("no data for the request", "否认:无所召唤的数据"),
            (false, 11) => ("link state", "链路状态"),
            _ => return None,
        })
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}H", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers [1376 1.3]
    #[test]
    fn the_bits_make_the_byte() {
        for code in 0..=255_u8 {
            let control = Control(code);
            let bits = u8::from(control.is_uplink()) << 7 | u8::from(control.is_initiator()) << 6;
            assert_eq!(bits | code & 0x30 | control.function(), code);
            assert_eq!(control.has_events(), code & 0xA0 == 0xA0);
            assert!(!(control.has_events() && control.frame_count_bit().is_some()));
        }
        assert_eq!(Control::QUERY.with_frame_count_bit(true), Control(0x7B));
        assert_eq!(Control(0x7B).with_frame_count_bit(false), Control(0x5B));
        assert_eq!(Control(0x7B).frame_count_bit(), Some(true));
        assert_eq!(Control(0x5A).frame_count_bit(), Some(false));
        assert_eq!(Control(0x6A).frame_count_bit(), None, "FCV is 0");
        assert_eq!(Control::DATA.with_frame_count_bit(true), Control::DATA);
        assert_eq!(Control::DATA.with_events(), Control(0xA8));
        assert_eq!(Control::QUERY.with_events(), Control::QUERY);
    }

    #[test]
    fn the_named_bytes_have_the_functions_they_are_named_for() {
        for (control, uplink, initiator, name) in [
            (Control::RESET, false, true, "reset"),
            (Control::COMMAND, false, true, "class 1 request"),
            (Control::QUERY, false, true, "class 2 request"),
            (Control::LINK_REPLY, false, false, "link state"),
            (Control::REPORT_REPLY, false, false, "acknowledged"),
            (Control::LINK_CHECK, true, true, "link test"),
            (Control::REPORT, true, true, "user data, no answer wanted"),
            (Control::REPORT_TO_CONFIRM, true, true, "class 1 request"),
            (Control::DATA, true, false, "user data"),
            (Control::ACKNOWLEDGE, true, false, "acknowledged"),
            (Control::NO_DATA, true, false, "no data for the request"),
        ] {
            assert_eq!((control.is_uplink(), control.is_initiator()), (uplink, initiator), "{control}");
            assert_eq!(control.function_names().map(|(en, _)| en), Some(name), "{control}");
        }
    }
}
