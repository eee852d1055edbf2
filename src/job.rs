//! What the loop asks the workers to do, and what they bring back: plain data, so that neither
//! side knows the other.

use crate::bittorrent::{BadTarget, Counts, InfoHash, Target, UpstreamReply, UpstreamRequest};
use crate::record::{Changes, PeerKey, PeerRecord, SwarmRecord};
use crate::time::Timestamp;
use ipnet::IpNet;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
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
    /// Sort the hash list and write it.
    WriteHashList {
        /// The swarms to list; one may be in here twice.
        hashes: Vec<InfoHash>,
    },
    /// Ask another tracker.
    Fetch(Fetch),
}

/// A finished [`Job`].
#[derive(Debug)]
pub enum Outcome {
    /// The body of the answer to a scrape of everything; `None` after a fault of BTRT's own.
    FullScrape(Option<Arc<[u8]>>),
    /// The hash list; `None` after a fault of BTRT's own.
    HashList(Option<HashList>),
    /// What another tracker said.
    Fetched {
        /// Of the job.
        id: FetchId,
        /// The answer; a refusal by the tracker is one.
        result: Result<UpstreamReply, FetchError>,
        /// How long it took the worker, in milliseconds.
        took_ms: u64,
    },
}

/// The info hashes for which the network itself has peers, as they go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashList {
    /// 20 each, sorted, none of them twice.
    pub bytes: Arc<[u8]>,
    /// A name for just these bytes: other bytes have another.
    pub tag: Arc<str>,
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
    /// The database does what it is asked, for the first time, again, or over a new connection: it
    /// may be another one by now, or an older one.
    DatabaseUp,
}

/// Whom an outcome belongs to: a connection that waits. It outlives the connection without harm,
/// as nobody gets the same one again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// A question to another tracker, and how to put it.
#[derive(Debug)]
pub struct Fetch {
    /// To know the outcome by.
    pub id: FetchId,
    /// Where. Over HTTP this is the whole question.
    pub target: Target,
    /// What; over UDP this is the question.
    pub request: UpstreamRequest,
    /// How long it may take in all, redirects included, in milliseconds.
    pub timeout_ms: u64,
    /// Passed on over HTTP; without one, or if it cannot stand in a header, BTRT says its own name.
    pub user_agent: Option<String>,
    /// What may be contacted.
    pub policy: Arc<FetchPolicy>,
}

/// Which [`Fetch`] an outcome belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FetchId(pub u64);

/// What fetches may contact, and how they are marked.
#[derive(Clone, Debug)]
pub struct FetchPolicy {
    /// Contacted, and learned as peers, although not public.
    pub allow_networks: Vec<IpNet>,
    /// Ports that may be contacted.
    pub ports: Vec<RangeInclusive<u16>>,
    /// Where BTRT itself listens, which is never contacted. An unspecified address stands for all
    /// of the machine's own.
    pub own_addresses: Vec<SocketAddr>,
    /// The operator wrote the target: its host may have any address and any port. Where a redirect
    /// leads from there to another host, the rules hold again.
    pub trusted: bool,
    /// What this instance calls itself in `Via` (RFC 9110, section 7.6.3).
    pub via: String,
}

/// Why a [`Fetch`] brought no answer. What it shows is for the log and names neither path nor
/// query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// The policy forbids to contact the target, or what it redirects to.
    Refused(Forbidden),
    /// The name has no address.
    Unresolvable,
    /// No connection, or it broke.
    Connect(io::ErrorKind),
    /// No TLS session, for instance because of the certificate.
    Tls(String),
    /// The time was over.
    Timeout,
    /// More than an answer may hold.
    TooLarge,
    /// More redirects than are followed.
    TooManyRedirects,
    /// A redirect without a usable `Location`.
    BadRedirect(BadTarget),
    /// What came is not HTTP.
    NotHttp,
    /// This status without an answer in the body.
    Status(u16),
    /// The body is not bencode, or no dictionary.
    NotBencode,
    /// The bencode is nested too deeply.
    TooDeep,
    /// The request came back to us, by way of the target.
    Loop,
    /// This machine has no thread or descriptor left for it.
    Short,
    /// A fault of BTRT's own.
    Internal,
}

/// Which rule of a [`FetchPolicy`] was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// A port that is not allowed.
    Port(u16),
    /// An address that is not public.
    Address(IpAddr),
    /// BTRT itself.
    Own(SocketAddr),
}

impl FetchPolicy {
    /// Whether the operator named a network for this address.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.allow_networks
            .iter()
            .any(|network| network.contains(&address))
    }
}

impl FetchError {
    /// Whether the host is well, if that is shown. What was asked of it is no trouble of its own:
    /// nobody shall be able to have a tracker left alone by asking it for nonsense.
    pub fn host_is_well(&self) -> Option<bool> {
        match self {
            FetchError::Unresolvable
            | FetchError::Connect(_)
            | FetchError::Tls(_)
            | FetchError::Timeout
            | FetchError::NotHttp
            | FetchError::Status(500..) => Some(false),
            FetchError::Short | FetchError::Internal => None,
            FetchError::Refused(_)
            | FetchError::TooLarge
            | FetchError::TooManyRedirects
            | FetchError::BadRedirect(_)
            | FetchError::Status(_)
            | FetchError::NotBencode
            | FetchError::TooDeep
            | FetchError::Loop => Some(true),
        }
    }

    /// A short name for counters.
    pub fn name(&self) -> &'static str {
        match self {
            FetchError::Refused(_) => "refused",
            FetchError::Unresolvable => "unresolvable",
            FetchError::Connect(_) => "connect",
            FetchError::Tls(_) => "tls",
            FetchError::Timeout => "timeout",
            FetchError::TooLarge => "too_large",
            FetchError::TooManyRedirects | FetchError::BadRedirect(_) => "redirect",
            FetchError::NotHttp => "not_http",
            FetchError::Status(_) => "status",
            FetchError::NotBencode => "not_bencode",
            FetchError::TooDeep => "too_deep",
            FetchError::Loop => "loop",
            FetchError::Short => "short",
            FetchError::Internal => "internal",
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchError::Refused(rule) => write!(f, "{rule}"),
            FetchError::Unresolvable => f.write_str("the name has no address"),
            FetchError::Connect(kind) => write!(f, "the connection failed: {kind}"),
            FetchError::Tls(why) => write!(f, "no TLS session: {why}"),
            FetchError::Timeout => f.write_str("no answer in time"),
            FetchError::TooLarge => f.write_str("the answer is too large"),
            FetchError::TooManyRedirects => f.write_str("too many redirects"),
            FetchError::BadRedirect(why) => write!(f, "a redirect that leads nowhere: {why}"),
            FetchError::NotHttp => f.write_str("the answer is not HTTP"),
            FetchError::Status(status) => write!(f, "HTTP status {status}"),
            FetchError::NotBencode => f.write_str("the answer is not bencode"),
            FetchError::TooDeep => f.write_str("the answer is nested too deeply"),
            FetchError::Loop => f.write_str("the request came back to this tracker"),
            FetchError::Short => f.write_str("no thread or file descriptor is left for it"),
            FetchError::Internal => f.write_str("a fault in this program"),
        }
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Forbidden::Port(port) => write!(f, "port {port} may not be contacted"),
            Forbidden::Address(ip) => write!(f, "{ip} may not be contacted: it is not public"),
            Forbidden::Own(address) => write!(f, "{address} is this tracker itself"),
        }
    }
}
