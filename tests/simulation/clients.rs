//! What clients ask, and what neighbors ask us.

use crate::hearsay::Source;
use crate::workers::TRACKERS;
use crate::world::{Asked, Told, Waiting, World};
use btrt::bittorrent::{
    Announce, Event, Forwarded, InfoHash, PeerId, Target, UpstreamRequest, Wants,
};
use btrt::job::Ticket;
use std::net::IpAddr;

/// In most of the networks of the groups and in none, and some that others tell of as well.
const ADDRESSES: [&str; 14] = [
    "10.0.0.1",
    "10.1.0.1",
    "10.1.1.1",
    "100.64.0.1",
    "127.1.0.1",
    "127.1.0.200",
    "192.168.0.1",
    "198.51.100.7",
    "203.0.113.1",
    "2001:db8::1",
    "fd00::1",
    "8.0.0.1",
    "9.0.0.2",
    "9.1.0.4",
];
/// Nobody who announces to a private tracker is known for anything else.
const PRIVATE_ADDRESSES: [&str; 2] = ["10.9.0.1", "203.0.113.99"];
/// In the network that all neighbors ask from.
pub const NEIGHBOR: &str = "192.0.2.1";
const PORTS: [u16; 4] = [25, 6881, 6882, 6883];
/// Waits for no worker longer than that, in milliseconds.
const SCRAPE_PATIENCE: u64 = 60_000;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

impl World {
    fn info_hash(&mut self) -> InfoHash {
        let byte = self.random.u8(0..4);
        InfoHash(
            [if byte == 3 {
                self.random.u8(0..40)
            } else {
                byte
            }; 20],
        )
    }

    pub fn announcement(&mut self) -> Announce {
        let random = &mut self.random;
        let event = match random.u8(0..9) {
            0..4 => Event::None,
            4..6 => Event::Started,
            6..8 => Event::Completed,
            _ => Event::Stopped,
        };
        let numwant = match random.u8(0..4) {
            0 => None,
            1 => Some(u32::MAX),
            _ => Some(random.u32(0..12)),
        };
        let port = (random.u8(0..10) > 0).then(|| PORTS[random.usize(..PORTS.len())]);
        Announce {
            peer_id: PeerId([random.u8(0..10); 20]),
            port,
            seeder: random.u8(0..3) == 0,
            event,
            numwant,
            compact: random.bool(),
            no_peer_id: random.bool(),
            info_hash: self.info_hash(),
        }
    }

    pub fn announce(&mut self) {
        let announce = self.announcement();
        let from = ip(ADDRESSES[self.random.usize(..ADDRESSES.len())]);
        self.announce_from(announce, from);
    }

    pub fn announce_from(&mut self, announce: Announce, from: IpAddr) {
        self.tell(|| format!("{from} announces {announce:?}"));
        let before = self.tracker.swarms().totals().peers();
        let reply = self
            .tracker
            .handle_announce(&announce, from, self.now)
            .clone();
        self.expect_bounded(before);
        self.note_announced(&announce, from);
        let asked = Asked::Announce(announce, None);
        self.check_told(from, &asked, Told::Announce(reply), false);
    }

    /// A neighbor asks us, or so it seems from its address.
    pub fn neighbor_asks(&mut self) {
        let announce = self.announcement();
        self.tell(|| format!("a neighbor asks: {announce:?}"));
        let reply = self
            .tracker
            .handle_announce(&announce, ip(NEIGHBOR), self.now)
            .clone();
        let is_neighbor = !self.tracker.settings().neighbors.is_empty();
        let asked = if is_neighbor {
            Asked::Neighbor(announce)
        } else {
            self.note_announced(&announce, ip(NEIGHBOR));
            Asked::Announce(announce, None)
        };
        self.check_told(ip(NEIGHBOR), &asked, Told::Announce(reply), false);
    }

    pub fn scrape(&mut self) {
        if self.random.bool() {
            let count = self.random.usize(0..4);
            let hashes: Vec<_> = (0..count).map(|_| self.info_hash()).collect();
            let counts = self.tracker.handle_scrape(hashes.clone());
            let asked = Asked::Scrape(hashes);
            return self.check_told(ip(ADDRESSES[0]), &asked, Told::Scrape(counts), false);
        }
        let ticket = self.next_ticket();
        let wants_list = self.random.bool();
        self.tell(|| format!("{ticket:?} wants everything"));
        let is_promised = if wants_list {
            self.tracker.handle_hash_list(ticket, self.now);
            true
        } else {
            self.tracker.handle_full_scrape(ticket, self.now)
        };
        assert!(is_promised || !self.tracker.settings().full_scrape);
        if is_promised {
            let until = self.now.plus(SCRAPE_PATIENCE);
            self.wait(ticket, until, ip(ADDRESSES[0]), Asked::Everything);
        }
    }

    /// A client of an external tracker announces or scrapes.
    pub fn forward(&mut self) {
        let tracker = self.random.usize(..TRACKERS.len());
        let account = self.random.usize(..2);
        let announce = self.announcement();
        let addresses = if tracker == 3 {
            &PRIVATE_ADDRESSES[..]
        } else {
            &ADDRESSES[..]
        };
        let from = ip(addresses[self.random.usize(..addresses.len())]);
        if self.random.u8(0..6) == 0 {
            let hashes = vec![announce.info_hash];
            let wants = Wants::Scrape(hashes.clone());
            self.forward_from(from, tracker, account, wants, Asked::Scrape(hashes));
        } else {
            self.forward_announce(from, tracker, account, announce);
        }
    }

    pub fn forward_announce(
        &mut self,
        from: IpAddr,
        tracker: usize,
        account: usize,
        announce: Announce,
    ) {
        let request = UpstreamRequest::Announce {
            info_hash: announce.info_hash,
            peer_id: announce.peer_id,
            downloaded: 0,
            left: 0,
            uploaded: 0,
            event: announce.event,
            ip: None,
            key: 0,
            numwant: announce.numwant,
            port: 0,
        };
        let wants = Wants::Announce {
            announce: announce.clone(),
            request,
            names_ip: false,
        };
        let is_private = tracker == 3;
        if !is_private {
            self.note_announced(&announce, from);
        }
        let source = Source::External(tracker, account);
        let asked = if is_private {
            Asked::Private(announce, source)
        } else {
            Asked::Announce(announce, Some(source))
        };
        self.forward_from(from, tracker, account, wants, asked);
    }

    fn forward_from(
        &mut self,
        from: IpAddr,
        tracker: usize,
        account: usize,
        wants: Wants,
        asked: Asked,
    ) {
        let url = format!("http://{}/account{account}/announce", TRACKERS[tracker]);
        let forwarded = Forwarded {
            target: Target::parse(url.as_bytes()).expect("a URL"),
            tracker: url.into_bytes().into(),
            user_agent: None,
            client_ip: None,
            wants,
        };
        let ticket = self.next_ticket();
        self.tell(|| format!("{from} forwards {tracker}/{account} {asked:?} as {ticket:?}"));
        let before = self.tracker.swarms().totals().peers();
        let answer = self
            .tracker
            .handle_forwarded(forwarded, from, ticket, self.now);
        let told = answer.map(Told::from);
        self.expect_bounded(before);
        match told {
            Some(told) => self.check_told(from, &asked, told, true),
            None => {
                let patience = u64::from(self.tracker.settings().forward.timeout) * 1000;
                self.wait(ticket, self.now.plus(patience), from, asked);
            }
        }
    }

    fn wait(&mut self, ticket: Ticket, until: btrt::time::Now, from: IpAddr, asked: Asked) {
        let waiting = Waiting { until, from, asked };
        self.waiting.insert(ticket, waiting);
    }
}
