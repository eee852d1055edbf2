//! What an operator asks for.

use crate::protocol::http::{Head, Method};

/// A request, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// For what.
    pub route: Route,
    /// For the answer's head only.
    pub head_only: bool,
}

/// What there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// The page for people.
    Page,
    /// Its style sheet.
    Style,
    /// Its script.
    Script,
    /// Whether the daemon answers.
    Health,
    /// Nothing.
    NotFound,
    /// Something, but not with this method.
    MethodNotAllowed,
}

impl Request {
    /// Reads a head. Queries are for those paths that want one.
    pub fn read(head: &Head<'_>) -> Request {
        let route = match head.path {
            b"/" => Route::Page,
            b"/style.css" => Route::Style,
            b"/script.js" => Route::Script,
            b"/healthz" => Route::Health,
            _ => Route::NotFound,
        };
        let route = match (head.method, route) {
            (_, Route::NotFound) => Route::NotFound,
            (Method::Other, _) => Route::MethodNotAllowed,
            (_, route) => route,
        };
        Request {
            route,
            head_only: head.method == Method::Head,
        }
    }
}
