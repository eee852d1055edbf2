//! What others have told of peers: who said it, and how long it may be believed.
//!
//! Each of them tells of addresses of its own, so that a peer says where it was heard of.

use crate::real::Endpoint;
use btrt::bittorrent::InfoHash;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Who tells of peers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    Neighbor(usize),
    /// An external tracker and an account there.
    External(usize, usize),
}

impl Source {
    /// A few peers that only this one tells of.
    pub fn peers(&self, count: u8) -> Vec<SocketAddr> {
        let [a, b] = match self {
            Source::Neighbor(number) => [9, *number as u8],
            Source::External(tracker, account) => [8, (tracker * 8 + account) as u8],
        };
        let peer = |n| match n % 5 {
            3 => format!("[2001:db8:{a:x}:{b:x}::{n:x}]:6881").parse(),
            4 => format!("{a}.{b}.0.{n}:25").parse(),
            _ => format!("{a}.{b}.0.{n}:6881").parse(),
        };
        (0..count).map(|n| peer(n).expect("an address")).collect()
    }
}

/// Until when somebody's word for a peer counts.
#[derive(Debug, Default)]
pub struct Hearsay(BTreeMap<(Source, InfoHash), BTreeMap<Endpoint, u32>>);

impl Hearsay {
    /// Takes note of what was said.
    pub fn hear(&mut self, source: &Source, info_hash: InfoHash, peers: &[SocketAddr], until: u32) {
        let heard = self.0.entry((source.clone(), info_hash)).or_default();
        for peer in peers {
            let last = heard.entry((peer.ip(), peer.port())).or_default();
            *last = until.max(*last);
        }
    }

    /// Whether somebody whom a client may know of has told of a peer.
    pub fn tells_of(
        &self,
        external: Option<&Source>,
        info_hash: InfoHash,
        peer: Endpoint,
        now: u32,
    ) -> bool {
        self.0.iter().any(|((source, about), peers)| {
            let counts = match source {
                Source::Neighbor(_) => true,
                Source::External(..) => Some(source) == external,
            };
            let until = peers.get(&peer);
            counts && *about == info_hash && until.is_some_and(|&until| now <= until)
        })
    }
}
