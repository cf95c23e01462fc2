//! The second factor again, for what must not be done by whoever sits down at an open session (T11).

use super::login::{attempt_policy, refused};
use super::totp::Totp;
use crate::domain::access::Acting;
use crate::http::Services;
use crate::http::caller::Caller;
use crate::http::problem::Problem;
use crate::store::StoreError;
use crate::store::access::Attempt;

/// Why a code does not count.
#[derive(Debug, thiserror::Error)]
pub enum FactorError {
    /// The account has no second factor.
    #[error("the account has no second factor")]
    None,
    /// None was given.
    #[error("no code was given")]
    Missing,
    /// It is wrong, too old, or was used before.
    #[error("the code is wrong or was used before")]
    Wrong,
    /// There were too many wrong ones.
    #[error("there were too many wrong codes")]
    Locked(std::time::Duration),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FactorError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::None => "factor_missing",
            Self::Missing => "code_missing",
            Self::Wrong => "factor_refused",
            Self::Locked(_) => "login_locked",
            Self::Store(error) => error.kind(),
        }
    }
}

impl From<FactorError> for Problem {
    fn from(error: FactorError) -> Self {
        let code = error.kind();
        match error {
            FactorError::None => {
                Self::unacceptable(code, "this account has no second factor", "该账号未设置双因素验证")
            }
            FactorError::Missing => Self::unacceptable(
                code,
                "this takes the code that your second factor shows now",
                "须填写当前动态口令（双因素验证）",
            ),
            FactorError::Wrong => {
                let (en, zh) =
                    ("the code is wrong or was used before; wait for the next", "动态口令错误或已用过");
                Self::unacceptable(code, en, zh)
            }
            FactorError::Locked(left) => Self::too_many(left),
            FactorError::Store(error) => error.into(),
        }
    }
}

/// Takes a code of the second factor of whoever acts. Each code counts once; wrong ones are counted by themselves, and only
/// a right one takes them away (T9): who has a session and its password guesses no more of them.
///
/// # Errors
/// [`FactorError`] when it does not count.
pub async fn confirm_second_factor(
    services: &Services,
    acting: &Acting,
    code: &str,
) -> Result<(), FactorError> {
    if code.trim().is_empty() {
        return Err(FactorError::Missing);
    }
    let now = services.clock.now();
    let policy = attempt_policy(&services.settings);
    let begun = services.store.begin_code(&acting.name, &acting.source, policy, now).await?;
    let locks = match begun {
        Attempt::Locked(left) => return Err(FactorError::Locked(left)),
        Attempt::Counted { locks } => locks,
    };
    let account = services.store.account(acting.account).await?;
    let factor = account.and_then(|account| account.factor).ok_or(FactorError::None)?;
    let secret = services.store.open_factor(acting.account, &factor.secret);
    let step = secret.and_then(|secret| Totp::of(&secret)?.step_of(code, now));
    let counts = match step {
        Some(step) => services.store.use_factor_step(acting.account, step).await?,
        None => false,
    };
    if counts {
        services.store.forget_codes(&acting.name, &acting.source).await?;
        Ok(())
    } else {
        refused(&services.store, (&acting.name, &acting.source), now, locks, None).await?;
        Err(FactorError::Wrong)
    }
}

/// Takes the password of whoever acts again. Wrong ones are counted with those of signing in.
///
/// # Errors
/// [`Problem`] after too many, or when the database cannot.
pub async fn confirm_password(services: &Services, caller: &Caller, password: &str) -> Result<bool, Problem> {
    let now = services.clock.now();
    let acting = &caller.acting;
    let policy = attempt_policy(&services.settings);
    let begun = services.store.begin_attempt(&acting.name, &acting.source, policy, now).await?;
    let locks = match begun {
        Attempt::Locked(left) => return Err(Problem::too_many(left)),
        Attempt::Counted { locks } => locks,
    };
    let is_right = services.passwords.matches(password, Some(&caller.account.password)).await;
    if is_right {
        services.store.take_attempt_back(&acting.name, &acting.source, policy).await?;
    } else {
        refused(&services.store, (&acting.name, &acting.source), now, locks, None).await?;
    }
    Ok(is_right)
}
