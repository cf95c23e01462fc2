//! The two passwords that a meter may have while one takes the place of the other (T25): both sealed, both kept, until the
//! meter has shown which one it has.
//!
//! Orders that are signed meanwhile are signed with the likelier one; when the meter refuses that, the next order of the day
//! is signed with the other. No third password is ever made for a meter that has two.

use dlt645::password::{DigitOrder, Level};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::{
    AuditEntry, DIGITS, Day, Id, Meter, MeterProfile, Moment, Password, SecretDigits, SecretError,
    SecretScope, SiteMeter, Store, StoreError, Transaction, Vault, audit, nearest,
};

/// Both of them, and what is known of them.
#[derive(Clone, Debug)]
pub(in crate::store) struct Candidates {
    pub(in crate::store) old: SecretDigits,
    pub(in crate::store) new: SecretDigits,
    /// A frame left that may have changed it.
    pub(in crate::store) is_doubtful: bool,
    /// The last day on which a frame left that may have been a wrong password.
    pub(in crate::store) doubted_day: Option<i64>,
    is_new_likely: bool,
    made_at: Moment,
}

impl Candidates {
    /// The one that orders are signed with, and since when it is kept.
    pub(super) const fn likely(&self) -> (&SecretDigits, Moment) {
        (if self.is_new_likely { &self.new } else { &self.old }, self.made_at)
    }

    /// Those of a meter, when it has two.
    pub(in crate::store) async fn load(
        reading: &mut Transaction,
        vault: &Vault,
        (meter, level): (Id<Meter>, Level),
    ) -> Result<Option<Self>, SecretError> {
        let args = [meter.into(), i64::from(level.number()).into()];
        let Some(row) = reading.row::<Row>(LOAD, &args).await? else { return Ok(None) };
        let (old, new, is_new_likely, is_doubtful, doubted_day, made_at) = row;
        let [old_scope, new_scope] = scopes(meter);
        Ok(Some(Self {
            old: opened(vault, &old, &old_scope, level)?,
            new: opened(vault, &new, &new_scope, level)?,
            is_new_likely: is_new_likely != 0,
            is_doubtful: is_doubtful != 0,
            doubted_day,
            made_at: Moment::from_micros(made_at),
        }))
    }

    /// Makes them: the password that is kept for the meter, and a new one. `None` when none is kept.
    pub(in crate::store) async fn make(
        writing: &mut Transaction,
        vault: &Vault,
        (site, profile, level): (&SiteMeter, &MeterProfile, Level),
        now: Moment,
    ) -> Result<Option<Self>, SecretError> {
        let Some((scope, sealed, _)) = nearest(writing, site, profile, level).await? else { return Ok(None) };
        let old = opened(vault, &sealed, &scope, level)?;
        let new = fresh(&old, level)?;
        let meter = site.meter_id;
        let [old_scope, new_scope] = scopes(meter);
        let sealed_old = vault.seal(old.0.as_ref(), &vault.binding(&old_scope, level))?;
        let sealed_new = vault.seal(new.0.as_ref(), &vault.binding(&new_scope, level))?;
        let args = [
            meter.into(),
            i64::from(level.number()).into(),
            vault.id.into(),
            sealed_old.as_slice().into(),
            sealed_new.as_slice().into(),
            now.into(),
        ];
        writing.execute(MAKE, &args).await?;
        let (is_new_likely, is_doubtful, doubted_day) = (false, false, None);
        Ok(Some(Self { old, new, is_doubtful, doubted_day, is_new_likely, made_at: now }))
    }

    /// Notes on which day a frame leaves that may be a wrong password; `None` when it did not leave.
    pub(in crate::store) async fn note_doubt(
        writing: &mut Transaction,
        (meter, level): (Id<Meter>, Level),
        day: Option<Day>,
    ) -> Result<(), StoreError> {
        let args = [meter.into(), i64::from(level.number()).into(), day.map(Day::number).into()];
        writing.execute(DOUBT, &args).await?;
        Ok(())
    }

    /// Notes which one is the likelier, after a frame that may have changed it.
    pub(in crate::store) async fn note_likely(
        writing: &mut Transaction,
        (meter, level): (Id<Meter>, Level),
        is_new: bool,
    ) -> Result<(), StoreError> {
        let args = [meter.into(), i64::from(level.number()).into(), i64::from(is_new).into()];
        writing.execute(LIKELY, &args).await?;
        Ok(())
    }

    /// Forgets both. With `keeps` the new one is kept as the meter's own before.
    pub(in crate::store) async fn settle(
        writing: &mut Transaction,
        (meter, level): (Id<Meter>, Level),
        keeps: Option<&Vault>,
        now: Moment,
    ) -> Result<(), SecretError> {
        if let Some(vault) = keeps
            && let Some(both) = Self::load(writing, vault, (meter, level)).await?
        {
            let scope = SecretScope::Meter(meter).key();
            let sealed = vault.seal(both.new.0.as_ref(), &vault.binding(&scope, level))?;
            let args = [
                scope.into(),
                i64::from(level.number()).into(),
                vault.id.into(),
                sealed.as_slice().into(),
                now.into(),
            ];
            writing.execute(super::REPLACE, &args).await?;
        }
        writing.execute(FORGET, &[meter.into(), i64::from(level.number()).into()]).await?;
        Ok(())
    }

    /// Both as they go to a meter with this order of digits: the old one, the new one.
    pub(in crate::store) fn passwords(
        &self,
        level: Level,
        order: DigitOrder,
    ) -> Result<[Password; 2], SecretError> {
        let made = |digits: &SecretDigits| {
            digits.password(level, order).map_err(|_| SecretError::NotOurs { scope: "candidate".to_owned() })
        };
        Ok([made(&self.old)?, made(&self.new)?])
    }
}

impl Store {
    /// Signs the next orders to a meter with its other candidate, once a day; false when it has none, or not today.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be kept.
    pub async fn turn_candidate(
        &self,
        meter: Id<Meter>,
        level: Level,
        entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut writing = self.write("turning to the other password of a meter").await?;
        let args = [meter.into(), i64::from(level.number()).into(), Day::of(entry.at).into()];
        if writing.execute(TURN, &args).await? == 0 {
            return Ok(false);
        }
        audit::append(&mut writing, entry).await?;
        writing.commit().await?;
        Ok(true)
    }
}

type Row = (Vec<u8>, Vec<u8>, i64, i64, Option<i64>, i64);

/// What binds them to where they belong.
fn scopes(meter: Id<Meter>) -> [String; 2] {
    ["old", "new"].map(|which| format!("{which} of meter:{meter}"))
}

fn opened(vault: &Vault, sealed: &[u8], scope: &str, level: Level) -> Result<SecretDigits, SecretError> {
    let not_ours = || SecretError::NotOurs { scope: scope.to_owned() };
    let digits = vault.open(sealed, &vault.binding(scope, level)).ok_or_else(not_ours)?;
    SecretDigits::new(&digits).map_err(|_| not_ours())
}

/// Six digits, each six as likely, but not the old ones and none that people think of first.
fn fresh(old: &SecretDigits, level: Level) -> Result<SecretDigits, SecretError> {
    loop {
        let mut random = Zeroizing::new([0; 4]);
        SystemRandom::new().fill(random.as_mut()).map_err(|_| SecretError::NoRandom)?;
        let number = u32::from_be_bytes(*random);
        if number >= FAIR_BELOW {
            continue;
        }
        let mut digits = Zeroizing::new([b'0'; DIGITS]);
        let mut left = number % 1_000_000;
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(left % 10).unwrap_or(0);
            left /= 10;
        }
        let new = SecretDigits(digits);
        let is_commonplace = new.password(level, DigitOrder::LowFirst).is_ok_and(|new| new.is_commonplace());
        if new != *old && !is_commonplace {
            return Ok(new);
        }
    }
}

/// The largest multiple of a million that four bytes hold.
const FAIR_BELOW: u32 = 4_294_000_000;

const LOAD: &str = "SELECT sealed_old, sealed_new, is_new_likely, is_doubtful, doubted_day, made_at \
    FROM secret_candidate WHERE meter_id = $1 AND level = $2";

const MAKE: &str = "INSERT INTO secret_candidate (meter_id, level, key_id, sealed_old, sealed_new, is_new_likely, \
    is_doubtful, made_at) VALUES ($1, $2, $3, $4, $5, 0, 0, $6)";

const DOUBT: &str = "UPDATE secret_candidate SET doubted_day = $3 WHERE meter_id = $1 AND level = $2";

const LIKELY: &str =
    "UPDATE secret_candidate SET is_new_likely = $3, is_doubtful = 1 WHERE meter_id = $1 AND level = $2";

const TURN: &str = "UPDATE secret_candidate SET is_new_likely = 1 - is_new_likely, turned_day = $3 \
    WHERE meter_id = $1 AND level = $2 AND is_doubtful = 1 AND (turned_day IS NULL OR turned_day <> $3)";

const FORGET: &str = "DELETE FROM secret_candidate WHERE meter_id = $1 AND level = $2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t25_new_passwords_are_digits_that_differ_and_are_not_of_the_factory() {
        let old = SecretDigits::new(b"739154").unwrap();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..500 {
            let new = fresh(&old, Level::CONTROL).unwrap();
            assert!(new != old && new.0.iter().all(u8::is_ascii_digit));
            assert!(!new.password(Level::CONTROL, DigitOrder::LowFirst).unwrap().is_commonplace());
            seen.insert(*new.0);
        }
        assert!(seen.len() > 480, "{}", seen.len());
    }
}
