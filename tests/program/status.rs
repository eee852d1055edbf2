//! `btrt status`: what a person sees of the running daemon.

use crate::harness::{Daemon, Run, Settings, leecher, subscriber};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use tempfile::TempDir;

/// Runs `btrt status` with these settings, at a port that is known by now.
fn status(settings: &Settings, address: &str, options: &[&str]) -> Run {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("btrt.conf");
    let settings = settings.clone().admin_listen(address);
    fs::write(&file, settings.to_yaml(folder.path())).expect("the folder is ours");
    let file = file.to_str().expect("a plain name");
    Run::of(&[&["status", "-c", file], options].concat())
}

#[test]
fn a_person_can_read_it() {
    let long = "x".repeat(100);
    let settings = Settings::with_two_groups()
        .with_admin()
        .group("name: \"turned \\u202E round\", priority: 7")
        .group(&format!("name: {long}, priority: 8"));
    let daemon = Daemon::start(&settings);
    for number in 0..50 {
        daemon.announce_from(subscriber(1, number), &leecher(number));
    }
    let address = daemon.admin_address();
    // Whoever listens at all addresses is asked at the loopback.
    for asked in [address.to_string(), format!("0.0.0.0:{}", address.port())] {
        let run = status(&settings, &asked, &[]);
        assert_eq!((run.code, run.errors.as_str()), (Some(0), ""));
        for text in [
            "btrt 3.0.0, up ",
            "50 (0 seeders, 50 leechers)",
            "50 announces, 0 scrapes",
            "100.0 % of the peers handed out",
            "half within ",
            "local",
            "partner",
            "other",
            r"turned \u{202e} round",
        ] {
            assert!(
                run.output.contains(text),
                "{text} is not in:\n{}",
                run.output
            );
        }
        assert!(!run.output.contains(&long), "{}", run.output);
        let widest = run.output.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(120), "{}", run.output);
        let local = run.output.lines().find(|line| line.ends_with("  local"));
        let cells: Vec<_> = local.expect("a line").split_whitespace().collect();
        assert_eq!(cells, ["0", "50", "1,225", "1,225", "inside", "local"]);
    }
}

#[test]
fn a_program_gets_what_the_daemon_says() {
    let settings = Settings::default().with_admin();
    let daemon = Daemon::start(&settings);
    daemon.announce(&leecher(1));
    let run = status(&settings, &daemon.admin_address().to_string(), &["--json"]);
    assert_eq!((run.code, run.errors.as_str()), (Some(0), ""));
    let stats: Value = serde_json::from_str(&run.output).expect("it is JSON");
    assert_eq!(stats["peers"], 1);
    assert_eq!(stats["groups"], daemon.stats()["groups"]);
}

#[test]
fn whoever_cannot_be_asked_is_named() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("it is bound").to_string();
    drop(free);
    let run = status(&Settings::default(), &address, &[]);
    assert_eq!((run.code, run.output.as_str()), (Some(1), ""));
    assert!(run.errors.contains(&address), "{}", run.errors);
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("btrt.conf");
    fs::write(&file, Settings::default().to_yaml(folder.path())).expect("the folder is ours");
    let run = Run::of(&["status", "-c", file.to_str().expect("a plain name")]);
    assert_eq!((run.code, run.output.as_str()), (Some(1), ""));
    assert!(run.errors.contains("server.admin_listen"), "{}", run.errors);
}

#[test]
fn what_is_not_a_daemon_of_ours_is_not_believed() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = server.local_addr().expect("it is bound").to_string();
    let thread = std::thread::spawn(move || {
        use std::io::{Read, Write};
        for answer in ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 404 Not Found\r\n"] {
            let (mut stream, _) = server.accept().expect("somebody asks");
            let _ = stream.read(&mut [0; 4096]);
            let text = format!("{answer}Content-Length: 6\r\n\r\nhe\x1bllo");
            let _ = stream.write_all(text.as_bytes());
        }
    });
    for text in ["another version", "404"] {
        let run = status(&Settings::default(), &address, &[]);
        assert_eq!((run.code, run.output.as_str()), (Some(1), ""));
        assert!(run.errors.contains(text), "{}", run.errors);
        assert!(!run.errors.contains('\x1b'), "{:?}", run.errors);
    }
    thread.join().expect("the server ends");
}
