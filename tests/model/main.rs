//! The tracker beside a slow and obvious model of it: whatever happens to both, they remember the
//! same peers, and every answer of the tracker is one that the model allows.
//!
//! A failure prints the shortest list of steps that proptest finds for it, and keeps its seed in
//! `tests/proptest-regressions`, from which the next run begins.

mod answer;
mod explain;
mod fairness;
mod model;
mod networks;
mod pieces;
mod real;
mod steps;

use answer::Question;
use btrt::bittorrent::{Announce, AnnounceReply, Event, PeerId};
use btrt::swarm::GroupDefinition;
use btrt::time::Now;
use btrt::tracker::{Settings, Tracker};
use model::Model;
use networks::Networks;
use proptest::prelude::*;
use real::{Endpoint, endpoints};
use std::collections::BTreeSet;
use std::net::IpAddr;
use steps::Step;

/// The tracker and its model, which live through the same.
struct World {
    tracker: Tracker,
    model: Model,
    /// Groups that are not in force yet, because the tracker is still putting peers into others.
    next_networks: Option<Networks>,
    now: Now,
}

impl World {
    fn new(settings: Settings, definitions: &[GroupDefinition], seed: u64) -> World {
        let (networks, groups) = Networks::build(definitions, &Default::default());
        let now = Now::after_start(0);
        World {
            model: Model::new(settings.rules.clone(), networks, now.timestamp().0),
            tracker: Tracker::new(settings, groups, seed, now),
            next_networks: None,
            now,
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Announce(announce, ip) => self.announce(&announce, ip),
            Step::Scrape(hashes) => {
                let asked: BTreeSet<_> = hashes.iter().copied().collect();
                let counts = asked
                    .into_iter()
                    .map(|hash| (hash, self.model.counts(hash)));
                let counts: Vec<_> = counts.collect();
                assert_eq!(self.tracker.handle_scrape(hashes), counts);
            }
            Step::Pass(seconds) => self.pass(seconds),
            Step::Stall(seconds) => self.set_now(self.now.plus(u64::from(seconds) * 1000)),
            Step::Timeout if self.tracker.next_timeout() <= self.now => self.time_out(),
            Step::Timeout | Step::Sweep(_) => {}
            Step::Reload(settings, definitions) => self.reload(settings, &definitions),
        }
        self.model.check(self.tracker.swarms());
    }

    fn set_now(&mut self, now: Now) {
        self.now = now;
        self.model.now = now.timestamp().0;
    }

    fn announce(&mut self, announce: &Announce, ip: IpAddr) {
        let explained = self.explain(announce, ip);
        let reply = self.tracker.handle_announce(announce, ip, self.now).clone();
        if let Some(explained) = explained.filter(|_| announce.event != Event::Stopped) {
            let given = self.priorities(announce.info_hash, &reply);
            assert_eq!(given, explained, "what was explained and what was given");
        }
        self.model.announce(announce, ip, self.tracker.swarms());
        let settings = self.tracker.settings();
        assert_eq!(reply.counts, self.model.counts(announce.info_hash));
        assert_eq!(reply.external_ip, ip);
        let tenth = settings.interval / 10;
        assert!(reply.interval.abs_diff(settings.interval) <= tenth);
        assert_eq!(
            reply.min_interval,
            settings.min_interval.min(reply.interval)
        );
        let numwant = announce.numwant.unwrap_or(settings.numwant);
        let places = match announce.event {
            Event::Stopped => 0,
            _ => numwant.min(settings.max_numwant),
        };
        let question = Question {
            info_hash: announce.info_hash,
            own: (ip, announce.port.unwrap_or(0)),
            id: announce.peer_id,
            seeder: announce.seeder,
            places: places as usize,
            enough: settings.enough_peers as usize,
            outside: settings.outside_peers as usize,
        };
        answer::check(
            &self.model,
            &question,
            true,
            &endpoints(&reply.peers.compact, 4),
        );
        answer::check(
            &self.model,
            &question,
            false,
            &endpoints(&reply.peers6.compact, 16),
        );
        let with_ids = !announce.compact && !announce.no_peer_id;
        let ids = self.ids(&question, &reply);
        let given: Vec<_> = reply
            .peers
            .ids
            .iter()
            .chain(&reply.peers6.ids)
            .map(|id| id.expect("everybody here has announced"))
            .collect();
        assert_eq!(given, if with_ids { ids } else { Vec::new() });
    }

    /// The ids of the peers of a reply.
    fn ids(&self, question: &Question, reply: &AnnounceReply) -> Vec<PeerId> {
        let id = |endpoint: Endpoint| self.model.swarms[&question.info_hash].peers[&endpoint].id;
        let ipv4 = endpoints(&reply.peers.compact, 4);
        let ipv6 = endpoints(&reply.peers6.compact, 16);
        ipv4.into_iter().chain(ipv6).map(id).collect()
    }

    fn pass(&mut self, seconds: u32) {
        let expired = self.model.expired();
        let end = self.now.plus(u64::from(seconds) * 1000);
        while self.tracker.next_timeout() <= end {
            self.set_now(self.tracker.next_timeout().max(self.now));
            self.time_out();
        }
        self.set_now(end);
        if seconds * 2 >= self.model.rules.peer_expiry_interval {
            let left: Vec<_> = self
                .model
                .expired()
                .intersection(&expired)
                .copied()
                .collect();
            assert!(left.is_empty(), "never swept: {left:?}");
        }
    }

    fn time_out(&mut self) {
        let was_regrouping = self.tracker.swarms().is_regrouping();
        self.tracker.handle_timeout(self.now);
        self.model.sweep(self.tracker.swarms());
        if was_regrouping {
            // So few peers are put into their groups in one go.
            let next = self.next_networks.take();
            assert_eq!(self.tracker.swarms().is_regrouping(), next.is_some());
            next.into_iter().for_each(|next| self.model.enforce(next));
        }
    }

    fn reload(&mut self, settings: Settings, definitions: &[GroupDefinition]) {
        let was_regrouping = self.tracker.swarms().is_regrouping();
        let (networks, groups) = Networks::build(definitions, &self.tracker.group_names());
        self.model.rules = settings.rules.clone();
        self.tracker.handle_reload(settings, groups);
        if was_regrouping {
            self.next_networks = Some(networks);
        } else {
            self.model.enforce(networks);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn the_tracker_and_its_model_live_alike(
        settings in steps::settings(),
        definitions in networks::definitions(),
        seed: u64,
        life in steps::life(),
    ) {
        let mut world = World::new(settings, &definitions, seed);
        life.into_iter().for_each(|step| world.take(step));
    }
}
