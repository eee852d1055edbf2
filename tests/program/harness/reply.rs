//! What a tracker answered, in the words of BitTorrent.

use super::{Answer, Value};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// A bencoded answer to an announce or a scrape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply(pub Value);

impl Reply {
    /// Insists on what every answer of a tracker must be as HTTP.
    pub fn from_answer(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain"),
            "{answer:?}"
        );
        assert_eq!(answer.header("content-encoding"), None, "{answer:?}");
        let reply = Self(Value::decode(&answer.body));
        let alone = reply.0.get(b"peers").is_none() && reply.0.get(b"files").is_none();
        assert!(
            reply.failure().is_none() || alone,
            "a failure reason beside data: {answer:?}"
        );
        reply
    }

    pub fn failure(&self) -> Option<String> {
        let reason = self.0.get(b"failure reason")?;
        Some(String::from_utf8(reason.bytes().to_vec()).expect("the reason is text"))
    }

    pub fn integer(&self, key: &str) -> i64 {
        let value = self.0.get(key.as_bytes());
        value
            .unwrap_or_else(|| panic!("no {key} in {self:?}"))
            .integer()
    }

    /// `complete`, `incomplete`, `downloaded`.
    pub fn counts(&self) -> [i64; 3] {
        ["complete", "incomplete", "downloaded"].map(|key| self.integer(key))
    }

    /// The compact IPv4 peers, which are always there, even if there are none.
    pub fn peers(&self) -> Vec<SocketAddr> {
        let compact = self
            .0
            .get(b"peers")
            .unwrap_or_else(|| panic!("no peers in {self:?}"))
            .bytes();
        let (peers, rest) = compact.as_chunks::<6>();
        assert!(rest.is_empty(), "{} bytes of compact peers", compact.len());
        let address = |[a, b, c, d, high, low]: &[u8; 6]| {
            SocketAddr::from((
                Ipv4Addr::new(*a, *b, *c, *d),
                u16::from_be_bytes([*high, *low]),
            ))
        };
        distinct(peers.iter().map(address).collect())
    }

    /// The compact IPv6 peers; none if the key is not there.
    pub fn peers6(&self) -> Vec<SocketAddr> {
        let compact = self.0.get(b"peers6").map(Value::bytes).unwrap_or_default();
        let (peers, rest) = compact.as_chunks::<18>();
        assert!(
            rest.is_empty(),
            "{} bytes of compact IPv6 peers",
            compact.len()
        );
        let address = |peer: &[u8; 18]| {
            let (ip, port) = peer.split_at(16);
            let ip: [u8; 16] = ip.try_into().expect("16 of 18 bytes");
            SocketAddr::from((Ipv6Addr::from(ip), u16::from_be_bytes([port[0], port[1]])))
        };
        distinct(peers.iter().map(address).collect())
    }

    /// The entry of a scrape for one info hash: `complete`, `incomplete`, `downloaded`.
    pub fn file(&self, info_hash: &[u8]) -> Option<[i64; 3]> {
        let file = self.files().get(info_hash)?.clone();
        Some(Self(file).counts())
    }

    pub fn files(&self) -> &Value {
        self.0
            .get(b"files")
            .unwrap_or_else(|| panic!("no files in {self:?}"))
    }

    /// The reply in a form in which two answers to the same question are equal: the interval is
    /// spread by chance, and so is the order of the peers.
    pub fn normalized(&self) -> (Value, Vec<SocketAddr>) {
        let Value::Dictionary(mut entries) = self.0.clone() else {
            panic!("not a dictionary: {self:?}")
        };
        let mut peers = if entries.contains_key(&b"peers"[..]) {
            self.peers()
        } else {
            Vec::new()
        };
        peers.sort_unstable();
        entries.remove(&b"interval"[..]);
        entries.remove(&b"peers"[..]);
        (Value::Dictionary(entries), peers)
    }
}

/// No list may name a peer twice.
fn distinct(peers: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let mut sorted = peers.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(
        sorted.len(),
        peers.len(),
        "a peer is named twice in {peers:?}"
    );
    peers
}
