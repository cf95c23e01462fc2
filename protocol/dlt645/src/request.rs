//! Typed requests of both editions: what a master may say, and the same read back on the meter's side.
//!
//! | Request | 2007 | 1997 | To |
//! | --- | --- | --- | --- |
//! | [`Request::read`] | 11H | 01H | meter or pattern |
//! | [`Request::read_blocks`], [`Request::read_since`] | 11H | | meter or pattern |
//! | [`Request::read_subsequent`] | 12H with SEQ | 02H | meter or pattern |
//! | [`Request::reread`] | | 03H | meter or pattern |
//! | [`Request::read_address`] | 13H | | meter or pattern |
//! | [`Request::write`], [`Request::write_secured`], [`Request::write_unprotected`] | 14H | 04H | one meter |
//! | [`Request::broadcast_time`] | 08H | 08H | all, no answer |
//! | [`Request::freeze`], [`Request::freeze_all`] | 16H | | one meter, or all without an answer |
//! | [`Request::change_rate`] | 17H | 0CH | one meter |
//! | [`Request::change_password`] | 18H | 0FH | one meter |
//! | [`Request::clear_demand`] | 19H | 10H | one meter |
//! | [`Request::clear_meter`], [`Request::clear_events`], [`Request::clear_secured`] | 1AH, 1BH | | one meter |
//! | [`Request::relay`] | 1CH | | one meter |
//! | [`Request::multifunction_output`] | 1DH | | one meter |
//! | [`Request::security`] | 03H | | one meter |
//!
//! A [`Request`] can be made by these constructors and by [`Request::parse`] only, and `parse` takes nothing that
//! the constructors could not have made. So whatever holds a `Request` knows: a wildcard stands in reads alone,
//! and a write, a clear, a password or a relay order goes to one meter (T1). Writing an address is not among them:
//! it is a commissioning job with a type of its own, [`crate::commissioning::WriteAddress`].
//!
//! ```
//! use dlt645::address::{AddressPattern, MeterAddress};
//! use dlt645::request::Request;
//!
//! let meter: MeterAddress = "123456789012".parse()?;
//! let energy = Request::read(meter, "00010000".parse()?);
//! assert_eq!(energy.to_bytes()[8..], [0x11, 0x04, 0x33, 0x33, 0x34, 0x33, 0x68, 0x16]);
//! assert!(!energy.changes_meter());
//!
//! let whoever_is_there = Request::read(AddressPattern::ANY, "9010".parse()?);
//! assert_eq!(whoever_is_there.control().0, 0x01, "an identifier of 1997 is read under 01H");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```compile_fail,E0308
//! # use dlt645::{address::AddressPattern, password::Credentials, request::Request};
//! fn clear_everybody(credentials: Credentials) -> Request {
//!     Request::clear_meter(AddressPattern::ANY, credentials)
//! }
//! ```

mod build;
mod emit;
mod error;
pub(crate) mod fields;
mod parse;
mod settings;

use core::num::NonZeroU8;

use crate::address::AddressField;
use crate::control::{Control, Function};
use crate::data_id::DataId;
use crate::edition::Edition;
use crate::meter_time::Civil;
use crate::password::{OperatorCode, Password, SecurityClass};
use crate::relay::AnyOrder;
use crate::security::{CipherText, SecurityData};

pub(crate) use error::one_meter;
pub use error::{NotOneMeter, RequestError};
pub use settings::{Blocks, Events, Freeze, Output, Rate};

/// The most data bytes a request may have. [645-2007 2]
pub const MAX_REQUEST_DATA: usize = 200;

/// One request, complete and allowed: made by its constructors or by [`Request::parse`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    edition: Edition,
    address: AddressField,
    kind: Kind,
}

/// What a request asks for. Reading it is open to all; a [`Request`] cannot be made from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Read one identifier (读数据).
    Read {
        /// What to read.
        item: DataId,
    },
    /// Read the earliest or newest load records (负荷记录).
    ReadBlocks {
        /// What to read.
        item: DataId,
        /// How many blocks.
        blocks: Blocks,
    },
    /// Read load records from a time on.
    ReadSince {
        /// What to read.
        item: DataId,
        /// How many blocks.
        blocks: Blocks,
        /// From when, by the meter's clock; whole minutes.
        since: Civil,
    },
    /// Read the next piece of a long answer (读后续数据).
    ReadSubsequent {
        /// What is being read.
        item: DataId,
        /// Which piece; `None` in the 1997 edition, which does not count them.
        sequence: Option<NonZeroU8>,
    },
    /// Say the last answer again (重读数据), 1997 only.
    Reread,
    /// Read the address (读通信地址), 2007 only.
    ReadAddress,
    /// Write one identifier (写数据).
    Write {
        /// What to write.
        item: DataId,
        /// What it is signed with.
        authority: Authority,
        /// The new value in wire order, with MAC or enciphered where a security class says so.
        value: Vec<u8>,
    },
    /// Set all clocks (广播校时). Meters take it within five minutes of their own time and once a day.
    BroadcastTime {
        /// The time it is.
        time: Civil,
    },
    /// Freeze registers (冻结).
    Freeze {
        /// When.
        moment: Freeze,
    },
    /// Change the line speed until power-up (更改通信速率).
    ChangeRate {
        /// The new speed.
        rate: Rate,
    },
    /// Change a password (修改密码).
    ChangePassword {
        /// The old one, or one of a higher level.
        authority: Password,
        /// The new one; its level says which is changed.
        new: Password,
    },
    /// Clear maximum demand (最大需量清零).
    ClearDemand {
        /// The password.
        password: Password,
        /// Who acts; `None` in the 1997 edition.
        operator: Option<OperatorCode>,
    },
    /// Clear all registers (电表清零), 2007 only.
    ClearMeter {
        /// The password.
        password: Password,
        /// Who acts.
        operator: OperatorCode,
    },
    /// Clear event records (事件清零), 2007 only.
    ClearEvents {
        /// The password.
        password: Password,
        /// Who acts.
        operator: OperatorCode,
        /// Which events.
        events: Events,
    },
    /// Clear something, as enciphered by the security module.
    ClearSecured {
        /// What is cleared.
        what: Clearing,
        /// Who acts.
        operator: OperatorCode,
        /// Cipher text and MAC.
        cipher: CipherText,
    },
    /// An order to the relay (跳合闸、报警、保电), 2007 only.
    Relay(AnyOrder),
    /// Choose what the multifunction terminal puts out, 2007 only.
    MultifunctionOutput {
        /// What it shall put out.
        output: Output,
    },
    /// A frame for the security chip (安全认证), 2007 only.
    Security {
        /// Who acts.
        operator: OperatorCode,
        /// Identifier and unopened payload.
        data: SecurityData,
    },
}

/// What a write is signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authority {
    /// A password; the operator code is missing in the 1997 edition only.
    Password {
        /// The password.
        password: Password,
        /// Who acts.
        operator: Option<OperatorCode>,
    },
    /// The security module's MAC, behind plain data or cipher text. [645-2007 5 classes]
    SecurityModule {
        /// Which of the two.
        class: SecurityClass,
        /// Who acts.
        operator: OperatorCode,
    },
    /// Nothing at all: some models of the 1997 edition. [645-1997 3 bare write]
    Nothing,
}

/// What an enciphered clearing order clears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clearing {
    /// Maximum demand, 19H.
    Demand,
    /// All registers, 1AH.
    Meter,
    /// Event records, 1BH.
    Events,
}

impl Clearing {
    /// The function it goes under.
    #[must_use]
    pub const fn function(self) -> Function {
        match self {
            Self::Demand => Function::CLEAR_DEMAND,
            Self::Meter => Function::CLEAR_METER,
            Self::Events => Function::CLEAR_EVENTS,
        }
    }
}

impl Request {
    /// The edition it is written in.
    #[must_use]
    pub const fn edition(&self) -> Edition {
        self.edition
    }

    /// Whom it goes to, as the address field says it.
    #[must_use]
    pub const fn address(&self) -> AddressField {
        self.address
    }

    /// What it asks for.
    #[must_use]
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The function, D4..D0 of its control code.
    #[must_use]
    pub const fn function(&self) -> Function {
        let (of_2007, of_1997) = match &self.kind {
            Kind::Read { .. } | Kind::ReadBlocks { .. } | Kind::ReadSince { .. } => {
                (Function::READ, Function::READ_1997)
            }
            Kind::ReadSubsequent { .. } => (Function::READ_SUBSEQUENT, Function::READ_SUBSEQUENT_1997),
            Kind::Reread => return Function::REREAD_1997,
            Kind::ReadAddress => return Function::READ_ADDRESS,
            Kind::Write { .. } => (Function::WRITE, Function::WRITE_1997),
            Kind::BroadcastTime { .. } => return Function::BROADCAST_TIME,
            Kind::Freeze { .. } => return Function::FREEZE,
            Kind::ChangeRate { .. } => (Function::CHANGE_RATE, Function::CHANGE_RATE_1997),
            Kind::ChangePassword { .. } => (Function::CHANGE_PASSWORD, Function::CHANGE_PASSWORD_1997),
            Kind::ClearDemand { .. } => (Function::CLEAR_DEMAND, Function::CLEAR_DEMAND_1997),
            Kind::ClearMeter { .. } => return Function::CLEAR_METER,
            Kind::ClearEvents { .. } => return Function::CLEAR_EVENTS,
            Kind::ClearSecured { what, .. } => return what.function(),
            Kind::Relay(_) => return Function::RELAY,
            Kind::MultifunctionOutput { .. } => return Function::MULTIFUNCTION_OUTPUT,
            Kind::Security { .. } => return Function::SECURITY,
        };
        match self.edition {
            Edition::E2007 => of_2007,
            Edition::E1997 => of_1997,
        }
    }

    /// The control code.
    #[must_use]
    pub const fn control(&self) -> Control {
        Control::request(self.function())
    }

    /// The identifier that the answer repeats, when it repeats one.
    #[must_use]
    pub const fn item(&self) -> Option<DataId> {
        match &self.kind {
            Kind::Read { item }
            | Kind::ReadBlocks { item, .. }
            | Kind::ReadSince { item, .. }
            | Kind::ReadSubsequent { item, .. } => Some(*item),
            Kind::Security { data, .. } => Some(data.item()),
            _ => None,
        }
    }

    /// True when a meter answers it: everything but what goes to the broadcast address.
    #[must_use]
    pub fn expects_answer(&self) -> bool {
        !self.address.is_broadcast()
    }

    /// True when it may leave the meter other than it was. Such a request must not be sent a second time before
    /// it is known what the first did, and silence after it means "unknown". Security frames count among them:
    /// the chip keeps count of failures. (I9, T4)
    #[must_use]
    pub const fn changes_meter(&self) -> bool {
        !matches!(
            self.kind,
            Kind::Read { .. }
                | Kind::ReadBlocks { .. }
                | Kind::ReadSince { .. }
                | Kind::ReadSubsequent { .. }
                | Kind::Reread
                | Kind::ReadAddress
        )
    }

    /// True when customers may lose supply by it: relay orders of [the cut class](AnyOrder::is_cut_class). (I8)
    #[must_use]
    pub const fn is_cut_class(&self) -> bool {
        match &self.kind {
            Kind::Relay(order) => order.is_cut_class(),
            _ => false,
        }
    }

    /// True when an answer to it may have this control code. [645-2007 3] [645-1997 2]
    #[must_use]
    pub fn admits_control(&self, control: Control) -> bool {
        let function = self.function();
        control == Control::answer(function)
            || (control == Control::answer_with_more(function) && self.may_have_more())
            || (control == Control::refusal(function) && self.may_be_refused())
    }

    /// True when the answer may come in several frames.
    #[must_use]
    pub const fn may_have_more(&self) -> bool {
        let read = matches!(self.kind, Kind::Reread | Kind::Security { .. });
        read || (!self.changes_meter() && !matches!(self.kind, Kind::ReadAddress))
    }

    /// True when the meter has a way to refuse; where it has none it stays silent.
    #[must_use]
    pub const fn may_be_refused(&self) -> bool {
        !matches!(self.kind, Kind::ReadAddress | Kind::BroadcastTime { .. })
    }

    /// The most data bytes that an answer of the standard to it has.
    #[must_use]
    pub fn longest_answer(&self) -> usize {
        match &self.kind {
            Kind::ReadAddress => 6,
            Kind::ChangePassword { .. } => 4,
            Kind::Security { data, .. } => data.answer_length().map_or(MAX_REQUEST_DATA, |length| 4 + length),
            _ if self.changes_meter() => 2,
            _ => MAX_REQUEST_DATA,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
