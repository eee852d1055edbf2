//! Fetches from other trackers: scripted servers on loopback that do what nobody would expect of a
//! tracker, and a real one.
//!
//! Each fetch goes through [`fetch`], which checks that it ends in time, whatever happens.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "deadlines need the real clock, and a helper fails its test by panicking"
)]

mod answers;
#[path = "../support/opentracker.rs"]
mod opentracker;
mod pool;
mod queries;
mod real;
mod redirects;
mod server;
mod targets;
mod udp;

use btrt::bittorrent::{Event, InfoHash, PeerId, Target, UpstreamReply, UpstreamRequest};
use btrt::job::{Fetch, FetchError, FetchId, FetchPolicy};
use btrt::worker::Upstream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Long enough for a busy machine, short enough to wait for.
const TIMEOUT: Duration = Duration::from_millis(1000);

/// What a fetch may take beyond its time.
const GRACE: Duration = Duration::from_millis(500);

type Fetched = Result<UpstreamReply, FetchError>;

/// A policy that allows the servers here, which listen on 127.0.0.1.
fn policy() -> FetchPolicy {
    FetchPolicy {
        allow_networks: vec!["127.0.0.1/32".parse().unwrap()],
        ports: vec![80..=80, 443..=443, 1024..=65535],
        own_addresses: Vec::new(),
        trusted: false,
        via: "btrt-test".into(),
    }
}

fn announce() -> UpstreamRequest {
    UpstreamRequest::Announce {
        info_hash: InfoHash(
            *b"\xfc\x78\xee\x7e\x2a\x4c\x70\x66\x17\x48\x44\x74\xd8\x98\x03\x82\xee\xc8\x06\xe7",
        ),
        peer_id: PeerId(*b"-XX0001-123456789012"),
        downloaded: 0,
        left: 1,
        uploaded: 0,
        event: Event::Started,
        ip: None,
        key: 1,
        numwant: Some(50),
        port: 6881,
    }
}

fn prepared(url: impl AsRef<[u8]>, policy: FetchPolicy) -> Fetch {
    Fetch {
        id: FetchId(1),
        target: Target::parse(url.as_ref()).unwrap(),
        request: announce(),
        timeout_ms: TIMEOUT.as_millis() as u64,
        user_agent: None,
        policy: Arc::new(policy),
    }
}

/// Fetches, and checks that it did not take longer than it may.
fn carry_out(fetch: &Fetch) -> Fetched {
    let started = Instant::now();
    let result = Upstream::default().fetch(fetch);
    let took = started.elapsed();
    let limit = Duration::from_millis(fetch.timeout_ms) + GRACE;
    assert!(took < limit, "{} took {took:?}: {result:?}", fetch.target);
    result
}

fn fetch(url: impl AsRef<[u8]>) -> Fetched {
    carry_out(&prepared(url, policy()))
}
