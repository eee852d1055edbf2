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

/// Work for the database's worker: one at a time, each answered by one [`StoreOutcome`] that is not
/// about the database itself.
#[derive(Debug)]
pub enum StoreJob {
    /// Write changes.
    Write(Changes),
    /// Read peers in the order of their keys.
    ReadPeers {
        /// The present.
        now: Timestamp,
        /// Those behind this one; `None` is from the beginning.
        after: Option<PeerKey>,
        /// How many.
        limit: usize,
    },
    /// Read swarms in the order of their info hashes.
    ReadSwarms {
        /// The present.
        now: Timestamp,
        /// Those behind this one; `None` is from the beginning.
        after: Option<InfoHash>,
        /// How many.
        limit: usize,
    },
}

/// A finished [`StoreJob`], or news of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreOutcome {
    /// Changes are in the database.
    Written {
        /// Rows of peers.
        peers: usize,
        /// Rows of swarms.
        swarms: usize,
        /// Rows that the database refuses for what is in them. It does not have them, and there
        /// is no use in writing them again as they are.
        refused: usize,
    },
    /// Peers as they were read; fewer than asked for when there are no more.
    Peers(Vec<PeerRecord>),
    /// Swarms as they were read; fewer than asked for when there are no more.
    Swarms(Vec<SwarmRecord>),
    /// The job in hand waits for the database to come back, or to become usable, which it is not
    /// for this reason.
    DatabaseDown(String),
    /// The database does what it is asked, for the first time or again.
    DatabaseUp,
}

/// Whom an outcome belongs to: a connection that waits. It outlives the connection without harm,
/// as nobody gets the same one again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);
