//! What is sent: the client's query byte for byte, and our own headers.

use crate::server::Server;
use crate::{carry_out, policy, prepared};

/// The request line's target and the other lines of what a fetch sends.
fn sent(path_and_query: &[u8], user_agent: Option<&str>) -> (String, Vec<String>) {
    let server = Server::answering("de");
    let url = [server.url("").as_bytes(), path_and_query].concat();
    let mut fetch = prepared(url, policy());
    fetch.user_agent = user_agent.map(str::to_owned);
    carry_out(&fetch).unwrap();
    let head = server.heads().remove(0);
    let mut lines = head.lines().map(str::to_owned);
    let first = lines.next().unwrap();
    let target = first.strip_prefix("GET ").unwrap();
    let target = target.strip_suffix(" HTTP/1.1").unwrap().to_owned();
    (
        target,
        lines.map(|line| line.to_ascii_lowercase()).collect(),
    )
}

#[test]
fn a_query_is_sent_as_the_client_wrote_it() {
    for query in [
        "/announce?info_hash=%fC%78%EE~*LpfaaaaaaHDt%d8%98&peer_id=-XX0001-&left=0",
        "/announce?a=%ZZ&b=%&c=%4&d=+&e=|&f={}&g=[]&h=^&i='&j=!$()*,;:@\\&k=~",
        "/announce?b=1&a=2&&a=2&=&x",
        "/x?passkey=1?info_hash=2",
        "//a/../b/./c;d=1?",
        "/announce.php?x=http://other/%2f",
        "/",
    ] {
        assert_eq!(sent(query.as_bytes(), None).0, query);
    }
}

#[test]
fn bytes_that_no_request_line_may_hold_are_escaped() {
    let sent = |query: &[u8]| sent(query, None).0;
    assert_eq!(sent(b"/a b?c=d e"), "/a%20b?c=d%20e");
    assert_eq!(sent("/é?x=é".as_bytes()), "/%C3%A9?x=%C3%A9");
    assert_eq!(sent(b"/?x=\xff\"<>`"), "/?x=%FF%22%3C%3E%60");
    assert_eq!(sent(b"/?x#y"), "/?x");
    assert_eq!(sent(b"?x"), "/?x");
}

#[test]
fn the_headers_are_ours() {
    let (_, lines) = sent(b"/", None);
    let own = format!("user-agent: btrt/{}", btrt::VERSION);
    assert!(lines.contains(&own), "{lines:?}");
    assert!(
        lines.contains(&"via: 1.1 btrt-test".to_owned()),
        "{lines:?}"
    );
    assert!(lines.contains(&"connection: close".to_owned()), "{lines:?}");
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("host: 127.0.0.1:")),
        "{lines:?}"
    );
    assert!(
        !lines.iter().any(|line| line.starts_with("accept")),
        "{lines:?}"
    );

    let (_, lines) = sent(b"/", Some("Transmission/3.00"));
    assert!(
        lines.contains(&"user-agent: transmission/3.00".to_owned()),
        "{lines:?}"
    );
    for improper in ["", "a\r\nX: y", "é", "\u{7f}", &"a".repeat(257)] {
        let (_, lines) = sent(b"/", Some(improper));
        assert!(lines.contains(&own), "{lines:?}");
    }
}
