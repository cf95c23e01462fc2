//! The seam to a security module (加密机): who proves us to a meter's chip and enciphers what it is ordered (T4).
//!
//! The module belongs to the utility; its keys never come here. It is asked for the proof of one meter and for the cipher
//! text of one order under the session that the meter has opened; what it gives is carried unopened. A [`Session`] is of
//! one meter, and its parts are what the meter said. A software stand-in lives in the simulator only; it says what it is
//! wherever it is used, and a build without the simulator takes none ([`usable`]).

use std::fmt;
use std::sync::Arc;

use dlt645::address::MeterAddress;
use dlt645::meter_time::Civil;
use dlt645::relay::Command;
use dlt645::security::CipherText;
use futures_util::future::BoxFuture;

/// An encryption machine, or something in its place.
pub trait SecurityModule: Send + Sync + fmt::Debug {
    /// What it is called in logs.
    fn label(&self) -> &str;

    /// True for software with test keys, which proves nothing and protects nothing.
    fn is_stand_in(&self) -> bool;

    /// Makes the proof for a meter: each time with another random number.
    fn challenge(&self, meter: MeterAddress) -> BoxFuture<'_, Result<Challenge, ModuleError>>;

    /// Enciphers an order under a session.
    fn encipher<'a>(
        &'a self,
        session: &'a Session,
        command: Command,
        deadline: Civil,
    ) -> BoxFuture<'a, Result<CipherText, ModuleError>>;
}

/// What is sent for an identity authentication (身份认证), in wire order. [645-2007 10 070000FF]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The cipher text that proves us (密文1).
    pub cipher: [u8; 8],
    /// Our random number (随机数1).
    pub random: [u8; 8],
    /// The dispersion factor (分散因子).
    pub factor: [u8; 8],
}

impl Challenge {
    /// The payload of the frame.
    #[must_use]
    pub fn wire(&self) -> Vec<u8> {
        [self.cipher, self.random, self.factor].concat()
    }
}

/// An authentication that a meter has accepted: of this meter, and ended after its use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The meter.
    pub meter: MeterAddress,
    /// What was sent.
    pub challenge: Challenge,
    /// The meter's random number (随机数2), in wire order.
    pub random: [u8; 4],
    /// The serial number of its chip (ESAM序列号), in wire order.
    pub serial: [u8; 8],
}

/// Why a security module gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ModuleError {
    /// It does not answer.
    #[error("the security module does not answer")]
    Unreachable,
    /// It refuses this meter or this order.
    #[error("the security module refuses")]
    Refused,
    /// What it gave is nothing that could be sent.
    #[error("the security module gave nothing that could be sent")]
    Unfit,
}

impl ModuleError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Unfit => "unfit",
        }
    }
}

/// The module, unless it is a stand-in and this build is for real meters.
#[must_use]
pub fn usable(module: Option<Arc<dyn SecurityModule>>) -> Option<Arc<dyn SecurityModule>> {
    let module = module?;
    if !module.is_stand_in() {
        return Some(module);
    }
    let label = module.label();
    if cfg!(feature = "simulator") {
        tracing::warn!("orders are enciphered by a {label}");
        Some(module)
    } else {
        tracing::error!(
            "a {label} is not used in this build: meters that need a security module are not ordered"
        );
        None
    }
}
