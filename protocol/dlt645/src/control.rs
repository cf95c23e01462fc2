//! The control code: direction, refusal and follow-on bits, and the function.
//!
//! Unknown codes are kept as they are: a maker's own function survives a round trip.

use core::fmt;

/// A control code (控制码): D7 direction, D6 refusal, D5 more frames follow, D4..D0 function. [645-2007 3]
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Control(pub u8);

impl Control {
    /// A request for `function`.
    #[must_use]
    pub const fn request(function: Function) -> Self {
        Self(function.0 & 0x1F)
    }

    /// The normal answer to `function`, the last or only frame.
    #[must_use]
    pub const fn answer(function: Function) -> Self {
        Self(function.0 & 0x1F | 0x80)
    }

    /// The normal answer to `function` with more frames to follow.
    #[must_use]
    pub const fn answer_with_more(function: Function) -> Self {
        Self(function.0 & 0x1F | 0xA0)
    }

    /// The refusal of `function`.
    #[must_use]
    pub const fn refusal(function: Function) -> Self {
        Self(function.0 & 0x1F | 0xC0)
    }

    /// D7: sent by a meter.
    #[must_use]
    pub const fn is_response(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// D6: the meter refuses (异常应答).
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// D5: more frames follow, or, from a meter with event reporting on, "new events". [645-2007 4 event flag]
    #[must_use]
    pub const fn has_more(self) -> bool {
        self.0 & 0x20 != 0
    }

    /// D4..D0.
    #[must_use]
    pub const fn function(self) -> Function {
        Function(self.0 & 0x1F)
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

/// The function of a frame, D4..D0 of its control code; the same number means different things in the two
/// editions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Function(pub u8);

impl Function {
    /// 2007: security authentication (安全认证).
    pub const SECURITY: Self = Self(0x03);
    /// Both editions: broadcast clock set (广播校时).
    pub const BROADCAST_TIME: Self = Self(0x08);
    /// 2007: read data (读数据).
    pub const READ: Self = Self(0x11);
    /// 2007: read subsequent data (读后续数据).
    pub const READ_SUBSEQUENT: Self = Self(0x12);
    /// 2007: read address (读通信地址).
    pub const READ_ADDRESS: Self = Self(0x13);
    /// 2007: write data (写数据).
    pub const WRITE: Self = Self(0x14);
    /// 2007: write address (写通信地址).
    pub const WRITE_ADDRESS: Self = Self(0x15);
    /// 2007: freeze (冻结命令).
    pub const FREEZE: Self = Self(0x16);
    /// 2007: change rate (更改通信速率).
    pub const CHANGE_RATE: Self = Self(0x17);
    /// 2007: change password (修改密码).
    pub const CHANGE_PASSWORD: Self = Self(0x18);
    /// 2007: clear maximum demand (最大需量清零).
    pub const CLEAR_DEMAND: Self = Self(0x19);
    /// 2007: clear meter (电表清零).
    pub const CLEAR_METER: Self = Self(0x1A);
    /// 2007: clear events (事件清零).
    pub const CLEAR_EVENTS: Self = Self(0x1B);
    /// 2007: trip, close, alarm, supply hold (跳合闸、报警、保电).
    pub const RELAY: Self = Self(0x1C);
    /// 2007: multifunction terminal output (多功能端子输出控制).
    pub const MULTIFUNCTION_OUTPUT: Self = Self(0x1D);

    /// 1997: read data.
    pub const READ_1997: Self = Self(0x01);
    /// 1997: read subsequent data.
    pub const READ_SUBSEQUENT_1997: Self = Self(0x02);
    /// 1997: re-read, the last answer again (重读数据).
    pub const REREAD_1997: Self = Self(0x03);
    /// 1997: write data.
    pub const WRITE_1997: Self = Self(0x04);
    /// 1997: write address (写设备地址).
    pub const WRITE_ADDRESS_1997: Self = Self(0x0A);
    /// 1997: change rate.
    pub const CHANGE_RATE_1997: Self = Self(0x0C);
    /// 1997: change password.
    pub const CHANGE_PASSWORD_1997: Self = Self(0x0F);
    /// 1997: clear maximum demand.
    pub const CLEAR_DEMAND_1997: Self = Self(0x10);

    /// The function's name in both languages, English first; `None` for a code of no edition.
    #[must_use]
    pub const fn names(self) -> Option<(&'static str, &'static str)> {
        Some(match self.0 {
            0x08 => ("broadcast clock set", "广播校时"),
            0x01 | 0x11 => ("read data", "读数据"),
            0x02 | 0x12 => ("read subsequent data", "读后续数据"),
            0x13 => ("read address", "读通信地址"),
            0x04 | 0x14 => ("write data", "写数据"),
            0x0A | 0x15 => ("write address", "写通信地址"),
            0x16 => ("freeze", "冻结命令"),
            0x0C | 0x17 => ("change rate", "更改通信速率"),
            0x0F | 0x18 => ("change password", "修改密码"),
            0x10 | 0x19 => ("clear maximum demand", "最大需量清零"),
            0x1A => ("clear meter", "电表清零"),
            0x1B => ("clear events", "事件清零"),
            0x1C => ("relay, alarm and supply hold control", "跳合闸、报警、保电"),
            0x1D => ("multifunction terminal output", "多功能端子输出控制"),
            _ => return None,
        })
    }

    /// The name in `edition`: [`Self::names`], and for 03H the one of the edition.
    #[must_use]
    pub const fn names_in(self, edition: crate::edition::Edition) -> Option<(&'static str, &'static str)> {
        match (self.0, edition) {
            (0x03, crate::edition::Edition::E1997) => Some(("re-read data", "重读数据")),
            (0x03, crate::edition::Edition::E2007) => Some(("security authentication", "安全认证")),
            _ => self.names(),
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}H", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edition::Edition;

    #[test]
    fn bits_and_function_make_the_code() {
        for code in 0..=255_u8 {
            let control = Control(code);
            let bits = u8::from(control.is_response()) << 7
                | u8::from(control.is_refusal()) << 6
                | u8::from(control.has_more()) << 5;
            assert_eq!(bits | control.function().0, code);
        }
        assert_eq!(Control::answer_with_more(Function::READ).0, 0xB1);
        assert_eq!(Control::refusal(Function::RELAY).0, 0xDC);
    }

    // covers [645-1997 2] [645-1997 6]
    #[test]
    fn the_edition_follows_from_code_and_data() {
        let of = |code, data: &[u8]| Edition::of(Control(code), data);
        assert_eq!(of(0x91, &[]), Some(Edition::E2007));
        assert_eq!(of(0x81, &[]), Some(Edition::E1997));
        assert_eq!(of(0x08, &[0; 6]), None);
        assert_eq!(of(0x03, &[]), Some(Edition::E1997), "re-read");
        assert_eq!(of(0x03, &[0xFF, 0, 0, 7, 0, 0, 0, 0]), Some(Edition::E2007));
        assert_eq!(of(0x83, &[0xFF, 0, 0, 7]), Some(Edition::E2007));
        assert_eq!(of(0x83, &[0x10, 0x90, 1, 2, 3, 4]), Some(Edition::E1997));
        assert_eq!(of(0x83, &[0x10, 0x90, 0x56, 7, 0x12, 0]), Some(Edition::E1997), "1207.56 kWh");
        assert_eq!(of(0x83, &[0xFF, 0x90, 0x56, 7, 0x12, 0]), Some(Edition::E1997), "a block of kinds");
        assert_eq!(of(0x03, &[0xFF, 2, 0x81, 7]), Some(Edition::E2007), "without an operator code");
        assert_eq!(of(0x03, &[0x10, 0x90, 0, 7]), Some(Edition::E1997));
        assert_eq!(of(0xC3, &[2]), Some(Edition::E1997));
        assert_eq!(of(0xC3, &[8, 0]), Some(Edition::E2007));
        assert_eq!(of(0x9F, &[]), None, "a maker's report");
    }
}
