//! How somebody shows who they are: passwords, codes that change with the time, sessions, tokens.
//!
//! Of what opens a door only a hash is kept, and nothing of it is told to logs. An unknown name, a wrong password and a
//! wrong code look the same and take the same time (T9). Which account may do what is left to `domain::access`.

mod accounts;
mod bearer;
mod factor;
mod first;
mod identify;
mod login;
mod password;
mod secret;
mod totp;

pub use accounts::{Accounts, By, COMMAND_LINE, Decision, Made, ManageError, Wanted};
pub use bearer::Bearers;
pub use factor::{FactorError, confirm_password, confirm_second_factor};
pub use first::{AccountError, OneTimeLogin, first_login};
pub(crate) use identify::{Presence, by_itself, cookie_of, identify};
pub use login::{
    LoginError, SignedIn, SigningIn, known_by_password, session_limits, sign_in, sign_out, start_session,
};
pub use password::{NotHashed, Passwords, Weak, weakness};
pub(in crate::http) use secret::hash_bytes;
pub use secret::{NoRandomness, draw, hash, is_same};
pub use totp::Totp;
