//! Requests to bytes.

use super::{Authority, Kind, Request};
use crate::data_id::DataId;
use crate::edition::Edition;
use crate::frame::{Frame, MAX_FRAME};
use crate::meter_time::TimeFormat;
use crate::password::{Password, SecretBytes};
use crate::request::fields::put_time;

impl Request {
    /// The frame, its plain data in `room`, which is emptied first. Where a password may stand in it is told by
    /// [`crate::password::secret_places`].
    pub fn frame<'r>(&self, room: &'r mut Vec<u8>) -> Frame<'r> {
        room.clear();
        self.put_data(room);
        Frame { address: self.address, control: self.control(), data: room }
    }

    /// Appends the request as it goes on the wire, without wake-up bytes.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.reserve(MAX_FRAME);
        let mut data = SecretBytes(Vec::with_capacity(super::MAX_REQUEST_DATA));
        // No constructor takes more data than a frame holds, so nothing can be refused here.
        let emitted = self.frame(&mut data.0).emit(out);
        debug_assert!(emitted.is_ok());
    }

    /// The request as it goes on the wire, without wake-up bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.emit(&mut out);
        out
    }

    /// Appends the data in wire order, before +33H.
    fn put_data(&self, out: &mut Vec<u8>) {
        match &self.kind {
            Kind::Read { item } => out.extend(item.wire()),
            Kind::ReadBlocks { item, blocks } => {
                out.extend(item.wire());
                out.push(crate::bcd::from_two_digits(blocks.number().into()));
            }
            Kind::ReadSince { item, blocks, since } => {
                out.extend(item.wire());
                out.push(crate::bcd::from_two_digits(blocks.number().into()));
                put_time(TimeFormat::YYMMDDhhmm, *since, out);
            }
            Kind::ReadSubsequent { item, sequence } => {
                out.extend(item.wire());
                out.extend(sequence.map(core::num::NonZeroU8::get));
            }
            Kind::Reread | Kind::ReadAddress => {}
            Kind::Write { item, authority, value } => {
                out.extend(item.wire());
                put_authority(authority, out);
                out.extend(value);
            }
            Kind::BroadcastTime { time } => put_time(TimeFormat::YYMMDDhhmmss, *time, out),
            Kind::Freeze { moment } => out.extend(moment.wire()),
            Kind::ChangeRate { rate } => out.extend(rate.word(self.edition)),
            Kind::ChangePassword { authority, new } => {
                if self.edition == Edition::E2007 {
                    out.extend(password_item(new).wire());
                }
                out.extend(authority.wire());
                out.extend(new.wire());
            }
            Kind::ClearDemand { password, operator } => {
                out.extend(password.wire());
                out.extend(operator.iter().flat_map(|operator| operator.wire()));
            }
            Kind::ClearMeter { password, operator } => {
                out.extend(password.wire());
                out.extend(operator.wire());
            }
            Kind::ClearEvents { password, operator, events } => {
                out.extend(password.wire());
                out.extend(operator.wire());
                out.extend(events.wire());
            }
            Kind::ClearSecured { operator, cipher, .. } => {
                out.extend([0x98, 0, 0, 0]);
                out.extend(operator.wire());
                out.extend(cipher.wire());
            }
            Kind::Relay(order) => order.put(out),
            Kind::MultifunctionOutput { output } => out.push(output.code()),
            Kind::Security { operator, data } => {
                out.extend(data.item().wire());
                out.extend(operator.wire());
                out.extend(data.payload());
            }
        }
    }
}

fn put_authority(authority: &Authority, out: &mut Vec<u8>) {
    match authority {
        Authority::Password { password, operator } => {
            out.extend(password.wire());
            out.extend(operator.iter().flat_map(|operator| operator.wire()));
        }
        Authority::SecurityModule { class, operator } => {
            out.extend([class.code(), 0, 0, 0]);
            out.extend(operator.wire());
        }
        Authority::Nothing => {}
    }
}

/// The identifier of the password of a level: 04000C01 for level 0, up to 04000C0A. [645-2007 4 password]
pub(super) fn password_item(new: &Password) -> DataId {
    DataId::new_2007(0x0400_0C01 + u32::from(new.level().number()))
}
