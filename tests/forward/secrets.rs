//! Passkeys are for the tracker they belong to, and for nobody else.

use crate::harness::{Daemon, leecher, percent_encode};
use crate::server::{Server, ok, send};
use crate::{by_path_to, forward_to, named, platform, said, settings};
use nix::sys::signal::Signal;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

const END: Duration = Duration::from_secs(20);

const KEYS: [&str; 2] = ["pathkey0123456789", "querykey0123456789"];

#[test]
fn passkeys_and_queries_reach_nobody_but_their_tracker() {
    let [path_key, query_key] = KEYS;
    let good = Server::answering(said());
    // A tracker that repeats what it was told.
    let refusing = Server::start(|stream, head| {
        let target = head.split(' ').nth(1).unwrap();
        let body = format!("d14:failure reason{}:{target}e", target.len());
        send(stream, &ok(body.as_bytes()));
    });
    let redirecting = Server::start(|stream, head| {
        let target = head.split(' ').nth(1).unwrap();
        send(
            stream,
            format!("HTTP/1.1 302 Found\r\nLocation: ftp://x{target}\r\n\r\n").as_bytes(),
        );
    });
    let dead = Server::saying("nonsense\r\n\r\n");
    let settings = settings(", transparent: true")
        .logging("level: debug")
        .with_admin()
        .database("url: 'sqlite:btrt.sqlite', flush_interval: 1");
    let mut daemon = Daemon::start(&settings);
    daemon.wait_for_log("the load", |line| line.contains("the database is loaded"));
    let announce = leecher(1).set("passkey", query_key);
    for tracker in [&good, &refusing, &redirecting, &dead] {
        let place = format!("{}/{path_key}/announce", tracker.address);
        forward_to(&daemon, &by_path_to(&place, &announce));
        forward_to(
            &daemon,
            &by_path_to(&place.replace("announce", "scrape"), &announce),
        );
        let url = percent_encode(format!("http://{place}?passkey={query_key}").as_bytes());
        let query = leecher(1).query();
        forward_to(
            &daemon,
            &format!("/forwarded_announce?tracker={url}&{query}"),
        );
        let mut client = platform(&daemon);
        client.send(format!(
            "GET /{path_key}/announce?{} HTTP/1.1\r\nHost: {}\r\n\r\n",
            announce.query(),
            named(tracker)
        ));
        client.answer();
        // Others at the same tracker, and others of the same torrent.
        for target in [
            by_path_to(
                &format!("{}/another/announce", tracker.address),
                &leecher(2),
            ),
            leecher(3).target(),
        ] {
            let answer = platform(&daemon).get(&target);
            let text = answer.body.escape_ascii().to_string();
            assert!(!KEYS.iter().any(|key| text.contains(key)), "{text}");
        }
    }
    // Bad requests are logged as well.
    let bad = format!("/forwarded_announce/ftp/x/{path_key}?{}", announce.query());
    forward_to(&daemon, &bad);
    daemon
        .connect_from([127, 3, 0, 1])
        .get(&bad.replace("ftp", "http"));
    daemon.wait_for_log("a line a request", |line| line.contains("may not forward"));
    for page in pages(good.address) {
        let answer = daemon.admin().get(&page);
        assert_eq!(answer.status, 200, "{page}");
        assert_silent(&answer.body, &page);
    }
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_for_exit(END).code(), Some(0));
    let files = fs::read_dir(daemon.folder()).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let database: Vec<_> = files
        .filter(|path| path.to_string_lossy().contains("sqlite"))
        .collect();
    assert!(!database.is_empty());
    for path in database {
        assert_silent(&fs::read(&path).unwrap(), &path.to_string_lossy());
    }
    let lines = daemon.log_lines();
    assert!(
        lines
            .iter()
            .any(|line| line.contains("forwarded to http://"))
    );
    for line in lines {
        for secret in KEYS.iter().chain(&["info_hash=", "peer_id=", "-TS0001-"]) {
            assert!(!line.contains(secret), "{line}");
        }
    }
}

/// All that operators can look at, with what was asked of this tracker in it.
fn pages(tracker: SocketAddr) -> Vec<String> {
    let hash: String = b"a swarm of 20 bytes."
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let [path_key, query_key] = KEYS;
    let url = format!("http://{tracker}/{path_key}/announce?passkey={query_key}");
    let url = percent_encode(url.as_bytes());
    let pages = ["/", "/stats.json", "/metrics", "/healthz", "/hashlist.bin"];
    let mut pages = pages.map(str::to_owned).to_vec();
    pages.push(format!("/torrents/{hash}"));
    pages.push(format!("/explain?info_hash={hash}&ip=127.1.0.9"));
    pages.push(format!(
        "/explain?info_hash={hash}&ip=127.1.0.9&tracker={url}"
    ));
    pages
}

fn assert_silent(bytes: &[u8], what: &str) {
    for key in KEYS {
        let found = bytes
            .windows(key.len())
            .any(|bytes| bytes == key.as_bytes());
        assert!(!found, "{what} tells {key}");
    }
}
