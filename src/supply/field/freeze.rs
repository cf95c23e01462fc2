//! The order to freeze now, 16H, to one meter (瞬时冻结), and what proves it: the newest freeze that the meter has.

use std::time::Duration;

use dlt645::catalog::Value;
use dlt645::meter_time::MeterTime;
use dlt645::request::{Freeze, Request};
use dlt645::response::Refusal;
use tokio::time::Instant;

use super::before::MeterClock;
use super::{Field, Unread};
use crate::channel::Lane;
use crate::domain::rotation::WriteAnswer;
use crate::domain::{MeterPath, MeterProtocol, Moment};

/// Why a meter cannot be told from here to freeze.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.words().0)]
pub enum CannotFreeze {
    /// It does not speak the edition of 2007.
    Protocol,
    /// It is behind a terminal, which freezes by itself; a forwarded order would come at any time.
    BehindTerminal,
}

impl CannotFreeze {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Protocol => "protocol",
            Self::BehindTerminal => "behind_terminal",
        }
    }

    /// The reason in English and in Chinese.
    #[must_use]
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Protocol => (
                "only meters of the 2007 edition are told to freeze from here",
                "仅支持2007版电能表下发冻结命令",
            ),
            Self::BehindTerminal => (
                "the meter is behind a terminal: a forwarded order would come at any time, so none is sent",
                "该表接在终端下，转发的冻结命令到达时刻不定，不下发",
            ),
        }
    }
}

impl Field {
    /// Whether it can be told to freeze, by what it speaks and the way to it.
    pub(in crate::supply) const fn can_freeze(&self) -> Result<(), CannotFreeze> {
        match (self.site.meter.protocol, &self.site.meter.path) {
            (MeterProtocol::Modbus | MeterProtocol::Dlt1997, _) => Err(CannotFreeze::Protocol),
            (_, MeterPath::Terminal { .. }) => Err(CannotFreeze::BehindTerminal),
            (MeterProtocol::Dlt2007, MeterPath::Line { .. }) => Ok(()),
        }
    }

    /// When its newest instant freeze was taken, by its own clock; `None` where it has none.
    pub(in crate::supply) async fn newest_freeze(&self) -> Result<Option<MeterTime>, Unread> {
        let asker = self.asker(IN_TURN);
        match asker.read(NEWEST, &[5]).await {
            Ok(heard) => match heard.value()? {
                Value::Time(at) => Ok(Some(at)),
                Value::Absent(_) => Ok(None),
                _ => Err(heard.no_value()),
            },
            Err(Unread::Refused { refusal, .. })
                if refusal.is_no_data() || refusal == Refusal::Unexplained =>
            {
                Ok(None)
            }
            // Some meters do not answer what they do not have: then the clock tells that it is there.
            Err(Unread::Silent { id }) => {
                self.clock(IN_TURN).await.map(|_| None).map_err(|_| Unread::Silent { id })
            }
            Err(unread) => Err(unread),
        }
    }

    /// Whether a freeze was taken just now: by the clock of the meter, to the minute that it notes.
    pub(in crate::supply) async fn was_just_taken(&self, at: MeterTime) -> bool {
        let (Some(civil), Ok(MeterClock::Off(offset))) = (at.civil(), self.clock(IN_TURN).await) else {
            return false;
        };
        let now = self.inner.parts.clock.now();
        let shown = Moment::from_micros(now.micros().saturating_add(offset.fast_us));
        let apart = shown.micros_since(Moment::from_civil(civil)).unsigned_abs();
        Duration::from_micros(apart) <= JUST
    }

    /// Orders it, once, at once or not at all.
    pub(in crate::supply) async fn order_freeze(&self) -> WriteAnswer {
        match Request::freeze(self.site.meter.address, Freeze::Now) {
            Ok(request) => self.write_once(request, Instant::now() + AT_ONCE).await,
            Err(_) => WriteAnswer::NotSent,
        }
    }
}

/// What is asked while it is this meter's turn: a line that is kept for a cut of it lets nothing else pass.
const IN_TURN: Lane = Lane::Control;
/// The time of the newest instant freeze.
const NEWEST: u32 = 0x0501_0001;
/// An order that has not left by then is given to the line anew.
const AT_ONCE: Duration = Duration::from_secs(5);
/// A freeze is dated to the minute, and reading it takes a while.
const JUST: Duration = Duration::from_secs(150);
