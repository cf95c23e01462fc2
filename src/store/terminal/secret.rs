//! Message authentication codes (消息认证码, PW) of terminals, sealed with the data key of the site (T24).

use gdw1376::address::TerminalAddress;
use gdw1376::auxiliary::Password;

use crate::domain::AuditEntry;
use crate::store::secret::{SecretError, Vault};
use crate::store::{Store, audit};

impl Store {
    /// Keeps the codes of terminals in place of those before: all or none.
    ///
    /// # Errors
    /// [`SecretError`] when they cannot be sealed or kept.
    pub async fn replace_terminal_passwords(
        &self,
        vault: &Vault,
        passwords: &[(TerminalAddress, Password)],
        entry: &AuditEntry,
    ) -> Result<(), SecretError> {
        if passwords.is_empty() {
            return Ok(());
        }
        let mut writing = self.write("replacing passwords of terminals").await?;
        for (terminal, password) in passwords {
            let sealed = vault.seal(&password.0, &binding(vault, *terminal))?;
            let args =
                [terminal.to_string().into(), vault.id().into(), sealed.as_slice().into(), entry.at.into()];
            writing.execute(REPLACE, &args).await?;
        }
        let named: Vec<String> = passwords.iter().map(|(terminal, _)| terminal.to_string()).collect();
        let detail = serde_json::json!({ "terminals": named }).to_string();
        audit::append(&mut writing, &entry.clone().saying(detail)).await?;
        Ok(writing.commit().await?)
    }

    /// The codes of all terminals for which one is kept. One that cannot be opened is told in the log and left out.
    ///
    /// # Errors
    /// [`SecretError`] when the database does not answer.
    pub async fn terminal_passwords(&self) -> Result<Vec<(TerminalAddress, Password)>, SecretError> {
        let mut reading = self.read("looking for the passwords of terminals").await?;
        let rows: Vec<(String,)> = reading.rows(ALL, &[]).await?;
        drop(reading);
        let mut codes = Vec::new();
        for terminal in rows.iter().filter_map(|(text,)| text.parse().ok()) {
            match self.terminal_password(terminal).await {
                Ok(password) => codes.push((terminal, password)),
                Err(error @ SecretError::NotOurs { .. }) => {
                    tracing::warn!(terminal = %terminal, "terminal {terminal} is asked without its code: {error}");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(codes)
    }

    /// The code that a terminal wants to see: sixteen zeros where none is kept for it.
    ///
    /// # Errors
    /// [`SecretError::NotOurs`] when one is kept and cannot be opened, or this process has no key.
    pub async fn terminal_password(&self, terminal: TerminalAddress) -> Result<Password, SecretError> {
        let mut reading = self.read("looking for the password of a terminal").await?;
        let row: Option<(Vec<u8>,)> = reading.row(ONE, &[terminal.to_string().into()]).await?;
        let Some((sealed,)) = row else { return Ok(Password::NONE) };
        let not_ours = || SecretError::NotOurs { scope: format!("terminal {terminal}") };
        let vault = self.vault.get().ok_or_else(not_ours)?;
        let plain = vault.open(&sealed, &binding(vault, terminal)).ok_or_else(not_ours)?;
        let plain: [u8; Password::WIDTH] = plain.as_slice().try_into().map_err(|_| not_ours())?;
        Ok(Password(plain))
    }
}

fn binding(vault: &Vault, terminal: TerminalAddress) -> Vec<u8> {
    format!("chaobiao terminal secret\0{}\0{terminal}", vault.id()).into_bytes()
}

const REPLACE: &str = "INSERT INTO terminal_secret (terminal, key_id, sealed, replaced_at) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (terminal) DO UPDATE \
    SET key_id = excluded.key_id, sealed = excluded.sealed, replaced_at = excluded.replaced_at";

const ALL: &str = "SELECT terminal FROM terminal_secret ORDER BY terminal";

const ONE: &str = "SELECT sealed FROM terminal_secret WHERE terminal = $1";
