//! `/explain` and `/torrents/HEX`: the question of an operator who wants to know why, and the
//! answers as JSON. A passkey never stands in one: of an external tracker its host is told.

use crate::bittorrent::InfoHash;
use crate::protocol::http::forwarded::external_tracker;
use crate::protocol::http::query::{decode, parameters};
use crate::tracker::{Explanation, ExternalTracker, GroupLabel, Inquiry, PeerReport, SwarmReport};
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

/// What `/explain` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// The group of the client.
    pub group: String,
    /// When it is handed out itself; `None` (JSON: null) is after all others.
    pub priority: Option<u32>,
    /// What a reader must know beside the peers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// In the order of the answer.
    pub peers: Vec<PeerLine>,
}

/// What `/torrents/HEX` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TorrentReport {
    /// 40 hexadecimal digits.
    pub info_hash: String,
    /// Peers that have the whole content.
    pub seeders: u32,
    /// Peers that do not.
    pub leechers: u32,
    /// Downloads finished.
    pub completed: u32,
    /// The first to be handed out first.
    pub groups: Vec<GroupLine>,
    /// The peers that announced here, or some of them.
    pub peers: Vec<PeerLine>,
    /// How many are not in `peers`.
    pub peers_left_out: usize,
}

/// How many peers a group has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLine {
    /// Its name.
    pub name: String,
    /// `None` (JSON: null) is after all others.
    pub priority: Option<u32>,
    /// Its peers in the torrent.
    pub peers: usize,
}

/// One peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerLine {
    /// Where it is.
    pub ip: IpAddr,
    /// Where it listens; 0 if it does not say.
    pub port: u16,
    /// Its group.
    pub group: String,
    /// When that is handed out; `None` (JSON: null) is after all others.
    pub priority: Option<u32>,
    /// `announced`, `forwarded`, `neighbor NAME` or `external HOST`.
    pub origin: String,
    /// It is known to have the whole content.
    pub seeder: bool,
    /// Seconds since it was last heard of.
    pub age: u32,
}

/// Reads the query of `/explain`; the error is for whoever has written it. Of a parameter that is
/// repeated the first counts.
pub fn read(query: &[u8]) -> Result<Inquiry, String> {
    let seeder = parameter::<u8>(query, "seeder", "is 0 or 1")?.unwrap_or(0);
    if seeder > 1 {
        return Err("seeder is 0 or 1".to_owned());
    }
    let info_hash = parameter(query, "info_hash", "is 40 hexadecimal digits")?;
    let ip = parameter(query, "ip", "is an IPv4 or IPv6 address")?;
    Ok(Inquiry {
        info_hash: info_hash.ok_or("info_hash is missing: 40 hexadecimal digits")?,
        ip: ip.ok_or("ip is missing: the client's address")?,
        numwant: parameter(query, "numwant", "is a number of peers")?,
        seeder: seeder == 1,
        external: external(query)?,
    })
}

/// Reads an info hash as it stands in a path.
pub fn read_info_hash(digits: &[u8]) -> Result<InfoHash, String> {
    let digits = std::str::from_utf8(digits).unwrap_or_default();
    digits.parse().map_err(str::to_owned)
}

fn parameter<T: FromStr>(query: &[u8], name: &str, what: &str) -> Result<Option<T>, String> {
    let bytes = value(query, name);
    let text = String::from_utf8(bytes).unwrap_or_else(|_| "?".to_owned());
    if text.is_empty() {
        return Ok(None);
    }
    let value = text.parse().map(Some);
    value.map_err(|_| format!("{name} {what}"))
}

/// The decoded value of a parameter; empty if there is none.
fn value(query: &[u8], name: &str) -> Vec<u8> {
    let found = parameters(query).find(|(found, _)| *found == name.as_bytes());
    found.map_or_else(Vec::new, |(_, value)| decode(value).collect())
}

fn external(query: &[u8]) -> Result<Option<ExternalTracker>, String> {
    let url = value(query, "tracker");
    if url.is_empty() {
        return Ok(None);
    }
    let read = external_tracker(&url);
    let (target, key) = read.map_err(|why| format!("tracker is no announce URL: {why}"))?;
    let host = target.host;
    Ok(Some(ExternalTracker { host, key }))
}

impl From<Explanation> for Explained {
    fn from(explanation: Explanation) -> Self {
        let GroupLabel { name, priority } = explanation.group;
        Explained {
            group: name.to_string(),
            priority,
            note: explanation.note.map(str::to_owned),
            peers: explanation.peers.into_iter().map(PeerLine::from).collect(),
        }
    }
}

impl TorrentReport {
    /// What is told of a swarm.
    pub fn new(info_hash: impl Display, report: SwarmReport) -> TorrentReport {
        let group = |(label, peers): (GroupLabel, usize)| GroupLine {
            name: label.name.to_string(),
            priority: label.priority,
            peers,
        };
        TorrentReport {
            info_hash: info_hash.to_string(),
            seeders: report.counts.seeders,
            leechers: report.counts.leechers,
            completed: report.counts.completions,
            groups: report.groups.into_iter().map(group).collect(),
            peers: report.peers.into_iter().map(PeerLine::from).collect(),
            peers_left_out: report.left_out,
        }
    }
}

impl From<PeerReport> for PeerLine {
    fn from(peer: PeerReport) -> Self {
        PeerLine {
            ip: peer.address.ip(),
            port: peer.address.port(),
            group: peer.group.name.to_string(),
            priority: peer.group.priority,
            origin: peer.origin.to_string(),
            seeder: peer.seeder,
            age: peer.age,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "info_hash=00112233445566778899aabbccddeeff00112233";

    #[test]
    fn a_question_is_read() {
        let plain = read(format!("{HASH}&ip=10.0.0.1&x=y").as_bytes()).unwrap();
        assert_eq!(plain.info_hash.0[..2], [0, 0x11]);
        assert_eq!(plain.ip, IpAddr::from([10, 0, 0, 1]));
        assert_eq!((plain.numwant, plain.seeder), (None, false));
        assert_eq!(plain.external, None);
        let all = format!(
            "tracker=http%3A%2F%2FT.example%3A81%2Fa%3Fpasskey%3D1%26port%3D2&{HASH}\
             &ip=2001%3adb8::1&numwant=7&seeder=1"
        );
        let all = read(all.as_bytes()).unwrap();
        assert_eq!((all.numwant, all.seeder), (Some(7), true));
        let external = all.external.unwrap();
        assert_eq!(external.host, "t.example");
        assert_eq!(*external.key, *b"http://t.example:81/a&passkey=1");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let good = format!("{HASH}&ip=10.0.0.1");
        for (query, named) in [
            ("", "info_hash is missing"),
            ("ip=10.0.0.1", "info_hash is missing"),
            (HASH, "ip is missing"),
            ("info_hash=0011&ip=10.0.0.1", "40 hexadecimal"),
            (&format!("{HASH}&ip=10.0.0.256"), "ip is an IPv4"),
            (&format!("{HASH}&ip=%ff"), "ip is an IPv4"),
            (&format!("{good}&numwant=-1"), "numwant"),
            (&format!("{good}&seeder=2"), "seeder is 0 or 1"),
            (&format!("{good}&seeder=yes"), "seeder is 0 or 1"),
            (&format!("{good}&tracker=t.example"), "tracker is no"),
        ] {
            let error = read(query.as_bytes()).unwrap_err();
            assert!(error.contains(named), "{query}: {error}");
        }
    }
}
