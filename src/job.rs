//! What the loop asks the workers to do, and what they bring back: plain data, so that neither
//! side knows the other.

use crate::bittorrent::{Counts, InfoHash};
use std::sync::Arc;

/// Work that would take the loop too long.
#[derive(Debug)]
pub enum Job {
    /// Sort and write the answer to a scrape of everything.
    WriteFullScrape {
        /// All swarms; one may be in here twice.
        files: Vec<(InfoHash, Counts)>,
        /// See [`scrape_body`](crate::protocol::http::response::scrape_body).
        min_request_interval: u32,
    },
}

/// A finished [`Job`].
#[derive(Debug)]
pub enum Outcome {
    /// The body of the answer to a scrape of everything.
    FullScrape(Arc<[u8]>),
}

/// Whom an outcome belongs to: a connection that waits. It outlives the connection without harm,
/// as nobody gets the same one again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);
