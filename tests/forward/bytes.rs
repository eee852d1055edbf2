//! What reaches an external tracker: the client's query, byte for byte.

use crate::harness::{Client, Daemon, leecher, percent_encode};
use crate::server::Server;
use crate::{forward_to, named, platform, said, settings, targets_seen};

/// Escapes in both cases and of what needs none, an empty parameter, separators in a row, a value
/// without a name, and whatever else must not be tidied up.
const QUERY: &str = "info_hash=%aB%cd%EF0123456789abcde%66g&peer_id=-TS0001-0000000000%3a1\
     &port=6881&left=007&uploaded=-1&event=&corrupt=0&key=%zz&odd=%ZZ%%4&+plus=a+b|{}^[]'\\~\
     &&x?y=%00&=z&compact=1";

/// Sends something as the platform does and returns what the tracker was asked.
fn asked(keys: &str, send: impl Fn(&mut Client, &Server)) -> String {
    let tracker = Server::answering(said());
    let daemon = Daemon::start(&settings(keys));
    let mut client = platform(&daemon);
    send(&mut client, &tracker);
    let answer = client.answer();
    assert!(answer.body.starts_with(b"d8:complete"), "{answer:?}");
    let seen = targets_seen(&tracker);
    assert_eq!(seen.len(), 1);
    seen[0].clone()
}

fn get(client: &mut Client, target: &str) {
    client.send(format!(
        "GET {target} HTTP/1.1\r\nHost: retracker.local\r\nX-Real-IP: 127.1.0.7\r\n\r\n"
    ));
}

#[test]
fn form_a_changes_nothing() {
    let seen = asked("", |client, tracker| {
        let place = format!("{}//x/%61nn.php", tracker.address);
        get(client, &format!("/forwarded_announce/http/{place}?{QUERY}"));
    });
    assert_eq!(seen, format!("//x/%61nn.php?{QUERY}&ip=127.1.0.7"));
}

#[test]
fn form_a_takes_client_ip_out_wherever_it_stands() {
    for (sent, kept) in [
        (format!("client_ip=127.1.0.8&{QUERY}"), QUERY.to_owned()),
        (format!("{QUERY}&client_ip=127.1.0.8"), QUERY.to_owned()),
        (
            format!("{QUERY}&client_ip=127%2e1.0.8&tail=%20&"),
            format!("{QUERY}&tail=%20&"),
        ),
        (
            format!("{QUERY}&xclient_ip=1&client_ip=127.1.0.8&tracker=mine"),
            format!("{QUERY}&xclient_ip=1&tracker=mine"),
        ),
    ] {
        let seen = asked("", |client, tracker| {
            let place = tracker.address;
            get(
                client,
                &format!("/forwarded_announce/http/{place}/a?{sent}"),
            );
        });
        assert_eq!(seen, format!("/a?{kept}&ip=127.1.0.8"), "of {sent}");
    }
}

#[test]
fn form_b_takes_its_parameters_out_and_keeps_the_urls_own_query() {
    for own_query in ["", "?passkey=a%2Fb&x"] {
        for order in ["tracker first", "tracker last"] {
            let seen = asked("", |client, tracker| {
                let url = format!("http://{}/announce{own_query}", tracker.address);
                let url = percent_encode(url.as_bytes());
                let query = match order {
                    "tracker first" => format!("tracker={url}&client_ip=127.1.0.8&{QUERY}"),
                    _ => format!("{QUERY}&client_ip=127.1.0.8&tracker={url}"),
                };
                get(client, &format!("/forwarded_announce?{query}"));
            });
            let joint = if own_query.is_empty() { "?" } else { "&" };
            let expected = format!("/announce{own_query}{joint}{QUERY}&ip=127.1.0.8");
            assert_eq!(seen, expected, "{order}");
        }
    }
}

#[test]
fn form_c_changes_nothing() {
    for absolute in [false, true] {
        let seen = asked(", transparent: true", |client, tracker| {
            let host = named(tracker);
            let target = format!("/s3cret/announce?{QUERY}");
            client.send(match absolute {
                true => format!("GET http://{host}{target} HTTP/1.1\r\nHost: other\r\n\r\n"),
                false => format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            });
        });
        assert_eq!(seen, format!("/s3cret/announce?{QUERY}&ip=127.0.0.1"));
    }
}

#[test]
fn an_address_that_the_client_names_itself_stays_the_only_one() {
    let seen = asked("", |client, tracker| {
        let place = tracker.address;
        get(
            client,
            &format!("/forwarded_announce/http/{place}/a?ip=203.0.113.9&{QUERY}"),
        );
    });
    assert_eq!(seen, format!("/a?ip=203.0.113.9&{QUERY}"));
}

#[test]
fn a_scrape_gets_no_address() {
    let tracker = Server::answering("d5:filesdee");
    let daemon = Daemon::start(&settings(""));
    let query = "info_hash=%aB%cd%EF0123456789abcde%66g&client_ip=127.1.0.8&odd=%zz";
    let place = format!("{}/x/scrape.php", tracker.address);
    forward_to(
        &daemon,
        &format!("/forwarded_announce/http/{place}?{query}"),
    );
    let expected = "/x/scrape.php?info_hash=%aB%cd%EF0123456789abcde%66g&odd=%zz";
    assert_eq!(targets_seen(&tracker), [expected]);
}

/// Some trackers answer only programs that they know, and all should be able to tell who asks.
#[test]
fn the_client_s_program_and_our_own_mark_are_named() {
    let tracker = Server::answering(said());
    let daemon = Daemon::start(&settings(""));
    let target = crate::by_path(tracker.address, &leecher(1));
    platform(&daemon).get_with(&target, &["User-Agent: Test/1.2"]);
    let head = tracker.heads()[0].to_ascii_lowercase();
    assert!(head.contains("\r\nuser-agent: test/1.2\r\n"), "{head}");
    assert!(head.contains("\r\nvia: 1.1 btrt"), "{head}");
    assert!(head.contains(&format!("\r\nhost: {}\r\n", tracker.address)));
}
