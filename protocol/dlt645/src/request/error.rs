//! Why something is no request that we would send.

use crate::address::{AddressField, MeterAddress};
use crate::control::Control;
use crate::data_id::DataId;
use crate::edition::Edition;
use crate::frame::Fault;
use crate::password::PasswordError;
use crate::relay::OrderError;
use crate::security::SecurityError;

/// Why an address field does not name one meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotOneMeter {
    /// At least one byte is AAH.
    #[error("the wildcard address {address} may mean several meters")]
    Wildcard {
        /// The address field.
        address: AddressField,
    },
    /// 99 99 99 99 99 99.
    #[error("the broadcast address means all meters")]
    Broadcast,
    /// Other hexadecimal digits.
    #[error("the address {address} does not consist of decimal digits")]
    NotDecimal {
        /// The address field.
        address: AddressField,
    },
}

impl NotOneMeter {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Wildcard { .. } => "wildcard",
            Self::Broadcast => "broadcast",
            Self::NotDecimal { .. } => "not_decimal",
        }
    }
}

/// The one meter this address field names.
pub(crate) fn one_meter(address: AddressField) -> Result<MeterAddress, NotOneMeter> {
    address.as_meter().ok_or_else(|| match address {
        AddressField::BROADCAST => NotOneMeter::Broadcast,
        _ if address.is_wild() => NotOneMeter::Wildcard { address },
        _ => NotOneMeter::NotDecimal { address },
    })
}

/// Why something is no request that we would send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The bytes are no frame.
    #[error(transparent)]
    Frame(#[from] Fault),
    /// More bytes than wake-up bytes and one frame.
    #[error("{length} bytes stand behind the frame")]
    Trailing {
        /// How many.
        length: usize,
    },
    /// A control code that no request of the edition on the allow-list has.
    #[error("control code {control} is no request of the {edition} edition that may be sent")]
    NotAllowed {
        /// The edition read in.
        edition: Edition,
        /// The control code found.
        control: Control,
    },
    /// The edition has no such request.
    #[error("the {edition} edition has no such request")]
    Edition {
        /// The edition asked for.
        edition: Edition,
    },
    /// Addressed to more than one meter where only one is allowed.
    #[error(transparent)]
    Address(#[from] NotOneMeter),
    /// A read to something that is neither a meter nor a pattern.
    #[error("{address} is neither a meter's address nor a pattern of leading AA")]
    ReadAddress {
        /// The address field.
        address: AddressField,
    },
    /// A broadcast to something else than the broadcast address.
    #[error("clocks are set under the broadcast address only, not under {address}")]
    NotBroadcast {
        /// The address field.
        address: AddressField,
    },
    /// A length the function does not have.
    #[error("{length} data bytes do not fit control code {control}")]
    Length {
        /// The control code.
        control: Control,
        /// How many data bytes there are.
        length: usize,
    },
    /// No value to write, or too much for one frame.
    #[error("a value to write has 1 to {most} bytes here, not {length}")]
    Value {
        /// How many were given.
        length: usize,
        /// How many there may be.
        most: usize,
    },
    /// No level or no password.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// A security class byte that is not followed by zeros, or does not go with this function.
    #[error("98 or 99 in the place of a level goes with 00 00 00 and not with this function")]
    SecurityModule,
    /// The identifier names another password than the new one's level.
    #[error("{item} is not the identifier of the password of that level")]
    PasswordSlot {
        /// The identifier found.
        item: DataId,
    },
    /// A number of blocks that is none.
    #[error("{found:02X} is no number of blocks, 01 to 99")]
    Blocks {
        /// The byte found.
        found: u8,
    },
    /// SEQ = 00 asks for nothing.
    #[error("follow-on frames are counted from 01")]
    Sequence,
    /// A time the calendar does not have.
    #[error("the time is none of the calendar")]
    Time,
    /// A freeze moment that is none.
    #[error("the freeze moment is none of clock and calendar")]
    FreezeMoment,
    /// A speed that the edition lacks, or a rate word with other than one known bit.
    #[error("the {edition} edition has no such speed")]
    Rate {
        /// The edition.
        edition: Edition,
    },
    /// An unknown output of the multifunction terminal.
    #[error("{found:02X} is no output of the multifunction terminal")]
    Output {
        /// The byte found.
        found: u8,
    },
    /// Events that are not named by FF and three bytes.
    #[error("events are named by FF DI1 DI2 DI3")]
    Events,
    /// No relay order we would give.
    #[error(transparent)]
    Relay(#[from] OrderError),
    /// No security frame.
    #[error(transparent)]
    Security(#[from] SecurityError),
}

impl RequestError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Frame(_) => "frame",
            Self::Trailing { .. } => "trailing",
            Self::NotAllowed { .. } => "not_allowed",
            Self::Edition { .. } => "edition",
            Self::Address(reason) => reason.kind(),
            Self::ReadAddress { .. } => "read_address",
            Self::NotBroadcast { .. } => "not_broadcast",
            Self::Length { .. } => "length",
            Self::Value { .. } => "value",
            Self::Password(_) => "password",
            Self::SecurityModule => "security_module",
            Self::PasswordSlot { .. } => "password_slot",
            Self::Blocks { .. } => "blocks",
            Self::Sequence => "sequence",
            Self::Time => "time",
            Self::FreezeMoment => "freeze_moment",
            Self::Rate { .. } => "rate",
            Self::Output { .. } => "output",
            Self::Events => "events",
            Self::Relay(reason) => reason.kind(),
            Self::Security(_) => "security",
        }
    }
}
