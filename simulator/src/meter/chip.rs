//! The security chip of a meter (ESAM): authentication, its end, and enciphered orders. [645-2007 10]

use super::order::{Done, ERR_OTHER, ERR_PASSWORD, civil};
use super::relay::Command;
use super::{Answer, Meter, Reply};
use crate::esam::{Challenge, SessionKey, TEST_KEY, TestKey};
use crate::instant::At;
use dlt645::control::{Control, Function};

/// How long an authentication is good for.
const GOOD_FOR_SECONDS: i64 = 300;
/// Bits of the error word of 03H.
const CHIP_FAILED: u16 = 0x0004;
const IDENTITY_FAILED: u16 = 0x0008;
const OTHER: u16 = 0x0001;

/// A security chip with the keys of the stand-in.
#[derive(Clone, Debug)]
pub struct Chip {
    key: TestKey,
    serial: [u8; 8],
    session: Option<(SessionKey, At)>,
    /// The random numbers it gave, counted so that none is given twice.
    given: u32,
    /// How often it was shown something that was not right.
    errors: u32,
    /// How often a session was ended by 07 00 02 FF.
    ended: u32,
}

impl Default for Chip {
    fn default() -> Self {
        Self {
            key: TEST_KEY,
            serial: [0x51, 0x4D, 0x41, 0x53, 0x45, 0, 0, 1],
            session: None,
            given: 0,
            errors: 0,
            ended: 0,
        }
    }
}

impl Chip {
    /// The same with other keys than those of the stand-in.
    #[must_use]
    pub fn keyed(self, key: TestKey) -> Self {
        Self { key, ..self }
    }

    /// How often it was shown a cipher text or MAC that was not right.
    #[must_use]
    pub const fn errors(&self) -> u32 {
        self.errors
    }

    /// How often a session was ended.
    #[must_use]
    pub const fn ended(&self) -> u32 {
        self.ended
    }

    /// True while an authentication is valid.
    #[must_use]
    pub fn is_authenticated(&self, now: At) -> bool {
        self.session.is_some_and(|(_, until)| now < until)
    }

    fn identify(&mut self, now: At, payload: &[u8]) -> Result<Vec<u8>, u16> {
        let challenge = Challenge::from_wire(payload).ok_or(OTHER)?;
        self.given = self.given.wrapping_add(1);
        let random = self.given.wrapping_mul(0x9E37_79B9).to_le_bytes();
        let Some(session) = challenge.session(&self.key, random) else {
            self.errors += 1;
            self.session = None;
            return Err(IDENTITY_FAILED);
        };
        self.session = Some((session, now.plus(GOOD_FOR_SECONDS)));
        Ok([&random[..], &self.serial].concat())
    }

    /// N1 N2 YY MM DD hh mm ss of an enciphered order.
    fn open(&mut self, now: At, wire: &[u8]) -> Option<[u8; 8]> {
        let (session, _) = self.session.filter(|(_, until)| now < *until)?;
        let order = session.open(wire);
        self.errors += u32::from(order.is_none());
        order
    }
}

impl Meter {
    /// Gives it a security chip, or takes it away.
    pub fn set_chip(&mut self, chip: Option<Chip>) {
        self.chip = chip;
    }

    /// Its security chip.
    #[must_use]
    pub const fn chip(&self) -> Option<&Chip> {
        self.chip.as_ref()
    }

    /// 03H: identifier, operator code and what goes with it. A meter without a chip is silent.
    pub(super) fn security(&mut self, now: At, data: &[u8]) -> Option<Reply> {
        let (id, rest) = data.split_first_chunk::<4>()?;
        let (_, payload) = rest.split_first_chunk::<4>()?;
        let chip = self.chip.as_mut()?;
        let done = match u32::from_le_bytes(*id) {
            0x0700_00FF => chip.identify(now, payload),
            0x0700_02FF => {
                chip.session = None;
                chip.ended += 1;
                Ok(vec![0; 18])
            }
            _ => Err(CHIP_FAILED),
        };
        match done {
            Ok(value) => self.reply(Control::answer(Function::SECURITY), [&id[..], &value].concat(), None),
            Err(word) => self.reply(Control::refusal(Function::SECURITY), word.to_le_bytes().to_vec(), None),
        }
    }

    /// 1CH with PA = 98H. With `wants_word` the answer says what the meter set about.
    pub(super) fn enciphered_relay(&mut self, now: At, wants_word: bool, operator: u32, wire: &[u8]) -> Done {
        let chip = self.chip.as_mut().ok_or(ERR_PASSWORD)?;
        let [n1, n2, year, month, day, hour, minute, second] = chip.open(now, wire).ok_or(ERR_PASSWORD)?;
        let until = civil([second, minute, hour, day, month, year]).ok_or(ERR_OTHER)?;
        if self.truth.clock().shown(now) > until {
            return Err(ERR_OTHER);
        }
        let command = Command::from_wire(n1, n2).ok_or(ERR_OTHER)?;
        self.order_relay(now, command, operator).map_err(|_| ERR_OTHER)?;
        let word = execution_word(command).to_le_bytes();
        Ok(if wants_word { Answer::data(word.to_vec()) } else { Answer::empty() })
    }
}

const fn execution_word(command: Command) -> u16 {
    let bit: u16 = match command {
        Command::Close => 0,
        Command::ClosePermit => 1,
        Command::Trip => 2,
        Command::TripFor { .. } => 4,
        Command::Hold(true) => 8,
        Command::Hold(false) => 9,
        Command::Alarm(true) => 10,
        Command::Alarm(false) => 11,
    };
    1 << bit
}
