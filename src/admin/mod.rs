//! What operators see: which path shows what, and how it is written.
//!
//! Everything here only reads, and every answer is made from figures that are kept anyway: the
//! work for it does not grow with the peers. What takes longer is promised ([`answer`] returns
//! `None`) and brought later ([`deliver`]). Knows no socket and no clock.

mod hash_list;
mod inquiry;
mod metrics;
mod route;
pub mod stats;

pub use inquiry::{Explained, GroupLine, PeerLine, TorrentReport};
pub use route::{Request, Route};
pub use stats::Stats;

use crate::job::Ticket;
use crate::process;
use crate::protocol::http::Document;
use crate::protocol::http::response::Status;
use crate::time::Now;
use crate::tracker::{Answer, Tracker};
use serde::Serialize;

/// What the page may load: its own two files and its own figures.
const PAGE_POLICY: &str = "Content-Security-Policy: default-src 'none'; style-src 'self'; \
                           script-src 'self'; connect-src 'self'; img-src 'self' data:; \
                           base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n";
const NOT_STORED: &str = "Cache-Control: no-store\r\n";

/// What answering takes.
#[derive(Debug)]
pub struct Counter<'a> {
    /// What there is to see.
    pub tracker: &'a mut Tracker,
    /// Where an answer goes that comes later.
    pub ticket: Ticket,
    /// The present.
    pub now: Now,
    /// What the tracker does not know.
    pub surroundings: Surroundings,
}

/// What the loop knows and the tracker does not.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// UTC, in seconds since 1970.
    pub time: u64,
    /// Open on the public listeners.
    pub connections: usize,
    /// Which kind of database there is: `sqlite`, `mysql` or `none`.
    pub database: &'static str,
}

/// The answer to a request; `None` promises that [`Tracker::next_answer`] will have one for the
/// ticket.
pub fn answer(request: &Request, counter: Counter<'_>) -> Option<Document> {
    Some(match &request.route {
        Route::Page => Document {
            fields: format!("{NOT_STORED}{PAGE_POLICY}"),
            ..document("text/html; charset=utf-8", include_str!("page/index.html"))
        },
        Route::Style => document("text/css; charset=utf-8", include_str!("page/style.css")),
        Route::Script => document(
            "text/javascript; charset=utf-8",
            include_str!("page/script.js"),
        ),
        Route::Stats => json(&Stats::gather(counter)),
        Route::Metrics => {
            let times = counter.tracker.figures().answer_times.clone();
            let text = metrics::metrics(&Stats::gather(counter), &times, &process::usage());
            document("text/plain; version=0.0.4; charset=utf-8", text)
        }
        Route::Health => document("text/plain", "ok\n"),
        Route::HashList(_) => {
            let Counter { ticket, now, .. } = counter;
            counter.tracker.handle_hash_list(ticket, now);
            return None;
        }
        Route::Torrent(info_hash) => match counter.tracker.look_at_swarm(info_hash, counter.now) {
            Some(report) => json(&TorrentReport::new(info_hash, report)),
            None => Document {
                status: Status::NotFound,
                ..document("text/plain", "There is no such torrent.\n")
            },
        },
        Route::Explain(inquiry) => {
            let explanation = counter.tracker.explain(inquiry, counter.now);
            json(&Explained::from(explanation))
        }
        Route::Bad(why) => Document {
            status: Status::BadRequest,
            ..document("text/plain", format!("{why}\n"))
        },
        Route::NotFound => Document {
            status: Status::NotFound,
            ..document("text/plain", "There is nothing at this path.\n")
        },
        Route::MethodNotAllowed => Document {
            status: Status::MethodNotAllowed,
            ..document("text/plain", "Operators ask with GET.\n")
        },
    })
}

/// The answer to a request that was promised one.
pub fn deliver(request: &Request, answer: Answer<'_>) -> Document {
    match (&request.route, answer) {
        (Route::HashList(known), Answer::HashList(list)) => hash_list::document(&list, known),
        // Whoever goes by the list goes on with the one it has, and not with an empty one.
        (_, Answer::Failure(failure)) => Document {
            status: Status::Unavailable,
            ..document("text/plain", format!("{failure}\n"))
        },
        _ => Document {
            status: Status::NotFound,
            ..document("text/plain", "")
        },
    }
}

fn json(value: &impl Serialize) -> Document {
    // Strings and numbers always can be written.
    document(
        "application/json",
        serde_json::to_vec(value).unwrap_or_default(),
    )
}

/// An answer that nobody is to keep.
fn document(content_type: &'static str, body: impl Into<Vec<u8>>) -> Document {
    Document {
        status: Status::Ok,
        content_type,
        fields: NOT_STORED.to_owned(),
        body: body.into().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bittorrent::Failure;

    #[test]
    fn a_list_that_could_not_be_made_is_not_taken_for_an_empty_one() {
        let request = Request {
            route: Route::HashList(Vec::new()),
            head_only: false,
        };
        let document = deliver(&request, Answer::Failure(Failure::Internal));
        assert_eq!(document.status, Status::Unavailable);
    }
}
