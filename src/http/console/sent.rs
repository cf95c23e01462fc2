//! Forms as they were sent: by whom, in which look, and what was typed.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::typed::{Typed, refused};
use super::view::View;
use crate::domain::Moment;
use crate::http::{Caller, Problem, Services};

/// A form that was sent.
pub(super) struct Sent {
    pub(super) services: Services,
    pub(super) caller: Caller,
    pub(super) view: View,
    pub(super) typed: Typed,
}

impl Sent {
    /// When it is dealt with.
    pub(super) fn now(&self) -> Moment {
        self.services.clock.now()
    }

    /// The form to be drawn again with why it was not taken.
    ///
    /// # Errors
    /// The problem itself, when it is one of this machine.
    pub(super) fn refused(self, problem: Problem) -> Result<(Self, StatusCode), Problem> {
        let (view, status) = refused(self.view, problem)?;
        Ok((Self { view, ..self }, status))
    }
}

impl FromRequest<Services> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, services: &Services) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let caller =
            Caller::from_request_parts(&mut parts, services).await.map_err(Problem::into_response)?;
        let view = View::from_request_parts(&mut parts, services).await.map_err(Problem::into_response)?;
        let typed = Typed::from_request(Request::from_parts(parts, body), services).await?;
        Ok(Self { services: services.clone(), caller, view, typed })
    }
}
