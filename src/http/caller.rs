//! Who asks: what handlers are given of the account behind a request.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;

use super::problem::Problem;
use crate::domain::access::{Acting, Action};
use crate::store::access::AccountRecord;

/// Who asks, and how it is known.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who, as the rules need to know.
    pub acting: Acting,
    /// The account.
    pub account: AccountRecord,
    /// How it is known.
    pub credential: Credential,
}

/// How it is known who asks.
#[derive(Clone, Debug)]
pub enum Credential {
    /// By the cookie of a session.
    Session {
        /// The hash of the session.
        hash: String,
        /// What every form of this session has to hold as `csrf`, or a script send as `x-csrf-token`.
        csrf: String,
    },
    /// By a token of a program.
    Token {
        /// What the token may do, within the role of its account.
        scopes: Vec<Action>,
    },
}

impl Caller {
    /// True when the account, and the token if there is one, may do it.
    #[must_use]
    pub fn may(&self, action: Action) -> bool {
        let in_scope = match &self.credential {
            Credential::Session { .. } => true,
            Credential::Token { scopes } => scopes.contains(&action),
        };
        in_scope && self.acting.may(action)
    }

    /// What every form has to hold as `csrf`; empty for a program.
    #[must_use]
    pub fn csrf(&self) -> &str {
        match &self.credential {
            Credential::Session { csrf, .. } => csrf,
            Credential::Token { .. } => "",
        }
    }

    /// True for a browser.
    #[must_use]
    pub const fn has_session(&self) -> bool {
        matches!(self.credential, Credential::Session { .. })
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::not_signed_in)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Problem> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}

/// From where a request comes: the address of the browser or program, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source(pub String);

impl<S: Sync> FromRequestParts<S> for Source {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::internal)
    }
}
