//! The constructors of requests.

use core::num::NonZeroU8;

use super::{
    Authority, Blocks, Clearing, Events, Freeze, Kind, MAX_REQUEST_DATA, Output, Rate, Request, RequestError,
};
use crate::address::{AddressField, AddressPattern, MeterAddress, Target};
use crate::data_id::DataId;
use crate::edition::Edition;
use crate::meter_time::Civil;
use crate::password::{Credentials, OperatorCode, Password, SecurityClass};
use crate::relay::AnyOrder;
use crate::security::{CipherText, SecurityData};

impl Request {
    /// Reads one identifier, in the edition it belongs to. [645-2007 4 read] [645-1997 3 read]
    pub fn read(target: impl Into<Target>, item: DataId) -> Self {
        Self::to(item.edition(), target.into(), Kind::Read { item })
    }

    /// Reads the earliest (`06dd0000`) or newest (`06dd0002`) load records. [645-2007 4 load records]
    /// [645-2007 12 blocks]
    ///
    /// # Errors
    /// [`RequestError::Edition`] for an identifier of 1997.
    pub fn read_blocks(
        target: impl Into<Target>,
        item: DataId,
        blocks: Blocks,
    ) -> Result<Self, RequestError> {
        only_2007(item.edition())?;
        Ok(Self::to(Edition::E2007, target.into(), Kind::ReadBlocks { item, blocks }))
    }

    /// Reads load records (`06dd0001`) or a curve (`0610ccii`) from `since` on, by the meter's clock; seconds are
    /// dropped. [645-2007 4 load records] [645-2007 12 curves]
    ///
    /// # Errors
    /// [`RequestError::Edition`] for an identifier of 1997.
    pub fn read_since(
        target: impl Into<Target>,
        item: DataId,
        blocks: Blocks,
        since: Civil,
    ) -> Result<Self, RequestError> {
        only_2007(item.edition())?;
        let since = Civil::new(since.year(), since.month(), since.day(), since.hour(), since.minute(), 0)
            .ok_or(RequestError::Time)?;
        Ok(Self::to(Edition::E2007, target.into(), Kind::ReadSince { item, blocks, since }))
    }

    /// Reads the next piece of a long answer. The 1997 edition does not number them and leaves `sequence` out.
    /// An exchange does this by itself. [645-2007 4 subsequent]
    /// [645-1997 3 subsequent]
    pub fn read_subsequent(target: impl Into<Target>, item: DataId, sequence: NonZeroU8) -> Self {
        let sequence = (item.edition() == Edition::E2007).then_some(sequence);
        Self::to(item.edition(), target.into(), Kind::ReadSubsequent { item, sequence })
    }

    /// Asks a meter of 1997 for its last answer again. [645-1997 3 re-read]
    pub fn reread(target: impl Into<Target>) -> Self {
        Self::to(Edition::E1997, target.into(), Kind::Reread)
    }

    /// Asks the only meter on a line for its address, 2007 only. [645-2007 4 read address]
    #[must_use]
    pub fn read_address() -> Self {
        Self::read_address_of(AddressPattern::ANY)
    }

    /// Asks whoever fits `target` for its address, 2007 only; meters answer it under their own address too.
    pub fn read_address_of(target: impl Into<Target>) -> Self {
        Self::to(Edition::E2007, target.into(), Kind::ReadAddress)
    }

    /// Writes `value`, in wire order, to one identifier. [645-2007 4 write] [645-1997 3 write]
    ///
    /// # Errors
    /// [`RequestError::Value`] when there is none or too much of it.
    pub fn write(
        meter: MeterAddress,
        item: DataId,
        credentials: Credentials,
        value: impl Into<Vec<u8>>,
    ) -> Result<Self, RequestError> {
        let Credentials { password, operator } = credentials;
        let operator = (item.edition() == Edition::E2007).then_some(operator);
        Self::writing(meter, item, Authority::Password { password, operator }, value.into())
    }

    /// Writes `value` as the security module prepared it: plain data and MAC, or cipher text and MAC.
    /// [645-2007 5 classes]
    ///
    /// # Errors
    /// [`RequestError::Edition`] for an identifier of 1997, [`RequestError::Value`] when there is nothing but the
    /// MAC or too much.
    pub fn write_secured(
        meter: MeterAddress,
        item: DataId,
        class: SecurityClass,
        operator: OperatorCode,
        value: impl Into<Vec<u8>>,
    ) -> Result<Self, RequestError> {
        only_2007(item.edition())?;
        Self::writing(meter, item, Authority::SecurityModule { class, operator }, value.into())
    }

    /// Writes `value` with no password, as some models of the 1997 edition have it.
    /// [645-1997 3 bare write]
    ///
    /// # Errors
    /// [`RequestError::Edition`] for an identifier of 2007, [`RequestError::Value`] when there is none or too much.
    pub fn write_unprotected(
        meter: MeterAddress,
        item: DataId,
        value: impl Into<Vec<u8>>,
    ) -> Result<Self, RequestError> {
        only_1997(item.edition())?;
        Self::writing(meter, item, Authority::Nothing, value.into())
    }

    pub(super) fn writing(
        meter: MeterAddress,
        item: DataId,
        authority: Authority,
        value: Vec<u8>,
    ) -> Result<Self, RequestError> {
        let signature = match &authority {
            Authority::Password { operator: Some(_), .. } | Authority::SecurityModule { .. } => 8,
            Authority::Password { operator: None, .. } => 4,
            Authority::Nothing => 0,
        };
        let least = if matches!(authority, Authority::SecurityModule { .. }) { 5 } else { 1 };
        let most = MAX_REQUEST_DATA - item.edition().data_id_width() - signature;
        if !(least..=most).contains(&value.len()) {
            return Err(RequestError::Value { length: value.len(), most });
        }
        Ok(Self::to(item.edition(), meter.into(), Kind::Write { item, authority, value }))
    }

    /// Sets the clocks of all meters on the line; nobody answers. [645-2007 4 time] [645-1997 3 time]
    #[must_use]
    pub const fn broadcast_time(edition: Edition, time: Civil) -> Self {
        Self { edition, address: AddressField::BROADCAST, kind: Kind::BroadcastTime { time } }
    }

    /// Has one meter freeze its registers. [645-2007 4 freeze]
    ///
    /// # Errors
    /// [`RequestError::FreezeMoment`] when clock or calendar lack the moment.
    pub fn freeze(meter: MeterAddress, moment: Freeze) -> Result<Self, RequestError> {
        let moment = possible(moment)?;
        Ok(Self::to(Edition::E2007, meter.into(), Kind::Freeze { moment }))
    }

    /// Has all meters on the line freeze their registers; nobody answers. [645-2007 4 freeze]
    ///
    /// # Errors
    /// [`RequestError::FreezeMoment`] when clock or calendar lack the moment.
    pub fn freeze_all(moment: Freeze) -> Result<Self, RequestError> {
        let kind = Kind::Freeze { moment: possible(moment)? };
        Ok(Self { edition: Edition::E2007, address: AddressField::BROADCAST, kind })
    }

    /// Changes the line speed of one meter until it loses power or hears nothing for about five minutes. The
    /// answer comes at the old speed. [645-2007 4 rate] [645-1997 3 rate]
    ///
    /// # Errors
    /// [`RequestError::Rate`] when the edition lacks the speed.
    pub fn change_rate(edition: Edition, meter: MeterAddress, rate: Rate) -> Result<Self, RequestError> {
        rate.word(edition).ok_or(RequestError::Rate { edition })?;
        Ok(Self::to(edition, meter.into(), Kind::ChangeRate { rate }))
    }

    /// Changes the password of `new`'s level; `authority` is the old one or one of a higher level.
    /// [645-2007 4 password] [645-1997 3 password]
    #[must_use]
    pub fn change_password(
        edition: Edition,
        meter: MeterAddress,
        authority: Password,
        new: Password,
    ) -> Self {
        Self::to(edition, meter.into(), Kind::ChangePassword { authority, new })
    }

    /// Clears maximum demand. [645-2007 4 clear demand] [645-1997 3 clear demand]
    #[must_use]
    pub fn clear_demand(edition: Edition, meter: MeterAddress, credentials: Credentials) -> Self {
        let Credentials { password, operator } = credentials;
        let operator = (edition == Edition::E2007).then_some(operator);
        Self::to(edition, meter.into(), Kind::ClearDemand { password, operator })
    }

    /// Clears every register, 2007 only. [645-2007 4 clear meter]
    #[must_use]
    pub fn clear_meter(meter: MeterAddress, credentials: Credentials) -> Self {
        let Credentials { password, operator } = credentials;
        Self::to(Edition::E2007, meter.into(), Kind::ClearMeter { password, operator })
    }

    /// Clears event records, 2007 only. [645-2007 4 clear events]
    ///
    /// # Errors
    /// [`RequestError::Edition`] for an identifier of 1997.
    pub fn clear_events(
        meter: MeterAddress,
        credentials: Credentials,
        events: Events,
    ) -> Result<Self, RequestError> {
        if let Events::Of(item) = events {
            only_2007(item.edition())?;
        }
        let events = Events::from_wire(events.wire()).ok_or(RequestError::Events)?;
        let Credentials { password, operator } = credentials;
        Ok(Self::to(Edition::E2007, meter.into(), Kind::ClearEvents { password, operator, events }))
    }

    /// Clears something by cipher text of the security module, 2007 only. For demand and meter the form is
    /// attested; for events it is taken to be the same. [645-2007 4 clear meter]
    #[must_use]
    pub fn clear_secured(
        meter: MeterAddress,
        what: Clearing,
        operator: OperatorCode,
        cipher: CipherText,
    ) -> Self {
        Self::to(Edition::E2007, meter.into(), Kind::ClearSecured { what, operator, cipher })
    }

    /// Gives an order to the relay, 2007 only. [645-2007 6]
    pub fn relay(order: impl Into<AnyOrder>) -> Self {
        let order = order.into();
        Self::to(Edition::E2007, order.meter().into(), Kind::Relay(order))
    }

    /// Chooses what the multifunction terminal puts out, 2007 only. [645-2007 4 output]
    #[must_use]
    pub fn multifunction_output(meter: MeterAddress, output: Output) -> Self {
        Self::to(Edition::E2007, meter.into(), Kind::MultifunctionOutput { output })
    }

    /// Carries bytes of the encryption machine to the meter's security chip, 2007 only. [645-2007 4 security]
    /// [645-2007 10]
    #[must_use]
    pub fn security(meter: MeterAddress, operator: OperatorCode, data: SecurityData) -> Self {
        Self::to(Edition::E2007, meter.into(), Kind::Security { operator, data })
    }

    pub(super) const fn to(edition: Edition, target: Target, kind: Kind) -> Self {
        Self { edition, address: target.field(), kind }
    }
}

const fn only_2007(edition: Edition) -> Result<(), RequestError> {
    match edition {
        Edition::E2007 => Ok(()),
        Edition::E1997 => Err(RequestError::Edition { edition }),
    }
}

const fn only_1997(edition: Edition) -> Result<(), RequestError> {
    match edition {
        Edition::E1997 => Ok(()),
        Edition::E2007 => Err(RequestError::Edition { edition }),
    }
}

fn possible(moment: Freeze) -> Result<Freeze, RequestError> {
    if moment.is_possible() { Ok(moment) } else { Err(RequestError::FreezeMoment) }
}
