//! Whatever another tracker answers, it is read or refused, and what is read keeps its limits.

use btrt::bittorrent::{Reach, UpstreamReply};
use btrt::protocol::upstream;
use std::collections::HashSet;

pub fn run(answer: &[u8]) {
    if let Ok(reply) = upstream::read_reply(answer, |_| false) {
        check(&reply);
    }
}

pub fn check(reply: &UpstreamReply) {
    assert!(reply.peers.len() <= 2000);
    let different: HashSet<_> = reply.peers.iter().collect();
    assert_eq!(different.len(), reply.peers.len());
    for peer in &reply.peers {
        assert_ne!(peer.port(), 0);
        assert_eq!(Reach::of(peer.ip()), Reach::Public);
    }
    let reason = reply.failure.as_ref().map(|failure| &failure.reason);
    for text in reason.into_iter().chain(&reply.warning) {
        assert!(text.len() <= 512);
    }
}
