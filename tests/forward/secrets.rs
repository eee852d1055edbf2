//! Passkeys are for the tracker they belong to, and for nobody else.

use crate::harness::{Daemon, leecher, percent_encode};
use crate::server::{Server, ok, send};
use crate::{by_path_to, forward_to, named, platform, said, settings};

const KEYS: [&str; 2] = ["pathkey0123456789", "querykey0123456789"];

#[test]
fn passkeys_and_queries_reach_neither_the_log_nor_other_clients() {
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
    let daemon = Daemon::start(&settings(", transparent: true").logging("level: debug"));
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
