//! What clients of external trackers are told: what these have said, with what is known here
//! beside it where that may be shared.

use super::answer::Client;
use super::external::{ListKey, Ready, Waiting, Waits};
use super::{Answer, Tracker, answer};
use crate::bittorrent::{Announce, Counts, Failure, InfoHash, UpstreamReply};
use crate::swarm::GroupId;
use crate::time::Now;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

impl Tracker {
    /// What somebody is told who has waited.
    pub(super) fn answer_waiting(&mut self, ready: Ready, now: Now) -> Answer<'_> {
        answer::clear(&mut self.reply);
        let Waiting { ip, wants, .. } = ready.waiting;
        match wants {
            Waits::List {
                key,
                announce,
                own_times,
            } => {
                // A reload may have put the client into another group.
                let group = self.groups.find(ip);
                let refresh_interval = self.settings.forward.refresh_interval;
                let timestamp = now.timestamp();
                let list = self.external.list(&key, timestamp);
                let missing = !list.is_recent(timestamp, refresh_interval);
                let refused = self.fill_shared(&announce, ip, group, &key, missing, now);
                if let Some(said) = ready.reply.filter(|_| own_times) {
                    self.tell_times(&said);
                }
                self.told(refused, &announce)
            }
            Waits::Tracker(announce) => self.answer_private(&announce, ip, ready.reply),
            Waits::Counts(hashes, share) => {
                let reply = ready.reply.unwrap_or_default();
                Answer::Scrape(self.larger_counts(hashes, &reply, share))
            }
        }
    }

    /// Fills the reply from everything that is known. `missing` if the external tracker's part
    /// should be in it and is not. Returns why the tracker refuses, if that is all there is to say.
    pub(super) fn fill_shared(
        &mut self,
        announce: &Announce,
        ip: IpAddr,
        group: GroupId,
        key: &ListKey,
        missing: bool,
        now: Now,
    ) -> Option<Arc<str>> {
        let client = Client {
            announce,
            ip,
            group,
            is_neighbor: false,
        };
        let swarm = self.swarms.place(&announce.info_hash);
        self.choose_peers(client, swarm, Some(key), now);
        self.set_times(ip, missing);
        let list = self.external.known_list(key)?;
        let reply = &mut self.reply;
        reply.counts = larger(reply.counts, list.counts);
        let refusal = list.refusal(now.timestamp());
        if reply.peers.compact.is_empty() && reply.peers6.compact.is_empty() && refusal.is_some() {
            return refusal.cloned();
        }
        reply.warning = refusal.or(list.warning.as_ref()).cloned();
        None
    }

    pub(super) fn told(&self, refused: Option<Arc<str>>, announce: &Announce) -> Answer<'_> {
        match refused {
            Some(reason) => Answer::Failure(Failure::Upstream(reason)),
            None => Answer::Announce(&self.reply, announce.compact),
        }
    }

    /// What an external tracker said to one client of its own, and nothing of ours.
    fn answer_private(
        &mut self,
        announce: &Announce,
        ip: IpAddr,
        reply: Option<UpstreamReply>,
    ) -> Answer<'_> {
        let Some(said) = reply else {
            self.set_times(ip, true);
            return Answer::Announce(&self.reply, announce.compact);
        };
        if let Some(refusal) = &said.failure {
            let reason = refusal.reason.as_str().into();
            return Answer::Failure(Failure::Upstream(reason));
        }
        self.set_times(ip, false);
        self.tell_times(&said);
        let reply = &mut self.reply;
        reply.counts = counts(&said);
        reply.warning = said.warning.as_deref().map(Arc::from);
        let numwant = announce.numwant.unwrap_or(self.settings.numwant);
        let places = numwant.min(self.settings.max_numwant) as usize;
        for peer in &said.peers {
            let group = self.groups.find(peer.ip());
            let (list, length) = match peer {
                SocketAddr::V4(_) => (&mut reply.peers, 6),
                SocketAddr::V6(_) => (&mut reply.peers6, 18),
            };
            if list.compact.len() < places * length {
                self.figures.handed_out.count(group, 1);
                match peer {
                    SocketAddr::V4(peer) => list.compact.extend_from_slice(&peer.ip().octets()),
                    SocketAddr::V6(peer) => list.compact.extend_from_slice(&peer.ip().octets()),
                }
                list.compact.extend_from_slice(&peer.port().to_be_bytes());
            }
        }
        Answer::Announce(&self.reply, announce.compact)
    }

    /// An external tracker that sees every announce says itself when to come again.
    fn tell_times(&mut self, said: &UpstreamReply) {
        let reply = &mut self.reply;
        if let Some(interval) = said.interval.filter(|&interval| interval > 0) {
            reply.interval = interval;
        }
        let min_interval = said.min_interval.unwrap_or(reply.min_interval);
        reply.min_interval = min_interval.min(reply.interval);
    }

    fn larger_counts(
        &mut self,
        hashes: Vec<InfoHash>,
        said: &UpstreamReply,
        share: bool,
    ) -> Vec<(InfoHash, Counts)> {
        let mut files = self.scrape(hashes);
        for (info_hash, counts) in &mut files {
            let found = said.files.iter().find(|(hash, _)| hash == info_hash);
            let theirs = found.map_or_else(Counts::default, |(_, counts)| *counts);
            let ours = if share { *counts } else { Counts::default() };
            *counts = larger(ours, theirs);
        }
        files
    }
}

fn larger(ours: Counts, theirs: Counts) -> Counts {
    Counts {
        seeders: ours.seeders.max(theirs.seeders),
        leechers: ours.leechers.max(theirs.leechers),
        completions: ours.completions.max(theirs.completions),
    }
}

fn counts(said: &UpstreamReply) -> Counts {
    Counts {
        seeders: said.seeders.unwrap_or(0),
        leechers: said.leechers.unwrap_or(0),
        completions: said.completions.unwrap_or(0),
    }
}
