//! Debian's opentracker, over HTTP and UDP.

use crate::{announce, carry_out, policy, prepared};
use btrt::bittorrent::{InfoHash, UpstreamReply, UpstreamRequest};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Knows one info hash, as Debian builds it to ask for a list.
const HASH: &str = "fc78ee7e2a4c706617484474d8980382eec806e7";

struct Opentracker {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Opentracker {
    fn start() -> Opentracker {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("whitelist");
        std::fs::write(&list, format!("{HASH}\n")).unwrap();
        let port = free_port();
        let child = Command::new("opentracker")
            .args([
                "-i",
                "127.0.0.1",
                "-p",
                &port.to_string(),
                "-P",
                &port.to_string(),
            ])
            .args(["-u", "nobody", "-d", "/", "-w"])
            .arg(&list)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("opentracker is missing: install Debian's package `opentracker`");
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                started.elapsed() < Duration::from_secs(10),
                "opentracker does not listen"
            );
            std::thread::park_timeout(Duration::from_millis(5));
        }
        Opentracker {
            child,
            port,
            _folder: folder,
        }
    }

    fn ask(&self, url: &str, request: UpstreamRequest) -> UpstreamReply {
        let mut fetch = prepared(url.replace("PORT", &self.port.to_string()), policy());
        fetch.request = request;
        carry_out(&fetch).unwrap()
    }
}

impl Drop for Opentracker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that neither TCP nor UDP uses.
fn free_port() -> u16 {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        if UdpSocket::bind(address).is_ok() {
            return address.port();
        }
    }
}

#[test]
fn a_real_tracker_answers_by_http_and_udp() {
    let tracker = Opentracker::start();
    let hash: InfoHash = HASH.parse().unwrap();
    let escaped: String = hash.0.iter().map(|byte| format!("%{byte:02x}")).collect();
    let by_http = |port: u16| {
        let url = format!(
            "http://127.0.0.1:PORT/announce?info_hash={escaped}&peer_id=-XX0001-{port:012}\
             &port={port}&uploaded=0&downloaded=0&left=1&event=started&compact=1"
        );
        tracker.ask(&url, announce())
    };
    by_http(4001);
    let reply = by_http(4002);
    assert_eq!(reply.leechers, Some(2));
    assert!(
        reply.peers.contains(&"127.0.0.1:4001".parse().unwrap()),
        "{reply:?}"
    );
    assert!(reply.interval.is_some());

    let reply = tracker.ask("udp://127.0.0.1:PORT/announce", announce());
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
    let by_udp = tracker.ask("udp://127.0.0.1:PORT", hashes.clone());
    let url = format!("http://127.0.0.1:PORT/scrape?info_hash={escaped}");
    let by_http = tracker.ask(&url, hashes);
    assert_eq!(by_udp.files[0].1.leechers, 3);
    assert_eq!(by_http.files, by_udp.files);

    let url = "http://127.0.0.1:PORT/announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=\
               aaaaaaaaaaaaaaaaaaaa&port=1&left=1";
    let refused = tracker.ask(url, announce()).failure.unwrap();
    assert!(refused.reason.contains("not authorized"), "{refused:?}");
}
