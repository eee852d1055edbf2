//! The public face as HTTP: connections that stay or close, paths, headers, and every way to cut
//! requests into packets.

use crate::harness::{
    Answer, Client, Daemon, Reply, Settings, leecher, percent_encode, scrape_target, seeder,
};

const HASH: &[u8; 20] = b"aaaaaaaaaaaaaaaaaaaa";

#[test]
fn a_connection_stays_or_closes_as_the_client_asks() {
    let daemon = Daemon::start(&Settings::default());
    let scrape = scrape_target(&[HASH]);
    for (version_and_header, stays) in [
        ("HTTP/1.1\r\n", true),
        ("HTTP/1.1\r\nConnection: keep-alive\r\n", true),
        ("HTTP/1.1\r\nConnection: close\r\n", false),
        ("HTTP/1.1\r\nconnection: Close\r\n", false),
        ("HTTP/1.1\r\nCONNECTION: TE, close\r\n", false),
        ("HTTP/1.0\r\n", false),
        ("HTTP/1.0\r\nConnection: keep-alive\r\n", true),
        ("HTTP/1.0\r\nconnection: Keep-Alive\r\n", true),
    ] {
        println!("{version_and_header:?}");
        let mut client = daemon.connect();
        let request = format!("GET {scrape} {version_and_header}\r\n");
        client.send(&request);
        let first = client.answer();
        if stays {
            client.send(&request);
            assert_eq!(client.answer(), first);
        } else {
            client.expect_closed();
        }
    }
}

/// A client of HTTP/1.0 takes the connection for closed unless the answer says otherwise.
#[test]
fn http_1_0_is_told_that_the_connection_stays() {
    let daemon = Daemon::start(&Settings::default());
    let mut client = daemon.connect();
    client.send(format!(
        "GET {} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        scrape_target(&[HASH])
    ));
    let answer = client.answer();
    let connection = answer.header("connection").map(str::to_ascii_lowercase);
    assert_eq!(connection.as_deref(), Some("keep-alive"));
}

#[test]
fn every_spelling_of_a_path_is_served() {
    let daemon = Daemon::start(&Settings::default());
    let mut client = daemon.connect();
    let query = leecher(1).query();
    for path in [
        "/announce",
        "/announce/",
        "/announce.php",
        "/x/announce",
        "/x/y/announce",
        "/x/announce.php",
    ] {
        for host in [
            "",
            "http://retracker.local",
            "http://tracker.example:6969",
            "HTTP://[2001:db8::1]:80",
        ] {
            let reply = Reply::from_answer(&client.get(&format!("{host}{path}?{query}")));
            assert_eq!(reply.counts(), [0, 1, 0], "{host}{path}");
        }
    }
    let hash = percent_encode(HASH);
    for path in [
        "/scrape",
        "/scrape/",
        "/scrape.php",
        "/x/scrape",
        "/x/y/scrape",
        "http://a.example/scrape",
    ] {
        let reply = client.scrape(&format!("{path}?info_hash={hash}"));
        assert_eq!(reply.file(HASH), Some([0, 0, 0]), "{path}");
    }
}

/// The Host means nothing here, and old clients send none.
#[test]
fn any_host_or_none_is_served() {
    let daemon = Daemon::start(&Settings::default());
    let mut client = daemon.connect();
    for header in [
        "",
        "Host:\r\n",
        "Host: ::1:7303\r\n",
        "hOsT: [::1]:7303\r\n",
        "HOST: other.example\r\n",
    ] {
        client.send(format!(
            "GET {} HTTP/1.1\r\n{header}\r\n",
            leecher(1).target()
        ));
        assert_eq!(
            Reply::from_answer(&client.answer()).counts(),
            [0, 1, 0],
            "{header:?}"
        );
    }
}

#[test]
fn empty_lines_before_a_request_are_passed_over() {
    let daemon = Daemon::start(&Settings::default());
    let mut client = daemon.connect();
    let request = format!("\r\nGET {} HTTP/1.1\r\n\r\n", leecher(1).target());
    for _ in 0..2 {
        client.send(&request);
        assert_eq!(Reply::from_answer(&client.answer()).counts(), [0, 1, 0]);
    }
}

#[test]
fn answers_are_plain_and_never_compressed() {
    let daemon = Daemon::start(&Settings::default());
    let mut client = daemon.connect();
    let refused = leecher(1).without("info_hash").target();
    for target in [leecher(1).target(), refused, scrape_target(&[HASH])] {
        let answer = client.get_with(&target, &["Accept-Encoding: gzip, deflate, br, zstd"]);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("text/plain"));
        assert_eq!(answer.header("content-encoding"), None);
        assert_eq!(answer.header("transfer-encoding"), None);
        assert_eq!(
            answer.header("content-length"),
            Some(answer.body.len().to_string().as_str())
        );
        assert_eq!(answer.body.first(), Some(&b'd'));
    }
}

#[test]
fn head_has_no_body_and_registers_nothing() {
    let daemon = Daemon::start(&Settings::default());
    let mut client = daemon.connect();
    for target in [leecher(1).target(), scrape_target(&[HASH])] {
        client.send(format!("HEAD {target} HTTP/1.1\r\nHost: t\r\n\r\n"));
        let answer = client.answer_to_head();
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("text/plain"))
        );
    }
    let reply = client.announce(&leecher(2));
    assert_eq!((reply.counts(), reply.peers()), ([0, 1, 0], vec![]));
}

#[test]
fn a_client_that_has_closed_its_side_gets_its_answers() {
    let daemon = Daemon::start(&Settings::default());
    let mut client = daemon.connect();
    let request = format!("GET {} HTTP/1.1\r\nHost: t\r\n\r\n", leecher(1).target());
    client.send(request.repeat(5));
    client.finish_sending();
    for _ in 0..5 {
        assert_eq!(Reply::from_answer(&client.answer()).counts(), [0, 1, 0]);
    }
    client.expect_closed();
}

/// More requests in one piece than any buffer for a single head holds.
#[test]
fn pipelined_requests_are_answered_in_order() {
    let daemon = Daemon::start(&Settings::default());
    let mut client = daemon.connect();
    let hashes: Vec<[u8; 20]> = (0..200).map(|number| [number; 20]).collect();
    let requests = hashes
        .iter()
        .map(|hash| format!("GET {} HTTP/1.1\r\nHost: t\r\n\r\n", scrape_target(&[hash])));
    client.send(requests.collect::<String>());
    for hash in hashes {
        let reply = Reply::from_answer(&client.answer());
        assert_eq!(
            reply.file(&hash),
            Some([0, 0, 0]),
            "the answer to another request came first"
        );
    }
}

/// The answers to a fixed conversation, sent by `send`, to a daemon that knows nothing yet.
fn conversation(send: impl Fn(&mut Client, &[String]) -> Vec<Answer>) -> Vec<Answer> {
    let daemon = Daemon::start(&Settings::default());
    let targets = [
        scrape_target(&[HASH, b"bbbbbbbbbbbbbbbbbbbb"]),
        leecher(1).without("peer_id").target(),
        leecher(1).event("stopped").scrape_target(),
        "/scrape?info_hash=short".to_owned(),
        seeder(1).scrape_target(),
    ];
    let requests = targets.map(|target| format!("GET {target} HTTP/1.1\r\nHost: t\r\n\r\n"));
    daemon.announce(&seeder(1));
    send(&mut daemon.connect(), &requests)
}

/// Where the packets end is an accident of the network and must change nothing.
#[test]
fn cutting_requests_anywhere_gives_the_same_answers() {
    let one_by_one = conversation(|client, requests| {
        let ask = |request| {
            client.send(request);
            client.answer()
        };
        requests.iter().map(ask).collect()
    });
    let answers =
        |client: &mut Client, count| (0..count).map(|_| client.answer()).collect::<Vec<_>>();
    let in_one_piece = conversation(|client, requests| {
        client.send(requests.concat());
        answers(client, requests.len())
    });
    let bytewise = conversation(|client, requests| {
        client.send_bytewise(requests.concat());
        answers(client, requests.len())
    });
    assert_eq!(one_by_one, in_one_piece);
    assert_eq!(one_by_one, bytewise);
}
