//! Where redirects lead, and where they do not.

use crate::server::{Server, send};
use crate::{carry_out, fetch, policy, prepared};
use btrt::bittorrent::BadTarget;
use btrt::job::{FetchError, Forbidden};

/// An answer that leads elsewhere.
fn redirect(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

#[test]
fn three_redirects_are_followed_and_no_more() {
    let server = Server::start(|stream, head| {
        let path = head.split(' ').nth(1).unwrap();
        let left: u32 = path.trim_start_matches("/hop").parse().unwrap();
        match left {
            0 => send(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nde"),
            _ => send(stream, redirect(&format!("/hop{}", left - 1)).as_bytes()),
        }
    });
    assert!(fetch(server.url("/hop3")).is_ok());
    assert_eq!(server.heads().len(), 4);
    assert_eq!(
        fetch(server.url("/hop4")),
        Err(FetchError::TooManyRedirects)
    );
    assert_eq!(server.heads().len(), 8);
}

#[test]
fn a_server_that_redirects_to_itself_is_left() {
    let server = Server::saying(redirect(""));
    assert_eq!(fetch(server.url("/x")), Err(FetchError::TooManyRedirects));
    assert_eq!(server.heads().len(), 4);
}

#[test]
fn a_redirect_leads_to_another_server_with_its_own_query() {
    let second = Server::answering("d8:completei7ee");
    let first = Server::saying(redirect(&second.url("/a?%ZZ=b")));
    let reply = fetch(first.url("/announce?secret")).unwrap();
    assert_eq!(reply.seeders, Some(7));
    let head = second.heads().remove(0);
    assert!(head.starts_with("GET /a?%ZZ=b HTTP/1.1\r\n"), "{head}");
    assert!(!head.contains("secret"), "{head}");
}

#[test]
fn each_redirect_is_checked() {
    let refused = |location: &str| fetch(Server::saying(redirect(location)).url("/")).unwrap_err();
    let address = |ip: &str| FetchError::Refused(Forbidden::Address(ip.parse().unwrap()));
    assert_eq!(refused("http://127.0.0.2:8080/"), address("127.0.0.2"));
    assert_eq!(
        refused("http://169.254.169.254/latest/meta-data/"),
        address("169.254.169.254")
    );
    assert_eq!(refused("http://[::1]/"), address("::1"));
    assert_eq!(refused("//10.0.0.1/"), address("10.0.0.1"));
    assert_eq!(
        refused("http://127.0.0.1:22/"),
        FetchError::Refused(Forbidden::Port(22))
    );
    for location in [
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "udp://127.0.0.1:6969/",
    ] {
        assert_eq!(
            refused(location),
            FetchError::BadRedirect(BadTarget::Scheme),
            "{location}"
        );
    }
    assert_eq!(
        refused("http://u:p@127.0.0.1/"),
        FetchError::BadRedirect(BadTarget::UserInfo)
    );
}

#[test]
fn trust_in_a_neighbor_ends_at_its_host() {
    let mut neighbor = policy();
    neighbor.allow_networks.clear();
    neighbor.trusted = true;
    let away = Server::saying(redirect("http://127.0.0.2:8080/"));
    let result = carry_out(&prepared(away.url("/"), neighbor.clone()));
    let forbidden = Forbidden::Address("127.0.0.2".parse().unwrap());
    assert_eq!(result, Err(FetchError::Refused(forbidden)));

    let there = Server::answering("de");
    let same_host = Server::saying(redirect(&there.url("/")));
    assert!(carry_out(&prepared(same_host.url("/"), neighbor)).is_ok());
}

#[test]
fn a_page_without_location_leads_nowhere() {
    let answer = "HTTP/1.1 301 Moved Permanently\r\nContent-Length: 0\r\n\r\n";
    let server = Server::saying(answer);
    assert_eq!(fetch(server.url("/")), Err(FetchError::Status(301)));
}
