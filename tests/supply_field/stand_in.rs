//! The simulator's stand-in as a security module (T4).

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use chaobiao::supply::security::{Challenge, ModuleError, SecurityModule, Session};
use dlt645::address::MeterAddress;
use dlt645::meter_time::{Civil, MeterTime, TimeFormat};
use dlt645::relay::Command;
use dlt645::security::CipherText;
use futures_util::future::BoxFuture;
use simulator::esam;

/// The simulator's stand-in as a security module.
#[derive(Debug, Default)]
pub(crate) struct StandIn {
    /// The random numbers it gives; all different unless a test says otherwise.
    pub(crate) next: AtomicU64,
    pub(crate) repeats: bool,
    /// Seals with a session of another meter's.
    pub(crate) confuses: bool,
    pub(crate) seen: Mutex<HashMap<MeterAddress, u32>>,
}

impl SecurityModule for StandIn {
    fn label(&self) -> &str {
        esam::LABEL
    }

    fn is_stand_in(&self) -> bool {
        true
    }

    fn challenge(&self, meter: MeterAddress) -> BoxFuture<'_, Result<Challenge, ModuleError>> {
        let step = u64::from(!self.repeats);
        let random = self.next.fetch_add(step, Ordering::Relaxed).to_be_bytes();
        *self.seen.lock().unwrap().entry(meter).or_default() += 1;
        let mut number = meter.field().wire();
        number.reverse();
        let made = esam::Challenge::new(&esam::TEST_KEY, number, random);
        let esam::Challenge { cipher, random, factor } = made;
        Box::pin(async move { Ok(Challenge { cipher, random, factor }) })
    }

    fn encipher<'a>(
        &'a self,
        session: &'a Session,
        command: Command,
        deadline: Civil,
    ) -> BoxFuture<'a, Result<CipherText, ModuleError>> {
        Box::pin(async move {
            let Challenge { cipher, random, factor } = session.challenge;
            let challenge = esam::Challenge { cipher, random, factor };
            let mut answer = session.random;
            if self.confuses {
                answer[0] ^= 1;
            }
            let key = challenge.session(&esam::TEST_KEY, answer).ok_or(ModuleError::Refused)?;
            let wire = MeterTime::from_civil(TimeFormat::YYMMDDhhmmss, deadline);
            // High byte first: YY MM DD hh mm ss.
            let [second, minute, hour, day, month, year] = *wire.wire() else {
                return Err(ModuleError::Unfit);
            };
            let [n1, n2] = command.wire();
            let sealed = key.seal([n1, n2, year, month, day, hour, minute, second]);
            CipherText::new(sealed).map_err(|_| ModuleError::Unfit)
        })
    }
}
