//! Alarms that leave the site: by the robots of group chats, by mail, or to a program of the site.
//!
//! [`run()`] sends what waits in the outbox of [`crate::store::alarm`]: several alarms in one message, none lost, and each
//! under a number that stays the same when it is sent again because nobody knows whether it came through. A critical
//! alarm that nobody acknowledges is told again, more seldom each time. When the database itself is away, that is told
//! too, from memory. [`watch()`] raises what nobody else does: lines that are down, talk or have another master, values
//! that billing refused, a clock that was set. Only configured addresses are sent to, and no redirection is followed
//! (T20). Keeping alarms is left to the store, acknowledging them to `http`.

mod courier;
mod error;
mod mail;
mod night;
mod signature;
mod template;
mod text;
mod watch;
mod webhook;

pub use courier::run;
pub use error::SendError;
pub use night::{NightEnd, clocks_jumped, night_cut_off, night_ended, night_failed, night_missed};
pub use watch::watch;

use crate::config::Alarms;
use crate::domain::{Moment, Severity};
use crate::store::{Store, StoreError};

/// Has new alarms go to the channels of this configuration.
///
/// # Errors
/// [`StoreError`] when the database cannot.
pub async fn set_channels(store: &Store, alarms: &Alarms, now: Moment) -> Result<(), StoreError> {
    let channels: Vec<(&str, Severity)> =
        alarms.channels.iter().map(|channel| (channel.name.as_str(), channel.least)).collect();
    store.set_alarm_channels(&channels, now).await
}
