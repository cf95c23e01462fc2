//! Passwords of meters, sealed (T24): what is in the database is of no use without the key file, and the other way round.
//!
//! One data key seals every password; the key file wraps the data key. So a new key file rewraps one row, and two key
//! files may hold at once while one replaces the other. A sealed password is bound to whose it is, its level and its data
//! key: a row that was moved to another meter cannot be opened. A password is replaced and used, never shown; of the
//! factory's own it is told where they are ([`Store::commonplace_secrets`]), not what they are.
//!
//! Here is also remembered which meters refused what an order was signed with, so that nobody tries again that day (F10,
//! I18). What a password is used for is left to `supply`.

mod candidate;

use std::fmt;
use std::sync::Arc;

use dlt645::password::{DigitOrder, Level, Password, PasswordError};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::audit_spool::append_or_spool;
use super::error::StoreError;
use super::sql::Dialect;
use super::transaction::Transaction;
use super::{Store, alarm, audit};
use crate::config::profile::MeterProfile;
use crate::config::{KEY_BYTES, KeyFile};
use crate::domain::{Alarm, AlarmKind, AuditEntry, Coded, Day, Id, Meter, Moment};
use crate::store::archive::SiteMeter;

pub(super) use candidate::Candidates;

/// Whose password it is. The nearest counts: a meter's own before that of its line, and that before its profile's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretScope {
    /// One meter's.
    Meter(Id<Meter>),
    /// That of every meter on a line that has none of its own.
    Line(String),
    /// That of every meter of a profile that has no nearer one.
    Profile(String),
}

impl SecretScope {
    fn key(&self) -> String {
        match self {
            Self::Meter(meter) => format!("meter:{}", meter.number()),
            Self::Line(name) => format!("line:{name}"),
            Self::Profile(name) => format!("profile:{name}"),
        }
    }

    fn of_key(key: &str) -> Option<Self> {
        let (kind, name) = key.split_once(':')?;
        match kind {
            "meter" => name.parse().ok().map(|number| Self::Meter(Id::new(number))),
            "line" => Some(Self::Line(name.to_owned())),
            "profile" => Some(Self::Profile(name.to_owned())),
            _ => None,
        }
    }
}

/// The six digits of a password as people write them, never shown, and written over when they go.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretDigits(Zeroizing<[u8; DIGITS]>);

impl SecretDigits {
    /// Takes six decimal digits.
    ///
    /// # Errors
    /// [`PasswordError::Digits`] for anything else.
    pub fn new(written: &[u8]) -> Result<Self, PasswordError> {
        let digits: [u8; DIGITS] = written.try_into().map_err(|_| PasswordError::Digits)?;
        let digits = Zeroizing::new(digits);
        if digits.iter().all(u8::is_ascii_digit) { Ok(Self(digits)) } else { Err(PasswordError::Digits) }
    }

    /// The password that a meter with this order of digits takes.
    fn password(&self, level: Level, order: DigitOrder) -> Result<Password, PasswordError> {
        let written = std::str::from_utf8(self.0.as_ref()).map_err(|_| PasswordError::Digits)?;
        Password::new(level, written, order)
    }
}

impl fmt::Debug for SecretDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("******")
    }
}

/// A password to be kept in place of the one before.
#[derive(Clone, Debug)]
pub struct NewSecret {
    /// Whose.
    pub scope: SecretScope,
    /// Of which level.
    pub level: Level,
    /// The password.
    pub digits: SecretDigits,
}

/// A password that is kept, without what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSecret {
    /// Whose.
    pub scope: SecretScope,
    /// Of which level.
    pub level: Level,
    /// Since when.
    pub replaced_at: Moment,
}

/// What a meter did not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// A password.
    Password,
    /// What a security module made: an authentication or a MAC.
    Mac,
    /// A password for parameters. That one was refused keeps no order back.
    ParameterPassword,
}

impl Coded for SecretKind {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Password, 1, "password"),
        (Self::Mac, 2, "mac"),
        (Self::ParameterPassword, 3, "parameter_password"),
    ];
}

/// What can go wrong with passwords. Never says what one is.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The data key in the database is wrapped by another key file.
    #[error("the passwords in the database are kept under another key file, not {found}")]
    OtherKeyFile {
        /// The name of the one that was given.
        found: String,
    },
    /// Something sealed cannot be opened: it was changed, or moved from elsewhere.
    #[error("what is kept for {scope} cannot be opened: it was changed or moved")]
    NotOurs {
        /// Whose it says it is.
        scope: String,
    },
    /// The machine gave no random bytes.
    #[error("the machine gives no random bytes to seal with")]
    NoRandom,
}

impl SecretError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Store(error) => error.kind(),
            Self::OtherKeyFile { .. } => "other_key_file",
            Self::NotOurs { .. } => "not_ours",
            Self::NoRandom => "no_random",
        }
    }
}

/// Opens and seals passwords and what else must not be read in the database: the data key out of its wrapping, in memory that is written over when it goes.
#[derive(Clone)]
pub struct Vault {
    id: i64,
    key: Arc<Zeroizing<[u8; KEY_BYTES]>>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault(data key {})", self.id)
    }
}

impl Store {
    /// Opens the passwords with the key of a key file. The first time a data key is made.
    ///
    /// # Errors
    /// [`SecretError::OtherKeyFile`] when there is a data key and another key file has wrapped it.
    pub async fn open_vault(&self, file: &KeyFile, now: Moment) -> Result<Vault, SecretError> {
        let mut writing = self.write("opening the passwords of meters").await?;
        if writing.dialect() == Dialect::Postgres {
            // Two that start at once with other key files must not make two data keys.
            writing.execute("SELECT pg_advisory_xact_lock(645200719970009)", &[]).await?;
        }
        let id: Option<(i64,)> = writing.row("SELECT id FROM data_key ORDER BY id DESC LIMIT 1", &[]).await?;
        if let Some((id,)) = id {
            return unwrapped(&mut writing, id, file).await;
        }
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        SystemRandom::new().fill(key.as_mut()).map_err(|_| SecretError::NoRandom)?;
        let vault = Vault { id: FIRST_KEY, key: Arc::new(key) };
        wrap(&mut writing, &vault, file, now).await?;
        let entry = AuditEntry::of_system(now, "secret.data_key", format!("data key {FIRST_KEY}"));
        audit::append(&mut writing, &entry.saying(wrapping_detail(file))).await?;
        writing.commit().await?;
        Ok(vault)
    }

    /// Lets another key file open the passwords, too, beside the one that does now.
    ///
    /// # Errors
    /// As [`Self::open_vault`].
    pub async fn rewrap_secrets(
        &self,
        old: &KeyFile,
        new: &KeyFile,
        entry: &AuditEntry,
    ) -> Result<(), SecretError> {
        let vault = self.open_vault(old, entry.at).await?;
        let mut writing = self.write("wrapping the data key anew").await?;
        wrap(&mut writing, &vault, new, entry.at).await?;
        audit::append(&mut writing, &entry.clone().saying(wrapping_detail(new))).await?;
        Ok(writing.commit().await?)
    }

    /// Lets no other key file than this one open the passwords any more. Says how many did.
    ///
    /// # Errors
    /// As [`Self::open_vault`].
    pub async fn forget_other_key_files(
        &self,
        kept: &KeyFile,
        entry: &AuditEntry,
    ) -> Result<u64, SecretError> {
        // Only who can open them may shut others out.
        let vault = self.open_vault(kept, entry.at).await?;
        let mut writing = self.write("forgetting other key files").await?;
        let args = [vault.id.into(), kept.name().into()];
        let gone = writing.execute("DELETE FROM data_key WHERE id = $1 AND wrapped_by <> $2", &args).await?;
        audit::append(&mut writing, &entry.clone().saying(wrapping_detail(kept))).await?;
        writing.commit().await?;
        Ok(gone)
    }

    /// Keeps passwords in place of those before: all or none.
    ///
    /// # Errors
    /// [`SecretError`] when they cannot be sealed or kept.
    pub async fn replace_secrets(
        &self,
        vault: &Vault,
        secrets: &[NewSecret],
        entry: &AuditEntry,
    ) -> Result<(), SecretError> {
        let mut writing = self.write("replacing passwords of meters").await?;
        for NewSecret { scope, level, digits } in secrets {
            let scope = scope.key();
            let sealed = vault.seal(digits.0.as_ref(), &vault.binding(&scope, *level))?;
            let args = [
                scope.into(),
                i64::from(level.number()).into(),
                vault.id.into(),
                sealed.as_slice().into(),
                entry.at.into(),
            ];
            writing.execute(REPLACE, &args).await?;
        }
        // In portions, so that each is a text of a sensible length.
        for portion in secrets.chunks(ENTRY_OF) {
            let named = |secret: &NewSecret| (secret.scope.key(), secret.level.number());
            let named: Vec<(String, u8)> = portion.iter().map(named).collect();
            let detail = serde_json::to_string(&named).unwrap_or_default();
            audit::append(&mut writing, &entry.clone().saying(detail)).await?;
        }
        Ok(writing.commit().await?)
    }

    /// The password of a meter at a level, the nearest that is kept, and since when; `None` when there is none.
    ///
    /// # Errors
    /// [`SecretError::NotOurs`] when it cannot be opened.
    pub async fn secret(
        &self,
        vault: &Vault,
        site: &SiteMeter,
        profile: &MeterProfile,
        level: Level,
    ) -> Result<Option<(Password, Moment)>, SecretError> {
        let mut reading = self.read("looking for the password of a meter").await?;
        let found = nearest(&mut reading, site, profile, level).await?;
        let both = Candidates::load(&mut reading, vault, (site.meter_id, level)).await?;
        drop(reading);
        if let Some(both) = both
            && let (digits, made_at) = both.likely()
            // One that was brought in since knows better.
            && found.as_ref().is_none_or(|(.., since)| *since <= made_at)
        {
            let not_ours = |_| SecretError::NotOurs { scope: "candidate".to_owned() };
            let password = digits.password(level, profile.password_order).map_err(not_ours)?;
            return Ok(Some((password, made_at)));
        }
        let Some((scope, sealed, since)) = found else { return Ok(None) };
        let not_ours = || SecretError::NotOurs { scope: scope.clone() };
        let digits = vault.open(&sealed, &vault.binding(&scope, level)).ok_or_else(not_ours)?;
        let digits = SecretDigits::new(&digits).map_err(|_| not_ours())?;
        let password = digits.password(level, profile.password_order).map_err(|_| not_ours())?;
        Ok(Some((password, since)))
    }

    /// Since when the password is kept that a meter would be told at a level; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn secret_since(
        &self,
        site: &SiteMeter,
        profile: &MeterProfile,
        level: Level,
    ) -> Result<Option<Moment>, StoreError> {
        let mut reading = self.read("looking for the password of a meter").await?;
        Ok(nearest(&mut reading, site, profile, level).await?.map(|(.., since)| since))
    }

    /// Where factory passwords are kept (T25), such as 000000 or 123456, and how many passwords there are in all.
    ///
    /// # Errors
    /// [`SecretError::NotOurs`] when one cannot be opened.
    pub async fn commonplace_secrets(&self, vault: &Vault) -> Result<(Vec<KeptSecret>, usize), SecretError> {
        let mut reading = self.read("looking for factory passwords").await?;
        let rows: Vec<(String, i64, Vec<u8>, i64)> = reading.rows(ALL, &[]).await?;
        let (mut found, count) = (Vec::new(), rows.len());
        for (scope, level, sealed, since) in rows {
            let not_ours = || SecretError::NotOurs { scope: scope.clone() };
            let level = u8::try_from(level).ok().and_then(|level| Level::new(level).ok());
            let (level, kept) = level.zip(SecretScope::of_key(&scope)).ok_or_else(not_ours)?;
            let digits = vault.open(&sealed, &vault.binding(&scope, level)).ok_or_else(not_ours)?;
            let digits = SecretDigits::new(&digits).map_err(|_| not_ours())?;
            let password = digits.password(level, DigitOrder::LowFirst).map_err(|_| not_ours())?;
            if password.is_commonplace() {
                let replaced_at = Moment::from_micros(since);
                found.push(KeptSecret { scope: kept, level, replaced_at });
            }
        }
        Ok((found, count))
    }

    /// Whose passwords of a level are kept.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn secret_scopes(&self, level: Level) -> Result<Vec<SecretScope>, StoreError> {
        let mut reading = self.read("reading whose passwords are kept").await?;
        let rows: Vec<(String,)> = reading.rows(SCOPES, &[i64::from(level.number()).into()]).await?;
        Ok(rows.iter().filter_map(|(scope,)| SecretScope::of_key(scope)).collect())
    }

    /// Remembers that a meter did not take what an order was signed with.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be kept.
    pub async fn note_refused_secret(
        &self,
        meter: Id<Meter>,
        kind: SecretKind,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let mut writing = self.write("noting a refused password").await?;
        let args = [meter.into(), Day::of(entry.at).into(), kind.code().into(), entry.at.into()];
        writing.execute(REFUSED, &args).await?;
        let alarm = Alarm::new(AlarmKind::PasswordRefused, entry.object.clone(), entry.at);
        alarm::raise(&mut writing, &alarm).await?;
        append_or_spool(&mut writing, entry).await?;
        writing.commit().await
    }

    /// When a meter last did not take something; `None` when it never did.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn last_refused_secret(
        &self,
        meter: Id<Meter>,
        kind: SecretKind,
    ) -> Result<Option<Moment>, StoreError> {
        let mut reading = self.read("looking for refused passwords").await?;
        let row: Option<(Option<i64>,)> =
            reading.row(LAST_REFUSED, &[meter.into(), kind.code().into()]).await?;
        Ok(row.and_then(|(at,)| at).map(Moment::from_micros))
    }
}

impl Vault {
    /// What binds a sealed password to where it belongs.
    fn binding(&self, scope: &str, level: Level) -> Vec<u8> {
        format!("chaobiao meter secret\0{}\0{level}\0{scope}", self.id).into_bytes()
    }

    /// The number of its data key.
    pub(super) const fn id(&self) -> i64 {
        self.id
    }

    pub(super) fn seal(&self, plain: &[u8], binding: &[u8]) -> Result<Vec<u8>, SecretError> {
        seal(&self.key, plain, binding)
    }

    pub(super) fn open(&self, sealed: &[u8], binding: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        open(&self.key, sealed, binding)
    }
}

/// The nearest password that is kept for a meter: whose, sealed, since when.
async fn nearest(
    reading: &mut Transaction,
    site: &SiteMeter,
    profile: &MeterProfile,
    level: Level,
) -> Result<Option<(String, Vec<u8>, Moment)>, StoreError> {
    let [own, line, profile] = scopes_of(site, profile).map(|scope| scope.map(|scope| scope.key()));
    let args = [own.into(), line.into(), profile.into(), i64::from(level.number()).into()];
    let row: Option<(String, Vec<u8>, i64)> = reading.row(NEAREST, &args).await?;
    Ok(row.map(|(scope, sealed, since)| (scope, sealed, Moment::from_micros(since))))
}

/// Whose passwords a meter may be told, the nearest first.
fn scopes_of(site: &SiteMeter, profile: &MeterProfile) -> [Option<SecretScope>; 3] {
    use crate::domain::MeterPath::{Line, Terminal};
    let line = match &site.meter.path {
        Line { line, .. } => Some(SecretScope::Line(line.clone())),
        Terminal { .. } => None,
    };
    [Some(SecretScope::Meter(site.meter_id)), line, Some(SecretScope::Profile(profile.name.clone()))]
}

fn wrapping_binding(id: i64) -> Vec<u8> {
    format!("chaobiao data key\0{id}").into_bytes()
}

fn wrapping_detail(file: &KeyFile) -> String {
    serde_json::json!({ "key_file": file.name() }).to_string()
}

async fn wrap(
    writing: &mut Transaction,
    vault: &Vault,
    file: &KeyFile,
    now: Moment,
) -> Result<(), SecretError> {
    let wrapped = seal(file.bytes(), vault.key.as_slice(), &wrapping_binding(vault.id))?;
    let args = [vault.id.into(), file.name().into(), wrapped.as_slice().into(), now.into()];
    writing.execute(WRAP, &args).await?;
    Ok(())
}

async fn unwrapped(reading: &mut Transaction, id: i64, file: &KeyFile) -> Result<Vault, SecretError> {
    let ask = "SELECT wrapped FROM data_key WHERE id = $1 AND wrapped_by = $2";
    let row: Option<(Vec<u8>,)> = reading.row(ask, &[id.into(), file.name().into()]).await?;
    let other = || SecretError::OtherKeyFile { found: file.name().to_owned() };
    let (wrapped,) = row.ok_or_else(other)?;
    let plain = open(file.bytes(), &wrapped, &wrapping_binding(id)).ok_or_else(other)?;
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    if plain.len() != KEY_BYTES {
        return Err(other());
    }
    key.copy_from_slice(&plain);
    Ok(Vault { id, key: Arc::new(key) })
}

/// Nonce, cipher text and tag.
fn seal(key: &[u8; KEY_BYTES], plain: &[u8], binding: &[u8]) -> Result<Vec<u8>, SecretError> {
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).map_err(|_| SecretError::NoRandom)?;
    let cipher = UnboundKey::new(&AES_256_GCM, key).map_err(|_| SecretError::NoRandom)?;
    // Sealed in its place, so that nothing of it is left behind.
    let mut room = Zeroizing::new(Vec::with_capacity(plain.len() + AES_256_GCM.tag_len()));
    room.extend_from_slice(plain);
    LessSafeKey::new(cipher)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(binding), &mut *room)
        .map_err(|_| SecretError::NoRandom)?;
    Ok([&nonce, room.as_slice()].concat())
}

/// What was sealed, when key and binding are those it was sealed with.
fn open(key: &[u8; KEY_BYTES], sealed: &[u8], binding: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let cipher = UnboundKey::new(&AES_256_GCM, key).ok()?;
    let mut room = Zeroizing::new(rest.to_vec());
    let opened = LessSafeKey::new(cipher)
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(binding), &mut room)
        .ok()?
        .len();
    room.truncate(opened);
    Some(room)
}

/// Digits of a password.
const DIGITS: usize = 6;
/// The number of the data key; a second one would follow from a leak of the first.
const FIRST_KEY: i64 = 1;
/// So many passwords are named in one audit entry.
const ENTRY_OF: usize = 500;

const WRAP: &str = "INSERT INTO data_key (id, wrapped_by, wrapped, made_at) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (id, wrapped_by) DO NOTHING";

const REPLACE: &str = "INSERT INTO meter_secret (scope, level, key_id, sealed, replaced_at) \
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (scope, level) DO UPDATE \
    SET key_id = excluded.key_id, sealed = excluded.sealed, replaced_at = excluded.replaced_at";

/// A meter's own stands before its line's, and that before its profile's.
const NEAREST: &str = "SELECT scope, sealed, replaced_at FROM meter_secret \
    WHERE scope IN ($1, $2, $3) AND level = $4 \
    ORDER BY CASE scope WHEN $1 THEN 0 WHEN $2 THEN 1 ELSE 2 END LIMIT 1";

const ALL: &str = "SELECT scope, level, sealed, replaced_at FROM meter_secret ORDER BY scope, level";

const SCOPES: &str = "SELECT scope FROM meter_secret WHERE level = $1 ORDER BY scope";

const REFUSED: &str = "INSERT INTO refused_secret (meter_id, day, kind, at) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (meter_id, day, kind) DO UPDATE SET at = excluded.at";

const LAST_REFUSED: &str = "SELECT max(at) FROM refused_secret WHERE meter_id = $1 AND kind = $2";

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(fill: u8) -> Vault {
        Vault { id: 1, key: Arc::new(Zeroizing::new([fill; KEY_BYTES])) }
    }

    #[test]
    fn t24_what_is_sealed_opens_only_where_it_belongs() {
        let (vault, other) = (vault(7), vault(8));
        let place = vault.binding("meter:1", Level::CONTROL);
        let sealed = vault.seal(b"739154", &place).unwrap();
        assert_eq!(vault.open(&sealed, &place).unwrap().as_slice(), b"739154");
        assert!(!sealed.windows(6).any(|part| part == b"739154"));
        for elsewhere in [
            vault.binding("meter:2", Level::CONTROL),
            vault.binding("meter:1", Level::PARAMETERS),
            Vault { id: 2, key: vault.key.clone() }.binding("meter:1", Level::CONTROL),
            Vec::new(),
        ] {
            assert_eq!(vault.open(&sealed, &elsewhere), None);
        }
        assert_eq!(other.open(&sealed, &place), None);
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(vault.open(&changed, &place), None, "bit {bit}");
        }
        assert_eq!(vault.open(&sealed[..11], &place), None);
        assert_ne!(vault.seal(b"739154", &place).unwrap(), sealed, "a nonce of its own");
    }

    #[test]
    fn t24_digits_and_vaults_show_nothing() {
        let digits = SecretDigits::new(b"739154").unwrap();
        let secret = NewSecret { scope: SecretScope::Line("1".into()), level: Level::CONTROL, digits };
        let shown = format!("{secret:?} {:?}", vault(0x39));
        assert!(!shown.contains("7391") && !shown.contains("39, 39") && !shown.contains("57"), "{shown}");
        for wrong in [&b""[..], b"12345", b"1234567", b"12345a", b" 12345"] {
            assert_eq!(SecretDigits::new(wrong), Err(PasswordError::Digits));
        }
    }

    #[test]
    fn scopes_are_read_as_they_are_written() {
        for scope in [
            SecretScope::Meter(Id::new(42)),
            SecretScope::Line("一号线: 东".into()),
            SecretScope::Profile("645-2007-single-phase".into()),
        ] {
            assert_eq!(SecretScope::of_key(&scope.key()), Some(scope));
        }
        assert_eq!(SecretScope::of_key("meter:x"), None);
    }
}
