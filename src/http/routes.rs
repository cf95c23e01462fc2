//! The registry of routes: none can be registered without saying who may use it.
//!
//! It notes method, path and rule of each and lays the check around the handler in one step, so that what is listed and
//! what is checked cannot differ (T16). Method and path of a route of the API come from its description, which is also
//! what `/api/openapi.json` shows.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use utoipa::__dev::SchemaReferences;
use utoipa::openapi::path::{HttpMethod, Operation, Parameter};
use utoipa::openapi::{RefOr, Schema};

use super::Services;
use super::guard::guard;
use crate::domain::access::Action;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Whoever asks.
    Everybody,
    /// Whoever has shown who they are, even when a password or second factor has still to be set.
    Unfinished,
    /// Every account.
    SignedIn,
    /// Accounts that may do this.
    May(Action),
    /// Accounts that may do at least one of these.
    MayOneOf(&'static [Action]),
}

impl From<Action> for Rule {
    fn from(action: Action) -> Self {
        Self::May(action)
    }
}

/// A route as it is listed.
#[derive(Clone, Debug)]
pub struct Route {
    /// The method; GET answers HEAD as well, and changes nothing.
    pub method: Method,
    /// The path, with names in braces.
    pub path: String,
    /// Who may use it.
    pub rule: Rule,
    /// The most bytes that its body may have.
    pub most_bytes: usize,
    /// Of a form, how many parts of its path lead to the page that it stands on; none for the first page.
    pub page: usize,
    /// Whether it does once what comes again with the same idempotency key.
    pub takes_key: bool,
}

impl Route {
    /// True when using it may change something.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.method != Method::GET
    }

    /// The page that a form at this path stands on.
    #[must_use]
    pub fn page_of(&self, path: &str) -> String {
        let parts: Vec<&str> = path.split('/').skip(1).take(self.page).collect();
        format!("/{}", parts.join("/"))
    }
}

/// All routes, as they are gathered.
#[derive(Default)]
pub struct Routes {
    entries: Vec<(Route, MethodRouter<Services>)>,
    described: Described,
}

/// What the routes of the API say about themselves.
#[derive(Default)]
pub struct Described {
    /// Path, method and what is done there.
    pub operations: Vec<(String, HttpMethod, Operation)>,
    /// The types that they name.
    pub schemas: Vec<(String, RefOr<Schema>)>,
}

impl Routes {
    /// A page, by GET.
    #[must_use]
    pub fn page<H, T>(self, path: &str, rule: impl Into<Rule>, handler: H) -> Self
    where
        H: Handler<T, Services>,
        T: 'static,
    {
        self.add(Method::GET, path.to_owned(), rule.into(), on(MethodFilter::GET, Erased::of(handler)))
    }

    /// A form of a page, by POST.
    #[must_use]
    pub fn form<H, T>(self, path: &str, rule: impl Into<Rule>, handler: H) -> Self
    where
        H: Handler<T, Services>,
        T: 'static,
    {
        self.add(Method::POST, path.to_owned(), rule.into(), on(MethodFilter::POST, Erased::of(handler)))
    }

    /// A route of the API, described by what `#[utoipa::path]` makes of its handler: for a handler `list` that is
    /// `__path_list`.
    #[must_use]
    pub fn api<P, H, T>(mut self, rule: impl Into<Rule>, handler: H) -> Self
    where
        P: utoipa::Path + SchemaReferences,
        H: Handler<T, Services>,
        T: 'static,
    {
        let rule = rule.into();
        P::schemas(&mut self.described.schemas);
        for described in P::methods() {
            let (method, filter) = method(&described);
            let operation = P::operation();
            let is_key = |one: &RefOr<Parameter>| matches!(one, RefOr::T(one) if one.name == IDEMPOTENCY_KEY);
            let takes_key = operation.parameters.iter().flatten().any(is_key);
            self.described.operations.push((P::path(), described, operation));
            self = self.add(method, P::path(), rule, on(filter, Erased::of(handler.clone())));
            if let Some((route, _)) = self.entries.last_mut() {
                route.takes_key = takes_key;
            }
        }
        self
    }

    /// Lets the route that was added last take so many bytes.
    #[must_use]
    pub fn taking(mut self, most_bytes: usize) -> Self {
        if let Some((route, _)) = self.entries.last_mut() {
            route.most_bytes = most_bytes;
        }
        self
    }

    /// These and others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.entries.extend(others.entries);
        self.described.operations.extend(others.described.operations);
        self.described.schemas.extend(others.described.schemas);
        self
    }

    /// Every route.
    pub fn all(&self) -> impl Iterator<Item = &Route> {
        self.entries.iter().map(|(route, _)| route)
    }

    /// The paths of all pages.
    fn pages(&self) -> impl Iterator<Item = String> {
        self.all().filter(|route| !route.changes()).map(|route| route.path.clone())
    }

    /// What the routes of the API say about themselves.
    #[must_use]
    pub const fn described(&self) -> &Described {
        &self.described
    }

    /// The router, each handler behind its check.
    pub fn into_router(self, services: &Services) -> Router<Services> {
        let pages: Vec<String> = self.pages().collect();
        self.entries.into_iter().fold(Router::new(), |router, (route, handler)| {
            let path = route.path.clone();
            let route = Route { page: depth_of_page(&pages, &path), ..route };
            let checked = (services.clone(), Arc::new(route));
            router.route(&path, handler.layer(from_fn_with_state(checked, guard)))
        })
    }

    fn add(mut self, method: Method, path: String, rule: Rule, handler: MethodRouter<Services>) -> Self {
        let route = Route { method, path, rule, most_bytes: MOST_BYTES, page: 0, takes_key: false };
        self.entries.push((route, handler));
        self
    }
}

/// How many parts of a path lead to the nearest page above it, or to itself where it is one.
fn depth_of_page(pages: &[String], path: &str) -> usize {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let above = |depth: &usize| parts.get(..*depth).map(|parts| format!("/{}", parts.join("/")));
    let is_page = |depth: &usize| above(depth).is_some_and(|above| pages.contains(&above));
    (1..=parts.len()).rev().find(is_page).unwrap_or(0)
}

fn method(described: &HttpMethod) -> (Method, MethodFilter) {
    match described {
        HttpMethod::Post => (Method::POST, MethodFilter::POST),
        HttpMethod::Put => (Method::PUT, MethodFilter::PUT),
        HttpMethod::Patch => (Method::PATCH, MethodFilter::PATCH),
        HttpMethod::Delete => (Method::DELETE, MethodFilter::DELETE),
        // Nothing else is described here.
        _ => (Method::GET, MethodFilter::GET),
    }
}

/// A handler without its type. The router wraps a handler in some twenty layers, and at each the compiler proves anew
/// that the whole future of the handler, down to the database, may be sent; behind this it proves it once. Of its walk
/// through the program, 126 s, 100 s went there.
#[derive(Clone)]
struct Erased(Arc<dyn Fn(Request, Services) -> Answer + Send + Sync>);

type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;

impl Erased {
    fn of<H, T>(handler: H) -> Self
    where
        H: Handler<T, Services>,
        T: 'static,
    {
        Self(Arc::new(move |request, services| Box::pin(handler.clone().call(request, services))))
    }
}

impl Handler<(), Services> for Erased {
    type Future = Answer;

    fn call(self, request: Request, services: Services) -> Answer {
        (self.0)(request, services)
    }
}

/// The header of a key with which a request is done once.
pub(super) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
/// The most bytes that a body may have where its route says nothing else.
const MOST_BYTES: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_back_to_the_page_that_it_stands_on() {
        let pages: Vec<String> = crate::http::routes().pages().collect();
        let page = |pattern: &str, path: &str| {
            let route = Route {
                method: Method::POST,
                path: pattern.to_owned(),
                rule: Rule::SignedIn,
                most_bytes: 0,
                page: depth_of_page(&pages, pattern),
                takes_key: false,
            };
            route.page_of(path)
        };
        assert_eq!(page("/orders/{order}/approve", "/orders/7/approve"), "/orders/7");
        assert_eq!(page("/users/{id}/role", "/users/7/role"), "/users");
        assert_eq!(page("/evidence/notices", "/evidence/notices"), "/evidence");
        assert_eq!(page("/proposals", "/proposals"), "/proposals");
        assert_eq!(page("/stop/lift", "/stop/lift"), "/");
        assert_eq!(page("/again", "/again"), "/");
    }
}
