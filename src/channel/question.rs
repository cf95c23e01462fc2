//! What is asked of a meter, with what is known beforehand about the answer.

use std::time::Instant;

use dlt645::address::AddressField;
use dlt645::exchange::{Exchange, LengthRule, Timing};
use dlt645::request::Request;

/// A request and the lengths its answer may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub request: Request,
    /// Answers of another length are refused. Without a rule the line has to be kept quiet as long as the longest
    /// answer of all would take, whenever a meter is silent.
    pub length: LengthRule,
    /// Data of this length are the whole answer even when the frame says that more follows. [645-2007 4]
    pub whole_at: Option<usize>,
}

impl Question {
    /// A question whose answer may have any length.
    #[must_use]
    pub const fn new(request: Request) -> Self {
        Self { request, length: LengthRule::Any, whole_at: None }
    }

    /// The same with a rule for the length of the answer.
    #[must_use]
    pub fn expecting(self, length: LengthRule) -> Self {
        Self { length, ..self }
    }

    /// The same with a length that is known to be the whole answer.
    #[must_use]
    pub fn whole_at(self, length: usize) -> Self {
        Self { whole_at: Some(length), ..self }
    }

    /// Whom it goes to.
    #[must_use]
    pub const fn asked(&self) -> AddressField {
        self.request.address()
    }

    pub(super) fn exchange(&self, timing: Timing, now: Instant) -> Exchange {
        let exchange = Exchange::begin(self.request.clone(), timing, now);
        // A rule of the request's own is not to be widened.
        let exchange = match &self.length {
            LengthRule::Any => exchange,
            rule => exchange.expecting(rule.clone()),
        };
        match self.whole_at {
            Some(length) => exchange.whole_at(length),
            None => exchange,
        }
    }
}

impl From<Request> for Question {
    fn from(request: Request) -> Self {
        Self::new(request)
    }
}
