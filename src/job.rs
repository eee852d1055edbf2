//! What the loop asks the workers to do, and what they bring back: plain data, so that neither
//! side knows the other.

use crate::bittorrent::{Counts, InfoHash};
use crate::record::{Changes, PeerKey, PeerRecord, SwarmRecord};
use crate::time::Timestamp;
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

/// Work for the database. One job is out at a time.
#[derive(Debug)]
pub enum StoreJob {
    /// Write this.
    Write(Changes),
    /// Read the next rows of peers behind this one, or the first ones.
    ReadPeers {
        /// The present, which the times in the rows are told from.
        now: Timestamp,
        /// The last one read.
        after: Option<PeerKey>,
    },
    /// The same for swarms.
    ReadSwarms {
        /// The present, which the times in the rows are told from.
        now: Timestamp,
        /// The last one read.
        after: Option<InfoHash>,
    },
}

/// A finished [`StoreJob`], or news of the database.
#[derive(Debug)]
pub enum StoreOutcome {
    /// It is written: so many rows of either kind.
    Written {
        /// Rows of peers.
        peers: usize,
        /// Rows of swarms.
        swarms: usize,
    },
    /// Rows of peers; none if there are no more.
    Peers(Vec<PeerRecord>),
    /// Rows of swarms; none if there are no more.
    Swarms(Vec<SwarmRecord>),
    /// It does not work, for this reason. The job that is out will be done when it does.
    DatabaseDown(String),
    /// It works again.
    DatabaseUp,
}

/// Whom an outcome belongs to: a connection that waits. It outlives the connection without harm,
/// as nobody gets the same one again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);
