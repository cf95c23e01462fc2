//! The clock of a meter: read, and written by a frame with its password (F14).

use std::time::Duration;

use dlt645::data_id::DataId;
use dlt645::meter_time::{Civil, MeterTime, TimeFormat};
use dlt645::password::{Credentials, Level, OperatorCode, Password};
use dlt645::request::Request;
use tokio::time::Instant;

use super::before::{self, DATE, MeterClock, TIME};
use super::{Field, Unread};
use crate::channel::Lane;
use crate::config::profile::OrderForm;
use crate::domain::rotation::WriteAnswer;
use crate::domain::{AuditEntry, Day, MeterPath, MeterProtocol};
use crate::store::{SecretError, SecretKind};

/// Why the clock of a meter cannot be set from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.words().0)]
pub enum CannotSetClock {
    /// It does not speak the edition of 2007.
    Protocol,
    /// It is behind a terminal, which sets the clocks of its meters itself; a forwarded time would come too late.
    BehindTerminal,
    /// It takes no passwords.
    Enciphered,
    /// There is no key file, or another one than the passwords are kept under.
    NoKeyFile,
    /// No password for parameters is kept for it.
    NoPassword,
    /// It refused a password today: no other is tried.
    RefusedToday,
    /// The database does not say.
    NotKnown,
    /// Nobody can say that our own clock is right.
    OwnClockDoubted,
}

impl CannotSetClock {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Protocol => "protocol",
            Self::BehindTerminal => "behind_terminal",
            Self::Enciphered => "enciphered",
            Self::NoKeyFile => "no_key_file",
            Self::NoPassword => "no_password",
            Self::RefusedToday => "refused_today",
            Self::NotKnown => "not_known",
            Self::OwnClockDoubted => "own_clock_doubted",
        }
    }

    /// The reason in English and in Chinese.
    #[must_use]
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Protocol => {
                ("only clocks of meters of the 2007 edition are set from here", "仅支持2007版电能表远程对时")
            }
            Self::BehindTerminal => (
                "the meter is behind a terminal: set the clock of the terminal, which sets those of its meters",
                "该表接在终端下，请对终端对时，由终端给电能表校时",
            ),
            Self::Enciphered => {
                ("the meter takes no passwords: it is set on site", "该表不接受密码，须现场或经加密机对时")
            }
            Self::NoKeyFile => {
                ("no key file opens the passwords of meters", "没有可用的密钥文件，无法取出电能表密码")
            }
            Self::NoPassword => (
                "no password of level 04 is kept for the meter: bring it in with secrets import",
                "未保存该表04级密码，请先用 secrets import 导入",
            ),
            Self::RefusedToday => (
                "the meter refused a password today; none is tried again before tomorrow",
                "该表今天已拒绝密码，明天之前不再尝试",
            ),
            Self::NotKnown => {
                ("the database does not say whether there is a password", "数据库未应答，无法确认密码")
            }
            Self::OwnClockDoubted => (
                "nothing bears out the clock of this machine: where it has jumped, an approver has to confirm it; otherwise no \
                 other meter shows its time: compare it and say so by `chaobiao clock confirm`",
                "主站时钟未得到证实：如发生过跳变，须审批人确认；否则是没有其他电能表与主站时间相符，请核对主站时钟后\
                 执行 chaobiao clock confirm",
            ),
        }
    }
}

/// What of a clock is written with one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::supply) enum ClockPart {
    Date,
    TimeOfDay,
}

impl ClockPart {
    /// The identifier.
    pub(in crate::supply) const fn id(self) -> DataId {
        DataId::new_2007(match self {
            Self::Date => DATE,
            Self::TimeOfDay => TIME,
        })
    }

    const fn format(self) -> TimeFormat {
        match self {
            Self::Date => TimeFormat::YYMMDDWW,
            Self::TimeOfDay => TimeFormat::hhmmss,
        }
    }
}

impl Field {
    /// What the clock shows, until two readings of it agree.
    pub(in crate::supply) async fn clock(&self, lane: Lane) -> Result<MeterClock, Unread> {
        before::clock(&self.asker(lane)).await
    }

    /// Whether the clock can be set from here, by the make of the meter and the way to it.
    pub(in crate::supply) fn can_set_clock(&self) -> Result<(), CannotSetClock> {
        match (self.site.meter.protocol, &self.site.meter.path, self.profile.relay.orders) {
            (MeterProtocol::Modbus | MeterProtocol::Dlt1997, ..) => Err(CannotSetClock::Protocol),
            (_, MeterPath::Terminal { .. }, _) => Err(CannotSetClock::BehindTerminal),
            (.., OrderForm::Enciphered) => Err(CannotSetClock::Enciphered),
            (MeterProtocol::Dlt2007, MeterPath::Line { .. }, OrderForm::Plain) => Ok(()),
        }
    }

    /// The password for parameters, unless the meter refused one today.
    pub(in crate::supply) async fn password_for_parameters(&self) -> Result<Password, CannotSetClock> {
        let (inner, meter) = (&self.inner, self.site.meter_id);
        let (store, today) = (&inner.parts.store, Day::of(inner.parts.clock.now()));
        let vault = inner.parts.vault.as_ref().ok_or(CannotSetClock::NoKeyFile)?;
        // Whichever it refused: after a few it takes none for a day, and supply may have to be given back.
        for kind in [SecretKind::Password, SecretKind::ParameterPassword] {
            let at = store.last_refused_secret(meter, kind).await.map_err(|_| CannotSetClock::NotKnown)?;
            if at.is_some_and(|at| Day::of(at) >= today) || inner.was_refused(meter, kind, today) {
                return Err(CannotSetClock::RefusedToday);
            }
        }
        match store.secret(vault, &self.site, &self.profile, Level::PARAMETERS).await {
            Ok(Some((password, _))) => Ok(password),
            Ok(None) => Err(CannotSetClock::NoPassword),
            Err(SecretError::Store(_)) => Err(CannotSetClock::NotKnown),
            Err(_) => Err(CannotSetClock::NoKeyFile),
        }
    }

    /// Remembers that the meter refused the password for parameters: it is not tried again today, and no other but to give
    /// supply back.
    pub(in crate::supply) async fn refused_parameters(&self) {
        let (inner, meter) = (&self.inner, self.site.meter.address);
        let (now, kind) = (inner.parts.clock.now(), SecretKind::ParameterPassword);
        inner.refuse(self.site.meter_id, kind, Day::of(now));
        let entry = AuditEntry::of_system(now, "secret.refused", format!("meter {meter}"));
        if let Err(error) = inner.parts.store.note_refused_secret(self.site.meter_id, kind, &entry).await {
            tracing::error!(meter.address = %meter, kind = error.kind(), "a refusal of {meter} is not kept: {error}");
        }
    }

    /// What a frame has to say that leaves at once, so that the clock is right when the meter has heard it.
    pub(in crate::supply) fn when_heard(&self) -> Option<Civil> {
        let bytes = usize::from(self.timing.wake_up_bytes) + LONGEST;
        self.inner.parts.clock.now().plus(self.timing.wire_time(bytes) + HALF_SECOND).civil()
    }

    /// Writes date or time of day, once, at once or not at all.
    pub(in crate::supply) async fn write_time(
        &self,
        part: ClockPart,
        civil: Civil,
        password: Password,
    ) -> WriteAnswer {
        let credentials = Credentials { password, operator: OperatorCode::from_wire([0; 4]) };
        let value = MeterTime::from_civil(part.format(), civil).wire().to_vec();
        match Request::write(self.site.meter.address, part.id(), credentials, value) {
            Ok(request) => self.write_once(request, Instant::now() + AT_ONCE).await,
            Err(_) => WriteAnswer::NotSent,
        }
    }
}

/// A frame that has not left by then says a time that is over.
pub(in crate::supply) const AT_ONCE: Duration = Duration::from_millis(1_500);
/// The bytes of such a frame: what stands around every frame, identifier, password, operator and the longer value.
const LONGEST: usize = 12 + 4 + 8 + 4;
/// A meter counts whole seconds.
const HALF_SECOND: Duration = Duration::from_millis(500);
