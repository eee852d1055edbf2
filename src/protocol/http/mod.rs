//! HTTP (RFC 9112) as a tracker speaks it: what real clients send, and what they understand.
//!
//! The way of a request: a [`Session`] finds the [`Head`]s in what a connection receives; a
//! [`Request`] is what a head asks for, with its [`query`] decoded; [`client_address`] says who
//! asks; [`response`] writes the answer. Requests have no bodies here, and answers always say how
//! long they are.

pub mod client_address;
pub mod document;
pub mod forwarded;
pub mod head;
pub mod query;
pub mod request;
pub mod response;
pub mod session;

pub use document::Document;
pub use head::{Head, Method, Refusal};
pub use request::{Form, Reading, Request, ScrapeOf, announced_in};
pub use session::{Service, Session, Status, Verdict};
