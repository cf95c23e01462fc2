//! The passwords of the demonstration's meters, kept as those of real ones are: sealed, under a key file of its own.

use std::path::Path;

use dlt645::address::MeterAddress;
use dlt645::password::{DigitOrder, Level, Password};
use simulator::world::file::{Digits, PasswordEntry, WorldFile};

use crate::cli::{CliError, with_causes};
use crate::config::{Config, KeyFile};
use crate::domain::{AuditEntry, Moment};
use crate::store::{NewSecret, SecretDigits, SecretScope, Store};

/// Gives every meter a password for orders.
pub(super) fn set(world: &mut WorldFile, seed: u64) -> Result<(), CliError> {
    for meter in &mut world.meter {
        let written = of(meter.address, seed);
        let password = Password::new(Level::CONTROL, &written, DigitOrder::LowFirst);
        let [level, digits @ ..] = password.map_err(|error| failed(&error))?.wire();
        meter.password.push(PasswordEntry { level, digits: Digits(digits) });
    }
    Ok(())
}

/// The section of the configuration that names the key file, which is made where there is none.
pub(super) fn section(directory: &Path) -> Result<String, CliError> {
    let file = directory.join(KEY_FILE);
    if !file.exists() {
        KeyFile::make(&file).map_err(|error| failed(&error))?;
    }
    Ok(format!("\n# Passwords of the meters. 电能表密码。\n[secrets]\nkey_file = \"{KEY_FILE}\"\n"))
}

/// Keeps the passwords of the meters of the archive.
pub(super) async fn keep(store: &Store, config: &Config, seed: u64, now: Moment) -> Result<(), CliError> {
    let Some(key) = &config.secrets.key else { return Ok(()) };
    let vault = store.open_vault(key, now).await.map_err(|error| failed(&error))?;
    let mut secrets = Vec::new();
    for site in store.site_meters().await.map_err(|error| failed(&error))? {
        let digits = SecretDigits::new(of(site.meter.address, seed).as_bytes());
        secrets.push(NewSecret {
            scope: SecretScope::Meter(site.meter_id),
            level: Level::CONTROL,
            digits: digits.map_err(|error| failed(&error))?,
        });
    }
    let entry = AuditEntry::of_system(now, "secret.replace", "passwords of the demonstration");
    store.replace_secrets(&vault, &secrets, &entry).await.map_err(|error| failed(&error))
}

/// A password drawn for a meter; one in sixteen has still that of the factory.
fn of(address: MeterAddress, seed: u64) -> String {
    let mixed = (address.number() ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    if mixed.is_multiple_of(16) { "000000".to_owned() } else { format!("{:06}", 100_000 + mixed % 900_000) }
}

fn failed(error: &(dyn std::error::Error + 'static)) -> CliError {
    CliError::Failed(with_causes(error))
}

const KEY_FILE: &str = "secrets.key";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_six_digits_and_some_are_of_the_factory() {
        let all: Vec<String> =
            (0..160).map(|number| of(MeterAddress::from_number(number).unwrap(), 1)).collect();
        assert!(all.iter().all(|digits| SecretDigits::new(digits.as_bytes()).is_ok()), "{all:?}");
        let factory = all.iter().filter(|digits| *digits == "000000").count();
        assert!((1..40).contains(&factory), "{factory}");
    }
}
