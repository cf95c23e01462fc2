//! What is asked of a meter, with what is known beforehand about the answer.

use std::time::Instant;

use dlt645::address::AddressField;
use dlt645::exchange::{Exchange, LengthRule, Timing};
use dlt645::request::Request;

use super::modbus::RegisterQuestion;

/// What a job asks, in the protocol of its meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inquiry {
    /// A frame of DL/T 645.
    Frame(Question),
    /// Registers of a meter that speaks Modbus.
    Registers(RegisterQuestion),
}

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

impl Inquiry {
    /// Whom it goes to.
    #[must_use]
    pub const fn asked(&self) -> AddressField {
        match self {
            Self::Frame(question) => question.asked(),
            Self::Registers(question) => question.asked(),
        }
    }

    /// The request of DL/T 645, where it is one.
    #[must_use]
    pub const fn request(&self) -> Option<&Request> {
        match self {
            Self::Frame(question) => Some(&question.request),
            Self::Registers(_) => None,
        }
    }

    /// True for what changes a meter: questions for registers never do.
    #[must_use]
    pub fn changes_meter(&self) -> bool {
        self.request().is_some_and(Request::changes_meter)
    }

    /// True when somebody is to answer.
    pub(super) fn expects_answer(&self) -> bool {
        self.request().is_none_or(Request::expects_answer)
    }

    /// The name of its function, from a closed set.
    pub(super) fn function_name(&self) -> &'static str {
        match self {
            Self::Frame(question) => question.request.function().names().map_or("unknown", |(name, _)| name),
            Self::Registers(question) => question.function().name(),
        }
    }
}

impl From<Question> for Inquiry {
    fn from(question: Question) -> Self {
        Self::Frame(question)
    }
}

impl From<Request> for Inquiry {
    fn from(request: Request) -> Self {
        Self::Frame(request.into())
    }
}

impl From<RegisterQuestion> for Inquiry {
    fn from(question: RegisterQuestion) -> Self {
        Self::Registers(question)
    }
}

impl From<Request> for Question {
    fn from(request: Request) -> Self {
        Self::new(request)
    }
}
