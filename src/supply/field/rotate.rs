//! A password of a meter, written anew: one frame of function 18H, sent once, and what came of it (T25).
//!
//! The same frame with the new password as its own authority is the proof that the meter has it: it needs the password, and
//! whatever becomes of it the meter has the password afterwards that it had before. Behind a terminal it is forwarded like
//! every other frame.

use dlt645::edition::Edition;
use dlt645::password::Password;
use dlt645::request::Request;
use tokio::time::Instant;

use super::turn::Held;
use super::{Field, MeterProfile, SiteMeter};
use crate::config::profile::OrderForm;
use crate::domain::MeterProtocol;
use crate::domain::rotation::{CannotRotate, WriteAnswer};

impl Field {
    /// Whether its passwords can be rotated from here, by its make.
    ///
    /// # Errors
    /// [`CannotRotate`] says why not.
    pub(in crate::supply) fn can_rotate(&self) -> Result<(), CannotRotate> {
        match (self.site.meter.protocol, self.profile.relay.orders) {
            (MeterProtocol::Dlt2007, OrderForm::Plain) => Ok(()),
            (MeterProtocol::Dlt2007, OrderForm::Enciphered) => Err(CannotRotate::Enciphered),
            _ => Err(CannotRotate::Protocol),
        }
    }

    /// The meter and its profile.
    pub(in crate::supply) const fn kept(&self) -> (&SiteMeter, &MeterProfile) {
        (&self.site, &self.profile)
    }

    /// Waits until nothing else is ordered from the meter, and keeps it so.
    pub(in crate::supply) async fn turn(&self) -> Held {
        self.inner.turns.take(self.site.meter_id, None).await
    }

    /// Writes a password under the authority of another one of its level, once.
    pub(in crate::supply) async fn write_password(&self, authority: Password, new: Password) -> WriteAnswer {
        let request = Request::change_password(Edition::E2007, self.site.meter.address, authority, new);
        self.write_once(request, Instant::now() + PATIENCE).await
    }
}

/// How long a frame waits at most for its turn.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);
