//! Orders to the relay (跳合闸、报警、保电): trip, close, alarm, supply hold. [645-2007 6]
//!
//! ```text
//! plain       1CH, L = 10H    PA P0 P1 P2 | C0 C1 C2 C3 | N1 N2 | ss mm hh DD MM YY
//! enciphered  1CH, L = 08H+m  98 00 00 P2 | C0 C1 C2 C3 | cipher text, MAC (m bytes)
//! ```
//!
//! What is guaranteed (T1): an [`Order`] names one meter, has a deadline, and carries a delay exactly when its
//! command takes one, because its parts cannot be made otherwise; [`parse`] gives back only such orders, and for
//! any other frame the reason. What is left to others: whether an order is allowed at all, the meter's clock the
//! deadline is set by, and the proof that the relay moved, since the answer 9CH means "accepted" and not "done".
//!
//! ```
//! use dlt645::meter_time::Civil;
//! use dlt645::password::{DigitOrder, Level, OperatorCode, Password};
//! use dlt645::relay::{Command, Deadline, Order};
//! use dlt645::request::Request;
//!
//! let order = Order {
//!     meter: "123456789012".parse()?,
//!     command: Command::ClosePermit,
//!     deadline: Deadline::at(Civil::new(2026, 11, 21, 10, 30, 0).ok_or("no such moment")?)?,
//!     password: Password::new(Level::CONTROL, "123456", DigitOrder::LowFirst)?,
//!     operator: "12345678".parse()?,
//! };
//! assert!(!order.command.is_cut_class());
//! let bytes = Request::relay(order).to_bytes();
//! assert_eq!(bytes[8..10], [0x1C, 0x10]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An address that may mean more than one meter does not fit:
//!
//! ```compile_fail,E0308
//! # use dlt645::address::AddressPattern;
//! # use dlt645::relay::{Command, Deadline, Order};
//! # use dlt645::password::{OperatorCode, Password};
//! fn everybody(deadline: Deadline, password: Password, operator: OperatorCode) -> Order {
//!     Order { meter: AddressPattern::ANY, command: Command::Trip, deadline, password, operator }
//! }
//! ```
//!
//! Nor does the broadcast address, or any six bytes:
//!
//! ```compile_fail,E0308
//! # use dlt645::address::AddressField;
//! # use dlt645::relay::{Command, Deadline, Order};
//! # use dlt645::password::{OperatorCode, Password};
//! fn everybody(deadline: Deadline, password: Password, operator: OperatorCode) -> Order {
//!     Order { meter: AddressField::BROADCAST, command: Command::Trip, deadline, password, operator }
//! }
//! ```
//!
//! And there is no order without a deadline:
//!
//! ```compile_fail,E0063
//! # use dlt645::address::MeterAddress;
//! # use dlt645::relay::{Command, Order};
//! # use dlt645::password::{OperatorCode, Password};
//! fn for_ever(meter: MeterAddress, password: Password, operator: OperatorCode) -> Order {
//!     Order { meter, command: Command::Trip, password, operator }
//! }
//! ```

use core::fmt;
use core::num::NonZeroU8;
use core::time::Duration;

use crate::address::MeterAddress;
use crate::control::{Control, Function};
use crate::frame::Frame;
use crate::meter_time::{Civil, MeterTime, TimeFormat};
use crate::password::{OperatorCode, Password, PasswordError, SecurityClass};
use crate::request::fields::{array, byte, operator, remainder, whole};
use crate::request::{NotOneMeter, one_meter};
use crate::security::CipherText;

/// What the relay is told to do; N1 and N2 of the order. [645-2007 6 orders]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Open the relay (跳闸, 拉闸), 1AH.
    Trip,
    /// Let the customer close it by pressing the key (合闸允许), 1BH. Outside switches may close at once.
    ClosePermit,
    /// Close the relay with nobody standing by (直接合闸), 1CH: needs its own decision. (F49)
    CloseDirectly,
    /// Open now and close directly after the delay (跳闸自动恢复), 1DH.
    TripThenClose {
        /// How long it stays open.
        delay: Delay,
    },
    /// Open now and permit closing after the delay, 1EH.
    TripThenPermit {
        /// How long until the key works.
        delay: Delay,
    },
    /// Sound the alarm (报警), 2AH.
    Alarm,
    /// End the alarm (报警解除), 2BH.
    AlarmEnd,
    /// Supply hold (保电), 3AH: until it ends the meter refuses to trip.
    SupplyHold,
    /// End the supply hold (保电解除), 3BH. A prepaid meter in arrears may trip at once.
    SupplyHoldEnd,
}

impl Command {
    /// True when the customer may lose supply by it: trips of every kind, and the end of a supply hold. (I8)
    #[must_use]
    pub const fn is_cut_class(self) -> bool {
        match self {
            Self::Trip | Self::TripThenClose { .. } | Self::TripThenPermit { .. } | Self::SupplyHoldEnd => {
                true
            }
            Self::ClosePermit | Self::CloseDirectly | Self::Alarm | Self::AlarmEnd | Self::SupplyHold => {
                false
            }
        }
    }

    /// N1 and N2.
    #[must_use]
    pub const fn wire(self) -> [u8; 2] {
        match self {
            Self::Trip => [0x1A, 0],
            Self::ClosePermit => [0x1B, 0],
            Self::CloseDirectly => [0x1C, 0],
            Self::TripThenClose { delay } => [0x1D, delay.units()],
            Self::TripThenPermit { delay } => [0x1E, delay.units()],
            Self::Alarm => [0x2A, 0],
            Self::AlarmEnd => [0x2B, 0],
            Self::SupplyHold => [0x3A, 0],
            Self::SupplyHoldEnd => [0x3B, 0],
        }
    }

    /// The command with these N1 and N2.
    ///
    /// # Errors
    /// [`OrderError::Command`] for another N1, [`OrderError::DelayMissing`] and [`OrderError::DelaySet`] when N2
    /// does not go with it.
    pub fn from_wire(n1: u8, n2: u8) -> Result<Self, OrderError> {
        let delay = || NonZeroU8::new(n2).map(Delay).ok_or(OrderError::DelayMissing { n1 });
        let plain = match n1 {
            0x1A => Self::Trip,
            0x1B => Self::ClosePermit,
            0x1C => Self::CloseDirectly,
            0x1D => return Ok(Self::TripThenClose { delay: delay()? }),
            0x1E => return Ok(Self::TripThenPermit { delay: delay()? }),
            0x2A => Self::Alarm,
            0x2B => Self::AlarmEnd,
            0x3A => Self::SupplyHold,
            0x3B => Self::SupplyHoldEnd,
            _ => return Err(OrderError::Command { n1 }),
        };
        if n2 == 0 { Ok(plain) } else { Err(OrderError::DelaySet { n1, n2 }) }
    }

    /// Its name in both languages, English first.
    #[must_use]
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Trip => ("trip", "跳闸"),
            Self::ClosePermit => ("close permit", "合闸允许"),
            Self::CloseDirectly => ("close directly", "直接合闸"),
            Self::TripThenClose { .. } => ("trip, then close directly", "跳闸自动恢复"),
            Self::TripThenPermit { .. } => ("trip, then close permit", "跳闸延时合闸允许"),
            Self::Alarm => ("alarm", "报警"),
            Self::AlarmEnd => ("alarm release", "报警解除"),
            Self::SupplyHold => ("supply hold", "保电"),
            Self::SupplyHoldEnd => ("end of supply hold", "保电解除"),
        }
    }
}

/// How long a relay stays open before it recovers by itself: 5 minutes to 21 h 15 min in steps of 5 minutes.
/// [645-2007 6 delay]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Delay(NonZeroU8);

impl Delay {
    /// So many units of five minutes.
    #[must_use]
    pub const fn from_units(units: NonZeroU8) -> Self {
        Self(units)
    }

    /// So many minutes; `None` unless they are 5 to 1275 and a multiple of five.
    #[must_use]
    pub fn from_minutes(minutes: u16) -> Option<Self> {
        let units = u8::try_from(minutes / 5).ok().filter(|_| minutes.is_multiple_of(5))?;
        NonZeroU8::new(units).map(Self)
    }

    /// Units of five minutes, as N2 carries them.
    #[must_use]
    pub const fn units(self) -> u8 {
        self.0.get()
    }

    /// Minutes.
    #[must_use]
    pub fn minutes(self) -> u16 {
        u16::from(self.units()) * 5
    }
}

/// Until when a meter may obey an order (命令有效截止时间), by the meter's own clock. Always a date of the
/// calendar: "none" cannot be said. [645-2007 6 deadline]
///
/// The year 2099 is refused as well: tools write 99-12-31 where they mean "for ever".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Deadline(Civil);

impl Deadline {
    /// At this moment of the meter's clock.
    ///
    /// # Errors
    /// [`OrderError::NoDeadline`] in the year 2099.
    pub const fn at(moment: Civil) -> Result<Self, OrderError> {
        if moment.year() == 2099 { Err(OrderError::NoDeadline) } else { Ok(Self(moment)) }
    }

    /// So long after `meter_clock`, the time just read from the meter; whole seconds. (F34)
    ///
    /// # Errors
    /// [`OrderError::NoDeadline`] when that is not later than the clock or reaches 2099.
    pub fn after(meter_clock: Civil, ahead: Duration) -> Result<Self, OrderError> {
        let seconds = u32::try_from(ahead.as_secs()).ok().filter(|seconds| *seconds > 0);
        let moment = seconds
            .and_then(|seconds| meter_clock.seconds_since_2000().checked_add(seconds))
            .and_then(Civil::from_seconds_since_2000);
        Self::at(moment.ok_or(OrderError::NoDeadline)?)
    }

    /// The moment.
    #[must_use]
    pub const fn moment(self) -> Civil {
        self.0
    }

    /// Reads ss mm hh DD MM YY.
    fn from_wire(wire: [u8; 6]) -> Result<Self, OrderError> {
        if wire == [0; 6] || wire == [0x99; 6] {
            return Err(OrderError::NoDeadline);
        }
        let moment = MeterTime::from_wire(TimeFormat::YYMMDDhhmmss, &wire).and_then(MeterTime::civil);
        Self::at(moment.ok_or(OrderError::DeadlineNotADate { wire })?)
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A relay order in the plain form, signed with a password. Every combination of its parts is a complete order to
/// one meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The one meter it is for.
    pub meter: MeterAddress,
    /// What to do.
    pub command: Command,
    /// Until when, by the meter's clock.
    pub deadline: Deadline,
    /// The password, of level 02 in the field.
    pub password: Password,
    /// Who gives the order; the meter logs it.
    pub operator: OperatorCode,
}

/// A relay order in the enciphered form: what it says is known to the encryption machine and the meter only.
/// Needs a live identity authentication. [645-2007 6 enciphered]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncipheredOrder {
    meter: MeterAddress,
    operator: OperatorCode,
    cipher: CipherText,
    wants_word: bool,
}

impl EncipheredOrder {
    /// An order whose command and deadline are in `cipher`: blocks of sixteen bytes and a MAC of four.
    ///
    /// # Errors
    /// [`OrderError::CipherLength`] for another length.
    pub fn new(meter: MeterAddress, operator: OperatorCode, cipher: CipherText) -> Result<Self, OrderError> {
        let length = cipher.wire().len();
        if length < 20 || length % 16 != 4 {
            return Err(OrderError::CipherLength { length });
        }
        Ok(Self { meter, operator, cipher, wants_word: false })
    }

    /// Asks the meter for the two-byte execution word of the fourth supplement, by P2 = 01H. [645-2007 6 words]
    #[must_use]
    pub fn asking_for_word(self) -> Self {
        Self { wants_word: true, ..self }
    }

    /// The one meter it is for.
    #[must_use]
    pub const fn meter(&self) -> MeterAddress {
        self.meter
    }

    /// Who gives the order.
    #[must_use]
    pub const fn operator(&self) -> OperatorCode {
        self.operator
    }

    /// Cipher text and MAC.
    #[must_use]
    pub const fn cipher(&self) -> &CipherText {
        &self.cipher
    }

    /// True when the execution word is asked for.
    #[must_use]
    pub const fn wants_word(&self) -> bool {
        self.wants_word
    }
}

/// A relay order in either form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyOrder {
    /// Signed with a password.
    Plain(Order),
    /// Made by the encryption machine.
    Enciphered(EncipheredOrder),
}

impl AnyOrder {
    /// The one meter it is for.
    #[must_use]
    pub const fn meter(&self) -> MeterAddress {
        match self {
            Self::Plain(order) => order.meter,
            Self::Enciphered(order) => order.meter,
        }
    }

    /// True unless it is known not to take supply away: an enciphered order may say anything.
    #[must_use]
    pub const fn is_cut_class(&self) -> bool {
        match self {
            Self::Plain(order) => order.command.is_cut_class(),
            Self::Enciphered(_) => true,
        }
    }

    /// Appends the plain data of the frame.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Plain(order) => {
                out.extend(order.password.wire());
                out.extend(order.operator.wire());
                out.extend(order.command.wire());
                crate::request::fields::put_time(TimeFormat::YYMMDDhhmmss, order.deadline.0, out);
            }
            Self::Enciphered(order) => {
                out.extend([SecurityClass::CipherWithMac.code(), 0, 0, u8::from(order.wants_word)]);
                out.extend(order.operator.wire());
                out.extend(order.cipher.wire());
            }
        }
    }
}

impl From<Order> for AnyOrder {
    fn from(order: Order) -> Self {
        Self::Plain(order)
    }
}

impl From<EncipheredOrder> for AnyOrder {
    fn from(order: EncipheredOrder) -> Self {
        Self::Enciphered(order)
    }
}

/// Reads the relay order out of a frame, as the meter does and as the last gate before the line does.
///
/// # Errors
/// The first [`OrderError`] in the order of the bytes: address, length, password, command, delay, deadline.
pub fn parse(frame: &Frame<'_>) -> Result<AnyOrder, OrderError> {
    if frame.control != Control::request(Function::RELAY) {
        return Err(OrderError::NotAnOrder { control: frame.control });
    }
    let meter = one_meter(frame.address)?;
    let length = OrderError::Length { found: frame.data.len() };
    let (password, operator, body) = whole(frame.data, (array::<4>, operator, remainder)).ok_or(length)?;
    if let [0x98 | 0x99, ..] = password {
        return enciphered(meter, password, operator, body).map(AnyOrder::Enciphered);
    }
    let (n1, n2, deadline) = whole(body, (byte, byte, array)).ok_or(length)?;
    let password = Password::from_wire(password)?;
    let command = Command::from_wire(n1, n2)?;
    let deadline = Deadline::from_wire(deadline)?;
    Ok(AnyOrder::Plain(Order { meter, command, deadline, password, operator }))
}

fn enciphered(
    meter: MeterAddress,
    password: [u8; 4],
    operator: OperatorCode,
    body: &[u8],
) -> Result<EncipheredOrder, OrderError> {
    let wants_word = match password {
        [0x98, 0, 0, 0] => false,
        [0x98, 0, 0, 1] => true,
        _ => return Err(OrderError::SecurityModule),
    };
    let cipher = CipherText::new(body).map_err(|_| OrderError::CipherLength { length: body.len() })?;
    let order = EncipheredOrder::new(meter, operator, cipher)?;
    Ok(EncipheredOrder { wants_word, ..order })
}

/// Why something is no relay order that we would give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum OrderError {
    /// Another control code than 1CH.
    #[error("control code {control} is not that of a relay order, 1C")]
    NotAnOrder {
        /// The control code found.
        control: Control,
    },
    /// Addressed to more than one meter, or to none.
    #[error(transparent)]
    Address(#[from] NotOneMeter),
    /// Neither the length of the plain nor of the enciphered form.
    #[error("a plain relay order has 16 data bytes, not {found}")]
    Length {
        /// How many data bytes there are.
        found: usize,
    },
    /// The password's level is none.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// 98H or 99H as level, and not followed by 00 00 and 00 or 01 in the place of a password.
    #[error("an enciphered order begins 98 00 00 00 or 98 00 00 01")]
    SecurityModule,
    /// Cipher text that is not whole blocks and a MAC.
    #[error("{length} bytes are not blocks of 16 and a MAC of 4")]
    CipherLength {
        /// How many there are.
        length: usize,
    },
    /// No known command.
    #[error("N1 = {n1:02X} is no relay command")]
    Command {
        /// The command byte.
        n1: u8,
    },
    /// N2 = 00 where the command takes a delay.
    #[error("N2 is 00, but N1 = {n1:02X} takes a delay")]
    DelayMissing {
        /// The command byte.
        n1: u8,
    },
    /// N2 set where the command takes no delay.
    #[error("N2 = {n2:02X}, but N1 = {n1:02X} takes no delay")]
    DelaySet {
        /// The command byte.
        n1: u8,
        /// The delay byte.
        n2: u8,
    },
    /// All 00, all 99, or the year 99: an order that would stay valid for ever.
    #[error("the order has no deadline")]
    NoDeadline,
    /// A deadline the calendar does not have.
    #[error("the deadline {wire:02X?} (low byte first) is no date")]
    DeadlineNotADate {
        /// ss mm hh DD MM YY.
        wire: [u8; 6],
    },
}

impl OrderError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::NotAnOrder { .. } => "not_an_order",
            Self::Address(reason) => reason.kind(),
            Self::Length { .. } => "length",
            Self::Password(_) | Self::SecurityModule => "password",
            Self::CipherLength { .. } => "cipher_length",
            Self::Command { .. } => "command",
            Self::DelayMissing { .. } => "delay_missing",
            Self::DelaySet { .. } => "delay_set",
            Self::NoDeadline => "no_deadline",
            Self::DeadlineNotADate { .. } => "deadline_not_a_date",
        }
    }
}

#[cfg(test)]
mod tests;
