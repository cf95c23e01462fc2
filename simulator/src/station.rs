//! What is on a bus besides masters: something that hears requests and may answer.
//!
//! This is the whole seam between meters and buses. A [`Station`] is handed every sound request frame that was heard
//! at its rate and gives back a [`Reply`] or nothing; who was meant is for the station to decide, so that a wildcard
//! read of several meters collides as on a real bus. The bus does the rest: times, rates, collisions and faults.

mod modbus;
mod plain;

use std::sync::{Arc, Mutex, PoisonError};

use core::time::Duration;

use dlt645::frame::{DataTooLong, Frame, WAKE_UP};

use crate::bus::moment::Moment;
use crate::bus::rate::Rate;

pub(crate) use modbus::is_question;
pub use modbus::{ModbusMeter, rtu_check, rtu_frame};
pub use plain::PlainMeter;

/// Something on a bus that hears requests and may answer.
pub trait Station {
    /// Hears a request whose last byte came at `now`. Answers of other stations are not handed to it.
    fn hear(&mut self, now: Moment, request: &Frame<'_>) -> Option<Reply>;

    /// Hears a question of Modbus RTU, check included, whose last byte came at `now`. Meters of DL/T 645 do not know it.
    fn hear_rtu(&mut self, _now: Moment, _question: &[u8]) -> Option<Reply> {
        None
    }

    /// At what rate it hears and talks. Asked when it is put on the bus, after each of its replies has been sent, and
    /// when a master talks after a minute of quiet; so a change of rate (17H) takes effect behind the reply that
    /// confirms it, and a meter may go back to its stored rate when nobody talks to it.
    fn rate(&self, _now: Moment) -> Rate {
        Rate::default()
    }
}

/// Shared with a judge.
impl<S: Station> Station for Arc<Mutex<S>> {
    fn hear(&mut self, now: Moment, request: &Frame<'_>) -> Option<Reply> {
        self.lock().unwrap_or_else(PoisonError::into_inner).hear(now, request)
    }

    fn hear_rtu(&mut self, now: Moment, question: &[u8]) -> Option<Reply> {
        self.lock().unwrap_or_else(PoisonError::into_inner).hear_rtu(now, question)
    }

    fn rate(&self, now: Moment) -> Rate {
        self.lock().unwrap_or_else(PoisonError::into_inner).rate(now)
    }
}

/// Of any kind, so that a bus may have several.
impl Station for Box<dyn Station + Send> {
    fn hear(&mut self, now: Moment, request: &Frame<'_>) -> Option<Reply> {
        (**self).hear(now, request)
    }

    fn hear_rtu(&mut self, now: Moment, question: &[u8]) -> Option<Reply> {
        (**self).hear_rtu(now, question)
    }

    fn rate(&self, now: Moment) -> Rate {
        (**self).rate(now)
    }
}

/// What a station sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Wake-up bytes and frame, as they go on the wire.
    pub bytes: Vec<u8>,
    /// From the last byte of the request to the first of the reply: Td. [645-2007 1]
    pub delay: Duration,
    /// How long after its last byte the station hears nothing, because it turns the line round.
    pub deaf: Duration,
}

impl Reply {
    /// The given bytes after the given delay.
    #[must_use]
    pub const fn new(bytes: Vec<u8>, delay: Duration) -> Self {
        Self { bytes, delay, deaf: Duration::ZERO }
    }

    /// A frame behind so many wake-up bytes, of which meters send 0 to 7.
    ///
    /// # Errors
    /// [`DataTooLong`] when the frame has more data than a length byte can count.
    pub fn frame(frame: &Frame<'_>, wake_up: u8, delay: Duration) -> Result<Self, DataTooLong> {
        let mut bytes = vec![WAKE_UP; usize::from(wake_up)];
        frame.emit(&mut bytes)?;
        Ok(Self::new(bytes, delay))
    }

    /// The same, and deaf for so long behind it.
    #[must_use]
    pub fn deaf_for(self, deaf: Duration) -> Self {
        Self { deaf, ..self }
    }
}
