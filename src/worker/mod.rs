//! The threads that do what would make the loop wait.

pub mod database;
pub mod store;

use crate::bittorrent::{Counts, InfoHash};
use crate::channel::Desk;
use crate::job::{Job, Outcome};
use crate::protocol::http::response::scrape_body;
use std::io;
use std::thread::Builder;

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
    while let Some(job) = desk.next_job() {
        desk.bring(carry_out(job));
    }
}

fn carry_out(job: Job) -> Outcome {
    match job {
        Job::WriteFullScrape {
            files,
            min_request_interval,
        } => write_full_scrape(files, min_request_interval),
    }
}

fn write_full_scrape(mut files: Vec<(InfoHash, Counts)>, min_request_interval: u32) -> Outcome {
    files.sort_unstable_by_key(|(info_hash, _)| *info_hash);
    files.dedup_by_key(|(info_hash, _)| *info_hash);
    let mut body = Vec::new();
    scrape_body(&mut body, &files, min_request_interval);
    Outcome::FullScrape(body.into())
}
