//! Meter profiles (表型): how meters of one make differ from the standard, as data.
//!
//! A profile is a TOML file of its own. It begins with a profile that is built in and says what is different; those
//! that are built in are such files, too. Adding a make of meter adds a file and no code. Meters that speak Modbus have
//! nothing in common but that: their profile is a register map, and none is built in.

mod difference;
mod map;
mod read;
mod relay;
mod set;

use std::time::Duration;

use dlt645::data_id::DataId;
use dlt645::exchange::Timing;
use dlt645::password::DigitOrder;

use super::pace::Pace;
use crate::domain::register::RegisterLimits;
use crate::domain::{Item, MeterProtocol, Parity};

pub use difference::{Difference, IdPattern};
pub use map::{MapRow, RegisterMap, Span};
pub(super) use read::read;
pub use relay::{OrderForm, RelayProfile, RelaySwitch};
pub use set::Profiles;

/// The profile of a make of meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterProfile {
    /// Its name, unique; the archive names it.
    pub name: String,
    /// What it is for.
    pub about: String,
    /// What the meter speaks.
    pub protocol: MeterProtocol,
    /// Bits a second; `None` for those of the line.
    pub baud: Option<u32>,
    /// Parity; `None` for that of the line.
    pub parity: Option<Parity>,
    /// How many FEH wake it.
    pub wake_up_bytes: u8,
    /// How many bytes at most stand in front of its answer.
    pub answer_preamble: u8,
    /// How long it may take at most to begin its answer.
    pub answer_delay: Duration,
    /// How long it may pause at most within an answer.
    pub byte_gap: Duration,
    /// How long it needs quiet after its answer; the line may ask for more.
    pub quiet_after_answer: Duration,
    /// How many digits its energies have in front of the point.
    pub whole_digits: u8,
    /// How many tariffs it counts.
    pub tariffs: u8,
    /// The most that can flow through it, in watts, transformers not counted.
    pub most_watts: u32,
    /// How many daily freezes it keeps; 0 for a meter that has none.
    pub daily_freezes: u8,
    /// Whether it keeps a load record.
    pub load_record: bool,
    /// Its load switch.
    pub relay: RelayProfile,
    /// Which way round the digits of a password stand on the wire.
    pub password_order: DigitOrder,
    /// Which way round texts stand on the wire.
    pub text_order: TextOrder,
    /// What it is never asked for, because it does not have it.
    pub lacks: Vec<IdPattern>,
    /// Values that have another form than the catalogue says.
    pub differences: Vec<Difference>,
    /// Where the items of a meter that speaks Modbus stand; empty for others.
    pub map: RegisterMap,
}

/// Which way round a text stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextOrder {
    /// The last character first, like the digits of a number.
    LastFirst,
    /// As it is written.
    FirstFirst,
}

impl MeterProfile {
    /// Whether it is of no use to ask for this.
    #[must_use]
    pub fn lacks(&self, id: DataId) -> bool {
        self.lacks.iter().any(|pattern| pattern.matches(id))
    }

    /// How far a register of such a meter can move; `None` for what is no register of energy.
    #[must_use]
    pub fn limits(&self, item: Item) -> Option<RegisterLimits> {
        RegisterLimits::new(item, self.whole_digits, self.most_watts)
    }

    /// How its values under this identifier differ from the catalogue, if they do.
    #[must_use]
    pub fn difference(&self, id: DataId) -> Option<&Difference> {
        self.differences.iter().find(|difference| difference.id.matches(id))
    }

    /// The times of an exchange with such a meter on this line, at the rate its archive says, if it says one.
    #[must_use]
    pub fn timing(&self, pace: Pace, baud: Option<u32>) -> Timing {
        let mut timing = Timing::serial(baud.or(self.baud).unwrap_or(pace.baud));
        timing.wake_up_bytes = self.wake_up_bytes;
        timing.gap = self.byte_gap;
        timing.quiet_after_answer = self.quiet_after_answer.max(pace.quiet_after_answer);
        timing.longest_answer = LONGEST_FRAME + usize::from(self.answer_preamble);
        timing.td_max = self.answer_delay;
        timing.first_byte =
            self.answer_delay + timing.wire_time(usize::from(self.answer_preamble)) + CONVERTER;
        timing.answer_limit = timing.first_byte + timing.wire_time(timing.longest_answer) * 2 + SLACK;
        if self.protocol == MeterProtocol::Modbus {
            // The end of a frame is a pause of three and a half characters. [Modbus over serial line 2.5.1.1]
            timing.quiet_after_answer = timing.quiet_after_answer.max(timing.wire_time(4));
            timing.longest_answer = LONGEST_RTU_FRAME;
        }
        timing.with_path_delay(pace.path_delay)
    }
}

/// Twelve bytes around at most 200 of data.
const LONGEST_FRAME: usize = 212;
/// [Modbus over serial line 2.5.1]
const LONGEST_RTU_FRAME: usize = 256;
/// What a converter between bus and network may hold bytes back for.
const CONVERTER: Duration = Duration::from_millis(200);
/// What may come on top of an answer that takes its time.
const SLACK: Duration = Duration::from_secs(2);
