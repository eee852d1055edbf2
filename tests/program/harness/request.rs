//! The requests of made-up clients.

use std::fmt::Write;

/// The swarm that announces are for unless they say otherwise.
const SWARM: &[u8; 20] = b"a swarm of 20 bytes.";

/// The parameters of an announce, in order, their values already percent-encoded.
#[derive(Clone)]
pub struct Announce {
    parameters: Vec<(&'static str, String)>,
}

/// An announce of a client that has nothing yet. The number makes its peer id and its port
/// (10,000 and up), so that several of them may share an address.
pub fn leecher(number: u32) -> Announce {
    Announce::new(number, 1_000_000)
}

/// An announce of a client that has everything.
pub fn seeder(number: u32) -> Announce {
    Announce::new(number, 0)
}

impl Announce {
    fn new(number: u32, left: u64) -> Self {
        let announce = Self {
            parameters: Vec::new(),
        };
        announce
            .set("info_hash", percent_encode(SWARM))
            .set("peer_id", format!("-TS0001-{number:012}"))
            .set("port", 10_000 + number % 50_000)
            .set("uploaded", 0)
            .set("downloaded", 0)
            .set("left", left)
    }

    /// Sets a parameter, in its place if it is there already.
    pub fn set(mut self, name: &'static str, value: impl ToString) -> Self {
        let value = value.to_string();
        match self
            .parameters
            .iter_mut()
            .find(|(existing, _)| *existing == name)
        {
            Some(parameter) => parameter.1 = value,
            None => self.parameters.push((name, value)),
        }
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(existing, _)| *existing != name);
        self
    }

    pub fn event(self, event: &str) -> Self {
        self.set("event", event)
    }

    pub fn in_swarm(self, info_hash: &[u8]) -> Self {
        self.set("info_hash", percent_encode(info_hash))
    }

    pub fn reversed(mut self) -> Self {
        self.parameters.reverse();
        self
    }

    pub fn query(&self) -> String {
        let pairs: Vec<_> = self
            .parameters
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("&")
    }

    pub fn target(&self) -> String {
        format!("/announce?{}", self.query())
    }

    /// The scrape of the swarm that this announce is for.
    pub fn scrape_target(&self) -> String {
        let info_hash = self
            .parameters
            .iter()
            .find(|(name, _)| *name == "info_hash");
        format!(
            "/scrape?info_hash={}",
            info_hash.expect("an announce with a swarm").1
        )
    }
}

pub fn scrape_target(info_hashes: &[&[u8]]) -> String {
    let pairs: Vec<_> = info_hashes
        .iter()
        .map(|hash| format!("info_hash={}", percent_encode(hash)))
        .collect();
    format!("/scrape?{}", pairs.join("&"))
}

/// Every byte as `%xx`: what a careful client would send.
pub fn percent_encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02x}").expect("a String takes everything");
        text
    })
}
