//! Why a link cannot be opened or has failed.

use std::io;
use std::time::Duration;

/// Why a link cannot be opened or has failed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The serial port cannot be opened.
    #[error("serial port {device} cannot be opened ({reason})")]
    OpenSerial {
        /// The port.
        device: String,
        /// What to look at.
        reason: &'static str,
        /// What the system said.
        #[source]
        source: tokio_serial::Error,
    },
    /// The TCP connection cannot be made.
    #[error("no connection to {address}")]
    Connect {
        /// Host and port.
        address: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Nobody answered the connection in time.
    #[error("no connection to {address} within {} s", limit.as_secs())]
    ConnectTimeout {
        /// Host and port.
        address: String,
        /// How long it was tried.
        limit: Duration,
    },
    /// The device that dials in is not there.
    #[error("the device of line {line} has not dialled in")]
    NotDialledIn {
        /// The line.
        line: String,
    },
    /// The other side has closed the connection, or the adapter was unplugged.
    #[error("the line is closed")]
    Closed,
    /// The device has dialled in anew.
    #[error("the device has dialled in anew")]
    Replaced,
    /// Not even a heart-beat came.
    #[error("no heart-beat for {} s", limit.as_secs())]
    NoHeartBeat {
        /// How long it may be missing.
        limit: Duration,
    },
    /// The other side takes no more bytes.
    #[error("the line has taken no byte for {} s", limit.as_secs())]
    Stuck {
        /// For how long.
        limit: Duration,
    },
    /// The terminal says that nothing will come: the meter kept silent, or the frame was denied. The path is as good as
    /// before.
    #[error("the terminal has brought nothing back")]
    NoAnswer,
    /// The turn to send did not come in time.
    #[error("the terminal was about something else for too long")]
    NoTurn,
    /// The service that has the line did not ask, or nobody may ask it.
    #[error("{en}  {zh}")]
    Lent {
        /// Why.
        en: String,
        /// Why, in Chinese.
        zh: String,
    },
    /// The service that has the line has ended, or was ended.
    #[error("the service that had the line has ended  占用该线路的服务已结束")]
    ServiceEnded,
    /// Reading or writing failed.
    #[error("the line failed")]
    Failed(#[source] io::Error),
}

impl LinkError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::OpenSerial { .. } => "open_serial",
            Self::Connect { .. } => "connect",
            Self::ConnectTimeout { .. } => "connect_timeout",
            Self::NotDialledIn { .. } => "not_dialled_in",
            Self::Closed => "closed",
            Self::Replaced => "replaced",
            Self::NoHeartBeat { .. } => "no_heart_beat",
            Self::Stuck { .. } => "stuck",
            Self::NoAnswer => "no_answer",
            Self::NoTurn => "no_turn",
            Self::Lent { .. } => "lent",
            Self::ServiceEnded => "service_ended",
            Self::Failed(_) => "failed",
        }
    }

    /// What it is in Chinese; empty where the words have both languages already.
    #[must_use]
    pub fn zh(&self) -> String {
        match self {
            Self::OpenSerial { device, .. } => format!("无法打开串口 {device}"),
            Self::Connect { address, .. } => format!("无法连接 {address}"),
            Self::ConnectTimeout { address, limit } => format!("{} 秒内未能连接 {address}", limit.as_secs()),
            Self::NotDialledIn { line } => format!("线路 {line} 的设备尚未拨入"),
            Self::Closed => "线路已断开".to_owned(),
            Self::Replaced => "设备已重新拨入".to_owned(),
            Self::NoHeartBeat { limit } => format!("{} 秒内没有心跳", limit.as_secs()),
            Self::Stuck { limit } => format!("线路 {} 秒内发不出数据", limit.as_secs()),
            Self::NoAnswer => "终端没有带回任何应答".to_owned(),
            Self::NoTurn => "终端一直忙于其他任务".to_owned(),
            Self::Lent { .. } | Self::ServiceEnded => String::new(),
            Self::Failed(_) => "线路读写失败".to_owned(),
        }
    }

    /// The error with its causes, in one line.
    #[must_use]
    pub fn with_causes(&self) -> String {
        crate::telemetry::with_causes(self)
    }
}
