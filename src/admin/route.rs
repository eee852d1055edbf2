//! What an operator asks for.

use super::inquiry;
use crate::bittorrent::InfoHash;
use crate::protocol::http::{Head, Method};
use crate::tracker::Inquiry;

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
    /// All figures.
    Stats,
    /// The same for Prometheus.
    Metrics,
    /// Whether the daemon answers.
    Health,
    /// The info hashes for which the network itself has peers. Whoever asks says with these values
    /// of `If-None-Match` which ones it has already.
    HashList(Vec<Box<[u8]>>),
    /// One swarm.
    Torrent(InfoHash),
    /// Whom a client would be given.
    Explain(Box<Inquiry>),
    /// Something that makes no sense, and why.
    Bad(String),
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
            b"/stats.json" => Route::Stats,
            b"/metrics" => Route::Metrics,
            b"/healthz" => Route::Health,
            b"/hashlist.bin" => {
                let known = head.values("if-none-match").map(Box::from);
                Route::HashList(known.collect())
            }
            b"/explain" => {
                let inquiry = inquiry::read(head.query);
                inquiry.map_or_else(Route::Bad, |inquiry| Route::Explain(Box::new(inquiry)))
            }
            path => match path.strip_prefix(b"/torrents/") {
                Some(digits) => {
                    inquiry::read_info_hash(digits).map_or_else(Route::Bad, Route::Torrent)
                }
                None => Route::NotFound,
            },
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
