//! A question for registers, and what came of it.

use std::fmt;
use std::time::Duration;

use dlt645::address::{AddressField, MeterAddress};
use dlt645::exchange::Report;

use crate::domain::modbus::{Table, unit_of};

/// What is read of a meter that speaks Modbus: registers that follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterQuestion {
    meter: MeterAddress,
    unit: u8,
    table: Table,
    start: u16,
    count: u16,
}

impl RegisterQuestion {
    /// A question for `count` registers from `start` on. `None` for a meter without a unit number, and for more registers
    /// than one answer holds or than there are.
    #[must_use]
    pub fn new(meter: MeterAddress, table: Table, start: u16, count: u16) -> Option<Self> {
        let unit = unit_of(meter)?;
        let is_there = u32::from(start) + u32::from(count) <= 65_536;
        ((1..=MOST_REGISTERS).contains(&count) && is_there).then_some(Self {
            meter,
            unit,
            table,
            start,
            count,
        })
    }

    /// Whom it goes to, under the name that the archive gives it.
    #[must_use]
    pub const fn asked(&self) -> AddressField {
        self.meter.field()
    }

    /// Its unit number on the line.
    #[must_use]
    pub const fn unit(&self) -> u8 {
        self.unit
    }

    /// By which function it is read.
    pub(in crate::channel) const fn function(&self) -> Function {
        match self.table {
            Table::Holding => Function::Holding,
            Table::Input => Function::Input,
        }
    }

    pub(super) const fn start(&self) -> u16 {
        self.start
    }

    pub(super) const fn count(&self) -> u16 {
        self.count
    }
}

impl fmt::Display for RegisterQuestion {
    /// Function, first register and how many: `03 4096+2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02} {}+{}", self.table.function(), self.start, self.count)
    }
}

/// The functions that are used; all of them read. [Modbus 6.1 to 6.4]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::channel) enum Function {
    /// Single bits that may be set. Asked for its answer alone, whatever it says.
    Coils,
    /// Single bits. Likewise.
    Bits,
    /// Holding registers.
    Holding,
    /// Input registers.
    Input,
}

impl Function {
    pub(in crate::channel) const fn code(self) -> u8 {
        match self {
            Self::Coils => 1,
            Self::Bits => 2,
            Self::Holding => 3,
            Self::Input => 4,
        }
    }

    /// A short name from a closed set.
    pub(in crate::channel) const fn name(self) -> &'static str {
        match self {
            Self::Coils => "read coils",
            Self::Bits => "read discrete inputs",
            Self::Holding => "read holding registers",
            Self::Input => "read input registers",
        }
    }
}

/// How a question for registers ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterOutcome {
    /// The meter answered.
    Answered(Registers),
    /// The meter refused. It is not asked again.
    Refused {
        /// Why.
        refusal: RegisterRefusal,
        /// How it went.
        report: Report,
    },
    /// Nobody answered, or no answer could be believed.
    Silent(Report),
    /// Nobody answered the sign of life that goes first where an old answer may still come: what is wanted was not asked for, and
    /// may be behind so long.
    NotAsked(Report, Duration),
    /// Nothing left at all.
    NotSent(Report),
}

impl RegisterOutcome {
    /// How it went.
    #[must_use]
    pub const fn report(&self) -> &Report {
        match self {
            Self::Answered(Registers { report, .. })
            | Self::Refused { report, .. }
            | Self::Silent(report)
            | Self::NotAsked(report, _)
            | Self::NotSent(report) => report,
        }
    }

    /// A short name from a closed set, that of the outcomes of DL/T 645.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Answered(_) => "answered",
            Self::Refused { .. } => "refused",
            Self::Silent(_) | Self::NotAsked(..) => "silent",
            Self::NotSent(_) => "not_sent",
        }
    }
}

/// Registers that were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registers {
    /// What they hold, as many as were asked for, in their order.
    pub words: Vec<u16>,
    /// How it went; its frames are the question and the answer.
    pub report: Report,
}

/// Why a meter refuses, by its code. [Modbus 7]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterRefusal(u8);

impl RegisterRefusal {
    pub(super) const fn new(code: u8) -> Self {
        Self(code)
    }

    /// It does not have these registers, or does not give them by this function.
    #[must_use]
    pub const fn is_no_data(self) -> bool {
        matches!(self.0, 1..=3)
    }

    /// It is not the meter that says so, but a gateway that has not heard it.
    #[must_use]
    pub const fn is_silence(self) -> bool {
        matches!(self.0, 0x0A | 0x0B)
    }
}

impl RegisterRefusal {
    /// The same in Chinese, without the code.
    #[must_use]
    pub const fn words_zh(self) -> &'static str {
        match self.0 {
            1 => "无此功能",
            2 => "无此寄存器",
            3 => "寄存器数量不允许",
            4 => "设备故障",
            5 => "需要较长时间",
            6 => "设备忙",
            8 => "存储损坏",
            0x0A => "网关无通路",
            0x0B => "网关未收到应答",
            _ => "原因未知",
        }
    }
}

impl fmt::Display for RegisterRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.0 {
            1 => "no such function",
            2 => "no such register",
            3 => "not so many registers",
            4 => "failure of the device",
            5 => "it needs longer",
            6 => "it is busy",
            8 => "damaged memory",
            0x0A => "the gateway has no way to it",
            0x0B => "the gateway has heard no answer",
            _ => "no reason that is known",
        };
        write!(f, "exception {:02X}, {words}", self.0)
    }
}

/// What one answer holds. [Modbus 6.3]
const MOST_REGISTERS: u16 = 125;
