//! Debian's opentracker, over HTTP and UDP.

use crate::opentracker::Opentracker;
use crate::{announce, carry_out, policy, prepared};
use btrt::bittorrent::{InfoHash, UpstreamReply, UpstreamRequest};

/// The one that it knows.
const HASH: &str = "fc78ee7e2a4c706617484474d8980382eec806e7";

fn ask(tracker: &Opentracker, url: &str, request: UpstreamRequest) -> UpstreamReply {
    let url = url.replace("PORT", &tracker.address.port().to_string());
    let mut fetch = prepared(url, policy());
    fetch.request = request;
    carry_out(&fetch).unwrap()
}

#[test]
fn a_real_tracker_answers_by_http_and_udp() {
    let tracker = Opentracker::start([127, 0, 0, 1], HASH);
    let hash: InfoHash = HASH.parse().unwrap();
    let escaped: String = hash.0.iter().map(|byte| format!("%{byte:02x}")).collect();
    let by_http = |port: u16| {
        let url = format!(
            "http://127.0.0.1:PORT/announce?info_hash={escaped}&peer_id=-XX0001-{port:012}\
             &port={port}&uploaded=0&downloaded=0&left=1&event=started&compact=1"
        );
        ask(&tracker, &url, announce())
    };
    by_http(4001);
    let reply = by_http(4002);
    assert_eq!(reply.leechers, Some(2));
    assert!(
        reply.peers.contains(&"127.0.0.1:4001".parse().unwrap()),
        "{reply:?}"
    );
    assert!(reply.interval.is_some());

    let reply = ask(&tracker, "udp://127.0.0.1:PORT/announce", announce());
    assert_eq!(reply.leechers, Some(3));
    assert!(
        reply.peers.contains(&"127.0.0.1:4001".parse().unwrap()),
        "{reply:?}"
    );
    assert!(
        reply.peers.contains(&"127.0.0.1:4002".parse().unwrap()),
        "{reply:?}"
    );

    let hashes = UpstreamRequest::Scrape { hashes: vec![hash] };
    let by_udp = ask(&tracker, "udp://127.0.0.1:PORT", hashes.clone());
    let url = format!("http://127.0.0.1:PORT/scrape?info_hash={escaped}");
    let by_http = ask(&tracker, &url, hashes);
    assert_eq!(by_udp.files[0].1.leechers, 3);
    assert_eq!(by_http.files, by_udp.files);

    let url = "http://127.0.0.1:PORT/announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=\
               aaaaaaaaaaaaaaaaaaaa&port=1&left=1";
    let refused = ask(&tracker, url, announce()).failure.unwrap();
    assert!(refused.reason.contains("not authorized"), "{refused:?}");
}
