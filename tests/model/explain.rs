//! What is explained to operators is what the model allows, and what the client is given next; and
//! nothing changes by it.

use crate::World;
use crate::answer::{self, Question};
use crate::model::Peer;
use crate::real::{Endpoint, endpoints, members};
use btrt::bittorrent::{Announce, AnnounceReply, InfoHash, PeerId};
use btrt::tracker::{Explanation, Inquiry, Origin, PeerReport};
use std::net::IpAddr;

impl World {
    /// Has it explained whom a client would be given. The priorities of these, if the client is
    /// the one that is about to announce, so that the answer to it must have the same.
    pub fn explain(&mut self, announce: &Announce, ip: IpAddr) -> Option<Vec<u32>> {
        let inquiry = Inquiry {
            info_hash: announce.info_hash,
            ip,
            numwant: announce.numwant,
            seeder: announce.seeder,
            external: None,
        };
        let figures = format!("{:?}", self.tracker.figures());
        let before = members(self.tracker.swarms());
        let explanation = self.tracker.explain(&inquiry, self.now);
        assert_eq!(format!("{:?}", self.tracker.figures()), figures);
        assert!(
            members(self.tracker.swarms()) == before,
            "it has changed a swarm"
        );
        let group = self.model.networks.find(ip);
        assert_eq!(*explanation.group.name, *group);

        let own = self.client_at(announce.info_hash, ip)?;
        let (own, id) = own.unwrap_or(((ip, 0), PeerId([0xff; 20])));
        let settings = self.tracker.settings();
        let numwant = announce.numwant.unwrap_or(settings.numwant);
        let question = Question {
            info_hash: announce.info_hash,
            own,
            id,
            seeder: announce.seeder,
            places: numwant.min(settings.max_numwant) as usize,
            enough: settings.enough_peers as usize,
            outside: settings.outside_peers as usize,
        };
        let Explanation { peers, .. } = explanation;
        let (ipv4, ipv6): (Vec<_>, Vec<_>) = peers.iter().partition(|one| one.address.is_ipv4());
        for (of_ipv4, peers) in [(true, ipv4), (false, ipv6)] {
            let given: Vec<_> = peers.iter().map(|one| endpoint(one)).collect();
            answer::check(&self.model, &question, of_ipv4, &given);
        }
        peers
            .iter()
            .for_each(|one| self.check_report(&question, one));
        let is_same = own == (ip, announce.port.unwrap_or(0)) && id == announce.peer_id;
        let priorities = peers
            .iter()
            .map(|one| one.group.priority.unwrap_or(u32::MAX));
        is_same.then(|| priorities.collect())
    }

    /// Who announced last from an address; the outer `None` if there are several.
    fn client_at(&self, info_hash: InfoHash, ip: IpAddr) -> Option<Option<(Endpoint, PeerId)>> {
        let Some(swarm) = self.model.swarms.get(&info_hash) else {
            return Some(None);
        };
        let of_address = || swarm.peers.iter().filter(|(endpoint, _)| endpoint.0 == ip);
        let Some(last) = of_address().map(|(_, peer)| peer.last_announce).max() else {
            return Some(None);
        };
        let mut latest = of_address().filter(|(_, peer)| peer.last_announce == last);
        let first = latest.next().map(|(endpoint, peer)| (*endpoint, peer.id));
        latest.next().is_none().then_some(first)
    }

    fn check_report(&self, question: &Question, report: &PeerReport) {
        let peer: &Peer = &self.model.swarms[&question.info_hash].peers[&endpoint(report)];
        assert_eq!(report.origin, Origin::Announced);
        assert_eq!(report.seeder, peer.seeder);
        assert_eq!(report.age, self.model.now - peer.last_announce);
        let priority = report.group.priority.unwrap_or(u32::MAX);
        assert_eq!(priority, self.model.networks.priority(&peer.group));
    }

    /// The priorities of the peers of a reply.
    pub fn priorities(&self, info_hash: InfoHash, reply: &AnnounceReply) -> Vec<u32> {
        let ipv4 = endpoints(&reply.peers.compact, 4);
        let ipv6 = endpoints(&reply.peers6.compact, 16);
        let priority = |endpoint: Endpoint| {
            let peer = &self.model.swarms[&info_hash].peers[&endpoint];
            self.model.networks.priority(&peer.group)
        };
        ipv4.into_iter().chain(ipv6).map(priority).collect()
    }
}

fn endpoint(report: &PeerReport) -> Endpoint {
    (report.address.ip(), report.address.port())
}
