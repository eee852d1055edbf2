//! The threads that do what would make the loop wait.

pub mod database;
pub mod store;
mod upstream;

use crate::bittorrent::{Counts, InfoHash, Target, UpstreamReply};
use crate::channel::Desk;
use crate::job::{FetchError, HashList, Job, Outcome};
use crate::panics::survive;
use crate::process::stand_back;
use crate::protocol::http::response::scrape_body;
use log::debug;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use std::io;
use std::thread::Builder;
use std::time::{Duration, Instant};
pub use upstream::Upstream;

/// Starts `count` workers; they end when the loop's side of the channel is dropped.
pub fn start(count: usize, desk: &Desk<Job, Outcome>) -> io::Result<()> {
    for number in 1..=count {
        let desk = desk.clone();
        let name = format!("worker {number}");
        Builder::new().name(name).spawn(move || work(&desk))?;
    }
    Ok(())
}

fn work(desk: &Desk<Job, Outcome>) {
    stand_back();
    let mut upstream = Upstream::default();
    while let Some(job) = desk.next_job() {
        desk.bring(done(job, |job| carry_out(job, &mut upstream)));
    }
}

/// The outcome of a job, whatever shows in it: bytes from outside come near this work, and a fault
/// must cost one job and not, one after the other, all workers.
fn done(job: Job, carry_out: impl FnOnce(Job) -> Outcome) -> Outcome {
    let failed = match &job {
        Job::WriteFullScrape { .. } => Outcome::FullScrape(None),
        Job::WriteHashList { .. } => Outcome::HashList(None),
        Job::Fetch(fetch) => Outcome::Fetched {
            id: fetch.id,
            result: Err(FetchError::Internal),
            took_ms: 0,
        },
    };
    survive(|| carry_out(job)).unwrap_or(failed)
}

fn carry_out(job: Job, upstream: &mut Upstream) -> Outcome {
    match job {
        Job::WriteFullScrape {
            files,
            min_request_interval,
        } => {
            let body = write_full_scrape(files, min_request_interval);
            Outcome::FullScrape(Some(body.into()))
        }
        Job::WriteHashList { hashes } => Outcome::HashList(Some(write_hash_list(hashes))),
        Job::Fetch(fetch) => {
            let started = now();
            let result = upstream.fetch(&fetch);
            let took = now().duration_since(started);
            log_fetch(&fetch.target, &result, took);
            Outcome::Fetched {
                id: fetch.id,
                result,
                took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            }
        }
    }
}

fn log_fetch(target: &Target, result: &Result<UpstreamReply, FetchError>, took: Duration) {
    let took = took.as_millis();
    match result {
        // The reason may well be that a passkey is wrong, and name it.
        Ok(reply) if reply.failure.is_some() => debug!("{target} refused after {took} ms"),
        Ok(reply) => {
            let peers = reply.peers.len();
            debug!("{target} answered with {peers} peers after {took} ms");
        }
        Err(error) => debug!("{target} failed after {took} ms: {error}"),
    }
}

fn write_full_scrape(mut files: Vec<(InfoHash, Counts)>, min_request_interval: u32) -> Vec<u8> {
    files.sort_unstable_by_key(|(info_hash, _)| *info_hash);
    files.dedup_by_key(|(info_hash, _)| *info_hash);
    let mut body = Vec::new();
    scrape_body(&mut body, &files, min_request_interval);
    body
}

fn write_hash_list(mut hashes: Vec<InfoHash>) -> HashList {
    hashes.sort_unstable();
    hashes.dedup();
    let hashes: Vec<[u8; 20]> = hashes.into_iter().map(|hash| hash.0).collect();
    let bytes = hashes.as_flattened();
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    HashList {
        tag: format!("{:032x}", hasher.finish128().as_u128()).into(),
        bytes: bytes.into(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "deadlines of blocking calls need the real clock"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_leaves_no_job_without_an_outcome() {
        let failed = |job| done(job, |_| panic!("a fault in the work"));
        let files = Vec::new();
        let full_scrape = Job::WriteFullScrape {
            files,
            min_request_interval: 1,
        };
        assert!(matches!(failed(full_scrape), Outcome::FullScrape(None)));
        let hashes = Vec::new();
        let hash_list = Job::WriteHashList { hashes };
        assert!(matches!(failed(hash_list), Outcome::HashList(None)));
    }

    #[test]
    fn the_hash_list_is_sorted_and_its_name_tells_it_from_others() {
        let list = |hashes: &[u8]| {
            let hashes = hashes.iter().map(|&byte| InfoHash([byte; 20]));
            write_hash_list(hashes.collect())
        };
        assert_eq!(*list(&[2, 1, 2]).bytes, [[1; 20], [2; 20]].concat());
        assert_eq!(list(&[2, 1, 2]), list(&[1, 2]));
        assert_ne!(list(&[1, 2]).tag, list(&[1]).tag);
        assert_ne!(list(&[1]).tag, list(&[]).tag);
    }
}
