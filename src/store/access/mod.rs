//! Who may sign in: persons, accounts, sessions, tokens, what was tried, and which requests were answered.
//!
//! Every change of an account ends its sessions, raises its version and is entered in the audit log in the same
//! transaction. Of passwords, sessions and tokens only hashes come here. Making and checking them is left to `http`.

mod account;
mod attempt;
mod change;
mod factor;
mod once;
mod rate;
mod session;
mod token;

pub use account::{AccountRecord, FactorSecret, NewAccount, PasswordHash, SecondFactor};
pub use attempt::{Attempt, AttemptPolicy};
pub use change::AccountChange;
pub use once::Claim;
pub(super) use once::{move_request, note as note_request};
pub use rate::Portion;
pub use session::{NewSession, SessionLimits, SessionRecord};
pub use token::{NewToken, TokenRecord};
