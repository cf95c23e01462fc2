//! What a terminal begins of itself: logins, heartbeats and logouts, events, and data by task. [1376 3.3] [1376 5]
//!
//! A report that wants to be confirmed is answered at once with
//! [`Confirmation::reply_to`](crate::confirmation::Confirmation::reply_to); the terminal repeats it until it is, so that the
//! same report may come several times ([`Recent`] tells). Reports come in the middle of a request and must never take the
//! place of its answer.

use crate::afn::Afn;
use crate::assembly::{digest, is_report};
use crate::format::Value;
use crate::message::Message;
use crate::terminal_time::TerminalTime;
use crate::unit;

/// What a terminal began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Login (登录): the first frame of a connection tells who it is.
    Login,
    /// Logout (退出登录): the terminal is about to close.
    Logout,
    /// Heartbeat (心跳).
    Heartbeat {
        /// The terminal's clock, which the edition of 2013 sends along.
        clock: Option<TerminalTime>,
    },
    /// Data or events without being asked (主动上报). The units are those of an answer.
    Report,
}

impl Begun {
    /// What the terminal begins with this message; `None` for an answer and for a frame of a master. A link check with an
    /// item that is none counts as a heartbeat: the terminal is there.
    ///
    /// ```
    /// use gdw1376::{frame::Frame, message::Message, report::Begun};
    /// let bytes = [0x68, 0x4A, 0x00, 0x4A, 0x00, 0x68, 0xC9, 0x00, 0x11, 0x39, 0x30, 0x00, 0x02, 0x71, 0x00, 0x00,
    ///              0x04, 0x00, 0x30, 0x05, 0x12, 0x20, 0x48, 0x24, 0x8D, 0x16];
    /// let message = Message::of(&Frame::parse(&bytes)?)?;
    /// let Some(Begun::Heartbeat { clock: Some(clock) }) = Begun::of(&message) else { panic!() };
    /// assert_eq!(clock.to_string(), "2024-08-20 12:05:30");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of(message: &Message<'_>) -> Option<Self> {
        if message.afn == Afn::LINK && message.control.is_uplink() {
            return Some(Self::link(message));
        }
        is_report(message.control).then_some(Self::Report)
    }

    fn link(message: &Message<'_>) -> Self {
        let cut = unit::cut(message);
        let unit = cut.units.first();
        match unit.map(|unit| unit.row.function) {
            Some(1) => Self::Login,
            Some(2) => Self::Logout,
            _ => Self::Heartbeat {
                clock: unit.and_then(|unit| unit.values.first()).and_then(|decoded| match decoded.value {
                    Value::Time(time) => Some(time),
                    _ => None,
                }),
            },
        }
    }

    /// True when the terminal waits for a reply: it asked for one, or it is a link check, which is always answered.
    #[must_use]
    pub const fn wants_reply(self, message: &Message<'_>) -> bool {
        !matches!(self, Self::Report) || message.seq.wants_confirmation()
    }
}

/// Remembers the last reports of one terminal, to know one that comes again because its confirmation was lost.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    digests: [Option<u64>; Self::KEPT],
    next: usize,
}

impl Recent {
    /// How many are remembered: as many as there are numbers.
    pub const KEPT: usize = 16;

    /// True when the same report, number included, is among those remembered. It is remembered from now on. Link checks
    /// are never repetitions: each is answered, and nothing is stored of them.
    pub fn is_repeated(&mut self, message: &Message<'_>) -> bool {
        if message.afn == Afn::LINK {
            return false;
        }
        let digest = digest(message);
        if self.digests.contains(&Some(digest)) {
            return true;
        }
        if let Some(place) = self.digests.get_mut(self.next) {
            *place = Some(digest);
        }
        self.next = (self.next + 1) % Self::KEPT;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Control;
    use crate::frame::Frame;
    use crate::seq::Seq;

    fn read(text: &str) -> (Vec<u8>, usize) {
        let bytes: Vec<u8> =
            text.split_whitespace().map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
        let length = bytes.len();
        (bytes, length)
    }

    fn of(text: &str) -> (Option<Begun>, bool) {
        let (bytes, _) = read(text);
        let message = Message::of(&Frame::parse(&bytes).unwrap()).unwrap();
        let begun = Begun::of(&message);
        (begun, begun.is_some_and(|begun| begun.wants_reply(&message)))
    }

    // covers [1376 3.3] [1376 5]
    #[test]
    fn captured_link_checks_and_reports() {
        let login = of("68 32 00 32 00 68 C9 71 01 22 08 00 02 78 00 00 01 00 E0 16");
        assert_eq!(login, (Some(Begun::Login), true));
        let heartbeat = of("68 32 00 32 00 68 C9 71 01 22 08 00 02 79 00 00 04 00 E4 16");
        assert_eq!(heartbeat, (Some(Begun::Heartbeat { clock: None }), true));
        let logout = of("68 32 00 32 00 68 C9 71 01 22 08 00 02 71 00 00 02 00 DA 16");
        assert_eq!(logout, (Some(Begun::Logout), true));
        let event = of(
            "68 86 00 86 00 68 CA 90 80 02 00 00 0E 71 00 00 01 00 BE 00 BD BE 2E 0F 52 00 05 08 19 01 00 00
             00 03 00 00 63 02 01 B4 16",
        );
        assert_eq!(event, (Some(Begun::Report), true));
        let unconfirmed = of(
            "68 CA 00 CA 00 68 C4 00 10 01 00 00 0E 61 00 00 01 00 14 0B 13 14 34 20 36 09 15 04 15 02 00 01 02 03 03
             03 03 03 03 44 44 11 11 22 22 33 33 44 44 44 55 55 55 66 66 66 B4 16",
        );
        assert_eq!(unconfirmed, (Some(Begun::Report), false));
        let answer = of("68 4A 00 4A 00 68 CB 91 91 04 00 00 0C 64 00 00 02 00 00 39 07 17 43 15 12 16");
        assert_eq!(answer, (None, false), "an answer with the link function of a question");
        let master = of("68 32 00 32 00 68 0B 00 02 34 12 00 00 61 00 00 01 00 B5 16");
        assert_eq!(master, (None, false));
    }

    #[test]
    fn a_repeated_report_is_known_until_sixteen_others_came() {
        let report = |number: u8, units: &'static [u8]| Message {
            code: crate::frame::LengthCode::GDW_376,
            control: Control::REPORT_TO_CONFIRM,
            address: crate::address::AddressField::from_wire([0; 5]),
            afn: Afn::CLASS_3,
            seq: Seq::single(number).to_confirm(),
            units,
            auxiliary: crate::auxiliary::Auxiliary::default(),
        };
        let mut recent = Recent::default();
        assert!(!recent.is_repeated(&report(1, &[1])));
        assert!(recent.is_repeated(&report(1, &[1])));
        assert!(!recent.is_repeated(&report(1, &[2])), "another event under the same number");
        assert!(!recent.is_repeated(&report(2, &[1])), "the same event later");
        for number in 3..16 {
            assert!(!recent.is_repeated(&report(number, &[1])));
        }
        assert!(recent.is_repeated(&report(1, &[1])));
        assert!(!recent.is_repeated(&report(0, &[9])));
        assert!(!recent.is_repeated(&report(1, &[1])), "forgotten");
        let heartbeat = Message { afn: Afn::LINK, ..report(1, &[1]) };
        assert!(!recent.is_repeated(&heartbeat) && !recent.is_repeated(&heartbeat));
    }
}
