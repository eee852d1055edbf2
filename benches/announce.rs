//! The way of a request, piece by piece and as a whole, without the socket.
//!
//! `cargo bench --bench announce`

use btrt::bittorrent::{Announce, Event, InfoHash, PeerId};
use btrt::protocol::http::head::{self, MAX_FIELDS};
use btrt::protocol::http::response::{self, PeerForm, Persistence, Status};
use btrt::protocol::http::{Head, Reading, Request, Service, Session, Verdict};
use btrt::swarm::{GroupDefinition, GroupNames, PeerGroups};
use btrt::time::Now;
use btrt::tracker::{Settings, Tracker};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr};

/// As qBittorrent 4.5.2 sends it.
const REQUEST: &[u8] = b"GET /announce?info_hash=%fcx%ee~*Lpf%17HDt%d8%98%03%82%ee%c8%06%e7\
    &peer_id=-qB4520-.1I7EWZpcDrd&port=24001&uploaded=0&downloaded=0&left=1048576&corrupt=0\
    &key=345412BB&event=started&numwant=50&compact=1&no_peer_id=1&supportcrypto=1&redundant=0 \
    HTTP/1.1\r\nHost: retracker.local\r\nUser-Agent: qBittorrent/4.5.2\r\n\
    Accept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n";
const SWARMS: [u32; 4] = [10, 100, 1_000, 100_000];
const ASKER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 1, 255, 1));

const READING: Reading<'static> = Reading {
    max_scrape: 100,
    local_names: None,
};

fn group(name: &str, priority: u32, networks: &[&str]) -> GroupDefinition {
    let networks = networks.iter().map(|text| text.parse().expect("a network"));
    GroupDefinition {
        name: name.to_owned(),
        priority,
        networks: networks.collect(),
        visible_to: None,
    }
}

/// With one swarm of peers in two groups and in none, and the announce that comes to it.
fn tracker(peers: u32) -> (Tracker, Announce) {
    let definitions = vec![
        group("home", 0, &["127.1.0.0/16"]),
        group("partner", 1, &["127.2.0.0/16"]),
    ];
    let groups = PeerGroups::new(definitions, &GroupNames::new());
    let mut tracker = Tracker::new(Settings::default(), groups, 1, Now::after_start(0));
    let mut announce = with_head(|head| match Request::read(&head, READING) {
        Request::Announce(announce) => announce,
        other => unreachable!("{other:?} is no announce"),
    });
    for number in 0..peers {
        let [_, _, high, low] = (number / 3).to_be_bytes();
        let ip = Ipv4Addr::new(127, 1 + (number % 3) as u8, high, low);
        let mut id = [0; 20];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let peer = Announce {
            peer_id: PeerId(id),
            numwant: Some(0),
            seeder: number.is_multiple_of(5),
            ..announce.clone()
        };
        tracker.handle_announce(&peer, ip.into(), Now::after_start(0));
    }
    announce.event = Event::None;
    (tracker, announce)
}

fn with_head<T>(look: impl FnOnce(Head<'_>) -> T) -> T {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let parsed = head::parse(black_box(REQUEST), &mut fields);
    let (head, _) = parsed.expect("it is HTTP").expect("it is complete");
    look(head)
}

fn reading(criterion: &mut Criterion) {
    criterion.bench_function("head", |bencher| {
        bencher.iter(|| with_head(|head| black_box(head).query.len()));
    });
    criterion.bench_function("head and request", |bencher| {
        bencher.iter(|| with_head(|head| Request::read(&head, READING)));
    });
}

fn deciding(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("announce in a swarm of");
    for peers in SWARMS {
        let (mut tracker, announce) = tracker(peers);
        let now = Now::after_start(1000);
        bench.bench_function(BenchmarkId::from_parameter(peers), |bencher| {
            bencher.iter(|| {
                let reply = tracker.handle_announce(black_box(&announce), ASKER, now);
                black_box(reply.peers.compact.len())
            });
        });
    }
}

fn writing(criterion: &mut Criterion) {
    let (mut tracker, announce) = tracker(100);
    let reply = tracker.handle_announce(&announce, ASKER, Now::after_start(1000));
    let mut body = Vec::new();
    let mut answer = Vec::new();
    for (name, form) in [
        ("compact reply", PeerForm::Compact),
        ("reply of dictionaries", PeerForm::Dictionaries),
    ] {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                body.clear();
                answer.clear();
                response::announce_body(&mut body, black_box(reply), form);
                response::write(&mut answer, Status::Ok, Persistence::Open, &body);
                black_box(answer.len())
            });
        });
    }
}

/// Serves announces as the loop does.
struct Counter {
    tracker: Tracker,
    body: Vec<u8>,
}

impl Service for Counter {
    fn serve(&mut self, head: &Head<'_>, last: Persistence, answers: &mut Vec<u8>) -> Verdict {
        if let Request::Announce(announce) = Request::read(head, READING) {
            let now = Now::after_start(1000);
            let reply = self.tracker.handle_announce(&announce, ASKER, now);
            self.body.clear();
            response::announce_body(&mut self.body, reply, PeerForm::Compact);
            response::write(answers, Status::Ok, last, &self.body);
        }
        Verdict::Answered
    }
}

fn everything(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("bytes to bytes in a swarm of");
    for peers in SWARMS {
        let mut counter = Counter {
            tracker: tracker(peers).0,
            body: Vec::new(),
        };
        let mut session = Session::default();
        let mut answers = Vec::new();
        bench.bench_function(BenchmarkId::from_parameter(peers), |bencher| {
            bencher.iter(|| {
                answers.clear();
                let _ = session.receive(black_box(REQUEST), &mut counter, &mut answers);
                black_box(answers.len())
            });
        });
        assert!(answers.starts_with(b"HTTP/1.1 200 OK"));
    }
}

fn scraping(criterion: &mut Criterion) {
    let (mut tracker, announce) = tracker(1_000);
    let hashes = [announce.info_hash, InfoHash([0; 20])];
    let mut body = Vec::new();
    criterion.bench_function("scrape of two", |bencher| {
        bencher.iter(|| {
            body.clear();
            let files = tracker.handle_scrape(black_box(hashes.to_vec()));
            response::scrape_body(&mut body, &files, 1800);
            black_box(body.len())
        });
    });
}

fn grouping(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("group of an address by prefixes");
    for prefixes in [10_000, 1_000_000] {
        let mut random = fastrand::Rng::with_seed(1);
        let mut definitions = [group("ours", 0, &[]), group("theirs", 1, &[])];
        for number in 0..prefixes {
            let ip = Ipv4Addr::from_bits(random.u32(..));
            let network = ipnet::Ipv4Net::new(ip, random.u8(16..=24)).expect("a length");
            definitions[number % 2]
                .networks
                .push(network.trunc().into());
        }
        for definition in &mut definitions {
            definition.networks.sort_unstable();
        }
        let groups = PeerGroups::new(definitions.into(), &GroupNames::new());
        bench.bench_function(BenchmarkId::from_parameter(prefixes), |bencher| {
            bencher.iter(|| groups.find(Ipv4Addr::from_bits(random.u32(..)).into()));
        });
    }
}

criterion_group!(
    benches, reading, deciding, writing, everything, scraping, grouping
);
criterion_main!(benches);
