//! What must hold, whatever happens.

use crate::clients::NEIGHBOR;
use crate::database::{Key, key};
use crate::hearsay::Source;
use crate::operator::LIMITS;
use crate::real::{Endpoint, Member, endpoints, members};
use crate::world::{Asked, Told, World};
use btrt::bittorrent::{Announce, AnnounceReply, Counts, Event, InfoHash, PeerId, Reach};
use btrt::record::Origin;
use btrt::swarm::Mark;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// When clients come back at the latest if something was missing, in seconds.
const SOON: u32 = 120;
/// Seconds by which the database's `last_announce` may lag behind because time is coarse there.
const COARSE: u32 = 2 * 256;
const ROUNDS_TO_SETTLE: usize = 200;

type Members = BTreeMap<Endpoint, Member>;

impl World {
    pub fn note_announced(&mut self, announce: &Announce, from: IpAddr) {
        let endpoint = (from, announce.port.unwrap_or(0));
        self.announced.insert((announce.info_hash, endpoint));
    }

    /// There are no more peers than there may be, or than there were.
    pub fn expect_bounded(&self, before: usize) {
        let most = self.tracker.settings().rules.max_peers;
        let peers = self.tracker.swarms().totals().peers();
        assert!(
            peers <= most.max(before),
            "{peers} peers where {most} may be"
        );
    }

    /// No more is under way than the limits allow.
    pub fn check_workers(&self) {
        let (all, at_one_host) = self.workers.busy(self.now);
        assert!(all <= LIMITS.threads, "{all} fetches at once");
        assert!(at_one_host <= LIMITS.per_host, "{at_one_host} at one host");
    }

    fn members_of(&self, info_hash: InfoHash) -> Members {
        let all = members(self.tracker.swarms()).into_iter();
        let of_it = all.filter(|((hash, _), _)| *hash == info_hash);
        of_it
            .map(|((_, endpoint), member)| (endpoint, member))
            .collect()
    }

    /// Sums are what a count gives, and who is remembered has announced here.
    pub fn check(&self) {
        let swarms = self.tracker.swarms();
        let members = members(swarms);
        let seeders = members.values().filter(|(class, _)| class.seeder).count();
        assert_eq!(swarms.totals().seeders, seeders);
        assert_eq!(swarms.totals().peers(), members.len());
        for (&(hash, endpoint), (class, _)) in &members {
            assert!(
                self.announced.contains(&(hash, endpoint)),
                "{endpoint:?} never announced"
            );
            let refused = &self.tracker.settings().rules.refused_ports;
            let unlisted = endpoint.1 == 0 || refused.contains(&endpoint.1);
            assert_eq!(class.unlisted, unlisted);
        }
        for (key, (row, _)) in &self.database.peers {
            let endpoint = (row.key.ip, row.key.port);
            let announced = self.announced.contains(&(key.0, endpoint));
            assert!(announced, "{endpoint:?} is stored and never announced");
        }
    }

    /// What somebody was told is right. `forwarded` if it was meant for an external tracker.
    pub fn check_told(&mut self, from: IpAddr, asked: &Asked, told: Told, forwarded: bool) {
        match (asked, told) {
            (Asked::Everything, Told::Written | Told::Failure(_)) => {}
            (Asked::Scrape(hashes), Told::Scrape(files)) => {
                let asked: BTreeSet<_> = hashes.iter().copied().collect();
                assert!(files.iter().map(|(hash, _)| *hash).eq(asked));
                for (hash, counts) in files {
                    let own = self.recount(hash);
                    assert!(counts == own || forwarded);
                }
            }
            (Asked::Announce(_, Some(_)) | Asked::Private(..), Told::Failure(reason)) => {
                assert_eq!(reason, "not today");
            }
            (Asked::Announce(announce, external), Told::Announce(reply)) => {
                self.check_times(&reply, from);
                let own = self.recount(announce.info_hash);
                assert!(reply.counts == own || external.is_some());
                assert!(reply.counts.seeders >= own.seeders);
                let numwant = announce.numwant.unwrap_or(self.tracker.settings().numwant);
                let most = numwant.min(self.tracker.settings().max_numwant);
                self.check_lists(from, announce, external.as_ref(), most, &reply);
            }
            (Asked::Neighbor(announce), Told::Announce(reply)) => {
                let numwant = announce.numwant.unwrap_or(self.tracker.settings().numwant);
                let members = self.members_of(announce.info_hash);
                for peer in all_peers(&reply) {
                    assert!(members.contains_key(&peer), "{peer:?} was learned");
                }
                self.check_lists(from, announce, None, numwant.min(1000), &reply);
            }
            (Asked::Private(announce, source), Told::Announce(reply)) => {
                self.check_times(&reply, from);
                let theirs = source.peers(20);
                let most = announce.numwant.unwrap_or(self.tracker.settings().numwant) as usize;
                for peer in all_peers(&reply) {
                    assert!(theirs.iter().any(|one| (one.ip(), one.port()) == peer));
                }
                assert!(endpoints(&reply.peers.compact, 4).len() <= most);
                if all_peers(&reply).is_empty() && reply.interval > SOON {
                    // The tracker has said when to come again.
                    assert!(forwarded);
                }
            }
            (asked, told) => panic!("{asked:?} is no question for {told:?}"),
        }
    }

    fn check_times(&self, reply: &AnnounceReply, from: IpAddr) {
        assert!(reply.min_interval <= reply.interval);
        assert_eq!(reply.external_ip, from);
    }

    fn recount(&self, info_hash: InfoHash) -> Counts {
        let members = self.members_of(info_hash);
        let seeders = members.values().filter(|(class, _)| class.seeder).count() as u32;
        let swarm = self.tracker.swarms().get(&info_hash);
        Counts {
            seeders,
            leechers: members.len() as u32 - seeders,
            completions: swarm.map_or(0, |swarm| swarm.counts().completions),
        }
    }

    /// Everybody on the lists may be there, and nobody is who comes too late.
    fn check_lists(
        &self,
        from: IpAddr,
        announce: &Announce,
        external: Option<&Source>,
        most: u32,
        reply: &AnnounceReply,
    ) {
        let members = self.members_of(announce.info_hash);
        let may_be_given =
            |peer: Endpoint| self.may_be_given(from, announce, external, peer, &members);
        let outside = self.tracker.settings().outside_peers.min(most / 4) as usize;
        for (compact, length) in [(&reply.peers.compact, 4), (&reply.peers6.compact, 16)] {
            let given = endpoints(compact, length);
            assert!(given.len() <= most as usize);
            assert!(announce.event != Event::Stopped || given.is_empty());
            let different: BTreeSet<_> = given.iter().collect();
            assert_eq!(different.len(), given.len(), "a peer is given twice");
            for peer in &given {
                if let Err(why) = may_be_given(*peer) {
                    panic!("{peer:?} was given to {from} for {announce:?}: {why}");
                }
            }
            // What fills the list from inside comes by priority, and all of an earlier one is
            // there before the first of a later one.
            let inside = &given[..given.len().saturating_sub(outside)];
            let last = inside.iter().map(|peer| self.priority(peer.0)).max();
            let must = members
                .keys()
                .filter(|peer| peer.0.is_ipv4() == (length == 4));
            for peer in must {
                let is_earlier = Some(self.priority(peer.0)) < last;
                if is_earlier && may_be_given(*peer).is_ok() && from != ip(NEIGHBOR) {
                    assert!(given.contains(peer), "{peer:?} was passed over");
                }
            }
        }
        let ids = reply.peers.ids.iter().chain(&reply.peers6.ids);
        let with_ids = !announce.compact && !announce.no_peer_id;
        assert!(ids.count() == if with_ids { all_peers(reply).len() } else { 0 });
    }

    fn priority(&self, ip: IpAddr) -> u32 {
        self.networks.priority(self.networks.find(ip))
    }

    fn may_be_given(
        &self,
        from: IpAddr,
        announce: &Announce,
        external: Option<&Source>,
        peer: Endpoint,
        members: &Members,
    ) -> Result<(), &'static str> {
        let (group, askers) = (self.networks.find(peer.0), self.networks.find(from));
        let is_confined = Reach::of(peer.0) == Reach::Confined && !peer.0.is_loopback();
        let settings = self.tracker.settings();
        let now = self.now.timestamp();
        let known = match members.get(&peer) {
            Some((class, known)) => {
                let age = now.since(known.last_announce);
                if age >= settings.rules.peer_expiry_interval {
                    Err("it has expired")
                } else if known.id == announce.peer_id {
                    Err("it is the asker, by its id")
                } else if class.seeder && announce.seeder {
                    Err("both are seeders")
                } else {
                    Ok(())
                }
            }
            None => {
                let heard = self
                    .hearsay
                    .tells_of(external, announce.info_hash, peer, now.0);
                heard
                    .then_some(())
                    .ok_or("nobody has told of it whom the asker may know of")
            }
        };
        known?;
        if peer == (from, announce.port.unwrap_or(0)) {
            Err("it is the asker")
        } else if peer.1 == 0 || settings.rules.refused_ports.contains(&peer.1) {
            Err("its port is refused")
        } else if is_confined && group != askers {
            Err("the asker cannot reach it")
        } else if !self.networks.visible(group, askers) {
            Err("its group is not visible to the asker's")
        } else {
            Ok(())
        }
    }

    /// After a kill, no more is missing than promised.
    pub fn check_kill(&self) {
        let Some(flush_interval) = self.tracker.settings().flush_interval else {
            return;
        };
        // Long enough for what was due before to be through.
        let promised = u64::from(flush_interval) * 1000 + 1000;
        let is_calm = self.database.is_up
            && self.database.delay == 0
            && self.now >= self.calm_since.plus(3 * promised + 61_000);
        if !is_calm {
            return;
        }
        for ((hash, (ip, port)), (_, peer)) in members(self.tracker.swarms()) {
            let age = u64::from(self.now.timestamp().since(peer.last_announce)) * 1000;
            let is_stored = self.database.peers.contains_key(&key(hash, ip, port));
            assert!(
                is_stored || age <= promised + 1000,
                "{ip} {port} is not stored yet"
            );
        }
    }

    /// The database holds what the memory does.
    pub fn check_stored(&self) {
        if self.tracker.settings().flush_interval.is_none() {
            assert!(self.database.peers.is_empty());
            return;
        }
        let swarms = self.tracker.swarms();
        let members: BTreeMap<Key, (PeerId, Member)> = members(swarms)
            .into_iter()
            .map(|((hash, (ip, port)), member)| (key(hash, ip, port), (member.1.id, member)))
            .collect();
        assert!(
            self.database.peers.keys().eq(members.keys()),
            "peers are stored"
        );
        for (key, (row, date)) in &self.database.peers {
            let (id, (class, peer)) = &members[key];
            assert_eq!((row.peer_id, row.seeder), (*id, class.seeder));
            assert_eq!(row.completed, peer.marks.has(Mark::Completed));
            let forwarded = row.origin == Origin::Forwarded;
            assert_eq!(forwarded, peer.marks.has(Mark::Forwarded));
            assert_eq!(*row.group, *self.networks.find(row.key.ip));
            if self.steady {
                let last = self.database.calendar + i64::from(peer.last_announce.0);
                let lag = self.tracker.settings().rules.peer_expiry_interval / 4 + COARSE;
                assert!(
                    (0..=i64::from(lag)).contains(&(last - date)),
                    "{last} {date}"
                );
            }
        }
        let stored = self.database.swarms.values().map(|row| {
            let counts = Counts {
                seeders: row.seeders,
                leechers: row.leechers,
                completions: row.completions,
            };
            (row.info_hash, counts)
        });
        let ours = (0..swarms.len()).map(|place| swarms.at(place));
        let ours = ours.map(|swarm| (swarm.info_hash(), swarm.counts()));
        assert_eq!(stored.collect::<BTreeMap<_, _>>(), ours.collect());
    }

    /// Good times come, and with them everything that was promised for these.
    pub fn end(&mut self) {
        self.tell(|| "good times".to_owned());
        self.workers.are_good = true;
        self.database.is_up = true;
        self.database.delay = 0;
        // Hosts that failed are left alone for up to a quarter of an hour, and jobs of workers
        // that never answer are given up in the end.
        for _ in 0..ROUNDS_TO_SETTLE {
            self.pass(10_000);
        }
        assert!(self.waiting.is_empty(), "{:?} wait for ever", self.waiting);
        self.check();
        self.check_stored();
        self.expect_to_be_asked();
    }

    /// An external tracker is asked for somebody who finds nobody, and each neighbor about a torrent
    /// that matters.
    fn expect_to_be_asked(&mut self) {
        let info_hash = InfoHash([0xee; 20]);
        let mut announce = self.announcement();
        announce.info_hash = info_hash;
        announce.event = Event::None;
        announce.port = Some(6881);
        announce.seeder = false;
        let from = ip("127.1.0.1");
        let before = self.workers.count(info_hash);
        self.forward_announce(from, 0, 0, announce.clone());
        self.turn();
        let mut is_entered = true;
        for _ in 0..70 {
            self.pass(1_000);
            self.announce_from(announce.clone(), from);
            is_entered &= !self.members_of(info_hash).is_empty();
        }
        let settings = self.tracker.settings();
        let is_member = self.tracker.is_member(from) && is_entered;
        let neighbors = if is_member {
            settings.neighbors.len()
        } else {
            0
        };
        let external = usize::from(settings.enough_peers > 0);
        let asked = self.workers.count(info_hash) - before;
        assert!(
            asked >= external + neighbors,
            "{asked} of {external} + {neighbors} asked"
        );
        assert!(self.waiting.is_empty());
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn all_peers(reply: &AnnounceReply) -> Vec<Endpoint> {
    let mut all = endpoints(&reply.peers.compact, 4);
    all.extend(endpoints(&reply.peers6.compact, 16));
    all
}
