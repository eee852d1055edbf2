//! Request heads exactly as real clients sent them, kept in `tests/captures`.

use crate::harness::{Client, Daemon, Reply, Settings};
use std::fs;
use std::path::Path;

/// The swarm that all of them were about.
const HASH: &[u8; 20] = b"\xfcx\xee~*Lpf\x17HDt\xd8\x98\x03\x82\xee\xc8\x06\xe7";

struct Capture {
    name: String,
    head: Vec<u8>,
}

impl Capture {
    fn asks_to_close(&self) -> bool {
        self.head
            .windows(17)
            .any(|bytes| bytes == b"Connection: close")
    }

    /// Insists on a proper answer and gives it in a form that can be compared.
    fn check(&self, client: &mut Client) -> String {
        let reply = Reply::from_answer(&client.answer());
        assert_eq!(reply.failure(), None, "{}", self.name);
        if self.name.contains("scrape") {
            assert!(reply.file(HASH).is_some(), "{}: {reply:?}", self.name);
        } else {
            assert!(
                reply.integer("min interval") <= reply.integer("interval"),
                "{}",
                self.name
            );
            assert!(
                reply.counts().iter().all(|&count| count >= 0),
                "{}: {reply:?}",
                self.name
            );
        }
        format!("{}: {:?}", self.name, reply.normalized())
    }
}

fn captures() -> Vec<Capture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let files = fs::read_dir(folder).expect("the captures are part of the source");
    let mut captures: Vec<_> = files
        .map(|file| file.expect("a readable folder").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "http")
        })
        .map(|path| Capture {
            name: path
                .file_stem()
                .expect("it has a name")
                .to_string_lossy()
                .into_owned(),
            head: fs::read(&path).expect("the captures are part of the source"),
        })
        .collect();
    captures.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(captures.len() > 30, "only {} captures", captures.len());
    captures
}

/// Connections for the captures: a new one after each that asks to close.
fn batches(captures: &[Capture]) -> impl Iterator<Item = &[Capture]> {
    captures.split_inclusive(Capture::asks_to_close)
}

fn answers_one_by_one(send: impl Fn(&mut Client, &[u8])) -> Vec<String> {
    let daemon = Daemon::start(&Settings::default());
    let serve = |batch: &[Capture]| {
        let mut client = daemon.connect();
        let answer = |capture: &Capture| {
            send(&mut client, &capture.head);
            capture.check(&mut client)
        };
        batch.iter().map(answer).collect::<Vec<_>>()
    };
    batches(&captures()).flat_map(serve).collect()
}

fn answers_pipelined() -> Vec<String> {
    let daemon = Daemon::start(&Settings::default());
    let serve = |batch: &[Capture]| {
        let mut client = daemon.connect();
        let heads: Vec<_> = batch
            .iter()
            .map(|capture| capture.head.as_slice())
            .collect();
        client.send(heads.concat());
        let answers = batch
            .iter()
            .map(|capture| capture.check(&mut client))
            .collect::<Vec<_>>();
        if batch.last().is_some_and(Capture::asks_to_close) {
            client.expect_closed();
        }
        answers
    };
    batches(&captures()).flat_map(serve).collect()
}

#[test]
fn real_clients_are_served_however_their_requests_are_cut() {
    let in_one_piece = answers_one_by_one(|client, head| client.send(head));
    let bytewise = answers_one_by_one(|client, head| client.send_bytewise(head));
    assert_eq!(in_one_piece, bytewise);
    assert_eq!(in_one_piece, answers_pipelined());
}
