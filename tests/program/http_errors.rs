//! What is answered to those who do not speak HTTP, ask for something else, or take too long.

use crate::harness::{Daemon, Settings, leecher};
use std::time::{Duration, Instant};

/// One second for everything that may time out.
fn impatient() -> Settings {
    Settings::default()
        .server("request_timeout: 1")
        .server("idle_timeout: 1")
}

#[test]
fn what_is_not_http_is_answered_400_and_closed() {
    let daemon = Daemon::start(&Settings::default());
    for nonsense in [
        &b"\x13BitTorrent protocol\0\0\0\0\0\0\0\0\r\n\r\n"[..],
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n",
        b"hello\r\n\r\n",
        b"GET /announce\r\n\r\n",
        b"GET /announce SPDY/9\r\n\r\n",
        b"GET /announce HTTP/1.1\r\nno colon here\r\n\r\n",
    ] {
        println!("{}", nonsense.escape_ascii());
        let mut client = daemon.connect();
        client.send(nonsense);
        assert_eq!(client.answer().status, 400);
        client.expect_closed();
    }
}

#[test]
fn other_paths_are_404() {
    let daemon = Daemon::start(&Settings::default());
    for path in [
        "/",
        "/index.html",
        "/announcement",
        "/announce.html",
        "/announce/more",
        "/xannounce",
        "/scraper",
        "/stats.json",
    ] {
        let target = format!("{path}?{}", leecher(1).query());
        assert_eq!(daemon.connect().get(&target).status, 404, "{path}");
    }
}

#[test]
fn other_methods_are_405() {
    let daemon = Daemon::start(&Settings::default());
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let mut client = daemon.connect();
        client.send(format!(
            "{method} {} HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            leecher(1).target()
        ));
        assert_eq!(client.answer().status, 405, "{method}");
    }
    assert_eq!(
        daemon.announce(&leecher(2)).counts(),
        [0, 1, 0],
        "and none of them registered a peer"
    );
}

/// A request for an announce whose head has exactly this many bytes.
fn request_of(bytes: usize) -> String {
    let start = format!(
        "GET {} HTTP/1.1\r\nHost: t\r\nX-Padding: ",
        leecher(1).target()
    );
    format!("{start}{}\r\n\r\n", "x".repeat(bytes - start.len() - 4))
}

#[test]
fn a_head_over_8_kib_is_431() {
    let daemon = Daemon::start(&Settings::default());
    let mut client = daemon.connect();
    client.send(request_of(8192));
    assert_eq!(client.answer().status, 200, "8 KiB are allowed");
    client.send(request_of(8193));
    assert_eq!(client.answer().status, 431);
    client.expect_closed();
}

/// Nobody has to send the end of a head that is too long already.
#[test]
fn a_head_without_an_end_is_431() {
    let daemon = Daemon::start(&Settings::default());
    let mut client = daemon.connect();
    client.send(format!("GET /announce?{}", "x".repeat(9000)));
    assert_eq!(client.answer().status, 431);
    client.expect_closed();
}

#[test]
fn half_a_request_is_408() {
    let daemon = Daemon::start(&impatient());
    let mut client = daemon.connect();
    client.send("GET /announce?info_ha");
    assert_eq!(client.answer().status, 408);
    client.expect_closed();
}

/// The whole head must be in by the deadline: a byte now and then does not put it off.
#[test]
fn a_dripping_request_is_408() {
    let daemon = Daemon::start(&impatient());
    let mut client = daemon.connect();
    let begin = Instant::now();
    client.send("GET /announce?");
    while !client.hears_within(Duration::from_millis(100)) {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "every byte puts the deadline off"
        );
        client.send("x");
    }
    assert_eq!(client.answer().status, 408);
}

#[test]
fn a_silent_connection_is_just_closed() {
    let daemon = Daemon::start(&impatient());
    daemon.connect().expect_closed();
}

/// `idle_timeout` is for the time between requests; `request_timeout` does not shorten it.
#[test]
fn a_kept_connection_is_just_closed_when_it_stays_idle() {
    let daemon = Daemon::start(
        &Settings::default()
            .server("request_timeout: 1")
            .server("idle_timeout: 3"),
    );
    let mut client = daemon.connect();
    client.announce(&leecher(1));
    let begin = Instant::now();
    client.expect_closed();
    assert!(
        begin.elapsed() > Duration::from_secs(2),
        "closed after {:?}",
        begin.elapsed()
    );
}
