//! Names that lead elsewhere the next time, and name servers that are silent. The daemon has an
//! `/etc/hosts` and an `/etc/resolv.conf` of its own, which takes root.

use crate::harness::{Daemon, Reply, Settings, leecher, wait_until};
use crate::{by_path_to, forward_to, is_soon, with_targets};
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

const NAME: &str = "tracker.example";
/// It answers nobody.
const NAME_SERVER: &str = "127.0.0.99";

/// A daemon that looks names up in these files.
struct Named {
    daemon: Daemon,
    hosts: PathBuf,
    _folder: TempDir,
}

fn start(settings: &Settings, hosts: &str) -> Named {
    let folder = TempDir::new().unwrap();
    let [file, servers] = ["hosts", "resolv.conf"].map(|name| folder.path().join(name));
    fs::write(&file, hosts).unwrap();
    fs::write(&servers, format!("nameserver {NAME_SERVER}\n")).unwrap();
    let mut program = Command::new("unshare");
    program.args(["--mount", "sh", "-c"]).arg(
        "mount --bind \"$0\" /etc/hosts && mount --bind \"$1\" /etc/resolv.conf && shift && \
         exec \"$@\"",
    );
    program.args([&file, &servers]);
    program.arg(env!("CARGO_BIN_EXE_btrt"));
    let home = TempDir::new().unwrap();
    Named {
        daemon: Daemon::launch(home, settings, program),
        hosts: file,
        _folder: folder,
    }
}

/// What is checked is what is connected to: at each fetch anew, and each address by itself.
#[test]
fn a_name_that_turns_private_is_left_alone() {
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let port = trap.local_addr().unwrap().port();
    let settings = with_targets("[]", "").logging("level: diagnostic");
    let named = start(&settings, &format!("203.0.113.1 {NAME}\n"));
    let forward = |swarm: u8| {
        let target = by_path_to(
            &format!("{NAME}:{port}/announce"),
            &leecher(1).in_swarm(&[swarm; 20]),
        );
        let reply = forward_to(&named.daemon, &target);
        assert!(is_soon(&reply), "{reply:?}");
    };
    let fetches = |said: &str| {
        let lines = named.daemon.log_lines();
        let of_name = lines.iter().filter(|line| line.contains(NAME));
        of_name.filter(|line| line.contains(said)).count()
    };
    forward(1);
    wait_until("a fetch", || fetches("the connection failed") == 1);
    fs::write(&named.hosts, format!("127.0.0.1 {NAME}\n")).unwrap();
    forward(2);
    wait_until("the refusal", || {
        fetches("127.0.0.1 may not be contacted") == 1
    });
    let both = format!("127.0.0.1 {NAME}\n203.0.113.1 {NAME}\n");
    fs::write(&named.hosts, both).unwrap();
    forward(3);
    wait_until("another fetch", || fetches("the connection failed") == 2);
    assert!(trap.accept().is_err(), "somebody connected");
}

#[test]
fn a_silent_name_server_costs_only_those_who_need_it() {
    let _silent = UdpSocket::bind((NAME_SERVER, 53)).unwrap();
    let named = start(&with_targets("[127.0.0.0/8]", ""), "");
    let daemon = &named.daemon;
    let mut waiting: Vec<_> = (0..40)
        .map(|number| {
            let announce = leecher(number).in_swarm(&[7; 20]);
            let target = by_path_to(&format!("t{number}.example/announce"), &announce);
            let mut client = daemon.connect_from([127, 0, 0, 1]);
            client.send(format!(
                "GET {target} HTTP/1.1\r\nHost: retracker.local\r\n\r\n"
            ));
            client
        })
        .collect();
    for number in 0..200 {
        daemon.announce_from([127, 1, 0, 1], &leecher(number));
    }
    for client in &mut waiting {
        let reply = Reply::from_answer(&client.answer());
        assert!(is_soon(&reply), "{reply:?}");
    }
}
