//! The admin face: a listener of its own, where operators are served and nobody else.

use crate::harness::{Client, Daemon, Run, Settings, leecher, let_clock_go_on, wait_until};
use std::fs;
use std::net::TcpListener;
use std::time::Duration;

const PATHS: [&str; 6] = [
    "/",
    "/style.css",
    "/script.js",
    "/stats.json",
    "/metrics",
    "/healthz",
];

#[test]
fn each_face_knows_only_its_own_paths() {
    let daemon = Daemon::start(&Settings::default().with_admin());
    let (mut public, mut admin) = (daemon.connect(), daemon.admin());
    for path in PATHS {
        assert_eq!(public.get(path).status, 404, "{path}");
        assert_eq!(admin.get(path).status, 200, "{path}");
    }
    for path in [
        &leecher(1).target(),
        "/scrape",
        "/forwarded_announce",
        "/nothing",
        "//",
        "/healthz/",
    ] {
        assert_eq!(admin.get(path).status, 404, "{path}");
    }
    assert_eq!(
        daemon.announce(&leecher(2)).counts(),
        [0, 1, 0],
        "an operator is no peer"
    );
}

#[test]
fn operators_ask_with_get_and_head() {
    let daemon = Daemon::start(&Settings::default().with_admin());
    let mut admin = daemon.admin();
    let answer = admin.get("/healthz?x=1");
    assert_eq!(answer.body, b"ok\n");
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    admin.send("HEAD /healthz HTTP/1.1\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n");
    let head = admin.answer_to_head();
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some("3"))
    );
    assert_eq!(admin.answer().body, b"ok\n", "no body stands in between");
    admin.send("POST /healthz HTTP/1.1\r\n\r\n");
    let refused = admin.answer();
    assert_eq!(refused.status, 405);
    assert_eq!(refused.header("allow"), Some("GET, HEAD"));
    admin.send("nonsense\r\n\r\n");
    assert_eq!(admin.answer().status, 400);
}

#[test]
fn the_page_may_load_nothing_from_elsewhere() {
    let daemon = Daemon::start(&Settings::default().with_admin());
    let page = daemon.admin().get("/");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = page.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("default-src 'none'"), "{policy}");
}

#[test]
fn a_public_flood_does_not_keep_operators_out_nor_they_the_public() {
    let settings = Settings::default()
        .with_admin()
        .server("max_connections: 8");
    let daemon = Daemon::start(&settings);
    // Working ones are never closed for new ones.
    let crowd: Vec<Client> = (0..8)
        .map(|_| {
            let mut client = daemon.connect();
            client.send("GET /announce?");
            client
        })
        .collect();
    wait_until("the public face to be full", || {
        daemon.connect().try_to_get("/healthz").is_none()
    });
    let mut idle = daemon.admin();
    assert_eq!(idle.get("/healthz").status, 200);
    drop(crowd);
    let_clock_go_on(Duration::from_millis(1));
    let operators: Vec<Client> = (0..64)
        .map(|_| {
            let mut client = daemon.admin();
            assert_eq!(client.get("/healthz").status, 200);
            client
        })
        .collect();
    idle.expect_closed();
    assert_eq!(daemon.announce(&leecher(1)).counts(), [0, 1, 0]);
    drop(operators);
}

#[test]
fn it_can_be_turned_off_and_needs_a_port_of_its_own() {
    let daemon = Daemon::start(&Settings::default());
    assert!(
        !daemon
            .log_lines()
            .iter()
            .any(|line| line.contains("operators")),
        "{:?}",
        daemon.log_lines()
    );
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let file = folder.path().join("btrt.conf");
    let settings = Settings::default().admin_listen(&address);
    fs::write(&file, settings.to_yaml(folder.path())).expect("the folder is ours");
    let run = Run::of(&["run", "-c", file.to_str().expect("a plain name")]);
    assert_eq!(run.code, Some(1));
    assert!(
        run.errors.contains("server.admin_listen") && run.errors.contains(&address),
        "{}",
        run.errors
    );
}
