//! Forwarded announces and scrapes: who is answered at once, for whom an external tracker is
//! asked, and what those are told who have waited.

use super::answer::Client;
use super::external::{ListKey, Mode, Ready, WaitId, Waiting, Waits};
use super::learned::Places;
use super::neighbors;
use super::upstreams::{Declined, Question};
use super::{Answer, Purpose, Tracker, answer};
use crate::bittorrent::{
    Announce, Counts, Event, Failure, Forwarded, InfoHash, UpstreamReply, UpstreamRequest, Wants,
};
use crate::job::{FetchError, FetchPolicy, Ticket};
use crate::swarm::{Address, GroupId, OTHER};
use crate::time::Now;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// How long an external tracker may take for what nobody waits for, in milliseconds.
const UNHURRIED: u64 = 30_000;

impl Tracker {
    /// Takes what a client at `ip` wanted of an external tracker. `None` promises an answer to the
    /// ticket, in time.
    pub fn handle_forwarded(
        &mut self,
        forwarded: Forwarded,
        ip: IpAddr,
        ticket: Ticket,
        now: Now,
    ) -> Option<Answer<'_>> {
        self.figures.forwarded += 1;
        answer::clear(&mut self.reply);
        let (mode, share) = self.settings.forward.rule(&forwarded.target.host);
        let question = |request| Question {
            target: forwarded.target,
            request,
            user_agent: forwarded.user_agent,
        };
        match forwarded.wants {
            Wants::Scrape(hashes) => {
                if mode == Mode::Never {
                    return Some(Answer::Scrape(self.handle_scrape(hashes)));
                }
                let request = UpstreamRequest::Scrape {
                    hashes: hashes.clone(),
                };
                let waits = Waits::Counts(hashes, share);
                self.wait_alone(question(request), waits, ip, ticket, now)
            }
            Wants::Announce {
                announce, request, ..
            } if !share => {
                self.figures.announces += 1;
                let waits = Waits::Tracker(announce);
                self.wait_alone(question(request), waits, ip, ticket, now)
            }
            Wants::Announce {
                announce, request, ..
            } => {
                let key = (Arc::from(forwarded.tracker), announce.info_hash);
                self.handle_shared(announce, question(request), key, mode, ip, ticket, now)
            }
        }
    }

    /// An announce whose client joins the common swarm.
    #[expect(
        clippy::too_many_arguments,
        reason = "one caller, and all of it is one request"
    )]
    fn handle_shared(
        &mut self,
        announce: Announce,
        question: Question,
        key: ListKey,
        mode: Mode,
        ip: IpAddr,
        ticket: Ticket,
        now: Now,
    ) -> Option<Answer<'_>> {
        self.figures.announces += 1;
        let group = self.register(&announce, ip, true, now);
        let refresh_interval = self.settings.forward.refresh_interval;
        let enough = self.has_enough(&announce.info_hash, group);
        let timestamp = now.timestamp();
        let list = self.external.list(&key, timestamp);
        let last_words = matches!(announce.event, Event::Completed | Event::Stopped);
        let is_known = list.is_fresh(timestamp, refresh_interval);
        let refused = list.refusal(timestamp).is_some();
        let was_passed_on = list.was_passed_on(&announce.peer_id);
        let Some(group) = group else {
            if mode == Mode::Always || (mode == Mode::IfNeeded && was_passed_on) {
                self.pass_on(question, now);
            }
            self.reply.counts = self.counts(&announce.info_hash);
            self.set_times(ip, false);
            return Some(Answer::Announce(&self.reply, announce.compact));
        };
        let missing = mode == Mode::IfNeeded && !enough && !is_known;
        let must_ask = match mode {
            Mode::Never => false,
            Mode::IfNeeded => missing && !refused,
            Mode::Always => !refused || last_words,
        };
        if mode == Mode::IfNeeded && last_words && was_passed_on {
            self.pass_on(question, now);
        } else if must_ask && let Some(id) = self.ask_for(&key, mode, question, &announce, now) {
            let wants = Waits::List {
                key,
                announce,
                group,
                own_times: mode == Mode::Always,
            };
            self.let_wait(id, Waiting { ticket, ip, wants }, now);
            return None;
        }
        let refused = self.fill_shared(&announce, ip, group, &key, missing || must_ask, now);
        Some(self.told(refused, &announce))
    }

    /// Asks an external tracker, or joins those who wait for it already. Returns by what name there
    /// is something to wait for.
    fn ask_for(
        &mut self,
        key: &ListKey,
        mode: Mode,
        question: Question,
        announce: &Announce,
        now: Now,
    ) -> Option<WaitId> {
        let id = self.external.next_id();
        let list = self.external.list(key, now.timestamp());
        if mode == Mode::IfNeeded && list.fetching {
            list.waiting.push(id);
            self.figures.upstream.shared += 1;
            return Some(id);
        }
        let purpose = match mode {
            Mode::Always => Purpose::Announce(key.clone(), id),
            _ => Purpose::List(key.clone()),
        };
        let deadline = self.deadline(now);
        let policy = self.settings.forward.policy.clone();
        let asked = self.ask(question, &policy, purpose, (now, deadline));
        let list = self.external.list(key, now.timestamp());
        if asked.is_ok() {
            list.pass_on(announce.peer_id);
            if mode == Mode::IfNeeded {
                list.fetching = true;
                list.waiting.push(id);
            }
        }
        asked.is_ok().then_some(id)
    }

    /// Has a client wait for what only it gets.
    fn wait_alone(
        &mut self,
        question: Question,
        wants: Waits,
        ip: IpAddr,
        ticket: Ticket,
        now: Now,
    ) -> Option<Answer<'_>> {
        let deadline = self.deadline(now);
        let policy = &self.settings.forward.policy;
        let id = self.external.next_id();
        let purpose = Purpose::Client(id);
        let asked = self
            .upstreams
            .ask(question, policy, purpose, (now, deadline));
        let waiting = Waiting { ticket, ip, wants };
        if asked.is_ok() {
            self.let_wait(id, waiting, now);
            return None;
        }
        let ready = Ready {
            waiting,
            reply: None,
        };
        Some(self.answer_waiting(ready, now))
    }

    fn let_wait(&mut self, id: WaitId, waiting: Waiting, now: Now) {
        let deadline = self.deadline(now);
        self.external.wait(id, waiting, deadline);
    }

    fn deadline(&self, now: Now) -> Now {
        now.plus(u64::from(self.settings.forward.timeout) * 1000)
    }

    fn pass_on(&mut self, question: Question, now: Now) {
        let policy = self.settings.forward.policy.clone();
        let times = (now, now.plus(UNHURRIED));
        // Nobody waits for it: if it is declined, that is counted, and all there is to do.
        let _ = self.ask(question, &policy, Purpose::PassedOn, times);
    }

    fn ask(
        &mut self,
        question: Question,
        policy: &Arc<FetchPolicy>,
        purpose: Purpose,
        times: (Now, Now),
    ) -> Result<(), Declined> {
        let asked = self.upstreams.ask(question, policy, purpose, times);
        match asked {
            Ok(()) => self.figures.upstream.asked += 1,
            Err(_) => self.figures.upstream.declined += 1,
        }
        asked
    }

    /// Whether the network itself has enough peers for one of its clients.
    fn has_enough(&self, info_hash: &InfoHash, group: Option<GroupId>) -> bool {
        let members = self
            .swarms
            .get(info_hash)
            .map_or(0, |swarm| swarm.members());
        let itself = usize::from(group.is_some_and(|group| group != OTHER));
        members.saturating_sub(itself) >= self.settings.enough_peers as usize
    }

    /// Takes what another tracker has answered, or why it has not.
    pub(super) fn take_fetched(
        &mut self,
        purpose: Purpose,
        result: Result<UpstreamReply, FetchError>,
        now: Now,
    ) {
        let reply = match result {
            Ok(reply) => reply,
            Err(error) => return self.give_up(purpose, &error.to_string(), now),
        };
        match purpose {
            Purpose::List(key) => {
                self.take_list(&key, &reply, now);
                self.end_waiting_for(&key);
            }
            Purpose::Announce(key, id) => {
                self.take_list(&key, &reply, now);
                self.external.finish(id, Some(reply));
            }
            Purpose::Client(id) => self.external.finish(id, Some(reply)),
            Purpose::PassedOn => {}
            Purpose::Neighbor(name, info_hash) => {
                let places = Places {
                    groups: &self.groups,
                    version: self.groups_version,
                    rules: self.swarms.rules(),
                    keys: self.swarms.keys(),
                };
                let peers = &reply.peers;
                self.neighbors
                    .handle_answer(&name, info_hash, peers, now, places);
            }
        }
    }

    /// A fetch has failed: whoever has waited for it gets what there is.
    pub(super) fn give_up(&mut self, purpose: Purpose, reason: &str, now: Now) {
        match purpose {
            Purpose::List(key) => self.end_waiting_for(&key),
            Purpose::Announce(_, id) | Purpose::Client(id) => self.external.finish(id, None),
            Purpose::PassedOn => {}
            Purpose::Neighbor(name, info_hash) => {
                self.neighbors.handle_failure(&name, info_hash, reason, now);
            }
        }
    }

    fn take_list(&mut self, key: &ListKey, reply: &UpstreamReply, now: Now) {
        let places = Places {
            groups: &self.groups,
            version: self.groups_version,
            rules: self.swarms.rules(),
            keys: self.swarms.keys(),
        };
        let lifetime = self.settings.forward.peers_expiry_interval;
        let list = self.external.list(key, now.timestamp());
        list.take(reply, lifetime, now.timestamp(), places);
    }

    fn end_waiting_for(&mut self, key: &ListKey) {
        let Some(list) = self.external.known_list(key) else {
            return;
        };
        list.fetching = false;
        for id in std::mem::take(&mut list.waiting) {
            self.external.finish(id, None);
        }
    }

    /// What somebody is told who has waited.
    pub(super) fn answer_waiting(&mut self, ready: Ready, now: Now) -> Answer<'_> {
        answer::clear(&mut self.reply);
        let Waiting { ip, wants, .. } = ready.waiting;
        match wants {
            Waits::List {
                key,
                announce,
                group,
                own_times,
            } => {
                let refresh_interval = self.settings.forward.refresh_interval;
                let timestamp = now.timestamp();
                let list = self.external.list(&key, timestamp);
                let missing = !list.is_fresh(timestamp, refresh_interval);
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
    fn fill_shared(
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
        self.choose_peers(client, Some(key), now);
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

    fn told(&self, refused: Option<Arc<str>>, announce: &Announce) -> Answer<'_> {
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
            let (list, length) = match peer {
                SocketAddr::V4(_) => (&mut reply.peers, 6),
                SocketAddr::V6(_) => (&mut reply.peers6, 18),
            };
            if list.compact.len() < places * length {
                match peer {
                    SocketAddr::V4(peer) => peer.ip().write(&mut list.compact),
                    SocketAddr::V6(peer) => peer.ip().write(&mut list.compact),
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
        let mut files = self.handle_scrape(hashes);
        for (info_hash, counts) in &mut files {
            let found = said.files.iter().find(|(hash, _)| hash == info_hash);
            let theirs = found.map_or_else(Counts::default, |(_, counts)| *counts);
            let ours = if share { *counts } else { Counts::default() };
            *counts = larger(ours, theirs);
        }
        files
    }

    /// Asks the neighbors what is due.
    pub(super) fn ask_neighbors(&mut self, now: Now) {
        loop {
            let matters = |info_hash: &InfoHash| {
                let swarm = self.swarms.get(info_hash);
                swarm.is_some_and(|swarm| swarm.has_members())
            };
            let Some(due) = self.neighbors.next_question(now, matters) else {
                return;
            };
            let (name, info_hash) = (due.name, due.info_hash);
            let purpose = Purpose::Neighbor(name.clone(), info_hash);
            let times = (now, now.plus(neighbors::PATIENCE));
            let asked = self.ask(due.question, &due.policy, purpose, times);
            if let Err(declined) = asked {
                let reason = declined.to_string();
                self.neighbors
                    .handle_failure(&name, info_hash, &reason, now);
            }
        }
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
