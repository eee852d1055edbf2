//! A database that comes and goes, with the worker that looks after it: it carries one job out at a
//! time, until it succeeds. Times are kept by the calendar, whose clock is set as it likes.

use btrt::bittorrent::InfoHash;
use btrt::job::{StoreJob, StoreOutcome};
use btrt::record::{PeerRecord, SwarmRecord};
use btrt::time::{Now, Timestamp};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The order in which a database lists peers.
pub type Key = (InfoHash, Vec<u8>, u16);

/// Seconds by the calendar.
type Date = i64;

#[derive(Debug, Default)]
pub struct Database {
    pub peers: BTreeMap<Key, (PeerRecord, Date)>,
    pub swarms: BTreeMap<InfoHash, SwarmRecord>,
    pub is_up: bool,
    /// What the calendar says beside the daemon's own time.
    pub calendar: Date,
    /// How long a job takes, in milliseconds.
    pub delay: u64,
    /// The job in hand, and when it will be done.
    job: Option<(StoreJob, Now)>,
    told_down: bool,
    /// The worker's connection is the one over which the job before was done.
    is_connected: bool,
}

pub fn key(info_hash: InfoHash, ip: IpAddr, port: u16) -> Key {
    let ip = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    (info_hash, ip, port)
}

impl Database {
    pub fn is_free(&self) -> bool {
        self.job.is_none()
    }

    pub fn take(&mut self, job: StoreJob, now: Now) {
        assert!(self.job.is_none(), "one job at a time");
        self.job = Some((job, now.plus(self.delay)));
    }

    /// The daemon is gone, and the job in hand with it: done, or not.
    pub fn lose_daemon(&mut self, done: bool) {
        if let Some((job, _)) = self.job.take()
            && done
            && self.is_up
        {
            self.carry_out(&job);
        }
        self.told_down = false;
        self.is_connected = false;
    }

    /// It ends, and with it the worker's connection.
    pub fn go_down(&mut self) {
        self.is_up = false;
        self.is_connected = false;
    }

    /// What the worker brings by now.
    pub fn work(&mut self, now: Now) -> Vec<StoreOutcome> {
        let mut news = Vec::new();
        let Some((job, _)) = self.job.take_if(|(_, due)| *due <= now) else {
            return news;
        };
        if !self.is_up {
            if !self.told_down {
                news.push(StoreOutcome::DatabaseDown("gone".to_owned()));
            }
            self.told_down = true;
            self.job = Some((job, now.plus(1000)));
            return news;
        }
        let outcome = self.carry_out(&job);
        // Also if it was away between two jobs: then the second attempt of the later one works.
        if !self.is_connected {
            news.push(StoreOutcome::DatabaseUp);
        }
        self.told_down = false;
        self.is_connected = true;
        news.push(outcome);
        news
    }

    pub fn next_timeout(&self) -> Option<Now> {
        self.job.as_ref().map(|(_, due)| *due)
    }

    fn carry_out(&mut self, job: &StoreJob) -> StoreOutcome {
        match job {
            StoreJob::Write(changes) => {
                for hash in &changes.gone_swarms {
                    self.swarms.remove(hash);
                    self.peers.retain(|(info_hash, ..), _| info_hash != hash);
                }
                for gone in &changes.gone_peers {
                    self.peers.remove(&key(gone.info_hash, gone.ip, gone.port));
                }
                for swarm in &changes.swarms {
                    self.swarms.insert(swarm.info_hash, *swarm);
                }
                for peer in &changes.peers {
                    let date = self.date(peer.last_announce, changes.now);
                    let key = key(peer.key.info_hash, peer.key.ip, peer.key.port);
                    self.peers.insert(key, (peer.clone(), date));
                }
                StoreOutcome::Written {
                    peers: changes.peers.len(),
                    swarms: changes.swarms.len(),
                    refused: 0,
                }
            }
            StoreJob::ReadPeers { now, after, limit } => {
                let after = after.map(|after| key(after.info_hash, after.ip, after.port));
                let behind = self
                    .peers
                    .iter()
                    .filter(|(key, _)| Some(*key) > after.as_ref());
                let rows = behind.take(*limit).map(|(_, (row, date))| PeerRecord {
                    last_announce: self.timestamp(*date, *now),
                    ..row.clone()
                });
                StoreOutcome::Peers(rows.collect())
            }
            StoreJob::ReadSwarms { after, limit, .. } => {
                let behind = self
                    .swarms
                    .iter()
                    .filter(|(key, _)| Some(*key) > after.as_ref());
                StoreOutcome::Swarms(behind.take(*limit).map(|(_, row)| *row).collect())
            }
        }
    }

    fn date(&self, time: Timestamp, now: Timestamp) -> Date {
        self.calendar + Date::from(now.0) - Date::from(now.since(time))
    }

    /// A date as the daemon's time: in the future, if the clock has been set back since.
    fn timestamp(&self, date: Date, now: Timestamp) -> Timestamp {
        let time = date - self.calendar;
        Timestamp(u32::try_from(time.max(0)).unwrap_or(now.0))
    }
}
