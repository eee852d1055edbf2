//! Whatever another tracker answers, it is read or refused, and what is read keeps its limits.

#![no_main]

use btrt::bittorrent::{InfoHash, Reach, Target, UpstreamReply, UpstreamRequest};
use btrt::protocol::{udp, upstream};
use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;

fuzz_target!(|answer: &[u8]| {
    if let Ok(reply) = upstream::read_reply(answer, |_| false) {
        check(&reply);
    }
    let asked = UpstreamRequest::Scrape {
        hashes: vec![InfoHash([0; 20]); 3],
    };
    let packet = [&[0, 0, 0, 2, 0, 0, 0, 1], answer].concat();
    if let Some(reply) = udp::read_reply(&packet, 1, &asked, false, |_| false) {
        assert!(reply.files.len() <= 3);
        check(&reply);
    }
    // Where a redirect leads, if it leads anywhere, can be said again.
    let base = Target::parse(b"http://tracker.example/announce").expect("a URL");
    if let Ok(target) = base.join(answer) {
        assert_ne!(target.port, 0);
        assert_eq!(target.path_and_query.first(), Some(&b'/'));
        let url = [target.to_string().as_bytes(), &target.path_and_query].concat();
        assert_eq!(Target::parse(&url), Ok(target));
    }
});

fn check(reply: &UpstreamReply) {
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
