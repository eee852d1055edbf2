//! Whole-program tests of neighbors and of forwarded announces: the real daemon between clients
//! and other trackers, which are opentracker, a second and third daemon, or a server that follows
//! a script.
//!
//! All of it lives on the loopback. 127.0.0.1 is the DPI platform, 127.1.0.0/16 the own network,
//! 127.2.0.0/16 a partner's; whatever else is the rest of the world.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "waiting with a deadline needs the real clock, and a helper fails its test by panicking"
)]

mod access;
mod aria2;
mod bytes;
mod connections;
mod explain;
mod figures;
mod forms;
#[path = "../program/harness/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the other test crate uses the rest"
)]
mod harness;
mod modes;
mod names;
mod neighbors;
#[path = "../support/opentracker.rs"]
mod opentracker;
mod poison;
mod refusals;
mod schedule;
mod secrets;
#[path = "../upstream/server.rs"]
mod server;
mod sharing;
mod targets;
mod waiting;
mod weather;

use harness::{Announce, Client, Daemon, Reply, Settings};
use server::Server;
use std::net::SocketAddr;

/// Peers that the scripted trackers know.
const PEERS: [&str; 2] = ["8.8.8.8:6881", "8.8.4.4:6882"];

/// The usual settings with keys of `forwarded_announce` besides, each with a comma before it.
/// A client waits for a second.
fn settings(keys: &str) -> Settings {
    with_targets("[127.0.0.1]", keys)
}

/// The same with a list of the private networks that may be contacted.
fn with_targets(networks: &str, keys: &str) -> Settings {
    Settings::with_two_groups().section(&format!(
        "forwarded_announce: {{allow_from: [127.0.0.1], timeout: 1, \
         allow_private_targets: {networks}{keys}}}"
    ))
}

/// What a tracker says that knows [`PEERS`].
fn said() -> Vec<u8> {
    said_with(&PEERS, "")
}

/// What a tracker says with these peers, and with other keys that come after them.
fn said_with(peers: &[&str], keys: &str) -> Vec<u8> {
    let mut body =
        b"d8:completei7e10:incompletei9e8:intervali1234e12:min intervali600e5:peers".to_vec();
    body.extend(format!("{}:", peers.len() * 6).into_bytes());
    for peer in peers {
        let SocketAddr::V4(peer) = peer.parse().unwrap() else {
            panic!("{peer} is no IPv4 peer");
        };
        body.extend(peer.ip().octets());
        body.extend(peer.port().to_be_bytes());
    }
    body.extend(keys.as_bytes());
    body.push(b'e');
    body
}

/// Form A: an announce that was meant for `/announce` of a tracker.
fn by_path(tracker: SocketAddr, announce: &Announce) -> String {
    by_path_to(&format!("{tracker}/announce"), announce)
}

/// Form A with a host and a path.
fn by_path_to(host_and_path: &str, announce: &Announce) -> String {
    format!(
        "/forwarded_announce/http/{host_and_path}?{}",
        announce.query()
    )
}

/// Announces for a client in the own network, by way of the platform.
fn forward(daemon: &Daemon, tracker: SocketAddr, announce: &Announce) -> Reply {
    let announce = announce.clone().set("client_ip", "127.1.0.1");
    forward_to(daemon, &by_path(tracker, &announce))
}

/// Sends what the platform sends.
fn forward_to(daemon: &Daemon, target: &str) -> Reply {
    Reply::from_answer(&platform(daemon).get(target))
}

/// A connection of the DPI platform.
fn platform(daemon: &Daemon) -> Client {
    daemon.connect_from([127, 0, 0, 1])
}

/// A name of this machine with the port of a server: a `Host` that is not ours.
fn named(server: &Server) -> String {
    format!("localhost:{}", server.address.port())
}

/// Whether all that a scripted tracker knows was handed out.
fn has_peers(reply: &Reply) -> bool {
    let peers = reply.peers();
    PEERS
        .iter()
        .all(|peer| peers.contains(&peer.parse().unwrap()))
}

/// Whether the client is told to come again soon.
fn is_soon(reply: &Reply) -> bool {
    let [interval, min_interval] = ["interval", "min interval"].map(|key| reply.integer(key));
    (1..=120).contains(&interval) && (0..=interval).contains(&min_interval)
}

/// The request lines that a server has got, without method and version.
fn targets_seen(server: &Server) -> Vec<String> {
    let target = |head: String| head.split(' ').nth(1).unwrap().to_owned();
    server.heads().into_iter().map(target).collect()
}
