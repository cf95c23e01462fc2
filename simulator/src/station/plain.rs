//! The smallest meter there is, to try buses with: an address, one energy and a rate.

use core::time::Duration;

use dlt645::address::MeterAddress;
use dlt645::control::{Control, Function};
use dlt645::frame::Frame;

use super::{Reply, Station};
use crate::bus::moment::Moment;
use crate::bus::rate::Rate;

/// Answers the read of its address (13H), the energies 00010000 and 0001FF00 and the change of its rate (17H); refuses
/// other reads and is silent on all else. Its energy goes up by 0.01 kWh a second.
#[derive(Clone, Debug)]
pub struct PlainMeter {
    /// Its address.
    pub address: MeterAddress,
    /// Td.
    pub delay: Duration,
    /// How many wake-up bytes stand in front of its answers.
    pub wake_up: u8,
    /// How long it is deaf behind an answer.
    pub deaf: Duration,
    /// The rate it talks at.
    pub rate: Rate,
    /// What it held when the world was started, in 0.01 kWh.
    pub first_energy: u64,
}

impl PlainMeter {
    /// A meter of 2400 baud that answers after 50 ms with four wake-up bytes.
    #[must_use]
    pub fn new(address: MeterAddress) -> Self {
        Self {
            address,
            delay: Duration::from_millis(50),
            wake_up: 4,
            deaf: Duration::ZERO,
            rate: Rate::default(),
            first_energy: 12_345,
        }
    }

    /// The energy at `now`, in 0.01 kWh.
    #[must_use]
    pub const fn energy(&self, now: Moment) -> u64 {
        self.first_energy + now.nanos() / 1_000_000_000
    }

    /// Control code and data of the answer.
    fn answer(&mut self, now: Moment, request: &Frame<'_>) -> Option<(Control, Vec<u8>)> {
        let function = request.control.function();
        let answer = |data| Some((Control::answer(function), data));
        match (function, request.data) {
            (Function::READ_ADDRESS, []) => answer(self.address.field().wire().to_vec()),
            (Function::READ, [0x00, block, 0x01, 0x00]) if matches!(block, 0x00 | 0xFF) => {
                let quarter = self.energy(now) / 4;
                let mut registers = vec![self.energy(now)];
                if *block == 0xFF {
                    registers.extend([quarter, quarter, quarter, self.energy(now) - 3 * quarter]);
                }
                let values = registers.into_iter().flat_map(bcd);
                answer(request.data.iter().copied().chain(values).collect())
            }
            (Function::READ, _) => Some((Control::refusal(function), vec![0x02])),
            (Function::CHANGE_RATE, [word]) => {
                match word_baud(*word).map(|baud| Rate::new(baud, self.rate.parity())) {
                    Some(Ok(rate)) => {
                        self.rate = rate;
                        answer(vec![*word])
                    }
                    _ => Some((Control::refusal(function), vec![0x08])),
                }
            }
            _ => None,
        }
    }
}

impl Station for PlainMeter {
    fn hear(&mut self, now: Moment, request: &Frame<'_>) -> Option<Reply> {
        if !request.address.admits(self.address.field()) {
            return None;
        }
        let (control, data) = self.answer(now, request)?;
        let frame = Frame { address: self.address.field(), control, data: &data };
        let reply = Reply::frame(&frame, self.wake_up, self.delay).ok()?;
        Some(reply.deaf_for(self.deaf))
    }

    fn rate(&self, _now: Moment) -> Rate {
        self.rate
    }
}

/// Eight decimal digits, low byte first.
fn bcd(number: u64) -> [u8; 4] {
    let mut rest = number;
    [0; 4].map(|_: u8| {
        let pair = rest % 100;
        rest /= 100;
        u8::try_from(pair / 10 * 16 + pair % 10).unwrap_or_default()
    })
}

/// The rate word: one bit, 600 baud in bit 1 and twice as much in each further one. [645-2007 4]
const fn word_baud(word: u8) -> Option<u32> {
    if word.count_ones() != 1 || word == 1 || word == 0x80 {
        return None;
    }
    Some(300 << word.trailing_zeros())
}
