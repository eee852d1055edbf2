//! How much memory a peer takes: resident bytes of the whole process, before and after a million
//! of them have announced.
//!
//! `cargo bench --bench memory`; for each row the program starts itself anew, so that no row
//! lives on memory that another has given back.

use btrt::bittorrent::{Announce, Event, InfoHash, PeerId};
use btrt::swarm::{GroupDefinition, GroupNames, PeerGroups};
use btrt::time::Now;
use btrt::tracker::{Settings, Tracker};
use std::env;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;

const PEERS: u32 = 1_000_000;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().collect();
    if let Some([family, swarm]) = arguments.get(1..3) {
        let swarm = swarm.parse().map_err(io::Error::other)?;
        println!(
            "{:>6} {swarm:>16} {:>15.1}",
            family,
            measure(family == "IPv6", swarm)?
        );
        return Ok(());
    }
    println!("family peers in a swarm  bytes per peer");
    for family in ["IPv4", "IPv6"] {
        for swarm in ["1", "5", "100", "1000", "100000"] {
            Command::new(&arguments[0]).args([family, swarm]).status()?;
        }
    }
    Ok(())
}

/// Bytes for each of [`PEERS`] in swarms of this size.
fn measure(ipv6: bool, swarm: u32) -> io::Result<f64> {
    let mut tracker = tracker();
    let before = resident()?;
    // All swarms grow at the same time, as they do in life.
    let swarms = PEERS / swarm;
    for number in 0..PEERS {
        let (torrent, member) = (number % swarms, number / swarms);
        tracker.handle_announce(
            &announce(torrent, number),
            address(ipv6, member, number),
            Now::after_start(0),
        );
    }
    assert_eq!(tracker.swarms().totals().peers(), PEERS as usize);
    Ok((resident()? - before) as f64 / f64::from(PEERS))
}

fn tracker() -> Tracker {
    let settings = Settings::default();
    let group = |name: &str, priority, network: &str| GroupDefinition {
        name: name.to_owned(),
        priority,
        networks: vec![network.parse().expect("a network")],
        visible_to: None,
    };
    let definitions = vec![
        group("home", 0, "127.0.0.0/10"),
        group("partner", 1, "127.64.0.0/10"),
    ];
    let groups = PeerGroups::new(definitions, &GroupNames::new());
    Tracker::new(settings, groups, 1, Now::after_start(0))
}

fn announce(torrent: u32, number: u32) -> Announce {
    let twenty = |number: u32| {
        let mut bytes = [0; 20];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        bytes
    };
    Announce {
        info_hash: InfoHash(twenty(torrent)),
        peer_id: PeerId(twenty(number)),
        port: Some(6881),
        seeder: number.is_multiple_of(7),
        event: Event::None,
        numwant: Some(0),
        compact: true,
        no_peer_id: true,
    }
}

/// Each member of a swarm has another address; every third is in no group.
fn address(ipv6: bool, member: u32, number: u32) -> IpAddr {
    let [_, high, middle, low] = member.to_be_bytes();
    let ip = Ipv4Addr::new(127, (number % 3) as u8 * 64 + high, middle, low);
    if ipv6 {
        Ipv6Addr::from_bits((0x2001_0db8 << 96) | u128::from(ip.to_bits())).into()
    } else {
        ip.into()
    }
}

/// Bytes of this process that are in memory.
fn resident() -> io::Result<u64> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    // The kernel counts in pages, of this size on the machines that trackers run on.
    Ok(pages.ok_or(io::ErrorKind::InvalidData)? * 4096)
}
