//! What servers answer, and how.

use crate::server::{Server, hang, ok, send, trickle};
use crate::{fetch, policy};
use btrt::job::FetchError;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::time::Duration;

const ANSWER: &[u8] = b"d8:completei1e10:incompletei2e8:intervali1800e12:min intervali900e\
                        5:peers12:\x08\x08\x08\x08\x1a\xe1\x7f\0\0\x01\x1a\xe2e";

#[test]
fn an_announce_is_answered() {
    let server = Server::answering(ANSWER);
    let reply = fetch(server.url("/announce?x")).unwrap();
    assert_eq!(
        reply.peers,
        [
            "8.8.8.8:6881".parse().unwrap(),
            "127.0.0.1:6882".parse().unwrap()
        ]
    );
    assert_eq!((reply.seeders, reply.leechers), (Some(1), Some(2)));
    assert_eq!(
        (reply.interval, reply.min_interval),
        (Some(1800), Some(900))
    );
    assert_eq!(reply.failure, None);
}

#[test]
fn a_scrape_is_answered() {
    let server = Server::answering(
        b"d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei5e10:downloadedi6e10:incompletei7eeee",
    );
    let reply = fetch(server.url("/scrape?x")).unwrap();
    assert_eq!(reply.files.len(), 1);
    assert_eq!(reply.files[0].1.leechers, 7);
}

#[test]
fn an_answer_may_be_chunked_or_end_with_the_connection() {
    let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for piece in ANSWER.chunks(7) {
        chunked.extend(format!("{:x}\r\n", piece.len()).as_bytes());
        chunked.extend(piece);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    let until_the_end = [b"HTTP/1.0 200 OK\r\n\r\n", ANSWER].concat();
    for answer in [chunked, until_the_end] {
        let server = Server::saying(answer);
        assert_eq!(fetch(server.url("/")).unwrap().peers.len(), 2);
    }
}

#[test]
fn a_server_that_keeps_the_connection_open_is_not_waited_for() {
    let server = Server::start(|stream, _| {
        send(stream, &ok(ANSWER));
        hang(stream);
    });
    assert_eq!(fetch(server.url("/")).unwrap().peers.len(), 2);
}

#[test]
fn silence_and_slowness_end_with_the_time() {
    let silent = Server::start(|stream, _| hang(stream));
    assert_eq!(fetch(silent.url("/")), Err(FetchError::Timeout));

    let pause = Duration::from_millis(300);
    let slow_head = Server::start(move |stream, _| trickle(stream, &ok(ANSWER), pause));
    assert_eq!(fetch(slow_head.url("/")), Err(FetchError::Timeout));

    let slow_body = Server::start(move |stream, _| {
        send(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
        trickle(stream, ANSWER, pause);
    });
    assert_eq!(fetch(slow_body.url("/")), Err(FetchError::Timeout));

    // Nobody accepts but the kernel.
    let idle = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", idle.local_addr().unwrap());
    assert_eq!(fetch(url), Err(FetchError::Timeout));
}

#[test]
fn too_much_is_not_read() {
    let large = [b"d1:a2000000:", &vec![b'x'; 2_000_000][..], b"e"].concat();
    let server = Server::answering(&large);
    assert_eq!(fetch(server.url("/")), Err(FetchError::TooLarge));

    let endless = Server::start(|stream, _| {
        send(stream, b"HTTP/1.0 200 OK\r\n\r\n");
        while stream.write_all(&[b'l'; 4096]).is_ok() {}
    });
    assert_eq!(fetch(endless.url("/")), Err(FetchError::TooLarge));

    let endless_head = Server::start(|stream, _| {
        send(stream, b"HTTP/1.0 200 OK\r\n");
        while stream.write_all(b"X-A: b\r\n").is_ok() {}
    });
    let error = fetch(endless_head.url("/")).unwrap_err();
    assert!(
        matches!(error, FetchError::TooLarge | FetchError::NotHttp),
        "{error}"
    );

    let full = [b"d1:a1048563:", &vec![b'x'; 1_048_563][..], b"e"].concat();
    let server = Server::answering(&full[..]);
    assert_eq!(fetch(server.url("/")).unwrap().peers, []);
}

#[test]
fn an_answer_that_ends_too_soon_is_none() {
    let half = Server::saying(&ok(ANSWER)[..60]);
    assert!(matches!(fetch(half.url("/")), Err(FetchError::Connect(_))));

    let lie = [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", ANSWER].concat();
    let promises_more = Server::saying(lie);
    assert!(matches!(
        fetch(promises_more.url("/")),
        Err(FetchError::Connect(_))
    ));

    let lie = [b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", ANSWER].concat();
    let promises_less = Server::saying(lie);
    assert_eq!(fetch(promises_less.url("/")), Err(FetchError::NotBencode));

    let closes = Server::start(|stream, _| stream.shutdown(Shutdown::Both).unwrap());
    assert!(matches!(
        fetch(closes.url("/")),
        Err(FetchError::Connect(_))
    ));

    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let refused = FetchError::Connect(std::io::ErrorKind::ConnectionRefused);
    assert_eq!(fetch(format!("http://{nobody}/")), Err(refused));
}

#[test]
fn what_is_no_answer_of_a_tracker_is_told_apart() {
    let page = Server::answering("<html>Welcome</html>");
    assert_eq!(fetch(page.url("/")), Err(FetchError::NotBencode));
    let deep = Server::answering("l".repeat(20_000));
    assert_eq!(fetch(deep.url("/")), Err(FetchError::NotBencode));
    let deep = Server::answering(format!("d1:a{}", "l".repeat(20_000)));
    assert_eq!(fetch(deep.url("/")), Err(FetchError::TooDeep));
    let not_http = Server::saying("SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n");
    assert_eq!(fetch(not_http.url("/")), Err(FetchError::NotHttp));
    let missing = Server::saying("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno!");
    assert_eq!(fetch(missing.url("/")), Err(FetchError::Status(404)));
    let not_tls = Server::answering(ANSWER);
    let url = format!("https://{}/", not_tls.address);
    // What the server takes for a head never ends.
    let error = fetch(url).unwrap_err();
    assert!(
        matches!(error, FetchError::Timeout | FetchError::Tls(_)),
        "{error}"
    );
}

#[test]
fn a_server_without_tls_is_no_https_tracker() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        send(&mut stream, &ok(ANSWER));
    });
    let error = fetch(url).unwrap_err();
    assert!(matches!(error, FetchError::Tls(_)), "{error}");
    server.join().unwrap();
}

#[test]
fn a_refusal_is_an_answer_whatever_its_status() {
    let body = b"d14:failure reason4:nope8:retry ini2e15:warning message1:we";
    let plain = Server::answering(body);
    let forbidden = [
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 59\r\n\r\n",
        &body[..],
    ]
    .concat();
    assert_eq!(body.len(), 59);
    let forbidden = Server::saying(forbidden);
    for server in [plain, forbidden] {
        let reply = fetch(server.url("/")).unwrap();
        let failure = reply.failure.unwrap();
        assert_eq!(failure.reason, "nope");
        assert_eq!(failure.retry_in, Some(120));
        assert_eq!(reply.warning.as_deref(), Some("w"));
    }
}

#[test]
fn what_comes_back_to_us_is_told_apart() {
    let own = format!("Via: 1.0 proxy, 1.1 {}", policy().via);
    let answer = format!("HTTP/1.1 200 OK\r\n{own}\r\nContent-Length: 2\r\n\r\nde");
    assert_eq!(
        fetch(Server::saying(answer).url("/")),
        Err(FetchError::Loop)
    );
    let answer = "HTTP/1.1 508 Loop Detected\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(
        fetch(Server::saying(answer).url("/")),
        Err(FetchError::Loop)
    );
    let answer = "HTTP/1.1 200 OK\r\nVia: 1.1 btrt-other\r\nContent-Length: 2\r\n\r\nde";
    assert!(fetch(Server::saying(answer).url("/")).is_ok());
}
