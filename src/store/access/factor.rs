//! Secrets of second factors at rest: sealed with the data key where the site has a key file (T24).

use super::super::error::StoreError;
use super::super::secret::{SecretError, Vault};
use super::super::{Store, audit};
use super::FactorSecret;
use crate::domain::access::Account;
use crate::domain::{AuditEntry, Id, read_hex, write_hex};

/// Before what is sealed. No secret in base32 has a colon.
const SEALED: &str = "sealed:";

impl Store {
    /// Seals the secrets of second factors from now on, and those that are kept in clear. Says how many these were. Called
    /// once; a later vault is passed over.
    ///
    /// # Errors
    /// [`SecretError`] when the database cannot, or there is no randomness.
    pub async fn seal_factors(&self, vault: Vault, entry: &AuditEntry) -> Result<usize, SecretError> {
        let vault = self.vault.get_or_init(|| vault);
        let mut writing = self.write("sealing second factors").await?;
        let clear: Vec<(i64, String)> = writing.rows(CLEAR, &[]).await?;
        for (id, secret) in &clear {
            let sealed = sealed(vault, Id::new(*id), secret)?;
            // Whoever has set another one meanwhile has sealed it.
            let args = [(*id).into(), secret.as_str().into(), sealed.as_str().into()];
            writing.execute(SEAL, &args).await?;
        }
        if !clear.is_empty() {
            let detail = serde_json::json!({ "accounts": clear.len() }).to_string();
            audit::append(&mut writing, &entry.clone().saying(detail)).await?;
        }
        writing.commit().await?;
        Ok(clear.len())
    }

    /// The secret of the second factor of an account, from how it is kept; `None` when it is sealed with another key, or
    /// there is no key here.
    #[must_use]
    pub fn open_factor(&self, account: Id<Account>, kept: &FactorSecret) -> Option<FactorSecret> {
        let Some(sealed) = kept.0.strip_prefix(SEALED) else { return Some(kept.clone()) };
        let opened = self.vault.get().and_then(|vault| {
            let plain = vault.open(&read_hex(sealed)?, &binding(vault, account))?;
            Some(FactorSecret(String::from_utf8(plain.to_vec()).ok()?))
        });
        if opened.is_none() {
            tracing::error!(
                "the second factor of account {account} cannot be opened: is it another key file?"
            );
        }
        opened
    }

    /// How a secret is kept.
    pub(super) fn kept_factor(
        &self,
        account: Id<Account>,
        secret: &FactorSecret,
    ) -> Result<String, StoreError> {
        match self.vault.get() {
            None => Ok(secret.0.clone()),
            Some(vault) => sealed(vault, account, &secret.0).map_err(|error| match error {
                SecretError::Store(error) => error,
                other => {
                    let source = Box::new(sqlx::Error::Io(std::io::Error::other(other)));
                    StoreError::Unavailable { doing: "sealing a second factor", source }
                }
            }),
        }
    }
}

fn sealed(vault: &Vault, account: Id<Account>, secret: &str) -> Result<String, SecretError> {
    let mut text = SEALED.to_owned();
    let sealed = vault.seal(secret.as_bytes(), &binding(vault, account))?;
    // Writing into a string cannot fail.
    let _ = write_hex(&mut text, &sealed);
    Ok(text)
}

/// What binds a sealed secret to where it belongs.
fn binding(vault: &Vault, account: Id<Account>) -> Vec<u8> {
    format!("chaobiao second factor\0{}\0{}", vault.id(), account.number()).into_bytes()
}

const CLEAR: &str = "SELECT id, factor_secret FROM account WHERE factor_secret IS NOT NULL \
    AND factor_secret NOT LIKE 'sealed:%' ORDER BY id";

const SEAL: &str = "UPDATE account SET factor_secret = $3 WHERE id = $1 AND factor_secret = $2";
