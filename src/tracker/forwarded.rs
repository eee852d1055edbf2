//! Forwarded announces and scrapes: who is answered at once, for whom an external tracker is
//! asked, and what those are told who have waited.

use super::external::{Asked, ListKey, Mode, Ready, WaitId, Waiting, Waits};
use super::learned::Places;
use super::upstreams::{Declined, Question};
use super::{Answer, Entered, Purpose, Tracker, answer};
use crate::bittorrent::{Announce, Event, Forwarded, UpstreamReply, UpstreamRequest, Wants};
use crate::job::{FetchError, FetchPolicy, Ticket};
use crate::swarm::{Class, GroupId, OTHER};
use crate::time::Now;
use std::net::IpAddr;
use std::sync::Arc;

/// How long an external tracker may take for what nobody waits for, in milliseconds.
const UNHURRIED: u64 = 30_000;

/// Who asks, and how to reach it later.
#[derive(Clone, Copy)]
struct Caller {
    ip: IpAddr,
    ticket: Ticket,
}

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
        // Taken back if the answer comes later.
        self.turn.forwarded += 1;
        answer::clear(&mut self.reply);
        let caller = Caller { ip, ticket };
        let (mode, share) = self.settings.forward.rule(&forwarded.target.host);
        let question = |request| Question {
            target: forwarded.target,
            request,
            user_agent: forwarded.user_agent,
        };
        match forwarded.wants {
            Wants::Scrape(hashes) => {
                if mode == Mode::Never {
                    return Some(Answer::Scrape(self.scrape(hashes)));
                }
                let request = UpstreamRequest::Scrape {
                    hashes: hashes.clone(),
                };
                let waits = Waits::Counts(hashes, share);
                self.wait_alone(question(request), waits, caller, now)
            }
            Wants::Announce {
                announce, request, ..
            } if !share => {
                self.figures.announces += 1;
                let waits = Waits::Tracker(announce);
                self.wait_alone(question(request), waits, caller, now)
            }
            Wants::Announce {
                announce, request, ..
            } => {
                let key = (Arc::from(forwarded.tracker), announce.info_hash);
                self.handle_shared(announce, question(request), key, mode, caller, now)
            }
        }
    }

    /// An announce whose client joins the common swarm.
    fn handle_shared(
        &mut self,
        announce: Announce,
        question: Question,
        key: ListKey,
        mode: Mode,
        caller: Caller,
        now: Now,
    ) -> Option<Answer<'_>> {
        let Caller { ip, ticket } = caller;
        self.figures.announces += 1;
        let entered = self.register(&announce, ip, true, now);
        let refresh_interval = self.settings.forward.refresh_interval;
        let timestamp = now.timestamp();
        let asked = self.asked(&announce);
        let list = self.external.list(&key, timestamp);
        let last_words = matches!(announce.event, Event::Completed | Event::Stopped);
        let is_known = list.is_fresh(timestamp, refresh_interval, asked);
        let refused = list.refusal(timestamp).is_some();
        let was_passed_on = list.was_passed_on(&announce.peer_id);
        let Some(Entered { group, .. }) = entered else {
            if mode == Mode::Always || (mode == Mode::IfNeeded && was_passed_on) {
                self.pass_on(question, now);
            }
            self.reply.counts = self.counts(&announce.info_hash);
            self.set_times(ip, false);
            return Some(Answer::Announce(&self.reply, announce.compact));
        };
        let enough = self.has_enough(&announce, group);
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
                own_times: mode == Mode::Always,
            };
            let waiting = Waiting {
                ticket,
                ip,
                since: now,
                wants,
            };
            self.let_wait(id, waiting, now);
            return None;
        }
        let refused = self.fill_shared(&announce, ip, group, &key, missing || must_ask, now);
        Some(self.told(refused, &announce))
    }

    /// Of which kind a client is, as far as an external tracker's answer goes.
    pub(super) fn asked(&self, announce: &Announce) -> Asked {
        let numwant = announce.numwant.unwrap_or(self.settings.numwant);
        Asked {
            seeder: announce.seeder,
            few: numwant < self.settings.enough_peers,
        }
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
        let kind = self.asked(announce);
        let list = self.external.list(key, now.timestamp());
        if mode == Mode::IfNeeded && list.fetching.is_some() {
            list.waiting.push(id);
            self.figures.external.shared += 1;
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
                list.fetching = Some(kind);
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
        Caller { ip, ticket }: Caller,
        now: Now,
    ) -> Option<Answer<'_>> {
        let deadline = self.deadline(now);
        let policy = self.settings.forward.policy.clone();
        let id = self.external.next_id();
        let asked = self.ask(question, &policy, Purpose::Client(id), (now, deadline));
        let waiting = Waiting {
            ticket,
            ip,
            since: now,
            wants,
        };
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
        self.turn.forwarded -= 1;
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

    /// Has a worker ask another tracker, and counts that.
    pub(super) fn ask(
        &mut self,
        question: Question,
        policy: &Arc<FetchPolicy>,
        purpose: Purpose,
        times: (Now, Now),
    ) -> Result<(), Declined> {
        let host =
            (!purpose.is_neighbor()).then(|| (question.target.host.clone(), question.target.port));
        let figures = self.figures.upstream_mut(&purpose);
        let asked = self.upstreams.ask(question, policy, purpose, times);
        match asked {
            Ok(()) => {
                figures.asked += 1;
                host.iter().for_each(|host| self.hosts.ask(host));
            }
            Err(_) => figures.declined += 1,
        }
        asked
    }

    /// Whether the network itself has enough peers for a client, of those that it may be given.
    pub(super) fn has_enough(&self, announce: &Announce, group: GroupId) -> bool {
        let is_for = |class: &Class| class.is_for(group, announce.seeder, &self.groups);
        let swarm = self.swarms.get(&announce.info_hash);
        let members = swarm.map_or(0, |swarm| swarm.members(is_for));
        // The client itself has been entered already.
        let itself = group != OTHER && !announce.seeder && announce.port.is_some();
        members.saturating_sub(usize::from(itself)) >= self.settings.enough_peers as usize
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
                let places = Places::new(&self.groups, self.groups_version, &self.swarms);
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
        let places = Places::new(&self.groups, self.groups_version, &self.swarms);
        let lifetime = self.settings.forward.peers_expiry_interval;
        let now = now.timestamp();
        self.external.take(key, reply, lifetime, now, places);
    }

    fn end_waiting_for(&mut self, key: &ListKey) {
        let Some(list) = self.external.known_list(key) else {
            return;
        };
        list.fetching = None;
        for id in std::mem::take(&mut list.waiting) {
            self.external.finish(id, None);
        }
    }
}
