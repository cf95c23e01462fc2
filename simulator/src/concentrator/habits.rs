//! The habits in which makers of terminals differ; each is one field. [1376 10]

use super::lines::PLC_PORT;

/// What a terminal says of a value that it does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// The unit is there, EE in every byte of the value.
    #[default]
    Filled,
    /// The unit is left out; when nothing is left, the whole request is denied.
    LeftOut,
}

/// What a terminal answers when a forwarded frame brought no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Silent {
    /// AFN 00 F2.
    #[default]
    Denied,
    /// An answer whose frame has no byte (k = 0).
    Empty,
}

/// What stands in front of the frames that a terminal sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Front {
    /// Nothing.
    #[default]
    Nothing,
    /// Four wake-up bytes FE.
    WakeUp,
    /// A line of text as modems send it.
    ModemText,
    /// Bytes that are no text, a 68H among them.
    Noise,
}

impl Front {
    /// Its bytes.
    #[must_use]
    pub const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Nothing => &[],
            Self::WakeUp => &[0xFE; 4],
            Self::ModemText => b"\r\n+CSQ: 21,0\r\n",
            Self::Noise => &[0x00, 0x68, 0x31, 0x00, 0x68, 0xFF],
        }
    }
}

/// What a terminal does with records of its archive that are set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sets {
    /// It keeps them.
    #[default]
    Keeps,
    /// It confirms them and keeps nothing.
    Forgets,
    /// It refuses them.
    Refuses,
    /// It keeps them, and says so two minutes later.
    Late,
    /// It neither keeps them nor answers.
    Deaf,
}

/// What a terminal does with a function that it does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// It denies.
    #[default]
    Denied,
    /// It drops the request without a word.
    Ignored,
}

/// A lie that a terminal tells each time, whatever it is asked: asking twice does not show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lasting {
    /// None.
    #[default]
    Truth,
    /// What it stores for a point is another point's.
    OtherPoint,
    /// What it stores for a day are the values of the day before, under the new day and a new time of reading.
    OldValues,
}

/// How a terminal differs from the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    /// The clock stands in the heartbeat, as in the edition of 2013.
    pub heartbeat_has_clock: bool,
    /// FIR is not set on single answers.
    pub leaves_out_fir: bool,
    /// C of answers is CB, whatever they are.
    pub answers_with_cb: bool,
    /// A3 of frames that it begins: 0, and 2 with some.
    pub own_a3: u8,
    /// Tp of answers holds its own time instead of that of the request.
    pub tags_with_own_time: bool,
    /// What it says of values it does not have.
    pub missing: Missing,
    /// What it says of meters that do not answer.
    pub silent: Silent,
    /// What stands in front of its frames.
    pub front: Front,
    /// Frames go out in pieces of so many bytes, a moment apart; 0 for whole.
    pub splits_at: usize,
    /// A15 of stored registers is the end of their day and not when the meter was read.
    pub stale_read_time: bool,
    /// It has no pausing and deleting of reading, AFN 05 F49 to F53.
    pub refuses_reading_orders: bool,
    /// It says that it loses power (ERC 14) while its last charge lasts.
    pub last_gasp: bool,
    /// The freeze of a meter is taken only when its own time says the right day.
    pub checks_freeze_time: bool,
    /// It leaves its old connection open when it dials anew.
    pub leaves_connections_open: bool,
    /// Its first frame is a heartbeat and no login.
    pub begins_with_heartbeat: bool,
    /// The number of the port of the power line: 31, with some 1.
    pub plc_port: u8,
    /// What it does with records of its archive that are set.
    pub sets: Sets,
    /// What it wants to see as PW, wherever a request carries one.
    pub password: [u8; 16],
    /// Functions (AFN and Fn) that it does not know, beside those no terminal of this kind knows.
    pub lacks: &'static [(u8, u16)],
    /// What it does with a request for one of them.
    pub unknown: Unknown,
    /// It takes no clock (AFN 05 F31).
    pub refuses_clock: bool,
    /// Freezes of single registers that it could not read, point and function of AFN 0D: EE, or left out.
    pub fails: &'static [(u16, u16)],
    /// The first frame of each answer in several never comes.
    pub loses_first_frame: bool,
    /// Curves, point and function of AFN 0D, that it drops a question for without a word.
    pub withholds: &'static [(u16, u16)],
    /// The first value of each curve that it tells is dated sixty years ahead.
    pub dates_ahead: bool,
    /// What it says wrong each time.
    pub lasting: Lasting,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            heartbeat_has_clock: true,
            leaves_out_fir: false,
            answers_with_cb: false,
            own_a3: 0,
            tags_with_own_time: false,
            missing: Missing::Filled,
            silent: Silent::Denied,
            front: Front::Nothing,
            splits_at: 0,
            stale_read_time: false,
            refuses_reading_orders: false,
            last_gasp: true,
            checks_freeze_time: true,
            leaves_connections_open: false,
            begins_with_heartbeat: false,
            plc_port: PLC_PORT,
            sets: Sets::Keeps,
            password: [0; 16],
            lacks: &[],
            unknown: Unknown::Denied,
            refuses_clock: false,
            fails: &[],
            loses_first_frame: false,
            withholds: &[],
            dates_ahead: false,
            lasting: Lasting::Truth,
        }
    }
}

impl Habits {
    /// The habits of one of a mixed crowd.
    #[must_use]
    pub fn drawn(seed: crate::seed::Seed) -> Self {
        let one_in = |name: &str, n: i64| seed.named(name).between(0, 1, n) == 1;
        Self {
            heartbeat_has_clock: !one_in("heartbeat", 3),
            leaves_out_fir: one_in("fir", 6),
            answers_with_cb: one_in("cb", 6),
            own_a3: if one_in("a3", 8) { 2 } else { 0 },
            tags_with_own_time: one_in("tag", 2),
            missing: if one_in("missing", 3) { Missing::LeftOut } else { Missing::Filled },
            silent: if one_in("silent", 3) { Silent::Empty } else { Silent::Denied },
            front: match seed.named("front").between(0, 1, 9) {
                1 => Front::WakeUp,
                2 => Front::ModemText,
                3 => Front::Noise,
                _ => Front::Nothing,
            },
            splits_at: if one_in("split", 5) { 7 } else { 0 },
            stale_read_time: one_in("stale", 8),
            refuses_reading_orders: one_in("reading orders", 3),
            last_gasp: !one_in("gasp", 4),
            checks_freeze_time: true,
            leaves_connections_open: one_in("open", 4),
            begins_with_heartbeat: one_in("begin", 10),
            plc_port: if one_in("port", 6) { 1 } else { PLC_PORT },
            unknown: if one_in("unknown", 6) { Unknown::Ignored } else { Unknown::Denied },
            ..Self::default()
        }
    }
}
