//! Workers that ask others: most answer in time, some late, some twice, and some never.

use crate::hearsay::Source;
use btrt::bittorrent::{Counts, InfoHash, Refusal, UpstreamReply, UpstreamRequest};
use btrt::job::{Fetch, FetchError, FetchId, HashList, Job, Outcome};
use btrt::time::Now;
use std::collections::HashMap;
use std::io::ErrorKind;

/// How external trackers are called; the first of each kind of mode.
pub const TRACKERS: [&str; 4] = [
    "if-needed.example",
    "always.example",
    "never.example",
    "private.example",
];
pub const NEIGHBORS: usize = 3;

#[derive(Debug, Default)]
pub struct Workers {
    /// Outcomes, and when they come.
    held: Vec<(Now, Outcome)>,
    /// Fetches that must have ended by this time, if the worker is any good.
    out: Vec<(Now, FetchId, String)>,
    /// All that was ever handed out: of whom it was asked, and about what.
    asked: HashMap<FetchId, (Source, Option<InfoHash>)>,
    /// Nobody misbehaves.
    pub are_good: bool,
}

/// Of whom something is asked.
fn source(fetch: &Fetch) -> Source {
    let path = String::from_utf8_lossy(&fetch.target.path_and_query);
    let tracker = TRACKERS.iter().position(|host| *host == fetch.target.host);
    match tracker {
        Some(tracker) => {
            let account = path.trim_start_matches("/account").chars().next();
            let account = account.and_then(|digit| digit.to_digit(10));
            Source::External(tracker, account.expect("an account") as usize)
        }
        None => {
            let number = fetch.target.host.trim_start_matches("neighbor").parse();
            Source::Neighbor(number.expect("a neighbor's host"))
        }
    }
}

/// The torrent that a fetch is about, if it is about one.
fn info_hash(fetch: &Fetch) -> Option<InfoHash> {
    match &fetch.request {
        UpstreamRequest::Announce { info_hash, .. } => Some(*info_hash),
        UpstreamRequest::Scrape { .. } => None,
    }
}

impl Workers {
    pub fn take(&mut self, job: Job, random: &mut fastrand::Rng, now: Now) {
        let fetch = match job {
            Job::Fetch(fetch) => fetch,
            job => return self.write(&job, random, now),
        };
        let before = self
            .asked
            .insert(fetch.id, (source(&fetch), info_hash(&fetch)));
        assert!(before.is_none(), "a fetch was handed out twice");
        assert!(fetch.timeout_ms > 0);
        assert_ne!(fetch.target.host, "never.example");
        let fate = if self.are_good { 0 } else { random.u8(0..12) };
        let after = match fate {
            0..6 => random.u64(0..1_000).min(fetch.timeout_ms),
            6..9 => random.u64(0..=fetch.timeout_ms),
            9..11 => fetch.timeout_ms + random.u64(0..50_000),
            _ => u64::MAX,
        };
        let result = if !self.are_good && random.u8(0..4) == 0 {
            Err(FetchError::Connect(ErrorKind::ConnectionRefused))
        } else {
            Ok(reply(&fetch, self.are_good, random))
        };
        let due = now.plus(fetch.timeout_ms);
        self.out.push((due, fetch.id, fetch.target.host));
        if after == u64::MAX {
            return;
        }
        for _ in 0..1 + u8::from(random.u8(0..10) == 0) {
            let outcome = Outcome::Fetched {
                id: fetch.id,
                result: result.clone(),
                took_ms: after,
            };
            self.held.push((now.plus(after), outcome));
        }
    }

    /// Takes a job that only takes its time.
    fn write(&mut self, job: &Job, random: &mut fastrand::Rng, now: Now) {
        let due = now.plus(random.u64(0..5_000));
        for _ in 0..random.u8(1..3) {
            let is_made = self.are_good || random.u8(0..4) > 0;
            let outcome = match job {
                Job::WriteHashList { .. } => Outcome::HashList(is_made.then(|| HashList {
                    bytes: b"twenty bytes of hash".as_slice().into(),
                    tag: "tag".into(),
                })),
                _ => Outcome::FullScrape(is_made.then(|| b"everything".as_slice().into())),
            };
            self.held.push((due, outcome));
        }
    }

    /// Of whom a fetch was asked, and about which torrent.
    pub fn asked(&self, id: FetchId) -> &(Source, Option<InfoHash>) {
        &self.asked[&id]
    }

    /// How often anybody was asked about a torrent.
    pub fn count(&self, info_hash: InfoHash) -> usize {
        let about = self.asked.values().map(|(_, about)| *about);
        about.filter(|about| *about == Some(info_hash)).count()
    }

    /// What comes by now.
    pub fn work(&mut self, now: Now) -> Vec<Outcome> {
        let due = self.held.extract_if(.., |(due, _)| *due <= now);
        let news: Vec<Outcome> = due.map(|(_, outcome)| outcome).collect();
        for outcome in &news {
            if let Outcome::Fetched { id, .. } = outcome {
                self.out.retain(|(_, out, _)| out != id);
            }
        }
        news
    }

    pub fn next_timeout(&self) -> Option<Now> {
        self.held.iter().map(|(due, _)| *due).min()
    }

    /// Fetches that are under way with good workers: in all, and at most with one host.
    pub fn busy(&self, now: Now) -> (usize, usize) {
        let busy: Vec<_> = self.out.iter().filter(|(due, ..)| now < *due).collect();
        let at_host = |host: &String| busy.iter().filter(|(_, _, at)| at == host).count();
        let most = busy.iter().map(|(_, _, host)| at_host(host)).max();
        (busy.len(), most.unwrap_or(0))
    }

    pub fn lose_daemon(&mut self) {
        let are_good = self.are_good;
        *self = Workers::default();
        self.are_good = are_good;
    }
}

fn reply(fetch: &Fetch, is_good: bool, random: &mut fastrand::Rng) -> UpstreamReply {
    let mut number = |most: u32| random.bool().then(|| random.u32(0..most));
    let mut reply = UpstreamReply {
        seeders: number(1_000),
        leechers: number(1_000),
        completions: number(1_000),
        interval: number(4_000),
        min_interval: number(4_000),
        ..UpstreamReply::default()
    };
    if !is_good && random.u8(0..6) == 0 {
        reply.failure = Some(Refusal {
            reason: "not today".to_owned(),
            retry_in: random.bool().then(|| random.u32(..)),
        });
        return reply;
    }
    match &fetch.request {
        UpstreamRequest::Announce { .. } => {
            reply.peers = source(fetch).peers(random.u8(1..20));
        }
        UpstreamRequest::Scrape { hashes } => {
            let counts = Counts {
                seeders: 5,
                leechers: 6,
                completions: 7,
            };
            reply.files = hashes.iter().map(|hash| (*hash, counts)).collect();
        }
    }
    if random.u8(0..4) == 0 {
        reply.warning = Some("careful".to_owned());
    }
    reply
}
