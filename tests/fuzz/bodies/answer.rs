//! From raw bytes to written answers: the input is what one connection receives, and goes through
//! session, request, tracker and response. Each answer is HTTP with a body of the length that it
//! says, bencode whose keys are sorted, and holds no more, and to nobody else, than it may.
//!
//! The first byte says who speaks (a client of the first group, of the second, of no group, or the
//! DPI platform), the second how other trackers fare.

use super::bencode::Value;
use super::target;
use btrt::bittorrent::{Announce, Event, InfoHash, PeerId, UpstreamReply};
use btrt::job::{FetchError, Job, Outcome, Ticket};
use btrt::protocol::http::{Session, Status, announced_in, response};
use btrt::protocol::upstream::read_reply;
use btrt::reactor::{self, Front, write_answer};
use btrt::swarm::{GroupDefinition, PeerGroups};
use btrt::time::Now;
use btrt::tracker::{Settings, Tracker};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::LazyLock;

const MAX_SCRAPE: usize = 3;
const MAX_NUMWANT: usize = 7;
const REFUSED_PORT: u16 = 25;
const TICKET: Ticket = Ticket(1);

static REACTOR: LazyLock<reactor::Settings> = LazyLock::new(|| reactor::Settings {
    max_connections: 10,
    request_timeout: 10,
    idle_timeout: 10,
    trusted_proxies: vec!["127.0.0.3/32".parse().expect("a network")],
    client_address_headers: vec!["X-Forwarded-For".to_owned()],
    allow_from: vec!["127.0.0.3/32".parse().expect("a network")],
    local_names: Some(vec!["retracker.local".to_owned()]),
    via: "btrt-of-the-fuzzer".to_owned(),
    database: "none",
});

pub fn run(input: &[u8]) {
    let [who, others, received @ ..] = input else {
        return;
    };
    let mut connection = Connection::new(IpAddr::from([127, 0, 0, who % 4]));
    let pieces = received.chunks(usize::from(who >> 2).max(1) * 16);
    let mut status = Status::Idle;
    for piece in pieces {
        connection.foresee(piece);
        status = connection.serve(|session, front, answers| session.receive(piece, front, answers));
        status = connection.catch_up(status, *others);
    }
    status = connection.session.end_of_input(status);
    connection.catch_up(status, *others);
    let peers = connection.tracker.swarms().totals().peers();
    assert!(peers <= connection.tracker.settings().rules.max_peers);
    let mut rest = &connection.answers[..];
    while !rest.is_empty() {
        rest = check_answer(rest);
    }
}

struct Connection {
    session: Session,
    tracker: Tracker,
    remote: IpAddr,
    now: Now,
    body: Vec<u8>,
    answers: Vec<u8>,
}

impl Connection {
    fn new(remote: IpAddr) -> Connection {
        let now = Now::after_start(0);
        let mut settings = Settings {
            max_numwant: MAX_NUMWANT as u32,
            max_scrape: MAX_SCRAPE,
            full_scrape: true,
            ..Settings::default()
        };
        settings.rules.refused_ports = vec![REFUSED_PORT];
        settings.rules.max_peers = 60;
        let group = |name: &str, priority, network: &str, visible_to| GroupDefinition {
            name: name.to_owned(),
            priority,
            networks: vec![network.parse().expect("a network")],
            visible_to,
        };
        let groups = vec![
            group("first", 0, "127.0.0.0/32", None),
            group("second", 1, "127.0.0.1/32", Some(vec!["first".to_owned()])),
        ];
        let groups = PeerGroups::new(groups, &Default::default());
        let mut tracker = Tracker::new(settings, groups, 1, now);
        for port in 1..30 {
            let announce = Announce {
                info_hash: InfoHash([b'a'; 20]),
                peer_id: PeerId([port as u8; 20]),
                port: Some(port),
                seeder: port % 2 == 0,
                event: Event::Started,
                numwant: Some(0),
                compact: true,
                no_peer_id: false,
            };
            let ip = match port % 5 {
                4 => "2001:db8::1".parse().expect("an address"),
                n => IpAddr::from([127, 0, 0, n as u8]),
            };
            tracker.handle_announce(&announce, ip, now);
        }
        Connection {
            session: Session::default(),
            tracker,
            remote,
            now,
            body: Vec::new(),
            answers: Vec::new(),
        }
    }

    fn foresee(&self, received: &[u8]) {
        let hashes = announced_in(received);
        let coming: Vec<_> = hashes.map(|hash| (hash, self.remote)).collect();
        self.tracker.foresee(&coming);
    }

    fn serve(
        &mut self,
        act: impl FnOnce(&mut Session, &mut Front<'_>, &mut Vec<u8>) -> Status,
    ) -> Status {
        let mut front = Front {
            tracker: &mut self.tracker,
            settings: &REACTOR,
            remote: self.remote,
            ticket: TICKET,
            now: self.now,
            closing: false,
            body: &mut self.body,
        };
        act(&mut self.session, &mut front, &mut self.answers)
    }

    /// Does what was promised, until the session waits for input.
    fn catch_up(&mut self, mut status: Status, others: u8) -> Status {
        loop {
            match (status, self.session.parked()) {
                (Status::Busy, _) => {}
                (Status::Parked, Some(persistence)) => {
                    self.work(others);
                    let interval = self.tracker.settings().interval;
                    let (ticket, answer) = self
                        .tracker
                        .next_answer(self.now)
                        .expect("whoever waits gets an answer in time");
                    assert_eq!(ticket, TICKET);
                    self.body.clear();
                    write_answer(&mut self.body, answer, interval);
                    let code = response::Status::Ok;
                    response::write(&mut self.answers, code, persistence, &self.body);
                }
                _ => return status,
            }
            status = self.serve(|session, front, answers| session.resume(front, answers));
        }
    }

    /// What the workers would do, and how long they would take.
    fn work(&mut self, others: u8) {
        self.tracker.handle_timeout(self.now);
        while let Some(job) = self.tracker.next_job(self.now) {
            let outcome = match job {
                Job::WriteFullScrape {
                    mut files,
                    min_request_interval,
                } => {
                    files.sort_unstable_by_key(|(info_hash, _)| *info_hash);
                    files.dedup_by_key(|(info_hash, _)| *info_hash);
                    let mut body = Vec::new();
                    response::scrape_body(&mut body, &files, min_request_interval);
                    Outcome::FullScrape(Some(body.into()))
                }
                Job::WriteHashList { .. } => panic!("the list is for operators"),
                Job::Fetch(fetch) => {
                    target::check(&fetch.target);
                    Outcome::Fetched {
                        id: fetch.id,
                        result: fetched(others),
                        took_ms: 1,
                    }
                }
            };
            self.tracker.handle_outcome(outcome, self.now);
        }
        let patience = u64::from(self.tracker.settings().forward.timeout) * 1000;
        self.now = self.now.plus(patience);
    }
}

fn fetched(others: u8) -> Result<UpstreamReply, FetchError> {
    let answers = [
        &b"d8:completei9e8:intervali0e12:min intervali900e5:peers12:\x08\x08\x08\x08\x1a\xe1\x08\x08\x04\x04\x00\x19e"[..],
        b"d14:failure reason4:no\r\n15:warning message2:hie",
        b"d15:warning message3:a\xffbe",
        b"d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei77eeee",
    ];
    match answers.get(usize::from(others) % 5) {
        Some(answer) => Ok(read_reply(answer, |_| false).expect("an answer")),
        None => Err(FetchError::Timeout),
    }
}

/// Checks one answer and returns what follows it.
fn check_answer(answers: &[u8]) -> &[u8] {
    let end = answers.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, rest) = answers.split_at(end.expect("a head ends") + 4);
    let head = std::str::from_utf8(head).expect("a head is ASCII");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
    let status: u16 = status
        .and_then(|s| s.get(..3)?.parse().ok())
        .expect("a status");
    let mut length = lines.filter_map(|line| line.strip_prefix("Content-Length: "));
    let Some(length) = length.next() else {
        assert_eq!(status, 200, "only an answer to HEAD has no length");
        return rest;
    };
    let (body, rest) = rest.split_at(length.parse().expect("a length"));
    if status == 200 {
        check_body(&Value::decode(body));
    } else {
        assert!(body.is_ascii());
    }
    rest
}

fn check_body(body: &Value) {
    let Value::Dictionary(entries) = body else {
        panic!("a tracker answers with a dictionary");
    };
    if let Some(reason) = body.get(b"failure reason") {
        assert!(!reason.bytes().is_empty());
        assert_eq!(entries.len(), 1, "there is nothing beside a failure reason");
    } else if let Some(files) = body.get(b"files") {
        let Value::Dictionary(files) = files else {
            panic!("files are a dictionary");
        };
        assert!(files.keys().all(|hash| hash.len() == 20));
        let flags = body.get(b"flags").expect("BEP 48");
        assert!(flags.get(b"min_request_interval").is_some());
        for file in files.values() {
            for key in [&b"complete"[..], b"incomplete", b"downloaded"] {
                assert!(file.get(key).expect("a count").integer() >= 0);
            }
        }
    } else {
        let number = |key: &[u8]| body.get(key).expect("always there").integer();
        for key in [&b"complete"[..], b"incomplete", b"downloaded"] {
            assert!(number(key) >= 0);
        }
        assert!((0..=number(b"interval")).contains(&number(b"min interval")));
        let own = body.get(b"external ip").expect("always there").bytes();
        assert!([4, 16].contains(&own.len()));
        check_peers(body.get(b"peers").expect("always there"), 4);
        if let Some(peers6) = body.get(b"peers6") {
            assert_ne!(check_peers(peers6, 16), 0);
        }
    }
}

/// Checks a list of peers whose addresses have `length` bytes, and counts them.
fn check_peers(peers: &Value, length: usize) -> usize {
    let endpoints: Vec<(Vec<u8>, u16)> = match peers {
        Value::Bytes(compact) => {
            assert!(compact.len().is_multiple_of(length + 2));
            let peers = compact.chunks(length + 2).map(|peer| {
                let (ip, port) = peer.split_at(length);
                let port = u16::from_be_bytes(port.try_into().expect("two bytes"));
                (ip.to_vec(), port)
            });
            peers.collect()
        }
        list => {
            let peers = list.list().iter().map(|peer| {
                let ip = peer.get(b"ip").expect("an address").bytes();
                let text = std::str::from_utf8(ip).expect("an address is text");
                let parsed: IpAddr = text.parse().expect("an address");
                assert_eq!(parsed.is_ipv4(), length == 4);
                let id = peer.get(b"peer id");
                assert!(id.is_none_or(|id| id.bytes().len() == 20));
                let port = peer.get(b"port").expect("a port").integer();
                (ip.to_vec(), u16::try_from(port).expect("a port"))
            });
            peers.collect()
        }
    };
    assert!(endpoints.len() <= MAX_NUMWANT);
    assert!(
        !endpoints
            .iter()
            .any(|(_, port)| [0, REFUSED_PORT].contains(port))
    );
    let different: BTreeSet<_> = endpoints.iter().collect();
    assert_eq!(
        different.len(),
        endpoints.len(),
        "a peer is in the list twice"
    );
    endpoints.len()
}
