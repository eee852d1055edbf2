//! Fetches by way of the pool of workers.

use crate::server::{Server, hang};
use crate::{GRACE, TIMEOUT, policy, prepared};
use btrt::channel;
use btrt::job::{FetchId, Job, Outcome};
use btrt::worker;
use mio::{Events, Poll, Token, Waker};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

#[test]
fn each_fetch_has_its_outcome() {
    let mut poll = Poll::new().unwrap();
    let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
    let (office, desk) = channel::new(16, waker);
    worker::start(4, &desk).unwrap();
    drop(desk);
    let good = Server::answering("d8:completei7ee");
    let silent = Server::start(|stream, _| hang(stream));
    for (id, url) in [
        (1, good.url("/")),
        (2, silent.url("/")),
        (3, "http://10.0.0.1/".into()),
    ] {
        let mut fetch = prepared(url, policy());
        fetch.id = FetchId(id);
        office.hand_out(Job::Fetch(fetch)).unwrap();
    }

    let started = Instant::now();
    let mut outcomes = HashMap::new();
    while outcomes.len() < 3 {
        let left = (TIMEOUT + GRACE).checked_sub(started.elapsed());
        poll.poll(
            &mut Events::with_capacity(8),
            Some(left.expect("outcomes in time")),
        )
        .unwrap();
        while let Some(outcome) = office.next_outcome() {
            let Outcome::Fetched {
                id,
                result,
                took_ms,
            } = outcome
            else {
                panic!("not the outcome of a fetch");
            };
            outcomes.insert(id.0, (result, took_ms));
        }
    }
    assert_eq!(outcomes[&1].0.as_ref().unwrap().seeders, Some(7));
    assert_eq!(outcomes[&2].0.as_ref().unwrap_err().name(), "timeout");
    assert!(outcomes[&2].1 >= TIMEOUT.as_millis() as u64);
    assert_eq!(outcomes[&3].0.as_ref().unwrap_err().name(), "refused");
}
